{#- Audiences as code: dbt exposures with `audience` in their meta. Owner, label and description are dbt's own.
    docs/decisions/0091-audiences-are-exposures.md -#}

{% macro exposure_definitions(kind, defaults) %}
    {#- {name: …} of the exposures with `kind` in their meta, in the order of names: what dbt knows of an exposure, over what
        its meta says, over `defaults`. YAML reads some keys as numbers or as true: they are texts here. Empty while dbt
        parses. -#}
    {%- set found = {} -%}
    {%- for exposure in (graph.exposures or {}).values() | sort(attribute='name') if kind in exposure.config.meta -%}
        {%- set meta = exposure.config.meta[kind] -%}
        {%- set said = {} -%}
        {%- for key, value in (meta if meta is mapping else {}).items() -%}{%- do said.update({key | string: value}) -%}{%- endfor -%}
        {%- do found.update({exposure.name: dict(
            defaults,
            **dict(said,
                name=exposure.name, file=exposure.original_file_path, label=exposure.label or exposure.name,
                description=exposure.description, owner=exposure.owner.name or exposure.owner.email or '')
        )}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro audience_definitions() %}
    {#- {name: {file, label, label_fr, description, owner, purpose, expires, minimum, max_leaving_share, destinations, consent, where}} in
        the order of names. Empty while dbt parses. -#}
    {{ return(clientele.exposure_definitions('audience', {
        'minimum': clientele.setting('min_cell_users'), 'max_leaving_share': clientele.setting('max_leaving_share')
    })) }}
{% endmacro %}


{% macro consent_condition(audience, consents, books) %}
    {#- A condition on a row of core.audience_facts: the customer consents to the audience's purpose. Always true where none is asked
        for, and where no consents were ever delivered. `consents`, `books`: core.consents_in_force and monitor.side_books. -#}
    {%- if not audience.consent -%}{{ return('true') }}{%- endif -%}
    {{ return(
        '(user_sk in (select user_sk from ' ~ consents ~ " where purpose = '" ~ audience.consent ~ "') or (select count(*) from " ~ books
        ~ " where side_input = 'consents') = 0)"
    ) }}
{% endmacro %}


{% macro destination_names() %}
    {#- `folder`, which is always there, and the exposures with `destination` in their meta. -#}
    {%- set names = ['folder'] -%}
    {%- for exposure in (graph.exposures or {}).values() | sort(attribute='name') if 'destination' in exposure.config.meta -%}
        {%- do names.append(exposure.name) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}


{% macro compiled_audiences() %}
    {#- [{name, …, sql, uses_personas, personas}] of audiences without a problem, in the order of names. -#}
    {%- set definitions = clientele.audience_definitions() -%}
    {%- set fields = clientele.audience_fields() -%}
    {%- set found = [] -%}
    {%- for name, definition in definitions.items() -%}
        {%- set compiled = clientele.audience_sql(name, definitions, fields) -%}
        {%- if not compiled.problems -%}{%- do found.append(dict(definition, **compiled)) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro audience_problems() %}
    {#- All that is wrong with audiences and destinations: [{file, audience, place, problem}]. -#}
    {%- set definitions = clientele.audience_definitions() -%}
    {%- set fields = clientele.audience_fields() -%}
    {%- set destinations = clientele.destination_names() -%}
    {%- set problems = clientele.nameless_problems('audience') -%}
    {%- for name, definition in definitions.items() -%}
        {%- set seen = {'name': name, 'file': definition.file, 'problems': problems} -%}
        {%- set known = ['label_fr', 'purpose', 'consent', 'expires', 'minimum', 'max_leaving_share', 'destinations', 'where'] -%}
        {%- for key in definition if key not in known + ['name', 'file', 'label', 'description', 'owner'] -%}
            {%- do clientele.audience_problem(seen, key, "there is no '" ~ key ~ "'. Known: " ~ known | join(', ')) -%}
        {%- endfor -%}
        {%- if not modules.re.fullmatch('[a-z][a-z0-9_]{0,62}', name) -%}
            {%- do clientele.audience_problem(seen, 'name', 'a name has small letters, digits and _, 63 at most') -%}
        {%- endif -%}
        {%- for key in ['label_fr', 'purpose', 'description', 'owner'] -%}
            {%- set problem = clientele.text_problem(key, definition.get(key), 512 if key != 'description' else 4096) -%}
            {%- if problem -%}{%- do clientele.audience_problem(seen, key, problem) -%}{%- endif -%}
        {%- endfor -%}
        {%- if not clientele.is_day(definition.get('expires')) -%}
            {%- do clientele.audience_problem(seen, 'expires', 'expires is the last day on which the audience is used, like 2027-12-31') -%}
        {%- endif -%}
        {%- if definition.minimum is not integer or definition.minimum is boolean or not clientele.setting('min_cell_users') <= definition.minimum <= 1000000000 -%}
            {%- do clientele.audience_problem(seen, 'minimum', 'minimum is a number of customers, at least min_cell_users: ' ~ clientele.setting('min_cell_users') ~ ', at most 1000000000') -%}
        {%- endif -%}
        {%- if definition.max_leaving_share is not number or definition.max_leaving_share is boolean or not 0 <= definition.max_leaving_share <= 1 -%}
            {%- do clientele.audience_problem(seen, 'max_leaving_share', 'max_leaving_share is a number from 0 to 1') -%}
        {%- endif -%}
        {%- if 'consent' in definition and not modules.re.fullmatch('[a-z][a-z0-9_ -]{0,62}', definition.consent | string) -%}
            {%- do clientele.audience_problem(seen, 'consent', 'consent is the purpose that customers consent to, in small letters, like newsletter') -%}
        {%- endif -%}
        {%- set asked = definition.get('destinations', destinations) -%}
        {%- if asked is string or asked is mapping or asked is not sequence or asked | reject('in', destinations) | list -%}
            {%- do clientele.audience_problem(seen, 'destinations', 'destinations is a list of ' ~ destinations | join(', ')) -%}
        {%- endif -%}
        {%- do problems.extend(clientele.audience_sql(name, definitions, fields).problems) -%}
    {%- endfor -%}
    {{ return(problems) }}
{% endmacro %}


{% macro quotes_hint(value) %}
    {#- What to add where a text is wanted: YAML reads No, 2020-01-01 and 12 as something else. -#}
    {%- set is_text = value is none or value is string or value is mapping or (value is sequence and value is not string) -%}
    {{ return('' if is_text or value is undefined else '. YAML reads it as ' ~ value ~ ': put it between quotes') }}
{% endmacro %}


{% macro text_problem(key, value, most) %}
    {#- What is wrong with a text that has to be there; empty when nothing is. -#}
    {%- if value is string and 0 < value | trim | length <= most -%}{{ return('') }}{%- endif -%}
    {%- set is_missing = value is none or value is undefined or (value is string and not value | trim) -%}
    {{ return(key ~ (' is missing: ' if is_missing else ' is ') ~ 'a text of at most ' ~ most ~ ' letters' ~ clientele.quotes_hint(value)) }}
{% endmacro %}


{% macro nameless_problems(kind) %}
    {#- [{file, <kind>, place, problem}] of exposures in the folder of a kind that say nothing which is known (a key that is spelt wrong, or
        stands beside meta, would pass unseen), and of destinations whose names exports could not use. -#}
    {%- set problems, known = [], ['audience', 'destination', 'experiment'] -%}
    {%- for exposure in (graph.exposures or {}).values() | sort(attribute='name') if exposure.original_file_path.startswith(kind ~ 's/') -%}
        {%- if not known | select('in', exposure.config.meta) | list -%}
            {%- do problems.append({'file': exposure.original_file_path, kind: exposure.name, 'place': 'config',
                'problem': 'config > meta has one of ' ~ known | join(', ') ~ ', here is ' ~ (exposure.config.meta.keys() | join(' and ') or 'none')}) -%}
        {%- endif -%}
        {%- if 'destination' in exposure.config.meta and (
            exposure.name in ['folder', 'ids'] or not modules.re.fullmatch('[a-z][a-z0-9_]{0,62}', exposure.name)
        ) -%}
            {%- do problems.append({'file': exposure.original_file_path, kind: exposure.name, 'place': 'name',
                'problem': 'the name of a destination has small letters, digits and _, 63 at most; folder and ids are taken'}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{% endmacro %}


{% macro refuse_problems(kind, problems, headline) %}
    {#- Ends the build, before it reads anything, when definitions are not what they should be. `problems`: [{file, <kind>,
        place, problem}]. -#}
    {%- set sentences = [] -%}
    {%- for found in problems -%}
        {%- do sentences.append(found.file ~ ', ' ~ found[kind] ~ ', ' ~ found.place ~ ': ' ~ found.problem) -%}
    {%- endfor -%}
    {%- if sentences -%}
        {{ clientele.refuse(
            headline ~ '\n- ' ~ sentences | join('\n- ')
            ~ '\nNothing was read or changed. `clientele ' ~ kind ~ 's check` gives the lines, docs/campaigns.md the grammar.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro tell_problems(kind, problems, definitions) %}
    {#- For clientele audiences check and experiments check: each problem as a line of JSON, then the names. -#}
    {%- for found in problems -%}{{ print(tojson(found)) }}{%- endfor -%}
    {{ print(tojson({kind ~ 's': definitions.keys() | list})) }}
{% endmacro %}


{% macro check_audiences() %}
    {#- on-run-start: refuses audiences that are not what they should be. -#}
    {%- if execute -%}
        {{ clientele.refuse_problems('audience', clientele.audience_problems(), 'Not every audience can be made into SQL:') }}
    {%- endif -%}
{% endmacro %}


{% macro tell_audience_problems() %}
    {#- dbt run-operation, for clientele audiences check. -#}
    {%- if execute -%}
        {{ clientele.tell_problems('audience', clientele.audience_problems(), clientele.audience_definitions()) }}
    {%- endif -%}
{% endmacro %}
