{#- Grain: one accepted file. The books: lines (counted from the bytes, without the database) = header + blank + loaded
    + duplicates + refunds + quarantined, + erased + expired where rights or retention have taken lines away. Counted
    anew in each run from the tables as they are, so that a lost row shows. -#}

with

files as (
    select file_id, load_id, file_name, n_lines from {{ ref('event_files') }} where status = 'accepted'
),

lines as (
    select * from {{ ref('file_lines') }}
),

loaded as (
    select file_id, count(*) as n_loaded from {{ ref('events') }} group by file_id
),

duplicates as (
    select file_id, count(*) as n_duplicates from {{ ref('duplicate_events') }} group by file_id
),

refunds as (
    select file_id, count(*) as n_refunds from {{ ref('refund_lines') }} group by file_id
),

expired as (
    select file_id, sum(n_event_lines + coalesce(n_refund_lines, 0)) as n_expired
    from {{ ref('file_days') }}
    where event_date < {{ clientele.kept_from('events') }}
    group by file_id
),

released as (
    select file_id, count(*) as n_released from {{ ref('released_duplicates') }} group by file_id
),

quarantined as (
    select file_id, count(*) as n_quarantined from {{ ref('quarantined_lines') }} group by file_id
),

counted as (
    select
        files.file_id,
        files.load_id,
        files.file_name,
        files.n_lines,
        coalesce(lines.n_headers, 0) as n_headers,
        coalesce(lines.n_blank, 0) as n_blank,
        coalesce(loaded.n_loaded, 0) as n_loaded,
        coalesce(duplicates.n_duplicates, 0) - coalesce(released.n_released, 0) as n_duplicates,
        coalesce(refunds.n_refunds, 0) as n_refunds,
        coalesce(quarantined.n_quarantined, 0) as n_quarantined,
        coalesce(lines.n_erased, 0) as n_erased,
        cast(coalesce(expired.n_expired, 0) + coalesce(lines.n_unnamed_expired, 0) as bigint) as n_expired
    from files
    left join lines on files.file_id = lines.file_id
    left join loaded on files.file_id = loaded.file_id
    left join duplicates on files.file_id = duplicates.file_id
    left join refunds on files.file_id = refunds.file_id
    left join expired on files.file_id = expired.file_id
    left join released on files.file_id = released.file_id
    left join quarantined on files.file_id = quarantined.file_id
),

final as (
    select
        counted.*,
        counted.n_lines - counted.n_headers - counted.n_blank - counted.n_loaded - counted.n_duplicates
        - counted.n_refunds - counted.n_quarantined - counted.n_erased - counted.n_expired as n_unaccounted
    from counted
)

select * from final
