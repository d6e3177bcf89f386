"""The register of requests, as an officer reads it: vault.requests, kept by macros/privacy/requests.sql."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from clientele.errors import ClienteleError

__all__ = ["RegisterError", "lines", "stopped"]

# Kinds of requests that were stopped and have to be finished before data is given out or shown, as
# macros/privacy/requests.sql has it before a build.
_STOPPED = """
    select kind from {vault}.requests where kind in ('object', 'restrict') and finished_at is null
    union
    select 'erase' as kind from {vault}.erasure_requests
    order by kind
"""


class RegisterError(ClienteleError, ValueError):
    """There is no register to read; the message says why."""


def lines(home: Path) -> list[str]:
    """Return the requests of a home, oldest first, a line each.

    Raises
    ------
    RegisterError
        When there is no vault, or no build or operation of this version has opened it yet.
    """
    vault = home / "vault.duckdb"
    if not vault.exists():
        raise RegisterError(f"{vault} does not exist: nothing was built there yet")
    try:
        with duckdb.connect(str(vault), read_only=True) as connection:
            rows = connection.execute(
                "select request_number, requested_at, kind, n_customers, n_rows, finished_at, run_id "
                "from vault.vault.requests order by request_number"
            ).fetchall()
    except duckdb.CatalogException:
        raise RegisterError(f"{vault} has no register of requests yet: build once") from None
    if not rows:
        return ["no request was carried out"]
    return [
        f"{number}, {requested_at:%Y-%m-%d %H:%M} UTC, {kind}, {n_customers:,} customer(s)"
        + (f", {n_rows:,} line(s)" if n_rows is not None else "")
        + (f", done {finished_at:%Y-%m-%d %H:%M}" if finished_at else ", NOT finished")
        + f", run {run_id}"
        for number, requested_at, kind, n_customers, n_rows, finished_at, run_id in rows
    ]


def stopped_kinds(ask: Callable[[str], list[tuple]], vault: str) -> list[str]:
    """Return the kinds of requests that were stopped on their way, as `stopped` takes them."""
    return [kind for (kind,) in ask(_STOPPED.format(vault=vault))]


def stopped(ask: Callable[[str], list[tuple]], vault: str) -> str | None:
    """Return in a sentence what is to be finished first; None if no request was stopped on its way.

    Until then tables, exports and publications hold customers who are not to be in them any more.

    Parameters
    ----------
    ask : callable
        Returns the rows of a query.
    vault : str
        What stands before a table of the vault.
    """
    for kind in stopped_kinds(ask, vault):
        return (
            f"A request of customers was interrupted. Finish it first: clientele {kind} (without a subject). "
            "Nothing was changed."
        )
    return None
