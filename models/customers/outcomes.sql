{#- Grain: one user and origin of core.moments: what the user did in the thirty days after. Empty columns say that
    nothing was seen, as the price level of who did not come. Late data: built whole in each run that needs it. -#}

with

origins as (
    select
        user_sk,
        origin_at,
        {{ dbt.dateadd('day', 30, 'origin_at') }} as observed_until
    from {{ ref('moments') }}
    where kind = 'origin'
),

chosen_users as (
    select distinct user_sk from origins
),

{{ clientele.human_event_ctes('chosen_users') }},

local_sessions as (
    select
        sessions.*,
        cast({{ clientele.local_time('sessions.started_at') }} as date) as local_date,
        extract(dow from {{ clientele.local_time('sessions.started_at') }}) as day_of_week,
        extract(hour from {{ clientele.local_time('sessions.started_at') }}) as hour_of_day
    from {{ ref('user_sessions') }} as sessions
    inner join chosen_users on sessions.user_sk = chosen_users.user_sk
    where not sessions.is_bot
),

next_sessions as (
    select
        sessions.user_sk,
        origins.origin_at,
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
    inner join origins
        on
            sessions.user_sk = origins.user_sk
            and sessions.started_at >= origins.origin_at
            and sessions.started_at < origins.observed_until
    group by sessions.user_sk, origins.origin_at
),

next_products as (
    select
        human_events.user_sk,
        origins.origin_at,
        {{ clientele.double('count(*)') }} as n_events,
        {{ clientele.double('sum(' ~ clientele.exact('product_taxonomy.price_z') ~ ')') }} as sum_price_z,
        {{ clientele.double('sum(case when product_taxonomy.family_rank = 1 then 1 else 0 end)') }} as n_family_1_events
    from human_events
    inner join {{ ref('product_taxonomy') }} as product_taxonomy
        on human_events.product_id = product_taxonomy.product_id
    inner join origins
        on
            human_events.user_sk = origins.user_sk
            and human_events.event_at >= origins.origin_at
            and human_events.event_at < origins.observed_until
    group by human_events.user_sk, origins.origin_at
),

final as (
    select
        origins.user_sk,
        cast(origins.origin_at as date) as origin_date,
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
    from origins
    left join next_sessions on origins.user_sk = next_sessions.user_sk and origins.origin_at = next_sessions.origin_at
    left join next_products on origins.user_sk = next_products.user_sk and origins.origin_at = next_products.origin_at
)

select * from final
