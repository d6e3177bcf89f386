"""monitor.feed_health: what a shop sends is what it usually sends, or the build says what is wrong."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
import shop_simulator
from support import House

PAPERS = False
NOW = "2026-01-01 12:00:00"
FLAGS = [
    "is_kind_missing",
    "are_prices_off",
    "is_volume_low",
    "is_day_cut",
    "follows_missing_days",
    "is_much_left_out",
    "is_stale",
]
TESTED = (
    *("--select", "+feed_health", "--indirect-selection", "cautious"),
    *("--exclude-resource-type", "unit_test"),
)
STORE = Path(os.environ.get("CLIENTELE_REAL_DATA", "")) / "store"
SEEDS = [1, 2, 3]
DELIVERIES = """
    create or replace table deliveries as
    select file_name, max(event_at) + interval 1 day as delivered_at from events group by all
"""


def small_files(n_lines: int) -> str:
    """Return a statement that lays events out in files of so many lines of one day, in the order of time."""
    return (
        "create or replace table events as select * replace (event_at::date || ' ' || ((row_number() over "
        "(partition by event_at::date order by event_at, user_id, product_id, event_type) - 1) "
        f"// {n_lines}) as file_name) from events"
    )


@dataclass
class Feed:
    """The feed's models over counts of events that a test may change: the SQL of a build, without a build."""

    compiled: dict[str, str]

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()
        for name in ("warehouse", "vault"):
            self.connection.execute(f"attach ':memory:' as {name}")
        for schema in ("warehouse.core", "warehouse.monitor", "vault.vault"):
            self.connection.execute(f"create schema {schema}")

    def read(self, pattern: str) -> Feed:
        """Take the events of files; each came on the day after its last event."""
        self.connection.execute(
            "create or replace table events as select parse_filename(filename) as file_name, "
            "try_cast(replace(event_time, ' UTC', '') as timestamp) as event_at, event_type, "
            "try_cast(price as double) as price, user_id, product_id, user_session "
            f"from read_csv('{pattern}', all_varchar = true, filename = true)"
        )
        return self.change(DELIVERIES)

    def change(self, statement: str) -> Feed:
        self.connection.execute(statement)
        return self

    def alarms(self, clock: str = "2020-02-02 00:00:00") -> dict[str, list[date]]:
        """Return the days on which each alarm is raised, with those that are raised at all."""
        kinds = "'view', 'cart', 'remove_from_cart', 'purchase'"
        counts = ", ".join(
            f"count(*) filter (event_type = '{kind}') as {name}"
            for name, kind in {
                "n_views": "view",
                "n_carts": "cart",
                "n_removals": "remove_from_cart",
                "n_purchases": "purchase",
            }.items()
        )
        for statement in (
            "numbers as select file_name, delivered_at, "
            "row_number() over (order by delivered_at, file_name) as file_id from deliveries",
            "vault.vault.event_files as select file_id, delivered_at from numbers",
            f"good as select *, event_at::date as event_date from events where event_type in ({kinds})",
            f"vault.vault.file_days as select file_id, event_date, count(*) as n_event_lines, {counts}, "
            "median(price) as median_price from good join numbers using (file_name) group by all",
            f"warehouse.core.daily_events as select event_date, count(*) as n_events, {counts}, "
            "count(distinct hour(event_at)) as n_hours "
            "from (select distinct * exclude (file_name) from good) group by all",
            "warehouse.monitor.reconciliation as select file_id, 1 as load_id, file_name, "
            f"count(*) filter (event_type not in ({kinds})) as n_quarantined, "
            "0 as n_headers, 0 as n_blank, count(*) as n_lines "
            "from events join numbers using (file_name) group by all",
        ):
            self.connection.execute(f"create or replace table {statement}")
        for name in ("feed_days", "feed_kinds", "feed_health"):
            sql = self.compiled[name].replace(NOW, clock)
            self.connection.execute(f"create or replace table warehouse.monitor.{name} as {sql}")
        found = {}
        for flag in FLAGS:
            days = self.connection.execute(
                f"select distinct event_date from warehouse.monitor.feed_health where {flag} order by all"
            ).fetchall()
            if days:
                found[flag] = [day for (day,) in days]
        return found


