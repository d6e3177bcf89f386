"""A score for the events of one customer, by the SQL that the last build has run.

The published program (`clientele.runtime.scoring_bundle`) is a list of statements, one for each model from
the lines of a file to a persona. They run here in a database in memory that holds the published references,
on the lines of one request, in a transaction that is rolled back: nothing of a request is left.
"""

from __future__ import annotations

import json
import queue
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from clientele.errors import ClienteleError, sentence_of
from clientele.ids import normal_text
from clientele.intake import formats, spellings, times
from clientele.intake.header import COLUMNS, QUANTITY, Header, Reading
from clientele.runtime import publishing, scoring_bundle

__all__ = ["MOST_TOLD", "BadEventsError", "Scorer", "Scorers", "ScoringMissingError"]

MOST_TOLD = 50
_ONE = 1  # the number of everything of which there is one: the file, the load and the customer


class ScoringMissingError(ClienteleError, LookupError):
    """Nothing can be scored now; the message says why."""


class BadEventsError(ClienteleError, ValueError):
    """The events are not those of one customer in the input format.

    Attributes
    ----------
    problems : list of dict
        `line` (1 is the header, 0 the whole), `reason` (as in vault.quarantined_lines) and `sentence`. No
        value of a line is in them.
    """

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__(problems[0]["sentence"])
        self.problems = problems


