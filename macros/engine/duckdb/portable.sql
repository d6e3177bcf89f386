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


{% macro duckdb__in_this_slice(key) -%}
    {#- True of every row until a slice is asked for. A model's text may read no variable: the numbers are put into it. -#}
    {{ key }} & /* slices */ 0 = /* slice */ 0
{%- endmacro %}
