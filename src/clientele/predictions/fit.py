"""Fitting the heads about next orders and spend: what scores, why, and how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.backtest import Figure
from clientele.learning.gate import Verdict
from clientele.learning.linear_rows import LinearModel, round_significant
from clientele.learning.metrics import gini
from clientele.learning.pieces import PiecewiseRidge
from clientele.predictions import judge
from clientele.predictions.models import CellsTimesOrderValue, OrderModel, order_cells, smearing
from clientele.predictions.settings import (
    CELL_BASE,
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
Row = dict[str, object]


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
    frame = frame.sort_values(["days_back", "user_sk"], ignore_index=True)
    frame["days_to_order"] = frame["days_to_order"].astype(float)
    features = [name for name in frame.columns if name not in NOT_FEATURES]
    if not heads & {"next_order", "spend"}:
        return [_card("next_days", n_days + FIRST_DAYS)]
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
        rows += _source(order_name(horizon), sources[horizon], reason or why)
    kept = [horizon for horizon in HORIZONS if sources[horizon] != REFUSED]
    if kept:
        names = [order_name(horizon) for horizon in kept]
        model = OrderModel(features).fit(frame, labels[names])
        rows += weight_rows(model.model_)
        rows += cell_rows(order_cells().fit(frame, labels[names]), names)
        rows += _evaluation("curve", judge.curve_figures(frame, features, kept))
    if "spend" in heads:
        for horizon in SPEND_HORIZONS:
            rows += fit_spend(frame, features, horizon, n_days, sources[horizon])
    waiting = [FIRST_DAYS + 2 * horizon for horizon in HORIZONS if refusal(horizon, n_days)]
    if any(sources[horizon] == REFUSED and not refusal(horizon, n_days) for horizon in HORIZONS):
        waiting.append(n_days + FIRST_DAYS)
    if waiting:
        rows.append(_card("next_days", float(min(waiting))))
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
        return REFUSED, _source(head, REFUSED, reason)
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
        *_source(head, source, verdict.reason),
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
        return _source(head, REFUSED, reason)
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
        *_source(head, source, reason),
        *evaluation_rows(head, evaluated),
        *gate_rows(head, verdict),
        *calibrations(head, tested, source),
        *weight_rows(amounts.model_),
        *cell_rows(cells.cells_, [head], with_cuts=False, scale=cells.scale_),
        _parameter(head, "smearing", factor),
        _parameter(head, "order_value", cells.order_value_),
        _parameter(head, "last_spend_factor", last.factor_),
        _parameter(head, "level", level, low, high),
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


def weight_rows(model: LinearModel) -> list[Row]:
    """Return the rows of a linear model."""
    names = {
        "output": "head",
        "feature": "item",
        "feature_position": "item_position",
        "weight": "value",
        "clip_lo": "low",
        "clip_hi": "high",
        "feature_mean": "expected",
    }
    return model.to_rows().rename(columns=names).assign(row_kind="weight").to_dict("records")


def cell_rows(cells, names: list[str], with_cuts: bool = True, scale: float = 1.0) -> list[Row]:
    """Return the cells of a heuristic: the cut points along each column, and the rate of each cell and head.

    A cell's number has a digit for its place along each column, so that SQL need not know how many there are.
    """
    (_, added), (grid,) = cells._levels[0], cells.levels
    rows: list[Row] = []
    for column, cuts in zip(grid.columns, grid.cuts_, strict=True):
        if with_cuts:
            rows += [
                {"row_kind": "cut", "item": column, "item_position": place, "value": float(cut)}
                for place, cut in enumerate(cuts, start=1)
            ]
    sizes = [len(cuts) + 1 for cuts in grid.cuts_]
    for places in np.ndindex(*sizes):
        code, number = 0, 0
        for place, size in zip(places, sizes, strict=True):
            code, number = code * size + place, number * CELL_BASE + place
        known = added[code] if code < len(added) - 1 else added[-1]
        rates = cells.mean_ + known
        if cells.shrinkage == "estimated":
            rates = np.clip(rates, *cells._range)
        rows += [
            {"row_kind": "cell", "head": name, "item": "cells", "item_position": number, "value": float(rate)}
            for name, rate in zip(names, round_significant(rates * scale), strict=True)
        ]
    return rows


def evaluation_rows(head: str, evaluated: pd.DataFrame) -> list[Row]:
    """Return the figures of a backtest as rows."""
    names = {"metric": "item", "ci_lo": "low", "ci_hi": "high"}
    kept = evaluated[evaluated["fold"] == 0].rename(columns=names).drop(columns="fold")
    return kept.assign(row_kind="evaluation", head=head).to_dict("records")


def gate_rows(head: str, verdict: Verdict) -> list[Row]:
    """Return the criteria of a verdict as rows; text says whether each is met."""
    return [
        {
            "row_kind": "gate",
            "head": head,
            "item": row.criterion,
            "item_position": place,
            "compared_with": row.compared_with,
            "expected": row.bar,
            "value": row.value,
            "low": row.ci_lo,
            "high": row.ci_hi,
            "text": "not measured" if pd.isna(row.is_met) else "met" if row.is_met else "missed",
        }
        for place, row in enumerate(verdict.criteria.itertuples(), start=1)
    ]


def calibrations(head: str, tested: pd.DataFrame, source: str) -> list[Row]:
    """Return deciles of what scores beside what came."""
    found = judge.calibration_of(tested, source)
    return [
        {
            "row_kind": "calibration",
            "head": head,
            "model": source,
            "item": "decile",
            "item_position": int(row.decile),
            "expected": row.predicted,
            "value": row.observed,
            "low": row.ci_lo,
            "high": row.ci_hi,
            "n_users": row.n_users,
        }
        for row in found.itertuples()
    ]


def _evaluation(head: str, figures: dict[str, float]) -> list[Row]:
    n_users = int(figures.get("n_users", 0))
    return [
        {
            "row_kind": "evaluation",
            "head": head,
            "model": MODEL,
            "item": name,
            "origin": "all",
            "value": value,
            "n_users": n_users,
        }
        for name, value in figures.items()
        if name != "n_users"
    ]


def _source(head: str, source: str, reason: str) -> list[Row]:
    return [
        {"row_kind": "head", "head": head, "model": source, "text": reason},
        {"row_kind": "gate", "head": head, "item": "verdict", "text": source, "why": reason},
    ]


def _card(item: str, value: float) -> Row:
    return {"row_kind": "card", "item": item, "value": value}


def _parameter(head: str, item: str, value: float, low: float = np.nan, high: float = np.nan) -> Row:
    return {"row_kind": "parameter", "head": head, "item": item, "value": value, "low": low, "high": high}
