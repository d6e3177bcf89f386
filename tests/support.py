"""What the end-to-end tests share: events as lines, houses to build, and what a build has left."""

from __future__ import annotations

import csv
import fcntl
import gc
import gzip
import hashlib
import io
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import duckdb
import quick_dbt
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from clientele.ids import normal_id
from clientele.intake.lake import COLUMNS
from clientele.privacy import keys
from clientele.report import page_writer
from clientele.runtime import idle, locking, rewriting

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # tools/ is installed nowhere, and some tests start processes elsewhere
    sys.path.append(str(ROOT))
from tools.compare import BOOKKEEPING, PROVENANCE  # noqa: E402

KEY = "for tests only, and no secret: 9f3c1d77"
NEXT_KEY = "another key for tests, and no secret: 1d5b88"
MATERIAL = keys.derive(KEY)
HEADER = ",".join(COLUMNS)
# The long forms: every case, many draws. A short form takes a few of many like cases, the same each time.
IS_LONG = os.environ.get("CLIENTELE_LONG") == "1"
# The environment variable that names the folder where processes of one test run share what they have parsed.
PARSED = "TESTS_PARSED"

# Vars that would be SQL, each in a place of its own.
INJECTIONS = [
    ("window_days", "90; drop table core.users; --"),
    ("session_gap_minutes", "30 or 1=1"),
    ("premium_z", "1e3"),
    ("as_of", "2019-10-01') or ('1'='1"),
    ("latest_event_date", "2019-10-01' --"),
    ("earliest_event_date", "2019-10-01;"),
    ("on_refused_file", "skip' --"),
    ("refit", 2),
]

# A manifest is a million objects that live as long as a build, and Python looks through them all, again and
# again, for circles that nobody can reach.
gc.set_threshold(200_000, 20, 100)


def debug_too(_: object) -> None:
    """Watch a run in a house without papers: what it says has dbt's debug messages then."""


# What most builds of these tests need. dbt's own tests take longer than tables of so few events.
WITHOUT_TESTS = ("--exclude-resource-type", "test", "unit_test")
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")  # they know nothing of the warehouse
UP_TO_EVENTS = ("--select", "+reconciliation", *WITHOUT_TESTS)
# What dbt tests is a promise, too: a file that is read must not stop the build of which it is a part.
TESTED_UP_TO_EVENTS = ("--select", "+reconciliation", *WITHOUT_UNIT_TESTS, "--indirect-selection", "cautious")
SELECTED = (
    *("--select", "+reconciliation", "+user_features"),
    *("customer_visits", "customer_months", "customer_tastes"),
)
UP_TO_FEATURES = (*SELECTED, *WITHOUT_TESTS)
TESTED_UP_TO_FEATURES = (*SELECTED, "--indirect-selection", "cautious")


# In shops of these tests nobody objects, nothing is given back (test_refunds.py) and nothing is fitted.
WITHOUT_ROWS = ("profiling_objections", "refunds", "refund_lines", "_fit_fields", "_study_fields")


@dataclass(frozen=True, order=True)
class Event:
    """One event as a shop writes it: nine texts."""

    event_time: str = "2019-10-01 12:00:00 UTC"
    event_type: str = "view"
    product_id: str = "1001"
    category_id: str = "2053013552326770905"
    category_code: str = "electronics.smartphone"
    brand: str = "acme"
    price: str = "10.00"
    user_id: str = "500000001"
    user_session: str = "26dd6e6e-4dac-4778-8d2c-92e149dab885"

    def line(self, columns: Iterable[str] = COLUMNS) -> str:
        """Return the line of this event, quoted where RFC 4180 asks for it, without its end."""
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(getattr(self, column) for column in columns)
        return text.getvalue()

    def row(self) -> tuple:
        """Return the row of core.events that this event must become, pseudonyms by Python."""
        return (
            keys.user_sk(keys.user_key(str(normal_id(self.user_id, "integer")), MATERIAL)),
            keys.session_sk(self.user_session.strip(), MATERIAL) if self.user_session.strip() else 0,
            datetime.fromisoformat(self.event_time.strip()[:19]),
            self.event_type,
            int(self.product_id),
            self.category_id or None,
            *(getattr(self, name).strip().lower() or None for name in ("category_code", "brand")),
            Decimal(self.price).quantize(Decimal("0.0001")),
            None,
            None,
            None,
        )


def some(cases: Iterable[Any], n: int) -> list[Any]:
    """Return all cases in the long form, and `n` of them, drawn with a fixed seed, in the short one."""
    cases = list(cases)
    if IS_LONG or len(cases) <= n:
        return cases
    return [cases[place] for place in sorted(random.Random(n).sample(range(len(cases)), n))]


