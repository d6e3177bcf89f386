{#- Grain: one file and day (UTC): how many of its lines are events of that day, of which kinds and at which price,
    duplicates among them, without those of erased customers; and how many are refunds. What has expired is counted
    from here: days are let go whole. Late data is another file; rows go with their file. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

lines as (
    select file_id, line_kind, user_id, event_at, event_type, price
    from {{ ref('stg_lake__lines') }}
    where line_kind in {{ clientele.kept_kinds() }}
),

counted as (
    select
        lines.file_id,
        cast(lines.event_at as date) as event_date,
        cast(sum(case when lines.line_kind = 'event' then 1 else 0 end) as bigint) as n_event_lines,
        {% for column, event_type in clientele.counts_of_kinds().items() -%}
        cast(sum(case when lines.event_type = '{{ event_type }}' then 1 else 0 end) as bigint) as {{ column }},
        {% endfor -%}
        cast(sum(case when lines.line_kind = 'refund' then 1 else 0 end) as bigint) as n_refund_lines,
        {{ clientele.median("case when lines.line_kind = 'event' then lines.price end") }} as median_price
    from lines
    inner join {{ ref('user_keys') }} as user_keys on lines.user_id = user_keys.user_id
    group by lines.file_id, cast(lines.event_at as date)
)

select * from counted
