{#- Grain: one criterion of the gate for one model version: the bar, what was measured, and whether it was met. -#}

with

criteria as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'gate', {
        'criterion_position': 'integer',
        'criterion': 'varchar(256)',
        'compared_with': 'varchar(256)',
        'bar': 'double precision',
        'value': 'double precision',
        'ci_lo': 'double precision',
        'verdict': 'varchar(256)',
    }) }}
),

final as (
    select
        fit_number,
        model_version,
        criterion_position,
        criterion,
        compared_with,
        bar,
        value,
        ci_lo,
        verdict
    from criteria
)

select * from final
