{#- Grain: one session of one user (user_sk, session_sk, session_part). Late data: all sessions of a touched user are
    built again from all of the user's events, so any order of files gives the same rows. -#}
-- depends_on: {{ ref('users') }}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('touched_days') }}
{{ config(materialized='incremental', incremental_strategy='touched_users', post_hook='{{ clientele.mark_load() }}') }}

with

{% if is_incremental() %}
touched_users as (
    select user_sk from {{ ref('users') }} where last_load_id > {{ clientele.taken_in() }}
),
{% endif %}

user_events as (
    select events.*
    from {{ ref('events') }} as events
    {% if is_incremental() %}
    inner join touched_users on events.user_sk = touched_users.user_sk
    {% endif %}
),

sessions as (
    {{ clientele.sessions('user_events') }}
)

select * from sessions
