"""Folders for what a command holds for a moment of customers: none outlives its command for long.

A command that is killed cannot clear up. So each folder is locked by the process that uses it, and what
nobody has locked any more is removed by the next command of the same user.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

__all__ = ["clear", "folder", "made", "remove_left"]

_PREFIX = "clientele-scratch-"
_OURS = re.compile(_PREFIX + r"[a-z]+-\w{8}")


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give a folder in the system's place for temporary files, mode 0700, for as long as it is wanted.

    Parameters
    ----------
    name : str
        What it is for, in small letters, for somebody who looks into that place.

    Yields
    ------
    Path

    Examples
    --------
    >>> with folder("example") as place:
    ...     _ = (place / "file").write_text("ids")
    >>> place.exists()
    False
    """
    clear()
    with made(Path(tempfile.gettempdir()) / f"{_PREFIX}{name}-{uuid4().hex[:8]}") as place:
        yield place


@contextmanager
def made(place: Path) -> Iterator[Path]:
    """Make this folder, mode 0700, and lock it; what has not been moved away goes at the end.

    Parameters
    ----------
    place : Path
        A name that `remove_left` finds, should this process be killed.

    Yields
    ------
    Path
        `place`.
    """
    # made under a name that no other command looks for, and found under its own when it is locked
    drafted = place.with_name(f".making-{uuid4().hex[:8]}")
    held = None
    try:
        drafted.mkdir(mode=0o700)
        held = os.open(drafted, os.O_RDONLY)
        # a disk of the network may lock no folder: then `remove_left` leaves it as well
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        drafted.rename(place)
        yield place
    finally:
        for folder in (drafted, place):
            shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def clear() -> None:
    """Remove the folders of commands that were killed."""
    found = Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")
    remove_left(left for left in found if _OURS.fullmatch(left.name))


def remove_left(folders: Iterable[Path]) -> None:
    """Remove those of these folders that `made` has made for this user, and that no process has locked."""
    for left in folders:
        try:
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # of another user, or gone
        try:
            if os.fstat(held).st_uid == os.getuid():
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass  # in use
        finally:
            os.close(held)
