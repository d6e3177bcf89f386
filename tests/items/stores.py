"""Rossmann's stores as items: what a store is like in a year, from its daily sales."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd


def daily_sales(folder: Path) -> pd.DataFrame:
    """Return the open days of all stores, with columns in lower case."""
    table = duckdb.sql(f"from '{folder}/rossmann/rossmann.parquet'").df()
    table.columns = [name.lower() for name in table.columns]
    return table[(table["open"] == 1) & (table["sales"] > 0)]


def store_numbers(sales: pd.DataFrame, stores: list[int]) -> pd.DataFrame:
    """Return of each store how much it sells, to whom, and when; the median where nothing is known."""
    by_store = sales.groupby("store")
    means = by_store["sales"].mean()
    promo = sales.groupby(["store", "promo"])["sales"].mean().unstack()
    day = sales.groupby(["store", "dayofweek"])["sales"].mean().unstack()
    on_sunday = sales[sales["dayofweek"] == 7].groupby("store")["sales"].sum()
    found = pd.DataFrame(
        {
            "sales_ln": np.log(means),
            "basket_ln": np.log(by_store["sales"].sum() / by_store["customers"].sum()),
            "promo_lift_ln": np.log(promo[1] / promo[0]),
            "saturday_ln": np.log(day[6] / day[[1, 2, 3, 4, 5]].mean(axis=1)),
            "monday_ln": np.log(day[1] / day[[2, 3, 4, 5]].mean(axis=1)),
            "sunday_share": (on_sunday / by_store["sales"].sum()).fillna(0.0),
            "variation": by_store["sales"].std() / means,
        },
        index=stores,
    )
    return found.fillna(found.median())


def store_tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return numbers of 2013, words, and numbers of 2014, one row per store."""
    sales = daily_sales(folder)
    stores = sorted(sales["store"].unique())
    one, next_one = (store_numbers(sales[sales["date"].dt.year == year], stores) for year in (2013, 2014))
    # How far the next competitor is says where a store is, and not how it sells.
    known = sales.groupby("store")[["storetype", "assortment", "promo2"]].first()
    return one, known.astype(str), next_one
