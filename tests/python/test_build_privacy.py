"""Promise 4, end to end: no raw id and no key material outside the vault, after green builds and red ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from support import BOT, KEY, MATERIAL, UP_TO_EVENTS, Event, House, assert_same, csv_text, little_shop

from clientele import keys

SHOP = little_shop(seed=11, n_users=90)
RAW_IDS = {event.user_id for event in SHOP} | {event.user_session for event in SHOP if event.user_session}
# Ids in lines that are quarantined, and in files that are refused, must stay in the vault as well.
LOST = Event(user_id="587654321", user_session="cafecafe-0000-4000-8000-00000000beef")
RAW_IDS |= {LOST.user_id, LOST.user_session}
SECRETS = {KEY, MATERIAL.user_inner, MATERIAL.user_outer, MATERIAL.session}


def found(texts: Iterable[str], *where: Path | bytes) -> set[str]:
    """Return those of the texts that stand in a file of these folders, or in these bytes."""
    contents = []
    for place in where:
        if isinstance(place, bytes):
            contents.append(place)
        else:
            files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
            assert files, f"nothing to search in {place}"
            contents += [path.read_bytes() for path in files]
    # One pass for all: there are hundreds of ids.
    pattern = re.compile(b"|".join(re.escape(text.encode()) for text in sorted(texts, key=len, reverse=True)))
    return {match.decode() for content in contents for match in pattern.findall(content)}


def dump(house: House, *rooms: str) -> bytes:
    """Return every table of these schemas as text."""
    tables = house.contents(*rooms, provenance=True)
    assert tables
    return "\n".join(
        f"{name}\n{table.columns}\n" + "\n".join(",".join(map(str, row)) for row in table.rows)
        for name, table in tables.items()
    ).encode()


def assert_clean(house: House, said: str) -> None:
    """Search everything but the vault and the lake for raw ids, and everything but the lake for the key."""
    outside = [house.target, house.logs, house.home / "warehouse.duckdb", said.encode()]
    assert not found(RAW_IDS, *outside)
    assert not found(SECRETS, house.home, *outside)


@pytest.fixture(scope="module")
def green(new_house) -> tuple[House, str]:
    """Build everything, dbt's own tests included, from files with lines that are quarantined."""
    house = new_house(variables={"reference_days": 10, "min_events": 5})
    bad = [{"price": "-1"}, {"event_time": "soon"}, {"event_type": "wish"}, {"price": "a lot"}]
    lines = [replace(LOST, **changed).line() for changed in bad]
    lines += [
        LOST.line() + ",more",
        LOST.line().replace("acme", 'ac"me'),
        LOST.line().replace("10.00", "1\0"),
    ]
    house.deliver("a.csv", csv_text(SHOP) + "\n".join(lines).encode())
    house.deliver("b.csv.gz", SHOP[:300])
    return house, house.build(parse=True).said


def test_no_raw_id_outside_the_vault(green):
    house, said = green
    tables = dump(house, "core", "marts", "monitor")
    assert {name.split(".")[1] for name in house.table_names("core", "marts", "monitor")} == {
        "core",
        "marts",
        "monitor",
    }
    assert not found(RAW_IDS, tables)
    assert_clean(house, said)
    published = house.home / "published"
    assert not found(RAW_IDS | SECRETS, published.resolve())


def test_the_search_finds_what_is_there(green):
    """Raw ids where they belong, and pseudonyms where they belong: else nothing above means anything."""
    house, said = green
    # Of session ids not even the vault holds any, but for those in quarantined lines.
    users = {event.user_id for event in SHOP}
    assert found(RAW_IDS, dump(house, "vault")) == users | {LOST.user_id, LOST.user_session}
    customers = {event.user_id for event in SHOP} - {str(BOT)}
    everybody = {keys.user_key(user, MATERIAL) for user in customers}
    assert found(everybody, dump(house, "marts")) == everybody
    assert found({"stg_lake__lines"}, house.target) and found({"stg_lake__lines"}, house.logs)
    assert found({"a.csv"}, said.encode())


