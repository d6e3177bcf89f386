"""Figures of the heads in a built warehouse: ``python tests/predictions/measure.py HOME [--ceiling]``.

With ``--sessions`` or ``--lists`` those alone: a warehouse that was built in part has them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import duckdb
import pandas as pd

from clientele.learning.fields import part_of
from clientele.learning.linear_rows import LinearModel
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
    for table in (verdicts, figures, newest):
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


def sessions(home: Path) -> None:
    """Print how well sessions under way are known, how fast moments are scored, and the verdict."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set threads = 1")
        fields = connection.sql("from core.session_fit_fields").df()
        weights = connection.sql("from core.session_weights where row_kind = 'weight'").df()
        frame = connection.sql("from core.session_frame").df()
        parts = {part: part_of(fields, part) for part in ("head", "evaluation", "gate")}
        newest = {
            part: table[table["fit_number"] == table["fit_number"].max()] for part, table in parts.items()
        }
        own = newest["evaluation"]
        own = own[
            (own["metric"].isin(["auc", "ece", "slope"]))
            & ((own["origin"] == "all") | (own["metric"] == "auc"))
        ]
        columns = ["head", "model", "compared_with", "origin", "metric", "value", "ci_lo", "ci_hi", "n_users"]
        print(newest["head"][["head", "scored_by", "reason"]].to_string(index=False), "\n")
        print(own[columns].round(4).to_string(index=False), "\n")
        if weights.empty or frame.empty:
            return
        model = LinearModel.from_rows(weights)
        many = pd.concat([frame] * max(200_000 // len(frame), 1), ignore_index=True)
        connection.register("many", many)
        terms = weights[weights["feature_position"] > 0].sort_values(["feature_position", "piece"])
        score = " + ".join(
            f"{row.weight!r} * least(greatest({row.feature}, {row.clip_lo!r}), {row.clip_hi!r})"
            for row in terms.itertuples()
        )
        for name, call in (
            ("numpy", lambda: model.predict(many)),
            (
                "SQL",
                lambda: connection.execute(f"select sum(1e0 / (1e0 + exp(-({score})))) from many").fetchall(),
            ),
        ):
            start = time.process_time()
            call()
            print(
                f"{name}: {len(many) / (time.process_time() - start):,.0f} moments a second of the processor"
            )


def lists(home: Path) -> None:
    """Print how often lists hit the next order, and the next visit of who comes back within thirty days."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for table in ("recommendation_hits", "recommendation_gate"):
            print(
                connection.sql(f"from monitor.{table} order by all").df().to_string(index=False),
                "\n",
            )
        visits = connection.sql(
            "with origins as (select distinct days_back, as_of_date + 1 - days_back as origin_date "
            "from core.product_visits, core.prediction_request where days_back > 0), "
            "next_sessions as (select o.days_back, s.user_sk, "
            "min_by(s.session_sk, s.started_at) as session_sk, "
            "min(s.started_at) as started_at, min_by(s.ended_at, s.started_at) as ended_at "
            "from core.user_sessions as s, origins as o where not s.is_bot and s.started_at >= o.origin_date "
            "and s.started_at < o.origin_date + 30 and exists (select 1 from core.product_visits as v "
            "where v.user_sk = s.user_sk and v.days_back = o.days_back) group by all) "
            "select n.days_back, count(distinct n.user_sk) as n_users, "
            "count(distinct case when e.product_id is not null then n.user_sk end) "
            "/ count(distinct n.user_sk) as hit_rate "
            "from next_sessions as n inner join core.product_visits as v on n.user_sk = v.user_sk "
            "and n.days_back = v.days_back and v.place <= 3 "
            "left join core.events as e on n.user_sk = e.user_sk "
            "and n.session_sk = e.session_sk and e.event_at between n.started_at and n.ended_at "
            "and e.product_id = v.product_id group by all order by all"
        ).df()
    print("next session holds one of the three products looked at last:")
    print(visits.round(4).to_string(index=False))


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
    if "--sessions" in sys.argv or "--lists" in sys.argv:
        for option, figures in (("--sessions", sessions), ("--lists", lists)):
            if option in sys.argv:
                figures(Path(sys.argv[1]))
        sys.exit()
    built(Path(sys.argv[1]))
    sessions(Path(sys.argv[1]))
    lists(Path(sys.argv[1]))
    forecast(Path(sys.argv[1]))
    if "--ceiling" in sys.argv:
        ceiling(Path(sys.argv[1]))
