"""From Redshift's SQL to PostgreSQL's, token by token.

Only what is listed here is translated. Everything else passes unchanged, so that a construct nobody thought
of fails in PostgreSQL and does not pass in silence. Page names are those of the Amazon Redshift Database
Developer Guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from redshift_lint.sql import tokens as read

# Names of date parts that stand bare in Redshift ("Date parts for date or timestamp functions").
_DATE_PARTS = {
    "millennium", "century", "decade", "year", "yr", "y", "quarter", "qtr", "month", "mon", "week", "w",
    "dayofweek", "dow", "dayofyear", "doy", "day", "d", "hour", "hr", "h", "minute", "min", "m",
    "second", "sec", "s", "millisecond", "ms", "microsecond", "us", "epoch", "years", "quarters",
    "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds",
}  # fmt: skip
_DATE_FUNCTIONS = {"datediff", "dateadd", "date_diff", "date_add"}
_STYLES = {"all", "even", "key", "auto"}
_AFTER_DERIVED_TABLE = {
    "where", "group", "order", "having", "limit", "union", "except", "intersect", "minus", "on", "join",
    "left", "right", "inner", "full", "cross", "natural", "offset",
}  # fmt: skip
_BULK = re.compile(r"\s*insert\s+into\s+[\w.\"]+\s*(\([^()]*\))?\s*values\b", re.IGNORECASE)
_CATALOGUE = re.compile(
    r"\b(pg_(class|namespace|proc|user|views|tables|attribute|get_late|backend_pid|terminate)|information_schema|"
    r"has_table_privilege|s(vv|tv|ys)_\w+)",
    re.IGNORECASE,
)
# External tables: how a partition is added, and what reads all files ("ALTER TABLE", "Pseudocolumns").
_PARTITION = re.compile(
    r"\s*alter table (\w+)\.\w+ add if not exists partition \(delivered = '([^']*)'\) "
    r"location '([^']*)'\s*;?\s*",
    re.IGNORECASE,
)
_QUERY_GROUP = re.compile(r"\s*(set query_group to '[^']*'|reset query_group)\s*;?\s*$", re.IGNORECASE)
_LAKE = re.compile(r"\blake\.event_lines\b", re.IGNORECASE)
_PSEUDO = re.compile(r'"\$(?:path|size)"', re.IGNORECASE)
_DAYS = re.compile(r"\bdelivered\s+(?:in\s*\(\s*'|=\s*'|>=\s*'|between\s+')", re.IGNORECASE)


class RefusedError(ValueError):
    """A statement that Redshift's documentation refuses; the message says why."""


def is_catalogue_query(statement: str) -> bool:
    """Tell whether a statement asks the catalogue: dbt-redshift's own business, run on the leader node."""
    return _CATALOGUE.search(statement) is not None


def raising(message: str) -> str:
    """Return a statement that fails with this message."""
    text = message.replace("\\", "/").replace("'", "''").replace("%", "%%")
    return (
        "do $refusal$ begin raise exception using errcode = '0A000', "
        f"message = 'Redshift: {text}'; end $refusal$"
    )


def translated(statement: str) -> str:
    """Return a statement of Redshift as one of PostgreSQL.

    Raises
    ------
    RefusedError
        When Redshift would refuse it.
    """
    # Rows of literals need nothing, and are long.
    if _BULK.match(statement):
        return statement
    if _QUERY_GROUP.match(statement):
        return "set extra_float_digits to default"  # a name for the query log, which is none here
    if added := _PARTITION.fullmatch(statement):
        return (
            f"insert into {added[1]}.partitions select '{added[2]}', '{added[3]}' "
            f"where not exists (select from {added[1]}.partitions where delivered = '{added[2]}')"
        )
    if _LAKE.search(statement) and _PSEUDO.search(statement) and not _DAYS.search(statement):
        raise RefusedError(
            "$path and $size of an external table are read from every file that no literal predicate on its "
            "partitions leaves out: this statement would scan the whole lake"
        )
    tokens = _Tokens(statement)
    note = ""
    if tokens.at(0) == "unload":
        return "select 1 where false"  # done by the proxy, if it has a bucket
    if tokens.at(0) == "create":
        note = _take_attributes(tokens)
    if tokens.at(0) in ("grant", "revoke", "alter"):
        _grant(tokens)
    _name_derived_tables(tokens)
    _keep_common_tables(tokens)
    place = 0
    while place < len(tokens):
        if change := _CHANGES.get(tokens.at(place)):
            change(tokens, place)
        place += 1
    return note + tokens.text()


