"""Once a destination has acknowledged that an erased customer is gone, no byte of the home names them.

An erasure leaves the pseudonym in the ledger, because the destination has still to be told. What is deleted
from a database later stays in its free blocks. Tables of a build stand in files of their own here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from test_exports import CUSTOMERS, TABLES, Killed

from clientele import cli
from clientele.activation.destinations import Folder
from clientele.runtime import generations, locking, rewriting

# Unlike CUSTOMERS, a text that stands in no file by chance.
ERASED = "e5a5ed00c0ffee11e5a5ed00c0ffee11"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which an audience was exported, and one of its members was erased since."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "manifest.json").write_text('{"exposures": {}}')
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    monkeypatch.delenv("DBT_TARGET", raising=False)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(TABLES.replace("':memory:'", f"'{home / 'vault.duckdb'}'"))
        connection.executemany(
            "insert into vault.vault.user_keys values ($1, $2, $1 + 100)",
            list(enumerate([*CUSTOMERS, ERASED])),
        )
        connection.execute(
            "insert into marts.audiences values "
            "('loyal', 'Loyal', 'a mail', 'active', null, '2020-01-01', 1, 'folder', null)"
        )
        connection.execute(
            "insert into marts.audience_members select 'loyal', user_key from vault.vault.user_keys"
        )
    activate(home)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(f"attach '{home / 'vault.duckdb'}' as vault")
        connection.execute(f"delete from marts.audience_members where user_key = '{ERASED}'")
        connection.execute(f"delete from vault.vault.user_keys where user_key = '{ERASED}'")
    for name in ("warehouse", "vault"):  # an erasure leaves no bytes in either, but for the ledger's row
        rewriting.leave_out_deleted(home / f"{name}.duckdb", home)
    assert holding(home) == {"vault.duckdb"} | {
        f"audiences/.exports/loyal-000001/{part}.{form}"
        for part in ("members", "added")
        for form in ("csv", "parquet")
    }
    return home


def activate(home: Path, *options: str) -> str:
    ran = CliRunner().invoke(cli.main, ["activate", "--home", str(home), *options])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.output


def holding(home: Path) -> set[str]:
    """Return the files with a byte of the erased customer's pseudonym."""
    files = (path for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        path.relative_to(home).as_posix()
        for path in files
        if path.parent.name != "loyal" and ERASED.encode() in path.read_bytes()
    }


def others(home: Path) -> set[str]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home / 'vault.duckdb'}' as held (read_only)")
        rows = connection.execute("select member_key, standing from held.vault.destination_ledger")
        return {f"{key} {standing}" for key, standing in rows.fetchall()}


def test_the_vault_forgets_whom_a_destination_has_removed(home):
    assert "1 removed" in activate(home)
    assert holding(home) == {f"audiences/.exports/loyal-000002/removed.{form}" for form in ("csv", "parquet")}
    assert others(home) == {f"{key} member" for key in CUSTOMERS}
    assert (home / "vault.duckdb").stat().st_mode & 0o777 == 0o600
    activate(home)
    assert holding(home) == set()


def test_a_dry_run_changes_nothing(home):
    before = (home / "vault.duckdb").stat().st_ino
    activate(home, "--dry-run")
    assert (home / "vault.duckdb").stat().st_ino == before
    assert f"{ERASED} member" in others(home) and not any(
        path.name[:7] == ".vault-" for path in home.iterdir()
    )


def test_who_was_killed_after_the_acknowledgement_leaves_it_to_the_next(home, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(rewriting, "finish", lambda home: False)
        activate(home)
    assert "vault.duckdb" in holding(home)
    with duckdb.connect() as reader, locking.held(home):
        reader.execute(f"attach '{home / 'vault.duckdb'}' as held")
        rewriting.finish(home)
    assert "vault.duckdb" in holding(home) and not (home / ".rewritten").exists()
    with locking.held(home):
        rewriting.finish(home)
    assert "vault.duckdb" not in holding(home) and others(home) == {f"{key} member" for key in CUSTOMERS}
    assert not (home / ".rewritten").exists()
    inode = (home / "vault.duckdb").stat().st_ino
    with locking.held(home):
        rewriting.finish(home)
    assert (home / "vault.duckdb").stat().st_ino == inode, "once is enough"


@pytest.mark.parametrize("is_whole", [True, False], ids=["killed while it follows", "thrown away"])
def test_exports_follow_a_rotation_when_it_counts(home, monkeypatch, is_whole):
    """A process that is killed before the exports follow leaves it to the next."""
    activate(home)
    with locking.held(home):
        folder = rewriting.start(home)
        shutil.copyfile(home / "vault.duckdb", folder / "vault.duckdb")
        with duckdb.connect(str(folder / "vault.duckdb")) as connection:
            connection.execute(
                "use vault.vault; update user_keys set user_id = user_sk; "
                "update user_keys set user_key = 'new' || user_sk where user_sk >= 3; "
                "insert into objections values (1); insert into restrictions values (2)"
            )
        if is_whole:
            rewriting.mark_whole(home)
            with monkeypatch.context() as patched, pytest.raises(Killed):
                patched.setattr(Folder, "withdraw", killed)
                rewriting.finish(home)
        rewriting.finish(home)
    table = home / "audiences" / "loyal" / "members.csv"
    assert table.read_text().split()[1:] == (CUSTOMERS[:1] if is_whole else CUSTOMERS)
    assert not (home / ".rewritten").exists()


@pytest.mark.parametrize("n_steps", range(4))
def test_an_export_that_is_killed_leaves_databases_that_belong_together(home, monkeypatch, n_steps):
    """Each step of a generation is committed, and the next export goes on from any of them."""

    class Breaking:
        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self.connection, self.n_left = connection, n_steps

        def execute(self, sql: str, values: object = None) -> duckdb.DuckDBPyConnection:
            if sql.startswith(("update", "commit")):
                if not self.n_left:
                    self.connection.close()  # what was begun is gone, as with the process
                    raise Killed
                self.n_left -= 1
            return self.connection.execute(sql, values)

    advance = generations.advance
    with monkeypatch.context() as patched:
        patched.setattr(generations, "advance", lambda connection: advance(Breaking(connection)))
        if n_steps < 3:
            with pytest.raises(Killed):
                activate(home)
        else:
            activate(home)
    before = moment(home)
    assert before.are_together
    assert (before.vault, before.warehouse) == {0: (2, 2), 1: (2, 2), 2: (2, 3), 3: (3, 3)}[n_steps]
    activate(home)
    assert moment(home).are_together and moment(home).vault == 4 - (n_steps < 3)


def test_an_export_refuses_the_vault_of_another_moment(home, tmp_path):
    """Another generation in both would hide that they are of two."""
    old = (home / "vault.duckdb").read_bytes()
    activate(home)
    (home / "vault.duckdb").write_bytes(old)
    for _ in range(2):
        ran = CliRunner().invoke(cli.main, ["activate", "--home", str(home)])
        assert ran.exit_code == 1 and "The vault is older than the warehouse" in ran.output, ran.output


def killed(*_: object) -> None:
    raise Killed


def moment(home: Path) -> generations.Generations:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(f"attach '{home / 'vault.duckdb'}' as vault")
        return generations.read(connection)
