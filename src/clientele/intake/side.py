"""Read side inputs: small tables that a shop declares beside its events, such as a catalogue or consents.

What an input is stands in the yml of its model (models/intake/side); it comes here as JSON. Which files hold
it says the environment: ``CLIENTELE_SIDE_CONSENTS`` names those of `consents`, as ``CLIENTELE_EVENTS`` names
those of events. Lines are split here and judged in SQL, which is the same on both engines.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clientele.contents import sha256_of
from clientele.errors import ClienteleError
from clientele.intake import formats, lake, persons
from clientele.intake.header import shown_names

__all__ = ["MAX_FIELDS", "SideError", "SideFile", "SideInput", "inventory", "variable", "write_lines"]

MAX_FIELDS = 9
MAX_LINE_BYTES = 65535  # what a text of the warehouse holds
_BATCH_LINES = 50_000
_MARK = codecs.BOM_UTF8  # where files were joined, lines begin with it


class SideError(ClienteleError, ValueError):
    """A side input that cannot be read; the message says which, and what to do. Never quotes a line."""


@dataclass(frozen=True, slots=True)
class SideInput:
    """What is declared of an input.

    Attributes
    ----------
    name : str
        Name of its model.
    columns : tuple of str
        Columns that are read, in the order of their fields; without the person's.
    required : tuple of str
        Those that a file has to have.
    person : str or None
        The column with the shop's own number of a customer.
    """

    name: str
    columns: tuple[str, ...]
    required: tuple[str, ...] = ()
    person: str | None = None

    def reading(self, delimiter: str) -> str:
        """Return how the fields of a line are numbered: files that were read otherwise are read again."""
        return " ".join([f"{ord(delimiter)}", self.person or "-", *self.columns])


@dataclass(frozen=True, slots=True)
class SideFile:
    """A row of the ledger of side inputs (models/intake/side/side_files.yml), before it has a number."""

    side_input: str
    file_path: str
    file_identity: str
    reading: str
    file_bytes: int | None = None
    modified_ns: int | None = None
    sha256: str | None = None
    n_lines: int | None = None
    status: str = "readable"
    reason: str | None = None

    def as_row(self) -> dict[str, str | int | None]:
        """Return what the ledger keeps."""
        return asdict(self) | {"file_name": os.path.basename(self.file_path)}


def variable(name: str) -> str:
    """Return the environment variable that names the files of an input."""
    return f"CLIENTELE_SIDE_{name.upper()}"


def inventory(
    inputs: Iterable[SideInput],
    environment: Mapping[str, str],
    known: Iterable[Mapping[str, Any]],
    delimiter: str,
    say: Callable[[str], None] = lambda _: None,
) -> list[SideFile]:
    """Find the files of all inputs and look at those that are new or have changed.

    Parameters
    ----------
    inputs : iterable of SideInput
        All that are declared.
    environment : mapping
        Names the files of an input (`variable`); an input that it does not name has none.
    known : iterable of mapping
        Rows of the ledger. Lines of a file of the same path and content, read in the same way, are not
        counted again.
    delimiter : str
        The character between columns.
    say : callable
        Receives what is passed over.

    Returns
    -------
    list of SideFile
        One per file. What cannot be read has the status `refused` and a reason, which is a sentence.
    """
    inputs = list(inputs)
    names = {variable(one.name) for one in inputs}
    strangers = sorted(
        name for name in environment if name.startswith("CLIENTELE_SIDE_") and name not in names
    )
    if strangers:
        raise SideError(
            f"{strangers[0]} names files of an input that is not declared. Declared are: "
            f"{', '.join(sorted(one.name for one in inputs))} (a yml each in models/intake/side)."
        )
    earlier = {(row["side_input"], row["file_path"]): row for row in known}
    found: list[SideFile] = []
    for one in inputs:
        patterns = environment.get(variable(one.name), "").strip()
        if not patterns:
            continue
        try:
            paths = lake.find(patterns, say)
        except lake.LakeError as problem:
            told = str(problem).replace(lake_variable(), variable(one.name)).replace("event file", "file")
            found.append(_refused(SideFile(one.name, patterns, f"{one.name}/", ""), told, told))
            continue
        files = []
        for number, (path, identity) in enumerate(paths.items(), start=1):
            if masked := persons.masked_path(path, identity, number):
                told, its_identity = masked
                unread = SideFile(one.name, told, f"{one.name}/{its_identity}", one.reading(delimiter))
                files.append(_refused(unread, persons.WHY))
            else:
                files.append(_look(path, identity, one, earlier.get((one.name, path)), delimiter, say))
        found += _one_for_each_identity(files, one)
    return found


def lake_variable() -> str:
    """Return the variable that names the events, of which messages of the lake speak."""
    return "CLIENTELE_EVENTS"


def _one_for_each_identity(files: list[SideFile], one: SideInput) -> list[SideFile]:
    by_identity: dict[str, SideFile] = {}
    for file in files:
        other = by_identity.setdefault(file.file_identity, file)
        if other is not file and other.sha256 != file.sha256:
            by_identity[file.file_identity] = _refused(
                file,
                f"and {other.file_path} have one name and differ: name the folder above them in "
                f"{variable(one.name)}, so that their folders tell them apart, or take one away",
            )
    return list(by_identity.values())


def _refused(file: SideFile, why: object, sentence: str | None = None) -> SideFile:
    reason = sentence or f"{file.file_path} {why}."
    return SideFile(
        **(asdict(file) | {"status": "refused", "reason": f"Side input {file.side_input}: {reason}"})
    )


def _look(
    path: str,
    identity: str,
    one: SideInput,
    earlier: Mapping[str, Any] | None,
    delimiter: str,
    say: Callable[[str], None],
) -> SideFile:
    reading = one.reading(delimiter)
    file = SideFile(one.name, path, f"{one.name}/{identity}", reading)
    try:
        status = os.stat(path)
        # The content decides, never the time: these files are small beside those of events.
        digest = sha256_of(path)
        if earlier and (earlier["sha256"], earlier["reading"]) == (digest, reading):
            known = {"sha256": digest, "n_lines": earlier["n_lines"]}
            times = {"file_bytes": status.st_size, "modified_ns": status.st_mtime_ns}
            return SideFile(**(asdict(file) | known | times))
        n_lines, header = 0, None
        for line in _physical_lines(path):
            n_lines += 1
            header = header if header is not None or not line.strip() else line
        if header is None:
            raise formats.Refusal(f"holds no line: expected the columns {_wanted(one)}")
        _, passed_over = _places(header, one, delimiter)
        if passed_over:
            what = "column" if len(passed_over) == 1 else "columns"
            told = f"{what} {', '.join(passed_over)} passed over in {os.path.basename(path)}"
            say(f"clientele: {told} ({one.name})")
        seen = asdict(file) | {
            "file_bytes": status.st_size,
            "modified_ns": status.st_mtime_ns,
            "sha256": digest,
            "n_lines": n_lines,
        }
        return SideFile(**seen)
    except formats.Refusal as refusal:
        return _refused(file, refusal)
    except OSError as error:
        return _refused(file, f"cannot be read: {error.strerror or error}")


def _physical_lines(path: str) -> Iterator[bytes]:
    """Yield the lines without their ends (LF or CRLF); refuse what is no text of columns."""
    with open(path, "rb") as file:
        head = file.read(16)
    packed = formats.packing(head)
    if head.startswith(b"PAR1"):
        raise formats.Refusal("is a Parquet file, and side inputs are read as CSV: convert it")
    try:
        first = True
        for line in formats.lines(path, packed):
            if first:
                formats.refuse_foreign(line, packed)
                first = False
            line = line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")
            yield line.removeprefix(_MARK)
    except (EOFError, OSError) as error:
        raise formats.Refusal(f"is a {packed} file that is damaged or cut short: deliver it again") from error


def _fields(line: str, delimiter: str) -> list[str] | None:
    """Return the fields of a line as RFC 4180 has them; None where its quotes are not in order."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        (fields,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return None
    return fields


