"""How many personas hold, and how sure a label is: what survives a refit on other users."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    pairwise_distances_argmin,
    silhouette_score,
)
from threadpoolctl import threadpool_limits

from clientele.learning.calibration import IsotonicTable
from clientele.personas.settings import Settings

# How much looser (relative inertia) a partition may be that continues the one before.
CONTINUITY = 0.01
DIAGNOSTIC_COLUMNS = ("k", "metric", "value", "threshold", "passed")


@dataclass(frozen=True)
class ChoiceOfK:
    """The number of personas, and the evidence for it.

    Attributes
    ----------
    k : int
    is_stable : bool
        Whether every bar is passed with at least ``min_k`` personas.
    reason : str
        The rule's outcome as a sentence, naming the bars missed.
    diagnostics : DataFrame
        Long: ``k``, ``metric``, ``value``, ``threshold`` and ``passed`` (both missing where a metric is
        reported and decides nothing).
    refits : dict of int to list of ndarray, each of shape (k, n_components)
        Centroids of the half-sample refits for every k tried.
    """

    k: int
    is_stable: bool
    reason: str
    diagnostics: pd.DataFrame
    refits: dict[int, list[np.ndarray]]


def fit_kmeans(points: np.ndarray, k: int, n_init: int, seed: int) -> KMeans:
    """K-means by Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii, 2007).

    Only the start that is best after a few steps runs to its end, which costs a third of running all.
    """
    with warnings.catch_warnings():
        # A resample may hold fewer than k distinct points; the empty clusters then count as unstable.
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = KMeans(k, n_init=n_init, max_iter=8, random_state=seed).fit(points)
        return KMeans(k, n_init=1, init=start.cluster_centers_).fit(points)


def fit_final_kmeans(points: np.ndarray, k: int, n_init: int, seed: int, before: np.ndarray | None) -> KMeans:
    """K-means until no user changes the cluster; where it leads as far, from the segments that there are.

    Several partitions can be nearly as tight as the tightest, and chance picks another one after each month.
    The one that continues the earlier segments is taken when it is at most `CONTINUITY` looser than the best.

    Parameters
    ----------
    points : ndarray, shape (n_users, n_components)
    before : ndarray of int, shape (n_users,), or None
        Labels of the model before; used when there are `k` of them.
    """
    settled = {"n_init": 1, "max_iter": 2000, "tol": 0}
    best = KMeans(k, init=fit_kmeans(points, k, n_init, seed).cluster_centers_, **settled).fit(points)
    if before is None or len(np.unique(before)) != k:
        return best
    means = np.array([points[before == label].mean(axis=0) for label in np.unique(before)])
    continued = KMeans(k, init=means, **settled).fit(points)
    is_as_tight = continued.inertia_ <= (1 + CONTINUITY) * best.inertia_
    is_the_same = adjusted_rand_score(continued.labels_, best.labels_) == 1.0
    return continued if is_as_tight and not is_the_same and len(np.unique(continued.labels_)) == k else best


# One thread, as in fit_personas.
@threadpool_limits.wrap(limits=1)
def choose_k(points: np.ndarray, settings: Settings, k_before: int | None = None) -> ChoiceOfK:
    """Take the number of clusters that there was, if it passes every bar, else the largest that does.

    The bars are prediction strength and the adjusted Rand index between fits on two random halves (means
    over repetitions), the bootstrap Jaccard index of the least stable cluster, and the smallest share of
    users. If no k >= ``min_k`` passes, the k whose worst bar is nearest to being passed is taken and
    ``is_stable`` is False. Silhouette and its kin are reported and decide nothing.

    Three repetitions are all that a k gets which is far from a bar by then, or smaller than one that passes:
    its figures are rougher.

    Parameters
    ----------
    points : ndarray, shape (n_users, n_components)
        Embedded users; two distinct points at least.
    settings : Settings
    k_before : int or None
        Number of clusters of the model before. A number that goes up and down with the months would rename
        customers who have not changed.

    Raises
    ------
    ValueError
        All points are the same.

    References
    ----------
    Tibshirani and Walther (2005), Cluster validation by prediction strength.
    Tibshirani, Walther and Hastie (2001), Estimating the number of clusters in a data set via the gap
    statistic. Hennig (2007), Cluster-wise assessment of cluster stability.
    """
    # Single precision halves the time of the study, which compares labels only.
    points = points.astype(np.float32)
    n_distinct = len(np.unique(points, axis=0))
    if n_distinct < 2:
        raise ValueError("All users have the same features: there is no number to choose.")
    bars = {
        "prediction_strength": settings.min_prediction_strength,
        "half_sample_ari": settings.min_half_sample_ari,
        "min_jaccard": settings.min_jaccard,
        "min_share": settings.min_share,
    }
    candidates = range(2, min(settings.max_k, n_distinct) + 1)
    shown = np.random.default_rng(settings.seed).permutation(len(points))[: settings.silhouette_users]
    distances = pairwise_distances(points[shown])
    values: dict[int, dict[str, float]] = {}
    refits: dict[int, list[np.ndarray]] = {}
    nearness: dict[int, float] = {}
    stable = 0
    # Downwards: below the first k that passes nothing is left to decide, and a glance is enough.
    in_turn = sorted(candidates, key=lambda k: (k != k_before, -k))
    for k in in_turn:
        is_open = not stable and k >= settings.min_k
        model = fit_kmeans(points, k, settings.n_init, settings.seed)
        strength, ari, refits[k] = _study_halves(points, k, is_open, settings)
        n_repeats = len(refits[k]) // 2
        values[k] = {
            "prediction_strength": strength,
            "half_sample_ari": ari,
            "min_jaccard": _study_bootstraps(points, model.labels_, k, n_repeats, settings),
            "min_share": float(np.bincount(model.labels_, minlength=k).min() / len(points)),
            **_describe_shape(points[shown], distances, model.labels_[shown]),
            "gap": _gap(points[shown], k, settings.seed),
        }
        nearness[k] = min(values[k][bar] / needed for bar, needed in bars.items())
        if is_open and nearness[k] >= 1:
            stable = k
    rows = [
        (k, metric, value, bars.get(metric, np.nan), value >= bars[metric] if metric in bars else pd.NA)
        for k, metrics in sorted(values.items())
        for metric, value in metrics.items()
    ]
    diagnostics = pd.DataFrame(rows, columns=list(DIAGNOSTIC_COLUMNS)).astype({"passed": "boolean"})

    if stable:
        why = "as many as before, and they" if stable == k_before else "the most that"
        reason = f"{stable} personas: {why} pass every bar."
        return ChoiceOfK(stable, True, reason, diagnostics, refits)
    allowed = [k for k in candidates if k >= settings.min_k] or [max(candidates)]
    k = max(allowed, key=lambda k: (round(nearness[k], 12), k))
    of_k = values[k]
    missed = [f"{bar} {of_k[bar]:.3f} < {needed}" for bar, needed in bars.items() if of_k[bar] < needed]
    if k < settings.min_k:
        missed.append(f"only {n_distinct} distinct kinds of users")
    reason = f"{k} personas, bars missed: {'; '.join(missed)}."
    return ChoiceOfK(k, False, reason, diagnostics, refits)


def _study_halves(
    points: np.ndarray, k: int, is_open: bool, settings: Settings
) -> tuple[float, float, list[np.ndarray]]:
    """Mean prediction strength and ARI over random halves, and the centroids of the fits."""
    strengths, aris, centroids = [], [], []
    half = len(points) // 2
    for repeat in range(settings.n_repeats):
        generator = np.random.default_rng([settings.seed, 1, repeat])
        order = generator.permutation(len(points))
        parts = np.sort(order[:half]), np.sort(order[half:])
        models = [fit_kmeans(points[part], k, settings.n_init, repeat) for part in parts]
        labels = [model.predict(points) for model in models]
        aris.append(adjusted_rand_score(*labels))
        for own, other, part in ((0, 1, parts[0]), (1, 0, parts[1])):
            together = cross_count(labels[own][part], labels[other][part], k)
            size = together.sum(axis=1)
            pairs = (together * (together - 1)).sum(axis=1) / np.maximum(size * (size - 1), 1)
            strengths.append(pairs.min())
        centroids += [model.cluster_centers_ for model in models]
        # Most of the time would go into k that will not be chosen any more.
        missed = max(
            settings.min_prediction_strength - np.mean(strengths),
            settings.min_half_sample_ari - np.mean(aris),
        )
        if repeat == 2 and (not is_open or missed > 0.1):
            break
    return float(np.mean(strengths)), float(np.mean(aris)), centroids


def _study_bootstraps(
    points: np.ndarray, labels: np.ndarray, k: int, n_repeats: int, settings: Settings
) -> float:
    """Mean over bootstraps of each cluster's best Jaccard index; the least of the clusters."""
    jaccard = np.zeros(k)
    for repeat in range(n_repeats):
        generator = np.random.default_rng([settings.seed, 2, repeat])
        drawn = np.sort(generator.integers(len(points), size=len(points)))
        model = fit_kmeans(points[drawn], k, settings.n_init, repeat)
        users, first = np.unique(drawn, return_index=True)
        both = cross_count(labels[users], model.labels_[first], k)
        either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
        jaccard += (both / np.maximum(either, 1)).max(axis=1)
    return float(jaccard.min() / n_repeats)


