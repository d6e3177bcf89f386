"""Which column of a file is which: by the names of the input format or those of other systems."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clientele.ids import normal_text
from clientele.intake.formats import Refusal

__all__ = ["COLUMNS", "QUANTITY", "Columns", "Header", "Reading", "shown_names"]

COLUMNS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
QUANTITY = "quantity"
_NEEDED = ("event_time", "event_type", "product_id", "price", "user_id")
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SHOWN = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}
_DATE = re.compile(r"\s*\"?(\d{4}-\d\d-\d\d|\d{9,19}\b)")
# What is shown of a header: a file without one has a line of somebody in its place. So a name is one word
# with few digits, or two words of which a name that is known has one: `order time`, and not `jane doe`.
_WORD = r"[^\W\d][\w-]{0,39}"
_COLUMN_NAME = re.compile(rf"(?!(?:\D*\d){{4}})({_WORD})(?: ([\w-]{{1,40}}))?")
_MOST_SHOWN = 20
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\s*")
# The value of a hive folder, without what the ledger joins several by; an unreadable character is none.
_CONSTANT = re.compile(r"[^;\x00-\x1f\x7f\ufffd]{1,64}")
_NO_VALUE = ("", "__HIVE_DEFAULT_PARTITION__")


@dataclass(frozen=True)
class Reading:
    """How files are written: what the vars and seeds of a build say.

    Attributes
    ----------
    delimiter : str
        Between the columns of a line.
    names : mapping
        The column of the input format that each further name stands for, in lower case.
    implied : mapping
        An event type that a column's presence implies, in a file without the column `event_type`.
    """

    delimiter: str = ","
    names: Mapping[str, str] = field(default_factory=dict)
    implied: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """Where a file has its columns; see `FileFacts` for the fields."""

    positions: tuple[int, ...]
    constants: str
    n_columns: int
    passed_over: tuple[str, ...]
    n_header_lines: int = 1


class Header:
    """Finds the columns of files that are written in one way."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._known = {*COLUMNS, QUANTITY, *reading.names}
        between = "commas" if reading.delimiter == "," else _SHOWN[reading.delimiter]
        self._wanted = f"expected the header {','.join(COLUMNS)}, in any order"
        self._between = between

    def of_text(self, first_lines: Sequence[bytes], folders: Mapping[str, str]) -> Columns:
        """Return the columns by the first lines of a text; raise :class:`Refusal` when they are no header."""
        line, n_header_lines = first_lines[0], 1
        if not line.strip():
            raise Refusal(f"starts with a blank line: {self._wanted}")
        try:
            # Excel writes sep=, in a line of its own.
            if len(first_lines) > 1 and _SEPARATOR_LINE.fullmatch(line.decode()):
                line, n_header_lines = first_lines[1], 2
            text = line.decode()
        except UnicodeDecodeError:
            raise Refusal(f"has a first line that is not UTF-8: {self._wanted}") from None
        delimiter = self._reading.delimiter
        names = _names(text, delimiter)
        n_known = len(self._known.intersection(names))
        for other in _DELIMITERS:
            if len(self._known.intersection(_names(text, other))) > n_known:
                comma = ", and decimal: comma if prices are written 12,30" if delimiter == "," else ""
                raise Refusal(
                    f"has {_SHOWN[other]} between its columns: {self._wanted}, with {self._between}. "
                    f"To read such files, set the var delimiter: {_DELIMITERS[other]}{comma}"
                )
        if not n_known:
            # The line may be an event, and events are not quoted in messages.
            looks = f"has {len(names)} fields, none of them known"
            if _DATE.match(text):
                looks = "looks like an event"
            elif len(names) == 1:
                looks = "has 1 field, which is not known"
            raise Refusal(f"has no header, the first line {looks}: {self._wanted}, with {self._between}")
        return self.of_names(names, folders, n_header_lines)

    @property
    def time_names(self) -> tuple[bytes, ...]:
        """Names of the time of an event, as headers write them."""
        others = [name for name, column in self._reading.names.items() if column == "event_time"]
        forms = [
            form
            for name in ("event_time", *others)
            for form in (name, name.upper(), name.capitalize(), name.title())
        ]
        return tuple(form.encode() for form in dict.fromkeys(forms))

    def refuse_others(self, line: bytes, candidates: Sequence[bytes]) -> None:
        """Raise :class:`Refusal` when one of these lines is a header with its columns in other places."""
        names = _names(line.decode(), self._reading.delimiter)
        known = self._known.intersection(names)
        for candidate in candidates:
            text = candidate.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
            others = _names(text, self._reading.delimiter)
            # what stands in a line of an event is a name or two
            if others != names and 2 * len(self._known.intersection(others)) > len(known):
                raise Refusal(
                    "has a second header with its columns in other places, as files have that were put one "
                    "behind the other: deliver the parts as files of their own"
                )

    def of_names(self, names: list[str], folders: Mapping[str, str], n_header_lines: int = 1) -> Columns:
        """Return the columns by their names."""
        by_column = {column: column for column in (*COLUMNS, QUANTITY) if column in names}
        for name, column in self._reading.names.items():
            if name in names:
                by_column.setdefault(column, name)
        constants = {}
        for name, value in folders.items():
            column = name if name in COLUMNS else self._reading.names.get(name)
            if column is None or column in by_column or value in _NO_VALUE:
                continue
            if not _CONSTANT.fullmatch(value):
                raise Refusal(
                    f"stands in a folder whose name says its {column} with a semicolon, more than 64 "
                    "characters or what is not UTF-8: rename the folder, or write the column into the file"
                )
            constants.setdefault(column, value)
        if "event_type" not in by_column:
            for name, event_type in self._reading.implied.items():
                if name in names:
                    constants.setdefault("event_type", event_type)
        faults = {
            "lacks column": [
                column for column in _NEEDED if column not in by_column and column not in constants
            ],
            "has more than one column": [
                name for name in dict.fromkeys(by_column.values()) if names.count(name) > 1
            ],
        }
        if faults["lacks column"]:
            # perhaps one of these is the one that is not found
            others = [name for name in dict.fromkeys(names) if name and name not in self._known]
            faults["has unknown column"] = list(shown_names(others, self._known, most=5))
        if any(faults.values()):
            listed = "; ".join(f"{fault} {', '.join(found)}" for fault, found in faults.items() if found)
            hint = ". A row of seeds/column_map.csv says which column another name is"
            raise Refusal(f"{listed}: {self._wanted}{hint if faults['lacks column'] else ''}")
        read = set(by_column.values())
        return Columns(
            positions=tuple(
                names.index(by_column[column]) if column in by_column else -1
                for column in (*COLUMNS, QUANTITY)
            ),
            constants=";".join(f"{column}={value}" for column, value in constants.items()),
            n_columns=len(names),
            passed_over=shown_names([name for name in names if name not in read], self._known),
            n_header_lines=n_header_lines,
        )


