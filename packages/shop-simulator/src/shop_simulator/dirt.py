"""Faults of real deliveries, injected so that each can be accounted for line by line.

Every clean event is still delivered: malformed lines and duplicates are additional lines, a late row moves
to the next file, and rows that are only written differently keep their values. What is loaded from a dirty
delivery is therefore what is loaded from a clean one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from shop_simulator.writing import COLUMNS

_TIME, _TYPE, _PRODUCT, _CATEGORY, _CODE, _BRAND, _PRICE, _USER, _SESSION = range(len(COLUMNS))


def _with(field: int, value: str) -> Callable[[str], bytes]:
    def spoil(line: str) -> bytes:
        fields = _fields(line)
        fields[field] = value
        return (",".join(fields) + "\n").encode()

    return spoil


def _fields(line: str) -> list[str]:
    """Split a line of ours into its nine fields as they are written, quotes included."""
    head = line.rstrip("\n").split(",", _BRAND)
    brand, *tail = head.pop().rsplit(",", 3)
    return [*head, brand, *tail]


def _all_quoted(line: str) -> bytes:
    fields = [field if field.startswith('"') else f'"{field}"' for field in _fields(line)]
    return (",".join(fields) + "\n").encode()


def _unterminated(line: str) -> bytes:
    fields = _fields(line)
    fields[_BRAND] = '"' + fields[_BRAND].replace('"', "")
    return (",".join(fields) + "\n").encode()


# What a line can hold that is not an event: one function each, from a good line to a bad one.
MALFORMED: dict[str, Callable[[str], bytes]] = {
    "too_few_fields": lambda line: (",".join(_fields(line)[:_USER]) + "\n").encode(),
    "too_many_fields": lambda line: (line.rstrip("\n") + ",extra,fields\n").encode(),
    "wrong_delimiter": lambda line: (";".join(_fields(line)) + "\n").encode(),
    "unterminated_quote": _unterminated,
    "bad_timestamp": _with(_TIME, "2019-13-45 25:61:00 UTC"),
    "future_timestamp": _with(_TIME, "2099-01-01 00:00:00 UTC"),
    "absurd_timestamp": _with(_TIME, "1970-01-01 00:00:00 UTC"),
    "negative_price": _with(_PRICE, "-19.90"),
    "non_numeric_price": _with(_PRICE, "n/a"),
    "unknown_event_type": _with(_TYPE, "hover"),
    "missing_user": _with(_USER, ""),
    "non_numeric_user": _with(_USER, "guest"),
    "non_numeric_product": _with(_PRODUCT, "sku-12"),
    "nul_byte": _with(_BRAND, "nul\0nul"),
    "invalid_utf8": lambda line: _with(_BRAND, "?")(line).replace(b",?,", b",\xff\xfe,"),
}
REWRITTEN: dict[str, Callable[[str], bytes]] = {
    "all_quoted": _all_quoted,
    "crlf": lambda line: (line.rstrip("\n") + "\r\n").encode(),
}
FATES = {
    **dict.fromkeys(MALFORMED, "quarantined"),
    **dict.fromkeys(REWRITTEN, "loaded"),
    "blank_line": "blank",
    "duplicate_within_file": "duplicate",
    "duplicate_across_files": "duplicate",
    "late_row": "loaded",
    "cut_last_line": "quarantined",
}
_KINDS = tuple(FATES)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
IN_PARQUET = ("duplicate_within_file", "duplicate_across_files", "late_row")

# Shares of all dirt. Duplicates are half of it, so that --dirt 0.002 gives the published 0.1 %.
_SHARES = {
    "duplicate_within_file": 0.4,
    "duplicate_across_files": 0.1,
    "late_row": 0.2,
    "blank_line": 0.02,
    **dict.fromkeys(REWRITTEN, 0.05),
    **dict.fromkeys(MALFORMED, 0.18 / len(MALFORMED)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault: where and what; `line` counts physical lines from 1, the header."""

    file: str
    line: int
    kind: str

    @property
    def fate(self) -> str:
        """Return what a reader should do with it: loaded, duplicate, quarantined or blank."""
        return FATES[self.kind]


def write_faults(path: Path, faults: list[Fault]) -> None:
    """Write the record of faults as CSV: file, line, kind, fate."""
    with path.open("w", newline="", encoding="utf-8") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(["file", "line", "kind", "fate"])
        writer.writerows([fault.file, fault.line, fault.kind, fault.fate] for fault in faults)


