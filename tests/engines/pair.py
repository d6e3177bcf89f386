"""The same lake and two warehouses, one on each engine, and what differs between them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal

from dbt.contracts.graph.manifest import Manifest
from support import BOOKKEEPING, PROVENANCE, WITHOUT_TESTS, Build, House
from warehouse import Warehouse

from tools.compare import DRIFT

ROOMS = ("core", "marts")


def settled(value: object) -> object:
    """Return a cell as a value that both engines have."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Decimal | int):
        # keys of users have more digits than a float holds, and have to stay apart
        return int(value) if abs(value) > 2**53 and value == int(value) else float(value)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def coarse(row: tuple) -> tuple:
    """Return a row to sort by: floats to six digits, or neighbours in the last place change places.

    Whole numbers of more digits, as keys of products are, settle what is left.
    """
    digits = tuple(
        (cell is None, type(cell).__name__, f"{cell:.6g}" if isinstance(cell, float) else str(cell))
        for cell in row
    )
    whole = tuple(round(cell) for cell in row if isinstance(cell, float) and math.isfinite(cell))
    return digits, whole


def differing_cells(columns: list[str], ours: list[tuple], theirs: list[tuple]) -> Counter[str]:
    """Count the cells of each column in which two tables differ, rows sorted; print the first of each."""
    found: Counter[str] = Counter()
    ours, theirs = (sorted((tuple(map(settled, row)) for row in rows), key=coarse) for rows in (ours, theirs))
    for left, right in zip(ours, theirs, strict=True):
        for name, a, b in zip(columns, left, right, strict=True):
            is_same = (
                math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
                if isinstance(a, float) and isinstance(b, float)
                else a == b
            )
            if not is_same and not found[name]:
                print(f"{name}: {a!r} on DuckDB, {b!r} on Redshift, in {left}")
            found[name] += not is_same
    return +found


class Pair:
    """The same lake and two warehouses."""

    def __init__(self, house: House, warehouse: Warehouse) -> None:
        self.house, self.warehouse = house, warehouse

    def deliver(self, name: str, content: bytes) -> None:
        self.house.deliver(name, content)
        self.warehouse.deliver(name, content)

    def build(
        self,
        *arguments: str,
        on_redshift: tuple[str, ...] = WITHOUT_TESTS,
        variables: dict[str, object] | None = None,
        change: Callable[[Manifest], object] | None = None,
        **environment: str,
    ) -> Build:
        """Build both, and return the build on Redshift; dbt's own tests, if any, are other SQL there."""
        self.house.build(*WITHOUT_TESTS, *arguments, variables=variables, change=change, **environment)
        return self.warehouse.build(*on_redshift, *arguments, variables=variables, change=change)

    def operate(self, name: str, *user_ids: str, **environment: str) -> str:
        """Carry out an operation of macros/privacy/rights.sql on both; return what was said."""
        named = {"CLIENTELE_SUBJECT": user_ids[0]} if user_ids else {}
        done = self.house.operation(name, **named, **environment)
        assert done.succeeded, done.said[-3000:]
        self.warehouse.name_subjects(*user_ids)
        done = self.warehouse.run("run-operation", name, **environment)
        assert done.succeeded, done.said[-3000:]
        return done.said

    def promote(self) -> str:
        """Let a person say that the fit may score, as the gate does not of a shop this small."""
        (version,) = (row[0] for row in self.house.rows("select model_version from core.segment_models"))
        decision = f"insert into core.segment_decisions values ('{version}', 'promote', 'the team', 'a test')"
        with self.house.connection(read_only=False) as connection:
            connection.execute(decision)
        self.warehouse.postgres.admin(decision)
        return version

    def differences(self, *tables: str, without: tuple[str, ...] = ()) -> dict[str, object]:
        """Return for each table, of all or of these, what differs, columns `without` left out."""
        found = {}
        for name in self.house.table_names(*ROOMS):
            room, table = name.split(".")[1:]
            if table in BOOKKEEPING - DRIFT or (tables and f"{room}.{table}" not in tables):
                continue
            with self.house.connection() as connection:
                relation = connection.table(name)
                columns = [name for name in relation.columns if name not in {*PROVENANCE, *without}]
                # a hash of SQL as rendered, which each engine has in its own words
                where = "field <> 'features_hash'" if "field" in columns else "true"
                ours = relation.filter(where).select(*columns).fetchall()
            theirs = self.warehouse.rows(f'select {", ".join(columns)} from {room}."{table}" where {where}')
            if len(ours) != len(theirs):
                found[f"{room}.{table}"] = f"{len(ours)} rows on DuckDB, {len(theirs)} on Redshift"
            elif cells := differing_cells(columns, ours, theirs):
                found[f"{room}.{table}"] = dict(cells)
        return found
