{#- Grain: one persona, 0 for customers without one yet, -1 for those who object to profiling: size, value, what sets it
    apart, what it looks at, as far as macros/privacy/disclosure.sql lets it be published. Shares are of the whole shop;
    lifts compare a persona with the other personas, whose histories are as long. Late data: built whole in each run.
    -#}

with

sizes as (
    select * from {{ ref('persona_sizes') }}
),

{{ clientele.persona_summary_ctes('sizes', ref('segment_labels'), ref('segment_rules'), ref('segment_traits')) }},

publishable as (
    {{ clientele.published_cells('persona_summary', keys=['segment_id'], within=clientele.objectors_apart()) }}
)

select * from publishable
