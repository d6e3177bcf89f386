{#- Grain: one day from 1990 to 2040, with the seasons of seeds/shop_calendar.csv and their running totals, so that the
    share of promotion days in any span of days is one subtraction. A pure calendar: no data moves it. -#}
{{ config(post_hook='{{ clientele.mark_load() }}') }}
{% set seasons = clientele.seasons() %}

with

digits as (
    {% for digit in range(10) %}select {{ digit }} as digit{{ ' union all ' if not loop.last }}{% endfor %}
),

numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit + 10000 * more.digit as n
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as more
),

days as (
    select cast({{ dbt.dateadd('day', 'n', "cast('1990-01-01' as date)") }} as date) as calendar_date
    from numbers
    where n < 18628
),

dated as (
    select
        calendar_date,
        extract(month from calendar_date) as month_number,
        extract(day from calendar_date) as day_number
    from days
),

marked as (
    select
        dated.calendar_date,
        max(case when shop_calendar.season = 'promo' then 1 else 0 end) as is_promo,
        max(case when shop_calendar.season = 'gift' then 1 else 0 end) as is_gift,
        max(case when dated.day_number >= 25 or dated.day_number <= 3 then 1 else 0 end) as is_payday
    from dated
    left join {{ ref('shop_calendar') }} as shop_calendar
        on dated.month_number = shop_calendar.month and dated.day_number = shop_calendar.day
    group by dated.calendar_date
),

final as (
    select
        calendar_date,
        {% for season in seasons %}
        is_{{ season }},
        cast(sum(is_{{ season }}) over (
            order by calendar_date rows between unbounded preceding and current row
        ) as bigint) as n_{{ season }}_days_so_far{% if not loop.last %},{% endif %}
        {% endfor %}
    from marked
)

select * from final
