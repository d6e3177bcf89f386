{#- Grain: one day (UTC) with events: how many, in how many hours, and what is usual, which is the median of the 28
    days before it. Late data: made from the counts of all days, as feed_kinds is. -#}
{{ config(post_hook='{{ clientele.mark_load() }}') }}
{% set limits = clientele.feed_limits() %}
{% set days_apart = dbt.datediff('earlier.event_date', 'days.event_date', 'day') %}

with

days as (
    select
        event_date,
        n_events,
        n_hours,
        lag(event_date) over (order by event_date) as day_before
    from {{ ref('daily_events') }}
),

before as (
    select
        days.event_date,
        earlier.n_events,
        earlier.n_hours,
        {{ days_apart }} as days_apart
    from days
    inner join days as earlier
        on
            days.event_date > earlier.event_date
            and {{ dbt.dateadd('day', -limits['days'], 'days.event_date') }} <= earlier.event_date
),

usual as (
    select
        event_date,
        count(*) as n_days,
        {{ clientele.median('n_events') }} as n_events,
        -- a weekday may be quiet every week, and a week may be loud
        min(case when mod(days_apart, 7) = 0 then n_events end) as least_of_weekday
    from before
    group by event_date
),

-- Redshift works out one median a query
usual_hours as (
    select
        event_date,
        {{ clientele.median('n_hours') }} as n_hours
    from before
    group by event_date
),

joined as (
    select
        days.event_date,
        days.n_events as shop_events,
        days.n_hours as shop_hours,
        cast(coalesce(usual.n_days, 0) as bigint) as n_days_before,
        usual.n_events as usual_events,
        usual_hours.n_hours as usual_hours,
        least(coalesce(usual.least_of_weekday, usual.n_events), usual.n_events) as low_events,
        coalesce({{ dbt.datediff('days.day_before', 'days.event_date', 'day') }} - 1, 0) as n_missing_days
    from days
    left join usual on days.event_date = usual.event_date
    left join usual_hours on days.event_date = usual_hours.event_date
)

select
    event_date,
    shop_events,
    shop_hours,
    n_days_before,
    usual_events,
    usual_hours,
    cast(n_missing_days as bigint) as n_missing_days,
    coalesce(
        n_days_before >= {{ limits['days_at_least'] }} and usual_events >= {{ limits['volume_at_least'] }}
        and shop_events < {{ limits['volume_share'] }} * low_events, false
    ) as is_volume_low,
    coalesce(
        n_days_before >= {{ limits['days_at_least'] }} and usual_hours >= {{ limits['hours_at_least'] }}
        and shop_hours < {{ limits['hours_share'] }} * usual_hours
        -- a small shop has hours without a visitor, on some days more of them
        and usual_hours - shop_hours
        > {{ limits['hours_deviations'] }} * sqrt(usual_hours * (24 - usual_hours) / 24.0e0),
        false
    ) as is_day_cut,
    -- only where a day without an event is no habit: those that are missing are the only ones of the 28 days
    coalesce(
        n_missing_days > 0 and usual_events >= {{ limits['volume_at_least'] }}
        and n_days_before + n_missing_days >= {{ limits['days'] }}, false
    ) as follows_missing_days
from joined
