{#- Grain: one fit and feature: how reliable it is, and whether the personas are made of it. -#}

with

features as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'feature', {
        'feature': 'varchar(256)',
        'feature_position': 'integer',
        'reliability': 'double precision',
        'status': 'varchar(64)',
        'note': 'varchar(1024)',
    }) }}
),

final as (
    select fit_number, model_version, feature, feature_position, reliability, status, note from features
)

select * from final
