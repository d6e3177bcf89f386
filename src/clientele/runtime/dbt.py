"""How dbt is started as a process of its own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from clientele.runtime.idle import Invocation

_FRAME = re.compile(
    r"""
    ([0-9]{2}:[0-9]{2}:[0-9]{2}\s+)?Encountered\ an\ error:?
    | [A-Za-z]+\ Error\ in\ .*  # the node
    | >\ (in\ macro|called\ by)\ .*  # the macros that led to it
    | compiled\ code\ at\ .*
    """,
    re.VERBOSE,
)


WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# Arguments and variables that leave a build a whole one. Others are for dbt to understand.
_VALUES = {
    "--vars": "vars",
    "--target": "target",
    "-t": "target",
    "--profile": "profile",
    "--project-dir": "project",
    "--profiles-dir": "profiles",
    "--threads": "threads",
}
_SWITCHES = {"--quiet", "-q", "--no-use-colors", "--use-colors", "--fail-fast", "-x"}
_HARMLESS = {
    "DBT_LOG_FORMAT",
    "DBT_LOG_LEVEL",
    "DBT_LOG_LEVEL_FILE",
    "DBT_LOG_PATH",
    "DBT_PARTIAL_PARSE",
    "DBT_PRINT",
    "DBT_PROFILES_DIR",
    "DBT_PROJECT_DIR",
    "DBT_QUIET",
    "DBT_SEND_ANONYMOUS_USAGE_STATS",
    "DBT_TARGET",
    "DBT_TARGET_PATH",
    "DBT_USE_COLORS",
    "DBT_WRITE_JSON",
}


def whole_build(arguments: Sequence[str], environment: Mapping[str, str]) -> Invocation | None:
    """Return what a build without unit tests is asked for, as dbt would understand it.

    None where that is for dbt to say: another argument than the plainest ones, one that is there twice, or a
    variable of the environment that may be such an argument.

    Examples
    --------
    >>> whole_build(["--select", "events"], {}) is None
    True
    >>> whole_build(["--profiles-dir", "profiles", "--vars", "{min_events: 5}"], {}).settings
    {'min_events': 5}
    """
    if any(name.startswith("DBT_") and name not in _HARMLESS for name in environment):
        return None
    found: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        name, given, value = waiting.pop(0).partition("=")
        if name in _SWITCHES and not given:
            continue
        kind = _VALUES.get(name)
        if kind is None or kind in found or not (given or waiting):
            return None
        found[kind] = value if given else waiting.pop(0)
    import yaml

    try:
        settings = yaml.safe_load(found.get("vars", "{}"))
    except yaml.YAMLError:
        return None
    if not isinstance(settings, dict):
        return None
    project = found.get("project") or environment.get("DBT_PROJECT_DIR") or ""
    profiles = found.get("profiles") or environment.get("DBT_PROFILES_DIR")
    if not profiles:
        return None
    target = found.get("target") or environment.get("DBT_TARGET")
    return Invocation(
        Path(project), Path(profiles), settings, target, found.get("profile"), with_unit_tests=False
    )


def command(*arguments: str) -> list[str]:
    """Return the command line of the dbt beside this Python, or else of the one on the path."""
    beside = Path(sys.executable).with_name("dbt")
    return [str(beside) if beside.exists() else "dbt", *arguments]


def environment(**settings: str) -> dict[str, str]:
    """Return the variables to start it with: this process's own, these settings, and where profiles are.

    dbt finds profiles/ in the project's folder only when it is told, and colours what goes to a file as well;
    who has said something else is obeyed.
    """
    found = {"DBT_USE_COLORS": str(sys.stdout.isatty()).lower(), **os.environ, **settings}
    if not found.get("DBT_PROFILES_DIR") and Path("profiles/profiles.yml").exists():
        found["DBT_PROFILES_DIR"] = "profiles"
    return found


def sentences(said: str) -> str:
    r"""Return what a build or an operation has said of an error, without dbt's frame around it.

    Parameters
    ----------
    said : str
        What dbt printed.

    Examples
    --------
    >>> sentences("Compilation Error in operation x\n  No.\n  > in macro y (z)")
    'No.'
    """
    lines = (line.strip() for line in said.splitlines())
    return "\n".join(line for line in lines if line and not _FRAME.fullmatch(line))
