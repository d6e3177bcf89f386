"""The gate and what it rests on: that figures are those of the data, and that no test user helps to learn."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

import clientele.personas.prediction as prediction
from clientele.learning.backtest import EVALUATION_COLUMNS, NothingToLearn
from clientele.learning.metrics import auc, r_squared, top_decile_lift
from clientele.learning.resampling import bootstrap_weights
from clientele.personas import Settings
from clientele.personas.comparators import compare
from clientele.personas.evaluate import EvaluationError, _markdown, evaluate
from clientele.personas.gate import MIN_BUYERS, judge
from clientele.personas.prediction import Study, cross_validate

SETTINGS = Settings(as_of=date(2020, 1, 31), min_outcome_users=200)
STUDY = Study(max_users=3000, n_bootstraps=40, n_trees=5, n_init=1)
CATALOG = pd.DataFrame({"feature": ["often", "dear", "noise"], "block": ["a", "b", "c"]})


def make_frame(n_users: int = 1500, persona_matters: bool = True, n_origins: int = 3, seed: int = 0):
    """Users of three kinds at monthly origins; the kind tells prices and, when it matters, purchases."""
    chance = np.random.default_rng(seed)
    kind = chance.integers(3, size=n_users)
    parts = []
    for number in range(n_origins):
        state = chance.choice(["active", "at_risk"], n_users)
        visits = np.where(state == "active", 0.5, 0.2)
        buys = chance.random(n_users) < visits * (0.4 + 0.4 * kind * persona_matters)
        parts.append(
            pd.DataFrame(
                {
                    "user_sk": np.arange(n_users) * 7919 + 5,
                    "origin_date": date(2019, 11 + number // 2, 2 + 20 * (number % 2)),
                    "lifecycle_state": state,
                    "recency_days": np.where(state == "active", 3, 60) + chance.integers(3, size=n_users),
                    "n_events": chance.integers(20, 200, n_users),
                    "n_orders": chance.integers(0, 3, n_users),
                    "revenue": chance.gamma(2, 50, n_users),
                    "often": kind + chance.normal(scale=0.2, size=n_users),
                    "dear": -kind + chance.normal(scale=0.2, size=n_users),
                    "noise": chance.normal(size=n_users),
                    "outcome_purchase": buys.astype(int),
                    "outcome_revenue_ln": np.where(buys, 3 + chance.normal(size=n_users), 0.0),
                    "outcome_price": np.where(
                        chance.random(n_users) < visits, 2.0 * kind + chance.normal(size=n_users), np.nan
                    ),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def figure(rows, model, metric, compared_with="", origin="all", column="value"):
    found = rows[
        (rows["model"] == model)
        & (rows["metric"] == metric)
        & (rows["compared_with"] == compared_with)
        & (rows["origin"] == origin)
        & (rows["fold"] == 0)
    ]
    return found[column].item()


@pytest.fixture(scope="module")
def rows():
    return cross_validate(make_frame(), CATALOG, None, 3, SETTINGS, STUDY)


# --- metrics


def test_metrics_are_those_of_scikit_learn():
    chance = np.random.default_rng(1)
    outcome = (chance.random(500) < 0.3).astype(float)
    predicted = np.round(outcome * 0.3 + chance.random(500), 1)  # many ties
    counts = chance.integers(0, 4, (3, 500)).astype(float)
    areas = auc(outcome, predicted, counts)
    target = predicted * 2 + chance.normal(size=500)
    r2 = r_squared(target, predicted, counts)
    for row, weights in enumerate(counts):
        assert areas[row] == pytest.approx(roc_auc_score(outcome, predicted, sample_weight=weights))
        assert r2[row] == pytest.approx(r2_score(target, predicted, sample_weight=weights))


def test_lift_of_a_known_decile_and_of_ties():
    outcome = np.r_[np.ones(5), np.zeros(95)]
    sure = np.r_[np.ones(5), np.zeros(95)]
    ones = np.ones((1, 100))
    assert top_decile_lift(outcome, sure, ones) == pytest.approx([(5 + 0) / 10 / 0.05])
    assert auc(outcome, np.zeros(100), ones) == pytest.approx([0.5])
    assert top_decile_lift(outcome, np.zeros(100), ones) == pytest.approx([1.0])


def test_what_does_not_vary_has_no_figure():
    same = np.zeros(10)
    ones = np.ones((1, 10))
    assert np.isnan(auc(same, np.arange(10.0), ones)).all()
    assert np.isnan(r_squared(same, np.arange(10.0), ones)).all()
    unseen = np.r_[np.arange(5.0), [np.nan] * 5]
    assert r_squared(unseen, np.r_[np.arange(5.0), [99] * 5], ones) == pytest.approx([1.0])


def test_the_first_weighting_is_the_users_as_they_are():
    weights = bootstrap_weights(50, 20, seed=0)
    assert (weights[0] == 1).all() and weights.shape == (21, 50)
    assert weights[1:].mean() == pytest.approx(1, abs=0.1)


# --- cross-validation


def test_personas_that_matter_beat_both_baselines(rows):
    for baseline in ("rules", "kmeans_log_rfm"):
        assert figure(rows, "personas_x_rules", "auc", baseline, column="ci_lo") > 0
        assert figure(rows, "personas_x_rules", "behaviour_r2", baseline) > 0.03
    assert figure(rows, "personas_x_rules", "captured_signal", "gradient_boosting") > 0.5
    assert abs(figure(rows, "personas_x_rules", "without_top_1pct_auc")) < 0.1


def test_personas_that_do_not_matter_are_not_credited():
    frame = make_frame(persona_matters=False)
    frame["outcome_price"] = np.where(frame["outcome_price"].isna(), np.nan, frame["noise"])
    # nothing left to tell: the figures must not rise above the rules'
    frame["outcome_price"] = np.random.default_rng(2).permutation(frame["outcome_price"])
    rows = cross_validate(frame, CATALOG, None, 3, SETTINGS, STUDY)
    assert figure(rows, "personas_x_rules", "auc", "rules", column="ci_lo") < 0
    assert figure(rows, "personas_x_rules", "behaviour_r2", "rules") < 0.01


def test_figures_do_not_depend_on_the_order_of_rows(rows):
    shuffled = make_frame().sample(frac=1, random_state=4)
    again = cross_validate(shuffled, CATALOG, None, 3, SETTINGS, STUDY)
    pd.testing.assert_frame_equal(rows, again, check_exact=True)


def test_every_month_is_tested_from_the_one_before_by_users_who_taught_nothing(monkeypatch):
    calls = []

    class Watch(prediction.PersonaCells):
        def fit(self, frame, outcomes, past):
            self.learnt = frame, past
            return super().fit(frame, outcomes, past)

        def transform(self, frame):
            if frame is not self.learnt[0]:
                calls.append((*self.learnt, frame))
            return super().transform(frame)

    monkeypatch.setattr(prediction, "PersonaCells", Watch)
    frame = make_frame(n_users=800)
    cross_validate(frame, CATALOG, None, 3, SETTINGS, STUDY)
    assert len(calls) == 2 * 2 * STUDY.n_folds  # two months, with and without the extremes
    for learn, past, test in calls:
        assert not set(past["user_sk"]) & set(test["user_sk"])
        assert not set(learn["user_sk"]) & set(test["user_sk"])
        assert learn["origin_date"].max() < test["origin_date"].min()
        assert past["origin_date"].max() < test["origin_date"].min()
    tested = pd.concat([test for *_, test in calls[: 2 * STUDY.n_folds]])
    assert not tested.duplicated(["user_sk", "origin_date"]).any()


def test_replicates_of_tested_users_are_not_looked_at(monkeypatch):
    seen = []
    original = prediction.prepare
    monkeypatch.setattr(
        prediction,
        "prepare",
        lambda learn, catalog, own, settings: (
            seen.append((set(learn["user_sk"]), set(own["user_sk"])))
            or original(learn, catalog, own, settings)
        ),
    )
    frame = make_frame(n_users=800)
    halves = frame[["user_sk", "often", "dear", "noise"]].head(800)
    cross_validate(frame, CATALOG, pd.concat([halves, halves]), 3, SETTINGS, STUDY)
    assert seen and all(own <= learn for learn, own in seen)


def test_one_origin_is_tested_in_its_own_month_and_proves_nothing():
    rows = cross_validate(make_frame(n_origins=1), CATALOG, None, 3, SETTINGS, STUDY)
    assert rows["origin"].str.endswith("(same month)").any()
    verdict = judge(STABLE, rows, SETTINGS)
    assert verdict.outcome == "unproven" and "no later month" in verdict.reason


@pytest.mark.parametrize("spoil", ["few users", "no buyers", "nothing"])
def test_nothing_to_measure_gives_no_rows(spoil):
    frame = make_frame(n_users=100 if spoil == "few users" else 600)
    if spoil == "no buyers":
        frame["outcome_purchase"] = 0
    rows = cross_validate(frame.head(0) if spoil == "nothing" else frame, CATALOG, None, 3, SETTINGS, STUDY)
    assert rows.empty and list(rows.columns) == list(EVALUATION_COLUMNS)
    assert judge(STABLE, rows, SETTINGS).outcome == "unproven"


def test_a_frame_without_what_is_needed_is_refused():
    with pytest.raises(ValueError, match=r"lacks the column\(s\) \['revenue'\]"):
        cross_validate(make_frame(600).drop(columns="revenue"), CATALOG, None, 3, SETTINGS, STUDY)


# --- the gate

STABLE = {"prediction_strength": 0.9, "half_sample_ari": 0.9, "min_jaccard": 0.9, "min_share": 0.05}


def evaluations(buyers: int = MIN_BUYERS, **changed: tuple[float, float]) -> pd.DataFrame:
    """Rows of a model that passes, but for what is changed: metric_baseline=(value, ci_lo)."""
    figures = {
        f"{metric}_{baseline}": pair
        for baseline in ("rules", "kmeans_log_rfm")
        for metric, pair in {
            "auc": (0.01, -0.004),
            "behaviour_r2": (0.03, 0.001),
            "top_decile_lift": (0.0, -1.0),
        }.items()
    } | changed
    rows = [("personas_x_rules", "", "2020-01-02", 0, "buyers", buyers, np.nan, np.nan, 9000)]
    for name, (value, low) in figures.items():
        baseline = "rules" if name.endswith("_rules") else "kmeans_log_rfm"
        metric = name.removesuffix(f"_{baseline}")
        rows.append(("personas_x_rules", baseline, "all", 0, metric, value, low, 1.0, 9000))
    return pd.DataFrame(rows, columns=list(EVALUATION_COLUMNS))


def test_a_model_at_every_bar_passes():
    verdict = judge(STABLE, evaluations(), SETTINGS)
    assert verdict.outcome == "passed"
    assert verdict.criteria["is_met"].all() and len(verdict.criteria) == 10


@pytest.mark.parametrize(
    ("missed", "pair"),
    [
        ("auc_rules", (0.01, -0.005)),
        ("auc_kmeans_log_rfm", (0.01, -0.006)),
        ("behaviour_r2_rules", (0.0299, 0.01)),
        ("behaviour_r2_kmeans_log_rfm", (0.05, 0.0)),
        ("top_decile_lift_rules", (-0.01, -0.5)),
        ("top_decile_lift_kmeans_log_rfm", (-0.01, -0.5)),
    ],
)
def test_one_missed_criterion_fails_and_is_named(missed, pair):
    verdict = judge(STABLE, evaluations(**{missed: pair}), SETTINGS)
    assert verdict.outcome == "failed"
    failed = verdict.criteria[~verdict.criteria["is_met"]]
    assert (failed["criterion"] + "_" + failed["compared_with"]).tolist() == [missed]
    assert failed["criterion"].item() in verdict.reason and failed["compared_with"].item() in verdict.reason


@pytest.mark.parametrize("bar", STABLE)
def test_an_unstable_model_fails_whatever_it_predicts(bar):
    for rows in (evaluations(), evaluations().head(0)):
        verdict = judge(STABLE | {bar: 0.01}, rows, SETTINGS)
        assert verdict.outcome == "failed" and bar in verdict.reason


def test_too_few_buyers_decide_nothing():
    verdict = judge(STABLE, evaluations(MIN_BUYERS - 1, auc_rules=(-0.2, -0.3)), SETTINGS)
    assert verdict.outcome == "unproven" and f"{MIN_BUYERS - 1} buyers" in verdict.reason
    assert verdict.criteria["is_met"].isna().sum() == 6


def test_study_is_bounded(monkeypatch):
    sizes = []

    def refuse(learn, *others):
        sizes.append(len(learn))
        raise NothingToLearn

    monkeypatch.setattr(prediction, "prepare", refuse)
    assert cross_validate(make_frame(), CATALOG, None, 3, SETTINGS, replace(STUDY, max_users=600)).empty
    assert max(sizes) <= 600 * (STUDY.n_folds - 1) / STUDY.n_folds + STUDY.n_folds


# --- comparators


def test_every_way_to_cluster_finds_groups_that_are_far_apart(tmp_path):
    frame = make_frame(600, n_origins=1)
    wide = frame.assign(often=frame["often"] * 5, dear=frame["dear"] * 5)
    found = compare(wide, CATALOG.head(2), None, None, 3, SETTINGS, max_users=500, max_users_of_trees=300)
    found = found.set_index("method")
    assert len(found) == 7 and found["n_users"].max() == 500
    # the three lie on a line, and a first cut in two goes through the middle one
    one_cut = found.index == "bisecting K-means"
    assert (found.loc[~one_cut, ["ari_with_kmeans", "half_sample_ari"]] > 0.9).all(axis=None), found.T
    with pytest.raises(ValueError, match="nothing to cluster"):
        compare(wide.assign(often=1.0, dear=2.0), CATALOG.head(2), None, None, 3, SETTINGS)


def test_a_warehouse_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"warehouse\.duckdb is not there: run dbt build first"):
        evaluate(tmp_path)


def test_a_figure_that_is_unknown_is_a_dash():
    frame = pd.DataFrame({"metric": ["lift", "reach"], "value": [1.23456, None], "n_users": [3210, 7]})
    assert _markdown(frame).splitlines()[2:] == ["| lift | 1.235 | 3,210 |", "| reach | - | 7 |"]
