"""What the tables of a build must hold, worked out again by numpy from the rows of the fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.linear_rows import EXP, LOGIT, LinearModel, apply_link
from clientele.predictions import curve
from clientele.predictions.settings import CELL_BINS, HORIZONS, SPEND_HORIZONS


def newest(connection, table: str = "core.prediction_models") -> pd.DataFrame:
    """Return the rows of the newest fit."""
    rows = connection.sql(f"from {table}").df()
    return rows[rows["fit_number"] == rows["fit_number"].max()]


def linear(rows: pd.DataFrame, heads: list[str]) -> LinearModel:
    """Return the linear model of some heads."""
    names = {
        "head": "output",
        "item": "feature",
        "item_position": "feature_position",
        "value": "weight",
        "low": "clip_lo",
        "high": "clip_hi",
        "expected": "feature_mean",
    }
    own = rows[(rows["row_kind"] == "weight") & rows["head"].isin(heads)].rename(columns=names)
    return LinearModel.from_rows(own)


def cell_numbers(rows: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Return the number of each customer's cell."""
    number = np.zeros(len(frame), dtype=int)
    for column in CELL_BINS:
        cuts = rows[(rows["row_kind"] == "cut") & (rows["item"] == column)].sort_values("item_position")
        number = number * 8 + np.searchsorted(cuts["value"].to_numpy(), frame[column], side="right")
    return number


def rescored(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of core.customer_scores for the rows of core.prediction_features."""
    cards = rows[(rows["row_kind"] == "card") & (rows["item"] == "source")].set_index("head")["text"]
    cells = rows[rows["row_kind"] == "cell"]
    cells = cells.pivot(index="item_position", columns="head", values="value")
    own = cells.reindex(cell_numbers(rows, frame))
    found = pd.DataFrame({"user_sk": frame["user_sk"]})
    known, chances, raw = [], [], {}
    for horizon in HORIZONS:
        head = f"order_{horizon}d"
        source = cards.get(head, "refused")
        if source == "refused":
            continue
        model = linear(rows, [head])
        raw[horizon] = apply_link(model.score(frame)[:, 0], LOGIT)
        known.append(horizon)
        chances.append(raw[horizon] if source == "model" else own[head].to_numpy())
    chance = curve.monotone(np.column_stack(chances))
    for column, horizon in enumerate(known):
        found[f"p_order_{horizon}d"] = chance[:, column]
    for share in (10, 50, 90):
        found[f"days_to_order_p{share}"] = curve.quantile_day(chance, known, share / 100)
    parameters = rows[rows["row_kind"] == "parameter"].set_index(["head", "item"])["value"]
    for horizon in SPEND_HORIZONS:
        head = f"spend_{horizon}d"
        source = cards.get(head, "refused")
        if source == "model":
            amount = (
                apply_link(linear(rows, [head]).score(frame)[:, 0], EXP) * parameters[head, "smearing"] - 1
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