def test_a_build_that_is_refused_its_files_tells_no_id(house):
    house.deliver("good.csv", [LOST])
    house.deliver("headless.csv", f"{LOST.line()}\n".encode() * 3)
    house.deliver("misnamed.csv", f"event_time,{LOST.user_id},{LOST.user_session}\n{LOST.line()}\n".encode())
    stopped = house.run(*UP_TO_EVENTS, parse=True)
    assert not stopped.succeeded and "Nothing was loaded" in stopped.said
    assert_clean(house, stopped.said)


def test_a_build_that_breaks_in_the_middle_tells_no_id(house):
    """An engine's own message may quote what it stumbles over: break tables that hold or meet raw ids."""
    house.deliver("a.csv", SHOP[:200])
    house.build(*UP_TO_EVENTS)
    house.deliver("b.csv", [*SHOP[100:300], LOST])
    with house.connection(read_only=False) as connection:
        connection.execute("drop table vault.vault.user_keys")
        connection.execute(
            "create table vault.vault.user_keys (user_id utinyint, user_sk bigint, user_key varchar)"
        )
    stopped = house.run(*UP_TO_EVENTS)
    assert not stopped.succeeded and "user_keys" in stopped.said
    assert_clean(house, stopped.said)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (None, "CLIENTELE_PSEUDONYM_KEY is not set"),
        ("", "CLIENTELE_PSEUDONYM_KEY is not set"),
        ("too-short-a-secret", "CLIENTELE_PSEUDONYM_KEY is shorter than 32 bytes"),
    ],
)
def test_no_key_no_build(house, key, sentence):
    house.deliver("a.csv", SHOP[:10])
    stopped = house.run(*UP_TO_EVENTS, CLIENTELE_PSEUDONYM_KEY=key)
    assert not stopped.succeeded
    assert sentence in stopped.said and "secrets.token_hex(32)" in stopped.said
    assert house.table_names("core", "vault", "marts", "monitor") == []
    assert not key or not found({key}, house.home, house.logs, stopped.said.encode())


def test_another_key_is_refused(house):
    """Known customers would come back as strangers; a full refresh that comes to nothing must not hide it."""
    house.deliver("a.csv", SHOP[:20])
    house.build(*UP_TO_EVENTS)
    before = house.contents("core", "vault", provenance=True)
    other = {"CLIENTELE_PSEUDONYM_KEY": KEY[::-1]}
    sentence = "CLIENTELE_PSEUDONYM_KEY is not the key that this warehouse was built with"
    stopped = house.run(*UP_TO_EVENTS, **other)
    assert not stopped.succeeded and sentence in stopped.said
    assert_same(house.contents("core", "vault", provenance=True), before)

    broken = house.deliver("b.csv", b"no header\n")
    assert not house.run(*UP_TO_EVENTS, "--full-refresh", **other).succeeded
    broken.unlink()
    stopped = house.run(*UP_TO_EVENTS, **other)
    assert not stopped.succeeded and sentence in stopped.said
    assert_same(house.contents("core", "vault", provenance=True), before)

    house.build(*UP_TO_EVENTS, "--full-refresh", **other)
    anew = {keys.user_key(event.user_id, keys.derive(KEY[::-1])) for event in SHOP[:20]}
    assert {key for (key,) in house.rows("select user_key from core.users")} == anew


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


def test_settings_that_would_be_sql_are_refused_by_name(house):
    house.deliver("a.csv", SHOP[:10])
    for name, value in INJECTIONS:
        stopped = house.run(*UP_TO_EVENTS, variables={name: value})
        assert not stopped.succeeded, (name, value)
        assert f"var '{name}' is '{value}'" in stopped.said, (name, value)
    stopped = house.run(*UP_TO_EVENTS, variables={"windw_days": 30})
    assert not stopped.succeeded and "'windw_days', which is no setting" in stopped.said
    assert house.table_names("core", "vault", "marts", "monitor") == []
