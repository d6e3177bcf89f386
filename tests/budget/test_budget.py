"""The budget: spend is moved to where more comes of it, little by little, and only where that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support import IS_LONG
from worlds import make_history, make_world, summary

from clientele.budget.curves import MIN_WEEKS, curves, draws, refusal, weekly
from clientele.budget.plan import REACH, allocate, moved, plan, response
from clientele.budget.rows import budget_rows
from clientele.learning.fields import part_of


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return make_history(make_world(1), 1)


def test_plans_come_near_the_best_and_are_seldom_worse_than_before():
    found = summary(200 if IS_LONG else 12)
    assert found["planned"] >= 0.94 and found["planned"] > found["as_before"]
    assert found["below_as_before"] <= 0.10


def test_no_cell_moves_by_more_than_half_and_the_sum_stays(history):
    planned = plan(history)
    assert planned["scenario"].value_counts().to_dict() == dict.fromkeys(
        ["as_before", "same_sum", "tenth_less", "tenth_more"], 20
    )
    share = planned["spend"] / planned["spend_before"]
    assert share.min() >= 1 - REACH - 1e-9 and share.max() <= 1 + REACH + 1e-9
    sums = planned.groupby("scenario")["spend"].sum()
    np.testing.assert_allclose(sums["same_sum"], sums["as_before"], rtol=1e-6)
    np.testing.assert_allclose(sums["tenth_less"], 0.9 * sums["as_before"], rtol=1e-6)
    assert (planned["response_lo"] < planned["response"]).all()
    assert (planned["response"] < planned["response_hi"]).all()
    came = planned.groupby("scenario")["response"].sum()
    assert came["tenth_less"] < came["same_sum"] < came["tenth_more"]
    assert came["same_sum"] > came["as_before"]


def test_marginal_returns_are_level_where_no_bound_is_met():
    elasticity = np.array([[0.3, 0.5, 0.4], [0.35, 0.5, 0.45]])
    level = np.array([[100.0, 80.0, 120.0]] * 2)
    before = np.array([40.0, 40.0, 40.0])
    spent = allocate(before, elasticity, level, 120.0)
    share = spent / before
    assert ((share > 0.5) & (share < 1.5)).all()
    more = (elasticity * response(share, elasticity, level)).mean(axis=0) / spent
    np.testing.assert_allclose(more, more[0], rtol=1e-6)


def test_a_curve_that_bends_up_is_solved_by_steps():
    """Both curves are steep: all that may be moved goes to one of them; bisection would stay between."""
    elasticity, level = np.array([[1.4, 1.3]]), np.array([[100.0, 100.0]])
    before = np.array([50.0, 50.0])
    spent = allocate(before, elasticity, level, 100.0)
    np.testing.assert_allclose(spent, [75.0, 25.0])
    came = [response(split / before, elasticity, level).sum() for split in (spent, before)]
    assert came[0] > came[1]


def test_slopes_are_shrunk_to_their_channel(history):
    found = curves(history)
    by_channel = found.groupby("channel")["slope"].transform("mean")
    nearer = (found["elasticity"] - by_channel).abs() <= (found["slope"] - by_channel).abs() + 1e-9
    assert nearer.mean() > 0.8
    # a cell of few weeks is moved more
    few = history[(history["segment"] != "segment 0") | (history["week"] > "2019-10-15")]
    own = curves(few).set_index(["segment", "channel"])
    short, long = own.loc["segment 0"], own.loc["segment 1"]
    assert (short["slope_error"] > long["slope_error"]).mean() > 0.7


def test_what_a_week_did_to_all_cells_is_no_effect_of_spend():
    world = make_world(2)
    rng = np.random.default_rng(0)
    sales = make_history(world, 2, noise=0.02)
    swing = np.exp(rng.normal(0, 1.0, 52))
    week = (pd.to_datetime(sales["week"]) - pd.Timestamp("2019-01-07")).dt.days.to_numpy() // 7
    swung = sales.assign(spend=sales["spend"] * swing[week], outcome=sales["outcome"] * swing[week])
    np.testing.assert_allclose(curves(swung)["slope"], curves(sales)["slope"], atol=1e-6)


@pytest.mark.parametrize(
    ("n_weeks", "high", "is_refused"),
    [(MIN_WEEKS, 115, False), (MIN_WEEKS - 2, 115, True), (MIN_WEEKS, 114.9, True)],
)
def test_a_cell_is_refused_at_its_boundary(n_weeks, high, is_refused):
    own = pd.DataFrame({"spend": [high, 200 - high] * (n_weeks // 2), "outcome": 10.0})
    assert bool(refusal(own)) == is_refused
    # a week without spend is none
    idle = pd.DataFrame({"spend": [0.0], "outcome": [10.0]})
    assert bool(refusal(pd.concat([own, idle]))) == is_refused


def test_a_refused_cell_keeps_its_spend_and_says_why(history):
    flat = history.copy()
    cell = (flat["segment"] == "segment 0") & (flat["channel"] == "channel 0")
    flat.loc[cell, "spend"] = 100.0
    planned = plan(flat)
    own = planned[(planned["segment"] == "segment 0") & (planned["channel"] == "channel 0")]
    assert (own["basis"] == "refused").all() and own["reason"].str.contains("30 % are needed").all()
    assert own.set_index("scenario").loc["same_sum", "spend"] == 100.0
    assert own["response"].isna().all()
    assert (planned.loc[planned["basis"] == "scenario", "reason"].str.len() > 0).all()


def test_nothing_is_moved_where_no_gain_is_sure():
    elasticity = np.random.default_rng(0).uniform(0, 1, (200, 4))
    level = np.full((200, 4), 100.0)
    np.testing.assert_array_equal(moved(np.full(4, 10.0), elasticity, level), np.full(4, 10.0))


def test_days_of_one_week_are_one_week():
    days = pd.DataFrame(
        {
            "segment": "a",
            "channel": "b",
            "week": ["2020-01-06", "2020-01-12", "2020-01-13"],
            "spend": 1,
            "outcome": 2,
        }
    )
    assert weekly(days)["spend"].tolist() == [2.0, 1.0]


def test_draws_stay_within_what_is_believed(history):
    elasticity, level = draws(curves(history).assign(elasticity_error=5.0))
    assert elasticity.min() == 0 and elasticity.max() == 1.5 and (level > 0).all()


def test_a_plan_is_made_when_what_was_declared_has_changed(history):
    request = pd.DataFrame({"is_on": [True], "as_of_date": ["2020-02-29"]})
    first = budget_rows({"request": request, "frame": history}, None)
    assert len(part_of(first, "plan")) == 80 and len(part_of(first, "curve")) == 20
    shuffled = history.sample(frac=1, random_state=1)
    assert budget_rows({"request": request, "frame": shuffled}, first).empty
    changed = history.assign(spend=history["spend"] + 1)
    second = budget_rows({"request": request, "frame": changed}, first)
    assert second["fit_number"].unique().tolist() == [2]
    off = budget_rows({"request": request.assign(is_on=False), "frame": changed[:0]}, first)
    assert "does not name budget" in part_of(off, "card")["reason"].iloc[0] and part_of(off, "plan").empty
