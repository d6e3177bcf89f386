{#- Events that are in the warehouse already: a table or view in the columns of the input format, instead of files. A day of it
    is to the ledger what a file is elsewhere, known by a hash of its rows: a day that has changed replaces its predecessor. -#}

{% macro events_relation() %}
    {#- The relation that the var events_relation names, or none. `ref:name` is a model of the project, built before. -#}
    {%- set name = clientele.setting('events_relation') -%}
    {%- if name == 'none' -%}{{ return(none) }}{%- endif -%}
    {%- if name.startswith('ref:') -%}{{ return(ref(name[4:])) }}{%- endif -%}
    {%- set parts = name.split('.') -%}
    {{ return(api.Relation.create(
        database=parts[0] if parts | length == 3 else target.database, schema=parts[-2], identifier=parts[-1]
    )) }}
{% endmacro %}


{% macro relation_if_there(relation) %}
    {#- A relation that somebody else has made, as statements may name it; none where there is none. -#}
    {{ return(adapter.dispatch('relation_if_there', 'clientele')(relation)) }}
{% endmacro %}


{% macro default__relation_if_there(relation) %}
    {{ return(adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier)) }}
{% endmacro %}


{% macro _relation_rows() %}
    {#- A select: each row as the texts of the input format, with its day and the whole row as one text. Columns that the
        relation does not have are empty, and those that the format does not know are left out. -#}
    {%- set relation = clientele.events_relation() -%}
    {%- set known = {} -%}
    {%- if execute -%}
        {%- set found = clientele.relation_if_there(relation) -%}
        {%- set relation = found or relation -%}
        {%- for name in (clientele.column_names(found) if found else []) -%}{%- do known.update({name: name}) -%}{%- endfor -%}
        {%- set missing = [] -%}
        {%- for name in ['event_time', 'event_type', 'product_id', 'price', 'user_id'] if name not in known -%}{%- do missing.append(name) -%}{%- endfor -%}
        {%- if missing -%}
            {{ clientele.refuse(
                'Nothing was loaded. ' ~ relation ~ (' has no column ' ~ missing | join(', ') if known else ' is not there, or may not be read')
                ~ '. The var events_relation names a table or view with the columns ' ~ clientele.lake_columns() | join(', ') ~ '.'
            ) }}
        {%- endif -%}
    {%- endif %}
    select
        texts.*,
        case
            when translate(left(event_time, 10), '123456789', '000000000') = '0000-00-00' then left(event_time, 10)
            else 'without a date'
        end as event_day,
        {% for name in clientele.lake_columns() -%}
        coalesce({{ name }}, ''){{ " || ',' || " if not loop.last }}
        {%- endfor %} as line_text
    from (
        select
            {% for name in clientele.lake_columns() -%}
            {%- set text = 'cast(' ~ adapter.quote(name) ~ ' as varchar(65535))' -%}
            {%- if name not in known -%}
            cast(null as varchar(65535)) as {{ name }}
            {%- elif name == 'event_time' -%}
            -- a day alone is a column of dates
            {{ text }} || case when {{ text }} like '____-__-__' then ' 00:00:00' else '' end as {{ name }}
            {%- else -%}
            {{ text }} as {{ name }}
            {%- endif %}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ relation }}
    ) as texts
{% endmacro %}


{% macro relation_inventory() %}
    {#- One row per day of the relation, in the columns of the ledger. A content is known by its rows, whatever their order:
        their number, and two sums over the MD5 of each. -#}
    {%- set facts = clientele.file_facts() -%}
    {%- set of_row = "md5(replace(line_text, ',', chr(31)))" -%}
    {%- set sums -%}
        (cast(count(*) as varchar(20)) || ':'
        || cast(sum(cast({{ clientele.hex_to_integer(of_row) }} as decimal(38, 0))) as varchar(40)) || ':'
        || cast(sum(cast({{ clientele.hex_to_integer('right(' ~ of_row ~ ', 15)') }} as decimal(38, 0))) as varchar(40)))
    {%- endset %}
    select
        {% for fact, type in facts.items() %}cast(days.{{ fact }} as {{ type }}) as {{ fact }},
        {% endfor %}
        {{ clientele.utc_now() }} as delivered_at,
        'readable' as status,
        cast(null as varchar(4096)) as reason
    from (
        select
            '{{ clientele.setting("events_relation") }}/' || event_day as file_path,
            event_day as file_identity,
            '{{ clientele.setting("events_relation").split(".")[-1] | replace("ref:", "") }} ' || event_day as file_name,
            md5({{ sums }}) || md5('again ' || {{ sums }}) as sha256,
            sum(length(line_text)) as file_bytes,
            null as modified_ns,
            'relation' as file_format,
            'none' as file_compression,
            '' as column_positions,
            null as column_constants,
            {{ clientele.lake_columns() | length }} as n_columns,
            count(*) as n_lines,
            max(length(line_text)) as longest_line_bytes,
            false as has_quotes,
            false as has_nul,
            false as has_invalid_utf8,
            event_day as reader_path,
            null as reader_delimiter,
            null as reader_new_line,
            true as reader_is_parallel,
            65535 as reader_max_line_size
        from ({{ clientele._relation_rows() }}) as relation_rows
        group by event_day
    ) as days
{% endmacro %}


{% macro relation_lines(condition='true') %}
    {#- A select: the rows of the days that are still to be taken in, in the columns of lake_lines. `condition`: on `files`. -#}
    select
        files.file_id,
        files.load_id,
        files.judged_at,
        'event' as line_kind,
        cast(null as varchar(32)) as line_fault,
        false as has_nul,
        false as is_plain,
        true as may_be_long,
        {% for column in clientele.lake_columns() -%}
        relation_rows.{{ column }} as {{ column }}{{ '_text' if column in ['event_time', 'product_id', 'price', 'user_id', 'quantity'] }},
        {% endfor -%}
        relation_rows.line_text
    from ({{ clientele._relation_rows() }}) as relation_rows
    inner join {{ ref('stg_lake__files') }} as files on relation_rows.event_day = files.reader_path
    where files.file_format = 'relation' and {{ condition }}
{% endmacro %}
