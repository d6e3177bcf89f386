{#- Grain: one first month, month since and persona of today (0 without one): what became of the customers who came
    first in that month, those who never came back included. Late data: built whole in each run. -#}

with

{{ clientele.limit_ctes() }},

months as (
    select
        customer_months.user_sk,
        customer_months.month_date,
        customer_months.n_orders,
        customer_months.revenue
    from {{ ref('customer_months') }} as customer_months
    where {{ clientele.may_be_profiled('customer_months.user_sk') }}
),

firsts as (
    select user_sk, min(month_date) as first_month_date from months group by user_sk
),

members as (
    select
        firsts.user_sk,
        firsts.first_month_date,
        coalesce(stays.segment_id, 0) as segment_id
    from firsts
    left join {{ ref('persona_stays') }} as stays on firsts.user_sk = stays.user_sk and stays.left_date is null
),

sizes as (
    select first_month_date, segment_id, count(*) as n_users
    from members
    group by first_month_date, segment_id
),

activity as (
    select
        members.first_month_date,
        members.segment_id,
        months.month_date,
        {{ clientele.month_sums() }}
    from members
    inner join months on members.user_sk = months.user_sk
    cross join limits
    group by members.first_month_date, members.segment_id, months.month_date
),

dates as (
    select distinct month_date from months
),

grid as (
    select sizes.*, dates.month_date
    from sizes
    inner join dates on sizes.first_month_date <= dates.month_date
),

final as (
    select
        grid.first_month_date,
        cast({{ dbt.datediff('grid.first_month_date', 'grid.month_date', 'month') }} as integer) as months_since,
        grid.month_date,
        cast(grid.segment_id as integer) as segment_id,
        cast(grid.n_users as bigint) as n_users,
        {{ clientele.month_sums_of('activity') }},
        coalesce(
            cast(as_of.as_of_at as date) < {{ dbt.dateadd('day', -1, dbt.dateadd('month', 1, 'grid.month_date')) }},
            false
        ) as is_partial
    from grid
    cross join {{ ref('as_of') }} as as_of
    left join activity
        on
            grid.first_month_date = activity.first_month_date
            and grid.segment_id = activity.segment_id
            and grid.month_date = activity.month_date
),

publishable as (
    {{ clientele.published_cells(
        'final', keys=['first_month_date', 'month_date', 'segment_id'], within=['first_month_date', 'month_date']
    ) }}
)

select * from publishable
