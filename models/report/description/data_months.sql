{#- Grain: one month (UTC) with events: what came in and who came, as it may be published. Late data: built whole in
    each run. -#}

with

final as (
    select * from {{ ref('data_profile_months') }}
),

publishable as (
    {{ clientele.published_cells('final', keys=['month_date']) }}
)

select * from publishable
