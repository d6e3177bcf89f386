"""Correct lines of one customer in event files: mended copies, which take the place of the files in the lake.

What the warehouse holds comes from the files, so what is wrong about a customer is put right in them: a line
that is another, or none. A correction is refused as a whole unless each wrong line stands in its file and
names the customer who asked, so that it can change nothing about anybody else.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clientele.errors import ClienteleError
from clientele.ids import normal_id, normal_text
from clientele.intake import formats
from clientele.intake.lake import COLUMNS
from clientele.intake.spellings import readable_id

__all__ = ["Correction", "MendingError", "corrections", "mend"]

_FIELDS = ("file_name", "wrong_line", "right_line")
_PLACE = COLUMNS.index("user_id")
_SESSION = COLUMNS.index("user_session")


class MendingError(ClienteleError, ValueError):
    """Corrections that cannot be made; the message says which one and why, and quotes no line."""


@dataclass(frozen=True)
class Correction:
    """A line as it stands in a file, and as it should; an empty `right` takes the line away."""

    where: str
    file_name: str
    wrong: str
    right: str


def corrections(path: Path) -> list[Correction]:
    """Read a CSV file with the columns file_name, wrong_line, right_line; lines without their ends.

    Raises
    ------
    MendingError
        If it cannot be read, has other columns or nothing in it.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != _FIELDS:
                raise MendingError(f"{path}: its first line has to be {','.join(_FIELDS)}")
            found = []
            for row in rows:
                if len(row) != len(_FIELDS):
                    raise MendingError(f"{path}, line {rows.line_num}: {len(_FIELDS)} fields are wanted")
                found.append(Correction(f"{path}, line {rows.line_num}", *row))
    except OSError as problem:
        raise MendingError(f"{path} cannot be read: {problem.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise MendingError(f"{path} is no CSV file in UTF-8") from None
    if not found:
        raise MendingError(f"{path} has no correction in it")
    return found


def mend(
    asked: Iterable[Correction],
    files: Iterable[Mapping[str, str]],
    user_id: int | str,
    kind: str,
    delimiter: str,
    folder: Path,
) -> int:
    """Write a mended copy of each file that is named, and return how many lines were corrected.

    Parameters
    ----------
    asked : iterable of Correction
        As `corrections` reads them.
    files : iterable of mapping
        Accepted files of the ledger: `file_name`, `file_path`, `file_format`, `file_compression`,
        `column_positions` and `n_columns`.
    user_id, kind
        The customer, as the warehouse keeps the id, and of which kind ids are.
    delimiter : str
        Between the fields of a line.
    folder : Path
        Where the copies go, under the names of the files; it must be empty or not there.

    Raises
    ------
    MendingError
        Before anything is written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise MendingError(f"{folder} is not empty: the mended files need a folder of their own")
    by_name: dict[str, list[Mapping[str, str]]] = {}
    for file in files:
        by_name.setdefault(file["file_name"], []).append(file)
    wanted: dict[str, list[Correction]] = {}
    for correction in asked:
        wanted.setdefault(correction.file_name, []).append(correction)
    plans = []
    for name, of_file in wanted.items():
        held = by_name.get(name, [])
        if len(held) != 1:
            found = "no loaded file has this name" if not held else "several loaded files have this name"
            raise MendingError(f"{of_file[0].where}: {found}")
        if held[0]["file_format"] != "csv" or held[0]["file_compression"] not in ("none", "gzip"):
            raise MendingError(
                f"{of_file[0].where}: only plain and gzipped CSV files are mended here; mend this one where "
                "it comes from, and deliver it under the same name"
            )
        try:
            plans.append((held[0], _replacements(of_file, held[0], user_id, kind, delimiter)))
        except OSError as problem:
            raise MendingError(
                f"{of_file[0].where}: {held[0]['file_path']} cannot be read ({problem.strerror}). Put the "
                "file back there, or mend it where it comes from and deliver it under the same name"
            ) from None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return sum(_write(file, replaced, folder / file["file_name"]) for file, replaced in plans)


def _replacements(
    asked: list[Correction], file: Mapping[str, str], user_id: int | str, kind: str, delimiter: str
) -> dict[bytes, list[bytes]]:
    """Return what comes in the place of each wrong line, in order, one for each time it is named."""
    places = [int(place) for place in file["column_positions"].split(",")]
    replaced: dict[bytes, list[bytes]] = {}
    for correction in asked:
        sessions = []
        # A line is theirs as a copy and an erasure have it; the right one has to make an event.
        for text, read in ((correction.wrong, readable_id), (correction.right, normal_id)):
            if not text:
                continue
            fields = [] if "\n" in text or "\r" in text else _fields(text, delimiter)
            if len(fields) != int(file["n_columns"]):
                raise MendingError(f"{correction.where}: a line has not the fields of {file['file_name']}")
            if not 0 <= places[_PLACE] < len(fields) or read(fields[places[_PLACE]], kind) != user_id:
                raise MendingError(f"{correction.where}: a line does not name the customer who asked")
            if 0 <= places[_SESSION] < len(fields):
                sessions.append(normal_text(fields[places[_SESSION]]))
        if not correction.wrong:
            raise MendingError(
                f"{correction.where}: wrong_line is empty; what is missing is delivered as a file"
            )
        if sessions[1:] and sessions[1] not in ("", sessions[0]):
            raise MendingError(
                f"{correction.where}: right_line has another session, which may be somebody else's; "
                "write the one of wrong_line, or none"
            )
        replaced.setdefault(correction.wrong.encode(), []).append(correction.right.encode())
    held = Counter(
        line.rstrip(b"\r\n")
        for line in formats.lines(file["file_path"], file["file_compression"])
        if line.rstrip(b"\r\n") in replaced
    )
    for correction in asked:
        if held[correction.wrong.encode()] < len(replaced[correction.wrong.encode()]):
            raise MendingError(
                f"{correction.where}: {file['file_name']} does not hold this line, or not so often"
            )
    return replaced


def _fields(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line, none where its quotes are not in order (macros/engine/duckdb/lake.sql)."""
    one = re.compile(rf' *"(?:[^"]|"")*" *|[^"{re.escape(delimiter)}]*')
    found = [one.match(line)]
    while found[-1].end() < len(line):
        if line[found[-1].end()] != delimiter:
            return []
        found.append(one.match(line, found[-1].end() + 1))
    texts = [field[0].strip(" ") if '"' in field[0] else field[0] for field in found]
    return [text[1:-1].replace('""', '"') if '"' in text else text for text in texts]


def _write(file: Mapping[str, str], replaced: dict[bytes, list[bytes]], target: Path) -> int:
    n_corrected = 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        opened = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if file["file_compression"] == "gzip" else raw
        for line in formats.lines(file["file_path"], file["file_compression"]):
            text = line.rstrip(b"\r\n")
            if replaced.get(text):
                right = replaced[text].pop(0)
                n_corrected += 1
                line = right + line[len(text) :] if right else b""
            opened.write(line)
        if opened is not raw:
            opened.close()
    return n_corrected
