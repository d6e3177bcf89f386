"""How well value tells who will order: on two real shops and the synthetic one, beside RFM and a ceiling.

Everything is fitted on the days up to an origin and tested on the days after it, by the package alone, from
the raw files. The figures are printed (pytest -s): nothing in them is asserted more closely than the bars.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import shop_simulator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from clientele.value.model import ValueModel
from clientele.value.tiers import tier_cut_points, tiers

REAL = os.environ.get("CLIENTELE_REAL_DATA")
needs_real_data = pytest.mark.skipif(not REAL, reason="CLIENTELE_REAL_DATA names no folder")
N_BOOTSTRAPS = 200


def events(files: str) -> duckdb.DuckDBPyConnection:
    """Return a connection with the distinct events of known customers, by the day."""
    connection = duckdb.connect()
    connection.execute(
        "create table events as select distinct cast(event_time[:19] as timestamp) as happened_at, "
        "event_type, cast(product_id as bigint) as product_id, cast(price as double) as price, "
        "cast(user_id as bigint) as user_sk, user_session "
        "from read_csv(?, all_varchar = true, ignore_errors = true) where user_id is not null",
        [files],
    )
    connection.execute(
        "create table days as select user_sk, cast(happened_at as date) as visit_date, count(*) as n_events, "
        "count(*) filter (event_type = 'view') as n_views, count(*) filter (event_type = 'cart') as n_carts, "
        "count(distinct product_id) as n_products, count(distinct user_session) as n_sessions, "
        "count(distinct user_session) filter (event_type = 'purchase') as n_orders, "
        "coalesce(sum(price) filter (event_type = 'purchase'), 0) as revenue from events group by all"
    )
    return connection


def customers(connection: duckdb.DuckDBPyConnection, days_back: int, horizon: int) -> pd.DataFrame:
    """Return statistics and other facts of customers at an origin, and what they ordered after it."""
    windows = ", ".join(
        f"coalesce(sum({name}) filter (visit_date > origin - {days}), 0) as {name}_{days}d"
        for days in (7, 30, 90)
        for name in ("n_events", "n_views", "n_carts", "n_sessions", "n_orders", "revenue")
    )
    return connection.sql(
        f"""
        with origins as (select max(visit_date) - {days_back} as origin from days),
        known as (
            select user_sk, count(*) as n_visits, count(*) filter (n_orders > 0) as n_ordering_visits,
                sum(n_orders) as n_orders, sum(revenue) as revenue,
                max(visit_date) - min(visit_date) as recency_days,
                any_value(origin) - min(visit_date) as age_days,
                sum(n_events) as n_events, sum(n_views) as n_views, sum(n_carts) as n_carts,
                sum(n_products) as n_products, sum(n_sessions) as n_sessions,
                any_value(origin) - max(visit_date) as idle_days,
                any_value(origin) - max(visit_date) filter (n_orders > 0) as days_since_order, {windows}
            from days cross join origins where visit_date <= origin group by user_sk
        ),
        came as (
            select user_sk, sum(n_orders) as n_orders from days cross join origins
            where visit_date > origin and visit_date <= origin + {horizon} group by user_sk
        )
        select known.*, coalesce(came.n_orders, 0) as orders_after
        from known left join came using (user_sk) order by user_sk
        """
    ).df()


def rfm_rates(known: pd.DataFrame, ordered: np.ndarray, folds: list) -> np.ndarray:
    """Return the order rate of each customer's cell of RFM 5 x 5 x 5, learnt from others and shrunken."""

    def fifths(values: pd.Series) -> np.ndarray:
        return np.minimum((values.rank(method="average", pct=True) * 5).to_numpy(), 4.999).astype(int)

    cell = 25 * fifths(-known["idle_days"]) + 5 * fifths(known["n_orders"]) + fifths(known["revenue"])
    rates = np.empty(len(known))
    for learnt, tested in folds:
        mean = ordered[learnt].mean()
        n = np.bincount(cell[learnt], minlength=125)
        rates[tested] = ((np.bincount(cell[learnt], ordered[learnt], 125) + 20 * mean) / (n + 20))[
            cell[tested]
        ]
    return rates


