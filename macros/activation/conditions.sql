{#- Conditions of audiences: a tree of all, any and not over fields and other audiences becomes one SQL condition on a row of
    core.audience_facts. Each part is true or false, never unknown, so `not` is what it says. -#}

{% macro audience_sql(name, definitions, fields) %}
    {#- {sql, problems, uses_personas, personas} of an audience; `problems`: [{file, audience, place, problem}]. What it says
        of another audience is that one's conditions, so it uses what they use. -#}
    {%- set seen = {
        'name': name, 'file': definitions[name].file, 'path': [name], 'problems': [], 'uses_personas': false, 'personas': [],
        'fields': fields, 'definitions': definitions, 'read': [],
    } -%}
    {%- set sql = clientele.audience_condition(definitions[name]['where'], 'where', seen) -%}
    {{ return({
        'sql': sql, 'problems': seen.problems, 'uses_personas': seen.uses_personas, 'personas': seen.personas | unique | sort | list,
    }) }}
{% endmacro %}


{% macro audience_condition(node, place, seen) %}
    {#- SQL of one node of the tree. `read` has an entry for each node so far: audiences that name others twice grow without end. -#}
    {%- do seen.read.append(place) -%}
    {%- if seen.read | length > 2000 -%}
        {{ return(clientele.audience_problem(seen, place,
            'too many conditions, those of the audiences that it names among them: 2000 at most') if seen.read | length == 2001 else 'false') }}
    {%- endif -%}
    {%- if node is not mapping -%}
        {{ return(clientele.audience_problem(seen, place, "a condition is {all: …}, {any: …}, {not: …}, {audience: …} or {field: …}, here is '" ~ node ~ "'")) }}
    {%- endif -%}
    {%- if place.split(' > ') | length > 40 -%}
        {{ return(clientele.audience_problem(seen, place, 'conditions are nested too deep: make a part of them an audience')) }}
    {%- endif -%}
    {%- set kinds = ['all', 'any', 'not', 'audience', 'field'] | select('in', node) | list -%}
    {%- if kinds | length != 1 or (kinds[0] != 'field' and node | length > 1) -%}
        {{ return(clientele.audience_problem(seen, place,
            'a condition has one of all, any, not, audience and field, here is ' ~ (node.keys() | join(' and ') or 'none') ~ ': make a list of them under all or any')) }}
    {%- endif -%}
    {%- set kind = kinds[0] -%}
    {%- if kind == 'field' -%}{{ return(clientele.field_condition(node, place, seen)) }}{%- endif -%}
    {%- if kind == 'not' -%}
        {{ return('(not ' ~ clientele.audience_condition(node['not'], place ~ ' > not', seen) ~ ')') }}
    {%- endif -%}
    {%- if kind == 'audience' -%}{{ return(clientele._audience_reference(node['audience'], place, seen)) }}{%- endif -%}
    {%- set children = node[kind] -%}
    {%- if children is mapping or children is string or children is not sequence or not children -%}
        {{ return(clientele.audience_problem(seen, place ~ ' > ' ~ kind, kind ~ ' takes a list of conditions, at least one')) }}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- for child in children -%}
        {%- do parts.append(clientele.audience_condition(child, place ~ ' > ' ~ kind ~ ' > ' ~ loop.index, seen)) -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' and ' if kind == 'all' else ' or ') ~ ')') }}
{% endmacro %}


{% macro _audience_reference(name, place, seen) %}
    {%- if name is not string or name not in seen.definitions -%}
        {{ return(clientele.audience_problem(seen, place ~ ' > audience',
            "there is no audience '" ~ name ~ "'. Known: " ~ seen.definitions | sort | join(', '))) }}
    {%- endif -%}
    {%- if name in seen.path -%}
        {{ return(clientele.audience_problem(seen, place ~ ' > audience',
            'the audience refers to itself: ' ~ (seen.path + [name]) | join(' > '))) }}
    {%- endif -%}
    {%- set inner = dict(seen, path=seen.path + [name], problems=[]) -%}
    {%- set sql = clientele.audience_condition(seen.definitions[name]['where'], 'where', inner) -%}
    {%- do seen.update({'uses_personas': inner.uses_personas}) -%}
    {#- what is wrong there is said of that audience; a circle is said of each in it, and what is too much together here -#}
    {%- for problem in inner.problems if 'refers to itself' in problem.problem or 'too many' in problem.problem -%}
        {%- do seen.problems.append(dict(problem, place=place ~ ' > audience')) -%}
    {%- endfor -%}
    {{ return(sql) }}
{% endmacro %}


{% macro audience_problem(seen, place, problem) %}
    {#- Notes what is wrong and where; what comes of it is never run. -#}
    {%- do seen.problems.append({'file': seen.file, 'audience': seen.name, 'place': place, 'problem': problem}) -%}
    {{ return('false') }}
{% endmacro %}
