"""What a Python model works with: relations that are read when asked to, and a writer of data frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd
from dbt_common.exceptions import DbtRuntimeError

if TYPE_CHECKING:
    import pyarrow as pa
    from dbt.adapters.redshift import RedshiftConnectionManager, RedshiftCredentials

_FETCH_ROWS = 20_000
# Redshift takes statements of up to 16 MB; far smaller ones are as fast and never near the limit.
_STATEMENT_CHARACTERS = 1_000_000

# Type codes of the wire protocol, which Redshift shares with PostgreSQL.
_BOOLEANS = {16}
_INTEGERS = {20, 21, 23}
_FLOATS = {700, 701, 1700}
_MOMENTS = {1082, 1114}
_ZONED_MOMENTS = {1184}

# Of columns of Python objects, by what pandas finds in them.
_TYPES_BY_VALUE = {
    "boolean": "boolean",
    "integer": "bigint",
    "floating": "double precision",
    "mixed-integer-float": "double precision",
    "decimal": "decimal(38, 10)",
    "date": "date",
    "datetime": "timestamp",
}


@dataclass(frozen=True)
class Relation:
    """A query that has not run yet: the part of DuckDB's relation API that portable models need.

    Each step gives a new relation and touches nothing; `df` and `arrow` run the query. Arguments are SQL:
    ``dbt.ref("users").filter("n_events > 9").project("user_sk").order("user_sk").limit(100).df()``.
    """

    session: Session
    query: str
    ordering: str | None = None
    n_rows: int | None = None

    def filter(self, condition: str) -> Relation:
        """Keep the rows for which a condition holds."""
        return Relation(self.session, f"select * from ({self._text()}) as unfiltered where {condition}")

    def project(self, *columns: str) -> Relation:
        """Keep these columns or expressions."""
        return Relation(self.session, f"select {', '.join(columns)} from ({self._text()}) as whole")

    select = project

    def order(self, columns: str) -> Relation:
        """Sort the rows. Only the last sorting counts, as in SQL."""
        if self.n_rows is not None:
            return Relation(self.session, self._text(), columns)
        return replace(self, ordering=columns)

    def limit(self, n_rows: int) -> Relation:
        """Keep the first rows; say `order` before, or any rows may come."""
        n_rows = int(n_rows) if self.n_rows is None else min(int(n_rows), self.n_rows)
        if n_rows < 0:
            raise DbtRuntimeError(f"limit({n_rows}): a number of rows is never negative")
        return replace(self, n_rows=n_rows)

    def df(self) -> pd.DataFrame:
        """Run the query and return its rows.

        Returns
        -------
        pandas.DataFrame
            Whole numbers as int64 (float64 where one is missing), DECIMAL and floats as float64, DATE and
            TIMESTAMP as datetime64, text as str, a missing value as NaN, NaT or None.

        Raises
        ------
        DbtRuntimeError
            When there are more rows than the profile's `python_max_rows`; no more than that leave the
            warehouse.
        """
        most = self.session.credentials.python_max_rows
        if self.n_rows is not None and self.n_rows <= most:
            return self.session.fetch(self._text())
        frame = self.session.fetch(replace(self, n_rows=most + 1)._text())
        if len(frame) > most:
            raise DbtRuntimeError(
                f"a Python model asked for more than {most:,} rows (python_max_rows in profiles.yml). "
                f"Filter, sample or aggregate them in SQL first. The query: {_shortened(self._text())}"
            )
        return frame

    to_df = pandas = df

    def arrow(self) -> pa.Table:
        """Run the query and return its rows as a pyarrow.Table, with the types of `df`."""
        import pyarrow

        return pyarrow.Table.from_pandas(self.df(), preserve_index=False)

    def _text(self) -> str:
        text = self.query
        if self.ordering is not None:
            text = f"select * from ({text}) as unordered order by {self.ordering}"
        if self.n_rows is not None:
            text = (
                f"select * from ({text}) as unlimited limit {self.n_rows}"
                if not self.ordering
                else (f"{text} limit {self.n_rows}")
            )
        return text


@dataclass(frozen=True)
class Session:
    """The connection of the dbt model that is running, for reading and writing."""

    connections: RedshiftConnectionManager
    credentials: RedshiftCredentials

    def table(self, name: str) -> Relation:
        """Return all rows of a table or view, not read yet."""
        return Relation(self, f"select * from {name}")

    def sql(self, query: str) -> Relation:
        """Return the rows of a query, not run yet."""
        return Relation(self, query.strip().rstrip(";"))

    query = sql

    def fetch(self, query: str) -> pd.DataFrame:
        """Run a query through a cursor on the server, so that rows pass in portions."""
        cursor = self._cursor()
        # The driver remembers a statement's columns by its text: a cursor's name is never used twice.
        name = f"dbt_python_{uuid4().hex[:16]}"
        cursor.execute(f"declare {name} cursor for {query}")
        frames = []
        while True:
            cursor.execute(f"fetch forward {_FETCH_ROWS} from {name}")
            rows = cursor.fetchall()
            frames.append(_frame(rows, cursor.description))
            if len(rows) < _FETCH_ROWS:
                break
        cursor.execute(f"close {name}")
        filled = [frame for frame in frames if len(frame)] or frames[:1]
        return pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]

    def write(
        self,
        result: Any,
        relation: str,
        types: Mapping[str, str],
        attributes: str = "",
        is_temporary: bool = False,
    ) -> int:
        """Create a table from what a model returned.

        Parameters
        ----------
        result : pandas.DataFrame, or anything with `df` or `to_pandas`
            At least one column; any number of rows. NaN, NaT, NA and None become NULL.
        relation : str
            Name of the table as SQL, which must not exist.
        types : mapping of str to str
            Column types by name, in any case; a column without one gets the type that fits its values.
        attributes : str
            What follows the columns in CREATE TABLE: distribution and sort keys.
        is_temporary : bool
            Whether the table is the session's own.

        Returns
        -------
        int
            Number of rows written.

        Raises
        ------
        DbtRuntimeError
            When the result is no table, or has a value that Redshift cannot hold.
        """
        frame = _as_frame(result)
        known = {name.lower(): kind for name, kind in types.items() if kind}
        columns = ", ".join(
            f"{_quoted(name)} {known.get(name.lower()) or _column_type(frame[name])}"
            for name in frame.columns
        )
        kind = "temporary table" if is_temporary else "table"
        self._cursor().execute(f"create {kind} {relation} ({columns}) {attributes}".rstrip())
        return self.append(relation, frame)

    def append(self, relation: str, result: Any) -> int:
        """Add rows to a table that is there, and return how many.

        Parameters
        ----------
        relation : str
            Name of the table as SQL.
        result : pandas.DataFrame, or anything with `df` or `to_pandas`
            Columns of the table, in any order.
        """
        frame = _as_frame(result)
        names = ", ".join(map(_quoted, frame.columns))
        cursor = self._cursor()
        for values in self._batches(frame):
            cursor.execute(f"insert into {relation} ({names}) values {', '.join(values)}")
        return len(frame)

    def _batches(self, frame: pd.DataFrame) -> Iterator[list[str]]:
        batch, n_characters = [], 0
        for row in zip(*(_literals(frame[name]) for name in frame.columns), strict=True):
            text = f"({', '.join(row)})"
            if batch and (
                len(batch) >= self.credentials.python_insert_rows
                or n_characters + len(text) > _STATEMENT_CHARACTERS
            ):
                yield batch
                batch, n_characters = [], 0
            batch.append(text)
            n_characters += len(text)
        if batch:
            yield batch

    def _cursor(self) -> Any:
        connection = self.connections.get_thread_connection()
        if not connection.transaction_open:
            self.connections.begin()
        return connection.handle.cursor()


@dataclass(frozen=True)
class _Limits:
    python_max_rows: int = 1_000_000
    python_insert_rows: int = 1_000


class Standalone(Session):
    """A session on a connection of the driver, for a process that is not dbt's. Whoever opened it commits.

    Parameters
    ----------
    connection : redshift_connector.Connection
        Without autocommit.
    """

    def __init__(self, connection: Any) -> None:
        super().__init__(connections=None, credentials=_Limits())
        object.__setattr__(self, "_connection", connection)

    def _cursor(self) -> Any:
        return self._connection.cursor()


# --- from the wire


def _frame(rows: Sequence[Sequence[Any]], description: Sequence[Sequence[Any]]) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else [()] * len(description)
    names = [column[0].decode() if isinstance(column[0], bytes) else column[0] for column in description]
    return pd.DataFrame(
        {
            name: _series(list(values), column[1])
            for name, column, values in zip(names, description, columns, strict=True)
        }
    )


def _series(values: list[Any], code: int) -> pd.Series:
    if code in _FLOATS:
        return pd.Series([np.nan if value is None else float(value) for value in values], dtype="float64")
    if code in _INTEGERS:
        if None in values:
            return pd.Series([np.nan if value is None else value for value in values], dtype="float64")
        return pd.Series(values, dtype="int64")
    if code in _BOOLEANS:
        return pd.Series(values, dtype="object" if None in values else "bool")
    if code in _MOMENTS:
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="object"))).astype("datetime64[us]")
    if code in _ZONED_MOMENTS:
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="object"), utc=True))
    return pd.Series(values, dtype="str" if all(isinstance(value, str) for value in values) else "object")


# --- to the wire


def _as_frame(result: Any) -> pd.DataFrame:
    for method in ("df", "to_pandas"):
        if not isinstance(result, pd.DataFrame) and hasattr(result, method):
            result = getattr(result, method)()
    if not isinstance(result, pd.DataFrame):
        raise DbtRuntimeError(
            "a Python model must return a data frame (pandas, Arrow, Polars or a relation), "
            f"not {type(result).__name__}"
        )
    if not len(result.columns) or not all(isinstance(name, str) for name in result.columns):
        raise DbtRuntimeError("a Python model must return columns whose names are text")
    names = [name.lower() for name in result.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DbtRuntimeError(f"a Python model returned more than one column of the name {', '.join(twice)}")
    return result


def _quoted(name: str) -> str:
    return '"' + name.lower().replace('"', '""') + '"'


def _column_type(values: pd.Series) -> str:
    """Return the Redshift type of a column whose type nobody declared."""
    if pd.api.types.is_bool_dtype(values):
        return "boolean"
    if pd.api.types.is_integer_dtype(values):
        return "bigint"
    if pd.api.types.is_float_dtype(values):
        return "double precision"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "timestamp" if values.dt.tz is None else "timestamptz"
    by_value = _TYPES_BY_VALUE.get(pd.api.types.infer_dtype(values, skipna=True))
    if by_value:
        return by_value
    # VARCHAR counts bytes. Three sizes, so that a table's type does not follow its longest word.
    longest = max((len(str(value).encode()) for value in values.dropna()), default=0)
    return next(f"varchar({size})" for size in (256, 4096, 65535) if longest <= size or size == 65535)


def _literals(values: pd.Series) -> list[str]:
    missing = values.isna().to_numpy()
    if pd.api.types.is_bool_dtype(values):
        texts = ("true" if value else "false" for value in values.fillna(False))
    elif pd.api.types.is_integer_dtype(values):
        texts = (str(int(value)) for value in values.fillna(0))
    elif pd.api.types.is_float_dtype(values):
        texts = (_float_literal(float(value)) for value in values.fillna(0.0))
    elif pd.api.types.is_datetime64_any_dtype(values):
        texts = ("null" if value is pd.NaT else f"'{value.isoformat(sep=' ')}'" for value in values)
    else:
        texts = (_literal(value) for value in values)
    return ["null" if gone else text for gone, text in zip(missing, texts, strict=True)]


def _float_literal(value: float) -> str:
    # A cast text, not a number: Redshift reads a number with a point as DECIMAL, which has fewer digits.
    return f"'{'-' if value < 0 else ''}infinity'::float8" if np.isinf(value) else f"'{value!r}'::float8"


def _literal(value: Any) -> str:
    if value is None or value is pd.NA:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "null" if np.isnan(value) else _float_literal(float(value))
    text = str(value)
    if "\0" in text:
        raise DbtRuntimeError(
            "a Python model returned a text with a NUL character, which Redshift cannot hold"
        )
    # In Redshift a backslash escapes, as in no other engine of the model.
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _shortened(query: str) -> str:
    words = " ".join(query.split())
    return words if len(words) <= 200 else f"{words[:200]}…"
