{#- A user field in any spelling that Redshift's functions can read, as clientele.intake.spellings does on DuckDB. Not read are
    hexadecimal digits, base64, the escapes of links, and digits of other scripts than those listed: docs/privacy.md. -#}

{% macro redshift__readable_number(text) -%}
    {%- set plain = clientele.redshift__plain_number(text) -%}
    {#- as they are grouped, with a fraction of nothing or, before an exponent, with any -#}
    {%- set by_threes = "0*[0-9]{1,3}((,[0-9]{3})+([.~]F)?|([.][0-9]{3})+([,~]F)?|(''[0-9]{3})+([.,~]F)?)" -%}
    {%- set as_in_india = "0*[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}([.~]F)?" -%}
    {%- set groups = '(' ~ [by_threes, as_in_india, '[0-9]+(_[0-9]+)+([.,~]F)?'] | join('|') ~ ')' -%}
    {%- set is_grouped = "regexp_count(" ~ plain ~ ", '^[+-]?" ~ groups | replace('F', '0*') ~ "$') > 0" -%}
    {%- set is_grouped_power = "regexp_count(" ~ plain ~ ", '^[+-]?" ~ groups | replace('F', '[0-9]*') ~ "[eE][+]?0*[0-9]{1,2}$') > 0" -%}
    {#- without what is between the groups, and a point before the fraction: the first mark tells which is which -#}
    {%- set ungrouped -%}
        translate(
            {{ plain }},
            case left(ltrim({{ plain }}, '+-0123456789'), 1) when ',' then '~#,' when '.' then ',~.' else ',~''_' end, '..'
        )
    {%- endset -%}
    {%- set date = "^([0-9]{4}[ _](0?[1-9]|1[0-2])[ _](0?[1-9]|[12][0-9]|3[01])|[0-9]{1,2}[ _][0-9]{1,2}[ _][0-9]{4})$" -%}
    case
        when regexp_count(btrim({{ text }}, ' '), '{{ date }}') > 0 then null
        when regexp_count({{ plain }}, '^[+-]?[0-9]+$') > 0 then try_cast({{ plain }} as bigint)
        {#- 0.250 is a price in another's column, and no customer 250 -#}
        when regexp_count({{ plain }}, '^[+-]?0+[.,]([1-9][0-9][0-9]|0[1-9][0-9]|00[1-9])$') > 0 then null
        when {{ is_grouped }}
            then try_cast(split_part({{ ungrouped }}, '.', 1) as bigint)
        when regexp_count({{ plain }}, '^[+-]?[0-9]+[.,~]0*$') > 0
            then try_cast(regexp_replace({{ plain }}, '[.,~]0*$', '') as bigint)
        when regexp_count({{ plain }}, '^[+-]?([0-9]+([.,~][0-9]*)?|[.,~][0-9]+)[eE][+]?0*[0-9]{1,2}$') > 0
            then {{ clientele.redshift__with_exponent(plain, "translate(" ~ plain ~ ", ',~', '..')") }}
        when {{ is_grouped_power }}
            then {{ clientele.redshift__with_exponent(plain, ungrouped) }}
    end
{%- endmacro %}


{% macro redshift__with_exponent(plain, pointed) -%}
    {#- The whole number that a text with an exponent is, null where it is none: its digits, and as many zeros as the exponent has
        more than the fraction has digits. `pointed`: the same text with a point before its fraction and nothing between groups. -#}
    {%- set mantissa = "translate(split_part(lower(" ~ pointed ~ "), 'e', 1), '+-', '')" -%}
    {%- set power = "try_cast(replace(split_part(lower(" ~ plain ~ "), 'e', 2), '+', '') as integer)" -%}
    {%- set fraction = "rtrim(split_part(" ~ mantissa ~ ", '.', 2), '0')" -%}
    case
        when {{ power }} between length({{ fraction }}) and 40
            then try_cast(
                case when left({{ plain }}, 1) = '-' then '-' else '' end || split_part({{ mantissa }}, '.', 1) || {{ fraction }}
                || repeat('0', {{ power }} - length({{ fraction }})) as bigint
            )
    end
{%- endmacro %}


{% macro redshift__plain_number(text) -%}
    {#- A text in our digits and signs, without blanks, what shows nothing, and quotes around it. A decimal mark
        of Arabic becomes ~, as it never stands between thousands. TRANSLATE removes what nothing stands for. What is not in these lists stays, so that a word of another script is no number. -#}
    {%- set digits = clientele.digits_of_other_scripts() -%}
    {%- set signs = "＋－−‐‑–．，٬،٫＿ｅＥ‘’‛′ʹʻʼ´`＇＂“”„«»~" -%}
    {%- set nothing = " \t\r\n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000" -%}
    {%- set unseen = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u034f\ufe0e\ufe0f\u115f\u1160\u3164\uffa0\u2800\u180e\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" -%}
    {%- set plain -%}
        translate({{ text }}, '{{ digits ~ signs ~ nothing ~ unseen }}', '{{ "0123456789" * (digits | length // 10) }}+-----.,,,~_eE{{ "''" * 10 }}{{ '"' * 6 }}#')
    {%- endset -%}
    rtrim(ltrim({{ plain }}, '="'''), '"''')
{%- endmacro %}
