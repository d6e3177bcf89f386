{#- Series with an alarm in the newest whole week or month. A warning: a shop changes, and people should hear of it. It holds
    nothing back. What is broken holds the publication in feed_is_plausible; what lasts asks for a fit in
    monitor.refit_requests. -#}
{% test nothing_drifts(model) %}
select drift.period_grain, drift.series
from {{ model }} as drift
where
    drift.severity != 'none'
    and drift.period_date = (
        select max(newest.period_date) from {{ model }} as newest where newest.period_grain = 'week'
    )
    and drift.period_grain = 'week'
union all
select drift.period_grain, drift.series
from {{ model }} as drift
where
    drift.severity != 'none'
    and drift.period_date = (
        select max(newest.period_date) from {{ model }} as newest where newest.period_grain = 'month'
    )
    and drift.period_grain = 'month'
{% endtest %}
