{#- The features of a user, as of any moment. One macro serves the kept table, training frames and studies of short
    histories: pass the sessions and events up to the moment, and one window per user. What each feature means is
    written once, in models/customers/user_features.yml. -#}

{% macro window_start(ends_at) %}
    {#- Features look at what came after this moment. -#}
    {{ dbt.dateadd('day', -clientele.setting('window_days'), ends_at) }}
{%- endmacro %}


{% macro human_event_ctes(users=none) %}
bot_sessions as (
    select distinct user_sk, session_sk from {{ ref('user_sessions') }} where is_bot
),

human_events as (
    select events.user_sk, events.event_at, events.event_type, events.product_id
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


{% macro user_feature_ctes(windows, sessions, events) %}
    {#- CTEs that end in `user_features_as_of`, one row per row of `windows`.
        windows: user_sk, ends_at. sessions: rows of core.user_sessions without bots, none after ends_at.
        events: rows of core.events without bots, none after ends_at. -#}
    {%- set gap_days = clientele.double('window_sessions.seconds_since_previous') ~ ' / 86400' -%}
    {%- set price_z_millionths = 'cast(round(price_z * 1000000) as bigint)' -%}
    {%- set squared_price_z = clientele.exact('power(' ~ clientele.double(price_z_millionths) ~ ' / 1000000, 2)') -%}
    {%- set latency_seconds = clientele.double(clientele.seconds_between('first_viewed_at', 'first_purchased_at')) -%}
    {%- set ln_latency = clientele.exact('ln(1 + ' ~ latency_seconds ~ ')') %}
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
        {{ clientele.double('sum(' ~ clientele.exact(gap_days) ~ ')') }} as sum_gap_days,
        {{ clientele.double('sum(' ~ clientele.exact('power(' ~ gap_days ~ ', 2)') ~ ')') }} as sum_squared_gap_days
    from window_sessions
    inner join session_sums on window_sessions.user_sk = session_sums.user_sk
    where window_sessions.started_at > session_sums.first_started_at and window_sessions.seconds_since_previous is not null
    group by window_sessions.user_sk
),

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
),

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
),

user_features_as_of as (
    select
        user_sk,
        -- intensity
        ln(n_sessions / greatest(n_days / 7, 1)) as sessions_per_week_ln,
        ln(n_events / n_sessions) as events_per_session_ln,
        sum_ln_seconds / n_sessions as session_seconds_ln,
        {{ clientele.share_logit('n_one_event_sessions', 'n_sessions', 1, 1) }} as one_event_sessions_logit,
        ln((sum_gap_days + 7) / (n_gaps + 1)) as session_gap_days_ln,
        -- shrunken towards 1, the coefficient of variation of a Poisson process
        (
            n_gaps * case
                when n_gaps > 1 and sum_gap_days > 0
                    then sqrt(greatest(sum_squared_gap_days / n_gaps - power(sum_gap_days / n_gaps, 2), 0)) / (sum_gap_days / n_gaps)
                else 1
            end + 2
        ) / (n_gaps + 2) as session_gap_cv,
        (n_active_days + 1) / (n_days + 7) as active_day_share,
        -- funnel
        {{ clientele.share_logit('n_carts', 'n_events', 1, 20) }} as cart_rate_logit,
        {{ clientele.share_logit('n_ordering_sessions', 'n_sessions', 0.5, 8) }} as ordering_sessions_logit,
        {{ clientele.share_logit('n_abandoned_sessions', 'n_cart_sessions', 1, 1) }} as abandoned_carts_logit,
        {{ clientele.share_logit('n_removes', 'n_removes + n_carts', 0.5, 2) }} as removes_logit,
        ln((n_purchases + 2 * prior_items_per_order) / (n_ordering_sessions + 2)) as items_per_order_ln,
        (sum_ln_latency + 2 * prior_ln_latency) / (n_latencies + 2) as view_to_purchase_ln,
        {{ clientele.share_logit('n_purchases', 'n_events', 0.5, 25) }} as purchase_rate_logit,
        -- price and value
        sum_price_z / (n_product_events + 2) as price_level_z,
        sqrt(
            (greatest(sum_squared_price_z - power(sum_price_z, 2) / greatest(n_product_events, 1), 0) + 2 * 0.5)
            / (n_product_events + 2)
        ) as price_spread_z,
        case
            when n_product_purchases > 0
                then (sum_bought_z / n_product_purchases - sum_price_z / n_product_events) * n_product_purchases / (n_product_purchases + 2)
            else 0
        end as bought_minus_viewed_z,
        ln((revenue + 2 * greatest(prior_order_value, 0.01)) / (n_ordering_sessions + 2)) as order_value_ln,
        {{ clientele.share_logit('n_premium_events', 'n_product_events', 1, 3) }} as premium_share_logit,
        -- breadth
        -- the chance that two of the user's events are in different families: diversity rarefied to two (Hurlbert 1971)
        (
            n_product_events * case
                when n_product_events > 1
                    then (power(n_product_events, 2) - sum_squared_family_events) / (n_product_events * (n_product_events - 1))
                else 0.5
            end + 2 * 0.5
        ) / (n_product_events + 2) as category_diversity,
        {{ clientele.share_logit('n_top_family_events', 'n_product_events', 1, 1) }} as top_category_logit,
        {{ clientele.share_logit('n_top_brand_events', 'n_branded_events', 1, 2) }} as top_brand_logit,
        {{ clientele.share_logit('n_unbranded_events', 'n_product_events', 1, 3) }} as unbranded_logit,
        {{ clientele.share_logit('greatest(n_views - n_viewed_products, 0)', 'n_views', 1, 3) }} as reviewed_products_logit,
        ln(n_session_products / n_sessions) as products_per_session_ln,
        {% for rank in range(1, clientele.n_families() + 1) -%}
        {{ clientele.share_logit('n_family_' ~ rank ~ '_events', 'n_product_events', 0.5, 5) }} as family_{{ rank }}_logit,
        {% endfor -%}
        -- timing
        {{ clientele.share_logit('n_weekend_sessions', 'n_sessions', 2, 5) }} as weekend_logit,
        {{ clientele.share_logit('n_evening_sessions', 'n_sessions', 1, 3) }} as evening_logit,
        {{ clientele.share_logit('n_morning_sessions', 'n_sessions', 1, 3) }} as morning_logit,
        -- against the share of such days while the user was around, so that somebody who only came in December is no gift
        -- buyer; 0 when there was no such day, or no other
        {% for season, name in {'promo': 'promo_lift_logit', 'payday': 'payday_logit', 'gift': 'gift_season_logit'}.items() -%}
        {%- set share = '(n_' ~ season ~ '_days + 1) / (n_days + 2)' -%}
        case
            when n_{{ season }}_days > 0 and n_{{ season }}_days < n_days
                then {{ clientele.share_logit('n_' ~ season ~ '_sessions', 'n_sessions', '2 * ' ~ share, '2 - 2 * ' ~ share) }}
                    - {{ clientele.share_logit('n_' ~ season ~ '_days', 'n_days', 1, 1) }}
            else 0
        end as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from user_sums
)
{% endmacro %}


{% macro feature_catalog() %}
    {#- The features in their order: [{'name', 'block', 'meaning', 'scale', 'unit', 'basis', 'label', 'label_fr'}], from
        models/customers/user_features.yml, where its description says what each of these is. -#}
    {%- set scales = ['plain', 'ln', 'ln1p', 'logit', 'odds'] -%}
    {%- set units = ['number', 'share', 'seconds', 'days', 'money', 'deviations', 'factor'] -%}
    {%- set features = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == 'user_features' -%}
            {%- for column in node.columns.values() if column.config.meta.feature_block is defined -%}
                {%- set meta = column.config.meta -%}
                {%- if meta.scale not in scales or meta.unit not in units or not meta.label or not meta.label_fr -%}
                    {{ exceptions.raise_compiler_error(
                        "feature_catalog: " ~ column.name ~ " in models/customers/user_features.yml needs meta with scale (" ~ scales | join(', ')
                        ~ "), unit (" ~ units | join(', ') ~ "), label and label_fr; it has " ~ meta
                    ) }}
                {%- endif -%}
                {%- do features.append({
                    'name': column.name, 'block': meta.feature_block, 'meaning': column.description, 'scale': meta.scale,
                    'unit': meta.unit, 'basis': meta.get('basis', 'users'), 'label': meta.label, 'label_fr': meta.label_fr
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(features) }}
{% endmacro %}


{% macro feature_names() %}
    {{ return(clientele.feature_catalog() | map(attribute='name') | list) }}
{% endmacro %}


{% macro natural(value, scale) -%}
    {#- A feature's value in natural units, by its scale in the catalog (both expressions): a share of 0 to 1 for a logit,
        and so on. clientele.personas.wording does the same. -#}
    case {{ scale }}
        when 'logit' then 1 / (1 + exp(-({{ value }})))
        when 'ln1p' then exp({{ value }}) - 1
        when 'plain' then {{ value }}
        else exp({{ value }})
    end
{%- endmacro %}
