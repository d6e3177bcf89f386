"""Promise 2 as a property: after any history of deliveries, every table is that of one full refresh.

Histories are drawn by `deliveries`, which others may use for their own loaders. `make test-faults` draws
many, over several shops; here the same few are drawn each time.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from deliveries import histories
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import (
    IS_LONG,
    UP_TO_FEATURES,
    WITHOUT_ROWS,
    Event,
    House,
    assert_same,
    csv_text,
    little_shop,
    packed,
)
from test_build_state import wrong_version

VARIABLES = {"reference_days": 10}
PAPERS = False  # no test here reads what dbt writes about its runs
SHOPS = [little_shop(*shape) for shape in ((7, 60, 50), (2, 25, 33), (3, 90, 80))]

drawn = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


def future(seed: int) -> Event:
    """Return an event of a day that no shop has seen yet."""
    return Event(event_time=f"{2990 + seed % 9}-01-01 00:00:00 UTC", product_id=str(seed % 7 + 1))


def wrong(events: list[Event], seed: int) -> list[Event]:
    """Return a wrong delivery: faults, ghosts, and an event long after all others."""
    known = [event for event in events if event.event_time < "2900"]
    return [*wrong_version(known, seed), replace(known[0], event_time="2019-12-30 23:59:59 UTC")]


def write(path, events: list[Event]) -> None:
    content = csv_text(events)
    path.write_bytes(packed(content) if path.name.endswith(".gz") else content)


def play(house: House, history: list) -> None:
    for step in history:
        step.apply(house.lake, write)
        house.build(*UP_TO_FEATURES)
    for name, account in house.accounts().items():
        parts = account.headers + account.loaded + account.duplicates + account.quarantined
        assert account.unaccounted == 0 and account.lines == parts, name


@pytest.fixture(scope="module")
def reference(new_house):
    """Return a function that gives what a shop's tables are after one build from one file."""
    found = {}

    def of(number: int) -> dict:
        if number not in found:
            house = new_house(variables=VARIABLES)
            house.deliver("everything.csv", SHOPS[number])
            house.build(*UP_TO_FEATURES)
            found[number] = house.contents()
            empty = {name for name, table in found[number].items() if not table.rows}
            assert all(name.endswith(WITHOUT_ROWS) for name in empty), "a table without rows is like any"
        return found[number]

    return of


@settings(drawn, max_examples=60 if IS_LONG else 2)
@given(data=st.data())
def test_any_history_of_a_shop(new_house, reference, data):
    number = data.draw(st.integers(0, len(SHOPS) - 1) if IS_LONG else st.just(0), label="shop")
    by_user, by_product = (lambda event: event.user_id), (lambda event: event.product_id)
    history = data.draw(
        histories(
            SHOPS[number],
            orders=[by_user, by_product],
            faulty=wrong,
            stray=future,
            endings=[".csv", ".csv.gz"],
            most_loads=4 if IS_LONG else 3,
        ),
        label="history",
    )
    house = new_house(variables=VARIABLES)
    play(house, history)
    assert_same(house.contents(), reference(number))


# Few users, products, moments and sessions: everything is equal to, next to or at the border of something.
MOMENTS = ["2019-10-01 00:00:00", "2019-10-01 00:29:59", "2019-10-01 00:30:00", "2019-10-01 23:59:59"]
MOMENTS += ["2019-10-02 00:00:00", "2019-10-11 00:00:00", "2020-02-29 12:00:00"]
awkward_events = st.builds(
    Event,
    event_time=st.sampled_from([f"{moment} UTC" for moment in MOMENTS]),
    event_type=st.sampled_from(["view", "cart", "remove_from_cart", "purchase"]),
    product_id=st.sampled_from(["1", "2", "3"]),
    category_id=st.sampled_from(["", "7", "8"]),
    category_code=st.sampled_from(["", "a.b", "c"]),
    brand=st.sampled_from(["", "acme"]),
    price=st.sampled_from(["0", "1", "1.00", "99.99"]),
    user_id=st.sampled_from(["1", "01", "2"]),
    user_session=st.sampled_from(["", "s", "t"]),
)


@settings(drawn, max_examples=60 if IS_LONG else 1)
@given(data=st.data())
def test_any_history_of_any_events(new_house, data):
    """Shops of a few events, made of corner cases; compared with a full refresh of the same house."""
    events = sorted(data.draw(st.lists(awkward_events, min_size=6, max_size=40, unique=True), label="events"))
    history = data.draw(histories(events, faulty=wrong, stray=future, most_loads=3), label="history")
    house = new_house(variables=VARIABLES)
    play(house, history)
    found = house.contents()
    house.build(*UP_TO_FEATURES, "--full-refresh")
    assert_same(house.contents(), found)
    assert len({event.row() for event in events}) == sum(house.events().values())
