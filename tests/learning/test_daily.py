"""Forecasts of daily sales: on series whose future is known, and on real shops."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measure_daily import measure_rossmann

from clientele.learning.daily import DailyRidge, WeekdayMedian, conformal_factors, forecast, refusal
from clientele.learning.holidays import easter, holidays

REAL = os.environ.get("CLIENTELE_REAL_DATA")
LONG = os.environ.get("CLIENTELE_LONG") == "1"


def make_sales(n_days: int, noise: float = 0.0, seed: int = 3) -> pd.DataFrame:
    """Weekends sell a third, promotions double, both by habit; nothing is sold on the 60th day."""
    day = pd.date_range("2019-01-07", periods=n_days)
    promo = (np.arange(n_days) // 7) % 2
    chance = np.random.default_rng(seed).normal(0, noise, n_days)
    value = 300 * np.where(day.day_of_week < 5, 1, 1 / 3) * (1 + promo) * np.exp(chance)
    value[59:60] = 0.0
    return pd.DataFrame({"day": day, "value": value, "promo": promo})


@pytest.mark.parametrize(
    ("year", "day"), [(2000, (4, 23)), (2011, (4, 24)), (2019, (4, 21)), (2038, (4, 25))]
)
def test_easter_falls_where_the_church_says(year, day):
    assert easter(year) == date(year, *day)


def test_french_holidays_of_a_year():
    days = holidays(2019)
    assert days[date(2019, 5, 30)] == "ascension" and days[date(2019, 7, 14)] == "bastille_day"
    assert days[date(2019, 6, 10)] == "whit_monday" and days[date(2019, 11, 29)] == "black_friday"


def test_weekday_by_promotion_is_found_again():
    sales = make_sales(200)
    model = DailyRidge(["promo"], closed_below=0.0).fit(sales[:186])
    said = model.predict(sales[186:])
    np.testing.assert_allclose(said, sales["value"][186:], rtol=0.05)


def test_the_future_is_not_looked_at():
    sales = make_sales(200, noise=0.1)
    changed = sales.assign(value=sales["value"].where(sales.index < 186, 9e9))
    said = [forecast(one[:186], sales[186:], ["promo"], 0.0)["forecast"] for one in (sales, changed)]
    np.testing.assert_array_equal(*said)


def test_the_interval_holds_as_often_as_it_says():
    held, stock = [], []
    for seed in range(12):
        sales = make_sales(182, noise=0.2, seed=seed)
        found = forecast(sales[:168], sales[168:], ["promo"], 0.0)
        came = sales["value"][168:].to_numpy()
        held.append((came >= found["lo_80"]) & (came <= found["hi_80"]))
        stock.append(came <= found["stock_95"])
    assert 0.72 <= np.mean(held) <= 0.9
    assert np.mean(stock) >= 0.88


def test_eight_weeks_are_needed_to_the_day():
    assert refusal(56) == "" and "there are 55 days" in refusal(55)
    sales = make_sales(69)
    found = forecast(sales[:55], sales[55:], ["promo"])
    assert found["forecast"].isna().all() and "8 weeks" in found["reason"].iloc[0]


def test_no_interval_with_fewer_than_three_earlier_origins():
    """Of 56 + 2 * 14 days, two origins have eight weeks before them; of 56 + 3 * 14, three."""
    sales = make_sales(120, noise=0.1)
    two, three = (forecast(sales[:n], sales[n : n + 14], ["promo"], 0.0) for n in (84, 98))
    assert two["forecast"].notna().all() and two["lo_80"].isna().all()
    assert three["lo_80"].notna().all() and (three["lo_80"] <= three["hi_80"]).all()
    assert conformal_factors([np.zeros(3)] * 3) == (1.0, 1.0)


def test_a_season_that_was_never_seen_is_said():
    sales = make_sales(380)
    found = forecast(sales[:366], sales[366:], ["promo"])
    assert found["season_seen"].all()
    assert not forecast(sales[:360], sales[360:374], ["promo"])["season_seen"].iloc[0]


def test_the_rule_is_the_median_of_the_same_kind_of_day():
    sales = make_sales(28)
    said = WeekdayMedian(["promo"]).fit(sales).predict(sales)
    np.testing.assert_allclose(said, sales["value"])


@pytest.mark.skipif(not (REAL and LONG), reason="CLIENTELE_REAL_DATA and CLIENTELE_LONG are not set")
def test_rossmann_is_forecast_better_than_by_the_rule():
    found = measure_rossmann(Path(REAL))
    assert found["wape"] < found["wape_rule"] and found["rmspe"] < found["rmspe_rule"]
    assert 0.72 <= found["coverage_80"] <= 0.9
