"""Who may open the files of a home: its owner alone, but for what is published.

The vault and the files of one run hold raw ids, spilled blocks and logs may. What is published is for readers
under other names of the system, so it gets the modes that the system's mask gives; what is published for the
service, whose figures are exact, is for the owner and the owner's group. The warehouse is made for
its owner; who opens it to analysts (chmod) is obeyed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FOR_THE_SERVICE", "make_private", "open_to_readers", "private"]

FOR_THE_SERVICE = "scoring"  # a folder of a publication; the service runs in the group of whoever builds
_PRIVATE = ("vault.duckdb*", "batch.duckdb*", ".spill", ".rewritten")
_masks: list[int] = []


def make_private(home: Path, logs: str | Path | None = None) -> None:
    """Have this process make files for their owner alone, and close those that an earlier version left open.

    Parameters
    ----------
    home : Path
        The folder of the databases.
    logs : path, optional
        The folder of dbt's logs, which dbt opens before anything of ours runs.
    """
    mask = os.umask(0o077)
    if not _masks:
        _masks.append(mask)
    found = [path for pattern in _PRIVATE for path in home.glob(pattern)]
    if logs and Path(logs).is_dir():
        found += [Path(logs), *Path(logs).glob("*.log*")]
    for path in found:
        try:
            path.chmod(0o700 if path.is_dir() else 0o600)
        except OSError:
            continue  # somebody else's, or gone since


@contextmanager
def private() -> Iterator[None]:
    """Have this process make files for their owner alone while the block runs.

    For a command that opens the databases beside dbt: DuckDB makes a log and spilled blocks beside them.
    """
    mask = os.umask(0o077)
    first = not _masks
    if first:
        _masks.append(mask)
    try:
        yield
    finally:
        os.umask(mask)
        if first:
            _masks.clear()


def open_to_readers(folder: Path) -> None:
    """Give a folder and all in it the modes that they would have without `make_private` or `private`.

    What is `FOR_THE_SERVICE` is closed to all but the owner and the group, whatever the system's mask says.

    The process that made the folder may have been another one, which was killed.
    """
    mask = _masks[0] if _masks else os.umask(0o077)
    if not _masks:
        os.umask(mask)  # it can only be read by setting another
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():  # it leads to what is not part of the folder
            others = 0o007 if FOR_THE_SERVICE in path.relative_to(folder.parent).parts else 0
            path.chmod((0o777 if path.is_dir() else 0o666) & ~mask & ~others)
