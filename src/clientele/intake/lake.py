"""Look at event files before they are read: what they are, how many lines they hold, whether to trust them.

DuckDB 2.0 accepts a gzip file whose checksum is wrong, drops lines that are not UTF-8 and, told the wrong
line end, loses a line at the border of a read buffer, each without a word. The ledger promises that every
line of every file is accounted for, so each file is first read once here: hashed, decompressed with its
checksums verified, and its lines counted. The `reader_*` facts say how DuckDB then finds exactly these lines.

A *line* ends at LF or CRLF; a last line without an end counts. In a file where a CR stands without an LF,
every CR and every LF ends a line (so a CRLF there ends a line and adds a blank one). A *blank* line has no
characters.
"""

from __future__ import annotations

import codecs
import glob
import json
import os
import re
import stat
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from itertools import chain
from time import monotonic
from typing import Any, BinaryIO
from urllib.parse import unquote

import numpy as np

from clientele.errors import ClienteleError
from clientele.intake import formats, persons
from clientele.intake.formats import Refusal as _Refusal
from clientele.intake.header import COLUMNS, QUANTITY, Header, Reading

__all__ = [
    "COLUMNS",
    "MAX_LINE_BYTES",
    "FileFacts",
    "LakeError",
    "Reading",
    "find",
    "inventory",
    "known_from_json",
]

MAX_LINE_BYTES = 16 * 2**20

# What a named folder is searched for. Files of table formats begin with a dot or a line: _SUCCESS.
_PACKED = ("", ".gz", ".zst", ".bz2", ".xz", ".zip")
_TEXTS = tuple(f"{kind}{packed}" for kind in (".csv", ".tsv") for packed in _PACKED)
_SUFFIXES = (*_TEXTS, ".parquet", ".zip")
_HIVE_FOLDER = re.compile(r"([A-Za-z_]\w*)=(.*)")
_MAX_NAMED = 5
_BLOCK_BYTES = 4 * 2**20
_HEAD_BYTES = 64 * 2**10
_MOST_CANDIDATES = 1000
_WORKERS = 2
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
# DuckDB's own default for max_line_size; a larger value makes it allocate larger buffers.
_DEFAULT_LINE_BYTES = 2_000_000
# A scan of whole lines needs a delimiter that is in no line: a control character, or else one of the code
# points that Unicode bars from text. They are several, so that no single event refuses its file.
_DELIMITERS = ("\x01", *map(chr, (0x10FFFF, 0x10FFFE, 0xFFFFF, 0xFFFFE, 0xEFFFF, 0xEFFFE, 0xDFFFF)))
_BYTE_MARK = codecs.BOM_UTF8
# From here on floats of so many bits do not hold every whole number.
_WHOLE_BELOW = {16: 2**11, 32: 2**24, 64: 2**53}
# Bits of floats that are too coarse: seconds since 1970 would be two minutes apart, and 12.30 be 12.297.
_TOO_COARSE = {"event_time": (16, 32), "price": (16,)}


