"""Maximum likelihood of a few positive parameters, the same bits on every run and any number of cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits


class Maximum(NamedTuple):
    """Where a likelihood is largest: the parameters, its mean logarithm there, whether the search ended."""

    parameters: np.ndarray
    log_likelihood: float
    has_converged: bool


# The optimiser's algebra is that of a few numbers: threads only wait for each other.
@threadpool_limits.wrap(limits=1)
def maximise(
    log_likelihood: Callable[..., tuple[float, np.ndarray]],
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
) -> Maximum:
    """Maximise a mean log-likelihood over the logarithms of its parameters, from several starts.

    Parameters
    ----------
    log_likelihood : callable
        Takes the parameters one by one; returns the mean log-likelihood and its gradient in the parameters.
    starts : sequence of sequences of float
        Where to begin; the best end wins, of equals the first.
    bounds : sequence of (float, float)
        Lowest and highest value of each parameter, all positive.

    Returns
    -------
    Maximum

    Examples
    --------
    >>> peak = maximise(lambda x: (-((x - 2) ** 2), np.array([-2 * (x - 2)])), [[1.0]], [(0.1, 10)])
    >>> round(float(peak.parameters[0]), 4)
    2.0
    """

    def descend(logs: np.ndarray) -> tuple[float, np.ndarray]:
        values = np.exp(logs)
        height, gradient = log_likelihood(*values)
        return -height, -gradient * values

    best: Maximum | None = None
    for start in starts:
        found = minimize(
            descend,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[tuple(np.log(bound)) for bound in bounds],
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
        )
        if best is None or -found.fun > best.log_likelihood + 1e-9:
            best = Maximum(np.exp(found.x), float(-found.fun), bool(found.success))
    if best is None:
        raise ValueError("maximise: there is no start")
    return best
