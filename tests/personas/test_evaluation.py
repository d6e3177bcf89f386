"""The gate and what it rests on: that figures are those of the data, and that no test user helps to learn."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

import clientele.personas.prediction as prediction
from clientele.learning.backtest import EVALUATION_COLUMNS
from clientele.learning.metrics import auc, r_squared, top_decile_lift
from clientele.learning.resampling import bootstrap_weights
from clientele.personas import Settings
from clientele.personas.comparators import compare
from clientele.personas.evaluate import EvaluationError, _markdown, evaluate
from clientele.personas.gate import judge
from clientele.personas.prediction import Study, cross_validate

SETTINGS = Settings(as_of=date(2020, 1, 31), max_k=4, n_init=1, n_workers=1)
STABLE = {"prediction_strength": 0.9, "half_sample_ari": 0.9, "min_jaccard": 0.9, "min_share": 0.05}
STABLE |= {"month_ago_ari": 0.9, "n_studied": 9000.0}
STUDY = Study(max_users=3000, n_folds=3, n_bootstraps=40, n_trees=5, n_init=1)
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
    return cross_validate(make_frame(), CATALOG, None, SETTINGS, STUDY)


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


def test_personas_that_matter_add_to_every_base(rows):
    for base in ("rfm_5x5x5", "log_rfm_x_rules"):
        pair = f"personas_x_{base}"
        assert figure(rows, pair, "auc", base, column="ci_lo") > 0
        assert figure(rows, pair, "habit_r2", base, column="ci_lo") > 0.05
        assert figure(rows, pair, "habit_r2") > figure(rows, base, "habit_r2") + 0.05
    assert figure(rows, "personas_x_rfm_5x5x5", "captured_signal", "gradient_boosting") > 0.5
    assert abs(figure(rows, "personas_x_rfm_5x5x5", "without_top_1pct_auc")) < 0.1


def test_personas_that_do_not_matter_are_not_credited():
    frame = make_frame(persona_matters=False)
    # nothing left to tell: the figures must not rise above the base's
    frame["outcome_price"] = np.random.default_rng(2).permutation(frame["outcome_price"])
    rows = cross_validate(frame, CATALOG, None, SETTINGS, STUDY)
    for base in ("rfm_5x5x5", "log_rfm_x_rules"):
        assert figure(rows, f"personas_x_{base}", "auc", base, column="ci_lo") < 0
        assert figure(rows, f"personas_x_{base}", "habit_r2", base) < 0.01


def test_a_base_has_no_fewer_cells_than_what_it_is_compared_with(rows):
    cells = rows[rows["metric"] == "n_cells"].groupby("model")["value"].mean()
    for base in ("rfm_5x5x5", "log_rfm_x_rules"):
        assert cells[base] >= 0.98 * cells[f"personas_x_{base}"]
        assert cells[f"personas_x_{base}"] > 2 * cells["personas"]


def test_volume_and_habits_are_judged_apart(rows):
    pair = "personas_x_rfm_5x5x5"
    volumes = [figure(rows, pair, f"r2_{name}") for name in ("purchase", "revenue_ln")]
    assert figure(rows, pair, "volume_r2") == pytest.approx(np.mean(volumes))
    assert figure(rows, pair, "habit_r2") == figure(rows, pair, "r2_price")


def test_the_value_score_is_a_base_where_there_is_one():
    frame = make_frame(n_users=800)
    frame["value_score"] = frame["recency_days"] * -1.0 + frame["n_orders"]
    study = replace(STUDY, n_trees=0, n_folds=2)
    rows = cross_validate(frame, CATALOG, None, SETTINGS, study)
    assert figure(rows, "personas_x_value_tiers", "habit_r2", "value_tiers") > 0.05
    without = cross_validate(frame.drop(columns="value_score"), CATALOG, None, SETTINGS, study)
    assert not without["model"].str.contains("value").any()
    empty = cross_validate(frame.assign(value_score=np.nan), CATALOG, None, SETTINGS, study)
    pd.testing.assert_frame_equal(empty, without)
    frame.loc[3, "value_score"] = np.nan
    with pytest.raises(ValueError, match="value_score"):
        cross_validate(frame, CATALOG, None, SETTINGS, study)


def test_the_champion_is_compared_on_the_same_base():
    """Personas that know the habit add to a champion that does not, and little to one that does."""
    frame = make_frame(n_users=800)
    study = replace(STUDY, n_trees=0, n_folds=2)

    def champion(feature, border):
        return pd.DataFrame(
            {
                "segment_id": [1, 1, 2, 2],
                "feature": ["(intercept)", feature] * 2,
                "feature_position": [0, 1] * 2,
                "weight": [0.0, 1.0, 2 * border, -1.0],
                "feature_mean": [1.0, border] * 2,
                "clip_lo": [1.0, -9.0] * 2,
                "clip_hi": [1.0, 9.0] * 2,
            }
        )

    pair, against = "personas_x_rfm_5x5x5", "champion_x_rfm_5x5x5"
    rows = cross_validate(frame, CATALOG, None, SETTINGS, study, champion("noise", 0.0))
    assert figure(rows, pair, "habit_r2", against, column="ci_lo") > 0.05
    rows = cross_validate(frame, CATALOG, None, SETTINGS, study, champion("often", 1.5))
    assert figure(rows, pair, "habit_r2", against) < figure(rows, pair, "habit_r2", "rfm_5x5x5")
    gone = champion("often", 1.5).replace("often", "no_longer_a_feature")
    rows = cross_validate(frame, CATALOG, None, SETTINGS, study, gone)
    assert not rows["compared_with"].str.contains("champion").any()


def test_intervals_are_over_months_too():
    """A persona that tells next month's price in one month of two is not sure to tell it in the next."""
    frame = make_frame()
    last = frame["origin_date"] == frame["origin_date"].max()
    chance = np.random.default_rng(3)
    frame.loc[last, "outcome_price"] = chance.permutation(frame.loc[last, "outcome_price"])
    rows = cross_validate(frame, CATALOG, None, SETTINGS, replace(STUDY, n_trees=0))
    model, months = "personas_x_rfm_5x5x5", ("2019-11-22", "2019-12-02")
    first, second = (figure(rows, model, "habit_r2", origin=month) for month in months)
    assert first > 0.3 > 0 > second
    assert figure(rows, model, "habit_r2", column="ci_lo") < second + 0.05
    assert figure(rows, model, "habit_r2", column="ci_hi") > first - 0.05


