"""Promises 2 and 3, end to end: the order of deliveries does not matter, and a stopped build leaves no trace.

Every test ends with the same events in the lake's newest files, so all are held against one full build.
Random histories are in test_order.py, and builds that are killed on purpose in test_faults.py.
"""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import replace

import pytest
from support import (
    BOOKKEEPING,
    IS_LONG,
    TESTED_UP_TO_FEATURES,
    UP_TO_FEATURES,
    WITHOUT_ROWS,
    WITHOUT_TESTS,
    Event,
    House,
    Table,
    assert_same,
    little_shop,
    some,
)

# A reference window that ends in the middle of the shop's days, so that it can be touched and left alone.
VARIABLES = {"reference_days": 10}
PAPERS = False  # no test here reads what dbt writes about its runs
SHOP = little_shop()
NOVEMBER = "2019-11"


def november(event: Event) -> bool:
    return event.event_time.startswith(NOVEMBER)


def wrong_version(events: list[Event], seed: int = 1) -> list[Event]:
    """Return what a first, faulty delivery of these events may have held.

    Some events lack and some have another price, category or session; and there are users, products and days
    that do not exist, one of them before the shop's first.
    """
    chance = random.Random(seed)
    found = []
    for event in events:
        fault = chance.random()
        if fault < 0.1:
            continue
        if fault < 0.2:
            event = replace(event, price=f"{chance.uniform(1, 900):.2f}")
        elif fault < 0.25:
            event = replace(event, category_code="toys.ball", brand="nobody")
        elif fault < 0.3:
            event = replace(event, user_session=f"{chance.randrange(9):08x}-dead-4000-8000-000000000000")
        found.append(event)
    for number, day in enumerate(["2019-09-20", "2019-10-04", "2019-11-29"]):
        ghost = replace(
            events[number % len(events)],
            event_time=f"{day} 10:00:00 UTC",
            product_id=str(3000 + number),
            user_id=str(700_000_000 + number),
            category_code="toys.doll",
        )
        found += [ghost, replace(ghost, event_type="purchase"), replace(ghost, user_id=events[0].user_id)]
    return found


@pytest.fixture(scope="module")
def reference(new_house) -> dict[str, Table]:
    """Build everything at once, from one file in order of time."""
    house = new_house(variables=VARIABLES)
    house.deliver("everything.csv", SHOP)
    house.build(*UP_TO_FEATURES)
    tables = house.contents()
    assert {name: len(table.rows) for name, table in tables.items()}["warehouse.core.events"] == len(SHOP)
    empty = {name for name, table in tables.items() if not table.rows and not name.endswith(WITHOUT_ROWS)}
    assert not empty, "a table without rows compares with anything"
    return tables


@pytest.fixture
def house(tmp_path) -> House:
    return House(tmp_path, variables=VARIABLES, papers=PAPERS)


def assert_adds_up(house: House) -> None:
    """Promise 1 holds at the end of any history."""
    for name, account in house.accounts().items():
        assert account == replace(account, headers=1, blank=0, quarantined=0, unaccounted=0), name


def ends_like(house: House, reference: dict[str, Table]) -> None:
    house.build(*UP_TO_FEATURES)
    assert_same(house.contents(), reference)
    assert_adds_up(house)


# --- promise 2


@pytest.mark.parametrize("months", [[False, True], [True, False]], ids=["in order", "reversed"])
def test_month_after_month(house, reference, months):
    for number, is_november in enumerate(months):
        house.deliver(
            f"{'nov' if is_november else 'oct'}.csv.gz", [e for e in SHOP if november(e) == is_november]
        )
        if number == 0:
            house.build(*UP_TO_FEATURES)
    ends_like(house, reference)


def test_shuffled_pieces_in_three_builds_with_duplicates(house, reference):
    chance = random.Random(3)
    shuffled = chance.sample(SHOP, len(SHOP))
    for number in range(7):
        piece = shuffled[number::7] + chance.choices(SHOP, k=20)
        house.deliver(f"piece_{9 - number}.csv", chance.sample(piece, len(piece)))
        if number in (2, 5):
            house.build(*UP_TO_FEATURES)
    ends_like(house, reference)


