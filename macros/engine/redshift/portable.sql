{#- The clock. -#}

{% macro redshift__utc_now() -%}
    getdate()
{%- endmacro %}