class Dirt:
    """Injects faults into the files of one delivery.

    Parameters
    ----------
    share : float
        Faults per line, 0..0.5. Each kind occurs at least once in a file that has rows.
    rng : numpy.random.Generator
        Source of chance.
    is_text : bool
        False for Parquet, which can hold duplicates and late rows only.

    Attributes
    ----------
    faults : list of Fault
        What was injected so far.
    """

    def __init__(self, share: float, rng: np.random.Generator, *, is_text: bool = True) -> None:
        self.faults: list[Fault] = []
        self._rng = rng
        self._rates = {kind: share * part for kind, part in _SHARES.items() if is_text or kind in IN_PARQUET}
        self._owed: dict[str, float] = {}
        self._from_earlier: list[tuple[str, pa.BinaryArray | pa.Table]] = []
        self._for_later: list[tuple[str, pa.BinaryArray | pa.Table]] = []
        self._is_text = is_text
        self._sample = b""

    def start_file(self, *, is_last: bool) -> None:
        """Begin a file; the last one keeps its own late rows, because nothing comes after it."""
        self._from_earlier, self._for_later = self._for_later, []
        self._owed = dict.fromkeys(self._rates, 1.0)
        if is_last:
            del self._owed["late_row"], self._owed["duplicate_across_files"]

    def spoil(
        self, lot: pa.BinaryArray | pa.Table, file: str, lines_before: int
    ) -> pa.BinaryArray | pa.Table:
        """Return lines or rows with faults injected, and record them.

        Parameters
        ----------
        lot : pyarrow.BinaryArray or pyarrow.Table
            Good lines, or rows.
        file : str
            Name for the record.
        lines_before : int
            Physical lines that the file already holds.

        Returns
        -------
        pyarrow.BinaryArray or pyarrow.Table
            What to write.
        """
        n = len(lot)
        if not n and not self._from_earlier:
            return lot
        wanted = self._wanted(n)
        chosen = self._rng.choice(n, size=sum(wanted.values()), replace=False)
        parts = np.split(chosen, np.cumsum(list(wanted.values()))[:-1])
        rows_of = {kind: np.sort(rows) for kind, rows in zip(wanted, parts, strict=True)}

        order = np.arange(n)  # positions in the pool: good lines, lines of the earlier file, lines made here
        kind_of = np.full(n, -1)
        drop = np.zeros(n, bool)
        inserted: list[tuple[int, int, int]] = []
        made: list[bytes] = []
        pool = [lot, *(held for _, held in self._from_earlier)]
        size = n
        for kind, held in self._from_earlier:
            places = np.sort(self._rng.integers(0, n + 1, len(held)))
            inserted += [(int(at), size + i, _CODES[kind]) for i, at in enumerate(places)]
            size += len(held)
        self._from_earlier = []

        for kind, rows in rows_of.items():
            code = _CODES[kind]
            if kind in ("late_row", "duplicate_across_files"):
                if len(rows):
                    self._for_later.append((kind, lot.take(pa.array(rows))))
                drop[rows] |= kind == "late_row"
            elif kind == "duplicate_within_file":
                inserted += [(int(row) + 1, int(row), code) for row in rows]
            elif kind == "blank_line":
                inserted += [(int(row), size + len(made) + i, code) for i, row in enumerate(rows)]
                made += [b"\n"] * len(rows)
            else:
                spoil = (MALFORMED | REWRITTEN)[kind]
                for row in rows.tolist():
                    if kind in REWRITTEN:
                        order[row], kind_of[row] = size + len(made), code
                    else:
                        inserted.append((row, size + len(made), code))
                    made.append(spoil(lot[row].as_py().decode()))
        if made:
            pool.append(pa.array(made, pa.binary()))
        if inserted:
            at, source, code = np.array(sorted(inserted)).T
            order, kind_of, drop = (
                np.insert(order, at, source),
                np.insert(kind_of, at, code),
                np.insert(drop, at, False),
            )
        order, kind_of = order[~drop], kind_of[~drop]
        self.faults += [
            Fault(file, lines_before + 1 + int(line), _KINDS[kind_of[line]])
            for line in np.flatnonzero(kind_of >= 0)
        ]
        if self._is_text and n:
            self._sample = lot[n - 1].as_py()
        joined = pa.concat_tables(pool) if isinstance(lot, pa.Table) else pa.concat_arrays(pool)
        return joined.take(pa.array(order))

    def end_file(self, file: str, lines_before: int) -> bytes:
        """Return a last line that is cut in half (nothing for Parquet), and record it."""
        if not self._sample:
            return b""
        self.faults.append(Fault(file, lines_before + 1, "cut_last_line"))
        sample, self._sample = self._sample, b""
        return sample[: len(sample) // 2]

    def _wanted(self, n: int) -> dict[str, int]:
        """Return how many faults of each kind the next `n` lines get; what does not fit stays owed."""
        for kind in self._owed:
            self._owed[kind] += self._rates[kind] * n
        wanted = {kind: int(owed) for kind, owed in self._owed.items()}
        while sum(wanted.values()) > n // 2:
            wanted[max(wanted, key=wanted.__getitem__)] -= 1
        for kind, count in wanted.items():
            self._owed[kind] -= count
        return wanted