def test_late_rows_of_any_age(house, reference):
    late = [event for number, event in enumerate(SHOP) if number % 17 == 0 or event.event_time < "2019-10-03"]
    house.deliver("most.csv", [event for event in SHOP if event not in set(late)])
    house.build(*UP_TO_FEATURES)
    house.deliver("late.csv", late)
    ends_like(house, reference)


def test_corrected_deliveries(house, reference):
    october, rest = [e for e in SHOP if not november(e)], [e for e in SHOP if november(e)]
    house.deliver("oct.csv", wrong_version(october))
    house.deliver("nov.csv", rest + october[:40])
    house.build(*UP_TO_FEATURES)
    house.deliver("oct.csv", october)
    house.build(*TESTED_UP_TO_FEATURES)
    assert_same(house.contents(), reference)
    assert_adds_up(house)


def test_renamed_and_repeated_files(house, reference):
    house.deliver("first.csv", SHOP[:700])
    house.deliver("second.csv", SHOP[700:])
    house.build(*UP_TO_FEATURES)
    (house.lake / "first.csv").rename(house.lake / "third.csv")
    house.deliver("again.csv", SHOP)
    ends_like(house, reference)


def test_full_refresh(house, reference):
    house.deliver("oct.csv", wrong_version(SHOP[:600]))
    house.build(*UP_TO_FEATURES)
    house.deliver("oct.csv", SHOP[:600])
    house.deliver("rest.csv", SHOP[500:])
    house.build(*UP_TO_FEATURES, "--full-refresh")
    assert_same(house.contents(), reference)
    assert_adds_up(house)


# --- nothing new


def test_nothing_new_changes_nothing(house):
    house.deliver("a.csv", SHOP[:300])
    house.deliver("b.csv", SHOP[250:400])
    house.build(*UP_TO_FEATURES)
    kept = house.contents("core", "marts", provenance=True)
    ledger = house.contents("vault", provenance=True)["vault.vault.event_files"]
    places = {name: house.rows(f"select max(rowid) from core.{name}") for name in ("events", "user_sessions")}
    house.build(*UP_TO_FEATURES)
    assert_same(house.contents("core", "marts", provenance=True), kept)
    assert house.contents("vault", provenance=True)["vault.vault.event_files"] == ledger
    assert {name: house.rows(f"select max(rowid) from core.{name}") for name in places} == places


def test_untouched_users_keep_their_rows_and_features(house):
    """Features of a user do not move when others' data comes, once the reference window is behind."""
    october, rest = (
        [e for e in SHOP if e.event_time < "2019-10-25"],
        [e for e in SHOP if e.event_time >= "2019-10-25"],
    )
    newcomers = {event.user_id for event in rest}
    house.deliver("oct.csv", october)
    house.build(*UP_TO_FEATURES)
    features = "select * from core.user_feature_values where user_sk in ({}) order by all"
    untouched = ",".join(str(event.row()[0]) for event in october if event.user_id not in newcomers)
    before = house.rows(features.format(untouched))
    # What completes the code of a product that somebody has seen before does move features, on purpose.
    house.deliver("rest.csv", [event for event in rest if event.product_id != "2001"])
    house.build(*UP_TO_FEATURES)
    assert len(before) > 5
    assert house.rows(features.format(untouched)) == before


# --- promise 3


@pytest.fixture(scope="module")
def interrupted(new_house) -> House:
    """Return a house whose lake has changed in every way since its only build: what is to be stopped."""
    house = new_house(variables=VARIABLES)
    house.deliver("a.csv", wrong_version(SHOP[:500]))
    house.deliver("b.csv", SHOP[300:400])
    house.deliver("c.csv", SHOP[450:600])
    house.build(*UP_TO_FEATURES)
    house.deliver("a.csv", SHOP[:500])
    house.deliver("d.csv", SHOP[:300])
    house.deliver("e.csv", SHOP[550:])
    return house


@pytest.fixture
def half_way(interrupted, tmp_path) -> House:
    """Return that house with a warehouse of its own: the lake is the same, the paths in the ledger hold."""
    house = House(tmp_path, variables=VARIABLES, papers=PAPERS)
    house.lake = interrupted.lake
    shutil.copytree(interrupted.home, house.home)
    return house


