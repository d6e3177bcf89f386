"""The plug point into dbt-duckdb for pages: ``clientele_report(folder)``, before a publication is finished.

dbt-duckdb loads :class:`Plugin` because the profile names this module. The function returns a sentence and
never raises: a page that cannot be made is no reason to hold back the marts.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from clientele.report.book import about_groups
from clientele.runtime import publishing


class Plugin(BasePlugin):
    """Registers the function on every connection."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the function; it has side effects: DuckDB must not run it while it plans."""
        conn.create_function("clientele_report", _write, ["VARCHAR"], "VARCHAR", side_effects=True)


def _write(folder: str) -> str:
    place = Path(folder)
    try:
        from clientele.report import LANGUAGES, charts, write

        names = [f"report/{page}" for page in LANGUAGES.values()]
        contents = _contents(place, charts.is_available())
        (place / "report").mkdir(exist_ok=True)
        # all of them: each notes in the publication what it was made of
        if not all([publishing.take_over(place, name, contents) for name in names]):
            write(place)
    except Exception as problem:  # whatever it is, the marts are published
        shutil.rmtree(place / "report", ignore_errors=True)
        said = " ".join(str(problem).split())[:200]
        return f"no report ({type(problem).__name__}: {said}). The marts are published; try: clientele report"
    return " and ".join(names) + (
        "" if charts.is_available() else ", tables only: charts need the extra clientele[report]"
    )


def _contents(folder: Path, has_charts: bool) -> str:
    """Return what tells a page from others: the tables that it reads, and what makes pages of them."""
    here = Path(__file__).parent
    digest = hashlib.sha256(str(has_charts).encode())
    made_by = sorted([*here.rglob("*.py"), *here.glob("*.po"), *here.glob("templates/*")])
    for path in (*about_groups(folder), *made_by):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
