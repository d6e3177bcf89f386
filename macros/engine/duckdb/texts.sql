{#- From texts to values: a pattern or a cast that may fail, never an error that would quote a row. -#}

{% macro duckdb__utc_timestamp(text) -%}
    coalesce(
        case when {{ text }} like '____-__-__ __:__:__ UTC' then try_strptime({{ text }}, '%Y-%m-%d %H:%M:%S UTC') end,
        case
            when {{ text }} is not null and regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z| UTC|[+]00(:?00)?)')
                then try_cast(left({{ text }}, 19) as timestamp)
            when {{ text }} is not null and regexp_full_match({{ text }}, '[0-9]{10}|[0-9]{13}')
                then make_timestamp(cast(left({{ text }}, 10) as bigint) * 1000000)
            when {{ text }} is not null then clientele_utc_time({{ text }}, '{{ clientele.setting('input_time_zone') }}')
        end
    )
{%- endmacro %}


{% macro duckdb__fraction_of_second(text) -%}
    case
        when strlen({{ text }}) = 23 and ends_with({{ text }}, ' UTC') then null
        when contains({{ text }}, '.') or contains({{ text }}, ',') or (strlen({{ text }}) > 11 and not contains({{ text }}, '-'))
            then clientele_fraction_ns({{ text }})
    end
{%- endmacro %}


{% macro duckdb__event_type_word(text) -%}
    case
        when {{ text }} in ('{{ clientele.event_types() | join("', '") }}') then {{ text }}
        else coalesce(
            getvariable('clientele_event_types')[lower({{ clientele.normal_text(text) }})],
            left({{ clientele.normal_text(text) }}, 16)
        )
    end
{%- endmacro %}


{% macro duckdb__is_header_line(lines) -%}
    (
        {#- spelled as clientele.intake.header takes it: without characters of no width -#}
        {%- set name = 'lower(trim(' ~ clientele.duckdb__normal_text(lines ~ '.event_time_text') ~ '))' %}
        {{ name }} = 'event_time'
        or list_contains(getvariable('clientele_time_names'), {{ name }})
        or regexp_full_match({{ lines }}.line_text, '"?sep=."?')
    )
{%- endmacro %}


{% macro duckdb__whole_number(text) -%}
    {#- try_cast alone takes '1.7', '5E8', '0x1F' and '5_0' for numbers, and a guess is no id. A number that reads back as
        it was written is one; the expression, which is slow, decides about the rest ('007', '7.0', ' 7'). -#}
    {%- set normal = "replace(" ~ clientele.duckdb__normal_text(text) ~ ", chr(8722), '-')" -%}
    case
        when cast(try_cast({{ text }} as bigint) as varchar) = {{ text }} then try_cast({{ text }} as bigint)
        when {{ text }} is not null and regexp_full_match({{ normal }}, '[+-]?[0-9]{1,64}([.]0+)?')
            then try_cast(split_part({{ normal }}, '.', 1) as bigint)
    end
{%- endmacro %}


{% macro duckdb__is_respelled(text, id) -%}
    {#- A number of n digits is not below 10^(n - 1); this is four times as quick as writing it out. -#}
    {%- set powers = [] -%}
    {%- for n in range(19) -%}{%- do powers.append('1' ~ '0' * n) -%}{%- endfor -%}
    ({{ id }} > 0 and {{ id }} < [{{ powers | join(', ') }}][strlen({{ text }})])
{%- endmacro %}


{% macro duckdb__plain_text(lines, column) -%}
    {%- set text = lines ~ '.' ~ column -%}
    case when {{ lines }}.is_plain and not contains({{ text }}, ' ') then {{ text }} else {{ clientele.duckdb__normal_text(text) }} end
{%- endmacro %}


{% macro duckdb__normal_text(text) -%}
    {#- Nearly every text is plain: two cheap tests spare it the rest. DuckDB has NFC only; the plug point has NFKC. -#}
    case
        when strlen({{ text }}) = length({{ text }}) and not contains({{ text }}, ' ') and not contains({{ text }}, chr(9)) then {{ text }}
        when {{ text }} is not null then clientele_normal_text({{ text }})
    end
{%- endmacro %}


{% macro duckdb__matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}


{% macro duckdb__digits_of(text) -%}
    regexp_replace({{ text }}, '[^0-9]+', '', 'g')
{%- endmacro %}


{% macro duckdb__decimal_number(text, type) -%}
    {#- Exact, with an exponent if there is one; without separators. -#}
    {%- if clientele.setting('decimal') == 'comma' -%}
    case when not contains({{ text }}, '_') and not contains({{ text }}, '.') then try_cast(replace({{ text }}, ',', '.') as {{ type }}) end
    {%- else -%}
    case when not contains({{ text }}, '_') then try_cast({{ text }} as {{ type }}) end
    {%- endif -%}
{%- endmacro %}
