{#- Grain: one line that repeats an event held already. Kept, so that the event survives when the file with its
    first copy is replaced (released_duplicates). Late data: another load; rows go with their file. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
-- depends_on: {{ ref('retention') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

repeated as (
    {{ clientele.arriving_events(duplicates='only') }}
),

numbered as (
    {{ clientele.line_numbers('repeated') }}
),

final as (
    select
        {% for column in clientele.event_columns() %}repeated.{{ column }},
        {% endfor %}
        repeated.file_id,
        repeated.load_id,
        numbered.line_number
    from repeated
    inner join numbered on repeated.line_id = numbered.line_id
)

select * from final
