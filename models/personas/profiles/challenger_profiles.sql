{#- Grain: as marts.segment_profiles, of the challenger's personas. Late data: built anew. -#}

with

{{ clientele.persona_label_ctes('is_challenger') }},

{{ clientele.persona_profile_ctes(ref('challenger_statistics'), 'persona_labels') }},

publishable as (
    {{ clientele.published_cells('persona_profiles', keys=['segment_id'], within=['feature']) }}
)

select * from publishable
