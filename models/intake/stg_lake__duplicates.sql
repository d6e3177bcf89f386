{#- Grain: one line of this run's files that repeats an event held already, or one further up in the same files.
    The first copy by load, file and line counts; which one that is changes no event. A hash of four
    columns finds the suspects cheaply and equality of all nine decides: DISTINCT or a window over every row costs three
    times as much. -#}
{% set columns = clientele.raw_event_columns() %}
{% set row_hash = clientele.row_hash([
    'stored_lines.event_at', 'stored_lines.product_id', 'stored_lines.event_type', 'stored_lines.user_id'
]) %}

with

-- Each step reads the table again: DuckDB would keep a CTE that is used twice in memory, with every row.
repeated_hashes as (
    select {{ row_hash }} as row_hash
    from {{ ref('stg_lake__lines') }} as stored_lines
    where stored_lines.line_kind = 'event'
    group by {{ row_hash }}
    having count(*) > 1
),

suspects as (
    select {{ clientele.line_id('stored_lines') }} as line_id
    from {{ ref('stg_lake__lines') }} as stored_lines
    inner join repeated_hashes on {{ row_hash }} = repeated_hashes.row_hash
    where stored_lines.line_kind = 'event'
),

copies as (
    select
        suspects.line_id,
        row_number() over (
            partition by stored_lines.{{ columns | join(', stored_lines.') }}
            order by suspects.line_id
        ) as copy_number
    from {{ ref('stg_lake__lines') }} as stored_lines
    inner join suspects on {{ clientele.line_id('stored_lines') }} = suspects.line_id
),

repeated_here as (
    select line_id from copies where copy_number > 1
),

accepted_files as (
    select file_id from {{ ref('event_files') }} where status = 'accepted'
),

earlier_events as (
    {{ clientele.previous_events(dict(clientele.event_columns(), **{'file_id': 'bigint'})) }}
),

held_events as (
    select earlier_events.*
    from earlier_events
    inner join accepted_files on earlier_events.file_id = accepted_files.file_id
    -- a file that is read again repeats itself
    left join {{ ref('stg_lake__files') }} as read_again on earlier_events.file_id = read_again.file_id
    where read_again.file_id is null
),

repeated_from_before as (
    {{ clientele.lines_equal_to('held_events') }}
),

final as (
    select line_id from repeated_here
    union
    select line_id from repeated_from_before
)

select * from final
