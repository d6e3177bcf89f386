"""What the tables of a build must hold, worked out again by numpy from the rows of the fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.linear_rows import EXP, LOGIT, LinearModel, apply_link
from clientele.predictions import curve
from clientele.predictions.settings import CELL_BINS, HORIZONS, SPEND_HORIZONS


def linear(weights: pd.DataFrame, heads: list[str]) -> LinearModel:
    """Return the linear model of some heads, from rows of core.prediction_weights."""
    return LinearModel.from_rows(weights[(weights["row_kind"] == "weight") & weights["output"].isin(heads)])


def cell_numbers(weights: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Return the number of each customer's cell."""
    number = np.zeros(len(frame), dtype=int)
    for column in CELL_BINS:
        cuts = weights[(weights["row_kind"] == "cut") & (weights["feature"] == column)]
        number = number * 8 + np.searchsorted(np.sort(cuts["weight"]), frame[column], side="right")
    return number


def rescored(heads: pd.DataFrame, weights: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return columns of core.customer_scores for rows of core.prediction_features.

    `heads` and `weights` have the columns of core.prediction_heads and core.prediction_weights.
    """
    cards = heads.set_index("head")["scored_by"]
    cells = weights[weights["row_kind"] == "cell"]
    cells = cells.pivot(index="feature_position", columns="output", values="weight")
    own = cells.reindex(cell_numbers(weights, frame))
    found = pd.DataFrame({"user_sk": frame["user_sk"]})
    known, chances, raw = [], [], {}
    for horizon in HORIZONS:
        head = f"order_{horizon}d"
        source = cards.get(head, "refused")
        if source == "refused":
            continue
        model = linear(weights, [head])
        raw[horizon] = apply_link(model.score(frame)[:, 0], LOGIT)
        known.append(horizon)
        chances.append(raw[horizon] if source == "model" else own[head].to_numpy())
    chance = curve.monotone(np.column_stack(chances))
    for column, horizon in enumerate(known):
        found[f"p_order_{horizon}d"] = chance[:, column]
    for share in (10, 50, 90):
        found[f"days_to_order_p{share}"] = curve.quantile_day(chance, known, share / 100)
    parameters = weights[weights["row_kind"] == "parameter"]
    parameters = parameters.set_index(["output", "feature"])["weight"]
    for horizon in SPEND_HORIZONS:
        head = f"spend_{horizon}d"
        source = cards.get(head, "refused")
        if source == "model":
            amount = (
                apply_link(linear(weights, [head]).score(frame)[:, 0], EXP) * parameters[head, "smearing"] - 1
            )
            found[f"expected_spend_{horizon}d"] = raw[horizon] * np.maximum(amount, 0)
        elif source == "cells":
            usual = np.expm1(frame["order_value_ln"]) * frame["n_orders"] + parameters[head, "order_value"]
            found[f"expected_spend_{horizon}d"] = own[head].to_numpy() * usual / (frame["n_orders"] + 1)
        elif source == "last_spend":
            found[f"expected_spend_{horizon}d"] = (
                frame[f"revenue_{horizon}d"] * parameters[head, "last_spend_factor"]
            )
    return found


def scored_families(
    history: pd.DataFrame, users: pd.DataFrame, ranks: list[int], model: LinearModel
) -> pd.DataFrame:
    """Return the chance of every customer and family, from rows of core.family_features."""
    late = (history["origin_date"] - history["last_purchase_date"]).dt.days <= 30
    buyers = history[late & (history["family_rank"] > 0)].groupby("family_rank").size()
    seen = history.loc[history["family_rank"] > 0, "family_rank"].unique()
    buyers = buyers.reindex(seen, fill_value=0)
    popularity = np.log((buyers + 0.5) / (buyers.sum() + 1))
    events = history.groupby("user_sk")["n_events"].sum()
    pairs = users.merge(pd.DataFrame({"family_rank": ranks}), how="cross", suffixes=("", "_"))
    own = history.rename(columns={"n_events": "n", "n_events_30d": "n_30d"})
    pairs = pairs.merge(own, on=["user_sk", "family_rank"], how="left")
    for column, name in (
        ("n", "events"),
        ("n_30d", "events_30d"),
        ("n_carts", "carts"),
        ("n_purchases", "purchases"),
    ):
        pairs[f"family_{name}_ln"] = np.log1p(pairs[column].fillna(0))
    for column, name in (("last_date", "recency"), ("last_purchase_date", "order_recency")):
        days = (pairs["origin_date"] - pairs[column]).dt.days
        pairs[f"family_{name}_ln"] = np.log1p(days.fillna(400))
    pairs["family_share"] = (pairs["n"] / pairs["user_sk"].map(events)).fillna(0)
    pairs["family_price"] = (pairs["sum_price_z"] / (pairs["n"] + 5)).fillna(0)
    pairs["family_popularity_ln"] = pairs["family_rank"].map(popularity).fillna(-9.0)
    pairs["chance"] = apply_link(model.score(pairs)[:, 0], LOGIT)
    return pairs[["user_sk", "family_rank", "chance"]]


def scoring_tables(parts: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the parts of a fit as rows of core.prediction_heads and core.prediction_weights."""
    kinds = ("weight", "cut", "cell", "parameter")
    return parts["head"], pd.concat([parts[kind].assign(row_kind=kind) for kind in kinds])
