{#- Grain: one persona (0: who has none yet) and family of products: customers of the persona for whom the family is
    one of the three that they most likely buy from within thirty days, and their mean chance. Late data: built whole
    in each run. -#}
{% set mean_chance = clientele.double('sum(' ~ clientele.exact('p_buy_30d') ~ ')') ~ ' / count(*)' %}

with

scored as (
    select
        coalesce(segments.segment_id, 0) as segment_id,
        coalesce(segments.segment_name, 'No persona yet') as segment_name,
        coalesce(segments.segment_name_fr, 'Pas encore de persona') as segment_name_fr,
        chances.user_key,
        chances.category_family,
        chances.p_buy_30d
    from {{ ref('customer_family_propensities') }} as chances
    inner join {{ ref('user_segments') }} as segments on chances.user_key = segments.user_key
),

sizes as (
    select
        segment_id,
        count(distinct user_key) as n_all
    from scored
    group by segment_id
),

usual as (
    select
        category_family,
        {{ mean_chance }} as chance
    from scored
    group by category_family
),

cells as (
    select
        segment_id,
        category_family,
        max(segment_name) as segment_name,
        max(segment_name_fr) as segment_name_fr,
        count(*) as n_users,
        {{ mean_chance }} as chance,
        {{ clientele.double('max(p_buy_30d)') }} / count(*) as largest_chance
    from scored
    group by segment_id, category_family
),

final as (
    select
        cast(cells.segment_id as integer) as segment_id,
        cast(cells.segment_name as varchar(256)) as segment_name,
        cast(cells.segment_name_fr as varchar(256)) as segment_name_fr,
        cast(cells.category_family as varchar(256)) as category_family,
        cast(cells.n_users as bigint) as n_users,
        {{ clientele.double('cells.n_users') }} / sizes.n_all as user_share,
        cast(cells.chance as double precision) as chance,
        cast(cells.chance / nullif(usual.chance, 0) as double precision) as chance_lift,
        cells.largest_chance,
        cells.largest_chance / nullif(usual.chance, 0) as largest_lift
    from cells
    inner join sizes on cells.segment_id = sizes.segment_id
    inner join usual on cells.category_family = usual.category_family
),

publishable as (
    {{ clientele.published_cells('final', keys=['segment_id', 'category_family'], within=['segment_id']) }}
)

select * from publishable
