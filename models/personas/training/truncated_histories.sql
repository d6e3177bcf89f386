{#- Grain: one user with a long history and one part of it, with the features that the user would have had if nothing
    else had happened: the first n events (as of the nth), the whole, and halves of it (odd and even sessions, earlier
    and later events). From it the study of short histories learns after how many events a persona is known. A first
    part is at most half of the history, so that the whole could have turned out otherwise.
    At most about 5,000 users, and only while a model waits for its study; empty otherwise. -#}
{% set n_parts = 32 %}

with

feature_values as (
    select *
    from {{ ref('user_feature_values') }}
    where
        {{ clientele.may_be_profiled('user_sk') }}
        and {{ 'true' if clientele.study_is_due(ref('segment_fits')) else 'false' }}
),

mature as (
    {{ clientele.mature_events('feature_values') }}
),

eligible as (
    select feature_values.user_sk
    from feature_values
    cross join mature
    where feature_values.n_events >= mature.n_events
),

sampled as (
    {{ clientele.sampled('eligible', 5000) }}
),

-- each part of each history is a user of its own to the macros below
numbered_users as (
    select
        user_sk,
        {{ n_parts }} * row_number() over (order by user_sk) as first_part_sk
    from sampled
),

numbered_sessions as (
    select
        user_sessions.user_sk,
        user_sessions.session_sk,
        user_sessions.started_at,
        user_sessions.ended_at,
        row_number() over (
            partition by user_sessions.user_sk
            order by user_sessions.started_at, user_sessions.session_sk, user_sessions.session_part
        ) as session_number
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
    where not user_sessions.is_bot
),

numbered_events as (
    select
        numbered_users.first_part_sk,
        events.session_sk,
        events.event_at,
        events.event_type,
        events.product_id,
        events.price,
        numbered_sessions.session_number,
        row_number() over (
            partition by events.user_sk
            order by events.event_at, events.session_sk, events.product_id, events.event_type, events.price
        ) as event_number,
        count(*) over (partition by events.user_sk) as n_events
    from {{ ref('events') }} as events
    inner join numbered_users on events.user_sk = numbered_users.user_sk
    inner join numbered_sessions
        on
            events.user_sk = numbered_sessions.user_sk
            and events.session_sk = numbered_sessions.session_sk
            and events.event_at >= numbered_sessions.started_at
            and events.event_at <= numbered_sessions.ended_at
),

parts as (
    {% for n_first in clientele.history_lengths() -%}
    select
        {{ loop.index }} as part_number,
        cast('first' as varchar(8)) as part,
        {{ n_first }} as n_first
    union all
    {% endfor -%}
    {% for half in ['odd', 'even', 'earlier', 'later'] -%}
    select
        {{ n_parts - loop.index }} as part_number,
        cast('{{ half }}' as varchar(8)) as part,
        cast(null as integer) as n_first
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

part_events as (
    select
        numbered_events.first_part_sk + parts.part_number as user_sk,
        numbered_events.session_sk,
        numbered_events.event_at,
        numbered_events.event_type,
        numbered_events.product_id,
        numbered_events.price
    from numbered_events
    inner join parts
        on
            (
                parts.part = 'first'
                and numbered_events.event_number <= parts.n_first
                and 2 * parts.n_first <= numbered_events.n_events
            )
            or (parts.part = 'odd' and mod(numbered_events.session_number, 2) = 1)
            or (parts.part = 'even' and mod(numbered_events.session_number, 2) = 0)
            or (parts.part = 'earlier' and 2 * numbered_events.event_number <= numbered_events.n_events)
            or (parts.part = 'later' and 2 * numbered_events.event_number > numbered_events.n_events)
),

part_sessions as (
    {{ clientele.sessions('part_events') }}
),

-- without parts that look like a bot's so far
windows as (
    select
        user_sk,
        max(ended_at) as ends_at,
        sum(n_events) as n_events
    from part_sessions
    group by user_sk
    having max(case when is_bot then 1 else 0 end) = 0
),

{{ clientele.user_feature_ctes('windows', 'part_sessions', 'part_events') }},

first_parts_and_halves as (
    select
        numbered_users.user_sk,
        parts.part,
        cast(windows.n_events as bigint) as n_events,
        mature.n_events as mature_events,
        {% for feature in clientele.feature_names() %}
        user_features_as_of.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from user_features_as_of
    inner join windows on user_features_as_of.user_sk = windows.user_sk
    inner join parts on mod(user_features_as_of.user_sk, {{ n_parts }}) = parts.part_number
    inner join numbered_users
        on user_features_as_of.user_sk - mod(user_features_as_of.user_sk, {{ n_parts }}) = numbered_users.first_part_sk
    cross join mature
),

whole as (
    select
        feature_values.user_sk,
        cast('whole' as varchar(8)) as part,
        feature_values.n_events,
        mature.n_events as mature_events,
        {% for feature in clientele.feature_names() %}
        feature_values.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from feature_values
    inner join sampled on feature_values.user_sk = sampled.user_sk
    cross join mature
),

final as (
    select * from whole
    union all
    select * from first_parts_and_halves
)

select * from final
