"""Correlations and principal components, against answers that are known without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clientele.learning.components import correlations, principal_components

CHANCE = np.random.default_rng(0)
BASE = CHANCE.normal(size=(4000, 3))
# the second follows the first, the third goes against it, the fourth is alone, the last says nothing
FEATURES = pd.DataFrame(
    {
        "first": BASE[:, 0],
        "second": 0.8 * BASE[:, 0] + 0.6 * BASE[:, 1],
        "against": -BASE[:, 0],
        "alone": BASE[:, 2],
        "constant": 1.0,
    }
)


def test_pairs_have_the_correlation_that_they_were_made_with():
    pairs = correlations(FEATURES).set_index(["feature", "other_feature"]).correlation
    assert len(pairs) == 6, "what has no spread has no correlation"
    assert pairs["first", "second"] == pytest.approx(0.8, abs=0.03)
    assert pairs["first", "against"] == -1
    assert abs(pairs["first", "alone"]) < 0.05


def test_components_explain_all_and_the_first_has_what_goes_together():
    found = principal_components(FEATURES)
    shares = found.groupby("component").explained_share.first()
    assert shares.sum() == pytest.approx(1, abs=1e-5) and shares.is_monotonic_decreasing
    first = found[found.component == 1].set_index("feature").loading
    assert first.abs().max() == first.max() > 0.9, "the largest loading is plus"
    assert first["first"] * first["against"] < 0 < first["first"] * first["second"]
    assert abs(first["alone"]) < 0.1
    for _, loadings in found.groupby("component"):
        variance = loadings.explained_share.iloc[0] * 4
        assert (loadings.loading**2).sum() == pytest.approx(variance, abs=1e-4)


def test_the_order_of_customers_changes_nothing():
    turned = FEATURES.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(correlations(FEATURES), correlations(turned))
    pd.testing.assert_frame_equal(principal_components(FEATURES), principal_components(turned))


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_customers_have_no_components(n):
    assert principal_components(FEATURES.iloc[:n]).empty
