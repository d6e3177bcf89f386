"""How often a customer comes, and whether the customer still does: BG/NBD, fitted by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln, hyp2f1

from clientele.value.hypergeometric import horner_2f1
from clientele.value.likelihood import maximise

# Visits are counted by the day. Within these bounds forty terms of the series do (tests/value). The upper
# bounds of a and b say that customers differ at least a little in how soon they leave.
BOUNDS = {"r": (1e-2, 50.0), "alpha": (5e-2, 5e4), "a": (1e-2, 4.0), "b": (2e-2, 40.0)}
STARTS = ((0.5, 10.0, 0.7, 2.0), (0.2, 2.0, 1.5, 4.0), (1.0, 60.0, 0.3, 5.0))
# scipy's function is taken above this z, where a - 1 must not be so near to 0 that its digits are lost.
NEAR, SLACK = 0.4, 1e-4
SLOW = 1e-10


@dataclass
class BetaGeometric:
    """BG/NBD: visits by a Poisson process while alive, and after each return some never come again.

    Parameters
    ----------
    bounds : dict of str to (float, float), optional
        Lowest and highest value of each parameter.

    Attributes
    ----------
    r_, alpha_ : float
        Shape and rate (in days) of the gamma distribution of the visit rates.
    a_, b_ : float
        Of the beta distribution of the chance to leave after a return.
    log_likelihood_ : float
        Per customer.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD
    model. Marketing Science 24(2), 275-284.
    Fader, Hardie and Lee (2008), Computing P(alive) using the BG/NBD model.

    Examples
    --------
    >>> model = BetaGeometric.of(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> round(float(model.expected_visits(np.array([2]), np.array([30.43]), np.array([38.86]), 39)[0]), 3)
    1.226
    """

    bounds: dict[str, tuple[float, float]] | None = None

    @classmethod
    def of(cls, *, r: float, alpha: float, a: float, b: float) -> BetaGeometric:
        """Return a model with these parameters."""
        model = cls()
        model.r_, model.alpha_, model.a_, model.b_ = float(r), float(alpha), float(a), float(b)
        return model

    def fit(
        self,
        frequency: np.ndarray,
        recency: np.ndarray,
        age: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> BetaGeometric:
        """Fit by maximum likelihood; customers with equal numbers are counted once.

        Parameters
        ----------
        frequency : ndarray, shape (n,)
            Visits after the first.
        recency, age : ndarray, shape (n,)
            Days from the first visit to the last, and to the moment of the fit; 0 <= recency <= age.
        weights : ndarray, shape (n,), optional
            Customers behind each row; one without.

        Returns
        -------
        BetaGeometric
            Itself.

        Raises
        ------
        ValueError
            When no row is given, one is not a number or negative, or a recency is above the age.
        """
        table = np.column_stack([np.asarray(column, float) for column in (frequency, recency, age)])
        if not len(table):
            raise ValueError("BetaGeometric.fit: there is no customer")
        if not np.isfinite(table).all() or (table < 0).any() or (table[:, 1] > table[:, 2]).any():
            raise ValueError("BetaGeometric.fit: frequency, recency and age must be 0 <= recency <= age")
        patterns, place = np.unique(table, axis=0, return_inverse=True)
        counts = np.bincount(place.ravel(), weights=weights).astype(float)
        x, t_x, big_t = patterns.T
        distinct, x_place = np.unique(x, return_inverse=True)
        total, by_x = counts.sum(), np.bincount(x_place, weights=counts)
        returned = x > 0

        def log_likelihood(r: float, alpha: float, a: float, b: float) -> tuple[float, np.ndarray]:
            of_x = (
                gammaln(r + distinct) - gammaln(r) + r * np.log(alpha) + gammaln(a + b)
                - gammaln(a + b + distinct) + gammaln(b + distinct) - gammaln(b)
            )  # fmt: skip
            ln_now, ln_last = np.log(alpha + big_t), np.log(alpha + t_x)
            stayed = -(r + x) * ln_now
            left = np.full(len(x), -np.inf)
            before = b + x[returned] - 1
            left[returned] = np.log(a / before) - (r + x[returned]) * ln_last[returned]
            either = np.logaddexp(stayed, left)
            gone = np.exp(left - either)
            height = (by_x * of_x).sum() + (counts * either).sum()
            d_ab = digamma(a + b) - digamma(a + b + distinct)
            d_r = (by_x * (digamma(r + distinct) - digamma(r) + np.log(alpha))).sum()
            d_r -= (counts * ((1 - gone) * ln_now + gone * ln_last)).sum()
            d_alpha = total * r / alpha
            d_alpha -= (counts * (r + x) * ((1 - gone) / (alpha + big_t) + gone / (alpha + t_x))).sum()
            d_a = (by_x * d_ab).sum() + (counts * gone).sum() / a
            d_b = (by_x * (d_ab + digamma(b + distinct) - digamma(b))).sum()
            d_b -= (counts[returned] * gone[returned] / before).sum()
            return height / total, np.array([d_r, d_alpha, d_a, d_b]) / total

        best = maximise(log_likelihood, STARTS, list((self.bounds or BOUNDS).values()))
        self.r_, self.alpha_, self.a_, self.b_ = (float(f"{value:.8g}") for value in best.parameters)
        if abs(self.a_ - 1) < SLACK:
            self.a_ = 1 + SLACK
        self.log_likelihood_ = best.log_likelihood
        return self

    def p_alive(self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Return the chance (0..1) that a customer will come again; 1 for all who came once, as of BG/NBD.

        Parameters
        ----------
        frequency, recency, age : ndarray, shape (n,)

        Returns
        -------
        ndarray, shape (n,)
        """
        x, t_x, big_t = (np.asarray(column, float) for column in (frequency, recency, age))
        with np.errstate(divide="ignore", over="ignore"):
            log_odds = (self.r_ + x) * (np.log(self.alpha_ + big_t) - np.log(self.alpha_ + t_x))
            odds = self.a_ / (self.b_ + x - 1) * np.exp(np.minimum(log_odds, 300))
        return np.where(x > 0, 1 / (1 + odds), 1.0)

    def expected_visits(
        self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray, horizon: float
    ) -> np.ndarray:
        """Return how many visits to expect in the next `horizon` days.

        Parameters
        ----------
        frequency, recency, age : ndarray, shape (n,)
        horizon : float
            Days (or weeks, when all else is in weeks).

        Returns
        -------
        ndarray, shape (n,)
        """
        alive = self.p_alive(frequency, recency, age)
        return alive * self.visits_if_alive(frequency, age, horizon)

    def visits_if_alive(self, frequency: np.ndarray, age: np.ndarray, horizon: float) -> np.ndarray:
        """Return the expected visits of a customer who is alive: it hangs on frequency and age alone.

        Parameters
        ----------
        frequency, age : ndarray, shape (n,)
        horizon : float

        Returns
        -------
        ndarray, shape (n,)

        Notes
        -----
        Equation 10 of the paper after Euler's transformation: its 2F1 has parameters that grow with
        `frequency`; after it they grow in the denominator alone, and the series converges the sooner the
        more often a customer came. Far from its border the series is as exact, and loses no digits where a
        is about 1 or the horizon short beside the age.
        """
        x, big_t = np.asarray(frequency, float), np.asarray(age, float)
        r, alpha, a, b = self.r_, self.alpha_, self.a_, self.b_
        z = horizon / (alpha + big_t + horizon)
        series = hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
        far = (a + b + x - 1) / (a - 1) * (1 - np.power(1 - z, a - 1) * series)
        return np.where(z > NEAR, far, self.horner_visits_if_alive(x, big_t, horizon))

    def horner_visits_if_alive(self, frequency: np.ndarray, age: np.ndarray, horizon: float) -> np.ndarray:
        """Return the same from forty terms, as SQL does; `slow_patterns` says where that is not enough.

        Parameters
        ----------
        frequency, age : ndarray, shape (n,)
        horizon : float

        Returns
        -------
        ndarray, shape (n,)

        Notes
        -----
        (1 - w ** (a - 1) 2F1) / (a - 1) with w = 1 - z, taken apart into (1 - w ** (a - 1)) / (a - 1), which
        is z 2F1(2 - a, 1; 2; z), and w ** (a - 1) (2F1 - 1) / (a - 1): nothing is divided by a - 1.
        """
        x, big_t = np.asarray(frequency, float), np.asarray(age, float)
        r, alpha, a, b = self.r_, self.alpha_, self.a_, self.b_
        z = horizon / (alpha + big_t + horizon)
        above, below = a + b - 1 - r, a + b + x - 1
        stays = np.power((alpha + big_t) / (alpha + big_t + horizon), a - 1)
        return z * (
            below * horner_2f1(2 - a, 1.0, np.asarray(2.0), z)
            - stays * above * horner_2f1(above, a - 1, below, z, first=1)
        )

    def slow_patterns(self, horizon: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the customers for whom forty terms are too few: new ones, who came now and then.

        Parameters
        ----------
        horizon : int
            Days.

        Returns
        -------
        frequency, age, visits_if_alive : ndarray, each of shape (n,)
            In whole days, so that there are few; what the series ought to have given.
        """
        oldest = max(int(np.ceil(1.5 * horizon - self.alpha_)), 0)
        x, big_t = (grid.ravel() for grid in np.meshgrid(np.arange(oldest + 1), np.arange(oldest + 1)))
        x, big_t = x[x <= big_t], big_t[x <= big_t]
        exact = self.visits_if_alive(x, big_t, horizon)
        is_slow = np.abs(self.horner_visits_if_alive(x, big_t, horizon) / exact - 1) > SLOW
        return x[is_slow], big_t[is_slow], exact[is_slow]
