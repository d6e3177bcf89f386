"""Samples and folds that depend on keys and a seed alone, and weights that are a bootstrap."""

import numpy as np
import pytest

from clientele.learning.resampling import (
    bootstrap_weights,
    half_samples,
    hash_sample,
    origin_weights,
    salted_hashes,
    stratified_folds,
)

KEYS = np.arange(3000) * 7919 + 5
ACTIVITY = np.random.default_rng(0).integers(1, 200, len(KEYS))
BOUGHT = np.random.default_rng(1).random(len(KEYS)) < 0.1


def test_a_sample_of_a_growing_shop_keeps_its_users():
    before, after = KEYS[:2000], KEYS
    small, large = before[hash_sample(before, 300, 4)], after[hash_sample(after, 450, 4)]
    # The smaller sample is all users of before up to a hash, and most of them are in the larger one.
    highest = salted_hashes(small, 4).max()
    assert set(before[salted_hashes(before, 4) <= highest]) == set(small)
    assert len(set(small) & set(large)) > 250


def test_a_seed_is_another_sample_and_the_order_of_keys_is_none():
    shuffled = np.random.default_rng(2).permutation(KEYS)
    assert set(shuffled[hash_sample(shuffled, 100, 0)]) == set(KEYS[hash_sample(KEYS, 100, 0)])
    assert set(KEYS[hash_sample(KEYS, 100, 0)]) != set(KEYS[hash_sample(KEYS, 100, 1)])
    assert hash_sample(KEYS[:7], 100, 0).tolist() == list(range(7))


def test_folds_are_alike_in_activity_and_buyers():
    folds = stratified_folds(KEYS, ACTIVITY, BOUGHT, 5, seed=3)
    assert sorted(set(folds)) == [1, 2, 3, 4, 5]
    sizes = np.bincount(folds)[1:]
    assert np.ptp(sizes) <= 20, "each of the 20 strata may leave one user over"
    assert np.ptp(np.bincount(folds, weights=BOUGHT)[1:]) <= 10
    means = np.bincount(folds, weights=ACTIVITY)[1:] / sizes
    assert np.ptp(means) < 0.1 * ACTIVITY.mean()


def test_the_logarithm_of_activity_gives_the_same_folds_and_a_seed_others():
    folds = stratified_folds(KEYS, ACTIVITY, BOUGHT, 5, seed=3)
    np.testing.assert_array_equal(folds, stratified_folds(KEYS, np.log(ACTIVITY), BOUGHT, 5, seed=3))
    assert (folds != stratified_folds(KEYS, ACTIVITY, BOUGHT, 5, seed=4)).mean() > 0.5


def test_a_user_in_two_rows_is_refused():
    with pytest.raises(ValueError, match="a key is there twice"):
        stratified_folds(np.array([1, 1]), np.ones(2), np.ones(2), 2, seed=0)


def test_halves_share_nobody_and_miss_nobody():
    found = list(half_samples(11, 3, seed=0))
    assert [(len(first), len(second)) for first, second in found] == [(5, 6)] * 3
    for halves in found:
        np.testing.assert_array_equal(np.sort(np.concatenate(halves)), np.arange(11))
    assert not np.array_equal(found[0][0], found[1][0])


def test_a_bootstrap_has_the_standard_error_of_the_mean():
    values = np.random.default_rng(5).normal(size=400)
    weights = bootstrap_weights(400, 2000, seed=0)
    means = (weights @ values) / weights.sum(axis=1)
    assert means[0] == pytest.approx(values.mean())
    assert means[1:].std() == pytest.approx(values.std() / 20, rel=0.1)


def test_months_are_drawn_with_replacement():
    weights = origin_weights(4, 5000, seed=0)
    assert (weights[0] == 1).all() and (weights.sum(axis=1) == 4).all()
    # (1 - 1/4)^4 of the draws miss a month
    assert (weights[1:, 0] == 0).mean() == pytest.approx(0.75**4, abs=0.02)
    assert (origin_weights(1, 10, seed=0) == 1).all(), "one month has no other to be drawn"
