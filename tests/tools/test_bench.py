"""The benchmarks: every tool computes the same features, and the page says what was measured."""

from __future__ import annotations

import gzip
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pytest

from tools.bench import measuring, peers, reading
from tools.bench.measuring import privacy_nodes
from tools.bench.page import Page
from tools.bench.processes import Cost, ancestors, fit_nodes
from tools.bench.shops import split_into_days

LINES = """\
event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-04 23:59:59 UTC,view,1,2053013555631882655,a.b,x,10.50,7,s1
2019-10-05 00:00:09 UTC,cart,1,2053013555631882655,a.b,x,10.50,7,s1
2019-10-05 18:00:00 UTC,purchase,2,2053013563651392361,,x,1.25,7,s2
2019-10-05 22:59:59 UTC,purchase,2,2053013563651392361,,x,1.25,7,s2
2019-10-06 23:00:00 UTC,remove_from_cart,3,2053013555631882655,a.b,"y, ""z"" w",3.00,7,s3
2019-10-07 17:59:59 UTC,view,3,2053013555631882655,a.b,,3.00,8,s1
2019-10-07 18:59:59 UTC,view,3,,,,3.00,8,
2019-10-08 18:59:59 UTC,view,3,,,,3.00,8,
"""
# By hand. A session's id counts per user; events without one are one session; 5 and 6 October are a weekend.
EXPECTED = {
    7: {
        "n_events": 5,
        "first_event_at": datetime(2019, 10, 4, 23, 59, 59),
        "last_event_at": datetime(2019, 10, 6, 23),
        "n_active_days": 3,
        "n_products": 3,
        "n_views": 1,
        "n_carts": 1,
        "n_purchases": 2,
        "revenue": 2.5,
        "weekend_share": 0.8,
        "evening_share": 0.4,
        "n_sessions": 3,
        "mean_session_seconds": (10 + 17999 + 0) / 3,
        "n_orders": 1,
        "n_top_category": 3,
    },
    8: {
        "n_events": 3,
        "first_event_at": datetime(2019, 10, 7, 17, 59, 59),
        "last_event_at": datetime(2019, 10, 8, 18, 59, 59),
        "n_active_days": 2,
        "n_products": 1,
        "n_views": 3,
        "n_carts": 0,
        "n_purchases": 0,
        "revenue": 0.0,
        "weekend_share": 0.0,
        "evening_share": 2 / 3,
        "n_sessions": 2,
        "mean_session_seconds": 86400 / 2,
        "n_orders": 0,
        "n_top_category": 2,
    },
}


@pytest.mark.parametrize("tool", peers.TOOLS)
def test_every_tool_computes_the_same_features(tool, tmp_path):
    if tool == "spark":
        pytest.importorskip("pyspark", reason="pyspark and Java are not among what make env installs")
    header, *lines = LINES.splitlines(keepends=True)
    files = [tmp_path / "first.csv", tmp_path / "second.csv"]
    files[0].write_text(header + "".join(lines[:3]))
    files[1].write_text(header + "".join(lines[3:]))
    table = peers.TOOLS[tool](*map(str, files))
    frame = table if isinstance(table, pd.DataFrame) else _pandas(table)
    assert set(frame.columns) == {"user_id", *peers.FEATURES} and len(peers.FEATURES) == 15
    found = frame.set_index("user_id").to_dict("index")
    assert found.keys() == EXPECTED.keys()
    for user_id, expected in EXPECTED.items():
        for feature, value in expected.items():
            got = found[user_id][feature]
            if isinstance(value, datetime):
                assert pd.Timestamp(got).tz_localize(None) == value, (user_id, feature)
            else:
                assert float(got) == pytest.approx(value), (user_id, feature)


def _pandas(table) -> pd.DataFrame:
    return (table if isinstance(table, pa.Table) else table.to_arrow()).to_pandas()


