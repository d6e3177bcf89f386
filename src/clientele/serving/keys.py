"""Keys of the service's callers: a file of hashes, with scopes and an end.

The file is JSON, ``{"keys": [{"name", "sha256", "scopes", "expires", "requests_per_second"}]}``, made and
changed by ``clientele service-key``. It holds no key: a key is 256 random bits, so its SHA-256 tells nobody
what it is. It is read again when it changes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import secrets
import stat
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clientele.errors import ClienteleError

__all__ = ["SCOPES", "Caller", "KeyFile", "KeyFileError", "add", "revoke"]

SCOPES = ("look-up", "score")
_PREFIX = "clk_"
_MOST_DAYS = 36_500
_LOOK_AGAIN_SECONDS = 1.0
_LOG = logging.getLogger("clientele.serving")


class KeyFileError(ClienteleError, ValueError):
    """The file of keys cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Caller:
    """Whom a key was given to.

    Attributes
    ----------
    name : str
        As the person who made the key calls the caller. It is the only thing of a request that logs name.
    scopes : frozenset of str
        Of `SCOPES`.
    expires : datetime
        In UTC; from then on the key is refused.
    requests_per_second : float
        What one process of the service answers, at most, with a burst of one second.
    """

    name: str
    scopes: frozenset[str]
    expires: datetime
    requests_per_second: float


class KeyFile:
    """The callers of a file of keys; a change of the file is seen within a second.

    Parameters
    ----------
    path : Path
        Of the file.

    Raises
    ------
    KeyFileError
        If it cannot be read, everybody may read it, or it is no file of keys.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "keys.json")
    ...     key = add(path, "crm", ["look-up"], days=90)
    ...     KeyFile(path).caller(key).name
    'crm'
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._callers = _read(path)
        self._seen = _identity(path)
        self._looked_at = time.monotonic()

    def caller(self, key: str) -> Caller | None:
        """Return whose key it is, expired or not; None when it is nobody's."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_SECONDS:
            self._looked_at = now
            self._look_again()
        return self._callers.get(_hashed(key))

    def _look_again(self) -> None:
        try:
            identity = _identity(self._path)
            if identity != self._seen:
                self._callers, self._seen = _read(self._path), identity
        except (KeyFileError, OSError) as problem:
            # A file that is gone or broken must not leave keys alive that somebody meant to take away.
            if self._callers:
                _LOG.error("No key holds until this is mended: %s", problem)
            self._callers, self._seen = {}, None


def add(path: Path, name: str, scopes: list[str], *, days: float, requests_per_second: float = 200.0) -> str:
    """Make a key, note its hash, and return it: it is shown once and held nowhere.

    A key of the same name that is there already stays, so that a caller can change over.

    Raises
    ------
    KeyFileError
        If a scope is not known, a number is not above zero, or the file is no file of keys.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise KeyFileError(f"scope {', '.join(unknown) or 'missing'}: there are {' and '.join(SCOPES)}")
    if not 0 < days <= _MOST_DAYS or not 0 < requests_per_second < math.inf:
        raise KeyFileError(
            f"A key lasts for more than no days and at most {_MOST_DAYS:,}, and allows more than no requests "
            "a second, as a number."
        )
    if not name.strip() or not name.isprintable():
        raise KeyFileError("A key needs a name: it tells the callers apart in the logs.")
    entries = _entries(path) if path.exists() else []
    key = _PREFIX + secrets.token_urlsafe(32)
    expires = datetime.now(UTC) + timedelta(days=days)
    entries.append(
        {
            "name": name,
            "sha256": _hashed(key),
            "scopes": sorted(set(scopes)),
            "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "requests_per_second": requests_per_second,
        }
    )
    _write(path, entries)
    return key


def revoke(path: Path, name: str) -> int:
    """Take the keys of a name away; returns how many there were.

    Raises
    ------
    KeyFileError
        If there are none, as when the name is misspelt: nobody is to believe that a key has ended.
    """
    entries = _entries(path)
    kept = [entry for entry in entries if entry["name"] != name]
    if len(kept) == len(entries):
        raise KeyFileError(f"{path} has no key of the name {name!r}: nothing was taken away")
    _write(path, kept)
    return len(entries) - len(kept)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _entries(path: Path) -> list[dict]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(f"{path} is not there. Make a key first: clientele service-key NAME") from None
    except OSError as problem:
        raise KeyFileError(f"{path} cannot be read: {problem.strerror}") from None
    try:
        entries = json.loads(text)["keys"]
        for entry in entries:
            _caller(entry)
            bytes.fromhex(entry["sha256"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise KeyFileError(f"{path} is no file of keys: clientele service-key makes one") from None
    return entries


def _read(path: Path) -> dict[str, Caller]:
    entries = _entries(path)
    if path.stat().st_mode & stat.S_IROTH:
        raise KeyFileError(f"{path} may be read by everybody. Close it: chmod 0600 {path}")
    return {entry["sha256"]: _caller(entry) for entry in entries}


def _caller(entry: dict) -> Caller:
    if not isinstance(entry["scopes"], list) or not float(entry["requests_per_second"]) > 0:
        raise ValueError(entry["name"])
    return Caller(
        str(entry["name"]),
        frozenset(entry["scopes"]),
        datetime.strptime(entry["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        float(entry["requests_per_second"]),
    )


def _write(path: Path, entries: list[dict]) -> None:
    """Write the file so that it appears at once, for its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"keys": entries}, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as problem:
        raise KeyFileError(f"{path} cannot be written: {problem.strerror}") from None
