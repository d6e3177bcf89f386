"""Figures of generated files beside those published for the REES46 multi-category shop."""

from __future__ import annotations

from pathlib import Path

import duckdb

# October and November 2019 of the public REES46 files, measured over both months.
PUBLISHED = {
    "views per user": 19.6,
    "carts per user": 0.72,
    "purchase rows per user": 0.31,
    "sessions per user": 4.33,
    "events per session": 4.78,
    "median events per session": 2.0,
    "median session seconds": 42.0,
    "share of sessions that buy": 0.061,
    "share of empty brands": 0.14,
    "share of empty category codes": 0.32,
}

# Lines with a quote are left out: an unterminated one would swallow its neighbours.
_LINES = """(
    select
        parts[1] as event_time,
        parts[2] as event_type,
        parts[5] as category_code,
        parts[6] as brand,
        parts[8] as user_id,
        parts[9] as user_session
    from (
        select string_split(line, ',') as parts
        from read_csv(
            [{names}], columns={{'line': 'varchar'}}, auto_detect=false, header=true, delim=chr(1), quote='',
            escape='', strict_mode=false, ignore_errors=true
        )
        where line not like '%"%'
    )
    where len(parts) = 9
)"""

_FIGURES = """
with event_times as (
    select
        *,
        try_cast(replace(event_time::varchar, ' UTC', '') as timestamp) as event_at
    from {source}
),

events as (
    select *
    from event_times
    where event_type in ('view', 'cart', 'remove_from_cart', 'purchase')
        and coalesce(user_id::varchar, '') <> ''
        and event_at between '1971-01-01' and '2098-12-31'
),

sessions as (
    select
        user_session,
        count(*) as n_events,
        epoch(max(event_at)) - epoch(min(event_at)) as seconds,
        bool_or(event_type = 'purchase') as buys
    from events
    group by user_session
),

session_figures as (
    select
        count(*) as n_sessions,
        avg(n_events) as events_per_session,
        median(n_events) as median_events,
        median(seconds) as median_seconds,
        avg(buys::integer) as buying_share
    from sessions
),

event_figures as (
    select
        count(distinct user_id) as n_users,
        count(*) filter (event_type = 'view') as views,
        count(*) filter (event_type = 'cart') as carts,
        count(*) filter (event_type = 'purchase') as purchases,
        avg((coalesce(brand, '') = '')::integer) as empty_brand_share,
        avg((coalesce(category_code, '') = '')::integer) as empty_code_share
    from events
)

select
    views / n_users,
    carts / n_users,
    purchases / n_users,
    n_sessions / n_users,
    events_per_session,
    median_events,
    median_seconds,
    buying_share,
    empty_brand_share,
    empty_code_share
from event_figures
cross join session_figures
"""


def marginals(files: list[Path] | tuple[Path, ...]) -> dict[str, float]:
    """Return the figures of event files, under the names of `PUBLISHED`.

    Parameters
    ----------
    files : list of Path
        Files of one format; two months compare best with the published figures. Lines that are not nine plain
        fields are left out.

    Returns
    -------
    dict of str to float
        One value per published figure.
    """
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    text = f"read_parquet([{names}])" if files[0].suffix == ".parquet" else _LINES.format(names=names)
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        values = connection.execute(_FIGURES.format(source=text)).fetchall()[0]
    return dict(zip(PUBLISHED, map(float, values), strict=True))


def comparison(files: list[Path] | tuple[Path, ...]) -> str:
    """Return the figures of event files beside the published ones, as text; parameters as `marginals`."""
    rows = [f"{'':32}{'generated':>10}{'published':>11}"]
    rows += [f"{name:32}{value:10.3f}{PUBLISHED[name]:11.3f}" for name, value in marginals(files).items()]
    return "\n".join(rows)
