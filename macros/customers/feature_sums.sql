{#- What a user's window holds, as sums over its sessions, products, families and brands, and the days that the user was
    around. The features are worked out from these (features.sql). -#}

{% macro window_start(ends_at) %}
    {#- Features look at what came after this moment. -#}
    {{ dbt.dateadd('day', -clientele.setting('window_days'), ends_at) }}
{%- endmacro %}


{% macro human_event_ctes(users=none) %}
bot_sessions as (
    select distinct user_sk, session_sk from {{ ref('user_sessions') }} where is_bot
),

human_events as (
    select events.user_sk, events.event_at, events.event_type, events.product_id, events.price, events.quantity
    from {{ ref('events') }} as events
    {% if users %}
    inner join {{ users }} as chosen on events.user_sk = chosen.user_sk
    {% endif %}
    left join bot_sessions on events.user_sk = bot_sessions.user_sk and events.session_sk = bot_sessions.session_sk
    where bot_sessions.user_sk is null
)
{% endmacro %}


{% macro subject_feature_ctes(subjects, sessions, users) %}
    {#- CTEs that end in `user_features_as_of`, one row per subject: a user as of an earlier moment, under a key of its own,
        so that one pass gives the features of all moments. What had not ended by then is not looked at. -#}
windows as (
    select
        subject_sk as user_sk,
        last_event_at as ends_at
    from {{ subjects }}
),

past_sessions as (
    select
        subjects.subject_sk as user_sk,
        {% for column in clientele.session_columns() %}
        sessions.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ sessions }} as sessions
    inner join {{ subjects }} as subjects
        on sessions.user_sk = subjects.user_sk and sessions.ended_at <= subjects.last_event_at
),

{{ clientele.human_event_ctes(users) }},

past_events as (
    select
        subjects.subject_sk as user_sk,
        human_events.event_at,
        human_events.event_type,
        human_events.product_id
    from human_events
    inner join {{ subjects }} as subjects
        on human_events.user_sk = subjects.user_sk and human_events.event_at <= subjects.last_event_at
),

{{ clientele.user_feature_ctes('windows', 'past_sessions', 'past_events') }}
{% endmacro %}


{% macro session_sum_ctes(windows, sessions) %}
    {#- CTEs over the sessions of each window: `session_sums`, `session_gaps` and `exposure`. -#}
    {%- set gap = 'window_sessions.seconds_since_previous' -%}
feature_windows as (
    select
        user_sk,
        {{ clientele.window_start('ends_at') }} as starts_after
    from {{ windows }}
),

window_sessions as (
    select
        sessions.*,
        {{ clientele.local_time('sessions.started_at') }} as local_started_at
    from {{ sessions }} as sessions
    inner join feature_windows on sessions.user_sk = feature_windows.user_sk
    where sessions.started_at > feature_windows.starts_after
),

session_timing as (
    select
        window_sessions.*,
        extract(hour from window_sessions.local_started_at) as hour_of_day,
        extract(dow from window_sessions.local_started_at) as day_of_week,
        {% for season in clientele.seasons() %}
        calendar.is_{{ season }}{{ ',' if not loop.last }}
        {% endfor %}
    from window_sessions
    inner join {{ ref('calendar') }} as calendar on cast(window_sessions.local_started_at as date) = calendar.calendar_date
),

session_sums as (
    select
        user_sk,
        min(started_at) as first_started_at,
        max(started_at) as last_started_at,
        {{ clientele.double('count(*)') }} as n_sessions,
        {{ clientele.double('sum(n_events)') }} as n_events,
        {{ clientele.double('sum(n_views)') }} as n_views,
        {{ clientele.double('sum(n_carts)') }} as n_carts,
        {{ clientele.double('sum(n_removes)') }} as n_removes,
        {{ clientele.double('sum(n_purchases)') }} as n_purchases,
        {{ clientele.double('sum(n_products)') }} as n_session_products,
        {{ clientele.double('sum(revenue)') }} as revenue,
        {{ clientele.double('sum(case when n_events = 1 then 1 else 0 end)') }} as n_one_event_sessions,
        {{ clientele.double('sum(case when n_purchases > 0 then 1 else 0 end)') }} as n_ordering_sessions,
        {{ clientele.double('sum(case when n_carts > 0 then 1 else 0 end)') }} as n_cart_sessions,
        {{ clientele.double('sum(case when n_carts > 0 and n_purchases = 0 then 1 else 0 end)') }} as n_abandoned_sessions,
        {{ clientele.double('sum(case when is_first_of_day then 1 else 0 end)') }} as n_active_days,
        {{ clientele.double('sum(' ~ clientele.exact('ln(1 + ' ~ clientele.double('duration_seconds') ~ ')') ~ ')') }} as sum_ln_seconds,
        {{ clientele.double('sum(case when day_of_week in (0, 6) then 1 else 0 end)') }} as n_weekend_sessions,
        {{ clientele.double('sum(case when hour_of_day >= 18 and hour_of_day < 23 then 1 else 0 end)') }} as n_evening_sessions,
        {{ clientele.double('sum(case when hour_of_day >= 6 and hour_of_day < 11 then 1 else 0 end)') }} as n_morning_sessions,
        {{ clientele.double('sum(case when hour_of_day >= 23 or hour_of_day < 6 then 1 else 0 end)') }} as n_night_sessions,
        {% for season in clientele.seasons() -%}
        {{ clientele.double('sum(is_' ~ season ~ ')') }} as n_{{ season }}_sessions,
        {% endfor -%}
        min(cast(local_started_at as date)) as first_date,
        max(cast(local_started_at as date)) as last_date
    from session_timing
    group by user_sk
),

-- Gaps between sessions that both lie in the window: the first session's own gap reaches out of it.
session_gaps as (
    select
        window_sessions.user_sk,
        {{ clientele.double('count(*)') }} as n_gaps,
        -- in whole seconds: nine decimals of a day's square would lose gaps of seconds
        {{ clientele.double('sum(' ~ gap ~ ')') }} / 86400 as sum_gap_days,
        {{ clientele.double('sum(' ~ gap ~ ' * ' ~ gap ~ ')') }} / power({{ clientele.double('86400') }}, 2) as sum_squared_gap_days
    from window_sessions
    inner join session_sums on window_sessions.user_sk = session_sums.user_sk
    where window_sessions.started_at > session_sums.first_started_at and window_sessions.seconds_since_previous is not null
    group by window_sessions.user_sk
),

exposure as (
    select
        session_sums.user_sk,
        {% for season in clientele.seasons() -%}
        {%- set so_far = 'n_' ~ season ~ '_days_so_far' -%}
        {{ clientele.double('last_day.' ~ so_far ~ ' - first_day.' ~ so_far ~ ' + first_day.is_' ~ season) }}
            as n_{{ season }}_days,
        {% endfor -%}
        {{ clientele.double(dbt.datediff('session_sums.first_date', 'session_sums.last_date', 'day')) }} + 1 as n_days
    from session_sums
    inner join {{ ref('calendar') }} as first_day on session_sums.first_date = first_day.calendar_date
    inner join {{ ref('calendar') }} as last_day on session_sums.last_date = last_day.calendar_date
)
{% endmacro %}


{% macro product_sum_ctes(events) %}
    {#- CTEs over the products that were met in each window: `product_sums`, `family_sums` and `brand_sums`. -#}
    {%- set price_z_millionths = 'cast(round(price_z * 1000000) as bigint)' -%}
    {%- set squared_price_z = clientele.exact('power(' ~ clientele.double(price_z_millionths) ~ ' / 1000000, 2)') -%}
    {%- set latency_seconds = clientele.double(clientele.seconds_between('first_viewed_at', 'first_purchased_at')) -%}
    {%- set ln_latency = clientele.exact('ln(1 + ' ~ latency_seconds ~ ')') %}
user_products as (
    select
        events.user_sk,
        events.product_id,
        -- narrow: sums of bigints are of 128 bits on DuckDB, and there are nearly as many rows as events
        cast(count(*) as integer) as n_events,
        cast(sum(case when events.event_type = 'view' then 1 else 0 end) as integer) as n_views,
        cast(sum(case when events.event_type = 'purchase' then 1 else 0 end) as integer) as n_purchases,
        min(case when events.event_type = 'view' then events.event_at end) as first_viewed_at,
        min(case when events.event_type = 'purchase' then events.event_at end) as first_purchased_at
    from {{ events }} as events
    inner join feature_windows on events.user_sk = feature_windows.user_sk
    where events.event_at > feature_windows.starts_after
    group by events.user_sk, events.product_id
),

taxonomy as (
    select
        product_id,
        category_family,
        family_rank,
        brand,
        {{ price_z_millionths }} as price_z_millionths,
        {{ squared_price_z }} as squared_price_z,
        case when price_tier = 'premium' then 1 else 0 end as is_premium
    from {{ ref('product_taxonomy') }}
),

user_product_traits as (
    select
        user_products.*,
        taxonomy.category_family,
        taxonomy.family_rank,
        taxonomy.brand,
        taxonomy.price_z_millionths,
        taxonomy.squared_price_z,
        taxonomy.is_premium
    from user_products
    inner join taxonomy on user_products.product_id = taxonomy.product_id
),

product_sums as (
    select
        user_sk,
        {{ clientele.double('sum(n_events)') }} as n_product_events,
        {{ clientele.double('sum(n_purchases)') }} as n_product_purchases,
        {{ clientele.double('sum(n_events * price_z_millionths)') }} / 1000000 as sum_price_z,
        {{ clientele.double('sum(n_purchases * price_z_millionths)') }} / 1000000 as sum_bought_z,
        {{ clientele.double('sum(n_events * squared_price_z)') }} as sum_squared_price_z,
        {{ clientele.double('sum(n_events * is_premium)') }} as n_premium_events,
        {{ clientele.double('sum(case when brand is null then n_events else 0 end)') }} as n_unbranded_events,
        {{ clientele.double('sum(case when n_views > 0 then 1 else 0 end)') }} as n_viewed_products,
        {{ clientele.double('sum(case when first_viewed_at <= first_purchased_at then 1 else 0 end)') }} as n_latencies,
        {{ clientele.double('sum(case when first_viewed_at <= first_purchased_at then ' ~ ln_latency ~ ' else 0 end)') }}
            as sum_ln_latency,
        {% for rank in range(1, clientele.n_families() + 1) -%}
        {{ clientele.double('sum(case when family_rank = ' ~ rank ~ ' then n_events else 0 end)') }}
            as n_family_{{ rank }}_events{{ ',' if not loop.last }}
        {% endfor %}
    from user_product_traits
    group by user_sk
),

family_sums as (
    select
        user_sk,
        {{ clientele.double('max(n_events)') }} as n_top_family_events,
        sum(power({{ clientele.double('n_events') }}, 2)) as sum_squared_family_events
    from (
        select user_sk, category_family, sum(n_events) as n_events
        from user_product_traits
        group by user_sk, category_family
    ) as user_families
    group by user_sk
),

brand_sums as (
    select
        user_sk,
        {{ clientele.double('max(n_events)') }} as n_top_brand_events,
        {{ clientele.double('sum(n_events)') }} as n_branded_events
    from (
        select user_sk, brand, sum(n_events) as n_events
        from user_product_traits
        where brand is not null
        group by user_sk, brand
    ) as user_brands
    group by user_sk
)
{% endmacro %}


{% macro user_sum_ctes() %}
    {#- The CTE `user_sums`: a user's sums in one row, with the shop's priors. -#}
user_sums as (
    select
        session_sums.*,
        coalesce(session_gaps.n_gaps, 0) as n_gaps,
        coalesce(session_gaps.sum_gap_days, 0) as sum_gap_days,
        coalesce(session_gaps.sum_squared_gap_days, 0) as sum_squared_gap_days,
        exposure.n_days,
        {% for season in clientele.seasons() -%}
        exposure.n_{{ season }}_days,
        {% endfor -%}
        {% for column in [
            'n_product_events', 'n_product_purchases', 'sum_price_z', 'sum_bought_z', 'sum_squared_price_z', 'n_premium_events',
            'n_unbranded_events', 'n_viewed_products', 'n_latencies', 'sum_ln_latency'
        ] -%}
        coalesce(product_sums.{{ column }}, 0) as {{ column }},
        {% endfor -%}
        {% for rank in range(1, clientele.n_families() + 1) -%}
        coalesce(product_sums.n_family_{{ rank }}_events, 0) as n_family_{{ rank }}_events,
        {% endfor -%}
        coalesce(family_sums.n_top_family_events, 0) as n_top_family_events,
        coalesce(family_sums.sum_squared_family_events, 0) as sum_squared_family_events,
        coalesce(brand_sums.n_top_brand_events, 0) as n_top_brand_events,
        coalesce(brand_sums.n_branded_events, 0) as n_branded_events,
        shop_priors.items_per_order as prior_items_per_order,
        shop_priors.order_value as prior_order_value,
        shop_priors.mean_ln_latency as prior_ln_latency
    from session_sums
    inner join exposure on session_sums.user_sk = exposure.user_sk
    left join session_gaps on session_sums.user_sk = session_gaps.user_sk
    left join product_sums on session_sums.user_sk = product_sums.user_sk
    left join family_sums on session_sums.user_sk = family_sums.user_sk
    left join brand_sums on session_sums.user_sk = brand_sums.user_sk
    cross join {{ ref('shop_priors') }} as shop_priors
)
{% endmacro %}
