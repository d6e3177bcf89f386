{#- Grain: one comparison that is above the bar of its series (without the shop's own, in which a season is by then):
    in how many of the two years before, about then, it was as great in the same direction. Late data: built whole. -#}
{% set limits = clientele.drift_limits() %}

with

years as (
    {% for grain, cycle in limits['cycle'].items() %}{% for cycles in [1, 2] %}
    select
        '{{ grain }}' as period_grain,
        {{ cycles }} as cycles,
        {{ cycle * cycles }} as n_periods,
        {{ limits['around'][grain] }} as around
    {{ 'union all' if not loop.last }}
    {% endfor %}{{ 'union all' if not loop.last }}{% endfor %}
),

final as (
    select
        now.period_grain,
        now.series,
        now.period_date,
        now.comparison,
        cast(count(distinct years.cycles) as bigint) as n_cycles
    from {{ ref('drift_alarms') }} as now
    inner join years on now.period_grain = years.period_grain
    inner join {{ ref('drift_alarms') }} as earlier
        on
            now.period_grain = earlier.period_grain
            and now.series = earlier.series
            and now.comparison = earlier.comparison
            and now.direction = earlier.direction
            and earlier.figure_lo > earlier.warn_bar
            and earlier.period_number between now.period_number - years.n_periods - years.around
            and now.period_number - years.n_periods + years.around
    where now.figure_lo > now.warn_bar and now.is_enough = 1 and now.direction != 0
    group by now.period_grain, now.series, now.period_date, now.comparison
)

select * from final
