"""One judge for every model: learnt at one origin from some users, tested at a later one on others.

A model is any object with ``fit(frame, outcomes, past)`` and ``predict(frame)``. Which models, which
baselines, which outcomes and which figures are arguments; nothing in here knows what any of them means.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from clientele.learning.parallel import in_parallel
from clientele.learning.resampling import (
    bootstrap_weights,
    hash_sample,
    origin_weights,
    stratified_folds,
)

EVALUATION_COLUMNS = (
    "model",
    "compared_with",
    "origin",
    "fold",
    "metric",
    "value",
    "ci_lo",
    "ci_hi",
    "n_users",
)
ALL = "all"
SAME_MONTH = " (same month)"
WITHOUT_EXTREMES = "without_top_1pct_"
# With fewer rows in all folds together another process takes longer to start than it saves.
WORTH_A_PROCESS = 200_000
# (observed, predicted, weights of shape (n_weightings, n_rows)) -> value of each weighting.
Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class NothingToLearn(ValueError):
    """A model cannot be fitted on these rows: the fold is left out, for every model alike."""


class Model(Protocol):
    """What can be judged. The backtest copies a model before each fit, so it need not forget."""

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None) -> Self:
        """Learn.

        Parameters
        ----------
        frame : DataFrame, one row per learning user
            Everything known at the origin that is learnt from; no outcome.
        outcomes : DataFrame, one row per row of `frame`
            What happened then; NaN: not seen. Extremes are winsorised as the backtest was told.
        past : DataFrame
            The rows of the same users up to and including that origin, with their outcomes as they were.
        """

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what is expected of each row, shape (n_rows, n_outcomes), in the order of the outcomes."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number that says how good predictions are: the mean of a metric over some outcomes.

    Parameters
    ----------
    name : str
        As it stands in the rows.
    metric : callable
        ``metric(observed, predicted, weights)``, as the functions of `clientele.learning.metrics` are. An
        outcome that was not seen (NaN) is left out before the call.
    outcomes : tuple of str
        Volume and habits are judged apart by a figure for each.
    by_fold : bool
        Whether there is a row for each fold, too.
    is_compared : bool
        Whether models are compared by it.
    is_sensitive : bool
        Whether it is measured once more without the extreme users.
    """

    name: str
    metric: Metric
    outcomes: tuple[str, ...]
    by_fold: bool = True
    is_compared: bool = True
    is_sensitive: bool = False


@dataclass
class _Tested:
    """Predictions at one origin for users who took no part in learning them."""

    origin: str
    keys: np.ndarray
    fold: np.ndarray
    observed: np.ndarray
    predicted: dict[str, np.ndarray]
    n_cells: dict[str, float]


