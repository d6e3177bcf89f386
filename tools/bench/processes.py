"""Commands and dbt runs as processes of their own, and what they cost."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from clientele.privacy.keys import ENVIRONMENT_VARIABLE
from clientele.runtime.fits import TAG as FIT
from clientele.runtime.idle import FORCE

ROOT = Path(__file__).resolve().parents[2]
_DBT = [str(Path(sys.executable).with_name("dbt"))]


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Attributes
    ----------
    seconds : float
        Wall time of what is compared: of the process, or of the part of it that the task is about.
    cpu_seconds : float
        Of all threads of the whole process and of those that it has started, in the kernel too.
    peak_bytes : int
        Largest resident set of the process.
    written_bytes : int
        Handed to the file system's disks by the process.
    parts : dict of str to float
        Seconds of the nodes of a dbt run; under ``start`` those before its first node, under ``fit`` those
        of its `fit_nodes`.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    written_bytes: int
    parts: dict[str, float] = field(default_factory=dict)


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[Cost, str]:
    """Run a command to its end; return its cost and what it said.

    Raises
    ------
    RuntimeError
        The command failed; with the end of what it said.
    """
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said[-3000:]}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Cost(seconds, cpu_seconds, usage.ru_maxrss * 1024, usage.ru_oublock * 512), said


def run_task(task: str, *arguments: str) -> Cost:
    """Run a function of `TASKS` in a process of its own; its seconds are those that it reports."""
    cost, said = run([sys.executable, "-m", "tools.bench", "--task", task, *arguments])
    return replace(cost, seconds=float(said.strip().splitlines()[-1]))


def build(home: Path, events: Iterable[Path | str], *arguments: str, heads: str = "none") -> Cost:
    """Run `dbt build`, without prediction heads unless `heads` names some: their fits are no data's business.

    It builds also where nothing is new. Its seconds leave out dbt's own start; its parts have that and every
    node.
    """
    return _dbt(home, *_build_call(heads), *arguments, **_events(events), **{FORCE: "1"})


def look(home: Path, events: Iterable[Path | str], program: str) -> Cost:
    """Run `dbt build` or `clientele build` where nothing is new, so that it only compares.

    Its seconds are those of the whole process.

    Raises
    ------
    RuntimeError
        It built.
    """
    call = [str(Path(sys.executable).with_name(program)), *_build_call("none")]
    cost, said = run(call, _environment(home) | _events(events))
    if "nothing to do" not in said:
        raise RuntimeError(f"a build on nothing new did something:\n{said[-3000:]}")
    return cost


def _build_call(heads: str) -> tuple[str, ...]:
    return ("build", "--profiles-dir", "profiles", "--vars", f"prediction_heads: {heads}")


def _events(paths: Iterable[Path | str]) -> dict[str, str]:
    return {"CLIENTELE_EVENTS": "\n".join(str(path) for path in paths)}


def operate(home: Path, operation: str, **environment: str) -> Cost:
    """Run an operation of ours; its seconds leave out dbt's own start."""
    return _dbt(home, "run-operation", "--profiles-dir", "profiles", operation, **environment)


def _environment(home: Path) -> dict[str, str]:
    return {
        "CLIENTELE_HOME": str(home),
        ENVIRONMENT_VARIABLE: _key(),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _dbt(home: Path, *arguments: str, **environment: str) -> Cost:
    target = home / "target"
    started = time.time()
    cost, _ = run([*_DBT, *arguments], _environment(home) | environment)
    results = json.loads((target / "run_results.json").read_text())["results"]
    parts: dict[str, float] = {}
    first = time.time()
    for result in results:
        parts[result["unique_id"].split(".", 2)[2]] = result["execution_time"]
        for timing in result["timing"]:
            if timing["started_at"]:
                first = min(first, _timestamp(timing["started_at"]))
    parts["start"] = first - started
    parts["fit"] = sum(
        parts.get(node, 0.0) for node in fit_nodes(json.loads((target / "manifest.json").read_text()))
    )
    return replace(cost, seconds=cost.seconds - parts["start"], parts=parts)


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@cache
def _key() -> str:
    return secrets.token_hex(32)


def without_fit(cost: Cost) -> float:
    """Seconds of a build without dbt's start and the model fit."""
    return cost.seconds - cost.parts["fit"]


def fit_nodes(graph: dict) -> set[str]:
    """Return what belongs to fits and not to the data, by name: models that fit, and what they alone read."""
    models = {name: node for name, node in graph["nodes"].items() if node["resource_type"] == "model"}
    readers = {name: {one for one in graph["child_map"].get(name, []) if one in models} for name in models}
    found = {name for name, node in models.items() if FIT in node["config"]["tags"]}
    while more := {name for name in models if name not in found and readers[name] and readers[name] <= found}:
        found |= more
    return {name.split(".", 2)[2] for name in found}


def nodes_of(graph: dict, rooms: Iterable[str]) -> set[str]:
    """Return the names of models and tests that stand in these rooms of models/."""
    return {
        name.split(".", 2)[2]
        for name, node in graph["nodes"].items()
        if node["resource_type"] in ("model", "test") and set(node["fqn"][1:2]) & set(rooms)
    }


def manifest(home: Path) -> dict:
    """Return what dbt knew of the project when it last ran here."""
    return json.loads((home / "target" / "manifest.json").read_text())


def ancestors(graph: dict, name: str) -> set[str]:
    """Return the names of a model and of everything that is built before it."""
    found: set[str] = set()
    waiting = [f"model.clientele.{name}"]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += graph["parent_map"].get(node, [])
    return {node.split(".", 2)[2] for node in found}
