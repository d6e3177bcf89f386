{#- Grain: one month: visitors, buyers, sessions, orders and revenue of the shop's customers who may be profiled, bots
    left out. Of each as much as counts (macros/privacy/limits.sql). Late data: built whole in each run. -#}

with

{{ clientele.limit_ctes() }},

months as (
    select
        customer_months.month_date,
        customer_months.n_sessions,
        customer_months.n_orders,
        customer_months.revenue
    from {{ ref('customer_months') }} as customer_months
    where {{ clientele.may_be_profiled('customer_months.user_sk') }}
),

moment as (
    select cast(as_of_at as date) as as_of_date from {{ ref('as_of') }}
),

sums as (
    select
        months.month_date,
        sum({{ clientele.counted('months.n_sessions', 'sessions') }}) as n_sessions,
        {{ clientele.month_sums() }}
    from months
    cross join limits
    group by months.month_date
),

final as (
    select
        sums.month_date,
        cast(sums.n_visitors as bigint) as n_users,
        cast(sums.n_sessions as bigint) as n_sessions,
        cast({{ clientele.most_counted('sessions') }} as bigint) as largest_sessions,
        cast(sums.n_buyers as bigint) as n_buyers,
        cast(sums.n_orders as bigint) as n_orders,
        cast({{ clientele.most_counted('orders') }} as bigint) as largest_orders,
        cast(sums.revenue as decimal(28, 4)) as revenue,
        cast(sums.largest_revenue as decimal(28, 4)) as largest_revenue,
        coalesce(
            moment.as_of_date < {{ dbt.dateadd('day', -1, dbt.dateadd('month', 1, 'sums.month_date')) }}, false
        ) as is_partial
    from sums
    cross join moment
),

publishable as (
    {{ clientele.published_cells('final', keys=['month_date']) }}
)

select * from publishable
