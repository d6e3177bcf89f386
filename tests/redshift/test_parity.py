"""The whole project on both engines, from the same files: every cell of core and marts must agree.

What may differ, and nothing else:

* provenance (support.PROVENANCE): numbers of files, loads and lines. Spectrum knows no line numbers, and what
  the number of a removed copy is changes no event (docs/decisions/0022).
* the bookkeeping tables (support.BOOKKEEPING), which record how files came.
* floats beyond nine significant digits: the engines' ln and power are those of different libraries.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import Counter
from datetime import date, datetime, time
from decimal import Decimal

import pytest
from standin import Proxy
from support import BOOKKEEPING, MATERIAL, PROVENANCE, WITHOUT_TESTS, House
from warehouse import Warehouse

from clientele.redshift_lint import refusals
from clientele.synthetic.__main__ import main as synthesize

IS_LONG = os.environ.get("CLIENTELE_LONG") == "1"
SHOP = ["--users", "1500" if IS_LONG else "450", "--months", "3", "--dirt", "0.01", "--seed", "11", "--quiet"]
# What Spectrum hands over of a NUL or a broken character is one sign, so that their reasons are one as well.
SAME_REASON = {"control_character": "invalid_encoding"}
ROOMS = ("core", "marts")
# A unit test is a query on DuckDB as well, and what it tests is compared here cell by cell.
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", *([] if IS_LONG else ["unit_test"]), "exposure")


def settled(value: object) -> object:
    """Return a cell as a value that both engines have."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Decimal | int):
        return float(value)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def coarse(row: tuple) -> tuple:
    """Return a row to sort by: floats to six digits, or neighbours in the last place change places."""
    return tuple(
        (cell is None, type(cell).__name__, f"{cell:.6g}" if isinstance(cell, float) else str(cell))
        for cell in row
    )


def differing_cells(columns: list[str], ours: list[tuple], theirs: list[tuple]) -> Counter[str]:
    """Count the cells of each column in which two tables differ, rows sorted; print the first of each."""
    found: Counter[str] = Counter()
    ours, theirs = (sorted((tuple(map(settled, row)) for row in rows), key=coarse) for rows in (ours, theirs))
    for left, right in zip(ours, theirs, strict=True):
        for name, a, b in zip(columns, left, right, strict=True):
            is_same = (
                math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
                if isinstance(a, float) and isinstance(b, float)
                else a == b
            )
            if not is_same and not found[name]:
                print(f"{name}: {a!r} on DuckDB, {b!r} on Redshift, in {left}")
            found[name] += not is_same
    return +found


class Pair:
    """The same lake and two warehouses."""

    def __init__(self, house: House, warehouse: Warehouse) -> None:
        self.house, self.warehouse = house, warehouse

    def deliver(self, name: str, content: bytes) -> None:
        self.house.deliver(name, content)
        self.warehouse.deliver(name, content)

    def build(self, *arguments: str, tested: bool) -> None:
        """Build both; with dbt's own tests on Redshift alone, where they are other SQL."""
        self.house.build(*WITHOUT_TESTS, *arguments)
        self.warehouse.build(*(WITHOUT_UNIT_TESTS if tested else WITHOUT_TESTS), *arguments)

    def promote(self) -> str:
        """Let a person say that the fit may score, as the gate does not of a shop this small."""
        (version,) = (row[0] for row in self.house.rows("select model_version from core.segment_models"))
        decision = f"insert into core.segment_decisions values ('{version}', 'promote', 'the team', 'a test')"
        with self.house.connection(read_only=False) as connection:
            connection.execute(decision)
        self.warehouse.postgres.admin(decision)
        return version

    def differences(self, *tables: str) -> dict[str, object]:
        """Return for each table, of all or of these, what differs; empty when nothing does."""
        found = {}
        for name in self.house.table_names(*ROOMS):
            room, table = name.split(".")[1:]
            if table in BOOKKEEPING or (tables and f"{room}.{table}" not in tables):
                continue
            with self.house.connection() as connection:
                relation = connection.table(name)
                columns = [column for column in relation.columns if column not in PROVENANCE]
                ours = relation.select(*columns).fetchall()
            theirs = self.warehouse.rows(f'select {", ".join(columns)} from {room}."{table}"')
            if len(ours) != len(theirs):
                found[f"{room}.{table}"] = f"{len(ours)} rows on DuckDB, {len(theirs)} on Redshift"
            elif cells := differing_cells(columns, ours, theirs):
                found[f"{room}.{table}"] = dict(cells)
        return found


