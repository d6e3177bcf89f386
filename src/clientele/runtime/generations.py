"""Which vault, warehouse and publications belong together, and which version of clientele may open them.

The vault and the warehouse are two files, the publications are folders, and each can be put back from a
backup without the others. So each run that changes them writes the same token into both databases (a
generation, macros/engine/duckdb/generations.sql), and each publication notes how many requests of customers
it knows of. Before the first change `problem` compares them.

So does each export of an audience (`advance`): of a vault from before, a destination would never hear who is
to leave.

A kill may fall between the two databases: the vault is told of the next token first, so a warehouse that has
either is of the same moment.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import duckdb

from clientele import __version__
from clientele.errors import ClienteleError
from clientele.privacy import register
from clientele.runtime import publishing

__all__ = ["WITHDRAWING", "GenerationError", "Generations", "advance", "missing", "problem", "read"]

# Kinds of requests after which customers are in no publication any more.
WITHDRAWING = ("erase", "object", "restrict", "rotate")
_WAY_OUT = (
    "Put both back from one moment (clientele restore takes a backup's parts together), or remove "
    "warehouse.duckdb and the folder publications, and build anew"
)

_LOST_VAULT = (
    "The vault is lost, or another one: the warehouse was built with a key, and vault.duckdb has none. "
    "Who was erased or has objected would come back. Put the vault back from the moment of the warehouse "
    "(clientele restore takes a backup's parts together). If it is lost for good, remove warehouse.duckdb"
    " and the folder publications, build anew, and carry out all erasures and objections again."
)
_LOST_WAREHOUSE = (
    "The warehouse is lost, or its first build was stopped: the vault knows customers, and "
    "warehouse.duckdb has no event of anybody. What is asked would be done by halves and reported done. "
    "Put it back from the moment of the vault (clientele restore takes a backup's parts together), or "
    "build anew from the event files, and try again."
)


class GenerationError(ClienteleError, RuntimeError):
    """Databases that do not belong together, or are of a later version; the message has the way out."""


@dataclass(frozen=True)
class Generations:
    """What a pair of databases says of its moment.

    Attributes
    ----------
    vault, warehouse : int
        Numbers of the generations, which only tell what is older; 0 before the first.
    vault_token, next_token, warehouse_token : str or None
        What has to be equal; None where no run has written one.
    has_ring, has_epoch : bool
        Whether a build has put its key into the vault, and the epoch of that key into the warehouse.
    has_customers, has_events : bool
        Whether the vault knows customers, and whether the warehouse has the table of their events.
    stopped : list of str
        Kinds of requests that were stopped on their way.
    newest, withdrawn, known : int
        Number of the newest request in the vault, of the newest finished one after which publications lack
        somebody, and of the newest that the warehouse knows of.
    built_by : str or None
        Version that changed the warehouse last.
    """

    vault: int
    warehouse: int
    vault_token: str | None
    next_token: str | None
    warehouse_token: str | None
    has_ring: bool
    has_epoch: bool
    has_customers: bool
    has_events: bool
    stopped: list[str]
    newest: int
    withdrawn: int
    known: int
    built_by: str | None

    @property
    def are_together(self) -> bool:
        """Whether both databases are of the same moment, or nothing was loaded into the warehouse yet."""
        if self.warehouse_token is None and not self.has_events:
            return True
        return self.warehouse_token == self.vault_token or (
            self.warehouse_token is not None and self.warehouse_token == self.next_token
        )


def read(connection: duckdb.DuckDBPyConnection) -> Generations:
    """Read the generations of a warehouse that is open, with its vault attached as ``vault``."""

    def rows(query: str) -> list[tuple]:
        try:
            return connection.execute(query).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):
            return []  # of a version before, or a new database

    warehouse = connection.execute("select current_database()").fetchall()[0][0]
    in_vault = rows("select generation, token, next_token from vault.vault.generation") or [(0, None, None)]
    in_warehouse = rows(f'select generation, token, built_by from "{warehouse}".monitor.generation') or [
        (0, None, None)
    ]
    kinds = ", ".join(f"'{kind}'" for kind in WITHDRAWING)
    requests = rows(
        "select coalesce(max(request_number), 0), coalesce(max(case when finished_at is not null and kind in "
        f"({kinds}) then request_number end), 0) from vault.vault.requests"
    ) or [(0, 0)]
    known = rows(f'select max(n_requests) from "{warehouse}".monitor.requests_done') or [(None,)]
    return Generations(
        vault=in_vault[0][0],
        warehouse=in_warehouse[0][0],
        vault_token=in_vault[0][1],
        next_token=in_vault[0][2],
        warehouse_token=in_warehouse[0][1],
        has_ring=bool(rows("select sealed from vault.vault.key_ring")),
        has_epoch=bool(rows(f'select key_epoch from "{warehouse}".core.key_epoch')),
        has_customers=bool(rows("select user_key from vault.vault.user_keys limit 1")),
        has_events=bool(rows(f'select count(*) from (select 1 from "{warehouse}".core.events limit 1)')),
        stopped=register.stopped_kinds(rows, "vault.vault"),
        newest=requests[0][0],
        withdrawn=requests[0][1],
        known=known[0][0] or 0,
        built_by=in_warehouse[0][2],
    )


def missing(home: Path) -> str | None:
    """Return in a sentence which database a home lacks, with the way out; None if both are there."""
    has_warehouse, has_vault = ((home / f"{name}.duckdb").exists() for name in ("warehouse", "vault"))
    if has_warehouse and has_vault:
        return None
    if has_warehouse or has_vault:
        return f"{_LOST_VAULT if has_warehouse else _LOST_WAREHOUSE} Nothing was changed."
    return f"{home / 'warehouse.duckdb'} does not exist: there is nothing yet in this home. Build once."


def problem(
    connection: duckdb.DuckDBPyConnection, home: Path, *, is_build: bool = False, request: str | None = None
) -> str | None:
    """Return in a sentence why a home must not be changed, with the way out; None if nothing is wrong.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the warehouse of `home`, with the vault attached as ``vault``. Nothing is written.
    home : Path
        The folder of the databases.
    is_build : bool
        Whether a build asks, which makes a warehouse that is lost anew from the event files. Everybody else
        would find nobody there.
    request : str, optional
        The kind of request that asks. One that was stopped builds wait for, so it is finished in the vault
        alone.
    """
    found = read(connection)
    if found.has_customers and not (found.has_events or is_build or request in found.stopped):
        return f"{_LOST_WAREHOUSE} Nothing was changed."
    told = _databases(found) or _publications(found, home)
    return f"{told} Nothing was changed." if told else None


def advance(connection: duckdb.DuckDBPyConnection) -> None:
    """Begin another generation in both databases, as macros/engine/duckdb/generations.sql does.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To a warehouse that a build has made, with its vault attached as ``vault``, and in no transaction:
        each step is committed, and a kill between two of them leaves databases that belong together.

    Raises
    ------
    GenerationError
        They do not, which another generation would hide.
    """
    found = read(connection)
    told = _databases(found)
    if told:
        raise GenerationError(f"{told} Nothing was changed.")
    warehouse = connection.execute("select current_database()").fetchall()[0][0]
    generation, token = found.vault + 1, str(uuid.uuid4())
    connection.execute("update vault.vault.generation set next_token = ?", [token])
    connection.execute("begin")
    connection.execute(f'delete from "{warehouse}".monitor.generation')
    connection.execute(
        f'insert into "{warehouse}".monitor.generation values (?, ?, ?)', [generation, token, __version__]
    )
    connection.execute("commit")
    connection.execute(
        "update vault.vault.generation set generation = ?, token = ?, next_token = null", [generation, token]
    )


def _databases(found: Generations) -> str | None:
    if found.built_by and _parts(found.built_by) > _parts(__version__):
        return (
            f"The warehouse was last built by clientele {found.built_by}; this is {__version__}. "
            "Use that version or a later one, or restore a backup from before."
        )
    if not found.has_ring and (found.has_epoch or (found.warehouse_token and not found.vault_token)):
        return _LOST_VAULT
    return None if found.are_together else _halves(found)


def _halves(found: Generations) -> str:
    if found.vault < found.warehouse:
        requests = (
            f": it knows of {found.newest} request(s) of customers, the warehouse of {found.known}. Who "
            "has been "
            "erased or has objected since would come back"
            if found.newest < found.known
            else f" (generation {found.vault}, the warehouse is of {found.warehouse}): files that came since "
            "would be counted twice or not at all, and destinations not hear of customers who were sent since"
        )
        return (
            f"The vault is older than the warehouse{requests}. {_WAY_OUT}"
            f"{', and carry out the later requests again' if found.newest < found.known else ''}."
        )
    if found.vault > found.warehouse:
        requests = (
            f": it knows of {found.known} request(s) of customers, the vault of {found.newest}. It may hold "
            "customers who have been erased since"
            if found.known < found.newest
            else f" (generation {found.warehouse}, the vault is of {found.vault}): events since would "
            "be missing for ever"
        )
        return f"The warehouse is older than the vault{requests}. {_WAY_OUT}."
    return (
        f"The vault and the warehouse are of two different histories (both of generation {found.vault}): "
        "one of "
        f"them was put back from before a restore. {_WAY_OUT}."
    )


def _publications(found: Generations, home: Path) -> str | None:
    """Say which publications show customers who are gone, or know of requests that the vault has lost."""
    older, newer = [], 0
    for publication in publishing.publications(home):
        n_requests = publication.manifest.get("n_requests")
        if n_requests is None:
            continue  # of a version before
        if n_requests < found.withdrawn:
            older.append(publication.folder.name)
        newer = max(newer, n_requests)
    if newer > found.newest:
        return (
            f"The publications in {home} are newer than the vault: they know of {newer} request(s) of "
            "customers, "
            f"the vault of {found.newest}. Who has been erased or has objected since would come back. "
            "Restore all "
            "parts of one moment (clientele restore), or remove the folder publications, build, and carry "
            "out "
            "the later requests again."
        )
    if older:
        return (
            f"Older publications were put back into {home}/publications ({', '.join(older)}): from before "
            "request "
            f"{found.withdrawn} in the register, they may show customers who have been erased or have "
            "objected "
            "since. Remove these folders; the next build publishes again."
        )
    return None


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
