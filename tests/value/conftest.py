"""What the tests of the value room share with those of whole builds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "python"
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from support import House  # noqa: E402


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, papers=False)
