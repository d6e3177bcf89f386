"""A fit as rows of one table, and back: what the dbt Python models call.

Every fit writes rows of several kinds into ``core.segment_fits``; SQL models split them again. One table,
because one dbt Python model writes one table, and a fit must be kept or lost as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from clientele.segmentation.fit import PersonaFit, fit_personas
from clientele.segmentation.naming import name_segments, profile
from clientele.segmentation.scoring import score
from clientele.segmentation.settings import Settings

# One schema for all kinds; `item` is a feature, a metric, a field of the card or a language.
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
}


def fit_rows(
    frames: Mapping[str, pd.DataFrame],
    earlier: pd.DataFrame | None,
    *,
    refit: bool,
    max_segments: int,
    sample_users: int,
) -> pd.DataFrame:
    """Fit personas if there is no model yet or one is asked for; return the new rows of ``segment_fits``.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``sample``, ``catalog``, ``replicates``, ``training``, ``as_of``, ``names``, ``families``: the dbt
        models and the seed of these names.
    earlier : DataFrame or None
        The rows of ``segment_fits`` so far; None when there is no table.
    refit : bool
        Fit although there is a model.
    max_segments, sample_users : int
        Upper bounds.

    Returns
    -------
    DataFrame
        Columns of `SCHEMA`; empty when no fit is due, or when the fit gives the model that there is already.
    """
    has_model = earlier is not None and bool((earlier["row_kind"] == "weight").any())
    if has_model and not refit:
        return _typed([])
    fit = _fit(frames, max_segments, sample_users)
    if earlier is not None and fit.model_version in set(earlier["model_version"]):
        return _typed([])
    number = 1 if earlier is None or earlier.empty else int(earlier["fit_number"].max()) + 1
    return _rows(fit, frames).assign(fit_number=number, model_version=fit.model_version)[list(SCHEMA)]


def label_rows(sample: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Label users with the rows of one model version; an empty frame of the same columns without a model."""
    if weights.empty or sample.empty:
        return pd.DataFrame({"user_sk": pd.Series(dtype="int64"), "segment_id": pd.Series(dtype="int64")})
    return score(sample, weights)[["user_sk", "segment_id"]]


def _fit(frames: Mapping[str, pd.DataFrame], max_segments: int, sample_users: int) -> PersonaFit:
    as_of = pd.Timestamp(frames["as_of"]["as_of_at"].iloc[0])
    settings = Settings(
        as_of=as_of.date(), max_k=max_segments, min_k=min(4, max_segments), max_users=sample_users
    )
    training = frames["training"]
    outcomes = None if training.empty else training.drop(columns="as_of")
    replicates = None if frames["replicates"].empty else frames["replicates"].drop(columns="half")
    return fit_personas(frames["sample"], frames["catalog"], outcomes, settings, replicates)


def _rows(fit: PersonaFit, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    card = fit.model_card.iloc[0]
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
        rows += _name_rows(fit, frames)
    return _typed(rows)


def _name_rows(fit: PersonaFit, frames: Mapping[str, pd.DataFrame]) -> list[dict[str, object]]:
    ranked = frames["families"].sort_values("family_rank")
    families = {
        f"family_{rank}": str(family).replace("_", " ")
        for rank, family in zip(ranked["family_rank"], ranked["category_family"], strict=True)
    }
    sample = frames["sample"][frames["sample"]["user_sk"].isin(fit.labels["user_sk"])]
    profiles, _ = profile(sample, fit.labels, frames["catalog"])
    names = name_segments(profiles, frames["names"], families)
    return [
        {
            "row_kind": "name",
            "segment_id": name["segment_id"],
            "item": language,
            "text": name[f"segment_name_{language}"],
        }
        for name in names.to_dict("records")
        for language in ("en", "fr")
    ]


def _typed(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(SCHEMA))
    for name, kind in SCHEMA.items():
        if kind == "int64":
            table[name] = pd.to_numeric(table[name]).fillna(0).astype("int64")
        elif kind == "float64":
            table[name] = pd.to_numeric(table[name]).astype("float64")
        else:
            table[name] = table[name].astype("string")  # keeps its type when there is no row
    return table
