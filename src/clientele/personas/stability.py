"""How many personas there are, if any: what a refit on other customers and other days finds again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    silhouette_score,
)

from clientele.learning.calibration import IsotonicTable
from clientele.learning.nulls import NullTest, gaussian_like
from clientele.learning.parallel import in_parallel
from clientele.learning.resampling import half_samples
from clientele.personas.pipeline import HabitSpace, fit_kmeans, nearest, space_of
from clientele.personas.settings import Settings

# How much looser (relative inertia) a partition may be that continues the one before.
CONTINUITY = 0.01
# Repetitions after which a number of personas that is this far from a bar is given up.
GLANCE, HOPELESS = 3, 0.1
# Of those between two groups, the share in the middle third from which on no gap parts them. Spread evenly,
# it is a third; of two normal groups that two means can tell apart, less than a quarter.
EVEN_MIDDLE = 0.25
# Pairs of halves behind the strength of a cloud without groups. The customers' own is the mean of as many as
# the study has: it is one figure beside many, and by two pairs it depends on how the customers are shuffled.
NULL_REPEATS = 2
DIAGNOSTIC_COLUMNS = ("k", "metric", "value", "threshold", "passed")
STABLE, EXPLORATORY, NO_GROUPS = "stable", "exploratory", "no_groups"


@dataclass(frozen=True)
class Subjects:
    """The customers whom a study refits on, and whatever is known of parts of their histories.

    Attributes
    ----------
    user_sk : ndarray of int64, shape (n_users,)
    values : ndarray, shape (n_users, n_features)
    parts_user_sk : ndarray of int64, shape (n_others,)
        Users with parts; not all need be among `user_sk`, and the other way round.
    parts : ndarray, shape (n_others, n_parts, n_features)
    """

    user_sk: np.ndarray
    values: np.ndarray
    parts_user_sk: np.ndarray
    parts: np.ndarray

    @property
    def everyone(self) -> np.ndarray:
        """Users of either kind, ascending: a user who is drawn is drawn with both."""
        return np.union1d(self.user_sk, self.parts_user_sk)

    def count(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in `values` and in `parts`, each as often as `counts` (n_everyone,) says of its user."""
        everyone = self.everyone
        return tuple(
            np.repeat(np.arange(len(users)), counts[np.searchsorted(everyone, users)])
            for users in (self.user_sk, self.parts_user_sk)
        )


@dataclass(frozen=True)
class ChoiceOfK:
    """The number of personas, and the evidence for it.

    Attributes
    ----------
    k : int
        Of no groups, the number that came nearest to the bars.
    standing : str
        ``stable``: every bar is passed, and so is the cloud without groups. ``exploratory``: more than a
        cloud without groups would show, and a bar is missed. ``no_groups``: a cloud without groups shows as
        much, or the groups stand in a row along one axis.
    reason : str
        The rule's outcome as a sentence, naming the bars missed.
    diagnostics : DataFrame
        Long: ``k``, ``metric``, ``value``, ``threshold`` and ``passed`` (both missing where a metric is
        reported and decides nothing).
    refits : dict of int to ndarray of int, shape (n_refits, n_users)
        Labels of the subjects by every half-sample refit, for every k tried.
    labels : ndarray of int, shape (n_users,)
        Labels of the subjects by the fit to all of them.
    """

    k: int
    standing: str
    reason: str
    diagnostics: pd.DataFrame
    refits: dict[int, np.ndarray]
    labels: np.ndarray

    @property
    def evidence(self) -> dict[str, float]:
        """Metrics of the chosen number."""
        own = self.diagnostics[self.diagnostics["k"] == self.k]
        return dict(zip(own["metric"], own["value"].astype(float), strict=True))


def fit_final_kmeans(points: np.ndarray, starts: np.ndarray, before: np.ndarray | None) -> KMeans:
    """K-means until no user changes the cluster; where it leads as far, from the segments that there are.

    Several partitions can be nearly as tight as the tightest, and chance picks another one after each month.
    The one that continues the earlier segments is taken when it is at most `CONTINUITY` looser than the best.

    Parameters
    ----------
    points : ndarray, shape (n_users, n_components)
    starts : ndarray, shape (k, n_components)
        Centroids of the best of many starts, on a sample.
    before : ndarray of int, shape (n_users,), or None
        Labels of the model before; used when there are `k` of them.
    """
    k = len(starts)
    settled = {"n_init": 1, "max_iter": 2000, "tol": 0}
    best = KMeans(k, init=starts, **settled).fit(points)
    if before is None or len(np.unique(before)) != k:
        return best
    means = np.array([points[before == label].mean(axis=0) for label in np.unique(before)])
    continued = KMeans(k, init=means, **settled).fit(points)
    is_as_tight = continued.inertia_ <= (1 + CONTINUITY) * best.inertia_
    is_the_same = adjusted_rand_score(continued.labels_, best.labels_) == 1.0
    return continued if is_as_tight and not is_the_same and len(np.unique(continued.labels_)) == k else best


