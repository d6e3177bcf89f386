"""What a build would make of event files: the intake is run on a sample, in a warehouse that is thrown away.

``clientele check`` does it, and ``make check EVENTS=…`` calls that. It has no rules of its own: what it says
is what the models of the intake find.
"""

from __future__ import annotations

import glob
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import duckdb
import yaml

from clientele import scratch
from clientele.errors import ClienteleError
from clientele.intake import formats, lake
from clientele.privacy import keys
from clientele.runtime import dbt

__all__ = ["run"]

_WHOLE_BYTES = 8 * 2**20
_SAMPLE_LINES = 20_000
_STOPS = "read all the same: "
_SKIPPED = ("reading ", "published", "not published")

_FILES = """
    select
        event_files.file_path, event_files.status, event_files.reason,
        books.n_loaded, books.n_duplicates, books.n_refunds, books.n_quarantined, books.n_expired
    from vault.vault.event_files
    left join monitor.reconciliation as books on event_files.file_id = books.file_id
    order by event_files.file_path
"""
_REASONS = """
    select event_files.file_path, lines.reason, count(*)
    from vault.vault.quarantined_lines as lines
    inner join vault.vault.event_files on lines.file_id = event_files.file_id
    group by all
    order by all
"""


class CheckError(ClienteleError):
    """The files cannot be tried; the message says why."""


@dataclass(frozen=True)
class _Sample:
    """A file as it is tried."""

    path: str
    of: str
    is_part: bool


def run(events: str, settings: str) -> int:
    """Try the files and print, for each, what would come of it.

    Parameters
    ----------
    events : str
        As the variable CLIENTELE_EVENTS has them.
    settings : str
        Vars, in JSON or YAML.

    Returns
    -------
    int
        0 when a build would take every file, 1 when it would stop.
    """
    try:
        given = yaml.safe_load(settings) or {}
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict):
        raise CheckError("--vars: a mapping is wanted, like '{delimiter: semicolon}'")
    paths = lake.find(events, lambda line: print(line, file=sys.stderr))
    with scratch.folder("check") as folder:
        samples = {
            sample.path: sample
            for sample in (_sample(path, folder / "sample", n) for n, path in enumerate(paths))
        }
        patterns = list(samples)
        if not all(map(_is_a_pattern, samples)) or len({Path(path).name for path in samples}) < len(samples):
            samples, patterns = _apart(samples, paths, folder / "lake")
        said = _build(folder, patterns, given)
        return _report(folder / "home", samples, said)


def _is_a_pattern(path: str) -> bool:
    """Whether CLIENTELE_EVENTS would take a path for this file alone: a folder stands for the files in it."""
    return not os.path.isdir(path) and path.splitlines() == [path.strip()]


def _sample(path: str, folder: Path, number: int) -> _Sample:
    """Return the file itself, or its first lines where it is large."""
    if not os.path.isfile(path):
        return _Sample(path, path, is_part=False)  # a pipe would be waited for
    try:
        with open(path, "rb") as file:
            first = file.read(8)
            is_small = file.seek(0, 2) <= _WHOLE_BYTES
        packed = formats.packing(first)
        if is_small or first.startswith(b"PAR1"):
            return _Sample(path, path, is_part=False)
        # what its folders say of its columns holds of its first lines, too
        target = folder.joinpath(str(number), *lake.hive_folders(path), Path(path).name)
        target.parent.mkdir(parents=True)
        with open(target, "wb") as out:
            out.writelines(islice(formats.lines(path, packed), _SAMPLE_LINES))
    except (OSError, formats.Refusal):
        return _Sample(path, path, is_part=False)  # the intake says what is wrong with it
    return _Sample(str(target), path, is_part=True)


