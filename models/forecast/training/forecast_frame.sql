{#- Grain: one series of daily sales and day, from its first purchase (at most 800 days back) to the last day that
    is forecast, with what the calendar says of the day; a day without a purchase is 0. Of each customer as much as
    is told of a day (daily_sales). Empty unless a forecast is due. -#}

with

request as (
    select * from {{ ref('forecast_request') }} where is_due
),

sales as (
    select daily_sales.*
    from {{ ref('daily_sales') }} as daily_sales
    inner join request on daily_sales.sales_date > {{ dbt.dateadd('day', -800, 'request.as_of_date') }}
),

series as (
    select
        sales.category_family,
        min(sales.sales_date) as first_date,
        {% for measure in clientele.forecast_measures() %}
        max(sales.largest_{{ measure }}) as largest_{{ measure }},
        {% endfor %}
        max(request.as_of_date) as as_of_date
    from sales
    cross join request
    group by sales.category_family
),

-- planned promotions and prices: known ahead, also of days to come
actions as (
    select
        starts_on,
        coalesce(ends_on, starts_on) as ends_on,
        split_part(category_code, '.', 1) as category_family
    from {{ ref('marketing_actions') }}
    where kind in ('promotion', 'price')
),

action_days as (
    select distinct
        series.category_family,
        calendar.calendar_date
    from series
    inner join actions
        on actions.category_family is null or actions.category_family in ('', series.category_family)
    inner join {{ ref('calendar') }} as calendar
        on actions.starts_on <= calendar.calendar_date and actions.ends_on >= calendar.calendar_date
),

buyers as (
    select
        customer_orders.category_family,
        count(distinct customer_orders.user_sk) as n_buyers
    from {{ ref('customer_orders') }} as customer_orders
    inner join request on customer_orders.sales_date > {{ dbt.dateadd('day', -28, 'request.as_of_date') }}
    group by customer_orders.category_family
),

final as (
    select
        series.category_family,
        calendar.calendar_date as sales_date,
        calendar.calendar_date <= series.as_of_date as is_past,
        cast(calendar.is_promo as integer) as is_promo,
        cast(calendar.is_gift as integer) as is_gift,
        case when action_days.calendar_date is null then 0 else 1 end as is_action,
        {% for measure in clientele.forecast_measures() %}
        {% set told = measure if measure == 'n_orders' else 'told_' ~ measure %}
        case
            when calendar.calendar_date <= series.as_of_date
                then {{ clientele.double('coalesce(sales.' ~ told ~ ', 0)') }}
        end as {{ measure }},
        {{ clientele.double('series.largest_' ~ measure) }} as largest_{{ measure }},
        {% endfor %}
        cast(coalesce(buyers.n_buyers, 0) as bigint) as n_buyers
    from series
    inner join {{ ref('calendar') }} as calendar
        on
            series.first_date <= calendar.calendar_date
            and calendar.calendar_date <= {{ dbt.dateadd('day', clientele.forecast_days(), 'series.as_of_date') }}
    left join buyers on series.category_family = buyers.category_family
    left join action_days
        on series.category_family = action_days.category_family and calendar.calendar_date = action_days.calendar_date
    left join sales
        on series.category_family = sales.category_family and calendar.calendar_date = sales.sales_date
)

select * from final
