{#- Grain: one fit: its card, and whether its weights are the ones that score. The newest model is the champion. -#}

with

fits as (
    select * from {{ ref('segment_fits') }}
),

cards as (
    select
        fit_number,
        model_version,
        max(case when item = 'status' then text end) as status,
        max(case when item = 'reason' then text end) as reason,
        max(case when item = 'k' then value end) as n_segments,
        max(case when item = 'n_users' then value end) as n_users,
        max(case when item = 'n_features' then value end) as n_features,
        max(case when item = 'n_components' then value end) as n_components,
        max(case when item = 'explained_variance' then value end) as explained_variance,
        max(case when item = 'min_share' then value end) as min_share,
        max(case when item = 'n_mismatches' then value end) as n_mismatches,
        max(case when item = 'is_guided' then text end) as is_guided
    from fits
    where row_kind = 'card'
    group by fit_number, model_version
),

champions as (
    select max(fit_number) as fit_number from fits where row_kind = 'weight'
),

final as (
    select
        cards.fit_number,
        cards.model_version,
        cards.status,
        cards.reason,
        cast(cards.n_segments as integer) as n_segments,
        cast(cards.n_users as bigint) as n_users,
        cast(cards.n_features as integer) as n_features,
        cast(cards.n_components as integer) as n_components,
        cards.explained_variance,
        cards.min_share,
        cast(cards.n_mismatches as bigint) as n_mismatches,
        lower(cards.is_guided) = 'true' as is_guided,
        coalesce(cards.fit_number = champions.fit_number, false) as is_champion
    from cards
    cross join champions
)

select * from final
