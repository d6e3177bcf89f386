"""One estimator for everything that a fit learns: ranges, reliability, pruning, axes, centroids."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from clientele.learning.linear_rows import round_significant
from clientele.personas.settings import Settings

KEPT, CONSTANT, UNRELIABLE, CORRELATED = "kept", "constant", "unreliable", "correlated"


class HabitSpace(TransformerMixin, BaseEstimator):
    """The linear space in which customers are compared: clip, standardise, prune, weight, rotate.

    Each feature is clipped to quantiles and standardised. One that hardly varies, one that differs within a
    customer's history nearly as much as between customers, and the later of two that say the same are
    dropped. A feature is then divided by its range, not by its standard deviation: of two features with the
    same range the one that splits customers into groups varies more, and counts more. Its variance is
    multiplied by its reliability: what sets customers apart for long counts, what differs from one part of a
    history to the next does not. Principal components of all that are the coordinates.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    clip_lo_, clip_hi_, mean_ : ndarray, shape (n_features,)
        In the features' own units, 12 significant digits; the mean is that after the clip.
    scale_ : ndarray, shape (n_features,)
        Standard deviation after the clip; 1 for a constant feature.
    reliability_ : ndarray, shape (n_features,)
        0..1 as of `measure_reliability`; NaN where it is not known.
    status_, twin_ : list of str, ndarray of int, shape (n_features,)
        ``kept``, ``constant``, ``unreliable`` or ``correlated``; position of the feature that says the same,
        or -1.
    twin_correlation_ : ndarray, shape (n_features,)
    kept_ : ndarray of int, shape (n_kept,)
        Positions of the kept features, ascending.
    matrix_ : ndarray, shape (n_kept, n_components)
        Standardised kept features times this are the coordinates.
    explained_variance_ : float
        Share (0..1) of the weighted features' variance that the components keep.

    References
    ----------
    Milligan and Cooper (1988), A study of standardization of variables in cluster analysis.
    Steinley and Brusco (2008), A new variable weighting and selection procedure for K-means cluster analysis.

    Examples
    --------
    >>> from datetime import date
    >>> values = np.random.default_rng(0).normal(size=(500, 3))
    >>> HabitSpace(Settings(as_of=date(2020, 4, 30))).fit(values).transform(values[:2]).shape
    (2, 3)
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def fit(
        self, values: np.ndarray, parts: np.ndarray | None = None, reliability: np.ndarray | None = None
    ) -> HabitSpace:
        """Learn the space.

        Parameters
        ----------
        values : ndarray, shape (n_users, n_features)
            Finite, features in the order in which the first of two alike is kept.
        parts : ndarray, shape (n_others, n_parts, n_features), or None
            The same features from separate parts of a history; NaN for a part that a user lacks. The users
            need not be those of `values`.
        reliability : ndarray, shape (n_features,), or None
            What is known already, instead of measuring it in `parts`.

        Raises
        ------
        ValueError
            No feature differs between users.
        """
        settings = self.settings
        # method="lower" takes a value that occurs, so the bounds do not depend on how a mean of two is
        # rounded.
        bounds = np.quantile(values, settings.clip_quantiles, axis=0, method="lower")
        self.clip_lo_, self.clip_hi_ = round_significant(bounds)
        clipped = np.clip(values, self.clip_lo_, self.clip_hi_)
        self.mean_ = round_significant(clipped.mean(axis=0))
        scale = clipped.std(axis=0)
        varies = scale > 1e-9 * np.maximum(1.0, np.abs(self.mean_))
        self.scale_ = np.where(varies, scale, 1.0)
        standardised = (clipped - self.mean_) / self.scale_

        self.reliability_ = np.full(values.shape[1], np.nan)
        if reliability is not None:
            self.reliability_ = reliability
        elif parts is not None and len(parts) >= settings.min_replicate_users:
            self.reliability_ = measure_reliability(np.clip(parts, self.clip_lo_, self.clip_hi_))
        is_unreliable = varies & (self.reliability_ < settings.min_reliability)
        self._prune(standardised, varies & ~is_unreliable)
        self.status_ = [
            CONSTANT
            if not varies[position]
            else UNRELIABLE
            if is_unreliable[position]
            else CORRELATED
            if self.twin_[position] >= 0
            else KEPT
            for position in range(len(varies))
        ]
        if not len(self.kept_):
            raise ValueError("No feature differs between users: there is nothing to tell them apart by.")
        self._rotate(standardised[:, self.kept_])
        return self

    def _prune(self, standardised: np.ndarray, is_useful: np.ndarray) -> None:
        n_features = standardised.shape[1]
        correlation = standardised.T @ standardised / len(standardised)
        self.twin_, self.twin_correlation_ = np.full(n_features, -1), np.full(n_features, np.nan)
        kept: list[int] = []
        for position in np.flatnonzero(is_useful):
            rho = correlation[position, kept]
            if kept and np.abs(rho).max() > self.settings.max_correlation:
                nearest = int(np.abs(rho).argmax())
                self.twin_[position], self.twin_correlation_[position] = kept[nearest], rho[nearest]
            else:
                kept.append(int(position))
        self.kept_ = np.array(kept, dtype=int)

    def _rotate(self, standardised: np.ndarray) -> None:
        kept = self.kept_
        # 12 makes this 1 for a feature that is spread evenly over its range; a bell-shaped one has about a
        # half.
        clusterability = 12 * (self.scale_[kept] / (self.clip_hi_[kept] - self.clip_lo_[kept])) ** 2
        weights = np.sqrt(np.nan_to_num(self.reliability_[kept], nan=1.0) * clusterability)
        covariance = (standardised.T @ standardised / len(standardised)) * np.outer(weights, weights)
        variances, axes = np.linalg.eigh(covariance)
        variances, axes = variances[::-1], axes[:, ::-1]
        # The largest loading of an axis is positive, or its sign would be chance (as svd_flip of
        # scikit-learn).
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(kept))])
        explained = np.cumsum(variances) / variances.sum()
        n_components = self._count_components(explained)
        self.matrix_ = weights[:, None] * axes[:, :n_components]
        self.explained_variance_ = float(explained[n_components - 1])

    def _count_components(self, explained: np.ndarray) -> int:
        """How many axes are coordinates, of the share that so many of them explain."""
        enough = int(np.searchsorted(explained, self.settings.explained_variance - 1e-12)) + 1
        return min(enough, self.settings.max_components, len(explained))

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """Return the kept features clipped and standardised, shape (n_users, n_kept)."""
        check_is_fitted(self)
        kept = self.kept_
        clipped = np.clip(values[:, kept], self.clip_lo_[kept], self.clip_hi_[kept])
        return (clipped - self.mean_[kept]) / self.scale_[kept]

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return coordinates, shape (n_users, n_components); features in the order of the fit."""
        return self.standardise(values) @ self.matrix_


def space_of(settings: Settings) -> HabitSpace:
    """Return the space that a fit learns: linear, or with ``settings.layers`` the code of an autoencoder."""
    if not settings.layers:
        return HabitSpace(settings)
    # here: the challenger is off by default, and its space is one of these
    from clientele.personas.autoencoder import CodeSpace

    return CodeSpace(settings)


class Personas(ClusterMixin, BaseEstimator):
    """A habit space and K-means in it: what every half, bootstrap, fold and earlier month fits as a whole.

    Parameters
    ----------
    settings : Settings
    n_personas : int

    Attributes
    ----------
    space_ : HabitSpace
    centroids_ : ndarray, shape (n_personas, n_components)
    labels_ : ndarray of int, shape (n_users,)
        0..n_personas-1.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM.

    Examples
    --------
    >>> from datetime import date
    >>> noise = np.random.default_rng(0).normal(size=(200, 2))
    >>> values = np.repeat([[0.0, 9.0], [9.0, 0.0]], 100, axis=0) + noise
    >>> labels = Personas(Settings(as_of=date(2020, 4, 30)), 2).fit_predict(values)
    >>> bool(labels[0] == labels[99] != labels[100])
    True
    """

    def __init__(self, settings: Settings, n_personas: int = 2) -> None:
        self.settings = settings
        self.n_personas = n_personas

    def fit(self, values: np.ndarray, y: None = None, parts: np.ndarray | None = None) -> Personas:
        """Learn space and centroids; `values` and `parts` as for `HabitSpace.fit`."""
        del y
        self.space_ = space_of(self.settings).fit(values, parts)
        points = self.space_.transform(values)
        model = fit_kmeans(points, self.n_personas, self.settings.n_init, self.settings.seed)
        self.centroids_, self.labels_ = model.cluster_centers_, model.labels_
        return self

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return the nearest centroid, 0..n_personas-1; features in the order of the fit."""
        check_is_fitted(self)
        return nearest(self.space_.transform(values), self.centroids_)


