{#- Grain: one user who may be profiled, from the first event on: what is to be expected of the user, as of the build.
    Without a model all but the user is empty. Late data: built whole in each run, as time passes for everybody. -#}
{% set horizons = clientele.value_horizons() %}

with

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

{{ clientele.value_score_ctes('customers', ['user_sk']) }},

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
