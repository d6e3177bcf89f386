{#- Grain: one fit, number of personas tried and metric: what decided how many personas there are. -#}

with

diagnostics as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'diagnostic', {
        'n_segments': 'integer',
        'metric': 'varchar(256)',
        'value': 'double precision',
        'threshold': 'double precision',
        'verdict': 'varchar(256)',
    }) }}
),

final as (
    select fit_number, model_version, n_segments, metric, value, threshold, verdict from diagnostics
)

select * from final
