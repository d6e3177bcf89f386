"""Compare two built warehouses table by table, row by row in any order.

``python -m tools.compare LEFT RIGHT``, each a folder with warehouse.duckdb and, beside it, vault.duckdb. A
table is found by its name, whatever its schema: a change that moves tables must not change what is in them.
Prints a line for each table that differs and exits with 1, or with 0 when nothing does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb

# Where a row came from, which depends on how the files were delivered, and a hash of floats, which depends on
# the engine; nothing else may depend on either.
PROVENANCE = {
    "file_id",
    "load_id",
    "last_load_id",
    "changed_load_id",
    "line_number",
    "features_hash",
    "fingerprint",
    "since_date",  # of an audience's members: the build in which they came
}
# What a shop's counts say of drift: with what was plausible of each file, and what each build's models said.
DRIFT = {
    *("drift_counts", "drift_snapshots", "drift_model_counts", "drift_fits", "drift_periods"),
    *("drift_windows", "drift_levels", "drift_shares", "drift_figures", "drift_alarms", "drift_seasons"),
    *("drift_bins", "drift", "refit_requests", "drift_findings", "shop_health"),
}
# How the files came, table by table.
BOOKKEEPING = {
    *("load_marks", "key_epoch", "touched_days", "duplicate_events", "released_duplicates"),
    "shop_books",  # counts the headers of files
    *("feed_health", "described_days"),  # say of each file what it brought
    *DRIFT,
    # build by build: who came to an audience and who left
    *("audience_changes", "audience_sizes", "activation_log", "destination_ledger", "exports"),
}
# When a run was and how long it took; a ring of keys that each warehouse draws for itself.
OF_ONE_RUN = {"run_log", "runs", "builds", "key_ring", "generation", "health", "health_alarms"}

DATABASES = ("warehouse", "vault")


@dataclass(frozen=True)
class Comparison:
    """A table on both sides.

    Attributes
    ----------
    table : str
        Its name, without a schema.
    n_left, n_right : int or None
        Rows; None where the table is not there.
    n_differing : int
        Rows that the other side does not have so often; of both sides' numbers the larger.
    columns : tuple of str
        In which columns these rows differ, with the number of values; columns that one side lacks or has
        with another type.
    """

    table: str
    n_left: int | None
    n_right: int | None
    n_differing: int = 0
    columns: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether both sides have the table, with the same columns and rows."""
        return self.n_left == self.n_right is not None and not self.n_differing and not self.columns


def compare(
    left: Path,
    right: Path,
    ignored: Iterable[str] = (),
    new: Iterable[str] = (),
    vanished: Iterable[str] = (),
) -> list[Comparison]:
    """Compare the tables and views of two warehouses.

    Parameters
    ----------
    left, right : Path
        Folders of built warehouses, or their warehouse.duckdb. Opened read-only.
    ignored : iterable of str
        Patterns of tables and columns that are left out, such as ``segment_*`` or ``user_segments.margin``;
        columns of PROVENANCE and tables of BOOKKEEPING and OF_ONE_RUN always are.
    new, vanished : iterable of str
        Patterns of tables and columns that only the right, or only the left, may have.

    Returns
    -------
    list of Comparison
        In the order of names, without what is ignored or accepted.

    Raises
    ------
    ValueError
        A folder holds no warehouse, or two tables of one name.

    Examples
    --------
    >>> print(report(compare(Path("before"), Path("after"), new=["cohorts"])))  # doctest: +SKIP
    user_segments: 20,800 rows left, 20,800 right, 12 differ: margin 12
    65 tables compared, 1,018,769 rows; 1 differ.
    """
    ignored, new, vanished = tuple(ignored), tuple(new), tuple(vanished)
    with ExitStack() as stack:
        sides = [stack.enter_context(_opened(folder)) for folder in (left, right)]
        names = [_tables(side, folder) for side, folder in zip(sides, (left, right), strict=True)]
        found = []
        for table in sorted(names[0] | names[1]):
            if _any_matches(ignored, table):
                continue
            places = [found.get(table) for found in names]
            if None in places:
                if not _any_matches(new if places[0] is None else vanished, table):
                    counts = [_count(side, place) for side, place in zip(sides, places, strict=True)]
                    found.append(Comparison(table, *counts))
            else:
                relations = [side.table(place) for side, place in zip(sides, places, strict=True)]
                found.append(_compare_table(table, *relations, ignored, new, vanished))
        return found


