{#- Grain: as marts.segment_summary, of the challenger: what its personas are called, how many they are and what they
    are worth, before anybody promotes it. Empty without a challenger. Late data: built whole in each run. -#}

with

{{ clientele.persona_label_ctes('is_challenger') }},

{{ clientele.persona_rule_ctes('is_challenger') }},

{{ clientele.persona_size_ctes('challenger_scores') }},

sizes as (
    select * from persona_sizes where exists (select 1 from persona_labels)
),

{{ clientele.persona_summary_ctes('sizes', 'persona_labels', 'persona_rules', ref('challenger_traits')) }},

publishable as (
    {{ clientele.published_cells('persona_summary', keys=['segment_id'], within=clientele.objectors_apart()) }}
)

select * from publishable
