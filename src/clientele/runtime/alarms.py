"""Alarms by change of state: who answers is told once that something is wrong, and once that it is mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["LEVELS", "Change", "changes", "states"]

LEVELS = {"ok": 0, "warn": 1, "error": 2}


class Change(NamedTuple):
    """An alarm whose state is another one than after the run before.

    `kind` is ``alarm`` when it is now worse than ``ok`` and ``mended`` when it is ``ok`` again.
    """

    kind: str
    alarm: str
    was: str
    state: str
    owner: str
    remedy: str

    @property
    def sentence(self) -> str:
        """What is told, in a line."""
        if self.kind == "mended":
            return f"clientele: {self.alarm} is mended (it was: {self.was}). For: {self.owner}."
        return (
            f"clientele: {self.alarm} is now: {self.state} (it was: {self.was}). "
            f"{self.remedy} For: {self.owner}."
        )


def states(rows: Iterable[Mapping], before: Mapping[str, Mapping]) -> dict[str, dict]:
    """Return the state of each alarm after this run.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of monitor.health_alarms as this run built it: `alarm`, `alarm_state`, `owner_name`, `remedy`.
        Empty when the run did not come so far: then everything is as it was.
    before : mapping
        What this function returned for the run before.

    Raises
    ------
    ValueError
        For a state that is none.

    Examples
    --------
    >>> row = {"alarm": "books", "alarm_state": "error", "owner_name": "us", "remedy": "Look."}
    >>> states([row], {})["books"]["state"]
    'error'
    """
    rows = list(rows)
    now = {} if rows else {name: dict(alarm) for name, alarm in before.items()}
    for row in rows:
        if row["alarm_state"] not in LEVELS:
            raise ValueError(
                f"the alarm {row['alarm']} is {row['alarm_state']!r}, and not one of {list(LEVELS)}"
            )
        now[row["alarm"]] = {
            "state": row["alarm_state"],
            "owner": row["owner_name"],
            "remedy": row["remedy"],
        }
    return now


def changes(before: Mapping[str, Mapping], now: Mapping[str, Mapping]) -> list[Change]:
    """Return the alarms whose state has changed, the worst first.

    An alarm that was not known was ``ok``, so that a first run tells only of what is wrong.

    Examples
    --------
    >>> wrong = {"books": {"state": "error", "owner": "data engineering", "remedy": "Look."}}
    >>> [change.kind for change in changes({}, wrong)]
    ['alarm']
    >>> changes(wrong, wrong)
    []
    """
    found = []
    for name, alarm in now.items():
        was = before.get(name, {}).get("state", "ok")
        if alarm["state"] != was:
            kind = "mended" if alarm["state"] == "ok" else "alarm"
            found.append(Change(kind, name, was, alarm["state"], alarm["owner"], alarm["remedy"]))
    return sorted(found, key=lambda change: (-LEVELS[change.state], change.alarm))
