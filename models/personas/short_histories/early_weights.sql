{#- Grain: one persona and feature of the champion's early classifier: all of it, in the columns of segment_weights.
    Position 0 is the intercept; the score is the negative log-odds. -#}

with

studies as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'early_weight', clientele.weight_fields()) }}
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

final as (
    select
        studies.model_version,
        studies.segment_id,
        studies.feature,
        studies.feature_position,
        studies.weight,
        studies.feature_mean,
        studies.clip_lo,
        studies.clip_hi
    from studies
    inner join champion on studies.fit_number = champion.fit_number
)

select * from final
