{#- Grain: one user of a sample and one origin, a day: the features then, made from what had happened by then, the
    lifecycle state then, and the behaviour in the thirty days after. Origins lie 30, 60 and 90 days before the end of
    the newest day, each with at least thirty days of history, so that what is learnt at one can be tested at the next.
    Only when a fit is due and the history has sixty days; empty otherwise. -#}
{% set origins = [1, 2, 3] %}

with

origins as (
    {% for number in origins -%}
    select
        {{ number }} as origin_number,
        cast({{ dbt.dateadd('day', 1 - 30 * number, 'last_date') }} as timestamp) as origin_at,
        cast({{ dbt.dateadd('day', 31 - 30 * number, 'last_date') }} as timestamp) as observed_until
    from {{ ref('as_of') }}
    where
        {{ dbt.datediff('first_date', 'last_date', 'day') }} >= 30 * {{ number + 1 }}
        and {{ 'true' if clientele.fit_is_due() else 'false' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- who had enough events at an origin has enough now
eligible as (
    select feature_values.user_sk
    from {{ ref('user_feature_values') }} as feature_values
    where
        feature_values.n_events >= {{ clientele.setting('fit_min_events') }}
        and {{ clientele.may_be_profiled('feature_values.user_sk') }}
        and exists (select 1 from origins)
),

sampled as (
    {{ clientele.sampled('eligible', 60000) }}
),

sampled_sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
    where not user_sessions.is_bot
),

-- A session that runs on after an origin is in neither side of it.
histories as (
    select
        sessions.user_sk,
        origins.origin_number,
        origins.origin_at,
        sum(sessions.n_events) as n_events,
        sum(case when sessions.n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(sessions.revenue) as revenue,
        min(sessions.started_at) as first_event_at,
        max(sessions.ended_at) as last_event_at
    from sampled_sessions as sessions
    inner join origins on sessions.ended_at < origins.origin_at
    group by sessions.user_sk, origins.origin_number, origins.origin_at
    having sum(sessions.n_events) >= {{ clientele.setting('fit_min_events') }}
),

-- A user at an origin.
subjects as (
    select
        histories.*,
        histories.user_sk * {{ origins | length + 1 }} + histories.origin_number as subject_sk
    from histories
),

{{ clientele.subject_feature_ctes('subjects', 'sampled_sessions', users='sampled') }},

local_sessions as (
    select
        sampled_sessions.*,
        cast({{ clientele.local_time('sampled_sessions.started_at') }} as date) as local_date,
        extract(dow from {{ clientele.local_time('sampled_sessions.started_at') }}) as day_of_week,
        extract(hour from {{ clientele.local_time('sampled_sessions.started_at') }}) as hour_of_day
    from sampled_sessions
),

next_sessions as (
    select
        sessions.user_sk,
        origins.origin_number,
        {{ clientele.double('count(*)') }} as n_sessions,
        {{ clientele.double('count(distinct sessions.local_date)') }} as n_days,
        {{ clientele.double('sum(sessions.n_events)') }} as n_events,
        {{ clientele.double('sum(sessions.n_carts)') }} as n_carts,
        {{ clientele.double('sum(sessions.n_purchases)') }} as n_purchases,
        {{ clientele.double('sum(sessions.revenue)') }} as revenue,
        {{ clientele.double('sum(case when sessions.day_of_week in (0, 6) then 1 else 0 end)') }} as n_weekend_sessions,
        {{ clientele.double('sum(case when sessions.hour_of_day between 18 and 22 then 1 else 0 end)') }}
            as n_evening_sessions
    from local_sessions as sessions
    inner join origins on sessions.started_at >= origins.origin_at and sessions.started_at < origins.observed_until
    group by sessions.user_sk, origins.origin_number
),

next_products as (
    select
        human_events.user_sk,
        origins.origin_number,
        {{ clientele.double('count(*)') }} as n_events,
        {{ clientele.double('sum(' ~ clientele.exact('product_taxonomy.price_z') ~ ')') }} as sum_price_z,
        {{ clientele.double('sum(case when product_taxonomy.family_rank = 1 then 1 else 0 end)') }} as n_family_1_events
    from human_events
    inner join {{ ref('product_taxonomy') }} as product_taxonomy
        on human_events.product_id = product_taxonomy.product_id
    inner join origins
        on human_events.event_at >= origins.origin_at and human_events.event_at < origins.observed_until
    group by human_events.user_sk, origins.origin_number
),

final as (
    select
        subjects.user_sk,
        cast(subjects.origin_at as date) as origin_date,
        {{ clientele.lifecycle_state('subjects.origin_at') }} as lifecycle_state,
        {{ dbt.datediff('subjects.last_event_at', 'subjects.origin_at', 'day') }} as recency_days,
        cast(subjects.n_events as bigint) as n_events,
        cast(subjects.n_orders as bigint) as n_orders,
        {{ clientele.double('subjects.revenue') }} as revenue,
        {% for feature in clientele.feature_names() %}
        user_features_as_of.{{ feature }},
        {% endfor %}
        case when next_sessions.user_sk is null then 0 else 1 end as outcome_visit,
        ln(1 + coalesce(next_sessions.n_days, 0)) as outcome_days_ln,
        ln(1 + coalesce(next_sessions.n_events, 0)) as outcome_events_ln,
        ln(1 + coalesce(next_sessions.n_carts, 0)) as outcome_carts_ln,
        case when next_sessions.n_purchases > 0 then 1 else 0 end as outcome_purchase,
        ln(1 + coalesce(next_sessions.revenue, 0)) as outcome_revenue_ln,
        next_products.sum_price_z / next_products.n_events as outcome_price_level,
        next_products.n_family_1_events / next_products.n_events as outcome_family_1_share,
        next_sessions.n_weekend_sessions / next_sessions.n_sessions as outcome_weekend_share,
        next_sessions.n_evening_sessions / next_sessions.n_sessions as outcome_evening_share
    from subjects
    inner join user_features_as_of on subjects.subject_sk = user_features_as_of.user_sk
    left join next_sessions
        on subjects.user_sk = next_sessions.user_sk and subjects.origin_number = next_sessions.origin_number
    left join next_products
        on subjects.user_sk = next_products.user_sk and subjects.origin_number = next_products.origin_number
)

select * from final
