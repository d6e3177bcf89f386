"""What next month's behaviour looks like from a persona: rates learnt at one origin, tested at the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from clientele.learning.metrics import auc_and_lift, bootstrap_weights, r_squared
from clientele.personas.embedding import embed
from clientele.personas.preparation import (
    check_catalog,
    check_table,
    hash_sample,
    prepare,
    salted_hashes,
)
from clientele.personas.settings import Settings
from clientele.personas.stability import fit_kmeans

CANDIDATE = "personas_x_rules"
BASELINES = ("rules", "kmeans_log_rfm")
CEILING = "gradient_boosting"
MODELS = (CANDIDATE, "personas", *BASELINES, CEILING)
PURCHASE = "outcome_purchase"
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


@dataclass
class _Tested:
    """Predictions of one month for users who took no part in learning them."""

    origin: str
    user_sk: np.ndarray
    fold: np.ndarray
    outcomes: np.ndarray
    predicted: dict[str, np.ndarray]


# One thread, as in fit_personas: the same bits each time.
@threadpool_limits.wrap(limits=1)
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
        return _table([])
    table = _check(frame, catalog)
    outcomes = [name for name in table.columns if name.startswith("outcome_")]
    # An origin with few buyers cannot tell models apart; one without any has no AUC at all.
    sizes = table.groupby("origin_date").agg(users=("user_sk", "size"), buyers=(PURCHASE, "sum"))
    counts = sizes["users"].ge(study.min_users) & sizes["buyers"].ge(study.min_buyers)
    enough = sizes.index[counts & (sizes["buyers"] < sizes["users"])]
    table = table[table["origin_date"].isin(enough)].reset_index(drop=True)
    if table.empty:
        return _table([])

    def test(part: pd.DataFrame, with_ceiling: bool) -> list[_Tested]:
        return list(_test_months(part, catalog, replicates, outcomes, k, settings, study, with_ceiling))

    tested = test(table, True)
    if not tested:
        return _table([])
    rows = _measure(tested, outcomes, study, settings.seed)
    # The most extreme hundredth by events or by revenue, at any origin.
    extremes = table.groupby("user_sk")[["n_events", "revenue"]].max()
    extreme = (extremes > extremes.quantile(0.99)).any(axis=1)
    usual = table[~table["user_sk"].isin(extremes.index[extreme])].reset_index(drop=True)
    without = _measure(test(usual, False), outcomes, replace(study, n_bootstraps=0))
    rows += _compare_sensitivity(rows, without)
    return _table(rows)


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


def _folds(table: pd.DataFrame, study: Study, seed: int) -> pd.Series:
    """Fold 1..n of each user, the same at every origin; strata of events and buyers lie evenly over folds."""
    newest = table.sort_values(["user_sk", "origin_date"]).drop_duplicates("user_sk", keep="last")
    newest = newest.iloc[hash_sample(newest["user_sk"].to_numpy(), study.max_users, seed + 2)]
    decile = (newest["n_events"].rank(method="first", pct=True) * 10).clip(upper=9.999).astype(int)
    mixed = salted_hashes(newest["user_sk"].to_numpy(), seed + 3)
    strata = pd.DataFrame(
        {"decile": decile.to_numpy(), "buyer": (newest["n_orders"] > 0).to_numpy(), "mixed": mixed}
    )
    place = strata.groupby(["decile", "buyer"])["mixed"].rank(method="first").to_numpy().astype(int)
    # A stratum starts where the last one ended, or small strata would all fill the first folds.
    shift = strata.groupby(["decile", "buyer"]).ngroup().to_numpy()
    return pd.Series(1 + (place + shift) % study.n_folds, index=newest["user_sk"].to_numpy())


def _test_months(
    table: pd.DataFrame,
    catalog: pd.DataFrame,
    replicates: pd.DataFrame | None,
    outcomes: list[str],
    k: int,
    settings: Settings,
    study: Study,
    with_ceiling: bool,
) -> Iterator[_Tested]:
    fold_of = _folds(table, study, settings.seed)
    table = table[table["user_sk"].isin(fold_of.index)]
    folds = table["user_sk"].map(fold_of).to_numpy()
    origins = sorted(table["origin_date"].unique())
    pairs = list(pairwise(origins)) or [(origins[0], origins[0])]
    at = {origin: (table["origin_date"] == origin).to_numpy() for origin in origins}
    for learnt_at, tested_at in pairs:
        parts = []
        for fold in range(1, study.n_folds + 1):
            others = folds != fold
            learn = table[at[learnt_at] & others].reset_index(drop=True)
            past = table[(table["origin_date"] <= learnt_at).to_numpy() & others].reset_index(drop=True)
            test = table[at[tested_at] & ~others].reset_index(drop=True)
            if len(learn) < 2 * k or test.empty:
                continue
            bounds = learn[outcomes].quantile(0.99, interpolation="lower")
            bounds[[name for name in outcomes if not name.endswith("_ln")]] = np.inf
            learn[outcomes] = learn[outcomes].clip(upper=bounds, axis=1)
            test[outcomes] = test[outcomes].clip(upper=bounds, axis=1)
            predicted = _predict(
                learn, past, test, catalog, replicates, outcomes, k, settings, study, with_ceiling
            )
            if predicted:
                parts.append((fold, test, predicted))
        if not parts:
            continue
        month = f"{pd.Timestamp(tested_at):%Y-%m-%d}" + (" (same month)" if learnt_at == tested_at else "")
        yield _Tested(
            origin=month,
            user_sk=np.concatenate([test["user_sk"] for _, test, _ in parts]),
            fold=np.concatenate([np.full(len(test), fold) for fold, test, _ in parts]),
            outcomes=np.vstack([test[outcomes].to_numpy() for _, test, _ in parts]),
            predicted={
                model: np.vstack([predicted[model] for _, _, predicted in parts]) for model in parts[0][2]
            },
        )


def _predict(
    learn: pd.DataFrame,
    past: pd.DataFrame,
    test: pd.DataFrame,
    catalog: pd.DataFrame,
    replicates: pd.DataFrame | None,
    outcomes: list[str],
    k: int,
    settings: Settings,
    study: Study,
    with_ceiling: bool,
) -> dict[str, np.ndarray]:
    """Outcomes of the tested users as each model predicts them; shapes (n_test, n_outcomes)."""
    features = catalog["feature"].tolist()
    own = None if replicates is None else replicates[replicates["user_sk"].isin(learn["user_sk"])]
    prepared = prepare(learn, catalog, own, settings)
    if not prepared.features:
        return {}
    embedding = embed(prepared, learn["user_sk"], past[["user_sk", *features, *outcomes]], settings)
    personas = fit_kmeans(prepared.standardised @ embedding.matrix, k, study.n_init, settings.seed)
    persona = personas.labels_, personas.predict(prepared.transform(test) @ embedding.matrix)

    rfm = [np.log1p(part[list(_RFM)].clip(lower=0).to_numpy()) for part in (learn, test)]
    mean, scale = rfm[0].mean(axis=0), rfm[0].std(axis=0)
    rfm = [(part - mean) / np.where(scale > 0, scale, 1.0) for part in rfm]
    by_rfm = fit_kmeans(rfm[0], k, study.n_init, settings.seed)

    states, state = np.unique(
        np.concatenate([learn["lifecycle_state"], test["lifecycle_state"]]), return_inverse=True
    )
    rule = state[: len(learn)], state[len(learn) :]
    both = tuple(part * len(states) + other for part, other in zip(persona, rule, strict=True))

    known = learn[outcomes].to_numpy()
    overall = np.nanmean(known, axis=0)
    everyone = np.tile(overall, (len(learn), 1)), np.tile(overall, (len(test), 1))

    def rates(cells: tuple[np.ndarray, np.ndarray], towards: tuple[np.ndarray, np.ndarray]):
        return _shrunk_means(cells, towards, known, study.shrinkage)

    by_rule = rates(rule, everyone)
    predicted = {
        # First what a persona adds to every state alike, then what is special about the pair: few users share
        # one.
        CANDIDATE: rates(both, rates(persona, by_rule))[1],
        "personas": rates(persona, everyone)[1],
        "rules": by_rule[1],
        "kmeans_log_rfm": rates((by_rfm.labels_, by_rfm.predict(rfm[1])), everyone)[1],
    }
    if with_ceiling:
        predicted[CEILING] = _predict_with_trees(
            *(
                np.column_stack([part[[*features, "n_events", *_RFM]].to_numpy(), cells])
                for part, cells in zip((learn, test), rule, strict=True)
            ),
            known,
            outcomes.index(PURCHASE),
            study,
            settings.seed,
        )
    return predicted


def _shrunk_means(
    cells: tuple[np.ndarray, np.ndarray],
    towards: tuple[np.ndarray, np.ndarray],
    known: np.ndarray,
    shrinkage: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean outcomes of each cell of users, shrunk towards what a broader model says of the same users."""
    n_cells = int(max(cells[0].max(), cells[1].max())) + 1
    learnt, asked = np.empty(towards[0].shape), np.empty(towards[1].shape)
    for column in range(known.shape[1]):
        seen = ~np.isnan(known[:, column])
        n_seen = np.bincount(cells[0][seen], minlength=n_cells)
        beyond = np.bincount(
            cells[0][seen], weights=(known[:, column] - towards[0][:, column])[seen], minlength=n_cells
        ) / (n_seen + shrinkage)
        learnt[:, column] = towards[0][:, column] + beyond[cells[0]]
        asked[:, column] = towards[1][:, column] + beyond[cells[1]]
    return learnt, asked


