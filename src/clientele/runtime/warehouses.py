"""The warehouse for a command that reads and writes beside dbt, on either engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from clientele.errors import ClienteleError
from clientele.privacy import register
from clientele.runtime import generations, modes, rewriting

__all__ = ["Connection", "WarehouseError", "check", "opened", "refuse_unsound", "require_files"]


class WarehouseError(ClienteleError, RuntimeError):
    """The warehouse cannot be opened, or has no table that is needed; the message says what to do."""


class Connection:
    """A connection in which a transaction lasts until it is committed or rolled back.

    Parameters
    ----------
    connection : object
        Of the driver: DuckDB's, or Redshift's without autocommit.
    vault : str
        What stands before a table of the vault.
    """

    def __init__(self, connection: Any, vault: str) -> None:
        self._connection = connection
        self.vault = vault
        self._is_duckdb = vault == "vault.vault"
        self._is_open = False

    def execute(self, sql: str) -> None:
        """Run a statement."""
        with modes.private():
            if self._is_duckdb:
                if not self._is_open:
                    self._connection.execute("begin")
                self._connection.execute(sql)
            else:
                self._connection.cursor().execute(sql)
        self._is_open = True

    def batches(self, sql: str, size: int) -> Iterator[list[tuple]]:
        """Yield the rows of a query, at most `size` at a time."""
        cursor = self._connection if self._is_duckdb else self._connection.cursor()
        with modes.private():
            cursor.execute(sql)
            rows = cursor.fetchmany(size)
        while rows:
            yield [tuple(row) for row in rows]
            with modes.private():
                rows = cursor.fetchmany(size)

    def rows(self, sql: str) -> list[tuple]:
        """Return all rows of a query whose answer is small."""
        return [row for batch in self.batches(sql, 10_000) for row in batch]

    def commit(self) -> None:
        """End the transaction; what it has done stays."""
        if self._is_open or not self._is_duckdb:
            with modes.private():
                self._connection.commit()
        self._is_open = False

    def rollback(self) -> None:
        """End the transaction as if nothing had been done."""
        if self._is_open or not self._is_duckdb:
            self._connection.rollback()
        self._is_open = False

    def advance(self) -> None:
        """Have both databases note another moment, beside the transaction: one put back from before shows.

        Redshift has one database. Raises :class:`clientele.runtime.generations.GenerationError`.
        """
        if self._is_duckdb:
            with modes.private():
                generations.advance(self._connection.cursor())


@contextmanager
def opened(home: Path) -> Iterator[Connection]:
    """Open the warehouse that DBT_TARGET names: Redshift, or the DuckDB files in `home`, whose lock is held.

    Raises
    ------
    WarehouseError
        There is none, a table that the block asks for is missing, its parts are not of one moment, or a
        request of customers was stopped on its way.
    """
    if os.environ.get("DBT_TARGET") == "redshift":
        from clientele.privacy import redshift_key

        with redshift_key.connect() as connection:
            warehouse = Connection(connection, "vault")
            _refuse(register.stopped(warehouse.rows, warehouse.vault))
            yield warehouse
        return
    with _files(home) as warehouse:
        yield warehouse


def check(home: Path) -> None:
    """Raise :class:`WarehouseError` where `opened` would: for a command that shows files of `home` alone.

    The lock of `home` is held. A folder without databases is let pass.
    """
    if any((home / f"{name}.duckdb").exists() for name in ("warehouse", "vault")):
        with _files(home, is_read=True):  # who else reads the files may go on
            pass


def require_files(home: Path) -> None:
    """Raise :class:`WarehouseError` unless both databases of a home are there."""
    _refuse(generations.missing(home))


def require_one_moment(home: Path) -> None:
    """Raise :class:`WarehouseError` unless vault, warehouse and publications of a home are of one moment.

    For a command that reads the vault alone, as an officer does: requests that were stopped are let pass, and
    so is a vault whose warehouse is not there. The lock of `home` is held.
    """
    if generations.missing(home):
        return
    with _files(home, is_read=True, judge=_refuse_two_moments):
        pass


def refuse_unsound(connection: Any, home: Path) -> None:
    """Raise :class:`WarehouseError` unless what a home holds may be given out, shown and learned from.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the warehouse of `home`, with the vault attached as ``vault``.
    home : Path
        The folder of the databases.
    """
    import duckdb

    _refuse_two_moments(connection, home)
    with suppress(duckdb.CatalogException):  # of a version before, which the next build brings up to date
        _refuse(register.stopped(lambda sql: connection.execute(sql).fetchall(), "vault.vault"))


def _refuse_two_moments(connection: Any, home: Path) -> None:
    _refuse(generations.problem(connection, home))


def _refuse(problem: str | None) -> None:
    if problem:
        raise WarehouseError(problem)


@contextmanager
def _files(
    home: Path, *, is_read: bool = False, judge: Callable[[Any, Path], None] = refuse_unsound
) -> Iterator[Connection]:
    import duckdb

    rewriting.finish(home)
    require_files(home)
    try:
        with ExitStack() as stack:
            with modes.private():
                connection = stack.enter_context(_connected(home, is_read))
                judge(connection, home)
            yield Connection(connection, "vault.vault")
    except duckdb.CatalogException:
        raise WarehouseError(
            "A table that is needed is not there: build once with this version, then try again"
        ) from None


@contextmanager
def _connected(home: Path, is_read: bool) -> Iterator[Any]:
    import duckdb

    with ExitStack() as stack:
        try:
            connection = duckdb.connect(str(home / "warehouse.duckdb"), read_only=is_read)
            stack.callback(_close, connection)
            connection.execute("set TimeZone = 'UTC'")
            path = str(home / "vault.duckdb").replace("'", "''")
            connection.execute(f"attach '{path}' as vault{' (read_only)' if is_read else ''}")
        except duckdb.Error as problem:
            said = str(problem).splitlines()[0].rstrip(".!")
            if "could not set lock" in said.lower():
                raise WarehouseError(f"{home} is in use: wait for the build that has it open") from None
            raise WarehouseError(
                f"warehouse.duckdb or vault.duckdb in {home} cannot be opened: {said}. If it is damaged, "
                "put both back from one moment: clientele restore takes a backup's parts together."
            ) from None
        yield connection


def _close(connection: Any) -> None:
    with modes.private():
        connection.close()
