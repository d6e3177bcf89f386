{#- Grain: one day (UTC) with events. Carries the load that last brought or took away an event of that day, late ones
    included: what is kept per day or pinned to days is built again when its day has a newer load. Built before
    events, like users. -#}
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='event_date') }}

with

lines as (
    select event_at, load_id
    from {{ ref('stg_lake__lines') }}
    where line_kind = 'event' and {{ clientele.is_kept('event_at') }}
),

accepted_files as (
    select file_id from {{ ref('event_files') }} where status = 'accepted'
),

this_load as (
    select {{ clientele.this_load(ref('event_files')) }} as load_id
),

earlier_events as (
    {{ clientele.previous_events({'event_at': 'timestamp', 'file_id': 'bigint'}) }}
),

touched as (
    select cast(event_at as date) as event_date, max(load_id) as load_id from lines group by cast(event_at as date)
    union all
    select cast(earlier_events.event_at as date) as event_date, max(this_load.load_id) as load_id
    from earlier_events
    cross join this_load
    left join accepted_files on earlier_events.file_id = accepted_files.file_id
    where accepted_files.file_id is null or not {{ clientele.is_kept('earlier_events.event_at') }}
    group by cast(earlier_events.event_at as date)
),

final as (
    select
        event_date,
        max(load_id) as last_load_id
    from touched
    group by event_date
)

select * from final
