{#- Grain: one persona, and 0 for customers without one: how many they are, and what they bought, of each customer
    no more than twenty-five usual orders: the greatest spender counts as any great one does. Customers who may not be
    profiled are counted in the row -1. Not published: segment_summary rounds it. Late data: built whole in each run. -#}
{#- squares of thousands: they fit a fixed-point number up to thirty millions a user -#}
{% set squared_revenue = 'power(' ~ clientele.double('revenue') ~ ' / 1000, 2)' %}

with

customers as (
    select
        feature_values.n_events,
        feature_values.n_orders,
        feature_values.revenue,
        coalesce(persona_scores.segment_id, 0) as segment_id
    from {{ ref('user_feature_values') }} as feature_values
    left join {{ ref('persona_scores') }} as persona_scores on feature_values.user_sk = persona_scores.user_sk
    where {{ clientele.may_be_profiled('feature_values.user_sk') }}
    union all
    -- who may not be profiled has no features: counted from the sessions
    select
        sum(user_sessions.n_events) as n_events,
        sum(case when user_sessions.n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(user_sessions.revenue) as revenue,
        -1 as segment_id
    from {{ ref('user_sessions') }} as user_sessions
    inner join {{ ref('profiling_objections') }} as objections on user_sessions.user_sk = objections.user_sk
    where not user_sessions.is_bot
    group by user_sessions.user_sk
),

limits as (
    select {{ clientele.most_revenue('order_value') }} as most_revenue from {{ ref('shop_priors') }}
),

members as (
    select
        customers.segment_id,
        customers.n_events,
        least(customers.n_orders, {{ clientele.most_orders() }}) as n_orders,
        case
            when customers.revenue > limits.most_revenue then limits.most_revenue
            else customers.revenue
        end as revenue,
        limits.most_revenue
    from customers
    cross join limits
),

sizes as (
    select
        segment_id,
        cast(count(*) as bigint) as n_users,
        cast(sum(n_orders) as bigint) as n_orders,
        cast(sum(revenue) as decimal(38, 4)) as revenue,
        {{ clientele.double('sum(' ~ clientele.exact(squared_revenue) ~ ')') }} as squared_revenue,
        cast(sum(case when n_orders > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum(case when n_orders > 1 then 1 else 0 end) as bigint) as n_repeat_buyers,
        cast({{ clientele.most_orders() }} as bigint) as largest_orders,
        cast(coalesce(max(most_revenue), max(revenue)) as decimal(18, 4)) as largest_revenue
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
