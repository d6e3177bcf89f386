{#- Grain: one moment (after the first, second, third, fifth, eighth, … event) of a session that has ended, of a
    customer of the sample in the 45 days before: what was known then, and whether a purchase came after it. Empty
    unless a fit is due. -#}

with

request as (
    select * from {{ ref('session_request') }}
    where is_due
),

visitors as (
    select distinct user_sessions.user_sk
    from {{ ref('user_sessions') }} as user_sessions
    inner join request on cast({{ clientele.local_time('user_sessions.started_at') }} as date) >= request.first_date
    where not user_sessions.is_bot and {{ clientele.may_be_profiled('user_sessions.user_sk') }}
),

sampled as (
    {{ clientele.sampled('visitors', [clientele.setting('sample_users'), 10000] | min) }}
),

history as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
),

sessions as (
    select history.*
    from history
    inner join request
        on
            cast({{ clientele.local_time('history.started_at') }} as date) >= request.first_date
            and history.ended_at < request.ended_before_at
    where not history.is_bot
),

sampled_events as (
    select events.*
    from {{ ref('events') }} as events
    inner join sampled on events.user_sk = sampled.user_sk
    inner join request on cast({{ clientele.local_time('events.event_at') }} as date) >= request.first_date
),

{{ clientele.prefix_ctes('sampled_events', 'sessions', 'history') }},

final as (
    select
        user_sk,
        session_sk,
        session_part,
        n_events,
        cast({{ clientele.local_time('started_at') }} as date) as session_date,
        {% for feature in clientele.session_features() %}
        {{ feature }},
        {% endfor %}
        cast(case when purchase_at is null then 0 else 1 end as integer) as is_bought
    from prefixes
    where
        n_events in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
        and (purchase_at is null or purchase_at > event_at)
)

select * from final
