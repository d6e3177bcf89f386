{#- Grain: one removed copy that came back: the file that held its first copy was replaced by one that no longer has
    the event. Built before events, from what earlier runs left; empty unless a file with shared rows was replaced. -#}
-- depends_on: {{ ref('stg_lake__files') }}
{{ config(materialized='incremental', incremental_strategy='pending') }}
{% set columns = clientele.event_columns() %}
{% set provenance = {'file_id': 'bigint', 'line_number': 'bigint'} %}

with

this_load as (
    select {{ clientele.this_load(ref('event_files')) }} as load_id
),

earlier_events as (
    {{ clientele.previous_events(dict(columns, **{'file_id': 'bigint'})) }}
),

earlier_duplicates as (
    {{ clientele.previous_rows('duplicate_events', target.database, 'core', dict(columns, **provenance)) }}
),

accepted_files as (
    select file_id from {{ ref('event_files') }} where status = 'accepted'
),

lost_events as (
    select earlier_events.*
    from earlier_events
    left join accepted_files on earlier_events.file_id = accepted_files.file_id
    where accepted_files.file_id is null and {{ clientele.is_kept('earlier_events.event_at') }}
),

copies as (
    select
        earlier_duplicates.*,
        row_number() over (
            partition by earlier_duplicates.{{ columns | join(', earlier_duplicates.') }}
            order by earlier_duplicates.file_id, earlier_duplicates.line_number
        ) as copy_number
    from earlier_duplicates
    inner join accepted_files on earlier_duplicates.file_id = accepted_files.file_id
    inner join lost_events
        on
            earlier_duplicates.user_sk = lost_events.user_sk
            and earlier_duplicates.event_at = lost_events.event_at
            and {{ clientele.same('earlier_duplicates', 'lost_events', columns) }}
),

arriving as (
    {{ clientele.lines_equal_to('lost_events') }}
),

final as (
    select distinct
        {% for column in columns %}copies.{{ column }},
        {% endfor %}
        copies.file_id,
        copies.line_number,
        this_load.load_id
    from copies
    cross join this_load
    left join arriving
        on
            copies.user_sk = arriving.user_sk
            and copies.event_at = arriving.event_at
            and {{ clientele.same('copies', 'arriving', columns) }}
    where copies.copy_number = 1 and arriving.user_sk is null
)

select * from final
