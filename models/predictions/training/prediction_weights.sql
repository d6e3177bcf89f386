{#- Grain: one row of the newest fit that scores: a weight, a cut point or a cell of the heuristic, a parameter. -#}

with

newest as (
    select max(fit_number) as fit_number from {{ ref('prediction_heads') }}
),

final as (
    {{ clientele.fitted_rows(ref('prediction_fit_fields'), 'newest') }}
)

select * from final
