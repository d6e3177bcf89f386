"""The shops hold what they say: format, repeatability and each planted fact, without a build."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kurtosis, skew
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from shops.mechanisms import ARCHETYPES, COLUMNS, SHOPS, Drawn, clear_habits, write_months

EVENT_TYPES = {"view", "cart", "remove_from_cart", "purchase"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """So little data is clustered faster without a second thread to wait for."""
    with threadpool_limits(1):
        yield


@cache
def drawn(name: str, users: int | None = None, days: int | None = None, seed: int = 1) -> Drawn:
    return SHOPS[name].draw(seed, users, days)


def share_logit(hits: pd.Series, trials: pd.Series, prior: float, weight: float) -> pd.Series:
    hits, trials = hits.astype(float), trials.astype(float)
    return np.log((hits + prior * weight) / (trials - hits + (1 - prior) * weight))


def plain_habits(events: pd.DataFrame, days: int = 90, min_events: int = 20) -> pd.DataFrame:
    """Shrunken shares and means of each customer's last days: the least that a segmentation would look at."""
    last = events.groupby("user_id")["event_time"].transform("max")
    events = events[events["event_time"] > last - pd.Timedelta(days=days)]
    user, n = events["user_id"], events.groupby("user_id").size()
    family = events["category_code"].str.split(".").str[0]
    price = (
        np.log(events["price"])
        .groupby(family)
        .transform(lambda prices: (prices - prices.mean()) / prices.std())
    )
    found = {"price": price.groupby(user).sum() / (n + 2)}
    for name, counts in pd.crosstab(user, family).items():
        found[f"family_{name}"] = share_logit(counts, n, counts.sum() / len(events), 4)
    for kind in sorted(set(events["event_type"].unique()) - {"view"}):
        if (hits := events["event_type"] == kind).mean() < 1:
            found[kind] = share_logit(hits.groupby(user).sum(), n, hits.mean(), 20)
    sessions = events.drop_duplicates("user_session")
    n_sessions = sessions.groupby("user_id").size()
    hour, day = sessions["event_time"].dt.hour, sessions["event_time"].dt.day_of_week
    moments = {
        "night": (hour >= 23) | (hour < 6),
        "morning": hour.between(6, 11),
        "evening": hour.between(18, 22),
        "weekend": day >= 5,
    }
    for name, is_so in moments.items():
        hits = is_so.groupby(sessions["user_id"]).sum()
        found[name] = share_logit(hits, n_sessions, is_so.mean(), 3)
    found["events_per_session"] = np.log(n / n_sessions)
    branded = events.dropna(subset="brand")
    favourite = branded.groupby(["user_id", "brand"]).size().groupby("user_id").max()
    n_branded = branded.groupby("user_id").size().reindex(n.index, fill_value=0)
    found["favourite_brand"] = share_logit(favourite.reindex(n.index, fill_value=0), n_branded, 0.4, 3)
    table = pd.DataFrame(found)[n >= min_events]
    table = table.clip(table.quantile(0.01), table.quantile(0.99), axis=1)
    return pd.DataFrame(StandardScaler().fit_transform(table), index=table.index, columns=table.columns)


def clustered(table: pd.DataFrame, k: int) -> np.ndarray:
    return KMeans(k, n_init=10, random_state=0).fit_predict(table)


def agreement(shop: Drawn, table: pd.DataFrame, labels: np.ndarray, column: str = "group") -> float:
    return adjusted_rand_score(shop.truth.set_index("user_id")[column].loc[table.index], labels)


def steadiness(table: pd.DataFrame, k: int) -> float:
    """Agreement of K-means from two halves of the customers, on all customers (Lange et al. 2004)."""
    halves = np.random.default_rng(0).permutation(len(table)) % 2
    models = [KMeans(k, n_init=4, random_state=0).fit(table[halves == half]) for half in (0, 1)]
    return adjusted_rand_score(*(model.predict(table) for model in models))


# --- all shops


@pytest.mark.parametrize("name", SHOPS)
def test_a_shop_has_the_nine_columns_and_sound_values(name: str) -> None:
    shop, settings = drawn(name, 200), SHOPS[name]
    events = shop.events
    assert events.columns.tolist() == COLUMNS
    assert not events.drop(columns="brand").isna().any().any()
    assert 0.02 < events["brand"].isna().mean() < 0.5
    assert set(events["event_type"]) <= EVENT_TYPES
    assert (events["price"] > 0).all()
    assert events["event_time"].is_monotonic_increasing
    assert events["event_time"].max() - events["event_time"].min() <= pd.Timedelta(days=settings.days)
    assert not events.duplicated().any()
    assert (events.groupby("user_session")["user_id"].nunique() == 1).all()
    assert (events.groupby("product_id")["category_id"].nunique() == 1).all()


