{#- Grain: one customer who does not object to profiling and item of the last order (a product, its brand, its category
    family) that is to be expected again within thirty days: the chance, rounded, and why. Items that are not expected
    stay in core.rebuy_scores: all of an order is what a receipt knows. A kind of item that is refused has a row without
    an item. Built whole in each run: the chances move with as_of. -#}

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

told as (
    select
        user_sk,
        item_level,
        item_id,
        cast('predicted' as varchar(16)) as status,
        p_again_30d,
        rebuy_source,
        reason_1_feature,
        reason_1_direction,
        reason_2_feature,
        reason_2_direction,
        model_version
    from scores
    where buys_again
    union all
    select
        user_sk,
        item_level,
        cast(null as varchar(256)) as item_id,
        cast('refused' as varchar(16)) as status,
        cast(null as double precision) as p_again_30d,
        max(rebuy_source) as rebuy_source,
        max(reason_1_feature) as reason_1_feature,
        max(reason_1_direction) as reason_1_direction,
        max(reason_2_feature) as reason_2_feature,
        max(reason_2_direction) as reason_2_direction,
        max(model_version) as model_version
    from scores
    where p_again_30d is null
    group by user_sk, item_level
),

final as (
    select
        customers.user_key,
        told.item_level,
        told.item_id,
        told.status,
        {{ clientele.round_to_step('told.p_again_30d', '0.001') }} as p_again_30d,
        told.rebuy_source,
        cast(first_reason.reason_en as varchar(128)) as reason_1,
        cast(first_reason.reason_fr as varchar(128)) as reason_1_fr,
        cast(second_reason.reason_en as varchar(128)) as reason_2,
        cast(second_reason.reason_fr as varchar(128)) as reason_2_fr,
        told.model_version,
        prediction_request.as_of_date
    from told
    inner join customers on told.user_sk = customers.user_sk
    cross join {{ ref('prediction_request') }} as prediction_request
    left join reasons as first_reason
        on
            told.reason_1_feature = first_reason.feature
            and told.reason_1_direction = first_reason.direction
    left join reasons as second_reason
        on
            told.reason_2_feature = second_reason.feature
            and told.reason_2_direction = second_reason.direction
)

select * from final
