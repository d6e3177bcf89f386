"""Other ways to cluster the same users, for the record: they decide nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.base import clone
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, BisectingKMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from clientele.learning.distances import gower
from clientele.learning.resampling import hash_sample
from clientele.personas.pipeline import HabitSpace, fit_kmeans
from clientele.personas.preparation import check_catalog, check_table, parts_of_histories
from clientele.personas.settings import Settings

COMPARATOR_COLUMNS = (
    "method",
    "n_users",
    "n_clusters",
    "half_sample_ari",
    "ari_with_kmeans",
    "silhouette",
    "min_share",
    "noise_share",
    "cpu_seconds",
)
_NOISE = -1
# Labels for any values; labels of the fitted values and, where the method has one, the rule for others.
_Rule = Callable[[np.ndarray], np.ndarray]
_Fit = Callable[[np.ndarray], tuple[np.ndarray, _Rule | None]]


@threadpool_limits.wrap(limits=1)
def compare(
    features: pd.DataFrame,
    catalog: pd.DataFrame,
    replicates: pd.DataFrame | None,
    k: int,
    settings: Settings,
    max_users: int = 10_000,
    max_users_of_trees: int = 3_000,
) -> pd.DataFrame:
    """Cluster one sample of users in every way, on the embedding of the persona model.

    Half-sample ARI is the agreement of two fits on random halves about the users of both: a method without a
    rule for new users gives them the label of the nearest clustered one.

    Parameters
    ----------
    features, catalog, replicates, settings
        As for `clientele.personas.fit_personas`.
    k : int
        Number of clusters, where a method takes one.
    max_users, max_users_of_trees : int
        More are reduced to a fixed sample; the second is for methods whose cost is that of all pairs.

    Returns
    -------
    DataFrame
        `COMPARATOR_COLUMNS`, one row per method. Users whom HDBSCAN calls noise count in ``noise_share``
        alone.

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function.
    Gower (1971), A general coefficient of similarity and some of its properties.
    Steinbach, Karypis and Kumar (2000), A comparison of document clustering techniques (bisecting K-means).
    Campello, Moulavi and Sander (2013), Density-based clustering based on hierarchical density estimates.
    Sculley (2010), Web-scale k-means clustering (MiniBatch).
    """
    catalog = check_catalog(catalog)
    table = check_table(features, catalog["feature"].tolist(), "features")
    sample = table.iloc[hash_sample(table["user_sk"].to_numpy(), max_users, settings.seed)]
    sample = sample.reset_index(drop=True)
    names = catalog["feature"].tolist()
    values = sample[names].to_numpy()
    space = HabitSpace(settings).fit(values, parts_of_histories(replicates, names)[1])
    points = space.transform(values)
    fewer = hash_sample(sample["user_sk"].to_numpy(), max_users_of_trees, settings.seed + 4)
    # Gower: differences over the range, averaged over features; of all features, clipped.
    low, high = space.clip_lo_[space.kept_], space.clip_hi_[space.kept_]
    of_range = (np.clip(values[:, space.kept_], low, high) - low) / (high - low)
    rows = [
        {"method": name} | _judge(cluster, values[users], points[users], k, settings)
        for name, cluster, values, users in _methods(points, of_range, fewer, k, settings)
    ]
    return pd.DataFrame(rows, columns=list(COMPARATOR_COLUMNS))


def _methods(
    points: np.ndarray, of_range: np.ndarray, fewer: np.ndarray, k: int, settings: Settings
) -> Iterator[tuple[str, _Fit, np.ndarray, np.ndarray]]:
    """Name, fit, the values of all users, and the users that it can take."""
    everyone, seed = np.arange(len(points)), settings.seed
    yield "K-means (the persona model's)", lambda x: _ruled(fit_kmeans(x, k, 8, seed), x), points, everyone
    for name, estimator in {
        "MiniBatch K-means": MiniBatchKMeans(k, n_init=8, random_state=seed),
        "bisecting K-means": BisectingKMeans(k, n_init=4, random_state=seed),
        "Gaussian mixture": GaussianMixture(k, n_init=2, reg_covar=1e-4, random_state=seed),
    }.items():
        yield name, lambda x, own=estimator: _ruled(clone(own).fit(x), x), points, everyone
    yield "Ward (CAH)", lambda x: (AgglomerativeClustering(k).fit_predict(x), None), points, fewer
    yield "CAH with Gower distance", lambda x: (_gower_tree(x, k), None), of_range, fewer
    yield (
        "HDBSCAN",
        lambda x: (HDBSCAN(min_cluster_size=max(20, len(x) // 50), copy=True).fit_predict(x), None),
        points,
        fewer,
    )


def _ruled(model, values: np.ndarray) -> tuple[np.ndarray, _Rule]:
    return model.predict(values), model.predict


def _gower_tree(of_range: np.ndarray, k: int) -> np.ndarray:
    """Average linkage on Gower distances: Ward's criterion asks for Euclidean ones."""
    return fcluster(linkage(squareform(gower(of_range), checks=False), "average"), k, "maxclust") - 1


def _judge(
    fit: _Fit, values: np.ndarray, points: np.ndarray, k: int, settings: Settings
) -> dict[str, object]:
    began = time.process_time()
    labels, _ = fit(values)
    seconds = time.process_time() - began
    order = np.random.default_rng([settings.seed, 5]).permutation(len(values))
    halves = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    agreement = adjusted_rand_score(*(_extend(*fit(values[half]), half, values) for half in halves))
    is_in = labels != _NOISE
    sizes = np.unique(labels[is_in], return_counts=True)[1]
    shown = np.flatnonzero(is_in)[:3000]
    has_two = len(np.unique(labels[shown])) > 1
    reference = fit_kmeans(points, k, 8, settings.seed).labels_
    return {
        "n_users": len(values),
        "n_clusters": len(sizes),
        # Two fits that find nothing agree about it, which is no stability.
        "half_sample_ari": agreement if len(sizes) > 1 else np.nan,
        "ari_with_kmeans": adjusted_rand_score(reference[is_in], labels[is_in]) if len(sizes) > 1 else np.nan,
        "silhouette": silhouette_score(points[shown], labels[shown]) if has_two else np.nan,
        "min_share": sizes.min() / len(labels) if len(sizes) else np.nan,
        "noise_share": 1 - is_in.mean(),
        "cpu_seconds": seconds,
    }


def _extend(labels: np.ndarray, rule: _Rule | None, half: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Label all users from one half; without a rule a user takes the label of the nearest in the half."""
    if rule:
        return rule(values)
    squared = (values[half] ** 2).sum(axis=1)
    nearest = np.empty(len(values), dtype=int)
    for start in range(0, len(values), 500):
        part = slice(start, start + 500)
        nearest[part] = (squared - 2 * values[part] @ values[half].T).argmin(axis=1)
    return labels[nearest]
