{#- Grain: the shop, one row: what an order is like in the reference window, which goes on until orders are in. A user
    without an order gets these as prior means: no purchase is a missing value, not a zero. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='all_or_nothing', post_hook='{{ clientele.mark_load() }}') }}

with

newest_load as (
    select {{ clientele.newest_load() }} as load_id
),

reference as (
    {{ clientele.reference_window(of_orders=true) }}
),

events as (
    select
        events.user_sk,
        events.session_sk,
        events.product_id,
        events.event_at,
        events.event_type,
        events.price,
        events.quantity
    from {{ ref('events') }} as events
    cross join reference
    where
        events.event_at >= reference.starts_on
        and events.event_at < reference.ends_before
),

purchases as (
    select user_sk, session_sk, product_id, event_at, price, quantity from events where event_type = 'purchase'
),

orders as (
    select user_sk, session_sk, count(*) as n_items, sum({{ clientele.line_value() }}) as revenue
    from purchases
    group by user_sk, session_sk
),

order_means as (
    select
        count(*) as n_orders,
        {{ clientele.double('sum(n_items)') }} / {{ clientele.double('count(*)') }} as items_per_order,
        {{ clientele.double('sum(revenue)') }} / {{ clientele.double('count(*)') }} as order_value
    from orders
    having count(*) > 0
),

first_purchases as (
    select user_sk, product_id, min(event_at) as purchased_at from purchases group by user_sk, product_id
),

latencies as (
    select
        first_purchases.user_sk,
        first_purchases.product_id,
        {{ clientele.seconds_between('min(events.event_at)', 'min(first_purchases.purchased_at)') }} as latency_seconds
    from first_purchases
    inner join events
        on
            first_purchases.user_sk = events.user_sk
            and first_purchases.product_id = events.product_id
            and events.event_type = 'view'
            and first_purchases.purchased_at >= events.event_at
    group by first_purchases.user_sk, first_purchases.product_id
),

latency_means as (
    select
        {{ clientele.double('sum(' ~ clientele.exact('ln(1 + ' ~ clientele.double('latency_seconds') ~ ')') ~ ')') }}
        / {{ clientele.double('count(*)') }} as mean_ln_latency
    from latencies
    having count(*) > 0
),

final as (
    select
        reference.starts_on,
        reference.ends_before,
        coalesce(order_means.items_per_order, 1) as items_per_order,
        coalesce(order_means.order_value, 1) as order_value,
        coalesce(latency_means.mean_ln_latency, 6) as mean_ln_latency,
        newest_load.load_id
    from reference
    cross join newest_load
    left join order_means on 1 = 1
    left join latency_means on 1 = 1
)

select * from final
