{#- Grain: one physical line of a file that is still to be taken in, typed, with the reason against it if there is one.
    Holds this run's files only, of any age, and raw ids: emptied once core.events holds them. -#}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('stg_lake__files') }}
-- depends_on: {{ clientele.events_relation() or 'files' }}
-- depends_on: {{ ref('event_type_map') }}
-- depends_on: {{ ref('column_map') }}
{{ config(
    materialized='by_file',
    post_hook=['{{ clientele.tell_about_lines() }}', '{{ clientele.mark_load() }}', '{{ clientele.mark_maps() }}']
) }}
{#- read here, so that it is among the settings that the files were read with -#}
{% set repeats = clientele.setting('repeated_purchase_lines') %}

with

lines as (
    select * from {{ clientele.lake_lines() }}
),

judged as (
    {{ clientele.judged_lines('lines') }}
)

select {{ clientele.line_columns().keys() | join(', ') }} from judged
