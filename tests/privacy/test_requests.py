"""The register of requests, and what it holds together: a vault and a warehouse of the same moment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import FIRST_USER, NEXT_KEY, UP_TO_EVENTS, House, little_shop

from clientele import cli
from clientele.privacy import register
from clientele.runtime import backups, fits, locking, warehouses

PAPERS = False
SHOP = little_shop(seed=11, n_users=6, n_days=10)
FIRST, SECOND, UNKNOWN = str(FIRST_USER), str(FIRST_USER + 37), "999999999"


@pytest.fixture(scope="module")
def keyed(new_house):
    house = new_house()
    house.deliver("a.csv", SHOP)
    house.build(*UP_TO_EVENTS)
    return house


def test_requests_are_registered_and_halves_of_a_backup_refused(house, tmp_path):
    house.deliver("a.csv", SHOP)
    house.build(*UP_TO_EVENTS)
    assert register.lines(house.home) == ["no request was carried out"]
    old = tmp_path / "old"
    shutil.copytree(house.home, old, symlinks=True)

    # Nothing is held on the unknown one: it is said, and leaves no mark.
    nobody = house.operation("erase_subjects", CLIENTELE_SUBJECT=UNKNOWN)
    assert nobody.succeeded and "nothing is held on 1 of the customers" in nobody.said
    assert house.value("select count(*) from vault.vault.tombstones") == 0
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=SECOND).succeeded
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT=FIRST).succeeded
    assert house.value("select count(*) from vault.vault.tombstones") == 1
    kinds = house.rows(
        "select kind, n_customers, n_rows, finished_at is not null from vault.vault.requests order by all"
    )
    n_lines = sum(event.user_id == FIRST for event in SHOP)
    assert kinds == [("erase", 1, 0, True), ("erase", 1, n_lines, True), ("object", 1, None, True)]
    assert [line.split(", ")[2] for line in register.lines(house.home)] == ["erase", "object", "erase"]
    assert not any(user in line for user in (FIRST, SECOND) for line in register.lines(house.home))
    house.build(*UP_TO_EVENTS)
    new = tmp_path / "new"
    shutil.copytree(house.home, new, symlinks=True)

    for half, sentence in (
        ("vault", "The vault is older than the warehouse: it knows of 0 request(s)"),
        ("warehouse", "The warehouse is older than the vault: it knows of 0 request(s)"),
    ):
        shutil.rmtree(house.home)
        shutil.copytree(new, house.home, symlinks=True)
        shutil.copyfile(old / f"{half}.duckdb", house.home / f"{half}.duckdb")
        for give_out in (warehouses.opened, fits.opened):
            with (
                house.surroundings(),
                locking.held(house.home),
                pytest.raises(warehouses.WarehouseError) as told,
                give_out(house.home),
            ):
                raise AssertionError("data of two moments is given out")
            assert sentence in str(told.value)
        rolled = CliRunner().invoke(cli.main, ["rollback", "--home", str(house.home)])
        assert rolled.exit_code == 1 and sentence in rolled.stderr
        stopped = house.run(*UP_TO_EVENTS)
        assert not stopped.succeeded and sentence in stopped.said, stopped.said[-2000:]
    stopped = house.operation("object_to_profiling", CLIENTELE_SUBJECT=SECOND)
    assert not stopped.succeeded and "older than the vault" in stopped.said

    # The way out of an older warehouse: without it, the files are read again, and who is erased stays away.
    (house.home / "warehouse.duckdb").unlink()
    house.build(*UP_TO_EVENTS)
    assert house.value("select count(*) from core.events") == len(SHOP) - n_lines
    (house.home / "vault.duckdb").unlink()
    stopped = house.run(*UP_TO_EVENTS)
    assert not stopped.succeeded and "The vault is lost" in stopped.said


LOST = {"vault": "The vault is lost, or another one", "warehouse": "The warehouse is lost"}
REQUESTS = (
    *("object_to_profiling", "withdraw_objection", "restrict_subjects"),
    *("erase_subjects", "readmit_subjects", "rotate_key"),
)


def refuses_the_rest(house: House, half: str, folder: Path) -> None:
    """Whatever needs the half that is lost says so, and leaves the other one as it is."""
    (other,) = set(LOST) - {half}
    held = (house.home / f"{other}.duckdb").read_bytes()

    def is_told(said: str) -> None:
        assert LOST[half] in said and "build anew" in said, said[-2000:]
        assert (house.home / f"{other}.duckdb").read_bytes() == held

    for give_out in (warehouses.opened, warehouses.check, fits.opened):
        with (
            house.surroundings(),
            locking.held(house.home),
            pytest.raises(warehouses.WarehouseError) as told,
            give_out(house.home) or nullcontext(),  # a context to enter, or a check that is done at once
        ):
            raise AssertionError("data of half a home is given out")
        is_told(str(told.value))
    with house.surroundings(), pytest.raises(backups.BackupError) as told:
        backups.take(house.home, folder, keep=1)
    is_told(str(told.value))
    assert not list(folder.glob("*"))
    for operation in REQUESTS:
        ran = house.operation(operation, CLIENTELE_SUBJECT=FIRST, CLIENTELE_PSEUDONYM_KEY_NEW=NEXT_KEY)
        assert not ran.succeeded, operation
        is_told(ran.said)


@pytest.mark.parametrize("half", LOST)
def test_a_half_that_is_lost_is_told_by_whatever_needs_it(keyed, tmp_path, half):
    """It found nobody, and was reported done: a copy without events, a backup without a warehouse."""
    house = keyed.copy(tmp_path)
    lost = house.home / f"{half}.duckdb"
    lost.unlink()
    refuses_the_rest(house, half, tmp_path / "saved")
    assert not lost.exists()  # an empty one would pass for a vault, and a restore be refused
    built = house.run(*UP_TO_EVENTS)
    if half == "vault":
        assert not built.succeeded and LOST["vault"] in built.said and not lost.exists()
    else:
        assert built.succeeded and house.value("select count(*) from core.events") == len(SHOP)


def test_a_build_of_seeds_alone_makes_no_warehouse_anew(keyed, tmp_path):
    house = keyed.copy(tmp_path)
    (house.home / "warehouse.duckdb").unlink()
    house.build("--select", "resource_type:seed")
    refuses_the_rest(house, "warehouse", tmp_path / "saved")


@pytest.mark.parametrize("builds_first", [False, True])
def test_an_erasure_that_was_stopped_is_finished_in_the_vault_when_the_warehouse_is_lost(
    keyed, tmp_path, builds_first
):
    """A build waits for it, so it must not wait for a build."""
    house = keyed.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute(f"insert into vault.vault.erasure_requests values ({FIRST})")
    (house.home / "warehouse.duckdb").unlink()
    if builds_first:
        stopped = house.run(*UP_TO_EVENTS)
        assert not stopped.succeeded and "An erasure was interrupted" in stopped.said
    restricted = house.operation("restrict_subjects", CLIENTELE_SUBJECT=SECOND)
    assert not restricted.succeeded and LOST["warehouse"] in restricted.said
    assert house.operation("erase_subjects").succeeded
    house.build(*UP_TO_EVENTS)
    expected = sum(event.user_id != FIRST for event in SHOP)
    assert house.value("select count(*) from core.events") == expected


def test_where_nothing_was_built_there_is_nothing_to_save(house, tmp_path):
    """Such a backup could not be restored, and an older one would go for it."""
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=FIRST).succeeded
    with house.surroundings(), pytest.raises(backups.BackupError, match="there is nothing to save"):
        backups.take(house.home, tmp_path / "saved", keep=1)


@pytest.mark.parametrize("operation", ["erase_subjects", "readmit_subjects", "rotate_key"])
def test_a_request_in_a_home_where_nothing_is_built_is_refused(house, operation):
    """Its name may be mistyped: the request would be reported done, and nothing be changed."""
    ran = house.operation(operation, CLIENTELE_SUBJECT=FIRST)
    assert not ran.succeeded and "There is nothing yet in this warehouse" in ran.said


@pytest.mark.parametrize("operation", ["object_to_profiling", "restrict_subjects", "withdraw_objection"])
def test_an_objection_before_the_first_build_says_that_nothing_is_there(house, operation):
    ran = house.operation(operation, CLIENTELE_SUBJECT=FIRST)
    assert ran.succeeded and "noted for the first build: there is nothing yet in this warehouse" in ran.said
    assert "from now on" not in ran.said and "works out" not in ran.said


@pytest.mark.parametrize("operation", ["object_to_profiling", "restrict_subjects"])
def test_an_objection_of_somebody_unknown_says_that_no_event_is_theirs(keyed, tmp_path, operation):
    """The id may be mistyped; and it may be right, so it is noted."""
    told = "1 of the customers who are named have no event in this warehouse: it is noted for when one comes"
    house = keyed.copy(tmp_path)
    known = house.operation(operation, CLIENTELE_SUBJECT=str(FIRST_USER))
    assert known.succeeded and "from now on" in known.said and "no event" not in known.said
    for _ in range(2):
        unknown = house.operation(operation, CLIENTELE_SUBJECT=UNKNOWN)
        assert unknown.succeeded and "from now on" in unknown.said and told in unknown.said
        assert UNKNOWN not in unknown.said


def test_an_erasure_that_was_stopped_keeps_data_from_being_given_out(keyed, tmp_path):
    house = keyed.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute(f"insert into vault.vault.erasure_requests values ({FIRST})")
    with (
        house.surroundings(),
        locking.held(house.home),
        pytest.raises(warehouses.WarehouseError, match="clientele erase "),
        warehouses.opened(house.home),
    ):
        raise AssertionError("data of who is half erased is given out")


def test_who_reads_the_warehouse_keeps_nobody_from_showing_an_earlier_publication(keyed):
    """It is what an operator does first when a publication is wrong, and analysts may have it open."""
    reading = "import duckdb, sys; held = duckdb.connect(sys.argv[1], read_only=True)\n"
    reading += "print(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", reading, keyed.home / "warehouse.duckdb"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as reader:  # fmt: skip
        assert reader.stdout.readline() == "1\n"
        with keyed.surroundings(), locking.held(keyed.home):
            warehouses.check(keyed.home)
        reader.communicate("\n")


def test_no_register_is_a_sentence(tmp_path):
    with pytest.raises(register.RegisterError, match="nothing was built there yet"):
        register.lines(tmp_path)


@pytest.mark.parametrize(
    "operation", ["erase_subjects", "object_to_profiling", "restrict_subjects", "export_subject"]
)
def test_a_request_with_another_key_is_refused_and_changes_nothing(keyed, tmp_path, operation):
    """With it nobody would be found, and the request be reported done."""
    before = keyed.rows("select * from vault.vault.requests order by all")
    ran = keyed.operation(
        operation,
        CLIENTELE_SUBJECT=str(FIRST_USER),
        CLIENTELE_EXPORT_FOLDER=str(tmp_path),
        CLIENTELE_PSEUDONYM_KEY=NEXT_KEY,
    )
    assert not ran.succeeded
    assert "is not the key that this warehouse was built with" in ran.said
    assert keyed.rows("select * from vault.vault.requests order by all") == before
    for register_of_people in ("tombstones", "erasure_requests", "objections", "restrictions"):
        assert keyed.value(f"select count(*) from vault.vault.{register_of_people}") == 0
