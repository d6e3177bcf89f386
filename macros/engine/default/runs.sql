{#- Sizes of tables on engines that do not tell them. -#}

{% macro default__table_bytes(relation) -%}
    cast(null as bigint)
{%- endmacro %}


{% macro default__write_out() %}{% endmacro %}
