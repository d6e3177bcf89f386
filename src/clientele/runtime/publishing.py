"""Publishing the marts: Parquet files that readers may open at any time, changed in one step.

``HOME/published`` is a symbolic link to a folder in ``HOME/publications``. A publication is written into a
new folder and becomes the published one by renaming a new link over the old, which is atomic: a reader sees
the old marts or the new ones, never a mixture. The last three are kept, and any of them can be made the
published one again::

    clientele publications
    clientele rollback [--to 7]

Who reads several files that belong together opens the folder that `current` returns, not the link: the link
may change between two files, the folder does not.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clientele.contents import sha256_of
from clientele.errors import ClienteleError
from clientele.runtime import modes

__all__ = [
    "Publication",
    "PublicationError",
    "check_place",
    "current",
    "finish",
    "names",
    "publications",
    "put_pages",
    "rollback",
    "show_exports",
    "start",
    "take_over",
]

KEPT = 3
LINK = "published"
MANIFEST = "manifest.json"
EXPORTS = "audiences"
_ROOT = "publications"
_UNFINISHED = ".unfinished.json"
_LOCK = ".lock"


class PublicationError(ClienteleError, ValueError):
    """A publication that is not there or not whole; the message says which, and what to do."""


@dataclass(frozen=True)
class Publication:
    """One kept publication.

    Attributes
    ----------
    number : int
        From 1, never used twice while a later one is kept.
    folder : Path
        Where its files and its manifest are.
    manifest : dict
        `run_id`, `as_of`, `model_version`, `tests`, `published_at` (UTC) and `files`: `rows`, `bytes`,
        `sha256` and, where it was told, `contents` by name.
    is_current : bool
        Whether ``published`` leads to it.
    """

    number: int
    folder: Path
    manifest: dict
    is_current: bool

    def described(self) -> str:
        """Return what it is, in a line."""
        rows = sum(facts.get("rows", 0) for facts in self.manifest["files"].values())
        return (
            f"{self.number}, as of {self.manifest.get('as_of')}, model {self.manifest.get('model_version')}, "
            f"{rows:,} rows in {len(self.manifest['files'])} files, run {self.manifest.get('run_id')} "
            f"at {self.manifest.get('published_at')} UTC"
        )

    def problem(self) -> str | None:
        """Return what differs between the files and the manifest in words, or None."""
        expected = self.manifest["files"]
        held = names(self.folder)
        for name in sorted(held ^ expected.keys()):
            return f"{name} is {'not in its manifest' if name in held else 'missing'}"
        for name, facts in sorted(expected.items()):
            if sha256_of(self.folder / name) != facts["sha256"]:
                return f"{name} is not what was published"
        return None


def start(home: Path, facts: Mapping[str, object]) -> Path:
    """Make an empty folder for the next publication, and clear away what killed builds left unfinished.

    Parameters
    ----------
    home : Path
        The folder of the databases.
    facts : mapping
        What the manifest will say besides the files: run, moment, model. Values that JSON can hold.
    """
    with _locked(home) as root:
        for folder in _folders(root):
            if not (folder / MANIFEST).exists():
                shutil.rmtree(folder)
        numbers = [int(folder.name) for folder in _folders(root)]
        folder = root / f"{max(numbers, default=0) + 1:06d}"
        folder.mkdir()
        (folder / _UNFINISHED).write_text(json.dumps(dict(facts)))
    return folder


def take_over(folder: Path, name: str, contents: str) -> bool:
    """Copy a file of what is published now into `folder`, if it holds the same; returns whether it did.

    Parameters
    ----------
    folder : Path
        Of the publication that `start` has begun.
    name : str
        The file.
    contents : str
        What tells its contents from others. It is noted in the manifest, and compared with the note there.
    """
    draft = folder / _UNFINISHED
    facts = json.loads(draft.read_text())
    facts["contents"] = facts.get("contents", {}) | {name: contents}
    draft.write_text(json.dumps(facts))
    try:
        published = current(folder.parent.parent)
        held = json.loads((published / MANIFEST).read_text())["files"][name]
        if held.get("contents") != contents or sha256_of(published / name) != held["sha256"]:
            return False
        shutil.copyfile(published / name, folder / name)  # no link: damage to one must not reach the other
    except (PublicationError, OSError, KeyError):
        return False
    return True


def finish(folder: Path) -> Path:
    """Write the manifest of `folder`, publish it, and drop all but the last three; returns the link."""
    home = folder.parent.parent
    with _locked(home) as root:
        facts = json.loads((folder / _UNFINISHED).read_text())
        (folder / _UNFINISHED).unlink()
        contents = facts.pop("contents", {})
        files: dict[str, dict[str, object]] = {}
        for name in sorted(names(folder)):
            path = folder / name
            _sync(path)
            files[name] = _rows(path) | _facts(path)
            if name in contents:
                files[name]["contents"] = contents[name]
        for place in (path for path in folder.iterdir() if path.is_dir()):
            _sync(place)
        _show_exports(home, folder)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        # The manifest says that the publication is whole, so it appears at once or not at all.
        _put(folder / MANIFEST, json.dumps(facts | {"published_at": now, "files": files}, indent=2) + "\n")
        modes.open_to_readers(root)
        _sync(folder)
        link = _point(home, folder)
        for old in _folders(root)[:-KEPT]:
            shutil.rmtree(old)
    return link


def put_pages(home: Path, pages: Mapping[str, str | bytes]) -> Path:
    """Give the publication that is published now other pages, by name in its folder; returns the link.

    Each page is the old one or the new one for who reads it; the manifest follows.
    """
    with _locked(home):
        folder = current(home)
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, content in pages.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            _put(path, content)
            manifest["files"][name] = _rows(path) | _facts(path)
        _put(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        modes.open_to_readers(folder)
    return home / LINK


def show_exports(home: Path) -> None:
    """Have every kept publication lead to the exported audiences, if there are any."""
    with _locked(home) as root:
        for folder in _folders(root):
            if (folder / MANIFEST).exists():
                _show_exports(home, folder)


def publications(home: Path) -> list[Publication]:
    """Return the kept publications, oldest first."""
    root = home / _ROOT
    published = os.path.realpath(home / LINK)
    return [
        Publication(
            int(folder.name),
            folder,
            json.loads((folder / MANIFEST).read_text()),
            os.path.realpath(folder) == published,
        )
        for folder in _folders(root)
        if (folder / MANIFEST).exists()
    ]


def is_publication(folder: Path) -> bool:
    """Whether a folder is a publication of a home, or leads to one: who holds its lock may change it."""
    place = folder.resolve()
    return place.parent.name == _ROOT and (place / MANIFEST).exists()


def current(home: Path) -> Path:
    """Return the folder that is published now: files opened in it belong together.

    Raises
    ------
    PublicationError
        If nothing is published.
    """
    folder = Path(os.path.realpath(home / LINK))
    if not (folder / MANIFEST).exists():
        raise PublicationError(f"nothing is published in {home}: a build publishes when all its tests pass")
    return folder


def rollback(home: Path, to: int | None = None) -> Publication:
    """Make an earlier publication the published one, in one step, after its files have been checked.

    Parameters
    ----------
    home : Path
        The folder of the databases.
    to : int, optional
        Its number; the one before the published one when not given. A later one works as well.

    Raises
    ------
    PublicationError
        If there is no such publication, or a file of it is not what its manifest says.
    """
    with _locked(home):
        kept = publications(home)
        numbers = ", ".join(str(publication.number) for publication in kept) or "none"
        if to is None:
            place = next((place for place, one in enumerate(kept) if one.is_current), None)
            if place is None:
                raise PublicationError(
                    f"nothing is published in {home}: name a publication (kept: {numbers})"
                )
            if place == 0:
                raise PublicationError(
                    f"publication {kept[0].number} is published and none before it is kept (kept: {numbers})"
                )
            chosen = kept[place - 1]
        else:
            chosen = next((one for one in kept if one.number == to), None)
            if chosen is None:
                raise PublicationError(f"there is no publication {to} in {home} (kept: {numbers})")
        problem = chosen.problem()
        if problem:
            raise PublicationError(
                f"publication {chosen.number} is damaged, nothing was changed: {problem}. Choose another one."
            )
        _point(home, chosen.folder)
    return next(one for one in publications(home) if one.number == chosen.number)


def _show_exports(home: Path, folder: Path) -> None:
    """Make a link to HOME/audiences: an export is neither replaced by a build nor rolled back with one."""
    link = folder / EXPORTS
    if link.is_dir() and not link.is_symlink():
        # a copy of exports, as the restores of earlier versions made: no request reaches it
        shutil.rmtree(link)
    if (home / EXPORTS).is_dir() and not link.is_symlink():
        link.symlink_to(Path("..", "..", EXPORTS))


def names(folder: Path) -> set[str]:
    """Return the names of all files in a folder, by way of its folders, but for the manifest."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files} - {MANIFEST}


