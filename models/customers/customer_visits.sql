{#- Grain: one user with at least one session that is not a bot's: all that the models of value know of the user. A
    visit is a day with such a session, in the shop's local time. Late data: rebuilt for touched users. -#}
-- depends_on: {{ ref('users') }}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('retention') }}
{{ config(
    materialized='incremental',
    incremental_strategy='touched_users',
    post_hook=['{{ clientele.mark_load() }}', '{{ clientele.forget_inactive_profiles() }}']
) }}

with

{% if is_incremental() %}
touched_users as (
    select user_sk from {{ ref('users') }} where last_load_id > {{ clientele.taken_in() }}
),

{% endif %}
sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    {% if is_incremental() %}
    inner join touched_users on user_sessions.user_sk = touched_users.user_sk
    {% endif %}
),

visits as (
    {{ clientele.customer_days('sessions') }}
),

final as (
    select
        user_sk,
        {{ clientele.visit_sums() }},
        max(last_event_at) as last_event_at
    from visits
    group by user_sk
)

select * from final
