{#- Grain: as core.feature_statistics, of the challenger's personas. Late data: built anew when any persona or feature
    of anybody has changed, or what works them out, else kept. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='all_or_nothing',
    post_hook=['{{ clientele.insert_other_features(this, "challenger_scores") }}', '{{ clientele.mark_load() }}']
) }}

with

{{ clientele.statistics_fingerprint_ctes('challenger_scores') }},

state as (
    select fingerprint from fingerprints
    {% if is_incremental() %}
    where fingerprint not in (select fingerprint from {{ this }})
    {% endif %}
),

{{ clientele.feature_statistics_ctes(
    clientele.feature_catalog()[:clientele.features_at_once()], 'state', 'challenger_scores'
) }}

select * from statistics
