{#- From lines of side inputs to rows, or to the reason against them. -#}

{% macro side_values(side) %}
    {#- {column: its value as a text in one spelling, in SQL over `spelled` of side_rows_of}; null where there is none, or where
        it is not of the declared type. -#}
    {%- set values = {} -%}
    {%- for column in side['columns'] -%}
        {%- set field = side['field'][column['name']] -%}
        {%- set text = 'text_of_' ~ field -%}
        {%- if column['name'] == 'product_id' -%}
            {%- if clientele.id_kind('product') == 'text' -%}
                {%- set code = clientele.present(clientele.normal_id(field, 'text')) -%}
                {%- do values.update({'product_id': 'cast(' ~ clientele.hex_to_integer('md5(' ~ code ~ ')') ~ ' as varchar(256))'}) -%}
            {%- else -%}
                {%- do values.update({'product_id': 'cast(' ~ clientele.whole_number(field) ~ ' as varchar(256))'}) -%}
            {%- endif -%}
        {%- elif column['type'] == 'date' -%}
            {%- do values.update({column['name']: 'cast(' ~ clientele.side_day(text) ~ ' as varchar(256))'}) -%}
        {%- elif column['type'] == 'timestamp' -%}
            {%- do values.update({column['name']: 'cast(cast(' ~ clientele.side_moment(text) ~ ' as timestamp) as varchar(256))'}) -%}
        {%- elif column['type'].startswith('decimal') -%}
            {%- do values.update({column['name']: 'cast(' ~ clientele.decimal_number(field) ~ ' as varchar(256))'}) -%}
        {%- elif column['type'] == 'boolean' -%}
            {%- do values.update({column['name']:
                "case when lower(" ~ text ~ ") in ('true', 't', 'yes', 'y', '1') then 'true' when lower(" ~ text
                ~ ") in ('false', 'f', 'no', 'n', '0') then 'false' end"
            }) -%}
        {%- else -%}
            {%- set text = 'lower(' ~ text ~ ')' if column['is_lower'] or column['values'] else text -%}
            {%- set is_meant = text ~ " in ('" ~ column['values'] | join("', '") ~ "')" if column['values'] else 'length(' ~ text ~ ') <= 256' -%}
            {#- what is typed freely is masked as brands of events are, and so still fits to them -#}
            {%- set text = text if column['values'] else clientele.without_person(text) -%}
            {%- do values.update({column['name']: 'case when ' ~ is_meant ~ ' then cast(' ~ text ~ ' as varchar(256)) end'}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(values) }}
{% endmacro %}


{% macro is_in_future(moment) -%}
    {#- A condition: more than a day ahead, which no clock that is off explains. -#}
    {{ moment }} > {{ clientele.utc_now() }} + interval '1 day'
{%- endmacro %}


{% macro side_moment(field) %}
    {#- The moment that a text says; a day alone is its first moment. -#}
    {{ return(clientele.utc_timestamp(
        "(case when " ~ field ~ " like '____-__-__' then " ~ field ~ " || ' 00:00:00' else " ~ field ~ " end)"
    )) }}
{% endmacro %}


{% macro side_day(text) %}
    {#- The day that a text says: the one that is written, in whatever zone. The midnight of a zone east of Greenwich is the day
        before in UTC. -#}
    {{ return(
        "case when " ~ clientele.side_moment(text) ~ " is null then null when " ~ text ~ " like '____-__-__%' then cast(left(" ~ text
        ~ ", 10) as date) else cast(" ~ clientele.side_moment(text) ~ " as date) end"
    ) }}
{% endmacro %}


{% macro side_rows_of(side) %}
    {#- A select: the lines of an input with their values, in the places of their fields, and the first reason that holds. -#}
    {%- set values = clientele.side_values(side) -%}
    {%- set names = {} -%}
    {%- for name, field in side['field'].items() -%}{%- do names.update({field: name}) -%}{%- endfor %}
    select
        valued.file_id,
        valued.side_input,
        valued.file_name,
        valued.line_number,
        cast(case
            when valued.line_fault is not null then valued.line_fault
            {% if side['person'] -%}
            when valued.has_no_person then 'missing_{{ side['person'] }}'
            when valued.person_id is null then 'bad_{{ side['person'] }}'
            {% endif -%}
            {% for column in side['columns'] -%}
            {%- set field = side['field'][column['name']] -%}
            {% if column['is_required'] -%}
            when not valued.has_{{ field }} then 'missing_{{ column['name'] }}'
            {% endif -%}
            when valued.has_{{ field }} and valued.{{ field }} is null then 'bad_{{ column['name'] }}'
            {% if column['is_past'] -%}
            when {{ clientele.is_in_future('cast(valued.' ~ field ~ ' as timestamp)') }} then 'future_{{ column['name'] }}'
            {% endif -%}
            {% if column['is_not_negative'] -%}
            when valued.{{ field }} like '-%' then 'negative_{{ column['name'] }}'
            {% endif -%}
            {% if column['not_before'] -%}
            when valued.{{ field }} < valued.{{ side['field'][column['not_before']] }} then '{{ column['name'] }}_before_{{ column['not_before'] }}'
            {% endif -%}
            {% endfor -%}
        end as varchar(64)) as reason,
        valued.user_id,
        {% for name in clientele.side_fields() %}valued.{{ name }},
        {% endfor -%}
        {#- what makes two lines the same, and what makes them say the same -#}
        cast({% for name in side['key'] -%}
        {{ "coalesce(cast(valued.user_id as varchar(256)), '')" if name == side['person'] else "coalesce(valued." ~ side['field'][name] ~ ", '')" }}
        {{- " || chr(31) || " if not loop.last }}
        {%- endfor %} as varchar(4096)) as key_text,
        cast(coalesce(cast(valued.user_id as varchar(256)), '') || {% for name in clientele.side_fields() -%}
        chr(31) || coalesce(valued.{{ name }}, ''){{ ' || ' if not loop.last }}
        {%- endfor %} as varchar(4096)) as content_text,
        valued.line_text
    from (
        select
            file_id, side_input, file_name, line_number, line_fault, user_id, line_text,
            {% if side['person'] -%}
            {%- set person_id = clientele.normal_id('person', clientele.id_kind('user')) -%}
            text_of_person is null or {{ clientele.stands_for_nobody('normal_person', person_id) }} as has_no_person,
            {{ person_id }} as person_id,
            {% endif -%}
            {% for name in clientele.side_fields() -%}
            {% if name in names -%}
            text_of_{{ name }} is not null as has_{{ name }},
            {{ values[names[name]] }} as {{ name }}
            {%- else -%}
            cast(null as varchar(256)) as {{ name }}
            {%- endif %}{{ ',' if not loop.last }}
            {% endfor %}
        from (
            {#- said once, for the values read it many times -#}
            select
                {% for name in (['person'] if side['person'] else []) + (names | list) -%}
                {{ clientele.present('normal_' ~ name) }} as text_of_{{ name }},
                {% endfor -%}
                normal.*
            from (
                select
                    {% for name in (['person'] if side['person'] else []) + (names | list) -%}
                    {{ clientele.normal_text(name) }} as normal_{{ name }},
                    {% endfor -%}
                    side_lines.*
                from {{ ref('side_lines') }} as side_lines
                where side_input = '{{ side['name'] }}' and line_kind = 'line'
            ) as normal
        ) as spelled
    ) as valued
{% endmacro %}


{% macro side_input(name) %}
    {#- The model of an input: its rows, typed, under pseudonyms. Customers without an event, and those who may not be profiled, are
        not there. -#}
    {%- set side = (clientele.side_inputs() | selectattr('name', 'equalto', name) | list + [none])[0] %}
    select
        {% if side and side['person'] -%}
        user_keys.user_sk,
        user_keys.user_key,
        {% endif -%}
        {% for column in (side['columns'] if side else []) -%}
        {%- set field = 'judged_rows.' ~ side['field'][column['name']] -%}
        {{ field ~ " = 'true'" if column['type'] == 'boolean' else 'cast(' ~ field ~ ' as ' ~ column['type'] ~ ')' }} as {{ column['name'] }}
        {{- ',' if not loop.last }}
        {% endfor %}
        {{ '1 as nothing' if not side }}
    from {{ ref('side_judged') }} as judged_rows
    {% if side and side['person'] -%}
    inner join {{ ref('user_keys') }} as user_keys on judged_rows.user_id = user_keys.user_id
    {% endif -%}
    where
        judged_rows.side_input = '{{ name }}' and judged_rows.line_kind = 'row'
        {% if side and side['person'] -%}
        and {{ clientele.may_be_profiled('user_keys.user_sk') }}
        {%- endif %}
{% endmacro %}


{% macro forget_side_rows_without_users() %}
    {#- Statements for forget_keys_without_users: rows of side inputs of customers who are forgotten. -#}
    {%- for side in clientele.side_inputs() if side['person'] -%}
        {%- set relation = adapter.get_relation(database=side['node'].database, schema=side['node'].schema, identifier=side['node'].alias) -%}
        {%- if relation is not none %}
    delete from {{ relation }} where user_sk not in (select user_sk from {{ ref('users') }});
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
