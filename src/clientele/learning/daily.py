"""A forecast of daily sales: ridge regression of ln(1 + y) on the calendar, with tested intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from threadpoolctl import threadpool_limits

from clientele.learning.holidays import holidays

MIN_WEEKS = 8
MIN_ORIGINS = 3
LEVEL = 0.8
_FULL_YEAR = 365
_HALF_LIFE = 365
_LATE_DAYS = 28


def calendar_columns(
    days: pd.DatetimeIndex, start: pd.Timestamp, known_days: int, names: Sequence[str]
) -> pd.DataFrame:
    """Return what the calendar says of each day.

    Parameters
    ----------
    days : DatetimeIndex
    start : Timestamp
        First day of the series, from which the trend counts.
    known_days : int
        Days of the series: without a whole year there are no yearly waves.
    names : sequence of str
        Holidays that the series has seen: others have no column.

    Returns
    -------
    DataFrame
        Weekdays, waves of the month and the year, holidays, trend.
    """
    since = (days - start).days.to_numpy() / _FULL_YEAR
    # A line through a short history leads anywhere: it stays where the history ends.
    columns = {"trend": np.minimum(since, known_days / _FULL_YEAR)}
    for weekday in range(7):
        columns[f"weekday_{weekday}"] = (days.day_of_week == weekday).astype(float)
    waves = [("month", days.day.to_numpy() / 30.5, 2)]
    if known_days >= _FULL_YEAR:
        waves.append(("year", days.day_of_year.to_numpy() / 365.25, 4))
    for name, turn, n_waves in waves:
        for number in range(1, n_waves + 1):
            columns[f"{name}_sin_{number}"] = np.sin(2 * np.pi * number * turn)
            columns[f"{name}_cos_{number}"] = np.cos(2 * np.pi * number * turn)
    named = pd.Series(named_days(days))
    for name in names:
        columns[f"holiday_{name}"] = (named == name).astype(float).to_numpy()
    return pd.DataFrame(columns)


def named_days(days: pd.DatetimeIndex) -> list[str]:
    """Return the holiday of each day, or an empty text."""
    known = {year: holidays(year) for year in sorted(set(days.year))}
    return [known[day.year].get(day.date(), "") for day in days]


class DailyRidge:
    """Ridge regression of ln(1 + y) on weekday by promotion, holidays, waves, trend and regressors.

    Parameters
    ----------
    regressors : sequence of str
        Columns of numbers that are known ahead, as promotions; each counts once for every weekday.
    closed_below : float
        A day with less is a day on which the shop was closed, and is not learnt from.
    penalties : sequence of float

    Attributes
    ----------
    smearing_ : float
        The mean of y over the mean of e^fit.
    level_ : float
        How far the last weeks lie above the fit, in logarithms, shrunken.

    References
    ----------
    Harvey and Peters (1990), Estimation procedures for structural time series models.
    Taylor and Letham (2018), Forecasting at scale (calendar regressors).

    Examples
    --------
    >>> day = pd.date_range("2020-01-06", periods=84)
    >>> sales = pd.DataFrame({"day": day, "value": np.where(day.day_of_week < 5, 100.0, 20.0)})
    >>> model = DailyRidge().fit(sales)
    >>> model.predict(pd.DataFrame({"day": pd.date_range("2020-03-30", periods=7)})).round(-1).tolist()
    [100.0, 100.0, 100.0, 100.0, 100.0, 20.0, 20.0]
    """

    def __init__(
        self,
        regressors: Sequence[str] = (),
        closed_below: float = -1.0,
        penalties: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
    ) -> None:
        self.regressors = regressors
        self.closed_below = closed_below
        self.penalties = penalties

    # One thread: the same bits each time.
    @threadpool_limits.wrap(limits=1)
    def fit(self, sales: pd.DataFrame) -> Self:
        """Learn from one series.

        Parameters
        ----------
        sales : DataFrame
            ``day``, ``value`` and the regressors; a row for each day.
        """
        known = sales[sales["value"] > self.closed_below]
        days = pd.DatetimeIndex(known["day"])
        self.start_, self.known_days_ = days.min(), (days.max() - days.min()).days + 1
        self.names_ = sorted(set(named_days(days)) - {""})
        values = self._values(known)
        self.mean_, self.scale_ = values.mean(axis=0), values.std(axis=0)
        self.scale_[self.scale_ == 0] = 1.0
        logs = np.log1p(known["value"].to_numpy(dtype=float))
        # What was sold a year ago tells half as much of the level.
        weight = 0.5 ** ((days.max() - days).days.to_numpy() / _HALF_LIFE)
        self.model_ = RidgeCV(alphas=self.penalties)
        self.model_.fit((values - self.mean_) / self.scale_, logs, sample_weight=weight)
        left = logs - self.model_.predict((values - self.mean_) / self.scale_)
        # The last weeks' level, as far as it is more than chance.
        late = left[-_LATE_DAYS:]
        self.level_ = float(late.sum() / (len(late) + _days_of_chance(left)))
        fitted = np.exp(logs - left)
        self.smearing_ = float((weight * np.exp(logs)).sum() / (weight * fitted).sum())
        return self

    def predict(self, days: pd.DataFrame) -> np.ndarray:
        """Return what each day will come to; ``day`` and the regressors are read."""
        logs = self.model_.predict((self._values(days) - self.mean_) / self.scale_)
        return np.maximum(np.exp(logs + self.level_) * self.smearing_ - 1, 0.0)

    def _values(self, frame: pd.DataFrame) -> np.ndarray:
        days = pd.DatetimeIndex(frame["day"])
        table = calendar_columns(days, self.start_, self.known_days_, self.names_)
        weekdays = table[[f"weekday_{weekday}" for weekday in range(7)]].to_numpy()
        parts = [table.to_numpy()]
        for name in self.regressors:
            regressor = frame[[name]].to_numpy(dtype=float)
            parts += [regressor, regressor * weekdays]
        return np.hstack(parts)


def _days_of_chance(left: np.ndarray) -> float:
    """Return how many days at no other level stand against the last ones (empirical Bayes).

    The variance of a day over that of levels: where four weeks seldom lay together above the fit or below,
    the last four say little. As many days as they are where fewer than three such spans are known.
    """
    n_spans = len(left) // _LATE_DAYS
    if n_spans < 3:
        return float(_LATE_DAYS)
    levels = left[-n_spans * _LATE_DAYS :].reshape(n_spans, _LATE_DAYS).mean(axis=1)
    of_days = float(left.var())
    of_levels = max(float((levels**2).mean()) - of_days / _LATE_DAYS, 1e-6 * of_days)
    return of_days / of_levels if of_levels > 0 else float(_LATE_DAYS)


class WeekdayMedian:
    """The heuristic: the median of the same weekday, with and without a promotion, of the last weeks.

    Parameters
    ----------
    by : sequence of str
        Regressors that tell days of one weekday apart.
    n_days : int or None
        How far it looks back; None: everything.
    closed_below : float
    """

    def __init__(self, by: Sequence[str] = (), n_days: int | None = None, closed_below: float = -1.0) -> None:
        self.by = by
        self.n_days = n_days
        self.closed_below = closed_below

    def fit(self, sales: pd.DataFrame) -> Self:
        """Learn the medians."""
        known = sales[sales["value"] > self.closed_below]
        if self.n_days is not None:
            known = known[known["day"] > known["day"].max() - pd.Timedelta(days=self.n_days)]
        self.medians_ = known.groupby(self._keys(known))["value"].median()
        self.of_weekday_ = known.groupby(known["day"].dt.day_of_week)["value"].median()
        self.overall_ = float(known["value"].median())
        return self

    def predict(self, days: pd.DataFrame) -> np.ndarray:
        """Return the median of each day's kind; where it was not seen, of its weekday, or of all days."""
        found = pd.Series(self._keys(days)).map(self.medians_)
        weekday = pd.Series(pd.DatetimeIndex(days["day"]).day_of_week).map(self.of_weekday_)
        return found.fillna(weekday).fillna(self.overall_).to_numpy(dtype=float)

    def _keys(self, frame: pd.DataFrame) -> np.ndarray:
        keys = pd.Series(pd.DatetimeIndex(frame["day"]).day_of_week.astype(str).to_numpy())
        for name in self.by:
            keys = keys + "|" + pd.Series(frame[name].astype(float).astype(str).to_numpy())
        return keys.to_numpy()


