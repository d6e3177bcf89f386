{#- Grain: one persona of the champion, with its name: the one that the fit gave, or a person's (segment_name_overrides;
    a row for this very model goes before one for all models). -#}

with

fits as (
    select * from {{ ref('segment_fits') }} where row_kind = 'name'
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

overrides as (
    select * from {{ ref('segment_name_overrides') }}
),

names as (
    select
        fits.model_version,
        cast(fits.segment_id as integer) as segment_id,
        max(case when fits.item = 'en' then fits.text end) as name_en,
        max(case when fits.item = 'fr' then fits.text end) as name_fr,
        max(case when fits.item = 'named_after' then fits.text end) as named_after
    from fits
    inner join champion on fits.fit_number = champion.fit_number
    group by fits.model_version, cast(fits.segment_id as integer)
),

final as (
    select
        names.model_version,
        names.segment_id,
        cast(coalesce(own.name_en, standing.name_en, names.name_en) as varchar(256)) as segment_name,
        cast(coalesce(own.name_fr, standing.name_fr, names.name_fr) as varchar(256)) as segment_name_fr,
        names.named_after,
        coalesce(own.decided_by, standing.decided_by) as named_by
    from names
    left join overrides as own
        on names.model_version = own.model_version and names.segment_id = own.segment_id
    left join overrides as standing
        on standing.model_version = '*' and names.segment_id = standing.segment_id
)

select * from final
