{#- Grain: one user as of one moment, or one part of the user's history: what features_as_of works out features for.
    kind `origin`: as of a day 30, 60 or 90 days before the end of the newest one, each with at least thirty days of
    history. kind `half`: the earlier and the later half of the user's sessions. kind `part`: the first n events, odd
    and even sessions, earlier and later events of a long history. Origins and halves are there when a fit is due,
    parts when a study of short histories is; else none. Late data: built whole in each run that needs it. -#}
{% set origins = [1, 2, 3] %}

with

origins as (
    {% for number in origins -%}
    select
        {{ number }} as origin_number,
        cast({{ dbt.dateadd('day', 1 - 30 * number, 'last_date') }} as timestamp) as origin_at
    from {{ ref('as_of') }}
    where
        -- the first and the last day count both
        {{ dbt.datediff('first_date', 'last_date', 'day') }} + 1 >= 30 * {{ number + 1 }}
        and {{ 'true' if clientele.fit_is_due() else 'false' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

profiled as (
    select user_sk, n_events
    from {{ ref('user_feature_values') }}
    where {{ clientele.may_be_profiled('user_sk') }} and {{ 'true' if clientele.study_is_due() else 'false' }}
),

-- who had enough events at an origin has enough now
eligible as (
    select user_sk from profiled where n_events >= {{ clientele.setting('fit_min_events') }}
),

seen_at_origins as (
    {{ clientele.sampled('eligible', 60000) }}
),

-- A session that runs on after an origin is in neither side of it.
origin_moments as (
    select
        sessions.user_sk,
        cast('origin' as varchar(8)) as kind,
        cast('whole' as varchar(8)) as part,
        origins.origin_number as part_number,
        origins.origin_at,
        max(sessions.ended_at) as ends_at
    from {{ ref('user_sessions') }} as sessions
    inner join seen_at_origins on sessions.user_sk = seen_at_origins.user_sk
    inner join origins on sessions.ended_at < origins.origin_at
    where not sessions.is_bot
    group by sessions.user_sk, origins.origin_number, origins.origin_at
    having sum(sessions.n_events) >= {{ clientele.setting('fit_min_events') }}
),

split_in_halves as (
    {{ clientele.sampled('eligible', 20000) }}
),

mature as (
    {{ clientele.mature_events('profiled') }}
),

long_histories as (
    select profiled.user_sk
    from profiled
    cross join mature
    where profiled.n_events >= mature.n_events
),

cut_to_parts as (
    {{ clientele.sampled('long_histories', 5000) }}
),

parts as (
    {% for half in ['earlier', 'later'] -%}
    select user_sk, 'half' as kind, '{{ half }}' as part, {{ loop.index }} as part_number
    from split_in_halves
    where {{ 'true' if clientele.fit_is_due() else 'false' }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
    {% for n_first in clientele.history_lengths() -%}
    union all
    select user_sk, 'part' as kind, 'first' as part, {{ n_first }} as part_number from cut_to_parts
    {% endfor -%}
    {% for half in ['odd', 'even', 'earlier', 'later'] -%}
    union all
    select user_sk, 'part' as kind, '{{ half }}' as part, {{ 1000 + loop.index }} as part_number from cut_to_parts
    {% endfor %}
),

together as (
    select user_sk, kind, part, part_number, origin_at, ends_at from origin_moments
    union all
    select
        user_sk,
        cast(kind as varchar(8)) as kind,
        cast(part as varchar(8)) as part,
        part_number,
        cast(null as timestamp) as origin_at,
        cast(null as timestamp) as ends_at
    from parts
),

final as (
    select
        cast(row_number() over (order by user_sk, kind, part_number) as bigint) as moment_sk,
        user_sk,
        kind,
        part,
        cast(part_number as integer) as part_number,
        origin_at,
        ends_at
    from together
)

select * from final
