"""Groups of items with mixed features: principal components of numbers and words, Ward's tree, k-means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

from clientele.learning.distances import gower
from clientele.learning.nulls import compare_with_null
from clientele.learning.resampling import half_samples

MIN_ITEMS = 30
MAX_GROUPS = 8
MIN_ARI = 0.6
MIN_SHARE = 0.03
# Six groups cut from four that are there still agree well: the most stable number is the measure.
NEAR_BEST = 0.05
MIN_RELIABILITY = 0.3
# A word counts less than a number: two of them are sqrt(2) apart, and every item has one of each kind.
WORD_WEIGHT = 0.7
_CLIP, _EXPLAINED, _MODE_SHARE = 0.01, 0.8, 0.95


class ItemGroups:
    """Hierarchical clustering on principal components, consolidated by k-means.

    Numbers are clipped at their first and last percentile and standardised; a number that is the same for
    95 % of the items or more describes the others alone, and is left out. Words become columns of 0 and 1,
    centred, times `WORD_WEIGHT`. The components that explain 80 % are kept. Ward's tree is cut into
    `n_groups`, whose means start k-means: a cut of a tree is never revised, and finds less of itself again
    in half of the items.

    Parameters
    ----------
    n_groups : int

    Attributes
    ----------
    labels_ : ndarray of int, shape (n_items,)
        Group of each item, 0..n_groups-1, the largest first.
    centres_ : ndarray, shape (n_groups, n_components)

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function.
    Husson, Josse and Pagès (2010), Principal component methods, hierarchical clustering, partitional
    clustering.
    Pagès (2004), Analyse factorielle de données mixtes.

    Examples
    --------
    >>> numbers = pd.DataFrame({"price": [1.0, 1.1, 0.9, 1.2, 9.1, 8.9]})
    >>> ItemGroups(2).fit(numbers, pd.DataFrame(index=numbers.index)).labels_.tolist()
    [0, 0, 0, 0, 1, 1]
    """

    def __init__(self, n_groups: int) -> None:
        self.n_groups = n_groups

    def fit(self, numbers: pd.DataFrame, words: pd.DataFrame) -> Self:
        """Learn from items.

        Parameters
        ----------
        numbers : DataFrame of float, shape (n_items, n_numbers)
            Finite.
        words : DataFrame of str, shape (n_items, n_words)

        Raises
        ------
        ValueError
            There are fewer items than groups, or no number has any spread.
        """
        if len(numbers) < self.n_groups:
            raise ValueError(f"{self.n_groups} groups need as many items; there are {len(numbers)}.")
        self.kept_ = [name for name in numbers if not _is_nearly_constant(numbers[name])]
        if not self.kept_:
            raise ValueError("No number differs between items: give one that does.")
        own = numbers[self.kept_].to_numpy(dtype=float)
        self.lo_, self.hi_ = np.quantile(own, [_CLIP, 1 - _CLIP], axis=0)
        clipped = np.clip(own, self.lo_, self.hi_)
        self.mean_, self.scale_ = clipped.mean(axis=0), clipped.std(axis=0)
        self.scale_[self.scale_ == 0] = 1.0
        self.levels_ = {name: np.unique(words[name].to_numpy(dtype=str)) for name in words}
        self.shares_ = self._dummies(words).mean(axis=0)
        table = self._table(numbers, words)
        _, sizes, axes = np.linalg.svd(table, full_matrices=False)
        explained = np.cumsum(sizes**2) / (sizes**2).sum()
        self.axes_ = axes[: int(np.searchsorted(explained, _EXPLAINED) + 1)].T
        points = table @ self.axes_
        cut = fcluster(linkage(points, "ward"), self.n_groups, "maxclust") - 1
        # Items that are all alike make fewer groups than were asked for.
        start = np.vstack([points[cut == group].mean(axis=0) for group in np.unique(cut)])
        centres, labels = _consolidated(points, start)
        order = np.argsort(-np.bincount(labels, minlength=len(start)), kind="stable")
        self.centres_ = centres[order]
        self.labels_ = self.predict(numbers, words)
        return self

    def points(self, numbers: pd.DataFrame, words: pd.DataFrame) -> np.ndarray:
        """Return where items lie, shape (n_items, n_components)."""
        return self._table(numbers, words) @ self.axes_

    def distances(self, numbers: pd.DataFrame, words: pd.DataFrame) -> np.ndarray:
        """Return the distance of each item from the centre of each group, shape (n_items, n_groups)."""
        points = self.points(numbers, words)
        return np.sqrt(_squared(points, self.centres_))

    def predict(self, numbers: pd.DataFrame, words: pd.DataFrame) -> np.ndarray:
        """Return the group with the nearest centre; of equally near ones the first."""
        return self.distances(numbers, words).argmin(axis=1)

    def _dummies(self, words: pd.DataFrame) -> np.ndarray:
        parts = [np.zeros((len(words), 0))]
        for name, levels in self.levels_.items():
            own = words[name].to_numpy(dtype=str)
            places = np.minimum(np.searchsorted(levels, own), len(levels) - 1)
            found = np.zeros((len(words), len(levels)))
            found[np.arange(len(words)), places] = levels[places] == own  # a new word is none of them
            parts.append(found)
        return np.hstack(parts)

    def _table(self, numbers: pd.DataFrame, words: pd.DataFrame) -> np.ndarray:
        clipped = np.clip(numbers[self.kept_].to_numpy(dtype=float), self.lo_, self.hi_)
        dummies = (self._dummies(words) - self.shares_) * WORD_WEIGHT
        return np.hstack([(clipped - self.mean_) / self.scale_, dummies])


def gower_tree(numbers: pd.DataFrame, words: pd.DataFrame, n_groups: int) -> np.ndarray:
    """Cut a tree of average linkage on Gower's distances: the comparator, for mixed features as they are.

    Returns
    -------
    ndarray of int, shape (n_items,)
    """
    low, high = numbers.quantile(_CLIP), numbers.quantile(1 - _CLIP)
    of_range = ((numbers.clip(low, high, axis=1) - low) / (high - low).replace(0, 1)).to_numpy(dtype=float)
    distance = squareform(gower(of_range, words.to_numpy(dtype=object)), checks=False)
    return fcluster(linkage(distance, "average"), n_groups, "maxclust") - 1


def stability(numbers: pd.DataFrame, words: pd.DataFrame, n_groups: int, n_repeats: int = 6) -> float:
    """Return how far groups learnt from two halves of the items agree about all of them.

    Parameters
    ----------
    numbers, words : DataFrame
        As for `ItemGroups.fit`.
    n_groups : int
    n_repeats : int
        Halves are drawn so often.

    Returns
    -------
    float
        Mean of the adjusted Rand index: 1 is the same groups, 0 chance.

    References
    ----------
    Hubert and Arabie (1985), Comparing partitions.
    """
    agreed = []
    for halves in half_samples(len(numbers), n_repeats, seed=0):
        labels = [
            ItemGroups(n_groups).fit(numbers.iloc[half], words.iloc[half]).predict(numbers, words)
            for half in halves
        ]
        agreed.append(adjusted_rand_score(*labels))
    return float(np.mean(agreed))


def null_bar(numbers: pd.DataFrame, n_groups: int, n_draws: int = 19) -> float:
    """Return what 95 % of tables without groups stay below: normal, with the same correlations."""
    none = pd.DataFrame(index=range(len(numbers)))

    def of_drawn(values: np.ndarray) -> float:
        return stability(pd.DataFrame(values, columns=numbers.columns), none, n_groups, n_repeats=2)

    return compare_with_null(numbers.to_numpy(dtype=float), of_drawn, n_draws, value=0.0).bar


def r_squared_later(labels: np.ndarray, later: pd.DataFrame) -> float:
    """Return what groups tell of the numbers of a later time: the mean of R² over the columns.

    Examples
    --------
    >>> r_squared_later(np.array([0, 0, 1, 1]), pd.DataFrame({"price": [1.0, 1.0, 5.0, 5.0]}))
    1.0
    """
    left = later - later.groupby(labels).transform("mean")
    return float((1 - (left**2).sum() / ((later - later.mean()) ** 2).sum()).mean())


def reliable(early: pd.DataFrame, late: pd.DataFrame) -> pd.Series:
    """Return of each number the correlation of the items' two halves of the time.

    Examples
    --------
    >>> one = pd.DataFrame({"price": [1.0, 2.0, 3.0], "chance": [1.0, 2.0, 1.0]})
    >>> reliable(one, one.assign(chance=[2.0, 1.0, 2.0])).round(1).tolist()
    [1.0, -1.0]
    """
    return pd.Series({name: early[name].corr(late[name]) for name in early}, dtype=float)


def choose(numbers: pd.DataFrame, words: pd.DataFrame, max_groups: int = MAX_GROUPS) -> pd.DataFrame:
    """Try every number of groups, and say which is the largest that stands.

    Parameters
    ----------
    numbers, words : DataFrame
        As for `ItemGroups.fit`.
    max_groups : int

    Returns
    -------
    DataFrame
        ``n_groups``, ``half_ari`` (as of `stability`), ``min_share`` (0..1, of the smallest group),
        ``stands`` (the first at least `MIN_ARI`, the second `MIN_SHARE`) and ``is_chosen``: the largest
        number that stands and is no more than `NEAR_BEST` less stable than the most stable one that does.
    """
    rows = []
    for n_groups in range(2, min(max_groups, len(numbers) // 4) + 1):
        labels = ItemGroups(n_groups).fit(numbers, words).labels_
        rows.append(
            {
                "n_groups": n_groups,
                "half_ari": stability(numbers, words, n_groups),
                "min_share": np.bincount(labels, minlength=n_groups).min() / len(labels),
            }
        )
    found = pd.DataFrame(rows)
    found["stands"] = (found["half_ari"] >= MIN_ARI) & (found["min_share"] >= MIN_SHARE)
    near = found["stands"] & (found["half_ari"] >= found["half_ari"].where(found["stands"]).max() - NEAR_BEST)
    found["is_chosen"] = found["n_groups"] == found["n_groups"].where(near).max()
    return found


def refusal(n_items: int, what: str) -> str:
    """Say why there are no groups, or nothing.

    Examples
    --------
    >>> refusal(30, "brands")
    ''
    >>> refusal(29, "brands")
    'Groups need 30 brands that enough customers met; there are 29.'
    """
    if n_items >= MIN_ITEMS:
        return ""
    return f"Groups need {MIN_ITEMS} {what} that enough customers met; there are {n_items}."


def profile(labels: np.ndarray, numbers: pd.DataFrame, names: Sequence[int]) -> pd.DataFrame:
    """Describe each group by its medians against those of all items.

    Parameters
    ----------
    labels : ndarray of int, shape (n_items,)
    numbers : DataFrame
    names : sequence of int
        Id of each label.

    Returns
    -------
    DataFrame
        ``group_id``, ``feature``, ``feature_position``, ``group_median``, ``median``, ``robust_z`` (their
        difference over IQR / 1.349, or over the standard deviation where half of the items are alike).
    """
    rows = []
    for position, name in enumerate(numbers, start=1):
        values = numbers[name]
        spread = (values.quantile(0.75) - values.quantile(0.25)) / 1.349
        spread = spread if spread > 1e-9 else values.std(ddof=0)
        for label, group in enumerate(names):
            median = values[labels == label].median()
            rows.append(
                {
                    "group_id": int(group),
                    "feature": name,
                    "feature_position": position,
                    "group_median": float(median),
                    "median": float(values.median()),
                    "robust_z": float((median - values.median()) / spread) if spread > 1e-9 else 0.0,
                }
            )
    return pd.DataFrame(rows)


def _consolidated(
    points: np.ndarray, centres: np.ndarray, n_rounds: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres and labels at which k-means (Lloyd, 1982) from `centres` stands still."""
    labels = np.full(len(points), -1)
    for _ in range(n_rounds):
        nearest = _squared(points, centres).argmin(axis=1)
        if (nearest == labels).all():
            break
        labels = nearest
        for group in np.unique(labels):
            centres[group] = points[labels == group].mean(axis=0)
    return centres, labels


def _squared(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((points[:, None, :] - centres) ** 2).sum(axis=2)


def _is_nearly_constant(values: pd.Series) -> bool:
    return bool(np.unique(values.to_numpy(), return_counts=True)[1].max() >= _MODE_SHARE * len(values))
