{#- Grain: one persona of the champion, with its name: the one that the fit gave, or a person's (segment_name_overrides;
    a row for this very model goes before one for all models). -#}

with

fits as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'name', {
        'segment_id': 'integer',
        'segment_name_en': 'varchar(256)',
        'segment_name_fr': 'varchar(256)',
        'named_after': 'varchar(4096)',
    }) }}
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
        fits.segment_id,
        fits.segment_name_en as name_en,
        fits.segment_name_fr as name_fr,
        fits.named_after
    from fits
    inner join champion on fits.fit_number = champion.fit_number
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
