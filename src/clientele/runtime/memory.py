"""How much memory DuckDB may take in a container: it sees the machine's; the kernel ends who takes more."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["for_duckdb", "limit"]

SHARE = 0.6  # the rest is Python's, Arrow's and that of a fit
_FILES = ("memory.max", "memory/memory.limit_in_bytes")  # cgroup v2 and v1
_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def limit(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes that this container may take, or None where nothing limits it."""
    for name in _FILES:
        try:
            text = (root / name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) < 2**60:  # version 1 writes "no limit" as a number near 2 ** 63
            return int(text)
    return None


def for_duckdb(most: str, root: Path = Path("/sys/fs/cgroup")) -> str:
    """Return DuckDB's limit: `most`, or six tenths of the container's memory if that is less.

    Parameters
    ----------
    most : str
        As DuckDB writes it, ``3GB``.
    root : Path
        Where the kernel says what the limit is.

    Examples
    --------
    In a container of 2 GiB, ``for_duckdb("3GB")`` is ``1288MB``; outside of one it is ``3GB``.
    """
    written = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]I?B)\s*", most.upper())
    held = limit(root)
    if held is None or (written and held * SHARE >= float(written[1]) * _UNITS[written[2]]):
        return most
    return f"{int(held * SHARE / 1e6)}MB"
