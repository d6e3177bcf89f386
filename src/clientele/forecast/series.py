"""A forecast of one series of daily sales: by the ridge model, or by the weekday's median if not beaten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clientele.learning.daily import (
    DailyRidge,
    WeekdayMedian,
    conformal_factors,
    refusal,
)
from clientele.learning.resampling import bootstrap_weights

MODEL, RULE, REFUSED = "model", "weekday", "refused"
TESTED_ORIGINS = 2
N_ORIGINS = 6
RULE_DAYS, RECENT_DAYS = 28, 56
# A regressor that was on or off for fewer days tells more of those days than of itself.
MIN_REGRESSOR_DAYS = 14
_YEAR = 365


def told(past: pd.DataFrame, regressors: Sequence[str]) -> list[str]:
    """Return the regressors that were on and off for a fortnight.

    Examples
    --------
    >>> told(pd.DataFrame({"promo": [0] * 20 + [1] * 14, "gift": [0] * 33 + [1]}), ["promo", "gift"])
    ['promo']
    """
    return [
        name
        for name in regressors
        if MIN_REGRESSOR_DAYS <= past[name].sum() <= len(past) - MIN_REGRESSOR_DAYS
    ]


def closed_weekdays(past: pd.DataFrame) -> set[int]:
    """Return the weekdays (Monday is 0) on which the shop was closed at least three times in four lately.

    Examples
    --------
    >>> day = pd.date_range("2020-01-06", periods=56)
    >>> closed_weekdays(pd.DataFrame({"day": day, "is_open": day.day_of_week != 5}))
    {5}
    """
    late = past.tail(RECENT_DAYS)
    share = late["is_open"].astype(float).groupby(pd.DatetimeIndex(late["day"]).day_of_week).mean()
    return set(share.index[share <= 0.25])


def said_at(
    past: pd.DataFrame, days: pd.DataFrame, regressors: Sequence[str], by_regressors: bool = False
) -> dict[str, np.ndarray]:
    """Return what model and rule say of `days`, having seen `past`; the rule tells regressors apart if asked.

    A day on which the shop was closed tells the model nothing of days on which it is open.
    """
    known = past[past["is_open"]]
    names = told(known, regressors)
    model = DailyRidge(names).fit(known).predict(days)
    is_closed = pd.DatetimeIndex(days["day"]).day_of_week.isin(list(closed_weekdays(past)))
    # Of four weeks a weekday with a promotion is one day or two: the rule that tells them apart reads all.
    tells = by_regressors and bool(names)
    rule = WeekdayMedian(names, None).fit(known) if tells else WeekdayMedian((), RULE_DAYS).fit(past)
    said = rule.predict(days)
    return {
        MODEL: np.where(is_closed, 0.0, model),
        RULE: np.where(is_closed, 0.0, said) if tells else said,
    }


def tried(
    past: pd.DataFrame, length: int, regressors: Sequence[str], by_regressors: bool = False
) -> list[pd.DataFrame]:
    """Forecast from earlier days, as many days apart as a forecast is long, the newest first.

    Returns
    -------
    list of DataFrame
        For each earlier day what came, model and rule; columns ``value``, ``is_open``, `MODEL` and `RULE`.
    """
    days = pd.DatetimeIndex(past["day"])
    found = []
    for number in range(1, N_ORIGINS + 1):
        origin = days.max() - pd.Timedelta(days=number * length)
        known, came = past[days <= origin], past[days > origin].head(length)
        if refusal((origin - days.min()).days + 1):
            break
        own = came[["value", "is_open"]].reset_index(drop=True)
        found.append(own.assign(**said_at(known, came, regressors, by_regressors)))
    return found


def gain(trials: Sequence[pd.DataFrame], n_bootstraps: int = 500) -> tuple[float, float, float, float]:
    """Hold the model's errors against the rule's.

    Parameters
    ----------
    trials : sequence of DataFrame
        As of `tried`.

    Returns
    -------
    tuple of float
        WAPE of the model and of the rule, by how much the model's is smaller, and the lower end of an
        interval of 95 % for that, by a bootstrap over weeks. NaN where nothing came.

    Examples
    --------
    >>> trial = pd.DataFrame({"value": [10.0] * 14, "model": [9.0] * 14, "weekday": [8.0] * 14})
    >>> [round(one, 3) for one in gain([trial])]
    [0.1, 0.2, 0.1, 0.1]
    """
    weeks = [trial.iloc[start : start + 7] for trial in trials for start in range(0, len(trial), 7)]
    came = np.array([week["value"].abs().sum() for week in weeks])
    errors = {
        name: np.array([(week["value"] - week[name]).abs().sum() for week in weeks]) for name in (MODEL, RULE)
    }
    if not came.sum():
        return np.nan, np.nan, np.nan, np.nan
    weights = bootstrap_weights(len(weeks), n_bootstraps, 0)
    total = weights @ came
    drawn = (weights @ (errors[RULE] - errors[MODEL]))[total > 0] / total[total > 0]
    wapes = [float(errors[name].sum() / came.sum()) for name in (MODEL, RULE)]
    return *wapes, wapes[1] - wapes[0], float(np.quantile(drawn[1:], 0.025))


def log_errors(trials: Sequence[pd.DataFrame], source: str) -> list[np.ndarray]:
    """Return ln((1 + came) / (1 + said)) of the open days of each trial."""
    opened = [trial[trial["is_open"] & (trial[source] > 0)] for trial in trials]
    return [np.log1p(own["value"].to_numpy()) - np.log1p(own[source].to_numpy()) for own in opened]


def bounds(said: np.ndarray, factors: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of an interval; never below 0, and 0 where nothing is expected."""
    low, high = (np.where(said > 0, np.maximum((1 + said) * factor - 1, 0.0), 0.0) for factor in factors)
    return low, high


