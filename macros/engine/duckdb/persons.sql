{#- What looks like a person's data: what DuckDB does in its own way (macros/intake/persons.sql). -#}

{% macro duckdb__plain_digits(text) -%}
    {#- Nearly every text is plain, and TRANSLATE is slow. -#}
    case
        when strlen({{ text }}) = length({{ text }}) or not regexp_matches({{ text }}, '[{{ clientele.signs_of_other_scripts() }}]') then {{ text }}
        else translate({{ text }}, '{{ clientele.signs_of_other_scripts() }}', '{{ clientele.signs_of_ours() }}')
    end
{%- endmacro %}


{% macro duckdb__is_card_number(text) -%}
    {#- Where a part looks like a card, each place of the text is tried, as a number of another kind may stand before the card.
        Luhn's check is slow and stands here once. -#}
    {%- set grouped = "(' ' || regexp_replace(" ~ text ~ ", '[^0-9a-zA-Z]{1,6}', ' ', 'g'))" -%}
    {%- set like = '[^0-9]' ~ clientele.like_a_card() ~ '([^0-9]|$)' -%}
    (
        (length({{ clientele.digits_of(text) }}) between 14 and 19 or {{ clientele.matches(grouped, like) }})
        and list_contains(
            list_transform(
                list_transform(
                    [{{ grouped }}],
                    lambda grouped: list_distinct(
                        [{{ clientele.digits_of('grouped') }}]
                        || list_transform(
                            range(1, length(grouped)),
                            lambda place: nullif(replace(regexp_extract(grouped[place:], '^{{ like }}', 1), ' ', ''), '')
                        )
                    )
                )[1],
                lambda digits: {{ clientele.passes_luhn('digits') }}
            ),
            true
        )
    )
{%- endmacro %}
