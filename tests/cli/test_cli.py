"""The command `clientele`: what it starts, what it says, and what it never does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from clientele import cli
from clientele.privacy import redshift_subjects
from clientele.runtime import publishing

ID = "541312140"
OPERATIONS = {
    "erase": "erase_subjects",
    "readmit": "readmit_subjects",
    "object": "object_to_profiling",
    "withdraw-objection": "withdraw_objection",
    "rotate-key": "rotate_key",
}


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Put a dbt beside this Python that notes what it was given; return a function that reads the notes."""
    notes = tmp_path / "notes.json"
    fake = tmp_path / "bin/dbt"
    fake.parent.mkdir()
    fake.write_text(
        f"""#!{sys.executable}
import json, os, sys
from pathlib import Path
Path({str(notes)!r}).write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
print("dbt speaks")
if folder := os.environ.get("CLIENTELE_EXPORT_FOLDER"):
    (Path(folder) / "model.clientele.users.json").write_text('[{{"user_sk": 7}}]')
sys.exit(int(os.environ.get("FAKE_STATUS", "0")))
"""
    )
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake.with_name("python")))
    for name in ("CLIENTELE_SUBJECT", "CLIENTELE_SUBJECTS_FILE", "CLIENTELE_EXPORT_FILE", "CLIENTELE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DBT_TARGET", "DBT_PROFILES_DIR", "DBT_TARGET_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda: json.loads(notes.read_text()) if notes.exists() else None


def call(*arguments: str, **environment: str) -> Result:
    ran = CliRunner().invoke(cli.main, arguments, env=environment)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), "a stack trace"
    return ran


@pytest.mark.parametrize(("command", "operation"), OPERATIONS.items())
def test_operations_go_to_dbt_without_the_id(started, command, operation):
    assert call(command, CLIENTELE_SUBJECT=ID).exit_code == 0
    arguments, environment = started()
    assert arguments == ["--quiet", "run-operation", operation]
    assert environment["CLIENTELE_SUBJECT"] == ID and ID not in " ".join(arguments)


def test_the_exit_status_is_that_of_dbt(started):
    assert call("erase", CLIENTELE_SUBJECT=ID, FAKE_STATUS="2").exit_code == 2
    assert call("export-subject", CLIENTELE_SUBJECT=ID, FAKE_STATUS="1").exit_code == 1


@pytest.mark.parametrize("command", [*OPERATIONS, "export-subject"])
def test_no_command_takes_an_id(started, command):
    assert call(command, ID).exit_code == 2
    assert started() is None


def test_an_id_that_is_none_is_refused_before_dbt_starts_and_not_quoted(started):
    for command in ("erase", "export-subject"):
        ran = call(command, CLIENTELE_SUBJECT="12x45" * 60)
        assert ran.exit_code == 1 and "CLIENTELE_SUBJECT is not a user_id" in ran.stderr
        assert "12x45" not in ran.output
    assert "Name one customer" in call("export-subject").stderr
    assert started() is None


def test_profiles_are_found_in_the_project_unless_said_otherwise(started, tmp_path):
    call("erase", CLIENTELE_SUBJECT=ID)
    assert "DBT_PROFILES_DIR" not in started()[1]
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/profiles.yml").touch()
    call("erase", CLIENTELE_SUBJECT=ID)
    assert started()[1]["DBT_PROFILES_DIR"] == "profiles"
    call("erase", CLIENTELE_SUBJECT=ID, DBT_PROFILES_DIR="elsewhere")
    assert started()[1]["DBT_PROFILES_DIR"] == "elsewhere"


def test_redshift_is_told_first_who_is_meant(started, monkeypatch):
    told = []
    monkeypatch.setattr(
        redshift_subjects, "name_all", lambda named: told.append(named["CLIENTELE_SUBJECT"]) or 1
    )
    call("erase", CLIENTELE_SUBJECT=ID)
    assert told == []
    call("object", CLIENTELE_SUBJECT=ID, DBT_TARGET="redshift")
    assert told == [ID]
    ran = call("redshift-subjects", CLIENTELE_SUBJECT=ID)
    assert told == [ID] * 2 and "1 customer(s)" in ran.stderr and ID not in ran.output


