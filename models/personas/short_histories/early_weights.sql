{#- Grain: one persona and feature of the champion's early classifier: all of it, in the columns of segment_weights.
    Position 0 is the intercept; the score is the negative log-odds. -#}

with

studies as (
    select * from {{ ref('segment_studies') }} where row_kind = 'early_weight'
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

final as (
    select
        studies.model_version,
        cast(studies.segment_id as integer) as segment_id,
        studies.item as feature,
        cast(studies.item_position as integer) as feature_position,
        studies.value as weight,
        studies.feature_mean,
        studies.low as clip_lo,
        studies.high as clip_hi
    from studies
    inner join champion on studies.fit_number = champion.fit_number
)

select * from final
