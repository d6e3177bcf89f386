{#- Grain: one figure of one model version: model, what it is compared with, month, fold and metric. Measured when the
    model was fitted (clientele.personas.prediction), and kept with it. -#}

with

evaluations as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'evaluation', {
        'model': 'varchar(256)',
        'compared_with': 'varchar(256)',
        'origin': 'varchar(256)',
        'fold': 'integer',
        'metric': 'varchar(256)',
        'value': 'double precision',
        'ci_lo': 'double precision',
        'ci_hi': 'double precision',
        'n_users': 'bigint',
    }) }}
),

final as (
    select
        fit_number,
        model_version,
        model,
        compared_with,
        origin,
        fold,
        metric,
        value,
        ci_lo,
        ci_hi,
        n_users
    from evaluations
)

select * from final
