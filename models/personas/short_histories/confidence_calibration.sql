{#- Grain: one fit and decile of confidence: what was promised, and what became of users it was not learnt from. -#}

with

studies as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'calibration', {
        'decile': 'integer',
        'n_users': 'bigint',
        'confidence': 'double precision',
        'kept': 'double precision',
    }) }}
),

final as (
    select
        fit_number,
        model_version,
        decile,
        n_users,
        confidence as mean_confidence,
        kept as kept_share
    from studies
)

select * from final