def test_ids_that_are_too_long_for_the_lean_query_end_it(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(LINES.replace(",8,", f",{2**32},"))
    with pytest.raises(Exception, match="UINTEGER"):
        peers.by_lean_query(str(path))


def test_days_are_split_off_without_losing_a_line(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(LINES)
    days = split_into_days([path], tmp_path / "days")
    parts = [part.read_text().splitlines() for part in (days.history, days.new_day, days.late)]
    assert [part[0] for part in parts] == [LINES.splitlines()[0]] * 3
    assert sorted(line for part in parts for line in part[1:]) == sorted(LINES.splitlines()[1:])
    assert {line[:10] for line in parts[1][1:]} == {"2019-10-08"}
    assert {line[:10] for line in parts[2][1:]} == {"2019-10-05"}


def test_what_is_there_for_privacy_alone_is_found_in_the_manifest():
    def node(kind: str, *nodes: str, code: str = "") -> dict:
        return {"resource_type": kind, "raw_code": code, "depends_on": {"nodes": list(nodes)}}

    graph = {
        "nodes": {
            "operation.clientele.hook-1": node("operation", code="{{ clientele.check_classification() }}"),
            "operation.clientele.hook-2": node("operation", code="{{ clientele.check_settings() }}"),
            "model.clientele.retention": node("model"),
            "test.clientele.of_map.1": node("test", "model.clientele.user_keys"),
            "test.clientele.of_both.2": node("test", "model.clientele.user_keys", "model.clientele.users"),
        }
    }
    assert privacy_nodes(graph) == {"hook-1", "retention", "profiling_objections", "of_map.1"}


def test_ancestors_include_the_model_itself():
    graph = {"parent_map": {"model.clientele.b": ["model.clientele.a"], "model.clientele.c": []}}
    assert ancestors(graph, "b") == {"a", "b"}


def test_a_fit_is_what_fits_and_what_it_alone_reads():
    def model(*tags: str) -> dict:
        return {"resource_type": "model", "config": {"tags": list(tags)}}

    readers = {"events": ["sample", "marts"], "sample": ["frame"], "frame": ["fit"], "fit": ["marts"]}
    graph = {
        "nodes": {
            f"model.clientele.{name}": model(*(["fit"] if name == "fit" else []))
            for name in ("events", "sample", "frame", "fit", "marts")
        },
        "child_map": {
            f"model.clientele.{name}": [
                *(f"model.clientele.{one}" for one in found),
                "test.clientele.of_it.1",
            ]
            for name, found in readers.items()
        },
    }
    assert fit_nodes(graph) == {"sample", "frame", "fit"}


def test_dirt_packing_and_a_cold_disk_are_measured_apart(tmp_path, monkeypatch):
    read = []

    def built(home, files):
        home.mkdir()
        texts = [(gzip.open if path.endswith(".gz") else open)(path, "rb").read() for path in files]
        read.append(sum(b"\n\n" in text for text in texts))  # a blank line is one kind of dirt
        return Cost(3.0, 6.0, 2**30, 0, {"start": 1.0, "fit": 1.0})

    forgotten = []
    monkeypatch.setattr(measuring, "build", built)
    monkeypatch.setattr(measuring, "run_task", lambda task, *files: Cost(1.0, 2.0, 2**30, 0))
    monkeypatch.setattr(measuring, "forget", forgotten.append)
    page = Page()
    measuring.PARTS["dirty"](page, measuring.Plan(1, 0, 20_000, 0), tmp_path)
    assert len(forgotten) == 4  # the scan, and each kind of file
    assert read == [0, 0, 4, 4, 4, 4]
    assert (
        "| full build, 0.02M events, clean CSV, cold, with the fit | 3.0 | 6.0 | 300.00 | 1.00 | 0.00 | 1 |"
        in page.costs
    )
    assert sum("without dbt's start and the fit | 2.0" in row for row in page.costs) == 6


def test_what_the_system_keeps_of_a_file_may_be_forgotten(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(LINES)
    reading.forget((str(path),))
    assert path.read_text() == LINES


def test_the_page_compares_medians_with_bars():
    page = Page()
    costs = [Cost(seconds, 2 * seconds, 2**30, 0) for seconds in (1.0, 9.0, 2.0)]
    assert page.cost("a", costs) == 2.0 and page.costs == ["| a | 2.0 | 4.0 | | 1.00 | 0.00 | 3 |"]
    page.ratio("b", 4.0, 4.0)
    page.ratio("c", 4.01, 4.0, " s")
    assert page.ratios == ["| b | 4.00 | 4 | met |", "| c | 4.01 s | 4 s | **missed** |"]
    page.floor("d", 0.1, 20.0, 2.0)
    assert not page.notes
    page.floor("d", 0.1, 20.0, 2.1)
    assert len(page.notes) == 1 and page.notes[0] in page.text(3)
