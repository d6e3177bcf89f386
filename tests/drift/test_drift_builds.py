"""Drift and health in whole builds: what is counted, what is kept, and what follows from it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import changed
import numpy as np
import pandas as pd
import pytest
import shop_simulator
from support import IS_LONG, House

PAPERS = False
UP_TO_COUNTS = ("--select", "+drift_counts", "--exclude-resource-types", "unit_test", "test")
OF_EVENTS = "select * from core.drift_counts where series != 'feed' order by all"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("shop")
    shop_simulator.generate(folder, users=250, months=3, seed=3)
    return {path.name: path.read_bytes() for path in sorted((folder / "events").iterdir())}


def test_a_month_that_comes_late_gives_the_same_counts_and_the_counts_outlive_the_events(
    new_house, files, tmp_path
):
    first, late, last = files
    house, other = new_house(), House(tmp_path / "other", papers=False)
    for name in (first, last):
        house.deliver(name, files[name])
    house.build(*UP_TO_COUNTS)
    n_before = house.value("select count(*) from core.drift_counts")
    house.deliver(late, files[late])
    house.build(*UP_TO_COUNTS)
    for name in files:
        other.deliver(name, files[name])
    other.build(*UP_TO_COUNTS)
    counted = house.rows(OF_EVENTS)
    assert len(counted) > n_before > 300
    assert counted == other.rows(OF_EVENTS)
    weeks = house.rows(
        "select period_date, sum(n) from core.drift_counts "
        "where period_grain = 'week' and series = 'visits' group by all"
    )
    assert all(day.isoweekday() == 1 for day, _ in weeks) and len(weeks) == 12
    # counted by hand: who came in the week of the 4th of November
    by_hand = house.value(
        "select count(distinct user_sk) from core.user_sessions where not is_bot "
        "and started_at >= '2019-11-04' and started_at < '2019-11-11'"
    )
    assert dict(weeks)[date(2019, 11, 4)] == by_hand

    # events of before the last month expire; their counts stay, through a full refresh as well
    expired = {"events_retention_months": 1}
    house.build(*UP_TO_COUNTS, variables=expired)
    assert house.value("select min(event_at) from core.events").month == 11
    assert house.value("select min(period_date) from core.drift_counts") == date(2019, 10, 1)
    kept = "select * from core.drift_counts where period_date < '2019-11-01' order by all"
    assert house.rows(kept) == other.rows(kept)


def test_weeks_and_months_are_counted_when_what_makes_them_whole_begins_after_them(new_house, files):
    """Files of a month, of some days, or after days without events: none has a day of the period before."""
    house = new_house()
    first, second, last = (f"2019-{month}.csv" for month in ("Oct", "Nov", "Dec"))
    head, *lines = files[second].splitlines(keepends=True)

    def of_days(first_day: int, last_day: int) -> bytes:
        days = {f"2019-11-{day:02d}".encode() for day in range(first_day, last_day + 1)}
        return head + b"".join(line for line in lines if line[:10] in days)

    house.deliver(first, files[first])
    house.build(*UP_TO_COUNTS)
    for name, days in (("a.csv", (1, 3)), ("b.csv", (4, 10)), ("c.csv", (13, 30))):  # Mondays: 4, 11
        house.deliver(name, of_days(*days))
        house.build(*UP_TO_COUNTS)
    house.deliver(last, files[last])
    house.build(*UP_TO_COUNTS)
    counted = "select distinct period_grain, period_date from core.drift_counts order by all"
    whole = house.rows(
        "select distinct grain, date_trunc(grain, event_date) as starts "
        "from core.daily_events, (values ('week'), ('month')) as grains(grain) "
        "where starts >= '2019-10-01' and starts + case grain when 'week' then interval 7 day "
        "else interval 1 month end <= (select last_date from core.as_of) order by grain, starts"
    )
    assert [(grain, str(day)[:10]) for grain, day in house.rows(counted)] == [
        (grain, str(day)[:10]) for grain, day in whole
    ]


def test_each_build_has_a_row_of_health_and_one_of_each_alarm(built_shop):
    (row,) = built_shop.rows(
        "select n_lines, n_unaccounted, n_data_errors, model_status, personas_age_days from monitor.health"
    )
    assert row[0] == built_shop.value("select sum(n_lines) from monitor.reconciliation") > 0
    assert row[1:3] == (0, 0) and row[3] != "none" and row[4] == 0
    alarms = dict(built_shop.rows("select alarm, alarm_state from monitor.health_alarms"))
    assert alarms["books"] == alarms["events"] == alarms["model_age"] == alarms["refit"] == "ok"
    assert len(alarms) == 9


def test_a_shop_of_the_simulator_does_not_drift(built_shop):
    words = dict(built_shop.rows("select verdict, count(*) from monitor.drift group by all"))
    assert words["none"] > 50 and set(words) <= {"none", "too_early", "not_enough"}, words


@pytest.fixture(scope="module")
def watched(built_shop, tmp_path_factory) -> House:
    return built_shop.copy(tmp_path_factory.mktemp("watched") / "house")


def test_a_promise_that_is_broken_is_an_alarm(watched):
    watched.build("--select", "health", "health_alarms", variables={"promised_event_hours": 24})
    # the shop's last event is of January 2020
    age = watched.value("select max(event_age_hours) from monitor.health")
    broken = (
        "select alarm, alarm_state, figure, promised from monitor.health_alarms where alarm_state = 'error'"
    )
    assert age > 40_000 and watched.rows(broken) == [("events", "error", float(age), 24.0)]
    assert watched.value("select count(*) from monitor.health") == 2


def test_a_drift_lasts_until_its_series_is_compared_again_and_a_broken_period_is_an_alarm(
    built_shop, tmp_path
):
    """A week with a data error has a row of the feed alone, and a month that runs rows of what models say."""
    of_alarms = (
        "select alarm, alarm_state, figure from monitor.health_alarms "
        "where alarm in ('drift', 'data_errors') order by alarm"
    )
    names = "period_grain, period_date, drift_kind, series, verdict, severity"
    watched = built_shop.copy(tmp_path / "house")

    def told(*rows: str) -> list[tuple]:
        with watched.connection(read_only=False) as connection:
            for row in rows:
                connection.execute(f"insert into monitor.drift ({names}) values ({row})")
        watched.build("--select", "health", "health_alarms", "drift_findings", "nothing_drifts_drift_")
        return watched.rows(of_alarms)

    assert told() == [("data_errors", "ok", 0.0), ("drift", "ok", 0.0)]
    assert told(
        "'week', '2030-01-07', 'data', 'prices', 'sudden', 'error'",
        "'week', '2030-01-14', 'data', 'feed', 'data_error', 'error'",
        "'month', '2030-01-01', 'concept', 'value_orders', 'sudden', 'error'",
        "'month', '2030-02-01', 'model', 'margin', 'none', 'none'",
    ) == [("data_errors", "warn", 1.0), ("drift", "error", 2.0)]
    found = "select series from marts.drift_findings where is_newest and severity != 'none' order by 1"
    assert watched.rows(found) == [("feed",), ("prices",), ("value_orders",)]
    assert told(
        "'week', '2030-01-21', 'data', 'prices', 'none', 'none'",
        "'week', '2030-01-21', 'data', 'feed', 'none', 'none'",
        "'month', '2030-02-01', 'concept', 'value_orders', 'none', 'none'",
    ) == [("data_errors", "ok", 0.0), ("drift", "ok", 0.0)]


def test_a_request_makes_a_fit_due_once(watched):
    due = "select is_due from core.fit_request"
    watched.build("--select", "fit_request")
    assert watched.value(due) is False
    with watched.connection(read_only=False) as connection:
        connection.execute(
            "insert into monitor.refit_requests select 'personas', model_version, 'model', 'personas', "
            "'month', date '2020-01-01' from core.segment_models where is_champion"
        )
    watched.build("--select", "fit_request")
    assert watched.value(due) is True
    # a fit came of it, and the gate did not let it pass: nobody asks again for the same model
    with watched.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.persona_fit_fields "
            "(fit_number, model_version, part, row_position, field, number_value) "
            "select max(fit_number) + 1, '20200131-later', 'weight', 1, 'weight', 0 "
            "from core.persona_fit_fields"
        )
    watched.build("--select", "fit_request")
    assert watched.value(due) is False


UP_TO_DRIFT = ("--select", "+drift", "--exclude-resource-types", "unit_test", "test")
MONDAY = pd.Timestamp("2020-02-03")
DONE = {  # what is done to the shop from a Monday on, the series that has to say so, and the word
    "category switch": (changed.other_categories, "moved_products", "sudden", None),
    "prices times 1.3": (changed.dearer, "prices", "sudden", None),
    "lost day": (changed.without_a_day, "feed", "data_error", None),
    "bots": (changed.with_bots, "visits", "sudden", "covariate"),
    "other customers": (changed.other_customers, "returning", "sudden", "covariate"),
    "relation flipped": (changed.flipped, "visits_orders", "sudden", "relation"),
}


def month_of(path: Path) -> datetime:
    return datetime.strptime(path.stem, "%Y-%b")


@pytest.fixture(scope="module", params=range(5 if IS_LONG else 0))
def watched_shop(request, tmp_path_factory) -> tuple[House, bytes, int]:
    """A shop of eight months that is watched, the events of its ninth, and its number.

    Who returns can be told from the fifth week on, and is watched from the thirteenth after that.
    """
    folder = tmp_path_factory.mktemp("before")
    shop_simulator.generate(folder / "shop", users=4000, months=9, start="2019-06", seed=900 + request.param)
    *before, after = sorted((folder / "shop" / "events").iterdir(), key=month_of)
    house = House(folder / "house", papers=False)
    for path in before:
        house.deliver(path.name, path.read_bytes())
    house.build(*UP_TO_DRIFT)
    return house, after.read_bytes(), request.param


@pytest.mark.parametrize("kind", DONE)
def test_what_is_done_to_a_month_is_named_by_a_build(watched_shop, tmp_path, kind):
    """In the week in which it begins, by its kind, and nothing was cried before."""
    before, content, number = watched_shop
    change, series, word, shift = DONE[kind]
    house = before.copy(tmp_path / "house")
    events = changed.read(content)
    is_after = events["at"] >= MONDAY
    after = change(events[is_after], np.random.default_rng(number))
    house.deliver("2020-Feb.csv", changed.written(pd.concat([events[~is_after], after])))
    house.build(*UP_TO_DRIFT)
    told = house.rows(
        "select period_date, series, verdict, shift_kind from monitor.drift "
        "where period_grain = 'week' and severity != 'none' order by period_date"
    )
    assert not [row for row in told if row[0] < MONDAY.date()], told
    of_series = [row[2:] for row in told if row[:2] == (MONDAY.date(), series)]
    assert [word] == [row[0] for row in of_series] and shift in (None, of_series[0][1]), told


@pytest.mark.parametrize("number", range(5 if IS_LONG else 0))
def test_december_is_a_season_once_it_has_come_twice(tmp_path, number):
    """Of 27 months that are over: the first Decembers are no season yet, the third is."""
    shop_simulator.generate(
        tmp_path / "shop", users=1500, months=28, start="2017-10", arrivals=0.1, seed=700 + number
    )
    house = House(tmp_path / "house", papers=False)
    for path in (tmp_path / "shop" / "events").iterdir():
        content = path.read_bytes()
        if "-Dec" in path.name:
            rng = np.random.default_rng(number)
            content = changed.written(changed.gifts(changed.read(content), rng, "apparel"))
        house.deliver(path.name, content)
    house.build(*UP_TO_DRIFT, variables={"events_retention_months": 36})
    told = house.rows(
        "select period_date, verdict from monitor.drift "
        "where period_grain = 'month' and series = 'families' and extract(month from period_date) = 12"
    )
    words = {day.year: verdict for day, verdict in told}
    assert words == {2017: "too_early", 2018: words[2018], 2019: "recurring"}, told
    assert words[2018] != "recurring", told
