{#- Grain: one month with a refund: what customers who may be profiled were given back, and what that leaves of the
    revenue of marts.shop_months; of each customer as much as counts (macros/privacy/limits.sql). Late data: built whole
    in each run. -#}
{% set columns = dict(model.columns.items() | rejectattr(0, 'equalto', 'net_revenue')) %}

with

{{ clientele.limit_ctes() }},

moment as (
    select cast(as_of_at as date) as as_of_date from {{ ref('as_of') }}
),

per_customer as (
    select
        refunds.user_sk,
        cast({{ dbt.date_trunc('month', 'refunds.event_at') }} as date) as month_date,
        count(*) as n_refunds,
        sum({{ clientele.line_value() }}) as refunded
    from {{ ref('refunds') }} as refunds
    inner join moment on cast(refunds.event_at as date) <= moment.as_of_date
    where {{ clientele.may_be_profiled('refunds.user_sk') }}
    group by refunds.user_sk, cast({{ dbt.date_trunc('month', 'refunds.event_at') }} as date)
),

cells as (
    select
        per_customer.month_date,
        cast(count(*) as bigint) as n_users,
        cast(sum({{ clientele.counted('per_customer.n_refunds', 'refunds') }}) as bigint) as n_refunds,
        cast({{ clientele.most_counted('refunds') }} as bigint) as largest_refunds,
        cast(sum({{ clientele.counted_money('per_customer.refunded') }}) as decimal(28, 4)) as refunded,
        max(limits.most_revenue) as largest_refunded
    from per_customer
    cross join limits
    group by per_customer.month_date
),

publishable as (
    {{ clientele.published_cells('cells', keys=['month_date'], columns=columns) }}
),

final as (
    -- from what is published: the difference tells nothing more
    select
        publishable.*,
        cast(shop_months.revenue - publishable.refunded as decimal(28, 4)) as net_revenue
    from publishable
    left join {{ ref('shop_months') }} as shop_months on publishable.month_date = shop_months.month_date
)

select * from final
