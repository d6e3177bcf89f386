"""Figures of the heads in a built warehouse: ``python tests/predictions/measure.py HOME [--ceiling]``."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pandas as pd

from clientele.predictions import judge
from clientele.predictions.fit import NOT_FEATURES
from clientele.predictions.settings import PUBLISHED, refusal


def built(home: Path) -> None:
    """Print what the build itself has measured."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        figures = connection.sql(
            "select head, model, compared_with, metric, round(value, 4) as value, round(ci_lo, 4) as ci_lo, "
            "round(ci_hi, 4) as ci_hi, n_users from monitor.prediction_evaluations "
            "where origin = 'all' "
            "and fit_number = (select max(fit_number) from monitor.prediction_evaluations) order by all"
        ).df()
        verdicts = connection.sql(
            "select head, outcome, reason from monitor.prediction_gates "
            "where criterion = 'verdict' "
            "and fit_number = (select max(fit_number) from monitor.prediction_gates) order by head"
        ).df()
        newest = connection.sql(
            "select head, origin, model, round(value, 4) as auc, round(ci_lo, 4) as ci_lo, "
            "round(ci_hi, 4) as ci_hi from monitor.prediction_evaluations "
            "where metric = 'auc' and origin != 'all' and coalesce(compared_with, '') = '' "
            "and fit_number = (select max(fit_number) from monitor.prediction_evaluations) order by all"
        ).df()
        hits = connection.sql("from monitor.recommendation_hits order by all").df()
    for table in (verdicts, figures, newest, hits):
        print(table.to_string(index=False), "\n")


def forecast(home: Path) -> None:
    """Print how far off forecasts of daily sales were."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        table = connection.sql(
            "select category_family, measure, forecast_source, n_origins, round(wape, 3) as wape, "
            "round(wape_rule, 3) as wape_rule, round(gain_lo, 3) as gain_lo, "
            "round(coverage_80, 2) as coverage_80 "
            "from monitor.forecast_evaluations "
            "where fit_number = (select max(fit_number) from monitor.forecast_evaluations) order by all"
        ).df()
    print(table.to_string(index=False))


def ceiling(home: Path) -> None:
    """Print how much there is to know: boosted trees over the same features."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        frame = connection.sql("from core.prediction_frame").df()
        n_days = connection.sql("select n_days from core.prediction_request").fetchall()[0][0]
    frame["days_to_order"] = frame["days_to_order"].astype(float)
    features = [name for name in frame.columns if name not in NOT_FEATURES]
    for horizon in PUBLISHED:
        if refusal(horizon, n_days):
            continue
        origins = judge.tested_origins(frame["days_back"].unique().tolist(), horizon)
        table = frame[frame["days_back"].isin(origins)].copy()
        table["ordered"] = (table["days_to_order"] <= horizon).astype(float)
        bench = judge.backtest(
            "ordered", judge.order_figures("ordered"), horizon, positive="ordered", n_folds=2
        )
        rows = bench.run(table, judge.order_models(features, "ordered", with_ceiling=True))
        own = rows[(rows["origin"] == "all") & (rows["metric"] == "auc")]
        print(pd.Series(own["value"].to_numpy(), own["model"]).round(4).rename(f"{horizon} days").to_dict())


if __name__ == "__main__":
    built(Path(sys.argv[1]))
    forecast(Path(sys.argv[1]))
    if "--ceiling" in sys.argv:
        ceiling(Path(sys.argv[1]))
