"""Studies of short histories as rows of one table, ``core.segment_studies``: what a Python model calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clientele.learning.tables import typed

if TYPE_CHECKING:
    from clientele.personas.short_histories import Study

# One schema for all kinds of rows, as in segment_fits.
SCHEMA = {
    "fit_number": "int64",
    "model_version": "str",
    "row_kind": "str",
    "n_events": "int64",
    "segment_id": "int64",
    "item": "str",
    "item_position": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "feature_mean": "float64",
    "n_users": "int64",
    "text": "str",
}


def study_rows(
    histories: pd.DataFrame, fits: pd.DataFrame, earlier: pd.DataFrame | None, *, compare: bool
) -> pd.DataFrame:
    """Study every model that has not been studied; return the new rows of ``core.segment_studies``.

    Parameters
    ----------
    histories : DataFrame
        ``core.truncated_histories``; empty when no study is due or the shop has too few long histories.
    fits : DataFrame
        ``core.segment_fits``.
    earlier : DataFrame or None
        The rows of ``segment_studies`` so far; None when there is no table.
    compare : bool
        Also measure other early classifiers with the newest model, once.

    Returns
    -------
    DataFrame
        Columns of `SCHEMA`; what each kind of row holds is told in segment_studies.yml.
    """
    if histories.empty:
        return typed(pd.DataFrame(), SCHEMA)
    # here: scikit-learn takes two seconds, and most builds study nothing
    from clientele.personas.short_histories import compare_early_classifiers, study_short_histories

    rows: list[pd.DataFrame] = []
    weights = fits[fits["row_kind"] == "weight"].rename(
        columns={"item": "feature", "item_position": "feature_position", "value": "weight"}
    )
    known = earlier if earlier is not None else pd.DataFrame(columns=list(SCHEMA))
    compared = set(known.loc[known["row_kind"] == "comparison", "fit_number"])
    newest = weights["fit_number"].max()
    for fit_number, model in weights.groupby("fit_number"):
        of_model = []
        if fit_number not in set(known["fit_number"]):
            study = study_short_histories(histories, model)
            of_model += [] if study is None else _rows_of(study)
        if compare and fit_number == newest and fit_number not in compared:
            found = compare_early_classifiers(histories, model)
            of_model.append(found.rename(columns={"method": "item"}).assign(row_kind="comparison"))
        rows += [
            table.assign(fit_number=fit_number, model_version=model["model_version"].iloc[0])
            for table in of_model
        ]
    return typed(pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(), SCHEMA)


def _rows_of(study: Study) -> list[pd.DataFrame]:
    choice = pd.DataFrame(
        [
            {"item": item, "text": value} if isinstance(value, str) else {"item": item, "value": value}
            for item, value in study.choice.items()
        ]
    )
    confidence = study.confidence.rename(
        columns={"rule": "item", "margin_lo": "low", "confidence": "value"}
    ).assign(item_position=study.confidence.groupby("n_events").cumcount() + 1)
    return [
        choice.assign(row_kind="choice"),
        study.lengths.rename(columns={"metric": "item"}).assign(row_kind="length"),
        study.recalls.assign(row_kind="recall", item="recall"),
        study.ceilings.rename(columns={"metric": "item"}).assign(row_kind="ceiling"),
        study.early_weights.rename(
            columns={
                "feature": "item",
                "feature_position": "item_position",
                "weight": "value",
                "clip_lo": "low",
                "clip_hi": "high",
            }
        ).assign(row_kind="early_weight"),
        confidence.assign(row_kind="confidence"),
        study.calibration.rename(
            columns={"decile": "item_position", "confidence": "low", "kept": "value"}
        ).assign(row_kind="calibration", item="decile"),
    ]