class Backtest:
    """Rolling origins by folds of users.

    For each tested origin and each fold of users everything (whatever a model learns, the bounds of
    winsorising) is learnt from the other folds' users at an earlier origin, and tested on the fold's users at
    the later one. With one origin alone, other users are tested at the same origin; then ``origin`` ends in
    ``(same month)``, which proves nothing about time.

    Parameters
    ----------
    outcomes : sequence of str
        Columns of the frame that are to be predicted; NaN where an outcome was not seen.
    figures : sequence of Figure
    key, origin : str
        Columns that name a user (integer) and the origin of a row (sortable); together once only.
    positive : str or None
        An outcome of 0 and 1: an origin with fewer than `min_positives` of it, or without a negative, is left
        out, and its sum at each tested origin is a row of the first model.
    positives_as : str
        How those rows are called.
    stratify_by : tuple of str
        A column with a user's activity and one that is above 0 for some: folds are alike in both.
    winsorised : sequence of str
        Outcomes cut at the learning users' 99th percentile, in learning and in testing.
    extremes : sequence of str
        Columns whose top hundredth of users (largest value at any origin) is left out for the rows
        ``without_top_1pct_…``; empty: no such rows.
    horizon_days : int or None
        How many days an outcome takes to be seen: an origin is tested with what was learnt so many days
        earlier or more. None: at the origin before.
    equal_cells : bool
        Give a cell model that is compared with another as many cells as that one has, where it can be cut
        (``match_cells``), and add rows ``n_cells``.
    over_origins : bool
        Intervals over users and origins; else over users alone.
    min_users, max_users, min_positives, min_learnt, n_folds, n_bootstraps, seed : int
        Origins with fewer users are left out; more users are reduced to a fixed sample; a fold with fewer
        rows to learn from is left out.
    n_workers : int
        Processes for the folds, at the most; the rows are the same with each number.

    References
    ----------
    Bergmeir and Benitez (2012), On the use of cross-validation for time series predictor evaluation.
    Owen (2007), The pigeonhole bootstrap (intervals over users and origins).

    Examples
    --------
    >>> from clientele.learning.cells import CellRates, ColumnCells
    >>> from clientele.learning.metrics import auc
    >>> judge = Backtest(["bought"], [Figure(name="auc", metric=auc, outcomes=("bought",))],
    ...                  positive="bought", stratify_by=("n_events", "n_orders"))
    >>> models = {"mine": CellRates([ColumnCells("habit")]), "rules": CellRates([ColumnCells("state")])}
    >>> rows = judge.run(frame, models, comparisons=[("mine", "rules")])  # doctest: +SKIP
    """

    def __init__(
        self,
        outcomes: Sequence[str],
        figures: Sequence[Figure],
        *,
        key: str = "user_sk",
        origin: str = "origin_date",
        positive: str | None = None,
        positives_as: str = "positives",
        stratify_by: tuple[str, str] = ("n_events", "n_orders"),
        winsorised: Sequence[str] = (),
        extremes: Sequence[str] = (),
        horizon_days: int | None = None,
        equal_cells: bool = False,
        over_origins: bool = True,
        min_users: int = 500,
        max_users: int = 20_000,
        min_positives: int = 30,
        min_learnt: int = 10,
        n_folds: int = 5,
        n_bootstraps: int = 200,
        seed: int = 0,
        n_workers: int = 2,
    ) -> None:
        self.outcomes = outcomes
        self.figures = figures
        self.key = key
        self.origin = origin
        self.positive = positive
        self.positives_as = positives_as
        self.stratify_by = stratify_by
        self.winsorised = winsorised
        self.extremes = extremes
        self.horizon_days = horizon_days
        self.equal_cells = equal_cells
        self.over_origins = over_origins
        self.min_users = min_users
        self.max_users = max_users
        self.min_positives = min_positives
        self.min_learnt = min_learnt
        self.n_folds = n_folds
        self.n_bootstraps = n_bootstraps
        self.seed = seed
        self.n_workers = n_workers

    # One thread: the same bits each time.
    @threadpool_limits.wrap(limits=1)
    def run(
        self,
        frame: pd.DataFrame,
        models: Mapping[str, Model],
        comparisons: Sequence[tuple[str, str]] = (),
        ceiling: str | None = None,
        captured: str | None = None,
    ) -> pd.DataFrame:
        """Judge models on one frame.

        Parameters
        ----------
        frame : DataFrame, one row per user and origin
            The columns named above, and whatever the models read.
        models : mapping of str to Model
            The first is the one on trial. Models that share an object (`clientele.learning.cells.Once`) go on
            sharing it.
        comparisons : sequence of (model, baseline)
            Paired differences that become rows with ``compared_with``.
        ceiling : str or None
            A model that says how much there is to know; not fitted again without the extreme users.
        captured : str or None
            A figure of which every model's share of the ceiling's is a row ``captured_signal``.

        Returns
        -------
        DataFrame
            `EVALUATION_COLUMNS`. ``fold`` 0 is all folds, ``origin`` ``all`` the mean over origins. Intervals
            are 95 % by bootstrap. Empty when there are too few users or positives to measure anything.

        Raises
        ------
        ValueError
            A column is missing, a row is there twice, or a name is not that of a model or figure.
        """
        self._check_names(models, comparisons, ceiling, captured)
        table = self._enough(self._sorted(frame))
        tested = [] if table.empty else list(self._test(table, models, comparisons))
        if not tested:
            return evaluation_rows([])
        rows = self._measure(tested, comparisons, ceiling, captured)
        if self.extremes:
            columns = list(self.extremes)
            largest = table.groupby(self.key)[columns].max()
            extreme = (largest > largest.quantile(0.99)).any(axis=1)
            usual = table[~table[self.key].isin(largest.index[extreme])].reset_index(drop=True)
            others = {name: model for name, model in models.items() if name != ceiling}
            without = list(self._test(usual, others, comparisons))
            if without:
                rows += self._sensitivity(next(iter(models)), rows, without)
        return evaluation_rows(rows)

    # One thread: the same bits each time.
    @threadpool_limits.wrap(limits=1)
    def tested(self, frame: pd.DataFrame, models: Mapping[str, Model], outcome: str) -> pd.DataFrame:
        """Return what each model said of users whom it had not learnt from, beside what happened.

        For tables of calibration, and for figures within groups of users.

        Parameters
        ----------
        frame, models
            As for `run`.
        outcome : str

        Returns
        -------
        DataFrame, one row per tested user and origin
            The key, ``origin`` as in the rows of `run`, ``fold``, ``observed``, and a column for each model.
        """
        table = self._enough(self._sorted(frame))
        return self._said([] if table.empty else self._test(table, models, ()), models, outcome)

    # One thread: the same bits each time.
    @threadpool_limits.wrap(limits=1)
    def run_and_tested(
        self,
        frame: pd.DataFrame,
        models: Mapping[str, Model],
        outcome: str | None,
        comparisons: Sequence[tuple[str, str]] = (),
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return what `run` and `tested` return, for which every model is fitted once.

        Parameters
        ----------
        frame, models, comparisons
            As for `run`; without rows for extremes.
        outcome : str or None
            None: a row per tested user, origin and outcome.
        """
        self._check_names(models, comparisons, None, None)
        table = self._enough(self._sorted(frame))
        found = [] if table.empty else list(self._test(table, models, comparisons))
        rows = self._measure(found, comparisons, None, None) if found else []
        return evaluation_rows(rows), self._said(found, models, outcome)

    def _said(
        self, tested: Iterable[_Tested], models: Mapping[str, Model], outcome: str | None
    ) -> pd.DataFrame:
        names = list(self.outcomes)
        found = [
            pd.DataFrame(
                {
                    self.key: month.keys,
                    "origin": month.origin,
                    "fold": month.fold,
                    "observed": month.observed[:, column],
                }
                | {name: predicted[:, column] for name, predicted in month.predicted.items()}
            )
            for month in tested
            for column in (range(len(names)) if outcome is None else [names.index(outcome)])
        ]
        columns = [self.key, "origin", "fold", "observed", *models]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)

    def _check_names(self, models, comparisons, ceiling, captured) -> None:
        named = {name for pair in comparisons for name in pair} | ({ceiling} if ceiling else set())
        if unknown := sorted(named - set(models)):
            raise ValueError(f"Backtest: {unknown} are not among the models {sorted(models)}.")
        if captured and captured not in [figure.name for figure in self.figures]:
            raise ValueError(f"Backtest: there is no figure {captured!r} to be captured.")
        used = {name for figure in self.figures for name in figure.outcomes} | set(self.winsorised)
        if unknown := sorted(used - set(self.outcomes)):
            raise ValueError(f"Backtest: {unknown} are not among the outcomes {list(self.outcomes)}.")

    def _sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        needed = [self.key, self.origin, *self.stratify_by, *self.outcomes, *self.extremes]
        if missing := [name for name in needed if name not in frame.columns]:
            raise ValueError(f"Backtest: the frame lacks the column(s) {missing}.")
        if twice := int(frame.duplicated([self.key, self.origin]).sum()):
            raise ValueError(
                f"Backtest: {twice} rows repeat a {self.key} and {self.origin}; pass one row each."
            )
        return frame.sort_values([self.origin, self.key], kind="stable").reset_index(drop=True)

    def _enough(self, table: pd.DataFrame) -> pd.DataFrame:
        """Drop origins with few positives, which cannot tell models apart; without any there is no AUC."""
        by_origin = table.groupby(self.origin)
        n_users = by_origin.size()
        enough = n_users >= self.min_users
        if self.positive:
            positives = by_origin[self.positive].sum()
            enough &= (positives >= self.min_positives) & (positives < n_users)
        return table[table[self.origin].isin(enough.index[enough])].reset_index(drop=True)

    def _pairs(self, origins: list) -> list[tuple[object, object]]:
        """Origins learnt at and tested at."""
        if self.horizon_days is None:
            pairs = list(pairwise(origins))
        else:
            horizon = pd.Timedelta(days=self.horizon_days)
            seen = {tested: [own for own in origins if own + horizon <= tested] for tested in origins}
            pairs = [(earlier[-1], tested) for tested, earlier in seen.items() if earlier]
        return pairs or [(origins[-1], origins[-1])]

    def _folds(self, table: pd.DataFrame) -> pd.Series:
        """Fold of each user, the same at every origin."""
        newest = table.sort_values([self.key, self.origin]).drop_duplicates(self.key, keep="last")
        newest = newest.iloc[hash_sample(newest[self.key].to_numpy(), self.max_users, self.seed + 2)]
        activity, flag = (newest[name].to_numpy() for name in self.stratify_by)
        keys = newest[self.key].to_numpy()
        return pd.Series(stratified_folds(keys, activity, flag > 0, self.n_folds, self.seed + 3), index=keys)

    def _test(
        self, table: pd.DataFrame, models: Mapping[str, Model], comparisons: Sequence[tuple[str, str]]
    ) -> Iterator[_Tested]:
        fold_of = self._folds(table)
        table = table[table[self.key].isin(fold_of.index)]
        folds = table[self.key].map(fold_of).to_numpy()
        pairs = self._pairs(sorted(table[self.origin].unique()))
        asked = [(pair, fold) for pair in pairs for fold in range(1, self.n_folds + 1)]
        n_workers = self.n_workers if len(table) * len(asked) >= WORTH_A_PROCESS else 1
        found = in_parallel(
            n_workers, self._test_fold, [(table, folds, *one, models, comparisons) for one in asked]
        )
        for learnt_at, tested_at in pairs:
            parts = [
                part
                for (pair, _), part in zip(asked, found, strict=True)
                if pair == (learnt_at, tested_at) and part is not None
            ]
            if not parts:
                continue
            yield _Tested(
                origin=_named(tested_at) + (SAME_MONTH if learnt_at == tested_at else ""),
                keys=np.concatenate([keys for _, keys, *_ in parts]),
                fold=np.concatenate([np.full(len(keys), fold) for fold, keys, *_ in parts]),
                observed=np.vstack([observed for _, _, observed, *_ in parts]),
                predicted={name: np.vstack([part[3][name] for part in parts]) for name in models},
                n_cells={name: float(np.mean([part[4][name] for part in parts])) for name in models},
            )

    def _test_fold(
        self,
        table: pd.DataFrame,
        folds: np.ndarray,
        pair: tuple[object, object],
        fold: int,
        models: Mapping[str, Model],
        comparisons: Sequence[tuple[str, str]],
    ) -> tuple | None:
        """Return fold, keys, outcomes, predictions and numbers of cells; None without a row or a model."""
        outcomes = list(self.outcomes)
        learnt_at, tested_at = pair
        origins, others = table[self.origin], folds != fold
        learn = table[(origins == learnt_at).to_numpy() & others].reset_index(drop=True)
        past = table[(origins <= learnt_at).to_numpy() & others].reset_index(drop=True)
        test = table[(origins == tested_at).to_numpy() & ~others].reset_index(drop=True)
        if len(learn) < self.min_learnt or test.empty:
            return None
        bounds = learn[outcomes].quantile(0.99, interpolation="lower")
        bounds[[name for name in outcomes if name not in set(self.winsorised)]] = np.inf
        known, observed = (part[outcomes].clip(upper=bounds, axis=1) for part in (learn, test))
        try:
            fitted = self._fit(models, comparisons, learn.drop(columns=outcomes), known, past)
        except NothingToLearn:
            return None
        asked = test.drop(columns=outcomes)
        predicted = {name: np.asarray(model.predict(asked)) for name, model in fitted.items()}
        n_cells = {name: getattr(model, "n_cells_", np.nan) for name, model in fitted.items()}
        return fold, test[self.key].to_numpy(), observed.to_numpy(dtype=float), predicted, n_cells

    def _fit(
        self,
        models: Mapping[str, Model],
        comparisons: Sequence[tuple[str, str]],
        learn: pd.DataFrame,
        known: pd.DataFrame,
        past: pd.DataFrame,
    ) -> dict[str, Model]:
        # All at once: models that share an object go on sharing it.
        copies = copy.deepcopy(dict(models))
        as_many_as: dict[str, str] = {}
        if self.equal_cells:
            for model, baseline in comparisons:
                as_many_as.setdefault(baseline, model)
        waiting = list(copies)
        while waiting:
            # Whoever waits for nobody: only a fitted model has a number of cells. In a ring, the first.
            name = next((one for one in waiting if as_many_as.get(one) not in waiting), waiting[0])
            waiting.remove(name)
            model, other = copies[name], as_many_as.get(name)
            n_cells = getattr(copies[other], "n_cells_", None) if other and other not in waiting else None
            if n_cells and hasattr(model, "match_cells"):
                model.match_cells(n_cells)
            model.fit(learn, known, past)
        return copies

    def _figures(self, observed: np.ndarray, predicted: np.ndarray, weights: np.ndarray):
        """Values of each figure, shape (n_weightings,); a metric of an outcome is computed once."""
        values: dict[tuple[Metric, str], np.ndarray] = {}

        def of(metric: Metric, name: str) -> np.ndarray:
            if (metric, name) not in values:
                column = list(self.outcomes).index(name)
                seen = ~np.isnan(observed[:, column])
                # Nobody missing: the weights, which are many, need not be copied.
                used = weights if seen.all() else weights[:, seen]
                values[metric, name] = metric(observed[seen, column], predicted[seen, column], used)
            return values[metric, name]

        return {
            figure.name: _mean([of(figure.metric, name) for name in figure.outcomes])
            for figure in self.figures
        }

    def _figures_by_weights(
        self, observed: np.ndarray, predicted: np.ndarray, weightings: tuple[np.ndarray, ...]
    ) -> list[dict[str, np.ndarray]]:
        return [self._figures(observed, predicted, weights) for weights in weightings]

    def _measure(
        self,
        tested: list[_Tested],
        comparisons: Sequence[tuple[str, str]],
        ceiling: str | None,
        captured: str | None,
    ) -> list[dict[str, object]]:
        """Rows for every model, origin, fold and figure, with paired differences and intervals."""
        keys = np.unique(np.concatenate([month.keys for month in tested]))
        weights = bootstrap_weights(len(keys), self.n_bootstraps, self.seed)
        rows: list[dict[str, object]] = []
        by_month: dict[str, list[dict[str, np.ndarray]]] = {}

        def add(model, metric, values, n_users, origin=ALL, fold=0, compared_with=""):
            drawn = values[1:][~np.isnan(values[1:]) & ~np.isnan(values[0])]
            low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
            cells = (model, compared_with, origin, fold, metric, values[0], low, high, n_users)
            rows.append(dict(zip(EVALUATION_COLUMNS, cells, strict=True)))

        by_fold = {figure.name for figure in self.figures if figure.by_fold}
        asked = []
        for month in tested:
            of_month = weights[:, np.searchsorted(keys, month.keys)]
            of_folds = (month.fold == np.unique(month.fold)[:, None]).astype(float)
            asked += [(month.observed, said, (of_month, of_folds)) for said in month.predicted.values()]
        n_workers = self.n_workers if len(asked) * len(keys) >= WORTH_A_PROCESS else 1
        measured = iter(in_parallel(n_workers, self._figures_by_weights, asked))
        for month in tested:
            folds = np.unique(month.fold)
            for model in month.predicted:
                figures, figures_by_fold = next(measured)
                by_month.setdefault(model, []).append(figures)
                for metric, values in figures.items():
                    add(model, metric, values, len(month.keys), month.origin)
                for metric, values in figures_by_fold.items():
                    if metric in by_fold:
                        for fold, value in zip(folds, values, strict=True):
                            n_users = int((month.fold == fold).sum())
                            add(model, metric, np.array([value]), n_users, month.origin, int(fold))
                if self.equal_cells and not np.isnan(month.n_cells[model]):
                    n_cells = np.array([month.n_cells[model]])
                    add(model, "n_cells", n_cells, len(month.keys), month.origin)
            if self.positive:
                of_positive = month.observed[:, list(self.outcomes).index(self.positive)]
                positives = np.array([np.nansum(of_positive)])
                first = next(iter(month.predicted))
                add(first, self.positives_as, positives, len(month.keys), month.origin)

        overall = self._overall(by_month)
        for model, figures in overall.items():
            for metric, values in figures.items():
                add(model, metric, values, len(keys))
        for model, baseline in comparisons:
            for figure in self.figures:
                if figure.is_compared:
                    values = overall[model][figure.name] - overall[baseline][figure.name]
                    add(model, figure.name, values, len(keys), compared_with=baseline)
        if ceiling and captured:
            highest = overall[ceiling][captured]
            for model in overall:
                if model != ceiling:
                    share = overall[model][captured] / np.where(highest > 0, highest, np.nan)
                    add(model, "captured_signal", share, len(keys), compared_with=ceiling)
        return rows

    def _overall(self, by_month: dict[str, list[dict[str, np.ndarray]]]) -> dict[str, dict[str, np.ndarray]]:
        """Mean over origins: a month in which an outcome did not vary says nothing about it."""
        n_origins = len(next(iter(by_month.values())))
        drawn = origin_weights(n_origins, self.n_bootstraps, self.seed).T if self.over_origins else None
        return {
            model: {metric: _mean([month[metric] for month in own], drawn) for metric in own[0]}
            for model, own in by_month.items()
        }

    def _sensitivity(
        self, model: str, rows: list[dict[str, object]], without: list[_Tested]
    ) -> list[dict[str, object]]:
        """Relative change of a model's figures when the most extreme users are left out."""
        n_users = len(np.unique(np.concatenate([month.keys for month in without])))
        figures = [
            self._figures(month.observed, month.predicted[model], np.ones((1, len(month.keys))))
            for month in without
        ]
        found = []
        for figure in self.figures:
            if not figure.is_sensitive:
                continue
            before = next(
                row["value"]
                for row in rows
                if (row["model"], row["compared_with"], row["origin"], row["fold"], row["metric"])
                == (model, "", ALL, 0, figure.name)
            )
            after = _mean([month[figure.name] for month in figures])[0]
            change = after / before - 1 if before else np.nan
            metric = WITHOUT_EXTREMES + figure.name
            cells = (model, "", ALL, 0, metric, change, np.nan, np.nan, n_users)
            found.append(dict(zip(EVALUATION_COLUMNS, cells, strict=True)))
        return found


def _named(origin: object) -> str:
    return f"{origin:%Y-%m-%d}" if hasattr(origin, "strftime") else str(origin)


def _mean(values: list[np.ndarray], weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the first axis of what is known; NaN where nothing is."""
    stacked = np.array(values)
    known = ~np.isnan(stacked)
    if weights is not None:
        known = known * weights
    total = known.sum(axis=0)
    return (np.where(known > 0, stacked, 0.0) * known).sum(axis=0) / np.where(total > 0, total, np.nan)


def evaluation_rows(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as a table of `EVALUATION_COLUMNS`, which keep their types when there is no row.

    Examples
    --------
    >>> str(evaluation_rows([])["value"].dtype)
    'float64'
    """
    kinds = {name: "str" for name in EVALUATION_COLUMNS}
    kinds |= {"fold": "int64", "n_users": "int64", "value": "float64", "ci_lo": "float64", "ci_hi": "float64"}
    return pd.DataFrame(rows, columns=list(EVALUATION_COLUMNS)).astype(kinds)
