"""Whether a build has anything to do, before it starts.

A green build that has published everything leaves a mark in its home: what it was made from, and what it
has made. The next build compares. Nothing is to be done when *all* of this is as the mark has it: the event
files, the project and the program, the settings and the key, both databases, the publication; and no moment
has passed at which the clock alone changes something. Whatever differs, or cannot be compared, is built.

No table is asked: every change of a DuckDB file that is written out goes with a new header, which counts
them, so whatever a command has written there (an erasure, an objection, a fit, an export) shows in the first
12 KiB of the file. No time of a file decides anything: where size, times or inode are others, the content
says whether the file is another one.

Imports stay small here: the comparison is to take a second.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import clientele
from clientele.contents import sha256_of
from clientele.errors import ClienteleError
from clientele.runtime import locking, publishing

__all__ = ["FORCE", "Built", "Invocation", "begin", "built", "forget", "note", "reason", "rest", "settle"]

FORCE = "CLIENTELE_FORCE"
_MARK = ".built.json"
_FORM = 1
_DATABASES = ("warehouse", "vault")
_HEADERS = 3 * 4096  # of a DuckDB file: one of the file, two of the database, written in turn
_MAGIC = b"DUCK"
_ENV_VAR = re.compile(rb"""env_var\(\s*['"]([A-Za-z0-9_]+)['"]""")
# They are looked at in other ways, or say nothing about what a build makes.
_NO_SETTINGS = {
    "CLIENTELE_HOME",
    "CLIENTELE_EVENTS",
    "CLIENTELE_PSEUDONYM_KEY",
    "CLIENTELE_SUBJECT",
    "CLIENTELE_SUBJECTS_FILE",
    FORCE,
}
_KEY = "CLIENTELE_PSEUDONYM_KEY"
_SIDE = "CLIENTELE_SIDE_"
_FOLDERS = {
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "seed-paths": ["seeds"],
    "test-paths": ["tests"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "asset-paths": [],
    "docs-paths": [],
    "function-paths": ["functions"],
    "packages-install-path": ["dbt_packages"],
}
_OF_TESTS = {".sql", ".yml", ".yaml", ".csv", ".md"}  # what dbt reads there: the rest is not its own
_PROJECT = "dbt_project.yml"
_FILES = (_PROJECT, "packages.yml", "dependencies.yml", "package-lock.yml", "selectors.yml", ".dbtignore")
# So near to each other two changes of a file may have the same time: here, and where others' files lie.
_TICK_NS = 5 * 10**7
_FOREIGN_TICK_NS = 3 * 10**9


@dataclass(frozen=True)
class Invocation:
    """What dbt is asked for, as far as it changes what a whole build makes.

    Attributes
    ----------
    project, profiles : Path
        Folders of dbt_project.yml and of profiles.yml.
    settings : mapping
        The vars of the command.
    target, profile : str or None
        As the command names them; None where it does not.
    with_unit_tests : bool
        Whether dbt's unit tests are part of it.
    """

    project: Path
    profiles: Path
    settings: Mapping[str, object] = field(default_factory=dict)
    target: str | None = None
    profile: str | None = None
    with_unit_tests: bool = True


@dataclass(frozen=True)
class Built:
    """What a build knows at its end.

    Attributes
    ----------
    run_id : str
        Of the run; its publication names it.
    contents : mapping of str to str
        SHA-256 of each event file that is held, by path.
    due_at : float or None
        Seconds since 1970 from when on the clock alone changes what a build makes.
    """

    run_id: str
    contents: Mapping[str, str]
    due_at: float | None = None


_begun: dict[Path, dict] = {}
_ended: dict[Path, tuple[dict, Built]] = {}
_hashed: dict[str, tuple[list[int], str, list[str]]] = {}


# --- a build's own part


def begin(home: Path, invocation: Invocation) -> None:
    """Note what a build is about to be made from, and take the mark of an earlier one away.

    Call it before the build reads anything: what changes from here on is not in the build for certain.
    """
    forget(home)
    try:
        _begun[home.resolve()] = _surroundings(invocation, secrets.token_hex(16))
    except _Differs:
        return  # the build itself says what is wrong


def forget(home: Path) -> None:
    """Take the mark away: the next build builds."""
    _begun.pop(home.resolve(), None)
    _ended.pop(home.resolve(), None)
    (home / _MARK).unlink(missing_ok=True)


def note(home: Path, built: Built) -> None:
    """Note that the build that has begun is green and has published; `settle` writes it down."""
    began = _begun.pop(home.resolve(), None)
    if began is not None:
        _ended[home.resolve()] = (began, built)


def built(run_id: str, files: list[dict], due: list[dict], days: Mapping[str, object]) -> Built:
    """Return what a build knows at its end, from what its hook reads (macros/engine/duckdb/idle.sql).

    Parameters
    ----------
    run_id : str
        Of the run.
    files : list of dict
        `file_path` and `sha256` of the ledger's files.
    due : list of dict
        `file_path` of files with lines that are in the future, and when they are due, `due_at` (seconds since
        1970). A file that is not in the lake is not read again, so its lines are never due.
    days : mapping
        `today_at`, the day of the build's clock (seconds since 1970); `n_days_without_news` and
        `stale_after_days`, from when on a feed is stale, where it has a habit; `has_clock`, false where a
        setting says what time it is: nothing is due by itself then.
    """
    contents = {str(file["file_path"]): str(file["sha256"]) for file in files if file["sha256"]}
    moments: list[float] = []
    if days["has_clock"]:
        moments += [float(line["due_at"]) for line in due if os.path.lexists(line["file_path"])]
        stale_after, so_far = days.get("stale_after_days"), days.get("n_days_without_news")
        if stale_after is not None and so_far is not None:
            # The first day with more days than that; where it is past, tomorrow's build tells of a day more.
            left = max(math.floor(float(stale_after)) + 1 - int(so_far), 1)
            moments.append(float(days["today_at"]) + left * 86_400)
    return Built(run_id, contents, min(moments, default=None))


def settle(home: Path) -> bool:
    """Write the mark of a build that has ended and closed its databases; returns whether there is one."""
    began, built = _ended.pop(home.resolve(), (None, None))
    if began is None or built is None or not home.is_dir():
        return False
    for path, seen in began["files"].items():
        seen.append(built.contents.get(path))
    try:
        mark = began | {
            "run_id": built.run_id,
            "ended_at": time.time(),
            "due_at": built.due_at,
            "databases": _databases(home),
            "publication": _publication(home, built.run_id),
        }
    except _Differs:
        return False
    draft = home / f"{_MARK}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(mark, file)
    os.replace(draft, home / _MARK)
    return True


# --- the next one's


def reason(home: Path, invocation: Invocation) -> str | None:
    """Return why a build has something to do, in words; None when it has not.

    Parameters
    ----------
    home : Path
        The folder of the databases.
    invocation : Invocation
        What is asked for.

    Examples
    --------
    >>> reason(Path("nowhere"), Invocation(Path(), Path()))
    'no build has left its mark'
    """
    if os.environ.get(FORCE):
        return f"{FORCE} is set"
    if not (home / _MARK).exists():
        return "no build has left its mark"
    try:
        mark = json.loads((home / _MARK).read_text())
        if mark.get("form") != _FORM:
            return "another version of clientele has left the mark"
        with locking.held(home):
            _compare(home, mark, invocation)
    except _Differs as found:
        return str(found)
    except locking.HomeInUseError:
        return "the home is in use"
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"the mark cannot be compared: {problem}"
    return None


def rest(home: Path, how: str) -> list[str]:
    """Tell those who watch that all is as it should be; return what to say, `how` to build all the same."""
    from clientele.runtime import telemetry

    mark = json.loads((home / _MARK).read_text())
    ended = datetime.fromtimestamp(mark["ended_at"], UTC)
    telemetry.begin(home, "build")
    number = int(mark["publication"]["number"])
    return [
        f"nothing to do: files, settings, project, requests and publication {number} are as the build of "
        f"{ended:%Y-%m-%d %H:%M} UTC left them ({how} builds all the same)",
        *telemetry.end(home, {"run_id": mark["run_id"]}),
    ]


class _Differs(ClienteleError):
    """Something is not as the mark has it, or cannot be compared."""


def _compare(home: Path, mark: dict, invocation: Invocation) -> None:
    now = time.time()
    if now < mark["ended_at"]:
        raise _Differs("the clock is before the last build")
    if mark["due_at"] is not None and now >= mark["due_at"]:
        raise _Differs("the time has come for something that waited for it")
    if invocation.with_unit_tests and not mark["with_unit_tests"]:
        raise _Differs("unit tests are asked for, and the last build had none")
    _compare_databases(home, mark["databases"])
    _compare_publication(home, mark)
    today = _surroundings(invocation, mark["nonce"])
    if today["program"] != mark["program"]:
        raise _Differs("Python or an installed package is another version")
    for name in sorted({*today["project"], *mark["project"]}):
        if today["project"].get(name) != mark["project"].get(name):
            raise _Differs(f"{name} of the project is new, changed or gone")
    if not hmac.compare_digest(today["settings"], mark["settings"]):
        raise _Differs("a setting or the key is another one")
    _compare_files(today["files"], mark["files"])


# --- what a build is made from


def _surroundings(invocation: Invocation, nonce: str) -> dict:
    project, names = _project(invocation)
    secret = os.environ.get(_KEY, "")
    if not secret:
        raise _Differs("there is no key")
    names |= {name for name in os.environ if name.startswith("CLIENTELE_")}
    settings = {
        "vars": dict(invocation.settings),
        "target": invocation.target,
        "profile": invocation.profile,
        "environment": {name: os.environ.get(name) for name in sorted(names - _NO_SETTINGS)},
    }
    # Keyed with the secret: it proves the key without telling it, nor any other secret of the environment.
    text = nonce + json.dumps(settings, sort_keys=True, default=str)
    return {
        "form": _FORM,
        "nonce": nonce,
        "settings": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
        "with_unit_tests": invocation.with_unit_tests,
        "program": _program(),
        "project": project,
        "files": _files(),
    }


def _project(invocation: Invocation) -> tuple[dict[str, str], set[str]]:
    """Return a hash of each file of the project by name, and the names of the environment that they read."""
    import yaml

    root = invocation.project
    try:
        said = yaml.safe_load((root / _PROJECT).read_text())
    except (OSError, yaml.YAMLError) as problem:
        raise _Differs(f"{_PROJECT} cannot be read: {problem}") from None
    if not isinstance(said, dict) or said.get("name") != "clientele":
        raise _Differs("the project is another one, which may read what nobody here knows of")
    found: dict[str, Path] = {name: root / name for name in _FILES if (root / name).is_file()}
    for kind, usual in _FOLDERS.items():
        folders = said.get(kind, usual)
        for folder in [folders] if isinstance(folders, str) else folders:
            found |= {
                f"{folder}/{name}": path
                for name, path in _below(root / folder)
                if kind != "test-paths" or path.suffix in _OF_TESTS
            }
    found |= {f"src/{name}": path for name, path in _below(Path(clientele.__file__).parent)}
    found["profiles.yml"] = invocation.profiles / "profiles.yml"
    hashes, names = {}, set()
    for name, path in found.items():
        hashes[name], read = _text_facts(path)
        names |= set(read)
    return hashes, names


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder, by name and place; not what Python compiles."""
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), path


def _text_facts(path: Path) -> tuple[str, list[str]]:
    """Return the hash of a small file, and the names of the environment in it."""
    try:
        seen = _stat(path)
        known = _hashed.get(str(path))
        if known and known[0] == seen:
            return known[1], known[2]
        content = path.read_bytes()
    except OSError as problem:
        raise _Differs(f"{path} cannot be read: {problem.strerror}") from None
    found = hashlib.sha256(content).hexdigest(), [name.decode() for name in _ENV_VAR.findall(content)]
    _hashed[str(path)] = (seen, *found)
    return found


def _program() -> str:
    """Return a hash of what is installed: Python, and the names of all packages with their versions."""
    folders = (place for place in sys.path if place.endswith("-packages") and os.path.isdir(place))
    found = {name for folder in folders for name in os.listdir(folder) if name.endswith("-info")}
    return hashlib.sha256("\n".join([sys.version, *sorted(found)]).encode()).hexdigest()


def _files() -> dict[str, list]:
    """Return of each file of events and side inputs, by path, what it counts as, size, times and inode."""
    from clientele.intake import lake  # here: a build without a mark needs none of it

    found = {}
    for name in ["CLIENTELE_EVENTS", *sorted(name for name in os.environ if name.startswith(_SIDE))]:
        patterns = os.environ.get(name, "").strip()
        if not patterns and name != "CLIENTELE_EVENTS":
            continue
        try:
            for path, identity in lake.find(patterns, lambda _: None).items():
                # A file may be named twice, as events and beside them: what it counts as is a part of it.
                counts_as = [*found[path][0], name, identity] if path in found else [name, identity]
                found[path] = [counts_as, *_stat(Path(path), _FOREIGN_TICK_NS)]
        except (lake.LakeError, OSError) as problem:
            raise _Differs(f"the files of {name} cannot be listed: {problem}") from None
    return found


def _compare_files(today: dict[str, list], held: dict[str, list]) -> None:
    for path in sorted({*today, *held}):
        name = os.path.basename(path)
        if path not in held:
            raise _Differs(f"{name} is new")
        if path not in today:
            raise _Differs(f"{name} is gone")
        *seen, content = held[path]
        if today[path] == seen:
            continue
        if today[path][0] != seen[0]:
            raise _Differs(f"{name} is named in another way")
        if content is None or today[path][1] != seen[1] or sha256_of(Path(path)) != content:
            raise _Differs(f"{name} has changed")


# --- what it has made


def _databases(home: Path) -> dict:
    return {**_seen_databases(home), "tokens": _generation_tokens(home)}


def _seen_databases(home: Path) -> dict[str, dict]:
    """Return times and a hash of the headers of each database, both of which hold all that was written."""
    if (home / ".rewritten").exists():
        raise _Differs("new files wait for their place")
    found = {}
    for name in _DATABASES:
        path = home / f"{name}.duckdb"
        log = home / f"{name}.duckdb.wal"
        try:
            if log.exists() and log.stat().st_size:
                raise _Differs(f"{log.name} holds what is not in {path.name} yet")
            with path.open("rb") as file:
                headers = file.read(_HEADERS)
            seen = _stat(path)
        except OSError as problem:
            raise _Differs(f"{path.name}: {problem.strerror}") from None
        if headers[8:12] != _MAGIC:
            raise _Differs(f"{path.name} is no database of DuckDB")
        found[name] = {"stat": seen, "headers": hashlib.sha256(headers).hexdigest()}
    return found


def _compare_databases(home: Path, held: dict) -> None:
    tokens = held["tokens"]
    is_copy = False
    for name, facts in _seen_databases(home).items():
        if facts["headers"] != held[name]["headers"]:
            raise _Differs(f"{name}.duckdb was changed since")
        is_copy |= facts["stat"] != held[name]["stat"]
    # Another file with the same headers: a copy of this one, or a sibling, which has other tokens.
    if is_copy and _generation_tokens(home) != tokens:
        raise _Differs("the databases are of another generation")


def _generation_tokens(home: Path) -> list[str]:
    """Return the tokens of vault and warehouse (macros/runtime/generations.sql)."""
    import duckdb

    tokens = []
    for name, schema in (("warehouse", "monitor"), ("vault", "vault")):
        query = f"select token from {name}.{schema}.generation"
        try:
            with duckdb.connect(str(home / f"{name}.duckdb"), read_only=True) as connection:
                tokens += [str(row[0]) for row in connection.execute(query).fetchall()]
        except duckdb.Error as problem:
            raise _Differs(f"{name}.duckdb cannot be read: {str(problem).splitlines()[0]}") from None
    return tokens


def _publication(home: Path, made_by: str) -> dict:
    folder, content = _published(home)
    manifest = json.loads(content)
    if manifest.get("run_id") != made_by:
        raise _Differs("what is published is not of this build")
    return {
        "number": folder.name,
        "manifest": hashlib.sha256(content).hexdigest(),
        "files": {name: _stat(folder / name) for name in manifest["files"]},
    }


def _compare_publication(home: Path, mark: dict) -> None:
    held = mark["publication"]
    folder, content = _published(home)
    if folder.name != held["number"] or hashlib.sha256(content).hexdigest() != held["manifest"]:
        raise _Differs("another publication is the published one, or it has other pages")
    files = json.loads(content)["files"]
    if publishing.names(folder) != set(files):
        raise _Differs("a file of the publication is missing, or there is one too many")
    for name, facts in files.items():
        if _stat(folder / name) != held["files"].get(name) and sha256_of(folder / name) != facts["sha256"]:
            raise _Differs(f"{name} is not what was published")


def _published(home: Path) -> tuple[Path, bytes]:
    try:
        folder = publishing.current(home)
        return folder, (folder / publishing.MANIFEST).read_bytes()
    except (publishing.PublicationError, OSError):
        raise _Differs("nothing is published") from None


def _stat(path: Path, sure_after_ns: int = _TICK_NS) -> list[int]:
    """Return size, times of content and of inode, and inode: the same ones are the same content.

    Of a file that was changed a moment ago they are never the same twice: another change may leave the same
    times.
    """
    found = path.stat()
    now = time.time_ns()
    changed = found.st_ctime_ns if now - found.st_ctime_ns > sure_after_ns else -now
    return [found.st_size, found.st_mtime_ns, changed, found.st_ino]
