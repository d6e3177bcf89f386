"""One judge for every model: who teaches is not tested, and what is not known yet is not used."""

import threading
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel
from sklearn.metrics import r2_score, roc_auc_score

from clientele.learning import backtest, parallel
from clientele.learning.backtest import EVALUATION_COLUMNS, Backtest, Figure, NothingToLearn
from clientele.learning.calibration import calibration_rows
from clientele.learning.ceiling import BoostedTrees
from clientele.learning.cells import CellRates, ColumnCells, CrossedCells, Once, QuantileCells
from clientele.learning.metrics import (
    auc,
    calibration_slope,
    expected_calibration_error,
    log_loss,
    r_squared,
    top_decile_lift,
)
from clientele.learning.pieces import PiecewiseLogistic

OUTCOMES = ["bought", "price"]
FIGURES = [
    Figure(name="auc", metric=auc, outcomes=("bought",), is_sensitive=True),
    Figure(name="volume_r2", metric=r_squared, outcomes=("bought",)),
    Figure(name="habit_r2", metric=r_squared, outcomes=("price",)),
    Figure(name="all_r2", metric=r_squared, outcomes=("bought", "price"), by_fold=False),
]
SMALL = {"min_users": 100, "min_positives": 10, "n_bootstraps": 40, "positive": "bought"}