def _opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the databases of a warehouse under the names that its views know them by."""
    folder = folder.parent if folder.suffix == ".duckdb" else folder
    connection = duckdb.connect()
    for database in DATABASES:
        path = folder / f"{database}.duckdb"
        if path.exists():
            connection.execute(
                f"attach '{str(path).replace(chr(39), 2 * chr(39))}' as {database} (read_only)"
            )
        elif database == "warehouse":
            connection.close()
            raise ValueError(f"{folder} holds no warehouse.duckdb.")
    return connection


def _tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, str]:
    """Return of every table and view that is compared its name and where it is."""
    rows = connection.execute(
        """
        select table_name as name, format('"{}"."{}"."{}"', database_name, schema_name, table_name) as place
        from duckdb_tables() where not internal
        union all
        select view_name, format('"{}"."{}"."{}"', database_name, schema_name, view_name)
        from duckdb_views() where not internal
        order by all
        """
    ).fetchall()
    found: dict[str, str] = {}
    for name, place in rows:
        if name in BOOKKEEPING | OF_ONE_RUN:
            continue
        if name in found:
            raise ValueError(f"{folder} has two tables of one name, {found[name]} and {place}.")
        found[name] = place
    return found


def _count(connection: duckdb.DuckDBPyConnection, place: str | None) -> int | None:
    return None if place is None else connection.table(place).count("*").fetchall()[0][0]


def _any_matches(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _compare_table(
    table: str,
    left: duckdb.DuckDBPyRelation,
    right: duckdb.DuckDBPyRelation,
    ignored: tuple[str, ...],
    new: tuple[str, ...],
    vanished: tuple[str, ...],
) -> Comparison:
    types = [dict(zip(side.columns, map(str, side.types), strict=True)) for side in (left, right)]
    both, said = [], []
    for column in dict.fromkeys([*types[0], *types[1]]):
        kinds = [of_side.get(column) for of_side in types]
        if column in PROVENANCE or _any_matches(ignored, f"{table}.{column}"):
            continue
        if None in kinds:
            accepted, what = (new, "new") if kinds[0] is None else (vanished, "vanished")
            if not _any_matches(accepted, f"{table}.{column}"):
                said.append(f"{column} ({what})")
            continue
        both.append(column)
        if kinds[0] != kinds[1]:
            said.append(f"{column} ({kinds[0]}, now {kinds[1]})")
    n_left, n_right = (side.count("*").fetchall()[0][0] for side in (left, right))
    if not both:
        return Comparison(table, n_left, n_right, abs(n_left - n_right), tuple(said))
    with duckdb.connect() as third:
        for name, side in (("left_rows", left), ("right_rows", right)):
            third.register("given", side.select(*map(_quoted, both)).to_arrow_table())
            third.execute(f"create temp table {name} as select * from given")
        n_differing = _minus(third, both, "differing")
        if n_differing:
            said += _differing_columns(third, both)
    return Comparison(table, n_left, n_right, n_differing, tuple(said))


def _minus(connection: duckdb.DuckDBPyConnection, columns: Sequence[str], kept: str = "") -> int:
    """Return how many rows of these columns one side has more often than the other; keep them if asked to."""
    sides = ("left_rows", "right_rows")
    chosen = ", ".join(map(_quoted, columns))
    counts = []
    for one, other in (sides, sides[::-1]):
        rows = f"select {chosen} from {one} except all select {chosen} from {other}"
        if kept:
            connection.execute(f"create temp table {kept}_{one} as {rows}")
            rows = f"from {kept}_{one}"
        counts += connection.execute(f"select count(*) from ({rows})").fetchall()[0]
    return max(counts)


def _differing_columns(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[str]:
    """Name the columns in which the differing rows differ, each with the number of its values that do.

    Where the values of each column are the same on both sides and only stand in other rows, the columns are
    named without which the rows would be the same.
    """
    for side in ("left_rows", "right_rows"):
        connection.execute(f"create or replace temp table {side} as from differing_{side}")
    alone = [(column, _minus(connection, [column])) for column in columns]
    if named := [f"{column} {n:,}" for column, n in alone if n]:
        return named
    swapped = [column for column in columns if not _minus(connection, [c for c in columns if c != column])]
    return [f"{column} (same values in other rows)" for column in swapped or columns]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def report(found: Sequence[Comparison]) -> str:
    """Return the tables that differ, one a line, and a last line that says how many do.

    Parameters
    ----------
    found : sequence of Comparison
        As `compare` returns them.
    """
    lines = []
    for each in found:
        if not each.is_same:
            counts = ["-" if n is None else f"{n:,}" for n in (each.n_left, each.n_right)]
            told = "; ".join(each.columns)
            if each.n_left is None:
                told = "new table"
            elif each.n_right is None:
                told = "vanished table"
            lines.append(
                f"{each.table}: {counts[0]} rows left, {counts[1]} right, {each.n_differing:,} differ: {told}"
            )
    n_rows = sum(each.n_left or 0 for each in found)
    lines.append(f"{len(found):,} tables compared, {n_rows:,} rows; {len(lines)} differ.")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and print; 0 where nothing differs, 1 where something does, 2 without two warehouses."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.compare", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("left", type=Path, help="folder of a built warehouse, for example before a change")
    parser.add_argument("right", type=Path, help="the other one")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="TABLE[.COLUMN]",
        help="leave it out; may have * (repeatable)",
    )
    parser.add_argument(
        "--new",
        action="append",
        default=[],
        metavar="TABLE[.COLUMN]",
        help="only the right may have it (repeatable)",
    )
    parser.add_argument(
        "--vanished", action="append", default=[], metavar="TABLE[.COLUMN]", help="only the left may have it"
    )
    options = parser.parse_args(arguments)
    try:
        found = compare(options.left, options.right, options.ignore, options.new, options.vanished)
    except (ValueError, duckdb.Error) as problem:
        print(f"compare: {problem}", file=sys.stderr)
        return 2
    print(report(found))
    return 0 if found and all(each.is_same for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
