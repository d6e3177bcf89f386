{#- From texts to values on Redshift, as strict as on DuckDB: a pattern first, then TRY_CAST. -#}

{% macro redshift__utc_timestamp(text) -%}
    case
        when regexp_count(
            {{ text }},
            '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z| UTC|[+]00(:?00)?)?$'
        ) > 0 then try_cast(replace(left({{ text }}, 19), 'T', ' ') as timestamp)
    end
{%- endmacro %}


{% macro redshift__whole_number(text) -%}
    case when regexp_count({{ text }}, '^[+-]?[0-9]{1,19}$') > 0 then try_cast({{ text }} as bigint) end
{%- endmacro %}


{% macro redshift__decimal_number(text) -%}
    {#- digits and a point, blanks around them; cast as a whole, because a CASE without ELSE may lose its precision -#}
    cast(
        case
            when regexp_count({{ text }}, '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+) *$') > 0
                then try_cast(trim({{ text }}) as decimal(14, 4))
        end as decimal(14, 4)
    )
{%- endmacro %}


{% macro redshift__row_hash(columns) -%}
    {%- set hashed = namespace(sql='fnv_hash(' ~ columns[0] ~ ')') -%}
    {%- for column in columns[1:] -%}
        {%- set hashed.sql = 'fnv_hash(' ~ column ~ ', ' ~ hashed.sql ~ ')' -%}
    {%- endfor -%}
    {{ hashed.sql }}
{%- endmacro %}
