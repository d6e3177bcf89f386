{#- Grain: one file and day (UTC): how many of its lines are events of that day, of which kinds and at which price,
    duplicates among them, without those of erased customers. What has expired is counted from here: days are let go
    whole. Late data is another file; rows go with their file. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

lines as (
    select file_id, user_id, event_at, event_type, price from {{ ref('stg_lake__lines') }} where line_kind = 'event'
),

counted as (
    select
        lines.file_id,
        cast(lines.event_at as date) as event_date,
        count(*) as n_event_lines,
        {% for column, event_type in clientele.counts_of_kinds().items() -%}
        cast(sum(case when lines.event_type = '{{ event_type }}' then 1 else 0 end) as bigint) as {{ column }},
        {% endfor -%}
        {{ clientele.median('lines.price') }} as median_price
    from lines
    inner join {{ ref('user_keys') }} as user_keys on lines.user_id = user_keys.user_id
    group by lines.file_id, cast(lines.event_at as date)
)

select * from counted
