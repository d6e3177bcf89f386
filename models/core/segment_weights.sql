{#- Grain: one persona and feature of the champion: the whole model. Position 0 is the intercept. -#}

with

fits as (
    select * from {{ ref('segment_fits') }} where row_kind = 'weight'
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

final as (
    select
        fits.model_version,
        cast(fits.segment_id as integer) as segment_id,
        fits.item as feature,
        cast(fits.item_position as integer) as feature_position,
        fits.value as weight,
        fits.feature_mean,
        fits.clip_lo,
        fits.clip_hi
    from fits
    inner join champion on fits.fit_number = champion.fit_number
)

select * from final
