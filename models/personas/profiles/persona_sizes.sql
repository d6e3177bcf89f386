{#- Grain: one persona, and 0 for customers without one: how many they are, what they bought, exact. Customers who
    object to profiling are counted in the row -1. Not published: segment_summary rounds it. Late data: built whole in
    each run. -#}
{#- squares of thousands: they fit a fixed-point number up to thirty millions a user -#}
{% set squared_revenue = 'power(' ~ clientele.double('revenue') ~ ' / 1000, 2)' %}

with

members as (
    select
        feature_values.n_events,
        feature_values.n_orders,
        feature_values.revenue,
        case
            when objections.user_sk is not null then -1
            else coalesce(persona_scores.segment_id, 0)
        end as segment_id
    from {{ ref('user_feature_values') }} as feature_values
    left join {{ ref('persona_scores') }} as persona_scores on feature_values.user_sk = persona_scores.user_sk
    left join {{ ref('profiling_objections') }} as objections on feature_values.user_sk = objections.user_sk
),

sizes as (
    select
        segment_id,
        cast(count(*) as bigint) as n_users,
        cast(sum(n_orders) as bigint) as n_orders,
        cast(sum(revenue) as decimal(38, 4)) as revenue,
        {{ clientele.double('sum(cast(round(' ~ squared_revenue ~ ', 9) as decimal(38, 9)))') }} as squared_revenue,
        cast(sum(case when n_orders > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum(case when n_orders > 1 then 1 else 0 end) as bigint) as n_repeat_buyers,
        cast(max(n_orders) as bigint) as largest_orders,
        cast(max(revenue) as decimal(18, 4)) as largest_revenue
    from members
    group by segment_id
),

medians as (
    select
        segment_id,
        {{ clientele.median('n_events') }} as median_events
    from members
    group by segment_id
),

final as (
    select
        cast(sizes.segment_id as integer) as segment_id,
        sizes.n_users,
        sizes.n_orders,
        sizes.revenue,
        sizes.squared_revenue,
        sizes.n_buyers,
        sizes.n_repeat_buyers,
        sizes.largest_orders,
        sizes.largest_revenue,
        medians.median_events
    from sizes
    inner join medians on sizes.segment_id = medians.segment_id
)

select * from final
