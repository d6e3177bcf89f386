{#- Grain: one user with at least one session that is not a bot's. The window ends at the user's own last event, so
    the features of a user without new events stay as they are. Late data: rebuilt for touched users, for users of a
    product whose family, brand or price level has changed, and for all when the priors have. -#}
-- depends_on: {{ ref('users') }}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('retention') }}
-- depends_on: {{ ref('user_keys') }}
-- depends_on: {{ ref('profiling_objections') }}
{{ config(
    materialized='incremental',
    incremental_strategy='touched_users',
    post_hook=[
        '{{ clientele.mark_load() }}',
        '{{ clientele.forget_inactive_profiles() }}',
        '{{ clientele.forget_objectors() }}',
        '{{ clientele.forget_users_without_events() }}',
        after_commit('{{ clientele.forget_keys_without_users() }}')
    ]
) }}

with

{% if is_incremental() %}
touched_users as (
    {{ clientele.users_with_other_features() }}
),

{% endif %}
human_sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    {% if is_incremental() %}
    inner join touched_users on user_sessions.user_sk = touched_users.user_sk
    {% endif %}
    where not user_sessions.is_bot
),

{{ clientele.human_event_ctes(users='touched_users' if is_incremental() else none) }},

lifetimes as (
    select
        user_sk,
        sum(n_events) as n_events,
        count(*) as n_sessions,
        sum(case when n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(n_carts) as n_carts,
        sum(revenue) as revenue,
        min(started_at) as first_event_at,
        max(ended_at) as last_event_at,
        max(case when n_purchases > 0 then ended_at end) as last_order_at
    from human_sessions
    group by user_sk
),

windows as (
    select
        user_sk,
        last_event_at as ends_at
    from lifetimes
),

{{ clientele.user_feature_ctes('windows', 'human_sessions', 'human_events') }},

final as (
    select
        lifetimes.user_sk,
        cast(lifetimes.n_events as bigint) as n_events,
        cast(lifetimes.n_sessions as bigint) as n_sessions,
        cast(lifetimes.n_orders as bigint) as n_orders,
        cast(lifetimes.n_carts as bigint) as n_carts,
        cast(lifetimes.revenue as decimal(28, 4)) as revenue,
        lifetimes.first_event_at,
        lifetimes.last_event_at,
        lifetimes.last_order_at,
        {% for feature in clientele.feature_names() %}
        user_features_as_of.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from lifetimes
    inner join user_features_as_of on lifetimes.user_sk = user_features_as_of.user_sk
)

select * from final
