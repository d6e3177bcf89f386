{#- Grain: one share of the features: what is usual in the shop, and the weight of it, in trials. From the reference
    window alone, as it was at its end: sessions are those of its events, a bot is who looked like one by then. Pinned,
    so that new data moves nobody's features; late data in those days builds it, and with it all features, again. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='all_or_nothing', post_hook='{{ clientele.mark_load() }}') }}
{% set shares = clientele.feature_shares() %}

with

newest_load as (
    select {{ clientele.newest_load() }} as load_id
),

reference as (
    {{ clientele.reference_window() }}
),

reference_events as (
    select
        events.user_sk,
        events.session_sk,
        events.product_id,
        events.event_at,
        events.event_type,
        events.price,
        events.quantity
    from {{ ref('events') }} as events
    cross join reference
    where
        events.event_at >= reference.starts_on
        and events.event_at < reference.ends_before
),

reference_users as (
    select distinct user_sk from reference_events
),

sampled as (
    {{ clientele.sampled('reference_users', 50000) }}
),

sampled_events as (
    select reference_events.*
    from reference_events
    inner join sampled on reference_events.user_sk = sampled.user_sk
),

reference_sessions as (
    {{ clientele.sessions('sampled_events') }}
),

human_sessions as (
    select * from reference_sessions where not is_bot
),

bot_sessions as (
    select distinct user_sk, session_sk from reference_sessions where is_bot
),

human_events as (
    select sampled_events.user_sk, sampled_events.event_at, sampled_events.event_type, sampled_events.product_id
    from sampled_events
    left join bot_sessions
        on sampled_events.user_sk = bot_sessions.user_sk and sampled_events.session_sk = bot_sessions.session_sk
    where bot_sessions.user_sk is null
),

windows as (
    select user_sk, max(ended_at) as ends_at
    from human_sessions
    group by user_sk
),

{{ clientele.session_sum_ctes('windows', 'human_sessions') }},

{{ clientele.product_sum_ctes('human_events') }},

{{ clientele.user_sum_ctes() }},

{{ clientele.prior_moment_ctes('user_sums') }},

-- what a shop of fewer than fifty such users gets
fallbacks as (
    {% for share, of in shares.items() -%}
    select
        cast('{{ share }}' as varchar(32)) as share_name,
        {{ clientele.double(of.a / (of.a + of.b)) }} as prior_rate,
        {{ clientele.double(of.a + of.b) }} as prior_strength
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        fallbacks.share_name,
        case when prior_moments.n_users >= 50 then prior_moments.prior_rate else fallbacks.prior_rate end as prior_rate,
        case
            when prior_moments.n_users >= 50
                then coalesce(prior_moments.prior_strength, fallbacks.prior_strength)
            else fallbacks.prior_strength
        end as prior_strength,
        cast(coalesce(prior_moments.n_users, 0) as bigint) as n_users,
        newest_load.load_id
    from fallbacks
    cross join reference
    cross join newest_load
    left join prior_moments on fallbacks.share_name = prior_moments.share_name
)

select * from final
