{#- Grain: one persona of the champion, with its name. -#}

with

fits as (
    select * from {{ ref('segment_fits') }} where row_kind = 'name'
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

final as (
    select
        fits.model_version,
        cast(fits.segment_id as integer) as segment_id,
        max(case when fits.item = 'en' then fits.text end) as segment_name,
        max(case when fits.item = 'fr' then fits.text end) as segment_name_fr
    from fits
    inner join champion on fits.fit_number = champion.fit_number
    group by fits.model_version, cast(fits.segment_id as integer)
)

select * from final
