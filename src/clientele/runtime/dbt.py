"""How dbt is started as a process of its own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_FRAME = re.compile(
    r"""
    ([0-9]{2}:[0-9]{2}:[0-9]{2}\s+)?Encountered\ an\ error:?
    | [A-Za-z]+\ Error\ in\ .*  # the node
    | >\ (in\ macro|called\ by)\ .*  # the macros that led to it
    """,
    re.VERBOSE,
)


def command(*arguments: str) -> list[str]:
    """Return the command line of the dbt beside this Python, or else of the one on the path."""
    beside = Path(sys.executable).with_name("dbt")
    return [str(beside) if beside.exists() else "dbt", *arguments]


def environment(**settings: str) -> dict[str, str]:
    """Return the variables to start it with: this process's own, these settings, and where profiles are.

    dbt finds profiles/ in the project's folder only when it is told; who has said something else is obeyed.
    """
    found = {**os.environ, **settings}
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
