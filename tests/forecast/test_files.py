"""Daily sales from a file: read into the same form, forecast by the same code, and refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from clientele.cli import main
from clientele.errors import ClienteleError
from clientele.forecast.files import daily_table, forecast_days, read_daily_sales
from clientele.forecast.series import forecast_series


def make_file(n_days: int = 200, n_ahead: int = 14) -> pd.DataFrame:
    """Two stores, closed on Sundays: such days have no row; promotions are planned for the days ahead."""
    date = pd.date_range("2019-01-07", periods=n_days + n_ahead)
    promo = (np.arange(len(date)) // 7) % 2
    rng = np.random.default_rng(3)
    parts = []
    for store, size in ((1, 100.0), (2, 300.0)):
        sales = size * (1 + promo) * np.exp(rng.normal(0, 0.05, len(date)))
        sales[n_days:] = np.nan
        parts.append(pd.DataFrame({"store": store, "date": date, "sales": sales, "promo": promo}))
    table = pd.concat(parts)
    return table[table["date"].dt.day_of_week < 6]


def test_a_file_is_forecast_as_events_are():
    table = daily_table(make_file(), "date", "sales", "store", ["promo"])
    assert table.groupby("series").size().tolist() == [214, 214]
    found = forecast_days(table, ["promo"])
    assert len(found) == 28 and set(found["forecast_source"]) <= {"model", "weekday"}
    for name, own in table.groupby("series"):
        expected, _ = forecast_series(own[own["is_past"]], own[~own["is_past"]], ["promo"])
        said = found[found["series"] == name]
        np.testing.assert_array_equal(said["forecast"], expected["forecast"])
        is_sunday = said["day"].dt.day_of_week == 6
        assert (said.loc[is_sunday, "forecast"] == 0).all() and (said.loc[~is_sunday, "forecast"] > 50).all()


def test_the_order_of_lines_moves_nothing():
    one = daily_table(make_file(), "date", "sales", "store", ["promo"])
    other = daily_table(make_file().sample(frac=1, random_state=1), "date", "sales", "store", ["promo"])
    pd.testing.assert_frame_equal(one, other)


def test_what_is_wrong_with_a_file_is_said(tmp_path):
    sales = make_file()
    with pytest.raises(ClienteleError, match="no column promotion; there are store, date, sales, promo"):
        daily_table(sales, "date", "sales", "store", ["promotion"])
    with pytest.raises(ClienteleError, match="The day 2019-01-07 of 1 is there twice"):
        daily_table(pd.concat([sales, sales[:1]]), "date", "sales", "store")
    with pytest.raises(ClienteleError, match="there is no such file"):
        read_daily_sales(tmp_path / "none.csv")
    without = forecast_days(daily_table(sales.dropna(), "date", "sales", "store"))
    assert without["reason"].str.contains("no day without a value").all()
    short = forecast_days(daily_table(sales[sales["date"] > "2019-07-01"], "date", "sales", "store"))
    assert set(short["forecast_source"]) == {"refused"} and short["reason"].str.contains("8 weeks").all()


def test_the_command_writes_forecasts(tmp_path):
    make_file().to_csv(tmp_path / "sales.csv", index=False)
    call = ["forecast-file", str(tmp_path / "sales.csv"), "--day", "date", "--value", "sales"]
    call += ["--series", "store", "--known", "promo", "--output", str(tmp_path / "out.csv")]
    ran = CliRunner().invoke(main, call)
    assert ran.exit_code == 0 and "2 series, 0 of them refused" in ran.output
    written = pd.read_csv(tmp_path / "out.csv")
    assert len(written) == 28 and (written["stock_95"] >= written["hi_80"]).all()


def test_a_name_that_a_spreadsheet_would_run_is_inert_in_the_forecasts(tmp_path):
    sales = make_file()
    sales["store"] = sales["store"].map({1: "=cmd|' /C calc'!A0", 2: "shop;=1+1"})
    sales.to_csv(tmp_path / "sales.csv", index=False)
    call = ["forecast-file", str(tmp_path / "sales.csv"), "--day", "date", "--value", "sales"]
    ran = CliRunner().invoke(main, [*call, "--series", "store", "--output", str(tmp_path / "out.csv")])
    assert ran.exit_code == 0 and "1 series that a spreadsheet would run" in ran.output
    named = set(pd.read_csv(tmp_path / "out.csv")["series"])
    assert '"shop;=1+1"' in (tmp_path / "out.csv").read_text()  # one cell, whatever divides them
    assert "'=cmd|' /C calc'!A0" in named and len(named) == 2 and not any(name[0] == "=" for name in named)


@pytest.mark.skipif("CLIENTELE_REAL_DATA" not in os.environ, reason="needs CLIENTELE_REAL_DATA")
def test_real_stores_are_forecast_better_than_by_the_rule():
    """Some of the stores: all of them, and the bars, are measured by measure_files.py."""
    from measure_files import measured, stores

    found = measured(stores(Path(os.environ["CLIENTELE_REAL_DATA"]), 280), 42, 1, ("promo",))
    assert found["wape"] < found["wape_rule"] and found["rmspe"] < found["rmspe_rule"]
    assert 0.65 <= found["coverage_80"] <= 0.95
