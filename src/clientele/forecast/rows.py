"""A forecast of daily sales as the rows of its parts: what the dbt Python model calls."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clientele.learning.fields import digest_of, next_number, to_fields, with_settings

MEASURES = ("n_orders", "n_units", "revenue")
REGRESSORS = ("is_promo", "is_gift", "is_action")
MIN_ORDERS = 5


def forecast_rows(frames: Mapping[str, pd.DataFrame], earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Forecast every series if that is due, and return the new rows.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request`` and ``frame``: the dbt models forecast_request and forecast_frame.
    earlier : DataFrame or None
        The rows of ``forecast_fit_fields`` so far; None when there is no table.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when none is due. Parts: ``card`` (the last
        day known), ``series`` (what forecasts a series and measure, why, and how far off it was) and
        ``point`` (a day).

    Examples
    --------
    >>> request = pd.DataFrame({"is_due": [False], "as_of_date": ["2020-01-31"]})
    >>> len(forecast_rows({"request": request}, None))
    0
    """
    request = frames["request"].iloc[0]
    if not request["is_due"]:
        return to_fields({})
    # scikit-learn takes a second; most builds fit nothing
    from clientele.forecast.series import forecast_series

    frame = frames["frame"].assign(day=pd.to_datetime(frames["frame"]["sales_date"]))
    frame = frame.sort_values(["category_family", "day"], ignore_index=True)
    frame["is_open"] = open_days(frame)
    series, points = [], []
    for family, own in frame.groupby("category_family"):
        is_past = own["is_past"].astype(bool)
        for measure in MEASURES:
            named = {"category_family": family, "measure": measure}
            past = own[is_past].assign(value=own.loc[is_past, measure].astype(float))
            found, judged = forecast_series(past, own[~is_past], REGRESSORS)
            newest = {
                "n_buyers": int(own["n_buyers"].iloc[0]),
                "largest": float(own[f"largest_{measure}"].iloc[0]),
            }
            series.append(named | newest | judged)
            if len(found):
                dates = found["day"].dt.strftime("%Y-%m-%d")
                points.append(found.drop(columns="day").assign(**named, sales_date=dates))
    as_of = pd.Timestamp(request["as_of_date"])
    parts = {
        "card": with_settings(pd.DataFrame([{"origin_date": f"{as_of:%Y-%m-%d}"}]), request),
        "series": pd.DataFrame(series),
        "point": pd.concat(points, ignore_index=True) if points else pd.DataFrame(),
    }
    expected = digest_of([parts["series"], parts["point"]])
    return to_fields(parts, next_number(earlier), f"{as_of:%Y%m%d}-{expected[:8]}")


def open_days(frame: pd.DataFrame) -> pd.Series:
    """Say on which days the shop was open: all but those on which it sold nothing, where it sells every day.

    Parameters
    ----------
    frame : DataFrame
        ``day``, ``category_family`` (empty: the whole shop), ``is_past`` and ``n_orders``.

    Examples
    --------
    >>> frame = pd.DataFrame({"day": range(4), "category_family": "", "is_past": [True] * 3 + [False],
    ...                       "n_orders": [9.0, 0.0, 9.0, None]})
    >>> open_days(frame).tolist()
    [True, False, True, True]
    """
    shop = frame[(frame["category_family"] == "") & frame["is_past"].astype(bool)]
    sold = shop.loc[shop["n_orders"] > 0, "n_orders"]
    # By chance alone a shop with five orders a day has a day without one in 150 days.
    if sold.empty or sold.median() < MIN_ORDERS:
        return pd.Series(True, index=frame.index)
    return ~frame["day"].isin(shop.loc[shop["n_orders"] == 0, "day"])
