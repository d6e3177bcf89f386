{#- Grain: one active audience and day that a build described. Kept through full refreshes: earlier days cannot be
    worked out again. A second build of the same day replaces that day. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['audience', 'as_of_date'],
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

with

{{ clientele.limit_ctes() }},

moment as (
    select cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date from {{ ref('as_of') }}
),

spent as (
    select
        customers.user_key,
        visits.n_orders,
        visits.revenue
    from {{ ref('customer_visits') }} as visits
    inner join {{ ref('users') }} as customers on visits.user_sk = customers.user_sk
    where {{ clientele.may_be_profiled('visits.user_sk') }}
),

final as (
    select
        members.audience,
        moment.as_of_date,
        cast(count(*) as bigint) as n_members,
        cast(sum(case when spent.n_orders > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum({{ clientele.counted_money('spent.revenue') }}) as decimal(28, 4)) as revenue,
        max(limits.most_revenue) as largest_revenue
    from {{ ref('audience_members') }} as members
    inner join spent on members.user_key = spent.user_key
    cross join moment
    cross join limits
    group by members.audience, moment.as_of_date
),

publishable as (
    {{ clientele.published_cells('final', keys=['audience']) }}
)

select * from publishable
