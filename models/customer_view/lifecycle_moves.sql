{#- Grain: one lifecycle state at the start of a month and one of today: how many customers went from the first to the
    second, those who came since under `newcomer`. The month is the newest that began four weeks ago or more. All
    customers, not a sample; a state is a rule, so that no change of a model moves anybody. Late data: built whole in
    each run. -#}

with

-- the day of the build and the 27 before it are four weeks
since as (
    select
        cast(
            {{ dbt.date_trunc('month', dbt.dateadd('day', -27, 'cast(as_of_at as date)')) }} as date
        ) as since_date
    from {{ ref('as_of') }}
),

customers as (
    select shop_users.user_sk, segments.lifecycle_state
    from {{ ref('user_segments') }} as segments
    inner join {{ ref('users') }} as shop_users on segments.user_key = shop_users.user_key
),

months as (
    select
        customer_months.user_sk,
        customer_months.n_orders_so_far as n_orders,
        customer_months.first_event_at,
        customer_months.last_event_at,
        customer_months.last_order_at,
        since.since_date,
        row_number() over (partition by customer_months.user_sk order by customer_months.month_date desc) as place
    from {{ ref('customer_months') }} as customer_months
    inner join since on customer_months.month_date < since.since_date
),

states_then as (
    select user_sk, {{ clientele.lifecycle_state('since_date') }} as lifecycle_state
    from months
    where place = 1
),

moves as (
    select
        coalesce(states_then.lifecycle_state, 'newcomer') as from_state,
        customers.lifecycle_state as to_state,
        count(*) as n_users
    from customers
    left join states_then on customers.user_sk = states_then.user_sk
    group by coalesce(states_then.lifecycle_state, 'newcomer'), customers.lifecycle_state
),

counted as (
    select moves.*, sum(moves.n_users) over (partition by moves.from_state) as n_users_then
    from moves
),

final as (
    select
        since.since_date,
        cast(counted.from_state as varchar(16)) as from_state,
        cast(counted.to_state as varchar(16)) as to_state,
        cast(counted.n_users as bigint) as n_users,
        {{ clientele.double('counted.n_users') }} / {{ clientele.double('counted.n_users_then') }}
            as share  -- noqa: RF04
    from counted
    cross join since
    -- a shop that is younger than the month has nothing to be compared with
    where (select count(*) from states_then) > 0
),

publishable as (
    {{ clientele.published_cells('final', keys=['from_state', 'to_state'], within=['from_state']) }}
)

select * from publishable