def choose_k(
    subjects: Subjects,
    settings: Settings,
    k_before: int | None = None,
    month_ago: np.ndarray | None = None,
    shared: np.ndarray | None = None,
) -> ChoiceOfK:
    """Take the number of personas that there was, if it passes every bar, else the largest that does.

    Every half of the customers, every bootstrap sample and the month before is fitted as a whole: ranges,
    reliability, pruning, axes and centroids. The bars are prediction strength and the adjusted Rand index
    between fits on two random halves (means over repetitions), the bootstrap Jaccard index of the least
    stable persona, the smallest share of users, and the adjusted Rand index with a fit on the features of a
    month ago, where there are any. What passes must also exceed what a cloud without groups shows: of 19
    normal samples with the covariance of the customers, sent through the same fit, none may explain as much
    of the variance by as many groups, and half must have a smaller prediction strength.

    Without a number that passes, the one nearest to the bars is ``exploratory`` if it reaches the floors and
    exceeds the cloud; otherwise there are ``no_groups``. Silhouette and its kin are reported and decide
    nothing.

    Personas in a row along one axis that no gap parts are ``no_groups``, too: customers who do more or less
    of the same are tiers. A long axis that features bend, by counts, shares and logarithms, explains more
    than a normal cloud does.

    Three repetitions are all that a number gets which is far from a bar by then: its figures are rougher.

    Parameters
    ----------
    subjects : Subjects
    settings : Settings
    k_before : int or None
        Number of personas of the model before. A number that goes up and down with the months would rename
        customers who have not changed.
    month_ago : ndarray, shape (n_earlier, n_features), or None
        Features of whoever was there a month ago, as of then.
    shared : ndarray of bool, shape (n_users,), or None
        Which subjects are among them: over these the two fits are compared, on today's features.

    Raises
    ------
    ValueError
        All users have the same features.

    References
    ----------
    Tibshirani and Walther (2005), Cluster validation by prediction strength. Hennig (2007), Cluster-wise
    assessment of cluster stability; below .6 a cluster should not be trusted, .6 to .75 shows a pattern,
    above .75 it is stable. Liu, Hayes, Nobel and Marron (2008), Statistical significance of clustering for
    high-dimension, low-sample size data (the normal null). Tibshirani, Walther and Hastie (2001), Estimating
    the number of clusters in a data set via the gap statistic.
    """
    n_distinct = len(np.unique(subjects.values, axis=0))
    if n_distinct < 2:
        raise ValueError("All users have the same features: there is no number to choose.")
    candidates = list(range(settings.min_k, max(settings.min_k, min(settings.max_k, n_distinct)) + 1))
    study = _Study(subjects, settings, candidates)
    study.look(range(min(GLANCE, settings.n_repeats)), candidates)
    if month_ago is not None and shared is not None and shared.sum() >= settings.min_users:
        study.compare_with_month(month_ago, shared)
    bars, floors = settings.bars, settings.floors
    study.look(
        range(GLANCE, settings.n_repeats),
        [
            k
            for k in candidates
            if all(study.figure(k, bar) >= needed - HOPELESS for bar, needed in bars.items())
        ],
    )

    def reaches(k: int, needed: dict[str, float]) -> bool:
        return all(study.figure(k, bar) >= value for bar, value in needed.items())

    def is_found_again(k: int) -> bool:
        return not study.figure(k, "month_ago_ari") < settings.min_month_ago_ari

    # Downwards, the one before first; those that a fit on the month before finds again ahead of the others.
    passing = [k for k in candidates if reaches(k, bars)]
    passing.sort(key=lambda k: (not is_found_again(k), k != k_before, -k))
    for k in passing:
        if study.exceeds_null(k):
            if study.is_row(k):
                return study.choice(k, NO_GROUPS, f"No groups: {study.row(k)}.")
            standing = STABLE if is_found_again(k) else EXPLORATORY
            why = "as many as before, and they pass" if k == k_before else "the most that pass"
            reason = f"{k} personas: {why} every bar."
            if standing == EXPLORATORY:
                reason = f"{k} personas: {study.missed(k)}."
            return study.choice(k, standing, reason)
    # Ties to the larger: rounding keeps the last bits of a mean from deciding.
    near = max(candidates, key=lambda k: (round(study.nearness(k, bars), 12), k))
    if near not in passing and reaches(near, floors) and study.exceeds_null(near):
        if study.is_row(near):
            return study.choice(near, NO_GROUPS, f"No groups: {study.row(near)}.")
        return study.choice(near, EXPLORATORY, f"{near} personas: {study.missed(near)}.")
    tested = [k for k in [*passing, near] if k in study.null]
    why = (
        f"{tested[0]} groups are no more than a cloud without groups shows"
        if tested
        else f"{near} groups come nearest to the bars: {study.missed(near)}"
    )
    return study.choice(tested[0] if tested else near, NO_GROUPS, f"No groups: {why}.")


