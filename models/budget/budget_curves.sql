{#- Grain: one segment and channel of one plan: what was learnt of it, or why nothing was; a plan of nothing has one row
    with its reason. -#}

with

cards as (
    {{ clientele.fit_part(ref('budget_fit_fields'), 'card', {
        'as_of_date': 'varchar(10)',
        'reason': 'varchar(1024)',
    }) }}
),

curves as (
    {{ clientele.fit_part(ref('budget_fit_fields'), 'curve', {
        'segment': 'varchar(256)',
        'channel': 'varchar(256)',
        'n_weeks': 'integer',
        'spend_before': 'double precision',
        'outcome_before': 'double precision',
        'slope': 'double precision',
        'slope_error': 'double precision',
        'elasticity': 'double precision',
        'elasticity_error': 'double precision',
        'reason': 'varchar(1024)',
    }) }}
),

final as (
    select
        cards.fit_number,
        cast(cards.model_version as varchar(64)) as model_version,
        cast(cards.as_of_date as date) as as_of_date,
        curves.segment,
        curves.channel,
        curves.n_weeks,
        curves.spend_before,
        curves.outcome_before,
        curves.slope,
        curves.slope_error,
        curves.elasticity,
        curves.elasticity_error,
        nullif(coalesce(curves.reason, cards.reason), '') as reason
    from cards
    left join curves on cards.fit_number = curves.fit_number
)

select * from final
