"""Fitting the heads about next orders and spend: what scores, why, and how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.backtest import Figure
from clientele.learning.metrics import gini
from clientele.learning.pieces import PiecewiseRidge
from clientele.predictions import judge
from clientele.predictions.head_rows import (
    Row,
    calibrations,
    card_row,
    cell_rows,
    evaluation_rows,
    figure_rows,
    gate_rows,
    parameter_row,
    source_rows,
    weight_rows,
)
from clientele.predictions.models import CellsTimesOrderValue, OrderModel, order_cells, smearing
from clientele.predictions.settings import (
    CELLS,
    FIRST_DAYS,
    HORIZONS,
    LAST_SPEND,
    MODEL,
    PUBLISHED,
    REFUSED,
    SPEND_HORIZONS,
    few_positives,
    refusal,
)

NOT_FEATURES = (
    "user_sk",
    "days_back",
    "origin_date",
    "n_events",
    "n_orders",
    "revenue_30d",
    "revenue_90d",
    "days_to_order",
    "spend_30d",
    "spend_90d",
)
# Horizons that only bend the curve follow the verdict of a published one.
FOLLOWS = {14: 30, 60: 90}
MAX_LEVEL = 2.0


def order_name(horizon: int) -> str:
    """Return the name of an order head."""
    return f"order_{horizon}d"


def spend_name(horizon: int) -> str:
    """Return the name of a spend head."""
    return f"spend_{horizon}d"


def fit_orders(frame: pd.DataFrame, n_days: int, heads: set[str]) -> list[Row]:
    """Fit, judge and choose.

    Parameters
    ----------
    frame : DataFrame
        core.prediction_frame.
    n_days : int
        Days of history.
    heads : set of str
        Those that are asked for: ``next_order``, ``spend``.

    Returns
    -------
    list of dict
        Rows that `clientele.predictions.rows.parts_of` sorts into parts.
    """
    if not heads & {"next_order", "spend"}:
        return [card_row("next_days", n_days + FIRST_DAYS)]
    frame = frame.sort_values(["days_back", "user_sk"], ignore_index=True)
    frame["days_to_order"] = frame["days_to_order"].astype(float)
    features = [name for name in frame.columns if name not in NOT_FEATURES]
    rows: list[Row] = []
    labels = order_labels(frame)
    sources: dict[int, str] = {}
    for horizon in PUBLISHED:
        sources[horizon], found = judge_order(frame, features, horizon, n_days)
        rows += found
    for horizon, other in FOLLOWS.items():
        reason = refusal(horizon, n_days)
        leader = other if sources[other] != REFUSED else PUBLISHED[0] if horizon < 30 else 30
        sources[horizon] = REFUSED if reason else sources[leader]
        why = f"It bends the curve of days to an order, and follows the horizon of {leader} days."
        rows += source_rows(order_name(horizon), sources[horizon], reason or why)
    kept = [horizon for horizon in HORIZONS if sources[horizon] != REFUSED]
    if kept:
        names = [order_name(horizon) for horizon in kept]
        model = OrderModel(features).fit(frame, labels[names])
        rows += weight_rows(model.model_)
        rows += cell_rows(order_cells().fit(frame, labels[names]), names)
        rows += figure_rows("curve", judge.curve_figures(frame, features, kept))
    if "spend" in heads:
        for horizon in SPEND_HORIZONS:
            rows += fit_spend(frame, features, horizon, n_days, sources[horizon])
    waiting = [FIRST_DAYS + 2 * horizon for horizon in HORIZONS if refusal(horizon, n_days)]
    if any(sources[horizon] == REFUSED and not refusal(horizon, n_days) for horizon in HORIZONS):
        waiting.append(n_days + FIRST_DAYS)
    if waiting:
        rows.append(card_row("next_days", float(min(waiting))))
    return rows


def order_labels(frame: pd.DataFrame, n_origins: int = 4) -> pd.DataFrame:
    """Say whether an order came within each horizon.

    Examples
    --------
    >>> frame = pd.DataFrame({"days_back": [14, 7], "days_to_order": [8.0, float("nan")]})
    >>> order_labels(frame)["order_7d"].tolist()
    [0.0, 0.0]

    Returns
    -------
    DataFrame
        NaN where the horizon was not over by the end of the history, or for origins that are too old to be
        learnt from.
    """
    found = {}
    for horizon in HORIZONS:
        seen = sorted(days for days in frame["days_back"].unique() if days >= horizon)[:n_origins]
        came = (frame["days_to_order"] <= horizon).astype(float)
        found[order_name(horizon)] = came.where(frame["days_back"].isin(seen))
    return pd.DataFrame(found)


def counts(frame: pd.DataFrame, horizon: int) -> tuple[int, int]:
    """Count orders within a horizon at origins that may be learnt from, and at the newest tested one."""
    seen = frame[frame["days_back"] >= horizon]
    if seen.empty:
        return 0, 0
    newest = seen["days_back"].min()
    came = seen["days_to_order"] <= horizon
    return int(came[seen["days_back"] >= newest + horizon].sum()), int(
        came[seen["days_back"] == newest].sum()
    )


def states(frame: pd.DataFrame) -> dict[tuple[int, str], str]:
    """Return a plain state of each customer as of each origin: the gate asks whether any is served worse."""
    newest = frame
    quiet = np.expm1(newest["recency_ln"]) > 90
    named = np.select(
        [newest["n_orders"] == 0, quiet, newest["n_orders"] == 1],
        ["never ordered", "lapsed buyers", "one order"],
        "repeat buyers",
    )
    origins = pd.to_datetime(newest["origin_date"]).dt.strftime("%Y-%m-%d")
    return dict(zip(zip(newest["user_sk"], origins, strict=True), named, strict=True))


def judge_order(frame: pd.DataFrame, features: list[str], horizon: int, n_days: int) -> tuple[str, list[Row]]:
    """Return what scores a horizon, and the rows that say why."""
    head = order_name(horizon)
    reason = refusal(horizon, n_days) or few_positives(*counts(frame, horizon))
    if reason:
        return REFUSED, source_rows(head, REFUSED, reason)
    origins = judge.tested_origins(frame["days_back"].unique().tolist(), horizon)
    table = frame[frame["days_back"].isin(origins)].copy()
    table["ordered"] = (table["days_to_order"] <= horizon).astype(float)
    bench = judge.backtest("ordered", judge.order_figures("ordered"), horizon, positive="ordered", n_folds=2)
    models = judge.order_models(features, "ordered")
    pairs = [(MODEL, CELLS), (MODEL, judge.RECENCY)]
    evaluated, tested = bench.run_and_tested(table, models, "ordered", pairs)
    rival = judge.better_heuristic(evaluated, [CELLS, judge.RECENCY], "auc")
    groups = judge.group_differences(tested, states(table), rival)
    verdict, _ = judge.order_verdict(evaluated, groups, tested)
    source = MODEL if verdict.may_score else CELLS
    return source, [
        *source_rows(head, source, verdict.reason),
        *evaluation_rows(head, evaluated),
        *gate_rows(head, verdict),
        *calibrations(head, tested, source),
    ]


def fit_spend(
    frame: pd.DataFrame, features: list[str], horizon: int, n_days: int, order_source: str
) -> list[Row]:
    """Return the rows of a spend head: the amounts, both heuristics, what scores and why."""
    head, outcome = spend_name(horizon), f"spend_{horizon}d"
    if order_source == REFUSED:
        reason = refusal(horizon, n_days) or few_positives(*counts(frame, horizon))
        return source_rows(head, REFUSED, reason)
    origins = judge.tested_origins(frame["days_back"].unique().tolist(), horizon)
    table = frame[frame["days_back"].isin(origins)].copy()
    figures = [Figure(name="gini", metric=gini, outcomes=(outcome,), by_fold=False)]
    bench = judge.backtest(outcome, figures, horizon, positive=None, n_folds=2)
    models = judge.spend_models(features, horizon)
    pairs = [(MODEL, CELLS), (MODEL, LAST_SPEND)]
    evaluated, tested = bench.run_and_tested(table, models, outcome, pairs)
    verdict, rival = judge.spend_verdict(evaluated)
    source, reason = (MODEL if verdict.may_score else rival), verdict.reason
    seen = sorted(days for days in frame["days_back"].unique() if days >= horizon)[:4]
    spend = frame[outcome].where(frame["days_back"].isin(seen)).to_numpy(dtype=float)
    logs = np.where(spend > 0, np.log1p(np.maximum(spend, 0)), np.nan)
    amounts = PiecewiseRidge(features).fit(frame, pd.DataFrame({head: logs}))
    factor = smearing(logs, amounts.predict(frame)[:, 0])
    newest = frame[frame["days_back"] == seen[0]].reset_index(drop=True)
    cells = CellsTimesOrderValue().fit(frame, pd.DataFrame({head: spend}))
    last = models[LAST_SPEND].fit(newest, newest[[outcome]])
    level, low, high = level_of(tested, source)
    return [
        *source_rows(head, source, reason),
        *evaluation_rows(head, evaluated),
        *gate_rows(head, verdict),
        *calibrations(head, tested, source),
        *weight_rows(amounts.model_),
        *cell_rows(cells.cells_, [head], with_cuts=False, scale=cells.scale_),
        parameter_row(head, "smearing", factor),
        parameter_row(head, "order_value", cells.order_value_),
        parameter_row(head, "last_spend_factor", last.factor_),
        parameter_row(head, "level", level, low, high),
    ]


def level_of(tested: pd.DataFrame, source: str) -> tuple[float, float, float]:
    """Return what came over what was expected at the newest tested origin, and how far that may be off.

    Returns
    -------
    tuple of float
        The factor, and the ends of an interval for the factor of the next origin: as far from it as two
        tested origins ever were from each other, or one from what was expected.
    """
    totals = tested.groupby("origin")[["observed", source]].sum()
    ratio = (totals["observed"] / totals[source]).replace([0, np.inf], np.nan).dropna()
    if ratio.empty:
        return 1.0, np.nan, np.nan
    logs = np.log(ratio.to_numpy())
    level = float(np.clip(ratio.iloc[-1], 1 / MAX_LEVEL, MAX_LEVEL))
    spread = max(np.ptp(logs), np.abs(logs).max())
    if len(logs) < judge.MIN_ORIGINS:
        return level, np.nan, np.nan
    return level, level * float(np.exp(-spread)), level * float(np.exp(spread))
