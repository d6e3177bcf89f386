{#- Series with an alarm in the newest week or month in which each was compared. A warning: a shop changes, and people
    should hear of it. It holds nothing back. What is broken holds the publication in feed_is_plausible; what lasts asks
    for a fit in monitor.refit_requests. -#}
{% test nothing_drifts(model) %}
select
    drift.period_grain,
    drift.series
from {{ model }} as drift
inner join (
    select
        period_grain,
        series,
        max(period_date) as period_date
    from {{ model }}
    group by period_grain, series
) as newest
    on
        drift.period_grain = newest.period_grain
        and drift.series = newest.series
        and drift.period_date = newest.period_date
where drift.severity != 'none'
{% endtest %}
