"""Heads about next orders on shops whose truth is known: what scores, and when nothing does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rescoring import cell_numbers, rescored, scoring_tables

from clientele.learning.fields import part_of
from clientele.predictions import curve, judge
from clientele.predictions.fit import counts, fit_orders, level_of, order_labels, states
from clientele.predictions.models import (
    CellsTimesOrderValue,
    LastSpend,
    TwoPartSpend,
    order_cells,
    smearing,
)
from clientele.predictions.rows import PARTS, parts_of, prediction_rows, wanted
from clientele.predictions.settings import HORIZONS, few_positives, refusal

ORIGINS = [7, 14, 30, 60, 90, 120]


def make_frame(n_users: int = 900, effect: float = 2.5, seed: int = 1) -> pd.DataFrame:
    """Return customers who order by a habit that cells do not see, at a pace of their own."""
    rng = np.random.default_rng(seed)
    habit = rng.normal(size=n_users)
    parts = []
    for days_back in ORIGINS:
        recency = rng.integers(1, 60, n_users)
        pace = np.exp(effect * habit - 0.03 * recency)
        day = np.ceil(rng.exponential(60 / np.maximum(pace, 1e-6)))
        part = pd.DataFrame(
            {
                "user_sk": np.arange(n_users) * 1_000_003,
                "days_back": days_back,
                "origin_date": pd.Timestamp("2020-06-01") - pd.Timedelta(days=days_back),
                "n_events": rng.integers(1, 50, n_users),
                "n_orders": rng.integers(0, 4, n_users),
                "revenue_30d": rng.gamma(2, 20, n_users),
                "revenue_90d": rng.gamma(2, 60, n_users),
                "recency_ln": np.log1p(recency),
                "order_recency_ln": np.log1p(recency),
                "events_30d_ln": np.log1p(rng.integers(0, 9, n_users)),
                "order_value_ln": np.log1p(40 + 10 * habit * (effect > 0)),
                "habit": habit,
                "days_to_order": np.where(day <= days_back, day, np.nan),
            }
        )
        part["orders_ln"] = np.log1p(part["n_orders"])
        for horizon in (30, 90):
            spend = np.where(day <= horizon, 40 + 10 * habit * (effect > 0), 0.0)
            part[f"spend_{horizon}d"] = np.where(days_back >= horizon, spend, np.nan)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return make_frame()


def fitted(frame: pd.DataFrame, n_days: int, heads: set[str]) -> dict[str, pd.DataFrame]:
    return parts_of(fit_orders(frame, n_days, heads))


@pytest.fixture(scope="module")
def parts(frame) -> dict[str, pd.DataFrame]:
    request = pd.DataFrame(
        {"is_due": [True], "as_of_date": ["2020-05-31"], "n_days": [155], "heads": ["next_order spend"]}
    )
    fields = prediction_rows({"request": request, "frame": frame}, None)
    return {part: part_of(fields, part) for part in ("card", *PARTS)}


def cards(parts: dict[str, pd.DataFrame], item: str) -> dict[str, str]:
    own = parts["head"]
    return dict(zip(own["head"], own[item], strict=True))


def test_a_head_that_knows_more_than_cells_scores(parts):
    assert cards(parts, "scored_by") == {
        "order_7d": "model",
        "order_14d": "model",
        "order_30d": "model",
        "order_60d": "model",
        "order_90d": "refused",
        "spend_30d": "model",
        "spend_90d": "refused",
    }
    assert (
        cards(parts, "reason")["order_90d"]
        == "A horizon of 90 days needs 210 days of history; there are 155."
    )
    gate = parts["gate"][parts["gate"]["head"] == "order_30d"]
    assert {"auc", "log_loss", "slope", "ece"} <= set(gate["criterion"])
    assert (gate["outcome"][gate["criterion"] != "verdict"] == "met").all()


def test_a_head_that_knows_no_more_leaves_the_scores_to_the_heuristic():
    found = fitted(make_frame(effect=0.0), 155, {"next_order", "spend"})
    sources = cards(found, "scored_by")
    assert sources["order_30d"] == sources["order_7d"] == "cells"
    assert "The gate is not passed: auc against" in cards(found, "reason")["order_30d"]


@pytest.mark.parametrize(("horizon", "least"), [(7, 44), (30, 90), (60, 150), (90, 210)])
def test_a_horizon_is_refused_to_the_day(horizon, least):
    assert refusal(horizon, least) == ""
    assert f"needs {least} days of history; there are {least - 1}" in refusal(horizon, least - 1)


def test_few_orders_are_refused_to_the_order():
    assert few_positives(100, 50) == ""
    assert "there are 99 and 50" in few_positives(99, 50)
    assert "there are 100 and 49" in few_positives(100, 49)


def test_a_shop_without_orders_gets_refusals_and_asks_again_later(frame):
    nothing = frame.assign(days_to_order=np.nan, spend_30d=0.0)
    found = fitted(nothing, 155, {"next_order", "spend"})
    assert set(cards(found, "scored_by").values()) == {"refused"}
    assert found["card"]["next_days"].tolist() == [185.0]
    assert found["weight"].empty


def test_a_shop_that_is_too_young_gets_refusals(frame):
    found = fitted(frame.head(0), 20, {"next_order", "spend"})
    assert set(cards(found, "scored_by").values()) == {"refused"}
    assert found["card"]["next_days"].tolist() == [44.0]


def test_labels_are_of_horizons_that_are_over():
    frame = pd.DataFrame({"days_back": [30, 7], "days_to_order": [8.0, 3.0]})
    labels = order_labels(frame)
    assert labels["order_7d"].tolist() == [0.0, 1.0]
    np.testing.assert_array_equal(labels["order_30d"], [1.0, np.nan])
    assert labels["order_60d"].isna().all()


def test_training_orders_lie_before_the_tested_origin():
    frame = pd.DataFrame({"days_back": [30, 45, 60, 60], "days_to_order": [5.0, 5.0, 31.0, 30.0]})
    assert counts(frame, 30) == (1, 1)


def test_groups_are_those_of_the_tested_day():
    frame = pd.DataFrame(
        {
            "user_sk": [1, 1],
            "origin_date": ["2020-05-01", "2020-04-01"],
            "recency_ln": [0.0, np.log(100)],
            "n_orders": [1, 0],
        }
    )
    assert states(frame) == {(1, "2020-05-01"): "one order", (1, "2020-04-01"): "never ordered"}


def test_the_future_changes_no_backtest_of_an_earlier_day(frame):
    """What is known of an origin is learnt from horizons that were over by then."""
    origins = judge.tested_origins(ORIGINS, 30)
    table = frame[frame["days_back"].isin(origins)].copy()
    table["ordered"] = (table["days_to_order"] <= 30).astype(float)
    changed = table.copy()
    changed.loc[changed["days_back"] == 30, "ordered"] = 1 - changed["ordered"]
    bench = judge.backtest("ordered", judge.order_figures("ordered"), 30, positive="ordered", n_folds=2)
    models = judge.order_models(["recency_ln", "habit", "orders_ln"], "ordered")
    said, others = (bench.tested(one, models, "ordered") for one in (table, changed))
    newest = said["origin"].max()
    for name in models:
        np.testing.assert_array_equal(said[name], others[name])
    assert (said["observed"] != others["observed"])[said["origin"] == newest].all()


def test_days_are_read_off_the_curve():
    chances = np.array([[0.05, 0.2, 0.6], [0.0, 0.0, 0.05], [0.95, 0.95, 0.95]])
    horizons = [7, 14, 30]
    np.testing.assert_allclose(curve.quantile_day(chances, horizons, 0.1), [7 + 7 / 3, np.nan, 70 / 95])
    np.testing.assert_allclose(curve.quantile_day(chances, horizons, 0.5), [26, np.nan, 350 / 95])
    np.testing.assert_allclose(curve.quantile_day(chances, horizons, 0.9), [np.nan, np.nan, 630 / 95])
    assert np.argsort(curve.expected_day(chances, horizons)).tolist() == [2, 0, 1]


def test_an_interval_that_is_open_covers_who_stays_away():
    days = np.array([10.0, np.nan, 10.0, 31.0])
    low, high = np.array([9.5, 9.5, np.nan, 9.5]), np.array([20.0, np.nan, np.nan, 30.4])
    assert curve.covered(days, low, high).tolist() == [True, True, False, True]


def test_smearing_makes_up_for_the_mean_of_logarithms():
    logs = np.log([10.0, 1000.0])
    assert smearing(logs, np.full(2, logs.mean())) == pytest.approx(505 / 100)


def test_spend_in_two_parts_has_the_total_that_was_learnt(frame):
    own = frame[frame["days_back"] == 60].reset_index(drop=True)
    found = TwoPartSpend(["habit", "recency_ln"]).fit(own, own[["spend_30d"]]).predict(own)
    assert found.sum() == pytest.approx(own["spend_30d"].sum(), rel=0.05)


def test_heuristics_of_spend_have_the_total_that_was_learnt(frame):
    own = frame[frame["days_back"] == 60].reset_index(drop=True)
    last = LastSpend("revenue_30d").fit(own, own[["spend_30d"]])
    assert last.predict(own).sum() == pytest.approx(own["spend_30d"].sum())
    cells = CellsTimesOrderValue().fit(own, own[["spend_30d"]])
    assert cells.predict(own).sum() == pytest.approx(own["spend_30d"].sum(), rel=0.05)


def test_the_level_is_that_of_the_newest_tested_day():
    tested = pd.DataFrame(
        {"origin": ["2020-01-01", "2020-02-01"], "observed": [90.0, 120.0], "model": [100.0, 100.0]}
    )
    level, low, high = level_of(tested, "model")
    assert level == pytest.approx(1.2)
    spread = np.log(1.2 / 0.9)
    assert (low, high) == (pytest.approx(1.2 * np.exp(-spread)), pytest.approx(1.2 * np.exp(spread)))


def test_cells_have_the_rates_of_python(parts, frame):
    """The number of a cell has a digit for the place along each column."""
    own = parts["cell"][parts["cell"]["output"] == "order_30d"]
    rates = own.set_index("feature_position")["weight"]
    names = [f"order_{horizon}d" for horizon in HORIZONS if horizon < 90]
    ordered = frame.sort_values(["days_back", "user_sk"], ignore_index=True)
    expected = order_cells().fit(ordered, order_labels(ordered)[names]).predict(ordered)
    numbers = cell_numbers(scoring_tables(parts)[1], ordered)
    np.testing.assert_allclose(rates.reindex(numbers), expected[:, names.index("order_30d")], rtol=1e-9)


def test_everybody_is_scored_within_bounds(parts, frame):
    scores = rescored(*scoring_tables(parts), frame[frame["days_back"] == 7])
    assert scores["p_order_30d"].between(0, 1).all() and (scores["expected_spend_30d"] >= 0).all()
    assert (scores["p_order_7d"] <= scores["p_order_30d"]).all()


def test_the_var_turns_heads_off(frame):
    assert wanted("none") == set()
    assert fitted(frame, 155, {"forecast"})["head"].empty
    assert not fitted(frame, 155, {"next_order"})["head"]["head"].str.startswith("spend").any()
