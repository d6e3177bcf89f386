{#- Grain: one customer of the sample, origin and category family: what the customer did with the family's products
    before the origin. Empty unless a fit is due. -#}

with

origins as (
    select * from {{ ref('prediction_origins') }}
),

sampled as (
    select * from {{ ref('prediction_users') }}
),

{{ clientele.family_history_ctes('origins', 'sampled') }},

final as (
    select * from family_history
)

select * from final
