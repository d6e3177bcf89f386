{#- Grain: one event, exact duplicates removed. Late data of any age is appended with its load; rows of a replaced
    file go in the same transaction. Rows stay in the order of the files, which is that of time: a day or a month is a
    few blocks of the table. Sorting by user costs as much as all joins together and gains a tenth downstream.
    This is the commit of a load: all that is made from the lines alone must be in place before. -#}
-- depends_on: {{ ref('users') }}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('duplicate_events') }}
-- depends_on: {{ ref('refund_lines') }}
-- depends_on: {{ ref('quarantined_lines') }}
-- depends_on: {{ ref('file_lines') }}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
-- depends_on: {{ ref('retention') }}
{{ config(
    materialized='incremental',
    incremental_strategy='files',
    post_hook=['{{ clientele.mark_load() }}', after_commit('{{ clientele.forget_batch() }}')]
) }}
{% set columns = clientele.event_columns().keys() | list + ['file_id', 'load_id'] %}

with

arriving as (
    {{ clientele.arriving_events() }}
),

released as (
    select released_duplicates.*
    from {{ ref('released_duplicates') }} as released_duplicates
    inner join {{ ref('event_files') }} as event_files
        on released_duplicates.file_id = event_files.file_id and event_files.status = 'accepted'
    where released_duplicates.load_id > {{ clientele.taken_in('events') }}
),

together as (
    select {{ columns | join(', ') }} from arriving
    union all
    select {{ columns | join(', ') }} from released
),

final as (
    select * from together
)

select * from final
