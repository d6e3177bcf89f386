"""Backups: parts of one moment, put back together; parts of different moments refused; nobody comes back."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from support import (
    FIRST_USER,
    KEY,
    MATERIAL,
    UP_TO_EVENTS,
    UP_TO_FEATURES,
    WITHOUT_TESTS,
    Event,
    House,
    assert_same,
    csv_lines,
    csv_text,
    little_shop,
)

from clientele import cli
from clientele.activation import destinations
from clientele.activation.ledger import Audience, Export
from clientele.privacy import keys
from clientele.runtime import backups, generations, locking, publishing, rewriting
from clientele.runtime.backups import BackupError

PAPERS = False
SHOP = little_shop(seed=11, n_users=12, n_days=20)
ERASED, OBJECTOR, RESTRICTED, WITHDRAWN = (str(FIRST_USER + 37 * number) for number in range(1, 5))
MEMBER = str(FIRST_USER + 37 * 5)  # of an exported audience, who asks for nothing
NEWCOMER = "912345678902"  # in no backup


# Known from a side input alone: there is no event of them.
STRANGER = "912345678901"
CONSENTS = (
    f"user_id,purpose,state,changed_at\n{STRANGER},ads,given,2019-10-01\n{OBJECTOR},ads,given,2019-10-01\n"
)

# A backup that tells its folder and waits, once the databases are copied.
STOPPED = """
import sys, time
from pathlib import Path
from clientele.runtime import backups

def copied(home, draft, copy=backups._copy_home):
    copy(home, draft)
    print(draft, flush=True)
    time.sleep(60)

