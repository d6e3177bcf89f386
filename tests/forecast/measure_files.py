"""Forecasts of daily sales files: ``python tests/forecast/measure_files.py FOLDER`` (with rossmann and uci).

By the code that a build runs: what forecasts is the model, or the rule where the model is not proven better.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from clientele.forecast.files import daily_table, forecast_days
from clientele.learning.daily import WeekdayMedian
from clientele.learning.metrics import rmspe, wape

PROMO = ("promo",)


def stores(folder: Path, every: int = 14) -> pd.DataFrame:
    """Return sales of each 14th store by id."""
    table = duckdb.sql(f"from '{folder}/rossmann/rossmann.parquet'").df()
    table.columns = [name.lower() for name in table.columns]
    chosen = sorted(table["store"].unique())[::every]
    return daily_table(table[table["store"].isin(chosen)], "date", "sales", "store", PROMO)


def shop(folder: Path) -> pd.DataFrame:
    """Return the revenue of each day of a shop, from its events."""
    day = "cast(left(event_time, 10) as date)"
    query = (
        f"select {day} as day, sum(cast(price as double)) as value "
        f"from read_csv('{folder}/uci/*.csv.gz', all_varchar = true) group by 1"
    )
    return daily_table(duckdb.sql(query).df())


def measured(
    table: pd.DataFrame, horizon: int, n_origins: int, regressors: tuple[str, ...]
) -> dict[str, float]:
    """Forecast from earlier days, and hold it against what came on days on which there were sales."""
    parts = []
    last = table.loc[table["is_past"], "day"].max()
    for number in range(1, n_origins + 1):
        origin = last - pd.Timedelta(days=number * horizon)
        known = table[table["day"] <= origin + pd.Timedelta(days=horizon)]
        is_past = known["day"] <= origin
        asked = known.assign(is_past=is_past, value=known["value"].where(is_past))
        came = known.loc[~is_past & known["is_open"], ["series", "day", "value", *regressors]]
        said = came.merge(forecast_days(asked, regressors), on=["series", "day"], how="left")
        for name, own in said.groupby("series"):
            past = asked[(asked["series"] == name) & asked["is_past"] & asked["is_open"]]
            rule = WeekdayMedian(regressors, None if regressors else 28).fit(past)
            parts.append(own.assign(rule=rule.predict(own)))
    found = pd.concat(parts, ignore_index=True)
    one, truth = np.ones((1, len(found))), found["value"].to_numpy()
    known = found[found["lo_80"].notna()]
    return {
        "wape": float(wape(truth, found["forecast"].to_numpy(), one)[0]),
        "wape_rule": float(wape(truth, found["rule"].to_numpy(), one)[0]),
        "rmspe": float(rmspe(truth, found["forecast"].to_numpy(), one)[0]),
        "rmspe_rule": float(rmspe(truth, found["rule"].to_numpy(), one)[0]),
        "coverage_80": float(
            ((known["value"] >= known["lo_80"]) & (known["value"] <= known["hi_80"])).mean()
        ),
        "below_stock_line": float((known["value"] <= known["stock_95"]).mean()),
        "by_model": float((found["forecast_source"] == "model").mean()),
        "without": float(found["forecast"].isna().mean()),
    }


if __name__ == "__main__":
    given = Path(sys.argv[1])
    for called, figures in {
        "stores, 42 days, two origins": measured(stores(given), 42, 2, PROMO),
        "shop, 28 days, three origins": measured(shop(given), 28, 3, ()),
        "shop, 28 days, six origins": measured(shop(given), 28, 6, ()),
    }.items():
        print(called, {name: round(value, 4) for name, value in figures.items()})
