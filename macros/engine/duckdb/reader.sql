{#- What the reader of the lake is told, in session variables: names of files stay values and become no text of a statement. -#}

{% macro _tell_reader_of_words() %}
    {%- do run_query(
        'set variable clientele_event_types = (select map(list(lower(word)), list(event_type)) from ' ~ ref('event_type_map') ~ ')'
    ) -%}
    {%- do run_query(
        "set variable clientele_time_names = (select list(lower(column_name)) from " ~ ref('column_map') ~ " where input_column = 'event_time')"
    ) -%}
{% endmacro %}


{% macro _point_reader_at(group, is_parallel) %}
    {#- Only numbers from the ledger become SQL text here. -#}
    {%- set first = group[0] -%}
    {%- set span = ' where file_id between ' ~ first['file_id'] ~ ' and ' ~ group[-1]['file_id'] -%}
    {%- set files = ref('stg_lake__files') -%}
    {%- set is_group = group | length > 1 -%}
    {%- set is_unpacked = first['file_compression'] in ['zip', 'bzip2', 'xz'] -%}
    {%- set facts = {
        'file_id': 'min(file_id)',
        'file_ids': 'list(file_id order by file_id)',
        'load_id': 'min(load_id)',
        'judged_at': 'min(judged_at)',
        'path': ('list(reader_path order by file_id)' if is_group
            else 'min(clientele_unpacked(file_path, file_compression))' if is_unpacked else 'min(reader_path)'),
        'compression': ("'none'" if is_unpacked else 'min(file_compression)'),
        'delimiter': 'min(reader_delimiter)',
        'new_line': 'min(reader_new_line)',
        'max_line_size': 'max(reader_max_line_size)',
        'has_quotes': 'bool_or(has_quotes)',
        'has_nul': 'bool_or(has_nul)',
        'may_be_long': 'max(coalesce(longest_line_bytes, 65535)) > 256',
        'n_columns': 'coalesce(min(n_columns), 9)',
        'is_parallel': ('bool_and(reader_is_parallel)' if is_parallel else 'false'),
    } -%}
    {%- for column in clientele.lake_columns() -%}
        {%- do facts.update({
            'constant_' ~ column: "nullif(regexp_extract(min(column_constants), '(^|;)" ~ column ~ "=([^;]*)', 2), '')",
        }) -%}
    {%- endfor -%}
    {%- set packed = [] -%}
    {%- for name, expression in facts.items() -%}{%- do packed.append(name ~ ' := ' ~ expression) -%}{%- endfor -%}
    {%- do run_query('set variable clientele_reader = (select struct_pack(' ~ packed | join(', ') ~ ') from ' ~ files ~ span ~ ')') -%}
    {%- if first['file_format'] == 'csv' -%}
        {%- do run_query('drop table if exists reject_errors; drop table if exists reject_scans') -%}
    {%- endif -%}
    {%- if first['file_format'] == 'relation' -%}
        {%- set lines = clientele.relation_lines('files.file_id between ' ~ first['file_id'] ~ ' and ' ~ group[-1]['file_id']) -%}
    {%- elif first['file_format'] == 'csv' -%}
        {%- set lines = clientele.duckdb__csv_lines(first, is_group) -%}
    {%- else -%}
        {%- set lines = clientele.duckdb__parquet_lines(first) -%}
    {%- endif -%}
    {%- do run_query('create or replace temp view clientele_lake_lines as ' ~ lines) -%}
{% endmacro %}


{% macro _positions(file) %}
    {#- {column: its place in a line, from 1}; 0 for a column that the file does not have. -#}
    {%- set places, positions = file['column_positions'].split(','), {} -%}
    {%- for column in clientele.lake_columns() -%}
        {%- do positions.update({column: (places[loop.index0] | int + 1) if loop.index0 < places | length else 0}) -%}
    {%- endfor -%}
    {{ return(positions) }}
{% endmacro %}
