{#- Side inputs that are in the warehouse already: a table or view of an input's name in the schema that the var side_schema names,
    on both engines. To the ledger it is one file, known by a hash of its rows. -#}

{% macro side_relation(side) %}
    {#- The relation of an input, or none. -#}
    {%- set schema = clientele.setting('side_schema') -%}
    {%- if schema == 'none' or not execute -%}{{ return(none) }}{%- endif -%}
    {{ return(clientele.relation_if_there(api.Relation.create(database=target.database, schema=schema, identifier=side['name']))) }}
{% endmacro %}


{% macro side_relation_rows(side) %}
    {#- A select: each row as texts, person and fields in the order of the declaration, and as one text. -#}
    {%- set relation = clientele.side_relation(side) -%}
    {%- set known = clientele.column_names(relation) -%}
    {%- set must = ([side['person']] if side['person'] else [])
        + (side['columns'] | selectattr('is_required') | map(attribute='name') | list) -%}
    {%- if must | reject('in', known) | list -%}
        {{ clientele.refuse(
            'Nothing was loaded. ' ~ relation ~ ' has no column ' ~ must | reject('in', known) | join(', ') ~ ': the side input '
            ~ side['name'] ~ ' needs ' ~ must | join(', ') ~ ' (models/intake/side/' ~ side['name'] ~ '.yml).'
        ) }}
    {%- endif -%}
    {%- set fields = {} -%}
    {%- for name, field in side['field'].items() -%}{%- do fields.update({field: name}) -%}{%- endfor %}
    select
        texts.*,
        coalesce(person, '') || ',' || {% for name in clientele.side_fields() -%}
        coalesce({{ name }}, ''){{ " || ',' || " if not loop.last }}
        {%- endfor %} as line_text
    from (
        select
            {% if side['person'] -%}
            cast({{ adapter.quote(side['person']) }} as varchar(65535)) as person,
            {%- else -%}
            cast(null as varchar(65535)) as person,
            {%- endif %}
            {% for name in clientele.side_fields() -%}
            {% if fields.get(name) in known -%}
            cast({{ adapter.quote(fields[name]) }} as varchar(65535)) as {{ name }}
            {%- else -%}
            cast(null as varchar(65535)) as {{ name }}
            {%- endif %}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ relation }}
    ) as texts
{% endmacro %}


{% macro side_relation_seen(side) %}
    {#- A select: the relation of an input as a row of the inventory. A content is known by its rows, whatever their order. -#}
    {%- set of_row = "md5(replace(line_text, ',', chr(31)))" -%}
    {%- set sums -%}
        (cast(count(*) as varchar(20)) || ':'
        || coalesce(cast(sum(cast({{ clientele.hex_to_integer(of_row) }} as decimal(38, 0))) as varchar(40)), '') || ':'
        || coalesce(
            cast(sum(cast({{ clientele.hex_to_integer('right(' ~ of_row ~ ', 15)') }} as decimal(38, 0))) as varchar(40)), ''
        ))
    {%- endset -%}
    {%- set name = clientele.setting('side_schema') ~ '.' ~ side['name'] %}
    select
        cast('{{ side['name'] }}' as varchar(64)) as side_input,
        cast('{{ name }}' as varchar(4096)) as file_path,
        cast('{{ side['name'] }}/{{ name }}' as varchar(4096)) as file_identity,
        cast('{{ name }}' as varchar(1024)) as file_name,
        cast('{{ clientele.side_reading(side) }}' as varchar(1024)) as reading,
        cast(null as bigint) as file_bytes,
        cast(null as bigint) as modified_ns,
        cast(md5({{ sums }}) || md5('again ' || {{ sums }}) as varchar(64)) as sha256,
        cast(count(*) as bigint) as n_lines,
        cast('readable' as varchar(16)) as status,
        cast(null as varchar(4096)) as reason
    from ({{ clientele.side_relation_rows(side) }}) as relation_rows
{% endmacro %}


{% macro side_relation_lines(side, files) %}
    {#- A select: the rows of an input's relation, if `files` (a query of the ledger) has it, in the columns of side_file_lines. -#}
    {%- set fields = clientele.side_fields() | join(', ') %}
    select
        files.file_id,
        cast(row_number() over (order by person, {{ fields }}) as bigint) as line_number,
        cast('line' as varchar(8)) as line_kind,
        cast(null as varchar(32)) as line_fault,
        person,
        {{ fields }},
        cast(line_text as varchar(65535)) as line_text
    from ({{ clientele.side_relation_rows(side) }}) as relation_rows
    cross join ({{ files }} and file_identity = '{{ side['name'] }}/{{ clientele.setting('side_schema') }}.{{ side['name'] }}') as files
{% endmacro %}
