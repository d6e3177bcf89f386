"""From a feature table to a persona model as rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from clientele.learning.fields import digest_of
from clientele.learning.resampling import hash_sample
from clientele.personas.lineage import LINEAGE_COLUMNS, give_ids, label_before, trace
from clientele.personas.pipeline import CORRELATED, HabitSpace, nearest, space_of
from clientele.personas.preparation import FEATURE_COLUMNS, check_catalog, check_table, parts_of_histories
from clientele.personas.scoring import WEIGHT_COLUMNS, fold_weights, hash_weights, score
from clientele.personas.settings import Settings
from clientele.personas.stability import (
    DIAGNOSTIC_COLUMNS,
    EXPLORATORY,
    NO_GROUPS,
    STABLE,
    ChoiceOfK,
    Subjects,
    calibrate_confidence,
    choose_k,
    fit_final_kmeans,
)

NONE = "none"
N_TIERS = 3
# Features that are named as what an axis is about.
N_AXIS_FEATURES = 3

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
_NOTES = {
    "kept": "",
    "constant": "the same for (nearly) every user",
    "unreliable": "differs within a user's history nearly as much as between users",
}


@dataclass(frozen=True)
class PersonaFit:
    """A fitted persona model as small tables.

    Attributes
    ----------
    status : str
        ``stable``, ``exploratory`` (groups that are less stable than asked for), ``no_groups`` (the segments
        are tiers along the shop's main axis) or ``none``.
    reason : str
        Why, in sentences.
    k : int
        Number of segments; 0 without a model. Ids are 1..k in a first model, see `fit_personas`.
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
    evidence : dict of str to float
        Metrics of the number of personas that was chosen or came nearest; the smallest share is that of the
        whole sample.
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
    evidence: dict[str, float] = field(default_factory=dict)


# Sums over threads are added in the order in which threads end; one thread gives the same bits each time.
@threadpool_limits.wrap(limits=1)
def fit_personas(
    features: pd.DataFrame,
    catalog: pd.DataFrame,
    settings: Settings,
    replicates: pd.DataFrame | None = None,
    month_ago: pd.DataFrame | None = None,
    before: pd.DataFrame | None = None,
    highest_id: int = 0,
) -> PersonaFit:
    """Fit personas: learn the space, choose k, K-means, and fold all of it into weights.

    Personas are numbered from 1 by their descending mean over ``settings.order_features`` (standardised):
    those who order most and come most often are first. Without these features the largest is first.
    With a model before, its number of personas is kept if it is stable, K-means also starts from its
    segments, and a persona that shares half of its users with one of them keeps that one's id; others get new
    ids. The result does not depend on the order of rows or columns, nor on the number of processes.

    Where there are no groups, the segments are three tiers along the axis on which customers differ most.
    With ``settings.layers`` there are no segments then, and the status is ``none``.

    Parameters
    ----------
    features : DataFrame, one row per user
        ``user_sk`` (integer) and every feature of the catalog, finite. Further columns are ignored.
    catalog : DataFrame, one row per feature
        ``feature``, ``block``, and optionally ``feature_position`` and ``label``. Of two correlated features
        the first is kept.
    settings : Settings
    replicates : DataFrame or None
        ``user_sk`` and every feature, taken from separate parts of a user's history: one row per user
        and part. Earlier and later sessions are better than odd and even ones, which share their days. They
        tell how reliable each feature is; without them reliability is not weighed.
    month_ago : DataFrame or None
        ``user_sk`` and every feature as they were a month ago; what a fit on them says of today's customers
        is compared with today's fit.
    before : DataFrame or None
        Weights of the model that these personas continue.
    highest_id : int
        The highest segment id that any model has ever had.

    Returns
    -------
    PersonaFit
        Too few users, or users who do not differ, give the status ``none`` and a reason.

    Raises
    ------
    ValueError
        A table lacks a column, repeats a key or holds a value that is not finite.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM.
    """
    described, catalog = catalog, check_catalog(catalog)
    names = catalog["feature"].tolist()
    table = check_table(features, names, "features")
    if len(table) < settings.min_users:
        reason = (
            f"{len(table)} users are too few for personas; {settings.min_users} are needed, "
            f"{settings.min_users - len(table)} more."
        )
        return no_personas(reason, table, catalog, settings)
    sample = table.iloc[hash_sample(table["user_sk"].to_numpy(), settings.max_users, settings.seed)]
    sample = sample.reset_index(drop=True)
    users, values = sample["user_sk"].to_numpy(), sample[names].to_numpy()
    parts_user_sk, parts = parts_of_histories(replicates, names)
    try:
        space = space_of(settings).fit(values, parts)
    except ValueError as error:
        return no_personas(str(error), sample, catalog, settings)
    points = space.transform(values)
    del values

    study = hash_sample(users, settings.study_users, settings.seed + 1)
    subjects = Subjects(users[study], sample[names].to_numpy()[study], parts_user_sk, parts)
    earlier = label_before(sample, before)
    month, shared = None, None
    if month_ago is not None and len(month_ago) >= settings.min_users:
        month = check_table(month_ago, names, "month_ago")
        month = month.iloc[hash_sample(month["user_sk"].to_numpy(), settings.study_users, settings.seed + 1)]
        shared = np.isin(subjects.user_sk, month["user_sk"])
        month = month[names].to_numpy()
    choice = choose_k(subjects, settings, None if earlier is None else len(np.unique(earlier)), month, shared)
    if choice.standing == NO_GROUPS and settings.layers:
        # Tiers are what the linear fit is there for: an axis of a code has no words.
        return no_personas(choice.reason, sample, catalog, settings, choice)
    if choice.standing == NO_GROUPS:
        centroids, reason = _tiers(space, points, described, names)
        if centroids is None:
            return no_personas(f"{choice.reason} {reason}", sample, catalog, settings)
        # One axis decides: nobody's place on the others may.
        points = points[:, :1]
    else:
        labels = choice.labels
        starts = np.array([points[study][labels == label].mean(axis=0) for label in range(choice.k)])
        centroids = fit_final_kmeans(points, starts, earlier).cluster_centers_
        reason = ""
    return _fit(
        sample, names, catalog, space, points, centroids, choice, study, settings, earlier, highest_id, reason
    )


def _fit(
    sample: pd.DataFrame,
    names: list[str],
    catalog: pd.DataFrame,
    space: HabitSpace,
    points: np.ndarray,
    centroids: np.ndarray,
    choice: ChoiceOfK,
    study: np.ndarray,
    settings: Settings,
    earlier: np.ndarray | None,
    highest_id: int,
    note: str,
) -> PersonaFit:
    k = len(centroids)
    found = nearest(points, centroids)
    order = _order(sample, space, names, found, k, settings)
    # The version is that of the weights in their own order: the same fit is the same model, whatever came
    # before.
    digest = hash_weights(fold_weights(space, names, centroids[order]))
    ids = np.arange(1, k + 1)
    if earlier is not None:
        ids = give_ids(earlier, np.argsort(order)[found], points, highest_id)
    # Rows by id: a tie goes to the first.
    centroids = centroids[order[np.argsort(ids)]]
    ids = np.sort(ids)
    weights = fold_weights(space, names, centroids, ids)
    labels = score(sample, weights)
    positions = np.searchsorted(ids, labels["segment_id"])
    n_mismatches = int((positions != nearest(points, centroids)).sum())
    smallest = float(np.bincount(positions, minlength=k).min() / len(labels))

    status, reason = choice.standing, choice.reason
    if status == STABLE and smallest < settings.min_share:
        status = EXPLORATORY
        reason = (
            f"{k} personas: bars missed: min_share {smallest:.3f} < {settings.min_share} in the full sample."
        )
    confidence = pd.DataFrame({"margin_lo": [0.0], "confidence": [1.0]})
    if status != NO_GROUPS:
        margins = labels["margin"].to_numpy()[study]
        confidence = calibrate_confidence(positions[study], margins, choice.refits[k], k)
    return _result(
        settings,
        digest,
        {
            "weights": weights,
            "diagnostics": choice.diagnostics,
            "confidence": confidence,
            "features": _feature_table(catalog, space),
            "lineage": trace(earlier, labels["segment_id"].to_numpy()),
            "labels": labels,
        },
        choice.evidence | {"min_share": smallest, "n_studied": float(len(study))},
        n_users=len(sample),
        n_features=len(space.kept_),
        n_components=centroids.shape[1],
        explained_variance=space.explained_variance_,
        k=k,
        min_share=smallest,
        n_mismatches=n_mismatches,
        status=status,
        reason=f"{reason} {note}".rstrip(),
    )


def _tiers(
    space: HabitSpace, points: np.ndarray, catalog: pd.DataFrame, names: list[str]
) -> tuple[np.ndarray | None, str]:
    """Return centroids of thirds along the first axis, shape (3, 1), and the axis in words; None without."""
    ordered = np.unique(points[:, 0])
    thirds = np.quantile(points[:, 0], (1 / 3, 2 / 3), method="lower")
    # Between two customers: none stands on a border, where rounding would decide.
    after = np.minimum(np.searchsorted(ordered, thirds, side="right"), len(ordered) - 1)
    low, high = (ordered[after] + ordered[after - 1]) / 2
    if not low < high:
        return None, "Customers do not spread along any axis either."
    # Nearest centroids change half-way between two: at the two cut points.
    middle = (low + high) / 2
    centroids = np.array([[2 * low - middle], [middle], [2 * high - middle]])
    # Up to the axis's own scale, the covariance of a standardised feature with it.
    loadings = space.matrix_[:, 0]
    most = np.argsort(-np.abs(loadings), kind="stable")[:N_AXIS_FEATURES]
    words = catalog.set_index("feature")["label"] if "label" in catalog.columns else pd.Series(dtype=str)
    told = "; ".join(
        f"{words.get(names[space.kept_[position]], names[space.kept_[position]])}"
        f" ({'more' if loadings[position] > 0 else 'less'})"
        for position in most
    )
    return centroids, f"Customers differ by degrees, most along one axis: {told}. Its thirds are the tiers."


def _feature_table(catalog: pd.DataFrame, space: HabitSpace) -> pd.DataFrame:
    twins = [
        f"correlation {rho:.2f} with {catalog['feature'][max(twin, 0)]}"
        for twin, rho in zip(space.twin_, space.twin_correlation_, strict=True)
    ]
    notes = [
        twin if status == CORRELATED else _NOTES[status]
        for status, twin in zip(space.status_, twins, strict=True)
    ]
    table = catalog.assign(
        feature_position=np.arange(1, len(catalog) + 1),
        reliability=space.reliability_,
        status=space.status_,
        note=notes,
    )
    return table[list(FEATURE_COLUMNS)]


def _order(
    sample: pd.DataFrame, space: HabitSpace, names: list[str], labels: np.ndarray, k: int, settings: Settings
) -> np.ndarray:
    """Positions of the clusters in the order in which they are numbered."""
    size = np.bincount(labels, minlength=k)
    ordering = [position for position in space.kept_ if names[position] in settings.order_features]
    merit = size.astype(float)
    if ordering:
        values = sample[[names[position] for position in ordering]].to_numpy()
        clipped = np.clip(values, space.clip_lo_[ordering], space.clip_hi_[ordering])
        of_user = ((clipped - space.mean_[ordering]) / space.scale_[ordering]).mean(axis=1)
        merit = np.bincount(labels, weights=of_user, minlength=k) / np.maximum(size, 1)
    return np.lexsort((np.arange(k), -size, -merit))


def no_personas(
    reason: str,
    features: pd.DataFrame,
    catalog: pd.DataFrame,
    settings: Settings,
    choice: ChoiceOfK | None = None,
) -> PersonaFit:
    """Return a fit without a model: the status ``none``, the reason, and the figures behind it if any."""
    catalog = check_catalog(catalog)
    unused = catalog.assign(feature_position=np.arange(1, len(catalog) + 1), reliability=np.nan)
    empty = {name: pd.DataFrame(columns=list(schema)).astype(schema) for name, schema in _SCHEMAS.items()}
    if choice is not None:
        empty["diagnostics"] = choice.diagnostics
    return _result(
        settings,
        hash_weights(empty["weights"]) if choice is None else digest_of([choice.diagnostics]),
        empty | {"features": unused.assign(status="unused", note="")},
        {},
        n_users=len(features),
        n_features=0,
        n_components=0,
        explained_variance=0.0,
        k=0,
        min_share=0.0,
        n_mismatches=0,
        status=NONE,
        reason=reason,
    )


def _result(
    settings: Settings,
    digest: str,
    frames: dict[str, pd.DataFrame],
    evidence: dict[str, float],
    **facts: object,
) -> PersonaFit:
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
        evidence=evidence,
    )