@pytest.mark.parametrize(
    "stopped",
    some([("+event_files",), ("+users",), ("+events",), ("+products",)], 3),
    ids=" ".join,
)
def test_a_build_that_stopped_is_taken_up_again(half_way, reference, stopped):
    half_way.build("--select", *stopped, *WITHOUT_TESTS)
    ends_like(half_way, reference)


def test_a_build_that_failed_is_taken_up_again(half_way, reference):
    """A model that fails takes down what hangs on it, and nothing else."""
    with half_way.connection(read_only=False) as connection:
        connection.execute("alter table core.user_sessions add column unexpected integer")
    failed = half_way.run(*UP_TO_FEATURES)
    assert not failed.succeeded
    assert (failed.status["events"], failed.status["user_sessions"]) == ("success", "error")
    assert failed.status["user_feature_values"] == "skipped"
    with half_way.connection(read_only=False) as connection:
        connection.execute("alter table core.user_sessions drop column unexpected")
    ends_like(half_way, reference)


@pytest.mark.parametrize(
    ("first", "stopped", "last"),
    [
        (
            {"a.csv": wrong_version(SHOP), "b.csv": wrong_version(SHOP)[:300]},
            {"a.csv": SHOP[1:]},
            {"b.csv": SHOP[:2]},
        ),
        ({"a.csv": SHOP, "b.csv": SHOP[:300]}, {"a.csv": SHOP[300:]}, {"a.csv": SHOP + SHOP[:1]}),
    ],
    ids=["the copies go", "the first copies are back"],
)
def test_a_delivery_that_changes_between_a_stop_and_the_next_build(house, reference, first, stopped, last):
    """What the stopped build had worked out for a file must go with that file's content."""
    for number, delivery in enumerate((first, stopped, last)):
        for name, content in delivery.items():
            house.deliver(name, content)
        if number == 0:
            house.build(*UP_TO_FEATURES)
        elif number == 1:
            house.build("--select", "+released_duplicates", *WITHOUT_TESTS)
            assert house.value("select count(*) from core.released_duplicates") > 0
    ends_like(house, reference)


@pytest.mark.skipif(not IS_LONG, reason="CLIENTELE_LONG=1: three builds as processes, each killed")
def test_killed_again_and_again(half_way, reference):
    """Three processes, each killed at a moment of its own, the last ones far into the build."""
    chance = random.Random(1)
    for n_done in (chance.randint(2, 5), chance.randint(8, 12), chance.randint(14, 17)):
        process = half_way.start(*UP_TO_FEATURES)
        try:
            for line in process.stdout:
                n_done -= " OK " in line
                if not n_done:
                    time.sleep(chance.random() / 20)
                    break
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        assert not n_done, "the build ended before it was killed"
        assert process.returncode < 0
    ends_like(half_way, reference)


# --- all of it


def test_segments_do_not_depend_on_the_order_of_lines_either(new_house):
    """The same features stand in the tables in another order: fit, names and labels must not see it."""
    shop = little_shop(seed=5, n_users=400)
    variables = VARIABLES | {"fit_min_events": 5, "min_events": 5}
    houses = [new_house(variables=variables), new_house(variables=variables)]
    houses[0].deliver("all.csv", shop)
    houses[1].deliver("b.csv", [event for event in shop if int(event.user_id) % 2])
    houses[1].build(*UP_TO_FEATURES)
    houses[1].deliver("a.csv", [event for event in reversed(shop) if not int(event.user_id) % 2])
    for house in houses:
        house.build("--exclude", "config.schema:marts", "predecessor_weights+", *WITHOUT_TESTS)
        # personas of so few customers are not stable: a person has to insist on them
        version = house.value("select max(model_version) from core.segment_models where n_segments > 0")
        house.decide((version, "promote"), to="+")
    assert_same(houses[1].contents(), houses[0].contents())
    personas = houses[0].rows(
        "select distinct segment_id from marts.user_segments where segment_id is not null"
    )
    assert len(personas) > 1, "without personas this test sees nothing"
    published = [
        {
            path.name: path.read_bytes()
            for path in (house.home / "published").glob("*.parquet")
            if path.stem not in BOOKKEEPING
        }
        for house in houses
    ]
    assert published[0] and published[0] == published[1]
