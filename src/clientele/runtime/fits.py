"""``clientele fit``: the project's Python models, without dbt.

A build that leaves the Python models out (``dbt build --exclude path:python_models``) is SQL alone: it
prepares the samples, and scores with the rows that are there. This command reads those samples over a
connection of its own, calls the same functions as dbt would, and adds their rows.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clientele.errors import ClienteleError
from clientele.runtime import modes, warehouses

TAG = "fit"


class FitError(ClienteleError):
    """Nothing can be fitted, and why."""


@dataclass(frozen=True)
class Fitted:
    """What one model has written.

    Attributes
    ----------
    name : str
        The table.
    n_rows : int
        Rows that were added; 0 when no fit was due, or when it says what is known.
    model_version : str
        Of the new rows; empty without any.
    """

    name: str
    n_rows: int
    model_version: str


def fit(manifest: Mapping[str, Any], warehouse: Any, project: Path) -> list[Fitted]:
    """Call each Python model that fits something, in the order in which they read each other.

    Parameters
    ----------
    manifest : mapping
        ``target/manifest.json`` of the last build.
    warehouse : object
        With ``sql(query)``, which returns a relation with ``df()``, and ``append(relation_name, frame)``.
    project : Path
        Folder of the dbt project.

    Returns
    -------
    list of Fitted

    Raises
    ------
    FitError
        The project has no such model, or a table is missing.
    """
    nodes = {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and TAG in node["config"].get("tags", [])
    }
    if not nodes:
        raise FitError("target/manifest.json has no model that fits anything: is it of this project?")
    found = []
    for unique_id in _in_order(nodes):
        node = nodes[unique_id]
        rows = _model(project / node["original_file_path"])(_Dbt(node, manifest, warehouse), warehouse)
        if len(rows):
            warehouse.append(node["relation_name"], rows)
        version = str(rows["model_version"].iloc[-1]) if len(rows) else ""
        found.append(Fitted(node["name"], len(rows), version))
    return found


def manifest_of(target: Path) -> dict[str, Any]:
    """Read what the last build has written of the project.

    Raises
    ------
    FitError
        There is none.
    """
    path = target / "manifest.json"
    if not path.exists():
        raise FitError(f"{path} is not there: run dbt build --exclude path:python_models first.")
    return json.loads(path.read_text())


@contextmanager
def opened(home: Path) -> Iterator[Any]:
    """Open the warehouse that DBT_TARGET names: Redshift, or the DuckDB files in `home`."""
    if os.environ.get("DBT_TARGET") == "redshift":
        from clientele.privacy import redshift_key

        with redshift_key.connect() as connection:
            yield _redshift(connection)
            connection.commit()
    else:
        with modes.private(), _duckdb(home) as warehouse:
            yield warehouse


def _in_order(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Parents before children, by name where neither is."""
    left, order = sorted(nodes), []
    while left:
        ready = [name for name in left if not set(nodes[name]["depends_on"]["nodes"]) & (set(left) - {name})]
        order += ready
        left = [name for name in left if name not in ready]
    return order


def _model(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"clientele_model_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.model


class _Config:
    """What a model asks of its configuration; what it sets is dbt's business."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._meta = meta

    def __call__(self, **_: object) -> None:
        return None

    def meta_get(self, name: str, default: object = None) -> Any:
        return self._meta.get(name, default)


class _Dbt:
    """The part of the object ``dbt`` of a Python model that the project's own models use."""

    is_incremental = True

    def __init__(self, node: Mapping[str, Any], manifest: Mapping[str, Any], warehouse: Any) -> None:
        self.this = node["relation_name"]
        self.config = _Config(node["config"].get("meta", {}))
        self._warehouse = warehouse
        self._relations = {
            other["name"]: other["relation_name"]
            for unique_id, other in manifest["nodes"].items()
            if unique_id in node["depends_on"]["nodes"]
        }

    def ref(self, name: str) -> Any:
        return self._warehouse.sql(f"select * from {self._relations[name]}")


@contextmanager
def _duckdb(home: Path) -> Iterator[Any]:
    import duckdb

    path = home / "warehouse.duckdb"
    warehouses.require_files(home)
    try:
        connection = duckdb.connect(str(path))
    except duckdb.IOException:
        raise FitError(f"{path} is in use: wait for the build that has it open.") from None
    with connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in ("vault", "batch"):
            if (home / f"{name}.duckdb").exists():
                attached = str(home / f"{name}.duckdb").replace("'", "''")
                connection.execute(f"attach '{attached}' as {name} (read_only)")
        warehouses.refuse_unsound(connection, home)
        yield _DuckDB(connection)


class _DuckDB:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def sql(self, query: str) -> Any:
        import duckdb

        try:
            return self._connection.sql(query)
        except duckdb.CatalogException:
            raise FitError(
                "A table that the fit reads is not there: run dbt build --exclude path:python_models first."
            ) from None

    def append(self, relation: str, frame: pd.DataFrame) -> None:
        self._connection.register("new_rows", frame)
        self._connection.execute(f"insert into {relation} by name select * from new_rows")
        self._connection.unregister("new_rows")


def _redshift(connection: Any) -> Any:
    from dbt.adapters.redshiftpython.session import Standalone

    return Standalone(connection)
