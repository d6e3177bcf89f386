"""The Gaussian hypergeometric function as SQL adds it up: forty terms, Horner's way."""

from __future__ import annotations

import numpy as np

N_TERMS = 40  # macros/value/hypergeometric.sql writes as many


def horner_2f1(
    a: float, b: float, c: np.ndarray, z: np.ndarray, n_terms: int = N_TERMS, first: int = 0
) -> np.ndarray:
    """Return 2F1(a, b; c; z) from the first terms of its power series, in the order of the macro in SQL.

    Parameters
    ----------
    a, b : float
    c, z : ndarray
        Of shapes that broadcast; 0 <= z < 1.
    n_terms : int
        The last term that is added; the first, of number 0, is 1.
    first : int
        From which term on, as a multiple of that term. 1 gives (2F1 - 1) c / (a b z) without the digits
        that the subtraction would lose.

    Returns
    -------
    ndarray

    Notes
    -----
    The rest that is left out shrinks with z ** n_terms: for z up to one half it is below 1e-9 for the
    parameters that `BetaGeometric` allows. Above, ask whether it is (`BetaGeometric.slow_patterns`).

    Examples
    --------
    >>> round(float(horner_2f1(1.0, 1.0, np.array(2.0), np.array(0.5))), 9)  # 2 ln 2
    1.386294361
    """
    total = np.ones(np.broadcast_shapes(np.shape(c), np.shape(z)))
    for n in range(n_terms - 1, first - 1, -1):
        total = 1 + (a + n) * (b + n) / ((c + n) * (n + 1)) * z * total
    return total
