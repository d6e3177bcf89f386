"""Promise 4, end to end: no raw id and no key material outside the vault, after green builds and red ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, replace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from support import (
    BOT,
    INJECTIONS,
    KEY,
    MATERIAL,
    UP_TO_EVENTS,
    UP_TO_FEATURES,
    WITHOUT_UNIT_TESTS,
    Event,
    House,
    assert_same,
    csv_text,
    little_shop,
    parsed,
)

from clientele.privacy import keys


def found_by_chance_nowhere(event: Event) -> Event:
    """Return the event with a long session: a short one is part of many a random number."""
    session = event.user_session
    long = f"00000077-0000-4000-8000-{session:0>12}" if 0 < len(session) < 32 else session
    return replace(event, user_session=long)


SHOP = [found_by_chance_nowhere(event) for event in little_shop(seed=11, n_users=90)]
RAW_IDS = {event.user_id for event in SHOP} | {event.user_session for event in SHOP if event.user_session}
# Ids in lines that are quarantined, and in files that are refused, must stay in the vault as well.
LOST = Event(user_id="587654321", user_session="cafecafe-0000-4000-8000-00000000beef")
RAW_IDS |= {LOST.user_id, LOST.user_session}
SECRETS = {KEY, *astuple(MATERIAL)}
# The derived keys are hexadecimal texts; somebody may have turned them into the bytes that they spell.
SECRET_BYTES = {bytes.fromhex(text) for text in astuple(MATERIAL)}


def found(texts: Iterable[str | bytes], *where: Path | bytes) -> set[str | bytes]:
    """Return those of the texts that stand in a file of these folders, or in these bytes."""
    contents = []
    for place in where:
        if isinstance(place, bytes):
            contents.append(place)
        else:
            files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
            assert files, f"nothing to search in {place}"
            contents += [path.read_bytes() for path in files]
    # There are hundreds of ids, and all but a few bytes of them are alike: look for what is alike first.
    alike: dict[bytes, dict[bytes, str | bytes]] = {}
    for text in texts:
        sought = text if isinstance(text, bytes) else text.encode()
        alike.setdefault(sought[8:24] if len(sought) >= 24 else sought[:4], {})[sought] = text
    hits = set()
    for part, group in alike.items():
        pattern = re.compile(b"|".join(re.escape(sought) for sought in sorted(group, key=len, reverse=True)))
        hits |= {
            group[match] for content in contents if part in content for match in pattern.findall(content)
        }
    return hits


def dump(house: House, *rooms: str) -> Path:
    """Write every table of these schemas as plain CSV, as the files themselves are packed; return the folder.

    Without schemas: of all but the vault, and the published files as well.
    """
    folder = Path(mkdtemp(dir=house.folder))
    schemas = house.rows("select distinct schema_name from duckdb_schemas() where not internal")
    names = house.table_names(*(rooms or {name for (name,) in schemas} - {"vault"}))
    assert names
    with house.connection() as connection:
        for name in names:
            connection.execute(f"copy (from {name}) to '{folder / name}.csv' (format csv)")
        for path in [] if rooms else (house.home / "published").glob("*.parquet"):
            connection.execute(f"copy (from '{path}') to '{folder / path.stem}.published.csv' (format csv)")
    return folder


def assert_clean(house: House, said: str) -> None:
    """Search everything but the vault and the lake for raw ids, and everything but the lake for the key."""
    outside = [house.target, house.logs, house.home / "warehouse.duckdb", said.encode()]
    if house.table_names("core", "marts", "monitor"):
        outside.append(dump(house))
    assert not found(RAW_IDS, *outside)
    everything = [house.home, *outside]
    if house.table_names("vault"):
        everything.append(dump(house, "vault"))
    assert not found(SECRETS | SECRET_BYTES, *everything)


@pytest.fixture(scope="module")
def green(new_house) -> tuple[House, str]:
    """Build everything, dbt's own tests included, from files with lines that are quarantined."""
    house = new_house(variables={"reference_days": 10, "fit_min_events": 5, "min_events": 5})
    bad = [{"price": "-1"}, {"event_time": "soon"}, {"event_type": "wish"}, {"price": "a lot"}]
    lines = [replace(LOST, **changed).line() for changed in bad]
    lines += [
        LOST.line() + ",more",
        LOST.line().replace("acme", 'ac"me'),
        LOST.line().replace("10.00", "1\0"),
    ]
    house.deliver("a.csv", csv_text(SHOP) + "\n".join(lines).encode())
    house.deliver("b.csv.gz", SHOP[:300])
    return house, house.build(*WITHOUT_UNIT_TESTS, parse=True).said


def test_no_raw_id_outside_the_vault(green):
    house, said = green
    exported = {path.name.split(".")[1] for path in dump(house).iterdir()}
    assert {"core", "marts", "monitor", "published"} <= exported and "vault" not in exported
    assert_clean(house, said)
    published = house.home / "published"
    assert not found(RAW_IDS | SECRETS | SECRET_BYTES, published.resolve())


