{#- Grain: one file and day (UTC) with events in it: what came, what is usual, and which alarms that raises. A file
    is compared with the 28 days before it, so that a whole month of faults is not compared with itself; the shop's
    first file, with the days before each of its days. Small files of a day are judged together: a few sessions have
    no usual price. Late data: made whole in each build from counts, so a file that comes late, or a correction,
    changes the days it touches; only is_stale asks the clock. -#}
{{ config(post_hook='{{ clientele.mark_load() }}') }}
{% set limits = clientele.feed_limits() %}

with

books as (
    select file_id, load_id, file_name, n_quarantined, n_lines - n_headers - n_blank as n_lines
    from {{ ref('reconciliation') }}
),

counted as (
    {{ clientele.feed_files(ref('file_days'), 'books', ref('event_files')) }}
),

small_files as (
    {{ clientele.small_files('counted') }}
),

levels as (
    -- of a day, over its files
    select
        event_date,
        {{ clientele.median('case when n_event_lines >= ' ~ limits['price_lines'] ~ ' then median_price end') }}
            as median_price,
        sum(share_left_out * n_event_lines) / sum(n_event_lines) as share_left_out
    from counted
    where n_event_lines > 0
    group by event_date
),

moments as (
    select event_date as compared_from from counted
    union
    select starts_on as compared_from from counted where starts_on is not null
),

before as (
    select
        moments.compared_from,
        levels.median_price,
        levels.share_left_out
    from moments
    inner join levels
        on
            moments.compared_from > levels.event_date
            and {{ dbt.dateadd('day', -limits['days'], 'moments.compared_from') }} <= levels.event_date
),

usual as (
    select
        compared_from,
        count(median_price) as n_price_days,
        {{ clientele.median('median_price') }} as usual_price
    from before
    group by compared_from
),

-- Redshift works out one median a query
usual_shares as (
    select
        compared_from,
        {{ clientele.median('share_left_out') }} as usual_share_left_out
    from before
    group by compared_from
),

known as (
    select compared_from from usual where n_price_days >= {{ limits['price_days_at_least'] }}
),

anchored as (
    select
        counted.*,
        coalesce(known.compared_from, counted.event_date) as compared_from,
        coalesce(small_files.n_event_lines, counted.n_event_lines) as n_judged_lines,
        coalesce(small_files.n_quarantined, counted.n_quarantined) as n_judged_quarantined,
        coalesce(small_files.median_price, counted.median_price) as judged_price,
        coalesce(small_files.share_left_out, counted.share_left_out) as judged_share_left_out
    from counted
    left join small_files on counted.is_small and counted.event_date = small_files.event_date
    left join known on counted.starts_on = known.compared_from and counted.starts_on <= counted.event_date
),

missing_kinds as (
    select
        *,
        row_number() over (partition by event_date order by n_expected desc, event_type asc) as place
    from {{ ref('feed_kinds') }}
    where is_missing
),

news as (
    {{ clientele.days_without_news('counted', ref('event_files')) }}
)

select
    anchored.file_id,
    anchored.load_id,
    anchored.file_name,
    anchored.event_date,
    anchored.n_event_lines,
    {% for column in clientele.counts_of_kinds() -%}
    anchored.{{ column }},
    {% endfor -%}
    anchored.median_price,
    anchored.judged_price,
    usual.usual_price,
    anchored.share_left_out,
    anchored.judged_share_left_out,
    usual_shares.usual_share_left_out,
    cast(anchored.age_days as bigint) as age_days,
    feed_days.shop_events,
    feed_days.usual_events,
    feed_days.shop_hours,
    feed_days.usual_hours,
    feed_days.n_missing_days,
    missing_kinds.event_type as missing_kind,
    missing_kinds.last_seen as missing_kind_since,
    missing_kinds.n_expected as missing_kind_expected,
    news.n_days_without_news,
    missing_kinds.event_type is not null as is_kind_missing,
    coalesce(
        anchored.n_judged_lines >= {{ limits['price_lines'] }}
        and usual.n_price_days >= {{ limits['price_days_at_least'] }}
        and (
            anchored.judged_price > usual.usual_price * {{ clientele.setting('feed_price_factor') }}
            or anchored.judged_price * {{ clientele.setting('feed_price_factor') }} < usual.usual_price
        ), false
    ) as are_prices_off,
    -- a day of which all has expired has no volume any more; the day that is running when its file comes is not over
    coalesce(feed_days.is_volume_low, false) as is_volume_low,
    coalesce(feed_days.is_day_cut and anchored.age_days > 0, false) as is_day_cut,
    coalesce(feed_days.follows_missing_days, false) as follows_missing_days,
    coalesce(
        anchored.n_judged_quarantined >= {{ limits['left_out_lines'] }}
        and anchored.judged_share_left_out
        > usual_shares.usual_share_left_out * {{ limits['left_out_factor'] }} + {{ limits['left_out_more'] }}, false
    ) as is_much_left_out,
    coalesce(news.is_stale and anchored.event_date = news.newest_date, false) as is_stale
from anchored
left join {{ ref('feed_days') }} as feed_days on anchored.event_date = feed_days.event_date
left join usual on anchored.compared_from = usual.compared_from
left join usual_shares on anchored.compared_from = usual_shares.compared_from
left join missing_kinds on anchored.event_date = missing_kinds.event_date and missing_kinds.place = 1
cross join news
