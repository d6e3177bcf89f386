"""What a statistic looks like where there is nothing to find: the same pipeline on data without structure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GAUSSIAN, SHUFFLED = "gaussian", "shuffled"
_STREAM = 21


def gaussian_like(values: np.ndarray, seed: int, n_rows: int | None = None) -> np.ndarray:
    """Draw one multivariate normal with the mean and the covariance of a sample: correlated, without groups.

    A round cloud is too easy a null: one long axis passes prediction strength with four groups.

    Parameters
    ----------
    values : ndarray, shape (n, n_features)
    seed : int
    n_rows : int or None
        None: as many as there are.

    Returns
    -------
    ndarray, shape (n_rows, n_features)

    References
    ----------
    Tibshirani, Walther and Hastie (2001), Estimating the number of clusters in a data set via the gap
    statistic. Liu, Hayes, Nobel and Marron (2008), Statistical significance of clustering (one Gaussian as
    the null).

    Examples
    --------
    >>> gaussian_like(np.array([[0.0, 0.0], [2.0, 2.0]]), seed=0, n_rows=3).shape
    (3, 2)
    """
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    # By eigenvectors: a covariance of features that depend on each other has no Cholesky factor.
    variances, axes = np.linalg.eigh(covariance)
    drawn = np.random.default_rng([seed, _STREAM]).normal(size=(n_rows or len(values), values.shape[1]))
    return values.mean(axis=0) + drawn * np.sqrt(np.clip(variances, 0, None)) @ axes.T


def shuffled_like(values: np.ndarray, seed: int) -> np.ndarray:
    """Shuffle each column by itself: every feature keeps its distribution, and no two belong together.

    Parameters
    ----------
    values : ndarray, shape (n, n_features)
    seed : int

    Returns
    -------
    ndarray, shape (n, n_features)

    Examples
    --------
    >>> bool((np.sort(shuffled_like(np.eye(3), seed=0), axis=0) == np.sort(np.eye(3), axis=0)).all())
    True
    """
    return np.random.default_rng([seed, _STREAM]).permuted(values, axis=0)


@dataclass(frozen=True)
class NullTest:
    """A statistic beside its draws under the null.

    Attributes
    ----------
    value : float
        Of the data.
    draws : ndarray, shape (n_draws,)
        Of data without structure; NaN where a draw gave no statistic.
    """

    value: float
    draws: np.ndarray

    @property
    def p_value(self) -> float:
        """Share of draws, the data's own value counted in, that are as large; 1 where nothing was drawn."""
        known = self.draws[~np.isnan(self.draws)]
        return float((1 + (known >= self.value).sum()) / (1 + len(known)))

    @property
    def bar(self) -> float:
        """The 95th percentile of the draws: with 19 of them the largest."""
        known = self.draws[~np.isnan(self.draws)]
        return float(np.quantile(known, 0.95, method="higher")) if len(known) else np.nan

    @property
    def is_passed(self) -> bool:
        """Whether the value lies above the bar."""
        return bool(self.value > self.bar)


def compare_with_null(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], float],
    n_draws: int = 19,
    seed: int = 0,
    kind: str = GAUSSIAN,
    value: float | None = None,
) -> NullTest:
    """Compute a statistic on the data and on draws without structure.

    Parameters
    ----------
    values : ndarray, shape (n, n_features)
    statistic : callable
        From such an array to a number; larger is more structure. It runs all that is to be tested: a pipeline
        that clips, scales and chooses does so on each draw.
    n_draws : int
        19 for a test at 5 %.
    seed : int
    kind : str
        ``gaussian`` or ``shuffled``.
    value : float or None
        The statistic of the data where it is known already.

    Raises
    ------
    ValueError
        The kind is unknown.

    References
    ----------
    Besag and Clifford (1989), Generalized Monte Carlo significance tests.

    Examples
    --------
    >>> two = np.r_[np.zeros((50, 1)), np.ones((50, 1))] + np.random.default_rng(0).normal(0, 0.1, (100, 1))
    >>> compare_with_null(two, lambda x: -float((np.abs(x - x.mean()) < x.std() / 2).mean())).is_passed
    True
    """
    draw = {GAUSSIAN: gaussian_like, SHUFFLED: shuffled_like}.get(kind)
    if draw is None:
        raise ValueError(f"The null {kind!r} is neither {GAUSSIAN!r} nor {SHUFFLED!r}.")
    own = statistic(values) if value is None else value
    seeds = np.random.default_rng([seed, _STREAM]).integers(2**31, size=n_draws)
    return NullTest(float(own), np.array([statistic(draw(values, int(one))) for one in seeds], dtype=float))
