{#- Grain: one session under way of a customer who does not object to profiling: the chances of a purchase and of a cart
    that is left, rounded, and a band of the risk. Built whole in each run and by `clientele score-sessions`. -#}

with

scores as (
    select * from {{ ref('session_scores') }}
),

customers as (
    select user_sk, user_key from {{ ref('users') }}
),

final as (
    select
        customers.user_key,
        cast(row_number() over (
            partition by customers.user_key
            order by scores.event_at desc nulls last, scores.session_sk asc, scores.session_part asc
        ) as integer) as session_place,
        cast(case
            when scores.has_bought then 'bought'
            when scores.p_purchase is null then 'refused'
            else 'predicted'
        end as varchar(16)) as status,
        cast(scores.in_cart as integer) as n_in_cart,
        case when not scores.has_bought then {{ clientele.round_to_step('scores.p_purchase', '0.001') }} end
            as p_purchase,
        case
            when not scores.has_bought and scores.in_cart > 0
                then {{ clientele.round_to_step('(1 - scores.p_purchase)', '0.001') }}
        end as p_abandon,
        cast(case
            when scores.has_bought then 'bought'
            when scores.in_cart = 0 then 'no_cart'
            when scores.p_purchase is null then 'unknown'
            when round(1 - scores.p_purchase, 9) >= round(scores.abandon_high, 9) then 'high'
            when round(1 - scores.p_purchase, 9) >= round(scores.abandon_low, 9) then 'middle'
            else 'low'
        end as varchar(16)) as risk_band,
        scores.session_source,
        scores.model_version,
        {{ clientele.moment_told('scores.now_at') }} as as_of
    from scores
    inner join customers on scores.user_sk = customers.user_sk
)

select * from final