def test_redshift_settings_that_are_missing_are_named(started, monkeypatch):
    monkeypatch.delenv("REDSHIFT_HOST", raising=False)
    ran = call("erase", CLIENTELE_SUBJECT=ID, DBT_TARGET="redshift")
    assert ran.exit_code == 1 and "REDSHIFT_HOST" in ran.stderr and started() is None
    ran = call("redshift-key", CLIENTELE_PSEUDONYM_KEY="")
    assert ran.exit_code == 1 and "CLIENTELE_PSEUDONYM_KEY is not set" in ran.stderr


def test_the_copy_is_the_only_result_and_private(started, tmp_path):
    facts = {"schema": "core", "alias": "users", "description": "One row per user", "columns": {}}
    (tmp_path / "target").mkdir()
    manifest = {"nodes": {"model.clientele.users": facts}}
    (tmp_path / "target/manifest.json").write_text(json.dumps(manifest))
    shown = json.loads(call("export-subject", CLIENTELE_SUBJECT=ID).stdout)
    assert shown["tables"]["core.users"]["rows"] == [{"user_sk": 7}]
    for environment in ({}, {"CLIENTELE_EXPORT_FILE": "copy.json"}):
        arguments = () if environment else ("--output", "copy.json")
        ran = call("export-subject", *arguments, CLIENTELE_SUBJECT=ID, **environment)
        assert ran.stdout == "" and "written to copy.json" in ran.stderr
        path = tmp_path / "copy.json"
        assert json.loads(path.read_text()) == shown
        for name in ("copy.json", "copy.html", "copy.fr.html"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
            (tmp_path / name).unlink()


UNFIT = {
    "no/such/folder/x.json": "No such file or directory",
    ".": "is no name",
    "folder": "is there already",
    "kept.json": "is there already",
    "x.html": "Name it x.json",
    "x.fr.HTML": "Name it x.fr.json",
    "page.json": "page.html is there already",
    "french.json": "french.fr.html is there already",
}


@pytest.mark.parametrize("output", UNFIT)
def test_a_copy_that_cannot_be_written_is_never_asked_for(started, tmp_path, output):
    """Else the register of requests says that it was made, or a file of somebody else is gone."""
    (tmp_path / "folder").mkdir()
    for name in ("kept.json", "page.html", "french.fr.html"):
        (tmp_path / name).write_text("mine")
    before = sorted(path for path in tmp_path.rglob("*"))
    ran = call("export-subject", "--output", output, CLIENTELE_SUBJECT=ID)
    assert ran.exit_code == 1 and UNFIT[output] in ran.stderr and started() is None
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert {(tmp_path / name).read_text() for name in ("kept.json", "page.html", "french.fr.html")} == {
        "mine"
    }


def test_a_copy_that_was_not_made_leaves_no_file(started, tmp_path):
    ran = call("export-subject", "--output", "copy.json", CLIENTELE_SUBJECT=ID, FAKE_STATUS="1")
    assert ran.exit_code == 1 and started() is not None
    assert not list(tmp_path.glob("copy*"))


def test_a_build_that_left_no_manifest_is_a_sentence(started):
    ran = call("export-subject", CLIENTELE_SUBJECT=ID)
    assert ran.exit_code == 1 and "manifest.json: No such file" in ran.stderr


def test_dbt_that_is_not_installed_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    ran = call("rotate-key", PATH=str(tmp_path))
    assert ran.exit_code == 1 and "dbt: No such file" in ran.stderr


def publish(home: Path, run_id: str) -> None:
    folder = publishing.start(home, {"run_id": run_id, "as_of": "2019-11-20", "model_version": "m"})
    pq.write_table(pa.table({"persona": [run_id]}), folder / "segment_summary.parquet")
    publishing.finish(folder)


def test_publications_are_listed_and_rolled_back(started, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    for run_id in "abcd":
        publish(home, run_id)
    rolled = call("rollback", CLIENTELE_HOME=str(home))
    assert "published again: 3, as of 2019-11-20, model m, " in rolled.output
    listed = call("publications", "--home", str(home)).output
    assert [line[:3] for line in listed.splitlines()] == ["  2", "* 3", "  4"]
    assert rolled.output.endswith(listed)
    ran = call("rollback", "--to", "7", CLIENTELE_HOME=str(home))
    assert ran.exit_code == 1 and "there is no publication 7" in ran.stderr
    for command in ("publications", "rollback"):
        ran = call(command, "--home", str(home / "nowhere"))
        assert ran.exit_code == 2 and "does not exist" in ran.stderr


@pytest.mark.parametrize("home", [None, ""])
def test_the_warehouse_is_in_its_usual_place_unless_another_is_named(started, tmp_path, home):
    (tmp_path / "warehouse").mkdir()
    ran = call("evaluate", **({} if home is None else {"CLIENTELE_HOME": home}))
    assert ran.exit_code == 1 and "warehouse/warehouse.duckdb is not there" in ran.stderr
    assert "elsewhere' does not exist" in call("evaluate", CLIENTELE_HOME="elsewhere").stderr


def test_a_demo_spares_what_is_no_demo(started, tmp_path):
    (tmp_path / "mine").touch()
    ran = call("demo", "--home", str(tmp_path))
    assert ran.exit_code == 1 and "holds something that is not a demo" in ran.stderr
    assert (tmp_path / "mine").exists() and started() is None


def test_a_demo_without_the_simulator_says_what_to_install(started, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "shop_simulator", None)
    ran = call("demo", "--home", str(tmp_path / "demo"))
    assert ran.exit_code == 1 and "pip install packages/shop-simulator" in ran.stderr


def test_a_demo_gives_its_shop_to_dbt_and_ends_as_it_does(started, tmp_path):
    ran = call("demo", "--home", "demo", "--users", "50", "--months", "1", FAKE_STATUS="3")
    assert ran.exit_code == 3 and "dbt speaks" in ran.output
    arguments, environment = started()
    assert arguments == ["--no-use-colors", "build"]
    assert list(Path(environment["CLIENTELE_EVENTS"]).iterdir()) and environment["CLIENTELE_HOME"]
    assert len(environment["CLIENTELE_PSEUDONYM_KEY"]) == 64


def test_every_command_says_in_a_line_what_it_does():
    listed = call("--help").output.split("Commands:\n")[1].rstrip().splitlines()
    assert [line.split()[0] for line in listed] == list(cli.main.commands)
    assert not [line for line in listed if line.endswith("...")]


def test_help_does_not_wait_for_pandas():
    asking = "import sys, clientele.cli; print({'pandas', 'sklearn', 'duckdb', 'dbt'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True).stdout
    assert said == "set()\n"


@pytest.mark.parametrize("name", ["warehouse.duckdb", "vault.duckdb"])
@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_damaged_database_is_a_sentence(started, tmp_path, monkeypatch, name, content):
    """A file of another kind, an empty one, a folder: whichever command opens it."""
    home = tmp_path / "home"
    home.mkdir()
    for one, held in {"warehouse": "core", "vault": "vault"}.items():
        with duckdb.connect(str(home / f"{one}.duckdb")) as connection:
            connection.execute(f"create schema {held}")
    (home / name).unlink()
    (home / name).mkdir() if content is None else (home / name).write_bytes(content)
    monkeypatch.setenv("CLIENTELE_HOME", str(home))
    commands = (["describe"], ["requests"], ["report"], ["dossier"], ["evaluate"], ["fit"], ["activate"],
                ["backup", "--to", str(tmp_path / "backups")], ["score-sessions"])  # fmt: skip
    for command in commands:
        ran = CliRunner().invoke(cli.main, command)
        assert ran.exit_code and isinstance(ran.exception, SystemExit), (command, ran.exception)
        assert "Error: " in ran.output or command == ["score-sessions"], (command, ran.output)