def refusal(n_days: int) -> str:
    """Say why a series cannot be forecast, or nothing.

    Examples
    --------
    >>> refusal(56)
    ''
    >>> refusal(55)
    'A forecast needs 8 weeks of sales; there are 55 days.'
    """
    if n_days >= 7 * MIN_WEEKS:
        return ""
    return f"A forecast needs {MIN_WEEKS} weeks of sales; there are {n_days} days."


def conformal_factors(errors: Sequence[np.ndarray], level: float = LEVEL) -> tuple[float, float] | None:
    """Return the ends of an interval as factors of the forecast, from errors at earlier origins.

    Parameters
    ----------
    errors : sequence of ndarray
        ln((1 + came) / (1 + forecast)) of the days after each earlier origin.
    level : float

    Returns
    -------
    tuple of float, or None
        None with fewer than three origins: nothing says how far off the forecast may be.

    References
    ----------
    Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world (split conformal prediction).

    Examples
    --------
    >>> conformal_factors([np.zeros(7), np.zeros(7)]) is None
    True
    """
    if len(errors) < MIN_ORIGINS:
        return None
    together = np.concatenate(errors)
    # The finite sample's correction: the interval leaves out one day less at either end.
    tail = max((1 - level) / 2 - 1 / len(together), 0.0)
    low, high = np.quantile(together, [tail, 1 - tail])
    return float(np.exp(low)), float(np.exp(high))


