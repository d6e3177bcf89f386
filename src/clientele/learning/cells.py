"""Predictions by cells: who is alike gets the mean of who is alike, shrunk as far as the data ask for.

Cells are estimators with ``fit(frame, outcomes, past)`` and ``transform(frame)``, which gives each row the
number of its cell, or -1 where no row like it was learnt from. `CellRates` turns any of them into a model.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import pandas as pd

ESTIMATED = "estimated"
UNKNOWN = -1


class Cells(Protocol):
    """What puts rows into cells."""

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame | None, past: pd.DataFrame | None) -> Self:
        """Learn the cells."""

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cell of each row, int, shape (n_rows,); -1: none."""


class ColumnCells:
    """A cell for each value of a column.

    Parameters
    ----------
    column : str

    Attributes
    ----------
    values_ : ndarray
        Values learnt, ascending; a value's position is its cell.

    Examples
    --------
    >>> cells = ColumnCells("state").fit(pd.DataFrame({"state": ["new", "active", "new"]}))
    >>> cells.transform(pd.DataFrame({"state": ["new", "lapsed"]})).tolist()
    [1, -1]
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Learn the values of the column."""
        self.values_ = np.unique(frame[self.column].to_numpy())
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the position of each row's value, int, shape (n_rows,); -1 for a value not seen."""
        return pd.Index(self.values_).get_indexer(frame[self.column].to_numpy())


