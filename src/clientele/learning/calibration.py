"""From what a model says to what happens: a monotone table, and rows that show how far apart they are."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from clientele.learning.metrics import bins_of

CALIBRATION_COLUMNS = ("decile", "predicted", "observed", "ci_lo", "ci_hi", "n_users")


class IsotonicTable:
    """A step function from score to outcome that never falls, as a table that SQL can join.

    The outcome is averaged within bins of about as many users, then made monotone.

    Parameters
    ----------
    n_bins : int
        At most so many rows.
    lowest : float or None
        Where the first row begins: a bound below which no score lies. None: at minus infinity, for which SQL
        needs no row of its own as the first row holds for all that is below the second.

    Attributes
    ----------
    table_ : DataFrame
        ``score_lo`` ascending, and ``value``, which holds up to the next row's bound.

    References
    ----------
    Barlow, Bartholomew, Bremner and Brunk (1972), Statistical inference under order restrictions.
    Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates.

    Examples
    --------
    >>> score, happened = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 1, 1, 1])
    >>> table = IsotonicTable(n_bins=2, lowest=0.0).fit(score, happened)
    >>> table.table_.to_numpy().tolist()
    [[0.0, 0.0], [0.2, 1.0]]
    >>> table.predict(np.array([0.05, 0.85])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, n_bins: int = 20, lowest: float | None = None) -> None:
        self.n_bins = n_bins
        self.lowest = lowest

    def fit(self, score: np.ndarray, outcome: np.ndarray) -> Self:
        """Learn the table.

        Parameters
        ----------
        score, outcome : ndarray, shape (n_users,)

        Raises
        ------
        ValueError
            There is nobody to learn from, or a value is NaN.
        """
        if not len(score) or np.isnan(score).any() or np.isnan(outcome).any():
            raise ValueError(
                "IsotonicTable: scores and outcomes must be there, for one user or more, without NaN."
            )
        edges = np.unique(np.quantile(score, np.arange(self.n_bins) / self.n_bins, method="lower"))
        bins = np.searchsorted(edges, score, side="right") - 1
        edges = edges.astype(float)
        edges[0] = -np.inf if self.lowest is None else self.lowest
        counts = np.bincount(bins, minlength=len(edges))
        filled = np.flatnonzero(counts)
        means = np.bincount(bins, weights=outcome, minlength=len(edges))[filled] / counts[filled]
        monotone = IsotonicRegression().fit_transform(filled, means, sample_weight=counts[filled])
        self.table_ = pd.DataFrame({"score_lo": edges[filled], "value": monotone})
        return self

    def predict(self, score: np.ndarray) -> np.ndarray:
        """Return the value of each score, shape (n_users,)."""
        row = np.searchsorted(self.table_["score_lo"].to_numpy(), score, side="right") - 1
        return self.table_["value"].to_numpy()[np.maximum(row, 0)]


def calibration_rows(
    outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray, n_bins: int = 10
) -> pd.DataFrame:
    """Say for each decile of predictions what was predicted and what happened.

    Parameters
    ----------
    outcome : ndarray, shape (n_users,)
        NaN: not seen, left out. 0 and 1, or amounts.
    predicted : ndarray, shape (n_users,)
    weights : ndarray, shape (n_weightings, n_users)
        The first row are the users as they are (`clientele.learning.resampling.bootstrap_weights`).
    n_bins : int

    Returns
    -------
    DataFrame
        `CALIBRATION_COLUMNS`, ``decile`` 1 with the lowest predictions; the interval is that of ``observed``,
        95 %. Fewer rows where many predictions are equal.

    References
    ----------
    Van Calster et al. (2019), Calibration: the Achilles heel of predictive analytics.

    Examples
    --------
    >>> rows = calibration_rows(np.array([0.0, 1.0]), np.array([0.1, 0.7]), np.ones((1, 2)), n_bins=2)
    >>> rows[["decile", "predicted", "observed"]].to_numpy().tolist()
    [[1.0, 0.1, 0.0], [2.0, 0.7, 1.0]]
    """
    seen = ~np.isnan(outcome)
    outcome, predicted, weights = outcome[seen], predicted[seen], weights[:, seen]
    rows = []
    if len(outcome):
        bins = bins_of(predicted, n_bins)
        for number in np.unique(bins):
            own = weights[:, bins == number]
            total = own.sum(axis=1)
            observed = own @ outcome[bins == number] / np.where(total > 0, total, np.nan)
            drawn = observed[1:][~np.isnan(observed[1:])]
            low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
            said = predicted[bins == number].mean()
            rows.append((int(number) + 1, said, observed[0], low, high, int((bins == number).sum())))
    kinds = {"decile": "int64", "n_users": "int64"}
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS)).astype(
        kinds | dict.fromkeys(("predicted", "observed", "ci_lo", "ci_hi"), "float64")
    )
