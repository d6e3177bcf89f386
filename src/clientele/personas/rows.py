"""A fit as the rows of its parts, and back: what the dbt Python models call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from clientele.learning.fields import next_number, part_of, to_fields
from clientele.personas.scoring import WEIGHT_COLUMNS, score
from clientele.personas.settings import Settings

# What fits and judges is imported where it is used: scikit-learn takes two seconds, most builds fit nothing.
if TYPE_CHECKING:
    from clientele.personas.fit import PersonaFit
    from clientele.personas.gate import Standing

# The field of a card, and the column of fit_request, that says what features were made with (decision 0060).
FEATURES_HASH = "features_hash"

# The columns of the labels that Python gives a sample, and their types.
_LABEL_TYPES = {
    "user_sk": "Int64",
    "segment_id": "Int64",
    "early_segment_id": "Int64",
    FEATURES_HASH: "Int64",
    "model_version": "string",
    "early_model_version": "string",
}


def fit_rows(
    frames: Mapping[str, pd.DataFrame],
    earlier: pd.DataFrame | None,
    *,
    max_segments: int,
    sample_users: int,
    layers: Sequence[int] = (),
) -> pd.DataFrame:
    """Fit personas if that is due, judge them, and return the new rows of ``persona_fit_fields``.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``request``, ``sample``, ``catalog``, ``replicates``, ``training``, ``as_of``, ``names``,
        ``families``: the dbt models and the seed of these names (``request``: fit_request, ``training``:
        training_frame).
    earlier : DataFrame or None
        The rows of ``persona_fit_fields`` so far; None when there is no table.
    max_segments, sample_users : int
        Upper bounds.
    layers : sequence of int
        Units of a deep challenger's layers, which is then fitted beside the linear model and judged as every
        other challenger; empty: there is none.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; empty when no fit is due. A fit that gives a model
        which there is already leaves the part ``unchanged``, the first time and whenever the features are
        made otherwise.
    """
    request = frames["request"].iloc[0]
    known = to_fields({}) if earlier is None else earlier
    weights = part_of(known, "weight")
    if len(weights) and not request["is_due"]:
        return to_fields({})
    settings = _settings(frames, max_segments, sample_users)
    before = _weights_before(weights, request["champion_version"]) if len(weights) else None
    fit, rows = _fit_once(frames, known, settings, before)
    if layers:
        # The model that would score without it: what is bent has to tell more.
        known = pd.concat([known, rows], ignore_index=True)
        _, deep = _fit_once(
            frames, known, replace(settings, layers=tuple(layers)), fit.weights if fit.k else before
        )
        rows = pd.concat([rows, deep], ignore_index=True)
    return rows


def _fit_once(
    frames: Mapping[str, pd.DataFrame], known: pd.DataFrame, settings: Settings, before: pd.DataFrame | None
) -> tuple[PersonaFit, pd.DataFrame]:
    """Fit, judge, and return the fit with its new rows."""
    from clientele.personas.gate import judge

    features_hash = str(frames["request"].iloc[0].get(FEATURES_HASH) or "")
    weights = part_of(known, "weight")
    fit = _fit(frames, settings, before, int(weights["segment_id"].max()) if len(weights) else 0)
    number = next_number(known)
    if fit.model_version in set(known["model_version"]):
        same = known[known["model_version"] == fit.model_version]
        marks = same[same["field"] == FEATURES_HASH].sort_values("fit_number")["text_value"]
        is_said = not fit.k or (same["part"] == "unchanged").any()
        if is_said and (marks.iloc[-1:].tolist() or [""]) == [features_hash]:
            return fit, to_fields({})
        parts = {"unchanged": pd.DataFrame({"is_unchanged": [True], FEATURES_HASH: [features_hash]})}
    else:
        evaluations = _evaluate(fit, frames, settings, before)
        verdict = judge(fit.status, fit.evidence, evaluations, settings, fit.reason)
        parts = _parts(fit, frames, known, evaluations, verdict, before)
        card = {FEATURES_HASH: features_hash}
        if settings.layers:
            card["layers"] = " ".join(map(str, settings.layers))
        parts["card"] = parts["card"].assign(**card)
    return fit, to_fields(parts, number, fit.model_version)


def layers_of(setting: str) -> tuple[int, ...]:
    """Return the layers that the var deep_layers names.

    Examples
    --------
    >>> layers_of("16 8"), layers_of("none")
    ((16, 8), ())
    """
    return () if setting == "none" else tuple(int(size) for size in str(setting).split())


def label_rows(sample: pd.DataFrame, weights: pd.DataFrame, early: pd.DataFrame) -> pd.DataFrame:
    """Label users with the rows of one model version, and with those of its early classifier.

    Parameters
    ----------
    sample : DataFrame, one row per user
        ``user_sk``, the features and ``features_hash``.
    weights, early : DataFrame
        ``core.segment_weights`` and ``core.early_weights``; either may be empty.

    Returns
    -------
    DataFrame
        ``user_sk``, ``segment_id``, ``early_segment_id``, ``features_hash``, ``model_version``,
        ``early_model_version`` (the early ones missing without an early classifier); no row without a model.
    """
    if weights.empty or sample.empty:
        return pd.DataFrame(columns=list(_LABEL_TYPES)).astype(_LABEL_TYPES)
    labels = sample[["user_sk", FEATURES_HASH]].merge(
        score(sample, weights)[["user_sk", "segment_id"]], on="user_sk"
    )
    labels["model_version"] = weights["model_version"].iloc[0]
    labels["early_segment_id"] = labels["early_model_version"] = pd.NA
    if len(early):
        found = score(sample, early).set_index("user_sk")["segment_id"]
        labels["early_segment_id"] = labels["user_sk"].map(found)
        labels["early_model_version"] = early["model_version"].iloc[0]
    return labels[list(_LABEL_TYPES)].astype(_LABEL_TYPES)


def _weights_before(weights: pd.DataFrame, champion: str | None) -> pd.DataFrame:
    """Weights of the champion, or of the newest model when none has been promoted yet."""
    own = weights[weights["model_version"] == champion]
    if own.empty:
        own = weights[weights["fit_number"] == weights["fit_number"].max()]
    whole = {"segment_id": "int64", "feature_position": "int64"}
    return own[list(WEIGHT_COLUMNS)].astype(whole).reset_index(drop=True)


def _settings(frames: Mapping[str, pd.DataFrame], max_segments: int, sample_users: int) -> Settings:
    as_of = pd.Timestamp(frames["as_of"]["as_of_at"].iloc[0])
    return Settings(as_of=as_of.date(), max_k=max_segments, max_users=sample_users)


def _fit(
    frames: Mapping[str, pd.DataFrame], settings: Settings, before: pd.DataFrame | None, highest_id: int
) -> PersonaFit:
    from clientele.personas.fit import fit_personas, no_personas

    training, features = frames["training"], frames["catalog"]["feature"].tolist()
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
    fit: PersonaFit, frames: Mapping[str, pd.DataFrame], settings: Settings, champion: pd.DataFrame | None
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
            settings,
            champion=champion,
        )
    )
    return pd.concat([pd.DataFrame(stability, columns=evaluations.columns), evaluations], ignore_index=True)


def _parts(
    fit: PersonaFit,
    frames: Mapping[str, pd.DataFrame],
    known: pd.DataFrame,
    evaluations: pd.DataFrame,
    verdict: Standing,
    before: pd.DataFrame | None,
) -> dict[str, pd.DataFrame]:
    """Return all that a new model leaves; one without personas has no judgement and no words."""
    judged = {"model_status": verdict.model_status, "sentence": verdict.sentence}
    if fit.k:
        judged |= {"gate": verdict.outcome, "gate_reason": verdict.reason}
    diagnostics = fit.diagnostics.rename(columns={"k": "n_segments"})
    parts = {
        "card": fit.model_card.assign(**judged),
        "weight": fit.weights,
        "diagnostic": diagnostics.drop(columns="passed").assign(
            verdict=_words(diagnostics["passed"], "passed", "missed", "reported")
        ),
        "confidence": fit.confidence,
        "feature": fit.features,
        **_of_features(frames),
    }
    if fit.k:
        from clientele.personas.description import description_parts

        version_before = None if before is None else str(before["model_version"].iloc[0])
        criteria = verdict.criteria.reset_index(drop=True)
        parts |= {
            "evaluation": evaluations,
            "gate": criteria.drop(columns="is_met").assign(
                criterion_position=criteria.index + 1,
                verdict=_words(criteria["is_met"], "met", "missed", "not measured"),
            ),
            "lineage": fit.lineage.assign(from_model_version=version_before),
        }
        parts |= description_parts(fit.labels, frames, known, version_before)
    return parts


def _of_features(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """How the features of the sample go together, for the description of the data."""
    from clientele.learning.components import correlations, principal_components

    features = frames["sample"][frames["catalog"]["feature"].tolist()]
    if len(features) < 2:
        return {}
    ordered = features.iloc[frames["sample"]["user_sk"].argsort()]
    return {"correlation": correlations(ordered), "component": principal_components(ordered)}


def _words(flags: pd.Series, yes: str, no: str, unknown: str) -> list[str]:
    return [unknown if pd.isna(flag) else yes if flag else no for flag in flags]
