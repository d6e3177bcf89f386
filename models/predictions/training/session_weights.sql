{#- Grain: one row of the fit of the model of sessions that scores: a weight, a cut point or a cell of the heuristic, a
    parameter. -#}

with

champion as (
    select fit_number from {{ ref('session_model') }}
),

final as (
    {{ clientele.fitted_rows(ref('session_fit_fields'), 'champion') }}
)

select * from final