@pytest.fixture(scope="session")
def shops(tmp_path_factory) -> dict[int, Path]:
    """Clean shops of four months, one file a month."""
    folder = tmp_path_factory.mktemp("shops")
    for seed in SEEDS:
        shop_simulator.generate(folder / str(seed), users=700, months=4, seed=seed)
    return {seed: folder / str(seed) / "events" for seed in SEEDS}


@pytest.fixture(scope="module")
def house(new_house, shops) -> House:
    """The first three months of a shop, built and tested up to its feed's health."""
    house = new_house(variables={"clock": NOW})
    for path in sorted(shops[1].iterdir()):
        if "2020-Jan" not in path.name:
            house.deliver(path.name, path.read_bytes())
    return house


@pytest.fixture(scope="module")
def built(house):
    return house.build(*TESTED)


@pytest.fixture
def feed(built) -> Feed:
    return Feed(built.compiled)


def test_a_clean_shop_raises_no_alarm(house, built, feed, shops):
    assert "feed:" not in built.said
    assert house.value("select count(*) from monitor.feed_health") == 92
    for seed in SEEDS:
        assert feed.read(f"{shops[seed]}/*.csv").alarms() == {}, seed
    # the same events in a file a day
    feed.change("update events set file_name = event_at::date").change(DELIVERIES)
    assert feed.alarms() == {}


@pytest.mark.parametrize("n_lines", [5, 25, 60])
def test_a_shop_that_comes_in_many_small_files_raises_no_alarm(feed, shops, n_lines):
    """A few sessions in a file have no usual price, and one bad line in a file is no habit of the feed."""
    for seed in SEEDS:
        feed.read(f"{shops[seed]}/*.csv").change(small_files(n_lines))
        feed.change("update events set event_type = 'x' where hash(event_at, product_id, user_id) % 500 = 0")
        assert feed.change(DELIVERIES).alarms() == {}, seed


@pytest.mark.parametrize("change", ["price = price * 100", "price = price / 100", "event_type = 'x'"])
def test_a_fault_in_many_small_files_raises_its_alarm(feed, shops, change):
    feed.read(f"{shops[2]}/*.csv").change(small_files(25)).change(DELIVERIES)
    which = "hash(event_at, product_id) % 10 = 0" if "x" in change else "true"
    alarms = feed.change(f"update events set {change} where event_at >= '2020-01-25' and {which}").alarms()
    flag = "is_much_left_out" if "x" in change else "are_prices_off"
    assert alarms[flag] == [date(2020, 1, day) for day in range(25, 32)]


def test_a_small_shop_has_days_with_few_hours(feed, tmp_path):
    """Two visitors an hour: on some days nobody comes for ten hours, and nothing was cut."""
    for seed in range(1, 7):
        shop_simulator.generate(tmp_path / str(seed), users=450, months=4, seed=seed)
        alarms = feed.read(f"{tmp_path / str(seed)}/events/*.csv").alarms()
        assert "is_day_cut" not in alarms, (seed, alarms)


@pytest.mark.skipif(not STORE.is_dir(), reason="CLIENTELE_REAL_DATA is not set")
def test_a_real_store_raises_no_alarm(feed):
    assert feed.read(f"{STORE}/*.csv.gz").alarms("2016-10-02 00:00:00") == {}
    assert feed.change(small_files(25)).change(DELIVERIES).alarms("2016-10-02 00:00:00") == {}


JANUARY = "event_at >= timestamp '2020-01-01'"


