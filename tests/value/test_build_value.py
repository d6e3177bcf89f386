"""From files to the value of every customer: whole builds of the room, on shops of several kinds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import shop_simulator
from support import FIRST_USER, MATERIAL, WITHOUT_TESTS, House, assert_same, little_shop

from clientele.privacy import keys
from clientele.value.model import ValueModel
from clientele.value.rows import model_of

PAPERS = False
VALUE = ("--select", "+customer_values", "+value_calibration", *WITHOUT_TESTS)
OFFSET_HOURS = 5
LAST = "2020-Feb.csv"


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> House:
    """Four months of a synthetic shop far east of Greenwich; the fifth waits in `later`."""
    folder = tmp_path_factory.mktemp("value")
    house = House(folder, {"utc_offset_hours": OFFSET_HOURS}, papers=False)
    shop_simulator.generate(folder / "shop", users=1500, months=5, seed=5)
    (folder / "later").mkdir()
    for path in (folder / "shop" / "events").iterdir():
        path.rename((folder / "later" if path.name == LAST else house.lake) / path.name)
    house.build(*VALUE)
    return house


def frame(house: House, query: str) -> pd.DataFrame:
    with house.connection() as connection:
        return connection.sql(query).df()


def statistics(house: House) -> pd.DataFrame:
    """Return what the models look at, as of the build, worked out by pandas from single sessions."""
    sessions = frame(house, "select * from core.user_sessions where not is_bot")
    sessions["day"] = (sessions["started_at"] + pd.Timedelta(hours=OFFSET_HOURS)).dt.normalize()
    sessions["is_order"] = sessions["n_purchases"] > 0
    days = sessions.groupby(["user_sk", "day"]).agg(n=("is_order", "sum"), paid=("revenue", "sum"))
    days = days.reset_index()
    as_of = frame(house, "select as_of_at from core.as_of")["as_of_at"].iloc[0]
    as_of = (as_of + pd.Timedelta(hours=OFFSET_HOURS)).normalize()
    found = days.groupby("user_sk").agg(
        n_visits=("day", "size"),
        n_ordering_visits=("n", lambda counts: (counts > 0).sum()),
        n_orders=("n", "sum"),
        revenue=("paid", "sum"),
        first=("day", "min"),
        last=("day", "max"),
    )
    found["recency_days"] = (found["last"] - found["first"]).dt.days
    found["age_days"] = (as_of - found["first"]).dt.days
    return found.reset_index().sort_values("user_sk", ignore_index=True)


def fitted(house: House) -> ValueModel:
    """Return the model whose constants score, from its rows alone."""
    return model_of(frame(house, "from core.value_fits where is_current").iloc[0])


def test_statistics_are_those_of_the_sessions_in_local_days(shop):
    built = frame(shop, "from core.customer_visits order by user_sk")
    by_hand = statistics(shop)
    for name in ("user_sk", "n_visits", "n_ordering_visits", "n_orders", "revenue"):
        assert built[name].to_numpy(float) == pytest.approx(by_hand[name].to_numpy(float), rel=1e-12), name
    assert (pd.to_datetime(built["first_visit_date"]) == by_hand["first"]).all()
    assert (pd.to_datetime(built["last_visit_date"]) == by_hand["last"]).all()


def test_sql_gives_every_customer_the_scores_of_python(shop):
    built = frame(shop, "from core.customer_values order by user_sk")
    by_hand = statistics(shop)
    assert (built["user_sk"] == by_hand["user_sk"]).all() and len(built) > 2000
    scores = fitted(shop).predict(by_hand)
    for name in scores.columns.drop("value_tier"):
        assert built[name].to_numpy() == pytest.approx(scores[name].to_numpy(), rel=1e-9, abs=1e-15), name
    assert (built["value_tier"] == scores["value_tier"]).all()
    n_slow = shop.value("select count(*) from core.visit_patterns")
    assert n_slow > 0, "the rows for new customers would not be compared"


def test_a_customer_of_one_event_has_a_value(shop):
    once = shop.value(
        "select count(*) from core.customer_values inner join core.customer_visits using (user_sk) "
        "where n_visits = 1 and p_alive = 1 and expected_orders_30d > 0 and value_tier between 1 and 5"
    )
    assert once > 50 and once == shop.value("select count(*) from core.customer_visits where n_visits = 1")


def test_higher_tiers_order_more(shop):
    tiers = shop.rows(
        "select value_tier, avg(expected_orders_30d), count(*) from core.customer_values "
        "group by value_tier order by value_tier"
    )
    assert [tier for tier, _, _ in tiers] == [1, 2, 3, 4, 5]
    assert (np.diff([orders for _, orders, _ in tiers]) > 0).all()
    assert min(n for _, _, n in tiers) >= 0.005 * sum(n for _, _, n in tiers)


def test_looking_back_says_what_came_of_each_origin(shop):
    measures = Counter(shop.rows("select origin_date, measure from monitor.value_calibration"))
    origins = sorted({day for day, _ in measures})
    assert [(origins[-1] - day).days for day in origins] == [60, 30, 0]
    for day in origins:
        assert [measures[day, name] for name in ("auc", "orders", "decile")] == [1, 1, 10]
    # what came, counted from the sessions
    as_of = shop.value("select as_of_date from core.value_request")
    orders = shop.value(
        f"select count(*) from core.user_sessions where not is_bot and n_purchases > 0 "
        f"and cast(started_at + interval {OFFSET_HOURS} hour as date) > date '{as_of}' - 30 "
        "and user_sk in (select user_sk from core.value_sample where days_back = 30)"
    )
    counted = (
        "select actual from monitor.value_calibration where measure = 'orders' order by origin_date desc"
    )
    assert shop.rows(counted)[0] == (orders,)
    aucs = shop.rows("select actual, ci_lo, ci_hi from monitor.value_calibration where measure = 'auc'")
    assert all(low < auc < high and auc > 0.55 for auc, low, high in aucs)


@pytest.fixture(scope="module")
def lived(shop, tmp_path_factory) -> dict[str, object]:
    """Give the shop's copy a build of nothing new, an objection and a late month; keep what came of each."""
    house = shop.copy(tmp_path_factory.mktemp("lived"))
    found: dict[str, object] = {"house": house, "before": house.contents("core")}
    house.build(*VALUE)
    found["again"] = house.contents("core")
    pinned = {"as_of": "2020-02-10 00:00:00"}
    values = "from core.customer_values order by user_sk"
    house.build(*VALUE, variables=pinned)
    found["alone"] = frame(house, values)
    objector = house.value("select max(user_id) from vault.vault.user_keys")
    found["objector"] = keys.user_sk(keys.user_key(str(objector), MATERIAL))
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=str(objector)).succeeded
    later = shop.lake.parent / "later" / LAST
    house.deliver(LAST, later.read_bytes())
    try:
        house.build(*VALUE, variables=pinned)
        found["together"] = frame(house, values)
        house.build(*VALUE)
        found["n_fits"] = house.value("select count(*) from core.value_fits")
        house.build(*VALUE, variables={"refit": True})
    finally:
        (house.lake / LAST).unlink()
    return found


