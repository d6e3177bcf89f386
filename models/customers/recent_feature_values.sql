{#- Grain: one user whose history is longer than change_days: the features of the last change_days before the user's
    own last event alone, so that a new habit is seen before it outweighs the window. Late data: rebuilt for the same
    users as user_feature_values. -#}
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
{%- set recent_start = dbt.dateadd('day', -clientele.setting('change_days'), 'feature_values.last_event_at') %}

with

{{ clientele.profile_ctes() }},

-- of who came later the last days are all there is
histories as (
    select
        profiles.user_sk,
        feature_values.last_event_at as ends_at,
        {{ recent_start }} as starts_after
    from profiles
    inner join {{ ref('user_feature_values') }} as feature_values on profiles.user_sk = feature_values.user_sk
    where feature_values.first_event_at <= {{ recent_start }}
),

recent_sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join histories
        on user_sessions.user_sk = histories.user_sk and user_sessions.started_at > histories.starts_after
    where not user_sessions.is_bot
),

{{ clientele.human_event_ctes('histories') }},

recent_events as (
    select human_events.*
    from human_events
    inner join histories
        on human_events.user_sk = histories.user_sk and human_events.event_at > histories.starts_after
),

windows as (
    select
        user_sk,
        max(ended_at) as ends_at,
        sum(n_events) as n_events
    from recent_sessions
    group by user_sk
),

{{ clientele.user_feature_ctes('windows', 'recent_sessions', 'recent_events') }},

final as (
    select
        windows.user_sk,
        cast(windows.n_events as bigint) as n_events,
        {% for feature in clientele.feature_names() %}
        user_features_as_of.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from windows
    inner join user_features_as_of on windows.user_sk = user_features_as_of.user_sk
)

select * from final
