{#- Grain: one effect of the newest calculation: experiment × measure × persona (or all) × arm. Late data: built
    whole in each run. -#}

with

effects as (
    {{ clientele.fit_part(ref('experiment_fit_fields'), 'effects', {
        'experiment': 'varchar(64)',
        'measure': 'varchar(16)',
        'persona': 'varchar(16)',
        'arm': 'varchar(32)',
        'confidence': 'double precision',
        'control_mean': 'double precision',
        'effect': 'double precision',
        'effect_low': 'double precision',
        'effect_high': 'double precision',
        'relative_effect': 'double precision',
        'relative_low': 'double precision',
        'relative_high': 'double precision',
        'p_value': 'double precision',
        'p_adjusted': 'double precision',
        'shrunken_effect': 'double precision',
        'shrunken_low': 'double precision',
        'shrunken_high': 'double precision',
        'variance_share': 'double precision',
    }) }}
),

newest as (
    select max(fit_number) as fit_number from effects
),

final as (
    select
        effects.experiment,
        effects.measure,
        effects.persona,
        effects.arm,
        effects.confidence,
        effects.control_mean,
        effects.effect,
        effects.effect_low,
        effects.effect_high,
        effects.relative_effect,
        effects.relative_low,
        effects.relative_high,
        effects.p_value,
        effects.p_adjusted,
        effects.shrunken_effect,
        effects.shrunken_low,
        effects.shrunken_high,
        effects.variance_share
    from effects
    inner join newest on effects.fit_number = newest.fit_number
    where effects.measure is not null
)

select * from final
