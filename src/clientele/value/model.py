"""What every customer is worth: visits, orders per visit and order value, fitted together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.value.orders import BetaBinomial
from clientele.value.spending import GammaGamma
from clientele.value.tiers import N_TIERS, tier_cut_points, tiers
from clientele.value.visits import BetaGeometric

HORIZONS = (30, 90)  # days
STATISTICS = ("n_visits", "n_ordering_visits", "n_orders", "revenue", "recency_days", "age_days")
# From this share of visits with an order on, a shop shows its orders alone: a rate of orders would be noise.
ORDERS_ALONE = 0.98
MIN_CUSTOMERS, MIN_RETURNING, MIN_BUYERS, MIN_DAYS = 200, 50, 20, 28


@dataclass
class ValueModel:
    """BG/NBD for visits, Beta-Binomial for orders per visit, Gamma-Gamma for order value.

    Parameters
    ----------
    n_tiers : int
        As many value tiers at most.

    Attributes
    ----------
    visits_, orders_, spending_ : BetaGeometric, BetaBinomial, GammaGamma
    basis_ : str
        ``visits``; or ``orders`` in a shop that shows no browsing, where a visit is an order.
    orders_per_visit_ : float
        Orders on a day with an order.
    level_ : float
        What expected orders are multiplied with: orders that came, over those once forecast.
    cut_points_ : ndarray
        Of value_score.

    References
    ----------
    The three models: see `BetaGeometric`, `BetaBinomial` and `GammaGamma`.

    Examples
    --------
    >>> ValueModel().refusal(pd.DataFrame(columns=list(STATISTICS)))
    'Customers: 0 of the 200 that a fit of customer value needs.'
    """

    n_tiers: int = N_TIERS

    @staticmethod
    def refusal(customers: pd.DataFrame) -> str | None:
        """Say in a sentence why these customers do not suffice for a fit; None when they do.

        Parameters
        ----------
        customers : DataFrame
            Columns `STATISTICS`, one row per customer.

        Returns
        -------
        str or None
        """
        n_returning = int((customers["n_visits"] > 1).sum())
        n_buyers = int(((customers["n_orders"] > 0) & (customers["revenue"] > 0)).sum())
        days = int(customers["age_days"].max()) + 1 if len(customers) else 0
        for have, need, what in (
            (len(customers), MIN_CUSTOMERS, "Customers"),
            (days, MIN_DAYS, "Days of history"),
            (n_returning, MIN_RETURNING, "Customers who came on two days or more"),
            (n_buyers, MIN_BUYERS, "Customers who have paid for an order"),
        ):
            if have < need:
                return f"{what}: {have} of the {need} that a fit of customer value needs."
        return None

    def fit(self, customers: pd.DataFrame, forecast: tuple[float, float] | None = None) -> ValueModel:
        """Fit the three models and choose the cut points.

        Parameters
        ----------
        customers : DataFrame, shape (n, ...)
            Columns `STATISTICS`, one row per customer; the order of rows does not matter.
        forecast : (float, float), optional
            Orders that a fit of an earlier day expected, with level 1, and those that came. The level of
            this fit is their ratio, drawn to 1 as if ten orders had come as expected, from 1/4 to 4: a
            shop's season and growth are in no customer's own history.

        Returns
        -------
        ValueModel
            Itself.

        Raises
        ------
        ValueError
            With the sentence of `refusal`, when the customers do not suffice.
        """
        if sentence := self.refusal(customers):
            raise ValueError(f"ValueModel.fit: {sentence}")
        numbers = {name: customers[name].to_numpy(float) for name in STATISTICS}
        visits, ordering, orders = numbers["n_visits"], numbers["n_ordering_visits"], numbers["n_orders"]
        self.visits_ = BetaGeometric().fit(visits - 1, numbers["recency_days"], numbers["age_days"])
        self.basis_ = "orders" if ordering.sum() >= ORDERS_ALONE * visits.sum() else "visits"
        # (1 + y) / (1 + n) is 1 where every visit is an order, and needs no case of its own in SQL
        self.orders_ = (
            BetaBinomial.of(alpha=1, beta=0)
            if self.basis_ == "orders"
            else BetaBinomial().fit(visits, ordering)
        )
        self.orders_per_visit_ = float(f"{orders.sum() / ordering.sum():.8g}")
        expected, actual = forecast or (0.0, 0.0)
        self.level_ = float(f"{np.clip((actual + 10) / (expected + 10), 0.25, 4):.6g}")
        bought = (orders > 0) & (numbers["revenue"] > 0)
        self.spending_ = GammaGamma().fit(orders[bought], numbers["revenue"][bought] / orders[bought])
        scores = self.predict(customers)["value_score"].to_numpy()
        self.cut_points_ = tier_cut_points(scores, scores, self.n_tiers)
        return self

    def predict(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Score customers.

        Parameters
        ----------
        customers : DataFrame, shape (n, ...)
            Columns `STATISTICS`.

        Returns
        -------
        DataFrame, shape (n, ...)
            ``p_alive`` (0..1), ``expected_visits_30d``, ``expected_visits_90d``, ``expected_orders_30d``,
            ``expected_orders_90d``, ``expected_order_value``, ``expected_revenue_90d``, ``value_score``
            (0..1: the chance of an order within 30 days if orders come at random) and, once fitted,
            ``value_tier``; the index of `customers`.
        """
        numbers = {name: customers[name].to_numpy(float) for name in STATISTICS}
        came = numbers["n_visits"] - 1, numbers["recency_days"], numbers["age_days"]
        found = {"p_alive": self.visits_.p_alive(*came)}
        for horizon in HORIZONS:
            found[f"expected_visits_{horizon}d"] = self.visits_.expected_visits(*came, horizon)
        rate = self.orders_.order_rate(numbers["n_visits"], numbers["n_ordering_visits"])
        rate = rate * self.orders_per_visit_ * self.level_
        for horizon in HORIZONS:
            found[f"expected_orders_{horizon}d"] = found[f"expected_visits_{horizon}d"] * rate
        value = self.spending_.order_value(numbers["n_orders"], numbers["revenue"])
        found["expected_order_value"] = value
        found["expected_revenue_90d"] = found["expected_orders_90d"] * value
        found["value_score"] = -np.expm1(-found["expected_orders_30d"])
        if hasattr(self, "cut_points_"):
            found["value_tier"] = tiers(found["value_score"], self.cut_points_)
        return pd.DataFrame(found, index=customers.index)
