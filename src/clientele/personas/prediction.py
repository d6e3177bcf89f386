"""What next month's behaviour looks like from a persona: rates learnt at one origin, tested at the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from clientele.learning.backtest import Backtest, Figure, Model, NothingToLearn, evaluation_rows
from clientele.learning.ceiling import BoostedTrees
from clientele.learning.cells import CellRates, ColumnCells, CrossedCells, Once
from clientele.learning.metrics import auc, r_squared, top_decile_lift
from clientele.personas.embedding import embed
from clientele.personas.preparation import check_catalog, check_table, prepare
from clientele.personas.settings import Settings
from clientele.personas.stability import fit_kmeans

CANDIDATE = "personas_x_rules"
BASELINES = ("rules", "kmeans_log_rfm")
CEILING = "gradient_boosting"
MODELS = (CANDIDATE, "personas", *BASELINES, CEILING)
PURCHASE = "outcome_purchase"
_RFM = ("recency_days", "n_orders", "revenue")


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
    shrinkage : float
        A cell of so many users counts as much as the broader rate that it is shrunk towards.
    n_init : int
        k-means++ starts in each fold.
    n_trees : int
        Trees of the ceiling.
    """

    max_users: int = 20_000
    min_users: int = 500
    min_buyers: int = 30
    n_folds: int = 5
    n_bootstraps: int = 200
    shrinkage: float = 25.0
    n_init: int = 4
    n_trees: int = 60


def cross_validate(
    frame: pd.DataFrame,
    catalog: pd.DataFrame,
    replicates: pd.DataFrame | None,
    k: int,
    settings: Settings,
    study: Study | None = None,
) -> pd.DataFrame:
    """Measure how well personas, with the lifecycle rules, tell next month's behaviour.

    For each pair of adjacent origins and each fold of users, everything (clip bounds, scaler, reliability,
    ridge, PCA, K-means, rates) is learnt from the other folds' users at the earlier origin and tested on the
    fold's users at the later one. With one origin alone, other users are tested at the same origin; then
    ``origin`` ends in ``(same month)``, which proves nothing about time.

    A persona predicts the mean of its training users. `personas_x_rules` takes the mean of those who
    share persona and lifecycle state, shrunk towards the mean of the state and what the persona adds to it;
    `rules` the mean of the state. Every mean is shrunk towards the broader one.

    Parameters
    ----------
    frame : DataFrame, one row per user and origin
        ``user_sk``, ``origin_date``, ``lifecycle_state``, ``recency_days``, ``n_events``, ``n_orders``,
        ``revenue``, every feature of the catalog, and columns ``outcome_…`` (NaN: not seen), of which
        ``outcome_purchase`` is 0 or 1.
    catalog, replicates, settings
        As for `clientele.personas.fit_personas`.
    k : int
        Number of personas; K-means on log-RFM is given as many.
    study : Study

    Returns
    -------
    DataFrame
        `EVALUATION_COLUMNS`. ``fold`` 0 is all folds, ``origin`` ``all`` the mean over months. Metrics:
        ``auc`` of a purchase, ``behaviour_r2`` (mean R² over the outcomes; each as ``r2_…``),
        ``top_decile_lift``, ``buyers`` of the tested month, ``captured_signal`` (behaviour R² over that of
        gradient boosting), and ``without_top_1pct_…``: the relative change when the most extreme users are
        left out. Rows with ``compared_with`` hold paired differences. Intervals are 95 % over users
        (bootstrap). Empty when there are too few users or buyers to measure anything.

    References
    ----------
    Bergmeir and Benitez (2012), On the use of cross-validation for time series predictor evaluation.
    Efron and Morris (1977), Stein's paradox in statistics (the shrunken rates).
    """
    study = study or Study()
    catalog = check_catalog(catalog)
    if frame.empty or k < 2:
        return evaluation_rows([])
    table = _check(frame, catalog)
    outcomes = [name for name in table.columns if name.startswith("outcome_")]
    behaviours = [
        Figure(
            name=f"r2_{name.removeprefix('outcome_')}",
            metric=r_squared,
            outcomes=(name,),
            by_fold=False,
            is_compared=False,
        )
        for name in outcomes
    ]
    judge = Backtest(
        outcomes,
        [
            Figure(name="auc", metric=auc, outcomes=(PURCHASE,), is_sensitive=True),
            Figure(name="behaviour_r2", metric=r_squared, outcomes=tuple(outcomes), is_sensitive=True),
            Figure(name="top_decile_lift", metric=top_decile_lift, outcomes=(PURCHASE,)),
            *behaviours,
        ],
        positive=PURCHASE,
        positives_as="buyers",
        winsorised=[name for name in outcomes if name.endswith("_ln")],
        extremes=("n_events", "revenue"),
        over_origins=False,
        min_users=study.min_users,
        max_users=study.max_users,
        min_positives=study.min_buyers,
        min_learnt=2 * k,
        n_folds=study.n_folds,
        n_bootstraps=study.n_bootstraps,
        seed=settings.seed,
    )
    return judge.run(
        table,
        _models(catalog, replicates, k, settings, study),
        comparisons=[(CANDIDATE, baseline) for baseline in BASELINES],
        ceiling=CEILING,
        captured="behaviour_r2",
    )


