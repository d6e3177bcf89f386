{#- Grain: one group of buyers, by persona, value tier, family bought or month: what they spend on the shop's own brands
    (core.shop_brands) and on the others, and how often they buy below a product's usual price. Without own brands
    there is no row. Late data: built whole in each run. -#}

{% set dimensions = {
    'persona': 'persona_code', 'value_tier': 'tier_code', 'category_family': 'category_family', 'month': 'month_code',
} %}

with

{{ clientele.limit_ctes(name='whole_limits') }},

{{ clientele.limit_ctes(of_part=true, name='family_limits') }},

limits as (
    {% for dimension in dimensions %}
    select
        '{{ dimension }}' as dimension,
        most_revenue
    from {{ 'family_limits' if dimension == 'category_family' else 'whole_limits' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

own_brands as (
    select brand from {{ ref('shop_brands') }}
),

{{ clientele.purchase_ctes(['brand'], condition='(select count(*) from ' ~ ref('shop_brands') ~ ') > 0') }},

branded as (
    select
        buyers.*,
        cast(buyers.segment_id as varchar(256)) as persona_code,
        cast(buyers.month_date as varchar(16)) as month_code,
        case when own_brands.brand is null then 0 else 1 end as is_own
    from buyers
    left join own_brands on lower(buyers.brand) = own_brands.brand
),

by_buyer as (
    {% for dimension, column in dimensions.items() %}
    select
        '{{ dimension }}' as dimension,
        {{ column }} as group_code,
        user_sk,
        count(*) as n_purchases,
        {{ clientele.double('avg(' ~ clientele.double('is_below') ~ ')') }} as below_share,
        max(is_own) as is_own_buyer,
        sum(revenue) as revenue,
        sum(case when is_own = 1 then revenue else 0 end) as own_revenue
    from branded
    group by {{ column }}, user_sk
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (
    select by_buyer.*, {{ clientele.counted('n_purchases', 'purchases') }} as n_counted from by_buyer
),

final as (
    select
        cast(counted.dimension as varchar(16)) as dimension,
        cast(counted.group_code as varchar(256)) as group_code,
        cast(count(*) as bigint) as n_users,
        cast(sum(counted.is_own_buyer) as bigint) as n_own_buyers,
        cast(sum(counted.n_counted) as bigint) as n_purchases,
        cast({{ clientele.most_counted('purchases') }} as bigint) as largest_purchases,
        {{ clientele.double('sum(' ~ clientele.exact('counted.below_share * counted.n_counted') ~ ')') }}
        / sum(counted.n_counted) as below_usual_share,
        {{ clientele.double(clientele.most_counted('purchases')) }} / sum(counted.n_counted) as largest_below_share,
        cast(sum({{ clientele.counted_money('counted.revenue') }}) as decimal(28, 4)) as revenue,
        max(limits.most_revenue) as largest_revenue,
        cast(sum({{ clientele.counted_money('counted.own_revenue') }}) as decimal(28, 4)) as own_revenue,
        max(limits.most_revenue) as largest_own_revenue
    from counted
    inner join limits on counted.dimension = limits.dimension
    group by counted.dimension, counted.group_code
),

publishable as (
    {{ clientele.published_cells('final', keys=['dimension', 'group_code'], within=['dimension']) }}
)

select * from publishable
