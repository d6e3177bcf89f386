"""Metrics of predictions under many weightings of the users at once, which is what a bootstrap is."""

from __future__ import annotations

import numpy as np

TOP_SHARE = 0.1


def bootstrap_weights(n_users: int, n_bootstraps: int, seed: int) -> np.ndarray:
    """How often each user is drawn: the users as they are, then Poisson(1) draws.

    Parameters
    ----------
    n_users, n_bootstraps, seed : int

    Returns
    -------
    ndarray of float, shape (1 + n_bootstraps, n_users)
        The first row is all ones.

    References
    ----------
    Hanley and MacGibbon (2006), Creating non-parametric bootstrap samples using Poisson frequencies.
    """
    drawn = np.random.default_rng([seed, 3]).poisson(1.0, (n_bootstraps, n_users))
    return np.vstack([np.ones((1, n_users)), drawn])


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


def auc_and_lift(
    outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve, and the rate in the top decile over the rate of all.

    Users with equal predictions share the ranks, and the last places of the top decile, evenly.

    Parameters
    ----------
    outcome : ndarray of 0 and 1, shape (n_users,)
    predicted : ndarray, shape (n_users,)
    weights : ndarray, shape (n_weightings, n_users)

    Returns
    -------
    tuple of ndarray, each of shape (n_weightings,)
        NaN where only one of the two outcomes occurs.
    """
    order = np.argsort(-predicted, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(predicted[order]) != 0])
    ordered = weights[:, order]
    positive = np.add.reduceat(ordered * outcome[order], starts, axis=1)
    everyone = np.add.reduceat(ordered, starts, axis=1)
    negative = everyone - positive
    n_positive, n_negative = positive.sum(axis=1), negative.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = n_negative[:, None] - np.cumsum(negative, axis=1)
        auc = (positive * (below + negative / 2)).sum(axis=1) / (n_positive * n_negative)
        places = TOP_SHARE * (n_positive + n_negative)
        before = np.cumsum(everyone, axis=1) - everyone
        share = np.clip((places[:, None] - before) / np.where(everyone > 0, everyone, 1), 0, 1)
        rate = (share * positive).sum(axis=1) / places
        lift = rate / (n_positive / (n_positive + n_negative))
    varies = (n_positive > 0) & (n_negative > 0)
    return np.where(varies, auc, np.nan), np.where(varies, lift, np.nan)
