"""The gate: what a model must show to be called proven, and what it is called otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.learning.backtest import SAME_MONTH
from clientele.personas.fit import NONE
from clientele.personas.prediction import BASES, CHAMPION, PERSONAS, crossed
from clientele.personas.settings import Settings
from clientele.personas.stability import EXPLORATORY, NO_GROUPS, STABLE

GATE_COLUMNS = ("criterion", "compared_with", "bar", "value", "ci_lo", "is_met")
PASSED, FAILED, UNPROVEN = "passed", "failed", "unproven"
PROVEN = "proven"

# What a difference must reach: its value, and the lower end of its interval. Against the base a persona must
# say more about habits; against the champion it must not say less: a new model follows the customers, it need
# not know more of them.
_AGAINST_BASE = (("auc", None, -0.005), ("volume_r2", -0.01, None), ("habit_r2", 0.05, 0.0))
_AGAINST_CHAMPION = (("auc", None, -0.005), ("volume_r2", -0.01, None), ("habit_r2", -0.01, None))
_TOLERANCE = 1e-9
# With fewer buyers in the tested months the standard error of an AUC of .75 is above .012 (Hanley and McNeil
# 1982):
# chance would decide about a bar of -.005.
MIN_BUYERS = 500
# More data than so many times what there is are no plan.
MAX_FACTOR = 20
DAYS_FOR_A_MONTH_AGO, DAYS_FOR_A_LATER_MONTH = 60, 90


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a model.

    Attributes
    ----------
    outcome : str
        ``passed``; ``failed``: something measured is short of its bar; ``unproven``: something could not be
        measured, and nothing that could is short. Neither of the two outranks the other.
    model_status : str
        ``proven``: stable, found again on the month before, and the gate is passed. ``exploratory``: groups
        that are more than a cloud shows, and not proven. ``no_groups``. ``none``.
    reason : str
        A sentence that names what was missed.
    sentence : str
        What is missing and about how much data would mend it, for people who read no criteria.
    criteria : DataFrame
        `GATE_COLUMNS`; ``is_met`` is missing where nothing could be measured.
    """

    outcome: str
    model_status: str
    reason: str
    sentence: str
    criteria: pd.DataFrame


def judge(
    status: str,
    evidence: dict[str, float],
    evaluations: pd.DataFrame,
    settings: Settings,
    reason: str = "",
) -> Verdict:
    """Hold a model against every bar.

    Parameters
    ----------
    status : str
        Of `clientele.personas.fit.PersonaFit`.
    evidence : dict of str to float
        ``prediction_strength``, ``half_sample_ari``, ``min_jaccard``, ``min_share``, ``month_ago_ari`` (NaN
        or absent: there was no month ago) and ``n_studied`` of the model.
    evaluations : DataFrame
        Of `clientele.personas.prediction.cross_validate`; empty, of the same month only, or with fewer than
        `MIN_BUYERS` in the tested months, it leaves the model unproven.
    settings : Settings
        Its stability bars.
    reason : str
        What the fit says of itself; ends the sentence where there are no groups or no model.

    Examples
    --------
    >>> from datetime import date
    >>> from clientele.learning.backtest import evaluation_rows
    >>> settings = Settings(as_of=date(2020, 4, 30))
    >>> verdict = judge("none", {}, evaluation_rows([]), settings, "Too few customers.")
    >>> verdict.model_status, verdict.sentence
    ('none', 'Too few customers.')
    """
    if status == NONE:
        empty = pd.DataFrame(columns=list(GATE_COLUMNS)).astype({"is_met": "boolean"})
        return Verdict(UNPROVEN, NONE, reason, reason, empty)
    rows = _stability_rows(evidence, settings)
    in_time = evaluations[evaluations["origin"] != "all"]
    is_same_month = bool(in_time["origin"].str.endswith(SAME_MONTH).any())
    n_buyers = int(in_time.loc[in_time["metric"] == "buyers", "value"].sum())
    counts = not is_same_month and n_buyers >= MIN_BUYERS
    rows += _prediction_rows(evaluations, counts)
    criteria = pd.DataFrame(rows, columns=list(GATE_COLUMNS)).astype({"is_met": "boolean"})
    missed = criteria[criteria["is_met"].eq(False).fillna(False)]
    missing = criteria[criteria["is_met"].isna()]

    if status == NO_GROUPS:
        return Verdict(FAILED, NO_GROUPS, reason, reason, criteria)
    if len(missed):
        named = "; ".join(_describe(row) for row in missed.itertuples())
        outcome, why = FAILED, f"The gate is not passed: {named}."
    elif len(missing):
        outcome, why = (
            UNPROVEN,
            f"Nothing is short of its bar, but unproven: {_unmeasured(missing, in_time, n_buyers)}.",
        )
    else:
        outcome = PASSED
        why = "The gate is passed: found again by every refit, and more than value and lifecycle tell."
    is_proven = outcome == PASSED and status == STABLE
    model_status = PROVEN if is_proven else EXPLORATORY
    sentence = why if is_proven else _sentence(criteria, evidence, in_time, is_same_month, n_buyers)
    return Verdict(outcome, model_status, why, sentence, criteria)


def _stability_rows(evidence: dict[str, float], settings: Settings) -> list[tuple[object, ...]]:
    bars = settings.bars | {"month_ago_ari": settings.min_month_ago_ari}
    rows: list[tuple[object, ...]] = []
    for name, bar in bars.items():
        value = evidence.get(name, np.nan)
        rows.append((name, "", bar, value, np.nan, pd.NA if np.isnan(value) else bool(value >= bar)))
    return rows


