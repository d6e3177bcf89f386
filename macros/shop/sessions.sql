{#- Sessions from events: one macro for the kept table and for any point in time (pass only the events before it). -#}

{% macro session_measures() %}
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as n_events,
        {% for event_type, name in {'view': 'views', 'cart': 'carts', 'remove_from_cart': 'removes', 'purchase': 'purchases'}.items() -%}
        cast(sum(case when event_type = '{{ event_type }}' then 1 else 0 end) as bigint) as n_{{ name }},
        {% endfor -%}
        cast(sum(case when event_type = 'purchase' then {{ clientele.line_value() }} else 0 end) as decimal(28, 4)) as revenue
{% endmacro %}


{% macro line_value() -%}
    {#- What a line of an order is worth: the price of one, times the quantity where the file has one. Of two decimals that fit 64
        bits DuckDB makes a third that has to. -#}
    cast(price as decimal(20, 4)) * coalesce(quantity, 1)
{%- endmacro %}


{% macro sessions(events) %}
    {#- Rows of core.user_sessions from `events` (a CTE or relation with all events of the users in it). A session is
        a user's events under one session id without a pause longer than session_gap_minutes; events without an
        id form sessions of their own (session_sk 0). Only ids that stay open longer than the gap can hold a
        pause, so the window over single events runs for those alone. -#}
    {%- set gap_seconds = clientele.setting('session_gap_minutes') * 60 %}
    with ids as (
        select
            user_sk,
            session_sk,
            cast(1 as bigint) as session_part,
            {{ clientele.session_measures() }}
        from {{ events }}
        group by user_sk, session_sk
    )

    select
        sessions.user_sk,
        sessions.session_sk,
        sessions.session_part,
        sessions.started_at,
        sessions.ended_at,
        {{ clientele.seconds_between('sessions.started_at', 'sessions.ended_at') }} as duration_seconds,
        sessions.n_events,
        sessions.n_views,
        sessions.n_carts,
        sessions.n_removes,
        sessions.n_purchases,
        sessions.n_products,
        sessions.revenue,
        {{ clientele.seconds_between('sessions.previous_started_at', 'sessions.started_at') }} as seconds_since_previous,
        case
            when sessions.previous_started_at is null then true
            else cast({{ clientele.local_time('sessions.previous_started_at') }} as date)
                < cast({{ clientele.local_time('sessions.started_at') }} as date)
        end as is_first_of_day,
        {{ clientele.is_bot_session('sessions') }} as is_bot
    from (
        select
            split_sessions.*,
            lag(split_sessions.started_at) over (
                partition by split_sessions.user_sk
                order by split_sessions.started_at, split_sessions.session_sk, split_sessions.session_part
            ) as previous_started_at
        from (
            select ids.*, id_products.n_products
            from ids
            -- counted apart: count(distinct) beside the other measures takes twice as long
            inner join (
                select user_sk, session_sk, count(*) as n_products
                from (select distinct user_sk, session_sk, product_id from {{ events }}) as id_product_pairs
                group by user_sk, session_sk
            ) as id_products
                on ids.user_sk = id_products.user_sk and ids.session_sk = id_products.session_sk
            where {{ clientele.seconds_between('ids.started_at', 'ids.ended_at') }} <= {{ gap_seconds }}
            union all
            select
                user_sk,
                session_sk,
                session_part,
                {{ clientele.session_measures() }},
                count(distinct product_id) as n_products
            from (
                select
                    paused.*,
                    cast(1 + sum(paused.is_after_pause) over (
                        partition by paused.user_sk, paused.session_sk
                        order by paused.event_at, paused.product_id, paused.event_type
                        rows between unbounded preceding and current row
                    ) as bigint) as session_part
                from (
                    select
                        long_events.*,
                        case
                            when {{ clientele.seconds_between('long_events.previous_event_at', 'long_events.event_at') }}
                                > {{ gap_seconds }} then 1
                            else 0
                        end as is_after_pause
                    from (
                        select
                            events.*,
                            lag(events.event_at) over (
                                partition by events.user_sk, events.session_sk
                                order by events.event_at, events.product_id, events.event_type
                            ) as previous_event_at
                        from {{ events }} as events
                        inner join ids on events.user_sk = ids.user_sk and events.session_sk = ids.session_sk
                        where {{ clientele.seconds_between('ids.started_at', 'ids.ended_at') }} > {{ gap_seconds }}
                    ) as long_events
                ) as paused
            ) as parts
            group by user_sk, session_sk, session_part
        ) as split_sessions
    ) as sessions
{% endmacro %}


{% macro is_bot_session(sessions) -%}
    {#- Purchases count for nobody's bot: the lines of one invoice all have one time. -#}
    {%- set n_other_events = '(' ~ sessions ~ '.n_events - ' ~ sessions ~ '.n_purchases)' -%}
    (
        {{ n_other_events }} > {{ clientele.setting('bot_session_events') }}
        or (
            {{ n_other_events }} >= {{ clientele.setting('bot_rate_min_events') }}
            and {{ n_other_events }} > {{ clientele.setting('bot_events_per_second') }}
            * {{ clientele.seconds_between(sessions ~ '.started_at', sessions ~ '.ended_at') }}
        )
    )
{%- endmacro %}


{% macro session_columns() %}
    {#- What the features read of a row of core.user_sessions, besides whose it is. -#}
    {{ return([
        'session_sk', 'session_part', 'started_at', 'ended_at', 'duration_seconds', 'n_events', 'n_views', 'n_carts',
        'n_removes', 'n_purchases', 'n_products', 'revenue', 'seconds_since_previous', 'is_first_of_day'
    ]) }}
{% endmacro %}
