{#- Grain: one user as of one day, thirty days before the newest data: the features then, and the behaviour in the month
    after, which the fit may be guided by. Made from the events before that day alone. Only when a fit is due and the
    history has sixty days; empty otherwise. -#}
{% set local_event_at = clientele.local_time('events.event_at') %}
{% set is_weekend = 'extract(dow from ' ~ local_event_at ~ ') in (0, 6)' %}
{% set is_evening = 'extract(hour from ' ~ local_event_at ~ ') between 18 and 22' %}

with

origin as (
    select {{ dbt.dateadd('day', -30, 'as_of_at') }} as origin_at
    from {{ ref('as_of') }}
    where
        {{ dbt.datediff('first_date', 'last_date', 'day') }} >= 60
        and {{ 'true' if clientele.fit_is_due() else 'false' }}
),

everyone as (
    select customers.user_sk from {{ ref('users') }} as customers cross join origin
),

sampled as (
    {{ clientele.sampled('everyone', 200000) }}
),

past_events as (
    select events.*
    from {{ ref('events') }} as events
    inner join sampled on events.user_sk = sampled.user_sk
    cross join origin
    where events.event_at < origin.origin_at
),

past_sessions as (
    {{ clientele.sessions('past_events') }}
),

human_sessions as (
    select * from past_sessions where not is_bot
),

bot_sessions as (
    select distinct user_sk, session_sk from past_sessions where is_bot
),

windows as (
    select
        user_sk,
        {{ dbt.dateadd('day', -clientele.setting('window_days'), 'max(ended_at)') }} as starts_after,
        max(ended_at) as ends_at
    from human_sessions
    group by user_sk
    having sum(n_events) >= {{ clientele.setting('min_events') }}
),

eligible_sessions as (
    select human_sessions.*
    from human_sessions
    inner join windows on human_sessions.user_sk = windows.user_sk
),

human_events as (
    select past_events.user_sk, past_events.event_at, past_events.event_type, past_events.product_id
    from past_events
    left join bot_sessions
        on past_events.user_sk = bot_sessions.user_sk and past_events.session_sk = bot_sessions.session_sk
    where bot_sessions.user_sk is null
),

{{ clientele.user_feature_ctes('windows', 'eligible_sessions', 'human_events') }},

next_month as (
    select
        events.user_sk,
        count(distinct cast(events.event_at as date)) as n_days,
        count(*) as n_events,
        sum(case when events.event_type = 'cart' then 1 else 0 end) as n_carts,
        sum(case when events.event_type = 'purchase' then 1 else 0 end) as n_purchases,
        sum(case when events.event_type = 'purchase' then events.price else 0 end) as revenue,
        {{ clientele.double('sum(' ~ clientele.exact('product_taxonomy.price_z') ~ ')') }} / count(*) as price_level,
        {{ clientele.double('sum(case when product_taxonomy.family_rank = 1 then 1 else 0 end)') }}
        / count(*) as family_1_share,
        {{ clientele.double('sum(case when ' ~ is_weekend ~ ' then 1 else 0 end)') }} / count(*) as weekend_share,
        {{ clientele.double('sum(case when ' ~ is_evening ~ ' then 1 else 0 end)') }} / count(*) as evening_share
    from {{ ref('events') }} as events
    inner join windows on events.user_sk = windows.user_sk
    inner join {{ ref('product_taxonomy') }} as product_taxonomy on events.product_id = product_taxonomy.product_id
    cross join origin
    where events.event_at >= origin.origin_at
    group by events.user_sk
),

final as (
    select
        cast(origin.origin_at as date) as as_of,
        user_features_as_of.*,
        case when next_month.user_sk is null then 0 else 1 end as outcome_visit,
        ln(1 + {{ clientele.double('coalesce(next_month.n_days, 0)') }}) as outcome_days_ln,
        ln(1 + {{ clientele.double('coalesce(next_month.n_events, 0)') }}) as outcome_events_ln,
        ln(1 + {{ clientele.double('coalesce(next_month.n_carts, 0)') }}) as outcome_carts_ln,
        case when next_month.n_purchases > 0 then 1 else 0 end as outcome_purchase,
        ln(1 + {{ clientele.double('coalesce(next_month.revenue, 0)') }}) as outcome_revenue_ln,
        next_month.price_level as outcome_price_level,
        next_month.family_1_share as outcome_family_1_share,
        next_month.weekend_share as outcome_weekend_share,
        next_month.evening_share as outcome_evening_share
    from user_features_as_of
    cross join origin
    left join next_month on user_features_as_of.user_sk = next_month.user_sk
)

select * from final
