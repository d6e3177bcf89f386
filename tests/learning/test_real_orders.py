"""The judge on a real shop: who of a wholesaler's customers orders within 30 days.

Not a test of the product's heads, which have more features. Real data are not part of the project:
CLIENTELE_REAL_DATA names the folder that holds uci/.
"""

import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from clientele.learning.backtest import Backtest, Figure
from clientele.learning.ceiling import BoostedTrees
from clientele.learning.cells import CellRates, QuantileCells
from clientele.learning.metrics import auc, calibration_slope, expected_calibration_error, log_loss
from clientele.learning.pieces import PiecewiseLogistic

FOLDER = os.environ.get("CLIENTELE_REAL_DATA", "")
pytestmark = pytest.mark.skipif(
    not (Path(FOLDER) / "uci").is_dir(), reason="CLIENTELE_REAL_DATA: the folder with uci/"
)
NUMBERS = ["recency_days", "n_orders", "revenue", "tenure_days", "gap_days", "recency_of_gap"]
FIGURES = [
    Figure(name=name, metric=metric, outcomes=("ordered",))
    for name, metric in {
        "auc": auc,
        "log_loss": log_loss,
        "ece": expected_calibration_error,
        "slope": calibration_slope,
    }.items()
]


def orders_frame() -> pd.DataFrame:
    """Customers at the first of each month: what was known by then, and whether they ordered in 30 days."""
    files = str(Path(FOLDER) / "uci" / "*.csv.gz").replace("'", "''")
    days = duckdb.sql(
        "select user_id, cast(event_time[:10] as date) as day, sum(cast(price as double)) as spent "
        f"from read_csv('{files}', all_varchar=true) where user_id is not null group by all"
    ).df()
    days["user_sk"] = days["user_id"].astype("int64")
    parts = []
    for origin in pd.date_range("2011-03-01", "2011-11-01", freq="MS"):
        past, next_days = days[days["day"] < origin], days[days["day"] >= origin]
        known = past.groupby("user_sk").agg(
            first=("day", "min"), last=("day", "max"), n_orders=("day", "size"), revenue=("spent", "sum")
        )
        soon = next_days[next_days["day"] < origin + pd.Timedelta(days=30)]["user_sk"]
        recency, tenure = ((origin - known[name]).dt.days.astype(float) for name in ("last", "first"))
        gap = (tenure - recency) / np.maximum(known["n_orders"] - 1, 1)
        parts.append(
            pd.DataFrame(
                {
                    "origin_date": origin,
                    "recency_days": recency,
                    "n_orders": known["n_orders"].astype(float),
                    "revenue": np.log1p(known["revenue"]),
                    "tenure_days": tenure,
                    "gap_days": gap,
                    "recency_of_gap": recency / (gap + 30),
                    "ordered": known.index.isin(soon).astype(float),
                }
            ).reset_index()
        )
    return pd.concat(parts, ignore_index=True)


def test_pieces_beat_cells_and_are_calibrated():
    columns = ["recency_days", "n_orders", "revenue"]
    judge = Backtest(
        ["ordered"],
        FIGURES,
        stratify_by=("n_orders", "n_orders"),
        positive="ordered",
        n_folds=3,
        n_bootstraps=60,
    )
    rows = judge.run(
        orders_frame(),
        {
            "pieces": PiecewiseLogistic(NUMBERS, pooled=True),
            "rfm": CellRates([QuantileCells(columns[:n], 5) for n in (1, 2, 3)]),
            "flat_rfm": CellRates([QuantileCells(columns, 5)]),
            "recency": CellRates([QuantileCells(["recency_days"], 10)]),
            "trees": BoostedTrees(NUMBERS, binary=["ordered"], n_trees=30),
        },
        comparisons=[("pieces", "rfm"), ("rfm", "recency"), ("rfm", "flat_rfm")],
        ceiling="trees",
        captured="auc",
    )
    found = rows[(rows["origin"] == "all") & (rows["fold"] == 0)].set_index(
        ["model", "compared_with", "metric"]
    )
    assert found.loc[("pieces", "", "auc"), "value"] > 0.72
    assert found.loc[("pieces", "rfm", "auc"), "ci_lo"] > 0
    assert found.loc[("pieces", "rfm", "log_loss"), "value"] < 0
    assert found.loc[("rfm", "recency", "auc"), "ci_lo"] > 0
    # Small cells that lean on broader ones do better than those that lean on everybody.
    assert found.loc[("rfm", "flat_rfm", "log_loss"), "value"] < 0
    assert found.loc[("pieces", "trees", "captured_signal"), "value"] > 0.98
    # Autumn brings more orders than the months before it: what is learnt in time is too low, and ranked well.
    assert found.loc[("pieces", "", "ece"), "value"] < 0.1
    assert 0.8 < found.loc[("pieces", "", "slope"), "value"] < 1.25