def csv_lines(*lines: str) -> bytes:
    """Return a plain file of these lines, below the header."""
    return "".join(f"{line}\n" for line in [HEADER, *lines]).encode()


def csv_text(events: Iterable[Event]) -> bytes:
    """Return a plain file of these events."""
    return csv_lines(*(event.line() for event in events))


def packed(content: bytes) -> bytes:
    """Return the content as gzip, the same bytes each time."""
    return gzip.compress(content, mtime=0)


@dataclass(frozen=True)
class Account:
    """What became of the lines of a file."""

    lines: int
    headers: int = 1
    blank: int = 0
    loaded: int = 0
    duplicates: int = 0
    quarantined: int = 0
    erased: int = 0
    expired: int = 0
    refunds: int = 0
    unaccounted: int = 0


@dataclass
class Build:
    """What one run of dbt said and did."""

    succeeded: bool
    said: str
    status: dict[str, str]
    compiled: dict[str, str]

    def rebuilt(self, name: str) -> bool:
        return self.status.get(name) == "success"


@dataclass
class Table:
    """Rows of a table in an order that depends on nothing but themselves."""

    columns: list[str]
    rows: list[tuple]


@dataclass
class House:
    """A lake of files and the warehouse that is built from it, in a folder of its own.

    Without `papers` dbt writes no manifest, no results and no log, and a publication has no pages for people:
    a third of a small build's time.
    """

    folder: Path
    variables: dict[str, object] = field(default_factory=dict)
    papers: bool = True

    def __post_init__(self) -> None:
        self.lake = self.folder / "lake"
        self.home = self.folder / "warehouse"
        self.target = self.folder / "target"
        self.logs = self.folder / "logs"
        self.lake.mkdir(parents=True, exist_ok=True)

    def copy(self, folder: Path) -> House:
        """Return a house with a copy of this one's warehouse and the same lake, without papers."""
        other = House(folder, dict(self.variables), papers=False)
        other.lake = self.lake
        shutil.copytree(self.home, other.home, symlinks=True)
        return other

    # --- the lake

    def deliver(self, name: str, content: bytes | Iterable[Event]) -> Path:
        """Write a file into the lake; events become CSV, packed when the name says so."""
        path = self.lake / name
        if not isinstance(content, bytes):
            content = csv_text(content)
            content = packed(content) if name.endswith(".gz") else content
        path.write_bytes(content)
        return path

    # --- dbt

    def environment(self, **changed: str | None) -> dict[str, str]:
        """Return the environment of a build: none of the caller's settings, no folder of the project."""
        ours = {
            "CLIENTELE_EVENTS": str(self.lake),
            "CLIENTELE_HOME": str(self.home),
            "CLIENTELE_PSEUDONYM_KEY": KEY,
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.logs),
            "DBT_PROJECT_DIR": str(ROOT),
            "DBT_PROFILES_DIR": str(ROOT / "profiles"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
            "LOKY_MAX_CPU_COUNT": "1",  # pytest has a process for each processor
            "PYTHONPATH": str(ROOT / "src"),
        }
        if not self.papers:
            ours |= {"DBT_WRITE_JSON": "false", "DBT_LOG_LEVEL_FILE": "none"}
        ours |= changed
        kept = {name: value for name, value in self.plain_environment().items() if name not in changed}
        return kept | {name: value for name, value in ours.items() if value is not None}

    def surroundings(self, **changed: str | None) -> AbstractContextManager[None]:
        """Let this process stand where a command of this house would be started."""
        return _only_environment(self.environment(**changed))

    @staticmethod
    def plain_environment() -> dict[str, str]:
        """Return the caller's environment without the settings of a build."""
        return {
            name: value for name, value in os.environ.items() if not name.startswith(("CLIENTELE_", "DBT_"))
        }

    def run(
        self,
        *arguments: str,
        variables: dict[str, object] | None = None,
        parse: bool = False,
        command: tuple[str, ...] = ("build",),
        change: Callable[[Manifest], object] | None = None,
        watch: Callable[[Any], None] | None = None,
        **environment: str | None,
    ) -> Build:
        """Run `dbt build`, or another command, in this process; `watch` is handed dbt's events,
        debug messages included, which are not part of what a house without papers says otherwise.

        `variables` are for this run only, and for SQL: what dbt reads of vars while it parses is the house's.
        `parse` does without the manifest that builds share, as a process of its own would; `change` is done
        to this run's copy of that manifest, as if somebody had changed the project.
        """
        text = json.dumps(self.variables | (variables or {}))
        lines: list[str] = []
        call = ["--quiet", *command, "--vars", text, *arguments]
        if not self.papers:
            # what the run says comes as events: no logger has to put each line of the debug log into words
            environment = {"DBT_LOG_LEVEL": "none"} | environment
        pages = page_writer._write if self.papers else (lambda folder: "no pages")
        with (
            _only_environment(self.environment(**environment)),
            mock.patch.object(page_writer, "_write", pages),
        ):
            manifest = None if parse else own_manifest(**self.variables)
            project = json.dumps(self.variables)
            if manifest and not change and project in _CHECKED:
                _leave_out_checks_of_the_project(manifest)
            if change:
                change(manifest)
                manifest.build_flat_graph()  # what `graph` is in Jinja
            runner = dbtRunner(
                manifest=manifest,
                callbacks=[lambda event: lines.append(event.info.msg), *([watch] if watch else [])],
            )
            try:
                with quick_dbt.silent(not self.papers and watch is None):
                    ran = runner.invoke(call)
            finally:
                _close_databases()
                idle.settle(self.home)
                locking.release(self.home)  # as the end of the process does
        results = getattr(ran.result, "results", [])
        results = [result for result in results if hasattr(result, "node")]
        if results and not change:
            _CHECKED.add(project)
        status = {result.node.name: str(result.status) for result in results}
        compiled = {result.node.name: getattr(result.node, "compiled_code", None) for result in results}
        said = "\n".join([*lines, str(ran.exception or "")])
        return Build(ran.success, said, status, compiled)

    def build(self, *arguments: str, **settings: object) -> Build:
        """Run `dbt build` and insist on success."""
        built = self.run(*arguments, **settings)
        assert built.succeeded, built.said[-4000:]
        return built

    def operation(self, name: str, **environment: str | None) -> Build:
        """Run `dbt run-operation` in this process, and what its end does: new files take their place."""
        lines: list[str] = []
        with _only_environment(self.environment(**environment)):
            runner = dbtRunner(
                manifest=own_manifest(**self.variables),
                callbacks=[lambda event: lines.append(event.info.msg)],
            )
            try:
                ran = runner.invoke(["run-operation", name, "--vars", json.dumps(self.variables)])
            finally:
                _close_databases()
        rewriting.finish(self.home)
        locking.release(self.home)
        return Build(ran.success, "\n".join([*lines, str(ran.exception or "")]), {}, {})

    def start(self, *arguments: str, **changed: str | None) -> subprocess.Popen[str]:
        """Start `dbt build` as a process of its own, as a user does; what is `changed` of its environment."""
        call = [Path(sys.executable).with_name("dbt"), "build", *arguments]
        if self.variables:
            call += ["--vars", json.dumps(self.variables)]
        return subprocess.Popen(
            call,
            env=self.environment(**changed),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def decide(self, *decisions: tuple[str, str], gates: dict[int, str] | None = None, to: str = "") -> None:
        """Let people and the gate have said this, and build segment_models; `to` "+": what hangs on it."""
        with self.connection(read_only=False) as connection:
            connection.execute("delete from core.segment_decisions")
            for version, decision in decisions:
                connection.execute(
                    "insert into core.segment_decisions values (?, ?, 'the team', 'a test')",
                    [version, decision],
                )
            for fit_number, gate in (gates or {}).items():
                connection.execute(
                    "update core.persona_fit_fields set text_value = ? "
                    "where part = 'card' and field = 'gate' and fit_number = ?",
                    [gate, fit_number],
                )
                connection.execute(
                    "update core.persona_fit_fields set text_value = ? "
                    "where part = 'card' and field = 'model_status' and fit_number = ?",
                    ["proven" if gate == "passed" else "exploratory", fit_number],
                )
        marts = ["config.schema:marts"] if to else []
        self.build("--select", f"segment_models{to}", *marts, *WITHOUT_TESTS)

    # --- what is in the warehouse

    @contextmanager
    def connection(self, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(self.home / "warehouse.duckdb", read_only=read_only) as connection:
            mode = "read_only" if read_only else "read_write"
            vault = str(self.home / "vault.duckdb").replace("'", "''")
            connection.execute(f"attach '{vault}' as vault ({mode})")
            yield connection

    def rows(self, query: str) -> list[tuple]:
        with self.connection() as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> object:
        return self.rows(query)[0][0]

    def table_names(self, *rooms: str) -> list[str]:
        """Return database.schema.table of all tables and views in these schemas."""
        return [
            name
            for (name,) in self.rows(
                "select concat_ws('.', database_name, schema_name, name) from ("
                "select database_name, schema_name, table_name as name from duckdb_tables() union all "
                "select database_name, schema_name, view_name from duckdb_views() where not internal"
                f") where schema_name in {rooms or ('',)} order by all"
            )
        ]

    def contents(self, *rooms: str, provenance: bool = False) -> dict[str, Table]:
        """Return every table of these schemas, core and marts unless said otherwise."""
        found = {}
        names = self.table_names(*(rooms or ("core", "marts")))
        # each run marks both databases, one that is refused later on, too
        names = [name for name in names if not name.endswith(".generation")]
        with self.connection() as connection:
            for name in names:
                if provenance or name.split(".")[2] not in BOOKKEEPING:
                    relation = connection.table(name)
                    columns = [
                        column for column in relation.columns if provenance or column not in PROVENANCE
                    ]
                    found[name] = Table(columns, relation.select(*columns).order("all").fetchall())
        return found

    def accounts(self) -> dict[str, Account]:
        """Return for each accepted file what became of its lines, as monitor.reconciliation has it."""
        columns = ", ".join(f"n_{field.name}" for field in fields(Account))
        found = self.rows(f"select file_name, {columns} from monitor.reconciliation")
        assert len(found) == len(dict(row[:2] for row in found)), "two accepted files of one name"
        return {name: Account(*counts) for name, *counts in found}

    def quarantine(self) -> list[tuple[str, int, str]]:
        return self.rows(
            "select file_name, line_number, reason from vault.vault.quarantined_lines order by all"
        )

    def events(self) -> Counter[tuple]:
        """Return the rows of core.events without their provenance, each with its number."""
        return Counter(self.rows("select * exclude (file_id, load_id) from core.events"))


def assert_same(found: dict[str, Table], expected: dict[str, Table]) -> None:
    """Insist on the same tables with the same rows; show a few of those that differ."""
    assert sorted(found) == sorted(expected)
    shown = []
    for name, table in expected.items():
        assert found[name].columns == table.columns, name
        if found[name].rows != table.rows:
            extra = Counter(found[name].rows) - Counter(table.rows)
            lacking = Counter(table.rows) - Counter(found[name].rows)
            shown += [
                f"{name} has {extra.total()} rows too many and {lacking.total()} too few",
                *(f"+ {row}"[:240] for row in sorted(extra, key=repr)[:2]),
                *(f"- {row}"[:240] for row in sorted(lacking, key=repr)[:2]),
            ]
    if shown:
        raise AssertionError("\n".join(shown))


@contextmanager
def _only_environment(environment: dict[str, str]) -> Iterator[None]:
    with mock.patch.dict(os.environ, environment, clear=True):
        yield


@cache
def _pickled(variables: str) -> bytes:
    return shared(variables, lambda: _parse(variables))


def shared(name: str, parse: Callable[[], Manifest]) -> bytes:
    """Parse the project, once for each name: it takes longer than a build of a few events.

    Processes of one test run share what they parse, in the folder that conftest.py has made for it.
    """
    folder = os.environ.get(PARSED)
    if not folder:
        return pickle.dumps(parse())
    path = Path(folder) / hashlib.sha256(name.encode()).hexdigest()
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            path.write_bytes(pickle.dumps(parse()))
    return path.read_bytes()


def _parse(variables: str) -> Manifest:
    with TemporaryDirectory() as folder, _only_environment(House(Path(folder)).environment()):
        parsed = dbtRunner().invoke(["--quiet", "parse", "--vars", variables])
        assert parsed.success, parsed.exception
        return parsed.result


@cache
def _shared(variables: str) -> Manifest:
    return own_manifest(**json.loads(variables))


def parsed(**variables: object) -> Manifest:
    """Return the manifest of the project as it stands. To be read: all tests of a process share it."""
    return _shared(json.dumps(variables))


def own_manifest(**variables: object) -> Manifest:
    """Return such a manifest to be changed, as a run of dbt does; half as dear as dbt's own copy of one."""
    return unpickled(_pickled(json.dumps(variables)))


def unpickled(content: bytes) -> Manifest:
    """Return what `shared` has parsed."""
    manifest = pickle.loads(content)
    # dbt's own way to pickle shifts what comes after saved_queries; lookups are made when they are asked for
    manifest.fixtures = {}
    for name in [each.name for each in fields(manifest) if each.name.endswith("_lookup")]:
        setattr(manifest, name, None)
    manifest.build_flat_graph()  # what `graph` is in Jinja
    return manifest


# They read nothing but the project, and so say of it what they have said before in this process.
_OF_THE_PROJECT = {"check_rooms", "check_classification", "check_key_readers"}
_CHECKED: set[str] = set()


def _leave_out_checks_of_the_project(manifest: Manifest) -> None:
    hooks = {f"{{{{ clientele.{check}() }}}}": check for check in _OF_THE_PROJECT}
    found = [
        name
        for name, node in manifest.nodes.items()
        if node.resource_type == "operation" and node.raw_code in hooks
    ]
    assert len(found) == len(hooks), "a check has another name"
    for name in found:
        del manifest.nodes[name]


def _close_databases() -> None:
    """Close what dbt-duckdb keeps open until the process ends: the next to open the files is the test."""
    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
    DuckDBConnectionManager.close_all_connections()


# --- a little shop

# Digits that turn up nowhere by chance, so that they can be searched for.
FIRST_USER = 541_312_140
BOT = 731_415_926


def little_shop(seed: int = 7, n_users: int = 60, n_days: int = 50) -> list[Event]:
    """Return distinct events, in order of time, of a shop with the awkward habits of real ones.

    Sessions without an id, with pauses, over midnight and shared by two users; products without a code whose
    category gets one only later, or that move to another family; prices that change, free items, a bot.
    """
    chance = random.Random(seed)
    start = datetime(2019, 10, 1, tzinfo=UTC)
    families = ["electronics.phone", "appliances.kitchen", "apparel.shoes", "furniture.desk", ""]
    catalogue = [
        {
            "product_id": str(1000 + number),
            "category_id": str(9_000_000_000 + number % 7),
            "category_code": families[number % 5],
            "brand": chance.choice(["acme", "", "Black, Deck & Co", 'the "one"', "zeta"]),
            "price": chance.uniform(1, 900),
            "starts": 0 if number < 24 else chance.randrange(5, n_days),
        }
        for number in range(32)
    ]
    # In category 77 nobody has a code until the last days of the shop.
    catalogue += [
        {
            "product_id": "2000",
            "category_id": "77",
            "category_code": "",
            "brand": "",
            "price": 55.0,
            "starts": 0,
        },
        {
            "product_id": "2001",
            "category_id": "77",
            "category_code": "sport.bicycle",
            "brand": "velo",
            "price": 500.0,
            "starts": n_days - 4,
        },
    ]
    events = set()

    def happen(at: datetime, event_type: str, product: dict, user: int, session: str) -> None:
        moved = (at - start).days > 30 and product["category_code"] == "electronics.phone"
        price = (
            product["price"] * (0.8 if (at - start).days % 13 == 0 else 1) * chance.choice([1, 1, 1, 0.95])
        )
        events.add(
            Event(
                f"{at:%Y-%m-%d %H:%M:%S} UTC",
                event_type,
                product["product_id"],
                product["category_id"],
                "construction.tools" if moved else product["category_code"],
                product["brand"],
                "0" if chance.random() < 0.01 else f"{price:.2f}",
                str(user),
                session,
            )
        )

    for number in range(n_users):
        user = FIRST_USER + 37 * number
        first = chance.randrange(n_days - 1)
        for visit in range(1 + min(int(chance.expovariate(0.3)), 12)):
            day = first if visit == 0 else chance.randrange(first, n_days)
            at = start + timedelta(days=day, seconds=chance.randrange(86_400))
            session = "" if chance.random() < 0.08 else f"{number % 40:08x}-0000-4000-8000-{visit:012x}"
            for _ in range(1 + min(int(chance.expovariate(0.35)), 15)):
                on_sale = [product for product in catalogue if product["starts"] <= day]
                product = chance.choice(on_sale[:: 1 + number % 3])
                kind = chance.choices(["view", "cart", "remove_from_cart", "purchase"], [70, 14, 5, 11])[0]
                happen(at, kind, product, user, session)
                at += timedelta(seconds=chance.choice([0, 7, 40, 300, 300, 2400]))
    uncoded, coded = catalogue[-2:]
    for day, product in ((2, uncoded), (4, uncoded), (n_days - 2, coded)):
        happen(start + timedelta(days=day, hours=9), "view", product, FIRST_USER + 37 * day, f"77-{day}")
    for second in range(70):
        at = start + timedelta(days=9, seconds=second // 4)
        happen(at, "view", catalogue[second % 20], BOT, "b07b07b0-0000-4000-8000-000000000000")
    return sorted(events)
