{#- Grain: one user who may be profiled, from the first event on: what is to be expected of the user, as of the build.
    Without a model all but the user is empty. Customers who came equally often since the same day share the expensive
    half of the formula, so it is worked out once for all of them. -#}
{% set horizons = clientele.value_horizons() %}

with

model as (
    select * from {{ ref('value_fits') }} where is_current
),

customers as (
    select
        customer_visits.user_sk,
        customer_visits.n_visits,
        customer_visits.n_ordering_visits,
        customer_visits.n_orders,
        {{ clientele.double('customer_visits.revenue') }} as revenue,
        {{ clientele.double('customer_visits.n_visits - 1') }} as frequency,
        {{ clientele.double(
            dbt.datediff('customer_visits.first_visit_date', 'customer_visits.last_visit_date', 'day')
        ) }} as recency_days,
        -- never before the last visit: the var as_of may name an earlier day
        {{ clientele.double(
            'greatest(' ~ dbt.datediff('customer_visits.first_visit_date', 'value_request.as_of_date', 'day') ~ ', '
            ~ dbt.datediff('customer_visits.first_visit_date', 'customer_visits.last_visit_date', 'day') ~ ')'
        ) }} as age_days
    from {{ ref('customer_visits') }} as customer_visits
    cross join {{ ref('value_request') }} as value_request
    where {{ clientele.may_be_profiled('customer_visits.user_sk') }}
),

patterns as (
    select distinct frequency, age_days from customers
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
    cross join model
    left join slow_patterns
        on patterns.frequency = slow_patterns.frequency and patterns.age_days = slow_patterns.age_days
),

expected as (
    select
        customers.user_sk,
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
    from customers
    cross join model
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
),

final as (
    select
        customers.user_sk,
        valued.p_alive,
        {% for horizon in horizons %}
        valued.expected_visits_{{ horizon }}d,
        {% endfor %}
        {% for horizon in horizons %}
        valued.expected_orders_{{ horizon }}d,
        {% endfor %}
        valued.expected_order_value,
        valued.expected_orders_90d * valued.expected_order_value as expected_revenue_90d,
        valued.value_score,
        cast(
            case when valued.value_score is not null then 1 end
            {% for place in range(1, 5) %}
            + case when valued.value_score >= valued.cut_point_{{ place }} then 1 else 0 end
            {% endfor %}
            as integer
        ) as value_tier,
        valued.model_version
    from customers
    left join valued on customers.user_sk = valued.user_sk
)

select * from final
