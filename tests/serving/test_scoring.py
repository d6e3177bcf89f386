"""Scoring the events of one customer: what the warehouse says of the same events, by the warehouse's SQL."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import duckdb
import httpx
import pytest
from support import IS_LONG, WITHOUT_TESTS, House

from clientele.intake.header import COLUMNS
from clientele.runtime import publishing, scoring_bundle
from clientele.serving.scoring import BadEventsError, Scorer, Scorers, ScoringMissingError
from serving.services import running

N_CUSTOMERS = 1000 if IS_LONG else 25
HEADER = ",".join(COLUMNS)
EVENT = "2019-11-05 10:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde"


def text_of(rows: list[list[str]], columns: tuple[str, ...] = COLUMNS) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([columns, *rows])
    return written.getvalue().encode()


def lines_by_customer(house: House, wanted: set[str]) -> dict[str, list[list[str]]]:
    found = defaultdict(list)
    for path in sorted(house.lake.iterdir()):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", newline="", errors="replace") as file:
            for row in csv.reader(file):
                if len(row) == len(COLUMNS) and row[7] in wanted:
                    found[row[7]].append(row)
    return found


def customers(house: House, n: int) -> list[dict]:
    """Return what the warehouse says of some customers of whose lines none is quarantined."""
    with house.connection() as connection:
        held = connection.sql(
            "select keys.user_id, segments.*, customer_values.* exclude (user_sk, value_tier, model_version) "
            "from marts.user_segments as segments "
            "inner join vault.vault.user_keys as keys using (user_key) "
            "inner join core.customer_values using (user_sk) "
            "where keys.user_id not in "
            "(select user_id from vault.vault.quarantined_lines where user_id is not null) "
            "order by segments.user_key"
        )
        rows = held.to_arrow_table().to_pylist()
    return random.Random(22).sample(rows, min(n, len(rows)))


def assert_equal(scored: dict, row: dict) -> None:
    persona = scored["persona"] or {}
    assert persona.get("id") == row["segment_id"] and persona.get("name") == row["segment_name"]
    assert (persona.get("confidence"), persona.get("margin")) == (row["confidence"], row["margin"])
    assert persona.get("runner_up_id") == row["runner_up_segment_id"]
    for name in ("status", "value_tier", "lifecycle_state", "model_version", "model_status"):
        assert scored[name] == row[name], name
    assert scored["events_missing"] == row["events_missing"]
    assert scored["reasons"] == [row[f"reason_{n}"] for n in (1, 2, 3) if row[f"reason_{n}"] is not None]
    for name in ("p_alive", "expected_orders_90d", "expected_order_value", "expected_revenue_90d"):
        assert scored["value"][name] == pytest.approx(row[name], rel=1e-9), name


def compare(house: House, n: int) -> list[dict]:
    rows = customers(house, n)
    lines = lines_by_customer(house, {str(row["user_id"]) for row in rows})
    scorer = Scorer(publishing.current(house.home))
    for row in rows:
        assert_equal(scorer.score(text_of(lines[str(row["user_id"])])), row)
    return rows


@pytest.fixture(scope="module")
def scorer(built_shop) -> Scorer:
    return Scorer(publishing.current(built_shop.home))


def problems(scorer: Scorer, body: bytes) -> list[tuple[int, str]]:
    with pytest.raises(BadEventsError) as refused:
        scorer.score(body)
    told = refused.value.problems
    assert all(one["sentence"].endswith(".") for one in told)
    return [(one["line"], one["reason"]) for one in told]


def test_scores_are_those_of_the_warehouse(built_shop):
    rows = compare(built_shop, N_CUSTOMERS)
    assert len(rows) == N_CUSTOMERS
    assert {row["status"] for row in rows} >= {"not_enough_events", "settled"}


@pytest.mark.skipif(not IS_LONG, reason="a second build of the shop: in the long form")
def test_what_an_incremental_build_has_compiled_scores_alike(built_shop, tmp_path):
    house = built_shop.copy(tmp_path / "shop")
    house.lake = tmp_path / "lake"
    house.lake.mkdir()
    for path in [*built_shop.lake.iterdir(), *(built_shop.folder / "later").iterdir()]:
        (house.lake / path.name).symlink_to(path)
    house.build(*WITHOUT_TESTS)
    assert "touched_users" in (publishing.current(house.home) / scoring_bundle.PROGRAM).read_text()
    compare(house, 200)


def test_what_is_published_for_scoring_has_no_row_about_a_person(built_shop):
    folder = publishing.current(built_shop.home)
    program = json.loads((folder / scoring_bundle.PROGRAM).read_text())
    about_persons, with_rows = set(), set()
    for relation, table in program["tables"].items():
        with duckdb.connect() as connection:
            parquet = connection.read_parquet(str(folder / table["file"]))
            n_rows, columns = parquet.count("*").fetchall()[0][0], set(parquet.columns)
        if n_rows:
            with_rows.add(relation)
        if {"user_id", "user_sk", "user_key", "session_sk", "line_text", "file_path"} & columns:
            about_persons.add(relation)
    assert about_persons >= {"core.events", "core.users", "vault.user_keys", "marts.user_segments"}
    assert not about_persons & with_rows
    assert {"core.product_taxonomy", "core.segment_weights", "core.shop_priors"} <= with_rows
    assert all(
        relation in with_rows or not table["has_rows"] for relation, table in program["tables"].items()
    )


def test_columns_may_stand_in_any_order_and_in_quotes(scorer):
    values = dict(zip(COLUMNS, EVENT.split(","), strict=True))
    plain = scorer.score(f"{HEADER}\n{EVENT}\n".encode())
    order = tuple(sorted(COLUMNS, reverse=True))
    turned = text_of([[values[name] for name in order]], order)
    quoted = ",".join(f'"{value}"' for value in EVENT.split(","))
    fewer = ("event_time", "event_type", "product_id", "price", "user_id")
    for body in (
        turned,
        f"{HEADER}\r\n\r\n{quoted}\r\n".encode(),
        f"\ufeff{HEADER}\n{EVENT}".encode(),
        text_of([[values[name] for name in fewer]], fewer),
    ):
        assert scorer.score(body)["value"] == plain["value"]
    assert scorer.score(f"{HEADER}\n{EVENT}\n{EVENT}\n".encode())["counts"] == {
        "lines": 2,
        "events": 1,
        "duplicates": 1,
    }


def test_lines_that_are_no_events_are_told_with_their_number(scorer):
    def event(**changed: str) -> str:
        values = dict(zip(COLUMNS, EVENT.split(","), strict=True)) | changed
        return ",".join(values.values())

    lines = [
        HEADER,
        EVENT,
        event(event_type="looked"),
        "",
        event(price="-1"),
        event(event_time="yesterday"),
        "one,two",
        event(product_id=""),
        event(event_time="2037-01-01 00:00:00 UTC"),
        event(brand='"sony'),
    ]
    assert problems(scorer, "\n".join(lines).encode()) == [
        (3, "unknown_event_type"),
        (5, "negative_price"),
        (6, "bad_event_time"),
        (7, "wrong_number_of_fields"),
        (8, "missing_product_id"),
        (9, "event_time_in_future"),
        (10, "bad_quoting"),
    ]
    assert problems(scorer, "\n".join([HEADER, EVENT]).encode() + b"\n\xff\xfe,x") == [
        (3, "invalid_encoding")
    ]
    assert problems(scorer, "\n".join([HEADER, EVENT, event(user_id="7")]).encode()) == [
        (3, "several_customers")
    ]
    assert problems(scorer, "\n".join([HEADER, "", EVENT, "", event(user_id="7")]).encode()) == [
        (5, "several_customers")
    ]
    assert problems(scorer, b"") == [(0, "no_events")] and problems(scorer, HEADER.encode()) == [
        (0, "no_events")
    ]
    for body in (EVENT.encode(), b"{}", HEADER.replace("price", "cost").encode(), b"\xff", b"\n\n"):
        assert problems(scorer, body) == [(1, "bad_header")]


def test_a_request_leaves_nothing_behind(scorer):
    body = f"{HEADER}\n{EVENT}\n".encode()
    first = scorer.score(body)
    for _ in range(3):
        problems(scorer, body.replace(b"view", b"vew"))
        assert scorer.score(body) == first
    held = scorer._connection.execute(
        "select sum(estimated_size) from duckdb_tables() where table_name in "
        "('events', 'users', 'user_keys', 'stg_lake__lines', 'clientele_request', 'user_segments')"
    ).fetchall()
    assert held == [(0,)]


def test_newer_events_move_the_moment_and_a_bot_is_told(scorer, built_shop):
    as_of = built_shop.value("select as_of_at from core.as_of")
    as_of -= timedelta(minutes=as_of.minute % 5, seconds=as_of.second, microseconds=as_of.microsecond)
    assert scorer.score(f"{HEADER}\n{EVENT}\n".encode())["as_of"] == as_of.strftime("%Y-%m-%dT%H:%M:%SZ")
    newer = EVENT.replace("2019-11-05", "2020-03-20")
    assert scorer.score(f"{HEADER}\n{newer}\n".encode())["as_of"] == "2020-03-20T10:00:00Z"
    storm = [EVENT.replace("44600062", str(n)).replace("10:00:00", f"10:00:{n % 20:02d}") for n in range(900)]
    assert scorer.score("\n".join([HEADER, *storm]).encode())["status"] == "bot_like"


def test_without_a_program_or_with_that_of_another_version_it_says_so(built_shop, tmp_path):
    with pytest.raises(ScoringMissingError, match=r"program\.json"):
        Scorer(tmp_path)
    (tmp_path / scoring_bundle.FOLDER).mkdir()
    (tmp_path / scoring_bundle.PROGRAM).write_text('{"form": 99}')
    with pytest.raises(ScoringMissingError, match="form 99"):
        Scorer(tmp_path)


def test_a_program_that_cannot_be_read_is_said(built_shop, tmp_path):
    house = built_shop.copy(tmp_path / "shop")
    folder = publishing.current(house.home)
    program = json.loads((folder / scoring_bundle.PROGRAM).read_text())
    relation = next(table["file"] for table in program["tables"].values() if table["has_rows"])
    for name in (relation, scoring_bundle.PROGRAM):
        (folder / name).unlink()
        (folder / name).write_bytes(b"{")
        with pytest.raises(ScoringMissingError, match="cannot be read"), Scorers(house.home).one():
            pass


def test_over_http(built_shop, tmp_path: Path):
    (row,) = customers(built_shop, 1)
    body = text_of(lines_by_customer(built_shop, {str(row["user_id"])})[str(row["user_id"])])
    with running(built_shop.home, tmp_path) as one:
        answer = one.client.post("/score", content=body, headers={"content-type": "text/csv"})
        assert answer.status_code == 200
        assert_equal(answer.json(), row)
        looked_up = one.client.get(f"/customers/{row['user_key']}").json()
        for name in ("status", "value_tier", "lifecycle_state", "reasons", "model_version"):
            assert looked_up[name] == answer.json()[name]
        refused = one.client.post("/score", content=body.replace(b",view,", b",vew,"))
        assert refused.status_code == 422 and refused.json()["problems"][0]["reason"] == "unknown_event_type"
        assert httpx.post(f"{one.url}/score", content=body, trust_env=False).status_code == 401
        assert str(row["user_id"]) not in one.said.read_text()
