{#- Files of side inputs are looked at and split in Python (src/clientele/intake/side.py). -#}

{% macro duckdb__side_files_seen(earlier) %}
    {%- set facts = ['side_input', 'file_path', 'file_identity', 'file_name', 'reading', 'file_bytes', 'modified_ns', 'sha256', 'n_lines',
        'status', 'reason'] -%}
    {%- set types = clientele.side_ledger_columns() %}
    select {% for fact in facts %}looked_at.{{ fact }}{{ ', ' if not loop.last }}{% endfor %}
    from (
        select unnest(from_json(
            clientele_side_inventory((
                select cast(to_json(list(struct_pack(
                    {% for fact in facts if fact not in ['status', 'reason'] %}{{ fact }} := {{ fact }}{{ ', ' if not loop.last }}{% endfor %}
                ))) as varchar)
                from {{ earlier }}
                where status = 'accepted'
            ), {{ clientele.side_declarations() }}),
            '[{ {%- for fact in facts %}"{{ fact }}": "{{ types[fact].split('(')[0] }}"{{ ', ' if not loop.last }}{% endfor %}}]'
        )) as looked_at
    ) as files
{% endmacro %}


{% macro duckdb__side_file_lines(files) %}
    {%- set columns = ['file_id', 'line_number', 'line_kind', 'line_fault', 'person'] + clientele.side_fields() + ['line_text'] -%}
    {%- set wanted = run_query(
        "select cast(to_json(list(struct_pack(file_id := file_id, side_input := side_input, file_path := file_path, sha256 := sha256)"
        ~ " order by file_id)) as varchar) from (" ~ files ~ " and modified_ns is not null) as wanted"
    ).columns[0].values()[0] if execute and flags.WHICH in ['build', 'run', 'retry'] else none -%}
    {%- if wanted -%}
        {%- set written = fromjson(run_query(
            "select clientele_side_lines('" ~ wanted | replace("'", "''") ~ "', " ~ clientele.side_declarations() ~ ')'
        ).columns[0].values()[0]) -%}
        {%- if written['problem'] is defined -%}{{ clientele.refuse(written['problem']) }}{%- endif %}
    select {{ columns | join(', ') }} from read_parquet('{{ written['path'] | replace("'", "''") }}')
    {%- else -%}
    {{ clientele.default__side_file_lines(files) }}
    {%- endif -%}
{% endmacro %}


{% macro duckdb__forget_side_batch() -%}
    select clientele_unpacked(null, null)
{%- endmacro %}
