{#- Breaks when a session id was cut where there was no pause, or a part is missing: then one visit counts as several.
    Not a look for pauses inside a session, which would sort all events; the unit tests of user_sessions have those. -#}
with

parts as (
    select user_sk, session_sk, session_part, started_at, ended_at from {{ ref('user_sessions') }}
),

later_parts as (
    select * from parts where session_part > 1
),

misplaced as (
    select later_parts.user_sk, later_parts.session_sk, later_parts.session_part
    from later_parts
    left join parts as earlier_parts
        on
            later_parts.user_sk = earlier_parts.user_sk
            and later_parts.session_sk = earlier_parts.session_sk
            and later_parts.session_part = earlier_parts.session_part + 1
    where
        earlier_parts.user_sk is null
        or {{ clientele.seconds_between('earlier_parts.ended_at', 'later_parts.started_at') }}
        <= {{ clientele.setting('session_gap_minutes') }} * 60
)

select * from misplaced
