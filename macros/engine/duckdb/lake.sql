{#- Reading event files in place. -#}

{% macro duckdb__lake_inventory(earlier) %}
    {%- set facts = clientele.file_facts() -%}
    select
        {% for fact in facts %}looked_at.{{ fact }},
        {% endfor %}
        make_timestamp(looked_at.modified_ns // 1000) as delivered_at,
        looked_at.status,
        looked_at.reason
    from (
        select unnest(from_json(
            clientele_inventory((
                select to_json(list(struct_pack({% for fact in facts %}{{ fact }} := {{ fact }}{{ ', ' if not loop.last }}{% endfor %})))
                from {{ earlier }}
                where status in ('accepted', 'same_content') and not {{ clientele.setting('rehash') | lower }}
            )),
            '[{ {%- for fact, type in facts.items() %}"{{ fact }}": "{{ type.split('(')[0] }}", {% endfor %}"status": "varchar", "reason": "varchar"}]'
        )) as looked_at
    )
{% endmacro %}


{% macro duckdb__lake_lines() -%}
    temp.main.clientele_lake_lines
{%- endmacro %}


{% macro duckdb__csv_lines() %}
    {#- A line is one text, so that none can be lost to quoting or types, and is split here: by commas, or as RFC 4180
        says where it has a quote. -#}
    {%- set columns = clientele.lake_columns() %}
    select
        getvariable('clientele_file_id') as file_id,
        getvariable('clientele_load_id') as load_id,
        getvariable('clientele_delivered_at') as delivered_at,
        case when split_lines.line is null then 'blank' else 'event' end as line_kind,
        case
            when len(fields) = {{ columns | length }} or split_lines.line is null then null
            when fields is null then 'bad_quoting'
            else 'wrong_number_of_fields'
        end as line_fault,
        getvariable('clientele_has_nul') and contains(split_lines.line, chr(0)) as has_nul,
        getvariable('clientele_may_be_long') as may_be_long,
        {% for column in columns -%}
        fields[getvariable('clientele_position_{{ column }}')] as {{ column }}{{ '_text' if column in ['event_time', 'product_id', 'price', 'user_id'] }},
        {% endfor -%}
        split_lines.line as line_text
    from (
        select
            line,
            case
                when not getvariable('clientele_has_quotes') or not contains(line, '"') then string_split(line, ',')
                when regexp_full_match(line, '(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*')
                    then list_transform(
                        regexp_extract_all(',' || line, ',("(?:[^"]|"")*"|[^",]*)', 1),
                        lambda field: case when starts_with(field, '"') then replace(field[2:-2], '""', '"') else field end
                    )
            end as fields
        from read_csv(
            getvariable('clientele_path'),
            columns = {'line': 'VARCHAR'},
            delim = getvariable('clientele_delimiter'),
            compression = getvariable('clientele_compression'),
            new_line = getvariable('clientele_new_line'),
            parallel = getvariable('clientele_is_parallel'),
            max_line_size = getvariable('clientele_max_line_size'),
            quote = '', escape = '', header = false, strict_mode = false, auto_detect = false, hive_partitioning = false,
            store_rejects = true
        )
    ) as split_lines
{% endmacro %}


{% macro duckdb__parquet_lines() %}
    {#- A row of a Parquet file counts as a line; its text is the row as CSV. -#}
    {%- set columns = clientele.lake_columns() %}
    select
        getvariable('clientele_file_id') as file_id,
        getvariable('clientele_load_id') as load_id,
        getvariable('clientele_delivered_at') as delivered_at,
        'event' as line_kind,
        cast(null as varchar) as line_fault,
        contains(concat_ws(',', {{ columns | join(', ') }}), chr(0)) as has_nul,
        true as may_be_long,
        {% for column in columns -%}
        cast({{ column }} as varchar) as {{ column }}{{ '_text' if column in ['event_time', 'product_id', 'price', 'user_id'] }},
        {% endfor -%}
        concat_ws(',', {% for column in columns %}coalesce(cast({{ column }} as varchar), ''){{ ', ' if not loop.last }}{% endfor %}) as line_text
    from read_parquet(getvariable('clientele_path'))
{% endmacro %}
