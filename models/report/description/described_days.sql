{#- Grain: one day (UTC), file and event type: how many events, and what they lack. Late data: a touched day is counted
    again from its events. Everything that describes the files by day or month adds these up. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='touched_days', post_hook='{{ clientele.mark_load() }}') }}

with

{{ clientele.events_of_touched_days([
    'file_id', 'event_type', 'category_id', 'category_code', 'brand', 'session_sk', 'price', 'quantity',
]) }},

counted as (
    select
        event_date,
        file_id,
        event_type,
        count(*) as n_events,
        count(*) - count(category_id) as n_without_category_id,
        count(*) - count(category_code) as n_without_category_code,
        count(*) - count(brand) as n_without_brand,
        cast(sum(case when session_sk = 0 then 1 else 0 end) as bigint) as n_without_session,
        cast(sum(case when coalesce(price, 0) = 0 then 1 else 0 end) as bigint) as n_without_price,
        count(quantity) as n_with_quantity,
        cast(
            sum(case when event_type = 'purchase' then {{ clientele.line_value() }} else 0 end) as decimal(28, 4)
        ) as revenue
    from events
    group by event_date, file_id, event_type
)

select * from counted
