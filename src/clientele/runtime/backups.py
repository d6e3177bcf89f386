"""A home as it was at one moment, in a folder: vault, warehouse and publications together, with checksums.

A backup is written under the lock of the home, into a folder of its own whose manifest comes last, so a
backup is whole or it is none. It holds the key ring as the vault does, sealed, and never the key.

To restore one, it is checked and made ready beside the databases, as a home of its own. What customers asked
for since is done there: the registers of the vault that is replaced are the later truth. Only then does it
take the place of the old files, in one step (:mod:`clientele.runtime.rewriting`). docs/operations.md is the
runbook.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb

from clientele import __version__, scratch
from clientele.errors import ClienteleError
from clientele.privacy import keys, rights
from clientele.runtime import dbt, generations, locking, modes, publishing, rewriting, stopping

__all__ = ["Backup", "BackupError", "Restored", "backups", "restore", "take"]

MANIFEST = "backup.json"
_SHAPE = {"taken_at": str, "clientele": str, "generation": int, "key_epoch": int, "n_requests": int,
          "files": dict}  # fmt: skip
# What a backup is called before it is whole. One that was killed stays until the next one is taken.
_DRAFT = re.compile(r"\.\d{8}T\d{6}Z-[0-9a-f]{6}")
DATABASES = ("warehouse.duckdb", "vault.duckdb")
_REGISTERS = {"objections": ("object_to_profiling", "withdraw_objection"),
              "restrictions": ("restrict_subjects", "unrestrict_subjects")}  # fmt: skip

# What no restore undoes: what was done outside of the home, and whose sessions are to be left out.
_LEFT_OUT = ("erased_lines", "erased_sessions", "shared_sessions")
_STAYING = ("destination_ledger", "exports", *_LEFT_OUT)


class BackupError(ClienteleError, ValueError):
    """A backup that cannot be taken or restored; the message says why, and what to do."""


@dataclass(frozen=True)
class Backup:
    """One whole backup.

    Attributes
    ----------
    folder : Path
        Where it is.
    manifest : dict
        `taken_at` (UTC), `clientele` and `duckdb` (versions), `generation`, `key_epoch`, `n_requests`,
        `published` (number or None), `home` (its path) and `files`: `bytes` and `sha256` by path in the
        folder.
    """

    folder: Path
    manifest: dict

    def described(self) -> str:
        """Return what it is, in a line."""
        size = sum(facts["bytes"] for facts in self.manifest["files"].values())
        return (
            f"{self.folder.name}, taken {self.manifest['taken_at']} UTC by clientele "
            f"{self.manifest['clientele']}, "
            f"key epoch {self.manifest['key_epoch']}, {self.manifest['n_requests']} request(s), "
            f"{len(self.manifest['files'])} files, {size:,} bytes"
        )

    def problem(self) -> str | None:
        """Return what differs between the files and the manifest in words, or None."""
        expected = self.manifest["files"]
        held = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}
        for name in sorted((held - {MANIFEST}) ^ expected.keys()):
            return f"{name} is {'not in its manifest' if name in held else 'missing'}"
        for name, facts in sorted(expected.items()):
            if publishing._facts(self.folder / name) != facts:
                return f"{name} is not what was saved"
        return None


@dataclass
class Restored:
    """What a restore has done: sentences for who asked for it."""

    backup: Backup
    sentences: list[str] = field(default_factory=list)


def take(
    home: Path, folder: Path, keep: int | None = None, wait_seconds: float = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Backup:  # fmt: skip
    """Save a home into a new folder below `folder`.

    Parameters
    ----------
    home : Path
        The folder of the databases.
    folder : Path
        Where backups are; made if it is missing, for its owner alone.
    keep : int, optional
        How many whole backups stay there; older ones go once this one is whole. All stay when not given.
    wait_seconds : float
        How long to wait for a build that is running.
    say : callable
        Is told of backups that are damaged, and so do not go.

    Raises
    ------
    BackupError
        When there is nothing to save, the parts of the home do not belong together, or `folder` is in the
        home or is no folder.
    HomeInUseError
        When a build or an operation is still running.
    """
    if not any((home / name).exists() for name in DATABASES):
        raise BackupError(generations.missing(home))
    if folder.resolve().is_relative_to(home.resolve()):
        raise BackupError(
            f"{folder} is inside of the home that is to be saved, {home}: each backup would hold those "
            "before it, and go when the home goes. Name a folder on another disk. Nothing was written."
        )
    place = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise BackupError(f"{place} is no folder: name one for the backups. Nothing was written.")
    _wait_for(home, wait_seconds)
    with locking.held(home), stopping.unwinding(), modes.private():
        rewriting.finish(home)
        lacks = generations.missing(home)
        if lacks:
            raise BackupError(lacks)
        facts = _facts_of(home)
        now = datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch.remove_left(path for path in folder.iterdir() if _DRAFT.fullmatch(path.name))
        name = f"{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"
        with scratch.made(folder / f".{name}") as draft:
            _copy_home(home, draft)
            files = {
                path.relative_to(draft).as_posix(): publishing._facts(path)
                for path in sorted(draft.rglob("*"))
                if path.is_file()
            }
            manifest = {"taken_at": f"{now:%Y-%m-%d %H:%M:%S}", "clientele": __version__,
                        "duckdb": duckdb.__version__, "home": str(home.resolve()), **facts,
                        "files": files}  # fmt: skip
            publishing._put(draft / MANIFEST, json.dumps(manifest, indent=2) + "\n")
            for path in [draft, *draft.rglob("*")]:
                path.chmod(0o700 if path.is_dir() else 0o600)
                publishing._sync(path)
            os.replace(draft, folder / name)
            publishing._sync(folder)
    taken = Backup(folder / name, manifest)
    if keep:
        _remove_older(taken, keep, say)
    return taken


def _remove_older(taken: Backup, keep: int, say: Callable[[str], None]) -> None:
    """Remove the backups of this home but so many, never the one just taken: a clock may have been ahead."""
    others = [backup for backup in backups(taken.folder.parent, say) if backup.folder != taken.folder]
    own = [
        backup
        for backup in others
        if backup.manifest.get("home") == taken.manifest["home"] and not backup.folder.is_symlink()
    ]
    for old in own[: max(0, len(own) + 1 - keep)]:
        # Under the name of a draft: what a kill leaves is no backup, and the next one removes it.
        going = taken.folder.with_name(f".{taken.folder.name}")
        with suppress(FileNotFoundError):  # another backup into this folder was quicker
            os.replace(old.folder, going)
            shutil.rmtree(going)
    if len(own) < len(others):
        say(
            f"{len(others) - len(own)} backup(s) in {taken.folder.parent} are of another home, links, or of "
            "a version that did not say of which home: they stay until somebody removes them."
        )


def backups(folder: Path, say: Callable[[str], None] = lambda _: None) -> list[Backup]:
    """Return the whole backups in a folder, oldest first; `say` is told of those that are damaged."""
    found = []
    for path in sorted(folder.glob(f"[0-9]*/{MANIFEST}")):
        try:
            found.append(opened(path.parent))
        except BackupError as problem:
            say(f"passed over: {problem} It holds ids of customers and stays until somebody removes it.")
    return sorted(found, key=lambda backup: (backup.manifest["taken_at"], backup.folder.name))


def opened(folder: Path) -> Backup:
    """Return the backup in this very folder; raises :class:`BackupError` if there is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        is_damaged = not all(isinstance(manifest[name], kind) for name, kind in _SHAPE.items())
        _ = [facts["bytes"] + len(facts["sha256"]) for facts in manifest["files"].values()]
    except (KeyError, TypeError, AttributeError):
        is_damaged = True
    except (OSError, ValueError):
        raise BackupError(
            f"{folder} is no backup: it has no {MANIFEST} that can be read, which is written last. Name "
            "the folder "
            "of a whole one."
        ) from None
    if is_damaged:
        raise BackupError(f"{folder / MANIFEST} is damaged: it does not say what a backup holds.")
    return Backup(folder, manifest)


