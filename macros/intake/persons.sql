{#- Texts from outside that look like a person's data: people type an address or a number into any field. They are masked
    before anything but the vault holds them, by what they look like, so that they can be counted. -#}

{% macro without_person(text) -%}
    {#- A text of events or of a side input; `masked: e-mail`, `masked: card` or `masked: phone` (9 to 15 digits that begin with
        0 or +) in place of one that looks like a person's. Nearly every text leaves at the cheap tests. -#}
    {%- set plain = clientele.plain_digits(text) -%}
    {%- set before = '(^|[^0-9a-z]|' ~ clientele.words_before_phone() ~ ')' -%}
    case
        when {{ clientele.is_email(text) }} then 'masked: e-mail'
        when {{ text }} is null or length({{ text }}) < 9 or not ({{ clientele.matches(plain, '[0-9]([^0-9a-zA-Z]{0,6}[0-9]){8}') }}) then {{ text }}
        when {{ clientele.is_card_number(plain) }} then 'masked: card'
        when {{ clientele.matches('lower(' ~ plain ~ ')', before ~ '(' ~ clientele.like_a_plus() ~ '|0)[ ()]*[0-9]([^0-9a-z]{0,3}[0-9]){7,13}([^0-9]|$)') }} then 'masked: phone'
        else {{ text }}
    end
{%- endmacro %}


{% macro without_email(text) -%}
    {#- A text whose numbers mean something else, as an id of fourteen to nineteen digits is no card. -#}
    case when {{ clientele.is_email(text) }} then 'masked: e-mail' else {{ text }} end
{%- endmacro %}


{% macro is_email(text) -%}
    {#- A condition: an e-mail address is in the text. -#}
    ((position('@' in {{ text }}) > 0 or position('%' in {{ text }}) > 0 or position('&' in {{ text }}) > 0)
    and {{ clientele.matches(clientele.plain_digits(text), clientele.like_an_email()) }})
{%- endmacro %}


{% macro like_an_email() -%}
    {#- As clientele.intake.persons has it. Links and pages write the signs as %40 and &#64;, each escaped once more or not. The
        last part has letters of any script, or is one in the letters of ours (xn--); else it is an address of numbers. -#}
    {%- set letter = '[^ -@[-`{-~]' -%}
    {%- set at = '(@|%(25)*40|&(amp;)*(#0*64|#[xX]0*40|commat);?)' -%}
    {%- set dot = '([.]|%(25)*2[eE]|&(amp;)*(#0*46|#[xX]0*2[eE]|period);?)' -%}
    {{ return('[^@ ] *' ~ at ~ ' *([^@ ]+' ~ dot ~ letter ~ letter ~ '|[xX][nN]--|[[][0-9a-zA-Z]*[.:][0-9a-fA-F.:]+[]])') }}
{%- endmacro %}


{% macro like_a_plus() -%}
    {#- In a text of small letters. -#}
    {{ return('([+]|%(25)*2b|&(amp;)*(#0*43|#x0*2b|plus);?)') }}
{%- endmacro %}


{% macro words_before_phone() -%}
    {#- After these a number needs no blank. Codes of products have other letters there. -#}
    {{ return('(^|[^a-z])(call|cell|cellphone|contact|fax|gsm|handy|mob|mobil|mobile|movil|phone|portable|sms|tel|telefax|telefon|telefone|telefono|telephone|whatsapp)') }}
{%- endmacro %}


{% macro like_a_card() -%}
    {#- Whole groups of digits: one, or several as cards have them; with the first digits that cards have. Sizes and years are
        other groups, as a rule. -#}
    {{ return('((2[2-7]|[3-6][0-9])[0-9]{12,17}|(2[2-7]|[3-6][0-9])[0-9]{2}( ?[0-9]{4}){3}|[3-6][0-9]{5} [0-9]{10}|3[0-9]{3} ?[0-9]{6} ?[0-9]{4,5})') }}
{%- endmacro %}


{% macro passes_luhn(digits) -%}
    {#- Whether these are 14 to 19 digits that pass Luhn's check: every second one from the right counts double, and
        the digits of all add up to tens. -#}
    {%- set sums = [] -%}
    {%- for place in range(1, 20) -%}
        {%- set digit = "(position(substring(lpad(" ~ digits ~ ", 19, '0'), " ~ place ~ ", 1) in '0123456789') - 1)" -%}
        {%- do sums.append(digit if place % 2 else '(' ~ digit ~ ' * 2 - case when ' ~ digit ~ ' > 4 then 9 else 0 end)') -%}
    {%- endfor -%}
    (length({{ digits }}) between 14 and 19 and mod({{ sums | join(' + ') }}, 10) = 0)
{%- endmacro %}


{% macro is_card_number(text) -%}
    {#- The digits of the whole text, or those of a part that is written as cards are, pass Luhn's check. -#}
    {{ return(adapter.dispatch('is_card_number', 'clientele')(text)) }}
{%- endmacro %}


{% macro plain_digits(text) -%}
    {#- A text with our digits for those of other scripts, and with our signs for those of addresses. -#}
    {{ return(adapter.dispatch('plain_digits', 'clientele')(text)) }}
{%- endmacro %}


{% macro digits_of(text) -%}
    {{ return(adapter.dispatch('digits_of', 'clientele')(text)) }}
{%- endmacro %}


{% macro matches(text, pattern) -%}
    {#- A condition: a part of the text matches the regular expression, which both engines read alike: classes, groups,
        counts and anchors. -#}
    {{ return(adapter.dispatch('matches', 'clientele')(text, pattern)) }}
{%- endmacro %}
