"""Samples, folds, halves and bootstraps that depend on the keys of users and a seed, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

# Streams of random numbers, so that no two uses of one seed draw the same.
_HALVES, _USERS, _ORIGINS = 1, 3, 11


def salted_hashes(keys: np.ndarray, seed: int) -> np.ndarray:
    """Return a hash of each key, another one for each seed.

    Parameters
    ----------
    keys : ndarray of int64, shape (n,)
    seed : int

    Returns
    -------
    ndarray of uint64, shape (n,)

    Examples
    --------
    >>> bool((salted_hashes(np.array([1, 2]), 0) == salted_hashes(np.array([1, 2]), 1)).any())
    False
    """
    salt = pd.util.hash_array(np.array([seed], dtype=np.uint64))
    return pd.util.hash_array(keys.astype(np.uint64) ^ salt)


def hash_sample(keys: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the sorted positions of at most `size` keys: those with the smallest hashes.

    The hash of a key does not depend on the other keys, so that samples of a growing shop overlap.

    Parameters
    ----------
    keys : ndarray of int64, shape (n,)
    size : int
    seed : int
        A different seed draws a different sample.

    Returns
    -------
    ndarray of int, shape (min(n, size),)

    Examples
    --------
    >>> hash_sample(np.array([7, 8, 9]), 5, seed=0)
    array([0, 1, 2])
    """
    if len(keys) <= size:
        return np.arange(len(keys))
    return np.sort(np.lexsort((keys, salted_hashes(keys, seed)))[:size])


def stratified_folds(
    keys: np.ndarray, activity: np.ndarray, flag: np.ndarray, n_folds: int, seed: int
) -> np.ndarray:
    """Deal users out to folds, so that the deciles of activity, with and without the flag, lie evenly.

    Parameters
    ----------
    keys : ndarray of int64, shape (n_users,)
        Each user once.
    activity : ndarray, shape (n_users,)
        The number of events, for example; its deciles are the strata, so its logarithm gives the same folds.
    flag : ndarray of bool, shape (n_users,)
        Whether the user has ordered, for example.
    n_folds, seed : int

    Returns
    -------
    ndarray of int, shape (n_users,)
        1..n_folds

    Raises
    ------
    ValueError
        A key is there twice: the user would teach and be tested.

    References
    ----------
    Kohavi (1995), A study of cross-validation and bootstrap for accuracy estimation and model selection.

    Examples
    --------
    >>> folds = stratified_folds(np.arange(100), np.arange(100), np.arange(100) % 2 == 0, 5, seed=0)
    >>> np.bincount(folds)[1:].tolist()
    [19, 20, 20, 20, 21]
    """
    if len(np.unique(keys)) < len(keys):
        raise ValueError("stratified_folds: a key is there twice; pass one row for each user.")
    decile = (pd.Series(activity).rank(method="first", pct=True) * 10).clip(upper=9.999).astype(int)
    strata = pd.DataFrame(
        {
            "decile": decile.to_numpy(),
            "flag": np.asarray(flag, dtype=bool),
            "mixed": salted_hashes(keys, seed),
        }
    )
    grouped = strata.groupby(["decile", "flag"])
    place = grouped["mixed"].rank(method="first").to_numpy().astype(int)
    # A stratum starts where the last one ended, or small strata would all fill the first folds.
    return 1 + (place + grouped.ngroup().to_numpy()) % n_folds


def half_samples(n_rows: int, n_repeats: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut the rows in two at random, again and again.

    Parameters
    ----------
    n_rows, n_repeats, seed : int

    Yields
    ------
    tuple of ndarray of int
        Sorted positions of the first n_rows // 2 rows drawn, and of the others.

    Examples
    --------
    >>> [len(first) + len(second) for first, second in half_samples(5, 2, seed=0)]
    [5, 5]
    """
    for repeat in range(n_repeats):
        order = np.random.default_rng([seed, _HALVES, repeat]).permutation(n_rows)
        yield np.sort(order[: n_rows // 2]), np.sort(order[n_rows // 2 :])


def bootstrap_weights(n_users: int, n_bootstraps: int, seed: int) -> np.ndarray:
    """How often each user is drawn: the users as they are, then Poisson(1) draws.

    Parameters
    ----------
    n_users, n_bootstraps, seed : int

    Returns
    -------
    ndarray of float, shape (1 + n_bootstraps, n_users)
        The first row is all ones.

    References
    ----------
    Hanley and MacGibbon (2006), Creating non-parametric bootstrap samples using Poisson frequencies.

    Examples
    --------
    >>> bootstrap_weights(3, 0, seed=0)
    array([[1., 1., 1.]])
    """
    drawn = np.random.default_rng([seed, _USERS]).poisson(1.0, (n_bootstraps, n_users))
    return np.vstack([np.ones((1, n_users)), drawn])


def origin_weights(n_origins: int, n_bootstraps: int, seed: int) -> np.ndarray:
    """How often each origin is drawn: all once, then as many as there are, with replacement.

    Together with `bootstrap_weights` this is a bootstrap over users and over months: a figure that holds for
    one month only has a wide interval. With one origin it adds nothing, and the interval is one over users.

    Parameters
    ----------
    n_origins, n_bootstraps, seed : int

    Returns
    -------
    ndarray of float, shape (1 + n_bootstraps, n_origins)
        The first row is all ones; each row sums to n_origins.

    References
    ----------
    Owen (2007), The pigeonhole bootstrap (both ways of a crossed table are resampled).

    Examples
    --------
    >>> origin_weights(2, 3, seed=0).sum(axis=1)
    array([2., 2., 2., 2.])
    """
    chance = np.random.default_rng([seed, _ORIGINS])
    drawn = chance.multinomial(n_origins, np.full(n_origins, 1 / n_origins), size=n_bootstraps)
    return np.vstack([np.ones((1, n_origins)), drawn.reshape(n_bootstraps, n_origins)])