def nearest(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the position of the nearest centroid of each point; ties go to the first."""
    return ((centroids**2).sum(axis=1) - 2 * points @ centroids.T).argmin(axis=1)


def fit_kmeans(points: np.ndarray, k: int, n_init: int, seed: int) -> KMeans:
    """K-means by Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii, 2007).

    Only the start that is best after a few steps runs to its end, which costs a third of running all.
    """
    with warnings.catch_warnings():
        # A resample may hold fewer than k distinct points; the empty clusters then count as unstable.
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = KMeans(k, n_init=n_init, max_iter=8, random_state=seed).fit(points)
        return KMeans(k, n_init=1, init=start.cluster_centers_).fit(points)


def measure_reliability(parts: np.ndarray) -> np.ndarray:
    """Share of each feature's variance that lies between users: the intraclass correlation ICC(1).

    A feature that differs as much between two parts of one user's history as between users says nothing
    about who the user is.

    Parameters
    ----------
    parts : ndarray, shape (n_users, n_parts, n_features)
        NaN for a part that a user lacks; each user has two or more, some user differs from another.

    Returns
    -------
    ndarray, shape (n_features,)
        0..1; 0 for a feature that is constant.

    References
    ----------
    Shrout and Fleiss (1979), Intraclass correlations: uses in assessing rater reliability.

    Examples
    --------
    >>> measure_reliability(np.array([[[1.0], [1.0]], [[3.0], [3.0]]])).tolist()
    [1.0]
    """
    has_part = ~np.isnan(parts[:, :, 0])
    sizes = has_part.sum(axis=1)
    filled = np.where(has_part[:, :, None], parts, 0.0)
    means = filled.sum(axis=1) / sizes[:, None]
    n_rows, n_users = int(sizes.sum()), len(sizes)
    overall = filled.sum(axis=(0, 1)) / n_rows
    between = (sizes[:, None] * (means - overall) ** 2).sum(axis=0) / (n_users - 1)
    deviations = np.where(has_part[:, :, None], filled - means[:, None], 0.0)
    within = (deviations**2).sum(axis=(0, 1)) / (n_rows - n_users)
    typical_size = (n_rows - (sizes**2).sum() / n_rows) / (n_users - 1)
    total = between + (typical_size - 1) * within
    return np.clip((between - within) / np.where(total > 0, total, 1.0), 0.0, 1.0)