backups._copy_home = copied
backups.take(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def key_of(user_id: str) -> str:
    return keys.user_key(user_id, MATERIAL)


def operate(house: House):
    """Return what carries out an operation on another home, in this process."""

    def _operate(operation: str, home: Path, subjects: Path | None) -> None:
        settings = {"CLIENTELE_HOME": str(home), "CLIENTELE_SUBJECTS_FILE": str(subjects or "")}
        other = House(house.folder, dict(house.variables), papers=False)
        other.home = home
        ran = other.operation(operation, **settings)
        assert ran.succeeded, ran.said[-2000:]

    return _operate


def published(home: Path) -> set[str]:
    """Return every user_key in every kept publication."""
    found = set()
    for publication in publishing.publications(home):
        assert publication.problem() is None
        for path in publication.folder.glob("*.parquet"):
            if "user_key" in pq.read_schema(path).names:
                found |= set(pq.read_table(path, columns=["user_key"])["user_key"].to_pylist())
    return found


def place(source: Path, target: Path, part: str) -> None:
    """Put a part of one home into another."""
    if part == "publications":
        shutil.rmtree(target / "publications", ignore_errors=True)
        (target / "published").unlink(missing_ok=True)
        shutil.copytree(source / "publications", target / "publications")
        (target / "published").symlink_to((source / "published").readlink())
    else:
        shutil.copyfile(source / f"{part}.duckdb", target / f"{part}.duckdb")


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> tuple[House, list[Path], Path]:
    """A home with requests of customers after its first build, three moments of it, a backup of the first."""
    folder = tmp_path_factory.mktemp("lived")
    house = House(folder, papers=False)
    house.deliver("a.csv", SHOP[: len(SHOP) * 2 // 3])
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=WITHDRAWN).succeeded
    (folder / "consents.csv").write_text(CONSENTS)
    house.build(*WITHOUT_TESTS, CLIENTELE_SIDE_CONSENTS=str(folder / "consents.csv"))
    saved = folder / "backups"
    moments = []

    def remember() -> None:
        moments.append(folder / f"moment {len(moments)}")
        shutil.copytree(house.home, moments[-1], symlinks=True)

    first = backups.take(house.home, saved)
    remember()
    house.deliver("b.csv", SHOP[len(SHOP) * 2 // 3 :])
    house.build(*UP_TO_FEATURES)
    (folder / "erased").write_text(f"{ERASED}\n{STRANGER}\n")
    assert house.operation("erase_subjects", CLIENTELE_SUBJECTS_FILE=str(folder / "erased")).succeeded
    remember()
    for operation, user_id in (
        ("object_to_profiling", OBJECTOR),
        ("restrict_subjects", RESTRICTED),
        ("withdraw_objection", WITHDRAWN),
    ):
        assert house.operation(operation, CLIENTELE_SUBJECT=user_id).succeeded
    with house.connection(read_only=False) as connection:  # somebody was added to a list of others since
        connection.execute(
            "insert into vault.vault.destination_ledger (destination, audience, member_key) "
            "values ('crm', 'a', 'k')"
        )
    remember()
    return house, moments, first.folder


def test_a_backup_is_private_whole_and_without_the_key(lived):
    _, _, folder = lived
    (found,) = backups.backups(folder.parent)
    assert found.folder == folder and found.problem() is None
    assert {"vault.duckdb", "warehouse.duckdb"} < found.manifest["files"].keys()
    assert any(name.endswith("user_segments.parquet") for name in found.manifest["files"])
    assert (found.manifest["key_epoch"], found.manifest["n_requests"]) == (1, 1)
    for path in [folder.parent, folder, *folder.rglob("*")]:
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not any(KEY.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_backup_that_is_stopped_leaves_no_copy_of_the_vault(lived, tmp_path, number):
    """No list and no `--keep` would ever find it. What a kill leaves goes with the next backup."""
    home, folder = lived[0].home, tmp_path / "backups"
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(home), str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        draft = Path(process.stdout.readline().strip())
        assert {stat.S_IMODE(path.stat().st_mode) for path in draft.glob("*.duckdb")} == {0o600}
        process.send_signal(number)
        process.wait(timeout=20)
    assert process.returncode != 0
    assert [path.name for path in folder.iterdir()] == ([draft.name] if number == signal.SIGKILL else [])
    with lived[0].surroundings():
        taken = backups.take(home, folder)
    assert list(folder.iterdir()) == [taken.folder]


def test_every_mix_of_three_moments_is_right_or_one_sentence(lived, tmp_path):
    _, moments, _ = lived
    home = tmp_path / "home"
    home.mkdir()
    for vault, warehouse, publications in itertools.product(range(3), repeat=3):
        for part, moment in (("vault", vault), ("warehouse", warehouse), ("publications", publications)):
            place(moments[moment], home, part)
        with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
            connection.execute(f"attach '{home / 'vault.duckdb'}' as vault")
            said = generations.problem(connection, home)
        mixed = (vault, warehouse, publications)
        if len(set(mixed)) == 1:
            assert said is None, (mixed, said)
            continue
        assert said and said.endswith("Nothing was changed."), mixed
        if vault != warehouse:
            older, newer = ("vault", "warehouse") if vault < warehouse else ("warehouse", "vault")
            assert said.startswith(f"The {older} is older than the {newer}"), (mixed, said)
        else:
            expected = "newer than the vault" if publications > vault else "Older publications were put back"
            assert expected in said, (mixed, said)


def test_a_build_refuses_halves_before_it_changes_anything(lived, tmp_path):
    house, moments, _ = lived
    other = house.copy(tmp_path)
    place(moments[0], other.home, "vault")
    before = {path: path.read_bytes() for path in other.home.glob("*.duckdb")}
    stopped = other.run(*UP_TO_FEATURES)
    assert not stopped.succeeded and "The vault is older than the warehouse" in stopped.said
    assert "clientele restore" in stopped.said and "Traceback" not in stopped.said
    assert {path: path.read_bytes() for path in other.home.glob("*.duckdb")} == before
    with pytest.raises(BackupError, match="older than the warehouse"):
        backups.take(other.home, tmp_path / "backups")
    assert not list((tmp_path / "backups").glob("*")) if (tmp_path / "backups").exists() else True


def test_yesterdays_vault_is_told_also_without_a_request(tmp_path):
    """Where nobody asked for anything between the moments, the counter of requests sees no difference."""
    pair = tmp_path / "home"
    pair.mkdir()
    with duckdb.connect(str(pair / "warehouse.duckdb")) as connection:
        connection.execute(
            f"attach '{pair / 'vault.duckdb'}' as vault; create schema vault.vault; create schema monitor"
        )
        connection.execute(
            "create table vault.vault.generation as select 4 as generation, 'a' as token, 'b' as next_token"
        )
        connection.execute("create table vault.vault.key_ring as select 'sealed' as sealed")
        connection.execute(
            "create table monitor.generation as select 5 as generation, 'b' as token, '0.0.1' as built_by"
        )
        connection.execute("create table monitor.requests_done as select 0 as n_requests")
        connection.execute("create schema core; create table core.key_epoch as select 1 as key_epoch")
        assert generations.problem(connection, pair) is None, "killed between the databases"
        connection.execute("update vault.vault.generation set next_token = null")
        assert "vault is older" in generations.problem(connection, pair)
        connection.execute("update vault.vault.generation set generation = 6")
        assert "warehouse is older" in generations.problem(connection, pair)
        connection.execute("update vault.vault.generation set generation = 5")
        assert "two different histories" in generations.problem(connection, pair)
        connection.execute("update monitor.generation set built_by = '99.1.0'")
        assert "last built by clientele 99.1.0" in generations.problem(connection, pair)


def test_restored_and_built_it_is_as_if_nothing_had_happened(lived, tmp_path):
    """The backup is of before the second file and the requests: the next build ends where it would have."""
    house, _, folder = lived
    expected = house.copy(tmp_path / "expected")
    built = expected.build(*UP_TO_FEATURES).status
    restored = house.copy(tmp_path / "restored")
    with restored.surroundings():
        done = backups.restore(backups.opened(folder), restored.home, operate(restored))
    assert "2 customer(s) erased again" in done.sentences[0]
    assert restored.rows("select user_id from vault.vault.side_lines where user_id is not null") == [
        (int(OBJECTOR),)
    ]
    assert not published(restored.home) & {key_of(user) for user in (ERASED, OBJECTOR, RESTRICTED)}
    assert published(restored.home), "others are there"
    assert not (restored.home / ".rewritten").exists()
    kinds = "select request_number, kind from vault.vault.requests where request_number <= 5 order by 1"
    assert restored.rows(kinds) == expected.rows(kinds) and len(restored.rows(kinds)) == 5
    for register in ("tombstones", "objections", "restrictions", "destination_ledger"):
        query = f"select * from vault.vault.{register} order by all"
        assert restored.rows(query) == expected.rows(query), register
    restored.build(*UP_TO_FEATURES)
    found, wanted = (
        {name: table for name, table in home.contents().items() if name.split(".")[2] in built}
        for home in (restored, expected)
    )
    assert {"warehouse.core.events", "warehouse.marts.user_features"} < wanted.keys()
    assert_same(found, wanted)


def test_exported_audiences_are_no_part_of_a_backup(lived, tmp_path):
    """Whoever is erased or objects later would still be a member in the copy that a restore publishes."""
    house, _, _ = lived
    home = shutil.copytree(house.home, tmp_path / "home", symlinks=True)
    told = home / "audiences" / "loyal"
    told.mkdir(parents=True)
    (told / "members.csv").write_text("user_key\n")
    publishing.show_exports(home)
    published_audiences = home / "published" / "audiences"
    assert (published_audiences / "loyal" / "members.csv").exists()
    saved = backups.take(home, tmp_path / "backups")
    assert not list(saved.folder.rglob("members.csv"))

    # a backup of an earlier version has them
    copy = next((saved.folder / "publications").iterdir()) / "audiences" / "loyal" / "members.csv"
    copy.parent.mkdir(parents=True)
    copy.write_text(f"user_key\n{key_of(OBJECTOR)}\n")
    saved.manifest["files"][copy.relative_to(saved.folder).as_posix()] = publishing._facts(copy)
    with house.surroundings():
        backups.restore(saved, home, operate(house))
    assert published_audiences.is_symlink() and published_audiences.resolve() == home / "audiences"
    assert (published_audiences / "loyal" / "members.csv").read_text() == "user_key\n"
    assert all(kept.problem() is None for kept in publishing.publications(home))

    # and so has a home that an earlier version restored: the next export, or request, takes them away
    published_audiences.unlink()
    (published_audiences.resolve() / "loyal").mkdir(parents=True)
    publishing.show_exports(home)
    assert published_audiences.is_symlink()


@pytest.mark.parametrize(
    "register", ["user_keys", "quarantined_lines", "side_lines", "objections", "restrictions"]
)
def test_who_was_erased_since_is_found_wherever_the_backup_names_them(register):
    ring = keys.new_ring(KEY)
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as vault; create schema vault.vault")
        connection.execute(f"create table vault.vault.{register} as select 7 as user_id union all select 8")
        assert backups._erased(connection, ring, {keys.erased_hash("7", ring)}) == {7}


def test_a_restore_that_fails_changes_nothing(lived, tmp_path):
    house, _, folder = lived
    other = house.copy(tmp_path)

    def state() -> dict:
        return {
            path: path.read_bytes()
            for path in other.home.rglob("*")
            if path.is_file() and path.name != ".lock"
        }

    before = state()
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged, symlinks=True)
    with (damaged / "vault.duckdb").open("r+b") as file:
        file.write(b"x")

    def fails(*_: object) -> None:
        raise BackupError("the disk is full")

    with other.surroundings():
        for call, said in (
            (
                lambda: backups.restore(backups.opened(damaged), other.home),
                "vault.duckdb is not what was saved",
            ),
            (lambda: backups.restore(backups.opened(folder), other.home, fails), "the disk is full"),
            (lambda: backups.opened(tmp_path), "is no backup"),
        ):
            with pytest.raises(BackupError, match=said):
                call()
            assert state() == before
    with (
        other.surroundings(CLIENTELE_PSEUDONYM_KEY="x" * 40),
        pytest.raises(BackupError, match="another key"),
    ):
        backups.restore(backups.opened(folder), other.home)
    assert state() == before


def test_a_backup_goes_nowhere_into_its_home_and_to_no_file(lived, tmp_path):
    house, _, _ = lived
    other = house.copy(tmp_path / "house")
    (tmp_path / "link").symlink_to(other.home)
    (tmp_path / "file").touch()
    before = {path for path in other.home.rglob("*") if path.name != ".lock"}
    for folder, said in (
        (other.home, "is inside of the home"),
        (other.home / "published", "is inside of the home"),
        (other.home / "publications" / "saved", "is inside of the home"),
        (tmp_path / "link" / "saved", "is inside of the home"),
        (Path("/dev/null"), "/dev/null is no folder"),
        (tmp_path / "file" / "saved", "file is no folder"),
    ):
        with pytest.raises(BackupError, match=said):
            backups.take(other.home, folder)
    assert {path for path in other.home.rglob("*") if path.name != ".lock"} == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts: {name: value for name, value in facts.items() if name != "taken_at"},
        lambda _: [1],
        lambda _: 3,
        lambda facts: facts | {"taken_at": 3},
        lambda facts: facts | {"key_epoch": None},
        lambda facts: facts | {"files": [1]},
        lambda facts: facts | {"files": {"vault.duckdb": 3}},
        lambda facts: facts | {"files": {"vault.duckdb": {"bytes": "many", "sha256": ""}}},
    ],
)
def test_a_damaged_manifest_is_told_and_passed_over(lived, tmp_path, spoil):
    _, _, folder = lived
    for number in (1, 2, 3):
        shutil.copytree(folder, tmp_path / f"{number}-backup", symlinks=True)
    manifest = tmp_path / "2-backup" / "backup.json"
    manifest.write_text(json.dumps(spoil(json.loads(manifest.read_text()))))
    said = []
    found = backups.backups(tmp_path, said.append)
    assert [one.folder.name for one in found] == ["1-backup", "3-backup"]
    assert len(said) == 1 and "2-backup" in said[0] and "ids of customers" in said[0]
    ran = CliRunner().invoke(cli.main, ["backups", str(tmp_path)])
    assert ran.exit_code == 0 and ran.output.count("taken ") == 2 and "is damaged" in ran.output
    ran = CliRunner().invoke(
        cli.main, ["restore", str(tmp_path / "2-backup"), "--home", str(tmp_path / "home")]
    )
    assert ran.exit_code == 1 and "is damaged" in ran.output and not (tmp_path / "home").exists()


def test_no_backup_removes_itself_or_those_of_another_home(lived, tmp_path):
    """A clock that was ahead has left one that looks newer; a folder may be shared."""
    house, saved, said = lived[0].copy(tmp_path / "house"), tmp_path / "saved", []
    ahead = backups.take(house.home, saved)
    manifest = ahead.folder / backups.MANIFEST
    manifest.write_text(
        manifest.read_text().replace(f'"taken_at": "{ahead.manifest["taken_at"][:4]}', '"taken_at": "2999')
    )
    shutil.copytree(house.home, tmp_path / "second", symlinks=True)
    of_second = backups.take(tmp_path / "second", saved)
    newest = backups.take(house.home, saved, keep=1, say=said.append)
    assert {backup.folder for backup in backups.backups(saved)} == {newest.folder, of_second.folder}
    assert len(said) == 1 and "1 backup(s)" in said[0] and "another home" in said[0]


def test_a_kill_while_an_older_backup_is_removed_leaves_none_that_nobody_finds(lived, tmp_path, monkeypatch):
    house, saved = lived[0].copy(tmp_path / "house"), tmp_path / "saved"
    backups.take(house.home, saved)

    remove = shutil.rmtree

    def killed(folder, **settings):
        if not (folder / backups.MANIFEST).exists():
            return remove(folder, **settings)
        (folder / backups.MANIFEST).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(backups.shutil, "rmtree", killed)
        backups.take(house.home, saved, keep=1)
    taken = backups.take(house.home, saved, keep=1)
    assert [path.name for path in saved.iterdir()] == [taken.folder.name]


def test_a_damaged_manifest_keeps_no_older_backup_alive(lived, tmp_path):
    house, _, folder = lived
    other = house.copy(tmp_path / "house")
    for number in (1, 2):
        shutil.copytree(folder, tmp_path / "saved" / f"{number}-backup", symlinks=True)
    first = tmp_path / "saved" / "1-backup" / backups.MANIFEST
    first.write_text(json.dumps(json.loads(first.read_text()) | {"home": str(other.home.resolve())}))
    (tmp_path / "saved" / "2-backup" / "backup.json").write_text("{}")
    said = []
    taken = backups.take(other.home, tmp_path / "saved", keep=1, say=said.append)
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"2-backup", taken.folder.name}
    assert len(said) == 1


def test_a_refused_restore_leaves_nothing_in_a_new_place(lived, tmp_path):
    house, _, folder = lived
    for home in (tmp_path / "a" / "home", tmp_path):
        with (
            house.surroundings(CLIENTELE_PSEUDONYM_KEY="x" * 40),
            pytest.raises(BackupError, match="another key"),
        ):
            backups.restore(backups.opened(folder), home)
        assert not list(tmp_path.iterdir())


def test_a_killed_restore_leaves_no_copy_of_the_vault_outside_the_home(lived, tmp_path, monkeypatch):
    """What a kill would leave is what there is while the registers are read; the next command removes it."""
    house, _, folder = lived
    other = house.copy(tmp_path / "other")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    seen: list[set[Path]] = []

    def read_register(connection):
        seen.append({path for path in tmp_path.rglob("vault.duckdb") if path.parent != other.home})
        raise KeyboardInterrupt

    monkeypatch.setattr(backups, "_read_register", read_register)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", lambda _: None)
    with other.surroundings(), pytest.raises(KeyboardInterrupt):
        backups.restore(backups.opened(folder), other.home, operate(house))
    monkeypatch.undo()
    assert len(seen) == 1 and len(seen[0]) > 1, "the staged vault, and the copy that is read"
    assert all(other.home in path.parents for path in seen[0]), seen[0]
    with locking.held(other.home):
        rewriting.finish(other.home)
    assert not [path for path in tmp_path.rglob("vault.duckdb") if path.parent != other.home]


def test_without_a_register_it_says_what_is_not_known(lived, tmp_path):
    _, _, folder = lived
    house = House(tmp_path, papers=False)
    with house.surroundings():
        done = backups.restore(backups.opened(folder), house.home)
    assert "Carry out again each request after number 1" in " ".join(done.sentences)
    assert stat.S_IMODE((house.home / "vault.duckdb").stat().st_mode) == 0o600
    home = tmp_path / "older"
    with house.surroundings():
        older = backups.take(lived[0].home, tmp_path / "later")
        done = backups.restore(older, home, register=folder / "vault.duckdb")
    assert "Carry out again each request after number 5" in " ".join(done.sentences), "it tells nothing"
    # From there another history goes on: the register of the lost one does not follow it.
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=OBJECTOR).succeeded
    _, moments, _ = lived
    with house.surroundings():
        other = backups.take(house.home, tmp_path / "backups")
        with pytest.raises(BackupError, match="two different histories"):
            backups.restore(other, tmp_path / "new", register=moments[2] / "vault.duckdb")