def _wanted(one: SideInput) -> str:
    optional = [column for column in one.columns if column not in one.required]
    must = ", ".join([*([one.person] if one.person else []), *one.required])
    return must + (f", and where there are any {', '.join(optional)}" if optional else "")


def _places(header: bytes, one: SideInput, delimiter: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return where a file has each declared column, and what else it has."""
    try:
        text = header.decode()
    except UnicodeDecodeError:
        raise formats.Refusal("has a header that is not UTF-8: convert it with iconv -t UTF-8") from None
    if "\r" in text:
        raise formats.Refusal("has lines that end with CR alone: write them with LF")
    names = [name.strip().lower() for name in _fields(text, delimiter) or []]
    must = [*([one.person] if one.person else []), *one.required]
    missing = [column for column in must if column not in names]
    if missing:
        other = next((mark for mark in ";\t|," if mark != delimiter and mark in text), None)
        setting = {";": "semicolon", "\t": "tab", "|": "pipe", ",": "comma"}.get(other or "")
        hint = f". It may be the var delimiter: {setting}" if len(names) == 1 and setting else ""
        raise formats.Refusal(f"has no column {', '.join(missing)}: expected {_wanted(one)}{hint}")
    declared = [*([one.person] if one.person else []), *one.columns]
    twice = [column for column in declared if names.count(column) > 1]
    if twice:
        raise formats.Refusal(f"has the column {twice[0]} twice: leave one out")
    passed_over = shown_names([name for name in names if name not in declared], declared)
    return {column: names.index(column) for column in declared if column in names}, passed_over


def write_lines(
    files: Iterable[Mapping[str, Any]], inputs: Iterable[SideInput], delimiter: str, target: Path
) -> int:
    """Write every line of these files, split, as one Parquet file that nobody else can read.

    Parameters
    ----------
    files : iterable of mapping
        Rows of the ledger, with `file_id`.
    inputs : iterable of SideInput
        All that are declared.
    delimiter : str
        The character between columns.
    target : pathlib.Path
        Where the rows go: `file_id`, `line_number` from 1, `line_kind` (header, blank, line), `line_fault`
        (null, or why the line could not be split), `person`, `field_1` to `field_9`, `line_text`.

    Returns
    -------
    int
        The number of lines.

    Raises
    ------
    SideError
        A file is not what it was when the ledger looked at it.
    """
    import pyarrow as pa  # here: the import takes a third of a second, and most builds bring no side input
    import pyarrow.parquet as pq

    by_name = {one.name: one for one in inputs}
    texts = [
        "line_kind",
        "line_fault",
        "person",
        *(f"field_{n}" for n in range(1, MAX_FIELDS + 1)),
        "line_text",
    ]
    schema = pa.schema(
        [("file_id", pa.int64()), ("line_number", pa.int64()), *((name, pa.string()) for name in texts)]
    )
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    n_written = 0
    with pq.ParquetWriter(target, schema) as writer:
        for file in files:
            rows: list[tuple] = []
            try:
                if sha256_of(file["file_path"]) != file["sha256"]:
                    raise formats.Refusal("changed while it was read: build again when it is complete")
                for row in _rows(file["file_path"], by_name[file["side_input"]], delimiter):
                    rows.append((file["file_id"], *row))
                    if len(rows) == _BATCH_LINES:
                        n_written += _write(writer, schema, rows)
                n_written += _write(writer, schema, rows)
            except formats.Refusal as refusal:
                raise SideError(f"Side input {file['side_input']}: {file['file_path']} {refusal}.") from None
            except OSError as error:
                told = error.strerror or error
                raise SideError(f"Side input {file['side_input']}: {file['file_path']}: {told}.") from None
    return n_written


def _write(writer: Any, schema: Any, rows: list[tuple]) -> int:
    import pyarrow as pa

    if not rows:
        return 0
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    n_rows = len(rows)
    rows.clear()
    return n_rows


def _rows(path: str, one: SideInput, delimiter: str) -> Iterator[tuple]:
    header: bytes | None = None
    places: dict[str, int] = {}
    n_names = 0
    nothing: tuple[None, ...] = (None,) * (MAX_FIELDS + 1)
    for number, line in enumerate(_physical_lines(path), start=1):
        if not line.strip():
            yield number, "blank", None, *nothing, None
            continue
        if header is None or line == header:
            if header is None:
                header = line
                places, _ = _places(header, one, delimiter)
                n_names = len(_fields(header.decode(), delimiter) or [])
            yield number, "header", None, *nothing, None
            continue
        text = line.decode("utf-8", "replace")
        fields = _fields(text, delimiter)
        if len(line) > MAX_LINE_BYTES:
            fault, text = "line_too_long", text[:1024]
        elif "\ufffd" in text and not _is_utf8(line):
            fault = "invalid_encoding"
        elif "\0" in text:
            fault, text = "control_character", text.replace("\0", "\ufffd")
        elif fields is None:
            fault = "bad_quoting"
        elif len(fields) != n_names:
            fault = "wrong_number_of_fields"
        else:
            values = [fields[places[name]] if name in places else None for name in (one.person, *one.columns)]
            yield number, "line", None, *(values + [None] * (MAX_FIELDS + 1 - len(values))), text
            continue
        yield number, "line", fault, *nothing, text


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
