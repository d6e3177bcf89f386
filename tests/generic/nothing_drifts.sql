{#- Series with an alarm in the newest week or month in which each was compared. A warning: a shop changes, and people
    should hear of it. It holds nothing back. What is broken holds the publication in feed_is_plausible; what lasts asks
    for a fit in monitor.refit_requests. -#}
{% test nothing_drifts(model) %}
select
    period_grain,
    series
from (
    select drift.*, {{ clientele.newest_compared('drift') }} as newest_date from {{ model }} as drift
) as compared
where period_date = newest_date and severity != 'none'
{% endtest %}