def test_nothing_new_changes_nothing_and_fits_nothing(lived):
    kept = {name: rows for name, rows in lived["before"].items() if "value_" not in name}
    assert_same({name: lived["again"][name] for name in kept}, kept)
    (models,) = (name for name in lived["before"] if name.endswith("value_fit_fields"))
    assert lived["again"][models].rows == lived["before"][models].rows
    (values,) = (name for name in lived["before"] if name.endswith("customer_values"))
    assert lived["again"][values].rows == lived["before"][values].rows


def test_who_did_nothing_is_not_moved_by_others(lived):
    touched = frame(
        lived["house"],
        "select user_sk from core.users where last_load_id = (select max(last_load_id) from core.users)",
    )
    alone, together = (
        rows[~rows["user_sk"].isin(touched["user_sk"]) & (rows["user_sk"] != lived["objector"])]
        for rows in (lived["alone"], lived["together"])
    )
    assert 500 < len(alone) < len(lived["alone"])
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), together.reset_index(drop=True))


def test_a_late_month_leaves_the_statistics_of_all_sessions(lived):
    house = lived["house"]
    built = frame(house, "from core.customer_visits order by user_sk")
    by_hand = statistics(house)
    for name in ("user_sk", "n_visits", "n_ordering_visits", "n_orders", "revenue"):
        assert built[name].to_numpy(float) == pytest.approx(by_hand[name].to_numpy(float), rel=1e-12), name


