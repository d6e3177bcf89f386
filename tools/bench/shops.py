"""Synthetic shops, and days of them as files of their own."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb

from tools.bench.processes import run
from tools.bench.reading import COLUMNS


@dataclass(frozen=True)
class Days:
    """A month in three deliveries.

    Attributes
    ----------
    history : Path
        All days but two.
    new_day : Path
        The last day.
    late : Path
        A day of the first half, which comes after everything.
    """

    history: Path
    new_day: Path
    late: Path


def write_shop(folder: Path, n_events: int, months: int, *arguments: str, seed: int = 0) -> list[Path]:
    """Write the monthly files of a synthetic shop of about `n_events` events; return their paths.

    `arguments` are those of shop-simulator: dirt, or another format.
    """
    command = [sys.executable, "-m", "shop_simulator", "--events", str(n_events)]
    run([*command, "--months", str(months), "--seed", str(seed), "--quiet", *arguments, str(folder)])
    return sorted((folder / "events").iterdir())


def split_into_days(files: list[Path], folder: Path) -> Days:
    """Copy the events of the files into those of `Days`, line by line as they are.

    In a process of its own: on Linux the peak memory of a process begins at that of the one that started it,
    and this one starts all that is measured.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        return apart.submit(_split, files, folder).result()


def _split(files: list[Path], folder: Path) -> Days:
    folder.mkdir()
    names = ", ".join(f"'{path}'" for path in files)
    connection = duckdb.connect()
    source = (
        f"read_csv([{names}], columns = {{'line': 'VARCHAR'}}, delim = chr(1), quote = '', escape = '',"
        " header = false, auto_detect = false, strict_mode = false, new_line = '\\n')"
    )
    days = [
        day
        for (day,) in connection.execute(
            f"select distinct left(line, 10) as day from {source}"
            " where regexp_full_match(left(line, 10), '20[0-9-]{8}') and left(line, 4) < '2030' order by day"
        ).fetchall()
    ]
    late, last = days[len(days) // 3], days[-1]
    header = ",".join(COLUMNS)
    written = Days(folder / "history.csv", folder / "new_day.csv", folder / "late.csv")
    for path, condition in (
        (written.history, f"not in ('{late}', '{last}')"),
        (written.new_day, f"= '{last}'"),
        (written.late, f"= '{late}'"),
    ):
        connection.execute(
            f'copy (select line as "{header}" from {source} where left(line, 10) {condition}'
            f" and line <> '{header}') to '{path}' (format csv, quote '', escape '', delimiter '\\x01')"
        )
    return written
