"""What a run tells those who watch it: figures for Prometheus and as JSON, a word when something is wrong.

The figures stand in ``CLIENTELE_METRICS`` (``HOME/metrics`` if not set) as ``clientele.prom`` and
``clientele.json``, and are written at the end of each run, good or bad, so that each file is always whole. A
run that could not begin writes them when its process ends. Nothing in them is about a customer.

A word goes to ``CLIENTELE_ALERT_WEBHOOK`` (JSON by POST) and ``CLIENTELE_ALERT_EMAIL`` (through
``CLIENTELE_SMTP``) when the state of something has changed since the run before, for the worse or back: runs
fail, or fail otherwise; the newest event is older than ``CLIENTELE_LATE_AFTER_HOURS``; an alarm of
monitor.health_alarms. Each state is told for itself, whatever else a run finds. The states stand in
``clientele.json``, with those that each of the two was told: what one could not be told it is told by the
next run. That it could not be is said, and changes nothing about the run.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from clientele import __version__
from clientele.runtime import alarms, channels

__all__ = ["begin", "end", "end_unended", "prometheus"]

_begun: dict[Path, tuple[str, float]] = {}
_KEPT = ("lines", "loaded", "duplicates", "quarantined", "last_success_at", "last_event_at")
_HELP = {
    "last_run_timestamp_seconds": "When the last run ended.",
    "last_run_success": "1 if every model and test of the last run passed, else 0.",
    "last_run_duration_seconds": "How long the last run took.",
    "last_run_failed_nodes": "Models and tests of the last run that failed.",
    "last_run_lines": "Lines of event files that the last run took in.",
    "last_success_timestamp_seconds": "When the last run in which all passed ended; 0 if there was none.",
    "last_event_timestamp_seconds": "Time of the newest event that is held; 0 if there is none.",
    "lines": "Lines of all files by what became of them.",
    "quarantine_share": "Share of all lines that are in quarantine, from 0 to 1.",
    "alarm": "State of an alarm of monitor.health_alarms: 0 ok, 1 warn, 2 error.",
}


def begin(home: Path, command: str) -> None:
    """Note that a run has begun, whose end `end` tells, or else `end_unended`."""
    _begun[home.resolve()] = (command, time.time())
    channels.get_ready()


def end(home: Path, facts: Mapping[str, object], seconds: float = channels.SECONDS) -> list[str]:
    """Write the figures of a run, and send word if something is wrong.

    Parameters
    ----------
    home : Path
        The folder of the databases.
    facts : mapping
        `failed` (names of models and tests), `problem` (a sentence, when there is no end to tell of),
        `alarms` (rows of monitor.health_alarms, when this run has built them), and where they are known
        `run_id`, `n_run_lines`, `n_lines`, `n_loaded`, `n_duplicates`, `n_quarantined` and `last_event`
        (seconds since 1970).
    seconds : float
        How long a word may take to be sent.

    Returns
    -------
    list of str
        What could not be written or sent, in sentences.
    """
    command, began = _begun.pop(home.resolve(), ("build", time.time()))
    folder = Path(os.environ.get("CLIENTELE_METRICS") or home / "metrics")
    before = _before(folder / "clientele.json")
    now = time.time()
    failed = list(facts.get("failed") or [])
    is_good = not failed and not facts.get("problem")
    n_lines = facts.get("n_lines", before.get("lines", 0))
    told = {
        "version": __version__,
        "command": command,
        "run_id": facts.get("run_id"),
        "success": is_good,
        "problem": facts.get("problem"),
        "failed": failed[:20],
        "n_failed": len(failed),
        "ended_at": round(now, 3),
        "seconds": round(now - began, 3),
        "last_success_at": round(now, 3) if is_good else before.get("last_success_at", 0),
        "last_event_at": facts.get("last_event") or before.get("last_event_at", 0),
        "run_lines": facts.get("n_run_lines") or 0,
        "lines": n_lines,
        **{
            name: facts.get(f"n_{name}", before.get(name, 0))
            for name in ("loaded", "duplicates", "quarantined")
        },
    }
    told["quarantine_share"] = round(told["quarantined"] / n_lines, 6) if n_lines else 0.0
    problems = []
    late_after = _late_after(problems)
    hours = (now - told["last_event_at"]) / 3600 if told["last_event_at"] else None
    told["late"] = late_after is not None and hours is not None and hours > late_after
    told["alarms"] = alarms.states(facts.get("alarms") or [], before["alarms"])
    heard = {channel: _known(before) | before["channels"].get(channel, {}) for channel in channels.CHANNELS}
    # written before anybody is told, as a kill may fall into the waiting
    _write(folder, told | {"channels": heard}, [])
    told["channels"] = {
        channel: _tell(channel, told, known, hours, problems, seconds) for channel, known in heard.items()
    }
    _write(folder, told, problems)
    return problems


def _write(folder: Path, told: Mapping, problems: list[str]) -> None:
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)  # not the mask's: it is for those who collect figures
        _put(folder / "clientele.json", json.dumps(told, indent=2) + "\n")
        _put(folder / "clientele.prom", prometheus(told))
    except OSError as problem:
        problems.append(f"metrics could not be written to {folder}: {problem.strerror}")


def end_unended(home: Path, problem: str, seconds: float = channels.SECONDS) -> None:
    """Tell of a run that has begun and told of no end; does nothing for another."""
    if home.resolve() in _begun and home.is_dir():
        for sentence in end(home, {"problem": problem}, seconds):
            with suppress(OSError):  # nobody reads any more
                os.write(2, f"{sentence}\n".encode())


def _late_after(problems: list[str]) -> float | None:
    text = os.environ.get("CLIENTELE_LATE_AFTER_HOURS")
    if not text:
        return None
    with suppress(ValueError):
        if math.isfinite(hours := float(text)):
            return hours
    problems.append("CLIENTELE_LATE_AFTER_HOURS is no number of hours: nobody is told of late events")
    return None


def _before(path: Path) -> dict:
    """Return what the run before left; a file of another shape, which somebody else wrote, counts as none."""
    empty: dict = {"alarms": {}, "channels": {}}
    try:
        left = empty | json.loads(path.read_text())
        for known in (left, *left["channels"].values()):
            for alarm in known.get("alarms", {}).values():
                _ = (alarms.LEVELS[alarm["state"]], alarm["owner"] + alarm["remedy"])
        _ = (sum(left.get(name, 0) for name in _KEPT), _known(left))
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return empty
    return left


def _known(told: Mapping) -> dict:
    """Return the states that are told when they change: what failed (None if nothing), lateness, alarms."""
    failure = None if told.get("success", True) else told.get("problem") or ", ".join(told["failed"])
    return {"failure": failure, "late": bool(told.get("late")), "alarms": told["alarms"]}


def _tell(
    channel: str, told: Mapping, heard: Mapping, hours: float | None, problems: list[str], seconds: float
) -> dict:
    """Send a channel what is news to it; returns the states as it knows them then.

    The first word that does not come is the last that is tried: a server that hangs takes its time once.
    """
    if not os.environ.get(channel):
        return _known(told)
    heard = dict(heard)
    for kind, sentence, change in _news(told, heard, hours):
        facts = {**told, "alarm": change._asdict()} if isinstance(change, alarms.Change) else told
        has_come, problem = channels.tell(channel, kind, sentence, facts, seconds)
        problems += [problem] if problem else []
        if not has_come:
            return heard
        if isinstance(change, alarms.Change):
            change = {"alarms": {**heard["alarms"], change.alarm: told["alarms"][change.alarm]}}
        heard |= change
    return _known(told)


def _news(
    told: Mapping, heard: Mapping, hours: float | None
) -> list[tuple[str, str, Mapping | alarms.Change]]:
    """Return (kind, sentence, what is known by it) of each state that is not what was heard of it."""
    now = _known(told)
    news = []
    if now["failure"] != heard["failure"]:
        sentence = "clientele: runs succeed again"
        if now["failure"] is not None:
            what = told["problem"] or ", ".join(told["failed"][:5])
            sentence = f"dbt {told['command']} of clientele failed: {what}"
        kind = "mended" if now["failure"] is None else "failure"
        news.append((kind, sentence, {"failure": now["failure"]}))
    if now["late"] != heard["late"]:
        sentence = "clientele: the newest event is no longer late"
        if now["late"]:
            sentence = f"clientele: the newest event is {hours:,.0f} hours old"
        news.append(("late" if now["late"] else "mended", sentence, {"late": now["late"]}))
    changes = alarms.changes(heard["alarms"], told["alarms"])
    return news + [(change.kind, change.sentence, change) for change in changes]


def prometheus(told: Mapping) -> str:
    """Return the figures in Prometheus' text format, version 0.0.4."""
    values = {
        "last_run_timestamp_seconds": told["ended_at"],
        "last_run_success": int(told["success"]),
        "last_run_duration_seconds": told["seconds"],
        "last_run_failed_nodes": told["n_failed"],
        "last_run_lines": told["run_lines"],
        "last_success_timestamp_seconds": told["last_success_at"],
        "last_event_timestamp_seconds": told["last_event_at"],
        "quarantine_share": told["quarantine_share"],
        **{f'lines{{fate="{name}"}}': told[name] for name in ("loaded", "duplicates", "quarantined")},
        **{
            f'alarm{{name="{name}"}}': alarms.LEVELS[alarm["state"]]
            for name, alarm in sorted((told.get("alarms") or {}).items())
        },
    }
    lines, seen = [], set()
    for key, value in values.items():
        name = key.split("{")[0]
        if name not in seen:
            lines += [f"# HELP clientele_{name} {_HELP[name]}", f"# TYPE clientele_{name} gauge"]
            seen.add(name)
        lines.append(f"clientele_{key} {value}")
    return "\n".join(lines) + "\n"


def _put(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(text)
    draft.chmod(0o644)  # for whoever collects figures, under another name of the system
    os.replace(draft, path)
