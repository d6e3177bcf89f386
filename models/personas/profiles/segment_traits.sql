{#- Grain: one persona and category family or brand that its customers look at more than the shop's customers do, the
    most telling first. From a sample of at most 50,000 customers, in the features' window. A trait has to be met by
    enough of them (min_cell_users), to be a fiftieth of what the persona looks at, and to be looked at a fifth more
    than by the shop's customers; else it says nothing. Late data: built whole in each run. -#}

with

{{ clientele.persona_trait_ctes('persona_scores', ref('segment_labels')) }},

publishable as (
    {{ clientele.published_cells('persona_traits', keys=['segment_id', 'trait_kind', 'trait_position']) }}
)

select * from publishable
