{#- Texts from outside that look like a person's data: people type an address or a number into any field. They are masked
    before anything but the vault holds them, by what they look like, so that they can be counted. -#}

{% macro without_person(text) -%}
    {#- A text of events or of a side input; `masked: e-mail`, `masked: card` (14 to 19 digits that pass Luhn's check) or
        `masked: phone` (9 to 15 digits that begin with 0 or +) in place of one that looks like a person's. Nearly every
        text leaves at the cheap tests. Links write %40 for @. -#}
    case
        when
            (position('@' in {{ text }}) > 0 or position('%40' in {{ text }}) > 0)
            and {{ clientele.matches(text, '[^@ ] *(@|%40) *[^@ ]+[.][a-zA-Z][a-zA-Z]') }} then 'masked: e-mail'
        when length({{ text }}) < 9 or not ({{ clientele.matches(text, '[0-9]([^0-9a-zA-Z]{0,3}[0-9]){8}') }}) then {{ text }}
        when {{ clientele.is_card_number(text) }} then 'masked: card'
        when {{ clientele.matches(text, '(^|[^0-9a-zA-Z])([+]|0)[ (]*[0-9]([^0-9a-zA-Z]{0,3}[0-9]){7,13}([^0-9]|$)') }} then 'masked: phone'
        else {{ text }}
    end
{%- endmacro %}


{% macro is_card_number(text) -%}
    {#- Whether the digits of a text are 14 to 19 and pass Luhn's check: every second one from the right counts double, and
        the digits of all add up to tens. -#}
    {%- set digits = clientele.digits_of(text) -%}
    {%- set sums = [] -%}
    {%- for place in range(1, 20) -%}
        {%- set digit = "(position(substring(lpad(" ~ digits ~ ", 19, '0'), " ~ place ~ ", 1) in '0123456789') - 1)" -%}
        {%- do sums.append(digit if place % 2 else '(' ~ digit ~ ' * 2 - case when ' ~ digit ~ ' > 4 then 9 else 0 end)') -%}
    {%- endfor -%}
    (length({{ digits }}) between 14 and 19 and mod({{ sums | join(' + ') }}, 10) = 0)
{%- endmacro %}


{% macro digits_of(text) -%}
    {{ return(adapter.dispatch('digits_of', 'clientele')(text)) }}
{%- endmacro %}


{% macro matches(text, pattern) -%}
    {#- A condition: a part of the text matches the regular expression, which both engines read alike: classes, groups,
        counts and anchors. -#}
    {{ return(adapter.dispatch('matches', 'clientele')(text, pattern)) }}
{%- endmacro %}
