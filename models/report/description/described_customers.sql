{#- Grain: one month (UTC) and customer with events in it, bots too: how many events, and what they lack. Published
    counts have of each customer as much as counts, and so need them by customer. Late data: a month with a touched
    day is counted again from its events. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='touched_months', post_hook='{{ clientele.mark_load() }}') }}

with

{{ clientele.events_of_touched_months(
    ['user_sk', 'event_type', 'category_code', 'brand', 'session_sk', 'price', 'quantity']
) }},

final as (
    select
        month_date,
        user_sk,
        count(*) as n_events,
        {% for event_type in clientele.event_types() %}
        cast(sum(case when event_type = '{{ event_type }}' then 1 else 0 end) as bigint) as n_{{ event_type }},
        {% endfor %}
        count(*) - count(category_code) as n_without_category_code,
        count(*) - count(brand) as n_without_brand,
        cast(sum(case when session_sk = 0 then 1 else 0 end) as bigint) as n_without_session,
        cast(sum(case when coalesce(price, 0) = 0 then 1 else 0 end) as bigint) as n_without_price,
        count(quantity) as n_with_quantity
    from events
    group by month_date, user_sk
)

select * from final