def forecast(
    sales: pd.DataFrame,
    future: pd.DataFrame,
    regressors: Sequence[str] = (),
    closed_below: float = -1.0,
    n_origins: int = 4,
) -> pd.DataFrame:
    """Forecast one series, with an interval of 80 % and a stock line that 95 % of days stay below.

    Earlier origins lie as many days apart as the forecast is long; each has eight weeks of history or more.

    Parameters
    ----------
    sales : DataFrame
        ``day``, ``value`` and the regressors; a row for each day.
    future : DataFrame
        ``day`` and the regressors of the days to come.
    regressors : sequence of str
    closed_below : float
    n_origins : int
        At most so many earlier origins are tried for the interval.

    Returns
    -------
    DataFrame
        ``day``, ``forecast``, ``lo_80``, ``hi_80``, ``stock_95`` (empty with fewer than three earlier
        origins), ``season_seen`` (whether the series has been through the same week of a year) and ``reason``
        (why there is no forecast).
    """
    sales = sales.sort_values("day", ignore_index=True)
    found = pd.DataFrame({"day": future["day"]})
    numbers = ["forecast", "lo_80", "hi_80", "stock_95"]
    found[numbers] = np.nan
    days = pd.DatetimeIndex(sales["day"])
    n_days = (days.max() - days.min()).days + 1 if len(days) else 0
    found["reason"] = refusal(n_days)
    year_before = pd.DatetimeIndex(future["day"]) - pd.Timedelta(days=_FULL_YEAR)
    found["season_seen"] = year_before >= days.min() if len(days) else False
    if found["reason"].iloc[0]:
        return found
    length = len(future)
    errors = []
    for number in range(1, n_origins + 1):
        origin = days.max() - pd.Timedelta(days=number * length)
        past, came = sales[sales["day"] <= origin], sales[sales["day"] > origin].head(length)
        if refusal((origin - days.min()).days + 1):
            break
        came = came[came["value"] > closed_below]
        said = DailyRidge(regressors, closed_below).fit(past).predict(came)
        errors.append(np.log1p(came["value"].to_numpy(dtype=float)) - np.log1p(said))
    said = DailyRidge(regressors, closed_below).fit(sales).predict(future)
    found["forecast"] = said
    factors, stock = conformal_factors(errors), conformal_factors(errors, 0.9)
    if factors and stock:
        ends = {"lo_80": factors[0], "hi_80": factors[1], "stock_95": stock[1]}
        for name, factor in ends.items():
            found[name] = np.maximum((1 + said) * factor - 1, 0.0)
    return found