def test_the_commands_speak_in_sentences(lived, tmp_path, monkeypatch):
    house, _, _ = lived
    monkeypatch.setenv("CLIENTELE_PSEUDONYM_KEY", KEY)
    other = house.copy(tmp_path)
    saved = tmp_path / "saved"

    def call(*arguments: object) -> tuple[int, str]:
        ran = CliRunner().invoke(cli.main, [str(part) for part in arguments])
        assert ran.exception is None or isinstance(ran.exception, SystemExit)
        return ran.exit_code, ran.output

    for _ in range(3):
        status, said = call("backup", "--home", other.home, "--to", saved, "--keep", 2)
        assert status == 0 and "saved to" in said
    assert len(backups.backups(saved)) == 2
    newest = backups.backups(saved)[-1].folder
    status, said = call("restore", newest, "--home", other.home)
    assert status == 0 and "No request of a customer is later" in said
    status, said = call("backups", saved, "--verify")
    assert status == 0 and said.count("verified") == 2
    (newest / "warehouse.duckdb").write_bytes(b"")
    status, said = call("backups", saved, "--verify")
    assert status == 1 and "DAMAGED" in said
    status, said = call("backup", "--home", tmp_path, "--to", saved)
    assert status == 1 and "there is nothing yet in this home" in said
    taken = (
        "import sys; from pathlib import Path; from clientele.runtime import locking\n"
        "locking.take(Path(sys.argv[1])); print('taken', flush=True); sys.stdin.read()"
    )
    locking.release(other.home)
    with subprocess.Popen(
        [sys.executable, "-c", taken, other.home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as build:
        assert build.stdout.readline() == "taken\n"
        status, said = call("backup", "--home", other.home, "--to", saved, "--wait", 1)
        assert status == 1 and f"is in use by process {build.pid}" in said
        build.stdin.close()
    assert call("backup", "--home", other.home, "--to", saved, "--wait", 5)[0] == 0
    assert len(backups.backups(saved)) == 3


def test_what_a_killed_build_has_committed_is_saved(lived, tmp_path):
    house, _, _ = lived
    other = house.copy(tmp_path)
    killed = (
        "import os, sys, duckdb\n"
        "connection = duckdb.connect(sys.argv[1]); connection.execute(\"set checkpoint_threshold = '1GB'\")\n"
        "connection.execute('create table monitor.committed as select 7 as x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed, other.home / "warehouse.duckdb"], check=False)
    assert (other.home / "warehouse.duckdb.wal").exists()
    saved = backups.take(other.home, tmp_path / "saved")
    with duckdb.connect(str(saved.folder / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select x from monitor.committed").fetchall() == [(7,)]


def test_a_full_disk_leaves_no_half_of_a_backup(lived, tmp_path):
    """A limit of file sizes stands for the end of the disk: writing fails in the midst of a database."""
    house, _, _ = lived
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
        "from clientele.cli import main; main()"
    )
    call = [sys.executable, "-c", program, "backup", "--home", house.home, "--to", tmp_path / "saved"]
    ran = subprocess.run(call, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr and "Error:" in ran.stderr
    assert list((tmp_path / "saved").iterdir()) == []


# --- exports stay in the home, which the requests of the copy do not reach


def at_the_backup(lived, folder: Path, *members: str) -> House:
    """Return a home as it was at the backup; later these customers were exported, and one who stays."""
    house, moments, _ = lived
    other = House(folder / "later", papers=False)
    other.lake = house.lake
    shutil.copytree(moments[0], other.home, symlinks=True)
    rows = sorted(key_of(user) for user in (*members, MEMBER))
    ledger = SimpleNamespace(_keys=lambda _, standings, __: iter([rows] if "adding" in standings else []))
    destinations.of_the_home(other.home).send(Export(1, "folder", Audience("loyal"), None, True, ledger))
    return other


def exported(home: Path) -> set[str]:
    """Return whom the files of members name; each form of them names the same."""
    folder = home / "audiences" / ".exports" / "loyal-000001"
    told = [set((folder / f"{part}.csv").read_text().split()[1:]) for part in ("members", "added")]
    told += [
        set(pq.read_table(folder / f"{part}.parquet")["user_key"].to_pylist())
        for part in ("members", "added")
    ]
    assert all(keys == told[0] for keys in told)
    return told[0]


def stop(house: House, operation: str, *users: str) -> None:
    """Have an operation end before its new files count, as a kill does: nobody is out of the exports."""

    def killed(*_: object) -> None:
        raise OSError("killed")

    (house.folder / "named").write_text("\n".join(users))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewriting, "mark_whole", killed)
        ran = house.operation(operation, CLIENTELE_SUBJECTS_FILE=str(house.folder / "named"))
    assert not ran.succeeded and "killed" in ran.said, ran.said[-2000:]


@pytest.mark.parametrize("operation", ["object_to_profiling", "restrict_subjects", "erase_subjects"])
def test_whose_request_a_restore_carries_out_is_no_member_in_the_exports(lived, tmp_path, operation):
    """The request was stopped; one customer came after the backup, and is known by the request alone."""
    _, _, folder = lived
    home = at_the_backup(lived, tmp_path, OBJECTOR, NEWCOMER, WITHDRAWN)
    stop(home, operation, OBJECTOR, NEWCOMER)
    assert key_of(OBJECTOR) in exported(home.home)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with home.surroundings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(destinations.Folder, "withdraw", killed)
        with pytest.raises(KeyboardInterrupt):
            backups.restore(backups.opened(folder), home.home, operate(home))
    assert key_of(OBJECTOR) in exported(home.home)
    with locking.held(home.home):
        rewriting.finish(home.home)
    assert exported(home.home) == {key_of(MEMBER)}, "WITHDRAWN objects in the backup, too"
    assert not home.rows("select * from vault.vault.requests where finished_at is null")


def test_an_erasure_that_was_stopped_before_it_had_a_number_is_carried_out(lived, tmp_path):
    _, _, folder = lived
    home = at_the_backup(lived, tmp_path, ERASED)
    with home.connection(read_only=False) as connection:
        connection.execute("insert into vault.vault.erasure_requests values (?)", [int(ERASED)])
    for register in (None, folder / "vault.duckdb"):
        again = home.copy(tmp_path / str(register is None))
        with again.surroundings():
            done = backups.restore(backups.opened(folder), again.home, operate(again), register)
        assert "1 customer(s) erased again" in done.sentences[0]
        assert key_of(ERASED) not in published(again.home) and exported(again.home) == {key_of(MEMBER)}


def test_a_request_that_was_done_before_a_restore_has_left_nobody_in_the_exports(lived, tmp_path):
    _, _, folder = lived
    home = at_the_backup(lived, tmp_path, ERASED, OBJECTOR)
    assert home.operation("erase_subjects", CLIENTELE_SUBJECT=ERASED).succeeded
    assert home.operation("object_to_profiling", CLIENTELE_SUBJECT=OBJECTOR).succeeded
    with home.surroundings():
        backups.restore(backups.opened(folder), home.home, operate(home))
    assert exported(home.home) == {key_of(MEMBER)}


@pytest.mark.parametrize("other", ["nobody", "living", "corrected"])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_line_without_a_user_stays_erased_when_its_session_is_named_after_the_backup(
    house, is_known, other
):
    """A session over midnight: the backup has its first lines, the next day's file says whose it is.

    It may be somebody else's, too; or was until a file was corrected, which is after the backup.
    """
    is_shared = other == "living"
    elses = Event(user_id="4", user_session="night")
    house.variables["quarantine_refuse_share"] = 1
    unnamed = Event(user_id="", user_session="night", price="-123456.78").line()
    replaced = Event(user_id="", user_session="night", price="-3").line()  # not held at the erasure
    nobodys = Event(user_id="", user_session="day", price="-2").line()
    events = [Event(user_id="1")]
    events += [Event(user_id="2", user_session="other")] * is_known
    events += [elses] * is_shared
    lived = [nobodys, *(event.line() for event in events)]
    house.deliver("a.csv", csv_lines(unnamed, *lived))
    house.deliver("z.csv", csv_lines(Event(user_id="1", product_id="8").line(), replaced))
    if other == "corrected":
        house.deliver("y.csv", csv_lines(Event(user_id="1", product_id="9").line(), elses.line()))
    house.build(*UP_TO_EVENTS)
    saved = backups.take(house.home, house.folder / "backups")
    house.deliver("z.csv", csv_lines(Event(user_id="1", product_id="8").line()))
    if other == "corrected":
        house.deliver("y.csv", csv_lines(Event(user_id="1", product_id="9").line()))
    named = Event(user_id="2", user_session="night", event_time="2019-10-02 00:00:01 UTC")
    house.deliver("b.csv", csv_lines(Event(user_id="1", product_id="7").line(), named.line()))
    house.build(*UP_TO_EVENTS)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded

    lines = "select line_text, session_sk = 0 from vault.vault.quarantined_lines order by 1"
    left = [(nobodys, False), *([(unnamed, True)] * is_shared)]
    assert house.rows(lines) == sorted(left)
    held = sorted([*left, *([(replaced, is_shared)] * (other != "nobody"))])
    with house.surroundings():
        backups.restore(saved, house.home, operate(house))
    assert house.rows(lines) == held
    assert (b"-123456.78" in (house.home / "vault.duckdb").read_bytes()) == is_shared
    for how in ((), ("--full-refresh",)):
        house.build(*UP_TO_EVENTS, *how)
        assert house.rows(lines) == sorted(left)
        assert {account.unaccounted for account in house.accounts().values()} == {0}
        assert house.accounts()["a.csv"].erased == int(is_known) + (not is_shared)


@pytest.mark.parametrize("is_expired", [False, True])
def test_an_erasure_from_before_the_backup_takes_nobody_elses_line(house, is_expired):
    """The living's own event of the file is held under another one, or is too old; any erasure follows."""
    house.variables["quarantine_refuse_share"] = 1
    owners = [
        Event(user_id=user, user_session=name) for user, name in (("1", "x"), ("2", "night"), ("6", "y"))
    ]
    house.deliver("a.csv", csv_text(owners))
    house.build(*UP_TO_EVENTS)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
    theirs = Event(user_id="4", user_session="night", event_time="2019-10-05 10:00:00 UTC")
    when = "2020-02-05 10:00:01 UTC" if is_expired else "2019-10-05 10:00:01 UTC"
    unnamed = Event(user_id="", user_session="night", price="-1", event_time=when).line()
    if is_expired:
        house.variables["events_retention_months"] = 1
    else:
        house.deliver("b.csv", csv_text([theirs]))
    newest = Event(user_id="1", event_time="2020-02-05 10:00:00 UTC")
    house.deliver("c.csv", csv_lines(theirs.line(), unnamed, *([newest.line()] * is_expired)))
    house.build(*UP_TO_EVENTS)
    saved = backups.take(house.home, house.folder / "backups")
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="6").succeeded
    with house.surroundings():
        backups.restore(saved, house.home, operate(house))
    lines = "select line_text, session_sk = 0 from vault.vault.quarantined_lines"
    assert house.rows(lines) == [(unnamed, False)]


# --- what the register tells, and what it cannot


def test_a_register_that_knows_less_than_the_home_is_refused(lived, tmp_path):
    """The vault of the backup, as the register, would bring back who was erased since."""
    house, moments, folder = lived
    home = house.copy(tmp_path / "home").home
    before = {path: path.read_bytes() for path in home.glob("*.duckdb")}
    with house.surroundings():
        for older in (folder, moments[1]):
            with pytest.raises(BackupError, match=r"Leave --register out.*--ignore-register.*Nothing was"):
                backups.restore(backups.opened(folder), home, register=older / "vault.duckdb")
            assert {path: path.read_bytes() for path in home.glob("*.duckdb")} == before
        # one that knows more is what it is for, and so is any beside a vault that cannot be read
        earlier = shutil.copytree(moments[1], tmp_path / "earlier", symlinks=True)
        vault = moments[2] / "vault.duckdb"
        done = backups.restore(backups.opened(folder), earlier, lambda *_: None, register=vault)
        assert "later request(s)" in done.sentences[0]
        (home / "vault.duckdb").write_bytes(b"damaged")
        done = backups.restore(backups.opened(folder), home, lambda *_: None, register=vault)
        assert "later request(s)" in done.sentences[0]


@pytest.mark.parametrize("withdraws", [False, True])
def test_who_was_erased_and_readmitted_since_does_not_come_back_profiled(lived, tmp_path, withdraws):
    """No tombstone tells of the erasure any more: that the objection is gone must not mean a withdrawal."""
    _, _, folder = lived
    home = at_the_backup(lived, tmp_path)
    for operation, user in (
        ("erase_subjects", WITHDRAWN),
        ("readmit_subjects", WITHDRAWN),
        *([("withdraw_objection", OBJECTOR)] if withdraws else []),
    ):
        assert home.operation(operation, CLIENTELE_SUBJECT=user).succeeded
    with home.surroundings():
        done = backups.restore(backups.opened(folder), home.home, operate(home))
    assert home.rows("select user_id from vault.vault.objections") == [(int(WITHDRAWN),)]
    assert home.rows("select count(*) from core.profiling_objections") == [(1,)]
    assert key_of(WITHDRAWN) not in published(home.home)
    said = " ".join(done.sentences)
    assert "somebody readmitted" in said and "erase them again, then readmit them" in said
    assert "1 customer(s) stay in the objections" in said and "clientele withdraw-objection" in said


def test_an_erasure_that_the_backup_fell_into_is_carried_out_also_after_a_readmission(lived, tmp_path):
    home = at_the_backup(lived, tmp_path)
    stop(home, "erase_subjects", ERASED)
    saved = backups.take(home.home, tmp_path / "saved")
    assert home.operation("erase_subjects").succeeded
    assert home.operation("readmit_subjects", CLIENTELE_SUBJECT=ERASED).succeeded
    with home.surroundings():
        done = backups.restore(saved, home.home, operate(home))
    assert key_of(ERASED) not in published(home.home) and published(home.home)
    assert "1 customer(s) erased again" in done.sentences[0]
    assert any("readmit them again (clientele readmit)" in sentence for sentence in done.sentences)


def test_an_export_that_the_home_knows_of_is_not_forgotten_for_another_register(lived, tmp_path):
    """Else a destination would never hear who is to leave."""
    _, _, folder = lived
    home = at_the_backup(lived, tmp_path)
    register = shutil.copyfile(home.home / "vault.duckdb", tmp_path / "vault.duckdb")
    with home.connection(read_only=False) as connection:
        generations.advance(connection)
        connection.execute(
            "insert into vault.vault.destination_ledger values ('crm', 'loyal', ?, 'member', 7)",
            [key_of(MEMBER)],
        )
    with home.surroundings():
        backups.restore(backups.opened(folder), home.home, operate(home), register=register)
    assert ("crm", key_of(MEMBER), 7) in home.rows(
        "select destination, member_key, export_number from vault.vault.destination_ledger"
    )
