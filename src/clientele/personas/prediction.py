"""What a persona adds to what is known of next month anyway: learnt at one origin, tested at the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from clientele.learning.backtest import Backtest, Figure, Model, NothingToLearn, evaluation_rows
from clientele.learning.ceiling import BoostedTrees
from clientele.learning.cells import (
    CellRates,
    Cells,
    ColumnCells,
    CrossedCells,
    Once,
    QuantileCells,
    RefinedCells,
)
from clientele.learning.metrics import auc, r_squared, top_decile_lift
from clientele.learning.resampling import hash_sample
from clientele.personas.pipeline import Personas, fit_kmeans, nearest
from clientele.personas.preparation import check_catalog, check_table, parts_of_histories
from clientele.personas.scoring import feature_names, score, segment_ids
from clientele.personas.settings import Settings
from clientele.personas.stability import Subjects, glance_at_k

PURCHASE = "outcome_purchase"
# What value and lifecycle are there to tell; every other outcome is a habit.
VOLUME = (
    "outcome_visit",
    "outcome_days_ln",
    "outcome_events_ln",
    "outcome_carts_ln",
    PURCHASE,
    "outcome_revenue_ln",
)
VALUE_SCORE = "value_score"
RFM, RULES, VALUE = "rfm_5x5x5", "log_rfm_x_rules", "value_tiers"
BASES = (RFM, RULES, VALUE)
PERSONAS, CHAMPION, CEILING = "personas", "champion", "gradient_boosting"
N_LOG_RFM, N_VALUE_TIERS = 6, 7
# Cells into which a base is cut by its own columns, at the least.
N_FINE = 100
_RFM = ("recency_days", "n_orders", "revenue")


def crossed(model: str, base: str) -> str:
    """Name of a model crossed with a base.

    Examples
    --------
    >>> crossed(PERSONAS, RFM)
    'personas_x_rfm_5x5x5'
    """
    return f"{model}_x_{base}"


@dataclass(frozen=True, kw_only=True)
class Study:
    """The size of the evaluation.

    Parameters
    ----------
    max_users, min_users : int
        More users are reduced to a fixed sample; with fewer at an origin, nothing is measured there.
    min_buyers : int
        Purchasers of the month after that an origin needs.
    n_folds, n_bootstraps : int
    n_init : int
        k-means++ starts in each fold.
    max_users_of_k : int
        Users of a fold on whom the number of personas is chosen.
    n_trees : int
        Trees of the ceiling; 0 leaves it out.
    """

    max_users: int = 20_000
    min_users: int = 200
    min_buyers: int = 30
    n_folds: int = 5
    n_bootstraps: int = 200
    n_init: int = 4
    max_users_of_k: int = 4_000
    n_trees: int = 30


def cross_validate(
    frame: pd.DataFrame,
    catalog: pd.DataFrame,
    replicates: pd.DataFrame | None,
    settings: Settings,
    study: Study | None = None,
    champion: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Measure what personas add to each base, cell for cell.

    For each pair of adjacent origins and each fold of users, everything (ranges, reliability, pruning, axes,
    the number of personas, centroids, cells, rates and how far they are shrunk) is learnt from the other
    folds' users at the earlier origin and tested on the fold's users at the later one. With one origin alone,
    other users are tested at the same origin; then ``origin`` ends in ``(same month)``, which proves nothing
    about time.

    A base predicts the mean of its cells: recency, orders and revenue in fifths; six clusters of their
    logarithms by lifecycle state; sevenths of the value score, where the frame has one. Each is cut further,
    by the columns that it looks at itself, into a hundred cells, or as many as there are crossed with
    personas if these are more. Both sides of a comparison start from that, so that the difference is what
    personas add, and the base never has the fewer cells. Every rate is shrunk by the strength that the data
    ask for.

    Parameters
    ----------
    frame : DataFrame, one row per user and origin
        ``user_sk``, ``origin_date``, ``lifecycle_state``, ``recency_days``, ``n_events``, ``n_orders``,
        ``revenue``, every feature of the catalog, and columns ``outcome_…`` (NaN: not seen), of which
        ``outcome_purchase`` is 0 or 1; optionally ``value_score``, filled or wholly empty.
    catalog, replicates, settings
        As for `clientele.personas.fit_personas`.
    study : Study
    champion : DataFrame or None
        Weights of the model in place; it learnt from users who are tested, so it is favoured.

    Returns
    -------
    DataFrame
        `EVALUATION_COLUMNS`. ``fold`` 0 is all folds, ``origin`` ``all`` the mean over months. Metrics:
        ``auc`` of a purchase, ``top_decile_lift``, ``volume_r2`` and ``habit_r2`` (mean R² over the outcomes
        of either kind; each as ``r2_…``), ``buyers`` of the tested month, ``n_cells``, ``captured_signal``
        (habit R² over that of gradient boosting), and ``without_top_1pct_…``: the relative change when the
        most extreme users are left out. Rows with ``compared_with`` hold paired differences. Intervals are 95
        % over users and months (bootstrap). Empty when there are too few users or buyers to measure anything.

    References
    ----------
    Bergmeir and Benitez (2012), On the use of cross-validation for time series predictor evaluation.
    Efron and Morris (1977), Stein's paradox in statistics (the shrunken rates).
    """
    study = study or Study()
    catalog = check_catalog(catalog)
    if frame.empty:
        return evaluation_rows([])
    if VALUE_SCORE in frame.columns and frame[VALUE_SCORE].isna().all():
        frame = frame.drop(columns=VALUE_SCORE)  # value has no model
    table = _check(frame, catalog, [] if champion is None else feature_names(champion))
    # An outcome that is never seen, or the same for all, can be predicted by nobody.
    outcomes = [name for name in table.columns if name.startswith("outcome_") and table[name].nunique() > 1]
    if PURCHASE not in outcomes:
        return evaluation_rows([])
    habits = tuple(name for name in outcomes if name not in VOLUME)
    volumes = tuple(name for name in outcomes if name in VOLUME)
    figures = [
        Figure(name="auc", metric=auc, outcomes=(PURCHASE,), is_sensitive=True),
        Figure(name="top_decile_lift", metric=top_decile_lift, outcomes=(PURCHASE,)),
        Figure(name="volume_r2", metric=r_squared, outcomes=volumes),
    ]
    if habits:
        figures.append(Figure(name="habit_r2", metric=r_squared, outcomes=habits, is_sensitive=True))
    figures += [
        Figure(
            name=f"r2_{name.removeprefix('outcome_')}",
            metric=r_squared,
            outcomes=(name,),
            by_fold=False,
            is_compared=False,
        )
        for name in outcomes
    ]
    models, comparisons = _models(table, catalog, replicates, settings, study, champion)
    judge = Backtest(
        outcomes,
        figures,
        positive=PURCHASE,
        positives_as="buyers",
        winsorised=[name for name in outcomes if name.endswith("_ln")],
        extremes=("n_events", "revenue"),
        equal_cells=True,
        min_users=study.min_users,
        max_users=study.max_users,
        min_positives=study.min_buyers,
        min_learnt=2 * settings.max_k,
        n_folds=study.n_folds,
        n_bootstraps=study.n_bootstraps,
        seed=settings.seed,
        n_workers=settings.n_workers,
    )
    return judge.run(
        table,
        models,
        comparisons=comparisons,
        ceiling=CEILING if study.n_trees else None,
        captured="habit_r2" if habits and study.n_trees else None,
    )