def _predict_with_trees(
    learn: np.ndarray, test: np.ndarray, known: np.ndarray, purchase: int, study: Study, seed: int
) -> np.ndarray:
    """How much there is to know at all: boosted trees over every feature, recency, orders and revenue."""
    settings = {
        "max_iter": study.n_trees,
        "learning_rate": 0.1,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 40,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": seed,
    }
    predicted = np.empty((len(test), known.shape[1]))
    for column in range(known.shape[1]):
        seen = ~np.isnan(known[:, column])
        target = known[seen, column]
        if np.ptp(target) == 0:
            predicted[:, column] = target[0]
        elif column == purchase:
            trees = HistGradientBoostingClassifier(**settings).fit(learn[seen], target)
            predicted[:, column] = trees.predict_proba(test)[:, 1]
        else:
            trees = HistGradientBoostingRegressor(**settings).fit(learn[seen], target)
            predicted[:, column] = trees.predict(test)
    return predicted


def _measure(
    tested: list[_Tested], outcomes: list[str], study: Study, seed: int = 0
) -> list[dict[str, object]]:
    """Rows for every model, month, fold and metric, with paired differences and intervals over all months."""
    users = np.unique(np.concatenate([month.user_sk for month in tested]))
    weights = bootstrap_weights(len(users), study.n_bootstraps, seed)
    rows: list[dict[str, object]] = []
    months: dict[str, list[dict[str, np.ndarray]]] = {}

    def add(model, metric, values, n_users, origin="all", fold=0, compared_with=""):
        drawn = values[1:][~np.isnan(values[1:]) & ~np.isnan(values[0])]
        low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
        cells = (model, compared_with, origin, fold, metric, values[0], low, high, n_users)
        rows.append(dict(zip(EVALUATION_COLUMNS, cells, strict=True)))

    for month in tested:
        of_month = weights[:, np.searchsorted(users, month.user_sk)]
        folds = np.unique(month.fold)
        of_folds = (month.fold == folds[:, None]).astype(float)
        for model, predicted in month.predicted.items():
            metrics = _metrics(month.outcomes, predicted, outcomes, of_month)
            months.setdefault(model, []).append(metrics)
            for metric, values in metrics.items():
                add(model, metric, values, len(month.user_sk), month.origin)
            for metric, values in _metrics(month.outcomes, predicted, outcomes, of_folds).items():
                if metric.startswith("r2_"):
                    continue
                for fold, value in zip(folds, values, strict=True):
                    n_users = int((month.fold == fold).sum())
                    add(model, metric, np.array([value]), n_users, month.origin, int(fold))
        buyers = month.outcomes[:, outcomes.index(PURCHASE)].sum()
        add(CANDIDATE, "buyers", np.array([buyers]), len(month.user_sk), month.origin)
    # A month in which an outcome did not vary says nothing about it.
    overall = {
        model: {metric: _mean([month[metric] for month in own]) for metric in own[0]}
        for model, own in months.items()
    }
    for model, metrics in overall.items():
        for metric, values in metrics.items():
            add(model, metric, values, len(users))
    for baseline in BASELINES:
        for metric in ("auc", "behaviour_r2", "top_decile_lift"):
            values = overall[CANDIDATE][metric] - overall[baseline][metric]
            add(CANDIDATE, metric, values, len(users), compared_with=baseline)
    if CEILING in overall:
        ceiling = overall[CEILING]["behaviour_r2"]
        for model in MODELS[:-1]:
            captured = overall[model]["behaviour_r2"] / np.where(ceiling > 0, ceiling, np.nan)
            add(model, "captured_signal", captured, len(users), compared_with=CEILING)
    return rows


