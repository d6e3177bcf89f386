"""The plug point into dbt-duckdb for pages: ``clientele_report(folder)``, before a publication is finished.

dbt-duckdb loads :class:`Plugin` because the profile names this module. The function returns a sentence and
never raises: a page that cannot be made is no reason to hold back the marts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Registers the function on every connection."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the function; it has side effects: DuckDB must not run it while it plans."""
        conn.create_function("clientele_report", _write, ["VARCHAR"], "VARCHAR", side_effects=True)


def _write(folder: str) -> str:
    place = Path(folder)
    try:
        from clientele.report import charts, write

        pages = write(place)
    except Exception as problem:  # whatever it is, the marts are published
        shutil.rmtree(place / "report", ignore_errors=True)
        said = " ".join(str(problem).split())[:200]
        return f"no report ({type(problem).__name__}: {said}). The marts are published; try: clientele report"
    names = " and ".join(f"report/{page.name}" for page in pages)
    return names + ("" if charts.is_available() else ", tables only: charts need the extra clientele[report]")