def _models(
    table: pd.DataFrame,
    catalog: pd.DataFrame,
    replicates: pd.DataFrame | None,
    settings: Settings,
    study: Study,
    champion: pd.DataFrame | None,
) -> tuple[dict[str, Model], list[tuple[str, str]]]:
    """Every model, and the pairs that are compared."""
    persona = Once(PersonaCells(catalog["feature"].tolist(), replicates, settings, study))
    on_trial: dict[str, Cells] = {PERSONAS: persona}
    if champion is not None and set(feature_names(champion)) <= set(table.columns):
        on_trial[CHAMPION] = Once(ModelCells(champion))
    bases: dict[str, Cells] = {
        RFM: QuantileCells(_RFM, 5),
        RULES: CrossedCells(
            [LogRfmCells(N_LOG_RFM, study.n_init, settings.seed), ColumnCells("lifecycle_state")]
        ),
    }
    # By what the base looks at itself: another column would be more knowledge, not more cells.
    refine_by = {RFM: _RFM, RULES: _RFM, VALUE: (VALUE_SCORE,)}
    if VALUE_SCORE in table.columns:
        bases[VALUE] = QuantileCells([VALUE_SCORE], N_VALUE_TIERS)
    models: dict[str, Model] = {}
    comparisons = []
    # First what a persona adds to every cell alike, then what is special about the pair: few users share one.
    # Both sides start from the base and its finer cut: what remains is what the persona adds.
    shared = {name: Once(cells) for name, cells in bases.items()}
    finer = {name: Once(RefinedCells(base, refine_by[name], N_FINE)) for name, base in shared.items()}
    for trial, cells in on_trial.items():
        for name, base in shared.items():
            pair = CrossedCells([base, cells])
            models[crossed(trial, name)] = CellRates([base, finer[name], cells, pair])
    for name, base in shared.items():
        models[name] = CellRates([base, finer[name]], refine_by=refine_by[name])
        comparisons.append((crossed(PERSONAS, name), name))
        if CHAMPION in on_trial:
            comparisons.append((crossed(PERSONAS, name), crossed(CHAMPION, name)))
    models[PERSONAS] = CellRates([persona])
    if study.n_trees:
        numbers = [*catalog["feature"], "n_events", *_RFM]
        models[CEILING] = BoostedTrees(numbers, ["lifecycle_state"], [PURCHASE], study.n_trees, settings.seed)
    return models, comparisons


