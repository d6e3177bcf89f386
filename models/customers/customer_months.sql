{#- Grain: one user and calendar month with a session that is not a bot's: what the user did in it, what was known of
    the user at its last event, and the features then. In the user's last month they are empty: user_feature_values
    has them, and so nothing is worked out twice. Late data: rebuilt for the same users as user_feature_values. -#}
-- depends_on: {{ ref('users') }}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('retention') }}
{{ config(
    materialized='incremental',
    incremental_strategy='touched_users',
    post_hook=[
        '{{ clientele.mark_load() }}',
        "delete from {{ this }} where user_sk not in (select user_sk from {{ ref('user_feature_values') }})"
    ]
) }}

with

{{ clientele.profile_ctes() }},

human_sessions as (
    select
        user_sessions.*,
        cast({{ dbt.date_trunc('month', 'user_sessions.ended_at') }} as date) as month_date
    from {{ ref('user_sessions') }} as user_sessions
    inner join profiles on user_sessions.user_sk = profiles.user_sk
    where not user_sessions.is_bot
),

months as (
    select
        user_sk,
        month_date,
        count(*) as n_sessions,
        sum(n_events) as n_events,
        sum(case when n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(revenue) as revenue,
        min(started_at) as first_event_at,
        max(ended_at) as last_event_at,
        max(case when n_purchases > 0 then ended_at end) as last_order_at
    from human_sessions
    group by user_sk, month_date
),

histories as (
    select
        months.*,
        {% for name, sum in {
            'n_events_so_far': 'sum(months.n_events)', 'n_orders_so_far': 'sum(months.n_orders)',
            'first_event_so_far_at': 'min(months.first_event_at)', 'last_order_so_far_at': 'max(months.last_order_at)',
        }.items() %}
        {{ sum }} over (
            partition by months.user_sk order by months.month_date rows between unbounded preceding and current row
        ) as {{ name }},
        {% endfor %}
        lead(months.month_date) over (partition by months.user_sk order by months.month_date) as next_month_date
    from months
),

subjects as (
    select
        histories.user_sk,
        histories.month_date,
        histories.last_event_at,
        cast(row_number() over (order by histories.user_sk, histories.month_date) as bigint) as subject_sk
    from histories
    where histories.next_month_date is not null
),

returning_users as (
    select distinct user_sk from subjects
),

{{ clientele.subject_feature_ctes('subjects', 'human_sessions', users='returning_users') }},

final as (
    select
        histories.user_sk,
        histories.month_date,
        cast(histories.n_sessions as bigint) as n_sessions,
        cast(histories.n_events as bigint) as n_events,
        cast(histories.n_orders as bigint) as n_orders,
        cast(histories.revenue as decimal(28, 4)) as revenue,
        cast(histories.n_events_so_far as bigint) as n_events_so_far,
        cast(histories.n_orders_so_far as bigint) as n_orders_so_far,
        histories.first_event_so_far_at as first_event_at,
        histories.last_event_at,
        histories.last_order_so_far_at as last_order_at,
        coalesce(histories.next_month_date is null, false) as is_last_month,
        {% for feature in clientele.feature_names() %}
        user_features_as_of.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from histories
    left join subjects on histories.user_sk = subjects.user_sk and histories.month_date = subjects.month_date
    left join user_features_as_of on subjects.subject_sk = user_features_as_of.user_sk
)

select * from final
