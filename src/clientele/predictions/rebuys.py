"""Whether each item of the last order is bought again: the model, its threshold, and what it has to beat."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from clientele.learning.cells import CellRates, QuantileCells
from clientele.learning.gate import Criterion
from clientele.predictions import judge
from clientele.predictions.grouped import (
    DECIDES,
    F1,
    best_threshold,
    evaluate,
    out_of_time,
    sampled_rows,
)
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
from clientele.predictions.settings import CELLS, MODEL, REFUSED, few_positives, refusal

LEVELS = ("product", "brand", "family")
HORIZON = 30
MIN_REPEATS = 500
N_ORIGINS = 4
MAX_ROWS = 60_000
N_TESTED = 3
OUTCOME = "is_bought_again"
ALL_OF_LAST = "all_of_last"
NOT_FEATURES = ("user_sk", "days_back", "origin_date", "item_level", "item_id", OUTCOME)
CELL_BINS = {"item_days_ln": 4, "rebuy_recency_ln": 5, "rebuy_orders_ln": 4}


def head_of(level: str) -> str:
    """Return the name of the head of a kind of item."""
    return f"rebuy_{level}"


class _Deciding:
    """Decide by a threshold for each kind of item: that of the largest F1 among what was learnt."""

    def _learn_thresholds(self, frame: pd.DataFrame, outcome: np.ndarray) -> None:
        chance = self.predict(frame)[:, 0]
        own = {level: (frame["item_level"] == level).to_numpy() for level in LEVELS}
        self.thresholds_ = {
            level: best_threshold(outcome[rows], chance[rows])
            for level, rows in own.items()
            if outcome[rows].any()
        }

    def decide(self, frame: pd.DataFrame, chances: np.ndarray) -> np.ndarray:
        """Return whether each chance reaches the threshold of its kind of item."""
        threshold = frame["item_level"].map(self.thresholds_).fillna(np.inf).to_numpy(dtype=float)
        return np.round(chances, 9) >= np.round(threshold, 9)


class RebuyModel(_Deciding):
    """One logistic regression on pieces for products, brands and families.

    Parameters
    ----------
    features : sequence of str

    Attributes
    ----------
    model_ : LinearModel
        Its output is ``rebuy``.
    thresholds_ : dict of str to float
        By kind of item.

    References
    ----------
    Lipton, Elkan and Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1 measure.
    """

    def __init__(self, features: list[str]) -> None:
        self.features = features

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn weights and thresholds."""
        named = outcomes.set_axis(["rebuy"], axis=1)
        self._model = ManyRowsModel(self.features).fit(frame, named)
        self.model_ = self._model.model_
        self._learn_thresholds(frame, named["rebuy"].to_numpy(dtype=float))
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the chance of each item, shape (n_rows, 1)."""
        return self._model.predict(frame)


class RebuyCells(_Deciding):
    """The heuristic: rates in cells of days with the item by recency by orders, for each kind of item.

    Attributes
    ----------
    cells_ : CellRates
        An output for each kind of item.
    """

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the rates."""
        came = outcomes.iloc[:, 0].to_numpy(dtype=float)
        level = frame["item_level"].to_numpy()
        self.levels_ = [name for name in LEVELS if (level == name).any()]
        by_level = pd.DataFrame({head_of(n): np.where(level == n, came, np.nan) for n in self.levels_})
        self.cells_ = CellRates([QuantileCells(list(CELL_BINS), list(CELL_BINS.values()))])
        self.cells_.fit(frame.reset_index(drop=True), by_level)
        self._learn_thresholds(frame, came)
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the rate of each item's cell, shape (n_rows, 1)."""
        rates = self.cells_.predict(frame)
        place = frame["item_level"].map({name: n for n, name in enumerate(self.levels_)}).fillna(0)
        return rates[np.arange(len(frame)), place.to_numpy(dtype=int)][:, None]


