{#- Grain: one group of the shop's customers: all of them, one value tier, or one lifecycle state. Late data: built
    whole in each run. -#}

with

{{ clientele.state_ctes(keys=[]) }},

publishable as (
    {{ clientele.published_cells('final', keys=['dimension', 'group_code'], within=['dimension']) }}
)

select * from publishable
