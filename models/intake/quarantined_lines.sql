{#- Grain: one physical line that could not be read as an event, with its reason from macros/intake/quarantine.sql.
    Holds what the file held, so it is as protected as the lake itself. Rows go with their file when it is replaced;
    lines of erased customers are counted (file_lines) and not kept; nor are old ones: those that name nobody after
    unnamed_lines_days, all as long as events are kept. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('file_lines') }}
-- depends_on: {{ ref('retention') }}
-- depends_on: {{ ref('stg_lake__files') }}
{{ config(
    materialized='incremental', incremental_strategy='files', post_hook="{{ clientele.forget_old_faulty_lines() }}"
) }}

with

erased_users as (
    {{ clientele.erased_among(ref('stg_lake__lines')) }}
),

unnamed_lines as (
    {{ clientele.unnamed_lines_of_erased(ref('stg_lake__lines')) }}
),

suspects as (
    select
        {{ clientele.line_id('stored_lines') }} as line_id,
        stored_lines.file_id,
        stored_lines.load_id,
        stored_lines.reason,
        stored_lines.event_at as event_time,
        stored_lines.user_id,
        -- nobody's, where an erased customer shared the session
        case when unnamed_lines.is_erased is null then stored_lines.session_sk else 0 end as session_sk,
        stored_lines.line_text
    from {{ ref('stg_lake__lines') }} as stored_lines
    left join erased_users on stored_lines.user_id = erased_users.user_id
    left join unnamed_lines on {{ clientele.line_id('stored_lines') }} = unnamed_lines.line_id
    where
        stored_lines.line_kind = 'faulty'
        and erased_users.user_id is null and coalesce(unnamed_lines.is_erased, 0) = 0
),

numbered as (
    {{ clientele.line_numbers('suspects') }}
),

final as (
    select
        suspects.file_id,
        pending_files.file_name,
        numbered.line_number,
        suspects.reason,
        suspects.event_time,
        suspects.user_id,
        coalesce(suspects.session_sk, 0) as session_sk,
        suspects.line_text,
        suspects.load_id
    from suspects
    inner join numbered on suspects.line_id = numbered.line_id
    inner join {{ ref('stg_lake__files') }} as pending_files on suspects.file_id = pending_files.file_id
)

select * from final
