"""Operations in pairs, the first one killed at any of its steps: nothing that is reported done is lost.

A schedule is: the first operation is killed before one of its statements or file moves, the second one runs,
the first is carried out again as its refusals ask for, and a build takes in what came meanwhile. Backups that
were taken on the way are put back at the end: each is whole, and brings nobody and no old pseudonym back.
CLIENTELE_LONG walks 252 schedules, every pair seven times; without it a few, drawn by a seed.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
from breaking import COMMANDS, Breaker, Outcome
from support import (
    FIRST_USER,
    IS_LONG,
    KEY,
    MATERIAL,
    NEXT_KEY,
    UP_TO_FEATURES,
    House,
    little_shop,
)

from clientele.privacy import keys
from clientele.runtime import backups, locking, publishing, rewriting

PAPERS = False
N_STEPS = 7 if IS_LONG else 1
SHORT = 5
VARIABLES = {"reference_days": 10, "min_events": 5}
SHOP = little_shop(seed=11, n_users=30, n_days=25)
PARTS = {"a.csv": SHOP[:200], "b.csv": SHOP[200:280], "c.csv": SHOP[280:]}
VICTIM, OBJECTOR = str(FIRST_USER), str(FIRST_USER + 37)
OPERATIONS = {
    "build": None,
    "erase": "erase_subjects",
    "object": "object_to_profiling",
    "rotate": "rotate_key",
    "rollback": "rollback",
    "backup": "backup",
}
PAIRS = list(product(OPERATIONS, OPERATIONS))
# Where files are moved: the new databases, the publications, the link.
MOVES = ("os:replace", "os:rename", "clientele.runtime.rewriting:mark_whole")
STEPS_OF_A_BACKUP = (
    "os:replace",
    "clientele.runtime.backups:_copy_home",
    "clientele.runtime.publishing:_put",
    "clientele.runtime.publishing:_sync",
)


@pytest.fixture(scope="module")
def breaker() -> Iterator[Breaker]:
    with Breaker(VARIABLES) as breaker:
        yield breaker


def publish(house: House, run_id: str) -> None:
    """Publish the features as they are, as a build of all marts does."""
    folder = publishing.start(house.home, {"run_id": run_id, "n_requests": 0})
    with house.connection() as connection:
        connection.execute(
            "copy (select * from marts.user_features order by user_key) to "
            f"'{folder / 'user_features.parquet'}' (format parquet)"
        )
    publishing.finish(folder)


@pytest.fixture(scope="module")
def start(new_house, breaker) -> House:
    """Return a house with two publications, and a third file that nothing has read."""
    house = new_house(variables=VARIABLES)
    for name in ("a.csv", "b.csv"):
        house.deliver(name, PARTS[name])
        house.build(*UP_TO_FEATURES)
        publish(house, name)
    assert len(publishing.publications(house.home)) == 2
    house.deliver("c.csv", PARTS["c.csv"])
    return house


@pytest.fixture(scope="module")
def n_statements(start, breaker, tmp_path_factory) -> dict[str, int]:
    """Count the statements of each operation when nothing stops it."""
    found = {}
    for name in OPERATIONS:
        if name not in COMMANDS:
            walk = Walk(start.copy(tmp_path_factory.mktemp(name)), breaker)
            outcome = walk.attempt(name)
            assert walk.is_done(outcome), outcome.said[-2000:]
            found[name] = len(outcome.statements)
    assert min(found.values()) > 20
    return found


@dataclass
class Walk:
    """One schedule in a house of its own: what was asked, and what was reported done."""

    house: House
    breaker: Breaker
    key: str = KEY
    done: set[str] = field(default_factory=set)

    def attempt(self, name: str, **fault: object) -> Outcome:
        """Carry an operation out, or begin to."""
        environment = {
            "CLIENTELE_PSEUDONYM_KEY": self.key,
            "CLIENTELE_PSEUDONYM_KEY_NEW": NEXT_KEY if name == "rotate" else None,
            "CLIENTELE_SUBJECT": {"erase": VICTIM, "object": OBJECTOR}.get(name),
        }
        arguments = UP_TO_FEATURES if name == "build" else ()
        return self.breaker.build(
            self.house, *arguments, operation=OPERATIONS[name], environment=environment, **fault
        )

    @staticmethod
    def is_done(outcome: Outcome) -> bool:
        return not outcome.killed and outcome.build.succeeded

    def carry_out(self, name: str) -> None:
        """Do what an operator does: follow what a refusal says, at most thrice."""
        for _ in range(4):
            if name == "rotate" and self.key == NEXT_KEY:
                self.done.add(name)
                return
            outcome = self.attempt(name)
            assert not outcome.killed
            if outcome.build.succeeded:
                self.report(name)
                return
            assert "Traceback" not in outcome.said, outcome.said[-3000:]
            if "is not the key that this warehouse was built with" in outcome.said and self.key == KEY:
                self.key = NEXT_KEY  # a rotation that was killed had been decided
            elif name == "rollback" and "none before it is kept" in outcome.said:
                self.report(name)  # the one that was killed had done it
                return
            elif stopped := re.search(r"Finish it first: clientele (\w+)", outcome.said):
                assert self.is_done(self.attempt(stopped[1]))
                self.report(stopped[1])
            else:
                break
        raise AssertionError(f"{name} is refused for ever: {outcome.said[-3000:]}")

    def report(self, name: str) -> None:
        self.done.add(name)
        if name == "rotate":
            self.key = NEXT_KEY

    # --- what must hold of what was reported done

    def material(self) -> keys.KeyMaterial:
        return keys.derive(self.key)

    def check(self) -> None:
        rewriting.finish(self.house.home)  # as the next process does, whatever it is
        locking.release(self.house.home)
        held = b"".join(path.read_bytes() for path in self.house.home.rglob("*") if path.is_file())
        if "erase" in self.done:
            assert VICTIM.encode() not in held and int(VICTIM).to_bytes(8, "little") not in held
            for material in (MATERIAL, keys.derive(NEXT_KEY)):
                assert keys.user_key(VICTIM, material).encode() not in held
        if "rotate" in self.done:
            users = {event.user_id for event in SHOP}
            assert not [user for user in users if keys.user_key(user, MATERIAL).encode() in held]
        if "object" in self.done:
            key = keys.user_key(OBJECTOR, self.material())
            assert self.house.rows("select user_id from vault.vault.objections") == [(int(OBJECTOR),)]
            assert self.house.value(f"select count(*) from marts.user_features where user_key = '{key}'") == 0
            for path in self.house.home.glob("publications/*/*.parquet"):
                assert key.encode() not in path.read_bytes(), path
        for publication in publishing.publications(self.house.home):
            assert publication.problem() is None, publication.problem()

    def put_back(self) -> int:
        """Restore each backup that was taken, the oldest first; return how many could be."""
        n_restored = 0
        for backup in backups.backups(self.house.folder / "backups"):
            assert backup.problem() is None, backup.problem()
            with self.house.surroundings(CLIENTELE_PSEUDONYM_KEY=self.key):
                try:
                    backups.restore(backup, self.house.home, self.operate)
                    n_restored += 1
                except backups.BackupError as refused:
                    # its pseudonyms are the old ones, which must not come back
                    assert "rotate" in self.done and "Nothing was changed" in str(refused), refused
            self.check()
        return n_restored

    def operate(self, operation: str, home: Path, subjects: Path | None) -> None:
        """Carry out what was asked for since a backup, in the home that is made of it."""
        other = House(self.house.folder, dict(self.house.variables), papers=False)
        other.home = home
        ran = other.operation(
            operation,
            CLIENTELE_HOME=str(home),
            CLIENTELE_SUBJECTS_FILE=str(subjects or ""),
            CLIENTELE_PSEUDONYM_KEY=self.key,
        )
        assert ran.succeeded, ran.said[-2000:]

    def published(self) -> str:
        """Return which build's marts are published: what survives that a publication is written anew."""
        manifest = json.loads((publishing.current(self.house.home) / "manifest.json").read_text())
        return manifest["run_id"]


