{#- Days of the feed, among its newest, with an alarm that holds the publication back (the var feed_holds): as every
    test that fails, this one keeps the last good publication in place. What is wrong is told at the end of the
    build. -#}
{% test feed_is_plausible(model) %}
select file_id, event_date
from {{ model }}
where {{ clientele.is_recent_feed(model) }} and {{ clientele.feed_flags(clientele.feed_alarm_names('feed_holds')) }}
{% endtest %}
