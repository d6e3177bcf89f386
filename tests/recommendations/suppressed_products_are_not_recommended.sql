{{ config(group='recommendations') }}
-- a product that must not be recommended, or that is sold out, in somebody's list
select lists.product_id
from {{ ref('customer_recommendations') }} as lists
inner join {{ ref('suppressed_products') }} as suppressed on lists.product_id = suppressed.product_id

union all

select lists.product_id
from {{ ref('customer_recommendations') }} as lists
inner join {{ ref('stock') }} as newest on lists.product_id = newest.product_id
left join {{ ref('stock') }} as newer
    on
        newest.product_id = newer.product_id
        and newest.stock_date < newer.stock_date
        and lists.as_of_date >= newer.stock_date
where newest.units <= 0 and newest.stock_date <= lists.as_of_date and newer.product_id is null
