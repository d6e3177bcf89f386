{#- Grain: one customer who does not object to profiling and item of the last order (a product, its brand, its category
    family): the chance that it is bought again within thirty days, rounded, and why. Built whole in each run: the
    chances move with as_of. -#}

with

scores as (
    select * from {{ ref('rebuy_scores') }}
),

customers as (
    select user_sk, user_key from {{ ref('users') }}
),

reasons as (
    select * from {{ ref('prediction_reasons') }}
),

final as (
    select
        customers.user_key,
        scores.item_level,
        scores.item_id,
        cast(case when scores.p_again_30d is null then 'refused' else 'predicted' end as varchar(16)) as status,
        {{ clientele.round_to_step('scores.p_again_30d', '0.001') }} as p_again_30d,
        scores.buys_again,
        scores.rebuy_source,
        cast(first_reason.reason_en as varchar(128)) as reason_1,
        cast(first_reason.reason_fr as varchar(128)) as reason_1_fr,
        cast(second_reason.reason_en as varchar(128)) as reason_2,
        cast(second_reason.reason_fr as varchar(128)) as reason_2_fr,
        scores.model_version,
        prediction_request.as_of_date
    from scores
    inner join customers on scores.user_sk = customers.user_sk
    cross join {{ ref('prediction_request') }} as prediction_request
    left join reasons as first_reason
        on
            scores.reason_1_feature = first_reason.feature
            and scores.reason_1_direction = first_reason.direction
    left join reasons as second_reason
        on
            scores.reason_2_feature = second_reason.feature
            and scores.reason_2_direction = second_reason.direction
)

select * from final
