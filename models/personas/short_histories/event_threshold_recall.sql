{#- Grain: one fit, length of history and persona: how many of the persona's users have it at that length already. -#}

with

studies as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'recall', {
        'n_events': 'bigint',
        'segment_id': 'integer',
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
        segment_id,
        n_users,
        value as recall,
        low as recall_low,
        high as recall_high
    from studies
)

select * from final