def test_no_table_of_people_is_unknown_to_the_manifest(green):
    """Beside the models only the registers of requests know people, and erasure deals with each by name."""
    house, _ = green
    models = {f"{node.schema}.{node.alias}" for node in parsed().nodes.values() if hasattr(node, "alias")}
    columns = house.rows(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() where not internal"
        " and schema_name in ('vault', 'core', 'marts', 'monitor')"
    )
    assert len({table for table, _ in columns} & models) > 20
    strangers = {(table, column) for table, column in columns if table not in models}
    assert "core.load_marks" in {table for table, _ in strangers}
    keys_of_people = {"user_id", "user_sk", "user_key", "line_text", "session_sk"}
    assert {f"{table}.{column}" for table, column in strangers if column in keys_of_people} == {
        "vault.erased_sessions.session_sk",
        "vault.shared_sessions.session_sk",
        "vault.erasure_requests.user_id",
        "vault.named_subjects.user_id",
        "vault.objections.user_id",
        "vault.restrictions.user_id",
    }


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("debug",), id="debug"),
        pytest.param(("docs", "generate", "--static"), id="docs generate"),
        pytest.param(("compile",), id="compile"),
        pytest.param(("show", "--select", "user_segments,resource_type:model"), id="show"),
        pytest.param(
            ("show", "--inline", "select cast(getvariable('clientele_keys') as varchar) as k"), id="key"
        ),
        pytest.param(("ls", "--output", "json"), id="ls"),
    ],
)
def test_other_commands_tell_nothing_either(green, command):
    house, _ = green
    ran = house.run(command=command)
    assert ran.succeeded, ran.said[-2000:]
    assert_clean(house, ran.said)
    if command[0] == "docs":
        page = house.target / "static_index.html"
        assert found({"user_segments"}, page) and not found(RAW_IDS | SECRETS | SECRET_BYTES, page)


def test_nobody_else_may_open_what_may_hold_ids(green):
    house, _ = green
    databases = [house.home / f"{name}.duckdb" for name in ("vault", "batch", "warehouse")]
    private = [*databases, house.logs, *house.logs.iterdir(), house.home / ".lock"]
    assert {path for path in private if path.stat().st_mode & 0o077} == set()
    scoring = house.home / "published" / "scoring"
    assert {path for path in (scoring, *scoring.iterdir()) if path.stat().st_mode & 0o007} == set()
    published = [(house.home / "published").resolve(), *(house.home / "published").iterdir()]
    published.remove(scoring)
    assert len(published) > 5 and all(path.stat().st_mode & 0o044 == 0o044 for path in published)


def test_a_failing_test_stores_no_id(green):
    """dbt keeps what a test finds, if asked, in the warehouse: of the vault that may be numbers only."""
    house, _ = green
    with house.connection(read_only=False) as connection:
        connection.execute("begin")
        connection.execute("insert into vault.vault.user_keys select * from vault.vault.user_keys")
        connection.execute(
            "insert into vault.vault.quarantined_lines select * from vault.vault.quarantined_lines"
        )
        connection.execute("commit")
    ran = house.run("--select", "user_keys", "quarantined_lines", "--store-failures", command=("test",))
    with house.connection(read_only=False) as connection:
        connection.execute("begin")
        for table in ("user_keys", "quarantined_lines"):
            connection.execute(f"create temp table kept as select distinct * from vault.vault.{table}")
            connection.execute(f"delete from vault.vault.{table}")
            connection.execute(f"insert into vault.vault.{table} from kept; drop table kept")
        connection.execute("commit")
    assert not ran.succeeded and "fail" in ran.status.values()
    assert len(house.table_names("dbt_test__audit")) >= 2
    assert_clean(house, ran.said)


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


def test_a_leak_is_found(house):
    """The search is what it seems: raw ids under an innocent name are found in the rooms they reached."""

    def leak(manifest) -> None:
        judged = manifest.macros["macro.clientele.judged_lines"]
        judged.macro_sql = judged.macro_sql.replace(
            "{{ clientele.without_person('judged.brand') }} as brand,", "judged.user_session as brand,"
        )
        marts = manifest.nodes["model.clientele.user_features"]
        raw_id = (
            '(select cast(map.user_id as varchar(32)) from "vault"."vault"."user_keys" as map'
            " where map.user_sk = users.user_sk) as user_key,"
        )
        marts.raw_code = marts.raw_code.replace("        users.user_key,", f"        {raw_id}")
        assert "user_session as brand" in judged.macro_sql and raw_id in marts.raw_code

    house.deliver("a.csv", SHOP[:120])
    built = house.run(*UP_TO_FEATURES, change=leak)
    assert built.succeeded, built.said[-2000:]
    users, sessions = ({getattr(event, name) for event in SHOP[:120]} for name in ("user_id", "user_session"))
    assert found(RAW_IDS, dump(house, "core")) == sessions - {""}
    assert users & found(RAW_IDS, dump(house, "marts"))
    with pytest.raises(AssertionError):
        assert_clean(house, built.said)


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

    # The way to another key is a rotation (test_rights.py): a full refresh would bring the erased back.
    stopped = house.run(*UP_TO_EVENTS, "--full-refresh", **other)
    assert not stopped.succeeded and sentence in stopped.said and "make rotate-key" in stopped.said
    assert_same(house.contents("core", "vault", provenance=True), before)


def test_settings_that_would_be_sql_are_refused_by_name(house):
    house.deliver("a.csv", SHOP[:10])
    for name, value in INJECTIONS:
        stopped = house.run(*UP_TO_EVENTS, variables={name: value})
        assert not stopped.succeeded, (name, value)
        assert f"var '{name}' is '{value}'" in stopped.said, (name, value)
    stopped = house.run(*UP_TO_EVENTS, variables={"windw_days": 30})
    assert not stopped.succeeded and "'windw_days', which is no setting" in stopped.said
    assert house.table_names("core", "vault", "marts", "monitor") == []
