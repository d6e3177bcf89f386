"""The gate: what a model must show to be called proven, and what it is called otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.learning import gate
from clientele.learning.backtest import SAME_MONTH
from clientele.learning.gate import FAILED, PASSED, UNPROVEN, Criterion
from clientele.personas.fit import NONE
from clientele.personas.prediction import BASES, CHAMPION, PERSONAS, crossed
from clientele.personas.settings import Settings
from clientele.personas.stability import EXPLORATORY, NO_GROUPS, STABLE

PROVEN = "proven"

# What a difference must reach: its value, and the lower end of its interval. Against the base a persona must
# say more about habits; against the champion it must not say less: a new model follows the customers, it need
# not know more of them.
_AGAINST_BASE = (("auc", None, -0.005), ("volume_r2", -0.01, None), ("habit_r2", 0.05, 0.0))
_AGAINST_CHAMPION = (("auc", None, -0.005), ("volume_r2", -0.01, None), ("habit_r2", -0.01, None))
# A model of more parameters has to tell more than the simpler one, or it is not worth them.
_DEEP_AGAINST_CHAMPION = (("auc", None, -0.005), ("volume_r2", -0.01, None), ("habit_r2", None, 0.0))
# With fewer buyers in the tested months the standard error of an AUC of .75 is above .012 (Hanley and McNeil
# 1982):
# chance would decide about a bar of -.005.
MIN_BUYERS = 500
# More data than so many times what there is are no plan.
MAX_FACTOR = 20
DAYS_FOR_A_MONTH_AGO, DAYS_FOR_A_LATER_MONTH = 60, 90


@dataclass(frozen=True)
class Standing:
    """What the gate says of a model.

    Attributes
    ----------
    outcome : str
        ``passed``, ``failed`` or ``unproven``, as of `clientele.learning.gate.Verdict`.
    model_status : str
        ``proven``: stable, found again on the month before, and the gate is passed. ``exploratory``: groups
        that are more than a cloud shows, and not proven. ``no_groups``. ``none``.
    reason : str
        A sentence that names what was missed.
    sentence : str
        What is missing and about how much data would mend it, for people who read no criteria.
    criteria : DataFrame
        `CRITERION_COLUMNS`; ``is_met`` is missing where nothing could be measured.
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
) -> Standing:
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
        Its stability bars. With ``layers`` the model has to tell more of habits than the champion.
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
        return Standing(UNPROVEN, NONE, reason, reason, gate.judge([]).criteria)
    in_time = evaluations[evaluations["origin"] != "all"]
    has_later_month = len(in_time) > 0 and not in_time["origin"].str.endswith(SAME_MONTH).any()
    n_buyers = int(in_time.loc[in_time["metric"] == "buyers", "value"].sum())
    why_not = (
        f"{n_buyers} buyers in the months to predict, {MIN_BUYERS} are needed"
        if has_later_month
        else "no later month to predict"
    )
    verdict = gate.judge(
        _of_refits(evidence, settings)
        + _of_predictions(
            evaluations, has_later_month and n_buyers >= MIN_BUYERS, why_not, is_deep=bool(settings.layers)
        ),
        "The gate is passed: found again by every refit, and more than value and lifecycle tell.",
    )
    if status == NO_GROUPS:
        return Standing(FAILED, NO_GROUPS, reason, reason, verdict.criteria)
    if verdict.outcome == PASSED and status == STABLE:
        return Standing(PASSED, PROVEN, verdict.reason, verdict.reason, verdict.criteria)
    sentence = _sentence(verdict.criteria, evidence, has_later_month, n_buyers)
    return Standing(verdict.outcome, EXPLORATORY, verdict.reason, sentence, verdict.criteria)


def _of_refits(evidence: dict[str, float], settings: Settings) -> list[Criterion]:
    bars = settings.bars | {"month_ago_ari": settings.min_month_ago_ari}
    return [
        Criterion(
            name=name, value=evidence.get(name, np.nan), bar=bar, why_not="no month ago to compare with"
        )
        for name, bar in bars.items()
    ]


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


def _of_predictions(
    evaluations: pd.DataFrame, is_measured: bool, why_not: str, is_deep: bool
) -> list[Criterion]:
    base = best_base(evaluations)
    trial, champion = (crossed(model, base or "base") for model in (PERSONAS, CHAMPION))
    differences = evaluations[
        (evaluations["model"] == trial) & (evaluations["origin"] == "all") & (evaluations["fold"] == 0)
    ].set_index(["compared_with", "metric"])[["value", "ci_lo", "ci_hi"]]
    against = {base or "base": _AGAINST_BASE}
    if is_deep:
        against[champion] = _DEEP_AGAINST_CHAMPION
    elif champion in differences.index.get_level_values("compared_with"):
        against[champion] = _AGAINST_CHAMPION
    criteria = []
    for compared_with, bars in against.items():
        for metric, bar, bar_of_low in bars:
            key = (compared_with, metric)
            value, low, high = differences.loc[key] if key in differences.index else (np.nan,) * 3
            criteria.append(
                Criterion(
                    name=metric,
                    compared_with=compared_with,
                    value=value,
                    ci_lo=low,
                    ci_hi=high,
                    bar=bar,
                    bar_of_low=bar_of_low,
                    is_measured=is_measured,
                    why_not=why_not,
                )
            )
    return criteria


def _sentence(
    criteria: pd.DataFrame, evidence: dict[str, float], has_later_month: bool, n_buyers: int
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
        tell = "add too little to" if row.criterion == "habit_r2" else "tell less than"
        if is_enough and room > 0:
            # the estimate is good enough, and its interval too wide to rely on it
            tell = "may add nothing to" if row.criterion == "habit_r2" else "may tell less than"
        parts.append(f"cell for cell they {tell} {row.compared_with} about {subject[row.criterion]}; {mend}")
    if criteria.loc[criteria["criterion"] == "month_ago_ari", "is_met"].isna().any():
        parts.append(
            f"there is no month ago to compare with; it takes {DAYS_FOR_A_MONTH_AGO} days of history"
        )
    if not has_later_month:
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
