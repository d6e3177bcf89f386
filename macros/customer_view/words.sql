{#- The words in which customers are told: bands of numbers, from the highest down. -#}

{% macro customer_fact_words() %}
    {#- By column: [(from, word)], highest first; the last one has no bound. The report has them in other languages. -#}
    {{ return({
        'visits_per_week': [
            (2, 'several a week'), (0.9, 'about weekly'), (0.4, 'two or three a month'), (0.2, 'about monthly'), (none, 'rare'),
        ],
        'evening_share': [(0.75, 'nearly always'), (0.4, 'often'), (0.1, 'sometimes'), (none, 'hardly ever')],
        'orders': [(10, '10 and more'), (5, '5 to 9'), (3, '3 to 4'), (2, '2'), (1, '1'), (none, 'none')],
    }) }}
{% endmacro %}


{% macro banded(value, bands) -%}
    {#- The word of a number by `bands`, [(from, word)], highest first. -#}
    case
        {% for begins, word in bands if begins is not none -%}
        when {{ value }} >= {{ begins }} then '{{ word }}'
        {% endfor -%}
        else '{{ bands[-1][1] }}'
    end
{%- endmacro %}


{% macro lift_band(lift) -%}
    {#- How much more than the shop's customers somebody looks at something. -#}
    case
        when {{ lift }} >= 10 then 'over 10 times'
        when {{ lift }} >= 5 then '5 to 10 times'
        when {{ lift }} >= 2 then '2 to 5 times'
        when {{ lift }} >= 1.2 then '1.2 to 2 times'
        when {{ lift }} is not null then 'as others'
    end
{%- endmacro %}