def shown_names(names: Sequence[str], known: Iterable[str], most: int = _MOST_SHOWN) -> tuple[str, ...]:
    """Return the names of columns that messages may quote, and how many others there are.

    Parameters
    ----------
    names : sequence of str
        As a header has them, in lower case.
    known : iterable of str
        Names that columns have, whose words say that two words are a column's name.
    most : int
        How many are quoted: a header of 10,000 is not quoted back.

    Examples
    --------
    >>> shown_names(["colour", "user age", "jane doe", "0612345678"], ["user_id"])
    ('colour', 'user age', 'and 2 more')
    >>> shown_names(["jane doe"], ["user_id"])
    ('(1 not quoted)',)
    """
    words = {word for name in known for word in re.split("[ _-]", name)}
    shown = []
    for name in names:
        found = _COLUMN_NAME.fullmatch(name)
        if len(shown) < most and found and (found[2] is None or words.intersection(found.groups())):
            shown.append(name)
    n_more = len(names) - len(shown)
    if not n_more:
        return tuple(shown)
    return (*shown, f"and {n_more:,} more" if shown else f"({n_more:,} not quoted)")


def _names(text: str, delimiter: str) -> list[str]:
    fields = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    return [normal_text(part.strip().strip('"')).strip('"').strip().lower() for part in fields]
