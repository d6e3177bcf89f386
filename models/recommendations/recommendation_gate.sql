{#- Grain: the build, one row: what makes the lists of new products, and why. Neighbours take the place of the popular
    products where the lower bound of what they hit more often, over two earlier origins or more, is above 0, and where
    they hit no less often (half a point) at the newest of them. Late data: built whole in each run. -#}

with

pairs as (
    select
        user_sk,
        days_back,
        max(case when kind = 'new_neighbours' then is_hit end)
        - max(case when kind = 'new_popular' then is_hit end) as gain
    from {{ ref('list_hits') }}
    where kind in ('new_neighbours', 'new_popular')
    group by user_sk, days_back
),

-- a customer who ordered after several origins counts once
customers as (
    select
        user_sk,
        {{ clientele.double('sum(gain)') }} as gain,
        {{ clientele.double('count(*)') }} as n_lists
    from pairs
    group by user_sk
),

totals as (
    select
        count(*) as n_users,
        sum(gain) / nullif(sum(n_lists), 0) as gain
    from customers
),

spread as (
    select
        max(totals.n_users) as n_users,
        max(totals.gain) as gain,
        -- a ratio of sums over customers, linearised
        sqrt({{ clientele.double(
            'sum(' ~ clientele.exact('power(customers.gain - totals.gain * customers.n_lists, 2)') ~ ')'
        ) }}) / nullif(sum(customers.n_lists), 0) as gain_se
    from customers
    cross join totals
),

by_origin as (
    select
        days_back,
        avg({{ clientele.double('gain') }}) as gain
    from pairs
    group by days_back
),

newest as (
    select
        max(case when by_origin.days_back = 30 then by_origin.gain end) as newest_gain,
        count(*) as n_origins
    from by_origin
),

judged as (
    select
        coalesce(spread.n_users, 0) as n_users,
        newest.n_origins,
        spread.gain,
        spread.gain - 1.96e0 * spread.gain_se as gain_lo,
        newest.newest_gain
    from newest
    left join spread on spread.n_users is not null
),

final as (
    select
        cast(case
            when n_origins >= 2 and n_users >= 100 and round(gain_lo, 9) > 0 and round(newest_gain, 9) >= -0.005e0
                then 'neighbours'
            else 'popular'
        end as varchar(16)) as new_source,
        cast(case
            when n_origins < 2 then 'Two earlier origins are needed.'
            when n_users < 100 then 'At least 100 customers with an order after an origin are needed.'
            when round(gain_lo, 9) <= 0 then 'Neighbours are not proven to hit more often than popular products.'
            when round(newest_gain, 9) < -0.005e0 then 'Neighbours hit less often at the newest origin.'
            else 'Neighbours hit more often than popular products.'
        end as varchar(256)) as reason,
        cast(n_users as bigint) as n_users,
        cast(n_origins as integer) as n_origins,
        gain,
        gain_lo,
        newest_gain
    from judged
)

select * from final