def best_base(evaluations: pd.DataFrame) -> str | None:
    """Return the base that tells most about volume, its own subject, cut into as many cells as the personas'.

    A bar is the harder the better the base is; which base is best does not depend on the personas' own
    figures.
    """
    of_bases = evaluations[
        evaluations["model"].isin(BASES)
        & (evaluations["compared_with"] == "")
        & (evaluations["origin"] == "all")
        & (evaluations["fold"] == 0)
    ]
    of_bases = of_bases[of_bases["metric"].isin(["auc", "volume_r2"])]
    total = of_bases.pivot_table(index="model", columns="metric", values="value").sum(axis=1)
    return None if total.empty else str(total.sort_index().idxmax())


def _prediction_rows(evaluations: pd.DataFrame, counts: bool) -> list[tuple[object, ...]]:
    base = best_base(evaluations)
    differences = evaluations[
        (evaluations["compared_with"] != "") & (evaluations["origin"] == "all") & (evaluations["fold"] == 0)
    ].set_index(["model", "compared_with", "metric"])[["value", "ci_lo"]]
    rows: list[tuple[object, ...]] = []
    trial = crossed(PERSONAS, base or BASES[0])
    champion = crossed(CHAMPION, base or BASES[0])
    against = [(base or "base", _AGAINST_BASE)]
    if any(champion == compared for _, compared, _ in differences.index):
        against.append((champion, _AGAINST_CHAMPION))
    for compared_with, bars in against:
        for metric, bar_of_value, bar_of_low in bars:
            key = (trial, compared_with, metric)
            value, low = differences.loc[key] if key in differences.index else (np.nan, np.nan)
            is_met: object = pd.NA
            if counts and not np.isnan(value):
                is_met = bool(
                    (bar_of_value is None or value >= bar_of_value - _TOLERANCE)
                    and (bar_of_low is None or low > bar_of_low)
                )
            bar = bar_of_low if bar_of_value is None else bar_of_value
            rows.append((metric, compared_with, bar, value, low, is_met))
    return rows


def _describe(row) -> str:
    if not row.compared_with:
        return f"{row.criterion} {row.value:.3f} < {row.bar:g}"
    return f"{row.criterion} against {row.compared_with} {row.value:+.3f} (lower bound {row.ci_lo:+.3f})"


def _unmeasured(missing: pd.DataFrame, in_time: pd.DataFrame, n_buyers: int) -> str:
    if (missing["criterion"] == "month_ago_ari").any():
        return "no month ago to compare with"
    if in_time.empty or in_time["origin"].str.endswith(SAME_MONTH).any():
        return "no later month to predict"
    if n_buyers < MIN_BUYERS:
        return f"{n_buyers} buyers in the months to predict, {MIN_BUYERS} are needed"
    return f"{missing['criterion'].iloc[0]} could not be measured"


def _sentence(
    criteria: pd.DataFrame,
    evidence: dict[str, float],
    in_time: pd.DataFrame,
    is_same_month: bool,
    n_buyers: int,
) -> str:
    """Say what is missing, and about how much data would mend it."""
    parts = []
    missed = criteria[criteria["is_met"].eq(False).fillna(False)]
    of_refits = missed[(missed["compared_with"] == "") & (missed["criterion"] != "min_share")]
    if len(of_refits):
        # What a refit finds again is short of 1 by an error that falls with the root of the customers.
        factor = float((((1 - of_refits["value"]) / (1 - of_refits["bar"])) ** 2).max())
        n_studied = int(evidence.get("n_studied", 0))
        mend = (
            f"about {_times(factor)} ({n_studied * factor:,.0f} instead of {n_studied:,}) may mend it"
            if factor <= MAX_FACTOR and n_studied
            else "more customers alone are unlikely to mend it"
        )
        parts.append(f"the groups shift when fitted on other customers or days; {mend}")
    if (missed["criterion"] == "min_share").any():
        parts.append("one group is too small to be used by itself")
    for row in missed[missed["compared_with"] != ""].itertuples():
        room = row.value - (0.0 if row.criterion == "habit_r2" else row.bar)
        width = row.value - row.ci_lo
        is_enough = row.criterion != "habit_r2" or row.value >= row.bar
        subject = {"auc": "who buys", "volume_r2": "how much is bought", "habit_r2": "next month's habits"}
        mend = "more data are unlikely to mend it"
        if is_enough and room > 0 and (width / room) ** 2 <= MAX_FACTOR:
            mend = f"about {_times((width / room) ** 2)} would tell"
        parts.append(
            f"they do not yet show more than {row.compared_with} about {subject[row.criterion]}; {mend}"
        )
    if criteria.loc[criteria["criterion"] == "month_ago_ari", "is_met"].isna().any():
        parts.append(
            f"there is no month ago to compare with; it takes {DAYS_FOR_A_MONTH_AGO} days of history"
        )
    if in_time.empty or is_same_month:
        parts.append(f"there is no later month to predict; it takes {DAYS_FOR_A_LATER_MONTH} days of history")
    elif n_buyers < MIN_BUYERS:
        factor = MIN_BUYERS / max(n_buyers, 1)
        parts.append(
            f"{n_buyers} buyers in the months to predict are too few to tell, {MIN_BUYERS} are needed: "
            f"about {_times(factor, 'months or customers')}"
        )
    if not parts:
        parts.append("the figures lie at their bars; the next fit will tell")
    return f"Exploratory: {'; '.join(parts)}."


def _times(factor: float, of_what: str = "customers") -> str:
    return f"{max(factor, 1.1):.1f} times as many {of_what}"
