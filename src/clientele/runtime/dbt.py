"""How dbt is started as a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


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
