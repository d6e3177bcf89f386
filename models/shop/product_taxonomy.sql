{#- Grain: one product: category family, brand and price tier within the family, from the data itself. Rebuilt whole
    (it is as small as the catalogue); changed_load_id says when late data last changed what features read of it. -#}
{{ config(post_hook='{{ clientele.mark_load() }}') }}

with

newest_load as (
    select {{ clientele.newest_load() }} as load_id
),

families as (
    select * from {{ ref('product_families') }}
),

earlier as (
    {{ clientele.previous_rows(this.identifier, this.database, this.schema, {
        'product_id': 'bigint', 'category_family': 'varchar(256)', 'brand': 'varchar(256)',
        'price_z': 'double precision', 'family_rank': 'bigint', 'changed_load_id': 'bigint'
    }) }}
),

priced as (
    select
        families.product_id,
        families.first_seen_date,
        families.category_family,
        families.category_code,
        families.brand,
        coalesce(family_prices.family_rank, 0) as family_rank,
        coalesce((families.mean_ln_price - family_prices.mean_ln_price) / family_prices.sd_ln_price, 0) as price_z
    from families
    left join {{ ref('family_prices') }} as family_prices on families.category_family = family_prices.category_family
),

final as (
    select
        priced.product_id,
        priced.first_seen_date,
        priced.category_family,
        priced.category_code,
        priced.brand,
        priced.family_rank,
        priced.price_z,
        case
            when priced.price_z > {{ clientele.setting('premium_z') }} then 'premium'
            when priced.price_z < -{{ clientele.setting('premium_z') }} then 'budget'
            else 'middle'
        end as price_tier,
        case
            when earlier.product_id is null then 0
            when {{ clientele.same('priced', 'earlier', ['category_family', 'family_rank', 'brand', 'price_z']) }}
                then earlier.changed_load_id
            else newest_load.load_id
        end as changed_load_id
    from priced
    cross join newest_load
    left join earlier on priced.product_id = earlier.product_id
)

select * from final
