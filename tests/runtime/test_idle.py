"""Whether a build has something to do: all that must wake it, on a home of a few bytes and on a real one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from support import FIRST_USER, KEY, ROOT

import clientele
from clientele import cli
from clientele.contents import sha256_of
from clientele.runtime import dbt, idle, locking, publishing

DAY = 86_400.0
CLOCK = {"has_clock": True, "today_at": 100 * DAY, "n_days_without_news": 2, "stale_after_days": 5.0}


class Small:
    """A project, a lake and a home, as small as they may be, after a green build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.lake = folder / "lake"
        self.home = folder / "home"
        for path, text in {
            "project/dbt_project.yml": "name: clientele\nmodel-paths: [models, python_models]\n",
            "project/profiles/profiles.yml": "clientele: \"{{ env_var('A_SETTING', '') }}\"\n",
            "project/models/room/table.sql": "select 1 as one\n",
            "project/python_models/fit.py": "def model(): ...\n",
            "project/macros/word.sql": "{% macro word() %}{% endmacro %}\n",
            "project/seeds/segment_decisions.csv": "model_version,decision\n",
            "lake/october.csv": "some lines\n",
            "lake/november.csv": "more lines\n",
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        self.home.mkdir()
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as warehouse:
            warehouse.execute("create schema monitor; create table monitor.generation (token varchar)")
            warehouse.execute("insert into monitor.generation values ('a token')")
        with duckdb.connect(str(self.home / "vault.duckdb")) as vault:
            vault.execute("create schema vault.vault; create table vault.vault.generation (token varchar)")
            vault.execute("insert into vault.vault.generation values ('a token')")
            for register in ("tombstones", "objections", "restrictions"):
                vault.execute(f"create table vault.vault.{register} (who varchar)")
        self.publish("an earlier run")
        self.publish("the run")

    @property
    def asked(self) -> idle.Invocation:
        return idle.Invocation(self.project, self.project / "profiles", {"min_events": 5})

    def publish(self, run_id: str) -> None:
        folder = publishing.start(self.home, {"run_id": run_id})
        pq.write_table(pa.table({"users": [1, 2]}), folder / "segments.parquet")
        (folder / "report").mkdir()
        (folder / "report/index.html").write_text("a page")
        publishing.finish(folder)

    def contents(self) -> list[dict]:
        return [{"file_path": str(path), "sha256": sha256_of(path)} for path in self.lake.iterdir()]

    def build(self, due: list[dict] | None = None, days: dict | None = None) -> bool:
        idle.begin(self.home, self.asked)
        clock = CLOCK | {"today_at": time.time(), "stale_after_days": None} | (days or {})
        idle.note(self.home, idle.built("the run", self.contents(), due or [], clock))
        return idle.settle(self.home)

    def reason(self, **other: object) -> str | None:
        return idle.reason(self.home, idle.Invocation(**vars(self.asked) | other))

    def vault(self, query: str) -> None:
        with duckdb.connect(str(self.home / "vault.duckdb")) as connection:
            connection.execute(query)


@pytest.fixture
def surroundings(monkeypatch, tmp_path):
    """Leave nothing of the caller's settings; the lake and the key are those of the small shop."""
    for name in list(os.environ):
        if name.startswith(("CLIENTELE_", "DBT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLIENTELE_EVENTS", str(tmp_path / "lake"))
    monkeypatch.setenv("CLIENTELE_PSEUDONYM_KEY", KEY)
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("the program\n")
    monkeypatch.setattr(clientele, "__file__", str(package / "__init__.py"))
    return monkeypatch


@pytest.fixture
def small(surroundings, tmp_path) -> Small:
    shop = Small(tmp_path)
    assert shop.build()
    assert shop.reason() is None
    return shop


def rewrite(path: Path, text: str) -> None:
    """Write another text of the same length, and put all times back that a program can put back."""
    found = path.stat()
    assert len(text) == found.st_size
    path.write_text(text)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def replace_file(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


CHANGES: dict[str, tuple[Callable[[Small], object], str]] = {
    "a new file": (lambda shop: (shop.lake / "december.csv").write_text("lines\n"), "december.csv is new"),
    "a changed file": (
        lambda shop: rewrite(shop.lake / "october.csv", "same lines\n"),
        "october.csv has changed",
    ),
    "a longer file": (
        lambda shop: (shop.lake / "october.csv").write_text("some lines\nmore\n"),
        "october.csv has",
    ),
    "a file that is gone": (lambda shop: (shop.lake / "october.csv").unlink(), "october.csv is gone"),
    "no file at all": (lambda shop: shutil.rmtree(shop.lake), "cannot be listed"),
    "a model": (
        lambda shop: rewrite(shop.project / "models/room/table.sql", "select 2 as two\n"),
        "table.sql",
    ),
    "a new model": (lambda shop: (shop.project / "models/new.sql").write_text("select 1"), "models/new.sql"),
    "a model less": (lambda shop: (shop.project / "models/room/table.sql").unlink(), "models/room/table.sql"),
    "a Python model": (
        lambda shop: (shop.project / "python_models/fit.py").write_text("#"),
        "python_models/fit.py",
    ),
    "what dbt passes over": (lambda shop: (shop.project / ".dbtignore").write_text("models"), ".dbtignore"),
    "a macro": (lambda shop: (shop.project / "macros/word.sql").write_text(" "), "macros/word.sql"),
    "a decision": (
        lambda shop: (shop.project / "seeds/segment_decisions.csv").write_text(
            "model_version,decision\n1,pin\n"
        ),
        "seeds/segment_decisions.csv",
    ),
    "the project": (
        lambda shop: (shop.project / "dbt_project.yml").write_text(
            "name: clientele\nmodel-paths: [models, python_models]\nvars: {min_events: 7}\n"
        ),
        "dbt_project.yml",
    ),
    "the profile": (
        lambda shop: (shop.project / "profiles/profiles.yml").write_text("clientele:"),
        "profiles.yml",
    ),
    "a program": (lambda shop: (shop.folder / "package/new.py").write_text("pass"), "src/new.py"),
    "a tombstone": (
        lambda shop: shop.vault("insert into vault.vault.tombstones values ('x')"),
        "vault.duckdb",
    ),
    "an objection": (
        lambda shop: shop.vault("insert into vault.vault.objections values ('x')"),
        "vault.duckdb",
    ),
    "a restriction": (
        lambda shop: shop.vault("insert into vault.vault.restrictions values ('x')"),
        "vault.duckdb",
    ),
    "what is not written out": (
        lambda shop: (shop.home / "vault.duckdb.wal").write_bytes(b"a change"),
        "vault.duckdb.wal holds",
    ),
    "a lost database": (lambda shop: (shop.home / "warehouse.duckdb").unlink(), "warehouse.duckdb"),
    "new files that wait": (lambda shop: (shop.home / ".rewritten").mkdir(), "new files wait"),
    "a rollback": (lambda shop: publishing.rollback(shop.home), "another publication"),
    "a lost publication": (lambda shop: (shop.home / "published").unlink(), "nothing is published"),
    "a page that was written again": (
        lambda shop: publishing.put_pages(shop.home, {"report/index.html": "another"}),
        "it has other pages",
    ),
    "a changed page": (
        lambda shop: rewrite(shop.home / "published/report/index.html", "A PAGE"),
        "index.html is not what was published",
    ),
    "a lost page": (lambda shop: (shop.home / "published/report/index.html").unlink(), "is missing"),
    "a file too many": (lambda shop: (shop.home / "published/mine.csv").write_text("1"), "one too many"),
    "another build that begins": (
        lambda shop: idle.begin(shop.home, shop.asked),
        "no build has left its mark",
    ),
    "a mark of another version": (
        lambda shop: (shop.home / ".built.json").write_text('{"form": 0}'),
        "another version of clientele",
    ),
    "a broken mark": (lambda shop: (shop.home / ".built.json").write_text('{"for'), "cannot be compared"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_wakes_a_build(small, name):
    change, words = CHANGES[name]
    change(small)
    assert words in (small.reason() or "nothing to do")


def test_other_arguments_wake_a_build(small):
    assert "a setting" in small.reason(settings={"min_events": 6})
    assert "a setting" in small.reason(settings={})
    assert "a setting" in small.reason(target="other")
    assert "a setting" in small.reason(profile="other")
    assert small.reason(with_unit_tests=False) is None


def test_a_build_without_unit_tests_does_not_stand_for_one_with(surroundings, tmp_path):
    shop = Small(tmp_path)
    without = idle.Invocation(**vars(shop.asked) | {"with_unit_tests": False})
    idle.begin(shop.home, without)
    idle.note(shop.home, idle.built("the run", shop.contents(), [], {"has_clock": False}))
    assert idle.settle(shop.home)
    assert idle.reason(shop.home, without) is None
    assert "unit tests" in shop.reason()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CLIENTELE_PSEUDONYM_KEY", "another key, as long as keys have to be", "the key"),
        ("CLIENTELE_PSEUDONYM_KEY", "", "no key"),
        ("CLIENTELE_GRANTS", "true", "a setting"),
        ("A_SETTING", "which the profile reads", "a setting"),
        ("CLIENTELE_FORCE", "1", "CLIENTELE_FORCE"),
    ],
)
def test_the_environment_wakes_a_build(small, surroundings, name, value, words):
    surroundings.setenv(name, value)
    assert words in (small.reason() or "nothing to do")


def test_a_file_that_is_named_in_another_way_is_another_file(small, surroundings):
    surroundings.setenv("CLIENTELE_EVENTS", str(small.folder / "*/*.csv"))
    assert "named in another way" in (small.reason() or "nothing to do")


def test_a_side_input_that_changes_comes_or_goes_wakes_a_build(surroundings, tmp_path):
    """Whoever withdraws a consent must not wait for the next event file."""
    shop = Small(tmp_path)
    beside = tmp_path / "crm" / "consents.csv"
    stock = beside.with_name("stock.csv")
    beside.parent.mkdir()
    beside.write_text("user_id,purpose,state\n1,marketing,given\n")
    surroundings.setenv("CLIENTELE_SIDE_CONSENTS", str(beside.parent / "consents*.csv"))
    surroundings.setattr(idle, "_FOREIGN_TICK_NS", 0)
    assert shop.build()
    assert shop.reason() is None
    beside.write_text("user_id,purpose,state\n1,marketing,taken\n")
    assert "consents.csv has changed" in shop.reason()
    assert shop.build()
    beside.with_name("consents-2.csv").write_text("user_id,purpose,state\n")
    assert "consents-2.csv is new" in shop.reason()
    assert shop.build()
    beside.unlink()
    assert "consents.csv is gone" in shop.reason()
    stock.write_text("product_id,units\n")
    surroundings.setenv("CLIENTELE_SIDE_STOCK", str(stock))
    assert "a setting" in shop.reason()


def test_of_tests_only_what_dbt_reads_wakes_a_build(small):
    (small.project / "tests").mkdir()
    (small.project / "tests/test_mine.py").write_text("pass")
    assert small.reason() is None
    (small.project / "tests/rule.sql").write_text("select 1 where false")
    assert "tests/rule.sql" in small.reason()


def test_an_installed_package_wakes_a_build(small, surroundings):
    place = small.folder / "site-packages"
    (place / "duckdb-9.9.9.dist-info").mkdir(parents=True)
    surroundings.setattr(sys, "path", [*sys.path, str(place)])
    assert "another version" in small.reason()


def test_times_of_files_decide_nothing(small):
    for path in (
        *small.lake.iterdir(),
        small.project / "models/room/table.sql",
        *small.home.glob("*.duckdb"),
    ):
        os.utime(path, (1, 1))
    replace_file(small.lake / "october.csv", "some lines\n")
    assert small.reason() is None


def test_a_copy_of_a_home_is_as_good_and_a_sibling_is_not(small, tmp_path):
    other, sibling = tmp_path / "copy", tmp_path / "sibling"
    shutil.copytree(small.home, sibling, symlinks=True)
    # Both go one step on, each with a token of its own: that many steps is all that headers tell.
    for home, token in ((small.home, "this one"), (sibling, "that one")):
        with duckdb.connect(str(home / "vault.duckdb")) as vault:
            vault.execute("update vault.vault.generation set token = ?", [token])
    assert small.build()
    shutil.copytree(small.home, other, symlinks=True)
    assert idle.reason(other, small.asked) is None
    shutil.copyfile(sibling / "vault.duckdb", other / "vault.duckdb")
    one, another = ((home / "vault.duckdb").read_bytes() for home in (small.home, other))
    assert one != another
    assert one[: idle._HEADERS] == another[: idle._HEADERS], "this is not the case that decides"
    assert "another generation" in idle.reason(other, small.asked)


def test_a_home_that_is_in_use_is_for_the_build_to_tell(small):
    with (small.home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert small.reason() == "the home is in use"
    assert small.reason() is None
    assert small.home.resolve() not in locking._held


# --- the clock


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    later = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: later)


def test_lines_of_the_future_wake_a_build_when_they_are_due(surroundings, tmp_path):
    shop = Small(tmp_path)
    line = {"file_path": str(shop.lake / "october.csv"), "due_at": time.time() + 60}
    assert shop.build(due=[line])
    assert shop.reason() is None
    pass_time(surroundings, 61)
    assert "the time has come" in shop.reason()


def test_a_clock_that_was_set_back_wakes_a_build(small, surroundings):
    pass_time(surroundings, -3600)
    assert "the clock" in small.reason()


def test_when_the_clock_alone_changes_something(tmp_path):
    here = tmp_path / "here.csv"
    here.touch()
    due = [{"file_path": str(here), "due_at": 7e9}, {"file_path": str(tmp_path / "gone.csv"), "due_at": 6e9}]

    def moment(due=(), **days):
        return idle.built("run", [], list(due), CLOCK | days).due_at

    # More than five days without news: on the sixth. Two are over.
    assert moment() == 104 * DAY
    assert moment(stale_after_days=5.5) == 104 * DAY
    assert moment(n_days_without_news=5) == 101 * DAY
    assert moment(n_days_without_news=9) == 101 * DAY  # stale already: tomorrow it is a day more
    assert moment(stale_after_days=None) is None  # no habit
    assert moment(due, stale_after_days=None) == 7e9  # a file that is gone is not read again
    assert moment(due) == 104 * DAY
    assert moment(due, has_clock=False) is None


# --- what leaves no mark


def test_a_build_that_did_not_end_well_leaves_no_mark(surroundings, tmp_path):
    shop = Small(tmp_path)
    idle.begin(shop.home, shop.asked)
    assert not idle.settle(shop.home), "it has not said that it is green"
    idle.begin(shop.home, shop.asked)
    idle.note(shop.home, idle.Built("a run that published nothing", {}))
    assert not idle.settle(shop.home)
    assert shop.reason() == "no build has left its mark"


def test_what_changes_while_a_build_runs_wakes_the_next(surroundings, tmp_path):
    shop = Small(tmp_path)
    idle.begin(shop.home, shop.asked)
    contents = shop.contents()
    rewrite(shop.lake / "october.csv", "same lines\n")
    idle.note(shop.home, idle.built("the run", contents, [], {"has_clock": False}))
    assert idle.settle(shop.home)
    assert "october.csv has changed" in shop.reason()


def test_another_project_that_installs_this_one_is_always_built(small):
    (small.project / "dbt_project.yml").write_text("name: consumer\n")
    idle.begin(small.home, small.asked)
    idle.note(small.home, idle.Built("the run", {}))
    assert not idle.settle(small.home)


def test_the_mark_tells_no_secret(small, surroundings):
    surroundings.setenv("CLIENTELE_SECRET_CRM", "a secret of a destination")
    assert small.build()
    mark = small.home / ".built.json"
    assert mark.stat().st_mode & 0o077 == 0
    assert "of a destination" not in mark.read_text() and KEY not in mark.read_text()
    assert small.reason() is None


# --- as dbt understands it


def test_only_the_plainest_builds_are_answered_before_dbt_starts():
    profiles = {"DBT_PROFILES_DIR": "profiles"}
    asked = dbt.whole_build(["--vars", "{min_events: 5}", "--quiet", "--target=duckdb"], profiles)
    assert asked == idle.Invocation(
        Path(), Path("profiles"), {"min_events": 5}, "duckdb", with_unit_tests=False
    )
    for arguments in (
        *(
            ["--select", "events"],
            ["--exclude", "events"],
            ["--full-refresh"],
            ["-f"],
            ["--empty"],
            ["events"],
        ),
        *(["--vars", "{a: 1}", "--vars", "{a: 2}"], ["--vars"], ["--vars", "{a"], ["--vars", "text"]),
        *(["--resource-type", "model"], ["--exclude-resource-type", "test"], ["--quiet=1"]),
    ):
        assert dbt.whole_build(arguments, profiles) is None, arguments
    assert dbt.whole_build([], profiles | {"DBT_FULL_REFRESH": "1"}) is None
    assert dbt.whole_build([], {}) is None


def test_the_command_asks_dbt_for_all_that_is_not_nothing(small, surroundings):
    surroundings.setenv("CLIENTELE_HOME", str(small.home))
    surroundings.setenv("DBT_PROJECT_DIR", str(small.project))
    surroundings.setenv("DBT_PROFILES_DIR", str(small.project / "profiles"))
    started = []
    surroundings.setattr(os, "execvpe", lambda *call: started.append(call[1:]))

    def build(*arguments: str) -> str:
        ran = CliRunner().invoke(cli.main, ["build", *arguments])
        assert ran.exit_code == 0, ran.output
        return ran.output

    vars_ = ("--vars", "{min_events: 5}")
    assert build(*vars_).startswith("nothing to do: ") and not started
    assert (small.home / "metrics/clientele.prom").exists()
    assert build(*vars_, "--select", "events") == build("--force", *vars_) == build() == ""
    assert [call[1:] for call, _ in started] == [
        ["build", "--exclude-resource-type", "unit_test", *arguments]
        for arguments in ([*vars_, "--select", "events"], vars_, [])
    ]
    assert [environment.get("CLIENTELE_FORCE") for _, environment in started] == [None, "1", None]


# --- a real one


def test_a_second_build_does_nothing_and_an_objection_wakes_it(built_shop, tmp_path):
    house = built_shop.copy(tmp_path)
    house.papers = True
    before = house.value("select count(*) from monitor.run_log")
    commands = ["clientele", "build"], ["dbt", "build"]
    for program, *arguments in commands:
        call = [Path(sys.executable).with_name(program), *arguments]
        ran = subprocess.run(
            call, env=house.environment(), capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert ran.returncode == 0, ran.stderr
        assert "nothing to do: files, settings, project, requests and publication 1 are as" in ran.stdout
        assert "leaked" not in ran.stderr
    assert house.value("select count(*) from monitor.run_log") == before
    metrics = json.loads((house.home / "metrics/clientele.json").read_text())
    assert metrics["success"] and metrics["run_lines"] == 0 and metrics["lines"] > 0
    with house.surroundings():
        asked = dbt.whole_build([], house.environment())
        assert idle.reason(house.home, asked) is None
        house.operation("object_to_profiling", CLIENTELE_SUBJECT=str(FIRST_USER))
        assert "was changed since" in idle.reason(house.home, asked)
