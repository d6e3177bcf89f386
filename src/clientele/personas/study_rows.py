"""Studies of short histories as the rows of their parts: what a Python model calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clientele.learning.fields import part_of, to_fields

if TYPE_CHECKING:
    from clientele.personas.short_histories import Study


def study_rows(
    histories: pd.DataFrame, fits: pd.DataFrame, earlier: pd.DataFrame | None, *, compare: bool
) -> pd.DataFrame:
    """Study every model that has not been studied; return the new rows of ``persona_study_fields``.

    Parameters
    ----------
    histories : DataFrame
        ``core.truncated_histories``; empty when no study is due or the shop has too few long histories.
    fits : DataFrame
        ``core.persona_fit_fields``.
    earlier : DataFrame or None
        The rows of ``persona_study_fields`` so far; None when there is no table.
    compare : bool
        Also measure other early classifiers with the newest model, once.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`; persona_study_fields.yml lists the parts.
    """
    if histories.empty:
        return to_fields({})
    # here: scikit-learn takes two seconds, and most builds study nothing
    from clientele.personas.short_histories import compare_early_classifiers, study_short_histories

    rows: list[pd.DataFrame] = []
    weights = part_of(fits, "weight")
    known = to_fields({}) if earlier is None else earlier
    compared = set(known.loc[known["part"] == "comparison", "fit_number"])
    if weights.empty:
        return known.head(0)
    newest = weights["fit_number"].max()
    weights = weights.astype({"segment_id": "int64", "feature_position": "int64"})
    for fit_number, model in weights.groupby("fit_number"):
        parts: dict[str, pd.DataFrame] = {}
        if fit_number not in set(known["fit_number"]):
            study = study_short_histories(histories, model)
            parts |= {} if study is None else _parts_of(study)
        if compare and fit_number == newest and fit_number not in compared:
            parts["comparison"] = compare_early_classifiers(histories, model)
        rows.append(to_fields(parts, int(fit_number), str(model["model_version"].iloc[0])))
    return pd.concat(rows, ignore_index=True)


def _parts_of(study: Study) -> dict[str, pd.DataFrame]:
    return {
        "choice": pd.DataFrame([study.choice]),
        "length": study.lengths,
        "recall": study.recalls,
        "ceiling": study.ceilings,
        "early_weight": study.early_weights,
        "confidence": study.confidence,
        "calibration": study.calibration,
    }
