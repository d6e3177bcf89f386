"""Null tests: data without groups pass one time in twenty, data with groups pass."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from clientele.learning.nulls import NullTest, compare_with_null, gaussian_like, shuffled_like


def correlated(n=400, seed=0):
    """One long axis, no groups."""
    return (
        np.random.default_rng(seed).normal(size=(n, 3))
        * [5.0, 1, 0]
        @ np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    )


def tightness(values: np.ndarray) -> float:
    """Share of the variance that two groups explain."""
    return (
        1 - KMeans(2, n_init=2, random_state=0).fit(values).inertia_ / ((values - values.mean(0)) ** 2).sum()
    )


def test_a_gaussian_has_the_sample_s_mean_and_covariance():
    values = correlated() + 7
    drawn = gaussian_like(values, seed=1, n_rows=50_000)
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(values.T), atol=0.6)
    assert drawn[:, 2].std() < 1e-6, "a feature that does not vary does not either"
    assert not np.array_equal(gaussian_like(values, seed=1), gaussian_like(values, seed=2))
    np.testing.assert_array_equal(gaussian_like(values, seed=1), gaussian_like(values, seed=1))


def test_a_shuffle_keeps_each_feature_and_breaks_what_binds_them():
    values = correlated()
    shuffled = shuffled_like(values, seed=0)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(values, axis=0))
    assert abs(np.corrcoef(values[:, 0], values[:, 1])[0, 1]) > 0.8
    assert abs(np.corrcoef(shuffled[:, 0], shuffled[:, 1])[0, 1]) < 0.15


def test_one_long_axis_is_no_group_and_two_groups_are():
    values = correlated()
    assert compare_with_null(values, tightness, seed=3).p_value > 0.05
    grouped = values + np.where(np.arange(400) % 2, 60, 0)[:, None]
    found = compare_with_null(grouped, tightness, seed=3)
    assert found.is_passed and found.p_value == pytest.approx(1 / 20)
    # Against a shuffle the long axis alone looks like structure: too easy a null.
    assert compare_with_null(values, tightness, seed=3, kind="shuffled").is_passed


def test_about_one_in_twenty_passes_by_chance():
    passed = sum(
        compare_with_null(
            correlated(60, seed), lambda x: float(x[:, 0].max() / x[:, 0].std()), seed=seed
        ).is_passed
        for seed in range(200)
    )
    assert 2 <= passed <= 22


def test_draws_that_give_nothing_are_left_out():
    some = NullTest(2.0, np.array([1.0, np.nan, 3.0]))
    assert some.p_value == pytest.approx(2 / 3) and some.bar == 3.0 and not some.is_passed
    nothing = NullTest(2.0, np.full(3, np.nan))
    assert nothing.p_value == 1 and not nothing.is_passed, "without a draw nothing is shown"


def test_a_value_that_is_known_is_not_computed_again():
    calls = []
    found = compare_with_null(np.eye(3), lambda x: calls.append(x) or 0.0, n_draws=4, value=1.0)
    assert len(calls) == 4 and found.value == 1 and found.is_passed
    with pytest.raises(ValueError, match="'uniform' is neither"):
        compare_with_null(np.eye(3), lambda x: 0.0, kind="uniform")
