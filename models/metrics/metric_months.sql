{#- Grain: one customer who may be profiled and month with a session that is not a bot's: what metrics of coming, coming
    back and staying are made of. -#}
{{ config(materialized='view') }}

with

months as (
    select
        customer_months.user_sk,
        customer_months.month_date,
        min(customer_months.month_date) over (partition by customer_months.user_sk) as first_month_date,
        lag(customer_months.month_date) over (
            partition by customer_months.user_sk order by customer_months.month_date
        ) as month_before
    from {{ ref('customer_months') }} as customer_months
    where {{ clientele.may_be_profiled('customer_months.user_sk') }}
),

final as (
    select
        months.user_sk,
        months.month_date,
        months.first_month_date,
        cast({{ dbt.datediff('months.first_month_date', 'months.month_date', 'month') }} as integer)
            as months_since_first,
        cast(case
            when months.month_before is null then 'new'
            when {{ dbt.datediff('months.month_before', 'months.month_date', 'month') }} = 1 then 'returning'
            else 'resurrected'
        end as varchar(16)) as activity,
        cast(coalesce(segments.segment_name, 'No persona yet') as varchar(256)) as persona,
        cast(coalesce(cast(segments.value_tier as varchar(16)), 'none') as varchar(16)) as value_tier
    from months
    inner join {{ ref('users') }} as shop_users on months.user_sk = shop_users.user_sk
    inner join {{ ref('user_segments') }} as segments on shop_users.user_key = segments.user_key
)

select * from final
