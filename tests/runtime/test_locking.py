"""One at a time: whoever finds a home in use refuses, also where no database is open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clientele.runtime import locking, rewriting

# What dbt-duckdb does before it opens a database, in a process of its own.
BEGIN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from clientele.runtime import duckdb_plugin
home = Path(sys.argv[1])
creds = SimpleNamespace(path=str(home / "warehouse.duckdb"))
try:
    duckdb_plugin.Plugin.initialize(SimpleNamespace(creds=creds, _home=home), {})
except Exception as problem:
    print(type(problem).__name__, problem)
else:
    print("began")
"""


@pytest.fixture
def home(tmp_path) -> Path:
    yield tmp_path
    locking.release(tmp_path)


TAKE = """
import sys
from pathlib import Path
from clientele.runtime import locking
try:
    locking.take(Path(sys.argv[1]))
except locking.HomeInUseError as problem:
    print(problem)
else:
    print("taken")
"""


def begin(home: Path, program: str = BEGIN) -> str:
    call = [sys.executable, "-c", program, home]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


def take(home: Path) -> str:
    return begin(home, TAKE)


def test_no_build_begins_between_the_last_connection_and_the_renaming(home):
    """The new files are whole, the old ones closed and not replaced: who opens them works for nothing."""
    (home / "warehouse.duckdb").write_text("old")
    folder = rewriting.start(home)
    (folder / "warehouse.duckdb").write_text("new")
    rewriting.mark_whole(home)
    said = begin(home)
    assert f"is in use by process {os.getpid()}" in said and "Nothing was changed" in said
    assert said.startswith("DbtRuntimeError") and (home / "warehouse.duckdb").read_text() == "old"
    rewriting.finish(home)
    assert "is in use" in take(home)  # until this process has nothing open any more
    locking.release(home)
    assert take(home) == "taken\n" and (home / "warehouse.duckdb").read_text() == "new"


def test_a_lock_goes_with_its_process(home):
    taken = "import os, sys; from pathlib import Path; from clientele.runtime import locking\n"
    taken += "locking.take(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", taken, home], check=False).returncode == -9
    assert (home / ".lock").read_text().isdecimal() and take(home) == "taken\n"


def test_a_lock_is_of_the_folder_however_it_is_called(home):
    (home / "link").symlink_to(home)
    with locking.held(home):
        assert "is in use" in take(home / "link")
        with locking.held(home / "link"):
            pass
        assert "is in use" in take(home)
    assert take(home) == "taken\n"


@pytest.mark.parametrize("command", ["rollback", "report", "describe", "dossier", "requests"])
def test_no_command_waits_for_another(home, command):
    with locking.held(home):
        call = [command, "--home", home]
        said = subprocess.run(
            [sys.executable, "-c", "from clientele.cli import main; main()", *call],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert said.returncode == 1 and "is in use by process" in said.stderr and "Traceback" not in said.stderr