def test_figures_do_not_depend_on_the_order_of_rows(rows):
    shuffled = make_frame().sample(frac=1, random_state=4)
    again = cross_validate(shuffled, CATALOG, None, SETTINGS, STUDY)
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
    cross_validate(frame, CATALOG, None, SETTINGS, STUDY)
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
    original = prediction.Personas.fit

    def watch(self, values, y=None, parts=None):
        # the first feature tells the user: the last digits of both kinds of data
        seen.append((set(values[:, 0]), set(parts[:, 0, 0])))
        return original(self, values, parts=parts)

    monkeypatch.setattr(prediction.Personas, "fit", watch)
    frame = make_frame(n_users=800)
    frame["often"] += frame["user_sk"] * 1e-9
    halves = frame[frame["origin_date"] == frame["origin_date"].min()][["user_sk", "often", "dear", "noise"]]
    halves = halves.assign(often=frame["user_sk"] * 1.0)
    users = dict(zip(frame["often"], frame["user_sk"] * 1.0, strict=True))
    cross_validate(frame, CATALOG, pd.concat([halves, halves]), SETTINGS, STUDY)
    assert seen and all(own and own <= {users[value] for value in learnt} for learnt, own in seen)


def test_the_number_of_personas_is_chosen_in_the_fold(monkeypatch):
    """From learning users alone, and each fold by itself."""
    seen = []
    original = prediction.glance_at_k
    monkeypatch.setattr(
        prediction,
        "glance_at_k",
        lambda subjects, settings: seen.append(set(subjects.user_sk)) or original(subjects, settings),
    )
    frame = make_frame(n_users=800)
    cross_validate(frame, CATALOG, None, SETTINGS, replace(STUDY, n_trees=0))
    assert len(seen) == 2 * 2 * STUDY.n_folds
    assert len({frozenset(users) for users in seen}) > STUDY.n_folds
    assert all(len(users) < 800 for users in seen)


def test_one_origin_is_tested_in_its_own_month_and_proves_nothing():
    rows = cross_validate(make_frame(n_origins=1), CATALOG, None, SETTINGS, STUDY)
    assert rows["origin"].str.endswith("(same month)").any()
    verdict = judge("stable", STABLE, rows, SETTINGS)
    assert verdict.outcome == "unproven" and "no later month" in verdict.reason


@pytest.mark.parametrize("spoil", ["few users", "no buyers", "nothing"])
def test_nothing_to_measure_gives_no_rows(spoil):
    frame = make_frame(n_users=100 if spoil == "few users" else 600)
    if spoil == "no buyers":
        frame["outcome_purchase"] = 0
    rows = cross_validate(frame.head(0) if spoil == "nothing" else frame, CATALOG, None, SETTINGS, STUDY)
    assert rows.empty and list(rows.columns) == list(EVALUATION_COLUMNS)
    assert judge("stable", STABLE, rows, SETTINGS).outcome == "unproven"


def test_a_frame_without_what_is_needed_is_refused():
    with pytest.raises(ValueError, match=r"lacks the column\(s\) \['revenue'\]"):
        cross_validate(make_frame(600).drop(columns="revenue"), CATALOG, None, SETTINGS, STUDY)


def test_study_is_bounded(monkeypatch):
    sizes = []

    def refuse(subjects, settings):
        sizes.append(len(subjects.user_sk))
        raise ValueError

    monkeypatch.setattr(prediction, "glance_at_k", refuse)
    assert cross_validate(make_frame(), CATALOG, None, SETTINGS, replace(STUDY, max_users=600)).empty
    assert max(sizes) <= 600 * (STUDY.n_folds - 1) / STUDY.n_folds + STUDY.n_folds


# --- comparators


def test_every_way_to_cluster_finds_groups_that_are_far_apart(tmp_path):
    frame = make_frame(600, n_origins=1)
    wide = frame.assign(often=frame["often"] * 5, dear=frame["dear"] * 5)
    found = compare(wide, CATALOG.head(2), None, 3, SETTINGS, max_users=500, max_users_of_trees=300)
    found = found.set_index("method")
    assert len(found) == 7 and found["n_users"].max() == 500
    # the three lie on a line, and a first cut in two goes through the middle one
    one_cut = found.index == "bisecting K-means"
    assert (found.loc[~one_cut, ["ari_with_kmeans", "half_sample_ari"]] > 0.9).all(axis=None), found.T
    with pytest.raises(ValueError, match="nothing to tell them apart"):
        compare(wide.assign(often=1.0, dear=2.0), CATALOG.head(2), None, 3, SETTINGS)


def test_a_warehouse_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"warehouse\.duckdb is not there: run dbt build first"):
        evaluate(tmp_path)


def test_a_figure_that_is_unknown_is_a_dash():
    frame = pd.DataFrame({"metric": ["lift", "reach"], "value": [1.23456, None], "n_users": [3210, 7]})
    assert _markdown(frame).splitlines()[2:] == ["| lift | 1.235 | 3,210 |", "| reach | - | 7 |"]
