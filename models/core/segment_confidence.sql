{#- Grain: one range of margins of the champion, with the share of refits that gave users there the same persona. -#}

with

fits as (
    select * from {{ ref('segment_fits') }} where row_kind = 'confidence'
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

final as (
    select
        fits.clip_lo as margin_lo,
        lead(fits.clip_lo) over (order by fits.clip_lo) as margin_hi,
        fits.value as confidence
    from fits
    inner join champion on fits.fit_number = champion.fit_number
)

select * from final