@pytest.fixture(scope="module")
def pair(tmp_path_factory, postgres, proxy):
    reader = proxy
    folder = tmp_path_factory.mktemp("parity")
    assert synthesize([*SHOP, str(folder / "shop")]) in (0, None)
    files = sorted((folder / "shop/events").iterdir())
    # The lint refuses on the way to the server: nothing that dbt, the adapter or a macro sends is left out.
    proxy = Proxy(postgres.port, lint=lambda sql: [finding.message for finding in refusals(sql)])
    proxy.start()
    try:
        pair = Pair(House(folder / "duckdb"), Warehouse(folder / "redshift", postgres, proxy, reader))
        first, late, last = (path.read_bytes() for path in files)
        pair.deliver("1.csv", first)
        pair.deliver("3.csv", last)
        pair.build(tested=IS_LONG)
        pair.before = pair.differences()
        pair.n_in_shadow = pair.house.value("select count(*) from marts.user_segments_shadow")
        pair.promoted = pair.promote()
        # A month comes late, and the last one is delivered again under another name.
        pair.deliver("2.csv", late)
        pair.deliver("4.csv", last)
        pair.build("--exclude", "segment_decisions", tested=True)
        yield pair
    finally:
        proxy.stop()
        shutil.rmtree(folder / "duckdb", ignore_errors=True)


def test_engines_agree_after_the_first_build(pair):
    assert pair.before == {}
    assert pair.n_in_shadow > 50


def test_engines_agree_after_a_late_file(pair):
    assert pair.differences() == {}


def test_segments_are_the_same_for_every_customer(pair):
    query = (
        "select user_key, segment_id, segment_name, status, lifecycle_state "
        "from marts.user_segments order by user_key"
    )
    ours, theirs = pair.house.rows(query), pair.warehouse.rows(query)
    assert ours == theirs
    assert sum(row[1] is not None for row in ours) > 50
    champion = "select model_version from core.segment_models where is_champion"
    assert pair.warehouse.rows(champion) == [(pair.promoted,)]


def test_lines_are_accounted_for_alike(pair):
    counts = "n_lines, n_headers, n_blank, n_loaded, n_duplicates, n_quarantined, n_unaccounted"
    query = f"select file_name, {counts} from monitor.reconciliation order by file_name"
    ours, theirs = pair.house.rows(query), pair.warehouse.rows(query)
    assert ours == [tuple(map(settled_integer, row)) for row in theirs]
    assert all(row[-1] == 0 for row in ours) and len(ours) == 3
    reasons = "select file_name, reason from {}.quarantined_lines"
    ours, theirs = (
        Counter((name, SAME_REASON.get(reason, reason)) for name, reason in rows)
        for rows in (
            pair.house.rows(reasons.format("vault.vault")),
            pair.warehouse.rows(reasons.format("vault")),
        )
    )
    assert ours == theirs
    assert len(ours) > 30


def settled_integer(value: object) -> object:
    return int(value) if isinstance(value, Decimal) else value


def test_a_known_content_is_not_read_again(pair):
    ledger = dict(pair.warehouse.rows("select file_name, status from vault.event_files"))
    assert ledger == {"1.csv": "accepted", "2.csv": "accepted", "3.csv": "accepted", "4.csv": "same_content"}


def test_python_models_pull_no_more_than_the_sample(pair):
    declared = [text for text in pair.warehouse.proxy.statements if text.startswith("declare")]
    assert declared
    for statement in declared:
        assert " limit " in statement
        for table in ('"events"', '"stg_lake__lines"', '"user_sessions"', '"user_keys"'):
            assert table not in statement


def test_no_statement_carries_key_material(pair):
    for statement in pair.warehouse.proxy.statements:
        for part in (MATERIAL.user_inner, MATERIAL.user_outer, MATERIAL.session):
            assert part not in statement


def test_nothing_was_refused(pair):
    assert pair.warehouse.proxy.refusals == []


def test_large_tables_have_keys(pair):
    kept = dict(
        pair.warehouse.rows(
            "select c.relname, kept.distkey from standin.attributes as kept "
            "join pg_class as c on c.oid = kept.relation "
            "join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'core'"
        )
    )
    for table in ("events", "user_sessions", "user_feature_values", "users"):
        assert kept[table] == "user_sk"


def test_documentation_is_generated_from_the_warehouse(pair):
    made = pair.warehouse.run("docs", "generate")
    assert made.succeeded, made.said[-2000:]
    catalog = json.loads((pair.warehouse.folder / "target/catalog.json").read_text())
    segments = catalog["nodes"]["model.clientele.user_segments"]
    assert segments["columns"]["user_key"]["type"].startswith("character varying")
    assert segments["stats"]["diststyle"]["value"] == "KEY(user_key)"


# The last one: it changes the warehouse.
@pytest.mark.parametrize(
    ("table", "change", "found"),
    [
        (
            "core.user_feature_values",
            "update {} set cart_rate_logit = 1.00000001 * cart_rate_logit",
            {"cart_rate_logit": 1},
        ),
        ("core.events", "update {} set brand = 'other'", None),
        ("core.users", "delete from {}", "rows on"),
    ],
)
def test_one_changed_cell_is_found(pair, table, change, found):
    assert pair.differences(table) == {}
    victim = pair.warehouse.rows("select min(user_sk) from core.user_feature_values")[0][0]
    pair.warehouse.postgres.admin(f"{change.format(table)} where user_sk = {victim}")
    seen = pair.differences(table)[table]
    if isinstance(found, dict):
        assert seen == found
    else:
        assert (found or "brand") in seen
