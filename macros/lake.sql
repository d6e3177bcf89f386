{#- The lake: files as they were delivered. DuckDB reads them in place; what differs between engines is here. -#}

{% macro ledger_columns() %}
    {{ return({
        'file_id': 'bigint',
        'load_id': 'bigint',
        'file_path': 'varchar(4096)',
        'file_name': 'varchar(1024)',
        'sha256': 'varchar(64)',
        'file_bytes': 'bigint',
        'modified_ns': 'bigint',
        'delivered_at': 'timestamp',
        'file_format': 'varchar(16)',
        'file_compression': 'varchar(16)',
        'column_positions': 'varchar(64)',
        'n_lines': 'bigint',
        'longest_line_bytes': 'bigint',
        'has_quotes': 'boolean',
        'has_nul': 'boolean',
        'reader_path': 'varchar(4096)',
        'reader_delimiter': 'varchar(8)',
        'reader_new_line': 'varchar(4)',
        'reader_is_parallel': 'boolean',
        'reader_max_line_size': 'bigint',
        'status': 'varchar(16)',
        'reason': 'varchar(4096)',
    }) }}
{% endmacro %}


{% macro lake_inventory(earlier) %}
    {#- One row per file in the lake now. `earlier`: name of a CTE with the ledger so far, so that a file whose
        size and time have not changed is not read again. -#}
    {{ return(adapter.dispatch('lake_inventory', 'clientele')(earlier)) }}
{% endmacro %}

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

{% macro file_facts() %}
    {#- What is known of a file by looking at it; kept in the ledger, so that an unchanged file is not looked at again. -#}
    {%- set facts = {} -%}
    {%- for name, type in clientele.ledger_columns().items() if name not in ['file_id', 'load_id', 'delivered_at', 'status', 'reason'] -%}
        {%- do facts.update({name: type}) -%}
    {%- endfor -%}
    {{ return(facts) }}
{% endmacro %}


{% macro stop_on_refused_files(ledger) %}
    {#- Ends the build, before anything is loaded, with one sentence per file that cannot be read. -#}
    {%- if execute and clientele.setting('on_refused_file') == 'fail' -%}
        {%- set refused = run_query("select reason from " ~ ledger ~ " where status = 'refused' order by file_path") -%}
        {%- if refused | length > 0 -%}
            {{ exceptions.raise_compiler_error(
                'Nothing was loaded.\n- ' ~ refused.columns[0].values() | join('\n- ')
                ~ "\nMend or remove what is named above, or build with --vars '{on_refused_file: skip}' to go on without it."
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro pseudonym_key_problem() %}
    {{ return(adapter.dispatch('pseudonym_key_problem', 'clientele')()) }}
{% endmacro %}

{% macro duckdb__pseudonym_key_problem() %}
    {{ return(run_query('select clientele_key_problem()').columns[0].values()[0]) }}
{% endmacro %}


{% macro line_columns() %}
    {#- The columns of stg_lake__lines, with their types: an event's, before its user has a pseudonym. -#}
    {%- set columns = {'file_id': 'bigint', 'load_id': 'bigint', 'line_kind': 'varchar(8)', 'reason': 'varchar(32)'} -%}
    {%- do columns.update(clientele.event_columns()) -%}
    {%- do columns.pop('user_sk') -%}
    {%- do columns.update({'user_id': 'bigint', 'line_text': 'varchar(65535)'}) -%}
    {{ return(columns) }}
{% endmacro %}

{% macro lake_columns() %}
    {{ return(['event_time', 'event_type', 'product_id', 'category_id', 'category_code', 'brand', 'price', 'user_id', 'user_session']) }}
{% endmacro %}


{% macro lake_lines() %}
    {#- A relation with every physical line of the files to be read, split into nine texts. On DuckDB it is a view of
        one file that the by_file materialization sets up, file after file. -#}
    {{- return(adapter.dispatch('lake_lines', 'clientele')()) -}}
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


{% macro tell_about_files() %}
    {#- Says, before the long work starts, which files were skipped or replaced in this load. -#}
    {%- if execute -%}
        {%- set told = run_query(
            "select file_name, status, reason from " ~ ref('event_files')
            ~ " where status in ('same_content', 'replaced', 'refused') and load_id = (select max(load_id) from " ~ ref('event_files') ~ ")"
            ~ " or (status = 'replaced' and reason in (select 'delivered again as file ' || cast(file_id as varchar(20)) from " ~ this ~ "))"
            ~ " order by file_id"
        ) -%}
        {%- for file in told.rows -%}
            {{ print(file['file_name'] ~ ': ' ~ file['status'] | replace('_', ' ') ~ ' (' ~ file['reason'] ~ ')') }}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
