"""Where audiences go: a folder, and services that take requests over HTTP (``bucket`` has the third kind).

A destination has a name and two methods. ``send`` returns once the other side has acknowledged an export, or
raises :class:`DeliveryError`; it may be called again with the same pseudonyms at any time. ``has_leftovers``
says whether something of an earlier export has to be cleared away.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from clientele.activation.ledger import Export, is_name
from clientele.contents import sha256_of
from clientele.errors import ClienteleError

__all__ = [
    "DeliveryError",
    "Destination",
    "DestinationError",
    "Folder",
    "Unusable",
    "Webhook",
    "configured",
    "is_this_machine",
    "of_the_home",
    "signature",
    "written",
]


_MOST_TOLD = 65_536  # bytes of an answer
_MEMBERS = ("members", "added")  # files that say who is there
_LONGEST_WAIT = 60.0  # seconds of Retry-After: builds and requests of customers wait for an export


class DestinationError(ClienteleError, ValueError):
    """Settings of a destination that are not as they should be; the message says what is missing."""


class DeliveryError(ClienteleError):
    """An export that was not acknowledged; the message says what the other side did, and names nobody."""


class Destination(Protocol):
    """A place that audiences are sent to.

    Attributes
    ----------
    name : str
    place : hashable or None
        What no two destinations may share; None where requests say for whom they are.
    """

    name: str

    @property
    def place(self) -> object:
        """Where exports stand."""

    def send(self, export: Export) -> None:
        """Deliver an export; return when it is acknowledged, else raise :class:`DeliveryError`."""

    def has_leftovers(self, audience: str, n_members: int) -> bool:
        """Return whether anything stands there but so many members: an earlier export, or who was removed."""


@dataclass(frozen=True)
class Unusable:
    """A destination that is not set up as it should be: nothing is sent there, and the others get theirs.

    Attributes
    ----------
    name : str
    problem : str
        The file, the name, and what is missing.
    """

    name: str
    problem: str


def configured(
    manifest: Mapping[str, Any], home: Path, environment: Mapping[str, str]
) -> dict[str, Destination | Unusable]:
    """Return the destinations of a project by name: the folder, and exposures with a `destination`.

    Parameters
    ----------
    manifest : mapping
        dbt's manifest.
    home : Path
        The folder of the databases.
    environment : mapping
        Secrets: ``CLIENTELE_SECRET_<NAME>``, in capitals.
    """
    found: dict[str, Destination | Unusable] = {"folder": of_the_home(home)}
    for exposure in sorted(manifest["exposures"].values(), key=lambda exposure: exposure["name"]):
        if "destination" not in exposure["config"].get("meta", {}):
            continue
        name = exposure["name"]
        try:
            if not is_name(name) or name in found:
                raise DestinationError("a name has small letters, digits and _, and is used once")
            found[name] = _made(name, exposure["config"]["meta"]["destination"], environment)
        except (TypeError, KeyError, ValueError) as problem:  # a DestinationError is a ValueError
            told = problem if isinstance(problem, DestinationError) else f"destination, {problem}"
            found[name] = Unusable(name, f"{exposure['original_file_path']}, {name}: {told}")
    return found | dict(_in_one_place(found, manifest))


def _in_one_place(
    found: Mapping[str, Destination | Unusable], manifest: Mapping[str, Any]
) -> Iterator[tuple[str, Unusable]]:
    """Yield the destinations of a project that share a place: each would take the other's exports away."""
    files = {one["name"]: one["original_file_path"] for one in manifest["exposures"].values()}
    places: dict[object, list[str]] = {}
    for name, one in found.items():
        if not isinstance(one, Unusable) and one.place is not None:
            places.setdefault(one.place, []).append(name)
    for name, others in ((name, names) for names in places.values() for name in names if len(names) > 1):
        if name in files:
            same = " and ".join(f"'{other}'" for other in others if other != name)
            yield name, Unusable(name, f"{files[name]}, {name}: it is the same place as {same}")


def _made(name: str, settings: object, environment: Mapping[str, str]) -> Destination:
    from clientele.activation.bucket import Bucket

    if not isinstance(settings, dict) or settings.get("kind") not in ("folder", "s3", "webhook"):
        raise DestinationError("destination needs kind: folder, s3 or webhook")
    kept = {key: value for key, value in settings.items() if key != "kind"}
    if settings["kind"] == "folder":
        return Folder(name, Path(kept.pop("path")), **kept)
    if settings["kind"] == "s3":
        return Bucket(name, **kept)
    return Webhook(name, secret=environment.get(f"CLIENTELE_SECRET_{name.upper()}", ""), **kept)


