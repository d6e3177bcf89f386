{#- Grain: one product. Its category family is the first part of its code; a product without a code takes the code of
    the first one under the same category id, if that was seen no later: what comes later moves nobody. Rebuilt whole:
    it is as small as the catalogue. -#}
{{ config(materialized='view', post_hook='{{ clientele.mark_load() }}') }}

with

products as (
    select * from {{ ref('products') }}
),

coded as (
    select
        category_id,
        category_code,
        first_seen_date,
        row_number() over (partition by category_id order by first_seen_date, product_id) as place
    from products
    where category_id is not null and category_code is not null
),

completed as (
    select
        products.product_id,
        products.first_seen_date,
        coalesce(products.category_code, coded.category_code) as category_code,
        products.brand,
        products.mean_ln_price
    from products
    left join coded
        on
            products.category_id = coded.category_id
            and coded.place = 1
            and products.first_seen_date >= coded.first_seen_date
),

final as (
    select
        product_id,
        first_seen_date,
        coalesce(nullif(split_part(category_code, '.', 1), ''), 'unclassified') as category_family,
        category_code,
        brand,
        mean_ln_price
    from completed
)

select * from final
