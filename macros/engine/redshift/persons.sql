{#- What looks like a person's data: what Redshift does in its own way (macros/intake/persons.sql). -#}

{% macro redshift__plain_digits(text) -%}
    translate({{ text }}, '{{ clientele.signs_of_other_scripts() }}', '{{ clientele.signs_of_ours() }}')
{%- endmacro %}


{% macro redshift__is_card_number(text) -%}
    {#- Redshift has no lists: the first two parts that look like a card are tried. Blanks are doubled, so that one ends a part
        and one begins the next. -#}
    {%- set grouped = "' ' || regexp_replace(" ~ text ~ ", '[^0-9a-zA-Z]{1,6}', '  ')" -%}
    {%- set like = '[^0-9]' ~ clientele.like_a_card() | replace(' ?', '( {2})?') | replace('{5} [', '{5} {2}[') ~ '([^0-9]|$)' -%}
    ({{ clientele.passes_luhn(clientele.digits_of(text)) }}
    or {{ clientele.passes_luhn(clientele.digits_of("regexp_substr(" ~ grouped ~ ", '" ~ like ~ "', 1, 1)")) }}
    or {{ clientele.passes_luhn(clientele.digits_of("regexp_substr(" ~ grouped ~ ", '" ~ like ~ "', 1, 2)")) }})
{%- endmacro %}


{% macro redshift__name_without_person(name) -%}
    {#- As clientele.intake.persons has it. -#}
    {%- set plain = 'lower(' ~ clientele.redshift__plain_digits(name) ~ ')' -%}
    {%- set stem = "regexp_replace(" ~ plain ~ ", '([.](csv|tsv|txt|parquet|gz|zst|bz2|xz|zip))+$', '')" -%}
    {%- set like_a_phone = '(^|[^0-9a-z])' ~ clientele.like_a_plus() ~ '[ ()]*[1-9]([^0-9a-z]{0,3}[0-9]){7,13}([^0-9]|$)' -%}
    case
        when {{ clientele.matches(stem, clientele.like_an_email()) }} then 'masked: e-mail'
        when {{ clientele.matches(stem, like_a_phone) }} then 'masked: phone'
        else {{ name }}
    end
{%- endmacro %}