@dataclass(frozen=True)
class Unload:
    """What an UNLOAD asks for: a query, the beginning of the names of files, and how ("UNLOAD")."""

    query: str
    prefix: str
    is_parquet: bool
    is_parallel: bool
    may_overwrite: bool

    @classmethod
    def read(cls, statement: str) -> Unload | None:
        """Return what the statement asks for, or None if it is no UNLOAD."""
        found = re.fullmatch(
            r"\s*(?:/\*.*?\*/\s*)*"  # dbt says in a comment who asks
            r"unload\s*\('((?:[^']|'')*)'\)\s*to\s*'s3://([^']+)'\s*iam_role\s+default\s*(.*?);?\s*",
            statement,
            re.IGNORECASE | re.DOTALL,
        )
        if not found:
            return None
        options = " ".join(found[3].lower().split())
        return cls(
            query=found[1].replace("''", "'"),
            prefix=found[2],
            is_parquet="parquet" in options,
            is_parallel="parallel off" not in options,
            may_overwrite="allowoverwrite" in options,
        )

    def key(self) -> str:
        """Return the name of the first file: the prefix is never the whole of it."""
        return (
            self.prefix
            + ("0000_part_00" if self.is_parallel else "000")
            + (".parquet" if self.is_parquet else "")
        )


class _Tokens:
    """The tokens of a statement, as the lint reads them, with the blanks and comments before each."""

    def __init__(self, statement: str) -> None:
        self._tokens = read(statement)
        self._texts = [statement[token.start : token.end] for token in self._tokens]
        ends = [0, *(token.end for token in self._tokens)]
        starts = [*(token.start for token in self._tokens), len(statement)]
        self._blanks = [statement[end:start] for end, start in zip(ends, starts, strict=True)]

    def __len__(self) -> int:
        return len(self._texts)

    def is_name(self, place: int) -> bool:
        return 0 <= place < len(self) and self._tokens[place].is_name

    def at(self, place: int) -> str:
        """Return the token as it is by now, in lower case unless it is quoted; nothing beyond the ends."""
        if not 0 <= place < len(self):
            return ""
        text = self._texts[place]
        return text if self._tokens[place].kind in ("string", "quoted") else text.lower()

    def put(self, place: int, text: str) -> None:
        self._texts[place] = text

    def blank(self, start: int, stop: int) -> None:
        for place in range(start, stop):
            self.put(place, " ")

    def between(self, start: int, stop: int) -> str:
        if stop <= start:
            return ""
        return self._texts[start] + "".join(
            self._blanks[place] + self._texts[place] for place in range(start + 1, stop)
        )

    def closing(self, place: int) -> int:
        """Return the place of the bracket that closes the one at `place`."""
        depth = 0
        for later in range(place, len(self)):
            depth += {"(": 1, ")": -1}.get(self.at(later), 0)
            if depth == 0:
                return later
        raise RefusedError("a bracket is not closed")

    def text(self) -> str:
        written = zip(self._blanks, [*self._texts, ""], strict=True)
        return "".join(blanks + text for blanks, text in written)


def _take_attributes(tokens: _Tokens) -> str:
    """Cut out what PostgreSQL's CREATE does not know, and return it as a comment that redshift.psql checks
    and keeps.

    "CREATE TABLE": DISTSTYLE, DISTKEY, SORTKEY, ENCODE, BACKUP, IDENTITY.
    "CREATE VIEW": WITH NO SCHEMA BINDING.
    """
    place = 1
    while tokens.at(place) in ("temporary", "temp", "local", "or", "replace"):
        place += 1
    if tokens.at(place) == "view":
        end = len(tokens) - (tokens.at(len(tokens) - 1) == ";")
        if [tokens.at(end - 4 + offset) for offset in range(4)] == ["with", "no", "schema", "binding"]:
            tokens.blank(end - 4, end)
            return "/*rs:binding=late*/"
        return ""
    if tokens.at(place) != "table":
        return ""
    found: dict[str, str] = {}
    depth = 0
    while place < len(tokens):
        word, following = tokens.at(place), tokens.at(place + 1)
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word == "as":
            break
        if word == "diststyle" and depth == 0:
            if following not in _STYLES:
                raise RefusedError(f"DISTSTYLE {following} is none of {', '.join(sorted(_STYLES))}")
            found["diststyle"] = following
            tokens.blank(place, place + 2)
        elif word in ("distkey", "sortkey") and following == "(":
            end = tokens.closing(place + 1)
            names = tokens.between(place + 2, end).replace('"', "").split(",")
            found[word] = ", ".join(name.strip() for name in names)
            tokens.blank(place, end + 1)
            place = end
        elif word in ("compound", "interleaved") and following == "sortkey":
            found["sorttype"] = word
            tokens.blank(place, place + 1)
        elif (word == "backup" and following in ("yes", "no")) or word == "encode":
            tokens.blank(place, place + 2)
        elif (
            word in ("varchar", "nvarchar", "text")
            and following in (",", ")")
            and depth == 1
            and tokens.at(place - 2) in ("(", ",")
        ):
            tokens.put(place, "varchar(256)")
        elif word == "identity" and following == "(":
            tokens.put(place, "generated by default as identity")
            tokens.blank(place + 1, tokens.closing(place + 1) + 1)
        place += 1
    if "distkey" in found and found.get("diststyle", "key") != "key":
        raise RefusedError("a DISTKEY goes with DISTSTYLE KEY only")
    if len(found.get("sortkey", "").split(",")) > (8 if found.get("sorttype") == "interleaved" else 400):
        raise RefusedError("a table has at most 400 columns in a compound sort key, 8 in an interleaved one")
    return "/*rs:" + ";".join(f"{name}={value}" for name, value in found.items()) + "*/" if found else ""


