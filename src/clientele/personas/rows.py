"""A fit as rows of one table, and back: what the dbt Python models call.

Every fit writes rows of several kinds into ``core.segment_fits``; SQL models split them again. One table,
because one dbt Python model writes one table, and a fit must be kept or lost as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from clientele.learning.tables import typed
from clientele.personas.scoring import WEIGHT_COLUMNS, score
from clientele.personas.settings import Settings

# What fits and judges is imported where it is used: scikit-learn takes two seconds, most builds fit nothing.
if TYPE_CHECKING:
    from clientele.personas.fit import PersonaFit
    from clientele.personas.gate import Standing

# One schema for all kinds; `item` is a feature, a metric, a criterion, a field of the card or a language. The
# last five are of evaluations, criteria and lineage.
SCHEMA = {
    "fit_number": "int64",
    "model_version": "str",
    "row_kind": "str",
    "segment_id": "int64",
    "item": "str",
    "item_position": "int64",
    "value": "float64",
    "feature_mean": "float64",
    "clip_lo": "float64",
    "clip_hi": "float64",
    "text": "str",
    "model": "str",
    "compared_with": "str",
    "origin": "str",
    "fold": "int64",
    "n_users": "int64",
}

# The item, and the column of fit_request, that says what the features were made with (decision 0060).
FEATURES_HASH = "features_hash"


def fit_rows(
    frames: Mapping[str, pd.DataFrame],
    earlier: pd.DataFrame | None,
    *,
    max_segments: int,
    sample_users: int,
) -> pd.DataFrame:
    """Fit personas if that is due, judge them, and return the new rows of ``segment_fits``.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request``, ``sample``, ``catalog``, ``replicates``, ``training``, ``as_of``, ``names``,
        ``families``: the dbt models and the seed of these names (``request``: fit_request, ``training``:
        training_frame).
    earlier : DataFrame or None
        The rows of ``segment_fits`` so far; None when there is no table.
    max_segments, sample_users : int
        Upper bounds.

    Returns
    -------
    DataFrame
        Columns of `SCHEMA`; empty when no fit is due. A fit that gives a model which there is already leaves
        one row of the kind ``unchanged``, the first time and whenever the features are made otherwise.
    """
    request = frames["request"].iloc[0]
    features_hash = str(request.get(FEATURES_HASH) or "")
    has_model = earlier is not None and bool((earlier["row_kind"] == "weight").any())
    if has_model and not request["is_due"]:
        return _typed([])
    from clientele.personas.gate import judge

    before = _weights_before(earlier, request["champion_version"]) if has_model else None
    highest_id = int(earlier["segment_id"].max()) if has_model else 0
    fit = _fit(frames, max_segments, sample_users, before, highest_id)
    number = 1 if earlier is None or earlier.empty else int(earlier["fit_number"].max()) + 1
    if earlier is not None and fit.model_version in set(earlier["model_version"]):
        known = earlier[earlier["model_version"] == fit.model_version]
        marks = known[known["item"] == FEATURES_HASH].sort_values("fit_number")["text"]
        is_said = not fit.k or (known["row_kind"] == "unchanged").any()
        if is_said and marks.iloc[-1:].tolist() == [features_hash]:
            return _typed([])
        rows = _typed([{"row_kind": "unchanged", "item": FEATURES_HASH, "text": features_hash}])
    else:
        evaluations = _evaluate(fit, frames, max_segments, before)
        settings = _settings(frames, max_segments)
        verdict = judge(fit.status, fit.evidence, evaluations, settings, fit.reason)
        rows = _rows(fit, frames, earlier, evaluations, verdict, before, features_hash)
    return rows.assign(fit_number=number, model_version=fit.model_version)[list(SCHEMA)]


def label_rows(sample: pd.DataFrame, weights: pd.DataFrame, early: pd.DataFrame) -> pd.DataFrame:
    """Label users with the rows of one model version, and with those of its early classifier.

    Parameters
    ----------
    sample : DataFrame, one row per user
        ``user_sk`` and the features.
    weights, early : DataFrame
        ``core.segment_weights`` and ``core.early_weights``; either may be empty.

    Returns
    -------
    DataFrame
        ``user_sk``, ``segment_id``, ``early_segment_id`` (missing without an early classifier); no row
        without a model.
    """
    if weights.empty or sample.empty:
        return pd.DataFrame(columns=["user_sk", "segment_id", "early_segment_id"]).astype("Int64")
    labels = score(sample, weights)[["user_sk", "segment_id"]]
    found = score(sample, early)["segment_id"].to_numpy() if len(early) else pd.NA
    return labels.assign(early_segment_id=found).astype("Int64")


def _weights_before(earlier: pd.DataFrame, champion: str | None) -> pd.DataFrame:
    """Weights of the champion, or of the newest model when none has been promoted yet."""
    weights = earlier[earlier["row_kind"] == "weight"]
    own = weights[weights["model_version"] == champion]
    if own.empty:
        own = weights[weights["fit_number"] == weights["fit_number"].max()]
    names = {"item": "feature", "item_position": "feature_position", "value": "weight"}
    return own.rename(columns=names)[list(WEIGHT_COLUMNS)].reset_index(drop=True)


def _settings(
    frames: Mapping[str, pd.DataFrame], max_segments: int, sample_users: int = Settings.max_users
) -> Settings:
    as_of = pd.Timestamp(frames["as_of"]["as_of_at"].iloc[0])
    return Settings(as_of=as_of.date(), max_k=max_segments, max_users=sample_users)


def _fit(
    frames: Mapping[str, pd.DataFrame],
    max_segments: int,
    sample_users: int,
    before: pd.DataFrame | None,
    highest_id: int,
) -> PersonaFit:
    from clientele.personas.fit import fit_personas, no_personas

    training, features = frames["training"], frames["catalog"]["feature"].tolist()
    settings = _settings(frames, max_segments, sample_users)
    if len(frames["sample"]) and not frames["sample"]["n_orders"].any():
        # Habits of people who never buy could be grouped, but nothing here could say what the groups are
        # worth.
        return no_personas(
            "No customer with enough events has bought anything: personas could not be judged.",
            frames["sample"],
            frames["catalog"],
            settings,
        )
    newest = training["origin_date"] == training["origin_date"].max()
    return fit_personas(
        frames["sample"],
        frames["catalog"],
        settings,
        _replicates(frames),
        training.loc[newest, ["user_sk", *features]] if len(training) else None,
        before,
        highest_id,
    )


def _replicates(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    return None if frames["replicates"].empty else frames["replicates"].drop(columns="half")


def _evaluate(
    fit: PersonaFit, frames: Mapping[str, pd.DataFrame], max_segments: int, champion: pd.DataFrame | None
) -> pd.DataFrame:
    """Figures of the persona model: its stability, and what it adds to the bases."""
    from clientele.learning.backtest import evaluation_rows
    from clientele.personas.fit import NONE
    from clientele.personas.prediction import cross_validate
    from clientele.personas.stability import NO_GROUPS

    if fit.status == NONE:
        return evaluation_rows([])
    about = {"model": "personas", "compared_with": "", "origin": "all", "fold": 0}
    n_users = int(fit.model_card["n_users"].iloc[0])
    stability = [
        about | {"metric": metric, "value": value, "n_users": n_users}
        for metric, value in fit.evidence.items()
        if value == value
    ]
    # Where there are no groups, there is nothing that could be added.
    evaluations = (
        evaluation_rows([])
        if fit.status == NO_GROUPS
        else cross_validate(
            frames["training"],
            frames["catalog"],
            _replicates(frames),
            _settings(frames, max_segments),
            champion=champion,
        )
    )
    return pd.concat([pd.DataFrame(stability, columns=evaluations.columns), evaluations], ignore_index=True)


def _rows(
    fit: PersonaFit,
    frames: Mapping[str, pd.DataFrame],
    earlier: pd.DataFrame | None,
    evaluations: pd.DataFrame,
    verdict: Standing,
    before: pd.DataFrame | None,
    features_hash: str,
) -> pd.DataFrame:
    card = fit.model_card.iloc[0].to_dict() | {
        "model_status": verdict.model_status,
        "sentence": verdict.sentence,
        FEATURES_HASH: features_hash,
    }
    if fit.k:
        card |= {"gate": verdict.outcome, "gate_reason": verdict.reason}
    rows: list[dict[str, object]] = []
    for position, (field, value) in enumerate(card.items()):
        number = float(value) if isinstance(value, (int, float)) or hasattr(value, "__float__") else None
        rows.append(
            {
                "row_kind": "card",
                "item": field,
                "item_position": position,
                "value": number,
                "text": str(value),
            }
        )
    rows += (
        fit.weights.rename(
            columns={"feature": "item", "feature_position": "item_position", "weight": "value"}
        )
        .assign(row_kind="weight")
        .to_dict("records")
    )
    for diagnostic in fit.diagnostics.to_dict("records"):
        passed = diagnostic["passed"]
        rows.append(
            {
                "row_kind": "diagnostic",
                "item": diagnostic["metric"],
                "item_position": diagnostic["k"],
                "value": diagnostic["value"],
                "clip_lo": diagnostic["threshold"],
                "text": "reported" if pd.isna(passed) else "passed" if passed else "missed",
            }
        )
    for position, bin_ in enumerate(fit.confidence.to_dict("records")):
        rows.append(
            {
                "row_kind": "confidence",
                "item": "margin",
                "item_position": position,
                "value": bin_["confidence"],
                "clip_lo": bin_["margin_lo"],
            }
        )
    for feature in fit.features.to_dict("records"):
        rows.append(
            {
                "row_kind": "feature",
                "item": feature["feature"],
                "item_position": feature["feature_position"],
                "value": feature["reliability"],
                "text": f"{feature['status']}: {feature['note']}".rstrip(": "),
            }
        )
    if fit.k:
        from clientele.personas.description import description_rows

        rows += _judgement_rows(fit, evaluations, verdict, before)
        version_before = None if before is None else str(before["model_version"].iloc[0])
        rows += description_rows(fit.labels, frames, earlier, version_before)
    return _typed(rows)


def _judgement_rows(
    fit: PersonaFit, evaluations: pd.DataFrame, verdict: Standing, before: pd.DataFrame | None
) -> list[dict[str, object]]:
    """Return evaluations, criteria of the gate, and lineage."""
    ends = {"ci_lo": "clip_lo", "ci_hi": "clip_hi"}
    rows = (
        evaluations.rename(columns={"metric": "item"} | ends).assign(row_kind="evaluation").to_dict("records")
    )
    for position, criterion in enumerate(verdict.criteria.to_dict("records"), start=1):
        is_met = criterion["is_met"]
        rows.append(
            {
                "row_kind": "gate",
                "item": criterion["criterion"],
                "item_position": position,
                "compared_with": criterion["compared_with"],
                "value": criterion["value"],
                "clip_lo": criterion["ci_lo"],
                "clip_hi": criterion["bar"],
                "text": "not measured" if pd.isna(is_met) else "met" if is_met else "missed",
            }
        )
    version_before = "" if before is None else str(before["model_version"].iloc[0])
    for segment in fit.lineage.to_dict("records"):
        rows.append(
            {
                "row_kind": "lineage",
                "segment_id": segment["segment_id"],
                "item": segment["change"],
                "item_position": segment["from_segment_id"],
                "value": segment["jaccard"],
                "clip_lo": segment["n_users"],
                "clip_hi": segment["from_n_users"],
                "compared_with": version_before,
            }
        )
    return rows


def _typed(rows: list[dict[str, object]]) -> pd.DataFrame:
    return typed(pd.DataFrame(rows, columns=list(SCHEMA)), SCHEMA)
