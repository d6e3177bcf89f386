"""Forecasts of one series: what forecasts, when nothing does, and that the future is not looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clientele.forecast.rows import MEASURES, forecast_rows
from clientele.forecast.series import MODEL, RULE, coverage, forecast_series, gain
from clientele.learning.fields import part_of

DAYS = 28


def make_sales(n_days: int, promo: float = 1.0, noise: float = 0.1, seed: int = 2) -> pd.DataFrame:
    """Weekends sell a third; a day of promotions, every other fortnight, sells by `promo` more."""
    day = pd.date_range("2019-01-07", periods=n_days)
    is_promo = (np.arange(n_days) // 14) % 2
    chance = np.random.default_rng(seed).normal(0, noise, n_days)
    value = 300 * np.where(day.day_of_week < 5, 1, 1 / 3) * (1 + promo * is_promo) * np.exp(chance)
    return pd.DataFrame({"day": day, "value": value, "is_promo": is_promo, "is_gift": 0, "is_action": 0})


def split(sales: pd.DataFrame, n_days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    return sales[:n_days], sales[n_days : n_days + DAYS].drop(columns="value")


def test_the_model_forecasts_where_it_knows_more_than_the_weekday():
    sales = make_sales(250)
    found, judged = forecast_series(*split(sales, 210), ["is_promo", "is_gift"])
    assert judged["forecast_source"] == MODEL and judged["n_origins"] == 5
    assert judged["wape"] < 0.15 < judged["wape_rule"] and judged["gain_lo"] > 0
    came = sales["value"][210 : 210 + DAYS].to_numpy()
    assert np.abs(found["forecast"] - came).sum() / came.sum() < 0.15
    assert np.mean((came >= found["lo_80"]) & (came <= found["hi_80"])) > 0.6
    assert 0.5 <= judged["coverage_80"] <= 1


def test_a_stock_line_lies_above_the_interval_and_most_days_below_it():
    sales = make_sales(400)
    found, _ = forecast_series(*split(sales, 360), ["is_promo"])
    assert (found["stock_95"] >= found["hi_80"]).all() and (found["stock_95"] > found["forecast"]).all()
    assert np.mean(sales["value"][360 : 360 + DAYS].to_numpy() <= found["stock_95"]) >= 0.8


def test_a_declared_action_is_learnt_and_forecast():
    """Every third week an action doubles what is sold; the next one is planned."""
    sales = make_sales(260, promo=0.0)
    sales["is_action"] = (np.arange(260) // 7 % 3 == 0).astype(int)
    sales["value"] *= 1 + sales["is_action"]
    past, future = split(sales, 210)
    with_it, _ = forecast_series(past, future, ["is_action"])
    came = sales["value"][210 : 210 + DAYS].to_numpy()
    assert np.abs(with_it["forecast"] - came).sum() / came.sum() < 0.15
    without, _ = forecast_series(past, future.assign(is_action=0), ["is_action"])
    on_action = (future["is_action"] == 1).to_numpy()
    assert (with_it["forecast"] > 1.6 * without["forecast"])[on_action].all()


def test_a_rule_that_tells_promotions_apart_is_harder_to_beat():
    past, future = split(make_sales(250), 210)
    _, plain = forecast_series(past, future, ["is_promo"])
    found, told_apart = forecast_series(past, future, ["is_promo"], by_regressors=True)
    assert told_apart["wape_rule"] < 0.5 * plain["wape_rule"]
    assert told_apart["forecast_source"] == RULE and "not proven better" in told_apart["reason"]
    assert found["forecast"].notna().all()


def test_the_rule_forecasts_where_there_is_nothing_else_to_know():
    sales = make_sales(210, promo=0.0, noise=1.2)
    found, judged = forecast_series(*split(sales, 182), ["is_promo"])
    assert judged["forecast_source"] == RULE and "not proven better" in judged["reason"]
    last = sales[:182].tail(28)
    monday = last["value"][last["day"].dt.day_of_week == 0].median()
    assert found["forecast"][found["day"].dt.day_of_week == 0].tolist() == [monday] * 4


def test_the_future_is_not_looked_at():
    sales = make_sales(220)
    past, future = split(sales, 190)
    changed = split(sales.assign(value=sales["value"].where(sales.index < 190, 9e9)), 190)
    for one, other in zip(forecast_series(past, future), forecast_series(*changed), strict=True):
        assert str(one) == str(other)


@pytest.mark.parametrize(
    ("n_days", "source", "has_interval"),
    # of 56 days and n times 28, n earlier days have eight weeks before them
    [(55, "refused", False), (56, RULE, False), (111, RULE, False), (112, MODEL, False), (140, MODEL, True)],
)
def test_what_a_short_history_allows(n_days, source, has_interval):
    found, judged = forecast_series(*split(make_sales(200, promo=3.0), n_days), ["is_promo"])
    assert judged["forecast_source"] == source
    assert found.empty == (source == "refused")
    if len(found):
        assert found["lo_80"].notna().all() == has_interval


def test_a_gain_is_told_from_chance_by_weeks():
    rng = np.random.default_rng(5)
    came = rng.gamma(5, 20, 84)
    alike = pd.DataFrame(
        {"value": came, MODEL: came + rng.normal(0, 30, 84), RULE: came + rng.normal(0, 30, 84)}
    )
    assert gain([alike])[3] < 0 < gain([alike.assign(**{MODEL: came + rng.normal(0, 3, 84)})])[3]


def test_coverage_is_tested_on_days_that_made_no_interval():
    calm = pd.DataFrame({"value": [10.0] * 14, "is_open": True, MODEL: [10.0] * 14})
    assert np.isnan(coverage([calm] * 3, MODEL))
    wild = calm.assign(value=[1.0, 100.0] * 7)
    assert coverage([wild, calm, calm, calm], MODEL) == 0 and coverage([calm, wild, wild, wild], MODEL) == 1


def test_a_day_on_which_the_shop_was_closed_is_not_learnt_from():
    """Closed on Saturdays, and for a week of holidays: weekdays are forecast as if that week had not been."""
    sales = make_sales(200, noise=0.02)
    saturday = sales["day"].dt.day_of_week == 5
    sales["is_open"] = ~saturday & ~sales.index.isin(range(140, 147))
    sales["value"] = sales["value"].where(sales["is_open"], 0.0)
    found, judged = forecast_series(*split(sales, 168), ["is_promo"])
    assert judged["forecast_source"] == MODEL
    came = sales["value"][168 : 168 + DAYS].to_numpy()
    assert (found["forecast"][came == 0] == 0).all() and (found["hi_80"][came == 0] == 0).all()
    np.testing.assert_allclose(found["forecast"][came > 0], came[came > 0], rtol=0.15)


def test_a_forecast_is_kept_beside_earlier_ones():
    sales = make_sales(160).rename(columns={"day": "sales_date"})
    frame = sales.assign(
        category_family="",
        is_past=sales.index < 120,
        n_buyers=500,
        **{name: sales["value"] for name in MEASURES},
    ).assign(**{f"largest_{name}": 7.0 for name in MEASURES})
    request = pd.DataFrame({"is_due": [True], "as_of_date": [sales["sales_date"][119]]})
    frames = {"request": request, "frame": frame[:148]}
    first = forecast_rows(frames, None)
    second = forecast_rows(frames, first)
    assert set(first["fit_number"]) == {1} and set(second["fit_number"]) == {2}
    points = part_of(first, "point")
    assert len(points) == DAYS * len(MEASURES) and points["sales_date"].min() == "2019-05-07"
    assert part_of(first, "card")["origin_date"].tolist() == ["2019-05-06"]
    series = part_of(first, "series")
    assert (series["n_buyers"] == 500).all() and (series["largest"] == 7).all()
