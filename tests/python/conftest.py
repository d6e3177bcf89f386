"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support import House


@atexit.register
def _end_quietly() -> None:
    """Mute what DuckDB's bindings call leaks after pytest's last line: what failed builds keep alive."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def new_house(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., House]:
    """Return a maker of houses that last as long as a module's tests."""
    return lambda **settings: House(tmp_path_factory.mktemp("house"), **settings)
