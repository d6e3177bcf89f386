"""What an order of a customer is worth: Gamma-Gamma, fitted by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from clientele.value.likelihood import maximise

# In units of the mean order. Below q = 1 the mean of all customers would not exist.
BOUNDS = {"p": (1e-2, 1e3), "q": (1.1, 1e3), "v": (1e-3, 1e4)}
STARTS = ((2.0, 3.0, 1.0), (6.0, 4.0, 0.5), (1.0, 1.5, 0.5))


@dataclass
class GammaGamma:
    """Orders of a customer vary around the customer's own mean, and the means around the shop's.

    Attributes
    ----------
    p_, q_, v_ : float
        As in the paper; v_ in money.
    log_likelihood_ : float
        Per customer, in units of the mean order.

    References
    ----------
    Fader and Hardie (2013), The Gamma-Gamma model of monetary value.
    Fader, Hardie and Lee (2005), RFM and CLV: using iso-value curves for customer base analysis. Journal of
    Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> model = GammaGamma.of(p=6.25, q=3.74, v=15.44)
    >>> round(float(model.order_value(np.array([0]), np.array([0.0]))[0]), 2)
    35.22
    """

    @classmethod
    def of(cls, *, p: float, q: float, v: float) -> GammaGamma:
        """Return a model with these parameters."""
        model = cls()
        model.p_, model.q_, model.v_ = float(p), float(q), float(v)
        return model

    def fit(self, orders: np.ndarray, mean_value: np.ndarray) -> GammaGamma:
        """Fit by maximum likelihood to customers with an order.

        Parameters
        ----------
        orders : ndarray, shape (n,)
            At least 1.
        mean_value : ndarray, shape (n,)
            Revenue per order of each customer, above 0.

        Returns
        -------
        GammaGamma
            Itself.

        Raises
        ------
        ValueError
            When there is no row, or one without an order or without value.
        """
        x, m = np.asarray(orders, float), np.asarray(mean_value, float)
        if not len(x):
            raise ValueError("GammaGamma.fit: there is no customer")
        if not (np.isfinite(x).all() and np.isfinite(m).all() and (x >= 1).all() and (m > 0).all()):
            raise ValueError("GammaGamma.fit: every customer needs an order, and a value above 0")
        order = np.lexsort((m, x))
        x, m = x[order], m[order]
        unit = (x * m).sum() / x.sum()
        m = m / unit
        ln_m, ln_x = np.log(m), np.log(x)

        def log_likelihood(p: float, q: float, v: float) -> tuple[float, np.ndarray]:
            px, ln_sum = p * x, np.log(v + x * m)
            height = (
                gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) + (px - 1) * ln_m + px * ln_x
                - (px + q) * ln_sum
            )  # fmt: skip
            of_sum = digamma(px + q)
            d_p = x * (of_sum - digamma(px) + ln_m + ln_x - ln_sum)
            d_q = of_sum - digamma(q) + np.log(v) - ln_sum
            d_v = q / v - (px + q) / (v + x * m)
            return float(height.mean()), np.array([d_p.mean(), d_q.mean(), d_v.mean()])

        best = maximise(log_likelihood, STARTS, list(BOUNDS.values()))
        p, q, v = best.parameters
        self.p_, self.q_, self.v_ = (float(f"{value:.8g}") for value in (p, q, v * unit))
        self.log_likelihood_ = best.log_likelihood
        return self

    def order_value(self, orders: np.ndarray, revenue: np.ndarray) -> np.ndarray:
        """Return the expected value of a customer's next order.

        Parameters
        ----------
        orders : ndarray, shape (n,)
        revenue : ndarray, shape (n,)
            Of all these orders together.

        Returns
        -------
        ndarray, shape (n,)
        """
        x, spent = np.asarray(orders, float), np.asarray(revenue, float)
        return self.p_ * (self.v_ + spent) / (self.p_ * x + self.q_ - 1)
