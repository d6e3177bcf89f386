{#- A user field in any spelling. Nothing here can fail: an engine's error would quote the field. -#}

{% macro duckdb__readable_number(text) -%}
    {%- set digits = clientele.readable_digits() -%}
    {%- set plain -%}
        regexp_replace(translate({{ text }}, '{{ digits.of_others }}', '{{ digits.of_ours }}'), '[\s\p{Z}\p{C}]+', '', 'g')
    {%- endset -%}
    {#- grouped by threes with one separator, or by underscores anywhere; a fraction of nothing may follow -#}
    {%- set grouped = "[+-]?[0-9]{1,3}((,[0-9]{3})+([.]0*)?|([.][0-9]{3})+(,0*)?|(''[0-9]{3})+([.,]0*)?)|[+-]?[0-9]+(_[0-9]+)+" -%}
    {%- set grouped_fraction = "([,''][0-9]{3})[.]0*$|([.''][0-9]{3}),0*$" -%}
    {%- set unpadded -%}
        try(cast(from_base64({{ plain }} || repeat('=', (4 - length({{ plain }}) % 4) % 4)) as varchar))
    {%- endset -%}
    case
        when regexp_full_match({{ plain }}, '[+-]?[0-9]+') then try_cast({{ plain }} as bigint)
        when regexp_full_match({{ plain }}, '{{ grouped }}')
            then try_cast(regexp_replace(regexp_replace({{ plain }}, '{{ grouped_fraction }}', '\1\2'), '[,.''_]', '', 'g') as bigint)
        when regexp_full_match({{ plain }}, '[+-]?[0-9]+[.,]0*') then try_cast(regexp_replace({{ plain }}, '[.,]0*$', '') as bigint)
        when regexp_full_match({{ plain }}, '[+-]?[0-9]+([.,][0-9]*)?[eE][+-]?[0-9]{1,2}')
            then case
                when try_cast(replace({{ plain }}, ',', '.') as decimal(38, 15)) % 1 = 0
                    then try_cast(try_cast(replace({{ plain }}, ',', '.') as decimal(38, 15)) as bigint)
            end
        when regexp_full_match({{ plain }}, '0[xX][0-9a-fA-F]{1,16}') then try_cast({{ plain }} as bigint)
        when
            regexp_full_match({{ plain }}, '[A-Za-z0-9+/_-]{2,28}={0,2}')
            and regexp_full_match({{ unpadded }}, '[+-]?[0-9]{1,19}')
            then try_cast({{ unpadded }} as bigint)
    end
{%- endmacro %}
