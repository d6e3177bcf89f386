"""A fit of the heads about next orders as rows of one table: what the dbt Python model calls.

Every fit writes rows of several kinds into ``core.prediction_models``; SQL models read them apart again. A
fit is kept or lost as a whole, and for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pandas as pd

from clientele.learning.tables import typed

SCHEMA = {
    "fit_number": "int64",
    "model_version": "str",
    "row_kind": "str",
    "head": "str",
    "item": "str",
    "item_position": "int64",
    "piece": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "expected": "float64",
    "n_users": "int64",
    "model": "str",
    "compared_with": "str",
    "origin": "str",
    "text": "str",
}
SCORES = ("weight", "cut", "cell", "parameter")


def prediction_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Fit the heads if that is due, judge them against their heuristics, and return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request``, ``frame`` and ``families``: the dbt models prediction_request, prediction_frame and
        family_frame.
    earlier : DataFrame or None
        The rows of ``prediction_models`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `SCHEMA`; empty when no fit is due. Kinds of rows: ``card`` (of a head: source and reason;
        of all: heads, next_days), ``weight`` (value, low and high are weight and clips, expected is the mean
        of the term), ``cut`` and ``cell`` (the heuristic), ``parameter``, ``evaluation``, ``gate`` and
        ``calibration`` (position is the decile).

    Examples
    --------
    >>> request = pd.DataFrame({"is_due": [False], "as_of_date": ["2020-01-31"]})
    >>> len(prediction_rows({"request": request}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return typed(pd.DataFrame(), SCHEMA)
    # scikit-learn takes a second; most builds fit nothing
    from clientele.predictions.fit import fit_orders

    heads = str(request["heads"])
    rows = fit_orders(frames["frame"], int(request["n_days"]), wanted(heads))
    rows.append({"row_kind": "card", "head": "all", "item": "heads", "text": heads})
    table = typed(pd.DataFrame(rows), SCHEMA)
    number = 1 if earlier is None or earlier.empty else int(earlier["fit_number"].max()) + 1
    version = f"{pd.Timestamp(request['as_of_date']):%Y%m%d}-{digest(table)[:8]}"
    return table.assign(fit_number=number, model_version=version)


def wanted(heads: str) -> set[str]:
    """Return the heads that the var asks for.

    Examples
    --------
    >>> sorted(wanted("spend next_order")), wanted("none")
    (['next_order', 'spend'], set())
    """
    every = {"next_order", "spend", "category", "recommendations", "rebuy", "forecast"}
    return every if heads == "all" else set(heads.split()) & every


def digest(table: pd.DataFrame) -> str:
    """Return a hash of what scores, and of the reasons why nothing does."""
    told = table[table["row_kind"].isin(SCORES) | table["item"].isin(["source", "reason"])]
    columns = ["row_kind", "head", "item", "item_position", "piece", "value", "low", "high", "text"]
    text = told[columns].to_csv(index=False, float_format="%.10g")
    return hashlib.sha256(text.encode()).hexdigest()
