{#- What conditions of audiences may use: fields, their types and values, and the operators of each type. -#}

{% macro audience_fields(on_trial=false) %}
    {#- {name: {type, values, is_about_personas}}: the columns of core.audience_facts that say `field: true`; `on_trial`: and those that
        say `field: trial`, which arms of experiments may use. `values` is none where any value goes. Empty while dbt parses. -#}
    {%- set lists = dict(clientele.audience_word_lists(), lifecycle_states=clientele.lifecycle_states().keys() | list) -%}
    {%- set fields = {} -%}
    {%- for node in graph.nodes.values() if node.name == 'audience_facts' and node.package_name == 'clientele' -%}
        {%- for name, column in node.columns.items() if clientele._tags(column).get('field') in ([true, 'trial'] if on_trial else [true]) -%}
            {%- set tags = clientele._tags(column) -%}
            {%- do fields.update({name: {
                'type': clientele._field_type(column.data_type),
                'values': lists[tags['values_from']] if tags.get('values_from') else tags.get('values'),
                'is_about_personas': tags.get('about_personas', false),
            }}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(fields) }}
{% endmacro %}


{% macro audience_word_lists() %}
    {#- The words of customer_facts, by column. -#}
    {%- set lists = {} -%}
    {%- for column, bands in clientele.customer_fact_words().items() -%}
        {%- do lists.update({column: bands | map('last') | list}) -%}
    {%- endfor -%}
    {{ return(lists) }}
{% endmacro %}


{% macro _field_type(data_type) %}
    {%- if data_type.startswith('varchar') -%}{{ return('text') }}{%- endif -%}
    {%- if data_type in ['date', 'boolean'] -%}{{ return(data_type) }}{%- endif -%}
    {{ return('number') }}
{% endmacro %}


{% macro audience_operators() %}
    {#- {type: {operator: what it takes}}. -#}
    {{ return({
        'text': {'is': 'a text', 'is_not': 'a text', 'in': 'a list of texts', 'is_empty': 'true or false'},
        'number': {
            'is': 'a number', 'is_not': 'a number', 'in': 'a list of numbers', 'at_least': 'a number', 'at_most': 'a number',
            'more_than': 'a number', 'less_than': 'a number', 'is_empty': 'true or false',
        },
        'date': {'more_than_days_ago': 'a number of days', 'at_most_days_ago': 'a number of days', 'is_empty': 'true or false'},
        'boolean': {'is': 'true or false'},
    }) }}
{% endmacro %}


{% macro field_condition(node, place, seen) %}
    {#- SQL of {field: …, <operator>: …}: true or false, never unknown: an empty field is in no list, above and below no
        number, and `is_not` anything. -#}
    {%- set fields = seen.fields -%}
    {%- if node['field'] is not string or node['field'] not in fields -%}
        {{ return(clientele.audience_problem(seen, place ~ ' > field',
            "there is no field '" ~ node['field'] ~ "'. Known: " ~ fields.keys() | join(', '))) }}
    {%- endif -%}
    {%- set name, field = node['field'], fields[node['field']] -%}
    {%- set operators = clientele.audience_operators()[field.type] -%}
    {%- set given = node.keys() | reject('equalto', 'field') | list -%}
    {%- if given | length != 1 or given[0] not in operators -%}
        {{ return(clientele.audience_problem(seen, place ~ (' > ' ~ given[0] if given | length == 1 else ''),
            name ~ ' is a ' ~ field.type ~ ' and takes one of ' ~ operators.keys() | join(', ') ~ ', here is ' ~ (given | join(' and ') or 'none'))) }}
    {%- endif -%}
    {%- set operator, value = given[0], node[given[0]] -%}
    {%- set values = value if operator == 'in' and value is sequence and value is not string and value is not mapping else [value] -%}
    {%- set at = place ~ ' > ' ~ operator -%}
    {%- set type = {'is_empty': 'boolean', 'more_than_days_ago': 'days', 'at_most_days_ago': 'days'}.get(operator, field.type) -%}
    {%- if not values or (operator == 'in' and value not in [values]) -%}
        {{ return(clientele.audience_problem(seen, at, operator ~ ' takes ' ~ operators[operator] ~ ", not '" ~ value ~ "'")) }}
    {%- endif -%}
    {%- for one in values -%}
        {%- set is_right = (
            (type == 'text' and one is string) or (type == 'boolean' and one is boolean)
            or (type == 'days' and one is integer and one is not boolean and 0 <= one <= 36500)
            or (type == 'number' and one is number and one is not boolean and -1e12 < one < 1e12)
        ) -%}
        {%- if not is_right -%}
            {{ return(clientele.audience_problem(seen, at, operator ~ ' of ' ~ name ~ ' takes ' ~ operators[operator] ~ ", not '" ~ one ~ "'"
                ~ (clientele.quotes_hint(one) if type == 'text' else ''))) }}
        {%- elif operator in ['is', 'is_not', 'in'] and field['values'] and one not in field['values'] -%}
            {{ return(clientele.audience_problem(seen, at, "'" ~ one ~ "' is no " ~ name ~ '. Known: ' ~ field['values'] | join(', '))) }}
        {%- endif -%}
    {%- endfor -%}
    {%- if field.is_about_personas -%}
        {%- do seen.update({'uses_personas': true}) -%}
        {%- if type == 'number' and operator in ['is', 'is_not', 'in'] -%}{%- do seen.personas.extend(values) -%}{%- endif -%}
    {%- endif -%}
    {{ return(clientele._field_sql(name, operator, values, type)) }}
{% endmacro %}


{% macro _field_sql(name, operator, values, type) %}
    {#- From values that have been checked. -#}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- do literals.append(
            clientele.literals([value]) | trim if type == 'text'
            else clientele.double('%.9f' | format(value)) | trim if value is float
            else value | string | lower
        ) -%}
    {%- endfor -%}
    {%- if operator == 'is_empty' -%}{{ return(name ~ (' is null' if values[0] else ' is not null')) }}{%- endif -%}
    {%- if operator == 'in' -%}{{ return('coalesce(' ~ name ~ ' in (' ~ literals | join(', ') ~ '), false)') }}{%- endif -%}
    {%- if type == 'days' -%}
        {{ return('coalesce(' ~ dbt.datediff(name, 'as_of_date', 'day') | trim
            ~ (' > ' if operator == 'more_than_days_ago' else ' <= ') ~ literals[0] ~ ', false)') }}
    {%- endif -%}
    {%- set signs = {'is': '=', 'is_not': '!=', 'at_least': '>=', 'at_most': '<=', 'more_than': '>', 'less_than': '<'} -%}
    {{ return('coalesce(' ~ name ~ ' ' ~ signs[operator] ~ ' ' ~ literals[0] ~ ', ' ~ ('true' if operator == 'is_not' else 'false') ~ ')') }}
{% endmacro %}
