{#- A room is a schema of exactly its own name (core, marts, …), so that grants and BI connections never change. -#}

{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name is not none else target.schema }}
{%- endmacro %}
