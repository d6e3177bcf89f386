"""The effects of several groups, drawn towards each other as far as their spread is chance."""

from __future__ import annotations

import numpy as np

__all__ = ["shrunken"]


def shrunken(effects: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the empirical-Bayes means and standard deviations of effects that are estimated apart.

    Groups share a normal distribution whose variance is estimated by moments (DerSimonian and Laird,
    Meta-analysis in clinical trials, 1986); it is zero when chance explains the spread.

    Parameters
    ----------
    effects, errors : array of shape (n_groups,)
        Estimates and their standard errors, above zero.

    Returns
    -------
    means, deviations : array of shape (n_groups,)
        A group that is alone stays as it is. Deviations count the uncertainty of the common mean.

    Examples
    --------
    >>> means, deviations = shrunken(np.array([0.0, 2.0]), np.array([1.0, 1.0]))
    >>> means.round(2).tolist(), bool(deviations[0] < 1)
    ([0.67, 1.33], True)
    """
    effects, errors = np.asarray(effects, dtype=float), np.asarray(errors, dtype=float)
    if len(effects) < 2:
        return effects.copy(), errors.copy()
    weights = 1 / errors**2
    common = np.sum(weights * effects) / np.sum(weights)
    spread = np.sum(weights * (effects - common) ** 2)
    between = (spread - (len(effects) - 1)) / (np.sum(weights) - np.sum(weights**2) / np.sum(weights))
    between = max(between, 0.0)
    weights = 1 / (errors**2 + between)
    common = np.sum(weights * effects) / np.sum(weights)
    kept = between / (between + errors**2)
    means = kept * effects + (1 - kept) * common
    deviations = np.sqrt(kept * errors**2 + (1 - kept) ** 2 / np.sum(weights))
    return means, deviations
