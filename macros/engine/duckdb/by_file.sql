{#- A table filled file by file from stg_lake__files, in the order of the lines: progress can be shown, memory is
    bounded by one file's buffers, and a row's place in the table is its line's place in the file. After each file
    rows + rejected lines must equal the lines counted by clientele.intake.lake; a reader that loses a line is used again
    without parallelism, and if that does not mend it the build stops. Each file is a transaction of its own: DuckDB 2.0
    loses every row of a large insert that follows a large and an empty one in the same transaction. -#}

{% materialization by_file, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set files = run_query(
        "select file_id, file_name, file_format, n_lines, column_positions from " ~ ref('stg_lake__files') ~ " order by file_id"
    ).rows -%}
    {%- set serial = [] -%}
    {%- set done = namespace(value=false) -%}
    {%- for attempt in range(files | length + 1) if not done.value -%}
        {%- set lossy = [] -%}
        {%- do run_query(clientele._create_lines_table(target_relation)) -%}
        {%- for file in files if not lossy -%}
            {{ print('reading ' ~ loop.index ~ ' of ' ~ files | length ~ ': ' ~ file['file_name'] ~ ' (' ~ '{:,}'.format(file['n_lines']) ~ ' lines)') }}
            {%- do clientele._point_reader_at(file, is_parallel=(file['file_id'] not in serial)) -%}
            {%- do run_query(
                'insert into ' ~ target_relation ~ ' (' ~ clientele.line_columns().keys() | join(', ') ~ ') ' ~ compiled_code
            ) -%}
            {%- if file['file_format'] == 'csv' -%}
                {%- do run_query(clientele._insert_rejected_lines(target_relation)) -%}
                {%- do run_query(clientele._mark_header(target_relation, file['file_id'])) -%}
            {%- endif -%}
            {%- set n_read = run_query('select count(*) from ' ~ target_relation ~ ' where file_id = ' ~ file['file_id']).columns[0].values()[0] -%}
            {%- if n_read != file['n_lines'] -%}
                {%- if file['file_id'] in serial -%}
                    {{ exceptions.raise_compiler_error(
                        file['file_name'] ~ ' has ' ~ file['n_lines'] ~ ' lines and ' ~ n_read ~ ' were read. Nothing was loaded. '
                        ~ 'Was the file still being written? Build again when it is complete.'
                    ) }}
                {%- endif -%}
                {%- do lossy.append(file['file_id']) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do serial.extend(lossy) -%}
        {%- if not lossy -%}{%- set done.value = true -%}{%- endif -%}
    {%- endfor -%}
    {%- call statement('main') -%} select 1 {%- endcall -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro _create_lines_table(relation) %}
    create or replace table {{ relation }} (
        {% for name, type in clientele.line_columns().items() %}{{ name }} {{ type }},
        {% endfor %}
        rejected_line_number bigint
    )
{% endmacro %}


{% macro _point_reader_at(file, is_parallel) %}
    {#- Only numbers from the ledger become SQL text here; names stay values. -#}
    {%- set files = ref('stg_lake__files') -%}
    {%- for variable, expression in {
        'file_id': 'file_id', 'load_id': 'load_id', 'delivered_at': 'delivered_at', 'path': 'reader_path', 'compression': 'file_compression',
        'delimiter': 'reader_delimiter', 'new_line': 'reader_new_line', 'max_line_size': 'reader_max_line_size',
        'has_quotes': 'has_quotes', 'has_nul': 'has_nul', 'may_be_long': 'coalesce(longest_line_bytes, 65535) > 256',
        'is_parallel': ('reader_is_parallel' if is_parallel else 'false'),
    }.items() -%}
        {%- do run_query('set variable clientele_' ~ variable ~ ' = (select ' ~ expression ~ ' from ' ~ files ~ ' where file_id = ' ~ file['file_id'] ~ ')') -%}
    {%- endfor -%}
    {%- if file['file_format'] == 'csv' -%}
        {%- for column in clientele.lake_columns() -%}
            {%- do run_query('set variable clientele_position_' ~ column ~ ' = ' ~ (file['column_positions'].split(',')[loop.index0] | int + 1)) -%}
        {%- endfor -%}
        {%- do run_query('drop table if exists reject_errors') -%}
        {%- do run_query('drop table if exists reject_scans') -%}
    {%- endif -%}
    {%- set lines = clientele.duckdb__csv_lines() if file['file_format'] == 'csv' else clientele.duckdb__parquet_lines() -%}
    {%- do run_query('create or replace temp view clientele_lake_lines as ' ~ lines) -%}
{% endmacro %}


{% macro _insert_rejected_lines(relation) %}
    {#- Lines that the reader cannot hand over as text: not UTF-8, or over the longest size. -#}
    insert into {{ relation }} (file_id, load_id, line_kind, reason, line_text, rejected_line_number)
    select
        getvariable('clientele_file_id'),
        getvariable('clientele_load_id'),
        'faulty',
        case when min(cast(error_type as varchar)) = 'INVALID ENCODING' then 'invalid_encoding' else 'line_too_long' end,
        min(csv_line),
        line
    from reject_errors
    group by line
    order by line
{% endmacro %}


{% macro _mark_header(relation, file_id) %}
    {#- The first line is the header: clientele.intake.lake refuses a file in which it is not. -#}
    update {{ relation }} set line_kind = 'header', reason = null
    where file_id = {{ file_id }} and rowid = (select min(rowid) from {{ relation }} where file_id = {{ file_id }})
{% endmacro %}