class LakeError(ClienteleError, ValueError):
    """The patterns name no file; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    r"""What is known of one file without having loaded it.

    Attributes
    ----------
    file_path : str
        Absolute path as found, symbolic links not followed.
    file_identity : str or None
        What stays when the folder moves: the path relative to the entry of `patterns` that names it (the
        folder, or the part of a pattern before its first wildcard); of a file that is named directly, its
        base name.
    file_bytes, modified_ns : int or None
        Size, and time of modification in nanoseconds since 1970; None when there is no file behind the path.
    sha256 : str or None
        Of the bytes as delivered (not decompressed) and of what hive folders say of a column, 64 hexadecimal
        digits; None when they could not be read.
    status : str
        `readable`; `empty` (nothing but a header, or nothing at all); `refused`.
    reason : str or None
        Why the file is refused or what it lacks: a sentence with its path. Never quotes an event.
    file_format : str or None
        `csv` or `parquet`, by content.
    file_compression : str or None
        `none`, `gzip`, `zstd`, `bzip2`, `xz` or `zip`, by content.
    column_positions : tuple of int
        Zero-based place in the file of each of `COLUMNS`, in their order, and of `quantity`; -1 for a column
        that the file does not have.
    column_constants : str
        Values that hold for the whole file, as `column=value`, joined by semicolons: from the name of a hive
        folder, or an event type that a column of the file implies.
    n_columns : int or None
        Fields of a line.
    passed_over : tuple of str
        Columns of the file that are not read.
    column_types : tuple of str
        Parquet only: Arrow types of the nine columns, in the order of `COLUMNS`.
    n_lines : int or None
        Lines of text with header and blank lines; rows of a Parquet file.
    n_blank : int or None
        Lines without any character; 0 for Parquet.
    longest_line_bytes : int or None
        Longest line without its end.
    reader_path : str or None
        The path as DuckDB takes it: a pattern that matches this file only.
    reader_delimiter : str or None
        A character that is in no line of the file.
    reader_new_line : str or None
        `\n` or `\r\n`, spelled with a backslash as DuckDB's `new_line` wants it.
    reader_is_parallel : bool
        False for a file with several kinds of line end, which only one thread splits exactly.
    reader_max_line_size : int
        Bytes; a longer line goes to DuckDB's reject tables.
    has_byte_mark, has_cr, has_nul, has_quotes, has_invalid_utf8 : bool
        Whether the text starts with a UTF-8 byte order mark, and whether it holds CR, NUL, double quotes and
        bytes that are not UTF-8.
    is_known : bool
        Facts copied from an earlier look; the file was not read.
    """

    file_path: str
    file_identity: str | None = None
    file_bytes: int | None = None
    modified_ns: int | None = None
    sha256: str | None = None
    status: str = "readable"
    reason: str | None = None
    file_format: str | None = None
    file_compression: str | None = None
    column_positions: tuple[int, ...] = ()
    column_constants: str = ""
    n_columns: int | None = None
    passed_over: tuple[str, ...] = ()
    column_types: tuple[str, ...] = ()
    n_lines: int | None = None
    n_blank: int | None = None
    longest_line_bytes: int | None = None
    reader_path: str | None = None
    reader_delimiter: str | None = None
    reader_new_line: str | None = None
    reader_is_parallel: bool = True
    reader_max_line_size: int = _DEFAULT_LINE_BYTES
    has_byte_mark: bool = False
    has_cr: bool = False
    has_nul: bool = False
    has_quotes: bool = False
    has_invalid_utf8: bool = False
    is_known: bool = False

    @property
    def file_name(self) -> str:
        """Last part of the path."""
        return os.path.basename(self.file_path)

    def as_row(self) -> dict[str, str | int | bool | None]:
        """Return the facts as values that JSON and SQL can hold: positions and types as joined text."""
        return asdict(self) | {
            "file_name": self.file_name,
            "file_identity": self.file_identity or self.file_path,
            "column_positions": ",".join(map(str, self.column_positions)),
            "column_types": ";".join(self.column_types),
            "passed_over": ";".join(self.passed_over),
        }


def known_from_json(text: str | None) -> list[FileFacts]:
    """Read back rows of `FileFacts.as_row` from a JSON list; null means none, unknown fields are ignored."""
    names = {field.name for field in fields(FileFacts)}
    found = []
    for row in json.loads(text or "null") or []:
        values = {name: value for name, value in row.items() if name in names and value is not None}
        for name, separator, kind in (
            ("column_positions", ",", int),
            ("column_types", ";", str),
            ("passed_over", ";", str),
        ):
            values[name] = tuple(map(kind, filter(None, values.get(name, "").split(separator))))
        found.append(FileFacts(**values))
    return found


def inventory(
    patterns: str,
    known: Iterable[FileFacts] = (),
    progress: Callable[[str], None] | None = None,
    reading: Reading | None = None,
) -> list[FileFacts]:
    """Find the files that `patterns` names and look at each that is new or has changed.

    Parameters
    ----------
    patterns : str
        Paths, directories or glob patterns (`**` goes into subdirectories, `~` is the home directory), one
        per line or separated by commas. A line that names something as a whole is not split at its commas. A
        directory stands for the `.csv`, `.csv.gz` and `.parquet` files in it.
    known : iterable of FileFacts
        Facts of earlier looks. Where path, size and time of modification are unchanged, they are returned
        again with `is_known` set, and the file is not read.
    progress : callable, optional
        Receives a line of text now and then while large files are read, and what is passed over. Not given:
        they go to standard error.
    reading : Reading, optional
        How the files are written: the character between columns, and other names for them.

    Returns
    -------
    list of FileFacts
        One per file, sorted by path. A file that is reached by several paths is listed once, under the first.

    Raises
    ------
    LakeError
        If `patterns` is empty or one of them matches no file.
    """
    say = progress or _to_stderr
    identities = find(patterns, say)
    unnamed = _with_names_of_persons(identities)
    paths = [path for path in identities if path not in unnamed]
    earlier = {facts.file_path: facts for facts in known if facts.sha256 is not None}
    reporter = _Progress(len(paths), say)
    header = Header(reading or Reading())
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="clientele-lake") as pool:
        looks = [
            pool.submit(_look, path, earlier.get(_printable(path)), reporter, number, header)
            for number, path in enumerate(paths, start=1)
        ]
        try:
            found = [look.result() for look in looks]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    found = _one_for_each_identity(
        [
            replace(facts, file_identity=_printable(identities[path]))
            for path, facts in zip(paths, found, strict=True)
        ]
        + list(unnamed.values())
    )
    found.sort(key=lambda facts: facts.file_path)
    _tell_what_is_passed_over(found, say)
    return found


def _with_names_of_persons(identities: dict[str, str]) -> dict[str, FileFacts]:
    """Return the files that are refused for their names, by path, under a name that does not tell."""
    refused: dict[str, FileFacts] = {}
    for path, identity in identities.items():
        if masked := persons.masked_path(_printable(path), _printable(identity), len(refused) + 1):
            told, its_identity = masked
            refused[path] = _refused(FileFacts(told, file_identity=its_identity), persons.WHY)
    return refused


def _one_for_each_identity(found: list[FileFacts]) -> list[FileFacts]:
    """Leave out copies of a file under one identity; refuse files that share one and differ."""
    by_identity: dict[str | None, list[FileFacts]] = {}
    for facts in found:
        by_identity.setdefault(facts.file_identity, []).append(facts)
    kept = []
    for facts in found:
        alike = by_identity[facts.file_identity]
        if len({(other.sha256, other.status == "refused") for other in alike}) > 1:
            others = [other.file_path for other in alike if other is not facts]
            why = (
                f"and {_listed(others)} are both {facts.file_identity} in the folders that CLIENTELE_EVENTS "
                "names, and differ: name the folder above them with a pattern such as 'above/**/*.csv', so "
                "that their folders tell them apart, or take one away"
            )
            kept.append(_refused(facts, why))
        elif facts is alike[0]:
            kept.append(facts)
    return kept


def _tell_what_is_passed_over(found: list[FileFacts], say: Callable[[str], None]) -> None:
    """Say once, for all files that are new, which of their columns are not read."""
    by_columns: dict[tuple[str, ...], list[str]] = {}
    for facts in found:
        if facts.passed_over and not facts.is_known and facts.status != "refused":
            by_columns.setdefault(facts.passed_over, []).append(facts.file_name)
    for columns, names in by_columns.items():
        what = "column" if len(columns) == 1 else "columns"
        say(f"clientele: {what} {', '.join(columns)} passed over in {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _printable(path: str) -> str:
    """Show the bytes of a path that are not UTF-8 as question marks, so that it can be stored and printed."""
    return os.fsencode(path).decode("utf-8", "replace")


# --- which files


def find(patterns: str, say: Callable[[str], None]) -> dict[str, str]:
    """Return the absolute paths that the patterns name, sorted, one for each file, with its identity."""
    found: list[tuple[str, str]] = []
    named = False
    for line in filter(None, map(str.strip, patterns.splitlines())):
        whole = _match(line, say)
        parts = [line] if whole else list(filter(None, map(str.strip, line.split(","))))
        named = named or bool(parts)
        for pattern in parts:
            matched = whole or _match(pattern, say)
            if not matched:
                folder, name = os.path.split(pattern)
                told = os.path.join(folder, persons.without_person(name))
                raise LakeError(
                    f"No event file matches {told!r} (looked in {os.getcwd()}). Correct CLIENTELE_EVENTS: "
                    "it takes paths, directories and patterns such as 'data/*.csv.gz', separated by commas. "
                    "In a container, see that the volume of the event files is mounted there."
                )
            found.extend(matched)
    if not named:
        raise LakeError(
            "CLIENTELE_EVENTS is empty. Give it the event files, for example 'data/*.csv.gz' "
            "(paths, directories and patterns, separated by commas)."
        )
    by_file: dict[str, tuple[str, str]] = {}
    for path, identity in sorted((os.path.abspath(path), identity) for path, identity in found):
        by_file.setdefault(os.path.realpath(path), (path, identity))
    return dict(by_file.values())


def _match(pattern: str, say: Callable[[str], None]) -> list[tuple[str, str]]:
    """Return the paths that a pattern matches, each with its identity."""
    pattern = os.path.expanduser(pattern)
    if os.path.isdir(pattern):
        return [(path, os.path.relpath(path, pattern)) for path in _in_folder(pattern, say)]
    if os.path.lexists(pattern):
        return [(pattern, os.path.basename(pattern))]
    parts = pattern.split(os.sep)
    n_fixed = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    root = os.sep.join(parts[:n_fixed]) or (os.sep if pattern.startswith(os.sep) else os.curdir)
    return [(path, os.path.relpath(path, root)) for path in _glob(pattern, say)]


def _glob(pattern: str, say: Callable[[str], None]) -> list[str]:
    # A wildcard reaches directories too. Those named like an event file are kept, to be refused aloud; hive
    # folders are read.
    found = []
    for path in glob.glob(pattern, recursive=True):
        if os.path.isdir(path) and _HIVE_FOLDER.fullmatch(os.path.basename(path)):
            found += [] if "**" in pattern else _in_folder(path, say)
        elif not os.path.isdir(path) or path.lower().endswith(_SUFFIXES):
            found.append(path)
    return found


def _in_folder(folder: str, say: Callable[[str], None]) -> list[str]:
    """Return the event files in a folder and in its hive folders; say what else stands there."""
    found, others = [], []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith((".", "_")):
            others += [name] if name.lower().endswith(_SUFFIXES) else []
            continue
        if os.path.isdir(path) and _HIVE_FOLDER.fullmatch(name):
            found += _in_folder(path, say)
        elif name.lower().endswith(_SUFFIXES):
            found.append(path)
        else:
            others.append(f"{name}/" if os.path.isdir(path) else name)
    if others:
        told = _listed([persons.without_person(name) for name in others])
        say(f"clientele: not read in {_printable(folder)}: {_printable(told)}")
    return found


# --- one file


def _look(
    path: str, earlier: FileFacts | None, reporter: _Progress, number: int, header: Header
) -> FileFacts:
    facts = FileFacts(_printable(path))
    try:
        status = os.stat(path)
        facts = replace(facts, file_bytes=status.st_size, modified_ns=status.st_mtime_ns)
        if earlier and (earlier.file_bytes, earlier.modified_ns) == (status.st_size, status.st_mtime_ns):
            return replace(earlier, is_known=True)
        _check_kind(path, status.st_mode)
        with open(path, "rb") as file:
            source = _Hashed(file, lambda done: reporter.report(number, facts, done))
            try:
                return _with_its_folders(_read(facts, source, header))
            except _Refusal as refusal:
                # The ledger knows a refused file by its bytes too: read on to the end for the hash.
                source.drain()
                return _refused(replace(facts, sha256=source.digest()), refusal)
            finally:
                _check_unchanged(status, os.fstat(file.fileno()))
                reporter.finish(number, facts)
    except _Refusal as refusal:
        return _refused(facts, refusal)
    except FileNotFoundError:
        reason = "is a link to nothing" if os.path.islink(path) else "was gone when it was to be read"
    except PermissionError:
        reason = "may not be read by this user: change its permissions"
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    return _refused(facts, reason)


def _refused(facts: FileFacts, why: object) -> FileFacts:
    return replace(facts, status="refused", reason=f"{facts.file_path} {why}.")


def _check_kind(path: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise _Refusal("is a directory: to read the files in it, name the directory itself")
    if not stat.S_ISREG(mode):
        raise _Refusal("is not a regular file")
    if _printable(path) != path:
        raise _Refusal("has a name that is not UTF-8: rename it")
    if "\\" in path and glob.has_magic(path):
        raise _Refusal("has a path with a backslash and one of * ? [, which DuckDB cannot open: rename it")


def _check_unchanged(before: os.stat_result, after: os.stat_result) -> None:
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _Refusal("changed while it was read: run again when it is complete")


class _Hashed:
    """A file read in blocks, each hashed as it passes."""

    def __init__(self, file: BinaryIO, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance
        self._hash = sha256()
        self._done = 0

    def read(self) -> bytes:
        block = self._file.read(_BLOCK_BYTES)
        self._hash.update(block)
        self._done += len(block)
        self._advance(self._done)
        return block

    def drain(self) -> None:
        while self.read():
            pass

    def digest(self) -> str:
        return self._hash.hexdigest()


def _read(facts: FileFacts, source: _Hashed, header: Header) -> FileFacts:
    first = source.read()
    if first.startswith(_PARQUET_MAGIC):
        source.drain()
        return replace(_parquet(facts, header), sha256=source.digest())
    packing = formats.packing(first)
    if packing == "gzip":
        blocks = _gunzip(first, source)
    elif packing == "none":
        blocks = _blocks(first, source)
    else:
        source.drain()
        blocks = formats.unpacked(facts.file_path, packing, _BLOCK_BYTES)
    # What a file is shows in its first block; a web page that was saved as an event file is named as one.
    head = next(blocks, b"")
    formats.refuse_foreign(head, packing)
    text = _Text(header.time_names)
    for block in chain([head], blocks):
        text.add(block)
    seen = replace(
        text.facts(facts),
        sha256=source.digest(),
        file_compression=packing,
        reader_path=glob.escape(facts.file_path),
    )
    if seen.reader_delimiter is None:
        raise _Refusal("holds U+0001 and U+10FFFF and six others that belong in no text")
    if seen.n_lines == seen.n_blank:
        what = "holds blank lines alone" if seen.n_lines else "holds no line"
        return _empty(replace(seen, column_positions=tuple(range(len(COLUMNS)))), what)
    first_lines = text.first_lines(seen.reader_new_line)
    columns = header.of_text(first_lines, _hive_values(facts.file_path))
    header.refuse_others(first_lines[columns.n_header_lines - 1], text.header_candidates)
    seen = replace(
        seen,
        column_positions=columns.positions,
        column_constants=columns.constants,
        n_columns=columns.n_columns,
        passed_over=columns.passed_over,
    )
    is_empty = seen.n_lines - seen.n_blank == columns.n_header_lines
    return _empty(seen, "holds a header and no event") if is_empty else seen


def _hive_values(path: str) -> dict[str, str]:
    """Return what the folders above a file say of it: key=value."""
    found = map(_HIVE_FOLDER.fullmatch, hive_folders(path))
    return {part[1].lower(): unquote(part[2]) for part in found if part}


def hive_folders(path: str) -> list[str]:
    """Return the folders of a path whose names say the value of a column, from the top.

    Examples
    --------
    >>> hive_folders("/lake/brand=acme/2019/p.csv")
    ['brand=acme']
    """
    return [part for part in os.path.dirname(path).split(os.sep) if _HIVE_FOLDER.fullmatch(part)]


def _with_its_folders(facts: FileFacts) -> FileFacts:
    """Return facts by which the same bytes in the folders of two kinds of event are two contents."""
    if not facts.column_constants or not _hive_values(facts.file_path):
        return facts
    told = f"{facts.sha256} {facts.column_constants}"
    return replace(facts, sha256=sha256(told.encode()).hexdigest())


def _empty(facts: FileFacts, what: str) -> FileFacts:
    return replace(facts, status="empty", reason=f"{facts.file_path} {what}.")


def _blocks(first: bytes, source: _Hashed) -> Iterator[bytes]:
    block = first
    while block:
        yield block
        block = source.read()


def _gunzip(first: bytes, source: _Hashed) -> Iterator[bytes]:
    """Decompress every member of a gzip file (RFC 1952) in bounded blocks; verify checksums and lengths."""
    waiting = first
    n_members = 0
    while waiting:
        if not waiting.startswith(_GZIP_MAGIC[: len(waiting)]):
            filler = "zero bytes" if not waiting.strip(b"\0") else "bytes that are not gzip"
            raise _Refusal(f"has {filler} after the end of its gzip data: deliver it again")
        n_members += 1
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        while not member.eof:
            try:
                block = member.decompress(waiting, _BLOCK_BYTES)
            except zlib.error as error:
                what = f"{error}, member {n_members}"
                raise _Refusal(f"is a damaged gzip file ({what}): deliver it again") from error
            if block:
                yield block
            waiting = member.unconsumed_tail
            if not member.eof and not waiting:
                waiting = source.read()
                if not waiting:
                    raise _Refusal("is a gzip file cut short: deliver it again")
        # Members and blocks may end together; it takes two bytes to know the next member.
        waiting = member.unused_data
        if len(waiting) < len(_GZIP_MAGIC):
            waiting += source.read()


# --- text


class _Lines:
    """Count of lines by one rule of where a line ends."""

    def __init__(self) -> None:
        self.n_lines = 0
        self.n_blank = 0
        self.longest = 0
        self._open = 0

    def add(self, ends: np.ndarray, trims: np.ndarray | int, n_bytes: int) -> None:
        """Add a block of `n_bytes`: where lines end in it, and whether a CR before belongs to the end."""
        if not ends.size:
            self._open += n_bytes
            return
        lengths = np.diff(ends, prepend=-1) - 1
        lengths[0] += self._open
        lengths -= trims
        self.n_lines += ends.size
        self.n_blank += ends.size - int(np.count_nonzero(lengths))
        self.longest = max(self.longest, int(lengths.max()))
        self._open = n_bytes - int(ends[-1]) - 1

    def close(self) -> None:
        if self._open:
            self.n_lines += 1
            self.longest = max(self.longest, self._open)
            self._open = 0


def _holds(block: bytes, character: bytes) -> bool:
    """Whether a block holds a character: most lack even its first byte, which is looked for much faster."""
    return character[:1] in block and character in block


class _Text:
    """Facts of a text that comes in blocks.

    Lines further down that hold one of `names`, as another header would, are `header_candidates`.
    """

    def __init__(self, names: Sequence[bytes] = ()) -> None:
        self._names = list(names)
        self._is_named = False  # whether only those that stand in the first lines are left
        self._line_start = b""
        self.header_candidates: list[bytes] = []
        self._head = b""
        self._held = b""
        self._is_started = False
        self._by_lf = _Lines()
        self._by_any: _Lines | None = None
        self._n_lf = self._n_cr = self._n_crlf = 0
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self._is_ascii = True
        self._delimiters = list(_DELIMITERS)
        self._seam = b""
        self.has_byte_mark = self.has_nul = self.has_quotes = False

    def add(self, block: bytes) -> None:
        block = self._held + block
        self._held = b""
        if not self._is_started:
            if len(block) < len(_BYTE_MARK) and _BYTE_MARK.startswith(block):
                self._held = block
                return
            self._is_started = True
            if block.startswith(_BYTE_MARK):
                self.has_byte_mark = True
                block = block[len(_BYTE_MARK) :]
        # A CR waits for the byte after it, so that no CRLF is seen in halves.
        if block.endswith(b"\r"):
            block, self._held = block[:-1], b"\r"
        self._scan(block)

    def _scan(self, block: bytes) -> None:
        if len(self._head) < _HEAD_BYTES:
            self._head += block[: _HEAD_BYTES - len(self._head)]
        self.has_nul = self.has_nul or b"\0" in block
        self.has_quotes = self.has_quotes or b'"' in block
        self._scan_characters(block)
        self._scan_headers(block)
        codes = np.frombuffer(block, np.uint8)
        line_feeds = np.flatnonzero(codes == 10)
        self._n_lf += line_feeds.size
        if b"\r" not in block:
            self._by_lf.add(line_feeds, 0, codes.size)
            if self._by_any is not None:
                self._by_any.add(line_feeds, 0, codes.size)
            return
        # Up to the first CR both rules find the same lines.
        if self._by_any is None:
            self._by_any = copy(self._by_lf)
        # For an LF at place 0 this looks at the last byte of the block, never a CR because that is held back.
        after_cr = codes[line_feeds - 1] == 13
        self._n_crlf += int(np.count_nonzero(after_cr))
        self._n_cr += int(np.count_nonzero(codes == 13))
        self._by_lf.add(line_feeds, after_cr, codes.size)
        self._by_any.add(np.flatnonzero((codes == 10) | (codes == 13)), 0, codes.size)

    def _scan_headers(self, block: bytes) -> None:
        # Files that were put one behind the other bring their headers along. A name is rare in other lines.
        if not self._is_named:
            head, self._is_named = self._head.lower(), True
            places = {name: head.find(name.lower()) for name in self._names}
            written = [self._head[place : place + len(name)] for name, place in places.items() if place >= 0]
            self._names = list(dict.fromkeys([name for name in self._names if places[name] >= 0] + written))
        whole = self._line_start + block
        ends = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
        self._line_start = whole[ends:][-_HEAD_BYTES:]
        for name in self._names:
            place = whole.find(name, 0, ends)
            while place >= 0 and len(self.header_candidates) < _MOST_CANDIDATES:
                start = max(whole.rfind(b"\n", 0, place), whole.rfind(b"\r", 0, place)) + 1
                line = re.split(rb"[\r\n]", whole[start : start + _HEAD_BYTES], maxsplit=1)[0]
                self.header_candidates.append(line)
                place = whole.find(name, start + len(line) + 1, ends)

    def _scan_characters(self, block: bytes) -> None:
        is_ascii = block.isascii()
        if self._decoder is not None and not (is_ascii and self._is_ascii):
            try:
                self._decoder.decode(block)
            except UnicodeDecodeError:
                self._decoder = None
            else:
                # A character cut by the border of the block is completed by the next one.
                self._is_ascii = not self._decoder.getstate()[0]
        seamed = block if is_ascii else self._seam + block
        self._delimiters = [
            delimiter
            for delimiter in self._delimiters
            if (is_ascii and not delimiter.isascii()) or not _holds(seamed, delimiter.encode())
        ]
        self._seam = block[-3:]

    def facts(self, facts: FileFacts) -> FileFacts:
        """Close the text and add its facts."""
        if self._held:
            held, self._held, self._is_started = self._held, b"", True
            self._scan(held)
        self._scan_headers(b"\n")  # a last line without an end
        if self._decoder is not None:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self._decoder = None
        has_lone_cr = self._n_cr > self._n_crlf
        lines = self._by_any if has_lone_cr and self._by_any is not None else self._by_lf
        lines.close()
        return replace(
            facts,
            file_format="csv",
            n_lines=lines.n_lines,
            n_blank=lines.n_blank,
            longest_line_bytes=lines.longest,
            reader_delimiter=self._delimiters[0] if self._delimiters else None,
            reader_new_line=r"\r\n" if self._n_crlf and not has_lone_cr else r"\n",
            reader_is_parallel=not (has_lone_cr or 0 < self._n_crlf < self._n_lf),
            reader_max_line_size=min(max(lines.longest + 1, _DEFAULT_LINE_BYTES), MAX_LINE_BYTES),
            has_byte_mark=self.has_byte_mark,
            has_cr=self._n_cr > 0,
            has_nul=self.has_nul,
            has_quotes=self.has_quotes,
            has_invalid_utf8=self._decoder is None,
        )

    def first_lines(self, new_line: str | None) -> list[bytes]:
        """Return the first two lines, cut after 64 KiB."""
        return re.split(rb"\r\n|\n" if new_line == r"\r\n" else rb"\r|\n", self._head, maxsplit=2)[:2]


# --- Parquet


def _parquet(facts: FileFacts, header: Header) -> FileFacts:
    """Read rows and columns from the footer, and every page once: a damaged one is told before the load."""
    # Imported late: most deliveries are text, and the import takes longer than a look at a small file.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(facts.file_path, page_checksum_verification=True) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
            columns = header.of_names([name.lower() for name in schema.names], _hive_values(facts.file_path))
            _read_through(file, schema, columns.positions)
    except (pa.ArrowException, OSError) as error:
        raise _Refusal("is a damaged or incomplete Parquet file: deliver it again") from error
    types = []
    for name, position in zip((*COLUMNS, QUANTITY), columns.positions, strict=True):
        if position < 0:
            continue
        kind = schema.types[position]
        if pa.types.is_nested(kind) or any(is_bytes(kind) for is_bytes in _kinds_of_bytes()):
            raise _Refusal(f"has column {name} of type {kind}: write it as text, a number or a timestamp")
        if pa.types.is_floating(kind) and kind.bit_width in _TOO_COARSE.get(name, ()):
            raise _Refusal(
                f"has column {name} of type {kind}, which does not hold it exactly: write it as a larger "
                "number, text or a timestamp"
            )
        types.append(kind)
    seen = replace(
        facts,
        file_format="parquet",
        file_compression="none",
        n_lines=n_rows,
        n_blank=0,
        column_positions=columns.positions,
        column_constants=columns.constants,
        n_columns=columns.n_columns,
        passed_over=columns.passed_over,
        column_types=tuple(map(str, types)),
        reader_path=glob.escape(facts.file_path),
    )
    return seen if n_rows else _empty(seen, "holds columns and no event")


def _kinds_of_bytes() -> list[Callable[[Any], bool]]:
    import pyarrow.types as kinds

    return [kinds.is_binary, kinds.is_large_binary, kinds.is_binary_view, kinds.is_fixed_size_binary]


def _read_through(file: Any, schema: Any, positions: Sequence[int]) -> None:
    """Decode every page that a build will read; raise :class:`Refusal` where ids are not exact.

    An id in a float that cannot tell it from its neighbours is nobody's. A page that cannot be decoded raises
    an error of Arrow's: the footer says nothing about pages.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    limits = {}  # by name of the column in the file
    for name in ("user_id", "product_id", "category_id"):
        position = positions[COLUMNS.index(name)]
        if position >= 0 and pa.types.is_floating(kind := schema.types[position]):
            limits[schema.names[position]] = (name, kind, _WHOLE_BELOW[kind.bit_width])
    wanted = [schema.names[position] for position in positions if position >= 0]
    for batch in file.iter_batches(columns=list(dict.fromkeys(wanted))):
        for column, (name, kind, limit) in limits.items():
            numbers = batch.column(column).cast(pa.float64())
            most = pc.max(pc.abs(numbers.filter(pc.is_finite(numbers)))).as_py()
            if most is not None and most >= limit:
                raise _Refusal(
                    f"has column {name} of type {kind} with ids of {limit:,} or more, which such numbers do "
                    "not hold exactly: write it as whole numbers or text"
                )


# --- progress


class _Progress:
    """Say which file is read and how far, at most once in two seconds; say nothing when the work is short."""

    _PAUSE_SECONDS = 2.0
    _SHORT_SECONDS = 1.0

    def __init__(self, n_files: int, say: Callable[[str], None]) -> None:
        self._n_files = n_files
        self._say = say
        self._lock = threading.Lock()
        self._said_at = monotonic()
        self._started_at: dict[int, float] = {}

    def report(self, number: int, facts: FileFacts, done: int) -> None:
        with self._lock:
            now = monotonic()
            self._started_at.setdefault(number, now)
            if now - self._said_at < self._PAUSE_SECONDS:
                return
            self._said_at = now
            share = 100 * done // max(facts.file_bytes or 0, done, 1)
            self._say(f"clientele: checking {self._name(number, facts)} · {share} %")

    def finish(self, number: int, facts: FileFacts) -> None:
        with self._lock:
            seconds = monotonic() - self._started_at.get(number, monotonic())
            if seconds >= self._SHORT_SECONDS:
                self._say(f"clientele: checked {self._name(number, facts)} · {seconds:.0f} s")

    def _name(self, number: int, facts: FileFacts) -> str:
        return f"{number} of {self._n_files} · {facts.file_name}"