def test_a_model_stays_until_somebody_asks_for_another(lived):
    house = lived["house"]
    assert lived["n_fits"] == 1
    fits = house.rows("select fit_number, is_current from core.value_fits order by 1")
    assert fits == [(1, False), (2, True)]
    versions = {
        version for (version,) in house.rows("select distinct model_version from core.customer_values")
    }
    assert versions == {house.value("select model_version from core.value_fits where is_current")}


def test_who_objects_is_neither_fitted_nor_valued(lived):
    house, objector = lived["house"], lived["objector"]
    assert house.value(f"select count(*) from core.customer_visits where user_sk = {objector}") == 1
    for table in ("customer_values", "value_sample"):
        assert house.value(f"select count(*) from core.{table} where user_sk = {objector}") == 0
        assert house.value(f"select count(*) from core.{table}") > 0


def test_a_shop_too_small_is_told_so_and_its_customers_have_no_value(house):
    house.deliver("1.csv", little_shop())
    house.build(*VALUE)
    ((status, reason),) = house.rows("select status, reason from core.value_fits")
    assert status == "no_model" and reason.startswith("Customers: 60 of the 200 that")
    n_values = house.rows("select count(*), count(value_score), count(value_tier) from core.customer_values")
    assert n_values == [(60, 0, 0)]
    told = house.rows("select measure, origin_date, reason from monitor.value_calibration")
    assert told == [("refused", None, reason)]
    house.build(*VALUE)
    assert house.value("select count(distinct fit_number) from core.value_fit_fields") == 1
    assert house.value(f"select count(*) from vault.vault.user_keys where user_id = {FIRST_USER}") == 1


def test_a_shop_of_orders_alone_is_valued_by_its_orders(shop, house):
    for path in shop.lake.glob("*.csv"):
        header, *lines = path.read_bytes().splitlines(keepends=True)
        house.deliver(path.name, header + b"".join(line for line in lines if b",purchase," in line))
    house.build(*VALUE)
    assert house.rows("select status, basis, order_alpha, order_beta from core.value_fits") == [
        ("ok", "orders", 1, 0)
    ]
    off = house.value(
        "select max(abs(expected_orders_30d / (expected_visits_30d * orders_per_visit * order_level) - 1)) "
        "from core.customer_values cross join core.value_fits"
    )
    assert off < 1e-9


def test_a_setting_that_the_model_was_fitted_under_makes_a_fit_due_and_another_one_does_not(tmp_path):
    """As in a new home with these settings; the sentence says why. The moment of the build is no rule."""
    shop_simulator.generate(tmp_path / "shop", users=600, months=2, seed=3)
    homes = {name: House(tmp_path / name, papers=False) for name in ("kept", "fresh")}
    for house in homes.values():
        for path in (tmp_path / "shop" / "events").iterdir():
            house.deliver(path.name, path.read_bytes())
    kept, fresh = homes.values()
    kept.build(*VALUE)
    newest = "select max(fit_number) from core.value_fits"
    for settings in ({}, {"premium_z": 0.5, "window_days": 60}, {"as_of": "2019-11-29 12:00:00"}):
        said = kept.build(*VALUE, variables=settings).said
        assert "a fit is due" not in said and kept.value(newest) == 1
    changed = {"session_gap_minutes": 3}
    said = kept.build(*VALUE, variables=changed).said
    assert "value_fit_fields: a fit is due, as session_gap_minutes was 30 and is 3" in said
    assert kept.value(newest) == 2
    fresh.build(*VALUE, variables=changed)
    constants = "select * exclude (fit_number) from core.value_fits where is_current"
    assert kept.rows(constants) == fresh.rows(constants)
    scores = "select * exclude (user_sk) from core.customer_values order by all"
    assert kept.rows(scores) == fresh.rows(scores)
    assert "a fit is due" not in kept.build(*VALUE, variables=changed).said
