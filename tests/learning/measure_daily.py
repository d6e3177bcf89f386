"""Forecasts on real sales: ``python tests/learning/measure_daily.py FOLDER`` (with rossmann and uci)."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from clientele.learning.daily import WeekdayMedian, forecast
from clientele.learning.metrics import rmspe, wape

HORIZON = 42


def rossmann(folder: Path) -> pd.DataFrame:
    """Return sales of every 14th store by id."""
    table = duckdb.sql(f"from '{folder}/rossmann/rossmann.parquet'").df()
    table.columns = [name.lower() for name in table.columns]
    stores = sorted(table["store"].unique())[::14]
    table = table[table["store"].isin(stores)]
    return table.assign(day=pd.to_datetime(table["date"]), value=table["sales"].astype(float))


def uci(folder: Path) -> pd.DataFrame:
    """Return the revenue of each day."""
    day = "cast(left(event_time, 10) as date)"
    query = (
        f"select {day} as day, sum(cast(price as double)) as value "
        f"from read_csv('{folder}/uci/*.csv.gz', all_varchar = true) group by 1 order by 1"
    )
    table = duckdb.sql(query).df()
    every = pd.date_range(table["day"].min(), table["day"].max())
    found = table.assign(day=pd.to_datetime(table["day"])).set_index("day").reindex(every)["value"]
    return found.fillna(0.0).rename_axis("day").reset_index()


def backtested(
    sales: pd.DataFrame, horizon: int, n_origins: int, regressors: tuple[str, ...], closed: float
) -> pd.DataFrame:
    """Return what was forecast at each origin beside what came."""
    parts = []
    for number in range(1, n_origins + 1):
        origin = sales["day"].max() - pd.Timedelta(days=number * horizon)
        past = sales[sales["day"] <= origin]
        came = sales[(sales["day"] > origin) & (sales["day"] <= origin + pd.Timedelta(days=horizon))]
        came = came[came["value"] > closed]
        said = forecast(past, came, regressors, closed)
        rule = WeekdayMedian(regressors, None if regressors else 28, closed).fit(past).predict(came)
        parts.append(said.assign(origin=origin, came=came["value"].to_numpy(), rule=rule))
    return pd.concat(parts, ignore_index=True)


def figures(found: pd.DataFrame) -> dict[str, float]:
    """Return the errors of forecast and rule, and how often the interval held."""
    one = np.ones((1, len(found)))
    came = found["came"].to_numpy()
    known = found[found["lo_80"].notna()]
    held = (known["came"] >= known["lo_80"]) & (known["came"] <= known["hi_80"])
    return {
        "wape": float(wape(came, found["forecast"].to_numpy(), one)[0]),
        "wape_rule": float(wape(came, found["rule"].to_numpy(), one)[0]),
        "rmspe": float(rmspe(came, found["forecast"].to_numpy(), one)[0]),
        "rmspe_rule": float(rmspe(came, found["rule"].to_numpy(), one)[0]),
        "coverage_80": float(held.mean()),
        "below_stock_line": float((known["came"] <= known["stock_95"]).mean()),
    }


def measure_rossmann(folder: Path) -> dict[str, float]:
    """Two origins of 42 days, every 14th store."""
    table = rossmann(folder)
    parts = [
        backtested(own.sort_values("day"), HORIZON, 2, ("promo",), 0.0) for _, own in table.groupby("store")
    ]
    return figures(pd.concat(parts, ignore_index=True))


def measure_uci(folder: Path) -> dict[str, float]:
    """Three origins of 28 days, the whole shop."""
    return figures(backtested(uci(folder), 28, 3, (), 0.0))


if __name__ == "__main__":
    for measured in (measure_rossmann, measure_uci):
        print(
            measured.__name__, {name: round(value, 4) for name, value in measured(Path(sys.argv[1])).items()}
        )
