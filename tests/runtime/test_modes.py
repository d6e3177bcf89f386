"""Commands beside dbt: what DuckDB makes beside the databases is for their owner alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from clientele.runtime import fits, modes, scoring_bundle, warehouses

PAPERS = False  # no test here reads what dbt writes about its runs


@pytest.fixture
def home(tmp_path) -> Iterator[Path]:
    """A home with both databases, in a shell that lets everybody read what is made."""
    for name, schema in (("warehouse", "warehouse.core"), ("vault", "vault.vault")):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as connection:
            connection.execute(f"create schema {schema}; create table {schema}.held (user_key text)")
        (tmp_path / f"{name}.duckdb").chmod(0o600)
    mask = os.umask(0o022)
    yield tmp_path
    os.umask(mask)


def readable(home: Path) -> set[str]:
    """Return what others than the owner may read."""
    return {path.name for path in home.rglob("*") if path.stat().st_mode & 0o077}


SPILL = (
    "create or replace temporary table spilled as "
    "select i, md5(i::varchar) as user_key from range(2000000) as r(i) order by user_key"
)


def test_the_log_and_spilled_blocks_of_an_opened_warehouse_are_private(home):
    with warehouses.opened(home) as warehouse:
        for place in ("vault.vault", "core"):  # one transaction writes to one database
            warehouse.execute(f"insert into {place}.held values ('a pseudonym')")
            warehouse.commit()
        warehouse.execute("set threads = 1")
        warehouse.execute("set memory_limit = '40MB'")
        warehouse.execute(SPILL)
        assert {"warehouse.duckdb.wal", "vault.duckdb.wal"} <= {path.name for path in home.iterdir()}
        assert list(home.glob("warehouse.duckdb.tmp/*"))
        assert readable(home) == set()
        # what the command writes for readers is as the shell says
        (home / "members.csv").write_text("user_key\n")
        assert readable(home) == {"members.csv"}
        assert sum(len(rows) for rows in warehouse.batches("select * from core.held", 1)) == 1
    assert readable(home) == {"members.csv"}


def test_the_log_of_a_fit_is_private(home):
    with fits.opened(home) as warehouse:
        warehouse.sql("insert into core.held values ('a pseudonym')")
        assert (home / "warehouse.duckdb.wal").exists()
        assert readable(home) == set()


@pytest.mark.parametrize("inside", [False, True])
def test_a_publication_that_a_killed_process_made_is_opened_by_the_next(home, inside):
    folder = home / ".publications" / "000001"
    with modes.private():
        folder.mkdir(parents=True)
        (folder / "user_segments.parquet").write_bytes(b"PAR1")
    if inside:
        with modes.private():
            modes.open_to_readers(folder)
    else:
        modes.open_to_readers(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / "user_segments.parquet").stat().st_mode & 0o777 == 0o644
    assert os.umask(0o022) == 0o022


@pytest.mark.parametrize("whole", [True, False], ids=["all publications", "one"])
def test_what_is_published_for_the_service_is_not_for_everybody(home, whole):
    """Its figures are exact, as docs/privacy.md says; the service runs in the group of whoever builds."""
    folder = home / ".publications" / "000001"
    with modes.private():
        (folder / modes.FOR_THE_SERVICE).mkdir(parents=True)
        for name in (scoring_bundle.PROGRAM, "user_segments.parquet"):
            (folder / name).write_bytes(b"{}")
        modes.open_to_readers(folder.parent if whole else folder)
    found = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.parent.rglob("*")}
    assert found == {
        "000001": "0o755",
        "scoring": "0o750",
        "program.json": "0o640",
        "user_segments.parquet": "0o644",
    }
