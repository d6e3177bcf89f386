"""The effect of an arm, from sums by stratum: intention to treat, CUPED, strata taken out.

A measure y and the same measure before the drawing, x, come as counts, sums and sums of squares of each
stratum and arm. Both are centred on the mean of their stratum, which takes out what strata explain, and
handed over to tea-tasting as aggregates, with x as covariate (CUPED: Deng, Xu, Kohavi, Walker, Improving the
Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data, WSDM 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.errors import ClienteleError

__all__ = ["Effect", "StatisticsMissing", "effect_of", "is_available"]

SUMS = ["n_customers", "sum_y", "sum_yy", "sum_x", "sum_xx", "sum_xy"]


class StatisticsMissing(ClienteleError, ImportError):
    """tea-tasting is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Effect:
    """What an arm changes against its control, per customer, in units of the measure.

    Attributes
    ----------
    n_control, n_treated : int
    control_mean : float
        Of the control, with what its strata and the time before explain put right.
    effect, effect_low, effect_high : float
        The difference of means, and its interval.
    relative_effect, relative_low, relative_high : float
        The same as a part of the control's mean; not a number where that is not above zero.
    p_value : float
        Two-sided, Welch's t.
    variance_share : float
        Variance that is left, as a part of that of the plain measure.
    standard_error : float
        Of the effect.
    """

    n_control: int
    n_treated: int
    control_mean: float
    effect: float
    effect_low: float
    effect_high: float
    relative_effect: float
    relative_low: float
    relative_high: float
    p_value: float
    variance_share: float
    standard_error: float


def is_available() -> bool:
    """Return whether tea-tasting is installed, without importing it."""
    from importlib.util import find_spec

    return find_spec("tea_tasting") is not None


def effect_of(control: pd.DataFrame, treated: pd.DataFrame, confidence: float = 0.95) -> Effect | None:
    """Compare two arms of an experiment.

    Parameters
    ----------
    control, treated : DataFrame
        A row a stratum: `stratum`, `n_customers`, `sum_y`, `sum_yy`, `sum_x`, `sum_xx`, `sum_xy`.
    confidence : float
        Of the interval.

    Returns
    -------
    Effect or None
        None where nothing varies, or an arm has fewer than two customers more than strata.

    Raises
    ------
    StatisticsMissing

    Examples
    --------
    >>> names = ["stratum", "n_customers", "sum_y", "sum_yy", "sum_x", "sum_xx", "sum_xy"]
    >>> control = pd.DataFrame([["1", 100, 50.0, 50.0, 40.0, 40.0, 30.0]], columns=names)
    >>> treated = pd.DataFrame([["1", 100, 62.0, 62.0, 41.0, 41.0, 35.0]], columns=names)
    >>> found = effect_of(control, treated)
    >>> round(found.effect, 3), found.p_value < 0.1, found.variance_share < 0.9
    (0.116, True, True)
    """
    arms = _centred(control, treated)
    if arms is None:
        return None
    if not is_available():
        raise StatisticsMissing("tea-tasting is not installed: pip install 'clientele[experiments]'")
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import Mean

    first, second = (
        Aggregates(
            count_=arm["n"],
            mean_={"y": arm["y"], "x": arm["x"]},
            var_={"y": arm["yy"], "x": arm["xx"]},
            cov_={("y", "x"): arm["xy"]},
        )
        for arm in arms
    )
    with np.errstate(all="ignore"):
        metric = Mean("y", "x", confidence_level=confidence)
        found = metric.analyze_aggregates(first, second)
    plain = sum(arm["yy"] / arm["n"] for arm in arms)
    total = first + second
    theta = total.cov("y", "x") / total.var("x") if total.var("x") > 0 else 0.0
    left = sum((arm["yy"] - 2 * theta * arm["xy"] + theta**2 * arm["xx"]) / arm["n"] for arm in arms)
    is_relative = found.control > 0 and found.treatment > 0
    return Effect(
        n_control=arms[0]["n"],
        n_treated=arms[1]["n"],
        control_mean=float(found.control),
        effect=float(found.effect_size),
        effect_low=float(found.effect_size_ci_lower),
        effect_high=float(found.effect_size_ci_upper),
        relative_effect=float(found.rel_effect_size) if is_relative else float("nan"),
        relative_low=float(found.rel_effect_size_ci_lower) if is_relative else float("nan"),
        relative_high=float(found.rel_effect_size_ci_upper) if is_relative else float("nan"),
        p_value=float(found.pvalue),
        variance_share=float(left / plain),
        standard_error=float(np.sqrt(max(left, 0.0))),
    )


def _centred(control: pd.DataFrame, treated: pd.DataFrame) -> list[dict[str, float]] | None:
    """Return count, means, variances and covariance of each arm, centred on strata; None without a spread.

    The overall means are added again, so that a mean stays a mean of the measure. A mean of a stratum costs a
    degree of freedom, which variances are raised by.
    """
    both = [frame.groupby("stratum", sort=True)[SUMS].sum().astype(float) for frame in (control, treated)]
    total = both[0].add(both[1], fill_value=0.0)
    n_all, n_strata = total["n_customers"].sum(), len(total)
    if min(len(one) for one in both) == 0 or n_all - n_strata < 4:
        return None
    level = {name: total[f"sum_{name}"].sum() / n_all for name in "yx"}
    raised = (n_all - 1) / (n_all - n_strata)
    found = []
    for one in both:
        n = one["n_customers"].sum()
        if n < 3:
            return None
        means = {name: (total[f"sum_{name}"] / total["n_customers"]).reindex(one.index) for name in "yx"}
        shifted = {name: (one[f"sum_{name}"] - means[name] * one["n_customers"]).sum() / n for name in "yx"}
        products = {}
        for left, right in (("y", "y"), ("x", "x"), ("y", "x")):
            name = "yx" if (left, right) == ("x", "y") else f"{left}{right}"
            held = one["sum_xy"] if name == "yx" else one[f"sum_{name}"]
            around = (
                held
                - means[left] * one[f"sum_{right}"]
                - means[right] * one[f"sum_{left}"]
                + means[left] * means[right] * one["n_customers"]
            ).sum()
            products[name] = max(around - n * shifted[left] * shifted[right], 0 if left == right else -np.inf)
        scale = raised / (n - 1)
        found.append(
            {
                "n": int(n),
                "y": shifted["y"] + level["y"],
                "x": shifted["x"] + level["x"],
                "yy": products["yy"] * scale,
                "xx": products["xx"] * scale,
                "xy": products["yx"] * scale,
            }
        )
    return found if all(arm["yy"] > 1e-12 for arm in found) else None
