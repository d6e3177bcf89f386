{#- What the end of a build says of the feed. -#}

{% macro tell_about_feed(results) %}
    {#- on-run-end: a sentence for each kind of alarm, of days that the last load brought and of the newest ones. -#}
    {%- set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list -%}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] and 'feed_health' in built -%}
        {%- set feed = clientele.built('monitor', 'feed_health') -%}
        {%- set held = clientele.feed_alarm_names('feed_holds') -%}
        {%- for alarm in held + clientele.feed_alarm_names('feed_warns') -%}
            {%- set days = run_query(
                "select event_date, file_name, missing_kind, missing_kind_expected, missing_kind_since, n_event_lines, judged_price, median_price, usual_price, "
                ~ "shop_events, usual_events, shop_hours, usual_hours, n_missing_days, judged_share_left_out, share_left_out, usual_share_left_out, n_days_without_news, "
                ~ "case when " ~ clientele.is_recent_feed(feed) ~ " then 1 else 0 end as is_recent from " ~ feed
                ~ " where " ~ clientele.feed_alarms()[alarm] ~ " and (" ~ clientele.is_recent_feed(feed)
                ~ " or load_id > " ~ clientele.load_before_this_run() ~ ") order by event_date desc, file_id desc"
            ).rows -%}
            {%- if days -%}
                {%- set holds = alarm in held and days[0]['is_recent'] == 1 -%}
                {%- set dates = days | map(attribute='event_date') | unique | list -%}
                {{ print(
                    'feed: ' ~ clientele.feed_sentence(alarm, days[0])
                    ~ (' The same on ' ~ (dates | length - 1) ~ ' other day(s).' if dates | length > 1) ~ ' See monitor.feed_health.'
                    ~ (" This holds the publication back. When it is right so: --vars '{feed_holds: "
                        ~ (held | reject('equalto', alarm) | join(' ') or 'none') ~ "}'." if holds)
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro feed_sentence(alarm, day) %}
    {%- set of_day = 'on ' ~ day['event_date'] -%}
    {#- small files of a day are judged together -#}
    {%- set is_alone = day['judged_price'] == day['median_price'] and day['judged_share_left_out'] == day['share_left_out'] -%}
    {%- set files = day['file_name'] if is_alone else day['file_name'] ~ ' and other small files of the day' -%}
    {%- if alarm == 'missing_kind' -%}
        {{ return('no ' ~ day['missing_kind'] ~ ' has come since ' ~ day['missing_kind_since'] ~ ', and about ' ~ '{:,}'.format(day['missing_kind_expected'] | round | int)
            ~ ' were to be expected. Likely: the shop has another word for it (seeds/event_type_map.csv).') }}
    {%- elif alarm == 'prices' -%}
        {{ return('the median price ' ~ of_day ~ ' in ' ~ files ~ ' is ' ~ '{:,.2f}'.format(day['judged_price'] | float) ~ ', and '
            ~ '{:,.2f}'.format(day['usual_price'] | float) ~ ' is usual. Likely: another currency, cents, or a decimal mark that was lost.') }}
    {%- elif alarm == 'volume' -%}
        {{ return('{:,}'.format(day['shop_events'] | int) ~ ' events ' ~ of_day ~ ', and ' ~ '{:,}'.format(day['usual_events'] | int) ~ ' are usual.') }}
    {%- elif alarm == 'cut_day' -%}
        {{ return('events in ' ~ day['shop_hours'] ~ ' hours ' ~ of_day ~ ', and in ' ~ day['usual_hours'] | int ~ ' are usual. Likely: the file was cut, or one is missing.') }}
    {%- elif alarm == 'missing_days' -%}
        {{ return('no event on the ' ~ day['n_missing_days'] ~ ' day(s) before ' ~ day['event_date'] ~ '. Likely: a file is missing.') }}
    {%- elif alarm == 'left_out' -%}
        {{ return('{:.1%}'.format(day['judged_share_left_out'] | float) ~ ' of the lines of ' ~ files ~ ' are left out, and '
            ~ '{:.1%}'.format(day['usual_share_left_out'] | float) ~ ' are usual (vault.quarantined_lines).') }}
    {%- else -%}
        {{ return('nothing new for ' ~ day['n_days_without_news'] ~ ' days: the newest event is of ' ~ day['event_date'] ~ '. Deliveries used to come more often.') }}
    {%- endif -%}
{% endmacro %}
