"""A fit of customer value as rows of one table: what the dbt Python model calls.

Every fit writes rows of several kinds into ``core.value_models``; SQL models read them apart again. A fit is
kept or lost as a whole, and for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clientele.learning.tables import typed

if TYPE_CHECKING:
    from clientele.value.model import ValueModel

SCHEMA = {
    "fit_number": "int64",
    "model_version": "str",
    "row_kind": "str",
    "item": "str",
    "item_position": "int64",
    "value": "float64",
    "expected": "float64",
    "low": "float64",
    "high": "float64",
    "n_users": "int64",
    "text": "str",
}


def value_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Fit the value of customers if that is due, look back how it would have done, and return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request`` and ``sample``: the dbt models value_request and value_sample.
    earlier : DataFrame or None
        The rows of ``value_models`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `SCHEMA`; empty when no fit is due, or when it says what the newest one said. Kinds of
        rows: ``card`` (status, reason and figures), ``parameter``, ``cut_point``, ``visits_if_alive`` (of
        customers for whom forty terms of the series are too few: position is their frequency, ``low`` their
        age in days), ``calibration`` (position 1..10 is a decile, ``text`` the origin, or why there is none).

    Examples
    --------
    >>> request = pd.DataFrame({"is_due": [False], "as_of_date": ["2020-01-31"]})
    >>> len(value_rows({"request": request, "sample": pd.DataFrame()}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return typed(pd.DataFrame(), SCHEMA)
    # scipy and what it brings take half a second; most builds fit nothing
    from clientele.value.calibration import rolling_calibration
    from clientele.value.model import ValueModel

    sample = frames["sample"].sort_values(["days_back", "user_sk"])
    sample = sample.assign(revenue=sample["revenue"].astype(float))
    now = sample[sample["days_back"] == 0]
    as_of = pd.Timestamp(request["as_of_date"])
    if reason := ValueModel.refusal(now):
        rows = [_card("status", text="no_model"), _card("reason", text=reason)]
    else:
        calibration, forecast = rolling_calibration(sample)
        model = ValueModel().fit(now, forecast)
        rows = [
            _card("status", text="ok"),
            _card("reason", text=_words(model, calibration)),
            _card("basis", text=model.basis_),
            _card("log_likelihood_visits", model.visits_.log_likelihood_),
            _card("log_likelihood_order_value", model.spending_.log_likelihood_),
            *_model_rows(model),
        ]
        for row in calibration.to_dict("records"):
            origin = as_of - pd.Timedelta(days=row.pop("days_back"))
            words = f"{origin:%Y-%m-%d}" + (f": {row['text']}" if row["item"] == "refused" else "")
            rows.append(row | {"row_kind": "calibration", "text": words})
    rows.insert(2, _card("n_users", len(now)))
    table = typed(pd.DataFrame(rows), SCHEMA)
    version = f"{as_of:%Y%m%d}-{_digest(table)[:8]}"
    if earlier is None or earlier.empty:
        number = 1
    else:
        number = int(earlier["fit_number"].max()) + 1
        newest = earlier[earlier["fit_number"] == number - 1]
        if (newest["model_version"] == version).all():
            return typed(pd.DataFrame(), SCHEMA)
    return table.assign(fit_number=number, model_version=version)


def parameters(model) -> dict[str, float]:
    """Return the constants that scoring in SQL reads, by name.

    Parameters
    ----------
    model : ValueModel
        Fitted.

    Returns
    -------
    dict of str to float
    """
    visits, orders, spending = model.visits_, model.orders_, model.spending_
    return {
        "visit_r": visits.r_,
        "visit_alpha": visits.alpha_,
        "visit_a": visits.a_,
        "visit_b": visits.b_,
        "order_alpha": orders.alpha_,
        "order_beta": orders.beta_,
        "orders_per_visit": model.orders_per_visit_,
        "order_level": model.level_,
        "spend_p": spending.p_,
        "spend_q": spending.q_,
        "spend_v": spending.v_,
    }


def model_of(fit: pd.Series) -> ValueModel:
    """Return the model that a row of ``core.value_fits`` holds, the other way round than `parameters`.

    Parameters
    ----------
    fit : Series
        Of a fit that has constants.

    Returns
    -------
    ValueModel
    """
    from clientele.value.model import ValueModel
    from clientele.value.orders import BetaBinomial
    from clientele.value.spending import GammaGamma
    from clientele.value.visits import BetaGeometric

    model = ValueModel()
    model.visits_ = BetaGeometric.of(
        r=fit["visit_r"], alpha=fit["visit_alpha"], a=fit["visit_a"], b=fit["visit_b"]
    )
    model.orders_ = BetaBinomial.of(alpha=fit["order_alpha"], beta=fit["order_beta"])
    model.spending_ = GammaGamma.of(p=fit["spend_p"], q=fit["spend_q"], v=fit["spend_v"])
    model.orders_per_visit_, model.level_ = fit["orders_per_visit"], fit["order_level"]
    model.cut_points_ = np.array([fit[f"cut_point_{place}"] for place in range(1, 5)])
    return model


def _model_rows(model) -> list[dict[str, object]]:
    from clientele.value.model import HORIZONS

    rows: list[dict[str, object]] = [
        {"row_kind": "parameter", "item": name, "item_position": position, "value": value}
        for position, (name, value) in enumerate(parameters(model).items(), start=1)
    ]
    for position, cut in enumerate(model.cut_points_, start=1):
        rows.append({"row_kind": "cut_point", "item": "value_score", "item_position": position, "value": cut})
    for horizon in HORIZONS:
        for frequency, age, visits in zip(*model.visits_.slow_patterns(horizon), strict=True):
            rows.append(
                {
                    "row_kind": "visits_if_alive",
                    "item": f"{horizon}d",
                    "item_position": int(frequency),
                    "value": visits,
                    "low": float(age),
                }
            )
    return rows


def _card(item: str, value: float | None = None, text: str | None = None) -> dict[str, object]:
    return {"row_kind": "card", "item": item, "value": value, "text": text}


def _words(model, calibration: pd.DataFrame) -> str:
    """Say in plain sentences what was fitted and what is known of how it does."""
    words = (
        "Fitted on visits, orders per visit and order values."
        if model.basis_ == "visits"
        else "Fitted on orders alone: the shop shows no visits without an order."
    )
    measured = calibration[calibration["item"] == "auc"]
    if measured.empty:
        return f"{words} The history is too short to check a forecast of 30 days against what came."
    return f"{words} Earlier forecasts of 30 days that were checked against what came: {len(measured)}."


def _digest(table: pd.DataFrame) -> str:
    """Return a hash of what scores, or of the reason why nothing does."""
    kinds = ["parameter", "cut_point"]
    told = table[table["row_kind"].isin(kinds) | (table["item"] == "reason")]
    lines = [
        f"{row.row_kind},{row.item},{row.item_position},{row.value:.10g}"
        if row.row_kind in kinds
        else row.text
        for row in told.itertuples()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
