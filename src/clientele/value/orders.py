"""How many of a customer's visits end in an order: Beta-Binomial, fitted by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma

from clientele.value.likelihood import maximise

BOUNDS = {"alpha": (1e-3, 1e4), "beta": (1e-3, 1e5)}
STARTS = ((0.5, 5.0), (2.0, 2.0), (0.1, 10.0))


@dataclass
class BetaBinomial:
    """Each customer orders on a visit with a chance of the customer's own, which does not change.

    Attributes
    ----------
    alpha_, beta_ : float
        Of the beta distribution of the chances: alpha_ orders in alpha_ + beta_ visits is what is assumed
        of somebody new.
    log_likelihood_ : float
        Per customer.

    References
    ----------
    Skellam (1948), A probability distribution derived from the binomial distribution by regarding the
    probability of success as variable between the sets of trials. JRSS B 10(2), 257-261.

    Examples
    --------
    >>> model = BetaBinomial().fit(np.array([10, 10, 10, 10]), np.array([0, 2, 3, 9]))
    >>> float(model.order_rate(np.array([0]), np.array([0]))[0]) < 0.5
    True
    """

    @classmethod
    def of(cls, *, alpha: float, beta: float) -> BetaBinomial:
        """Return a model with these parameters."""
        model = cls()
        model.alpha_, model.beta_ = float(alpha), float(beta)
        return model

    def fit(
        self, visits: np.ndarray, ordering: np.ndarray, weights: np.ndarray | None = None
    ) -> BetaBinomial:
        """Fit by maximum likelihood; customers with equal numbers are counted once.

        Parameters
        ----------
        visits, ordering : ndarray, shape (n,)
            Visits, and those with an order; 0 <= ordering <= visits.
        weights : ndarray, shape (n,), optional
            Customers behind each row.

        Returns
        -------
        BetaBinomial
            Itself.

        Raises
        ------
        ValueError
            When there is no row, or more orders than visits.
        """
        table = np.column_stack([np.asarray(visits, float), np.asarray(ordering, float)])
        if not len(table):
            raise ValueError("BetaBinomial.fit: there is no customer")
        if not np.isfinite(table).all() or (table < 0).any() or (table[:, 1] > table[:, 0]).any():
            raise ValueError("BetaBinomial.fit: visits and orders must be 0 <= ordering <= visits")
        patterns, place = np.unique(table, axis=0, return_inverse=True)
        counts = np.bincount(place.ravel(), weights=weights).astype(float)
        n, y = patterns.T
        total = counts.sum()

        def log_likelihood(alpha: float, beta: float) -> tuple[float, np.ndarray]:
            height = (counts * (betaln(alpha + y, beta + n - y) - betaln(alpha, beta))).sum()
            shared = digamma(alpha + beta) - digamma(alpha + beta + n)
            d_alpha = (counts * (shared + digamma(alpha + y) - digamma(alpha))).sum()
            d_beta = (counts * (shared + digamma(beta + n - y) - digamma(beta))).sum()
            return height / total, np.array([d_alpha, d_beta]) / total

        best = maximise(log_likelihood, STARTS, list(BOUNDS.values()))
        self.alpha_, self.beta_ = (float(f"{value:.8g}") for value in best.parameters)
        self.log_likelihood_ = best.log_likelihood
        return self

    def order_rate(self, visits: np.ndarray, ordering: np.ndarray) -> np.ndarray:
        """Return the expected share (0..1) of a customer's visits with an order.

        Parameters
        ----------
        visits, ordering : ndarray, shape (n,)

        Returns
        -------
        ndarray, shape (n,)
        """
        n, y = np.asarray(visits, float), np.asarray(ordering, float)
        return (self.alpha_ + y) / (self.alpha_ + self.beta_ + n)
