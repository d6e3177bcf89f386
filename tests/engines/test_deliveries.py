"""On Redshift a run reads the deliveries that it does not know, by a list of days, and each of them once."""

from __future__ import annotations

import re

import pytest
from support import HEADER, IS_LONG, UP_TO_EVENTS, Event
from warehouse import Warehouse

pytestmark = pytest.mark.skipif(not IS_LONG, reason="make test-redshift: five builds on the stand-in")
READ_ALL = {"quarantine_refuse_share": 1}
DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]


def content(*users: int, extra: str = "") -> bytes:
    lines = [HEADER, *(Event(user_id=str(user)).line() for user in users)]
    return ("\n".join(lines) + "\n" + extra).encode()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory, postgres, strict, proxy):
    return Warehouse(tmp_path_factory.mktemp("deliveries"), postgres, strict, proxy, READ_ALL)


def scanned(warehouse: Warehouse, *call: str, **variables: object) -> list[list[str]]:
    """Build, and return the days of each statement that has read the lake."""
    before = len(warehouse.proxy.statements)
    warehouse.build(*(call or UP_TO_EVENTS), variables=variables)
    texts = [text for text in warehouse.proxy.statements[before:] if "from lake.event_lines" in text]
    return [re.findall(r"'(\d{4}-\d{2}-\d{2})'", text) for text in texts]


def files(warehouse: Warehouse) -> list[tuple]:
    return warehouse.rows("select file_name, status from vault.event_files order by 1, 2")


def test_a_run_reads_what_is_new_once(warehouse):
    empty = warehouse.run("build", "--select", "+event_files", "--exclude-resource-type", "test", "unit_test")
    assert not empty.succeeded and "lake.event_lines has no delivery" in empty.said

    too_long = "x" * 70_000 + "," * 8 + "\n"
    for number, day in enumerate(DAYS):
        warehouse.deliver(f"{number}.csv", content(number + 1, extra=too_long if number == 1 else ""), day)
    assert scanned(warehouse) == [DAYS]
    assert files(warehouse) == [("0.csv", "accepted"), ("1.csv", "accepted"), ("2.csv", "accepted")]
    assert warehouse.rows("select file_name, reason from vault.quarantined_lines") == [
        ("1.csv", "line_too_long")
    ]
    assert warehouse.rows("select sum(n_unaccounted), sum(n_loaded) from monitor.reconciliation") == [(0, 3)]
    assert warehouse.rows("select 1 from pg_class where relname = 'lake_lines'") == [], "raw lines are left"

    # A fourth day, and a file among those of the first: only the newest two are looked at again.
    warehouse.deliver("3.csv", content(4), "2026-03-04")
    warehouse.deliver("late.csv", content(5), DAYS[0])
    assert scanned(warehouse) == [[*DAYS[1:], "2026-03-04"]]
    assert warehouse.rows("select count(*) from core.events") == [(4,)]
    assert scanned(warehouse, rehash=True) == [[*DAYS, "2026-03-04"]]
    assert warehouse.rows("select count(*) from core.events") == [(5,)]

    # A run that ends before its lines are read leaves files that are to be read still, whatever their day.
    warehouse.deliver("later.csv", content(6), DAYS[0])
    only_ledger = ("--select", "event_files", "--exclude-resource-type", "test", "unit_test")
    scanned(warehouse, *only_ledger, rehash=True)
    assert scanned(warehouse)[0][0] == DAYS[0]
    assert warehouse.rows("select count(*) from core.events") == [(6,)]
