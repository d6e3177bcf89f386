{#- Grain: one file: how many of its lines are a header, blank, events or faulty, and how many were left out because
    their customer is erased. Rows go with their file. -#}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

lines as (
    select
        stored_lines.file_id,
        stored_lines.line_kind,
        stored_lines.user_id,
        {{ clientele.line_id('stored_lines') }} as line_id
    from {{ ref('stg_lake__lines') }} as stored_lines
),

counted as (
    select
        file_id,
        sum(case when line_kind = 'header' then 1 else 0 end) as n_headers,
        sum(case when line_kind = 'blank' then 1 else 0 end) as n_blank,
        sum(case when line_kind = 'event' then 1 else 0 end) as n_events_read,
        sum(case when line_kind in {{ clientele.kept_kinds() }} then 1 else 0 end) as n_of_customers
    from lines
    group by file_id
),

of_customers as (
    select file_id, sum(n_event_lines + coalesce(n_refund_lines, 0)) as n_lines
    from {{ ref('file_days') }}
    group by file_id
),

erased_users as (
    {{ clientele.erased_among('lines') }}
),

unnamed_lines as (
    {{ clientele.unnamed_lines_of_erased(ref('stg_lake__lines')) }}
),

faulty_of_erased as (
    select lines.file_id, count(*) as n_lines
    from lines
    left join erased_users on lines.user_id = erased_users.user_id
    left join unnamed_lines on lines.line_id = unnamed_lines.line_id
    where
        lines.line_kind = 'faulty'
        and (erased_users.user_id is not null or unnamed_lines.is_erased = 1)
    group by lines.file_id
),

final as (
    select
        files.file_id,
        cast(coalesce(counted.n_headers, 0) as bigint) as n_headers,
        cast(coalesce(counted.n_blank, 0) as bigint) as n_blank,
        cast(coalesce(counted.n_events_read, 0) as bigint) as n_events_read,
        cast(
            coalesce(counted.n_of_customers, 0) - coalesce(of_customers.n_lines, 0)
            + coalesce(faulty_of_erased.n_lines, 0) as bigint
        ) as n_erased,
        cast(0 as bigint) as n_unnamed_expired
    from {{ ref('stg_lake__files') }} as files
    left join counted on files.file_id = counted.file_id
    left join of_customers on files.file_id = of_customers.file_id
    left join faulty_of_erased on files.file_id = faulty_of_erased.file_id
)

select * from final
