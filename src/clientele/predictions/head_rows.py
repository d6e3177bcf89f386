"""What is known of a head, as rows that `clientele.predictions.rows.parts_of` sorts into parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.gate import Verdict
from clientele.learning.linear_rows import LinearModel, round_significant
from clientele.predictions import judge
from clientele.predictions.settings import CELL_BASE, MODEL

Row = dict[str, object]


def weight_rows(model: LinearModel) -> list[Row]:
    """Return the rows of a linear model."""
    names = {
        "output": "head",
        "feature": "item",
        "feature_position": "item_position",
        "weight": "value",
        "clip_lo": "low",
        "clip_hi": "high",
        "feature_mean": "expected",
    }
    return model.to_rows().rename(columns=names).assign(row_kind="weight").to_dict("records")


def cell_rows(cells, names: list[str], with_cuts: bool = True, scale: float = 1.0) -> list[Row]:
    """Return the cells of a heuristic: the cut points along each column, and the rate of each cell and head.

    A cell's number has a digit for its place along each column, so that SQL need not know how many there are.
    """
    (_, added), (grid,) = cells._levels[0], cells.levels
    rows: list[Row] = []
    for column, cuts in zip(grid.columns, grid.cuts_, strict=True):
        if with_cuts:
            rows += [
                {"row_kind": "cut", "item": column, "item_position": place, "value": float(cut)}
                for place, cut in enumerate(cuts, start=1)
            ]
    sizes = [len(cuts) + 1 for cuts in grid.cuts_]
    for places in np.ndindex(*sizes):
        code, number = 0, 0
        for place, size in zip(places, sizes, strict=True):
            code, number = code * size + place, number * CELL_BASE + place
        known = added[code] if code < len(added) - 1 else added[-1]
        rates = cells.mean_ + known
        if cells.shrinkage == "estimated":
            rates = np.clip(rates, *cells._range)
        rows += [
            {"row_kind": "cell", "head": name, "item": "cells", "item_position": number, "value": float(rate)}
            for name, rate in zip(names, round_significant(rates * scale), strict=True)
        ]
    return rows


def evaluation_rows(head: str, evaluated: pd.DataFrame) -> list[Row]:
    """Return the figures of a backtest as rows."""
    names = {"metric": "item", "ci_lo": "low", "ci_hi": "high"}
    kept = evaluated[evaluated["fold"] == 0].rename(columns=names).drop(columns="fold")
    return kept.assign(row_kind="evaluation", head=head).to_dict("records")


def gate_rows(head: str, verdict: Verdict) -> list[Row]:
    """Return the criteria of a verdict as rows; text says whether each is met."""
    return [
        {
            "row_kind": "gate",
            "head": head,
            "item": row.criterion,
            "item_position": place,
            "compared_with": row.compared_with,
            "expected": row.bar,
            "value": row.value,
            "low": row.ci_lo,
            "high": row.ci_hi,
            "text": "not measured" if pd.isna(row.is_met) else "met" if row.is_met else "missed",
        }
        for place, row in enumerate(verdict.criteria.itertuples(), start=1)
    ]


def calibrations(head: str, tested: pd.DataFrame, source: str) -> list[Row]:
    """Return deciles of what scores beside what came."""
    found = judge.calibration_of(tested, source)
    return [
        {
            "row_kind": "calibration",
            "head": head,
            "model": source,
            "item": "decile",
            "item_position": int(row.decile),
            "expected": row.predicted,
            "value": row.observed,
            "low": row.ci_lo,
            "high": row.ci_hi,
            "n_users": row.n_users,
        }
        for row in found.itertuples()
    ]


def figure_rows(head: str, figures: dict[str, float]) -> list[Row]:
    """Return figures of a head's model over all origins, with ``n_users`` among them, as rows."""
    n_users = int(figures.get("n_users", 0))
    return [
        {
            "row_kind": "evaluation",
            "head": head,
            "model": MODEL,
            "item": name,
            "origin": "all",
            "value": value,
            "n_users": n_users,
        }
        for name, value in figures.items()
        if name != "n_users"
    ]


def source_rows(head: str, source: str, reason: str) -> list[Row]:
    """Say what scores a head, and why: the row of the head, and the verdict among the criteria."""
    return [
        {"row_kind": "head", "head": head, "model": source, "text": reason},
        {"row_kind": "gate", "head": head, "item": "verdict", "text": source, "why": reason},
    ]


def card_row(item: str, value: float) -> Row:
    """Return a field of the fit's card."""
    return {"row_kind": "card", "item": item, "value": value}


def parameter_row(head: str, item: str, value: float, low: float = np.nan, high: float = np.nan) -> Row:
    """Return a number that SQL reads by its name."""
    return {"row_kind": "parameter", "head": head, "item": item, "value": value, "low": low, "high": high}