def _describe_shape(points: np.ndarray, distances: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Silhouette, Calinski-Harabasz and Davies-Bouldin; empty if the sample shows one cluster only."""
    if not 2 <= len(np.unique(labels)) < len(points):
        return {}
    return {
        "silhouette": float(silhouette_score(distances, labels, metric="precomputed")),
        "calinski_harabasz": float(calinski_harabasz_score(points, labels)),
        "davies_bouldin": float(davies_bouldin_score(points, labels)),
    }


def _gap(points: np.ndarray, k: int, seed: int, n_references: int = 3, n_points: int = 1500) -> float:
    """Ln inertia of points spread evenly over the same box, less that of the clusters."""
    points = points[:n_points]
    if len(points) <= k:
        return float("nan")
    low, high = points.min(axis=0), points.max(axis=0)
    expected = [
        np.log(max(fit_kmeans(spread.astype(points.dtype), k, 2, seed).inertia_, 1e-12))
        for reference in range(n_references)
        for spread in [np.random.default_rng([seed, 4, reference]).uniform(low, high, points.shape)]
    ]
    return float(np.mean(expected) - np.log(max(fit_kmeans(points, k, 2, seed).inertia_, 1e-12)))


def cross_count(first: np.ndarray, second: np.ndarray, k: int) -> np.ndarray:
    """Count users by two labellings with values 0..k-1; shape (k, k), empty labels included."""
    return np.bincount(first * k + second, minlength=k * k).reshape(k, k)


def align(reference: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Renumber `labels` so that most users agree with `reference` (Kuhn, 1955, the Hungarian method)."""
    rows, columns = linear_sum_assignment(-cross_count(reference, labels, k))
    renumbered = np.empty(k, dtype=int)
    renumbered[columns] = rows
    return renumbered[labels]


def calibrate_confidence(
    points: np.ndarray, labels: np.ndarray, margins: np.ndarray, refits: list[np.ndarray], n_bins: int = 20
) -> pd.DataFrame:
    """Tabulate confidence against margin: agreement under refitting.

    A user's agreement is the share of half-sample refits, their labels aligned with the model's, that
    give the user the same persona. It is averaged within quantile bins of the margin and made monotone.

    Parameters
    ----------
    points : ndarray, shape (n_users, n_components)
    labels : ndarray of int, shape (n_users,)
        The model's labels, 0..k-1.
    margins : ndarray, shape (n_users,)
        As in `clientele.personas.score`.
    refits : list of ndarray, each of shape (k, n_components)
    n_bins : int

    Returns
    -------
    DataFrame
        ``margin_lo`` ascending from 0, and ``confidence`` (0..1), which holds up to the next row's bound.
        It says how well the sample determines the label, not how well a short history does.

    References
    ----------
    Barlow, Bartholomew, Bremner and Brunk (1972), Statistical inference under order restrictions.
    """
    k = len(refits[0])
    relabelled = [align(labels, pairwise_distances_argmin(points, centroids), k) for centroids in refits]
    agreement = (np.array(relabelled) == labels).mean(axis=0)
    return tabulate_by_margin(margins, agreement, n_bins)


def tabulate_by_margin(margins: np.ndarray, agreement: np.ndarray, n_bins: int) -> pd.DataFrame:
    """Average agreement within quantile bins of the margin, made monotone.

    Parameters
    ----------
    margins : ndarray, shape (n_users,)
        At least 0.
    agreement : ndarray, shape (n_users,)
        0..1
    n_bins : int
        At most so many rows.

    Returns
    -------
    DataFrame
        ``margin_lo`` ascending from 0, and ``confidence`` (0..1), which holds up to the next row's bound.
    """
    table = IsotonicTable(n_bins, lowest=0.0).fit(margins, agreement).table_
    return table.rename(columns={"score_lo": "margin_lo", "value": "confidence"})
