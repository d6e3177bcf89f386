{#- Sizes of tables, from the blocks of their file. -#}

{% macro duckdb__table_bytes(relation) -%}
    {#- The blocks of 256 KiB that hold the table. -#}
    (
        select 262144 * count(distinct block_id) from pragma_storage_info('{{ relation | replace('"', '') }}')
        where persistent
    )
{%- endmacro %}


{% macro duckdb__write_out() %}
    {%- for database in run_query(
        'select database_name from duckdb_databases() where not internal and not readonly order by database_name'
    ).columns[0].values() -%}
        {%- do run_query('checkpoint "' ~ database ~ '"') -%}
    {%- endfor -%}
{% endmacro %}