def restore(
    backup: Backup, home: Path, operate: Callable[..., None] | None = None, register: Path | None = None,
    ignore_register: bool = False,
) -> Restored:  # fmt: skip
    """Put a home back as it was when a backup was taken, without those who have been erased since.

    Parameters
    ----------
    backup : Backup
        What to restore.
    home : Path
        The folder of the databases; made if it is missing.
    operate : callable, optional
        Carries out an operation (name, home, file of customers or None); a process of dbt if not given.
    register : Path, optional
        A later vault, whose registers say what was asked for since. That of `home` if not given.
    ignore_register : bool
        Do not carry out what was asked for since: whoever restores does that by hand.

    Raises
    ------
    BackupError
        When the backup is damaged, is of another key, or what was asked for since cannot be told, or not from
        `register` alone. Nothing was changed then.
    """
    damage = backup.problem()
    if damage:
        raise BackupError(
            f"{backup.folder} is damaged, nothing was changed: {damage}. Choose another backup."
        )
    done = Restored(backup)
    with _left_as_it_was(home), locking.held(home):
        publishing.check_place(home)
        rewriting.finish(home)
        staged = rewriting.start(home) / "restored"
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.mkdir(mode=0o700)
            _copy_home(backup.folder, staged)
            _check(staged, backup)
            later = register or home / "vault.duckdb"
            if ignore_register:
                done.sentences.append(_by_hand(backup, "as asked, the register was not read"))
            elif later.exists():
                present = _later_register(later, staged.parent)
                present, latest = _with_the_home(present, later, home, staged.parent)
                done.sentences += _replay(staged, later, latest, present, backup, operate or _operate)
            else:
                done.sentences.append(_by_hand(backup, f"{later} does not exist"))
            _begin_a_generation(staged, home, backup)
            rewriting.mark_restored(home, staged)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        rewriting.finish(home)
        publishing.show_exports(home)
    return done


