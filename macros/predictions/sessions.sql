{#- Sessions under way: what is known of one at each of its events, and of its customer before it began. -#}

{% macro session_features() %}
    {#- What the model of a session under way reads, in the order in which it is added up. -#}
    {{ return([
        'prefix_events_ln', 'prefix_views_ln', 'prefix_carts_ln', 'prefix_removes_ln', 'in_cart', 'cart_value_ln',
        'prefix_products_ln', 'prefix_families_ln', 'repeat_events_ln', 'max_price_ln', 'view_price_ln',
        'prefix_seconds_ln', 'last_gap_ln', 'pace_ln', 'is_last_cart', 'is_last_remove', 'since_cart_ln', 'hour_of_day',
        'past_sessions_ln', 'past_orders_ln', 'past_carts_ln', 'session_gap_ln', 'session_order_gap_ln',
    ]) }}
{% endmacro %}


{% macro session_key() %}
    {{ return(['user_sk', 'session_sk', 'session_part']) }}
{% endmacro %}


{% macro prefix_ctes(events, sessions, history) %}
    {#- CTEs that end in `prefixes`: a row per event of each of `sessions` (rows of core.user_sessions), with what was known of
        the session and its customer once the event had come, `n_events` (its place in the session) and `purchase_at` (of the
        session's first purchase, which no feature reads). `events`: a CTE with their events. `history`: a CTE with rows
        of core.user_sessions; of them only those that had ended before the session began are looked at. -#}
    {%- set session = 'session_events.user_sk, session_events.session_sk, session_events.session_part' -%}
    {%- set by_time = 'session_events.event_at, session_events.product_id, session_events.event_type, session_events.price' -%}
    {%- set so_far -%}
        over (
            partition by user_sk, session_sk, session_part order by n_events
            rows between unbounded preceding and current row
        )
    {%- endset -%}
session_events as (
    select
        sessions.user_sk,
        sessions.session_sk,
        sessions.session_part,
        sessions.started_at,
        events.event_at,
        events.event_type,
        events.product_id,
        events.price,
        coalesce(product_taxonomy.category_family, 'unclassified') as category_family
    from {{ sessions }} as sessions
    inner join {{ events }} as events
        on
            sessions.user_sk = events.user_sk
            and sessions.session_sk = events.session_sk
            and sessions.started_at <= events.event_at
            and sessions.ended_at >= events.event_at
    left join {{ ref('product_taxonomy') }} as product_taxonomy on events.product_id = product_taxonomy.product_id
),

ordered_events as (
    select
        session_events.*,
        row_number() over (partition by {{ session }} order by {{ by_time }}) as n_events,
        lag(session_events.event_at) over (partition by {{ session }} order by {{ by_time }}) as previous_at,
        row_number() over (partition by {{ session }}, session_events.product_id order by {{ by_time }}) as product_place,
        row_number() over (partition by {{ session }}, session_events.category_family order by {{ by_time }})
            as family_place,
        min(case when session_events.event_type = 'purchase' then session_events.event_at end)
            over (partition by {{ session }}) as purchase_at
    from session_events
),

running as (
    select
        ordered_events.*,
        {% for event_type, name in {'view': 'views', 'cart': 'carts', 'remove_from_cart': 'removes'}.items() -%}
        {{ clientele.double("sum(case when event_type = '" ~ event_type ~ "' then 1 else 0 end) " ~ so_far) }} as n_{{ name }},
        {% endfor -%}
        {{ clientele.double('sum(case when product_place = 1 then 1 else 0 end) ' ~ so_far) }} as n_products,
        {{ clientele.double('sum(case when family_place = 1 then 1 else 0 end) ' ~ so_far) }} as n_families,
        {{ clientele.double(
            "sum(case when event_type = 'cart' then price when event_type = 'remove_from_cart' then -price else 0 end) " ~ so_far
        ) }} as cart_value,
        {{ clientele.double("sum(case when event_type = 'view' then price else 0 end) " ~ so_far) }} as viewed_value,
        {{ clientele.double('max(price) ' ~ so_far) }} as max_price,
        max(case when event_type = 'cart' then event_at end) {{ so_far }} as last_cart_at
    from ordered_events
),

{{ clientele.past_session_ctes(sessions, history) }},

{{ clientele.prefix_feature_ctes() }}
{%- endmacro %}


{% macro past_session_ctes(sessions, history) %}
    {#- The CTE `past_sessions`: for each of `sessions` what its customer's earlier ones came to. -#}
past_sessions as (
    select
        sessions.user_sk,
        sessions.session_sk,
        sessions.session_part,
        {{ clientele.double('count(*)') }} as n_sessions,
        {{ clientele.double('sum(case when history.n_purchases > 0 then 1 else 0 end)') }} as n_orders,
        {{ clientele.double('sum(case when history.n_carts > 0 then 1 else 0 end)') }} as n_with_cart,
        max(history.ended_at) as last_at,
        max(case when history.n_purchases > 0 then history.ended_at end) as last_order_at
    from {{ sessions }} as sessions
    inner join {{ history }} as history
        on sessions.user_sk = history.user_sk and history.ended_at < sessions.started_at
    where not history.is_bot
    group by sessions.user_sk, sessions.session_sk, sessions.session_part
)
{%- endmacro %}


{% macro prefix_feature_ctes() %}
    {#- The CTE `prefixes`: features from the sums before. Who never came or ordered is as one who did 400 days ago, and
        nothing was put in the cart is as long ago as two hours and more. -#}
    {%- set n_events = clientele.double('running.n_events') -%}
    {%- set seconds = clientele.double(clientele.seconds_between('running.started_at', 'running.event_at')) -%}
prefixes as (
    select
        running.user_sk,
        running.session_sk,
        running.session_part,
        running.started_at,
        running.event_at,
        running.purchase_at,
        cast(running.n_events as bigint) as n_events,
        ln(1 + {{ n_events }}) as prefix_events_ln,
        {% for name in ['views', 'carts', 'removes', 'products', 'families'] -%}
        ln(1 + running.n_{{ name }}) as prefix_{{ name }}_ln,
        {% endfor -%}
        least(greatest(running.n_carts - running.n_removes, 0e0), 5e0) as in_cart,
        ln(1 + greatest(running.cart_value, 0e0)) as cart_value_ln,
        ln(1 + {{ n_events }} - running.n_products) as repeat_events_ln,
        ln(1 + running.max_price) as max_price_ln,
        ln(1 + running.viewed_value / greatest(running.n_views, 1e0)) as view_price_ln,
        ln(1 + {{ seconds }}) as prefix_seconds_ln,
        ln(1 + coalesce({{ clientele.double(clientele.seconds_between('running.previous_at', 'running.event_at')) }}, 0))
            as last_gap_ln,
        ln(1 + {{ seconds }} / greatest({{ n_events }} - 1, 1e0)) as pace_ln,
        {{ clientele.double("case when running.event_type = 'cart' then 1 else 0 end") }} as is_last_cart,
        {{ clientele.double("case when running.event_type = 'remove_from_cart' then 1 else 0 end") }} as is_last_remove,
        coalesce(
            ln(1 + {{ clientele.double(clientele.seconds_between('running.last_cart_at', 'running.event_at')) }}), 9e0
        ) as since_cart_ln,
        {{ clientele.double('extract(hour from ' ~ clientele.local_time('running.event_at') ~ ')') }} as hour_of_day,
        {% for column, name in {'n_sessions': 'past_sessions', 'n_orders': 'past_orders', 'n_with_cart': 'past_carts'}.items() -%}
        ln(1 + coalesce(past_sessions.{{ column }}, 0)) as {{ name }}_ln,
        {% endfor -%}
        {% for column, name in {'last_at': 'session_gap', 'last_order_at': 'session_order_gap'}.items() -%}
        ln(1 + coalesce(
            {{ clientele.double(clientele.seconds_between('past_sessions.' ~ column, 'running.started_at')) }} / 86400, 400
        )) as {{ name }}_ln{{ ',' if not loop.last }}
        {% endfor %}
    from running
    left join past_sessions
        on
            running.user_sk = past_sessions.user_sk
            and running.session_sk = past_sessions.session_sk
            and running.session_part = past_sessions.session_part
)
{%- endmacro %}


{% macro session_fit_is_due(as_of_date) %}
    {#- SQL: whether the model of sessions is to be fitted: as for every model (fit_is_due), and on each new day. `as_of_date`: an
        expression. -#}
    {%- if not clientele.head_is_on('sessions') -%}{{ return('false') }}{%- endif -%}
    {%- if clientele.fit_is_due('session_fit_fields', 'card') -%}{{ return('true') }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier='session_fit_fields') -%}
    {%- set newest = run_query(
        'select max(substring(model_version, 1, 8)) from ' ~ fits ~ ' where fit_number = (select max(fit_number) from ' ~ fits ~ ')'
    ).columns[0].values()[0] -%}
    {{ return("replace(cast(" ~ as_of_date ~ " as varchar(10)), '-', '') > '" ~ newest ~ "'") }}
{% endmacro %}