def coverage(trials: Sequence[pd.DataFrame], source: str) -> float:
    """Return how often the interval made of earlier trials held in the newest; NaN with too few of them."""
    factors = conformal_factors([own for own in log_errors(trials[1:], source) if len(own)])
    if factors is None:
        return np.nan
    low, high = bounds(trials[0][source].to_numpy(), factors)
    came = trials[0]["value"].to_numpy()
    return float(((came >= low) & (came <= high)).mean())


def forecast_series(
    past: pd.DataFrame, future: pd.DataFrame, regressors: Sequence[str] = (), by_regressors: bool = False
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Forecast one series, by the model where earlier days prove it better than the rule.

    Parameters
    ----------
    past : DataFrame
        ``day``, ``value`` and the regressors, a row for each day; ``is_open`` where some were not.
    future : DataFrame
        ``day`` and the regressors of the days to come.
    regressors : sequence of str
    by_regressors : bool
        Whether the rule to beat is the median of weekday and regressors, not that of the weekday.

    Returns
    -------
    tuple of DataFrame and dict
        Rows with ``day``, ``forecast``, ``lo_80``, ``hi_80``, ``stock_95`` (which 95 % of days stay below;
        all three missing with fewer than three earlier origins) and ``season_seen``, none where the series
        is refused; and ``forecast_source``, ``reason``, ``n_origins``, ``wape``, ``wape_rule``, ``gain_lo``
        and ``coverage_80``.
    """
    past = past.sort_values("day", ignore_index=True)
    if "is_open" not in past:
        past["is_open"] = True
    if reason := refusal(len(past)):
        return pd.DataFrame(), {"forecast_source": REFUSED, "reason": reason, "n_origins": 0}
    trials = tried(past, len(future), regressors, by_regressors)
    wape, wape_rule, better, gain_lo = gain(trials) if trials else (np.nan,) * 4
    if len(trials) < TESTED_ORIGINS:
        source = RULE
        reason = f"{TESTED_ORIGINS} earlier forecasts are needed to prove the model, there are {len(trials)}."
    elif gain_lo > 0:
        source, reason = MODEL, "The model is better than the rule."
    else:
        source = RULE
        reason = (
            f"The model is not proven better than the rule: its WAPE is {wape:.3f}, the rule's "
            f"{wape_rule:.3f}, the gain {better:+.3f} (lower bound {gain_lo:+.3f})."
        )
    said = said_at(past, future, regressors, by_regressors)[source]
    days = pd.DatetimeIndex(future["day"])
    seen = days - pd.Timedelta(days=_YEAR) >= past["day"].iloc[0]
    found = pd.DataFrame(
        {
            "day": days,
            "forecast": said,
            "lo_80": np.nan,
            "hi_80": np.nan,
            "stock_95": np.nan,
            "season_seen": seen,
        }
    )
    errors = [own for own in log_errors(trials, source) if len(own)]
    if factors := conformal_factors(errors):
        found["lo_80"], found["hi_80"] = bounds(said, factors)
        # A line for stock is one-sided: of an interval of 90 % the upper end.
        found["stock_95"] = bounds(said, conformal_factors(errors, 0.9))[1]
    judged = {
        "forecast_source": source,
        "reason": reason,
        "n_origins": len(trials),
        "wape": wape,
        "wape_rule": wape_rule,
        "gain_lo": gain_lo,
        "coverage_80": coverage(trials, source) if trials else np.nan,
    }
    return found, judged
