"""Whom a request is about where SQL cannot read the environment, when two people ask at once.

Between the naming and the operation dbt begins, which takes seconds. DuckDB stands for the warehouse here:
the statements are those that Redshift gets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from support import House

from clientele import cli
from clientele.privacy import redshift_subjects

PAPERS = False
FIRST, SECOND = "541312140", "541312177"


class Warehouse:
    """What redshift_connector gives, of a DuckDB database."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()

    def cursor(self) -> Warehouse:
        return self

    def execute(self, sql: str, values: Any = None) -> None:
        self.connection.execute(sql.replace("%s", "?"), values)

    def fetchall(self) -> list[tuple]:
        return self.connection.fetchall()

    def commit(self) -> None:
        pass


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    warehouse = Warehouse()
    yield warehouse
    warehouse.connection.close()


@pytest.fixture(scope="module")
def house(new_house) -> House:
    return new_house()


def meant(house: House, warehouse: Warehouse, named_as: str | None) -> set[int]:
    """Return whom an operation of this environment is about."""
    inline = ("--inline", "select user_id from {{ clientele.default__named_subjects() }} as named")
    ran = house.run(*inline, command=("compile",), CLIENTELE_NAMED_AS=named_as)
    assert ran.succeeded, ran.said[-2000:]
    sql = ran.compiled["inline_query"].replace('"vault"."vault".', "vault.")
    return {user_id for (user_id,) in warehouse.connection.execute(sql).fetchall()}


def test_each_request_is_about_who_was_named_for_it(house, warehouse):
    warehouse.execute("create schema vault")
    warehouse.execute("create table vault.named_subjects (user_id bigint)")  # of a version before
    warehouse.execute("insert into vault.named_subjects values (7)")
    for user_id, for_whom in (
        (FIRST, {"CLIENTELE_NAMED_AS": "a1"}),
        (SECOND, {"CLIENTELE_NAMED_AS": "b2"}),
        ("9", {}),
    ):
        redshift_subjects.name(warehouse, {"CLIENTELE_SUBJECT": user_id} | for_whom)
    assert meant(house, warehouse, "a1") == {int(FIRST)}
    assert meant(house, warehouse, "b2") == {int(SECOND)}
    assert meant(house, warehouse, None) == {9}
    redshift_subjects.name(warehouse, {"CLIENTELE_NAMED_AS": "a1"})
    assert meant(house, warehouse, "a1") == set() and meant(house, warehouse, "b2") == {int(SECOND)}
    assert meant(house, warehouse, "it's nobody") == set()


def test_commands_name_for_themselves_alone(monkeypatch):
    told, started = [], []
    monkeypatch.setenv("DBT_TARGET", "redshift")
    monkeypatch.setenv("CLIENTELE_SUBJECT", FIRST)
    monkeypatch.setattr(redshift_subjects, "name_all", lambda named: told.append(named["CLIENTELE_NAMED_AS"]))
    monkeypatch.setattr(
        cli, "_run", lambda operation, **_: started.append(cli.os.environ["CLIENTELE_NAMED_AS"])
    )
    monkeypatch.setenv("CLIENTELE_NAMED_AS", "")  # given back after the test
    for command in ("erase", "object", "erase"):
        assert CliRunner().invoke(cli.main, [command]).exit_code == 0
    assert told == started and len(set(told)) == 3 and all(told)
