{#- Grain: one day (the shop's local time) with a purchase and series: the whole shop (category_family empty), or
    one of its first twelve category families. What of it may be told has of each customer as much as counts
    (macros/privacy/limits.sql). Built whole from the orders of customers. -#}

with

{# a day has few customers -#}
{{ clientele.limit_ctes(of_part=true) }},

orders as (
    select * from {{ ref('customer_orders') }}
),

final as (
    select
        orders.sales_date,
        cast(orders.category_family as varchar(256)) as category_family,
        cast(count(*) as bigint) as n_orders,
        cast(sum(orders.n_units) as decimal(28, 3)) as n_units,
        cast(sum(orders.revenue) as decimal(28, 4)) as revenue,
        cast(1 as bigint) as largest_n_orders,
        cast({{ clientele.most_counted('purchases') }} as decimal(28, 3)) as largest_n_units,
        max(limits.most_revenue) as largest_revenue,
        cast(sum({{ clientele.counted('orders.n_units', 'purchases') }}) as decimal(28, 3)) as told_n_units,
        cast(sum({{ clientele.counted_money('orders.revenue') }}) as decimal(28, 4)) as told_revenue
    from orders
    cross join limits
    group by orders.sales_date, orders.category_family
)

select * from final
