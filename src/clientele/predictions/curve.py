"""Days to the next order: chances within several horizons as a curve, whose quantiles are read off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def monotone(chances: np.ndarray) -> np.ndarray:
    """Let no chance within more days be below one within fewer.

    Parameters
    ----------
    chances : ndarray, shape (n_users, n_horizons)
        By ascending horizon.

    Examples
    --------
    >>> monotone(np.array([[0.2, 0.1, 0.4]])).tolist()
    [[0.2, 0.2, 0.4]]
    """
    return np.maximum.accumulate(chances, axis=1)


def quantile_day(chances: np.ndarray, horizons: Sequence[int], share: float) -> np.ndarray:
    """Return the day by which an order has come with a chance of `share`; NaN where it is beyond the curve.

    Between horizons the chance grows evenly by the day.

    Parameters
    ----------
    chances : ndarray, shape (n_users, n_horizons)
        Monotone.
    horizons : sequence of int
    share : float

    Examples
    --------
    >>> quantile_day(np.array([[0.1, 0.5], [0.0, 0.2]]), [7, 30], 0.3).tolist()
    [18.5, nan]
    """
    days = np.full(len(chances), np.nan)
    before, start = np.zeros(len(chances)), 0.0
    for column, horizon in enumerate(horizons):
        here = chances[:, column]
        reached = np.isnan(days) & (here >= share) & (here > before)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = start + (horizon - start) * (share - before) / (here - before)
        days = np.where(reached, found, days)
        before, start = here, float(horizon)
    return days


def expected_day(chances: np.ndarray, horizons: Sequence[int]) -> np.ndarray:
    """Return the days to the next order, counted up to the last horizon: what customers are ranked by.

    Examples
    --------
    >>> expected_day(np.array([[0.0, 0.0], [1.0, 1.0]]), [10, 30]).tolist()
    [30.0, 5.0]
    """
    area, before, start = np.zeros(len(chances)), np.zeros(len(chances)), 0.0
    for column, horizon in enumerate(horizons):
        area += (horizon - start) * (1 - (before + chances[:, column]) / 2)
        before, start = chances[:, column], float(horizon)
    return area


def covered(days: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether the interval holds the day of the order; an end that is NaN is beyond the curve.

    Parameters
    ----------
    days : ndarray
        NaN: no order within the curve.
    low, high : ndarray

    Examples
    --------
    >>> covered(np.array([3.0, np.nan, 3.0]), np.array([1.0, 9.0, np.nan]), np.full(3, np.nan)).tolist()
    [True, True, False]
    """
    day = np.where(np.isnan(days), np.inf, days)
    # An order on day d falls into the span from d - 1 to d.
    return (day >= np.where(np.isnan(low), np.inf, np.floor(low))) & (
        day <= np.where(np.isnan(high), np.inf, np.ceil(high))
    )
