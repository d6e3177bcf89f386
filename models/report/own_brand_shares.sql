{#- Grain: one group of buyers, by persona, value tier, family bought or month: what they spend on the shop's own brands
    (seeds/own_brands.csv) and on the others, and how often they buy below a product's usual price. Without own brands
    there is no row. Late data: built whole in each run. -#}

with

own_brands as (
    select distinct lower(brand) as brand from {{ ref('own_brands') }}
),

bot_sessions as (
    select distinct user_sk, session_sk from {{ ref('user_sessions') }} where is_bot
),

purchases as (
    select
        events.user_sk,
        events.price,
        cast(cast({{ dbt.date_trunc('month', 'events.event_at') }} as date) as varchar(16)) as month_code,
        coalesce(products.category_family, 'unclassified') as category_family,
        case when own_brands.brand is null then 0 else 1 end as is_own,
        -- a twentieth below what the product costs usually: less is rounding
        case when events.price < 0.95 * exp(products.mean_ln_price) then 1 else 0 end as is_below
    from {{ ref('events') }} as events
    inner join {{ ref('product_families') }} as products on events.product_id = products.product_id
    left join own_brands on lower(products.brand) = own_brands.brand
    left join bot_sessions on events.user_sk = bot_sessions.user_sk and events.session_sk = bot_sessions.session_sk
    where
        events.event_type = 'purchase'
        and bot_sessions.user_sk is null
        and (select count(*) from {{ ref('own_brands') }}) > 0
),

buyers as (
    select
        purchases.*,
        cast(coalesce(segments.segment_id, 0) as varchar(256)) as persona_code,
        coalesce(cast(segments.value_tier as varchar(256)), 'none') as tier_code
    from purchases
    inner join {{ ref('users') }} as shop_users on purchases.user_sk = shop_users.user_sk
    inner join {{ ref('user_segments') }} as segments on shop_users.user_key = segments.user_key
),

by_buyer as (
    {% for dimension, column in {
        'persona': 'persona_code', 'value_tier': 'tier_code', 'category_family': 'category_family',
        'month': 'month_code',
    }.items() %}
    select
        '{{ dimension }}' as dimension,
        {{ column }} as group_code,
        user_sk,
        count(*) as n_purchases,
        sum(is_below) as n_below,
        max(is_own) as is_own_buyer,
        sum(price) as revenue,
        sum(case when is_own = 1 then price else 0 end) as own_revenue
    from buyers
    group by {{ column }}, user_sk
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        cast(dimension as varchar(16)) as dimension,
        cast(group_code as varchar(256)) as group_code,
        cast(count(*) as bigint) as n_users,
        cast(sum(is_own_buyer) as bigint) as n_own_buyers,
        cast(sum(n_purchases) as bigint) as n_purchases,
        cast(max(n_purchases) as bigint) as largest_purchases,
        {{ clientele.double('sum(n_below)') }} / sum(n_purchases) as below_usual_share,
        cast(sum(revenue) as decimal(18, 4)) as revenue,
        cast(max(revenue) as decimal(18, 4)) as largest_revenue,
        cast(sum(own_revenue) as decimal(18, 4)) as own_revenue,
        cast(max(own_revenue) as decimal(18, 4)) as largest_own_revenue
    from by_buyer
    group by dimension, group_code
),

publishable as (
    {{ clientele.published_cells('final', keys=['dimension', 'group_code'], within=['dimension']) }}
)

select * from publishable