def rebuy_tests(days_back: np.ndarray, origins: list[int]) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Return for each tested origin the rows to learn from and to test on, as `out_of_time` wants them.

    Parameters
    ----------
    days_back : ndarray
        Of each row.
    origins : list of int
        As of `clientele.predictions.judge.tested_origins`.

    Examples
    --------
    >>> [(learnt.tolist(), name) for learnt, _, name in rebuy_tests(np.array([30, 60, 90]), [30, 60, 90])]
    [([False, False, True], '60'), ([False, True, True], '30')]
    """
    found = []
    for tested in sorted(origins[:N_TESTED], reverse=True):
        earlier = [days for days in origins if days >= tested + HORIZON][:N_ORIGINS]
        if earlier:
            found.append((np.isin(days_back, earlier), days_back == tested, str(tested)))
    return found


def fit_rebuys(frame: pd.DataFrame, n_days: int, max_rows: int = MAX_ROWS) -> list[Row]:
    """Fit, judge and choose, for each kind of item.

    Parameters
    ----------
    frame : DataFrame
        core.rebuy_frame.
    n_days : int
        Days of history.
    max_rows : int
        Learnt from, at most, by customers.

    Returns
    -------
    list of dict
        Rows that `clientele.predictions.rows.parts_of` sorts into parts.
    """
    if reason := refusal(HORIZON, n_days):
        return [row for level in LEVELS for row in source_rows(head_of(level), REFUSED, reason)]
    frame = frame.sort_values(["days_back", "item_level", "user_sk", "item_id"], ignore_index=True)
    origins = judge.tested_origins(frame["days_back"].unique().tolist(), HORIZON)
    refused = {level: why for level in LEVELS if (why := lacking(frame, level, origins))}
    rows = [row for level, why in refused.items() for row in source_rows(head_of(level), REFUSED, why)]
    kept = [level for level in LEVELS if level not in refused]
    if not kept:
        return rows
    frame = frame[frame["item_level"].isin(kept)].reset_index(drop=True)
    frame = sampled_rows(frame, 8 * max_rows, 12)
    features = [name for name in frame.columns if name not in NOT_FEATURES]
    models = {MODEL: RebuyModel(features), CELLS: RebuyCells()}
    days_back = frame["days_back"].to_numpy()
    names = frame.drop_duplicates("days_back").set_index("days_back")["origin_date"]
    tests = [
        (learnt, own, f"{pd.Timestamp(names[int(day)]):%Y-%m-%d}")
        for learnt, own, day in rebuy_tests(days_back, origins)
    ]
    tested = out_of_time(frame, models, OUTCOME, tests, ["item_level"], max_rows)
    tested[ALL_OF_LAST + DECIDES] = 1.0
    newest = sampled_rows(frame[np.isin(days_back, origins[:N_ORIGINS])], max_rows, 11)
    fitted = {name: model.fit(newest, newest[[OUTCOME]].astype(float)) for name, model in models.items()}
    rows += weight_rows(fitted[MODEL].model_)
    rows += cell_rows(fitted[CELLS].cells_, [head_of(level) for level in fitted[CELLS].levels_])
    for level in kept:
        own = tested[tested["item_level"] == level].reset_index(drop=True)
        source, found = _judged(head_of(level), own)
        rows += found
        rows.append(parameter_row(head_of(level), "threshold", fitted[source].thresholds_[level]))
    return rows


def lacking(frame: pd.DataFrame, level: str, origins: list[int]) -> str:
    """Say why a kind of item is refused, or nothing.

    Examples
    --------
    >>> frame = pd.DataFrame({"item_level": ["brand"], "days_back": [30], "is_bought_again": [1]})
    >>> lacking(frame, "brand", [30])
    'At least 500 purchases of an item of the order before are needed; there are 1.'
    """
    own = frame[(frame["item_level"] == level) & frame["days_back"].isin(origins)]
    n_repeats = int(own[OUTCOME].sum())
    if n_repeats < MIN_REPEATS:
        return (
            f"At least {MIN_REPEATS} purchases of an item of the order before are needed; "
            f"there are {n_repeats}."
        )
    newest = own["days_back"] == min(origins)
    return few_positives(int(own[OUTCOME][~newest].sum()), int(own[OUTCOME][newest].sum()))


def _judged(head: str, tested: pd.DataFrame) -> tuple[str, list[Row]]:
    """Return what scores a kind of item, and the rows that say why."""
    evaluated = evaluate(tested, [MODEL, CELLS, ALL_OF_LAST], [(MODEL, CELLS), (MODEL, ALL_OF_LAST)])
    gain = judge.value_of(evaluated, MODEL, F1, ALL_OF_LAST)
    f1 = Criterion(
        name=F1,
        compared_with=ALL_OF_LAST,
        value=gain["value"],
        ci_lo=gain["ci_lo"],
        ci_hi=gain["ci_hi"],
        bar_of_low=0.0,
    )
    nobody = pd.DataFrame(columns=["group", "difference", "positives"])
    verdict, _ = judge.order_verdict(evaluated, nobody, tested, [CELLS], [f1])
    source = MODEL if verdict.may_score else CELLS
    return source, [
        *source_rows(head, source, verdict.reason),
        *evaluation_rows(head, evaluated),
        *gate_rows(head, verdict),
        *calibrations(head, tested, source),
    ]
