"""Families that a customer may buy from: one pooled model against rates in cells, on shops that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clientele.learning.fields import part_of
from clientele.predictions.categories import STRANGER, USER_FEATURES, FamilyRows, PooledFamilies, cell_name
from clientele.predictions.category_fit import fit_categories
from clientele.predictions.rows import prediction_rows

ORIGINS = [30, 60, 90, 120]
FAMILIES = [1, 2, 3, 4]


def make_shop(effect: float = 2.0, n_users: int = 900, seed: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers look at some families, and buy from those they look at much."""
    rng = np.random.default_rng(seed)
    users = np.arange(1, n_users + 1) * 1_000_003
    frames, parts = [], []
    for days_back in ORIGINS:
        recency = rng.integers(1, 60, n_users)
        frame = pd.DataFrame(dict.fromkeys(USER_FEATURES, np.zeros(n_users)))
        frame["cart_recency_ln"] = rng.normal(size=n_users)
        frame["recency_ln"], frame["orders_ln"] = np.log1p(recency), np.log1p(rng.integers(0, 4, n_users))
        frame["events_30d_ln"] = np.log1p(rng.integers(0, 9, n_users))
        frame = frame.assign(
            user_sk=users,
            days_back=days_back,
            origin_date=pd.Timestamp("2020-06-01") - pd.Timedelta(days=days_back),
            n_events=rng.integers(1, 50, n_users),
            n_orders=rng.integers(0, 4, n_users),
        )
        frames.append(frame)
        for rank in FAMILIES:
            events = rng.poisson(1.0, n_users)
            logit = -2.5 - 0.02 * recency + effect * (np.log1p(events) - 0.5)
            bought = rng.random(n_users) < 1 / (1 + np.exp(-logit))
            rows = pd.DataFrame(
                {
                    "user_sk": users,
                    "days_back": days_back,
                    "family_rank": rank,
                    "family_events_ln": np.log1p(events),
                    "family_popularity_ln": -1.0 - rank / 10,
                    "is_bought": bought.astype(int),
                }
            )
            parts.append(rows[(events > 0) | bought])
            stranger = rows.head(1).assign(user_sk=STRANGER, family_events_ln=0.0, is_bought=0)
            parts.append(stranger)
    return pd.concat(frames, ignore_index=True), pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    return make_shop()


@pytest.fixture(scope="module")
def parts(shop) -> dict[str, pd.DataFrame]:
    request = {"is_due": True, "as_of_date": "2020-05-31", "n_days": 155, "heads": "category"}
    frames = {"request": pd.DataFrame([request]), "frame": shop[0], "categories": shop[1]}
    fields = prediction_rows(frames, None)
    return {
        part: part_of(fields, part) for part in ("head", "weight", "cut", "cell", "evaluation", "parameter")
    }


def source(rows: list[dict]) -> tuple[str, str]:
    (own,) = [row for row in rows if row["row_kind"] == "head"]
    return own["model"], own["text"]


def test_one_model_for_all_families_beats_their_rates_in_cells(parts):
    (head,) = parts["head"].to_dict("records")
    assert (head["head"], head["scored_by"]) == ("category", "model")
    own = parts["evaluation"]
    areas = own[(own["metric"] == "auc") & (own["origin"] == "all")].set_index(["model", "compared_with"])
    assert areas.loc[("model", "cells"), "value"] > 0.05
    assert set(parts["weight"]["output"]) == {"category"}
    # alone it brings the cut points of the cells that the order heads bring otherwise
    assert set(parts["cut"]["feature"]) == {"recency_ln", "orders_ln", "events_30d_ln"}
    assert set(parts["cell"]["output"]) == {cell_name(rank) for rank in FAMILIES}
    assert (parts["parameter"]["feature"] == "n_buyers").all() and len(parts["parameter"]) == len(FAMILIES)


def test_where_families_do_not_matter_their_rates_in_cells_score():
    frame, rows = make_shop(effect=0.0)
    assert source(fit_categories(frame, rows, 155))[0] == "cells"


def test_pairs_that_are_left_out_weigh_on_in_the_others(shop):
    """All that is expected is what came, though of the pairs without a look one in eight is learnt from."""
    frame, rows = shop
    known = FamilyRows(rows, frame)
    bought = pd.DataFrame(known.bought, columns=[cell_name(rank) for rank in FAMILIES])
    said = PooledFamilies(known).fit(frame, bought).predict(frame)
    assert said.mean() == pytest.approx(known.bought.mean(), rel=0.02)
    without = ~known.is_known
    assert said[without].mean() == pytest.approx(known.bought[without].mean(), rel=0.15)


def test_who_has_not_looked_at_a_family_is_as_its_stranger(shop):
    frame, rows = shop
    known = FamilyRows(rows, frame)
    popularity = known.features.index("family_popularity_ln")
    np.testing.assert_allclose(
        known.values[:, :, popularity], np.tile(-1.0 - np.array(FAMILIES) / 10, (len(frame), 1))
    )
    assert (known.values[~known.is_known][:, known.features.index("family_events_ln")] == 0).all()


def test_the_future_changes_no_backtest_of_an_earlier_day(shop):
    """Purchases after the newest origin move nothing that is said of it."""
    frame, rows = shop
    changed = rows.assign(is_bought=rows["is_bought"].where(rows["days_back"] != 30, 1 - rows["is_bought"]))
    own = frame[frame["days_back"] == 30]
    past = frame[frame["days_back"] >= 60].reset_index(drop=True)
    said = []
    for one in (rows, changed):
        known = FamilyRows(one, frame)
        bought = pd.DataFrame(
            known.bought[known.places(past)], columns=[cell_name(rank) for rank in FAMILIES]
        )
        said.append(PooledFamilies(known).fit(past, bought).predict(own))
    np.testing.assert_array_equal(*said)


@pytest.mark.parametrize(
    ("n_days", "families", "bought", "why"),
    [
        (89, FAMILIES, 1, "needs 90 days of history; there are 89"),
        (155, [1], 1, "one category family"),
        (155, FAMILIES, 0, "At least 100 positives"),
    ],
)
def test_what_is_lacking_is_said(shop, n_days, families, bought, why):
    frame, rows = shop
    own = rows[rows["family_rank"].isin(families)]
    own = own.assign(is_bought=own["is_bought"] * bought)
    scored_by, reason = source(fit_categories(frame, own, n_days))
    assert scored_by == "refused" and why in reason
