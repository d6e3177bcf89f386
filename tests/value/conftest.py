"""What the tests of the value room share with those of whole builds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, papers=False)
