{#- What a measure costs and may be worth, from figures that are published: of the playbook's measures, and of the heads'. -#}

{% macro worth_columns() %}
    {#- Columns of a row with n_double (customers), order_value, order_chance, cost_share, margin_share, gain_low, gain, gain_high and
        is_measured: costs and profits to two digits, the gain that pays for the cost, the smallest gain that an experiment
        would show (2.8 standard errors: seen in four of five, at 5 %), and the part that it has to hold back to show the gain. -#}
{%- set worth = '(n_double * order_value * (' -%}
{%- set variance = 'order_chance * (1 - order_chance)' -%}
{%- set needed_part = '(4 * power(2.8 / nullif(gain, 0), 2) * ' ~ variance ~ ' / n_double)' -%}
cast(round(order_value, 2) as double precision) as order_value,
        cast(round(order_chance, 4) as double precision) as order_chance,
        cast(margin_share as double precision) as margin_share,
        cast(gain as double precision) as gain,
        cast(round(cost_share / margin_share, 4) as double precision) as break_even_gain,
        cast({{ clientele.two_digits('(n_double * order_value * cost_share)') }} as double precision) as total_cost,
        {% for place in ['_low', '', '_high'] %}
        cast(
            {{ clientele.two_digits(worth ~ 'gain' ~ place ~ ' * margin_share - cost_share))') }} as double precision
        ) as worth{{ place }},
        {% endfor %}
        cast(round(2.8 * sqrt({{ variance }} * 4 / n_double), 4) as double precision) as smallest_effect,
        cast(case when {{ needed_part }} <= 1 then round((1 - sqrt(1 - {{ needed_part }})) / 2, 2) end as double precision)
            as holdout_share,
        cast(case when is_measured then 'measured' else 'hypothesis' end as varchar(16)) as evidence
{%- endmacro %}
