"""The gate: what a new model must show before it may score, criterion by criterion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.personas.prediction import BASELINES, CANDIDATE
from clientele.personas.settings import Settings

GATE_COLUMNS = ("criterion", "compared_with", "bar", "value", "ci_lo", "is_met")

# What the value, and the lower end of its interval, must reach against each baseline.
_BARS = (
    ("auc", None, -0.005),
    ("behaviour_r2", 0.03, 0.0),
    ("top_decile_lift", 0.0, None),
)
_TOLERANCE = 1e-9
# With fewer buyers in the tested months the standard error of an AUC of .75 is above .012 (Hanley and McNeil
# 1982):
# chance would decide about a bar of -.005.
MIN_BUYERS = 500


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a model.

    Attributes
    ----------
    outcome : str
        ``passed``, ``failed`` or ``unproven``: stable, and no month, or none with enough buyers, that could
        be predicted from an earlier one.
    reason : str
        A sentence that names what was missed.
    criteria : DataFrame
        `GATE_COLUMNS`; ``is_met`` is missing where nothing could be measured.
    """

    outcome: str
    reason: str
    criteria: pd.DataFrame


def judge(stability: dict[str, float], evaluations: pd.DataFrame, settings: Settings) -> Verdict:
    """Hold a model against every bar.

    Parameters
    ----------
    stability : dict of str to float
        ``prediction_strength``, ``half_sample_ari``, ``min_jaccard`` and ``min_share`` of the model.
    evaluations : DataFrame
        Of `clientele.personas.prediction.cross_validate`; empty, of the same month only, or with fewer than
        `MIN_BUYERS` in the tested months, it leaves the model unproven.
    settings : Settings
        Its stability bars.
    """
    bars = {
        "prediction_strength": settings.min_prediction_strength,
        "half_sample_ari": settings.min_half_sample_ari,
        "min_jaccard": settings.min_jaccard,
        "min_share": settings.min_share,
    }
    rows: list[tuple[object, ...]] = [
        (name, "", bar, stability[name], np.nan, bool(stability[name] >= bar)) for name, bar in bars.items()
    ]
    in_time = evaluations[evaluations["origin"] != "all"]
    is_same_month = bool(in_time["origin"].str.endswith("(same month)").any())
    n_buyers = int(in_time.loc[in_time["metric"] == "buyers", "value"].sum())
    is_proven = not is_same_month and n_buyers >= MIN_BUYERS
    differences = evaluations[(evaluations["model"] == CANDIDATE) & (evaluations["compared_with"] != "")]
    differences = differences.set_index(["compared_with", "metric"])[["value", "ci_lo"]]
    for baseline in BASELINES:
        for metric, bar_of_value, bar_of_low in _BARS:
            is_there = (baseline, metric) in differences.index
            value, low = differences.loc[(baseline, metric)] if is_there else (np.nan, np.nan)
            is_met: object = pd.NA
            if is_proven and not np.isnan(value):
                is_met = bool(
                    (bar_of_value is None or value >= bar_of_value - _TOLERANCE)
                    and (bar_of_low is None or low > bar_of_low)
                )
            bar = bar_of_low if bar_of_value is None else bar_of_value
            rows.append((metric, baseline, bar, value, low, is_met))
    criteria = pd.DataFrame(rows, columns=list(GATE_COLUMNS)).astype({"is_met": "boolean"})

    missed = criteria[criteria["is_met"].eq(False).fillna(False)]
    if len(missed):
        named = "; ".join(_describe(row) for row in missed.itertuples())
        return Verdict("failed", f"The gate is not passed: {named}.", criteria)
    if criteria["is_met"].isna().any():
        why = (
            "no later month to predict"
            if is_same_month or in_time.empty
            else f"{n_buyers} buyers in the months to predict, {MIN_BUYERS} are needed"
        )
        return Verdict("unproven", f"Stable, but unproven: {why}.", criteria)
    return Verdict("passed", "The gate is passed: stable, and better than both baselines.", criteria)


def _describe(row) -> str:
    if not row.compared_with:
        return f"{row.criterion} {row.value:.3f} < {row.bar:g}"
    return f"{row.criterion} against {row.compared_with} {row.value:+.3f} (lower bound {row.ci_lo:+.3f})"
