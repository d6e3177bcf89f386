{#- What is known of a customer at the start of a day: one pass over sessions, the same for what models learn from and
    for what they score. -#}

{% macro prediction_features() %}
    {#- The features of the heads about a customer's next orders, in the order in which they are added up. -#}
    {{ return([
        'recency_ln', 'order_recency_ln', 'cart_recency_ln', 'tenure_ln', 'overdue_ln', 'order_gap_ln',
        'orders_ln', 'orders_30d_ln', 'sessions_7d_ln', 'sessions_30d_ln', 'sessions_90d_ln',
        'sessions_ln', 'events_30d_ln', 'carts_30d_ln', 'conversion_logit',
        'spend_90d_ln', 'order_value_ln', 'views_per_session_ln', 'cart_logit', 'remove_logit', 'evening_logit',
        'weekend_logit', 'price_level', 'family_logit',
    ]) }}
{% endmacro %}


{% macro prediction_horizons() %}
    {#- Days ahead: within which an order is predicted. Published are 7, 30 and 90; all five make the curve from which the
        days to the next order are read. -#}
    {{ return([7, 14, 30, 60, 90]) }}
{% endmacro %}


{% macro prediction_heads() %}
    {#- The heads that the var prediction_heads may name. -#}
    {{ return([
        'next_order', 'spend', 'category', 'rebuy', 'sessions', 'recommendations', 'forecast', 'items', 'imputation',
        'budget',
    ]) }}
{% endmacro %}


{% macro head_is_on(head) %}
    {#- Whether the var prediction_heads asks for a head. -#}
    {{ return(clientele.setting('prediction_heads') == 'all' or head in clientele.setting('prediction_heads').split(' ')) }}
{% endmacro %}


{% macro asked_heads() %}
    {#- The heads that the var asks for, by name: a version with another head fits again. -#}
    {%- set heads = clientele.setting('prediction_heads') -%}
    {{ return(clientele.prediction_heads() | join(' ') if heads == 'all' else heads) }}
{% endmacro %}


{% macro prediction_feature_ctes(sessions, origins, families) %}
    {#- CTEs that end in `known`: for each user and origin (days_back, origin_date) what was known before the origin's first
        hour. `sessions`: rows of core.user_sessions; a session that began before the origin counts. `origins`: a CTE with
        days_back and origin_date. `families`: a CTE with rows of family_history. Nobody who had not come by then has a row. -#}
day_sessions as (
    select
        user_sk,
        cast({{ clientele.local_time('started_at') }} as date) as local_date,
        extract(hour from {{ clientele.local_time('started_at') }}) as hour_of_day,
        extract(dow from {{ clientele.local_time('started_at') }}) as day_of_week,
        n_events,
        n_views,
        n_carts,
        n_removes,
        n_purchases,
        revenue
    from {{ sessions }}
    where not is_bot
),

known_sums as (
    select
        day_sessions.user_sk,
        origins.days_back,
        origins.origin_date,
        {{ clientele.double('count(*)') }} as n_sessions,
        {{ clientele.double('sum(day_sessions.n_events)') }} as n_events,
        {{ clientele.double('sum(case when day_sessions.n_purchases > 0 then 1 else 0 end)') }} as n_orders,
        {{ clientele.double('sum(day_sessions.revenue)') }} as revenue,
        {{ clientele.double('sum(day_sessions.n_views)') }} as n_views,
        {{ clientele.double('sum(day_sessions.n_carts)') }} as n_carts,
        {{ clientele.double('sum(day_sessions.n_removes)') }} as n_removes,
        {{ clientele.double('sum(case when day_sessions.hour_of_day between 18 and 23 then 1 else 0 end)') }} as n_evenings,
        {{ clientele.double('sum(case when day_sessions.day_of_week in (0, 6) then 1 else 0 end)') }} as n_weekends,
        {% for days in [7, 30, 90] -%}
        {%- set is_late = 'day_sessions.local_date >= ' ~ dbt.dateadd('day', -days, 'origins.origin_date') -%}
        {%- for name, value in {
            'n_sessions': '1', 'n_events': 'day_sessions.n_events', 'n_carts': 'day_sessions.n_carts',
            'n_orders': 'case when day_sessions.n_purchases > 0 then 1 else 0 end', 'revenue': 'day_sessions.revenue'
        }.items() %}
        {{ clientele.double('sum(case when ' ~ is_late ~ ' then ' ~ value ~ ' else 0 end)') }} as {{ name }}_{{ days }}d,
        {%- endfor %}
        {% endfor -%}
        min(day_sessions.local_date) as first_date,
        max(day_sessions.local_date) as last_date,
        min(case when day_sessions.n_purchases > 0 then day_sessions.local_date end) as first_order_date,
        max(case when day_sessions.n_purchases > 0 then day_sessions.local_date end) as last_order_date,
        max(case when day_sessions.n_carts > 0 then day_sessions.local_date end) as last_cart_date
    from day_sessions
    inner join origins on day_sessions.local_date < origins.origin_date
    group by day_sessions.user_sk, origins.days_back, origins.origin_date
),

-- what the customer looked at: how dear, and how much of it in one family
known_families as (
    select
        user_sk,
        days_back,
        sum(n_events) as n_item_events,
        max(n_events) as n_top_events,
        {{ clientele.double('sum(' ~ clientele.exact('sum_price_z') ~ ')') }} as sum_price_z
    from {{ families }}
    group by user_sk, days_back
),

{{ clientele.known_feature_ctes() }}
{%- endmacro %}


{% macro known_feature_ctes() %}
    {#- The CTEs `known_days` and `known`: features from the sums before. Who never did something is as one who did it 400
        days ago. -#}
    {%- set never = 400 -%}
known_days as (
    select
        known_sums.*,
        {{ clientele.double(dbt.datediff('last_date', 'origin_date', 'day')) }} as recency_days,
        {{ clientele.double(dbt.datediff('first_date', 'origin_date', 'day')) }} as tenure_days,
        coalesce({{ clientele.double(dbt.datediff('last_order_date', 'origin_date', 'day')) }}, {{ never }}) as order_recency_days,
        coalesce({{ clientele.double(dbt.datediff('last_cart_date', 'origin_date', 'day')) }}, {{ never }}) as cart_recency_days,
        case
            when n_orders > 1
                then {{ clientele.double(dbt.datediff('first_order_date', 'last_order_date', 'day')) }} / (n_orders - 1)
        end as order_gap_days
    from known_sums
),

known as (
    select
        known_days.*,
        {% for name in ['recency', 'order_recency', 'cart_recency', 'tenure'] -%}
        ln(1 + {{ name }}_days) as {{ name }}_ln,
        {% endfor -%}
        coalesce(ln((1 + order_recency_days) / (1 + order_gap_days)), 0) as overdue_ln,
        ln(1 + coalesce(order_gap_days, {{ never }})) as order_gap_ln,
        ln(1 + n_orders) as orders_ln,
        {% for name in ['orders_30d', 'sessions_7d', 'sessions_30d', 'sessions_90d', 'events_30d', 'carts_30d'] -%}
        ln(1 + n_{{ name }}) as {{ name }}_ln,
        {% endfor -%}
        ln(1 + n_sessions) as sessions_ln,
        {{ clientele.share_logit('n_orders', 'n_sessions', 0.5, 5) }} as conversion_logit,
        ln(1 + revenue_90d) as spend_90d_ln,
        coalesce(ln(1 + revenue / nullif(n_orders, 0)), 0) as order_value_ln,
        ln(1 + n_views / n_sessions) as views_per_session_ln,
        {{ clientele.share_logit('n_carts', 'n_views + n_carts', 0.5, 5) }} as cart_logit,
        {{ clientele.share_logit('n_removes', 'n_carts + n_removes', 0.5, 2) }} as remove_logit,
        {{ clientele.share_logit('n_evenings', 'n_sessions', 1, 2) }} as evening_logit,
        {{ clientele.share_logit('n_weekends', 'n_sessions', 1, 2) }} as weekend_logit,
        coalesce(known_families.sum_price_z / (known_families.n_item_events + 5), 0) as price_level,
        -- in a shop of one family this would count events
        case
            when shop_families.n_families > 1
                then {{ clientele.share_logit('coalesce(known_families.n_top_events, 0)', 'coalesce(known_families.n_item_events, 0)', 1, 2) }}
            else 0
        end as family_logit
    from known_days
    cross join (select count(*) as n_families from {{ ref('family_prices') }}) as shop_families
    left join known_families
        on known_days.user_sk = known_families.user_sk and known_days.days_back = known_families.days_back
)
{%- endmacro %}


{% macro prediction_origins() %}
    {#- Days from an origin to the end of what the build describes. -#}
    {{ return([7, 14, 30, 60, 90, 120, 150, 180, 210, 240, 270]) }}
{% endmacro %}


{% macro n_prediction_families() %}
    {#- Category families that are told apart; the others are one. -#}
    {{ return(12) }}
{% endmacro %}


{% macro family_history_ctes(origins, users=none) %}
    {#- CTEs that end in `family_history`, a row per user, origin and category family: what the user did with its products
        before the origin. A family is named by its place among the shop's (core.family_prices); 0: all beyond the
        first twelve. `users`: a CTE with user_sk, or none for everybody. -#}
{{ clientele.human_event_ctes(users) }},

item_events as (
    select
        human_events.user_sk,
        cast({{ clientele.local_time('human_events.event_at') }} as date) as local_date,
        case
            when product_taxonomy.family_rank between 1 and {{ clientele.n_prediction_families() }}
                then product_taxonomy.family_rank
            else 0
        end as family_rank,
        case when human_events.event_type = 'cart' then 1 else 0 end as is_cart,
        case when human_events.event_type = 'purchase' then 1 else 0 end as is_purchase,
        -- by the price of the day: a product's mean price is not known before its last event
        case
            when human_events.price > 0
                then {{ clientele.exact('(ln(' ~ clientele.double('human_events.price') ~ ') - family_prices.mean_ln_price) / family_prices.sd_ln_price') }}
            else 0
        end as price_z
    from human_events
    inner join {{ ref('product_taxonomy') }} as product_taxonomy
        on human_events.product_id = product_taxonomy.product_id
    left join {{ ref('family_prices') }} as family_prices
        on product_taxonomy.category_family = family_prices.category_family
),

family_history as (
    select
        item_events.user_sk,
        origins.days_back,
        origins.origin_date,
        item_events.family_rank,
        {{ clientele.double('count(*)') }} as n_events,
        {%- set is_late = 'item_events.local_date >= ' ~ dbt.dateadd('day', -30, 'origins.origin_date') %}
        {{ clientele.double('sum(case when ' ~ is_late ~ ' then 1 else 0 end)') }} as n_events_30d,
        {{ clientele.double('sum(item_events.is_cart)') }} as n_carts,
        {{ clientele.double('sum(item_events.is_purchase)') }} as n_purchases,
        max(item_events.local_date) as last_date,
        max(case when item_events.is_purchase = 1 then item_events.local_date end) as last_purchase_date,
        {{ clientele.double('sum(' ~ clientele.exact('item_events.price_z') ~ ')') }} as sum_price_z
    from item_events
    inner join {{ origins }} as origins on item_events.local_date < origins.origin_date
    group by item_events.user_sk, origins.days_back, origins.origin_date, item_events.family_rank
)
{%- endmacro %}


{% macro prediction_fit_is_due(n_days) %}
    {#- SQL: whether the heads are to be fitted: as for every model (fit_is_due), when a horizon that was refused has become
        possible, or when the var prediction_heads asks for others. `n_days`: days of history, an expression. -#}
    {%- if clientele.fit_is_due('prediction_fit_fields', 'card') -%}{{ return('true') }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier='prediction_fit_fields') -%}
    {%- set newest = " from " ~ fits ~ " where fit_number = (select max(fit_number) from " ~ fits ~ ") and part = 'card' and field = " -%}
    {%- set heads = run_query("select max(text_value)" ~ newest ~ "'heads'").columns[0].values()[0] -%}
    {%- if heads != clientele.asked_heads() -%}{{ return('true') }}{%- endif -%}
    {%- set next_days = run_query("select min(number_value)" ~ newest ~ "'next_days'").columns[0].values()[0] -%}
    {{ return('false' if next_days is none else n_days ~ ' >= ' ~ next_days | int) }}
{% endmacro %}
