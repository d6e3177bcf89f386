{#- Grain: one persona (0: none yet) and group of its customers: all of them, one value tier, or one lifecycle state.
    Late data: built whole in each run. -#}

with

{{ clientele.state_ctes(keys=['segment_id'], labels=['segment_name', 'segment_name_fr']) }},

publishable as (
    {{ clientele.published_cells(
        'final', keys=['segment_id', 'dimension', 'group_code'], within=['segment_id', 'dimension']
    ) }}
)

select * from publishable
