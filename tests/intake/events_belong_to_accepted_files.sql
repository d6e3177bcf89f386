{#- Breaks when rows of a replaced, refused or unknown file are still there: then a corrected delivery counts beside the
    faulty one. Not a check that all lines of the accepted files are there. -#}
with

held as (
    select 'events' as held_in, file_id, count(*) as n_rows
    from {{ ref('events') }}
    group by file_id
    union all
    select 'duplicate_events' as held_in, file_id, count(*) as n_rows
    from {{ ref('duplicate_events') }}
    group by file_id
    union all
    select 'refund_lines' as held_in, file_id, count(*) as n_rows
    from {{ ref('refund_lines') }}
    group by file_id
    union all
    select 'quarantined_lines' as held_in, file_id, count(*) as n_rows
    from {{ ref('quarantined_lines') }}
    group by file_id
),

accepted_files as (
    select file_id from {{ ref('event_files') }} where status = 'accepted'
),

orphaned as (
    select held.held_in, held.file_id, held.n_rows
    from held
    left join accepted_files on held.file_id = accepted_files.file_id
    where accepted_files.file_id is null
)

select * from orphaned
