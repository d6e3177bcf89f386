"""What a micro-batch tells the shop's platform: one table of what is published, made new between builds.

The file is a part of the publication that is published now, so that readers find it beside the other marts,
and its manifest holds its hash. The next build publishes a file of its own in its place.
"""

from __future__ import annotations

from pathlib import Path

from clientele import scratch
from clientele.errors import ClienteleError
from clientele.runtime import publishing, rewriting

FILE = "open_sessions.parquet"


class SignalError(ClienteleError):
    """There is nothing to score with, or nothing to tell; the message says what to do."""


def check(home: Path) -> None:
    """Refuse a home in which no build has published, before anything is run.

    Raises
    ------
    SignalError
        There is no warehouse, or its last build knew no sessions under way.
    PublicationError
        Nothing is published.
    """
    if not (home / "warehouse.duckdb").exists():
        raise SignalError(
            f"{home / 'warehouse.duckdb'} is not there. Build first (make build EVENTS=…): sessions are "
            "scored with the model of a build."
        )
    folder = publishing.current(home)
    if not (folder / FILE).exists():
        raise SignalError(f"{folder} has no {FILE}: its build is of an earlier version. Build once more.")


def write(home: Path) -> tuple[Path, dict[str, int]]:
    """Publish marts.open_sessions as it is now; readers see the old file or the new one.

    Parameters
    ----------
    home : Path
        The folder of the databases.

    Returns
    -------
    tuple of Path and dict
        The file as readers name it, and counts: ``open`` sessions, and carts at ``high`` risk.
    """
    import duckdb

    with rewriting.settled(home):
        with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
            n_open, n_high = connection.sql(
                "select count(*), count(*) filter (risk_band = 'high') from marts.open_sessions"
            ).fetchall()[0]
            with scratch.folder("sessions") as folder:
                draft = folder / FILE
                named = str(draft).replace("'", "''")
                connection.execute(
                    f"copy (select * from marts.open_sessions order by all) to '{named}' "
                    "(format parquet, compression zstd)"
                )
                content = draft.read_bytes()
        link = publishing.put_pages(home, {FILE: content})
    return link / FILE, {"open": n_open, "high": n_high}
