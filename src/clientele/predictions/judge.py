"""Judging heads out of time and out of users: figures, the better heuristic, criteria, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from clientele.learning.backtest import ALL, Backtest, Figure, Model
from clientele.learning.calibration import calibration_rows
from clientele.learning.ceiling import BoostedTrees
from clientele.learning.gate import Criterion, Verdict, judge
from clientele.learning.metrics import (
    auc,
    calibration_slope,
    expected_calibration_error,
    log_loss,
)
from clientele.learning.resampling import bootstrap_weights
from clientele.predictions import curve
from clientele.predictions.models import (
    CellsTimesOrderValue,
    LastSpend,
    OrderModel,
    RecencyRates,
    TwoPartSpend,
    order_cells,
)
from clientele.predictions.settings import CELLS, LAST_SPEND
from clientele.predictions.settings import MODEL as HEAD

RECENCY, CEILING = "recency", "ceiling"
MIN_ORIGINS = 2
WORSE = 0.02
GROUP_POSITIVES = 200


def tested_origins(days_back: Sequence[int], horizon: int, n_tested: int = 3) -> list[int]:
    """Choose the origins of a backtest: the newest that are seen, and those that they can learn from.

    Parameters
    ----------
    days_back : sequence of int
        Days from each origin to the end of the history.
    horizon, n_tested : int

    Examples
    --------
    >>> tested_origins([7, 14, 30, 60, 90, 120, 150], 30, n_tested=2)
    [30, 60, 90, 120]
    """
    seen = sorted(days for days in days_back if days >= horizon)
    tested = seen[:n_tested]
    if not tested:
        return []
    return [days for days in seen if days <= tested[-1] + horizon + 30]


def backtest(
    outcome: str, figures: Sequence[Figure], horizon: int, *, positive: str | None, n_folds: int, **sizes
) -> Backtest:
    """Return the judge of one head."""
    return Backtest(
        [outcome] if positive in (None, outcome) else [outcome, positive],
        figures,
        positive=positive,
        stratify_by=("n_events", "n_orders"),
        horizon_days=horizon,
        n_folds=n_folds,
        **{"min_users": 200, "max_users": 10_000, "n_bootstraps": 100} | sizes,
    )


def order_models(features: Sequence[str], outcome: str, with_ceiling: bool = False) -> dict[str, Model]:
    """Return the head of an order and what it is held against."""
    models: dict[str, Model] = {
        HEAD: OrderModel(features),
        CELLS: order_cells(),
        RECENCY: RecencyRates(),
    }
    if with_ceiling:
        models[CEILING] = BoostedTrees(features, binary=[outcome])
    return models


def order_figures(outcome: str) -> list[Figure]:
    """Return the figures of a chance."""
    return [
        Figure(name=name, metric=metric, outcomes=(outcome,), by_fold=False)
        for name, metric in (
            ("auc", auc),
            ("log_loss", log_loss),
            ("ece", expected_calibration_error),
            ("slope", calibration_slope),
        )
    ]


def spend_models(features: Sequence[str], horizon: int, with_ceiling: bool = False) -> dict[str, Model]:
    """Return the head of spend and what it is held against."""
    models: dict[str, Model] = {
        HEAD: TwoPartSpend(features, pooled=True),
        CELLS: CellsTimesOrderValue(),
        LAST_SPEND: LastSpend(f"revenue_{horizon}d"),
    }
    if with_ceiling:
        models[CEILING] = BoostedTrees(features)
    return models


def value_of(rows: pd.DataFrame, model: str, metric: str, compared_with: str = "") -> pd.Series:
    """Return the row of a figure over all origins; NaN where it was not measured."""
    found = rows[
        (rows["model"] == model)
        & (rows["metric"] == metric)
        & (rows["origin"] == ALL)
        & (rows["fold"] == 0)
        & (rows["compared_with"] == compared_with)
    ]
    if found.empty:
        return pd.Series({"value": np.nan, "ci_lo": np.nan, "ci_hi": np.nan})
    return found.iloc[0]


def better_heuristic(rows: pd.DataFrame, names: Sequence[str], metric: str) -> str:
    """Return the heuristic with the larger figure; the first where none was measured."""
    values = [value_of(rows, name, metric)["value"] for name in names]
    return names[int(np.nanargmax(values))] if not np.isnan(values).all() else names[0]


def n_origins(rows: pd.DataFrame) -> int:
    """Count the origins that were tested later than what was learnt."""
    origins = rows.loc[rows["metric"].isin(["auc", "gini"]), "origin"].unique()
    return sum(origin != ALL and "same" not in origin for origin in origins)


def order_verdict(
    rows: pd.DataFrame,
    by_group: pd.DataFrame,
    tested: pd.DataFrame,
    heuristics: Sequence[str] = (CELLS, RECENCY),
    others: Sequence[Criterion] = (),
) -> tuple[Verdict, str]:
    """Hold an order head against the better of its heuristics.

    Parameters
    ----------
    rows : DataFrame
        Of a `Backtest` with `order_models` and both comparisons.
    by_group : DataFrame
        As of `group_differences`.
    tested : DataFrame
        As of `Backtest.tested`: calibration is judged over all origins together.
    heuristics : sequence of str
        The better of them is the rival.
    others : sequence of Criterion
        What is asked besides.

    Returns
    -------
    tuple of Verdict and str
        The verdict, and the heuristic.
    """
    rival = better_heuristic(rows, heuristics, "auc")
    gain, loss = (value_of(rows, HEAD, metric, rival) for metric in ("auc", "log_loss"))
    enough = n_origins(rows) >= MIN_ORIGINS
    why_not = f"{MIN_ORIGINS} tested origins are needed, there are {n_origins(rows)}"
    observed, said = (tested[name].to_numpy(dtype=float) for name in ("observed", HEAD))
    one = np.ones((1, len(tested)))
    ece, slope = (
        float(metric(observed, said, one)[0]) if len(tested) else np.nan
        for metric in (expected_calibration_error, calibration_slope)
    )
    criteria = [
        Criterion(
            name="auc",
            compared_with=rival,
            value=gain["value"],
            ci_lo=gain["ci_lo"],
            ci_hi=gain["ci_hi"],
            bar_of_low=0.0,
            is_measured=enough,
            why_not=why_not,
        ),
        Criterion(
            name="log_loss",
            compared_with=rival,
            value=loss["value"],
            ci_lo=loss["ci_lo"],
            ci_hi=loss["ci_hi"],
            highest=0.0,
            is_measured=enough,
            why_not=why_not,
        ),
        Criterion(name="slope", value=slope, bar=0.8, highest=1.25),
        Criterion(name="ece", value=ece, highest=0.03),
    ]
    criteria += [
        Criterion(name=f"auc of {row.group}", compared_with=rival, value=row.difference, bar=-WORSE)
        for row in by_group.itertuples()
    ]
    return judge([*criteria, *others]), rival


def spend_verdict(rows: pd.DataFrame) -> tuple[Verdict, str]:
    """Hold a spend head against the better of its heuristics, by how well it ranks what was spent."""
    rival = better_heuristic(rows, [CELLS, LAST_SPEND], "gini")
    gain = value_of(rows, HEAD, "gini", rival)
    criterion = Criterion(
        name="gini",
        compared_with=rival,
        value=gain["value"],
        ci_lo=gain["ci_lo"],
        ci_hi=gain["ci_hi"],
        bar_of_low=0.0,
        is_measured=n_origins(rows) >= MIN_ORIGINS,
        why_not=f"{MIN_ORIGINS} tested origins are needed, there are {n_origins(rows)}",
    )
    return judge([criterion]), rival


def group_differences(
    predicted: pd.DataFrame, groups: Mapping[tuple[int, str], str], rival: str
) -> pd.DataFrame:
    """Difference of AUC between head and heuristic within each group with enough positives.

    Parameters
    ----------
    predicted : DataFrame
        As of `Backtest.predictions`.
    groups : mapping of (int, str) to str
        Group of each customer as of each origin.
    rival : str

    Returns
    -------
    DataFrame
        group, difference, positives.
    """
    rows = []
    origins = predicted["origin"].str.slice(0, 10)
    named = [groups.get(pair) for pair in zip(predicted["user_sk"], origins, strict=True)]
    for group, own in predicted.groupby(pd.Series(named, index=predicted.index)):
        observed = own["observed"].to_numpy(dtype=float)
        if observed.sum() >= GROUP_POSITIVES and observed.min() == 0:
            one = np.ones((1, len(own)))
            areas = [float(auc(observed, own[name].to_numpy(), one)[0]) for name in (HEAD, rival)]
            rows.append((str(group), areas[0] - areas[1], int(observed.sum())))
    return pd.DataFrame(rows, columns=["group", "difference", "positives"])


def calibration_of(predicted: pd.DataFrame, model: str, n_bootstraps: int = 100) -> pd.DataFrame:
    """Return deciles of what a model said beside what came, over the tested origins."""
    keys, place = np.unique(predicted["user_sk"].to_numpy(), return_inverse=True)
    weights = bootstrap_weights(len(keys), n_bootstraps, 0)[:, place]
    return calibration_rows(
        predicted["observed"].to_numpy(dtype=float), predicted[model].to_numpy(dtype=float), weights
    )


def curve_figures(
    frame: pd.DataFrame, features: Sequence[str], horizons: Sequence[int], max_users: int = 10_000
) -> dict[str, float]:
    """Test the curve of days to the next order at the newest origin whose last horizon is seen.

    Each horizon is learnt from origins that lie so many days before the tested one, by other customers.

    Parameters
    ----------
    frame : DataFrame
        user_sk, days_back, days_to_order and features.
    features : sequence of str
    horizons : sequence of int
        Ascending; those that are not refused.
    max_users : int

    Returns
    -------
    dict of str to float
        concordance, concordance_recency, coverage_80, open_intervals and n_users; empty where nothing can be
        tested.
    """
    from clientele.learning.metrics import concordance
    from clientele.learning.resampling import hash_sample, stratified_folds

    last = horizons[-1]
    tested_at = min((days for days in frame["days_back"].unique() if days >= last), default=None)
    if tested_at is None or not (frame["days_back"] >= tested_at + last).any():
        return {}
    newest = frame[frame["days_back"] == tested_at].reset_index(drop=True)
    newest = newest.iloc[hash_sample(newest["user_sk"].to_numpy(), max_users, 5)].reset_index(drop=True)
    folds = stratified_folds(
        newest["user_sk"].to_numpy(), newest["n_events"].to_numpy(), newest["n_orders"].to_numpy() > 0, 2, 5
    )
    fold_of = dict(zip(newest["user_sk"], folds, strict=True))
    chances = np.zeros((len(newest), len(horizons)))
    for fold in (1, 2):
        past = frame[(frame["days_back"] > tested_at) & (frame["user_sk"].map(fold_of) != fold)]
        for column, horizon in enumerate(horizons):
            learnt = past[past["days_back"] >= tested_at + horizon]
            learnt = learnt[learnt["days_back"] <= tested_at + horizon + 60]
            ordered = pd.DataFrame({"ordered": (learnt["days_to_order"] <= horizon).astype(float)})
            own = OrderModel(features).fit(learnt.reset_index(drop=True), ordered)
            chances[folds == fold, column] = own.predict(newest[folds == fold])[:, 0]
    chances = curve.monotone(chances)
    day = newest["days_to_order"].where(newest["days_to_order"] <= last).to_numpy(dtype=float)
    low, high = (curve.quantile_day(chances, horizons, share) for share in (0.1, 0.9))
    seen, until = ~np.isnan(day), np.where(np.isnan(day), last, day)
    return {
        "concordance": float(concordance(until, seen, curve.expected_day(chances, horizons))[0]),
        "concordance_recency": float(concordance(until, seen, newest["order_recency_ln"].to_numpy())[0]),
        "coverage_80": float(curve.covered(day, low, high).mean()),
        "open_intervals": float(np.isnan(high).mean()),
        "n_users": float(len(newest)),
    }