def expected_events(walk: Walk) -> set[tuple]:
    """Return time, product and user of each event that has to be there, the users under the present key."""
    material = walk.material()
    return {
        (event.event_time[:19], int(event.product_id), keys.user_sk(keys.user_key(event.user_id, material)))
        for event in SHOP
        if "erase" not in walk.done or event.user_id != VICTIM
    }


def schedules() -> list[tuple[str, str, int]]:
    chance = random.Random(20_261)
    every = [(first, second, number) for first, second in PAIRS for number in range(N_STEPS)]
    # an operation that is not the dearest comes second more often in the short form
    return every if IS_LONG else chance.sample(every, SHORT)


@pytest.mark.parametrize(("first", "second", "number"), schedules())
def test_nothing_that_is_reported_done_is_lost(start, breaker, n_statements, tmp_path, first, second, number):
    chance = random.Random(hashlib.sha256(f"{first} {second} {number}".encode()).digest())
    walk = Walk(start.copy(tmp_path / "copy"), breaker)
    if first in COMMANDS or chance.random() < 0.4:
        fault = {
            "in_function": chance.choice(STEPS_OF_A_BACKUP if first == "backup" else MOVES),
            "nth": chance.randrange(4),
            "when_done": chance.random() < 0.5,
        }
    else:
        fault = {"at_statement": chance.randrange(n_statements[first])}
    outcome = walk.attempt(first, **fault)
    if walk.is_done(outcome):  # it has fewer steps of this kind
        walk.report(first)
    walk.check()

    before = set(walk.done)
    walk.carry_out(second)
    walk.check()
    if second == "rollback":
        chosen = walk.published()
        walk.check()
        assert walk.published() == chosen
    assert before <= walk.done

    walk.carry_out(first)
    walk.check()
    walk.carry_out("build")
    walk.check()
    check_events(walk)
    if "backup" in (first, second):
        assert walk.put_back() or "rotate" in walk.done
        walk.carry_out("build")
        walk.check()
        check_events(walk)
    shutil.rmtree(walk.house.folder)


def check_events(walk: Walk) -> None:
    """Every event of the files is there, under the present key, without those of the erased."""
    found = walk.house.rows(
        "select strftime(event_at, '%Y-%m-%d %H:%M:%S'), product_id, user_sk from core.events"
    )
    assert set(found) == expected_events(walk)
    assert {account.unaccounted for account in walk.house.accounts().values()} == {0}
