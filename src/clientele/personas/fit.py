"""From a feature table to a persona model as rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from clientele.learning.resampling import hash_sample
from clientele.personas.embedding import Embedding, embed
from clientele.personas.lineage import LINEAGE_COLUMNS, give_ids, label_before, trace
from clientele.personas.preparation import (
    FEATURE_COLUMNS,
    Preparation,
    check_catalog,
    check_table,
    prepare,
)
from clientele.personas.scoring import WEIGHT_COLUMNS, fold_weights, hash_weights, score
from clientele.personas.settings import Settings
from clientele.personas.stability import (
    DIAGNOSTIC_COLUMNS,
    calibrate_confidence,
    choose_k,
    fit_final_kmeans,
)

# Column types of every frame, so that a build without a model writes the same tables.
_SCHEMAS = {
    "weights": dict.fromkeys(WEIGHT_COLUMNS, "float64")
    | {"model_version": "str", "segment_id": "int64", "feature": "str", "feature_position": "int64"},
    "diagnostics": {"model_version": "str"}
    | dict.fromkeys(DIAGNOSTIC_COLUMNS, "float64")
    | {"k": "int64", "metric": "str", "passed": "boolean"},
    "confidence": {"model_version": "str", "margin_lo": "float64", "confidence": "float64"},
    "features": {"model_version": "str"}
    | dict.fromkeys(FEATURE_COLUMNS, "str")
    | {"feature_position": "int64", "reliability": "float64"},
    "lineage": {"model_version": "str"}
    | dict.fromkeys(LINEAGE_COLUMNS, "int64")
    | {"change": "str", "jaccard": "float64"},
    "labels": {
        "user_sk": "int64",
        "segment_id": "int64",
        "runner_up_segment_id": "int64",
        "margin": "float64",
        "score": "float64",
        "runner_up_score": "float64",
    },
}


@dataclass(frozen=True)
class PersonaFit:
    """A fitted persona model as small tables.

    Attributes
    ----------
    status : str
        ``ok``, ``bars_missed`` (a model whose personas are less stable than asked for) or ``no_model``.
    reason : str
        Why, in sentences.
    k : int
        Number of personas; 0 without a model. Ids are 1..k in a first model, see `fit_personas`.
    n_mismatches : int
        Users of the sample whose label from the rows of weights differs from scikit-learn's; must be 0.
    model_version : str
        The day and 8 hexadecimal digits of the sha256 of the weights: ``20200430-1a2b3c4d``. The segments'
        ids are not part of it.
    model_card : DataFrame
        One row.
    weights : DataFrame
        One row per segment and feature, and one per segment for the intercept; see `fold_weights`.
    diagnostics : DataFrame
        One row per number of personas tried and metric.
    confidence : DataFrame
        Confidence by margin, at most 20 rows; see `calibrate_confidence`.
    features : DataFrame
        One row per catalog feature: its reliability, and whether and why it was dropped.
    lineage : DataFrame
        What became of the segments of the model before; see `trace`.
    labels : DataFrame
        `score` of the sample that was fitted.
    """

    status: str
    reason: str
    k: int
    n_mismatches: int
    model_version: str
    model_card: pd.DataFrame
    weights: pd.DataFrame
    diagnostics: pd.DataFrame
    confidence: pd.DataFrame
    features: pd.DataFrame
    lineage: pd.DataFrame
    labels: pd.DataFrame

    @property
    def stability(self) -> dict[str, float]:
        """Metrics of the chosen number of personas; the smallest share is that of the whole sample."""
        chosen = self.diagnostics[self.diagnostics["k"] == self.k]
        found = dict(zip(chosen["metric"], chosen["value"].astype(float), strict=True))
        return found | {"min_share": float(self.model_card["min_share"].iloc[0])}


# Sums over threads are added in the order in which threads end; one thread gives the same bits each time.
@threadpool_limits.wrap(limits=1)
def fit_personas(
    features: pd.DataFrame,
    catalog: pd.DataFrame,
    outcomes: pd.DataFrame | None,
    settings: Settings,
    replicates: pd.DataFrame | None = None,
    before: pd.DataFrame | None = None,
    highest_id: int = 0,
) -> PersonaFit:
    """Fit personas: clip, standardise, embed, choose k, K-means, and fold all of it into weights.

    Personas are numbered from 1 by their descending mean over ``settings.order_features`` (standardised):
    those who order most and come most often are first. Without these features the largest is first.
    With a model before, its number of personas is kept if it is stable, K-means also starts from its
    segments, and a persona that shares half of its users with one of them keeps that one's id; others get new
    ids. The result does not depend on the order of rows or columns.

    Parameters
    ----------
    features : DataFrame, one row per user
        ``user_sk`` (integer) and every feature of the catalog, finite. Further columns are ignored.
    catalog : DataFrame, one row per feature
        ``feature``, ``block``, and optionally ``feature_position``. Of two correlated features the
        first is kept.
    outcomes : DataFrame or None
        ``user_sk`` and numeric columns that describe the behaviour after the features were taken. If it
        also has the feature columns, as of the day from which the outcomes were observed (several such
        days may give a user several rows), these are used; otherwise the features are. NaN says that an
        outcome was not seen, as the price level of who did not come. A column ``as_of`` is ignored.
    settings : Settings
    replicates : DataFrame or None
        ``user_sk`` and every feature, taken from separate parts of a user's history: one row per user
        and part. Earlier and later sessions are better than odd and even ones, which share their days. They
        tell how reliable each feature is; without them reliability is not weighed.
    before : DataFrame or None
        Weights of the model that these personas continue.
    highest_id : int
        The highest segment id that any model has ever had.

    Returns
    -------
    PersonaFit
        Too few users, or users who do not differ, give the status ``no_model`` and a reason.

    Raises
    ------
    ValueError
        A table lacks a column, repeats a key or holds a value that is not finite.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM.
    """
    catalog = check_catalog(catalog)
    table = check_table(features, catalog["feature"].tolist(), "features")
    if len(table) < settings.min_users:
        reason = f"{len(table)} users are too few for personas; {settings.min_users} are needed."
        return no_personas(reason, table, catalog, settings)
    sample = table.iloc[hash_sample(table["user_sk"].to_numpy(), settings.max_users, settings.seed)]
    sample = sample.reset_index(drop=True)
    prepared = prepare(sample, catalog, replicates, settings)
    if not prepared.features:
        reason = "No feature differs between users: there is nothing to tell them apart by."
        return _without_model(reason, len(sample), prepared.table, settings)
    earlier = label_before(sample, before)
    embedding = embed(prepared, sample["user_sk"], outcomes, settings)
    return _fit(sample, prepared, embedding, settings, earlier, highest_id)


def _fit(
    sample: pd.DataFrame,
    prepared: Preparation,
    embedding: Embedding,
    settings: Settings,
    earlier: np.ndarray | None,
    highest_id: int,
) -> PersonaFit:
    points = prepared.standardised @ embedding.matrix
    study = hash_sample(sample["user_sk"].to_numpy(), settings.study_users, settings.seed + 1)
    choice = choose_k(points[study], settings, None if earlier is None else len(np.unique(earlier)))

    model = fit_final_kmeans(points, choice.k, settings.n_init, settings.seed, earlier)
    order = _order(prepared, model.labels_, choice.k, settings)
    # The version is that of the weights in their own order: the same fit is the same model, whatever came
    # before.
    digest = hash_weights(fold_weights(prepared, embedding.matrix, model.cluster_centers_[order]))
    ids = np.arange(1, choice.k + 1)
    if earlier is not None:
        ids = give_ids(earlier, np.argsort(order)[model.labels_], points, highest_id)
    # Rows by id: a tie goes to the first.
    model.cluster_centers_ = model.cluster_centers_[order[np.argsort(ids)]]
    ids = np.sort(ids)
    weights = fold_weights(prepared, embedding.matrix, model.cluster_centers_, ids)
    labels = score(sample, weights)
    positions = np.searchsorted(ids, labels["segment_id"])
    n_mismatches = int((positions != model.predict(points)).sum())
    smallest = float(np.bincount(positions, minlength=choice.k).min() / len(labels))

    is_stable, reason = choice.is_stable, choice.reason
    if is_stable and smallest < settings.min_share:
        is_stable = False
        reason = f"{choice.k} personas, bars missed: min_share {smallest:.3f} in the full sample."
    confidence = calibrate_confidence(
        points[study],
        positions[study],
        labels["margin"].to_numpy()[study],
        choice.refits[choice.k],
    )
    return _result(
        settings,
        digest,
        {
            "weights": weights,
            "diagnostics": choice.diagnostics,
            "confidence": confidence,
            "features": prepared.table,
            "lineage": trace(earlier, labels["segment_id"].to_numpy()),
            "labels": labels,
        },
        n_users=len(sample),
        n_features=len(prepared.features),
        n_components=embedding.matrix.shape[1],
        explained_variance=embedding.explained_variance,
        k=choice.k,
        min_share=smallest,
        is_guided=embedding.is_guided,
        n_mismatches=n_mismatches,
        status="ok" if is_stable else "bars_missed",
        reason=f"{reason} {embedding.note}",
    )


def _order(prepared: Preparation, labels: np.ndarray, k: int, settings: Settings) -> np.ndarray:
    """Positions of the clusters in the order in which they are numbered."""
    size = np.bincount(labels, minlength=k)
    ordering = np.isin(prepared.features, settings.order_features)
    merit = size.astype(float)
    if ordering.any():
        score_of_user = prepared.standardised[:, ordering].mean(axis=1)
        merit = np.bincount(labels, weights=score_of_user, minlength=k) / np.maximum(size, 1)
    return np.lexsort((np.arange(k), -size, -merit))


def no_personas(reason: str, features: pd.DataFrame, catalog: pd.DataFrame, settings: Settings) -> PersonaFit:
    """Return a fit without a model: the status ``no_model``, and the reason."""
    catalog = check_catalog(catalog)
    unused = catalog.assign(feature_position=np.arange(1, len(catalog) + 1), reliability=np.nan)
    return _without_model(reason, len(features), unused.assign(status="unused", note=""), settings)


def _without_model(reason: str, n_users: int, features: pd.DataFrame, settings: Settings) -> PersonaFit:
    empty = {name: pd.DataFrame(columns=list(schema)).astype(schema) for name, schema in _SCHEMAS.items()}
    return _result(
        settings,
        hash_weights(empty["weights"]),
        empty | {"features": features},
        n_users=n_users,
        n_features=0,
        n_components=0,
        explained_variance=0.0,
        k=0,
        min_share=0.0,
        is_guided=False,
        n_mismatches=0,
        status="no_model",
        reason=reason,
    )


def _result(settings: Settings, digest: str, frames: dict[str, pd.DataFrame], **facts: object) -> PersonaFit:
    """Stamp every frame with the model version, and write the card."""
    version = f"{settings.as_of:%Y%m%d}-{digest[:8]}"
    day = pd.Timestamp(settings.as_of).normalize()
    card = {"model_version": version, "as_of": day} | facts | {"weights_sha256": digest}
    stamped = {
        name: frame.assign(model_version=version)[list(_SCHEMAS[name])]
        if "model_version" in _SCHEMAS[name]
        else frame
        for name, frame in frames.items()
    }
    return PersonaFit(
        **{name: facts[name] for name in ("status", "reason", "k", "n_mismatches")},
        model_version=version,
        model_card=pd.DataFrame([card]),
        **stamped,
    )
