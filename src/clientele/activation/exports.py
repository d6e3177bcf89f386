"""Export audiences: plan each delta, write it down, send it, and write down what came of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clientele.activation.destinations import DeliveryError, Destination, Unusable
from clientele.activation.ledger import Audience, Counts, Export, Ledger, LedgerError

__all__ = ["Outcome", "activate", "as_csv", "user_ids"]

# What spreadsheets take for the beginning of a formula; full width is read like ours.
_FORMULAS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001
_NUMBER = re.compile(r"[+-][0-9]+([.,][0-9]+)?")
_DIVIDES = re.compile(r"[,;|\t\r\n\"]")


@dataclass(frozen=True)
class Outcome:
    """What became of an audience at a destination.

    Attributes
    ----------
    audience : Audience
    destination : str
    counts : Counts
    status : str
        acknowledged, failed, nothing or planned.
    reason : str
        Why it failed, or why the destination has not got all of it; empty else.
    """

    audience: Audience
    destination: str
    counts: Counts
    status: str
    reason: str = ""

    @property
    def is_well(self) -> bool:
        """Whether the destination has what the audience is, as far as this run could see."""
        return not self.reason

    def described(self) -> str:
        """Return it in a line."""
        counts = self.counts
        what = f"{counts.n_added:,} added, {counts.n_removed:,} removed, {counts.n_members:,} there then"
        what = {"nothing": f"nothing to do, {counts.n_members:,} there", "planned": f"dry run: {what}"}.get(
            self.status, f"{what}: {self.status}"
        )
        said = f"{self.audience.name} at {self.destination}: {what}"
        if self.audience.status == "elsewhere":
            said += f". {self.audience.reason}"
        elif self.audience.status != "active":
            said += f". It is not active: {self.audience.reason}"
        return f"{said.rstrip('.')}." + (f" {self.reason}" if self.reason else "")


def activate(
    ledger: Ledger,
    destinations: Mapping[str, Destination | Unusable],
    *,
    audience: str | None = None,
    destination: str | None = None,
    dry_run: bool = False,
    allow_leaving: bool = False,
) -> Iterator[Outcome]:
    """Export audiences to destinations: who came and who left since what each destination has acknowledged.

    Parameters
    ----------
    ledger : Ledger
    destinations : mapping
        By name.
    audience, destination : str, optional
        Only this one; all when not given.
    dry_run : bool
        Say what would be sent, and change nothing.
    allow_leaving : bool
        Go on though more would leave than an audience allows.

    Yields
    ------
    Outcome
        In the order of names. One that fails, or is not set up as it should be, does not keep the next from
        being sent.

    Raises
    ------
    LedgerError
        There is no such audience or destination, or no build has made audiences yet.
    """
    audiences = ledger.audiences()
    for asked, known, kind in ((audience, audiences, "audience"), (destination, destinations, "destination")):
        if asked is not None and asked not in known:
            raise LedgerError(f"there is no {kind} '{asked}'. Known: {', '.join(sorted(known)) or 'none'}")
    is_settled = ledger.is_settled()
    held = set(ledger.pairs())
    pairs = held | {(name, place) for name, one in audiences.items() for place in one.destinations}
    # nobody is there any more, and files may still say who was
    emptied = {(name, place) for name, place in ledger.emptied() if place in destinations} - pairs
    for name, place in sorted(pairs | emptied):
        if audience not in (None, name) or destination not in (None, place):
            continue
        there = destinations.get(place)
        one = audiences.get(name, Audience(name))
        if there is None or isinstance(there, Unusable):
            reason = (
                f"Nothing is sent before it is set up: {there.problem}."
                if there
                else "There is no such destination any more: set it up again, so that its members can leave."
            )
            yield Outcome(one, place, Counts(0, 0, 0, 0, 0, 0), "failed", reason)
            continue
        sent = one if place in one.destinations else one.elsewhere()
        outcome = _export(ledger, sent, there, is_settled, dry_run, allow_leaving)
        if (name, place) in pairs or outcome.status not in ("nothing", "planned"):
            yield outcome


def _export(
    ledger: Ledger,
    audience: Audience,
    destination: Destination,
    is_settled: bool,
    dry_run: bool,
    allow_leaving: bool,
) -> Outcome:
    export = ledger.plan(
        audience, destination.name, allow_leaving=allow_leaving, only_required=not is_settled
    )
    counts = export.counts
    note = kept = ""
    if not is_settled:
        note = (
            "The last build did not end well, so only customers who were erased, object, are restricted or "
            "have withdrawn consent are removed: build again."
        )
        kept = note
    elif counts.n_leaving:
        note = (
            f"Stopped: {counts.n_leaving:,} would leave, more than {audience.max_leaving_share:.0%} of those "
            f"there. If that is meant: clientele activate --audience {audience.name} --allow-leaving"
        )
        # marts.activation_log publishes what is kept: no count of customers
        kept = f"Stopped: more than {audience.max_leaving_share:.0%} of those there would leave."
    if dry_run:
        ledger.warehouse.rollback()
        return Outcome(audience, destination.name, counts, "planned", note)
    if counts.is_nothing and not destination.has_leftovers(audience.name, counts.n_members):
        ledger.warehouse.rollback()
        return Outcome(audience, destination.name, counts, "nothing", note)
    ledger.begin(export, _now(), kept)
    try:
        destination.send(export)
    except DeliveryError as problem:
        ledger.fail(export, _now(), str(problem))
        reason = f"{problem}: it stays to be sent, and the next run mends it."
        return Outcome(audience, destination.name, counts, "failed", f"{reason} {note}".strip())
    ledger.acknowledge(export, _now())
    return Outcome(audience, destination.name, counts, "acknowledged", note)


def user_ids(ledger: Ledger, audience: str, purpose: str) -> list[object]:
    """Return the shop's own ids of an audience's members, sorted, and write down that they were given out.

    Parameters
    ----------
    ledger : Ledger
    audience : str
    purpose : str
        What they are for, for the record (vault.exports, destination ``ids``).

    Raises
    ------
    LedgerError
        There is no such audience, nobody is in it, or no purpose is named.
    """
    known = ledger.audiences()
    if audience not in known:
        raise LedgerError(f"there is no audience '{audience}'. Known: {', '.join(sorted(known)) or 'none'}")
    if not purpose.strip():
        raise LedgerError("name the purpose: it is kept with the record of the export")
    if not ledger.is_settled():
        raise LedgerError("the last build did not end well: build again")
    vault = ledger.warehouse.vault
    found = ledger.rows(
        f"select keys.user_id from marts.audience_members as members inner join {vault}.user_keys as keys "
        f"on members.user_key = keys.user_key where members.audience = '{audience}' "
        f"and keys.user_key not in ({ledger.objectors()}) order by keys.user_id"
    )
    if not found:
        raise LedgerError(f"nobody is in {audience}. {known[audience].reason}".strip())
    given = [user_id for (user_id,) in found if not is_formula(user_id)]
    if n_left_out := len(found) - len(given):
        why = (
            f"{n_left_out:,} ids are left out: a spreadsheet runs what begins with = + - or @ and is no "
            "number. Mend such ids where they come from"
        )
        if not given:
            raise LedgerError(f"{why}; nobody else is in {audience}")
        print(f"{why}.", file=sys.stderr)
    counts = Counts(len(given), 0, 0, len(given), 0, 0)
    number = ledger.next_number()
    export = Export(number, "ids", replace(known[audience], purpose=purpose.strip()), counts, True, ledger)
    ledger.begin(export, _now())
    ledger.acknowledge(export, _now())
    return given


def is_formula(value: object) -> bool:
    """Whether a spreadsheet would run a text. A quote in front would stop it; an id would be another one."""
    text = str(value).lstrip(" ")
    return text.startswith(_FORMULAS) and not _NUMBER.fullmatch(text)


def as_csv(ids: Iterable[object]) -> str:
    """Return ids as a file with a header: one that is a text may hold a comma or a quote.

    What divides columns in any program stands in quotes, so that no part of an id is a cell of its own.

    Examples
    --------
    >>> as_csv(["7", "a,b", "a;=b"]).splitlines()
    ['user_id', '7', '"a,b"', '"a;=b"']
    """
    quoted = ('"' + one.replace('"', '""') + '"' if _DIVIDES.search(one) else one for one in map(str, ids))
    return "\n".join(["user_id", *quoted, ""])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
