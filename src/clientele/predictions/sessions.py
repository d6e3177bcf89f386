"""Sessions under way: the chance of a purchase after each event, and the heuristic that it has to beat."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from clientele.learning.cells import CellRates, QuantileCells
from clientele.learning.linear_rows import round_significant
from clientele.predictions import judge
from clientele.predictions.grouped import evaluate, out_of_time, sampled_rows
from clientele.predictions.head_rows import (
    Row,
    calibrations,
    cell_rows,
    evaluation_rows,
    gate_rows,
    parameter_row,
    source_rows,
    weight_rows,
)
from clientele.predictions.models import ManyRowsModel
from clientele.predictions.settings import CELLS, MODEL, REFUSED, few_positives

HEAD = "session"
OUTCOME = "is_bought"
CARTS = f"{HEAD}_with_cart"
NOT_FEATURES = ("user_sk", "session_sk", "session_part", "n_events", "session_date", OUTCOME)
MIN_DAYS = 28
MAX_ROWS = 60_000
TEST_WEEKS = 3
# Products in the cart by events so far by whether the customer has ordered before.
CUTS = {
    "in_cart": [0.5, 1.5],
    "prefix_events_ln": np.log1p([1.5, 2.5, 4.5, 7.5, 14.5]).tolist(),
    "past_orders_ln": [0.5],
}


class _Fixed(QuantileCells):
    """Cells whose cut points are not learnt: quantiles of counts that are mostly 0 cut nothing."""

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        self.cuts_ = [round_significant(np.array(CUTS[column])) for column in self.columns]
        return self


class SessionModel:
    """One logistic regression on pieces of what is known of a session and its customer so far.

    Parameters
    ----------
    features : sequence of str

    Attributes
    ----------
    model_ : LinearModel
        Its output is ``session``.
    """

    def __init__(self, features: list[str]) -> None:
        self.features = features

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the weights."""
        self._model = ManyRowsModel(self.features).fit(frame, outcomes.set_axis([HEAD], axis=1))
        self.model_ = self._model.model_
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the chance of a purchase, shape (n_rows, 1)."""
        return self._model.predict(frame)


class SessionCells(CellRates):
    """The heuristic: rates by what is in the cart, events so far and earlier orders.

    Examples
    --------
    >>> frame = pd.DataFrame({name: np.repeat([0.0, 3.0], 50) for name in CUTS})
    >>> bought = pd.DataFrame({"session": np.repeat([0.0, 1.0], 50)})
    >>> SessionCells().fit(frame, bought).predict(frame)[[0, 99], 0].round(1).tolist()
    [0.0, 1.0]
    """

    def __init__(self) -> None:
        super().__init__([_Fixed(list(CUTS))])


def fit_sessions(frame: pd.DataFrame, n_days: int, max_rows: int = MAX_ROWS) -> list[Row]:
    """Fit, judge and choose.

    Parameters
    ----------
    frame : DataFrame
        core.session_frame.
    n_days : int
        Days of history.
    max_rows : int
        Learnt from, at most, by customers.

    Returns
    -------
    list of dict
        Rows that `clientele.predictions.rows.parts_of` sorts into parts.
    """
    frame = frame.sort_values(["session_date", "user_sk", "session_sk", "session_part", "n_events"])
    frame = frame.reset_index(drop=True)
    if reason := lacking(frame, n_days):
        return source_rows(HEAD, REFUSED, reason)
    features = [name for name in frame.columns if name not in NOT_FEATURES]
    models = {MODEL: SessionModel(features), CELLS: SessionCells()}
    tested = out_of_time(frame, models, OUTCOME, session_tests(frame["session_date"]), ["in_cart"], max_rows)
    evaluated = evaluate(tested, [MODEL, CELLS], [(MODEL, CELLS)])
    with_cart = evaluate(tested[tested["in_cart"] > 0], [MODEL, CELLS], [(MODEL, CELLS)])
    nobody = pd.DataFrame(columns=["group", "difference", "positives"])
    verdict, _ = judge.order_verdict(evaluated, nobody, tested, [CELLS])
    source = MODEL if verdict.may_score else CELLS
    newest = sampled_rows(frame, max_rows, 11)
    outcome = newest[[OUTCOME]].astype(float).set_axis([HEAD], axis=1)
    model, cells = models[MODEL].fit(newest, outcome), models[CELLS].fit(newest, outcome)
    in_carts = newest[newest["in_cart"] > 0]
    left = 1 - (model if source == MODEL else cells).predict(in_carts)[:, 0] if len(in_carts) else np.ones(1)
    low, high = round_significant(np.quantile(left, [1 / 3, 2 / 3]))
    return [
        *source_rows(HEAD, source, verdict.reason),
        *evaluation_rows(HEAD, evaluated),
        *evaluation_rows(CARTS, with_cart),
        *gate_rows(HEAD, verdict),
        *calibrations(HEAD, tested, source),
        *weight_rows(model.model_),
        *cell_rows(cells, [HEAD]),
        parameter_row(HEAD, "abandon_low", float(low)),
        parameter_row(HEAD, "abandon_high", float(high)),
    ]


def session_tests(session_date: pd.Series) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Return the rows to learn from and to test on, for each of the newest weeks, for `out_of_time`.

    The day before a tested week is left out: a session of that evening may end in it.

    Parameters
    ----------
    session_date : Series

    Examples
    --------
    >>> days = pd.Series(pd.date_range("2020-01-01", periods=28))
    >>> [(int(learnt.sum()), int(tested.sum()), origin) for learnt, tested, origin in session_tests(days)]
    [(13, 7, '2020-01-15'), (20, 7, '2020-01-22')]
    """
    days = pd.to_datetime(session_date).to_numpy().astype("datetime64[D]")
    end, one = days.max() + np.timedelta64(1, "D"), np.timedelta64(1, "D")
    found = []
    for week in reversed(range(TEST_WEEKS)):
        start = end - 7 * (week + 1) * one
        learnt, tested = days < start - one, (days >= start) & (days < start + 7 * one)
        if len(np.unique(days[learnt])) >= 7 and (start - days.min()) / one >= 14:
            found.append((learnt, tested, str(start)))
    return found


def lacking(frame: pd.DataFrame, n_days: int) -> str:
    """Say why sessions cannot be predicted, or nothing.

    Examples
    --------
    >>> lacking(pd.DataFrame(), 27)
    'Sessions under way need 28 days of history; there are 27.'
    """
    if n_days < MIN_DAYS:
        return f"Sessions under way need {MIN_DAYS} days of history; there are {n_days}."
    bought = frame[frame[OUTCOME] == 1].drop_duplicates(["user_sk", "session_sk", "session_part"])
    newest = pd.to_datetime(frame["session_date"]).max() - pd.Timedelta(days=6)
    is_new = pd.to_datetime(bought["session_date"]) >= newest
    return few_positives(int((~is_new).sum()), int(is_new.sum()))
