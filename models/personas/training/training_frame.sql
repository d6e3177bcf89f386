{#- Grain: one user of a sample and one origin, a day: the features and the lifecycle state then, made from what had
    happened by then, and the behaviour in the thirty days after: what is learnt at one origin is tested at the next.
    Only when a fit is due and the history has sixty days; empty otherwise. A view over customers' moments. -#}
{{ config(materialized='view') }}

with

subjects as (
    select * from {{ ref('features_as_of') }} where kind = 'origin'
),

outcomes as (
    select * from {{ ref('outcomes') }}
),

origin_values as (
    select user_sk, origin_date, value_score from {{ ref('origin_values') }}
),

final as (
    select
        subjects.user_sk,
        outcomes.origin_date,
        {{ clientele.lifecycle_state('subjects.origin_at') }} as lifecycle_state,
        {{ dbt.datediff('subjects.last_event_at', 'subjects.origin_at', 'day') }} as recency_days,
        subjects.n_events,
        subjects.n_orders,
        subjects.revenue,
        origin_values.value_score,
        {% for feature in clientele.feature_names() %}
        subjects.{{ feature }},
        {% endfor %}
        outcomes.outcome_visit,
        outcomes.outcome_days_ln,
        outcomes.outcome_events_ln,
        outcomes.outcome_carts_ln,
        outcomes.outcome_purchase,
        outcomes.outcome_revenue_ln,
        outcomes.outcome_price_level,
        outcomes.outcome_family_1_share,
        outcomes.outcome_weekend_share,
        outcomes.outcome_evening_share
    from subjects
    inner join outcomes
        on subjects.user_sk = outcomes.user_sk and cast(subjects.origin_at as date) = outcomes.origin_date
    left join origin_values
        on outcomes.user_sk = origin_values.user_sk and outcomes.origin_date = origin_values.origin_date
)

select * from final
