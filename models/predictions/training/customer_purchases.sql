{#- Grain: one customer who may be profiled, product and day (the shop's local time) with a purchase, up to the day of
    the build; bots left out. Built whole: it is as small as what was sold. -#}

with

{{ clientele.human_event_ctes() }},

request as (
    select as_of_date from {{ ref('prediction_request') }}
),

purchases as (
    select
        user_sk,
        product_id,
        cast({{ clientele.local_time('event_at') }} as date) as local_date
    from human_events
    where event_type = 'purchase' and {{ clientele.may_be_profiled('user_sk') }}
),

final as (
    select distinct
        purchases.user_sk,
        purchases.product_id,
        purchases.local_date
    from purchases
    cross join request
    where purchases.local_date <= request.as_of_date
)

select * from final