def _metrics(
    observed: np.ndarray, predicted: np.ndarray, outcomes: list[str], weights: np.ndarray
) -> dict[str, np.ndarray]:
    r2 = {
        f"r2_{name.removeprefix('outcome_')}": r_squared(observed[:, column], predicted[:, column], weights)
        for column, name in enumerate(outcomes)
    }
    purchase = outcomes.index(PURCHASE)
    auc, lift = auc_and_lift(observed[:, purchase], predicted[:, purchase], weights)
    return {"auc": auc, "behaviour_r2": _mean(list(r2.values())), "top_decile_lift": lift} | r2


def _mean(values: list[np.ndarray]) -> np.ndarray:
    """Mean over the first axis of what is known; NaN where nothing is."""
    stacked = np.array(values)
    known = ~np.isnan(stacked)
    n_known = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.where(known, stacked, 0.0).sum(axis=0) / n_known


def _compare_sensitivity(
    rows: list[dict[str, object]], without: list[dict[str, object]]
) -> list[dict[str, object]]:
    """Relative change of the candidate's figures when the most extreme users are left out."""
    found = []
    for metric in ("auc", "behaviour_r2"):
        both = [
            next(
                row
                for row in part
                if (row["model"], row["compared_with"], row["origin"], row["fold"], row["metric"])
                == (CANDIDATE, "", "all", 0, metric)
            )
            for part in (rows, without)
        ]
        change = both[1]["value"] / both[0]["value"] - 1 if both[0]["value"] else np.nan
        found.append(
            both[1]
            | {"metric": f"without_top_1pct_{metric}", "value": change, "ci_lo": np.nan, "ci_hi": np.nan}
        )
    return found


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    kinds = {name: "str" for name in EVALUATION_COLUMNS}
    kinds |= {"fold": "int64", "n_users": "int64", "value": "float64", "ci_lo": "float64", "ci_hi": "float64"}
    return pd.DataFrame(rows, columns=list(EVALUATION_COLUMNS)).astype(kinds)
