{#- Grain: one user of the sample and one origin: what was known of the user at the end of that day, and what was
    ordered in the 30 days after it. The origins are the day of the build, and those 30, 60 and 90 days before it, for a
    fifth of a large sample: a forecast of then can be held against what came. Only when a fit is due; empty
    otherwise. -#}
{% set sample_users = clientele.setting('sample_users') %}

with

eligible as (
    select user_sk
    from {{ ref('customer_visits') }}
    where
        {{ 'true' if clientele.fit_is_due('value_fit_fields', 'constants') else 'false' }}
        and {{ clientele.may_be_profiled('user_sk') }}
),

sampled as (
    {{ clientele.sampled('eligible', sample_users) }}
),

-- a part of `sampled`: both take those with the smallest numbers
looked_back_at as (
    {{ clientele.sampled('eligible', [sample_users, 60000] | min) }}
),

origins as (
    {% for days_back in [0, 30, 60, 90] -%}
    select
        {{ days_back }} as days_back,
        cast({{ dbt.dateadd('day', -days_back, 'as_of_date') }} as date) as origin_date,
        cast({{ dbt.dateadd('day', 30 - days_back, 'as_of_date') }} as date) as outcome_date
    from {{ ref('value_request') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
),

visits as (
    {{ clientele.customer_days('sessions') }}
),

user_origins as (
    select sampled.user_sk, origins.days_back, origins.origin_date, origins.outcome_date
    from sampled
    cross join origins
    left join looked_back_at on sampled.user_sk = looked_back_at.user_sk
    where origins.days_back = 0 or looked_back_at.user_sk is not null
),

known as (
    select
        visits.user_sk,
        user_origins.days_back,
        user_origins.origin_date,
        {{ clientele.visit_sums() }}
    from visits
    inner join user_origins on visits.user_sk = user_origins.user_sk
    where visits.visit_date <= user_origins.origin_date
    group by visits.user_sk, user_origins.days_back, user_origins.origin_date
),

outcomes as (
    select
        visits.user_sk,
        user_origins.days_back,
        sum(visits.n_orders) as n_orders
    from visits
    inner join user_origins on visits.user_sk = user_origins.user_sk
    where
        user_origins.days_back > 0
        and visits.visit_date > user_origins.origin_date
        and visits.visit_date <= user_origins.outcome_date
    group by visits.user_sk, user_origins.days_back
),

final as (
    select
        known.user_sk,
        cast(known.days_back as integer) as days_back,
        known.n_visits,
        known.n_ordering_visits,
        known.n_orders,
        known.revenue,
        cast({{ dbt.datediff('known.first_visit_date', 'known.last_visit_date', 'day') }} as integer) as recency_days,
        cast({{ dbt.datediff('known.first_visit_date', 'known.origin_date', 'day') }} as integer) as age_days,
        cast(case when known.days_back > 0 then coalesce(outcomes.n_orders, 0) end as bigint) as orders_after
    from known
    left join outcomes on known.user_sk = outcomes.user_sk and known.days_back = outcomes.days_back
)

select * from final