class PersonaCells:
    """Personas as cells: the whole pipeline, and the number of personas, are learnt from the users given.

    Parameters
    ----------
    features : sequence of str
    replicates : DataFrame or None
        As for `clientele.personas.fit_personas`; those of other users are not looked at.
    settings : Settings
    study : Study

    Attributes
    ----------
    model_ : Personas
    """

    def __init__(
        self, features: Sequence[str], replicates: pd.DataFrame | None, settings: Settings, study: Study
    ) -> None:
        self.features = list(features)
        self.settings = settings
        self.study = study
        self.parts_user_sk, self.parts = parts_of_histories(replicates, self.features)

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Learn the personas of the frame's users."""
        users, values = frame["user_sk"].to_numpy(), frame[self.features].to_numpy()
        own = np.isin(self.parts_user_sk, users)
        parts_user_sk, parts = self.parts_user_sk[own], self.parts[own]
        settings = replace(self.settings, n_init=self.study.n_init)
        few = hash_sample(users, self.study.max_users_of_k, settings.seed + 5)
        theirs = np.isin(parts_user_sk, users[few])
        try:
            k = glance_at_k(Subjects(users[few], values[few], parts_user_sk[theirs], parts[theirs]), settings)
            self.model_ = Personas(settings, k).fit(values, parts=parts)
        except ValueError as error:
            raise NothingToLearn(str(error)) from error
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the persona of each row, int, shape (n_rows,)."""
        return self.model_.predict(frame[self.features].to_numpy())


class ModelCells:
    """The segments of a model that stands: nothing is learnt.

    Parameters
    ----------
    weights : DataFrame
        Rows of one model.
    """

    def __init__(self, weights: pd.DataFrame) -> None:
        self.weights = weights

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Learn nothing."""
        self.ids_ = segment_ids(self.weights)
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the segment of each row, int, shape (n_rows,); a user has one row."""
        found = score(frame, self.weights).set_index("user_sk")["segment_id"]
        return np.searchsorted(self.ids_, found.loc[frame["user_sk"]])


class LogRfmCells:
    """K-means on standardised ln recency, orders and revenue.

    Parameters
    ----------
    k, n_init, seed : int

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (3,)
    centroids_ : ndarray, shape (k, 3)
    """

    def __init__(self, k: int, n_init: int, seed: int) -> None:
        self.k = k
        self.n_init = n_init
        self.seed = seed

    def fit(
        self, frame: pd.DataFrame, outcomes: pd.DataFrame | None = None, past: pd.DataFrame | None = None
    ) -> Self:
        """Learn the clusters."""
        values = self._logs(frame)
        self.mean_, scale = values.mean(axis=0), values.std(axis=0)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        model = fit_kmeans((values - self.mean_) / self.scale_, self.k, self.n_init, self.seed)
        self.centroids_ = model.cluster_centers_
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cluster of each row, int, shape (n_rows,)."""
        return nearest((self._logs(frame) - self.mean_) / self.scale_, self.centroids_)

    @staticmethod
    def _logs(frame: pd.DataFrame) -> np.ndarray:
        return np.log1p(frame[list(_RFM)].clip(lower=0).to_numpy())


def _check(frame: pd.DataFrame, catalog: pd.DataFrame, of_champion: Sequence[str]) -> pd.DataFrame:
    """Validate and sort; the key of a row is its user and origin. What the champion reads is kept."""
    features = catalog["feature"].tolist()
    features += [name for name in of_champion if name in frame.columns and name not in features]
    outcomes = sorted(name for name in frame.columns if name.startswith("outcome_"))
    if PURCHASE not in outcomes:
        raise ValueError(f"The training frame lacks {PURCHASE}; without it nothing can be judged.")
    value = [VALUE_SCORE] if VALUE_SCORE in frame.columns else []
    numbers = [*features, "n_events", *_RFM, *value, *outcomes]
    missing = [name for name in ("origin_date", "lifecycle_state", *numbers) if name not in frame.columns]
    if missing:
        raise ValueError(f"The training frame lacks the column(s) {missing}; build core.training_frame anew.")
    frame = frame.assign(origin_date=pd.to_datetime(frame["origin_date"]))
    parts = []
    for origin, part in frame.groupby("origin_date"):
        part = part.sort_values("user_sk", kind="stable")
        numeric = check_table(part, numbers, "training frame", optional=tuple(outcomes))
        parts.append(
            numeric.assign(origin_date=origin, lifecycle_state=part["lifecycle_state"].astype(str).to_numpy())
        )
    return pd.concat(parts, ignore_index=True)
