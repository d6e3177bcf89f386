"""How much there is to know at all: boosted trees over everything, which never score in production."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from clientele.learning.cells import ColumnCells


class BoostedTrees:
    """Gradient boosting for each outcome, as a ceiling for models that can be read.

    Parameters
    ----------
    columns : sequence of str
        Numbers.
    categories : sequence of str
        Columns of words; they enter as numbers in alphabetical order.
    binary : sequence of str
        Outcomes of 0 and 1, for which the probability is predicted.
    n_trees, seed : int

    Attributes
    ----------
    trees_ : list
        An estimator for each outcome, or the value of one that did not vary.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine.
    Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree (histograms).

    Examples
    --------
    >>> frame = pd.DataFrame({"n": np.arange(200.0)})
    >>> trees = BoostedTrees(["n"]).fit(frame, pd.DataFrame({"spend": np.arange(200.0)}))
    >>> bool(np.diff(trees.predict(frame)[[0, 199], 0])[0] > 100)
    True
    """

    def __init__(
        self,
        columns: Sequence[str],
        categories: Sequence[str] = (),
        binary: Sequence[str] = (),
        n_trees: int = 60,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.categories = categories
        self.binary = binary
        self.n_trees = n_trees
        self.seed = seed

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Grow the trees; `past` is not looked at."""
        settings = {
            "max_iter": self.n_trees,
            "learning_rate": 0.1,
            "max_leaf_nodes": 15,
            "min_samples_leaf": 40,
            "l2_regularization": 1.0,
            "early_stopping": False,
            "random_state": self.seed,
        }
        self._codes = [ColumnCells(name).fit(frame) for name in self.categories]
        values = self._values(frame)
        self.trees_ = []
        for name in outcomes:
            seen = outcomes[name].notna().to_numpy()
            target = outcomes[name].to_numpy(dtype=float)[seen]
            if np.ptp(target) == 0:
                self.trees_.append(float(target[0]))
                continue
            kind = HistGradientBoostingClassifier if name in self.binary else HistGradientBoostingRegressor
            self.trees_.append(kind(**settings).fit(values[seen], target))
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what is expected, shape (n_rows, n_outcomes)."""
        values = self._values(frame)
        predicted = np.empty((len(frame), len(self.trees_)))
        for column, trees in enumerate(self.trees_):
            if isinstance(trees, float):
                predicted[:, column] = trees
            elif isinstance(trees, HistGradientBoostingClassifier):
                predicted[:, column] = trees.predict_proba(values)[:, 1]
            else:
                predicted[:, column] = trees.predict(values)
        return predicted

    def _values(self, frame: pd.DataFrame) -> np.ndarray:
        codes = [cells.transform(frame) for cells in self._codes]
        return np.column_stack([frame[list(self.columns)].to_numpy(dtype=float), *codes])
