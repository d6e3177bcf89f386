"""Counts of made-up shops, week by week and month by month: no events, no builds.

Nothing of the shop simulator is in it. Every distribution is a softmax of logits that wander (an
autoregression with the shop's own restlessness, the same for a small shop and a large one), customers are
drawn from it, and who orders is drawn from a logit that depends on one bin at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

SHARES = {
    "event_kinds": [0.8, 0.09, 0.04, 0.07],
    "visits": [0.62, 0.22, 0.09, 0.05, 0.02],
    "visit_size": [0.28, 0.33, 0.2, 0.11, 0.06, 0.02],
    "visit_length": [0.36, 0.3, 0.27, 0.07],
    "daypart": [0.12, 0.26, 0.28, 0.34],
    "returning": [0.6, 0.4],
    "families": [0.25, 0.13, 0.1, 0.08, 0.07, 0.06, 0.05, 0.05, 0.04, 0.04, 0.03, 0.1],
    "price_level": [0.12, 0.2, 0.33, 0.22, 0.13],
}
ORDERS = {
    "visits": [-3.2, -2.6, -2.0, -1.4, -0.8],
    "visit_size": [-4.0, -3.0, -2.4, -2.0, -1.6, -1.4],
    "visit_length": [-3.6, -2.8, -2.1, -1.8],
    "returning": [-2.2, -3.0],
}
RARE = {"new_brands": 0.004, "new_categories": 0.001, "moved_products": 0.003, "bots": 0.004}
COLUMNS = ["period_grain", "period_date", "series", "bin", "n", "n_chosen", "value_sum", "value_squares"]
START = date(2017, 10, 2)  # a Monday


def _sigmoid(logit: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(logit, dtype=float)))


def _wander(rng: np.random.Generator, n: int, restlessness: float, width: int = 1) -> np.ndarray:
    """Return an autoregression of order one, with now and then a week of three times the size."""
    shocks = rng.normal(0, restlessness, (n, width)) * np.where(rng.random((n, 1)) < 0.05, 3, 1)
    path = np.zeros((n, width))
    for index in range(n):
        path[index] = (0.7 * path[index - 1] if index else 0) + shocks[index]
    return path


@dataclass
class Shop:
    """A shop of so many customers, of whom a fifth comes in a week.

    Parameters
    ----------
    customers : int
        Customers that the shop has.
    seed : int
        Of everything that is drawn.
    restlessness : float
        Standard deviation of what changes from week to week, in logits.
    tilts : dict
        {series: function of the time in weeks that returns what is added to the logits of its bins}.
    orders : dict
        {series: function of the time that returns the logits of an order by bin}, instead of `ORDERS`.
    prior : callable, optional
        Function of the time: what is added to everybody's logit of an order, within each kind of customer.
    rare : dict
        {series: function of the time that returns the share}.
    price : callable, optional
        Function of the time: what is added to the mean change of ln price in that week.
    volume : callable, optional
        Function of the time: the factor of the number of customers.
    """

    customers: int
    seed: int
    restlessness: float = 0.03
    tilts: dict = field(default_factory=dict)
    orders: dict = field(default_factory=dict)
    prior: object = None
    rare: dict = field(default_factory=dict)
    price: object = None
    volume: object = None

    def counts(self, n_weeks: int, grains: tuple[str, ...] = ("week", "month")) -> pd.DataFrame:
        """Return rows of core.drift_counts."""
        rng = np.random.default_rng(self.seed)
        rows: list[tuple] = []
        if "week" in grains:
            days = [START + timedelta(weeks=week) for week in range(n_weeks)]
            self._period_rows(rng, "week", days, [float(week) for week in range(n_weeks)], 0.2, rows)
        if "month" in grains:
            n_months = n_weeks * 7 * 12 // 365
            days = [date(2017 + (9 + month) // 12, (9 + month) % 12 + 1, 1) for month in range(n_months)]
            times = [(day - START).days / 7 for day in days]
            self._period_rows(rng, "month", days, times, 0.5, rows)
        return pd.DataFrame(rows, columns=COLUMNS)

    def _period_rows(self, rng, grain, days, times, share_present, rows) -> None:
        n = len(days)
        noise = {name: _wander(rng, n, self.restlessness, len(p)) for name, p in SHARES.items()}
        volume = np.exp(_wander(rng, n, self.restlessness)[:, 0])
        willing = _wander(rng, n, self.restlessness)[:, 0]
        level = rng.normal(0, 0.005, n)
        for index, (day, time) in enumerate(zip(days, times, strict=True)):
            expected = (
                self.customers * share_present * volume[index] * (self.volume(time) if self.volume else 1)
            )
            present = max(int(rng.poisson(expected)), 1)
            prior = self.prior(time) if self.prior else 0.0
            for name, base in SHARES.items():
                logits = np.log(base) + noise[name][index]
                logits = logits + (self.tilts[name](time) if name in self.tilts else 0)
                rate = (
                    self.orders[name](time)
                    if name in self.orders
                    else np.array(ORDERS.get(name, [-2.6] * len(base)))
                )
                chance = _sigmoid(rate + willing[index])
                weights = np.exp(logits) / np.exp(logits).sum()
                # who orders stays as he is, and so does who does not: only how many there are changes
                odds = np.exp(prior)
                joint = np.stack([weights * (1 - chance), weights * chance * odds], axis=1)
                joint /= joint.sum()
                found = rng.multinomial(present, joint.ravel()).reshape(joint.shape)
                rows.extend(
                    (grain, day, name, bin_ + 1, int(cell.sum()), int(cell[1]), 0.0, 0.0)
                    for bin_, cell in enumerate(found)
                )
                if name == "visits":
                    rows.append((grain, day, "orders", 0, present, int(found[:, 1].sum()), 0.0, 0.0))
            rows.append((grain, day, "customers", 0, present, 0, 0.0, 0.0))
            rows.append((grain, day, "events", 0, int(present * rng.normal(7, 0.1)), 0, 0.0, 0.0))
            rows.append((grain, day, "feed", 0, 7 if grain == "week" else 30, 0, 0.0, 0.0))
            for name, usual in RARE.items():
                share = self.rare[name](time) if name in self.rare else usual * np.exp(rng.normal(0, 0.3))
                rows.append((grain, day, name, 0, present, int(rng.binomial(present, share)), 0.0, 0.0))
            if index:
                products = max(min(present, 20_000), 50)
                change = rng.normal(level[index] + (self.price(time) if self.price else 0), 0.05, products)
                rows.append(
                    (grain, day, "prices", 0, products, 0, float(change.sum()), float((change**2).sum()))
                )


def daily(counts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return rows of core.daily_events whose weeks have the events of `counts`."""
    weeks = counts[(counts.period_grain == "week") & (counts.series == "events")].sort_values("period_date")
    rows = []
    for week in weeks.itertuples():
        shares = rng.dirichlet(np.array([1.0, 0.95, 0.95, 1.0, 1.05, 1.2, 1.15]) * 300)
        rows.extend(
            (week.period_date + timedelta(days=day), int(week.n * share), 24)
            for day, share in enumerate(shares)
        )
    return pd.DataFrame(rows, columns=["event_date", "n_events", "n_hours"])