def measured(name: str, known: pd.DataFrame, horizon: int, min_events: int = 1) -> dict[str, float]:
    """Return AUCs of an order within the horizon: value, five and ten tiers, RFM, boosting (the ceiling)."""
    model = ValueModel().fit(known)
    scores = model.predict(known)
    finer = tier_cut_points(scores["value_score"], scores["value_score"], n_tiers=10)
    judged = (known["n_events"] >= min_events).to_numpy()
    ordered = (known.loc[judged, "orders_after"] > 0).to_numpy()
    score = scores.loc[judged, "value_score"].to_numpy()
    features = known[judged].drop(columns=["user_sk", "orders_after"]).astype(float)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(features, ordered))
    booster = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=80, min_samples_leaf=40, l2_regularization=5, random_state=0
    )
    with threadpool_limits(limits=1):  # threads that wait for a busy machine wait long
        ceiling = cross_val_predict(booster, features, ordered, cv=folds, method="predict_proba")[:, 1]
    auc = {
        "value": roc_auc_score(ordered, score),
        "five tiers": roc_auc_score(ordered, scores.loc[judged, "value_tier"]),
        "ten tiers": roc_auc_score(ordered, tiers(score, finer)),
        "RFM 5x5x5": roc_auc_score(ordered, rfm_rates(known[judged], ordered, folds)),
        "boosting": roc_auc_score(ordered, ceiling),
    }
    chance = np.random.default_rng(0)
    drawn = [chance.integers(0, len(score), len(score)) for _ in range(N_BOOTSTRAPS)]
    drawn = [roc_auc_score(ordered[rows], score[rows]) for rows in drawn if ordered[rows].any()]
    auc["low"], auc["high"] = np.quantile(drawn, [0.025, 0.975])
    figures = "  ".join(f"{what} {value:.3f}" for what, value in auc.items())
    print(f"\n{name}, {horizon} days, {len(score)} customers, {ordered.sum()} ordered: {figures}", end="")
    return auc


def over_origins(name: str, files: str, origins: tuple, horizon: int, min_events: int = 1) -> pd.DataFrame:
    """Return the figures of each origin, given as days before the last one."""
    with events(files) as connection:
        found = [
            measured(f"{name} -{days}", customers(connection, days, horizon), horizon, min_events)
            for days in origins
        ]
    return pd.DataFrame(found, index=list(origins))


@needs_real_data
def test_a_wholesaler_without_browsing():
    auc = over_origins("UCI", f"{REAL}/uci/*.csv.gz", (30, 60, 120), 30)
    assert auc.loc[30, "value"] >= 0.73 and auc["value"].mean() >= 0.73
    assert auc["value"].mean() >= auc["boosting"].mean() - 0.02
    assert auc["value"].mean() >= auc["RFM 5x5x5"].mean()
    assert (auc["value"] - auc["five tiers"]).mean() <= 0.02
    assert (auc["value"] - auc["ten tiers"]).mean() <= 0.01


@needs_real_data
def test_a_store_of_few_buyers_among_customers_of_five_events():
    auc = over_origins("store", f"{REAL}/store/*.csv.gz", (15, 20, 25), 15, min_events=5)
    assert (auc["value"] >= 0.70).all() and (auc["five tiers"] >= 0.70).all()
    assert auc["value"].mean() >= auc["boosting"].mean() - 0.02
    assert auc["value"].mean() >= auc["RFM 5x5x5"].mean()
    assert (auc["value"] - auc["five tiers"]).mean() <= 0.02
    assert auc["low"].mean() >= 0.65


@pytest.mark.skipif("CLIENTELE_REAL_DATA" not in os.environ, reason="long; runs beside the real shops")
def test_the_synthetic_shop(tmp_path: Path):
    shop_simulator.generate(tmp_path, users=8000, months=5)
    newest = over_origins("synthetic", f"{tmp_path}/events/*.csv", (30,), 30).loc[30]
    assert newest["value"] >= 0.75
    assert newest["value"] - newest["five tiers"] <= 0.02
    assert newest["value"] >= newest["RFM 5x5x5"]
