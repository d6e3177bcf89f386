"""A killed command leaves no data of customers in the system's place for temporary files."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from clientele import scratch
from clientele.runtime import rewriting

_WORKER = """
import sys
from clientele import scratch
with scratch.folder("copy") as place:
    (place / "copy.json").write_text("514028527")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def _worker() -> subprocess.Popen:
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout.readline() == "ready\n"
    return worker


def test_a_killed_command_is_cleared_up_after_and_a_living_one_is_not(temporary, tmp_path):
    of_somebody = temporary / "clientele-scratch-copy-of-mine"
    of_somebody.mkdir()
    killed, living = _worker(), _worker()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(list(temporary.rglob("copy.json"))) == 2

    home = tmp_path / "home"
    home.mkdir()
    rewriting.finish(home)  # what each command of a home begins with
    (left,) = temporary.rglob("copy.json")
    assert os.stat(left.parent).st_mode & 0o777 == 0o700
    assert of_somebody.exists()

    living.communicate("")
    assert living.returncode == 0
    assert not list(temporary.rglob("copy.json"))


def test_no_command_makes_a_folder_that_outlives_it():
    """Data of customers goes to a scratch folder, or to the home, where the next command clears up."""
    package = Path(scratch.__file__).parent
    makers = {path.name for path in package.rglob("*.py") if "\nimport tempfile" in path.read_text()}
    assert makers == {"scratch.py", "backups.py"}
