"""Distances of rows with numbers and words."""

from __future__ import annotations

import numpy as np


def gower(of_range: np.ndarray, words: np.ndarray | None = None) -> np.ndarray:
    """Return Gower's distance of every pair of rows.

    Parameters
    ----------
    of_range : ndarray of float, shape (n, n_numbers)
        Numbers over their range, 0..1.
    words : ndarray, shape (n, n_words), or None
        Two rows with different words are 1 apart, with the same 0.

    Returns
    -------
    ndarray, shape (n, n)
        0..1: the mean over all columns.

    References
    ----------
    Gower (1971), A general coefficient of similarity and some of its properties.

    Examples
    --------
    >>> gower(np.array([[0.0], [1.0]]), np.array([["a"], ["a"]])).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    n_words = 0 if words is None else words.shape[1]
    distance = np.zeros((len(of_range), len(of_range)))
    for column in of_range.T:
        distance += np.abs(column[:, None] - column)
    for column in np.arange(n_words):
        own = np.asarray(words[:, column], dtype=object)
        distance += own[:, None] != own
    return distance / (of_range.shape[1] + n_words)
