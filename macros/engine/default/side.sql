{#- Where no file can be read: side inputs are tables of the warehouse (the var side_schema). -#}

{% macro default__side_files_seen(earlier) %}
    {%- set types = clientele.side_ledger_columns() %}
    select
        {% for fact in ['side_input', 'file_path', 'file_identity', 'file_name', 'reading', 'file_bytes', 'modified_ns', 'sha256', 'n_lines',
            'status', 'reason'] -%}
        cast(null as {{ types[fact] }}) as {{ fact }}{{ ',' if not loop.last }}
        {% endfor %}
    where 1 = 0
{% endmacro %}


{% macro default__side_file_lines(files) %}
    {%- set columns = clientele.side_line_columns() %}
    select
        {% for name in ['file_id', 'line_number', 'line_kind', 'line_fault', 'person'] + clientele.side_fields() + ['line_text'] -%}
        cast(null as {{ columns[name] }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    where 1 = 0
{% endmacro %}


{% macro default__forget_side_batch() %}{% endmacro %}
