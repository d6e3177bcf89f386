"""Metrics: those of scikit-learn where it has them, known answers where it has not, the direction of each."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from clientele.learning.calibration import IsotonicTable, calibration_rows
from clientele.learning.metrics import (
    bins_of,
    calibration_intercept,
    calibration_line,
    calibration_slope,
    concordance,
    expected_calibration_error,
    gini,
    log_loss,
    rmspe,
    wape,
)
from clientele.learning.resampling import bootstrap_weights

ONES = np.ones((1, 4000))


@pytest.fixture(scope="module")
def shop():
    """Chances, what happened by them, and weights of three kinds."""
    chance = np.random.default_rng(0)
    p = chance.beta(1, 3, 4000)
    return p, (chance.random(4000) < p).astype(float), chance.integers(0, 4, (3, 4000)).astype(float)


def test_log_loss_is_that_of_scikit_learn(shop):
    p, happened, counts = shop
    for row, weights in enumerate(counts):
        expected = sklearn_log_loss(happened, p, sample_weight=weights)
        assert log_loss(happened, p, counts)[row] == pytest.approx(expected)
    assert log_loss(happened, p, ONES) < log_loss(happened, np.full(4000, p.mean()), ONES)
    sure = log_loss(np.array([1.0]), np.array([0.0]), np.ones((1, 1)))
    assert np.isfinite(sure).all() and sure > 30
    assert np.isnan(log_loss(happened, p, np.zeros((1, 4000)))).all()


def test_calibration_error_is_small_for_true_chances_and_the_shift_for_shifted_ones(shop):
    p, happened, counts = shop
    assert expected_calibration_error(happened, p, ONES) < 0.03
    shifted = np.clip(p + 0.1, 0, 1)
    assert expected_calibration_error(happened, shifted, ONES) == pytest.approx(0.1, abs=0.02)
    # weighting a user twice is having the user twice
    twice = np.repeat(np.arange(4000), counts[0].astype(int))
    by_weight = calibration_slope(happened, p, counts[:1])
    assert by_weight == pytest.approx(calibration_slope(happened[twice], p[twice], np.ones((1, len(twice)))))


def test_equal_predictions_share_a_bin():
    bins = bins_of(np.r_[np.zeros(50), np.full(50, 0.5)], 10)
    assert len(set(bins[:50])) == len(set(bins[50:])) == 1 and bins[0] != bins[-1]
    assert np.bincount(bins_of(np.random.default_rng(0).random(1000), 10)).tolist() == [100] * 10
    assert bins_of(np.zeros(7), 10).max() < 10


def test_the_line_of_calibration_is_that_of_a_logistic_regression(shop):
    p, happened, counts = shop
    odds = np.log(p / (1 - p))
    extreme = 1 / (1 + np.exp(-(0.4 + 1.7 * odds)))
    slopes, intercepts = calibration_line(happened, extreme, counts)
    for row, weights in enumerate(counts):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        model.fit((0.4 + 1.7 * odds)[:, None], happened, sample_weight=weights)
        assert slopes[row] == pytest.approx(model.coef_[0, 0], rel=1e-4)
        assert intercepts[row] == pytest.approx(model.intercept_[0], abs=1e-3)
    assert slopes.max() < 0.7, "too extreme predictions have a slope below 1"
    assert calibration_slope(happened, p, ONES) == pytest.approx(1, abs=0.1)
    assert calibration_intercept(happened, p / 2, ONES) > 0.5, "too low predictions have an intercept above 0"
    for spoiled in (np.zeros(4000), np.ones(4000)):
        assert np.isnan(calibration_slope(spoiled, p, ONES)).all()
    assert np.isnan(calibration_slope(happened, np.full(4000, 0.2), ONES)).all()


def test_gini_of_known_rankings():
    spend = np.r_[np.zeros(90), np.arange(1.0, 11)]
    ones = np.ones((1, 100))
    assert gini(spend, spend**2, ones) == pytest.approx(1)
    assert gini(spend, -spend, ones) < -0.9
    assert gini(spend, np.zeros(100), ones) == pytest.approx(0)
    assert np.isnan(gini(np.ones(100), spend, ones)).all()
    # everything with one customer who is ranked third: (.5 - 2.5/100) over (.5 - .5/100)
    one = np.r_[np.zeros(99), 7.0]
    assert gini(one, np.r_[np.zeros(97), 9, 8, 7], ones) == pytest.approx(0.475 / 0.495)


def test_gini_of_weights_is_gini_of_repeated_users():
    chance = np.random.default_rng(3)
    spend, predicted = chance.gamma(1, 9, 300), np.round(chance.gamma(1, 9, 300))
    counts = chance.integers(0, 3, (1, 300)).astype(float)
    twice = np.repeat(np.arange(300), counts[0].astype(int))
    expected = gini(spend[twice], predicted[twice], np.ones((1, len(twice))))
    assert gini(spend, predicted, counts) == pytest.approx(expected)


def test_concordance_counts_pairs_whose_order_is_known():
    chance = np.random.default_rng(4)
    days, seen = chance.integers(1, 30, 120).astype(float), chance.random(120) < 0.6
    predicted = np.round(days + chance.normal(scale=8, size=120))
    counts = chance.integers(0, 3, (2, 120)).astype(float)
    for row, weights in enumerate(counts):
        good = pairs = 0.0
        for one in np.flatnonzero(seen):
            for other in range(120):
                if days[other] > days[one] or (days[other] == days[one] and not seen[other]):
                    pair = weights[one] * weights[other]
                    pairs += pair
                    good += pair * (
                        (predicted[other] > predicted[one]) + (predicted[other] == predicted[one]) / 2
                    )
        assert concordance(days, seen, predicted, counts)[row] == pytest.approx(good / pairs)


def test_who_never_comes_back_counts_in_concordance():
    days = np.array([5.0, 10, 90, 90])
    seen = np.array([True, True, False, False])
    assert concordance(days, seen, days) == 1
    assert concordance(days, seen, -days) == 0
    # who ranks those who stay away as the first to come is worse than chance, though those who came are in
    # order
    backwards = np.array([3.0, 4, 1, 2])
    assert concordance(days, seen, backwards) == pytest.approx(1 / 5)
    assert np.isnan(concordance(days, np.zeros(4, dtype=bool), days)).all()


def test_errors_in_percent():
    sold, said = np.array([10.0, 20, 0]), np.array([12.0, 15, 1])
    ones = np.ones((1, 3))
    assert wape(sold, said, ones) == pytest.approx(8 / 30)
    assert rmspe(sold, said, ones) == pytest.approx(np.sqrt((0.2**2 + 0.25**2) / 2))
    assert wape(sold, said, np.array([[0.0, 2, 0]])) == pytest.approx(0.25)
    assert np.isnan(wape(np.zeros(3), said, ones)).all() and np.isnan(rmspe(np.zeros(3), said, ones)).all()


# --- calibration tables


def test_a_table_rises_and_predicts_better_than_a_wrong_score(shop):
    p, happened, _ = shop
    wrong = p**3
    table = IsotonicTable(20, lowest=0.0).fit(wrong[:2000], happened[:2000])
    assert table.table_["value"].is_monotonic_increasing and table.table_["score_lo"].is_monotonic_increasing
    assert table.table_["score_lo"].iloc[0] == 0 and len(table.table_) <= 20
    mended = table.predict(wrong[2000:])
    ones = ONES[:, 2000:]
    before, after = (
        expected_calibration_error(happened[2000:], said, ones) for said in (wrong[2000:], mended)
    )
    assert after < before / 2
    assert table.predict(np.array([-5.0, 5.0])).tolist() == table.table_["value"].iloc[[0, -1]].tolist()
    with pytest.raises(ValueError, match="without NaN"):
        table.fit(np.array([np.nan]), np.array([1.0]))


def test_calibration_by_decile_has_intervals_that_hold_the_truth(shop):
    p, happened, _ = shop
    rows = calibration_rows(happened, p, bootstrap_weights(4000, 400, seed=0))
    assert rows["decile"].tolist() == list(range(1, 11)) and rows["n_users"].sum() == 4000
    assert rows["predicted"].is_monotonic_increasing
    inside = (rows["ci_lo"] <= rows["predicted"]) & (rows["predicted"] <= rows["ci_hi"])
    assert inside.sum() >= 8
    partly = np.where(np.arange(4000) < 3000, happened, np.nan)
    assert calibration_rows(partly, p, ONES)["n_users"].sum() == 3000
    nobody = calibration_rows(np.full(3, np.nan), p[:3], ONES[:, :3])
    assert nobody.empty and nobody["observed"].dtype == np.float64
    assert isinstance(rows, pd.DataFrame)
