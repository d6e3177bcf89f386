{#- The columns that a database holds, from its catalog. -#}

{% macro default__held_columns(schemas) -%}
    select lower(table_schema) as schema_name, lower(table_name) as table_name, lower(column_name) as column_name
    from information_schema.columns
    where lower(table_schema) in ('{{ schemas | map('lower') | join("', '") }}')
    order by schema_name, table_name, column_name
{%- endmacro %}