def _apart(
    samples: dict[str, _Sample], identities: dict[str, str], folder: Path
) -> tuple[dict[str, _Sample], list[str]]:
    """Return links to the samples, under the identities that the files have, and the patterns that name them.

    What has one identity stands in several folders, so that the intake finds it there, too.
    """
    apart, patterns = {}, set()
    roots: dict[Path, Path] = {}
    for sample in samples.values():
        identity = identities[sample.of]
        n_above = len(lake.hive_folders(sample.of)) - len(lake.hive_folders(identity))
        # a pattern is one line, and a name of two lines is refused like one with any control character
        above = Path(*("\x1f".join(part.splitlines()) for part in lake.hive_folders(sample.of)[:n_above]))
        *folders, name = Path(identity).parts
        # Hive folders say what columns are. Others get another name, so that none is taken for a file.
        place = Path(*(part if lake.hive_folders(f"{part}/") else f"{part}_" for part in folders), name)
        # no root stands in another one, whose pattern would find its files under another identity
        own = roots.setdefault(above, folder / str(len(roots)))
        root = next(root for number in count() if _is_free((root := own / str(number) / above), place))
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(sample.path):
            target.mkdir()  # its files are not read
        else:
            target.symlink_to(os.path.abspath(sample.path))
        apart[str(target)] = _Sample(str(target), sample.of, sample.is_part)
        patterns.add(f"{glob.escape(str(root))}/**/*")
    return apart, sorted(patterns)


def _is_free(root: Path, place: Path) -> bool:
    """Whether nothing stands at a place below a root, nor a file where it has a folder."""
    folders = (root / part for part in place.parents)
    return not os.path.lexists(root / place) and all(map(os.path.isdir, filter(os.path.lexists, folders)))


def _build(folder: Path, patterns: list[str], given: dict) -> list[str]:
    home = folder / "home"
    command = dbt.command(
        "--quiet",
        "build",
        "--select",
        "+reconciliation",
        "--exclude-resource-type",
        "test",
        "unit_test",
        "--vars",
        json.dumps(given | {"on_refused_file": "skip"}),
        "--target",
        "duckdb",
    )
    environment = dbt.environment(
        CLIENTELE_EVENTS="\n".join(patterns),
        CLIENTELE_HOME=str(home),
        DBT_TARGET_PATH=str(folder / "target"),
        DBT_LOG_PATH=str(folder / "logs"),
        DBT_USE_COLORS="false",
        **{keys.ENVIRONMENT_VARIABLE: secrets.token_hex(keys.MINIMUM_BYTES)},
    )
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        raise CheckError(f"The files could not be tried. {dbt.sentences(ran.stdout)}")
    return [line for line in ran.stdout.splitlines() if line.strip() and not line.startswith(_SKIPPED)]


def _of_files(text: str | None, samples: dict[str, _Sample]) -> str:
    """Name the files themselves where a text names what was tried of them."""
    for path, sample in samples.items():
        text = str(text).replace(path, sample.of)
    return str(text)


def _report(home: Path, samples: dict[str, _Sample], said: list[str]) -> int:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        vault = str(home / "vault.duckdb").replace("'", "''")
        connection.execute(f"attach '{vault}' as vault (read_only)")
        files = connection.execute(_FILES).fetchall()
        reasons: dict[str, list[str]] = {}
        for path, reason, n_lines in connection.execute(_REASONS).fetchall():
            reasons.setdefault(path, []).append(f"{reason} {n_lines:,}")
    n_refused = 0
    for path, status, why, n_loaded, n_duplicates, n_refunds, n_quarantined, n_expired in files:
        sample = samples.get(path) or _Sample(path, path, is_part=False)
        if status == "refused":
            n_refused += 1
            print(f"{sample.of}: refused. It {_of_files(why, samples).removeprefix(sample.of).strip()}")
        elif status == "same_content":
            print(f"{sample.of}: passed over, {_of_files(why, samples)}")
        else:
            which = f" of its first {_SAMPLE_LINES:,} lines" if sample.is_part else ""
            left = f" ({', '.join(reasons[path])})" if path in reasons else ""
            print(
                f"{sample.of}: {n_loaded:,} events, {n_duplicates:,} duplicates, "
                f"{f'{n_refunds:,} refunds, ' if n_refunds else ''}"
                f"{f'{n_expired:,} older than the var events_retention_months, ' if n_expired else ''}"
                f"{n_quarantined:,} lines left out{left}{which}"
            )
    stopping = [line.removeprefix(_STOPS) for line in said if line.startswith(_STOPS)]
    for line in said:
        if line.startswith(_STOPS):
            print(f"would stop the build: {line.removeprefix(_STOPS)}")
        elif ": refused (" not in line and ": same content (" not in line:
            print(f"would be told: {line}")
    if n_refused:
        print(f"would stop the build: {n_refused} file(s) that are refused")
    print("Nothing was changed.")
    return 1 if n_refused or stopping else 0
