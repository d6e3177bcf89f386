{#- Whether what the shop sends is what it usually sends: the alarms of monitor.feed_health, and what they do to a build. -#}

{% macro feed_alarms() %}
    {#- {name: the flag of feed_health that raises it}. The vars feed_holds and feed_warns name them. -#}
    {{ return({
        'missing_kind': 'is_kind_missing', 'prices': 'are_prices_off', 'volume': 'is_volume_low', 'cut_day': 'is_day_cut',
        'missing_days': 'follows_missing_days', 'left_out': 'is_much_left_out', 'stale': 'is_stale',
    }) }}
{% endmacro %}


{% macro feed_limits() %}
    {#- Measured on clean shops, synthetic and real (docs/decisions/0074-plausible-feeds.md).
        days: a day is compared with; days_at_least: of them with events, before anything is said of volumes; price_days_at_least:
        before anything is said of prices. price_lines: events of a day in a file, before its median price says something.
        small_file_lines: a file with fewer events is judged with the others like it of the day: they are of a few sessions.
        kind_expected: events of a kind that should have come since the last one (in clean shops up to 10); kind_days_at_least:
        days on which the kind came, before it is usual. volume_share: of the usual volume, and of the least of the same weekday;
        volume_at_least: events of a usual day. hours_share: of the hours that usually have events; hours_at_least: hours with
        events on a usual day; hours_deviations: standard deviations below them, as if each hour had events or none by
        chance. left_out_factor, left_out_more: share of lines left out, against the usual one; left_out_lines: at least so
        many. days_held: newest days whose alarms hold the publication back. -#}
    {{ return({
        'days': 28, 'days_at_least': 14, 'price_days_at_least': 7, 'price_lines': 20, 'small_file_lines': 200, 'kind_expected': 20, 'kind_days_at_least': 5,
        'volume_share': 0.4, 'volume_at_least': 100, 'hours_share': 0.7, 'hours_at_least': 16, 'hours_deviations': 4,
        'left_out_factor': 3, 'left_out_more': 0.01, 'left_out_lines': 5, 'days_held': 7,
    }) }}
{% endmacro %}


{% macro feed_alarm_names(var_name) %}
    {%- set text = clientele.setting(var_name) -%}
    {{ return([] if text == 'none' else text.split(' ')) }}
{% endmacro %}


{% macro feed_flags(alarms) -%}
    {#- A condition: one of these alarms is raised. -#}
    ({% for alarm in alarms %}{{ clientele.feed_alarms()[alarm] }}{{ ' or ' if not loop.last }}{% else %}1 = 0{% endfor %})
{%- endmacro %}


{% macro is_recent_feed(feed) -%}
    {#- A condition: the day is one of the newest of the feed. -#}
    event_date > {{ dbt.dateadd('day', -clientele.feed_limits()['days_held'], '(select max(event_date) from ' ~ feed ~ ')') }}
{%- endmacro %}


{% macro days_without_news(counted, ledger) %}
    {#- One row: the newest day of the feed, for how many days nothing newer has come, and whether that is longer than
        twice as long as deliveries of something newer were usually apart, and a day. A history that came at once has no habit. -#}
    select
        newest_date,
        n_days_without_news,
        case when n_gaps >= 2 then 2 * usual_days + 1 end as stale_after_days,
        n_gaps >= 2 and n_days_without_news > 2 * usual_days + 1 as is_stale
    from (
        select
            max(advances.newest_date) as newest_date,
            cast({{ dbt.datediff('max(advances.delivered_on)', clientele.utc_now(), 'day') }} as bigint) as n_days_without_news,
            count(advances.days_apart) as n_gaps,
            {{ clientele.median('advances.days_apart') }} as usual_days
        from (
            select
                delivered_on,
                newest_date,
                {{ dbt.datediff('lag(delivered_on) over (order by delivered_on)', 'delivered_on', 'day') }} as days_apart
            from (
                select
                    delivered_on,
                    newest_date,
                    max(newest_date) over (order by delivered_on rows between unbounded preceding and 1 preceding) as newest_before
                from (
                    select cast(files.delivered_at as date) as delivered_on, max(counted.event_date) as newest_date
                    from {{ counted }} as counted
                    inner join {{ ledger }} as files on counted.file_id = files.file_id
                    group by cast(files.delivered_at as date)
                ) as deliveries
            ) as newest
            where newest_before is null or newest_date > newest_before
        ) as advances
    ) as habit
{% endmacro %}
