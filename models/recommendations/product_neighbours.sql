{#- Grain: one origin, product and neighbour of the twenty nearest: products that the same customers looked at, as of the
    origin, by the cosine of who looked at them. From a sample of customers. Late data: built whole in each run. -#}

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
        others.product_id as neighbour_id,
        count(*) as n_both
    from looks
    inner join looks as others
        on
            looks.days_back = others.days_back
            and looks.user_sk = others.user_sk
            and looks.product_id != others.product_id
    group by looks.days_back, looks.product_id, others.product_id
    -- one customer alone makes no neighbours
    having count(*) >= 2
),

near as (
    select
        pairs.days_back,
        pairs.product_id,
        pairs.neighbour_id,
        {{ clientele.double('pairs.n_both') }}
        / sqrt({{ clientele.double('lookers.n_lookers') }} * {{ clientele.double('other_lookers.n_lookers') }}) as similarity
    from pairs
    inner join lookers on pairs.days_back = lookers.days_back and pairs.product_id = lookers.product_id
    inner join lookers as other_lookers
        on pairs.days_back = other_lookers.days_back and pairs.neighbour_id = other_lookers.product_id
),

placed as (
    select
        near.*,
        row_number() over (
            partition by days_back, product_id order by round(similarity, 9) desc nulls last, neighbour_id asc
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