def _rows(path: Path) -> dict[str, object]:
    if path.suffix != ".parquet":
        return {}
    import pyarrow.parquet as pq  # here: it takes a third of a second, and not every run of dbt publishes

    return {"rows": pq.read_metadata(path).num_rows}


def _facts(path: Path) -> dict[str, object]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _put(path: Path, content: str | bytes) -> None:
    """Write a file that appears at once or not at all."""
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    _sync(draft)
    os.replace(draft, path)
    _sync(path.parent)


def _folders(root: Path) -> list[Path]:
    """Return the numbered folders by age, if any; nothing else that stands there is ours to touch."""
    if not root.is_dir():
        return []
    return sorted(
        (path for path in root.iterdir() if path.name.isdecimal() and path.is_dir()),
        key=lambda path: int(path.name),
    )


def check_place(home: Path) -> None:
    """Refuse a home in which nothing could be published at the end of a build, before its first step.

    Raises
    ------
    PublicationError
        If ``published`` is a folder, as a mount point is, or the file system has no symbolic links.
    """
    _check_link(home)
    trial = home / f".{LINK}-trial"
    try:
        trial.unlink(missing_ok=True)
        trial.symlink_to(_ROOT)
        trial.unlink()
    except OSError as problem:
        raise PublicationError(
            f"{home} cannot be published in: {problem.strerror}. published is a symbolic link there, "
            "which this file "
            "system does not take: use another one for CLIENTELE_HOME. Nothing was changed."
        ) from None


def _check_link(home: Path) -> Path:
    link = home / LINK
    if link.exists() and not link.is_symlink():
        raise PublicationError(
            f"{link} is not a link to a publication: move it away, it would be overwritten"
            + (". A volume is mounted there: mount it at its parent folder" if link.is_mount() else "")
        )
    return link


def _point(home: Path, folder: Path) -> Path:
    link = _check_link(home)
    fresh = home / f".{LINK}-next"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.relative_to(home))
    os.replace(fresh, link)
    _sync(home)
    return link


@contextmanager
def _locked(home: Path) -> Iterator[Path]:
    """Keep two commands apart: a build that publishes and somebody who rolls back. Ends with its process."""
    root = home / _ROOT
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield root


def _sync(path: Path) -> None:
    """Have the disk hold it before what comes next says that it does."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
