"""Groups of items: planted ones are found, chance is none, and ids and names stay."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from support import some

from clientele.items.groups import (
    MIN_ITEMS,
    ItemGroups,
    choose,
    gower_tree,
    null_bar,
    r_squared_later,
    refusal,
)
from clientele.items.naming import names
from clientele.items.rows import item_fit_rows
from clientele.learning.fields import part_of

FEATURES = ["customers_ln", "purchase_logit", "price_ln", "repeat_logit"]
CENTRES = np.array([[0, 0, 3, 0], [0, 2, 0, 2], [3, 0, 0, -2], [-2, -2, -2, 0]])
DICTIONARY = pd.DataFrame(
    [
        [name, direction, f"{direction} {name}", f"{name} {direction} (fr)"]
        for name in FEATURES
        for direction in ("high", "low")
    ],
    columns=["feature", "direction", "phrase_en", "phrase_fr"],
)


def planted(
    n_items: int = 200, seed: int = 3, spread: float = 0.7
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return numbers and words of items of four groups, and the groups."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=n_items)
    numbers = pd.DataFrame(CENTRES[truth] + rng.normal(0, spread, (n_items, 4)), columns=FEATURES)
    family = np.where(rng.random(n_items) < 0.8, truth, rng.integers(4, size=n_items))
    words = pd.DataFrame({"main_family": [f"family_{one}" for one in family], "price_tier": "middle"})
    return numbers, words, truth


@pytest.mark.parametrize("seed", some([3, 4, 5], 1))
def test_planted_groups_are_found(seed):
    numbers, words, truth = planted(seed=seed)
    tried = choose(numbers, words, max_groups=6)
    assert tried.loc[tried["is_chosen"], "n_groups"].tolist() == [4]
    assert adjusted_rand_score(truth, ItemGroups(4).fit(numbers, words).labels_) >= 0.8


def test_items_of_one_kind_have_no_groups():
    rng = np.random.default_rng(1)
    numbers = pd.DataFrame(rng.normal(size=(200, 5)), columns=list("abcde"))
    words = pd.DataFrame({"main_family": rng.choice(["x", "y"], 200)})
    assert not choose(numbers, words, max_groups=5)["is_chosen"].any()


def test_planted_groups_are_more_stable_than_a_table_without_any():
    numbers, words, _ = planted()
    tried = choose(numbers, words, max_groups=4)
    assert tried["half_ari"].iloc[-1] > null_bar(numbers, 4, n_draws=3)


def test_a_number_that_nearly_all_share_makes_no_group():
    numbers, words, _ = planted()
    alone = numbers.assign(rare=np.where(np.arange(200) < 8, 50.0, 0.0))
    model = ItemGroups(4).fit(alone, words)
    assert model.kept_ == FEATURES
    np.testing.assert_array_equal(model.labels_, ItemGroups(4).fit(numbers, words).labels_)


def test_the_order_of_items_and_extremes_move_nothing():
    numbers, words, _ = planted()
    labels = ItemGroups(4).fit(numbers, words).labels_
    order = np.random.default_rng(0).permutation(200)
    mixed = ItemGroups(4).fit(numbers.iloc[order], words.iloc[order]).labels_
    assert adjusted_rand_score(labels[order], mixed) == 1
    extreme = numbers.copy()
    extreme.loc[0, "price_ln"] = 1e9
    moved = ItemGroups(4).fit(extreme, words).labels_
    assert adjusted_rand_score(labels[1:], moved[1:]) > 0.95


def test_the_comparator_takes_words_and_numbers():
    numbers, words, truth = planted(spread=0.3)
    assert adjusted_rand_score(truth, gower_tree(numbers, words, 4)) > 0.5


def test_what_groups_tell_of_later_numbers():
    later = pd.DataFrame({"told": [1.0, 1.0, 3.0, 3.0], "not": [1.0, 2.0, 1.0, 2.0]})
    assert r_squared_later(np.array([0, 0, 1, 1]), later) == 0.5


def test_too_few_items_are_refused_with_their_number():
    assert not refusal(MIN_ITEMS, "brands") and str(MIN_ITEMS - 1) in refusal(MIN_ITEMS - 1, "brands")


def test_names_say_what_stands_out_and_are_there_once():
    alike = pd.DataFrame(
        [
            (group, name, 1 + place, 2.0 if name == "price_ln" else 0.1)
            for group in (1, 2)
            for place, name in enumerate(FEATURES)
        ],
        columns=["group_id", "feature", "feature_position", "robust_z"],
    )
    assert names(alike, DICTIONARY)["group_name"].tolist() == ["High price_ln", "High price_ln (2)"]
    earlier = pd.DataFrame({"group_id": [2], "group_name": ["Old"], "group_name_fr": ["Vieux"]})
    assert names(alike, DICTIONARY, earlier)["group_name"].tolist() == ["High price_ln", "Old"]


def frames_of(numbers: pd.DataFrame, words: pd.DataFrame, items: list[str]) -> dict[str, pd.DataFrame]:
    """Return what the Python model reads: the numbers are the same in each period, but for some chance."""
    rng = np.random.default_rng(8)
    own = pd.concat([numbers, words], axis=1).assign(item=items, item_kind="brand", n_customers=100)
    chance = {period: rng.normal(0, 0.1, numbers.shape) for period in ("early", "late")} | {"all": 0}
    features = pd.concat(
        [own.assign(period=period, **(numbers + chance[period])) for period in chance], ignore_index=True
    )
    request = pd.DataFrame(
        {"is_due": [True], "as_of_date": ["2020-02-29"], "items": ["on"], "imputation": ["off"]}
    )
    return {"request": request, "features": features, "words": DICTIONARY}


def test_ids_and_names_of_groups_stay_from_fit_to_fit():
    numbers, words, truth = planted()
    items = [f"brand_{place:03}" for place in range(200)]
    first = item_fit_rows(frames_of(numbers, words, items), None)
    moved = numbers + np.random.default_rng(2).normal(0, 0.1, numbers.shape)
    order = np.random.default_rng(1).permutation(200)[:190]
    shuffled = [table.iloc[order].reset_index(drop=True) for table in (moved, words)]
    second = item_fit_rows(frames_of(*shuffled, [items[place] for place in order]), first)
    one, two = (part_of(fields, "label").set_index("item")["group_id"] for fields in (first, second))
    assert adjusted_rand_score(truth, one.loc[items]) >= 0.8
    assert (one.loc[two.index] == two).mean() > 0.95
    before, after = (part_of(fields, "group").set_index("group_id") for fields in (first, second))
    assert set(before["change"]) == {"new"} and set(after["change"]) == {"kept"}
    assert before["group_name"].to_dict() == after["group_name"].to_dict()
    assert second["fit_number"].unique().tolist() == [2]
    heads = part_of(second, "head").set_index("subject")
    assert heads.loc["brand groups", "scored_by"] == "groups"
    assert (
        heads.loc["category groups", "scored_by"] == "refused"
        and "there are 0" in heads.loc["category groups", "reason"]
    )


def test_chance_gets_a_reason_and_no_groups():
    numbers, words, _ = planted()
    rng = np.random.default_rng(4)
    numbers = pd.DataFrame(rng.normal(size=numbers.shape), columns=FEATURES)
    words = words.assign(main_family=rng.choice(["x", "y"], 200))
    fields = item_fit_rows(frames_of(numbers, words, [str(place) for place in range(200)]), None)
    assert part_of(fields, "label").empty
    assert "No number of groups is found again" in part_of(fields, "head")["reason"].iloc[0]


@pytest.mark.skipif("CLIENTELE_REAL_DATA" not in os.environ, reason="needs CLIENTELE_REAL_DATA")
def test_groups_of_real_stores_tell_of_the_next_year():
    from measure_items import measure_stores

    found = measure_stores(Path(os.environ["CLIENTELE_REAL_DATA"]))
    assert found["r_squared_next_year"] >= 0.40 > found["gower_r_squared"]
    assert found["half_ari"] >= 0.55 and found["min_share"] >= 0.03
