{#- Grain: one persona and category family that is among the three its customers look at most, whether others do so or
    not. From the sample and the days of segment_traits. Late data: built whole in each run. -#}

with

{{ clientele.persona_trait_ctes('persona_scores', ref('segment_labels')) }},

ranked as (
    select
        shares.*,
        row_number() over (
            partition by shares.segment_id order by shares.n_met desc nulls last, shares.trait asc
        ) as place
    from shares
    where
        shares.trait_kind = 'category_family'
        and shares.segment_id > 0
        and {{ clientele.is_publishable('shares.n_users') }}
),

final as (
    select
        labels.model_version,
        labels.segment_id,
        cast(ranked.place as integer) as family_position,
        cast(ranked.trait as varchar(256)) as category_family,
        cast(ranked.n_users as bigint) as n_users,
        ranked.trait_share as family_share,
        ranked.shop_share,
        ranked.trait_share / ranked.shop_share as lift
    from ranked
    inner join {{ ref('segment_labels') }} as labels on ranked.segment_id = labels.segment_id
    where ranked.place <= 3
),

publishable as (
    {{ clientele.published_cells('final', keys=['segment_id', 'family_position']) }}
)

select * from publishable
