{#- Grain: one file: how many of its lines are a header, blank, events or faulty. Rows go with their file. -#}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

lines as (
    select file_id, line_kind from {{ ref('stg_lake__lines') }}
),

counted as (
    select
        file_id,
        sum(case when line_kind = 'header' then 1 else 0 end) as n_headers,
        sum(case when line_kind = 'blank' then 1 else 0 end) as n_blank,
        sum(case when line_kind = 'event' then 1 else 0 end) as n_events_read
    from lines
    group by file_id
),

final as (
    select
        files.file_id,
        cast(coalesce(counted.n_headers, 0) as bigint) as n_headers,
        cast(coalesce(counted.n_blank, 0) as bigint) as n_blank,
        cast(coalesce(counted.n_events_read, 0) as bigint) as n_events_read
    from {{ ref('stg_lake__files') }} as files
    left join counted on files.file_id = counted.file_id
)

select * from final
