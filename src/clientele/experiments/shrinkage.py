"""The effects of several groups, drawn towards each other as far as their spread is chance."""

from __future__ import annotations

import numpy as np

__all__ = ["shrunken"]


def shrunken(effects: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the empirical-Bayes means and standard deviations of effects that are estimated apart.

    Groups share a normal distribution. Its variance is estimated by moments (DerSimonian and Laird,
    Meta-analysis in clinical trials, 1986); it is zero when chance explains the spread. How far a group is
    drawn, and how wide its interval is, allows for that estimate being one (Morris, Parametric empirical
    Bayes inference, JASA 1983).

    Parameters
    ----------
    effects, errors : array of shape (n_groups,)
        Estimates and their standard errors, above zero.

    Returns
    -------
    means, deviations : array of shape (n_groups,)
        Fewer than four groups say too little of their distribution, and stay as they are.

    Examples
    --------
    >>> means, deviations = shrunken(np.array([0.0, 1.0, 1.0, 2.0, 6.0]), np.ones(5))
    >>> means.round(1).tolist(), deviations.round(1).tolist()
    ([0.2, 1.1, 1.1, 2.0, 5.6], [1.0, 1.0, 1.0, 1.0, 1.0])
    """
    effects, errors = np.asarray(effects, dtype=float), np.asarray(errors, dtype=float)
    n_groups = len(effects)
    if n_groups < 4:
        return effects.copy(), errors.copy()
    weights = 1 / errors**2
    common = np.sum(weights * effects) / np.sum(weights)
    spread = np.sum(weights * (effects - common) ** 2)
    between = (spread - (n_groups - 1)) / (np.sum(weights) - np.sum(weights**2) / np.sum(weights))
    between = max(between, 0.0)
    weights = 1 / (errors**2 + between)
    common = np.sum(weights * effects) / np.sum(weights)
    drawn = errors**2 / (between + errors**2) * (n_groups - 3) / (n_groups - 1)
    means = drawn * common + (1 - drawn) * effects
    variances = errors**2 * (1 - (n_groups - 1) / n_groups * drawn)
    variances += 2 / (n_groups - 3) * drawn**2 * (effects - common) ** 2
    return means, np.sqrt(variances)
