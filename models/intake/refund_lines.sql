{#- Grain: one line that gives money back, repeats among them, so that every line is accounted for. No event: no count
    of purchases, session or feature knows of it. Late data is another file; rows go with their file, and when they
    expire. Empty unless the var refunds says keep. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
-- depends_on: {{ ref('retention') }}
{{ config(materialized='incremental', incremental_strategy='files') }}

with

arriving as (
    {{ clientele.arriving_events(kind='refund') }}
),

numbered as (
    {{ clientele.line_numbers('arriving') }}
),

final as (
    select
        {% for column in clientele.event_columns() %}arriving.{{ column }},
        {% endfor %}
        arriving.file_id,
        arriving.load_id,
        numbered.line_number
    from arriving
    inner join numbered on arriving.line_id = numbered.line_id
)

select * from final
