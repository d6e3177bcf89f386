{#- Grain: one persona and category family or brand that its customers look at more than the shop's customers do, the
    most telling first. From a sample of at most 50,000 customers, in the features' window. A trait has to be met by
    enough of them (min_cell_users), to be a fiftieth of what the persona looks at, and to be looked at a fifth more
    than by the shop's customers; else it says nothing. Late data: built whole in each run. -#}

with

customers as (
    select
        feature_values.user_sk,
        feature_values.last_event_at,
        coalesce(persona_scores.segment_id, 0) as segment_id
    from {{ ref('user_feature_values') }} as feature_values
    left join {{ ref('persona_scores') }} as persona_scores on feature_values.user_sk = persona_scores.user_sk
    where {{ clientele.may_be_profiled('feature_values.user_sk') }}
),

sampled as (
    {{ clientele.sampled('customers', 50000) }}
),

met as (
    select
        customers.segment_id,
        customers.user_sk,
        taxonomy.category_family,
        taxonomy.brand
    from {{ ref('events') }} as events
    inner join sampled on events.user_sk = sampled.user_sk
    inner join customers on events.user_sk = customers.user_sk
    inner join {{ ref('product_taxonomy') }} as taxonomy on events.product_id = taxonomy.product_id
    where events.event_at > {{ clientele.window_start('customers.last_event_at') }}
),

traits as (
    {% for kind in ['category_family', 'brand'] -%}
    select
        cast('{{ kind }}' as varchar(16)) as trait_kind,
        {{ kind }} as trait,
        segment_id,
        {{ clientele.double('count(*)') }} as n_met,
        count(distinct user_sk) as n_users
    from met
    where {{ kind }} is not null and {{ kind }} != 'unclassified'
    group by {{ kind }}, segment_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

shares as (
    select
        traits.*,
        traits.n_met / sum(traits.n_met) over (partition by traits.trait_kind, traits.segment_id) as trait_share,
        sum(traits.n_met) over (partition by traits.trait_kind, traits.trait)
        / sum(traits.n_met) over (partition by traits.trait_kind) as shop_share
    from traits
),

telling as (
    select
        shares.*,
        shares.trait_share / shares.shop_share as lift,
        row_number() over (
            partition by shares.trait_kind, shares.segment_id
            order by shares.trait_share * ln(shares.trait_share / shares.shop_share) desc nulls last, shares.trait asc
        ) as place
    from shares
    where
        shares.segment_id > 0
        and shares.trait_share >= 0.02
        and shares.trait_share >= 1.2 * shares.shop_share
        and {{ clientele.is_publishable('shares.n_users') }}
),

final as (
    select
        labels.model_version,
        labels.segment_id,
        telling.trait_kind,
        cast(telling.place as integer) as trait_position,
        cast(telling.trait as varchar(256)) as trait,
        cast(telling.n_users as bigint) as n_users,
        telling.trait_share,
        telling.shop_share,
        telling.lift
    from telling
    inner join {{ ref('segment_labels') }} as labels on telling.segment_id = labels.segment_id
    where telling.place <= 5
),

publishable as (
    {{ clientele.published_cells('final', keys=['segment_id', 'trait_kind', 'trait_position']) }}
)

select * from publishable
