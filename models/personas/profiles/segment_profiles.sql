{#- Grain: one persona and feature: the persona's median beside everybody's, and its mean against the rest, over users
    who have a persona, as far as macros/privacy/disclosure.sql lets it be published. Features of the bases `buyers` and
    `carters` are compared among users with an order, or with a cart. Late data: built anew. -#}
with

{{ clientele.persona_profile_ctes(ref('feature_statistics'), ref('segment_labels')) }},

publishable as (
    {{ clientele.published_cells('persona_profiles', keys=['segment_id'], within=['feature']) }}
)

select * from publishable
