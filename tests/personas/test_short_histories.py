"""The study of short histories: its rules on known tables, and what it finds in planted histories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score

from clientele.learning.fields import SCHEMA, part_of, to_fields
from clientele.personas import score, short_histories
from clientele.personas.short_histories import (
    StudySettings,
    calibration_deciles,
    choose_min_events,
    compare_early_classifiers,
    end_of_early_use,
    study_short_histories,
)
from clientele.personas.study_rows import study_rows

SETTINGS = StudySettings(n_bootstraps=100)
LENGTHS = (1, 5, 10, 20, 40)


def planted(n_users: int = 600, seed: int = 0, noise: float = 8.0, mature: int = 80) -> pd.DataFrame:
    """Histories of three kinds of users: the kind's means, plus noise that events average out."""
    chance = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 1.0], [0.0, 3.0, -1.0]])
    kinds = chance.integers(3, size=n_users)
    # Keys far apart and unordered by kind, as pseudonyms are.
    users = 1_000_003 * (1 + chance.permutation(n_users)).astype(np.int64)
    parts = [("whole", 2 * mature), *(("first", n) for n in LENGTHS if 2 * n <= mature)]
    parts += [(half, mature) for half in ("odd", "even", "earlier", "later")]
    rows = []
    for part, n_events in parts:
        values = centres[kinds] + chance.normal(size=(n_users, 3)) * noise / np.sqrt(n_events)
        rows.append(
            pd.DataFrame(values, columns=["a", "b", "c"]).assign(
                user_sk=users, part=part, n_events=n_events, mature_events=mature
            )
        )
    return pd.concat(rows, ignore_index=True)


def centroids() -> pd.DataFrame:
    """Weights of the model whose centroids are the planted kinds: ids 2, 5 and 9."""
    centres = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 1.0], [0.0, 3.0, -1.0]])
    rows = []
    for segment_id, centre in zip((2, 5, 9), centres, strict=True):
        rows.append((segment_id, "(intercept)", 0, float((centre**2).sum())))
        rows += [(segment_id, name, i + 1, -2 * centre[i]) for i, name in enumerate("abc")]
    table = pd.DataFrame(rows, columns=["segment_id", "feature", "feature_position", "weight"])
    return table.assign(model_version="v", feature_mean=0.0, clip_lo=-9.0, clip_hi=9.0)


# --- the rules, on known tables


@pytest.mark.parametrize(
    ("low", "ceiling", "expected"),
    [
        ({5: 0.4, 10: 0.6, 20: 0.7}, 0.6, (10, True, 0.54)),
        ({5: 0.4, 10: 0.54, 20: 0.7}, 0.6, (10, True, 0.54)),
        ({5: 0.4, 10: 0.539, 20: 0.7}, 0.6, (20, True, 0.54)),
        ({5: 0.79, 10: 0.8, 20: 0.9}, 1.0, (10, True, 0.8)),
        ({5: 0.1, 10: 0.2, 20: 0.15}, 0.9, (20, False, 0.8)),
        ({5: 0.1, 10: 0.19, 20: 0.15}, 0.05, (20, False, 0.2)),
    ],
    ids=[
        "the smallest",
        "the bar itself counts",
        "just missed",
        "never above 0.8",
        "none: the longest",
        "slight",
    ],
)
def test_the_smallest_length_whose_lower_bound_reaches_the_bar_is_chosen(low, ceiling, expected):
    length, reached, bar = choose_min_events(low, ceiling, SETTINGS)
    assert (length, reached, pytest.approx(bar)) == expected


@pytest.mark.parametrize(
    ("gain", "mature", "expected"),
    [
        ({1: -1, 5: 0.1, 20: 0.05, 40: 0.01}, 80, 80),
        ({5: 0.1, 20: 0.05, 40: -0.01, 80: 0.2}, 80, 40),
        ({5: 0.1, 20: 0.0, 40: 0.3}, 80, 20),
        ({5: -0.1, 20: 0.1}, 80, 0),
        ({5: 0.1, 20: 0.1, 40: 0.1}, 40, 40),
        ({1: 0.1, 80: 0.1}, 80, 0),
    ],
    ids=[
        "always",
        "up to 40",
        "no gain is none",
        "not at the start",
        "not above a long history",
        "no length",
    ],
)
def test_the_early_classifier_is_used_up_to_the_first_length_without_a_gain(gain, mature, expected):
    assert end_of_early_use(gain, mature, SETTINGS) == expected


