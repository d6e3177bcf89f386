"""Daily sales from a file: another way to the same forecasts as from events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from clientele.errors import ClienteleError
from clientele.forecast.series import forecast_series


def daily_table(
    sales: pd.DataFrame,
    day: str = "day",
    value: str = "value",
    series: str | None = None,
    regressors: Sequence[str] = (),
) -> pd.DataFrame:
    """Bring sales of days into the form that forecasts read.

    Parameters
    ----------
    sales : DataFrame
        A row for each series and day. A day that is to be forecast has no value, and its regressors as they
        are planned; a day before the last one with a value that has no row, or sold nothing, was closed.
    day, value : str
        Columns with the day and with what was sold.
    series : str or None
        Column that names the series; None: there is one.
    regressors : sequence of str
        Columns of 0 and 1 that are known ahead, as promotions.

    Returns
    -------
    DataFrame
        ``series``, ``day``, ``value``, ``is_open``, ``is_past`` and the regressors, each day once.

    Raises
    ------
    ClienteleError
        A column is missing, or a day is there twice.

    Examples
    --------
    >>> sales = pd.DataFrame({"day": ["2020-01-01", "2020-01-03", "2020-01-04"], "value": [5.0, 7.0, None]})
    >>> daily_table(sales)[["value", "is_open", "is_past"]].values.tolist()
    [[5.0, True, True], [0.0, False, True], [7.0, True, True], [nan, True, False]]
    """
    wanted = [day, value, *regressors, *([series] if series else [])]
    if missing := [name for name in wanted if name not in sales]:
        raise ClienteleError(
            f"The daily sales have no column {', '.join(missing)}; there are {', '.join(map(str, sales))}."
        )
    names = {name: sales[name].astype(float) for name in regressors}
    table = pd.DataFrame(
        {
            "series": sales[series].astype(str) if series else "",
            "day": pd.to_datetime(sales[day]),
            "value": pd.to_numeric(sales[value]).astype(float),
            **names,
        }
    )
    twice = table[table.duplicated(["series", "day"])]
    if len(twice):
        first = twice.iloc[0]
        of = f" of {first['series']}" if series else ""
        raise ClienteleError(f"The day {first['day']:%Y-%m-%d}{of} is there twice: add its sales up before.")
    return pd.concat([_filled(own, regressors) for _, own in table.groupby("series")], ignore_index=True)


def _filled(own: pd.DataFrame, regressors: Sequence[str]) -> pd.DataFrame:
    own = own.sort_values("day").set_index("day")
    sold = own.index[own["value"].notna()]
    every = pd.date_range(own.index.min(), own.index.max())
    whole = own.reindex(every).rename_axis("day").reset_index()
    whole["series"] = own["series"].iloc[0]
    whole["is_past"] = whole["day"] <= sold.max() if len(sold) else False
    whole["value"] = np.where(whole["is_past"], whole["value"].fillna(0.0), np.nan)
    whole["is_open"] = ~whole["is_past"] | (whole["value"] > 0)
    whole[list(regressors)] = whole[list(regressors)].fillna(0.0)
    return whole


def forecast_days(table: pd.DataFrame, regressors: Sequence[str] = ()) -> pd.DataFrame:
    """Forecast each series of `daily_table` for the days without a value.

    Returns
    -------
    DataFrame
        ``series``, ``day``, ``forecast``, ``lo_80``, ``hi_80``, ``stock_95``, ``season_seen``,
        ``forecast_source`` and ``reason``; a series that is refused has one row, with its reason.
    """
    rows = []
    for name, own in table.groupby("series"):
        past, future = own[own["is_past"]], own[~own["is_past"]]
        if future.empty:
            reason = "There is no day without a value: add the days that are to be forecast."
            rows.append(pd.DataFrame([{"series": name, "forecast_source": "refused", "reason": reason}]))
            continue
        found, judged = forecast_series(past, future, regressors)
        said = {"series": name, "forecast_source": judged["forecast_source"], "reason": judged["reason"]}
        rows.append(found.assign(**said) if len(found) else pd.DataFrame([said]))
    return pd.concat(rows, ignore_index=True)


def read_daily_sales(path: str | Path) -> pd.DataFrame:
    """Read a file of daily sales, CSV (packed or not) or Parquet.

    Raises
    ------
    ClienteleError
        There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise ClienteleError(f"{path}: there is no such file of daily sales.")
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
