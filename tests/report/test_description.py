"""The description of the data, worked out again from the files by pandas; and the traps in them."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
import shop_simulator
from support import WITHOUT_TESTS, Event, House, assert_same, csv_text

PAPERS = False
SELECTED = ("--select", "+data_traps", "+data_profile_traps", *WITHOUT_TESTS)
PUBLISHED = ("--select", "known_traps", "data_profile_traps", "data_months", "data_traps", *WITHOUT_TESTS)
KNOWN = {
    ("short_day", dt.date(2020, 2, 27)),
    ("unpaid_day", dt.date(2019, 11, 15)),
    ("spike_day", dt.date(2019, 11, 17)),
    ("family_moved", dt.date(2019, 12, 1)),
    ("bot_session", dt.date(2019, 10, 1)),
}
# What a wholesaler buys on the day after the one without a purchase: more than the shop sells in a week.
SPIKE = [
    Event(
        f"2019-11-17 12:{minute:02d}:00 UTC",
        "purchase",
        "990000001",
        "77",
        "garden.hose",
        "rarebrand",
        "2000.00",
        "599999999",
        "26dd6e6e-4dac-4778-8d2c-92e149dab885",
    )
    for minute in range(40)
]


@pytest.fixture(scope="module")
def shop(new_house) -> House:
    """Five months with every trap; November comes last, and once more without an extra file of a day."""
    house = new_house()
    made = shop_simulator.generate(
        house.folder / "shop",
        users=900,
        months=5,
        seed=3,
        category_switch=dt.date(2019, 12, 2),
        lost_day=dt.date(2020, 2, 27),
        unpaid_day=dt.date(2019, 11, 15),
        capped_price=2574.07,
        currency_scale=5.0,
        bot_session=34_570,
    )
    november = next(path for path in made.files if "Nov" in path.name)
    for path in made.files:
        if path != november:
            house.deliver(path.name, path.read_bytes())
    late = Event("2019-12-20 10:00:00 UTC", product_id="990000002", brand="gone", user_id="599999998")
    house.deliver("extra.csv", csv_text([late, *SPIKE]))
    house.build(*SELECTED)
    house.deliver(november.name, november.read_bytes())
    house.deliver("extra.csv", csv_text(SPIKE))
    house.build(*SELECTED)
    return house


@pytest.fixture(scope="module")
def events(shop) -> pd.DataFrame:
    """The files as pandas reads them, with what pandas works out of them."""
    frames = [pd.read_csv(path).assign(file=path.name) for path in sorted(shop.lake.iterdir())]
    read = pd.concat(frames, ignore_index=True)
    read["at"] = pd.to_datetime(read.event_time, format="%Y-%m-%d %H:%M:%S UTC")
    read["day"] = read["at"].dt.date
    read["month"] = read["at"].dt.to_period("M").dt.to_timestamp().dt.date
    return read


def table(house: House, name: str, key: str, schema: str = "monitor") -> pd.DataFrame:
    with house.connection() as connection:
        found = connection.table(f"{schema}.{name}").df()
    found[key] = found[key].dt.date if key.endswith("_date") else found[key]
    return found.set_index(key).sort_index()


def test_files_and_months_are_what_pandas_counts(shop, events):
    months = table(shop, "data_profile_months", "month_date")
    for kind in ("view", "cart", "remove_from_cart", "purchase"):
        counted = events[events.event_type == kind].groupby("month").size()
        assert months[f"n_{kind}"].to_dict() == counted.to_dict()
    for column in ("category_code", "brand"):
        missing = events[column].isna().groupby(events.month).mean()
        np.testing.assert_allclose(months[f"without_{column}_share"], missing)
    assert months.n_products.to_dict() == events.groupby("month").product_id.nunique().to_dict()
    with shop.connection() as connection:
        files = connection.table("monitor.data_profile").df()
    counted = events.groupby(["file", "month"]).size()
    found = {(row.file_name, row.month_date.date()): row.n_events for row in files.itertuples()}
    assert found == counted.to_dict()
    paid = events[events.event_type == "purchase"].groupby(["file", "month"]).price.sum()
    for row in files.itertuples():
        assert float(row.revenue) == pytest.approx(paid.get((row.file_name, row.month_date.date()), 0))


def test_new_and_known_customers_are_what_pandas_counts(shop, events):
    months = table(shop, "data_profile_months", "month_date")
    people = events[events.event_type != "bot"].groupby(["user_id", "month"]).size().reset_index()
    bots = events.groupby("user_id").size()
    people = people[~people.user_id.isin(bots.index[bots >= 34_570])]
    first = people.groupby("user_id").month.transform("min")
    assert months.n_new_users.to_dict() == people[people.month == first].groupby("month").size().to_dict()
    known = people[people.month > first].groupby("month").size()
    assert months.n_known_users[months.n_known_users > 0].to_dict() == known.to_dict()


def test_values_come_and_go_with_the_files(shop, events):
    with shop.connection() as connection:
        values = connection.table("monitor.data_profile_values").df()
    brands = values[values.attribute == "brand"].set_index("value_text")
    assert brands.loc["rarebrand", ["is_new", "has_vanished"]].tolist() == [True, True]
    assert "gone" not in brands.index, "its file was replaced"
    main = events.groupby(["month", "product_id", "brand"]).size().reset_index(name="n")
    main = main.sort_values(["month", "product_id", "n", "brand"], ascending=[True, True, False, True])
    spans = main.drop_duplicates(["month", "product_id"]).groupby("brand").month.agg(["min", "max"])
    shared = brands.index.intersection(spans.index)
    assert len(shared) > 50
    assert (brands.loc[shared].first_month_date.dt.date == spans.loc[shared, "min"]).all()
    assert (brands.loc[shared].last_month_date.dt.date == spans.loc[shared, "max"]).all()


def test_the_known_traps_are_named_and_nothing_else_is_called_known(shop):
    with shop.connection() as connection:
        traps = connection.table("monitor.data_profile_traps").df()
    known = traps[traps.is_known]
    capped = known[known.trap == "price_cap"]
    assert len(capped) and set(capped.figure) == {2574.07}
    assert {(row.trap, row.on_date.date()) for row in known[known.trap != "price_cap"].itertuples()} == KNOWN
    moved = known[known.trap == "family_moved"].iloc[0]
    assert moved.detail == "electronics > construction" and moved.figure > 0.25
    assert known[known.trap == "bot_session"].figure.tolist() == [34570]
    assert set(traps[~traps.is_known].trap) <= {"codes_missing", "no_quantity", "price_cap", "unpaid_day"}


def test_what_may_be_published_of_traps_holds_no_session(shop):
    # one customer's session, and the wholesaler's day: few others bought on it
    assert shop.rows("select * from marts.data_traps where trap in ('bot_session', 'spike_day')") == []
    assert shop.rows("select trap from marts.data_traps where trap = 'codes_missing'")
    columns = {name for name, *_ in shop.rows("describe marts.data_months")}
    assert "longest_bot_session" not in columns and "n_new_users" in columns


def test_a_known_trap_is_known_in_what_is_published_too(shop, tmp_path):
    """Thirty customers have sessions of bots in the month of the known one; no session's length is told."""
    house = shop.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute(
            "update core.user_sessions set is_bot = true where started_at < '2019-11-01' and user_sk in "
            "(select distinct user_sk from core.user_sessions where started_at < '2019-11-01' limit 30)"
        )
    house.build(*PUBLISHED)
    note = "The public REES46 files have one session of 34,570 events"
    assert house.rows(
        "select on_date, figure, is_known, note_en from marts.data_traps where trap = 'bot_session'"
    ) == [(dt.date(2019, 10, 1), None, True, note)]


