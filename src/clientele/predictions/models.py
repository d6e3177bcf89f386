"""The models of next orders and spend, and the heuristics that they have to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from clientele.learning.cells import CellRates, QuantileCells
from clientele.learning.pieces import PiecewiseLogistic, PiecewiseRidge
from clientele.predictions.settings import CELL_BINS


class OrderModel(PiecewiseLogistic):
    """The head of an order: four pieces of two dozen features ask for a firm hand where few have ordered.

    The penalty weighs as much against each row in a small shop as in a large one.

    Parameters
    ----------
    features : sequence of str

    Examples
    --------
    >>> OrderModel.penalty_of(15_000), OrderModel.penalty_of(100)
    (0.01, 1.0)
    """

    def __init__(self, features: Sequence[str]) -> None:
        super().__init__(features, pooled=True)

    @staticmethod
    def penalty_of(n_rows: int) -> float:
        """Return scikit-learn's ``C`` for so many rows."""
        return float(np.clip(150 / n_rows, 0.003, 1.0))

    def _one(self, standardised: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        self.inverse_penalty = self.penalty_of(len(target))
        return super()._one(standardised, target)


class ManyRowsModel(OrderModel):
    """The same for many more rows than terms: Newton's method needs a dozen steps for the same weights.

    Parameters
    ----------
    features : sequence of str
    """

    def _one(self, standardised: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        if np.ptp(target) == 0 or not standardised.shape[1]:
            return super()._one(standardised, target)
        penalty = self.penalty_of(len(target))
        model = LogisticRegression(C=penalty, solver="newton-cholesky", tol=1e-8, max_iter=100)
        model.fit(standardised, target)
        return model.coef_[0], float(model.intercept_[0])


def order_cells() -> CellRates:
    """Return the heuristic of order heads: rates in cells of recency by orders by events, smoothed."""
    return CellRates([QuantileCells(list(CELL_BINS), list(CELL_BINS.values()))])


class RecencyRates(CellRates):
    """The plainest heuristic: who came lately comes soon."""

    def __init__(self) -> None:
        super().__init__([QuantileCells(["order_recency_ln"], 10)])


class TwoPartSpend:
    """Spend as the chance of an order times what is spent if there is one.

    The amount is learnt as ln(1 + spend); a factor (smearing) makes up for the mean of logarithms lying below
    the logarithm of the mean.

    Parameters
    ----------
    features : sequence of str
    pooled : bool
        Learn from every origin so far.

    Attributes
    ----------
    orders_ : PiecewiseLogistic
    amounts_ : PiecewiseRidge
    smearing_ : float

    References
    ----------
    Duan (1983), Smearing estimate: a nonparametric retransformation method.
    Duan, Manning, Morris and Newhouse (1983), A comparison of alternative models for the demand for medical
    care (two parts).

    Examples
    --------
    >>> frame = pd.DataFrame({"n": np.repeat([0.0, 1.0], 100)})
    >>> spend = pd.DataFrame({"spend": np.r_[np.zeros(100), np.full(100, 20.0)]})
    >>> expected = TwoPartSpend(["n"]).fit(frame, spend).predict(frame)[[0, 199], 0]
    >>> bool(expected[0] < 5 and expected[1] > 15)
    True
    """

    def __init__(self, features: Sequence[str], pooled: bool = False) -> None:
        self.features = features
        self.pooled = pooled

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn both parts from a column of amounts."""
        (name,) = outcomes.columns
        if self.pooled and past is not None:
            frame, outcomes = past.reset_index(drop=True), past[[name]].reset_index(drop=True)
        seen = outcomes[name].notna().to_numpy()
        frame, spend = frame[seen].reset_index(drop=True), outcomes[name].to_numpy(dtype=float)[seen]
        self.orders_ = OrderModel(self.features).fit(frame, pd.DataFrame({name: (spend > 0).astype(float)}))
        logs = np.where(spend > 0, np.log1p(np.maximum(spend, 0)), np.nan)
        self.amounts_ = PiecewiseRidge(self.features).fit(frame, pd.DataFrame({name: logs}))
        self.smearing_ = smearing(logs, self.amounts_.predict(frame)[:, 0])
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the expected spend, shape (n_rows, 1)."""
        return two_part(self.orders_.predict(frame), self.amounts_.predict(frame), self.smearing_)


def smearing(logs: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean of e^residual over those who ordered: 1 where the amounts are exactly as predicted."""
    seen = ~np.isnan(logs)
    return float(np.exp(logs[seen] - predicted[seen]).mean())


def two_part(chance: np.ndarray, log_amount: np.ndarray, factor: float) -> np.ndarray:
    """Return chance times amount; the amount is never below 0."""
    return chance * np.maximum(np.exp(log_amount) * factor - 1, 0)


class CellsTimesOrderValue:
    """The heuristic of spend: the chance of an order by cells times the customer's usual order value.

    The value of who ordered little is shrunken towards the shop's by the weight of one order.

    Attributes
    ----------
    cells_ : CellRates
        Orders to expect, in order values.
    order_value_ : float
        The shop's.
    scale_ : float
        So that the total is that of the outcomes learnt.
    """

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the shop's order value, and the spend in order values by cell."""
        (name,) = outcomes.columns
        orders = np.expm1(frame["orders_ln"])
        self.order_value_ = float((own_value(frame) * orders).sum() / max(orders.sum(), 1e-9))
        multiples = outcomes[name].to_numpy(dtype=float) / self.usual_value(frame)
        # A few who multiply their usual order must not move a cell.
        most = np.nanquantile(multiples, 0.99)
        kept = np.nanmean(multiples) / max(np.nanmean(np.minimum(multiples, most)), 1e-9)
        self.cells_ = order_cells().fit(frame, pd.DataFrame({name: np.minimum(multiples, most) * kept}))
        # A large usual order and a busy cell go together, or apart: the total is to be what came.
        expected = self.cells_.predict(frame)[:, 0] * self.usual_value(frame)
        came = outcomes[name].to_numpy(dtype=float)
        seen = ~np.isnan(came)
        self.scale_ = float(came[seen].sum() / max(expected[seen].sum(), 1e-9))
        return self

    def usual_value(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the customer's order value, shrunken."""
        orders = np.expm1(frame["orders_ln"].to_numpy(dtype=float))
        value = (own_value(frame) * orders + self.order_value_) / (orders + 1)
        return np.maximum(value, 1e-9)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the expected spend, shape (n_rows, 1)."""
        return self.cells_.predict(frame) * self.scale_ * self.usual_value(frame)[:, None]


def own_value(frame: pd.DataFrame) -> np.ndarray:
    """Return the mean order value so far, 0 without an order."""
    return np.expm1(frame["order_value_ln"].to_numpy(dtype=float))


class LastSpend:
    """The plainest heuristic: as much as in the same number of days before.

    Parameters
    ----------
    column : str

    Attributes
    ----------
    factor_ : float
        So that the total is that of the outcomes learnt.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the factor."""
        spent = frame[self.column].to_numpy(dtype=float)
        came = outcomes.iloc[:, 0].to_numpy(dtype=float)
        seen = ~np.isnan(came)
        self.factor_ = float(came[seen].sum() / max(spent[seen].sum(), 1e-9))
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the expected spend, shape (n_rows, 1)."""
        return frame[[self.column]].to_numpy(dtype=float) * self.factor_
