"""Take the place of the databases and of the published files in one step.

DuckDB keeps the bytes of deleted rows in its file, whatever is deleted, checkpointed or vacuumed. What must
be gone is therefore left out of new files, which then replace the old ones. The new files are made in
``HOME/.rewritten``; a marker, written last, says that they are whole. From then on they count: the process
that made them moves them into place when it has closed its connections, and if it was killed, the next one
does before it opens any. Each move can be repeated, so a kill between two of them does no harm.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from clientele import scratch
from clientele.contents import sha256_of
from clientele.runtime import locking, lookup, modes, publishing
from clientele.runtime.publishing import MANIFEST

__all__ = [
    "finish",
    "finish_publications",
    "forgetting",
    "give_back",
    "leave_out_deleted",
    "mark_restored",
    "mark_whole",
    "settled",
    "start",
    "start_publications",
]

_FOLDER = ".rewritten"
_MARKER = "whole.json"
_SAME = "same.json"
_NOTE = ".vault-holds-deleted"
_VAULT = "vault.duckdb"


def start(home: Path) -> Path:
    """Return the folder for the new database files; publications that were prepared there stay.

    This process holds the lock of the home, so no other one takes the folder for a leftover.
    """
    locking.take(home)
    folder = home / _FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    for leftover in folder.glob("*.duckdb*"):
        leftover.unlink()
    return folder


def start_publications(home: Path) -> list[dict[str, str]]:
    """Copy every kept publication to where it is written anew.

    Returns
    -------
    list of dict
        `old` and `new` path of each Parquet file that has a column ``user_key``, which the caller writes;
        a file that several publications share is listed once. Other files are copied here.
    """
    import pyarrow.parquet as pq  # here: it takes a third of a second, and no build needs it

    start(home)
    shutil.rmtree(home / _FOLDER, ignore_errors=True)
    prepared = start(home) / publishing._ROOT
    root = home / publishing._ROOT
    kept = publishing._folders(root)
    number = max((int(folder.name) for folder in kept), default=0)
    pairs: dict[str, dict[str, str]] = {}
    same: dict[str, str] = {}
    for folder in (folder for folder in kept if (folder / MANIFEST).exists()):
        number += 1
        fresh = prepared / f"{number:06d}"
        fresh.mkdir(parents=True)
        for path in sorted(folder.iterdir()):
            if path.suffix == ".parquet" and "user_key" in pq.read_schema(path).names:
                pair = {"old": str(path), "new": str(fresh / path.name)}
                first = pairs.setdefault(sha256_of(path), pair)
                if first is not pair:
                    same[pair["new"]] = first["new"]
            elif path.name == publishing.EXPORTS:  # a link
                publishing._show_exports(home, fresh)
            elif path.is_dir():  # pages, which name nobody; the look-up store is made anew from the new files
                shutil.copytree(path, fresh / path.name)
            else:
                shutil.copyfile(path, fresh / path.name)
    (home / _FOLDER / _SAME).write_text(json.dumps(same))
    return list(pairs.values())


def finish_publications(home: Path, n_requests: int) -> None:
    """Have the manifests of the publications written anew say what is in them now.

    `n_requests`: number of the newest request of customers, which they know of then.
    """
    import pyarrow.parquet as pq

    root = home / _FOLDER / publishing._ROOT
    for path, first in json.loads((home / _FOLDER / _SAME).read_text()).items():
        shutil.copyfile(first, path)
    for folder in publishing._folders(root):
        if (folder / lookup.NAME).exists():
            lookup.write(folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, facts in manifest["files"].items():
            path = folder / name
            before = facts["sha256"]
            facts["bytes"] = path.stat().st_size
            facts["sha256"] = sha256_of(path)
            if facts["sha256"] != before:
                facts.pop("contents", None)  # it told what stood in the table then
            if "rows" in facts:
                facts["rows"] = pq.read_metadata(path).num_rows
        manifest["n_requests"] = n_requests
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def mark_whole(home: Path) -> None:
    """Say that what stands in the folder of `start` is whole: it will take the place of the old files."""
    folder = home / _FOLDER
    whole = [path for path in publishing._folders(home / publishing._ROOT) if (path / MANIFEST).exists()]
    link = home / publishing.LINK
    published = None
    if link.is_symlink():
        fresh = publishing._folders(folder / publishing._ROOT)
        names = {path.name: anew.name for path, anew in zip(whole, fresh, strict=True)}
        published = names.get(link.resolve().name)
    _mark(home, published)


def mark_restored(home: Path, staged: Path) -> None:
    """Say that the home in `staged`, inside the folder of `start`, takes the place of all that is in `home`.

    Its publications follow the numbers that were used here, so that no number means two things.
    """
    folder = home / _FOLDER
    number = max((int(path.name) for path in publishing._folders(home / publishing._ROOT)), default=0)
    published = None
    root = folder / publishing._ROOT
    root.mkdir(exist_ok=True)
    for publication in publishing.publications(staged):
        number += 1
        os.replace(publication.folder, root / f"{number:06d}")
        if publication.is_current:
            published = f"{number:06d}"
    for path in staged.glob("*.duckdb"):
        if path.name != "batch.duckdb":
            os.replace(path, folder / path.name)
    shutil.rmtree(staged)
    _mark(home, published)


def _mark(home: Path, published: str | None) -> None:
    folder = home / _FOLDER
    old = publishing._folders(home / publishing._ROOT)
    plan = {"replaced": [path.name for path in old], "published": published}
    for path in folder.rglob("*"):
        if not path.is_symlink():
            publishing._sync(path)
    draft = folder / f".{_MARKER}"
    draft.write_text(json.dumps(plan))
    publishing._sync(draft)
    os.replace(draft, folder / _MARKER)
    publishing._sync(folder)


def finish(home: Path) -> bool:
    """Move new files into place if there are any that are whole; throw unfinished ones away.

    Must run while this process has no connection to the databases; returns whether anything was moved.
    """
    scratch.clear()
    folder = home / _FOLDER
    note = home / _NOTE
    if not folder.is_dir() and not note.exists():
        return False
    if not locking.is_taken(home):
        return False  # who is at work has the databases open, too
    marker = folder / _MARKER
    if not marker.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if note.exists() and (home / _VAULT).exists():
            with suppress(duckdb.Error):  # somebody has it open: the next process tries again
                leave_out_deleted(home / _VAULT, start(home))
                note.unlink()
            shutil.rmtree(folder, ignore_errors=True)
        return False
    note.unlink(missing_ok=True)  # the new files have no deleted rows
    plan = json.loads(marker.read_text())
    for fresh in sorted(folder.glob("*.duckdb")):
        old = home / fresh.name
        fresh.chmod(0o600)
        if old.exists() and old.name == "warehouse.duckdb":
            shutil.copymode(old, fresh)  # somebody may have opened it to analysts
        Path(f"{old}.wal").unlink(missing_ok=True)  # of the old file: it must not be replayed on the new one
        os.replace(fresh, old)
    _move_publications(home, folder / publishing._ROOT, plan)
    _withdraw_exports(home)
    shutil.rmtree(home / ".spill", ignore_errors=True)
    for batch in home.glob("batch.duckdb*"):  # the files of one run: the next one makes its own
        batch.unlink()
    publishing._sync(home)
    marker.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    return True


@contextmanager
def forgetting(home: Path, n_held: Callable[[], int]) -> Iterator[None]:
    """Have the vault keep no byte of rows that the block deletes as nobody may be known by them any more.

    An export strikes out pseudonyms of erased customers once a destination has acknowledged that they are
    gone. That is noted beforehand, so that after a kill the next process writes the vault anew; without one
    the next `finish` does, for which the databases have to be closed.

    Parameters
    ----------
    home : Path
        The folder of the databases, whose lock is held. One on Redshift has no vault here.
    n_held : callable
        Returns how many such rows there are now.
    """
    before = n_held()
    if not before or not (home / _VAULT).exists():
        yield
        return
    note = home / _NOTE
    note.touch(0o600)
    yield
    if n_held() == before:
        note.unlink()


def leave_out_deleted(path: Path, folder: Path) -> None:
    """Write a database into a new file without the bytes of deleted rows, which takes its place in one step.

    Parameters
    ----------
    path : Path
        Of a database that nobody has open.
    folder : Path
        On the same disk, where nothing but the new file has its name, and where a leftover of it is removed.
    """
    fresh = folder / f"fresh-{path.name}"
    with modes.private(), duckdb.connect() as connection:
        connection.execute("set disabled_compression_methods = 'zstd'")  # as builds write it
        for place, name in ((path, "held"), (fresh, "fresh")):
            connection.execute(f"attach '{str(place).replace(chr(39), 2 * chr(39))}' as {name}")
        connection.execute("copy from database held to fresh")
        connection.execute("detach fresh")
        connection.execute("detach held")  # with its log, which must not be replayed on the new file
    fresh.chmod(0o600)
    publishing._sync(fresh)
    os.replace(fresh, path)
    publishing._sync(path.parent)


@contextmanager
def settled(home: Path) -> Iterator[None]:
    """Hold the lock of a home whose new files are in their place.

    For whatever changes or reads a home without dbt: what a killed operation left whole would else take the
    place of what was done here.
    """
    with locking.held(home):
        finish(home)
        yield


def give_back(path: Path) -> None:
    """Return the free blocks at the end of a database file to the file system.

    DuckDB cuts a file when it writes a checkpoint, and never below the block that holds its own notes. Those
    stay where they are while the file is open: after a table was emptied they stand behind the free blocks,
    and only the first change of another opening puts them in front. So this opens the file and changes it.
    Does nothing to a file that is missing, small, or in use; the next process may try again.
    """
    if not path.exists() or path.stat().st_size < 2**20:
        return
    with suppress(duckdb.Error), modes.private(), duckdb.connect(str(path)) as connection:
        connection.execute("create table main.change (nothing boolean)")
        connection.execute("checkpoint")
        connection.execute("drop table main.change")
        connection.execute("checkpoint")


def _withdraw_exports(home: Path) -> None:
    """Leave in the home's own exports as members only customers of the vault who may be profiled.

    Others were erased, object, are restricted, or had this pseudonym before a rotation of the key. The marker
    stands until this is done: it is done for files that count, and never for files that are thrown away.
    """
    from clientele.activation import destinations  # here: no build needs it

    exports = destinations.of_the_home(home)
    if not exports.path.exists() or not (home / _VAULT).exists():
        return
    import pyarrow as pa

    with modes.private(), duckdb.connect(str(home / _VAULT), read_only=True) as connection:
        connection.register("told", pa.table({"user_key": pa.array(sorted(exports.told()), pa.string())}))
        gone = connection.execute(
            "select user_key from told where user_key not in (select user_key from vault.vault.user_keys "
            "where user_id not in (select user_id from vault.vault.objections "
            "union all select user_id from vault.vault.restrictions))"
        ).fetchall()
    exports.withdraw([key for (key,) in gone])


def _move_publications(home: Path, fresh: Path, plan: dict) -> None:
    with publishing._locked(home) as root:
        for folder in publishing._folders(fresh):
            modes.open_to_readers(folder)
            os.replace(folder, root / folder.name)
        if plan["published"]:
            publishing._point(home, root / plan["published"])
        for name in plan["replaced"]:
            shutil.rmtree(root / name, ignore_errors=True)