@pytest.mark.parametrize(("n_removers", "is_said"), [(19, True), (20, False)])
def test_removes_are_recorded_where_enough_customers_have_some(shop, tmp_path, n_removers, is_said):
    """One thing each, over all months: no month has enough of them to publish a count."""
    house = shop.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute("update core.described_customers set n_remove_from_cart = 0")
        connection.execute(
            "update core.described_customers set n_remove_from_cart = 1 from ("
            "select user_sk, min(month_date) as month_date from core.described_customers group by user_sk "
            f"order by user_sk limit {n_removers}) as one where one.user_sk = described_customers.user_sk "
            "and one.month_date = described_customers.month_date"
        )
    house.build(*PUBLISHED)
    assert not house.value("select coalesce(sum(n_remove_from_cart), 0) from marts.data_months")
    said = house.rows("select trap from marts.data_traps where trap = 'no_removes'")
    assert bool(said) == is_said


def test_a_month_says_no_price_brand_or_session_that_few_customers_met(shop, events):
    found = table(shop, "data_months", "month_date", "marts")
    events = events.assign(priced=events.price.where(events.price > 0))
    met = events.groupby(["month", "product_id", "priced"]).user_id.nunique()
    highest = met[met >= 20].reset_index().groupby("month").priced.max()
    told = found.highest_price.dropna().astype(float)
    assert told.to_dict() == pytest.approx(highest.to_dict())
    assert found.n_bot_sessions.isna().all()


