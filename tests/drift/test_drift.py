"""monitor.drift: what changed in a shop has its kind as a name, and a quiet shop is left alone.

The models' own SQL over counts of made-up shops (aggregates.py). Draws stand beside each other: the grain of
a period carries the number of its draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from aggregates import COLUMNS, ORDERS, START, Shop, daily
from support import IS_LONG, House

PAPERS = False
MODELS = [
    "drift_periods",
    "drift_windows",
    "drift_levels",
    "drift_bins",
    "drift_shares",
    "drift_figures",
    "drift_alarms",
    "drift_seasons",
    "drift",
]
N_DRAWS = 100 if IS_LONG else 10
SIZES = [10_000, 1_000_000] if IS_LONG else [10_000]
WEEKS_QUIET = 87  # twenty months
RESTLESSNESS = 0.05
TYPES = "varchar(16), date, varchar(32), integer, bigint, bigint, double, double"


@dataclass
class Watch:
    """The compiled models over counts that a test hands in."""

    compiled: dict[str, str]
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def __post_init__(self) -> None:
        run = self.connection.execute
        run("set threads = 2")
        run("attach ':memory:' as warehouse")
        for schema in ("core", "monitor"):
            run(f"create schema warehouse.{schema}")
        columns = ", ".join(f"{n} {t}" for n, t in zip(COLUMNS, TYPES.split(", "), strict=True))
        for name in ("drift_counts", "drift_model_counts"):
            run(f"create table warehouse.core.{name} ({columns})")
        run(
            "create table warehouse.core.drift_fits "
            "(series varchar, model_kind varchar, model_version varchar, fitted_date date)"
        )

    def drift(self, draws: list[pd.DataFrame], model_counts: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return monitor.drift of each draw, with the columns draw, grain and week."""
        frames = [
            draw.assign(period_grain=draw.period_grain + f"#{number}") for number, draw in enumerate(draws)
        ]
        tables = {"drift_counts": pd.concat(frames)}
        if model_counts is not None:
            tables["drift_model_counts"] = model_counts.assign(period_grain="month#0")
        for name, frame in tables.items():
            self.connection.register("given", frame)
            self.connection.execute(f"delete from warehouse.core.{name}")
            self.connection.execute(
                f"insert into warehouse.core.{name} select {', '.join(COLUMNS)} from given"
            )
        for name in MODELS:
            sql = self.compiled[name].replace(
                "on now.period_grain = years.period_grain",
                "on split_part(now.period_grain, '#', 1) = years.period_grain",
            )
            schema = "monitor" if name == "drift" else "core"
            self.connection.execute(f"create or replace table warehouse.{schema}.{name} as {sql}")
        found = self.connection.execute("select * from warehouse.monitor.drift").df()
        parts = found.period_grain.str.split("#", expand=True)
        days = pd.to_datetime(found.period_date) - pd.Timestamp(START)
        return found.assign(grain=parts[0], draw=parts[1].astype(int), week=days.dt.days // 7)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[str, str]:
    """The SQL of the models, of no warehouse at all."""
    house = House(tmp_path_factory.mktemp("drift"), papers=False)
    ran = house.run("--select", *MODELS, "feed_days", command=("compile",))
    assert ran.succeeded, ran.said
    return ran.compiled


@pytest.fixture
def watch(compiled) -> Watch:
    return Watch(compiled)


# --- what is injected


def after(start: int, then: object, before: object = 0.0) -> Callable[[float], object]:
    """Return a function of the time: `before`, and from the week `start` on `then`."""
    return lambda time: np.asarray(then) if time >= start else np.zeros_like(then) + np.asarray(before)


def reversed_orders(name: str, start: int) -> Callable[[float], np.ndarray]:
    usual = np.array(ORDERS[name])
    return lambda time: usual[::-1] if time >= start else usual


def categories(start: int) -> dict:
    return {"rare": {"moved_products": after(start, 0.2, 0.003)}}


def dearer(start: int) -> dict:
    return {"price": lambda time: np.log(1.3) if time == start else 0.0}


def bots(start: int) -> dict:
    """One customer in eight more, who reads much at night and buys nothing, like no bot that a rule finds."""
    return {
        "tilts": {
            "visit_size": after(start, [0, 0, 0, 0, 0, 2.2]),
            "visits": after(start, [0, 0, 0, 0, 2.2]),
            "daypart": after(start, [1.0, 0, 0, 0]),
        },
        "volume": after(start, 1.15, 1.0),
    }


def other_customers(start: int) -> dict:
    return {"tilts": {"returning": after(start, [-0.5, 0.5])}}


def flipped(start: int) -> dict:
    return {"orders": {name: reversed_orders(name, start) for name in ("visits", "visit_size")}}


def slowly(start: int) -> dict:
    whole = 1.2 * np.array([-1, -0.5, 0, 0.5, 1.0])
    return {"tilts": {"price_level": lambda time: whole * np.clip((time - start) / 16, 0, 1)}}


INJECTED = {  # what, the series that has to say so, the word, what shifted, and within how many weeks
    "category switch": (categories, "moved_products", "sudden", None, 0),
    "prices times 1.3": (dearer, "prices", "sudden", None, 0),
    "bots": (bots, "visit_size", "sudden", "covariate", 0),
    "other customers": (other_customers, "returning", "sudden", "covariate", 0),
    "relation flipped": (flipped, "visits_orders", "sudden", "relation", 0),
    "slowly dearer tastes": (slowly, "price_level", "progressive", "covariate", 20),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", INJECTED)
def test_what_changed_is_named_by_its_kind(watch, kind, size):
    change, series, word, shift, delay = INJECTED[kind]
    starts = np.random.default_rng(7).integers(30, 36, N_DRAWS)
    shops = [
        Shop(size, seed=1000 + number, restlessness=RESTLESSNESS, **change(start))
        for number, start in enumerate(starts)
    ]
    found = watch.drift([shop.counts(60, ("week",)) for shop in shops])
    found = found[(found.series == series) & (found.severity != "none")]
    named = []
    for number, start in enumerate(starts):
        of_draw = found[found.draw == number].sort_values("week")
        in_time = of_draw[of_draw.week.between(start, start + delay)]
        # who has cried wolf before is not believed: such a draw is none of those that were named
        named.append(
            len(in_time) > 0
            and not (of_draw.week < start).any()
            and in_time.verdict.iloc[0] == word
            and (shift is None or in_time["shift_kind"].iloc[0] == shift)
        )
    assert sum(named) >= 0.9 * N_DRAWS, (kind, named, found)


def test_more_orders_of_the_same_customers_are_a_shift_of_the_prior(watch):
    start = 32
    shops = [
        Shop(300_000, seed, RESTLESSNESS, prior=lambda time: np.log(2.4) if time >= start else 0.0)
        for seed in range(N_DRAWS)
    ]
    found = watch.drift([shop.counts(45, ("week",)) for shop in shops])
    of_orders = found[(found.series == "orders") & (found.week == start) & (found.severity != "none")]
    assert (of_orders["shift_kind"] == "prior").sum() >= 0.9 * N_DRAWS, of_orders


def test_twice_as_many_orders_of_a_small_shop_are_named_within_a_month(watch):
    """Ten thousand customers have a hundred orders a week: a single week may hide it, and four may not."""
    shops = [
        Shop(10_000, seed, RESTLESSNESS, prior=lambda time: np.log(2.0) if time >= 32 else 0.0)
        for seed in range(2 * N_DRAWS)
    ]
    found = watch.drift([shop.counts(40, ("week",)) for shop in shops])
    of_orders = found[(found.series == "orders") & (found.severity != "none")].sort_values("week")
    assert (of_orders.week >= 32).all()
    first = of_orders[of_orders.week <= 36].groupby("draw").first()
    assert (first["shift_kind"] == "prior").sum() >= 0.85 * len(shops), first
    assert len(first) >= 0.9 * len(shops), first


def test_a_lost_day_is_a_data_error_and_no_drift(watch, compiled):
    """The day is missed by the feed's own SQL; the week is compared with nothing."""
    draws, weeks = [], []
    for seed in range(N_DRAWS):
        rng = np.random.default_rng(seed)
        counts = Shop(10_000, seed, RESTLESSNESS).counts(45, ("week",))
        days = daily(counts, rng)
        week = int(rng.integers(30, 40))
        lost = START + timedelta(weeks=week, days=int(rng.integers(0, 6)))
        if seed % 2:
            days = days[days.event_date != lost]
        else:
            days.loc[days.event_date == lost, "n_events"] //= 10
        watch.connection.register("given_days", days)
        watch.connection.execute(
            "create or replace table warehouse.core.daily_events as select * from given_days"
        )
        bad = watch.connection.execute(
            "select cast(date_trunc('week', event_date) as date) as week_date, count(*) as n from "
            f"({compiled['feed_days']}) where is_volume_low or is_day_cut or follows_missing_days "
            "group by all"
        ).fetchall()
        faulty = {day: n for day, n in bad}
        is_feed = counts.series == "feed"
        counts.loc[is_feed, "n_chosen"] = [faulty.get(day, 0) for day in counts.loc[is_feed, "period_date"]]
        # a seventh of the week's customers is not there
        counts.loc[(counts.period_date == START + timedelta(weeks=week)) & ~is_feed, "n"] //= 3
        draws.append(counts)
        weeks.append(week)
    found = watch.drift(draws)
    found = found[found.severity != "none"]
    others = []
    for number, week in enumerate(weeks):
        of_draw = found[found.draw == number]
        first = of_draw[of_draw.verdict == "data_error"].week.tolist()
        # the day after a hole tells of it: a lost Sunday is told on Monday
        assert first and first[0] in (week, week + 1), (number, week, of_draw)
        others += [
            (number, week, *row)
            for row in of_draw[of_draw.verdict != "data_error"][["series", "week"]].values
        ]
    # forty-five quiet weeks may have an alarm of their own: one shop in twenty at most, and never by the hole
    assert len({number for number, *_ in others}) <= N_DRAWS // 20, others
    assert not [one for one in others if one[1] <= one[3] <= one[1] + 2], others


def test_a_season_is_recurring_once_it_has_come_twice(watch):
    """Decembers of 27 months: the second is as great as the first, and no alarm; the third is a season."""

    def december(time: float) -> np.ndarray:
        is_december = (START + timedelta(weeks=time)).month == 12
        return np.r_[np.zeros(8), 1.6, 1.0, 0.0, 0.0] if is_december else np.zeros(12)

    shops = [Shop(10_000, seed, RESTLESSNESS, tilts={"families": december}) for seed in range(N_DRAWS)]
    found = watch.drift([shop.counts(119, ("month",)) for shop in shops])
    found = found[found.series == "families"].assign(
        month=lambda frame: pd.to_datetime(frame.period_date).dt.strftime("%Y-%m")
    )
    words = {month: of_month.verdict.tolist() for month, of_month in found.groupby("month")}
    assert max(words) == "2019-12"
    assert words["2017-12"] == ["too_early"] * N_DRAWS
    assert "recurring" not in words["2018-12"]
    assert words["2019-12"].count("recurring") >= 0.9 * N_DRAWS


@pytest.mark.parametrize("size", [10_000, 100_000, 1_000_000])
def test_a_quiet_shop_raises_at_most_one_alarm_in_twenty_months(watch, size):
    """All series together, weeks and months, and no more in a large shop than in a small one."""
    n_shops = 100 if IS_LONG else 5
    shops = [Shop(size, seed, RESTLESSNESS) for seed in range(n_shops)]
    found = watch.drift([shop.counts(WEEKS_QUIET) for shop in shops])
    assert found.series.nunique() >= 20 and (found.verdict == "none").mean() > 0.6
    alarms = found[found.severity != "none"].groupby("draw").size()
    assert alarms.sum() <= 0.1 * n_shops + 1, found[found.severity != "none"]
    assert (alarms <= 1).sum() + n_shops - len(alarms) >= 0.95 * n_shops - 1


def test_of_too_few_customers_nothing_is_said(watch):
    found = watch.drift([Shop(300, 1, RESTLESSNESS).counts(40, ("week",))])
    late = found[(found.week > 20) & (found.series.isin(["families", "visit_size", "visits"]))]
    assert set(late.verdict) == {"not_enough"}


def test_a_shop_is_watched_from_its_thirteenth_week(watch):
    found = watch.drift([other_shop.counts(20, ("week",)) for other_shop in [Shop(10_000, 1, **dearer(8))]])
    of_prices = found[found.series == "prices"].set_index("week").verdict
    assert of_prices[8] == "too_early" and of_prices[13] == "none"


def test_what_a_model_says_is_held_against_its_fit(watch):
    """Personas whose share moved, an AUC that fell, and a stay rate that rose, which is no drift."""
    months = pd.date_range("2019-01-01", periods=8, freq="MS")
    fitted = months[4] + timedelta(days=27)
    rows = []
    for number, month in enumerate(months):
        shares = [5000, 3000, 2000] if number < 6 else [3600, 3000, 3400]
        rows += [("month", month, "personas", bin_ + 1, n, 0, 0.0, 0.0) for bin_, n in enumerate(shares)]
        rows.append(("month", month, "persona_auc", 0, 10_000, 0, 0.8 if number < 7 else 0.75, 4e-6))
        rows.append(("month", month, "persona_stays", 0, 8000, 6400 if number < 6 else 7600, 0.0, 0.0))
    watch.connection.execute(
        "insert into warehouse.core.drift_fits select s, 'personas', 'x', ? from "
        "unnest(['personas', 'persona_auc', 'persona_stays']) t(s)",
        [fitted],
    )
    quiet = Shop(10_000, 1).counts(2, ("week",)).assign(period_date=months[0])
    found = watch.drift([quiet], pd.DataFrame(rows, columns=COLUMNS))
    told = {
        series: dict(zip(rows.period_date.dt.month, rows.severity, strict=True))
        for series, rows in found[found.grain == "month"]
        .assign(period_date=lambda frame: pd.to_datetime(frame.period_date))
        .groupby("series")
    }
    assert told["personas"] == {6: "none", 7: "warn", 8: "warn"}
    assert told["persona_auc"] == {6: "none", 7: "none", 8: "error"}
    assert told["persona_stays"] == {6: "none", 7: "none", 8: "none"}
