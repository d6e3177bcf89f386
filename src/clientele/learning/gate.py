"""The gate: criteria go in, a verdict comes out. Which criteria there are is said elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

PASSED, FAILED, UNPROVEN = "passed", "failed", "unproven"
CRITERION_COLUMNS = ("criterion", "compared_with", "bar", "value", "ci_lo", "ci_hi", "is_met")
_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A value held against a bar.

    Parameters
    ----------
    name : str
    compared_with : str
        The baseline, if the value is a difference from one.
    value, ci_lo, ci_hi : float
        NaN: not measured.
    bar : float or None
        The value must be at least so large.
    bar_of_low : float or None
        The lower end of the interval must be larger.
    highest : float or None
        The value must be at most so large, as a calibration error.
    is_measured : bool
        False: there is a value, and too little behind it to decide anything.
    why_not : str
        A few words on what is missing, for the reason.

    Examples
    --------
    >>> Criterion(name="auc", compared_with="rules", value=0.01, ci_lo=-0.001, bar_of_low=-0.005).is_met
    True
    >>> Criterion(name="auc", value=float("nan"), bar=0.6).is_met is None
    True
    """

    name: str
    value: float
    compared_with: str = ""
    ci_lo: float = np.nan
    ci_hi: float = np.nan
    bar: float | None = None
    bar_of_low: float | None = None
    highest: float | None = None
    is_measured: bool = True
    why_not: str = ""

    def __post_init__(self) -> None:
        """Refuse a criterion that nothing could miss."""
        if self.bar is None and self.bar_of_low is None and self.highest is None:
            raise ValueError(f"The criterion {self.name!r} has no bar; give one.")

    @property
    def is_met(self) -> bool | None:
        """Whether every bar is reached; None: not measured. An unknown lower bound misses its bar."""
        if not self.is_measured or np.isnan(self.value):
            return None
        return bool(
            (self.bar is None or self.value >= self.bar - _TOLERANCE)
            and (self.highest is None or self.value <= self.highest + _TOLERANCE)
            and (self.bar_of_low is None or self.ci_lo > self.bar_of_low)
        )

    def describe(self) -> str:
        """Return the criterion as part of a sentence."""
        if self.compared_with:
            low = "" if np.isnan(self.ci_lo) else f" (lower bound {self.ci_lo:+.3f})"
            return f"{self.name} against {self.compared_with} {self.value:+.3f}{low}"
        if self.highest is not None and self.value > self.highest:
            return f"{self.name} {self.value:.3f} > {self.highest:g}"
        if self.bar is not None and self.value < self.bar:
            return f"{self.name} {self.value:.3f} < {self.bar:g}"
        return f"{self.name} {self.value:.3f} (lower bound {self.ci_lo:.3f})"


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a model.

    Attributes
    ----------
    outcome : str
        ``passed``: every criterion is met; ``failed``: one or more is missed; ``unproven``: none is missed,
        and one or more could not be measured.
    reason : str
        A sentence that names what was missed or what is lacking.
    criteria : DataFrame
        `CRITERION_COLUMNS`; ``is_met`` is missing where nothing could be measured. ``bar`` is the one that
        the value is held against or, without one, that of the lower bound.
    """

    outcome: str
    reason: str
    criteria: pd.DataFrame

    @property
    def may_score(self) -> bool:
        """Whether the model may score: only what has passed. Unproven never outranks failed: both wait.

        A model with little evidence may not do what the same model with more evidence was refused.
        """
        return self.outcome == PASSED


def judge(
    criteria: Sequence[Criterion], passed: str = "The gate is passed: every criterion is met."
) -> Verdict:
    """Hold a model against every criterion.

    Parameters
    ----------
    criteria : sequence of Criterion
        One or more: a model without any has shown nothing, and is unproven.
    passed : str
        The sentence for a model that meets them all.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> judge([Criterion(name="ari", value=0.7, bar=0.8)]).reason
    'The gate is not passed: ari 0.700 < 0.8.'
    """
    rows = pd.DataFrame(
        [
            (
                one.name,
                one.compared_with,
                next(bar for bar in (one.bar, one.highest, one.bar_of_low) if bar is not None),
                one.value,
                one.ci_lo,
                one.ci_hi,
                pd.NA if one.is_met is None else one.is_met,
            )
            for one in criteria
        ],
        columns=list(CRITERION_COLUMNS),
    ).astype({"is_met": "boolean"})
    missed = [one for one in criteria if one.is_met is False]
    if missed:
        named = "; ".join(one.describe() for one in missed)
        return Verdict(FAILED, f"The gate is not passed: {named}.", rows)
    unknown = [one for one in criteria if one.is_met is None]
    if unknown or not criteria:
        why = list(dict.fromkeys(one.why_not for one in unknown if one.why_not))
        lacking = "; ".join(why) or ", ".join(dict.fromkeys(one.name for one in unknown)) or "no criterion"
        return Verdict(UNPROVEN, f"Nothing is missed, but it is unproven: {lacking}.", rows)
    return Verdict(PASSED, passed, rows)


def best(verdicts: dict[str, Verdict]) -> str | None:
    """Return the first name whose model has passed, or else None: unproven models do not score.

    Examples
    --------
    >>> met, unknown = Criterion(name="a", value=1, bar=0), Criterion(name="a", value=np.nan, bar=0)
    >>> best({"new": judge([unknown]), "old": judge([met])})
    'old'
    """
    return next((name for name, verdict in verdicts.items() if verdict.may_score), None)
