{#- Grain: one tenth of the tested customers of one head of one fit, by what was predicted: what was said, and what
    came. -#}

with

deciles as (
    {{ clientele.fit_part(ref('prediction_fit_fields'), 'calibration', {
        'head': 'varchar(32)',
        'model': 'varchar(32)',
        'decile': 'integer',
        'predicted': 'double precision',
        'observed': 'double precision',
        'ci_lo': 'double precision',
        'ci_hi': 'double precision',
        'n_users': 'bigint',
    }) }}
),

final as (
    select
        deciles.fit_number,
        deciles.head,
        deciles.model,
        deciles.decile,
        deciles.predicted,
        deciles.observed,
        deciles.ci_lo,
        deciles.ci_hi,
        deciles.n_users
    from deciles
)

select * from final
