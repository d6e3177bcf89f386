{#- Grain: the whole shop, or one persona (0: who has none yet), and a family of products that its customers have
    bought: how many bought of it, how often and for how much, in the events that are kept; of each customer as much
    as counts (macros/privacy/limits.sql). Late data: built whole in each run. -#}
{#- A family that one persona hides is not the shop's less that of the others. -#}
{% set apart = ['scope', "case when scope = 'persona' then category_family end"] %}

with

{# a family is a part of what a customer buys -#}
{{ clientele.limit_ctes(of_part=true) }},

{{ clientele.purchase_ctes() }},

by_buyer as (
    select
        segment_id,
        category_family,
        user_sk,
        count(*) as n_purchases,
        sum(revenue) as revenue
    from buyers
    group by segment_id, category_family, user_sk
),

scoped as (
    select
        'shop' as scope,
        cast(null as integer) as segment_id,
        category_family,
        n_purchases,
        revenue
    from by_buyer
    union all
    select
        'persona' as scope,
        segment_id,
        category_family,
        n_purchases,
        revenue
    from by_buyer
),

final as (
    select
        cast(scoped.scope as varchar(8)) as scope,
        scoped.segment_id,
        cast(scoped.category_family as varchar(256)) as category_family,
        cast(count(*) as bigint) as n_buyers,
        cast(sum({{ clientele.counted('scoped.n_purchases', 'purchases') }}) as bigint) as n_purchases,
        cast({{ clientele.most_counted('purchases') }} as bigint) as largest_purchases,
        cast(sum({{ clientele.counted_money('scoped.revenue') }}) as decimal(28, 4)) as revenue,
        max(limits.most_revenue) as largest_revenue
    from scoped
    cross join limits
    group by scoped.scope, scoped.segment_id, scoped.category_family
),

publishable as (
    {{ clientele.published_cells('final', keys=['scope', 'segment_id', 'category_family'], within=apart) }}
)

select * from publishable
