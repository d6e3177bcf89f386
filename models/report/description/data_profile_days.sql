{#- Grain: one day (UTC) from the first to the last one with events, days without any among them: its events and revenue
    beside the middle day of its month. Late data: built whole from a table that is kept by day. -#}

with

days as (
    select
        event_date,
        sum(n_events) as n_events,
        sum(case when event_type = 'purchase' then n_events else 0 end) as n_purchases,
        sum(revenue) as revenue
    from {{ ref('described_days') }}
    group by event_date
),

span as (
    select min(event_date) as first_date, max(event_date) as last_date from days
),

every_day as (
    select
        calendar.calendar_date as event_date,
        cast({{ dbt.date_trunc('month', 'calendar.calendar_date') }} as date) as month_date,
        coalesce(days.n_events, 0) as n_events,
        coalesce(days.n_purchases, 0) as n_purchases,
        coalesce(days.revenue, 0) as revenue
    from {{ ref('calendar') }} as calendar
    left join days on calendar.calendar_date = days.event_date
    cross join span
    where calendar.calendar_date >= span.first_date and calendar.calendar_date <= span.last_date
),

{{ clientele.middle_day_ctes(['n_events', 'revenue']) }}

final as (
    select
        every_day.event_date,
        every_day.month_date,
        cast(every_day.n_events as bigint) as n_events,
        cast(every_day.n_purchases as bigint) as n_purchases,
        cast(every_day.revenue as decimal(28, 4)) as revenue,
        n_events_middle.middle as usual_events,
        revenue_middle.middle as usual_revenue,
        coalesce(every_day.n_events = 0, false) as is_missing,
        coalesce(every_day.n_events > 0 and every_day.n_events < 0.25 * n_events_middle.middle, false) as is_short,
        coalesce(
            every_day.n_events >= 0.25 * n_events_middle.middle
            and every_day.revenue = 0 and revenue_middle.middle > 0, false
        ) as is_unpaid,
        coalesce(every_day.revenue > 3 * nullif(revenue_middle.middle, 0), false) as is_spike
    from every_day
    inner join n_events_middle on every_day.month_date = n_events_middle.month_date
    inner join revenue_middle on every_day.month_date = revenue_middle.month_date
)

select * from final
