{#- Grain: one month and pair of families: products whose events say the second family in it, and said the first one in
    the product's month before. Features do not follow such a move: core.product_taxonomy keeps the family of the first
    day. Late data: built whole from a table that is kept by month. -#}

with

products as (
    select
        month_date,
        product_id,
        family,
        n_events,
        lag(family) over (partition by product_id order by month_date) as family_before
    from {{ ref('described_products') }}
    where family is not null
),

seen_before as (
    select month_date, family_before, count(*) as n_products
    from products
    where family_before is not null
    group by month_date, family_before
),

moved as (
    select month_date, family_before, family, count(*) as n_products, sum(n_events) as n_events
    from products
    where family_before is not null and family_before <> family
    group by month_date, family_before, family
),

final as (
    select
        moved.month_date,
        cast(moved.family_before as varchar(256)) as from_family,
        cast(moved.family as varchar(256)) as to_family,
        cast(moved.n_products as bigint) as n_products,
        cast(moved.n_events as bigint) as n_events,
        {{ clientele.double('moved.n_products') }} / seen_before.n_products as product_share
    from moved
    inner join seen_before
        on moved.month_date = seen_before.month_date and moved.family_before = seen_before.family_before
)

select * from final