def test_what_is_kept_by_day_and_month_is_what_a_fresh_build_gives(shop, tmp_path):
    kept = shop.contents("core", "monitor")
    fresh = House(tmp_path, papers=False)
    fresh.lake = shop.lake
    fresh.build(*SELECTED)
    expected = fresh.contents("core", "monitor")
    names = [name for name in kept if ".data_profile" in name or ".described_" in name]
    assert len(names) >= 7
    assert_same({name: kept[name] for name in names}, {name: expected[name] for name in names})
    # a row a file, so that comparisons of houses whose files differ leave it out
    days = "select * exclude (file_id) from core.described_days order by all"
    assert len(shop.rows(days)) > 50 and shop.rows(days) == fresh.rows(days)


def gini(amounts: np.ndarray) -> float:
    """By the mean difference of all pairs, which is its definition."""
    return float(np.abs(amounts[:, None] - amounts[None, :]).mean() / (2 * amounts.mean()))


def test_figures_are_what_numpy_says(built_shop):
    with built_shop.connection() as connection:
        figures = connection.table("monitor.data_profile_figures").df()
        people = connection.table("core.user_feature_values").df()
        sessions = connection.sql("from core.user_sessions where not is_bot").df()
    figure = figures.set_index(["topic", "item", "item_position"]).figure
    sessions = sessions[sessions.user_sk.isin(people.user_sk)]
    hours = sessions.started_at.dt.hour.value_counts(normalize=True)
    by_day = sessions.groupby(sessions.started_at.dt.normalize()).size()
    days = by_day.groupby(by_day.index.weekday).mean()
    assert by_day.groupby(by_day.index.weekday).size().nunique() > 1, "a weekday comes once more than another"
    per_day = [Decimal(value).quantize(Decimal("1e-10"), ROUND_HALF_UP) for value in days.sort_index()]
    exact = {number: float(value) / float(sum(per_day)) for number, value in enumerate(per_day, start=1)}
    assert figure["weekday", "sessions"].to_dict() == exact, (
        "to the last bit, in whatever order they are summed"
    )
    days /= days.sum()
    assert figure["hour", "sessions"].to_dict() == pytest.approx(hours.to_dict())
    assert figure["weekday", "sessions"].to_dict() == pytest.approx({n + 1: v for n, v in days.items()})
    orders = np.sort(sessions.revenue[sessions.n_purchases > 0].astype(float))
    for percent, value in figure["order_value", "percentile"].items():
        assert value == pytest.approx(np.quantile(orders, percent / 100, method="inverted_cdf")), percent
    assert figure["order_value", "mean", 0] == pytest.approx(orders.mean())
    for name, amounts in (("event", people.n_events), ("revenue", people.revenue[people.revenue > 0])):
        amounts = np.sort(amounts.astype(float).to_numpy())
        assert figure["concentration", f"{name}_gini", 1] == pytest.approx(gini(amounts), abs=1e-9)
        top = amounts[len(amounts) - int(len(amounts) / 10) :].sum() / amounts.sum()
        assert figure["concentration", f"{name}_top_10", 3] == pytest.approx(top, rel=0.02)


def test_features_go_together_as_numpy_says(built_shop):
    with built_shop.connection() as connection:
        pairs = connection.table("monitor.data_profile_correlations").df()
        components = connection.table("monitor.data_profile_components").df()
        sample = connection.table("core.segment_sample").df()
        features = [name for (name,) in connection.sql("select feature from core.feature_catalog").fetchall()]
    sample = sample[features].loc[:, lambda frame: frame.std() > 0]
    matrix = sample.corr()
    assert len(pairs) == sample.shape[1] * (sample.shape[1] - 1) // 2 > 300
    expected = [matrix.loc[row.feature, row.other_feature] for row in pairs.itertuples()]
    np.testing.assert_allclose(pairs.correlation, expected, atol=1e-5)
    shares = components.groupby("component").explained_share.first()
    variances = np.linalg.eigvalsh(matrix.to_numpy())[::-1]
    np.testing.assert_allclose(shares, variances / len(matrix), atol=1e-5)
    first = components[components.component == 1].set_index("feature").loading
    assert (first**2).sum() == pytest.approx(variances[0], rel=1e-3)


def test_published_figures_speak_of_enough_customers(built_shop):
    found = built_shop.rows("select topic, min(n_users), count(*) from marts.data_figures group by topic")
    assert {topic for topic, *_ in found} >= {
        "hour",
        "weekday",
        "order_value",
        "concentration",
        "correlation",
    }
    assert all(smallest >= 20 for _, smallest, _ in found)
