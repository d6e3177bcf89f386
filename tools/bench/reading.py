"""How every tool here reads a file with DuckDB: typed, under the limits of a build."""

from __future__ import annotations

import os

import duckdb

COLUMNS = {
    "event_time": "TIMESTAMP",
    "event_type": "VARCHAR",
    "product_id": "BIGINT",
    "category_id": "BIGINT",
    "category_code": "VARCHAR",
    "brand": "VARCHAR",
    "price": "DECIMAL(12, 2)",
    "user_id": "BIGINT",
    "user_session": "VARCHAR",
}


def connection() -> duckdb.DuckDBPyConnection:
    """Return a connection under the limits of a build."""
    opened = duckdb.connect(config={"memory_limit": "3GB"})
    opened.execute("set timezone = 'UTC'")
    return opened


def typed(files: tuple[str, ...], **other_types: str) -> str:
    """Return the SQL relation that reads CSV files with their types, or with others for some columns."""
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in (COLUMNS | other_types).items())
    dialect = "header = true, delim = ',', quote = '\"', escape = '\"'"
    return f"read_csv([{names}], columns = {{{types}}}, {dialect})"


def forget(files: tuple[str, ...]) -> None:
    """Let the system drop what it keeps of these files in memory: the next reader waits for the disk."""
    for name in files:
        with open(name, "rb") as file:
            os.fsync(file.fileno())  # what is not written yet stays in memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
