"""Figures in documents come from builds: replaced whole, never silently left out."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from clientele.personas.challengers import CHALLENGER_COLUMNS
from tools.method_docs import DOCUMENTS, FIGURES, fill, interval, main, table

ROOT = Path(__file__).resolve().parents[2]
STATUSES = "Before\n<!-- figures: mine.statuses -->\nold\n<!-- end of figures -->\nafter\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.user_segments as select * from (values ('settled', 0.9), ('settled', 0.7),"
            " ('not_enough_events', null)) as rows (status, confidence)"
        )
        connection.execute("create table marts.segment_summary (segment_id integer)")
    return folder


def test_a_block_is_written_anew_and_the_rest_stays(home):
    text = fill(STATUSES, {"mine": home / "warehouse.duckdb"})
    assert text.startswith("Before\n<!-- figures: mine.statuses -->\n")
    assert text.endswith("<!-- end of figures -->\nafter\n")
    assert "| settled | 2 | 66.7 % | 0.800 |" in text and "old" not in text
    assert fill(text, {"mine": home / "warehouse.duckdb"}) == text


def test_blocks_of_other_shops_stay(home):
    other = STATUSES.replace("mine.", "other.")
    assert fill(other, {"mine": home / "warehouse.duckdb"}) == other


def test_figures_that_are_not_asked_for_stay(home):
    both = STATUSES + STATUSES.replace("statuses", "gate")
    text = fill(both, {"mine": home / "warehouse.duckdb"}, only=["gate"])
    assert STATUSES in text and "Not measured" in text


def test_networks_are_those_of_the_evaluation(home, tmp_path):
    block = STATUSES.replace("statuses", "networks")
    assert "there is no challengers.csv" in fill(block, {"mine": home / "warehouse.duckdb"})
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")):
        (tmp_path / "evaluation").mkdir()
    row = dict.fromkeys(CHALLENGER_COLUMNS) | {"model": "recurrent", "n_users": 2330, "n_personas": 3}
    row |= {"standing": "stable", "half_sample_ari": 0.9559, "habit_r2_gain": -0.002, "outcome": "failed"}
    row |= {
        "habit_r2_over_linear": -0.01,
        "habit_r2_over_linear_low": -0.02,
        "habit_r2_over_linear_high": 0.0,
    }
    pd.DataFrame([row]).to_csv(tmp_path / "evaluation" / "challengers.csv", index=False)
    text = fill(block, {"mine": tmp_path / "warehouse.duckdb"})
    assert "| recurrent | 2,330 | 3 | stable | - | 0.956 | - | - | -0.002 | - |" in text
    assert "| -0.010 (-0.020 to 0.000) | failed |" in text


def test_a_missing_table_is_said_to_be_missing(home):
    text = fill(STATUSES.replace("statuses", "gate"), {"mine": home / "warehouse.duckdb"})
    assert "*Not measured: this build has no monitor.segment_gates.*" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STATUSES.replace("statuses", "horoscopes"), "no figures 'horoscopes'"),
        (STATUSES.replace("<!-- end of figures -->", ""), "no '<!-- end of figures -->'"),
        (STATUSES.replace("mine.statuses", "statuses"), "mend its markers"),
        (STATUSES.replace("statuses", "personas"), "build it again"),
    ],
)
def test_what_cannot_be_written_is_refused(home, tmp_path, capsys, text, message):
    document = tmp_path / "document.md"
    document.write_text(text)
    assert main([f"mine={home}", "--document", str(document)]) == 2
    assert message in capsys.readouterr().err
    assert document.read_text() == text


def test_a_home_without_a_warehouse_is_refused(tmp_path, capsys):
    assert main([f"mine={tmp_path}"]) == 2
    assert "does not exist; build mine first" in capsys.readouterr().err
    assert main(["mine"]) == 2
    assert "is no SHOP=HOME" in capsys.readouterr().err


def test_our_documents_ask_for_figures_that_there_are():
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        asked = re.findall(r"<!-- figures: (\w+)\.(\w+) -->", text)
        assert asked and text.count("<!-- end of figures -->") == len(asked)
        assert {shop for shop, _ in asked} == {"synthetic", "store", "uci"}
        assert {figures for _, figures in asked} <= FIGURES.keys()


def test_tables_align_numbers_and_escape_bars():
    assert table(["a", "b"], [("x|y", 1.23456), (None, None)]) == (
        "| a | b |\n|---|---:|\n| x\\|y | 1.235 |\n| - | - |"
    )
    assert interval(0.5, 0.4, 0.6, 1) == "0.5 (0.4 to 0.6)"
    assert table(["a"], []) == "*No row: nothing was measured.*"
