"""Who may read what, as deploy/redshift/setup.sql says it, tried out on the stand-in's PostgreSQL.

It proves the grants as they are written, for tables made anew after them. What PostgreSQL spells otherwise,
`to role x` for one, is translated here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[2] / "deploy/redshift/setup.sql"
DATABASE = "roles"
ROOMS = ("lake", "vault", "core", "marts", "monitor")
READS = {
    "clientele_reader": {"marts"},
    "clientele_analyst": {"core", "marts", "monitor"},
    "clientele_build": set(ROOMS) - {"lake"},
}


def for_postgres(sql: str) -> str:
    return (
        re.sub(r"\bto role\b", "to", sql)
        .replace(":build_password", "'Nobodys1'")
        .replace(':"database"', DATABASE)
    )


@pytest.fixture(scope="module")
def warehouse(postgres):
    """Set up an empty warehouse, then make a table in each room as a build does."""
    postgres.admin(f"create database {DATABASE}", database="postgres")
    postgres.admin("create schema lake; create table lake.t as select 1 as n", DATABASE)
    postgres.admin(for_postgres(SETUP.read_text()), DATABASE)
    make = "; ".join(
        f"drop table if exists {room}.t; create table {room}.t as select 1 as n"
        for room in ROOMS
        if room != "lake"
    )
    postgres.admin(f"set role clientele_build; {make}; {make}", DATABASE)
    yield postgres
    postgres.admin(f"drop database {DATABASE}", database="postgres")
    postgres.admin(f"drop role {', '.join(READS)}", database="postgres")


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("role", READS)
def test_a_role_reads_its_rooms_and_no_other(warehouse, role, room):
    call = f"set role {role}; select n from {room}.t"
    if room in READS[role]:
        assert warehouse.admin(call, DATABASE).split()[-1] == "1"
    else:
        with pytest.raises(RuntimeError, match="permission denied"):
            warehouse.admin(call, DATABASE)


@pytest.mark.parametrize("role", sorted(READS.keys() - {"clientele_build"}))
@pytest.mark.parametrize("room", ["core", "marts"])
def test_readers_change_nothing(warehouse, role, room):
    for call in (f"delete from {room}.t", f"create table {room}.mine as select 1 as n"):
        with pytest.raises(RuntimeError, match="permission denied"):
            warehouse.admin(f"set role {role}; {call}", DATABASE)


def test_a_grant_too_many_would_be_seen(warehouse):
    """The deliberate leak: with it the test above that it concerns would fail."""
    leak = "grant usage on schema vault to clientele_reader; grant select on vault.t to clientele_reader"
    read = "set role clientele_reader; select n from vault.t"
    assert warehouse.admin(f"begin; {leak}; {read}; rollback", DATABASE).split()[-1] == "1"