@pytest.mark.parametrize("is_daily", [False, True], ids=["monthly", "daily"])
@pytest.mark.parametrize(
    ("flag", "statement", "last_days"),
    [
        (
            "is_kind_missing",
            f"update events set event_type = 'bestellt' where event_type = 'purchase' and {JANUARY}",
            7,
        ),
        ("is_kind_missing", f"delete from events where event_type = 'cart' and {JANUARY}", 7),
        ("are_prices_off", f"update events set price = price * 100 where {JANUARY}", 7),
        ("are_prices_off", f"update events set price = price / 100 where {JANUARY}", 7),
        ("is_day_cut", "delete from events where event_at between '2020-01-08 12:00:00' and '2020-01-09'", 0),
        ("is_day_cut", "delete from events where event_at between '2020-01-08' and '2020-01-08 12:00:00'", 0),
        (
            "is_volume_low",
            "delete from events where event_at::date = '2020-01-08' and hash(event_at, product_id) % 10 > 0",
            0,
        ),
        ("follows_missing_days", "delete from events where event_at::date = '2020-01-08'", 0),
        (
            "is_much_left_out",
            f"update events set event_type = 'x' where {JANUARY} and hash(event_at, product_id) % 50 = 0",
            7,
        ),
    ],
)
def test_what_is_not_as_usual_raises_its_alarm(feed, shops, flag, statement, last_days, is_daily):
    feed.read(f"{shops[2]}/*.csv")
    if is_daily:
        # as many days with the fault as there are since it was seen
        feed.change("delete from events where event_at >= '2020-01-12'")
        feed.change("update events set file_name = event_at::date")
        feed.change(DELIVERIES)
    feed.change(statement)
    alarms = feed.alarms("2020-02-01 12:00:00" if not is_daily else "2020-01-13 00:00:00")
    found = alarms.pop(flag)
    if last_days:
        # the newest days are among them, and no day of before is
        end = date(2020, 1, 11) if is_daily else date(2020, 1, 31)
        assert found[-1] == end and len([day for day in found if (end - day).days < 7]) >= min(last_days, 4)
        assert found[0] >= date(2020, 1, 1)
    else:
        assert found in ([date(2020, 1, 8)], [date(2020, 1, 9)])
    # what is renamed is left out, too, and events that are few are in few hours
    assert set(alarms) <= {"is_much_left_out", "is_day_cut"}


def test_a_feed_that_comes_no_more_is_stale(feed, shops):
    feed.read(f"{shops[2]}/*.csv")
    assert "is_stale" not in feed.alarms("2020-03-20 00:00:00")
    assert feed.alarms("2020-04-20 00:00:00") == {"is_stale": [date(2020, 1, 31)]}
    # a history that came at once has no habit
    feed.change("update deliveries set delivered_at = '2020-02-01'")
    assert feed.alarms("2020-04-20 00:00:00") == {}


def january(shops: dict[int, Path], fault: str) -> bytes:
    text = next(path for path in shops[1].iterdir() if "2020-Jan" in path.name).read_text()
    if fault == "renamed":
        return text.replace(",purchase,", ",bestellt,").encode()
    header, *lines = csv.reader(io.StringIO(text))
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    written.writerows([header, *([*line[:6], f"{float(line[6]) * 100:.2f}", *line[7:]] for line in lines)])
    return out.getvalue().encode()


def test_a_build_is_held_and_says_why_and_a_full_refresh_finds_the_same(house, built, shops, tmp_path):
    other = house.copy(tmp_path / "house")
    other.lake = tmp_path / "lake"
    other.lake.mkdir()
    for path in house.lake.iterdir():
        other.deliver(path.name, path.read_bytes())
    other.deliver("2020-Jan.csv", january(shops, "renamed"))
    held = other.run(*TESTED)
    assert not held.succeeded
    assert held.status["feed_is_plausible_feed_health_"] == "fail"
    assert "feed: no purchase has come since 2019-12-31" in held.said
    assert "--vars '{feed_holds: prices}'" in held.said
    facts = "select * exclude (file_id, load_id) from monitor.feed_health order by all"
    found = other.rows(facts)

    again = other.run(*TESTED, "--full-refresh")
    assert not again.succeeded
    assert len(found) == 123 and other.rows(facts) == found

    released = other.build(*TESTED, variables={"feed_holds": "prices", "feed_warns": "missing_kind left_out"})
    assert "feed: no purchase has come" in released.said
    assert "holds the publication" not in released.said
    assert "feed:" not in other.build(*TESTED, variables={"feed_holds": "none", "feed_warns": "none"}).said

    other.deliver("2020-Jan.csv", january(shops, "prices"))
    assert "feed: the median price on 2020-01-31 in 2020-Jan.csv" in other.run(*TESTED).said
    # the corrected month takes its place, and all is as it should be
    other.deliver("2020-Jan.csv", next(shops[1].glob("2020-Jan*")).read_bytes())
    assert "feed:" not in other.build(*TESTED).said
