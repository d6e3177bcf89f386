{#- The value of customers as of any moment, from what was known of them by then. -#}

{% macro value_score_ctes(customers, keys) %}
    {#- CTEs that end in `valued`: the columns `keys` of the CTE `customers`, p_alive, expected visits and orders within each
        horizon, expected_order_value, value_score, and the model's version and cut points; no row without a model.
        `customers` has n_visits, n_ordering_visits, n_orders, and as doubles revenue, frequency (visits after the first),
        recency_days and age_days. Who came equally often since the same day shares the expensive half of the formula,
        so that it is worked out once for all of them. -#}
    {%- set horizons = clientele.value_horizons() -%}
value_model as (
    select * from {{ ref('value_fits') }} where is_current
),

patterns as (
    select distinct frequency, age_days from {{ customers }} as customers
),

-- new customers, for whom forty terms are too few: what the series ought to give is a row of the model
slow_patterns as (
    select
        frequency,
        age_days,
        {% for horizon in horizons %}
        max(case when horizon_days = {{ horizon }} then visits end) as visits_{{ horizon }}d
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('visit_patterns') }}
    group by frequency, age_days
),

pattern_visits as (
    select
        patterns.frequency,
        patterns.age_days,
        {% for horizon in horizons %}
        {% set visits = clientele.visits_if_alive('patterns.frequency', 'patterns.age_days', horizon) %}
        coalesce(slow_patterns.visits_{{ horizon }}d, {{ visits }}) as visits_{{ horizon }}d
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from patterns
    cross join value_model as model
    left join slow_patterns
        on patterns.frequency = slow_patterns.frequency and patterns.age_days = slow_patterns.age_days
),

expected as (
    select
        {% for key in keys %}
        customers.{{ key }},
        {% endfor %}
        {{ clientele.probability_alive('customers.frequency', 'customers.recency_days', 'customers.age_days') }}
            as p_alive,
        {% for horizon in horizons %}
        pattern_visits.visits_{{ horizon }}d,
        {% endfor %}
        (model.order_alpha + customers.n_ordering_visits)
        / (model.order_alpha + model.order_beta + customers.n_visits)
        * model.orders_per_visit * model.order_level as orders_per_visit,
        model.spend_p * (model.spend_v + customers.revenue)
        / (model.spend_p * customers.n_orders + model.spend_q - 1) as expected_order_value,
        model.model_version,
        {% for place in range(1, 5) %}
        model.cut_point_{{ place }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ customers }} as customers
    cross join value_model as model
    inner join pattern_visits
        on customers.frequency = pattern_visits.frequency and customers.age_days = pattern_visits.age_days
),

valued as (
    select
        expected.*,
        {% for horizon in horizons %}
        expected.p_alive * expected.visits_{{ horizon }}d as expected_visits_{{ horizon }}d,
        expected.p_alive * expected.visits_{{ horizon }}d * expected.orders_per_visit as expected_orders_{{ horizon }}d,
        {% endfor %}
        1 - exp(-expected.p_alive * expected.visits_30d * expected.orders_per_visit) as value_score
    from expected
)
{% endmacro %}