@contextmanager
def _left_as_it_was(home: Path) -> Iterator[None]:
    """Make the home if it is missing; leave no folder and no lock there when nothing is restored."""
    own = (home / locking._FILE, home / rewriting._FOLDER, home, *home.parents)
    made = [path for path in own if not path.exists()]
    home.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for path in made:
            with suppress(OSError):  # a folder that holds something stays
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _by_hand(backup: Backup, why: str) -> str:
    return (
        f"Not known: what customers have asked for since {backup.manifest['taken_at']} UTC ({why}). Carry "
        "out "
        f"again each request after number {backup.manifest['n_requests']} before anything is published or "
        "exported."
    )


def _wait_for(home: Path, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not locking.is_taken(home):
        time.sleep(min(1, seconds))
    locking.release(home)


def _copy_home(source: Path, target: Path) -> None:
    """Copy the databases, and the whole publications with the link to the published one.

    Not the exported audiences that a publication leads to: they are what the world was told, which no restore
    undoes, and who is erased or objects later would still be a member there. Backups of earlier versions have
    them.
    """
    for name in DATABASES:
        shutil.copyfile(source / name, target / name)
    for publication in publishing.publications(source):
        copy = target / publishing._ROOT / publication.folder.name
        left_out = shutil.ignore_patterns(publishing.EXPORTS)
        shutil.copytree(publication.folder, copy, copy_function=shutil.copyfile, ignore=left_out)
        if publication.is_current and source.joinpath(publishing.LINK).is_symlink():
            publishing._point(target, copy)


@contextmanager
def _pair(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open warehouse and vault of a home; a log that a killed build has left goes into the file."""
    try:
        with modes.private(), duckdb.connect(str(home / DATABASES[0])) as connection:
            connection.execute(f"attach '{_quoted(home / DATABASES[1])}' as vault")
            yield connection
            connection.execute("checkpoint")
            connection.execute("checkpoint vault")
            connection.execute("detach vault")
    except duckdb.IOException as error:
        raise BackupError(f"the databases in {home} cannot be used: {str(error).splitlines()[0]}") from None


def _facts_of(home: Path) -> dict:
    """Return generation, key epoch, requests and the published number; refuse parts of different moments."""
    with _pair(home) as connection:
        problem = generations.problem(connection, home)
        if problem:
            raise BackupError(problem)
        found = generations.read(connection)
        if not found.has_ring:
            raise BackupError(f"Nothing was built in {home} yet: there is nothing to save. Build once.")
        epochs = connection.execute("select max(key_epoch) from vault.vault.key_ring").fetchall()
    published = next((one.number for one in publishing.publications(home) if one.is_current), None)
    return {"generation": found.vault, "key_epoch": epochs[0][0], "n_requests": found.newest,
            "published": published}  # fmt: skip


def _check(staged: Path, backup: Backup) -> None:
    """Refuse what could not be built upon: parts that do not belong together, another key."""
    try:
        _facts_of(staged)
    except BackupError as problem:
        raise BackupError(str(problem).replace(str(staged), str(backup.folder))) from None
    with _pair(staged) as connection:
        (sealed,) = connection.execute("select sealed from vault.vault.key_ring").fetchall()[0]
    _opened_ring(sealed, f"The backup {backup.folder.name}")


def _opened_ring(sealed: str, what: str) -> keys.Ring:
    keys.from_environment()  # says so where there is none
    ring = keys.unseal(sealed, keys.secret_from_environment())
    if ring is None:
        raise BackupError(
            f"{what} is of another key than the one in {keys.ENVIRONMENT_VARIABLE}. Set the key of its "
            "moment. If the "
            "key was rotated since and the old one is destroyed, as it should be, only backups from after "
            "the "
            "rotation can be restored. Nothing was changed."
        )
    return ring


@dataclass(frozen=True)
class _Register:
    """What a vault knows of requests; ids are of the kind that the shop has, numbers or texts."""

    generation: int
    sealed: str
    requests: list[tuple]
    tombstones: set[str]
    objections: set
    restrictions: set
    unfinished: set

    def is_stopped(self, operation: str) -> bool:
        """Whether a request that this operation carries out was begun and not finished."""
        return any(row[1] == operation.split("_")[0] and row[4] is None for row in self.requests)

    @property
    def ids(self) -> list[tuple]:
        """Who asked for what when; what a row says of its end may change."""
        return [row[:4] for row in self.requests]

    def begins_with(self, other: _Register) -> bool:
        """Whether it knows of every request of another one, and so follows it."""
        return self.ids[: len(other.ids)] == other.ids


def _read_register(connection: duckdb.DuckDBPyConnection) -> _Register:
    def column(query: str) -> set:
        return {value for (value,) in connection.execute(query).fetchall()}

    return _Register(
        generation=max(column("select generation from vault.vault.generation"), default=0)
        if _has(connection, "generation")
        else 0,
        sealed=connection.execute("select sealed from vault.vault.key_ring").fetchall()[0][0],
        requests=connection.execute(
            "select request_number, kind, requested_at, run_id, finished_at, n_customers, n_rows "
            "from vault.vault.requests order by request_number"
        ).fetchall(),
        tombstones=column("select erased_hash from vault.vault.tombstones"),
        objections=column("select user_id from vault.vault.objections"),
        restrictions=column("select user_id from vault.vault.restrictions"),
        unfinished=column("select user_id from vault.vault.erasure_requests"),
    )


def _has(connection: duckdb.DuckDBPyConnection, table: str, database: str = "vault") -> bool:
    query = (
        "select 1 from duckdb_tables() where database_name = ? and schema_name = 'vault' and table_name = ?"
    )
    return bool(connection.execute(query, [database, table]).fetchall())


def _carry_over(connection: duckdb.DuckDBPyConnection, latest: Path, beside: Path) -> dict[str, set]:
    """Keep what the vault knows for good: whom a destination was given, lines and sessions of the erased.

    Returns what is new to each of `_LEFT_OUT`.
    """
    before = {table: _values(connection, table) for table in _LEFT_OUT}
    with _copied(latest, beside) as copy:
        connection.execute(f"attach '{_quoted(copy)}' as later")
        for table in _STAYING:
            if _has(connection, table, "later"):
                connection.execute(f"create or replace table vault.vault.{table} as from later.vault.{table}")
        connection.execute("detach later")
    return {table: _values(connection, table) - before[table] for table in _LEFT_OUT}


def _values(connection: duckdb.DuckDBPyConnection, table: str) -> set:
    if not _has(connection, table):
        return set()
    return {value for (value,) in connection.execute(f"from vault.vault.{table}").fetchall()}


def _leave_lines_of_erased(
    connection: duckdb.DuckDBPyConnection, ring: keys.Ring, since: dict[str, set]
) -> None:
    """Treat the lines without a user that a backup holds as the erasures since have treated theirs.

    What names the customer in their session may have come after the backup: no erasure of what it holds finds
    them. `since` has what is new to each of `_LEFT_OUT`; whoever is erased has left the tables.
    """
    if not _has(connection, "quarantined_lines"):
        return
    owners = ["select session_sk from vault.vault.quarantined_lines where user_id is not null"]
    held = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'core' "
        "and table_name in ('events', 'refund_lines')"
    ).fetchall()
    owners += [f"select session_sk from core.{table}" for (table,) in held]
    lines = connection.execute(
        f"select file_id, line_number, session_sk, md5(line_text), session_sk in ({' union '.join(owners)}) "
        "from vault.vault.quarantined_lines where user_id is null and session_sk <> 0"
    ).fetchall()
    gone, nobodys = [], []
    for file_id, number, session, digest, is_owned in lines:
        if (digest and keys.erased_hash(digest, ring) in since["erased_lines"]) or (
            session in since["erased_sessions"] and not is_owned
        ):
            gone.append((file_id, number))
        elif session in since["shared_sessions"]:
            nobodys.append((file_id, number))
    one = "vault.vault.quarantined_lines {} where file_id = ? and line_number = ?"
    for statement, chosen in (
        ("delete from " + one.format(""), gone),
        ("update " + one.format("set session_sk = 0"), nobodys),
        ("update vault.vault.file_lines set n_erased = n_erased + ? where file_id = ?",
         [(n, file_id) for file_id, n in Counter(file_id for file_id, _ in gone).items()]),
    ):  # fmt: skip
        if chosen:
            connection.executemany(statement, chosen)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@contextmanager
def _copied(later: Path, beside: Path) -> Iterator[Path]:
    """Copy a vault with its log, so that what is opened is not the vault itself.

    It holds ids of customers: after a kill it is in the home, where the next command throws it away.
    """
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        copy = Path(folder) / "vault.duckdb"
        shutil.copyfile(later, copy)
        log = Path(f"{later}.wal")
        if log.exists():
            shutil.copyfile(log, f"{copy}.wal")
        yield copy


def _later_register(later: Path, beside: Path) -> _Register:
    """Read the registers of a vault of which a copy is opened, so that it stays as it is."""
    with _copied(later, beside) as copy:
        try:
            with duckdb.connect() as connection:
                connection.execute(f"attach '{_quoted(copy)}' as vault")
                return _read_register(connection)
        except (duckdb.Error, IndexError) as error:
            raise BackupError(
                f"The register in {later} cannot be read, so nothing tells who has been erased or has "
                "objected since: "
                f"{str(error).splitlines()[0]}. With --register name a later vault.duckdb; without one, "
                "--ignore-register restores, and you carry out the later requests again. Nothing was changed."
            ) from None


def _with_the_home(present: _Register, later: Path, home: Path, beside: Path) -> tuple[_Register, Path]:
    """Return a register with what the vault of the home has under way, and which of both vaults is the later.

    Refuses a register that lacks a request: what was asked for in the home would be undone. Beside a vault
    that is lost or cannot be read another register is the way out.
    """
    own = home / "vault.duckdb"
    if not own.exists() or own.samefile(later):
        return present, later
    try:
        known = _later_register(own, beside)
    except BackupError:
        return present, later
    if not present.begins_with(known):
        raise BackupError(
            f"The register in {later} lacks {len(set(known.ids) - set(present.ids))} request(s) of customers "
            f"that {own} knows: what was asked for there would be undone. Leave --register out, and that "
            "vault tells; or carry the later requests out by hand after --ignore-register. Nothing was "
            "changed."
        )
    # an erasure that was stopped at its very start is no row of the requests yet
    both = replace(
        present,
        unfinished=present.unfinished | known.unfinished,
        generation=max(present.generation, known.generation),
    )
    return both, own if known.generation > present.generation else later


def _replay(
    staged: Path,
    later: Path,
    latest: Path,
    present: _Register,
    backup: Backup,
    operate: Callable[..., None],
) -> list[str]:
    """Give the staged home the later registers, carry out what they say, and return sentences on it.

    `present` was read in `later`; `latest` knows of the latest exports.
    """
    with _pair(staged) as connection:
        before = _read_register(connection)
        since: dict[str, set] = {}
        if present.begins_with(before) and present.generation >= backup.manifest["generation"]:
            since = _carry_over(connection, latest, staged.parent)
        ring = _opened_ring(before.sealed, f"The backup {backup.folder.name}")
        n = len(before.ids)
        # what was under way when the backup was made may have ended since, under its own number
        under_way = [name for name, (begin, _) in _REGISTERS.items() if before.is_stopped(begin)]
        # and an erasure that was stopped at its very start has no number yet
        is_else = present.ids == before.ids and (
            before.unfinished != present.unfinished
            or any(not present.is_stopped(_REGISTERS[name][0]) for name in under_way)
        )
        if before.begins_with(present) and present.generation < backup.manifest["generation"]:
            return [_by_hand(backup, f"{later} is from before the backup")]
        if before.begins_with(present) and not is_else:
            return [f"No request of a customer is later than the backup ({n} in the register)."]
        if not present.begins_with(before):
            raise BackupError(
                f"The register in {later} and that of the backup are of two different histories, so "
                "nothing tells who "
                "has been erased or has objected since. With --register name the vault.duckdb that "
                "followed this "
                "backup, or carry the requests out by hand after --ignore-register. Nothing was changed."
            )
        theirs = _opened_ring(present.sealed, f"The vault {later}")
        if theirs.epoch != ring.epoch or theirs.erased_inner != ring.erased_inner:
            raise BackupError(
                f"The key was rotated since the backup (its epoch is {ring.epoch}, that of {later} "
                f"{theirs.epoch}): the "
                "old pseudonyms would come back. Restore a backup from after the rotation, or remove "
                "warehouse.duckdb and the folder publications and build anew. Nothing was changed."
            )
        # of all tombstones: a backup that was made during an erasure has the mark, and the customer, too, who
        # may have been readmitted since
        gone = _erased(connection, ring, present.tombstones) | present.unfinished | before.unfinished
        _put_registers(connection, present, gone)
    _note_requests(
        staged, max((row[0] for row in present.requests), default=0)
    )  # what follows takes out who must not be there
    if gone:
        operate("erase_subjects", staged, None)
    if any(since.values()):
        with _pair(staged) as connection:
            _leave_lines_of_erased(connection, ring, since)
        rewriting.leave_out_deleted(staged / DATABASES[1], staged)
    said = [
        f"{len(present.ids) - n} later request(s) are in the register; {len(gone)} customer(s) erased again."
    ]
    kinds = [row[1] for row in present.requests[n:]]
    if "rectify" in kinds:
        said.append(
            f"{kinds.count('rectify')} correction(s) are later than the backup: deliver the mended files "
            "again, or what was wrong comes back."
        )
    # no tombstone tells of an erasure that was lifted since
    is_readmitted = "erase" in kinds and "readmit" in kinds[kinds.index("erase") :]
    if is_readmitted:
        said.append(
            "Since the backup somebody was erased and then somebody readmitted; the register does not tell "
            "whom. If it was the same customer, the events from before the erasure are back: erase them "
            "again, then readmit them (clientele erase, clientele readmit), before anything is published or "
            "exported."
        )
    if before.unfinished and "readmit" in kinds:
        said.append(
            "An erasure was under way when the backup was made, and is carried out. If the same customer was "
            "readmitted since, readmit them again (clientele readmit)."
        )
    for name, (begin, end) in _REGISTERS.items():
        # of a request under way the backup has the note, and may have the customer, too
        asked = getattr(present, name) - (set() if name in under_way else getattr(before, name)) - gone
        if asked:
            _for_all(begin, staged, asked, operate)
            said.append(f"{begin}: {len(asked)} customer(s).")
        ended = getattr(before, name) - getattr(present, name) - gone
        if ended and not is_readmitted:
            _for_all(end, staged, ended, operate)
            said.append(f"{end}: {len(ended)} customer(s).")
        elif ended:  # or erased and readmitted: who was erased must not come back profiled
            command = end.removesuffix("_subjects").replace("_", "-")
            said.append(
                f"{len(ended)} customer(s) stay in the {name}, as in the backup: they were erased since or "
                f"ended it, which is not known. Carry out again each clientele {command} since the backup."
            )
    return said


def _erased(connection: duckdb.DuckDBPyConnection, ring: keys.Ring, tombstones: set[str]) -> set:
    """Return who of the restored vault has a tombstone by now: a hash, so each id is hashed."""
    if not tombstones:
        return set()
    # Some are known from a faulty line, a side input or an earlier request alone. Of an erasure that was
    # under way rows may be gone and bytes not.
    holding = [
        name
        for name in ("user_keys", "quarantined_lines", "side_lines", "erasure_requests", *_REGISTERS)
        if _has(connection, name)
    ]
    ids = connection.execute(
        " union ".join(
            f"select user_id from vault.vault.{name} where user_id is not null" for name in holding
        )
    ).fetchall()
    return {user_id for (user_id,) in ids if keys.erased_hash(str(user_id), ring) in tombstones}


def _put_registers(connection: duckdb.DuckDBPyConnection, present: _Register, gone: set) -> None:
    """Write the later requests and tombstones, and who is to be erased; objections follow by operations."""

    def fill(table: str, columns: str, rows: list[tuple]) -> None:
        connection.execute(f"delete from vault.vault.{table}")
        if rows:
            places = ", ".join("?" for _ in rows[0])
            connection.executemany(f"insert into vault.vault.{table} ({columns}) values ({places})", rows)

    fill("tombstones", "erased_hash", [(hashed,) for hashed in sorted(present.tombstones)])
    fill(
        "requests",
        "request_number, kind, requested_at, run_id, finished_at, n_customers, n_rows",
        present.requests,
    )
    fill("erasure_requests", "user_id", [(user_id,) for user_id in sorted(gone)])
    newest = max((row[0] for row in present.requests), default=0)
    connection.execute("delete from monitor.requests_done")
    connection.execute("insert into monitor.requests_done values (?)", [newest])


def _for_all(operation: str, staged: Path, who: set, operate: Callable[..., None]) -> None:
    descriptor, path = tempfile.mkstemp(dir=staged.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{rights.as_named(user_id)}\n" for user_id in sorted(who))
        operate(operation, staged, Path(path))
    finally:
        Path(path).unlink()


def _operate(operation: str, home: Path, subjects: Path | None) -> None:
    settings = {"CLIENTELE_HOME": str(home), rights.SUBJECT: "", rights.SUBJECTS_FILE: str(subjects or "")}
    command = dbt.command("--quiet", "run-operation", operation)
    ran = subprocess.run(
        command, env=dbt.environment(**settings), check=False, capture_output=True, text=True
    )
    if ran.returncode:
        raise BackupError(
            f"{operation} failed on the restored copy; nothing was changed. It said: "
            f"{ran.stdout.strip()[-600:]}"
        )


def _begin_a_generation(staged: Path, home: Path, backup: Backup) -> None:
    """Give the restored home a token of its own: its halves fit to no other copy, of before or after."""
    known = backup.manifest["generation"]
    with suppress(BackupError, duckdb.Error), _pair(home) as connection:
        found = generations.read(connection)
        known = max(known, found.vault, found.warehouse)
    token = str(uuid4())
    with _pair(staged) as connection:
        for statement in (
            "create table if not exists vault.vault.generation (generation bigint, token varchar, "
            "next_token varchar)",
            "create table if not exists monitor.generation (generation bigint, token varchar, built_by "
            "varchar)",
            "delete from vault.vault.generation",
            "delete from monitor.generation",
        ):
            connection.execute(statement)
        connection.execute("insert into vault.vault.generation values (?, ?, null)", [known + 1, token])
        connection.execute("insert into monitor.generation values (?, ?, ?)", [known + 1, token, __version__])
        newest = generations.read(connection).newest
    _note_requests(staged, newest)


def _note_requests(home: Path, newest: int) -> None:
    """Have the publications say of how many requests they know."""
    for publication in publishing.publications(home):
        manifest = publication.manifest | {"n_requests": newest}
        publishing._put(publication.folder / publishing.MANIFEST, json.dumps(manifest, indent=2) + "\n")
