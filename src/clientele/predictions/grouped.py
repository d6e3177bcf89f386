"""Judging heads whose rows are not customers: items of an order, moments of a session.

Rows of one customer belong together: intervals are drawn over customers, and each tested origin lies after
everything that was learnt for it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from clientele.learning.backtest import ALL, Model, evaluation_rows
from clientele.learning.metrics import auc, calibration_slope, expected_calibration_error, log_loss
from clientele.learning.resampling import bootstrap_weights, hash_sample, origin_weights

CHANCES = {"auc": auc, "log_loss": log_loss, "ece": expected_calibration_error, "slope": calibration_slope}
DECIDES = "_decides"
F1 = "f1"


def f1_score(outcome: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall of decisions of 0 and 1.

    Parameters
    ----------
    outcome, decided : ndarray of 0 and 1, shape (n_rows,)
    weights : ndarray, shape (n_weightings, n_rows)

    Returns
    -------
    ndarray, shape (n_weightings,)
        NaN where nothing was decided and nothing came.

    References
    ----------
    van Rijsbergen (1979), Information retrieval.

    Examples
    --------
    >>> f1_score(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]), np.ones((1, 4))).tolist()
    [0.5]
    """
    right = weights @ (np.asarray(outcome, dtype=float) * decided)
    either = weights @ (np.asarray(outcome, dtype=float) + decided)
    return np.where(either > 0, 2 * right / np.where(either > 0, either, 1), np.nan)


def best_threshold(outcome: np.ndarray, chance: np.ndarray) -> float:
    """Return the chance from which on saying yes gives the largest F1.

    Examples
    --------
    >>> best_threshold(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.3, 0.3, 0.9]))
    0.3
    """
    order = np.argsort(-chance, kind="stable")
    said, right = chance[order], np.cumsum(outcome[order])
    score = 2 * right / (np.arange(1, len(order) + 1) + outcome.sum())
    last = np.r_[said[1:] < said[:-1], True]  # equal chances are decided alike
    return float(said[np.argmax(np.where(last, score, -1.0))])


def sampled_rows(frame: pd.DataFrame, max_rows: int, seed: int) -> pd.DataFrame:
    """Return all rows of so many customers that there are about `max_rows`; all if there are fewer."""
    if len(frame) <= max_rows:
        return frame.reset_index(drop=True)
    users = np.sort(frame["user_sk"].unique())
    kept = users[hash_sample(users, max(int(len(users) * max_rows / len(frame)), 1), seed)]
    return frame[frame["user_sk"].isin(kept)].reset_index(drop=True)


# One thread: the same bits each time.
@threadpool_limits.wrap(limits=1)
def out_of_time(
    frame: pd.DataFrame,
    models: Mapping[str, Model],
    outcome: str,
    tests: Sequence[tuple[np.ndarray, np.ndarray, str]],
    kept: Sequence[str] = (),
    max_rows: int = 100_000,
) -> pd.DataFrame:
    """Return what each model said of rows that lie after those it had learnt from, beside what came.

    Parameters
    ----------
    frame : DataFrame
        ``user_sk``, `outcome`, and whatever the models read.
    models : mapping of str to Model
        One that has ``decide(frame, chances)`` decides, too: a column named after it and `DECIDES`.
    outcome : str
    tests : sequence of (ndarray of bool, ndarray of bool, str)
        Rows to learn from, rows to test on, and the name of the origin.
    kept : sequence of str
        Columns to hand on.
    max_rows : int
        Learnt from, at most: by customers.

    Returns
    -------
    DataFrame
        user_sk, ``origin``, ``observed``, `kept`, and a column for each model.
    """
    parts = []
    for learnt, tested, origin in tests:
        past, asked = sampled_rows(frame[learnt], max_rows, 11), frame[tested].reset_index(drop=True)
        if asked.empty or past[outcome].nunique() < 2:
            continue
        part = asked[["user_sk", *kept]].assign(origin=origin, observed=asked[outcome].astype(float))
        for name, model in models.items():
            own = copy.deepcopy(model).fit(past, past[[outcome]].astype(float))
            part[name] = own.predict(asked)[:, 0]
            if hasattr(own, "decide"):
                part[name + DECIDES] = own.decide(asked, part[name].to_numpy()).astype(float)
        parts.append(part)
    columns = ["user_sk", *kept, "origin", "observed", *models]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def evaluate(
    tested: pd.DataFrame,
    models: Sequence[str],
    comparisons: Sequence[tuple[str, str]],
    n_bootstraps: int = 100,
) -> pd.DataFrame:
    """Return figures of what was said, with intervals over customers and origins.

    Parameters
    ----------
    tested : DataFrame
        As of `out_of_time`.
    models : sequence of str
        A model without a column of chances is judged by its decisions alone.
    comparisons : sequence of (model, other)
    n_bootstraps : int

    Returns
    -------
    DataFrame
        Columns and names as of `clientele.learning.backtest.Backtest.run`; empty without tested rows.
    """
    if tested.empty:
        return evaluation_rows([])
    tested = tested.reset_index(drop=True)
    keys, place = np.unique(tested["user_sk"].to_numpy(), return_inverse=True)
    weights = bootstrap_weights(len(keys), n_bootstraps, 0)
    found: list[dict[str, object]] = []
    by_origin: dict[tuple[str, str], list[np.ndarray]] = {}

    def add(model: str, metric: str, values: np.ndarray, n_users: int, origin: str, other: str = "") -> None:
        drawn = values[1:][~np.isnan(values[1:])]
        low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
        row = (model, other, origin, 0, metric, values[0], low, high, n_users)
        names = ("model", "compared_with", "origin", "fold", "metric", "value", "ci_lo", "ci_hi", "n_users")
        found.append(dict(zip(names, row, strict=True)))

    origins = sorted(tested["origin"].unique())
    for origin in origins:
        own = tested[tested["origin"] == origin]
        drawn, came = weights[:, place[own.index]], own["observed"].to_numpy(dtype=float)
        n_users = own["user_sk"].nunique()
        for model in models:
            columns = dict.fromkeys(CHANCES if model in tested else (), model)
            columns |= {F1: model + DECIDES} if model + DECIDES in tested else {}
            for metric, column in columns.items():
                measure = f1_score if metric == F1 else CHANCES[metric]
                values = measure(came, own[column].to_numpy(dtype=float), drawn)
                by_origin.setdefault((model, metric), []).append(values)
                add(model, metric, values, n_users, origin)
    shares = origin_weights(len(origins), n_bootstraps, 0)
    overall = {
        pair: np.nansum(np.array(values).T * shares, axis=1)
        / np.maximum((~np.isnan(np.array(values).T) * shares).sum(axis=1), 1e-9)
        for pair, values in by_origin.items()
    }
    for (model, metric), values in overall.items():
        add(model, metric, values, len(keys), ALL)
    for model, other in comparisons:
        for metric in [*CHANCES, F1]:
            if (model, metric) in overall and (other, metric) in overall:
                add(model, metric, overall[model, metric] - overall[other, metric], len(keys), ALL, other)
    return evaluation_rows(found)
