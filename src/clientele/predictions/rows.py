"""Fits of the heads about customers and sessions as the rows of their parts: what dbt Python models call."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clientele.learning.fields import digest_of, next_number, to_fields, with_settings
from clientele.predictions.settings import CELL_BINS

# The fields of each part, by their names in the rows of `clientele.predictions.fit`.
PARTS = {
    "head": {"head": "head", "model": "scored_by", "text": "reason"},
    "weight": {
        "head": "output",
        "item": "feature",
        "item_position": "feature_position",
        "piece": "piece",
        "value": "weight",
        "low": "clip_lo",
        "high": "clip_hi",
        "expected": "feature_mean",
    },
    "cut": {"item": "feature", "item_position": "feature_position", "value": "weight"},
    "cell": {"head": "output", "item_position": "feature_position", "value": "weight"},
    "parameter": {
        "head": "output",
        "item": "feature",
        "value": "weight",
        "low": "clip_lo",
        "high": "clip_hi",
    },
    "evaluation": {
        "head": "head",
        "model": "model",
        "compared_with": "compared_with",
        "origin": "origin",
        "item": "metric",
        "value": "value",
        "low": "ci_lo",
        "high": "ci_hi",
        "n_users": "n_users",
    },
    "gate": {
        "head": "head",
        "item": "criterion",
        "compared_with": "compared_with",
        "expected": "bar",
        "value": "value",
        "low": "ci_lo",
        "high": "ci_hi",
        "text": "outcome",
        "why": "reason",
    },
    "calibration": {
        "head": "head",
        "model": "model",
        "item_position": "decile",
        "expected": "predicted",
        "value": "observed",
        "low": "ci_lo",
        "high": "ci_hi",
        "n_users": "n_users",
    },
}
SCORES = ("weight", "cut", "cell", "parameter", "head")


def prediction_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Fit the heads if that is due, judge them against their heuristics, and return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request``, ``frame``, ``categories`` and ``rebuys``: the dbt models prediction_request,
        prediction_frame, category_frame and rebuy_frame.
    earlier : DataFrame or None
        The rows of ``prediction_fit_fields`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when no fit is due. Parts: ``card`` (heads asked
        for, and the days of history from which on another one is possible), ``head`` (what scores it, and
        why), ``weight``, ``cut`` and ``cell`` (the heuristic), ``parameter``, ``evaluation``, ``gate`` and
        ``calibration``.

    Examples
    --------
    >>> request = pd.DataFrame({"is_due": [False], "as_of_date": ["2020-01-31"]})
    >>> len(prediction_rows({"request": request}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return to_fields({})
    # scikit-learn takes a second; most builds fit nothing
    from clientele.predictions.category_fit import fit_categories
    from clientele.predictions.fit import fit_orders
    from clientele.predictions.rebuys import fit_rebuys

    heads = str(request["heads"])
    asked, n_days = wanted(heads), int(request["n_days"])
    rows = fit_orders(frames["frame"], n_days, asked)
    if "rebuy" in asked:
        rows += fit_rebuys(frames["rebuys"], n_days)
    if "category" in asked:
        has_cuts = any(row["row_kind"] == "cut" and row["item"] in CELL_BINS for row in rows)
        rows += fit_categories(frames["frame"], frames["categories"], n_days, with_cuts=not has_cuts)
    parts = parts_of(rows)
    parts["card"] = parts["card"].assign(heads=heads)
    return versioned(parts, request, earlier)


def session_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Fit the model of sessions if that is due, judge it against its heuristic, and return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request`` and ``frame``: the dbt models session_request and session_frame.
    earlier : DataFrame or None
        The rows of ``session_fit_fields`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when no fit is due.

    Examples
    --------
    >>> request = pd.DataFrame({"is_due": [False], "as_of_date": ["2020-01-31"]})
    >>> len(session_rows({"request": request}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return to_fields({})
    # scikit-learn takes a second; most builds fit nothing
    from clientele.predictions.head_rows import card_row
    from clientele.predictions.sessions import fit_sessions

    frame = frames["frame"]
    parts = parts_of([card_row("n_rows", float(len(frame))), *fit_sessions(frame, int(request["n_days"]))])
    return versioned(parts, request, earlier)


def versioned(
    parts: Mapping[str, pd.DataFrame], request: pd.Series, earlier: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the parts of a fit as fields, under the next number and a version of the day and what scores."""
    scores = digest_of(parts[part] for part in SCORES)
    parts = {**parts, "card": with_settings(parts["card"], request)}
    version = f"{pd.Timestamp(request['as_of_date']):%Y%m%d}-{scores[:8]}"
    return to_fields(parts, next_number(earlier), version)


def parts_of(rows: list[dict[str, object]]) -> dict[str, pd.DataFrame]:
    """Sort rows of `clientele.predictions.fit` into the parts of a fit.

    Examples
    --------
    >>> parts = parts_of([{"row_kind": "cut", "item": "recency_ln", "item_position": 1, "value": 0.5}])
    >>> parts["cut"].to_dict("records")
    [{'feature': 'recency_ln', 'feature_position': 1, 'weight': 0.5}]
    """
    kinds = [row["row_kind"] for row in rows]
    found = {"card": pd.DataFrame([{row["item"]: row["value"] for row in rows if row["row_kind"] == "card"}])}
    for part, fields in PARTS.items():
        own = [
            {name: row[field] for field, name in fields.items() if field in row}
            for row, kind in zip(rows, kinds, strict=True)
            if kind == part
        ]
        found[part] = pd.DataFrame(own)
    return found


def wanted(heads: str) -> set[str]:
    """Return the heads that the var asks for.

    Examples
    --------
    >>> sorted(wanted("spend next_order")), wanted("none")
    (['next_order', 'spend'], set())
    """
    every = {"next_order", "spend", "category", "rebuy", "sessions", "recommendations", "forecast"}
    return every if heads == "all" else set(heads.split()) & every
