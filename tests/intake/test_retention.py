"""Retention: what is too old goes, in any order of files, and stays away; the books say where it went."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import MATERIAL, UP_TO_FEATURES, House, assert_same, little_shop

from clientele.privacy import keys

# The shop's days are October and November 2019; events are kept for a month before the last one's day.
SHOP = little_shop(seed=5, n_users=25, n_days=45)
LAST_DAY = max(event.event_time for event in SHOP)[:10]
SETTINGS = {"reference_days": 10, "events_retention_months": 1}
PAPERS = False  # no test here reads what dbt writes about its runs


def day(text: str) -> str:
    """Return the day a month before: no day of this shop's last month is missing in the month before."""
    year, month, number = text.split("-")
    return f"{year}-{int(month) - 1:02d}-{number}"


KEPT_FROM = day(LAST_DAY)
OLD = replace(SHOP[0], event_time=f"{KEPT_FROM} 00:00:00 UTC", product_id="4000", user_id="600000001")
BOUNDARY = [
    OLD,  # the first moment that is kept
    replace(OLD, event_time="2019-10-01 23:59:59 UTC", user_id="600000002"),  # a user of expired events only
]

FAULTY = [
    replace(OLD, price="-1"),
    replace(OLD, event_time="2019-10-01 23:59:59 UTC", price="-1"),
    replace(OLD, event_time="yesterday"),  # has no time: kept by its delivery
    replace(OLD, event_time="2119-10-01 12:00:00 UTC"),  # nor has this one
]


@pytest.fixture(scope="module")
def house(new_house) -> House:
    """Keep everything first, then let go: the same files, one after the other, then the limit."""
    one = new_house(variables=SETTINGS)
    half = len(SHOP) // 2
    one.deliver("a.csv", [*SHOP[:half], *BOUNDARY, *FAULTY])
    one.build(*UP_TO_FEATURES)
    one.deliver("b.csv", SHOP[half - 50 :])  # fifty lines twice
    one.build(*UP_TO_FEATURES)
    return one


def test_events_go_at_the_first_moment_of_a_day(house):
    assert str(house.value("select events_kept_from from core.retention")) == f"{KEPT_FROM} 00:00:00"
    held = {event for event in {*SHOP, *BOUNDARY} if event.event_time >= KEPT_FROM}
    assert 0 < len(held) < len(SHOP)
    assert house.events() == {event.row(): 1 for event in held}
    expired = "event_at < (select events_kept_from from core.retention)"
    assert house.value(f"select count(*) from core.duplicate_events where {expired}") == 0
    users = {int(event.user_id) for event in held}
    assert {user for (user,) in house.rows("select user_id from vault.vault.user_keys")} == users
    assert house.value("select count(*) from core.users") == len(users)


def test_the_books_balance(house):
    accounts = house.accounts()
    half = len(SHOP) // 2
    old = sum(event.event_time < KEPT_FROM for event in [*SHOP[:half], *BOUNDARY, FAULTY[1]])
    assert accounts["a.csv"].expired == old and accounts["a.csv"].unaccounted == 0
    assert accounts["b.csv"].unaccounted == 0
    assert sum(account.loaded for account in accounts.values()) == house.value(
        "select count(*) from core.events"
    )


def test_faulty_lines_of_customers_are_kept_no_longer_than_events(house):
    """They hold the raw id, the session and the time of who may be gone for long."""
    held = {line for (line,) in house.rows("select line_text from vault.vault.quarantined_lines")}
    assert held == {faulty.line() for faulty in (FAULTY[0], *FAULTY[2:])}, (
        "the second is of before what is kept"
    )
    account = house.accounts()["a.csv"]
    assert account.quarantined == 3 and account.unaccounted == 0


def test_increments_and_a_full_refresh_end_alike(house):
    before = house.contents()
    books = house.accounts()
    house.build(*UP_TO_FEATURES, "--full-refresh")
    assert_same(house.contents(), before)
    assert house.accounts() == books


def test_old_files_delivered_again_bring_nothing_back(house):
    before = house.contents()
    old = [event for event in SHOP if event.event_time < KEPT_FROM]
    house.deliver("again.csv", [*old, *BOUNDARY])
    house.build(*UP_TO_FEATURES)
    assert_same(house.contents(), before)
    again = house.accounts()["again.csv"]
    assert (again.expired, again.duplicates, again.loaded, again.unaccounted) == (len(old) + 1, 1, 0, 0)


def test_a_limit_that_moves_without_a_file_is_kept_too(house):
    """as_of a day later: another day goes, from what is held alone, and is counted again everywhere."""
    later = {"as_of": f"{LAST_DAY[:8]}{int(LAST_DAY[8:]) + 1:02d} 12:00:00"}
    house.build(*UP_TO_FEATURES, variables=later)
    moved = house.contents()
    assert str(house.value("select min(event_date) from core.daily_events")) > KEPT_FROM
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0
    house.build(*UP_TO_FEATURES, "--full-refresh", variables=later)
    assert_same(house.contents(), moved)


def test_profiles_go_when_nobody_has_come_for_too_long(house):
    """Events are kept for longer than profiles here: those of an inactive user stay, and are counted."""
    limits = {"events_retention_months": 60, "inactive_profile_months": 1}
    house.build(*UP_TO_FEATURES, "--full-refresh", variables=limits)
    last = {event.user_id: event.event_time for event in sorted({*SHOP, *BOUNDARY})}
    gone = {user for user, moment in last.items() if moment < KEPT_FROM}
    profiled = {key for (key,) in house.rows("select user_key from marts.user_features")}
    assert gone and profiled
    assert not {keys.user_key(user, MATERIAL) for user in gone} & profiled
    assert keys.user_key("600000001", MATERIAL) in profiled
    assert house.value("select count(*) from core.events") == len({*SHOP, *BOUNDARY})