class Scorer:
    """A database in memory with the program and the references of one publication.

    Not for two threads at a time: `Scorers` hands them out.

    Parameters
    ----------
    folder : Path
        Of a publication.

    Raises
    ------
    ScoringMissingError
        If nothing was published for scoring, or by another version.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._program = json.loads((folder / scoring_bundle.PROGRAM).read_text())
        except FileNotFoundError:
            raise ScoringMissingError(
                f"there is no {scoring_bundle.PROGRAM} in what is published: a build on DuckDB makes it"
            ) from None
        if self._program["form"] != scoring_bundle.FORM:
            raise ScoringMissingError(
                f"what is published for scoring has the form {self._program['form']}, and this service reads "
                f"{scoring_bundle.FORM}: the versions of the build and of the service differ"
            )
        self._names = {name: _quoted(plain) for name, plain in self._program["relations"].items()}
        self._steps = [(step["name"], _quoted(step["relation"])) for step in self._program["steps"]]
        self._open(folder)
        self._header = Header(self._reading())

    def score(self, body: bytes) -> dict[str, Any]:
        """Return persona, value and status of the customer whose events these are.

        Parameters
        ----------
        body : bytes
            A file of the input format: a header, and lines of one customer.

        Returns
        -------
        dict
            As a look-up answers, without what only a history of builds tells; `value`, and `counts` of lines,
            events and duplicates. `status` is `bot_like` when all sessions look like a bot's.

        Raises
        ------
        BadEventsError
            If a line is no event, or they are of several customers.
        """
        first, lines = self._split(body)
        self._connection.execute("begin")
        try:
            self._load(first, lines)
            counts = self._take_in(first, len(lines))
            for name, _ in self._steps[3:]:
                self._connection.execute(f"execute {name}")
            return self._told(counts)
        finally:
            self._connection.execute("rollback")

    def _open(self, folder: Path) -> None:
        # The order of lines is that of rows, which one thread keeps. To optimize statements of this size
        # takes longer than to run them on the events of one customer.
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": "1GB", "temp_directory": ""})
        run = self._connection.execute
        run("set TimeZone = 'UTC'")
        run("pragma disable_optimizer")
        for relation, table in self._program["tables"].items():
            run(f'create schema if not exists "{relation.split(".")[0]}"')
            file = str(folder / table["file"]).replace("'", "''")
            run(f"create table {_quoted(relation)} as from read_parquet('{file}')")
        run("create temp table clientele_request (line_number bigint, line varchar)")
        text = "VARCHAR"
        self._connection.create_function("clientele_normal_text", normal_text, [text], text)
        for name, function, kind in (
            ("clientele_utc_time", times.utc_time, "TIMESTAMP"),
            ("clientele_fraction_ns", times.fraction_ns, "INTEGER"),
            ("clientele_readable_number", spellings.readable_number, "BIGINT"),
        ):
            arguments = [text, text] if name == "clientele_utc_time" else [text]
            self._connection.create_function(name, function, arguments, kind, null_handling="special")
        types, columns = self._names["event_types"], self._names["column_map"]
        run(
            "set variable clientele_event_types = "
            f"(select map(list(lower(word)), list(event_type)) from {types})"
        )
        run(
            "set variable clientele_time_names = "
            f"(select list(lower(column_name)) from {columns} where input_column = 'event_time')"
        )
        # Sessions need names that tell them apart, and nothing else: no key of the warehouse is here.
        run(
            "set variable clientele_keys = $keys",
            {"keys": {"session": secrets.token_hex(32), "session_mask": secrets.randbits(59)}},
        )
        # A view needs to know what kinds of values the variables have.
        self._point_reader([], len(COLUMNS))
        run("set variable clientele_columns = $places", {"places": dict.fromkeys((*COLUMNS, QUANTITY), 0)})
        run(f"create temp view clientele_lake_lines as {self._program['lines']}")
        # To read and bind such a text takes ten times as long as to run it, so that is done once. The first
        # one reads variables, which a prepared statement would keep as they are now.
        for place, step in enumerate(self._program["steps"]):
            columns = self._columns(step["sql"])
            insertion = f"insert into {_quoted(step['relation'])} ({columns}) select {columns} from"
            if place == 0:
                run(f"create view {step['name']} as\n{step['sql']}")
                self._first = f"{insertion} {step['name']}"
            else:
                run(f"prepare {step['name']} as {insertion} (\n{step['sql']}\n)")
        self._moment = run(f"select first_date, last_date, as_of_at from {self._names['as_of']}").fetchall()[
            0
        ]
        run("set enable_external_access = false")

    def _reading(self) -> Reading:
        rows = self._connection.execute(
            f"select lower(column_name), input_column, event_type from {self._names['column_map']}"
        ).fetchall()
        marks = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
        return Reading(
            delimiter=marks[self._program["delimiter"]],
            names={name: column for name, column, _ in reversed(rows) if column},
            implied={name: event_type for name, _, event_type in rows if event_type},
        )

    def _split(self, body: bytes) -> tuple[Any, list[str | None]]:
        """Return where the columns are, and the lines after the header; an empty line is None."""
        parts = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if parts[-1] == b"":
            parts.pop()
        if not parts:
            raise BadEventsError(
                [_problem(0, "no_events", f"The body is empty: {','.join(COLUMNS)} is wanted.")]
            )
        try:
            first = self._header.of_text(parts[:2], {})
        except formats.Refusal as problem:
            raise BadEventsError([_problem(1, "bad_header", f"The body {problem}.")]) from None
        texts: list[str | None] = []
        problems = []
        for number, part in enumerate(parts[first.n_header_lines :], first.n_header_lines + 1):
            try:
                texts.append(part.decode() or None)
            except UnicodeDecodeError:
                problems.append(self._reason(number, "invalid_encoding"))
        if problems:
            raise BadEventsError(problems[:MOST_TOLD])
        return first, texts

    def _load(self, first: Any, lines: list[str | None]) -> None:
        run = self._connection.execute
        places = dict(zip((*COLUMNS, QUANTITY), (place + 1 for place in first.positions), strict=True))
        constants = dict(part.split("=", 1) for part in first.constants.split(";")) if first.constants else {}
        self._point_reader(lines, first.n_columns)
        run("set variable clientele_columns = $places", {"places": places})
        if lines:
            run(
                "insert into clientele_request select unnest($numbers), unnest($lines)",
                {"numbers": list(range(len(lines))), "lines": lines},
            )
        selected = self._program["lines"]
        for column, value in constants.items():
            # a header may say what each line is: `implied` in seeds/column_map.csv
            position = f"fields[getvariable('clientele_columns').{column}]"
            selected = selected.replace(position, "'" + value.replace("'", "''") + "'")
        if constants:
            run(f"create or replace temp view clientele_lake_lines as {selected}")
        run(f"insert into {self._names['event_files']} (file_id, load_id, status) values (1, 1, 'accepted')")

    def _point_reader(self, lines: list[str | None], n_columns: int) -> None:
        reader = {
            "file_id": _ONE,
            "load_id": _ONE,
            "judged_at": datetime.now(UTC).replace(tzinfo=None),
            "has_quotes": any('"' in line for line in lines if line),
            "has_nul": any("\0" in line for line in lines if line),
            "may_be_long": True,
            "n_columns": n_columns,
        }
        self._connection.execute("set variable clientele_reader = $reader", {"reader": reader})

    def _take_in(self, first: Any, n_lines: int) -> dict[str, int]:
        """Judge the lines, and make events of them; the customer is number 1."""
        run = self._connection.execute
        (_, lines), (_, duplicates), (_, events) = self._steps[:3]
        run(self._first)
        if self._program["repeats"]:
            run(self._program["repeats"])
        before = run(f"select min(rowid) from {lines}").fetchall()[0][0] or 0
        offset = before - first.n_header_lines - 1
        faults = run(
            f"select rowid, reason from {lines} where line_kind = 'faulty' order by rowid limit {MOST_TOLD}"
        ).fetchall()
        if faults:
            raise BadEventsError([self._reason(row - offset, reason) for row, reason in faults])
        customers = run(
            f"select min(rowid) from {lines} where line_kind = 'event' group by user_id order by 1"
        ).fetchall()
        if len(customers) != 1:
            sentence = (
                "The events are of more than one customer: send those of one."
                if customers
                else "There is no event: the body has a header and nothing else."
            )
            reason = "several_customers" if customers else "no_events"
            at = customers[1][0] - offset if customers else 0
            raise BadEventsError([_problem(at, reason, sentence)])
        run(
            f"insert into {self._names['user_keys']} (user_sk, user_id, user_key) "
            f"select distinct 1, user_id, 'asked' from {lines} where line_kind = 'event'"
        )
        run(f"insert into {self._names['users']} (user_sk, user_key, last_load_id) values (1, 'asked', 1)")
        for name, _ in self._steps[1:3]:
            run(f"execute {name}")
        n_events, last = run(f"select count(*), max(event_at) from {events}").fetchall()[0]
        n_duplicates = run(f"select count(*) from {duplicates}").fetchall()[0][0]
        if n_events == 0:
            raise BadEventsError(
                [_problem(0, "expired", "All events are older than the warehouse keeps events.")]
            )
        first_date, last_date, as_of_at = self._moment
        run(f"delete from {self._names['as_of']}")
        # Events may have come since the last build: a customer is not judged as of a moment before them.
        run(
            f"insert into {self._names['as_of']} (first_date, last_date, as_of_at) "
            "select $first, greatest($last, cast($event as date)), greatest($moment, $event)",
            {"first": first_date, "last": last_date, "moment": as_of_at, "event": last},
        )
        return {"lines": n_lines, "events": n_events, "duplicates": n_duplicates}

    def _columns(self, statement: str) -> str:
        found = self._connection.execute(f"describe (\n{statement}\n)").fetchall()
        return ", ".join(f'"{row[0]}"' for row in found)

    def _told(self, counts: dict[str, int]) -> dict[str, Any]:
        found = _rows(self._connection.execute(f"select * from {self._names['segments']}"))
        if not found:
            return {"status": "bot_like", "as_of": None, "persona": None, "value": None, "counts": counts}
        row = found[0]
        values = _rows(self._connection.execute(f"select * from {self._names['customer_values']}"))
        persona = None
        if row["segment_id"] is not None:
            persona = {
                "id": row["segment_id"],
                "name": row["segment_name"],
                "name_fr": row["segment_name_fr"],
                "confidence": row["confidence"],
                "margin": row["margin"],
                "runner_up_id": row["runner_up_segment_id"],
            }
        wanted = ("p_alive", "expected_orders_90d", "expected_order_value", "expected_revenue_90d")
        value = {name: values[0][name] for name in wanted} if values else dict.fromkeys(wanted)
        return {
            "as_of": row["as_of"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            **{name: row[name] for name in ("status", "model_status", "model_version")},
            "persona": persona,
            "reasons": [row[f"reason_{place}"] for place in (1, 2, 3) if row[f"reason_{place}"] is not None],
            **{name: row[name] for name in ("value_tier", "lifecycle_state", "events_missing")},
            "value": value,
            "counts": counts,
        }

    def _reason(self, line: int, reason: str) -> dict[str, Any]:
        return _problem(line, reason, sentence_of(self._program["reasons"].get(reason, reason)))


@dataclass(frozen=True)
class _Pool:
    identity: tuple[int, int, int]
    scorers: queue.Queue


class Scorers:
    """Hands out scorers of what is published now, one to a thread.

    Parameters
    ----------
    home : Path
        The folder in which ``published`` is.
    size : int
        How many customers are scored at a time.
    """

    def __init__(self, home: Path, size: int = 1) -> None:
        self._link = home / publishing.LINK
        self._size = size
        self._pool: _Pool | None = None
        self._lock = threading.Lock()

    @contextmanager
    def one(self, wait_seconds: float = 10.0) -> Iterator[Scorer]:
        """Lend a scorer.

        Raises
        ------
        ScoringMissingError
            If nothing is published for scoring.
        queue.Empty
            If all are busy for that long.
        """
        pool = self._current()
        scorer = pool.scorers.get(timeout=wait_seconds)
        try:
            yield scorer
        finally:
            pool.scorers.put(scorer)

    def _current(self) -> _Pool:
        with self._lock:
            try:
                found = (self._link / scoring_bundle.PROGRAM).stat()
            except OSError:
                self._pool = None
                raise ScoringMissingError(
                    f"there is no {scoring_bundle.PROGRAM} in what is published: a build on DuckDB makes it"
                ) from None
            identity = (found.st_dev, found.st_ino, found.st_mtime_ns)
            if self._pool is None or self._pool.identity != identity:
                folder = self._link.resolve()
                fresh: queue.Queue = queue.Queue()
                try:
                    for _ in range(self._size):
                        fresh.put(Scorer(folder))
                except (OSError, ValueError, KeyError, duckdb.Error):
                    raise ScoringMissingError(
                        "what is published for scoring cannot be read: see whether the service's user may "
                        "read it, and whether it is whole"
                    ) from None
                self._pool = _Pool(identity, fresh)
            return self._pool


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _problem(line: int, reason: str, sentence: str) -> dict[str, Any]:
    return {"line": line, "reason": reason, "sentence": sentence}


def _quoted(plain: str) -> str:
    return '"' + plain.replace(".", '"."') + '"'