def glance_at_k(subjects: Subjects, settings: Settings) -> int:
    """Choose as `choose_k` does, from two pairs of halves alone: for the folds of a backtest.

    Returns
    -------
    int
        The largest number of personas that passes the bars of halves and share, else the nearest to them.
    """
    n_distinct = len(np.unique(subjects.values, axis=0))
    candidates = list(range(settings.min_k, max(settings.min_k, min(settings.max_k, n_distinct)) + 1))
    study = _Study(subjects, settings, candidates)
    study.look_at_halves(range(2), candidates)
    bars = {name: bar for name, bar in settings.bars.items() if name != "min_jaccard"}
    return max(candidates, key=lambda k: (min(1.0, round(study.nearness(k, bars), 12)), k))


class _Study:
    """Figures by number of personas, filled as far as the choice needs them."""

    def __init__(self, subjects: Subjects, settings: Settings, candidates: list[int]) -> None:
        self.subjects, self.settings, self.candidates = subjects, settings, candidates
        self.space = space_of(settings).fit(subjects.values, subjects.parts)
        # Single precision halves the time of the study, which compares labels only.
        self.points = self.space.transform(subjects.values).astype(np.float32)
        n_shown = min(settings.silhouette_users, len(self.points))
        self.shown = np.random.default_rng(settings.seed).permutation(len(self.points))[:n_shown]
        self.models = dict(
            zip(
                candidates,
                in_parallel(
                    settings.n_workers,
                    _fit,
                    [(self.points, k, settings.n_init, settings.seed) for k in candidates],
                ),
                strict=True,
            )
        )
        self.halves: dict[int, list[tuple[float, float]]] = {k: [] for k in candidates}
        self.jaccard: dict[int, list[np.ndarray]] = {k: [] for k in candidates}
        self.refits: dict[int, list[np.ndarray]] = {k: [] for k in candidates}
        self.month: dict[int, float] = {}
        self.null: dict[int, dict[str, NullTest]] = {}

    def look(self, repeats: Iterable[int], ks: list[int]) -> None:
        """Refit on halves and bootstrap samples."""
        repeats = list(repeats)
        if not ks or not repeats:
            return
        self.look_at_halves(repeats, ks)
        labels = {k: self.models[k][1] for k in ks}
        for found in in_parallel(
            self.settings.n_workers,
            study_bootstrap,
            [(self.subjects, labels, r, self.settings) for r in repeats],
        ):
            for k in ks:
                self.jaccard[k].append(found[k])

    def look_at_halves(self, repeats: Iterable[int], ks: list[int]) -> None:
        """Refit on halves alone."""
        for found in in_parallel(
            self.settings.n_workers, study_halves, [(self.subjects, ks, r, self.settings) for r in repeats]
        ):
            for k in ks:
                strength, agreement, refits = found[k]
                self.halves[k].append((strength, agreement))
                self.refits[k] += refits

    def compare_with_month(self, month_ago: np.ndarray, shared: np.ndarray) -> None:
        """Refit on the features of a month ago."""
        settings = self.settings
        kept = np.isin(self.subjects.parts_user_sk, self.subjects.user_sk[shared])
        space = space_of(settings).fit(month_ago, self.subjects.parts[kept])
        points = space.transform(month_ago).astype(np.float32)
        today = space.transform(self.subjects.values[shared])
        models = in_parallel(
            settings.n_workers, _fit, [(points, k, settings.n_init, settings.seed) for k in self.candidates]
        )
        for k, (centroids, _) in zip(self.candidates, models, strict=True):
            self.month[k] = float(adjusted_rand_score(nearest(today, centroids), self.models[k][1][shared]))

    def exceeds_null(self, k: int) -> bool:
        """Whether no cloud without groups reaches what the customers show; measured once."""
        if k not in self.null:
            self.null[k] = measure_null(self.subjects.values, self.space, k, self.settings)
        return all(passed for _, passed in self._null_bars(k).values())

    def _null_bars(self, k: int) -> dict[str, tuple[float, bool]]:
        """Return what a cloud shows, and whether the customers show more, by figure."""
        strength, share = (self.null[k][name] for name in NULL_METRICS)
        usual = float(np.median(strength.draws))
        return {
            NULL_METRICS[0]: (usual, strength.value > usual),
            NULL_METRICS[1]: (share.bar, share.is_passed),
        }

    def axis_share(self, k: int) -> float:
        """Return the share of the variance between centroids that lies along their first axis."""
        centroids, labels = self.models[k]
        weights = np.sqrt(np.bincount(labels, minlength=k) / len(labels))
        apart = (centroids - self.points.mean(axis=0)) * weights[:, None]
        variances = np.linalg.svd(apart.astype(float), compute_uv=False) ** 2
        return float(variances[0] / variances.sum())

    def is_row(self, k: int) -> bool:
        """Whether personas are the steps of one axis: in a row, and no gap parts neighbours.

        Two always stand in a row: three are looked at in their place.
        """
        three = max(k, 3)
        is_long = three in self.models and self.axis_share(three) > self.settings.max_axis_share
        return is_long and self.emptiest_middle(k) >= EVEN_MIDDLE

    def emptiest_middle(self, k: int) -> float:
        """Return how many of those between two neighbours stand in the middle third, where it is fewest.

        A third, where customers are spread evenly; few, where a gap parts groups.
        """
        centroids, labels = self.models[k]
        apart = centroids - centroids.mean(axis=0)
        order = np.argsort(apart @ np.linalg.svd(apart, full_matrices=False)[2][0])
        found = []
        for one, other in pairwise(order):
            members = self.points[np.isin(labels, (one, other))]
            way = centroids[other] - centroids[one]
            place = (members - centroids[one]) @ way / (way @ way)
            between = ((place > 0) & (place < 1)).sum()
            found.append(((place > 1 / 3) & (place < 2 / 3)).sum() / max(between, 1))
        return float(min(found))

    def row(self, k: int) -> str:
        """Say that personas are the steps of one axis."""
        three = max(k, 3)
        return (
            f"{k} groups would be steps along one axis: it holds {self.axis_share(three):.0%} of what would "
            f"set {three} apart, and no gap parts them"
        )

    def figure(self, k: int, metric: str) -> float:
        """Return one of the figures that decide."""
        if metric == "month_ago_ari":
            return self.month.get(k, np.nan)
        if metric == "min_share":
            return float(np.bincount(self.models[k][1], minlength=k).min() / len(self.points))
        if metric == "min_jaccard":
            return float(np.mean(self.jaccard[k], axis=0).min())
        return float(
            np.mean(self.halves[k], axis=0)[["prediction_strength", "half_sample_ari"].index(metric)]
        )

    def nearness(self, k: int, bars: dict[str, float]) -> float:
        """Return the figure that lies lowest in relation to its bar; 1 and more passes."""
        return min(self.figure(k, bar) / needed for bar, needed in bars.items())

    def missed(self, k: int) -> str:
        """Name the bars missed."""
        needed = self.settings.bars | {"month_ago_ari": self.settings.min_month_ago_ari}
        found = {bar: self.figure(k, bar) for bar in needed}
        missed = [f"{bar} {found[bar]:.3f} < {needed[bar]}" for bar in needed if found[bar] < needed[bar]]
        return f"bars missed: {'; '.join(missed)}"

    def choice(self, k: int, standing: str, reason: str) -> ChoiceOfK:
        bars = self.settings.bars | {"month_ago_ari": self.settings.min_month_ago_ari}
        distances = pairwise_distances(self.points[self.shown])
        rows: list[tuple[object, ...]] = []
        for each in self.candidates:
            for metric, needed in bars.items():
                value = self.figure(each, metric)
                rows.append((each, metric, value, needed, pd.NA if np.isnan(value) else value >= needed))
            if each in self.null:
                rows += [
                    (each, name, self.null[each][name].value, bar, passed)
                    for name, (bar, passed) in self._null_bars(each).items()
                ]
            if each > 2:
                share, bar = self.axis_share(each), self.settings.max_axis_share
                rows.append((each, "axis_share", share, bar, share <= bar))
            labels = self.models[each][1]
            shape = _describe_shape(self.points[self.shown], distances, labels[self.shown])
            shape["gap"] = _gap(self.points[self.shown], each, self.settings.seed)
            rows += [(each, metric, value, np.nan, pd.NA) for metric, value in shape.items()]
        diagnostics = pd.DataFrame(rows, columns=list(DIAGNOSTIC_COLUMNS)).astype({"passed": "boolean"})
        refits = {each: np.array(found) for each, found in self.refits.items()}
        return ChoiceOfK(k, standing, reason, diagnostics, refits, self.models[k][1])


