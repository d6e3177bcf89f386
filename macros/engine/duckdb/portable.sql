{#- Hashes and quartiles. -#}

{% macro duckdb__quartile(number, value) -%}
    {#- All three in one list: the same call, written three times, is worked out once. -#}
    cast(quantile_cont({{ value }}, [0.25, 0.5, 0.75])[{{ number }}] as double precision)
{%- endmacro %}


{% macro duckdb__row_hash(columns) -%}
    cast(hash({{ columns | join(', ') }}) >> 1 as bigint)
{%- endmacro %}


{% macro duckdb__utc_now() -%}
    cast(now() at time zone 'UTC' as timestamp)
{%- endmacro %}
