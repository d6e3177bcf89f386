{#- Grain: one origin, product and neighbour of the twenty nearest: products that the same customers looked at, as of
    the origin, by the cosine of who looked at them. From a sample of customers. Late data: built whole in each run.
    -#}

with

looks as (
    select
        days_back,
        user_sk,
        product_id
    from {{ ref('product_visits') }}
    where is_sampled
),

lookers as (
    select
        days_back,
        product_id,
        count(*) as n_lookers
    from looks
    group by days_back, product_id
),

pairs as (
    select
        looks.days_back,
        looks.product_id,
        other_looks.product_id as neighbour_id,
        count(*) as n_shared
    from looks
    inner join looks as other_looks
        on
            looks.days_back = other_looks.days_back
            and looks.user_sk = other_looks.user_sk
            and looks.product_id != other_looks.product_id
    group by looks.days_back, looks.product_id, other_looks.product_id
    -- one customer alone makes no neighbours
    having count(*) >= 2
),

near as (
    select
        pairs.days_back,
        pairs.product_id,
        pairs.neighbour_id,
        {{ clientele.double('pairs.n_shared') }}
        / sqrt({{ clientele.double('lookers.n_lookers') }} * {{ clientele.double('other_lookers.n_lookers') }})
            as similarity
    from pairs
    inner join lookers on pairs.days_back = lookers.days_back and pairs.product_id = lookers.product_id
    inner join lookers as other_lookers
        on pairs.days_back = other_lookers.days_back and pairs.neighbour_id = other_lookers.product_id
),

placed as (
    select
        near.*,
        row_number() over (
            partition by near.days_back, near.product_id
            order by round(near.similarity, 9) desc nulls last, near.neighbour_id asc
        ) as place
    from near
),

final as (
    select
        days_back,
        product_id,
        neighbour_id,
        similarity,
        cast(place as integer) as place
    from placed
    where place <= 20
)

select * from final
