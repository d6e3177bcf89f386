{#- Quartiles in standard SQL. -#}

{% macro default__quartile(number, value) -%}
    cast(percentile_cont({{ number / 4 }}) within group (order by {{ value }}) as double precision)
{%- endmacro %}


{% macro default__utc_now() -%}
    cast(current_timestamp as timestamp)
{%- endmacro %}


{% macro default__in_this_slice(key) -%}
    1 = 1
{%- endmacro %}
