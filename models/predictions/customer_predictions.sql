{#- Grain: one customer with a session that is not a bot's, who does not object to profiling: chances of an order, days
    to it and spend, rounded, and why. Built whole in each run: the chances move with as_of. -#}

with

scores as (
    select * from {{ ref('customer_scores') }}
),

customers as (
    select user_sk, user_key from {{ ref('users') }}
),

reasons as (
    select * from {{ ref('prediction_reasons') }}
),

ranked as (
    select
        user_sk,
        ntile(10) over (
            order by round(coalesce(p_order_30d, p_order_14d, p_order_7d), 9) nulls last, user_sk
        ) as decile
    from scores
    where coalesce(p_order_30d, p_order_14d, p_order_7d) is not null
),

final as (
    select
        customers.user_key,
        cast(case when ranked.decile is null then 'refused' else 'predicted' end as varchar(16)) as status,
        scores.order_source_30d as order_source,
        scores.spend_source_30d as spend_source,
        {% for days in [7, 30, 90] %}
        {{ clientele.round_to_step('scores.p_order_' ~ days ~ 'd', '0.001') }} as p_order_{{ days }}d,
        {% endfor %}
        {% for place in [10, 50, 90] %}
        cast(ceil(round(scores.days_to_order_p{{ place }}, 6)) as integer) as days_to_order_p{{ place }},
        {% endfor %}
        scores.days_known,
        {% for days in [30, 90] %}
        {{ clientele.two_digits('scores.expected_spend_' ~ days ~ 'd') }} as expected_spend_{{ days }}d,
        {% endfor %}
        {{ clientele.round_to_step('scores.spend_level_factor_30d', '0.01') }} as spend_level_factor,
        cast(ranked.decile as integer) as decile,
        cast(first_reason.reason_en as varchar(128)) as reason_1,
        cast(first_reason.reason_fr as varchar(128)) as reason_1_fr,
        cast(second_reason.reason_en as varchar(128)) as reason_2,
        cast(second_reason.reason_fr as varchar(128)) as reason_2_fr,
        scores.model_version,
        prediction_request.as_of_date
    from scores
    inner join customers on scores.user_sk = customers.user_sk
    cross join {{ ref('prediction_request') }} as prediction_request
    left join ranked on scores.user_sk = ranked.user_sk
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
