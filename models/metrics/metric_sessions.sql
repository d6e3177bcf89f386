{#- Grain: one session that counts: no bot's, of a customer who may be profiled, with what the customer is today. What
    all metrics of visits and orders are made of, so that each says the same of the same sessions. -#}
{{ config(materialized='view') }}

with

sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    where not user_sessions.is_bot and {{ clientele.may_be_profiled('user_sessions.user_sk') }}
),

orders as (
    select
        user_sk,
        session_sk,
        session_part,
        row_number() over (partition by user_sk order by started_at, session_sk, session_part) as order_number,
        lag(started_at) over (partition by user_sk order by started_at, session_sk, session_part) as order_before_at
    from sessions
    where n_purchases > 0
),

final as (
    select
        sessions.user_sk,
        sessions.session_sk,
        sessions.session_part,
        cast(sessions.started_at as date) as session_date,
        cast(coalesce(segments.segment_name, 'No persona yet') as varchar(256)) as persona,
        cast(coalesce(cast(segments.value_tier as varchar(16)), 'none') as varchar(16)) as value_tier,
        cast(segments.lifecycle_state as varchar(16)) as lifecycle_state,
        cast(case when sessions.n_carts > 0 then 1 else 0 end as integer) as has_cart,
        cast(case when sessions.n_purchases > 0 then 1 else 0 end as integer) as has_order,
        cast(orders.order_number as bigint) as order_number,
        cast({{ dbt.datediff('orders.order_before_at', 'sessions.started_at', 'day') }} as bigint) as days_since_order,
        cast(sessions.n_purchases as bigint) as n_items,
        cast(sessions.revenue as decimal(28, 4)) as revenue
    from sessions
    inner join {{ ref('users') }} as shop_users on sessions.user_sk = shop_users.user_sk
    inner join {{ ref('user_segments') }} as segments on shop_users.user_key = segments.user_key
    left join orders
        on
            sessions.user_sk = orders.user_sk and sessions.session_sk = orders.session_sk
            and sessions.session_part = orders.session_part
)

select * from final
