"""The Redshift stand-in, once for all tests of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "tests/redshift", ROOT / "tests/python"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from standin import MissingPostgresError, Postgres, Proxy  # noqa: E402


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except MissingPostgresError as problem:
        pytest.skip(str(problem))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    proxy = Proxy(postgres.port)
    proxy.start()
    yield proxy
    proxy.stop()
