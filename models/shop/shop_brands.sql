{#- Grain: one brand of the shop's own, in lower case: one that seeds/own_brands.csv names, or of which the catalogue (a
    side input) calls a product an own brand. Late data: built whole in each run. -#}

with

named as (
    select lower(brand) as brand from {{ ref('own_brands') }}
    union
    select lower(coalesce(catalogue.brand, products.brand)) as brand
    from {{ ref('catalogue') }} as catalogue
    left join {{ ref('product_families') }} as products on catalogue.product_id = products.product_id
    where catalogue.is_own_brand
),

final as (
    select cast(brand as varchar(256)) as brand
    from named
    where brand is not null
)

select * from final
