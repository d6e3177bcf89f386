"""The plug point into dbt-duckdb: key material, the look at the files, and publishing.

dbt-duckdb loads :class:`Plugin` because the profile names this module. SQL reaches it in two ways only:

* session variables with the derived keys, so that no statement, log or artefact carries them;
* functions: ``clientele_key_problem()``, ``clientele_inventory(known)``,
  ``clientele_publication_start(run_id)`` and ``clientele_publication_finish(folder)``.
"""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from clientele import keys, lake, publishing

EVENTS_VARIABLE = "CLIENTELE_EVENTS"


class Plugin(BasePlugin):
    """dbt-duckdb's hooks, called once a process and once a cursor."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Make the folder of the databases: DuckDB would only say that it cannot open the file."""
        if self.creds is not None and self.creds.path != ":memory:":
            Path(self.creds.path).parent.mkdir(parents=True, exist_ok=True)

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the functions. All have side effects: DuckDB must not run them while it plans."""
        atexit.register(
            conn.close
        )  # else the interpreter ends with a page of leak warnings from the bindings
        text = "VARCHAR"
        for name, function, arguments in (
            ("clientele_key_problem", _key_problem, []),
            ("clientele_inventory", _inventory, [text]),
            ("clientele_publication_start", self._start_publication, [text]),
            ("clientele_publication_finish", _finish_publication, [text]),
        ):
            conn.create_function(name, function, arguments, text, null_handling="special", side_effects=True)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Hand the derived keys to this cursor; variables are not shared between cursors."""
        try:
            material = keys.from_environment()
        except keys.MissingKeyError:
            return  # models that need a key are stopped by require_pseudonym_key()
        for name in ("user_inner", "user_outer", "session"):
            cursor.execute(f"set variable clientele_{name} = $value", {"value": getattr(material, name)})

    def _start_publication(self, run_id: str) -> str:
        return str(publishing.start(Path(self.creds.path).parent, run_id))


def _finish_publication(folder: str) -> str:
    return str(publishing.finish(Path(folder)))


def _key_problem() -> str | None:
    try:
        keys.from_environment()
    except keys.MissingKeyError as problem:
        return str(problem)
    return None


def _inventory(known: str) -> str:
    """Look at the files of CLIENTELE_EVENTS; takes and gives JSON arrays of ledger rows (macros/lake.sql)."""
    patterns = os.environ.get(EVENTS_VARIABLE, "")
    try:
        found = lake.inventory(patterns, lake.known_from_json(known))
    except lake.LakeError as problem:
        found = [lake.FileFacts(file_path=patterns, status="refused", reason=f"{EVENTS_VARIABLE}: {problem}")]
    return json.dumps([facts.as_row() for facts in found])
