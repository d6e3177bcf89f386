"""Families from company: the right one is found, draws say how sure that is, nothing hidden is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import some

from clientele.items.coviews import Coviews, combined, drawn, draws_of, masked_trial, refusal
from clientele.items.rows import item_fit_rows
from clientele.learning.fields import part_of

N_FAMILIES = 6


def planted(n_visits: int = 6000, faithful: float = 0.75, seed: int = 5) -> tuple[pd.DataFrame, pd.Series]:
    """Visits of some products each, of one family for the most part; 240 products of six families."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(N_FAMILIES), [80, 60, 40, 30, 20, 10])
    popular = rng.gamma(0.6, 1.0, len(family)) + 0.05
    rows = []
    for visit in range(n_visits):
        own = rng.choice(N_FAMILIES, p=np.array([80, 60, 40, 30, 20, 10]) / 240)
        size = 1 + rng.poisson(2)
        of_own = popular * np.where(family == own, 1, 0)
        chance = faithful * of_own / of_own.sum() + (1 - faithful) * popular / popular.sum()
        rows += [(visit, product) for product in set(rng.choice(len(family), size=size, p=chance))]
    seen = pd.DataFrame(rows, columns=["visit", "product_id"])
    names = [f"family_{one}" for one in family]
    return seen, pd.Series(names, index=pd.RangeIndex(len(family), name="product_id"))


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, pd.Series]:
    return planted()


def test_counts_are_pairs_with_other_products():
    seen = pd.DataFrame([(1, 10), (1, 11), (1, 12), (2, 10), (2, 11)], columns=["visit", "product_id"])
    coviews = Coviews(seen, pd.Series(["a", "b", "b"], index=[10, 11, 12]))
    assert coviews.counts(np.array([True, True, True])).tolist() == [[0, 3], [2, 1], [1, 1]]
    # a hidden family is nobody's company
    assert coviews.counts(np.array([True, False, True])).tolist() == [[0, 1], [2, 1], [1, 0]]


@pytest.mark.parametrize("seed", some([5, 6, 7], 1))
def test_hidden_families_are_found_and_their_intervals_hold(seed):
    found = masked_trial(Coviews(*planted(seed=seed)), n_repeats=10)
    assert found["right_share"] >= 0.85 and found["coverage_95"] >= 0.85
    assert found["right_share"] > found["right_share_largest"] + 0.3


def test_rows_in_another_order_say_the_same():
    """Forty brands are as frequent as each other, and thirty are learnt: which, is no matter of chance."""
    seen, families = planted(n_visits=1500)
    company = seen.assign(category_family=seen["product_id"].map(families), brand=None)
    company["brand"] = [f"brand_{product % 40}" for product in company["product_id"]]
    request = {"is_due": True, "items": "off", "imputation": "on", "as_of_date": "2020-01-31"}
    frames = {"request": pd.DataFrame([request]), "company": company}
    found = item_fit_rows(frames, None)
    other = item_fit_rows(frames | {"company": company.sample(frac=1, random_state=1)}, None)
    assert set(part_of(found, "head")["subject"]) == {"category_family imputation", "brand imputation"}
    pd.testing.assert_frame_equal(found, other)


def test_the_family_of_a_hidden_product_is_not_looked_at(shop):
    seen, families = shop
    known = np.arange(len(families)) % 3 > 0
    changed = families.where(known, "family_0")
    for one, other in zip(
        draws_of(Coviews(seen, families), known, 2), draws_of(Coviews(seen, changed), known, 2), strict=True
    ):
        np.testing.assert_array_equal(one.weights_, other.weights_)
        np.testing.assert_array_equal(one.intercepts_, other.intercepts_)


def test_without_company_the_share_of_products_is_all_that_is_known(shop):
    coviews = Coviews(*shop)
    model = draws_of(coviews, np.ones(len(coviews.codes), dtype=bool), 1)[0]
    chance = model.predict_proba(np.zeros((1, N_FAMILIES)))[0]
    np.testing.assert_allclose(chance, np.bincount(coviews.codes) / len(coviews.codes), atol=0.01)


def test_draws_follow_their_chances():
    uniform = (np.arange(1000) + 0.5) / 1000
    codes = drawn(np.tile([0.2, 0.0, 0.8], (1000, 1)), uniform)
    assert np.bincount(codes, minlength=3).tolist() == [200, 0, 800]


def test_more_spread_between_draws_is_a_wider_interval():
    narrow, wide = (combined(np.array([[5.0 - step], [5.0 + step]] * 5)) for step in (0.1, 1.0))
    assert wide[0] == narrow[0] == 5
    assert wide[2] - wide[1] == pytest.approx(10 * (narrow[2] - narrow[1]))


def test_what_is_missing_is_said():
    assert refusal(49, 3, "brand").endswith("there are 49.") and "one brand" in refusal(50, 1, "brand")
    assert not refusal(50, 2, "brand")


def test_a_fit_imputes_what_company_tells_and_refuses_the_rest(shop):
    seen, families = shop
    company = seen.assign(category_family=seen["product_id"].map(families))
    # brands that have nothing to do with what is seen together
    company["brand"] = (company["product_id"] * 7919 % 23).astype(str)
    request = pd.DataFrame(
        {"is_due": [True], "as_of_date": ["2020-02-29"], "items": ["off"], "imputation": ["on"]}
    )
    fields = item_fit_rows({"request": request, "company": company}, None)
    heads = part_of(fields, "head").set_index("subject")
    assert heads.loc["category_family imputation", "scored_by"] == "model"
    assert heads.loc["brand imputation", "scored_by"] == "refused"
    rows = part_of(fields, "family_draw")
    assert len(rows) == 11 * N_FAMILIES and set(rows["attribute"]) == {"category_family"}
    assert rows["draw"].nunique() == 11


@pytest.mark.skipif("CLIENTELE_REAL_DATA" not in os.environ, reason="needs CLIENTELE_REAL_DATA")
def test_hidden_families_of_a_real_store_are_found():
    from measure_items import measure_store

    assert measure_store(Path(os.environ["CLIENTELE_REAL_DATA"]))["right_share"] >= 0.85
