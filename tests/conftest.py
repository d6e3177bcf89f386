"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import atexit
import fcntl
import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest
import shop_simulator
from support import IS_LONG, PARSED, House

# The same examples in each run of `make test`, so that it fails for a change and for nothing else; others in
# each long run, which prints how to see a failing one again.
hypothesis.settings.register_profile(
    "clientele", deadline=None, derandomize=not IS_LONG, database=None, print_blob=True
)
hypothesis.settings.load_profile("clientele")


@atexit.register
def _end_quietly() -> None:
    """Mute what DuckDB's bindings call leaks after pytest's last line: what failed builds keep alive."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers share what one has parsed of the project."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(_Failures(config))
    if PARSED not in os.environ:
        folder = TemporaryDirectory(prefix="parsed-")
        os.environ[PARSED] = folder.name
        config.add_cleanup(lambda: (os.environ.pop(PARSED), folder.cleanup()))


# The files that take longest, so that no worker is left with one when the others have nothing more to do.
# `make test` hands files out in this order (--no-loadscope-reorder); files that are not named come last.
LONGEST_FIRST = (
    "test_build_segments",
    "test_parity",
    "test_build_state",
    "test_build_privacy",
    "test_rights",
    "test_kept_tables",
    "test_build_models",
    "test_faults",
    "test_build_ingest",
    "test_identity",
    "test_backups",
    "test_growth",
    "test_walks",
    "test_order",
    "test_retention",
    "test_build_short_histories",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def part_of(nodeid: str) -> str:
    """Return the part of the suite that a test belongs to: a room of tests/, or a package."""
    folders = nodeid.split("::")[0].split("/")[:-1]
    return "/".join(folders[:2]) if folders[:1] == ["packages"] else "/".join(folders[1:2])


def processor_seconds() -> float:
    """Return what this process and those that it has waited for have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


LAST_REPORT = [0.0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Note what was used since the last report: of a busy machine that says more than the clock."""
    report = yield
    now = processor_seconds()
    report.processor_seconds, LAST_REPORT[0] = now - LAST_REPORT[0], now
    return report


class _Failures:
    """Says at once what fails: the run goes on for a while before it explains."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            lines = report.longreprtext.strip().splitlines()
            told = [line for line in lines if line.startswith("E ")] or lines[-1:] or [""]
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write_line(f"\nfailed: {report.nodeid} ({report.when}): {told[0][:200]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what parts and dear files took, all workers together; the cases of the lint stand apart."""
    used, seconds, cases = Counter(), Counter(), Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                for name in (part_of(report.nodeid), report.nodeid.split("::")[0]):
                    used[name] += getattr(report, "processor_seconds", 0)
                    seconds[name] += report.duration
                    cases[name] += report.when == "call"
    if sum(cases.values()) > 2:
        terminalreporter.section("time by part, and by file over 20 s: of the processor, of the clock")
        for name, spent in used.most_common():
            if spent >= 20 or not name.endswith(".py"):
                line = f"{spent:7.0f} s {seconds[name]:7.0f} s {cases[name]:6} cases  {name}"
                terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def papers(request: pytest.FixtureRequest) -> bool:
    """Whether dbt writes of its runs: yes, unless a module says PAPERS = False: no test in it reads that."""
    return getattr(request.module, "PAPERS", True)


@pytest.fixture
def house(tmp_path: Path, papers: bool) -> House:
    return House(tmp_path, papers=papers)


@pytest.fixture(scope="module")
def new_house(tmp_path_factory: pytest.TempPathFactory, papers: bool) -> Callable[..., House]:
    """Return a maker of houses that last as long as a module's tests."""
    return lambda **settings: House(tmp_path_factory.mktemp("house"), papers=papers, **settings)


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A clean synthetic shop of four months whose personas score, built once for all workers: copy it.

    A fifth month waits in the folder `later`.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "built_shop"
    folder.mkdir(exist_ok=True)
    house = House(folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            shop_simulator.generate(folder / "shop", users=5000, months=5, seed=5)
            later = folder / "later"
            later.mkdir(exist_ok=True)
            for path in (folder / "shop" / "events").iterdir():
                path.rename((later if path.name.startswith("2020-Feb") else house.lake) / path.name)
            house.build()  # with dbt's unit tests, which a first build has to bear as well
            (folder / "built").touch()
    return house
