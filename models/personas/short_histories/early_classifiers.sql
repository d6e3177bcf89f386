{#- Grain: one fit, length of history and kind of classifier that was tried as the early one, for the record: filled on
    request (--vars 'compare_early: true'), decides nothing. -#}

with

studies as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'comparison', {
        'n_events': 'bigint',
        'method': 'varchar(256)',
        'n_users': 'bigint',
        'value': 'double precision',
        'low': 'double precision',
        'high': 'double precision',
    }) }}
),

final as (
    select
        fit_number,
        model_version,
        n_events,
        method as classifier,
        n_users,
        value as kappa,
        low as kappa_low,
        high as kappa_high
    from studies
)

select * from final
