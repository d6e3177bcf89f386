"""Events that are in the warehouse already: a relation instead of files, with a ledger by day."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import UP_TO_EVENTS, Event, House, little_shop

PAPERS = False  # no test here reads what dbt writes about its runs
SHOP = little_shop(n_users=30, n_days=12)
EVENTS = "select * exclude (load_id, file_id, line_number) from core.events order by all"
TYPES = {"event_time": "timestamp", "product_id": "bigint", "price": "decimal(14, 4)", "user_id": "bigint"}
NAMES = [*Event.__dataclass_fields__]


def put(house: House, events: list[Event]) -> None:
    """Write the events into a table of the warehouse, typed as warehouses have them."""
    house.home.mkdir(exist_ok=True)
    columns = ", ".join(f"{name} {TYPES.get(name, 'varchar')}" for name in NAMES)
    rows = [
        (event.event_time[:19] or None, *(getattr(event, name) for name in NAMES[1:])) for event in events
    ]
    with house.connection(read_only=False) as connection:
        connection.execute("create schema if not exists shop")
        connection.execute(f"create or replace table shop.events ({columns}, channel varchar default 'web')")
        connection.executemany(
            f"insert into shop.events ({', '.join(NAMES)}) values ({', '.join('?' * len(NAMES))})", rows
        )


def held(house: House) -> list[tuple]:
    names = [row[0] for row in house.rows("describe core.events")]
    kept = [name for name in names if name not in ("load_id", "file_id", "line_number")]
    return house.rows(f"select {', '.join(kept)} from core.events order by all")


@pytest.fixture(scope="module")
def house(new_house) -> House:
    """A home whose events are a typed table of its warehouse."""
    house = new_house(variables={"events_relation": "shop.events"})
    put(house, SHOP)
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=None)
    return house


def test_each_day_is_a_row_of_the_ledger_and_an_unchanged_relation_brings_nothing(house):
    n_days = len({event.event_time[:10] for event in SHOP})
    assert house.value("select count(*) from vault.vault.event_files") == n_days
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=None)
    assert house.value("select max(load_id) from vault.vault.event_files") == 1


def test_late_and_corrected_days_are_found_and_give_the_events_of_the_same_file(house, new_house):
    """Rows without a time are a day of their own, and in the books."""
    late = Event(event_time="2019-10-03 07:00:00 UTC", user_id="999000111")
    corrected = [replace(event, price="77.00") if event == SHOP[-1] else event for event in SHOP]
    put(house, [*reversed(corrected), late, *(replace(event, event_time="") for event in SHOP[:3])])
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=None, variables={"quarantine_refuse_share": 1})
    assert house.value("select count(*) from vault.vault.event_files where status = 'replaced'") == 2
    assert house.value("select count(*) from vault.vault.quarantined_lines") == 3
    assert house.rows("select file_name from vault.vault.event_files where file_name like '%without%'") == [
        ("events without a date",)
    ]
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0
    fresh = new_house()
    fresh.deliver("all.csv", [*corrected, late])
    fresh.build(*UP_TO_EVENTS)
    assert held(house) == held(fresh)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shop.nothing", "is not there"),
        ("shop.prices", "has no column event_time, event_type, user_id"),
        ("shop.events; drop table x", "it must be schema.table"),
    ],
)
def test_a_relation_that_cannot_be_read_is_named(house, name, message):
    with house.connection(read_only=False) as connection:
        connection.execute("create or replace table shop.prices (product_id bigint, price double)")
    other = House(house.folder, variables={"events_relation": name})
    built = other.run("--select", "+event_files", parse=True, CLIENTELE_EVENTS=None)
    assert not built.succeeded and message in built.said