# --- a folder


@dataclass(frozen=True)
class Folder:
    """A folder with one folder for each audience, which is changed in one step.

    It holds ``members`` (who is in it), ``added`` and ``removed`` (since the export before), each as Parquet
    and CSV, and ``manifest.json``. A reader who has missed an export takes ``members``. The next export
    clears ``removed``, so whoever was erased stands there no longer than that.

    Parameters
    ----------
    name : str
    path : Path
        Made if it is not there.
    """

    name: str
    path: Path

    @property
    def place(self) -> object:
        """The folder, whatever links lead there."""
        return self.path.resolve()

    def send(self, export: Export) -> None:
        """Write an export beside the one before, and change the link; raise :class:`DeliveryError`."""
        audience = export.audience
        fresh = self.path / ".exports" / f"{audience.name}-{export.number:06d}"
        link = self.path / audience.name
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            manifest = written(fresh, export)
            (fresh / "manifest.json").write_text(
                json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            for path in [*fresh.iterdir(), fresh]:
                _sync(path)
            if link.exists() and not link.is_symlink():
                raise DeliveryError(f"{link} is something else: move it away, it would be overwritten")
            draft = self.path / f".{audience.name}-next"
            draft.unlink(missing_ok=True)
            draft.symlink_to(fresh.relative_to(self.path))
            os.replace(draft, link)
            _sync(self.path)
            for old in (self.path / ".exports").glob(f"{audience.name}-*"):
                if old != fresh and old.name.removeprefix(f"{audience.name}-").isdecimal():
                    shutil.rmtree(old)
        except OSError as problem:
            raise DeliveryError(f"{problem.filename or self.path}: {problem.strerror or problem}") from None

    def told(self) -> set[str]:
        """Return the pseudonyms that stand in who is in an audience or came to it."""
        tables = (path for part in _MEMBERS for path in self.path.glob(f".exports/*/{part}.csv"))
        return {key for table in tables for key in table.read_text().split()[1:]}

    def withdraw(self, user_keys: Collection[str]) -> None:
        """Take customers out of who is in an audience or came to it, without an export.

        Who objects, is erased or has another pseudonym must not be read as a member until the next one. That
        tells the removal, as the ledger has it. Can be repeated, also after a kill: each file changes in one
        step, and what says that there is something to do comes last.

        Parameters
        ----------
        user_keys : collection of str
            Pseudonyms.
        """
        gone = set(user_keys)
        read = {link.resolve() for link in self.path.glob("*") if link.is_symlink()}
        for folder in sorted((self.path / ".exports").glob("*/")):
            if folder.resolve() not in read:
                shutil.rmtree(folder)  # an export that was killed left half of it; the next one sends it anew
                continue
            draft = folder / ".draft"
            shutil.rmtree(draft, ignore_errors=True)  # a request that was killed may have left it
            draft.mkdir()
            changed: dict[str, dict[str, object]] = {}
            for part in _MEMBERS:
                table = folder / f"{part}.csv"
                kept = table.read_text().split()[1:] if table.exists() else []
                if not gone.isdisjoint(kept):
                    changed |= _write(draft, part, iter([[key for key in kept if key not in gone]]))
            manifest = folder / "manifest.json"
            if changed and manifest.exists():
                told = json.loads(manifest.read_text(encoding="utf-8"))
                told["files"] |= changed
                text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
                (draft / manifest.name).write_text(text, encoding="utf-8")
            # the CSV files last: while one has the customer, all this is done again
            for path in sorted(draft.iterdir(), key=lambda path: path.suffix == ".csv"):
                shutil.copymode(folder / path.name, path)  # readers of the old one read this one
                _sync(path)
                os.replace(path, folder / path.name)
            draft.rmdir()
            _sync(folder)

    def has_leftovers(self, audience: str, n_members: int) -> bool:
        """Return whether the last export has named who was removed, or is not there: the folder was moved."""
        try:
            files = json.loads((self.path / audience / "manifest.json").read_text(encoding="utf-8"))["files"]
            return files["removed.csv"]["rows"] > 0 or files["members.csv"]["rows"] != n_members
        except FileNotFoundError:
            return n_members > 0
        except (OSError, ValueError, KeyError, TypeError):  # not to be read: written again
            return True


def written(folder: Path, export: Export) -> dict[str, Any]:
    """Write the files of an export into a folder, and return the manifest that names them.

    Parameters
    ----------
    folder : Path
        Is there, and empty.
    export : Export

    Returns
    -------
    dict
        `files` has rows, bytes and sha256 by name.
    """
    files: dict[str, dict[str, object]] = {}
    for part, batches in (("members", export.members), ("added", export.added), ("removed", export.removed)):
        files |= _write(folder, part, batches())
    audience = export.audience
    return {
        "audience": audience.name,
        "label": audience.label,
        "purpose": audience.purpose,
        "export": export.number,
        "as_of": audience.as_of or None,
        "written_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "files": files,
    }


def of_the_home(home: Path) -> Folder:
    """Return the destination to which each publication of a home has a link."""
    return Folder("folder", home / "audiences")


def _write(folder: Path, part: str, batches: Iterator[list[str]]) -> dict[str, dict[str, object]]:
    """Write pseudonyms as Parquet and CSV; return rows, bytes and hash by name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field("user_key", pa.string(), nullable=False)])
    parquet, table = folder / f"{part}.parquet", folder / f"{part}.csv"
    n_rows = 0
    with pq.ParquetWriter(parquet, schema, compression="zstd") as writer, table.open("w") as text:
        text.write("user_key\n")
        for batch in batches:
            writer.write_batch(pa.record_batch([pa.array(batch, pa.string())], schema=schema))
            text.writelines(f"{key}\n" for key in batch)
            n_rows += len(batch)
    return {
        path.name: {"rows": n_rows, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in (parquet, table)
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- a service


class Webhook:
    """A service that takes POST requests with JSON, some pseudonyms at a time, removals first.

    A body has the fields audience, label, purpose, destination, as_of, export, batch, batches, action and
    keys; `action` is ``remove`` or ``add``. The answer to batch 3 of export 7 is a status from 200 to 299 and
    ``{"acknowledged": "7-3"}``: a page of a proxy is no acknowledgement. A request may come twice, and is
    meant once (header ``Idempotency-Key``). Requests that fail, are refused for now (429, 5xx) or have no
    answer in time are repeated, later each time or when ``Retry-After`` says so, a minute later at most;
    redirects are not followed.

    Parameters
    ----------
    name : str
    url : str
        https; http for this machine alone.
    secret : str
        Shared with the service: it signs each request (`signature`).
    batch_keys : int
        Pseudonyms a request.
    requests_per_minute : float
        At most so many, repetitions left out.
    retries : int
        Repetitions of a request.
    wait_seconds : float
        Before the first repetition; twice as long before each further one.
    timeout_seconds : float
        Without an answer for so long, a request has failed; and so it has when its answer is not at an end
        after that time, or has more than 64 KiB.
    """

    def __init__(
        self,
        name: str,
        url: str,
        secret: str,
        batch_keys: int = 1000,
        requests_per_minute: float = 600,
        retries: int = 4,
        wait_seconds: float = 0.5,
        timeout_seconds: float = 10,
    ) -> None:
        parts = urlsplit(str(url))
        is_here = is_this_machine(parts.hostname)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            raise DestinationError("url has to begin with https://; http is for this machine alone")
        if parts.username or parts.password:
            raise DestinationError("url holds a password: it would stand in dbt's manifest. Take it out.")
        if len(secret) < 16:
            raise DestinationError(
                f"CLIENTELE_SECRET_{name.upper()} is to hold a secret of 16 letters or more"
            )
        for key, value, least in (
            ("batch_keys", batch_keys, 1),
            ("requests_per_minute", requests_per_minute, 0.1),
            ("retries", retries, 0),
            ("wait_seconds", wait_seconds, 0),
            ("timeout_seconds", timeout_seconds, 0.01),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < inf:
                raise DestinationError(f"{key} is '{value}', it must be a number from {least} on")
        self.name = name
        self.url = str(url)
        self.is_here = is_here
        self.secret = secret
        self.batch_keys = int(batch_keys)
        self.pause_seconds = 60 / requests_per_minute
        self.retries = int(retries)
        self.wait_seconds = wait_seconds
        self.timeout_seconds = timeout_seconds

    @property
    def place(self) -> object:
        """None: a request names the destination."""
        return None

    def send(self, export: Export) -> None:
        """Post an export batch by batch; raise :class:`DeliveryError` at the first without an answer."""
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        class Patient(Retry):
            def get_retry_after(self, response: Any) -> float | None:
                asked = super().get_retry_after(response)
                return None if asked is None else min(asked, _LONGEST_WAIT)

        repeated = Patient(
            total=self.retries,
            backoff_factor=self.wait_seconds,
            status_forcelist=(408, 425, 429, 500, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
        )
        n_batches = sum(-(-n // self.batch_keys) for n in (export.counts.n_removed, export.counts.n_added))
        parts = (
            (action, keys)
            for action, batches in (("remove", export.removed), ("add", export.added))
            for keys in batches(self.batch_keys)
        )
        with requests.Session() as session:
            session.mount(self.url, HTTPAdapter(max_retries=repeated))
            session.trust_env = (
                not self.is_here
            )  # a company's proxy and certificates, but not for this machine
            for place, (action, keys) in enumerate(parts, start=1):
                begun = time.monotonic()
                self._post(session, export, action, keys, place, n_batches)
                if place < n_batches:
                    time.sleep(max(0.0, self.pause_seconds - (time.monotonic() - begun)))

    def has_leftovers(self, audience: str, n_members: int) -> bool:
        """Return False: what was sent is not ours to clear away."""
        return False

    def _read(self, answer: Any, where: str) -> bytes:
        """Return the body of an answer: a timeout is of each byte, and a body may drip, or never end."""
        ends = time.monotonic() + self.timeout_seconds
        told = b""
        with answer:
            while part := answer.raw.read1(_MOST_TOLD, decode_content=True):
                told += part
                if len(told) > _MOST_TOLD or time.monotonic() > ends:
                    raise DeliveryError(f"{self.name} gave no end of its answer to {where}")
        return told

    def _post(
        self, session: Any, export: Export, action: str, keys: list[str], place: int, n_batches: int
    ) -> None:
        import requests
        from urllib3.exceptions import HTTPError

        batch = f"{export.number}-{place}"
        body = json.dumps(
            {
                "audience": export.audience.name,
                "label": export.audience.label,
                "purpose": export.audience.purpose,
                "destination": self.name,
                "as_of": export.audience.as_of or None,
                "export": export.number,
                "batch": place,
                "batches": n_batches,
                "action": action,
                "keys": keys,
            }
        ).encode()
        at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": batch,
            "X-Clientele-Timestamp": at,
            "X-Clientele-Signature": signature(self.secret, at, body),
        }
        where = f"batch {place} of {n_batches}"
        try:
            answer = session.post(
                self.url,
                data=body,
                headers=headers,
                timeout=self.timeout_seconds,
                allow_redirects=False,
                stream=True,
            )
            told = self._read(answer, where)
        except (requests.RequestException, HTTPError) as problem:
            reason = "gave no answer in time" if isinstance(problem, requests.Timeout) else "gave no answer"
            raise DeliveryError(f"{self.name} {reason} to {where} ({type(problem).__name__})") from None
        if not 200 <= answer.status_code < 300:
            raise DeliveryError(f"{self.name} answered {answer.status_code} to {where}")
        try:
            acknowledged = json.loads(told)["acknowledged"]
        except (ValueError, TypeError, KeyError, RecursionError):  # a page of brackets, too
            raise DeliveryError(
                f"{self.name} answered {answer.status_code} to {where}, and no acknowledgement with it"
            ) from None
        if acknowledged != batch:
            raise DeliveryError(f"{self.name} acknowledged something else than {where}")


def is_this_machine(host: str | None) -> bool:
    """Return whether a host's name means the machine that asks."""
    return host in ("localhost", "127.0.0.1", "::1")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the header ``X-Clientele-Signature`` of a request.

    HMAC (RFC 2104) with SHA-256 over the header ``X-Clientele-Timestamp``, a full stop and the body. Who
    receives it compares in constant time, and refuses old timestamps.

    Examples
    --------
    >>> signature("an agreed secret", "1580428800", b"{}")[:19]
    'sha256=242224d6016d'
    """
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"
