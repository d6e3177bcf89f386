{#- Grain: one day (the shop's local time) with a purchase and series: the whole shop (category_family empty), or
    one of its first twelve category families. Built whole from the orders of customers. -#}

with

orders as (
    select * from {{ ref('customer_orders') }}
),

final as (
    select
        sales_date,
        cast(category_family as varchar(256)) as category_family,
        cast(count(*) as bigint) as n_orders,
        cast(sum(n_units) as decimal(28, 3)) as n_units,
        cast(sum(revenue) as decimal(28, 4)) as revenue,
        cast(1 as bigint) as largest_n_orders,
        cast(max(n_units) as decimal(28, 3)) as largest_n_units,
        cast(max(revenue) as decimal(28, 4)) as largest_revenue
    from orders
    group by sales_date, category_family
)

select * from final
