{#- Grain: one figure about all customers: hours and weekdays of sessions, values of orders with their tail, how much
    the largest customers have. n_users: the customers that the figure is made of; of a tail, those in it. A weekday is
    what an average day of it has, so that one that came once more than another is not the busier for it. told: the
    figure with as much of each customer as counts where it is published (macros/privacy/limits.sql).
    Late data: built whole from tables that are kept. -#}
{#- 2000-01-03 was a Monday; earliest_event_date may lie before it -#}
{% set weekday = 'mod(mod(n_days, 7) + 7, 7) + 1' %}
{% set started_at = clientele.local_time('user_sessions.started_at') %}

with

{{ clientele.limit_ctes() }},

sessions as (
    select
        user_sessions.user_sk,
        {{ dbt.datediff("cast('2000-01-03' as date)", 'cast(' ~ started_at ~ ' as date)', 'day') }} as n_days,
        cast(extract(hour from {{ started_at }}) as integer) as hour_of_day,
        user_sessions.n_purchases,
        user_sessions.revenue
    from {{ ref('user_sessions') }} as user_sessions
    inner join {{ ref('user_feature_values') }} as customers on user_sessions.user_sk = customers.user_sk
    where not user_sessions.is_bot
),

weekdays as (
    select {{ weekday }} as moment, count(distinct n_days) as n_days from sessions group by {{ weekday }}
),

moments as (
    {% for topic, moment in {'hour': 'hour_of_day', 'weekday': weekday}.items() %}
    select
        '{{ topic }}' as topic,
        moment,
        count(*) as n_users,
        sum(n_sessions) as n_sessions,
        sum({{ clientele.counted('n_sessions', 'sessions') }}) as n_told
    from (
        select user_sk, {{ moment }} as moment, count(*) as n_sessions from sessions group by user_sk, {{ moment }}
    ) as of_customers
    group by moment
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

rates as (
    select
        moments.topic,
        moments.moment,
        moments.n_users,
        -- decimals: a sum of others depends on its order
        cast(
            {{ clientele.double('moments.n_sessions') }} / coalesce(weekdays.n_days, 1) as decimal(28, 10)
        ) as n_sessions,
        cast({{ clientele.double('moments.n_told') }} / coalesce(weekdays.n_days, 1) as decimal(28, 10)) as n_told,
        {{ clientele.double(clientele.most_counted('sessions')) }} / coalesce(weekdays.n_days, 1) as largest
    from moments
    left join weekdays on moments.topic = 'weekday' and moments.moment = weekdays.moment
),

{{ clientele.order_value_ctes() }},

customer_events as (
    select
        n_events as amount,
        {{ clientele.counted('n_events', 'events') }} as told,
        {{ clientele.most_counted('events') }} as most
    from {{ ref('user_feature_values') }}
    where n_events > 0
),

customer_revenue as (
    select
        customers.revenue as amount,
        {{ clientele.counted_money('customers.revenue') }} as told,
        limits.most_revenue as most
    from {{ ref('user_feature_values') }} as customers
    cross join limits
    where customers.revenue > 0
),

{{ clientele.concentration_ctes('event_shares', 'customer_events') }},

{{ clientele.concentration_ctes('revenue_shares', 'customer_revenue') }},

figures as (
    select
        topic,
        'sessions' as item,
        moment as item_position,
        n_users,
        {{ clientele.double('n_sessions') }} / {{ clientele.double('sum(n_sessions) over (partition by topic)') }}
            as figure,
        {{ clientele.double('n_told') }} / {{ clientele.double('sum(n_told) over (partition by topic)') }} as told,
        largest / {{ clientele.double('sum(n_told) over (partition by topic)') }} as largest
    from rates
    union all
    select
        'order_value' as topic,
        'percentile' as item,
        item_position,
        n_users,
        {{ clientele.double('order_value') }} as figure,
        {{ clientele.double('order_value') }} as told,
        cast(null as double precision) as largest
    from order_percentiles
    union all
    {{ clientele.figure_of('order_value', 'mean', 0, 'n_users', 'order_value', 'told', 'largest', 'order_mean') }}
    {% for name in ['event', 'revenue'] %}
    {% set source = name ~ '_shares' %}
    union all
    {{ clientele.figure_of('concentration', name ~ '_gini', 1, 'n_users', 'gini', 'told_gini', 'largest', source) }}
    {% for share in [100, 10] %}
    {% set top = 'top_' ~ share %}
    union all
    {{ clientele.figure_of(
        'concentration', name ~ '_' ~ top, 1 + loop.index, 'n_users / ' ~ share, top, 'told_' ~ top, 'largest', source
    ) }}
    {% endfor %}
    {% endfor %}
),

final as (
    select
        cast(topic as varchar(16)) as topic,
        cast(item as varchar(32)) as item,
        cast(item_position as integer) as item_position,
        cast(floor({{ clientele.double('n_users') }}) as bigint) as n_users,
        figure,
        told,
        largest
    from figures
    where figure is not null
)

select * from final
