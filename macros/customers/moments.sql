{#- Moments: which there are, and what each knows of its user: the sessions and events that features_as_of reads. -#}

{% macro history_lengths() %}
    {#- The numbers of events to which long histories are cut. -#}
    {{ return([1, 2, 3, 5, 8, 10, 15, 20, 25, 40, 80]) }}
{% endmacro %}


{% macro mature_events(feature_values) %}
    {#- From how many events on a history counts as long: one row, n_events. 80; 40 in a shop with fewer than 300 users
        of 80 events; no number (nothing can be measured) with fewer than 300 of 40. -#}
    select
        case
            {% for bar in [80, 40] -%}
            when sum(case when n_events >= {{ bar }} then 1 else 0 end) >= 300 then {{ bar }}
            {% endfor -%}
        end as n_events
    from {{ feature_values }}
{% endmacro %}


{% macro moment_history_ctes() %}
    {#- CTEs that end in `moment_sessions` (rows of core.user_sessions), `moment_events` (rows of core.events) and `windows`,
        each under the moment's own key in the column user_sk, so that one pass gives the features of all moments. -#}
moments as (
    select * from {{ ref('moments') }}
),

moment_users as (
    select distinct user_sk from moments
),

known_sessions as (
    select
        user_sessions.*,
        row_number() over (
            partition by user_sessions.user_sk
            order by user_sessions.started_at, user_sessions.session_sk, user_sessions.session_part
        ) as session_number,
        count(*) over (partition by user_sessions.user_sk) as n_user_sessions
    from {{ ref('user_sessions') }} as user_sessions
    inner join moment_users on user_sessions.user_sk = moment_users.user_sk
    where not user_sessions.is_bot
),

{{ clientele.human_event_ctes('moment_users') }},

whole_sessions as (
    select
        moments.moment_sk as user_sk,
        moments.user_sk as known_user_sk,
        moments.kind,
        {% for column in clientele.session_columns() %}
        known_sessions.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from known_sessions
    inner join moments
        on
            known_sessions.user_sk = moments.user_sk
            and (
                (moments.kind = 'origin' and known_sessions.ended_at <= moments.ends_at)
                or (
                    moments.kind = 'half'
                    and (moments.part = 'earlier')
                    = (2 * known_sessions.session_number <= known_sessions.n_user_sessions)
                )
            )
),

{{ clientele.history_part_ctes() }},

moment_sessions as (
    {% for source in ['whole_sessions', 'part_sessions'] -%}
    select
        user_sk,
        {% for column in clientele.session_columns() %}
        {{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ source }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

moment_events as (
    select moments.moment_sk as user_sk, human_events.event_at, human_events.event_type, human_events.product_id
    from human_events
    inner join moments
        on human_events.user_sk = moments.user_sk and moments.kind = 'origin' and human_events.event_at <= moments.ends_at
    union all
    select whole_sessions.user_sk, events.event_at, events.event_type, events.product_id
    from {{ ref('events') }} as events
    inner join whole_sessions
        on
            whole_sessions.kind = 'half'
            and events.user_sk = whole_sessions.known_user_sk
            and events.session_sk = whole_sessions.session_sk
            and events.event_at >= whole_sessions.started_at
            and events.event_at <= whole_sessions.ended_at
    union all
    select user_sk, event_at, event_type, product_id from part_events
),

-- without parts that look like a bot's so far
windows as (
    select
        moment_sessions.user_sk,
        max(moment_sessions.ended_at) as ends_at,
        min(moment_sessions.started_at) as first_event_at,
        sum(moment_sessions.n_events) as n_events,
        sum(case when moment_sessions.n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(moment_sessions.n_carts) as n_carts,
        sum(moment_sessions.revenue) as revenue,
        max(case when moment_sessions.n_purchases > 0 then moment_sessions.ended_at end) as last_order_at
    from moment_sessions
    left join bot_like on moment_sessions.user_sk = bot_like.user_sk
    where bot_like.user_sk is null
    group by moment_sessions.user_sk
)
{% endmacro %}


{% macro history_part_ctes() %}
    {#- CTEs `part_events`, `part_sessions` and `bot_like`: the moments of the kind `part`. A first part is at most half of the
        history, so that the whole could have turned out otherwise. Its sessions are made from its events alone. -#}
part_users as (
    select distinct user_sk from moments where kind = 'part'
),

numbered_events as (
    select
        events.user_sk,
        events.session_sk,
        events.event_at,
        events.event_type,
        events.product_id,
        events.price,
        events.quantity,
        known_sessions.session_number,
        row_number() over (
            partition by events.user_sk
            order by events.event_at, events.session_sk, events.product_id, events.event_type, events.price
        ) as event_number,
        count(*) over (partition by events.user_sk) as n_events
    from {{ ref('events') }} as events
    inner join part_users on events.user_sk = part_users.user_sk
    inner join known_sessions
        on
            events.user_sk = known_sessions.user_sk
            and events.session_sk = known_sessions.session_sk
            and events.event_at >= known_sessions.started_at
            and events.event_at <= known_sessions.ended_at
),

part_events as (
    select
        moments.moment_sk as user_sk,
        numbered_events.session_sk,
        numbered_events.event_at,
        numbered_events.event_type,
        numbered_events.product_id,
        numbered_events.price,
        numbered_events.quantity
    from numbered_events
    inner join moments
        on
            numbered_events.user_sk = moments.user_sk
            and moments.kind = 'part'
            and (
                (
                    moments.part = 'first'
                    and numbered_events.event_number <= moments.part_number
                    and 2 * moments.part_number <= numbered_events.n_events
                )
                or (moments.part = 'odd' and mod(numbered_events.session_number, 2) = 1)
                or (moments.part = 'even' and mod(numbered_events.session_number, 2) = 0)
                or (moments.part = 'earlier' and 2 * numbered_events.event_number <= numbered_events.n_events)
                or (moments.part = 'later' and 2 * numbered_events.event_number > numbered_events.n_events)
            )
),

part_sessions as (
    {{ clientele.sessions('part_events') }}
),

bot_like as (
    select distinct user_sk from part_sessions where is_bot
)
{% endmacro %}
