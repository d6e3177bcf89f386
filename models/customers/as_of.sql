{#- Grain: the build, one row: the moment that it describes. The var as_of, or the last event: no model reads the
    clock. -#}
{{ config(post_hook='{{ clientele.mark_load() }}') }}
{% set as_of = clientele.setting('as_of') %}

with

days as (
    select
        min(event_date) as first_date,
        max(event_date) as last_date
    from {{ ref('daily_events') }}
),

final as (
    select
        days.first_date,
        days.last_date,
        {% if as_of == 'last_event' -%}
        max(events.event_at) as as_of_at
        {%- else -%}
        cast('{{ as_of }}' as timestamp) as as_of_at
        {%- endif %}
    from days
    left join {{ ref('events') }} as events on days.last_date <= events.event_at
    group by days.first_date, days.last_date
)

select * from final