def make_frame(n_users=1200, n_origins=3, seed=0, habit_matters=True, effect_by_month=None):
    """Users with a state that changes and a habit that stays: it tells prices and may tell purchases."""
    chance = np.random.default_rng(seed)
    habit = chance.integers(3, size=n_users)
    parts = []
    for number in range(n_origins):
        state = chance.choice(["active", "at_risk"], n_users)
        effect = 0.2 * habit_matters if effect_by_month is None else effect_by_month[number]
        rate = np.where(state == "active", 0.4, 0.15) + effect * (habit - 1)
        parts.append(
            pd.DataFrame(
                {
                    "user_sk": np.arange(n_users) * 7919 + 5,
                    "origin_date": pd.Timestamp("2020-01-01") + pd.Timedelta(days=30 * number),
                    "state": state,
                    "habit": habit,
                    "score": habit + chance.normal(scale=0.3, size=n_users),
                    "n_events": chance.integers(1, 300, n_users),
                    "n_orders": chance.integers(0, 3, n_users),
                    "bought": (chance.random(n_users) < rate).astype(float),
                    "price": np.where(chance.random(n_users) < 0.6, 2.0 * habit, np.nan)
                    + chance.normal(size=n_users),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def models():
    habit = Once(ColumnCells("habit"))
    state = ColumnCells("state")
    return {
        "pair": CellRates([state, habit, CrossedCells([habit, state])]),
        "rules": CellRates([state], refine_by=["n_events"]),
    }


def figure(rows, model, metric, compared_with="", origin="all", fold=0):
    found = rows.query(
        "model == @model and metric == @metric and compared_with == @compared_with "
        "and origin == @origin and fold == @fold"
    )
    (row,) = found.to_dict("records")
    return row


class Recorder:
    """Predicts the mean and remembers what it was shown, for all copies of it."""

    calls: ClassVar[list] = []

    def fit(self, frame, outcomes, past):
        self.frame, self.outcomes, self.past = frame, outcomes, past
        return self

    def predict(self, frame):
        Recorder.calls.append((self.frame, self.outcomes, self.past, frame))
        return np.tile(self.outcomes.mean().to_numpy(), (len(frame), 1))


def recorded(frame, **settings):
    Recorder.calls = []
    Backtest(OUTCOMES, FIGURES[1:2], **SMALL | settings).run(frame, {"recorder": Recorder()})
    return Recorder.calls


# --- what a model is shown


def test_users_who_are_tested_teach_nothing_and_the_future_is_unknown():
    frame = make_frame()
    calls = recorded(frame)
    assert len(calls) == 2 * 5
    for learnt, outcomes, past, tested in calls:
        assert not set(tested["user_sk"]) & (set(learnt["user_sk"]) | set(past["user_sk"]))
        assert learnt["origin_date"].nunique() == tested["origin_date"].nunique() == 1
        assert past["origin_date"].max() == learnt["origin_date"].max() < tested["origin_date"].min()
        assert not set(OUTCOMES) & (set(learnt.columns) | set(tested.columns)), "outcomes stand apart"
        assert len(outcomes) == len(learnt) and list(outcomes) == OUTCOMES
    tested = pd.concat([call[3] for call in calls])
    assert len(tested) == 2 * 1200 and not tested.duplicated(["user_sk", "origin_date"]).any()
    of_user = tested.groupby("user_sk")["origin_date"].nunique()
    assert (of_user == 2).all()


def test_a_long_horizon_learns_from_origins_whose_outcomes_had_been_seen():
    frame = make_frame(n_origins=5)
    found = {
        (learnt["origin_date"].iloc[0], tested["origin_date"].iloc[0])
        for learnt, _, _, tested in recorded(frame, horizon_days=60)
    }
    origins = sorted(frame["origin_date"].unique())
    assert found == {(origins[place], origins[place + 2]) for place in range(3)}
    same = {
        (call[0]["origin_date"].iloc[0], call[3]["origin_date"].iloc[0])
        for call in recorded(frame, horizon_days=30)
    }
    assert same == set(pairwise(origins))


def test_amounts_are_winsorised_by_what_the_learning_users_show():
    frame = make_frame()
    frame.loc[frame.index[-1], "price"] = 1e6
    plain = max(call[1]["price"].max() for call in recorded(frame.assign(price=frame["price"].fillna(0))))
    bounded = [call[1]["price"].max() for call in recorded(frame, winsorised=["price"])]
    assert max(bounded) < plain
    rows = Backtest(OUTCOMES, FIGURES, winsorised=["price"], **SMALL).run(frame, models())
    assert figure(rows, "pair", "habit_r2")["value"] > 0.5, "one absurd price decides nothing"


def test_a_fold_that_a_model_cannot_learn_is_left_out_for_all():
    class Fussy(Recorder):
        def fit(self, frame, outcomes, past):
            if 5 in set(frame["user_sk"]):
                raise NothingToLearn("not with this user")
            return super().fit(frame, outcomes, past)

    Recorder.calls = []
    rows = Backtest(OUTCOMES, FIGURES[1:2], **SMALL).run(
        make_frame(), {"fussy": Fussy(), "other": Recorder()}
    )
    assert set(rows.query("fold > 0")["fold"]) and rows.query("fold > 0").groupby("model").ngroups == 2
    assert rows.query("fold > 0")["fold"].nunique() == 1, "the user is in the test of one fold alone"


def test_models_are_copied_and_share_what_they_share():
    given = models()
    Backtest(OUTCOMES, FIGURES, **SMALL).run(make_frame(600), given)
    assert not hasattr(given["pair"], "mean_")
    assert given["pair"].levels[1] is given["pair"].levels[2].parts[0]


# --- the figures


def test_figures_are_those_of_scikit_learn():
    frame = make_frame()
    Recorder.calls = []

    class Score(Recorder):
        def predict(self, frame):
            super().predict(frame)
            return np.column_stack([frame["score"], 2 * frame["score"]])

    rows = Backtest(OUTCOMES, FIGURES, **SMALL).run(frame, {"score": Score()})
    tested = pd.concat([call[3][["user_sk", "origin_date"]] for call in Recorder.calls])
    joined = tested.merge(frame, on=["user_sk", "origin_date"])
    for origin, month in joined.groupby("origin_date"):
        seen = month.dropna(subset="price")
        name = f"{origin:%Y-%m-%d}"
        assert figure(rows, "score", "auc", origin=name)["value"] == pytest.approx(
            roc_auc_score(month["bought"], month["score"])
        )
        assert figure(rows, "score", "habit_r2", origin=name)["value"] == pytest.approx(
            r2_score(seen["price"], 2 * seen["score"])
        )
        positives = figure(rows, "score", "positives", origin=name)["value"]
        assert positives == month["bought"].sum()
    by_month = [
        figure(rows, "score", "auc", origin=f"{origin:%Y-%m-%d}")["value"]
        for origin in joined["origin_date"].unique()
    ]
    overall = figure(rows, "score", "auc")
    assert overall["value"] == pytest.approx(np.mean(by_month))
    assert overall["ci_lo"] < overall["value"] < overall["ci_hi"]
    assert list(rows.columns) == list(EVALUATION_COLUMNS)
    assert not len(rows.query("metric == 'all_r2' and fold > 0")), "not by fold"


def test_volume_and_habits_are_judged_apart():
    rows = Backtest(OUTCOMES, FIGURES, **SMALL).run(
        make_frame(habit_matters=False), models(), comparisons=[("pair", "rules")]
    )
    assert figure(rows, "pair", "habit_r2", "rules")["ci_lo"] > 0.3
    assert abs(figure(rows, "pair", "volume_r2", "rules")["value"]) < 0.01
    assert figure(rows, "pair", "auc", "rules")["ci_lo"] < 0.0


def test_a_difference_is_paired():
    rows = Backtest(OUTCOMES, FIGURES, **SMALL).run(make_frame(), models(), comparisons=[("pair", "rules")])
    alone = [figure(rows, model, "auc") for model in ("pair", "rules")]
    apart = figure(rows, "pair", "auc", "rules")
    assert apart["value"] == pytest.approx(alone[0]["value"] - alone[1]["value"])
    assert apart["ci_lo"] > 0
    assert apart["ci_hi"] - apart["ci_lo"] < sum(one["ci_hi"] - one["ci_lo"] for one in alone)


def test_what_holds_in_one_month_alone_has_a_wide_interval_over_months():
    # the habit tells purchases in one tested month of four
    frame = make_frame(n_users=3000, n_origins=5, effect_by_month=[0.14, 0.0, 0.0, 0.0, 0.14])
    settings = SMALL | {"n_bootstraps": 200}
    judged = {
        over: figure(
            Backtest(OUTCOMES, FIGURES, over_origins=over, **settings).run(
                frame, {"habit": CellRates([ColumnCells("habit")], 1.0)}
            ),
            "habit",
            "auc",
        )
        for over in (False, True)
    }
    assert judged[True]["value"] == judged[False]["value"]
    width = {over: row["ci_hi"] - row["ci_lo"] for over, row in judged.items()}
    assert width[True] > 1.5 * width[False]


def test_extremes_are_left_out_once_more():
    frame = make_frame()
    rows = Backtest(OUTCOMES, FIGURES, extremes=("n_events",), **SMALL).run(frame, models())
    row = figure(rows, "pair", "without_top_1pct_auc")
    assert abs(row["value"]) < 0.1
    assert figure(rows, "pair", "auc")["n_users"] - row["n_users"] == pytest.approx(12, abs=25)
    assert not len(rows.query("metric == 'without_top_1pct_habit_r2'")), "only what is said to be sensitive"


def test_one_origin_is_tested_in_its_own_month_and_says_so():
    rows = Backtest(OUTCOMES, FIGURES, **SMALL).run(make_frame(n_origins=1), models())
    assert set(rows["origin"]) == {"2020-01-01 (same month)", "all"}
    # one month has no other to be drawn: the interval is over users
    row = figure(rows, "pair", "auc")
    assert row["ci_lo"] < row["value"] < row["ci_hi"]


def test_the_order_of_rows_changes_nothing():
    frame = make_frame(600)
    judge = Backtest(OUTCOMES, FIGURES, **SMALL)
    rows = judge.run(frame, models(), [("pair", "rules")])
    again = judge.run(frame.sample(frac=1, random_state=0), models(), [("pair", "rules")])
    pd.testing.assert_frame_equal(rows, again, check_exact=True)


# --- cell for cell


def test_folds_in_two_processes_give_the_bits_of_one(monkeypatch):
    frame, comparisons = make_frame(n_users=600), [("pair", "rules")]
    settings = SMALL | {"extremes": ("n_events",), "equal_cells": True, "n_folds": 3}
    alone = Backtest(OUTCOMES, FIGURES, **settings, n_workers=1).run(frame, models(), comparisons)
    monkeypatch.setattr(backtest, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    started = []
    monkeypatch.setattr(
        parallel, "Parallel", lambda **said: started.append(said["n_jobs"]) or Parallel(**said)
    )
    both = Backtest(OUTCOMES, FIGURES, **settings).run(frame, models(), comparisons)
    assert started == [2, 2, 2]  # folds, figures, folds without the extreme users
    pd.testing.assert_frame_equal(both, alone, check_exact=True)


def test_a_task_keeps_what_it_hands_on(monkeypatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    is_its_own = [(2, lambda: threading.current_thread() is threading.main_thread(), [(), ()])]
    assert parallel.in_parallel(2, parallel.in_parallel, is_its_own * 2) == [[True, True]] * 2


def test_a_baseline_gets_as_many_cells_as_the_model_on_trial():
    rows = Backtest(OUTCOMES, FIGURES, equal_cells=True, **SMALL).run(
        make_frame(), models() | {"fixed": CellRates([ColumnCells("state")])}, [("pair", "rules")]
    )
    cells = rows.query("metric == 'n_cells'").groupby("model")["value"].unique().to_dict()
    assert {name: list(values) for name, values in cells.items()} == {"pair": [6], "rules": [6], "fixed": [2]}
    without = Backtest(OUTCOMES, FIGURES, **SMALL).run(make_frame(), models())
    assert not len(without.query("metric == 'n_cells'"))


def test_a_baseline_of_a_baseline_has_as_many_cells_too():
    coarse, fine = ColumnCells("state"), QuantileCells(["n_events"], 7)
    trial = {
        "last": CellRates([coarse], refine_by=["n_events"]),
        "middle": CellRates([coarse], refine_by=["score"]),
        "first": CellRates([fine]),
    }
    rows = Backtest(OUTCOMES, FIGURES, equal_cells=True, **SMALL).run(
        make_frame(600), trial, [("first", "middle"), ("middle", "last")]
    )
    assert rows.query("metric == 'n_cells'")["value"].unique().tolist() == [7]


def test_more_cells_alone_do_not_win():
    """A finer grid of what does not matter gains nothing, against a grid as fine or a coarse one."""
    frame = make_frame(3000)
    state = ColumnCells("state")
    noise = QuantileCells(["n_events"], 12)
    trial = {
        "noisy": CellRates([state, CrossedCells([state, noise])]),
        "rules": CellRates([state], refine_by=["n_events"]),
        "coarse": CellRates([state]),
    }
    rows = Backtest(OUTCOMES, FIGURES, equal_cells=True, **SMALL).run(
        frame, trial, [("noisy", "rules"), ("noisy", "coarse")]
    )
    for baseline in ("rules", "coarse"):
        assert figure(rows, "noisy", "auc", baseline)["ci_lo"] < 0
        assert figure(rows, "noisy", "habit_r2", baseline)["value"] < 0.005


# --- any kind of model


def test_cells_and_a_logistic_head_are_judged_by_the_same_backtest():
    """Two kinds of model, one object that judges both: nothing in it is changed for either."""
    head_figures = [
        Figure(name="auc", metric=auc, outcomes=("bought",)),
        Figure(name="lift", metric=top_decile_lift, outcomes=("bought",)),
        Figure(name="log_loss", metric=log_loss, outcomes=("bought",)),
        Figure(name="ece", metric=expected_calibration_error, outcomes=("bought",)),
        Figure(name="slope", metric=calibration_slope, outcomes=("bought",)),
    ]
    frame = make_frame(2500).assign(is_active=lambda rows: (rows["state"] == "active").astype(float))
    judge = Backtest(["bought"], head_figures, **SMALL)
    rows = judge.run(
        frame,
        {
            "logistic": PiecewiseLogistic(["score", "is_active", "n_events"]),
            "pooled": PiecewiseLogistic(["score", "is_active", "n_events"], pooled=True),
            "habit_x_state": CellRates([CrossedCells([ColumnCells("habit"), ColumnCells("state")])]),
            "state": CellRates([ColumnCells("state")]),
            "trees": BoostedTrees(["score", "n_events"], ["state"], ["bought"], n_trees=15),
        },
        comparisons=[("logistic", "state"), ("habit_x_state", "state"), ("logistic", "habit_x_state")],
        ceiling="trees",
        captured="auc",
    )
    for model in ("logistic", "habit_x_state"):
        assert figure(rows, model, "auc", "state")["ci_lo"] > 0
        assert figure(rows, model, "log_loss", "state")["ci_hi"] < 0, "lower is better"
        assert 0.7 < figure(rows, model, "slope")["value"] < 1.4
        assert figure(rows, model, "ece")["value"] < 0.05
        assert figure(rows, model, "captured_signal", "trees")["value"] > 0.95
    # The habit is known but for noise: the head that must find it in a score is about as good.
    assert abs(figure(rows, "logistic", "auc", "habit_x_state")["value"]) < 0.02


def test_trees_take_words_and_outcomes_that_never_vary():
    frame, outcomes = make_frame(300, 1), pd.DataFrame({"bought": np.zeros(300), "price": np.arange(300.0)})
    trees = BoostedTrees(["score"], ["state"], ["bought"], n_trees=3).fit(frame, outcomes)
    predicted = trees.predict(frame.assign(state="never seen"))
    assert (predicted[:, 0] == 0).all() and np.isfinite(predicted).all()


def test_what_was_said_of_whom_can_be_looked_at():
    frame = make_frame(2500)
    judge = Backtest(OUTCOMES, FIGURES, **SMALL)
    said = judge.tested(frame, models(), "bought")
    assert list(said) == ["user_sk", "origin", "fold", "observed", "pair", "rules"]
    assert len(said) == 2 * 2500 and not said.duplicated(["user_sk", "origin"]).any()
    rows = judge.run(frame, models())
    for origin, month in said.groupby("origin"):
        expected = figure(rows, "pair", "auc", origin=origin)["value"]
        assert roc_auc_score(month["observed"], month["pair"]) == pytest.approx(expected)
    table = calibration_rows(said["observed"].to_numpy(), said["pair"].to_numpy(), np.ones((1, len(said))))
    assert (table["predicted"] - table["observed"]).abs().max() < 0.1
    assert judge.tested(frame.head(50), models(), "bought").empty


# --- what cannot be judged


@pytest.mark.parametrize("spoil", ["few users", "few positives", "only positives", "nobody"])
def test_too_little_to_measure_gives_no_rows(spoil):
    frame = make_frame(60 if spoil == "few users" else 200)
    if spoil == "few positives":
        frame["bought"] = np.where(frame["user_sk"] < 8 * 7919, 1.0, 0.0)
    if spoil == "only positives":
        frame["bought"] = 1.0
    rows = Backtest(OUTCOMES, FIGURES, **SMALL).run(frame.head(0) if spoil == "nobody" else frame, models())
    assert rows.empty and list(rows.columns) == list(EVALUATION_COLUMNS)
    assert rows["value"].dtype == np.float64


@pytest.mark.parametrize(
    ("change", "call", "message"),
    [
        (lambda rows: rows.drop(columns="n_orders"), {}, r"lacks the column\(s\) \['n_orders'\]"),
        (lambda rows: pd.concat([rows, rows.head(2)]), {}, "2 rows repeat a user_sk and origin_date"),
        (lambda rows: rows, {"comparisons": [("pair", "absent")]}, r"\['absent'\] are not among the models"),
        (lambda rows: rows, {"ceiling": "absent"}, r"\['absent'\] are not among the models"),
        (lambda rows: rows, {"captured": "absent"}, "no figure 'absent'"),
    ],
)
def test_what_is_wrong_is_said(change, call, message):
    with pytest.raises(ValueError, match=message):
        Backtest(OUTCOMES, FIGURES, **SMALL).run(change(make_frame(200)), models(), **call)


def test_a_figure_of_an_unknown_outcome_is_refused():
    wrong = [Figure(name="auc", metric=auc, outcomes=("absent",))]
    with pytest.raises(ValueError, match=r"\['absent'\] are not among the outcomes"):
        Backtest(OUTCOMES, wrong, **SMALL).run(make_frame(200), models())


def test_the_study_is_bounded():
    calls = recorded(make_frame(), max_users=400)
    assert max(len(call[0]) + len(call[3]) for call in calls) <= 400
