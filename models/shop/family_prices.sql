{#- Grain: one category family, with its price level in the shop's first days (reference_days days with events), and
    its place by number of events. Pinned, so that new data moves nobody's features; late data in those days
    builds it, and with it all features, again. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='all_or_nothing', post_hook='{{ clientele.mark_load() }}') }}
{% set ln_price = 'ln(' ~ clientele.double('price') ~ ')' %}

with

newest_load as (
    select {{ clientele.newest_load() }} as load_id
),

reference as (
    {{ clientele.reference_window() }}
),

events as (
    select events.product_id, events.price
    from {{ ref('events') }} as events
    cross join reference
    where events.event_at >= reference.starts_on and events.event_at < reference.ends_before
),

product_events as (
    select
        product_id,
        count(*) as n_events,
        sum(case when price > 0 then 1 else 0 end) as n_priced,
        sum(case when price > 0 then {{ clientele.exact(ln_price) }} else 0 end) as sum_ln_price,
        sum(
            case when price > 0 then {{ clientele.exact('power(' ~ ln_price ~ ', 2)') }} else 0 end
        ) as sum_squared_ln_price
    from events
    group by product_id
),

family_sums as (
    select
        product_families.category_family,
        sum(product_events.n_events) as n_events,
        {{ clientele.double('sum(product_events.n_priced)') }} as n_priced,
        {{ clientele.double('sum(product_events.sum_ln_price)') }} as sum_ln_price,
        {{ clientele.double('sum(product_events.sum_squared_ln_price)') }} as sum_squared_ln_price
    from product_events
    inner join {{ ref('product_families') }} as product_families
        on product_events.product_id = product_families.product_id
    group by product_families.category_family
),

spread as (
    select
        family_sums.*,
        case
            when family_sums.n_priced > 1
                then
                    sqrt(greatest(
                        family_sums.sum_squared_ln_price / family_sums.n_priced
                        - power(family_sums.sum_ln_price / family_sums.n_priced, 2), 0
                    ))
            else 0
        end as sd_ln_price
    from family_sums
),

final as (
    select
        spread.category_family,
        cast(spread.n_events as bigint) as n_events,
        row_number() over (
            order by
                case when spread.category_family = 'unclassified' then 1 else 0 end asc,
                spread.n_events desc nulls last,
                spread.category_family asc
        ) as family_rank,
        case when spread.n_priced > 0 then spread.sum_ln_price / spread.n_priced end as mean_ln_price,
        -- a family of one price has no spread of its own: ln(2) says that twice the price is one step up
        case when spread.sd_ln_price > 0.05 then spread.sd_ln_price else ln(2.0) end as sd_ln_price,
        newest_load.load_id
    from spread
    cross join newest_load
)

select * from final
