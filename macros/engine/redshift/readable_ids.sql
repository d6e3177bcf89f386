{#- A user field in any spelling that Redshift's functions can read: not in hexadecimal, nor as base64. -#}

{% macro redshift__readable_number(text) -%}
    {%- set digits = clientele.readable_digits() -%}
    {%- set plain -%}
        regexp_replace(translate({{ text }}, '{{ digits.of_others }}', '{{ digits.of_ours }}'), '[^!-~]+', '')
    {%- endset -%}
    {%- set grouped = "^([+-]?[0-9]{1,3}((,[0-9]{3})+|([.][0-9]{3})+|(''[0-9]{3})+)|[+-]?[0-9]+(_[0-9]+)+)$" -%}
    case
        when regexp_count({{ plain }}, '^[+-]?[0-9]+$') > 0 then try_cast({{ plain }} as bigint)
        when regexp_count({{ plain }}, '{{ grouped }}') > 0
            then try_cast(regexp_replace({{ plain }}, '[,.''_]', '') as bigint)
        when regexp_count({{ plain }}, '^[+-]?[0-9]+[.,]0*$') > 0
            then try_cast(regexp_replace({{ plain }}, '[.,]0*$', '') as bigint)
        when regexp_count({{ plain }}, '^[+-]?[0-9]+([.][0-9]+)?[eE][+]?[0-9]{1,2}$') > 0
            then try_cast(try_cast({{ plain }} as double precision) as bigint)
    end
{%- endmacro %}
