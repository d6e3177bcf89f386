{#- Grain: one day (UTC) with events. Late data: a touched day is counted again from its events. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(
    materialized='incremental',
    incremental_strategy='touched_days',
    pre_hook='{{ clientele.stop_without_events() }}',
    post_hook='{{ clientele.mark_load() }}'
) }}

with

{{ clientele.events_of_touched_days([
    'extract(hour from event_at) as event_hour', 'event_type', 'price', 'quantity',
]) }},

counted as (
    select
        event_date,
        count(*) as n_events,
        {% for column, event_type in clientele.counts_of_kinds().items() -%}
        cast(sum(case when event_type = '{{ event_type }}' then 1 else 0 end) as bigint) as {{ column }},
        {% endfor -%}
        count(distinct event_hour) as n_hours,
        cast(
            sum(case when event_type = 'purchase' then {{ clientele.line_value() }} else 0 end) as decimal(28, 4)
        ) as revenue
    from events
    group by event_date
)

select * from counted
