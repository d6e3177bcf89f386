{#- Grain: as marts.segment_traits, of the challenger's personas: for who decides whether it is promoted. Late data:
    built whole in each run. -#}

with

{{ clientele.persona_label_ctes('is_challenger') }},

{{ clientele.persona_trait_ctes('challenger_scores', 'persona_labels') }},

publishable as (
    {{ clientele.published_cells('persona_traits', keys=['segment_id', 'trait_kind', 'trait_position']) }}
)

select * from publishable
