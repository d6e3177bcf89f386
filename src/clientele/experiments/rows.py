"""The effects of all experiments as rows: what the dbt Python model calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from clientele.learning.fields import is_newest, next_number, to_fields

__all__ = ["EVERYBODY", "effect_rows", "effects_of"]

EVERYBODY = "all"
_GUARD = 0.999  # of an interval that is looked at every day
_KEYS = ["experiment", "measure", "persona", "stratum", "arm"]


def effect_rows(sums: pd.DataFrame, earlier: pd.DataFrame | None, smallest_cell: int) -> pd.DataFrame:
    """Return the effects as new rows of ``experiment_fit_fields``.

    Parameters
    ----------
    sums : DataFrame
        core.experiment_sums.
    earlier : DataFrame or None
        The rows so far; None when there is no table.
    smallest_cell : int
        Groups with fewer customers in an arm are left out.

    Returns
    -------
    DataFrame
        Columns of `clientele.learning.fields.SCHEMA`, with the part ``effects``; empty when the sums are
        those of the last time, or tea-tasting is not installed.

    Examples
    --------
    >>> len(effect_rows(pd.DataFrame(), None, 20))
    0
    """
    if not len(sums):
        return to_fields({})
    from clientele.experiments.effects import is_available

    if not is_available():
        return to_fields({})
    sums = sums.sort_values(_KEYS, ignore_index=True)
    text = sums.to_csv(index=False, float_format="%.12g")
    version = hashlib.sha256(f"{smallest_cell}\n{text}".encode()).hexdigest()[:16]
    if is_newest(version, earlier):
        return to_fields({})
    found = pd.concat([pd.DataFrame(), *effects_of(sums, smallest_cell)], ignore_index=True)
    if found.empty:  # the sums are noted all the same
        found = pd.DataFrame({"experiment": [""]})
    return to_fields({"effects": found}, next_number(earlier), version)


def effects_of(sums: pd.DataFrame, smallest_cell: int) -> Iterator[pd.DataFrame]:
    """Yield the effects of each experiment and measure: all after its end, only guardrails before.

    Parameters
    ----------
    sums : DataFrame
        core.experiment_sums.
    smallest_cell : int

    Yields
    ------
    DataFrame
        A row per persona (`EVERYBODY` first) and arm, with the fields of
        :class:`~clientele.experiments.effects.Effect`, `confidence`, `p_adjusted` (Benjamini and Hochberg,
        over the arms of a measure, and over its personas and arms) and `shrunken_effect`, `shrunken_low`,
        `shrunken_high`.
    """
    from scipy.stats import false_discovery_control, norm

    from clientele.experiments.effects import effect_of
    from clientele.experiments.shrinkage import shrunken

    for (experiment, measure), own in sums.groupby(["experiment", "measure"], sort=True):
        first = own.iloc[0]
        if not first["is_over"] and first["measure_role"] != "guardrail":
            continue
        confidence = 0.95 if first["is_over"] else _GUARD
        rows = []
        for arm in sorted(own.loc[~own["is_control"].astype(bool), "arm"].unique()):
            for persona in [EVERYBODY, *sorted(own["persona"].unique())]:
                cell = own if persona == EVERYBODY else own[own["persona"] == persona]
                control, treated = cell[cell["is_control"].astype(bool)], cell[cell["arm"] == arm]
                if min(control["n_customers"].sum(), treated["n_customers"].sum()) < max(smallest_cell, 2):
                    continue
                effect = effect_of(control, treated, confidence)
                if effect is not None:
                    named = {"experiment": experiment, "measure": measure, "persona": persona, "arm": arm}
                    rows.append(named | asdict(effect) | {"confidence": confidence})
        if not rows:
            continue
        found = pd.DataFrame(rows)
        is_persona = found["persona"] != EVERYBODY
        found["p_adjusted"] = found.groupby(is_persona)["p_value"].transform(false_discovery_control)
        found["shrunken_effect"] = np.nan
        found["shrunken_low"] = np.nan
        found["shrunken_high"] = np.nan
        reach = norm.ppf((1 + confidence) / 2)
        for _, group in found[is_persona & (found["standard_error"] > 0)].groupby("arm"):
            means, deviations = shrunken(group["effect"].to_numpy(), group["standard_error"].to_numpy())
            found.loc[group.index, "shrunken_effect"] = means
            found.loc[group.index, "shrunken_low"] = means - reach * deviations
            found.loc[group.index, "shrunken_high"] = means + reach * deviations
        yield found