def _grant(tokens: _Tokens) -> None:
    """Redshift says ROLE where it means one, and has permissions on the system ("GRANT")."""
    if [tokens.at(place) for place in range(1, 4)] == ["access", "system", "table"]:
        tokens.blank(1, 4)
        tokens.put(1, '"access system table"')  # redshift.psql
    for place in range(1, len(tokens)):
        if tokens.at(place) == "role" and tokens.at(place - 1) in ("grant", "revoke", "to", "from", ","):
            tokens.put(place, " ")


def _name_derived_tables(tokens: _Tokens) -> None:
    """Redshift lets a subquery in FROM go without a name; PostgreSQL before 16 does not."""
    number = 0
    for place in range(len(tokens)):
        if (
            tokens.at(place) in ("from", "join")
            and tokens.at(place + 1) == "("
            and tokens.at(place + 2) in ("select", "with")
        ):
            end = tokens.closing(place + 1)
            if not tokens.is_name(end + 1) or tokens.at(end + 1) in _AFTER_DERIVED_TABLE:
                number += 1
                tokens.put(end, f") as unnamed_{number}")


def _keep_common_tables(tokens: _Tokens) -> None:
    """Compute each table of WITH once: PostgreSQL would copy expressions into each other without end."""
    for place in range(len(tokens)):
        if (
            tokens.at(place) in ("with", ",")
            and tokens.is_name(place + 1)
            and tokens.at(place + 2) == "as"
            and tokens.at(place + 3) == "("
        ):
            tokens.put(place + 3, "materialized (")


# --- changes: one function per word


def _quote_date_part(tokens: _Tokens, place: int) -> None:
    if tokens.at(place + 1) == "(" and tokens.at(place + 2) in _DATE_PARTS and tokens.at(place + 3) == ",":
        tokens.put(place + 2, f"'{tokens.at(place + 2)}'")


def _listagg(tokens: _Tokens, place: int) -> None:
    if tokens.at(place + 1) != "(":
        return
    end, order = tokens.closing(place + 1), ""
    if [tokens.at(end + offset) for offset in (1, 2, 3)] == ["within", "group", "("]:
        last = tokens.closing(end + 3)
        order = " " + tokens.between(end + 4, last)
        tokens.blank(end + 1, last + 1)
    tokens.put(place, "string_agg")
    tokens.put(end, f"{order})")


def _try_cast(tokens: _Tokens, place: int) -> None:
    """TRY_CAST(value AS type): NULL where the value is not one ("TRY_CAST function")."""
    if tokens.at(place + 1) != "(":
        return
    end = tokens.closing(place + 1)
    middle = next(number for number in range(end - 1, place, -1) if tokens.at(number) == "as")
    kind = tokens.between(middle + 1, end)
    tokens.put(place, "(redshift_try_cast")
    tokens.put(middle, f"::text, '{kind}', null::")
    tokens.put(end, f")::{kind})")


def _is_cast_to(tokens: _Tokens, place: int) -> bool:
    before = tokens.at(place - 1)
    return before == "::" or (before == "as" and tokens.at(place + 1) == ")")


def _bare_text_type(tokens: _Tokens, place: int) -> None:
    """VARCHAR without a length has 256 bytes, and a cast to it cuts ("Character types")."""
    if tokens.at(place + 1) == "(":
        if tokens.at(place + 2) == "max":
            tokens.put(place + 2, "65535")
    elif _is_cast_to(tokens, place):
        tokens.put(place, "varchar(256)")


def _bare_decimal_type(tokens: _Tokens, place: int) -> None:
    """NUMERIC without a precision is NUMERIC(18, 0) ("Numeric types")."""
    if tokens.at(place + 1) != "(" and _is_cast_to(tokens, place):
        tokens.put(place, "numeric(18, 0)")


def _replace_all(tokens: _Tokens, place: int) -> None:
    """REGEXP_REPLACE replaces every match, PostgreSQL the first ("REGEXP_REPLACE function")."""
    if tokens.at(place + 1) == "(":
        tokens.put(place, "redshift_regexp_replace")


def _sysdate(tokens: _Tokens, place: int) -> None:
    if tokens.at(place - 1) != ".":
        tokens.put(place, "getdate()")


def _version(tokens: _Tokens, place: int) -> None:
    if [tokens.at(place + 1), tokens.at(place + 2)] == ["(", ")"]:
        tokens.put(place, "'PostgreSQL 8.0.2 on a stand-in, Redshift 1.0'::text")
        tokens.blank(place + 1, place + 3)


_CHANGES: dict[str, Callable[[_Tokens, int], None]] = {
    **dict.fromkeys(_DATE_FUNCTIONS, _quote_date_part),
    **dict.fromkeys(("varchar", "nvarchar", "text"), _bare_text_type),
    **dict.fromkeys(("numeric", "decimal"), _bare_decimal_type),
    "listagg": _listagg,
    "regexp_replace": _replace_all,
    "try_cast": _try_cast,
    "sysdate": _sysdate,
    "version": _version,
}
