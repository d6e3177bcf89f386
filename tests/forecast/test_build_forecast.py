"""From files to forecasts: what is kept, what came, and what may be published."""

from __future__ import annotations

import math

import pytest
from support import WITHOUT_TESTS, House

ROOM = ("--select", "+sales_forecasts", "+forecast_evaluations", *WITHOUT_TESTS)
AGAIN = ("forecast_request", "daily_sales", "forecast_frame", "forecast_fit_fields", "forecast_points")
SAME_DAY = ("--select", *AGAIN, "sales_forecasts", *WITHOUT_TESTS)
POINTS = ("forecast", "lo_80", "hi_80", "stock_95")


def test_past_forecasts_outlive_a_full_refresh_and_meet_what_came(built_shop, tmp_path):
    before = built_shop.rows("select * from core.forecast_points order by all")
    assert len(before) > 28
    assert built_shop.value("select count(*) from marts.sales_forecasts where actual is not null") == 0
    house = built_shop.copy(tmp_path)
    house.lake = tmp_path / "lake"
    for path in [*built_shop.lake.iterdir(), *(built_shop.folder / "later").iterdir()]:
        (house.lake / path.name).symlink_to(path)
    house.build("--full-refresh", *ROOM)
    origins = house.rows("select distinct origin_date from core.forecast_points order by 1")
    assert len(origins) == 2
    kept = house.rows(
        f"select * from core.forecast_points where origin_date = '{origins[0][0]}' order by all"
    )
    assert kept == before
    off = house.rows(
        "select marts.n_buyers_of_day, marts.actual, sales.n_orders from marts.sales_forecasts as marts "
        "left join core.daily_sales as sales on marts.sales_date = sales.sales_date "
        "and coalesce(marts.category_family, '') = sales.category_family "
        f"where marts.origin_date = '{origins[0][0]}' and marts.measure = 'n_orders' "
        "and marts.actual is not null"
    )
    # what came is rounded to half the smallest cell, and shown where twenty customers bought
    assert off and all(n >= 20 and abs(actual - n) <= 10 for _, actual, n in off)


def test_small_series_are_not_published(built_shop):
    small = built_shop.value("select count(*) from core.forecast_points where n_buyers < 20")
    assert small > 0
    assert built_shop.value("select count(*) from marts.sales_forecasts where n_buyers < 20") == 0


def test_every_series_has_a_verdict(built_shop):
    rows = built_shop.rows(
        "select forecast_source, reason, wape, wape_rule from monitor.forecast_evaluations"
    )
    assert {source for source, *_ in rows} <= {"model", "weekday", "refused"} and len(rows) >= 3
    assert all(reason for _, reason, *_ in rows)
    assert all(wape is not None for source, _, wape, _ in rows if source == "model")


def points(house: House) -> dict[tuple, dict[str, float]]:
    """Return the newest forecast of each published point and, as `of_<point>`, the step that it has."""
    house.build(*SAME_DAY, variables={"refit": True})
    columns = ("category_family", "measure", "sales_date", *POINTS)
    published = house.rows(
        f"select coalesce(category_family, ''), {', '.join(columns[1:])} from marts.sales_forecasts"
    )
    exact = {
        tuple(row[:3]): row[3:]
        for row in house.rows(
            "select category_family, measure, sales_date, forecast, stock_95, n_buyers, "
            "cast(largest as double) from core.forecast_points"
        )
    }
    found = {}
    for row in published:
        forecast, stock, n_buyers, largest = exact[tuple(row[:3])]
        wide = largest * max((1 + stock) / (1 + forecast), 1)
        steps = {name: step(wide, 10 * stock / n_buyers) for name in POINTS[1:]}
        steps["forecast"] = step(largest, 10 * forecast / n_buyers)
        found[tuple(row[:3])] = dict(zip(POINTS, row[3:], strict=True)) | {
            f"of_{name}": size for name, size in steps.items()
        }
    return found


def step(*extents: float) -> float:
    power = 10 ** math.floor(math.log10(max(extents)))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= max(extents) * 0.999999)


@pytest.fixture
def older_shop(built_shop: House, tmp_path) -> House:
    """A shop of eight months, so that intervals are known, of two series."""
    house = built_shop.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute(
            "delete from core.customer_orders where category_family not in ('', 'electronics')"
        )
        connection.execute(
            "insert into core.customer_orders select * replace (sales_date - 126 as sales_date) "
            "from core.customer_orders"
        )
    return house


def test_whoever_buys_most_on_a_day_moves_no_published_point_by_more_than_a_step(older_shop):
    before = points(older_shop)
    assert {(family, measure) for family, measure, _ in before} == {
        (family, measure) for family in ("", "electronics") for measure in ("n_orders", "n_units", "revenue")
    }
    assert all(point[name] is not None for point in before.values() for name in POINTS)
    with older_shop.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.customer_orders select -1, cast('2020-01-29' as date), "
            "unnest(['', 'electronics']), 4000, 300000"
        )
    after = points(older_shop)
    assert after.keys() == before.keys()
    off = {
        (*key, name): (point[name], after[key][name])
        for key, point in before.items()
        for name in POINTS
        if abs(after[key][name] - point[name]) > 1.000001 * max(point[f"of_{name}"], after[key][f"of_{name}"])
    }
    assert not off
    # what one customer makes is less than the shop's: the points say something
    assert all(before["", "revenue", day]["of_forecast"] <= 5000 for _, _, day in before)


def test_forecast_and_what_came_are_of_the_same_quantity(built_shop):
    """Of each customer as much as counts, as `actual` has it."""
    off = built_shop.rows(
        "select * from core.forecast_frame as frame inner join core.daily_sales as sales "
        "using (category_family, sales_date) where frame.n_orders != sales.n_orders "
        "or frame.n_units != sales.told_n_units or frame.revenue != cast(sales.told_revenue as double)"
    )
    assert not off and built_shop.value("select count(*) from core.forecast_frame where revenue > 0") > 100
    assert built_shop.value("select count(*) from core.daily_sales where revenue > told_revenue") > 0
