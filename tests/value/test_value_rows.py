"""Tiers, the look back, and a fit as rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from test_value_models import customers

from clientele.learning.fields import SCHEMA, part_of
from clientele.value.calibration import rolling_calibration
from clientele.value.rows import value_rows
from clientele.value.tiers import tier_cut_points, tiers


def sample(n: int = 900, origins: tuple[int, ...] = (0, 30, 60)) -> pd.DataFrame:
    """Return customers as of the day of the build and of earlier days; orders after go with their visits."""
    chance = np.random.default_rng(4)
    whole = customers(n)
    frames = [whole.assign(days_back=0, orders_after=np.nan)]
    for days_back in origins[1:]:
        part = whole.assign(days_back=days_back, age_days=whole["age_days"] - days_back)
        part = part[part["recency_days"] <= part["age_days"]]
        pace = part["n_ordering_visits"] / (part["age_days"] + 20)
        frames.append(part.assign(orders_after=chance.poisson(30 * pace)))
    return pd.concat(frames, ignore_index=True)


def request(is_due: bool = True, day: str = "2020-02-29") -> pd.DataFrame:
    return pd.DataFrame({"is_due": [is_due], "as_of_date": [pd.Timestamp(day)]})


# --- tiers


def test_five_tiers_keep_most_of_the_order():
    chance = np.random.default_rng(2)
    scores = chance.beta(0.4, 6, 5000)
    bought = chance.random(5000) < scores
    cuts = tier_cut_points(scores, scores)
    lost = roc_auc_score(bought, scores) - roc_auc_score(bought, tiers(scores, cuts))
    equal = np.quantile(scores, [0.2, 0.4, 0.6, 0.8])
    assert len(cuts) == 4 and (np.diff(cuts) > 0).all()
    assert lost < 0.02
    assert roc_auc_score(bought, tiers(scores, cuts)) >= roc_auc_score(bought, tiers(scores, equal)) - 1e-3


def test_a_score_on_a_cut_is_in_the_tier_above_and_nobody_moves_by_others():
    cuts = np.array([0.1, 0.5])
    assert tiers(np.array([0.0, 0.1, 0.3, 0.5, 0.9]), cuts).tolist() == [1, 2, 2, 3, 3]
    assert tiers(np.array([0.3]), cuts).tolist() == [2]


def test_equal_scores_share_a_tier_and_there_are_no_more_tiers_than_scores():
    scores = np.repeat([0.1, 0.4, 0.8], 50)
    cuts = tier_cut_points(scores, scores)
    assert sorted(set(tiers(scores, cuts))) == [1, 2, 3]
    assert len(tier_cut_points(np.ones(9), np.ones(9))) == 0


def test_no_tier_is_smaller_than_asked_for():
    scores = np.r_[np.linspace(0.01, 0.02, 990), np.linspace(0.8, 0.9, 10)]
    found = tiers(scores, tier_cut_points(scores, scores, min_share=0.05))
    assert np.bincount(found)[1:].min() >= 50


def test_tiers_of_nobody_are_refused():
    with pytest.raises(ValueError, match="no score"):
        tier_cut_points(np.array([]), np.array([]))


# --- looking back


def test_each_origin_is_measured_by_deciles_and_an_interval():
    table, (expected, actual) = rolling_calibration(sample())
    assert table.groupby("days_back")["measure"].value_counts().unstack().loc[30].to_dict() == {
        "auc": 1, "decile": 10, "orders": 1,
    }  # fmt: skip
    auc = table[(table["measure"] == "auc") & (table["days_back"] == 30)].iloc[0]
    assert auc["ci_lo"] < auc["actual"] < auc["ci_hi"] and auc["actual"] > 0.6
    deciles = table[(table["measure"] == "decile") & (table["days_back"] == 30)]
    assert (np.diff(deciles["expected"]) >= 0).all()
    assert deciles["n_users"].sum() == auc["n_users"]
    orders = table[(table["measure"] == "orders") & (table["days_back"] == 30)].iloc[0]
    assert orders["actual"] == actual
    assert deciles["actual"] @ deciles["n_users"] == pytest.approx(actual)
    assert expected > 0


def test_the_forecast_handed_on_is_without_the_level():
    """A level that was learnt from a level would run away."""
    once = sample(origins=(0, 30, 60))
    twice = once.assign(orders_after=2 * once["orders_after"])
    _, (expected, actual) = rolling_calibration(once)
    _, (expected_twice, actual_twice) = rolling_calibration(twice)
    assert actual_twice == 2 * actual
    assert expected_twice == pytest.approx(expected, rel=1e-4)


def test_an_origin_without_history_is_refused_and_the_others_are_measured():
    rows = sample(origins=(0, 30, 60))
    early = rows["days_back"] == 60
    rows = rows[~early | (rows.index % 40 == 0)]
    table, forecast = rolling_calibration(rows)
    refused = table[table["measure"] == "refused"]
    assert refused["days_back"].tolist() == [60] and "of the 200 that" in refused["reason"].iloc[0]
    assert (table["days_back"] == 30).sum() == 12 and forecast is not None


# --- rows


def test_nothing_due_gives_no_row_of_the_right_types():
    rows = value_rows({"request": request(False), "sample": sample()}, None)
    assert rows.empty and list(rows.columns) == list(SCHEMA)


def test_a_fit_is_rows_of_one_number_and_version():
    rows = value_rows({"request": request(), "sample": sample()}, None)
    assert set(rows["part"]) == {"card", "constants", "visits_if_alive", "calibration"}
    assert set(rows["fit_number"]) == {1} and rows["model_version"].nunique() == 1
    assert rows["model_version"].iloc[0].startswith("20200229-")
    (constants,) = part_of(rows, "constants").to_dict("records")
    assert len(constants) == 3 + 11 + 4 and constants["order_level"] != 1
    assert part_of(rows, "calibration")["origin_date"].unique().tolist() == ["2019-12-31", "2020-01-30"]


def test_the_same_fit_is_not_written_twice_and_another_one_is():
    frames = {"request": request(), "sample": sample()}
    first = value_rows(frames, None)
    assert value_rows(frames, first).empty
    turned = {"request": request(), "sample": sample().sample(frac=1, random_state=1)}
    assert value_rows(turned, first).empty
    second = value_rows({"request": request(), "sample": sample(700)}, first)
    assert set(second["fit_number"]) == {2}


def test_too_little_is_a_row_with_a_reason_and_is_said_once():
    frames = {"request": request(), "sample": sample(100)}
    rows = value_rows(frames, None)
    assert set(rows["part"]) == {"card"}
    told = part_of(rows, "card").iloc[0]
    assert told["status"] == "no_model" and told["reason"].startswith("Customers: 100 of the 200 that")
    assert value_rows(frames, rows).empty
    empty = value_rows({"request": request(), "sample": sample(100).iloc[:0]}, rows)
    assert part_of(empty, "card")["reason"].iloc[0].startswith("Customers: 0 of")
