"""From files to forecasts: what is kept, what came, and what may be published."""

from __future__ import annotations

from support import WITHOUT_TESTS

ROOM = ("--select", "+sales_forecasts", "+forecast_evaluations", *WITHOUT_TESTS)


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
