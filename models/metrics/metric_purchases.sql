{#- Grain: purchases of one customer, day, family and kind of brand (own or not), bots' sessions left out: what metrics
    by family are made of. Own brands are those of core.shop_brands. -#}
{{ config(materialized='view') }}

with

own_brands as (
    select brand from {{ ref('shop_brands') }}
),

{{ clientele.human_event_ctes() }},

purchases as (
    select
        human_events.user_sk,
        cast(human_events.event_at as date) as purchase_date,
        coalesce(products.category_family, 'unclassified') as family,  -- noqa: RF04
        case when own_brands.brand is null then 0 else 1 end as is_own_brand,
        {{ clientele.line_value() }} as revenue
    from human_events
    inner join {{ ref('product_families') }} as products on human_events.product_id = products.product_id
    left join own_brands on lower(products.brand) = own_brands.brand
    where human_events.event_type = 'purchase' and {{ clientele.may_be_profiled('human_events.user_sk') }}
),

final as (
    select
        purchases.user_sk,
        purchases.purchase_date,
        cast(purchases.family as varchar(256)) as family,  -- noqa: RF04
        cast(purchases.is_own_brand as integer) as is_own_brand,
        cast(coalesce(max(segments.segment_name), 'No persona yet') as varchar(256)) as persona,
        cast(coalesce(cast(max(segments.value_tier) as varchar(16)), 'none') as varchar(16)) as value_tier,
        cast(count(*) as bigint) as n_items,
        cast(sum(purchases.revenue) as decimal(28, 4)) as revenue
    from purchases
    inner join {{ ref('users') }} as shop_users on purchases.user_sk = shop_users.user_sk
    inner join {{ ref('user_segments') }} as segments on shop_users.user_key = segments.user_key
    group by purchases.user_sk, purchases.purchase_date, purchases.family, purchases.is_own_brand
)

select * from final