def quantile_cells(values: np.ndarray, n_cells: int) -> np.ndarray:
    """Cut points that put about as many values into each of n cells.

    Parameters
    ----------
    values : ndarray, shape (n,)
    n_cells : int

    Returns
    -------
    ndarray, shape (at most n_cells - 1,)
        Ascending values that occur; a value belongs to the cell after the last cut point below or at it.
        Fewer where many values are equal.

    Examples
    --------
    >>> quantile_cells(np.arange(10.0), 5)
    array([2., 4., 6., 8.])
    >>> quantile_cells(np.zeros(10), 5)
    array([], dtype=float64)
    """
    # Values that occur: a mean of two would depend on how it is rounded.
    ordered = np.sort(values)
    cuts = np.unique(ordered[(np.arange(1, n_cells) * len(ordered)) // n_cells])
    return cuts[cuts > ordered[0]]


class QuantileCells:
    """Cells by quantiles of one column or several, as a grid of 5 by 5 by 5 has them.

    Parameters
    ----------
    columns : sequence of str
    bins : int or sequence of int
        How many cells along each column.

    Attributes
    ----------
    cuts_ : list of ndarray
        Cut points of each column, as of `quantile_cells`.

    Raises
    ------
    ValueError
        On fit: there are not as many bins as columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"spent": [1.0, 2.0, 3.0, 4.0]})
    >>> QuantileCells(["spent"], 2).fit(frame).transform(frame).tolist()
    [0, 0, 1, 1]
    """

    def __init__(self, columns: Sequence[str], bins: int | Sequence[int] = 5) -> None:
        self.columns = columns
        self.bins = bins

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Learn the cut points."""
        bins = [self.bins] * len(self.columns) if isinstance(self.bins, int) else list(self.bins)
        if len(bins) != len(self.columns):
            raise ValueError(
                f"QuantileCells: {len(bins)} bins for {len(self.columns)} columns; pass one each."
            )
        self.cuts_ = [
            quantile_cells(frame[column].to_numpy(dtype=float), n)
            for column, n in zip(self.columns, bins, strict=True)
        ]
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cell of each row, int, shape (n_rows,)."""
        codes = np.zeros(len(frame), dtype=int)
        for column, cuts in zip(self.columns, self.cuts_, strict=True):
            place = np.searchsorted(cuts, frame[column].to_numpy(dtype=float), side="right")
            codes = codes * (len(cuts) + 1) + place
        return codes


class CrossedCells:
    """Every combination of the cells of several estimators.

    Parameters
    ----------
    parts : sequence of Cells

    Attributes
    ----------
    sizes_ : list of int
        One more than the largest cell of each part.

    Examples
    --------
    >>> frame = pd.DataFrame({"state": ["a", "a", "b"], "kind": ["x", "y", "y"]})
    >>> CrossedCells([ColumnCells("state"), ColumnCells("kind")]).fit(frame).transform(frame).tolist()
    [0, 1, 3]
    """

    def __init__(self, parts: Sequence[Cells]) -> None:
        self.parts = parts

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Fit each part."""
        self.sizes_ = [
            int(part.fit(frame, outcomes, past).transform(frame).max(initial=0)) + 1 for part in self.parts
        ]
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cell of each row, int, shape (n_rows,); -1 where a part knows none."""
        codes, known = np.zeros(len(frame), dtype=int), np.ones(len(frame), dtype=bool)
        for part, size in zip(self.parts, self.sizes_, strict=True):
            of_part = part.transform(frame)
            known &= (of_part >= 0) & (of_part < size)
            codes = codes * size + of_part
        return np.where(known, codes, UNKNOWN)


class RefinedCells:
    """Cells cut further, the largest first, until there are as many as another model has.

    So a baseline gets as fine a grid as the model that it is compared with. The largest cell is cut at the
    median of the next column in turn that differs within it, and so on; no outcome is looked at.

    Parameters
    ----------
    base : Cells
    columns : sequence of str
        Numbers, taken in turn.
    n_cells : int
        How many cells with rows there shall be; fewer where nothing is left to cut, and the base's own if
        those are more.

    Attributes
    ----------
    n_cells_ : int
    cuts_ : dict of int to tuple
        Cell: column, cut point, and the number of the cell for values at or above it.

    Examples
    --------
    >>> frame = pd.DataFrame({"state": ["a"] * 3 + ["b"], "n": [1.0, 2.0, 3.0, 4.0]})
    >>> RefinedCells(ColumnCells("state"), ["n"], 3).fit(frame).transform(frame).tolist()
    [0, 2, 2, 1]
    """

    def __init__(self, base: Cells, columns: Sequence[str], n_cells: int) -> None:
        self.base = base
        self.columns = columns
        self.n_cells = n_cells

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Fit the base, then cut."""
        codes = self.base.fit(frame, outcomes, past).transform(frame)
        values = frame[list(self.columns)].to_numpy(dtype=float)
        found = np.unique(codes[codes >= 0])
        heap = []
        for code in found:
            rows = np.flatnonzero(codes == code)
            heap.append((-len(rows), int(code), 0, rows))
        heapq.heapify(heap)
        self.cuts_: dict[int, list[tuple[int, float, int]]] = {}
        self.n_cells_, fresh = len(found), int(codes.max(initial=-1)) + 1
        self._n_base = fresh
        while heap and self.n_cells_ < self.n_cells:
            _, code, turn, rows = heapq.heappop(heap)
            for column in (np.arange(len(self.columns)) + turn) % len(self.columns):
                cuts = quantile_cells(values[rows, column], 2)
                if not len(cuts):
                    # More than half share the lowest value: cut it off from the others.
                    above = values[rows, column][values[rows, column] > values[rows, column].min()]
                    cuts = above.min(keepdims=True) if len(above) else cuts
                if len(cuts):
                    break
            else:
                continue
            above = values[rows, column] >= cuts[0]
            self.cuts_.setdefault(code, []).append((int(column), float(cuts[0]), fresh))
            for number, part in ((code, rows[~above]), (fresh, rows[above])):
                heapq.heappush(heap, (-len(part), number, int(column) + 1, part))
            fresh += 1
            self.n_cells_ += 1
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cell of each row, int, shape (n_rows,); -1 where the base knows none."""
        codes = self.base.transform(frame).copy()
        codes[codes >= self._n_base] = UNKNOWN
        values = frame[list(self.columns)].to_numpy(dtype=float)
        waiting = [(code, np.flatnonzero(codes == code)) for code in np.unique(codes[codes >= 0]).tolist()]
        while waiting:
            code, rows = waiting.pop()
            for column, cut, fresh in self.cuts_.get(code, []):
                above = values[rows, column] >= cut
                codes[rows[above]] = fresh
                waiting.append((fresh, rows[above]))
                rows = rows[~above]
        return codes


class Once:
    """Cells that several models of one comparison share: fitted once for a frame.

    Parameters
    ----------
    cells : Cells

    Examples
    --------
    >>> shared = Once(ColumnCells("state"))
    >>> alone, crossed = CellRates([shared]), CellRates([shared, CrossedCells([shared, ColumnCells("kind")])])
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        # The frames themselves, not their ids: those of frames that are gone are used again.
        self._fitted_on: pd.DataFrame | None = None
        self._asked: list[tuple[pd.DataFrame, np.ndarray]] = []

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Fit, unless this very frame was the last to be fitted on."""
        if frame is not self._fitted_on:
            self.cells.fit(frame, outcomes, past)
            self._fitted_on, self._asked = frame, []
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cell of each row, int, shape (n_rows,)."""
        for asked, codes in self._asked:
            if frame is asked:
                return codes
        codes = self.cells.transform(frame)
        self._asked = [*self._asked[-3:], (frame, codes)]
        return codes


def estimate_shrinkage(cells: np.ndarray, residuals: np.ndarray) -> float:
    """How many rows a cell needs to count as much as the broader prediction that it is shrunk towards.

    The ratio of the variance within cells to the variance of the cells' true means, by the method of moments:
    the spread of the observed means, less what chance alone would give them. For outcomes of 0 and 1 the
    ratio is exactly the a + b of the beta distribution whose draws the cells' rates are, so that one formula
    serves rates and amounts, and every model.

    Parameters
    ----------
    cells : ndarray of int, shape (n_rows,)
        0 and up.
    residuals : ndarray, shape (n_rows,)
        Outcomes less the broader prediction.

    Returns
    -------
    float
        0 where rows of a cell do not differ, infinite where the cells differ no more than by chance.

    References
    ----------
    Efron and Morris (1977), Stein's paradox in statistics.
    Kleinman (1973), Proportions with extraneous variance: single and independent samples.

    Examples
    --------
    >>> estimate_shrinkage(np.array([0, 0, 1, 1]), np.array([-1.0, -1.0, 1.0, 1.0]))
    0.0
    >>> estimate_shrinkage(np.array([0, 0, 1, 1]), np.array([-1.0, 1.0, -1.0, 1.0]))
    inf
    """
    n = np.bincount(cells)
    filled = int((n > 0).sum())
    if len(cells) <= filled:
        return np.inf
    means = np.bincount(cells, weights=residuals) / np.maximum(n, 1)
    within = ((residuals - means[cells]) ** 2).sum() / (len(cells) - filled)
    between = ((n * means**2).sum() - filled * within) / len(cells)
    return float(within / between) if between > 0 else np.inf


class CellRates:
    """Predict the mean outcome of a row's cell, shrunk towards what broader cells say of the same row.

    Level after level, from broad to narrow: a level adds to the prediction of the levels before the mean of
    what is left in its cell, times n / (n + shrinkage). The first level is shrunk towards the mean of
    everybody. A row in a cell that nobody was learnt from keeps the prediction of the levels before.

    Parameters
    ----------
    levels : sequence of Cells
        From broad to narrow. Two levels may lie across each other: the second adds what it adds to the first
        alike in all its cells.
    shrinkage : float or "estimated"
        The strength; estimated for each level and outcome from the data by `estimate_shrinkage`, the same way
        for every model. Predictions then stay within the range of the outcomes learnt.
    refine_by : sequence of str
        Columns by which the last level may be cut further, as `RefinedCells` does, when `match_cells` asks
        for it.

    Attributes
    ----------
    n_cells_ : int
        Cells of the last level with at least one row learnt from.
    shrinkage_ : ndarray, shape (n_levels, n_outcomes)
    mean_ : ndarray, shape (n_outcomes,)

    Examples
    --------
    >>> frame = pd.DataFrame({"state": ["a", "a", "b", "b"]})
    >>> outcomes = pd.DataFrame({"bought": [0.0, 0.0, 1.0, 1.0]})
    >>> CellRates([ColumnCells("state")], shrinkage=2).fit(frame, outcomes).predict(frame)[:, 0].tolist()
    [0.25, 0.25, 0.75, 0.75]
    """

    def __init__(
        self, levels: Sequence[Cells], shrinkage: float | str = ESTIMATED, refine_by: Sequence[str] = ()
    ) -> None:
        self.levels = levels
        self.shrinkage = shrinkage
        self.refine_by = refine_by

    def match_cells(self, n_cells: int) -> Self:
        """Ask for as many cells as another model has; without ``refine_by`` they stay as they are."""
        self._n_cells = n_cells
        return self

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the cells and their rates.

        Parameters
        ----------
        frame : DataFrame, shape (n_rows, …)
        outcomes : DataFrame, shape (n_rows, n_outcomes)
            NaN where an outcome was not seen; each was seen once or more.
        past : DataFrame or None
            Handed on to the cells.
        """
        known = outcomes.to_numpy(dtype=float)
        levels = list(self.levels)
        if self.refine_by and getattr(self, "_n_cells", 0):
            levels.append(RefinedCells(levels[-1], self.refine_by, self._n_cells))
        self.mean_ = np.nanmean(known, axis=0)
        self._range = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
        predicted = np.tile(self.mean_, (len(frame), 1))
        self._levels, self.shrinkage_ = [], np.empty((len(levels), known.shape[1]))
        for number, level in enumerate(levels):
            cells = level.fit(frame, outcomes, past).transform(frame)
            inside = cells >= 0
            n_cells = int(cells.max(initial=-1)) + 1
            # One more, for rows of no cell: it adds nothing.
            added = np.zeros((n_cells + 1, known.shape[1]))
            for column in range(known.shape[1]):
                seen = ~np.isnan(known[:, column]) & inside
                left = (known[:, column] - predicted[:, column])[seen]
                n_seen = np.bincount(cells[seen], minlength=n_cells)
                strength = (
                    estimate_shrinkage(cells[seen], left) if self.shrinkage == ESTIMATED else self.shrinkage
                )
                self.shrinkage_[number, column] = strength
                total = np.bincount(cells[seen], weights=left, minlength=n_cells)
                added[:-1, column] = np.divide(
                    total, n_seen + strength, out=np.zeros(n_cells), where=n_seen > 0
                )
            predicted = predicted + added[cells]
            self._levels.append((level, added))
            self.n_cells_ = len(np.unique(cells[inside]))
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the predicted outcomes, shape (n_rows, n_outcomes)."""
        predicted = np.tile(self.mean_, (len(frame), 1))
        for level, added in self._levels:
            cells = level.transform(frame)
            predicted = predicted + added[np.where(cells < len(added) - 1, cells, UNKNOWN)]
        return np.clip(predicted, *self._range) if self.shrinkage == ESTIMATED else predicted
