{#- Grain: one file and day (UTC): how many of its lines are events of that day, duplicates among them, without those of
    erased customers. What has expired is counted from here: days are let go whole. Rows go with their file. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

lines as (
    select file_id, user_id, event_at from {{ ref('stg_lake__lines') }} where line_kind = 'event'
),

counted as (
    select
        lines.file_id,
        cast(lines.event_at as date) as event_date,
        count(*) as n_event_lines
    from lines
    inner join {{ ref('user_keys') }} as user_keys on lines.user_id = user_keys.user_id
    group by lines.file_id, cast(lines.event_at as date)
)

select * from counted