def test_the_calibration_error_of_known_data():
    confidence = np.repeat([0.5, 0.9], 500)
    kept = np.concatenate([np.arange(500) % 2 == 0, np.arange(500) % 10 < 7])
    table, error = calibration_deciles(confidence, kept)
    assert error == pytest.approx((0 + 0.2) / 2)
    assert table["n_users"].tolist() == [100] * 10
    assert table["kept"].tolist() == pytest.approx([0.5] * 5 + [0.7] * 5)


# --- planted histories


@pytest.fixture(scope="module")
def study():
    return study_short_histories(planted(), centroids(), SETTINGS)


def test_kappa_and_ari_are_those_of_scikit_learn(study):
    histories = planted()
    labels = {
        length: score(histories[(histories["part"] == part) & (histories["n_events"] == length)], centroids())
        for part, length in (("whole", 160), ("first", 5), ("first", 40))
    }
    found = study.lengths.set_index(["n_events", "metric"])["value"]
    for length in (5, 40):
        expected = cohen_kappa_score(labels[160]["segment_id"], labels[length]["segment_id"])
        assert found[length, "kappa_centroids"] == pytest.approx(expected)
    if study.choice["early_below_events"] <= 40:
        expected = adjusted_rand_score(labels[160]["segment_id"], labels[40]["segment_id"])
        assert found[40, "ari"] == pytest.approx(expected)


def test_longer_histories_agree_more_and_intervals_hold_the_value(study):
    kappa = study.lengths[study.lengths["metric"] == "kappa"]
    assert kappa["n_events"].tolist() == list(LENGTHS)
    assert kappa["value"].is_monotonic_increasing
    assert (study.lengths["low"] <= study.lengths["value"]).all()
    assert (study.lengths["value"] <= study.lengths["high"]).all()
    assert ((kappa["high"] - kappa["low"]) > 0.01).all()
    assert set(study.recalls["segment_id"]) == {2, 5, 9}


def test_nobody_is_judged_by_what_was_learnt_from_them(monkeypatch):
    """Personas drawn by lot: a classifier that had seen its judges would agree with them."""
    histories, chance = planted(), np.random.default_rng(5)
    users = histories["user_sk"].unique()
    noise = dict(zip(users, chance.normal(size=(len(users), 40)), strict=True))
    for number in range(40):
        # what identifies a user in every part of the history, and says nothing of the persona
        histories[f"own_{number}"] = histories["user_sk"].map(lambda user, n=number: noise[user][n])
    weights = centroids().replace({"feature": {"a": "own_0", "b": "own_1", "c": "own_2"}})
    drawn = pd.Series(chance.choice([2, 5, 9], len(users)), index=users)
    original = short_histories.score

    def by_lot(table, rows):
        labels = original(table, rows)
        return (
            labels.assign(segment_id=drawn.loc[labels["user_sk"]].to_numpy()) if rows is weights else labels
        )

    monkeypatch.setattr(short_histories, "score", by_lot)
    study = study_short_histories(histories, weights, replace(SETTINGS, inverse_penalty=100.0))
    early = study.lengths[study.lengths["metric"] == "kappa_early"].set_index("n_events")
    assert early["value"].abs().max() < 0.15