def _fit(points: np.ndarray, k: int, n_init: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    model = fit_kmeans(points, k, n_init, seed)
    return model.cluster_centers_, model.labels_


def study_halves(
    subjects: Subjects, ks: list[int], repeat: int, settings: Settings
) -> dict[int, tuple[float, float, list[np.ndarray]]]:
    """Fit on two random halves of the customers; everything is learnt in each.

    Returns
    -------
    dict of int to tuple
        By number of personas: prediction strength (the less of both directions' means), adjusted Rand index
        over all subjects, and the labels that either fit gives to all subjects.
    """
    everyone = subjects.everyone
    order = np.random.default_rng([settings.seed, 1, repeat]).permutation(len(everyone))
    is_first = np.zeros(len(everyone), dtype=int)
    is_first[order[: len(order) // 2]] = 1
    fitted = []
    for counts in (is_first, 1 - is_first):
        users, others = subjects.count(counts)
        space = space_of(settings).fit(subjects.values[users], subjects.parts[others])
        everybody = space.transform(subjects.values).astype(np.float32)
        fitted.append((users, everybody))
    return {k: _compare_halves(fitted, k, settings.n_init, repeat) for k in ks}


def _compare_halves(
    fitted: list[tuple[np.ndarray, np.ndarray]], k: int, n_init: int, seed: int
) -> tuple[float, float, list[np.ndarray]]:
    """Two halves, as positions and the coordinates of everybody in the half's own space."""
    labels = [
        nearest(everybody, fit_kmeans(everybody[users], k, n_init, seed).cluster_centers_).astype(np.int8)
        for users, everybody in fitted
    ]
    strengths = [
        prediction_strength(labels[own][fitted[own][0]], labels[1 - own][fitted[own][0]], k) for own in (0, 1)
    ]
    return float(np.mean(strengths)), float(adjusted_rand_score(*labels)), labels


def prediction_strength(own: np.ndarray, other: np.ndarray, k: int) -> float:
    """Of the pairs within a cluster, the share that the other fit keeps together; the least of the clusters.

    Examples
    --------
    >>> prediction_strength(np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0]), 2)
    0.3333333333333333
    """
    together = cross_count(own, other, k)
    size = together.sum(axis=1)
    return float(((together * (together - 1)).sum(axis=1) / np.maximum(size * (size - 1), 1)).min())


def study_bootstrap(
    subjects: Subjects, labels: dict[int, np.ndarray], repeat: int, settings: Settings
) -> dict[int, np.ndarray]:
    """Fit on customers drawn with replacement; each persona's best Jaccard index, shape (k,), by k."""
    everyone = subjects.everyone
    generator = np.random.default_rng([settings.seed, 2, repeat])
    counts = np.bincount(generator.integers(len(everyone), size=len(everyone)), minlength=len(everyone))
    drawn, others = subjects.count(counts)
    space = space_of(settings).fit(subjects.values[drawn], subjects.parts[others])
    users = np.unique(drawn)
    points, asked = (space.transform(subjects.values[rows]).astype(np.float32) for rows in (drawn, users))
    found = {}
    for k, reference in labels.items():
        refitted = nearest(asked, fit_kmeans(points, k, settings.n_init, repeat).cluster_centers_)
        both = cross_count(reference[users], refitted, k)
        either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
        found[k] = (both / np.maximum(either, 1)).max(axis=1)
    return found


NULL_METRICS = ("null_prediction_strength", "null_explained_share")


def measure_null(values: np.ndarray, space: HabitSpace, k: int, settings: Settings) -> dict[str, NullTest]:
    """Compare customers with normal clouds of their covariance, through the same fit.

    Groups explain more of the customers' variance than cuts through any cloud do (the cluster index of Liu et
    al., 2008). They must also be found again more surely than the cuts of most clouds are: a distribution
    that is not normal explains a little more without having groups.

    Parameters
    ----------
    values : ndarray, shape (n_users, n_features)
    space : HabitSpace
        As learnt from `values`: its ranges tell the covariance, its reliability is taken as known.
    k : int
    settings : Settings
        At most ``null_users`` of the users are looked at; ``n_nulls`` clouds of as many are drawn.

    Returns
    -------
    dict of str to NullTest
        By `NULL_METRICS`. To exceed all of 19 clouds has a chance of one in twenty for a cloud that is normal
        itself.
    """
    if len(values) > settings.null_users:
        order = np.random.default_rng([settings.seed, 4]).permutation(len(values))
        values = values[np.sort(order[: settings.null_users])]
    standardised = (np.clip(values, space.clip_lo_, space.clip_hi_) - space.mean_) / space.scale_
    # Draw 0 are the customers themselves.
    arguments = [
        (standardised, space.reliability_, k, draw, settings) for draw in range(settings.n_nulls + 1)
    ]
    found = np.array(in_parallel(settings.n_workers, _null_figures, arguments))
    return {name: NullTest(float(own[0]), own[1:]) for name, own in zip(NULL_METRICS, found.T, strict=True)}


def _null_figures(
    values: np.ndarray, reliability: np.ndarray, k: int, draw: int, settings: Settings
) -> tuple[float, float]:
    if draw:
        values = gaussian_like(values, settings.seed + draw)
    n_init = max(2, settings.n_init // 2)
    points = space_of(settings).fit(values, reliability=reliability).transform(values).astype(np.float32)
    inertia = fit_kmeans(points, k, n_init, 0).inertia_
    around_mean = float(((points - points.mean(axis=0)) ** 2).sum())
    strengths = []
    n_repeats = NULL_REPEATS if draw else max(NULL_REPEATS, settings.n_repeats)
    for repeat, halves in enumerate(half_samples(len(values), n_repeats, settings.seed + draw)):
        fitted = []
        for half in halves:
            own = space_of(settings).fit(values[half], reliability=reliability)
            fitted.append((half, own.transform(values).astype(np.float32)))
        strengths.append(_compare_halves(fitted, k, n_init, repeat)[0])
    return float(np.mean(strengths)), 1 - inertia / around_mean


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
        for spread in [np.random.default_rng([seed, 7, reference]).uniform(low, high, points.shape)]
    ]
    return float(np.mean(expected) - np.log(max(fit_kmeans(points, k, 2, seed).inertia_, 1e-12)))


def cross_count(first: np.ndarray, second: np.ndarray, k: int) -> np.ndarray:
    """Count users by two labellings with values 0..k-1; shape (k, k), empty labels included."""
    return np.bincount(first.astype(np.int64) * k + second, minlength=k * k).reshape(k, k)


def align(reference: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Renumber `labels` so that most users agree with `reference` (Kuhn, 1955, the Hungarian method)."""
    rows, columns = linear_sum_assignment(-cross_count(reference, labels, k))
    renumbered = np.empty(k, dtype=int)
    renumbered[columns] = rows
    return renumbered[labels]


def calibrate_confidence(
    labels: np.ndarray, margins: np.ndarray, refits: np.ndarray, k: int, n_bins: int = 20
) -> pd.DataFrame:
    """Tabulate confidence against margin: agreement under refitting.

    A user's agreement is the share of half-sample refits, their labels aligned with the model's, that
    give the user the same persona. It is averaged within quantile bins of the margin and made monotone.

    Parameters
    ----------
    labels : ndarray of int, shape (n_users,)
        The model's labels, 0..k-1.
    margins : ndarray, shape (n_users,)
        As in `clientele.personas.score`.
    refits : ndarray of int, shape (n_refits, n_users)
    k : int
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
    agreement = np.mean([align(labels, refit, k) == labels for refit in refits], axis=0)
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
