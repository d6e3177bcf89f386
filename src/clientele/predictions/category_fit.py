"""Fitting the head of category families: what scores, why, and how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clientele.learning.backtest import Figure
from clientele.learning.metrics import auc, log_loss
from clientele.learning.resampling import hash_sample
from clientele.predictions import judge
from clientele.predictions.categories import (
    HEAD,
    HORIZON,
    THIN,
    FamilyCells,
    FamilyRows,
    PooledFamilies,
    cell_name,
)
from clientele.predictions.fit import states
from clientele.predictions.head_rows import (
    Row,
    calibrations,
    cell_rows,
    evaluation_rows,
    gate_rows,
    parameter_row,
    source_rows,
    weight_rows,
)
from clientele.predictions.settings import CELLS, MODEL, REFUSED, few_positives, refusal

MAX_USERS = 25_000
N_ORIGINS = 4


def fit_categories(
    frame: pd.DataFrame, rows: pd.DataFrame, n_days: int, with_cuts: bool = False, max_users: int = MAX_USERS
) -> list[Row]:
    """Fit, judge and choose.

    Parameters
    ----------
    frame : DataFrame
        core.prediction_frame.
    rows : DataFrame
        core.category_frame.
    n_days : int
        Days of history.
    with_cuts : bool
        Whether the cut points of the heuristic's cells are wanted: the order heads have the same.
    max_users : int
        More customers are reduced to a fixed sample.

    Returns
    -------
    list of dict
        Rows that `clientele.predictions.rows.parts_of` sorts into parts.
    """
    days = sorted(set(rows["days_back"]) & set(frame["days_back"]))
    if reason := refusal(HORIZON, n_days):
        return source_rows(HEAD, REFUSED, reason)
    # All of them: cut points of cells are those of every customer and origin.
    frame = frame.sort_values(["days_back", "user_sk"], ignore_index=True)
    own = frame[frame["days_back"].isin(days[:N_ORIGINS])]
    users = np.sort(own["user_sk"].unique())
    users = users[hash_sample(users, max_users, 8)]
    table = own[own["user_sk"].isin(users)].reset_index(drop=True)
    known = FamilyRows(rows, table)
    if len(known.families) < 2:
        return source_rows(
            HEAD, REFUSED, "The shop has one category family: there is nothing to choose from."
        )
    names = [cell_name(rank) for rank in known.families]
    table[names] = known.bought
    bought = table.groupby("days_back")[names].sum()
    reason = few_positives(
        int(bought[bought.index > days[0]].to_numpy().sum()), int(bought.loc[days[0]].sum())
    )
    if reason:
        return source_rows(HEAD, REFUSED, reason)
    tested_days = judge.tested_origins(days, HORIZON)[:3]
    in_test = bought.reindex(tested_days[:2])
    told = [name for name in names if (in_test[name] >= THIN).all()] or [bought.sum().idxmax()]
    models = {MODEL: PooledFamilies(known), CELLS: FamilyCells()}
    bench = judge.backtest(names[0], _figures(told), HORIZON, positive=None, n_folds=2, max_users=max_users)
    bench.outcomes = names
    evaluated, tested = bench.run_and_tested(table, models, None, [(MODEL, CELLS)])
    groups = judge.group_differences(tested, states(table), CELLS)
    verdict, _ = judge.order_verdict(evaluated, groups, tested, [CELLS])
    source = MODEL if verdict.may_score else CELLS
    model = PooledFamilies(known).fit(table, table[names])
    seen = pd.DataFrame(np.nan, index=frame.index, columns=names)
    places = pd.Series(frame.index, pd.MultiIndex.from_frame(frame[["user_sk", "days_back"]]))
    seen.loc[places.loc[pd.MultiIndex.from_frame(table[["user_sk", "days_back"]])]] = known.bought
    share = len(users) / own["user_sk"].nunique()
    return [
        *source_rows(HEAD, source, verdict.reason),
        *evaluation_rows(HEAD, evaluated),
        *gate_rows(HEAD, verdict),
        *calibrations(HEAD, tested, source),
        *weight_rows(model.model_),
        *cell_rows(FamilyCells().fit(frame, seen), names, with_cuts=with_cuts),
        *(parameter_row(name, "n_buyers", float(n) / share) for name, n in bought.loc[days[0]].items()),
    ]


def _figures(told: list[str]) -> list[Figure]:
    """Macro figures: the mean over the families with enough buyers."""
    return [
        Figure(name=name, metric=metric, outcomes=tuple(told), by_fold=False)
        for name, metric in (("auc", auc), ("log_loss", log_loss))
    ]
