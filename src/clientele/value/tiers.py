"""Cut points that turn a score into a few tiers and lose as little of its order as can be."""

from __future__ import annotations

import numpy as np

N_TIERS = 5
N_CANDIDATES = 200


def tier_cut_points(
    scores: np.ndarray, chances: np.ndarray, n_tiers: int = N_TIERS, min_share: float = 0.01
) -> np.ndarray:
    """Choose the cut points whose tiers tell buyers from others best, if the chances are right.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        What is cut; the higher the better.
    chances : ndarray, shape (n,)
        Each customer's chance (0..1) of an order, which rises with the score.
    n_tiers : int
        As many tiers at most; fewer where scores repeat so often that no more can be told apart.
    min_share : float
        Share of customers that each tier has at least, in this sample.

    Returns
    -------
    ndarray, shape (n_cuts,)
        Rising. Tier 1 lies below the first; a score on a cut point is in the tier above.

    Raises
    ------
    ValueError
        When there is no score.

    Notes
    -----
    The area under the polygon that the tiers make of the ROC curve is a sum over tiers, so dynamic
    programming over candidate cuts finds the largest.

    Examples
    --------
    >>> scores = np.repeat([0.1, 0.2, 0.9], 10)
    >>> tier_cut_points(scores, scores, n_tiers=2).round(2).tolist()
    [0.55]
    """
    if not len(scores):
        raise ValueError("tier_cut_points: there is no score")
    values, place = np.unique(np.asarray(scores, float), return_inverse=True)
    n_values = len(values)
    n_each = np.bincount(place, minlength=n_values).astype(float)
    buyers = np.bincount(place, weights=np.asarray(chances, float), minlength=n_values)
    # Candidates hold about equally many buyers or equally many customers: ends of both kinds matter.
    shares = [np.cumsum(n_each) / n_each.sum(), np.cumsum(buyers) / max(buyers.sum(), 1e-300)]
    ends = {n_values}
    for share in shares:
        ends |= set(np.searchsorted(share, np.linspace(0, 1, N_CANDIDATES // 2 + 1)[1:-1]) + 1)
    ends = np.array(sorted(end for end in ends if 0 < end <= n_values))
    customers = np.r_[0, np.cumsum(n_each)[ends - 1]]
    positive = np.r_[0, np.cumsum(buyers)[ends - 1]]
    negative = customers - positive
    n = len(ends)
    # area[i, j]: pairs (buyer, other) in the right order that a tier from i to j adds: half of its own,
    # all of those with somebody below
    d_positive = positive[None, :] - positive[:, None]
    d_negative = negative[None, :] - negative[:, None]
    area = d_positive * (negative[:, None] + d_negative / 2)
    wide = customers[None, :] - customers[:, None] >= min_share * customers[-1]
    area = np.where(wide & (np.arange(n + 1)[:, None] < np.arange(n + 1)[None, :]), area, -np.inf)
    best = np.full((n_tiers + 1, n + 1), -np.inf)
    best[0, 0] = 0
    came_from = np.zeros((n_tiers + 1, n + 1), int)
    for k in range(1, n_tiers + 1):
        reached = best[k - 1][:, None] + area
        came_from[k], best[k] = reached.argmax(axis=0), reached.max(axis=0)
    k, at, cuts = int(best[:, n].argmax()), n, []
    while k > 1:
        at = came_from[k, at]
        k -= 1
        below = ends[at - 1]
        cuts.append((values[below - 1] + values[below]) / 2)
    return np.array(cuts[::-1])


def tiers(scores: np.ndarray, cut_points: np.ndarray) -> np.ndarray:
    """Return the tier of each score, from 1, the lowest.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    cut_points : ndarray, shape (n_cuts,)
        As `tier_cut_points` returns them.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    return 1 + np.searchsorted(cut_points, scores, side="right")
