"""Who may be at which destination: the register ``vault.destination_ledger``, and what follows from it.

A pseudonym is written down before it is sent, and struck out when the destination has acknowledged that it is
gone. In between nobody knows whether it is there, so it counts as being there:

============  ==========================================================================
``adding``    sent as an addition, or about to be; no acknowledgement yet: sent again
``member``    the addition is acknowledged
``leaving``   sent as a removal, or about to be; no acknowledgement yet: sent again
============  ==========================================================================

So an acknowledgement that is lost, or a process that is killed, costs a repetition and nothing else, and
nothing is ever removed that was not sent as an addition before. All of it is SQL that both engines take: what
grows with the number of customers stays in the warehouse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from clientele.errors import ClienteleError

__all__ = ["Audience", "Counts", "Export", "Ledger", "LedgerError", "Warehouse"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ROWS_AT_ONCE = 50_000


class LedgerError(ClienteleError, ValueError):
    """There is nothing to export from; the message says what to do."""


class Warehouse(Protocol):
    """A connection in which a transaction lasts until it is committed or rolled back.

    Attributes
    ----------
    vault : str
        What stands before a table of the vault: ``vault.vault`` on DuckDB, ``vault`` on Redshift.
    """

    vault: str

    def execute(self, sql: str) -> None:
        """Run a statement."""

    def batches(self, sql: str, size: int) -> Iterator[list[tuple]]:
        """Yield the rows of a query, at most `size` at a time."""

    def rows(self, sql: str) -> list[tuple]:
        """Return all rows of a query whose answer is small."""

    def commit(self) -> None:
        """End the transaction; what it has done stays."""

    def rollback(self) -> None:
        """End the transaction as if nothing had been done."""

    def advance(self) -> None:
        """Note another moment, beside the transaction, so that a vault put back from before is refused."""


@dataclass(frozen=True)
class Audience:
    """What marts.audiences says of an audience.

    Attributes
    ----------
    name, label, purpose, status, reason, as_of : str
        As in the table; `as_of` is a date, and empty for an audience that is there no more.
    max_leaving_share : float
        An export stops when more than this share of those at a destination would leave.
    destinations : tuple of str
        Where it may be sent.
    consent : str
        The purpose that its customers have to consent to; empty where it asks for none.
    """

    name: str
    label: str = ""
    purpose: str = ""
    status: str = "removed"
    reason: str = "There is no such audience any more."
    as_of: str = ""
    max_leaving_share: float = 1.0
    destinations: tuple[str, ...] = ()
    consent: str = ""

    def elsewhere(self) -> Audience:
        """Return it as it is for a destination that its file names no more: everybody leaves there."""
        if not self.destinations:
            return self
        reason = "Its file does not name this destination any more."
        return replace(self, status="elsewhere", reason=reason, max_leaving_share=1.0, destinations=())


@dataclass(frozen=True)
class Counts:
    """What an export comes to.

    Attributes
    ----------
    n_added, n_removed : int
        Pseudonyms to send, those of earlier exports without an acknowledgement among them.
    n_required : int
        Of the removals, those of customers who were erased, object, are restricted or have withdrawn consent.
    n_members : int
        At the destination once it has acknowledged.
    n_leaving : int
        Customers who would leave for another reason, when that is why the export was stopped; else 0.
    n_before : int
        Pseudonyms that may be there before.
    """

    n_added: int
    n_removed: int
    n_required: int
    n_members: int
    n_leaving: int
    n_before: int

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to send."""
        return not self.n_added and not self.n_removed


