"""Metrics of predictions under many weightings of the users at once, which is what a bootstrap is."""

from __future__ import annotations

import numpy as np

TOP_SHARE = 0.1


def r_squared(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """1 - squared error over squared distance from the mean, over the users whose outcome was seen.

    Parameters
    ----------
    outcome : ndarray, shape (n_users,)
        NaN where it was not seen.
    predicted : ndarray, shape (n_users,)
    weights : ndarray, shape (n_weightings, n_users)

    Returns
    -------
    ndarray, shape (n_weightings,)
        Below 0 for a prediction worse than the mean; NaN where the outcome does not vary.
    """
    seen = ~np.isnan(outcome)
    y, of_seen = outcome[seen], weights[:, seen]
    total = of_seen.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        around_mean = of_seen @ y**2 - (of_seen @ y) ** 2 / total
        r2 = 1 - (of_seen @ (y - predicted[seen]) ** 2) / around_mean
    return np.where(around_mean > 1e-9 * np.maximum(total, 1), r2, np.nan)


def auc(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: how often who did is ranked above who did not; ties count a half.

    Parameters
    ----------
    outcome : ndarray of 0 and 1, shape (n_users,)
    predicted : ndarray, shape (n_users,)
    weights : ndarray, shape (n_weightings, n_users)

    Returns
    -------
    ndarray, shape (n_weightings,)
        NaN where only one of the two outcomes occurs.

    References
    ----------
    Hanley and McNeil (1982), The meaning and use of the area under a receiver operating characteristic curve.

    Examples
    --------
    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.3]), np.ones((1, 3)))
    array([0.75])
    """
    positive, everyone = _by_rank(outcome, predicted, weights)
    negative = everyone - positive
    n_positive, n_negative = positive.sum(axis=1), negative.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = n_negative[:, None] - np.cumsum(negative, axis=1)
        area = (positive * (below + negative / 2)).sum(axis=1) / (n_positive * n_negative)
    return np.where((n_positive > 0) & (n_negative > 0), area, np.nan)


def top_decile_lift(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rate in the tenth of users with the highest predictions over the rate of all.

    Users with equal predictions share the last places of the tenth evenly.

    Parameters
    ----------
    outcome, predicted, weights : ndarray
        As for `auc`.

    Returns
    -------
    ndarray, shape (n_weightings,)
        NaN where only one of the two outcomes occurs.

    Examples
    --------
    >>> top_decile_lift(np.r_[1.0, np.zeros(9)], np.r_[1.0, np.zeros(9)], np.ones((1, 10)))
    array([10.])
    """
    positive, everyone = _by_rank(outcome, predicted, weights)
    negative = everyone - positive
    n_positive, n_negative = positive.sum(axis=1), negative.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = TOP_SHARE * (n_positive + n_negative)
        before = np.cumsum(everyone, axis=1) - everyone
        share = np.clip((places[:, None] - before) / np.where(everyone > 0, everyone, 1), 0, 1)
        rate = (share * positive).sum(axis=1) / places
        lift = rate / (n_positive / (n_positive + n_negative))
    return np.where((n_positive > 0) & (n_negative > 0), lift, np.nan)


def _by_rank(
    outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of those who did, and of all, for each distinct prediction from the highest down."""
    order = np.argsort(-predicted, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(predicted[order]) != 0])
    ordered = weights[:, order]
    positive = np.add.reduceat(ordered * outcome[order], starts, axis=1)
    return positive, np.add.reduceat(ordered, starts, axis=1)
