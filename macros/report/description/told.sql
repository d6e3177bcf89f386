{#- What may be told of the files: a day, a price or a name of the catalogue counts where at least the smallest cell's
    customers met it, so that none is made or unmade by one of them alone. -#}

{% macro told_day_ctes() %}
    {#- CTEs that end in `told_days`: a row per day from the first to the last one with events, judged by how many customers
        came and bought beside the middle day of its month, bots too: is_missing, is_short, is_unpaid and is_spike. -#}
visitors as (
    select
        cast(started_at as date) as event_date,
        count(distinct user_sk) as n_users,
        count(distinct case when n_purchases > 0 then user_sk end) as n_buyers
    from {{ ref('user_sessions') }}
    group by cast(started_at as date)
),

every_day as (
    select
        days.event_date,
        days.month_date,
        coalesce(visitors.n_users, 0) as n_users,
        coalesce(visitors.n_buyers, 0) as n_buyers
    from {{ ref('data_profile_days') }} as days
    left join visitors on days.event_date = visitors.event_date
),

{{ clientele.middle_day_ctes(['n_users', 'n_buyers']) }}

-- a month whose middle day has fewer customers than the smallest cell says nothing of its days
judged_days as (
    select
        every_day.*,
        n_users_middle.middle as usual_users,
        n_buyers_middle.middle as usual_buyers,
        {{ clientele.is_publishable('n_users_middle.middle') }}
        and every_day.n_users < 0.25 * n_users_middle.middle as is_low
    from every_day
    inner join n_users_middle on every_day.month_date = n_users_middle.month_date
    inner join n_buyers_middle on every_day.month_date = n_buyers_middle.month_date
),

told_days as (
    select
        judged_days.*,
        is_low and not {{ clientele.is_publishable('n_users') }} as is_missing,
        is_low and {{ clientele.is_publishable('n_users') }} as is_short,
        not is_low and not {{ clientele.is_publishable('n_buyers') }}
        and {{ clientele.is_publishable('0.25 * usual_buyers') }} as is_unpaid,
        n_buyers > 3 * usual_buyers and {{ clientele.is_publishable('n_buyers') }} as is_spike
    from judged_days
)
{%- endmacro %}
