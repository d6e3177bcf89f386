"""Builds that are killed, starved, locked out and misled: each ends right, or refused in a sentence.

What is wrong inside of files is in test_build_ingest.py and test_lake.py, what may reach SQL in
test_build_privacy.py too. `make test-faults` kills at every statement; here it is a few.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from breaking import Breaker, Outcome
from support import (
    INJECTIONS,
    IS_LONG,
    ROOT,
    UP_TO_EVENTS,
    UP_TO_FEATURES,
    WITHOUT_TESTS,
    House,
    Table,
    assert_same,
    little_shop,
    some,
)
from test_build_state import assert_adds_up, wrong_version

from clientele.runtime import publishing

SHARES = 15  # of the statements: the workers of pytest divide them. Odd: half are killed within one
VARIABLES = {"reference_days": 10, "min_events": 3, "fit_min_events": 3}
SHOP = little_shop(seed=5, n_users=260)
STOPPED = "stopped before its end"


@pytest.fixture(scope="module")
def breaker() -> Iterator[Breaker]:
    with Breaker(VARIABLES) as breaker:
        yield breaker


def built(outcome: Outcome) -> Outcome:
    """Insist on a build that came to a good end."""
    assert not outcome.killed and outcome.build.succeeded, outcome.said[-3000:]
    return outcome


def refused(outcome: Outcome, sentence: str) -> None:
    """Insist on a build that says why it did nothing, and not how Python got there."""
    assert not outcome.killed and not outcome.build.succeeded
    assert sentence in outcome.said, outcome.said[-3000:]
    assert "Traceback" not in outcome.said


@pytest.fixture(scope="module")
def reference(new_house, breaker) -> dict[str, Table]:
    """Build up to the features at once: what every history below must come to."""
    house = new_house(variables=VARIABLES)
    house.deliver("everything.csv", SHOP)
    built(breaker.build(house, *UP_TO_FEATURES))
    return house.contents()


@pytest.fixture(scope="module")
def interrupted(new_house, breaker) -> House:
    """Return a house whose lake has changed in every way since its only build: what is to be stopped."""
    house = new_house(variables=VARIABLES)
    house.deliver("a.csv", wrong_version(SHOP[:1000]))
    house.deliver("b.csv", SHOP[800:1200])
    house.deliver("c.csv", SHOP[1300:1400])
    built(breaker.build(house, *UP_TO_FEATURES))
    house.deliver("a.csv", SHOP[:1000])
    house.deliver("c.csv", SHOP[900:1500])
    house.deliver("d.csv", SHOP[:300])
    house.deliver("e.csv", SHOP[1400:])
    return house


@pytest.fixture
def half_way(interrupted, tmp_path) -> House:
    """Return that house with a warehouse of its own: the lake is the same, the paths in the ledger hold."""
    return copied(interrupted, tmp_path)


def copied(house: House, folder: Path) -> House:
    other = House(folder, variables=house.variables)
    other.lake = house.lake
    shutil.copytree(house.home, other.home, symlinks=True)
    return other


def ends_like(breaker: Breaker, house: House, reference: dict[str, Table], **settings: object) -> Outcome:
    outcome = built(breaker.build(house, *UP_TO_FEATURES, **settings))
    assert_same(house.contents(), reference)
    assert_adds_up(house)
    return outcome


# --- killed


def test_killed_in_one_model_after_another(breaker, half_way, reference):
    """Each build is killed a little further on, and the next one finds what that left."""
    chance = random.Random(1)
    nodes = ("event_files", "stg_lake__lines", "events", "user_feature_values")
    for node in nodes:
        outcome = breaker.build(half_way, *UP_TO_FEATURES, at_node=[node, 2], after=chance.random() / 50)
        assert outcome.killed, f"the build ended before {node}"
    said = ends_like(breaker, half_way, reference).said
    assert STOPPED in said and "every file that it had seen is loaded; behind the loaded events" in said
    entries = dict(half_way.rows("select entry, count(distinct run_id) from monitor.run_log group by entry"))
    assert entries == {"started": len(nodes) + 2, "ended": 2, "model": 2}


def test_a_full_refresh_killed_between_keys_and_users_forgets_who_is_gone(breaker, half_way, reference):
    """The keys are made anew by then, without the users whom a corrected file took away; users are not."""
    outcome = breaker.build(half_way, *UP_TO_FEATURES, "--full-refresh", at_node=["users", 4])
    assert outcome.killed
    ends_like(breaker, half_way, reference)


@pytest.mark.skipif(not IS_LONG, reason="make test-faults: kills at every statement")
@pytest.mark.parametrize("mode", [(), ("--full-refresh",)], ids=["increment", "full refresh"])
@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_every_statement(breaker, interrupted, reference, tmp_path, mode, share):
    chance = random.Random(share)
    whole = copied(interrupted, tmp_path / "whole")
    statements = built(breaker.build(whole, *UP_TO_FEATURES, *mode)).statements
    for number in range(share, len(statements), SHARES):
        house = copied(interrupted, tmp_path / str(number))
        when = {"after": chance.random() / 50} if number % 2 else {}
        breaker.build(house, *UP_TO_FEATURES, *mode, at_statement=number, **when)
        try:
            ends_like(breaker, house, reference)
        except AssertionError as problem:
            node = statements[number]
            raise AssertionError(f"killed at statement {number} of {node}, {when}: {problem}") from None
        shutil.rmtree(house.folder)


@pytest.fixture(scope="module")
def everything(new_house, breaker) -> House:
    """Build everything at once, then with nothing new, which empties the inputs of the fit."""
    house = new_house(variables=VARIABLES)
    house.deliver("everything.csv", SHOP)
    for _ in range(2):
        built(breaker.build(house, *WITHOUT_TESTS))
    assert house.value("select count(distinct segment_id) from core.segment_weights") > 1
    return house


def published(house: House) -> dict[str, bytes]:
    """Return the files of a publication without the books: they tell of deliveries, which differ here."""
    files = (house.home / "published").glob("*.parquet")
    return {path.name: path.read_bytes() for path in files if path.name != "shop_books.parquet"}


@pytest.mark.skipif(not IS_LONG, reason="make test-faults: builds that fit (test_publishing has kills too)")
def test_killed_during_the_fit_and_while_publishing(breaker, half_way, everything):
    fit = {"in_function": "clientele.personas.rows:fit_rows", "when_done": IS_LONG}
    assert breaker.build(half_way, *WITHOUT_TESTS, **fit).killed
    assert not published(half_way)
    # Files are written and not published; then published, and the run is not on record as ended.
    for text, then in [("clientele_publication_finish(", {}), ("'ended', 'build'", published(everything))]:
        outcome = breaker.build(half_way, *WITHOUT_TESTS, at_text=text)
        assert outcome.killed and STOPPED in outcome.said
        assert published(half_way) == then
    built(breaker.build(half_way, *WITHOUT_TESTS))
    assert_same(half_way.contents(), everything.contents())
    assert published(half_way) == published(everything)
    folders = {path.name for path in (half_way.home / "publications").iterdir()}
    assert folders == {".lock", "000001", "000002"}, "an unfinished publication was left behind"


# --- starved


def starved(outcome: Outcome) -> None:
    assert not outcome.killed and not outcome.build.succeeded
    assert any(words in outcome.said for words in ("No space left", "File too large", "Could not write")), (
        outcome.said[-3000:]
    )


@pytest.mark.parametrize("kilobytes", list(range(1, 4000, 200)) if IS_LONG else [700])
def test_no_file_may_grow(breaker, half_way, reference, kilobytes):
    """What a full disk does to a write, without a disk: the write fails."""
    outcome = breaker.build(half_way, *UP_TO_FEATURES, file_bytes=1024 * kilobytes)
    if kilobytes < 1000 or not outcome.build.succeeded:
        starved(outcome)
    ends_like(breaker, half_way, reference)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of a few megabytes, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk; test_no_file_may_grow stands for it")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(not IS_LONG, reason="make test-faults: mounts a disk")
def test_full_disk(breaker, interrupted, reference, small_disk, tmp_path):
    house = House(tmp_path, variables=VARIABLES)
    house.lake, house.home = interrupted.lake, small_disk
    place = {"environment": {"CLIENTELE_HOME": str(small_disk)}}
    starved(breaker.build(house, *UP_TO_FEATURES, **place))
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    ends_like(breaker, house, reference, **place)


# Moments of a build at which the disk becomes full, publishing included.
UP_TO = {
    "the ledger": ({"at_node": ["event_files", 1]}, UP_TO_FEATURES),
    "the lines": ({"at_node": ["stg_lake__lines", 1]}, UP_TO_FEATURES),
    "the events": ({"at_node": ["events", 2]}, UP_TO_FEATURES),
    "the features": ({"at_node": ["user_feature_values", 1]}, UP_TO_FEATURES),
    "the fit": ({"in_function": "clientele.personas.rows:fit_rows"}, WITHOUT_TESTS),
    "the personas": ({"at_node": ["user_segments", 1]}, WITHOUT_TESTS),
    "a publication's folder": ({"in_function": "clientele.runtime.publishing:start"}, WITHOUT_TESTS),
    "a published file": ({"at_text": "user_segments.parquet"}, WITHOUT_TESTS),
    "a publication's manifest": ({"in_function": "clientele.runtime.publishing:finish"}, WITHOUT_TESTS),
    "the record of the run": ({"at_text": "'ended', 'build'"}, WITHOUT_TESTS),
}


@pytest.mark.parametrize("moment", UP_TO if IS_LONG else ["the events"])
def test_the_disk_is_full_from_one_moment_on(breaker, interrupted, request, small_disk, tmp_path, moment):
    fault, selected = UP_TO[moment]
    subprocess.run(["mount", "-o", "remount,size=300m", small_disk], check=True)
    house = copied(interrupted, tmp_path / "house")
    shutil.move(house.home, small_disk / "home")
    house.home = small_disk / "home"
    place = {"environment": {"CLIENTELE_HOME": str(house.home)}}
    filler = small_disk / "somebody's"
    outcome = breaker.build(house, *selected, fill=str(filler), **fault, **place)
    assert filler.stat().st_size > 1000, "the moment never came"
    if not outcome.build.succeeded:
        starved(outcome)
    # dbt-duckdb puts a stack trace before the sentence of a Python model that failed: its own, and no other
    said = outcome.said.replace("Python model failed:\n  Traceback", "")
    assert "Traceback" not in said, said[-3000:]
    filler.unlink()
    built(breaker.build(house, *selected, **place))
    if selected == UP_TO_FEATURES:
        assert_same(house.contents(), request.getfixturevalue("reference"))
    else:
        everything = request.getfixturevalue("everything")
        built(breaker.build(house, *selected, **place))  # as there: it empties the inputs of the fit
        assert_same(house.contents(), everything.contents())
        assert published(house) == published(everything)
        numbers = {path.name for path in (house.home / "publications").iterdir()} - {".lock"}
        assert numbers == {one.folder.name for one in publishing.publications(house.home)}, (
            "half of one is left"
        )
    assert_adds_up(house)


# --- locked out


@pytest.mark.parametrize("database", ["warehouse", "vault"])
def test_a_database_in_use_is_named_with_who_uses_it(breaker, half_way, database):
    path = half_way.home / f"{database}.duckdb"
    before = path.read_bytes()
    with duckdb.connect(path, read_only=True):
        outcome = breaker.build(half_way, *UP_TO_EVENTS)
    refused(outcome, f"{path} is in use by process {os.getpid()}")
    assert "Build again when it has ended" in outcome.said
    assert path.read_bytes() == before


def test_of_two_builds_at_once_one_wins_and_the_other_says_so(breaker, half_way, reference):
    first = breaker.start(half_way, *UP_TO_FEATURES, wait_at_node=["users", 1])
    while not (half_way.folder / "waiting").exists():
        time.sleep(0.01)
    second = House(half_way.folder / "second", variables=VARIABLES)
    second.lake, second.home = half_way.lake, half_way.home
    home = {"CLIENTELE_HOME": str(half_way.home)}
    outcome = breaker.build(second, *UP_TO_FEATURES, environment=home)
    (half_way.folder / "go").touch()
    refused(outcome, f"is in use by process {first}")
    built(breaker.wait(half_way, first))
    assert_same(half_way.contents(), reference)
    assert_adds_up(half_way)


def test_a_file_that_is_no_database_is_left_alone(breaker, house):
    house.deliver("a.csv", SHOP[:10])
    house.home.mkdir()
    (house.home / "warehouse.duckdb").write_text("somebody's notes")
    refused(breaker.build(house, *UP_TO_EVENTS), "not a valid DuckDB database file")
    assert (house.home / "warehouse.duckdb").read_text() == "somebody's notes"


# --- misled


def test_every_var_refuses_what_is_not_its_kind(breaker, half_way):
    hostile = "1); drop table core.events; --"
    before = half_way.contents("core", "vault", "monitor", provenance=True)
    names = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"].keys()
    for name in sorted(names) if IS_LONG else some(sorted(names - {name for name, _ in INJECTIONS}), 8):
        outcome = breaker.build(half_way, *UP_TO_EVENTS, variables={name: hostile})
        refused(outcome, f"setting: var '{name}' is '{hostile}', it must be ")
    assert_same(half_way.contents("core", "vault", "monitor", provenance=True), before)


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ({"input_time_zone": "Europe/Berln"}, "UTC, or a time zone like 'Europe/Berlin'"),
        ({"max_segments": 2.5}, "a whole number from 2 to 16"),
        ({"window_days": "30.5"}, "a whole number from 1 to 3650"),
    ],
)
def test_a_setting_that_would_be_rounded_or_is_known_to_nobody_is_refused(breaker, half_way, setting, wanted):
    """A window of 30.5 days would be one of 30, and of an unknown zone no time could be read."""
    (name, value) = next(iter(setting.items()))
    outcome = breaker.build(half_way, *UP_TO_EVENTS, variables=setting)
    refused(outcome, f"setting: var '{name}' is '{value}', it must be {wanted}")


HOSTILE = 'it\'s; drop table core.events; -- "q" {{ 1/0 }} é'


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CLIENTELE_EVENTS", HOSTILE, "No event file matches"),
        ("CLIENTELE_EVENTS", "", "CLIENTELE_EVENTS is empty"),
        ("CLIENTELE_MEMORY", HOSTILE, "CLIENTELE_MEMORY: "),
        ("CLIENTELE_MEMORY", "1 potato", "CLIENTELE_MEMORY: "),
        ("CLIENTELE_PSEUDONYM_KEY", HOSTILE, "is not the key that this warehouse was built with"),
        ("CLIENTELE_HOME", "/dev/null/x", "CLIENTELE_HOME: the folder /dev/null/x cannot be made"),
        ("CLIENTELE_HOME", "what?", "has a ? in it"),
    ],
)
def test_hostile_environment_is_refused_by_name(breaker, half_way, name, value, sentence):
    before = half_way.contents("core", "vault", provenance=True)
    refused(breaker.build(half_way, *UP_TO_EVENTS, environment={name: value}), sentence)
    assert_same(half_way.contents("core", "vault", provenance=True), before)


def test_folders_may_have_any_name(breaker, interrupted, reference, tmp_path):
    house = House(tmp_path / HOSTILE, variables=VARIABLES)
    shutil.copytree(interrupted.lake, house.lake, dirs_exist_ok=True)
    ends_like(breaker, house, reference)


def test_time_zone_and_locale_change_nothing(breaker, interrupted, reference, tmp_path):
    house = House(tmp_path, variables=VARIABLES)
    names = sorted(path.name for path in interrupted.lake.iterdir())
    places = [
        {"TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"TZ": "America/St_Johns", "LC_ALL": "C", "LANG": None},
    ]
    for number, place in enumerate(places):
        for name in names[number::2]:
            shutil.copy(interrupted.lake / name, house.lake / name)
        built(breaker.build(house, *UP_TO_FEATURES, environment=place))
    assert_same(house.contents(), reference)
