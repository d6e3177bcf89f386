{#- Grain: one figure about all customers: hours and weekdays of sessions, values of orders with their tail, how much
    the largest customers have. n_users: the customers that the figure is made of; of a tail, those in it. A weekday is
    what an average day of it has, so that one that came once more than another is not the busier for it.
    Late data: built whole from tables that are kept. -#}
{#- 2000-01-03 was a Monday; earliest_event_date may lie before it -#}
{% set weekday = 'mod(mod(n_days, 7) + 7, 7) + 1' %}
{% set started_at = clientele.local_time('user_sessions.started_at') %}

with

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
        max(n_sessions) as largest
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
        {{ clientele.double('moments.largest') }} / coalesce(weekdays.n_days, 1) as largest
    from moments
    left join weekdays on moments.topic = 'weekday' and moments.moment = weekdays.moment
),

orders as (
    select
        user_sk,
        revenue,
        row_number() over (order by revenue, user_sk) as place,
        count(*) over () as n_orders
    from sessions
    where n_purchases > 0
),

order_percentiles as (
    {% for percent in [5, 25, 50, 75, 95, 99] %}
    select
        {{ percent }} as item_position,
        -- the smallest value that at least so many per cent do not exceed
        min(case when 100.0 * place >= {{ percent }} * n_orders then revenue end) as order_value,
        count(distinct case
            when 100.0 * place {{ '>=' if percent >= 50 else '<=' }} {{ percent }} * n_orders then user_sk
        end) as n_users
    from orders
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

order_mean as (
    select
        count(*) as n_users,
        {{ clientele.double('sum(revenue)') }} / nullif(sum(n_orders), 0) as order_value,
        {{ clientele.double('max(revenue)') }} / nullif(sum(n_orders), 0) as largest
    from (select user_sk, sum(revenue) as revenue, count(*) as n_orders from orders group by user_sk) as buyers
),

customer_events as (
    select n_events as amount from {{ ref('user_feature_values') }} where n_events > 0
),

customer_revenue as (
    select revenue as amount from {{ ref('user_feature_values') }} where revenue > 0
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
        largest / {{ clientele.double('sum(n_sessions) over (partition by topic)') }}
            as largest
    from rates
    union all
    select
        'order_value' as topic,
        'percentile' as item,
        item_position,
        n_users,
        {{ clientele.double('order_value') }} as figure,
        0 as largest
    from order_percentiles
    union all
    {{ clientele.figure_of('order_value', 'mean', 0, 'n_users', 'order_value', 'largest', 'order_mean') }}
    {% for name in ['event', 'revenue'] %}
    {% set source = name ~ '_shares' %}
    union all
    {{ clientele.figure_of('concentration', name ~ '_gini', 1, 'n_users', 'gini', 'largest', source) }}
    {% for share in [100, 10] %}
    {% set top = 'top_' ~ share %}
    union all
    {{ clientele.figure_of(
        'concentration', name ~ '_' ~ top, 1 + loop.index, 'n_users / ' ~ share, top, 'largest', source
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
        largest
    from figures
    where figure is not null
)

select * from final
