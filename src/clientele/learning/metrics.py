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


def log_loss(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean negative log-likelihood of probabilities; lower is better.

    Parameters
    ----------
    outcome : ndarray of 0 and 1, shape (n_users,)
    predicted : ndarray, shape (n_users,)
        Probabilities; 0 and 1 count as 1e-15 away, so that one wrong certainty does not decide alone.
    weights : ndarray, shape (n_weightings, n_users)

    Returns
    -------
    ndarray, shape (n_weightings,)
        NaN where all weights are 0.

    References
    ----------
    Good (1952), Rational decisions.

    Examples
    --------
    >>> log_loss(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.ones((1, 2))).round(3)
    array([0.693])
    """
    chance = np.clip(predicted, 1e-15, 1 - 1e-15)
    return _weighted_mean(-np.where(outcome > 0, np.log(chance), np.log1p(-chance)), weights)


def expected_calibration_error(
    outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray, n_bins: int = 10
) -> np.ndarray:
    """Mean distance between what is said and what happened, over bins of equal numbers of users.

    The bins are those of the users as they are; equal predictions share a bin.

    Parameters
    ----------
    outcome, predicted, weights : ndarray
        As for `log_loss`.
    n_bins : int

    Returns
    -------
    ndarray, shape (n_weightings,)
        0 is perfect. Chance alone gives about sqrt(p (1 - p) / users in a bin).

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning.

    Examples
    --------
    >>> expected_calibration_error(np.array([1.0, 0.0]), np.array([0.9, 0.2]), np.ones((1, 2)), 2).round(3)
    array([0.15])
    """
    bins = bins_of(predicted, n_bins)
    starts, order = np.unique(np.sort(bins), return_index=True)[1], np.argsort(bins, kind="stable")
    ordered = weights[:, order]
    gap = np.add.reduceat(ordered * (outcome - predicted)[order], starts, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(gap).sum(axis=1) / ordered.sum(axis=1)


def bins_of(predicted: np.ndarray, n_bins: int) -> np.ndarray:
    """Bin 0..n_bins - 1 of each prediction, with about as many users in each; equal predictions share one.

    Examples
    --------
    >>> bins_of(np.array([0.1, 0.4, 0.2, 0.4]), 2).tolist()
    [0, 1, 0, 1]
    """
    ordered = np.sort(predicted)
    rank = (
        np.searchsorted(ordered, predicted, "left") + np.searchsorted(ordered, predicted, "right") - 1
    ) / 2
    return np.minimum((rank * n_bins / len(predicted)).astype(int), n_bins - 1)


def calibration_line(
    outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of the outcome's log-odds on the predicted log-odds.

    Parameters
    ----------
    outcome, predicted, weights : ndarray
        As for `log_loss`.

    Returns
    -------
    tuple of ndarray, each of shape (n_weightings,)
        1 and 0 are perfect. A slope below 1: predictions are too extreme; an intercept above 0: too low. NaN
        where only one of the two outcomes occurs, or predictions do not vary.

    References
    ----------
    Cox (1958), Two further applications of a model for binary regression.
    Van Calster et al. (2019), Calibration: the Achilles heel of predictive analytics.

    Examples
    --------
    >>> chance = np.repeat([0.2, 0.8], 10)
    >>> happened = np.r_[np.ones(2), np.zeros(8), np.ones(8), np.zeros(2)]
    >>> [line.round(6).item() + 0.0 for line in calibration_line(happened, chance, np.ones((1, 20)))]
    [1.0, 0.0]
    """
    chance = np.clip(predicted, 1e-15, 1 - 1e-15)
    odds = np.log(chance) - np.log1p(-chance)
    intercept, slope = np.zeros(len(weights)), np.ones(len(weights))
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        happened = weights @ outcome
        spread = weights @ odds**2 - (weights @ odds) ** 2 / total
        known = (happened > 0) & (happened < total) & (spread > 1e-9 * total)
        # Newton's steps for all weightings at once; two parameters need no library.
        for _ in range(50):
            p = 1 / (1 + np.exp(-np.clip(intercept[:, None] + slope[:, None] * odds, -700, 700)))
            information = weights * p * (1 - p)
            a, b, c = information.sum(axis=1), information @ odds, information @ odds**2
            left = weights * (outcome - p)
            first, second = left.sum(axis=1), left @ odds
            determinant = a * c - b**2
            step = np.array([c * first - b * second, a * second - b * first]) / determinant
            step = np.where(np.isfinite(step), np.clip(step, -2, 2), 0.0)
            intercept, slope = intercept + step[0], slope + step[1]
            if np.abs(step).max(initial=0) < 1e-10:
                break
    return np.where(known, slope, np.nan), np.where(known, intercept, np.nan)


def calibration_slope(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Slope of `calibration_line`; shape (n_weightings,)."""
    return calibration_line(outcome, predicted, weights)[0]


def calibration_intercept(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Intercept of `calibration_line`; shape (n_weightings,)."""
    return calibration_line(outcome, predicted, weights)[1]


def gini(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How well predictions rank amounts: the curve of captured amount against that of a perfect ranking.

    Parameters
    ----------
    outcome : ndarray, shape (n_users,)
        Amounts of 0 and more, as spend.
    predicted : ndarray, shape (n_users,)
        Only their order counts; users with equal predictions share what they captured evenly.
    weights : ndarray, shape (n_weightings, n_users)

    Returns
    -------
    ndarray, shape (n_weightings,)
        1: ranked as they spent; 0: at random; -1: backwards. NaN where amounts do not vary.

    References
    ----------
    Frees, Meyers and Cummings (2011), Summarizing insurance scores using a Gini index.
    Malthouse and Blattberg (2005), Can we predict customer lifetime value?

    Examples
    --------
    >>> gini(np.array([0.0, 1.0, 5.0]), np.array([1.0, 2.0, 3.0]), np.ones((2, 3))).tolist()
    [1.0, 1.0]
    """
    captured, most = (_captured(outcome, ranking, weights) for ranking in (predicted, outcome))
    return np.divide(captured, most, out=np.full(len(weights), np.nan), where=most > 1e-12)


def _captured(outcome: np.ndarray, ranking: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area between the curve of captured amounts and the diagonal."""
    amount, everyone = _by_rank(outcome, ranking, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.cumsum(amount, axis=1) / amount.sum(axis=1, keepdims=True)
        width = everyone / everyone.sum(axis=1, keepdims=True)
    before = np.hstack([np.zeros((len(share), 1)), share[:, :-1]])
    return ((share + before) / 2 * width).sum(axis=1) - 0.5


def concordance(
    days: np.ndarray, is_seen: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Harrell's C: of pairs whose order is known, the share in which the earlier one was predicted earlier.

    A pair counts if the earlier event was seen; ties of predictions count a half. The cost is the number of
    distinct days times that of users and weightings: pass whole days. Who has not come back when the
    window ends is later than all who have (censored), which a regression on those who came back never sees.

    Parameters
    ----------
    days : ndarray, shape (n_users,)
        Time to the event, or to the end of the window.
    is_seen : ndarray of bool, shape (n_users,)
        Whether it is the event.
    predicted : ndarray, shape (n_users,)
        Expected time: larger is later.
    weights : ndarray, shape (n_weightings, n_users), or None
        None: the users as they are.

    Returns
    -------
    ndarray, shape (n_weightings,)
        .5: at random; below: backwards. NaN without a pair whose order is known.

    References
    ----------
    Harrell, Califf, Pryor, Lee and Rosati (1982), Evaluating the yield of medical tests.

    Examples
    --------
    >>> concordance(np.array([3.0, 9.0, 30.0]), np.array([True, True, False]), np.array([1.0, 2.0, 3.0]))
    array([1.])
    """
    weights = np.ones((1, len(days))) if weights is None else weights
    seen = np.asarray(is_seen, dtype=bool)
    order = np.argsort(predicted, kind="stable")
    days, seen, weights = days[order], seen[order], weights[:, order]
    is_new = np.r_[True, np.diff(predicted[order]) != 0]
    starts, rank = np.flatnonzero(is_new), np.cumsum(is_new) - 1
    good, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for day in np.unique(days[seen]):
        events = np.flatnonzero(seen & (days == day))
        # Whose window ends on the day of an event is later: the event comes first.
        later = np.add.reduceat(weights * ((days > day) | ((days == day) & ~seen)), starts, axis=1)
        total = later.sum(axis=1, keepdims=True)
        predicted_later = total - np.cumsum(later, axis=1) + later / 2
        own = weights[:, events]
        good += (own * predicted_later[:, rank[events]]).sum(axis=1)
        pairs += own.sum(axis=1) * total[:, 0]
    return np.divide(good, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def wape(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted absolute percentage error: sum of errors over sum of what happened; lower is better.

    Parameters
    ----------
    outcome, predicted : ndarray, shape (n,)
        Days of sales, for example.
    weights : ndarray, shape (n_weightings, n)

    Returns
    -------
    ndarray, shape (n_weightings,)
        NaN where nothing happened.

    References
    ----------
    Kolassa and Schuetz (2007), Advantages of the MAD/mean ratio over the MAPE.

    Examples
    --------
    >>> wape(np.array([10.0, 0.0]), np.array([8.0, 1.0]), np.ones((1, 2)))
    array([0.3])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        error = weights @ np.abs(outcome - predicted) / (weights @ np.abs(outcome))
    return np.where(np.isfinite(error), error, np.nan)


def rmspe(outcome: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Root mean squared percentage error over what happened at all; lower is better.

    Parameters
    ----------
    outcome, predicted, weights : ndarray
        As for `wape`.

    Returns
    -------
    ndarray, shape (n_weightings,)
        Rows with an outcome of 0 are left out, as in the Rossmann competition; NaN without others.

    Examples
    --------
    >>> rmspe(np.array([10.0, 0.0]), np.array([8.0, 1.0]), np.ones((1, 2)))
    array([0.2])
    """
    happened = outcome != 0
    relative = (outcome[happened] - predicted[happened]) / outcome[happened]
    return np.sqrt(_weighted_mean(relative**2, weights[:, happened]))


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1)
    return np.divide(weights @ values, total, out=np.full(len(weights), np.nan), where=total > 0)
