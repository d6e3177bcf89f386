{#- Grain: one customer of the sample that the heads learn from. Empty unless a fit is due. -#}

with

eligible as (
    select customer_visits.user_sk
    from {{ ref('customer_visits') }} as customer_visits
    cross join {{ ref('prediction_request') }} as prediction_request
    where prediction_request.is_due and {{ clientele.may_be_profiled('customer_visits.user_sk') }}
),

final as (
    {{ clientele.sampled('eligible', [clientele.setting('sample_users'), 25000] | min) }}
)

select * from final
