"""The Redshift stand-in, once for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redshift_lint import refusals
from standin import MissingPostgresError, Postgres, Proxy


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


@pytest.fixture(scope="module")
def strict(postgres: Postgres) -> Iterator[Proxy]:
    """A stand-in that refuses what Redshift would."""
    proxy = Proxy(postgres.port, lint=lambda sql: [finding.message for finding in refusals(sql)])
    proxy.start()
    yield proxy
    proxy.stop()
