{#- Grain: one fit of personas: its card, what the gate and people have decided about it, and whether its weights score
    (is_champion, the switch that every other table reads: macros/registry/standing.sql) or score in shadow. -#}

with

cards as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'card', {
        'status': 'varchar(256)',
        'reason': 'varchar(4096)',
        'gate': 'varchar(256)',
        'gate_reason': 'varchar(4096)',
        'model_status': 'varchar(256)',
        'sentence': 'varchar(4096)',
        'k': 'integer',
        'n_users': 'bigint',
        'n_features': 'integer',
        'n_components': 'integer',
        'explained_variance': 'double precision',
        'min_share': 'double precision',
        'n_mismatches': 'bigint',
    }) }}
),

{{ clientele.standing_ctes('cards') }},

final as (
    select
        fit_number,
        model_version,
        status,
        model_status,
        reason,
        sentence,
        k as n_segments,
        n_users,
        n_features,
        n_components,
        explained_variance,
        min_share,
        n_mismatches,
        gate,
        decision,
        decision_reason,
        is_champion,
        is_challenger
    from standing
)

select * from final
