{#- Grain: one figure of one model of sessions of one fit, at one tested origin or over all: how good predictions were,
    out of time and for other customers than those learnt from. -#}

with

figures as (
    {{ clientele.fit_part(ref('session_fit_fields'), 'evaluation', {
        'head': 'varchar(32)',
        'model': 'varchar(32)',
        'compared_with': 'varchar(32)',
        'origin': 'varchar(32)',
        'metric': 'varchar(64)',
        'value': 'double precision',
        'ci_lo': 'double precision',
        'ci_hi': 'double precision',
        'n_users': 'bigint',
    }) }}
),

final as (
    select
        figures.fit_number,
        cast(figures.model_version as varchar(64)) as model_version,
        figures.head,
        figures.model,
        figures.compared_with,
        figures.origin,
        figures.metric,
        figures.value,
        figures.ci_lo,
        figures.ci_hi,
        figures.n_users
    from figures
)

select * from final
