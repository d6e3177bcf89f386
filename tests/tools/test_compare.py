"""tools/compare.py: two warehouses are the same table by table, whatever the schema and the order of rows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tools.compare import compare, main, report

WAREHOUSE = """
    create schema core;
    create table core.users as
    select * from (values (1, 'a', 1.5, 10), (2, 'b', 2.5, 11), (2, 'b', 2.5, 12), (3, null, null, 13))
        as t (user_sk, persona, score, load_id);
    create table core.load_marks as select 1 as load_id;
    create table core.run_log as select current_timestamp as logged_at;
    create schema marts;
    create view marts.personas as select persona, count(*) as n_users from core.users group by persona;
"""
VAULT = """
    create schema vault.vault;
    create table vault.vault.user_keys as select 1 as user_id, 'k' as user_key;
"""


def build(folder: Path, change: str = "", vault: str = VAULT) -> Path:
    """Write a small warehouse, changed by a statement."""
    folder.mkdir()
    for name, statements in (("warehouse", WAREHOUSE + change), ("vault", vault)):
        with duckdb.connect(str(folder / f"{name}.duckdb")) as connection:
            connection.execute(statements)
    return folder


@pytest.fixture
def before(tmp_path):
    return build(tmp_path / "before")


def differing(before: Path, after: Path, **accepted) -> dict[str, tuple]:
    return {
        found.table: (found.n_left, found.n_right, found.n_differing, found.columns)
        for found in compare(before, after, **accepted)
        if not found.is_same
    }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("", id="nothing"),
        pytest.param("create or replace table core.users as from core.users order by score desc", id="order"),
        pytest.param("update core.users set load_id = load_id + 1", id="provenance"),
        pytest.param("insert into core.load_marks values (7); drop table core.run_log", id="bookkeeping"),
        pytest.param(
            "create schema customers; create table customers.users as from core.users;"
            "drop view marts.personas; drop table core.users; create view core.personas as"
            " select persona, count(*) as n_users from customers.users group by persona",
            id="schema",
        ),
    ],
)
def test_what_does_not_matter_is_no_difference(before, tmp_path, change):
    after = build(tmp_path / "after", change)
    assert differing(before, after) == {}
    assert [found.table for found in compare(before, after)] == ["personas", "user_keys", "users"]
    assert main([str(before), str(after)]) == 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(
            "update core.users set score = 9 where user_sk = 1", (4, 4, 1, ("score 1",)), id="a value"
        ),
        pytest.param(
            "update core.users set score = 0 where user_sk = 3", (4, 4, 1, ("score 1",)), id="no longer null"
        ),
        pytest.param(
            "delete from core.users where load_id = 12; insert into core.users values (1, 'a', 1.5, 12)",
            (4, 4, 1, ("user_sk 1", "persona 1", "score 1")),
            id="how often a row is there",
        ),
        pytest.param(
            "update core.users set score = case load_id when 10 then 2.5 else 1.5 end where load_id < 12",
            (4, 4, 2, ("score (same values in other rows)",)),
            id="values in other rows",
        ),
        pytest.param(
            "alter table core.users alter user_sk type bigint",
            (4, 4, 0, ("user_sk (INTEGER, now BIGINT)",)),
            id="a type",
        ),
        pytest.param("alter table core.users add column x int", (4, 4, 0, ("x (new)",)), id="a new column"),
        pytest.param(
            "alter table core.users drop score", (4, 4, 0, ("score (vanished)",)), id="a vanished column"
        ),
    ],
)
def test_differences_are_found_and_named(before, tmp_path, change, found):
    after = build(tmp_path / "after", change)
    assert differing(before, after)["users"] == found
    assert main([str(before), str(after)]) == 1


def test_fewer_rows_differ_in_the_columns_that_had_them(before, tmp_path):
    after = build(tmp_path / "after", "delete from core.users where user_sk = 2")
    assert differing(before, after)["users"] == (4, 2, 2, ("user_sk 2", "persona 2", "score 2"))
    # The view counts them, so it differs too.
    assert differing(before, after)["personas"][2] == 1


def test_tables_on_one_side_are_differences_unless_accepted(before, tmp_path):
    change = "drop view marts.personas; create table marts.cohorts as select 1 as n; "
    after = build(tmp_path / "after", change + "alter table core.users add column x int")
    assert set(differing(before, after)) == {"personas", "cohorts", "users"}
    assert differing(before, after, new=["cohorts", "users.x"], vanished=["person*"]) == {}
    # Accepted in one direction only.
    assert set(differing(after, before, new=["cohorts"], vanished=["person*"])) == {
        "personas",
        "cohorts",
        "users",
    }
    assert differing(before, after, ignored=["*"]) == {}
    text = report(compare(before, after))
    assert "personas: 3 rows left, - right, 0 differ: vanished table" in text
    assert "cohorts: - rows left, 1 right, 0 differ: new table" in text
    assert text.splitlines()[-1] == "4 tables compared, 8 rows; 3 differ."


def test_a_column_can_be_left_out(before, tmp_path):
    after = build(tmp_path / "after", "update core.users set score = 9")
    assert differing(before, after, ignored=["users.score"]) == {}
    assert "users" in differing(before, after, ignored=["score"])


def test_the_vault_is_compared_too(before, tmp_path):
    after = build(tmp_path / "after", vault=VAULT.replace("'k'", "'l'"))
    assert differing(before, after) == {"user_keys": (1, 1, 1, ("user_key 1",))}


def test_nothing_to_compare_is_no_success(before, tmp_path, capsys):
    assert main([str(before), str(tmp_path / "none")]) == 2
    assert "holds no warehouse.duckdb" in capsys.readouterr().err
    assert main([str(before), str(before), "--ignore", "*"]) == 1
    assert "0 tables compared" in capsys.readouterr().out


def test_a_name_that_is_there_twice_is_refused(before, tmp_path, capsys):
    after = build(tmp_path / "after", "create table marts.users as select 1 as x")
    assert main([str(before), str(after)]) == 2
    assert "two tables of one name" in capsys.readouterr().err


def test_what_is_of_one_run_may_stand_in_both_databases(before, tmp_path, capsys):
    after = build(
        tmp_path / "after",
        "create table marts.generation as select 1 as x;",
        VAULT + "create table main.generation as select 2 as x;",
    )
    assert main([str(before), str(after)]) == 0, capsys.readouterr().out
