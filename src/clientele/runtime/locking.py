"""One at a time: the lock of a home, which whoever changes anything in it holds.

It is taken before any database is opened, and held until the process ends: through the renaming of files
that an erasure or a rotation has written anew. DuckDB's own lock hangs on a file and is let go before that,
so a build that began in the gap would open the old files. Whoever finds the lock held does not wait: what
was asked may not be what is wanted once the other has ended. The lock is the system's (flock) and goes with
its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clientele.errors import ClienteleError

__all__ = ["HomeInUseError", "held", "is_taken", "release", "take"]

_FILE = ".lock"
_held: dict[Path, int] = {}


class HomeInUseError(ClienteleError, BlockingIOError):
    """Another process is at work in the home; the message says which, and what to do."""


def take(home: Path) -> None:
    """Take the lock of a home for this process, if it has not got it; the folder must exist.

    Raises
    ------
    HomeInUseError
        When another process has it.
    """
    home = home.resolve()
    if home in _held:
        return
    descriptor = os.open(home / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace") or "?"
        os.close(descriptor)
        raise HomeInUseError(
            f"{home} is in use by process {holder}: another build, or an operation such as an erasure. "
            "Nothing was changed. Build again when it has ended; who only reads should read the files in "
            "published/."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    _held[home] = descriptor


def is_taken(home: Path) -> bool:
    """Take the lock; return whether this process has it now."""
    try:
        take(home)
    except HomeInUseError:
        return False
    return True


def release(home: Path) -> None:
    """Give the lock back, if this process has it: once no database of the home is open."""
    descriptor = _held.pop(home.resolve(), None)
    if descriptor is not None:
        os.close(descriptor)


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the lock for as long as the block runs."""
    had = home.resolve() in _held
    take(home)
    try:
        yield
    finally:
        if not had:
            release(home)
