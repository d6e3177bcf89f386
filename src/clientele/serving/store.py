"""The look-up store that is published now; another publication is seen by the next request."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from clientele.errors import ClienteleError
from clientele.runtime import lookup, publishing

__all__ = ["Opened", "Store", "StoreMissingError"]

_TRIES = 5


class StoreMissingError(ClienteleError, LookupError):
    """Nothing can be looked up now; the message says why."""


@dataclass(frozen=True)
class Opened:
    """One publication's store: all that is asked of it is of that publication, whatever happens meanwhile."""

    name: str
    facts: dict[str, str]
    connection: sqlite3.Connection

    def profile(self, user_key: str) -> str | None:
        """Return the published JSON text of a customer, or None."""
        found = self.connection.execute(
            "select profile from customers where user_key = ?", (user_key,)
        ).fetchone()
        return found[0] if found else None

    def profiles(self, user_keys: Sequence[str]) -> dict[str, str]:
        """Return the JSON texts of those customers who are there, by pseudonym."""
        places = ", ".join("?" * len(user_keys))
        query = f"select user_key, profile from customers where user_key in ({places})"
        return dict(self.connection.execute(query, tuple(user_keys)).fetchall())


class Store:
    """Finds the store in ``HOME/published`` and follows it.

    A publication never changes: an erasure, an objection or a build publishes another one, in another file.
    So a file that is open is right until another one is published, and each request asks which one that is.

    Parameters
    ----------
    home : Path
        The folder in which ``published`` is, a link or a folder.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / publishing.LINK / lookup.NAME
        self._identity: tuple[int, int, int, int] | None = None
        self._opened: Opened | None = None

    def opened(self) -> Opened:
        """Return the store that is published now.

        Raises
        ------
        StoreMissingError
            If there is none, or one of a form that this version does not know.
        """
        last: Exception | None = None
        for _ in range(_TRIES):
            try:
                found = os.stat(self._path)
                identity = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
                if self._opened is None or identity != self._identity:
                    opened = _open(Path(os.path.realpath(self._path)))
                    self._opened, self._identity = opened, identity
                return self._opened
            except (OSError, sqlite3.DatabaseError) as problem:
                last = problem  # replaced between the look and the opening, not there, or not to be read
        self._opened = self._identity = None
        if not isinstance(last, FileNotFoundError | NotADirectoryError):
            raise StoreMissingError(
                f"{lookup.NAME} of what is published cannot be read: see whether the service's user may read "
                "it, and whether it is whole"
            )
        raise StoreMissingError(f"there is no {lookup.NAME} in what is published: a build of today makes it")


def _open(path: Path) -> Opened:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, check_same_thread=False
    )
    facts = dict(connection.execute("select name, value from publication").fetchall())
    if facts.get("form") != str(lookup.FORM):
        raise StoreMissingError(
            f"the published store has the form {facts.get('form')}, and this service reads {lookup.FORM}: "
            "the versions of the build and of the service differ"
        )
    return Opened(path.parent.parent.name, facts, connection)
