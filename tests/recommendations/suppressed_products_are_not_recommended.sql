{{ config(group='recommendations') }}
-- a product that must not be recommended, in somebody's list
select lists.product_id
from {{ ref('customer_recommendations') }} as lists
inner join {{ ref('suppressed_products') }} as suppressed on lists.product_id = suppressed.product_id