def _models(
    catalog: pd.DataFrame, replicates: pd.DataFrame | None, k: int, settings: Settings, study: Study
) -> dict[str, Model]:
    rule = ColumnCells("lifecycle_state")
    persona = Once(PersonaCells(catalog, replicates, k, study.n_init, settings))
    by_rfm = LogRfmCells(k, study.n_init, settings.seed)
    # First what a persona adds to every state alike, then what is special about the pair: few users share
    # one.
    pair = [rule, persona, CrossedCells([persona, rule])]
    return {
        CANDIDATE: CellRates(pair, study.shrinkage),
        "personas": CellRates([persona], study.shrinkage),
        "rules": CellRates([rule], study.shrinkage),
        "kmeans_log_rfm": CellRates([by_rfm], study.shrinkage),
        CEILING: BoostedTrees(
            [*catalog["feature"], "n_events", *_RFM],
            ["lifecycle_state"],
            [PURCHASE],
            study.n_trees,
            settings.seed,
        ),
    }


class PersonaCells:
    """Personas as cells: preparation, embedding and K-means are learnt from the users given.

    Parameters
    ----------
    catalog, replicates : DataFrame
        As for `clientele.personas.fit_personas`; replicates of other users are not looked at.
    k, n_init : int
    settings : Settings

    Attributes
    ----------
    prepared_ : Preparation
    matrix_ : ndarray, shape (n_features, n_components)
    kmeans_ : KMeans
    """

    def __init__(
        self,
        catalog: pd.DataFrame,
        replicates: pd.DataFrame | None,
        k: int,
        n_init: int,
        settings: Settings,
    ) -> None:
        self.catalog = catalog
        self.replicates = replicates
        self.k = k
        self.n_init = n_init
        self.settings = settings

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the personas of the frame's users; their past outcomes guide the embedding."""
        own = self.replicates
        if own is not None:
            own = own[own["user_sk"].isin(frame["user_sk"])]
        self.prepared_ = prepare(frame, self.catalog, own, self.settings)
        if not self.prepared_.features:
            raise NothingToLearn("No feature differs between users.")
        if past is not None:
            past = past[["user_sk", *self.catalog["feature"], *outcomes.columns]]
        self.matrix_ = embed(self.prepared_, frame["user_sk"], past, self.settings).matrix
        points = self.prepared_.standardised @ self.matrix_
        self.kmeans_ = fit_kmeans(points, self.k, self.n_init, self.settings.seed)
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the persona of each row, int, shape (n_rows,)."""
        return self.kmeans_.predict(self.prepared_.transform(frame) @ self.matrix_)


class LogRfmCells:
    """K-means on standardised ln recency, orders and revenue.

    Parameters
    ----------
    k, n_init, seed : int

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (3,)
    kmeans_ : KMeans
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
        self.kmeans_ = fit_kmeans((values - self.mean_) / self.scale_, self.k, self.n_init, self.seed)
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cluster of each row, int, shape (n_rows,)."""
        return self.kmeans_.predict((self._logs(frame) - self.mean_) / self.scale_)

    @staticmethod
    def _logs(frame: pd.DataFrame) -> np.ndarray:
        return np.log1p(frame[list(_RFM)].clip(lower=0).to_numpy())


def _check(frame: pd.DataFrame, catalog: pd.DataFrame) -> pd.DataFrame:
    """Validate and sort; the key of a row is its user and origin."""
    features = catalog["feature"].tolist()
    outcomes = sorted(name for name in frame.columns if name.startswith("outcome_"))
    if PURCHASE not in outcomes:
        raise ValueError(f"The training frame lacks {PURCHASE}; without it nothing can be judged.")
    numbers = [*features, "n_events", *_RFM, *outcomes]
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