@pytest.mark.parametrize("name", SHOPS)
def test_the_truth_has_one_row_for_each_user_id_with_events(name: str) -> None:
    shop = drawn(name, 200)
    assert shop.truth["user_id"].is_unique
    assert set(shop.truth["user_id"]) == set(shop.events["user_id"])
    # everybody who was drawn has come
    assert shop.truth["person"].nunique() == 200
    if name not in ("no_groups", "long_axis"):
        assert shop.truth["group"].notna().all()


@pytest.mark.parametrize("name", SHOPS)
def test_the_same_seed_gives_the_same_shop_and_another_seed_another(name: str) -> None:
    first, again, other = (SHOPS[name].draw(seed, users=60) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first.events, again.events)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert not first.events.equals(other.events)


@pytest.mark.parametrize("name", SHOPS)
def test_a_shop_says_what_it_is_and_what_must_come_out(name: str) -> None:
    assert len(SHOPS[name].mechanism) > 20 and len(SHOPS[name].must_come_out) > 20


def test_activity_has_a_heavy_tail_and_many_look_in_once_or_twice() -> None:
    n_events = drawn("clear_habits").events.groupby("user_id").size()
    assert (n_events < 10).mean() > 0.15
    assert n_events.nlargest(len(n_events) // 100).sum() > 0.04 * n_events.sum()


@pytest.mark.parametrize(("users", "days"), [(-1, 100), (100, 9)])
def test_too_small_a_shop_is_refused(users: int, days: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        SHOPS["clear_habits"].draw(users=users, days=days)


@pytest.mark.parametrize("n_groups", [2, 7])
def test_more_groups_than_archetypes_or_fewer_than_three_are_refused(n_groups: int) -> None:
    with pytest.raises(ValueError, match="3 to 6"):
        clear_habits(n_groups)


def test_files_are_those_of_rees46(tmp_path: Path) -> None:
    events = drawn("clear_habits", 60).events
    paths = write_months(events, tmp_path)
    assert [path.name for path in paths] == [
        f"2021-{month}.csv" for month in ("Mar", "Apr", "May", "Jun", "Jul")
    ]
    with paths[0].open() as lines:
        assert next(lines) == ",".join(COLUMNS) + "\n"
        assert re.match(
            r"2021-03-\d\d \d\d:\d\d:\d\d UTC,\w+,\d+,\d+,\w+\.\w+,\w*,\d+\.\d\d,5\d{8},[0-9a-f-]{36}\n",
            next(lines),
        )
    written = []
    for path in paths:
        with path.open() as lines:
            written += list(csv.reader(lines))[1:]
    assert len(written) == len(events)
    assert sum(float(row[6]) for row in written) == pytest.approx(events["price"].sum())
    assert sum(not row[5] for row in written) == events["brand"].isna().sum()


# --- no groups


@pytest.mark.parametrize("name", ["no_groups", "long_axis"])
def test_without_groups_none_is_planted_and_no_number_of_clusters_is_steady(name: str) -> None:
    shop = drawn(name)
    assert shop.truth["group"].isna().all()
    table = plain_habits(shop.events)
    # A long axis can always be cut in two or three at the same places; that is what makes it a trap.
    ks = range(2, 6) if name == "no_groups" else range(4, 6)
    assert max(steadiness(table, k) for k in ks) < 0.8


def test_the_round_cloud_is_round_and_the_long_one_long() -> None:
    variance = {
        name: np.linalg.eigvalsh(np.cov(plain_habits(drawn(name).events).T))[::-1]
        for name in ("no_groups", "long_axis")
    }
    assert variance["no_groups"][0] < 1.4 * variance["no_groups"][1]
    assert variance["long_axis"][0] > 2 * variance["long_axis"][1]


def test_the_long_axis_has_one_mode() -> None:
    table = plain_habits(drawn("long_axis").events)
    _, _, axes = np.linalg.svd(table - table.mean(), full_matrices=False)
    along = table.to_numpy() @ axes[0]
    # Sarle's coefficient: 1/3 for a normal, 5/9 for a uniform, more with two modes (Pfister et al. 2013)
    assert (skew(along) ** 2 + 1) / kurtosis(along, fisher=False) < 5 / 9


# --- groups


@pytest.mark.parametrize(("name", "days"), [
    ("clear_habits", 90), ("clear_habits", 150), ("clear_habits", 400), ("six_habits", None), ("third", None),
    ("prices_rise", None), ("pareto_spending", None), ("orders_only", None), ("christmas", None),
])  # fmt: skip
def test_clear_habits_can_be_found(name: str, days: int | None) -> None:
    shop = drawn(name, None, days)
    table = plain_habits(shop.events)
    k = shop.truth["group"].nunique()
    assert agreement(shop, table, clustered(table, k)) >= 0.65


def test_volume_does_not_tell_groups_apart() -> None:
    shop = drawn("clear_habits")
    per_user = shop.events.groupby("user_id")
    volume = pd.DataFrame(
        {"events": np.log(per_user.size()), "sessions": np.log(per_user["user_session"].nunique())}
    )
    assert agreement(shop, volume, clustered(volume, 4)) < 0.1
    days = per_user["event_time"].agg(lambda times: times.max() - times.min())
    by_group = days.groupby(shop.truth.set_index("user_id")["group"]).mean()
    assert by_group.max() < 1.15 * by_group.min()


def test_groups_are_the_archetypes_of_which_each_has_its_share() -> None:
    share = drawn("six_habits").truth["group"].value_counts(normalize=True)
    assert set(share.index) == set(ARCHETYPES)
    assert share.min() > 0.08


def test_nested_habits_agree_at_two_levels() -> None:
    shop = drawn("nested_habits")
    pairs = shop.truth[["coarse", "group"]].drop_duplicates()
    assert pairs["group"].is_unique
    assert sorted(pairs["coarse"].value_counts()) == [2, 3]
    table = plain_habits(shop.events)
    assert agreement(shop, table, clustered(table, 2), "coarse") > 0.9
    assert agreement(shop, table, clustered(table, 5)) > 0.65


def test_one_customer_in_a_hundred_has_a_habit_as_clear_as_the_others() -> None:
    shop = drawn("one_percent")
    share = shop.truth["group"].value_counts(normalize=True)
    assert 0.005 < share["workday_supplier"] < 0.015
    assert share.drop("workday_supplier").min() > 0.3
    table = plain_habits(shop.events)
    group = shop.truth.set_index("user_id")["group"].loc[table.index]
    found = LinearDiscriminantAnalysis().fit(table, group).predict(table)
    assert (found == group)[group == "workday_supplier"].mean() > 0.6


# --- what happens to a shop


def test_christmas_doubles_the_needs_of_the_last_month_and_half_are_presents() -> None:
    events = drawn("christmas").events
    assert events["event_time"].max().strftime("%m-%d") == "12-24"
    late = events["event_time"] > events["event_time"].max() - pd.Timedelta(days=28)
    before = events["event_time"].between("2021-10-25", "2021-11-21")
    assert late.sum() > 1.5 * before.sum()
    toys = events["category_code"].str.startswith("toys")
    assert toys[late].mean() > 1.3 * toys[before].mean()


def test_bots_come_in_one_week_look_like_people_and_never_order() -> None:
    shop = drawn("human_bots")
    is_bot = shop.events["user_id"].map(shop.truth.set_index("user_id")["is_bot"])
    assert 0.15 < shop.truth["is_bot"].mean() < 0.25
    assert (shop.truth["is_bot"] == (shop.truth["group"] == "bot_wave")).all()
    bots, people = shop.events[is_bot], shop.events[~is_bot]
    first = bots.groupby("user_id")["event_time"].min()
    assert first.max() - first.min() < pd.Timedelta(days=8)
    assert first.min() > shop.events["event_time"].min() + pd.Timedelta(days=80)
    assert (bots["event_type"] == "purchase").mean() < 0.002 < (people["event_type"] == "purchase").mean()
    n_events = [part.groupby("user_session").size() for part in (bots, people)]
    assert 0.5 < n_events[0].mean() / n_events[1].mean() < 2
    assert n_events[0].max() < 200


def test_every_price_rises_by_three_tenths_in_the_middle() -> None:
    events = drawn("prices_rise").events
    price = events.groupby("product_id")["price"]
    moved = (price.max() / price.min())[price.nunique() > 1]
    assert len(moved) > 1000
    assert moved.between(1.28, 1.32).all()
    rises = events["price"].gt(price.transform("min")).groupby(events["event_time"].dt.date).mean()
    assert rises.iloc[:74].max() == 0 and rises.iloc[76:].min() > 0.5


def test_categories_change_their_names_and_nothing_else() -> None:
    renamed, plain = drawn("categories_renamed").events, drawn("clear_habits").events
    pd.testing.assert_frame_equal(renamed.drop(columns="category_code"), plain.drop(columns="category_code"))
    middle = renamed["event_time"].min().normalize() + pd.Timedelta(days=75)
    before, after = (
        set(renamed.loc[part, "category_code"])
        for part in (renamed["event_time"] < middle, renamed["event_time"] > middle + pd.Timedelta(days=1))
    )
    assert before and after and not before & after
    assert len(before) == len(after)


def test_three_sessions_in_ten_lose_their_id() -> None:
    shop, plain = drawn("lost_ids"), drawn("clear_habits")
    assert len(shop.events) == len(plain.events)
    by_session = shop.events.drop_duplicates("user_session")
    lost = by_session["user_id"] >= 700_000_000
    assert 0.28 < lost.mean() < 0.32
    assert by_session.loc[lost, "user_id"].is_unique
    groups = shop.truth.groupby("person")["group"].nunique()
    assert (groups == 1).all()


def test_spending_has_a_pareto_tail() -> None:
    def paid(name: str) -> pd.Series:
        events = drawn(name).events
        return events[events["event_type"] == "purchase"].groupby("user_id")["price"].sum().sort_values()

    top = paid("pareto_spending")
    assert top.iloc[-len(top) // 100 :].sum() > 0.25 * top.sum()
    plain = paid("clear_habits")
    assert plain.iloc[-len(plain) // 100 :].sum() < 0.15 * plain.sum()
    # Hill (1975): the exponent from the logarithms of the largest hundred
    largest = np.log(top.iloc[-100:])
    assert 0.8 < 1 / (largest.iloc[1:] - largest.iloc[0]).mean() < 1.6


@pytest.mark.parametrize(("name", "users", "days"), [
    ("few_users", 300, 150), ("sixty_days", 4000, 60), ("long_history", 3000, 400),
])  # fmt: skip
def test_sizes(name: str, users: int, days: int) -> None:
    shop = drawn(name)
    assert shop.truth["person"].nunique() == users
    assert shop.events["event_time"].dt.date.nunique() == days


def test_three_in_ten_switch_on_one_day_and_then_do_as_their_new_group_does() -> None:
    shop = drawn("switching")
    switched = shop.truth["switch_at"].notna()
    assert 0.27 < switched.mean() < 0.33
    assert shop.truth["switch_at"].nunique() == 1
    assert (shop.truth["group"] != shop.truth["group_after"])[switched].all()
    assert shop.truth.loc[~switched, "group_after"].isna().all()
    moment = shop.truth["switch_at"].dropna().iloc[0]
    truth = shop.truth.set_index("user_id")
    for column, is_then in (
        ("group", shop.events["event_time"] < moment),
        ("group_after", shop.events["event_time"] >= moment),
    ):
        table = plain_habits(shop.events[is_then])
        own = truth.loc[table.index]
        stays = own["switch_at"].isna().to_numpy()
        model = LinearDiscriminantAnalysis().fit(table[stays], own.loc[stays, "group"])
        assert (model.predict(table[~stays]) == own.loc[~stays, column]).mean() > 0.8


def test_a_wholesaler_logs_orders_of_several_lines_and_nothing_else() -> None:
    events = drawn("orders_only").events
    assert set(events["event_type"]) == {"purchase"}
    orders = events.groupby("user_session")
    assert orders.size().mean() > 2
    assert (orders["event_time"].nunique() == 1).all()


def test_the_third_shop_has_other_units() -> None:
    third, plain = drawn("third").events, drawn("clear_habits").events
    assert (third["price"] % 1 == 0).all()
    assert 60 < third["price"].median() / plain["price"].median() < 260
    # nine hours east: its quiet hours, 1 to 5 local time, are 16 to 20 UTC
    quiet = {
        name: ((events["event_time"].dt.hour >= 16) & (events["event_time"].dt.hour < 20)).mean()
        for name, events in (("third", third), ("plain", plain))
    }
    assert quiet["third"] < 0.5 * quiet["plain"]
