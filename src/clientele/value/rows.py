"""A fit of customer value as the rows of its parts: what the dbt Python model calls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clientele.learning.fields import is_newest, next_number, to_fields, with_settings

if TYPE_CHECKING:
    from clientele.value.model import ValueModel


def value_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Fit the value of customers if that is due, look back how it would have done, and return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request`` and ``sample``: the dbt models value_request and value_sample.
    earlier : DataFrame or None
        The rows of ``value_fit_fields`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when no fit is due, or when it says what the
        newest one said. Parts: ``card`` (status, reason and figures), ``constants`` (of the formulas, with
        the cut points of the tiers), ``visits_if_alive`` (of customers for whom forty terms of the series are
        too few) and ``calibration`` (a row per origin and figure, or why there is none).

    Examples
    --------
    >>> request = pd.DataFrame({"is_due": [False], "as_of_date": ["2020-01-31"]})
    >>> len(value_rows({"request": request, "sample": pd.DataFrame()}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return to_fields({})
    # scipy and what it brings take half a second; most builds fit nothing
    from clientele.value.calibration import rolling_calibration
    from clientele.value.model import ValueModel

    sample = frames["sample"].sort_values(["days_back", "user_sk"])
    sample = sample.assign(revenue=sample["revenue"].astype(float))
    now = sample[sample["days_back"] == 0]
    as_of = pd.Timestamp(request["as_of_date"])
    parts: dict[str, pd.DataFrame] = {}
    if reason := ValueModel.refusal(now):
        card: dict[str, object] = {"status": "no_model", "reason": reason}
    else:
        calibration, forecast = rolling_calibration(sample)
        model = ValueModel().fit(now, forecast)
        card = {
            "status": "ok",
            "reason": _words(model, calibration),
            "basis": model.basis_,
            "log_likelihood_visits": model.visits_.log_likelihood_,
            "log_likelihood_order_value": model.spending_.log_likelihood_,
        }
        origins = [as_of - pd.Timedelta(days=int(days)) for days in calibration["days_back"]]
        parts = {
            "constants": pd.DataFrame([parameters(model) | _cut_points(model)]),
            "visits_if_alive": _slow_patterns(model),
            "calibration": calibration.drop(columns="days_back").assign(
                origin_date=[f"{origin:%Y-%m-%d}" for origin in origins]
            ),
        }
    parts["card"] = with_settings(pd.DataFrame([card | {"n_users": len(now)}]), request)
    version = f"{as_of:%Y%m%d}-{_digest(parts)[:8]}"
    if is_newest(version, earlier, parts["card"]):
        return to_fields({})
    return to_fields(parts, next_number(earlier), version)


def parameters(model: ValueModel) -> dict[str, float]:
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


def _cut_points(model: ValueModel) -> dict[str, float]:
    return {f"cut_point_{place}": cut for place, cut in enumerate(model.cut_points_, start=1)}


def _slow_patterns(model: ValueModel) -> pd.DataFrame:
    """Visits to be expected of the living, where the series needs more terms than SQL adds up."""
    from clientele.value.model import HORIZONS

    rows = [
        (float(frequency), float(age), int(horizon), float(visits))
        for horizon in HORIZONS
        for frequency, age, visits in zip(*model.visits_.slow_patterns(horizon), strict=True)
    ]
    return pd.DataFrame(rows, columns=["frequency", "age_days", "horizon_days", "visits"])


def _words(model: ValueModel, calibration: pd.DataFrame) -> str:
    """Say in plain sentences what was fitted and what is known of how it does."""
    words = (
        "Fitted on visits, orders per visit and order values."
        if model.basis_ == "visits"
        else "Fitted on orders alone: the shop shows no visits without an order."
    )
    measured = calibration[calibration["measure"] == "auc"]
    if measured.empty:
        return f"{words} The history is too short to check a forecast of 30 days against what came."
    return f"{words} Earlier forecasts of 30 days that were checked against what came: {len(measured)}."


def _digest(parts: Mapping[str, pd.DataFrame]) -> str:
    """Return a hash of what scores, or of the reason why nothing does."""
    if "constants" not in parts:
        told = str(parts["card"]["reason"].iloc[0])
    else:
        told = "\n".join(f"{name},{value:.10g}" for name, value in parts["constants"].iloc[0].items())
    return hashlib.sha256(told.encode()).hexdigest()