@dataclass(frozen=True)
class Export:
    """An export that has been written down and may be sent, once or again.

    Attributes
    ----------
    number : int
        Grows with each export of a warehouse: a destination may pass over what is older than it has seen.
    destination : str
    audience : Audience
    counts : Counts
    has_additions : bool
        False for one that removes only.
    ledger : Ledger
        Where pseudonyms come from, in batches.
    """

    number: int
    destination: str
    audience: Audience
    counts: Counts
    has_additions: bool
    ledger: Ledger

    def added(self, size: int = _ROWS_AT_ONCE) -> Iterator[list[str]]:
        """Yield lists of at most `size` pseudonyms to add, in order."""
        return self.ledger._keys(self, ["adding"], size) if self.has_additions else iter(())

    def removed(self, size: int = _ROWS_AT_ONCE) -> Iterator[list[str]]:
        """Yield lists of at most `size` pseudonyms to remove, in order."""
        return self.ledger._keys(self, ["leaving"], size)

    def members(self, size: int = _ROWS_AT_ONCE) -> Iterator[list[str]]:
        """Yield lists of at most `size` pseudonyms that are there after the export, in order."""
        return self.ledger._keys(self, ["adding", "member"] if self.has_additions else ["member"], size)


class Ledger:
    """The ledger of a warehouse.

    Parameters
    ----------
    warehouse : Warehouse
        With the tables of a build.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._table = f"{warehouse.vault}.destination_ledger"
        self._exports = f"{warehouse.vault}.exports"

    def rows(self, sql: str) -> list[tuple]:
        """Return all rows of a query whose answer is small."""
        return self.warehouse.rows(sql)

    def audiences(self) -> dict[str, Audience]:
        """Return the audiences of the last build, and those that are only left at a destination, by name."""
        rows = self.rows(
            "select audience, label, purpose, status, reason, as_of_date, max_leaving_share, destinations, "
            "coalesce(consent_purpose, '') from marts.audiences order by audience"
        )
        found = {
            name: Audience(
                name,
                label,
                purpose,
                status,
                reason or "",
                str(day),
                # its last day is over: that everybody leaves is no sign of a broken feed
                1.0 if status == "expired" else share,
                tuple(places.split()),
                consent,
            )
            for name, label, purpose, status, reason, day, share, places, consent in rows
        }
        left = {audience: Audience(audience) for audience, _ in self.pairs() if audience not in found}
        return found | left

    def pairs(self) -> list[tuple[str, str]]:
        """Return each audience and destination of which something may be there."""
        return self.rows(f"select distinct audience, destination from {self._table} order by 1, 2")

    def n_gone(self) -> int:
        """Return how many pseudonyms are held of nobody: of the erased, and of before a rotation."""
        keys = f"select user_key from {self.warehouse.vault}.user_keys"
        return self._count(f"select count(*) from {self._table} where member_key not in ({keys})")

    def emptied(self) -> list[tuple[str, str]]:
        """Return each audience and destination whose last export has named who was removed."""
        return self.rows(
            "select audience, destination from (select audience, destination, n_removed, row_number() over "
            "(partition by audience, destination order by export_number desc) as place "
            f"from {self._exports}) as told where place = 1 and n_removed > 0 order by 1, 2"
        )

    def next_number(self) -> int:
        """Return the number that no export has had."""
        return self._count(f"select coalesce(max(export_number), 0) + 1 from {self._exports}")

    def is_settled(self) -> bool:
        """Return whether the last build ended well, so that its tables may be sent."""
        runs = self.rows(
            "select starts.run_id, max(ends.status) from monitor.run_log as starts "
            "left join monitor.run_log as ends on starts.run_id = ends.run_id and ends.entry = 'ended' "
            "where starts.entry = 'started' "
            "group by starts.run_id, starts.logged_at order by starts.logged_at desc nulls last limit 1"
        )
        return bool(runs) and runs[0][1] == "succeeded"

    def plan(
        self,
        audience: Audience,
        destination: str,
        *,
        allow_leaving: bool = False,
        only_required: bool = False,
    ) -> Export:
        """Write down what is to be sent, in a transaction that the caller commits or rolls back.

        Parameters
        ----------
        audience : Audience
        destination : str
        allow_leaving : bool
            Go on though more than ``audience.max_leaving_share`` of those at the destination would leave.
        only_required : bool
            Send nothing but removals of customers who were erased, object, are restricted or have withdrawn
            consent.

        Returns
        -------
        Export
            When it was stopped (``counts.n_leaving``) it removes only: whom it has to, and what earlier
            exports have left without an acknowledgement.
        """
        here = f"audience = {_literal(audience.name)} and destination = {_literal(destination)}"
        vault = self.warehouse.vault
        number = self.next_number()
        goes_there = "true" if destination in audience.destinations else "false"
        # Erased customers have no pseudonym any more, nor has anybody under the one before a rotation. Of who
        # has withdrawn consent a line says so: a broken feed, which the stop is for, has no such lines.
        self.warehouse.execute("drop table if exists clientele_delta")
        self.warehouse.execute(
            f"create temporary table clientele_delta as with objectors as ({self.objectors()}) select "
            "coalesce(held.member_key, wanted.user_key) as member_key, "
            "coalesce(held.standing, 'absent') as standing, "
            "wanted.user_key is not null as is_wanted, "
            "held.member_key is not null "
            "and (keys.user_key is null or objectors.user_key is not null or withdrawn.user_sk is not null) "
            "as is_required "
            f"from (select member_key, standing from {self._table} where {here}) as held full outer join "
            "(select user_key from marts.audience_members "
            f"where audience = {_literal(audience.name)} and {goes_there} "
            "and user_key not in (select user_key from objectors)) as wanted "
            "on held.member_key = wanted.user_key "
            f"left join {vault}.user_keys as keys on held.member_key = keys.user_key "
            "left join objectors on keys.user_key = objectors.user_key "
            "left join core.consent_states as withdrawn on keys.user_sk = withdrawn.user_sk "
            f"and withdrawn.purpose = {_literal(audience.consent)} and withdrawn.consent_state = 'withdrawn'"
        )
        found = Counter()
        for standing, is_wanted, is_required, n_keys in self.rows(
            "select standing, is_wanted, is_required, count(*) from clientele_delta "
            "group by standing, is_wanted, is_required"
        ):
            found[standing, bool(is_wanted), bool(is_required)] = n_keys
        n_before = sum(n_keys for (standing, *_), n_keys in found.items() if standing != "absent")
        n_required = sum(n_keys for (*_, is_required), n_keys in found.items() if is_required)
        n_leaving = 0 if only_required else found["member", False, False]
        n_there = found["member", False, False] + found["member", True, False]
        if n_leaving and audience.status == "too_small":
            # its minimum sends them away: how many meet its conditions no more says whether a feed is broken
            n_leaving -= self._count(
                "select count(*) from clientele_delta as delta inner join core.audience_matches as matches "
                f"on delta.member_key = matches.user_key and matches.audience = {_literal(audience.name)} "
                "where delta.standing = 'member' and not delta.is_wanted and not delta.is_required"
            )
        is_stopped = n_leaving > audience.max_leaving_share * n_there and not allow_leaving
        has_additions = not only_required and not is_stopped

        leaves = ["is_required"]
        if not only_required:
            leaves.append(
                "(standing = 'adding' and not is_wanted)"
            )  # not acknowledged, and not wanted any more
        if has_additions:
            leaves.append("(standing = 'member' and not is_wanted)")
        marked = f"update {self._table} set export_number = {number}, standing ="
        chosen = f"where {here} and member_key in (select member_key from clientele_delta where"
        self.warehouse.execute(
            f"{marked} 'leaving' {chosen} standing in ('adding', 'member') and ({' or '.join(leaves)}))"
        )
        if has_additions:
            self.warehouse.execute(
                f"{marked} 'adding' {chosen} standing = 'leaving' and is_wanted and not is_required)"
            )
            self.warehouse.execute(
                f"insert into {self._table} (destination, audience, member_key, standing, export_number) "
                f"select {_literal(destination)}, {_literal(audience.name)}, member_key, 'adding', {number} "
                "from clientele_delta where standing = 'absent'"
            )
        standings = dict(
            self.rows(f"select standing, count(*) from {self._table} where {here} group by standing")
        )
        n_added = standings.get("adding", 0) if has_additions else 0
        counts = Counts(
            n_added=n_added,
            n_removed=standings.get("leaving", 0),
            n_required=n_required,
            n_members=n_added + standings.get("member", 0),
            n_leaving=n_leaving if is_stopped else 0,
            n_before=n_before,
        )
        return Export(number, destination, audience, counts, has_additions, self)

    def objectors(self) -> str:
        """Return a query for the `user_key` of all who have objected, or whose data is restricted.

        The warehouse knows them by their number; the vault's registers are asked, too, so that no table that
        was not built anew since lets anybody out.
        """
        vault = self.warehouse.vault
        return (
            f"select keys.user_key from {vault}.user_keys as keys "
            "inner join core.profiling_objections as objections on keys.user_sk = objections.user_sk "
            f"union select keys.user_key from {vault}.user_keys as keys "
            f"inner join (select user_id from {vault}.objections union select user_id from "
            f"{vault}.restrictions) as asked on keys.user_id = asked.user_id"
        )

    def begin(self, export: Export, at: str, note: str = "") -> None:
        """Write down that an export begins at a moment (UTC), and commit it with its plan.

        A vault from before has no word of what is sent now: the destination would never hear who is to leave.
        """
        self.warehouse.advance()
        audience, counts = export.audience, export.counts
        texts = ", ".join(_literal(text) for text in (export.destination, audience.name, audience.purpose))
        as_of = f"cast({_literal(audience.as_of)} as date)" if audience.as_of else "cast(null as date)"
        self.warehouse.execute(
            f"insert into {self._exports} (export_number, destination, audience, purpose, status, reason, "
            "as_of_date, started_at, n_added, n_removed, n_members) select "
            f"{export.number}, {texts}, 'sent', nullif({_literal(note[:1000])}, ''), {as_of}, "
            f"cast({_literal(at)} as timestamp), "
            f"{counts.n_added}, {counts.n_removed}, {counts.n_members}"
        )
        self.warehouse.commit()

    def acknowledge(self, export: Export, at: str) -> None:
        """Strike out who is gone, and count who came as a member; in one transaction."""
        here = f"audience = {_literal(export.audience.name)} and destination = {_literal(export.destination)}"
        self.warehouse.execute(f"delete from {self._table} where {here} and standing = 'leaving'")
        if export.has_additions:
            self.warehouse.execute(
                f"update {self._table} set standing = 'member' where {here} and standing = 'adding'"
            )
        self._end(export, "acknowledged", at)

    def fail(self, export: Export, at: str, reason: str) -> None:
        """Write down that an export was not acknowledged; the next one sends what it had."""
        self._end(export, "failed", at, reason)

    def _end(self, export: Export, status: str, at: str, reason: str = "") -> None:
        noted = f", reason = {_literal(reason[:1000])}" if reason else ""
        self.warehouse.execute(
            f"update {self._exports} set status = '{status}', "
            f"ended_at = cast({_literal(at)} as timestamp){noted} "
            f"where export_number = {export.number}"
        )
        self.warehouse.commit()

    def _count(self, sql: str) -> int:
        return int(self.rows(sql)[0][0])

    def _keys(self, export: Export, standings: list[str], size: int) -> Iterator[list[str]]:
        here = f"audience = {_literal(export.audience.name)} and destination = {_literal(export.destination)}"
        told = ", ".join(_literal(standing) for standing in standings)
        query = (
            f"select member_key from {self._table} where {here} and standing in ({told}) order by member_key"
        )
        for batch in self.warehouse.batches(query, size):
            yield [key for (key,) in batch]


def is_name(text: str) -> bool:
    """Return whether a text can be the name of an audience or a destination."""
    return _NAME.fullmatch(text) is not None


def _literal(text: str) -> str:
    """Return a text as an SQL literal of either engine: Redshift would read a backslash as an escape."""
    return "'" + text.replace("'", "''").replace("\\", "/") + "'"