def test_the_lower_bound_sets_the_threshold_not_the_estimate():
    """Few users: the estimate reaches the bar at a length whose bound does not."""
    study = study_short_histories(planted(n_users=220, noise=5.0), centroids(), SETTINGS)
    kappa = study.lengths[study.lengths["metric"] == "kappa"].set_index("n_events")
    bar, chosen = study.choice["kappa_bar"], study.choice["min_events"]
    by_estimate = kappa.index[kappa["value"] >= bar].min()
    assert by_estimate < chosen, kappa
    assert kappa.loc[chosen, "low"] >= bar or study.choice["basis"] == "bar_missed"
    assert (kappa.loc[kappa.index < chosen, "low"] < bar).all()


def test_confidence_never_falls_with_the_margin_and_is_calibrated(study):
    for _, of_length in study.confidence.groupby("n_events"):
        assert of_length["margin_lo"].iloc[0] == 0
        assert of_length["margin_lo"].is_monotonic_increasing
        assert of_length["confidence"].is_monotonic_increasing
    assert study.confidence["confidence"].between(0, 1, inclusive="neither").all()
    assert study.choice["calibration_error"] <= 0.05


def test_early_rows_give_the_labels_of_scikit_learn(study):
    assert study.choice["n_mismatches"] == 0
    assert set(study.early_weights["segment_id"]) == {2, 5, 9}


def test_confidence_that_promises_too_much_is_found_out(study):
    promised = np.clip(study.calibration["confidence"].repeat(100).to_numpy() + 0.2, 0, 1)
    kept = np.concatenate([np.arange(100) < 100 * share for share in study.calibration["kept"]])
    assert calibration_deciles(promised, kept)[1] > 0.05


def test_the_order_of_rows_changes_nothing(study):
    again = study_short_histories(planted().sample(frac=1, random_state=3), centroids(), SETTINGS)
    assert again.choice == study.choice
    pd.testing.assert_frame_equal(again.early_weights, study.early_weights)
    pd.testing.assert_frame_equal(again.confidence, study.confidence)


def test_histories_that_say_nothing_miss_the_bar():
    histories = planted()
    histories[["a", "b", "c"]] = np.random.default_rng(1).normal(size=(len(histories), 3))
    found = study_short_histories(histories, centroids(), SETTINGS)
    assert found.choice["basis"] == "bar_missed"
    assert found.choice["min_events"] == max(LENGTHS)
    assert found.lengths[found.lengths["metric"] == "kappa_centroids"]["value"].abs().max() < 0.15


def test_too_few_users_are_not_studied():
    assert study_short_histories(planted(150), centroids(), SETTINGS) is None
    assert study_short_histories(planted(5).iloc[:0], centroids(), SETTINGS) is None


def test_histories_without_a_key_column_are_refused():
    with pytest.raises(ValueError, match="lack the column"):
        study_short_histories(planted().drop(columns="part"), centroids(), SETTINGS)


# --- rows


def fits() -> pd.DataFrame:
    return to_fields({"weight": centroids()}, 1, "v")


def test_a_model_is_studied_once_and_its_rows_say_what_was_found(study):
    rows = study_rows(planted(), fits(), None, compare=False)
    assert list(rows.columns) == list(SCHEMA)
    assert set(rows["part"]) == {
        "choice", "length", "recall", "ceiling", "early_weight", "confidence", "calibration",
    }  # fmt: skip
    choice = part_of(rows, "choice").iloc[0]
    assert choice["basis"] == study.choice["basis"]
    assert choice["mature_events"] == 80
    assert study_rows(planted(), fits(), rows, compare=False).empty
    assert study_rows(planted().iloc[:0], fits(), None, compare=False).empty
    newer = pd.concat([fits(), fits().assign(fit_number=2, model_version="w")])
    assert set(study_rows(planted(), newer, rows, compare=False)["fit_number"]) == {2}


def test_other_classifiers_are_compared_on_request():
    found = compare_early_classifiers(planted(300), centroids(), StudySettings(n_bootstraps=20, n_folds=2))
    assert set(found["method"]) == {
        "logistic_regression", "k_nearest_neighbours", "decision_tree", "linear_svm", "gradient_boosting",
    }  # fmt: skip
    at_40 = found[found["n_events"] == 40]["value"]
    assert at_40.min() > found[found["n_events"] == 1]["value"].max()
