{#- Grain: one feature and persona, and one feature and everybody with a persona (segment_id null): what profiles of
    personas are made of. Features of the basis `buyers` are of users with an order, of `carters` with a cart. Late
    data: built anew when any persona or feature of anybody has changed, or what works them out, else kept. One sort
    per feature and none shared, as Redshift wants it; on DuckDB a few features at a time, the others by the post-hook,
    so that memory does not grow with their number (macros/personas/profiles.sql). -#}
{{ config(
    materialized='incremental',
    incremental_strategy='all_or_nothing',
    post_hook=['{{ clientele.insert_other_features(this) }}', '{{ clientele.mark_load() }}']
) }}

with

{{ clientele.statistics_fingerprint_ctes() }},

state as (
    select fingerprint from fingerprints
    {% if is_incremental() %}
    where fingerprint not in (select fingerprint from {{ this }})
    {% endif %}
),

{{ clientele.feature_statistics_ctes(clientele.feature_catalog()[:clientele.features_at_once()], 'state') }}

select * from statistics
