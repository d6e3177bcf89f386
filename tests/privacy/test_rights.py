"""Erasure, a copy of one's data, objection to profiling, key rotation: against bytes and tables."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import golden
import pyarrow.parquet as pq
import pytest
from support import (
    FIRST_USER,
    KEY,
    MATERIAL,
    NEXT_KEY,
    UP_TO_EVENTS,
    UP_TO_FEATURES,
    WITHOUT_TESTS,
    Event,
    House,
    assert_same,
    csv_text,
    little_shop,
)

from clientele.privacy import keys, rights
from clientele.runtime import rewriting

SHOP = little_shop(seed=11, n_users=40, n_days=30)
SETTINGS = {"reference_days": 10, "min_events": 5, "refunds": "keep"}
VICTIM = str(FIRST_USER)
OTHER = str(FIRST_USER + 37)
OF_VICTIM = [event for event in SHOP if event.user_id == VICTIM]
SESSIONS = {event.user_session for event in OF_VICTIM} - {""}
OF_OTHERS = {event.user_session for event in SHOP if event.user_id != VICTIM}
# Faulty lines of the victim: by the id, by the id in another spelling, by the session alone.
FAULTY = [
    replace(SHOP[0], user_id=VICTIM, price="-1").line(),
    replace(SHOP[0], user_id=f"+{int(VICTIM):,}.0", event_type="wish").line(),
    replace(SHOP[0], user_id="", user_session=min(SESSIONS - OF_OTHERS), brand="thing of the victim").line(),
]
# Lines in which the number of the victim stands as something else: they are somebody's, or nobody's.
OF_NOBODY = [
    replace(SHOP[0], user_id=OTHER, product_id=str(int(VICTIM) % 10**6), price="-1", user_session="").line(),
    'view,"7,broken',
    replace(SHOP[0], user_id="", user_session="", brand="thing of nobody").line(),
]
# What the shop gave back: to the victim, and to somebody else.
REFUNDS = [
    replace(SHOP[0], user_id=user_id, event_type="refund", price="3.00", user_session="").line()
    for user_id in (VICTIM, OTHER)
]
TRACES = {
    VICTIM.encode(),
    int(VICTIM).to_bytes(8, "little"),
    keys.user_key(VICTIM, MATERIAL).encode(),
    keys.user_sk(keys.user_key(VICTIM, MATERIAL)).to_bytes(8, "little"),
    b"thing of the victim",
    f"{int(VICTIM):,}".encode(),
}


OF_KINDS = ", ".join(
    f"count(*) filter (event_type = '{kind}') as {column}"
    for column, kind in {
        "n_views": "view", "n_carts": "cart", "n_removals": "remove_from_cart", "n_purchases": "purchase",
        "n_refund_lines": "refund",
    }.items()
)  # fmt: skip


def lake(*events: Event, faulty: list[str] = FAULTY, refunds: list[str] = REFUNDS) -> bytes:
    return csv_text(events) + "".join(f"{line}\n" for line in [*faulty, *OF_NOBODY, *refunds]).encode()


def without_victim(events: list[Event]) -> list[Event]:
    return [event for event in events if event.user_id != VICTIM]


def traces(*places: Path) -> set[bytes]:
    """Return the traces of the victim in the bytes of these files and folders."""
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    content = b"\n".join(path.read_bytes() for path in files if path.is_file())
    assert content
    return {trace for trace in TRACES if trace in content}


def holders(house: House) -> dict[str, int]:
    """Return the tables with rows of the victim, found by the columns that they really have."""
    by_column = {
        "user_id": VICTIM,
        "user_sk": str(keys.user_sk(keys.user_key(VICTIM, MATERIAL))),
        "user_key": f"'{keys.user_key(VICTIM, MATERIAL)}'",
    }
    found = {}
    for name, column in house.rows(
        "select concat_ws('.', database_name, schema_name, table_name), column_name from duckdb_columns() "
        f"where column_name in {tuple(by_column)} and not internal"
    ):
        n_rows = house.value(f"select count(*) from {name} where {column} = {by_column[column]}")
        found[name] = max(n_rows, found.get(name, 0))
    return {name: n_rows for name, n_rows in found.items() if n_rows}


@pytest.fixture(scope="module")
def built(new_house) -> House:
    """Build everything once; `shop` gives it back as it was."""
    house = new_house(variables=SETTINGS)
    house.deliver("a.csv", lake(*SHOP))
    house.deliver("b.csv.gz", SHOP[:300])
    house.build(*WITHOUT_TESTS)
    shutil.copytree(house.home, house.folder / "as_built", symlinks=True)
    return house


@pytest.fixture
def shop(built) -> House:
    return as_built(built)


def as_built(house: House) -> House:
    shutil.rmtree(house.home)
    shutil.copytree(house.folder / "as_built", house.home, symlinks=True)
    for path in house.lake.iterdir():
        if path.name not in ("a.csv", "b.csv.gz"):
            path.unlink()
    return house


@pytest.fixture(scope="module")
def erased(built) -> dict:
    """Erase the victim; keep what stood before and what was said. The tests of it come first, in order."""
    house = as_built(built)
    before = {"traces": traces(house.home), "holders": holders(house), "accounts": house.accounts()}
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=VICTIM).succeeded
    before["holders"] |= holders(house)
    done = house.operation("erase_subjects", CLIENTELE_SUBJECT=VICTIM)
    assert done.succeeded, done.said[-3000:]
    return {"house": house, "before": before, "said": done.said}


def test_nothing_of_the_erased_is_left(erased):
    house, before = erased["house"], erased["before"]
    held = {name.split(".", 1)[1] for name in before["holders"]}
    assert held >= {"core.events", "core.users", "core.user_sessions", "core.user_feature_values"}
    assert held >= {"core.refund_lines", "core.refunds"}
    assert house.value("select count(*) from core.refunds") == 1
    assert held >= {"marts.user_features", "marts.user_segments", "vault.user_keys", "vault.objections"}
    assert before["traces"] >= {VICTIM.encode(), keys.user_key(VICTIM, MATERIAL).encode()}
    assert holders(house) == {}
    held_lines = house.rows("select line_text from vault.vault.quarantined_lines order by line_number")
    assert held_lines == [(line,) for line in OF_NOBODY]
    assert house.value("select count(*) from vault.vault.erasure_requests") == 0
    assert traces(house.home) == set()
    assert VICTIM.encode() not in b"".join(
        path.read_bytes()
        for folder in (house.target, house.logs)
        for path in folder.rglob("*")
        if path.is_file()
    )
    assert VICTIM not in erased["said"]


def test_publications_are_whole_without_the_erased(erased):
    house = erased["house"]
    published = (house.home / "published").resolve()
    kept = [path.parent for path in (house.home / "publications").glob("*/manifest.json")]
    assert published in kept
    for folder in kept:
        for name, facts in json.loads((folder / "manifest.json").read_text())["files"].items():
            content = (folder / name).read_bytes()
            assert facts["sha256"] == hashlib.sha256(content).hexdigest() and facts["bytes"] == len(content)
        for name in ("user_segments.parquet", "user_features.parquet"):
            published_keys = pq.read_table(folder / name).column("user_key").to_pylist()
            assert keys.user_key(VICTIM, MATERIAL) not in published_keys
            assert published_keys == sorted(published_keys) and len(published_keys) > 1


def test_the_next_build_is_that_of_a_shop_without_the_erased(erased, new_house):
    """Every table but those of the fit, which the model keeps from before, and the books."""
    house = erased["house"]
    house.build(*WITHOUT_TESTS)
    other = new_house(variables=SETTINGS)
    other.deliver("a.csv", lake(*without_victim(SHOP), faulty=[], refunds=REFUNDS[1:]))
    other.deliver("b.csv.gz", without_victim(SHOP[:300]))
    other.build(*WITHOUT_TESTS)

    def comparable(one: House) -> dict:
        fitted = (
            "fit_fields",
            "segment_models",
            "value_fits",
            "prediction_request",
            "prediction_users",
            "prediction_frame",
            "family_frame",
            "category_frame",
            "forecast_request",
            "forecast_frame",
            "coview_frame",
            "item_request",
            "item_features",
            "rebuy_frame",
            "session_request",
            "session_frame",
            "budget_request",
            "budget_frame",
        )
        return {name: table for name, table in one.contents().items() if not name.endswith(fitted)}

    assert_same(comparable(house), comparable(other))
    accounts = house.accounts()
    before = erased["before"]["accounts"]
    n_second = sum(event.user_id == VICTIM for event in SHOP[:300])
    assert accounts["a.csv"].erased == len(OF_VICTIM) + len(FAULTY) + 1 and accounts["a.csv"].unaccounted == 0
    assert accounts["b.csv.gz"].erased == n_second and accounts["b.csv.gz"].unaccounted == 0
    assert accounts["a.csv"].lines == before["a.csv"].lines
    # A build with nothing new has nothing to build again: the erasure has been taken in.
    marks = house.rows(
        "select max(last_load_id), (select min(load_id) from core.load_marks) from core.touched_days"
    )
    assert marks[0][0] <= marks[0][1]


def test_erasing_again_and_delivering_again_change_nothing(erased):
    house = erased["house"]
    house.build(*UP_TO_FEATURES)
    before = house.contents()
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT=VICTIM).succeeded
    assert_same(house.contents(), before)
    assert house.value("select count(*) from vault.vault.tombstones") == 1
    house.deliver("again.csv", lake(*OF_VICTIM, SHOP[0], faulty=FAULTY, refunds=REFUNDS[:1]))
    house.build(*UP_TO_FEATURES)
    assert_same(house.contents("core"), {name: table for name, table in before.items() if ".core." in name})
    n_others = int(SHOP[0].user_id != VICTIM)
    again = house.accounts()["again.csv"]
    assert (again.erased, again.duplicates, again.unaccounted) == (
        len(OF_VICTIM) + len(FAULTY) + 1 + (1 - n_others), n_others, 0,
    )  # fmt: skip
    house.build(*UP_TO_FEATURES, "--full-refresh")
    assert_same(house.contents("core"), {name: table for name, table in before.items() if ".core." in name})
    assert holders(house) == {}
    assert set(house.rows("select line_text from vault.vault.quarantined_lines")) == {
        (line,) for line in OF_NOBODY
    }
    assert traces(house.home) == set()


def test_an_interrupted_erasure_is_finished_before_anything_else(shop):
    """Stopped while rows went from the warehouse: the vault still knows what was asked."""
    house = shop
    number = keys.user_sk(keys.user_key(VICTIM, MATERIAL))
    with house.connection(read_only=False) as connection:
        connection.execute(f"insert into vault.vault.erasure_requests values ({VICTIM})")
        # What an erasure counts before it deletes, and half of what it deletes.
        connection.execute(
            "insert into vault.vault.erasure_counts by name "
            f"select file_id, cast(event_at as date) as event_date, count(*) as n_lines, {OF_KINDS} "
            "from (select file_id, event_at, event_type, user_sk from core.events union all "
            "select file_id, event_at, event_type, user_sk from core.duplicate_events union all "
            "select file_id, event_at, event_type, user_sk from core.refund_lines) "
            f"where user_sk = {number} group by all"
        )
        connection.execute(
            f"insert into vault.vault.erasure_counts (file_id, n_lines) values (1, {len(FAULTY)})"
        )
    with house.connection(read_only=False) as connection:
        connection.execute(f"delete from core.events where user_sk = {number}")
    stopped = house.run(*UP_TO_FEATURES)
    assert not stopped.succeeded and "An erasure was interrupted" in stopped.said
    assert house.operation("erase_subjects").succeeded
    house.build(*UP_TO_FEATURES)
    account = house.accounts()["a.csv"]
    assert account.erased == len(OF_VICTIM) + len(FAULTY) + 1 and account.unaccounted == 0
    assert traces(house.home / "warehouse.duckdb") == set()


def test_who_is_known_from_an_objection_alone_is_erased_and_stays_away(shop):
    """They objected before any file named them. The erasure takes that along, so it leaves a mark."""
    house, unknown = shop, "777000777"
    for operation in ("object_to_profiling", "restrict_subjects"):
        assert house.operation(operation, CLIENTELE_SUBJECT=unknown).succeeded
    done = house.operation("erase_subjects", CLIENTELE_SUBJECT=unknown)
    assert done.succeeded and "erased 1 customer(s)" in done.said and "nothing is held" not in done.said
    assert house.rows("from vault.vault.objections union all from vault.vault.restrictions") == []
    assert house.value("select count(*) from vault.vault.tombstones") == 1
    assert unknown.encode() not in (house.home / "vault.duckdb").read_bytes()
    assert int(unknown).to_bytes(8, "little") not in (house.home / "vault.duckdb").read_bytes()


def test_a_copy_holds_all_that_is_held(shop, tmp_path):
    house = shop
    asked = house.operation("export_subject", CLIENTELE_SUBJECT=VICTIM, CLIENTELE_EXPORT_FOLDER=str(tmp_path))
    assert asked.succeeded and VICTIM not in asked.said
    copy = rights.assemble(tmp_path, json.loads((house.target / "manifest.json").read_text()))
    tables = {name: len(table["rows"]) for name, table in copy["tables"].items() if table["rows"]}
    expected = {name.split(".", 1)[1]: n_rows for name, n_rows in holders(house).items()}
    assert tables == expected | {"vault.quarantined_lines": len(FAULTY)}
    lines = [row["line_text"] for row in copy["tables"]["vault.quarantined_lines"]["rows"]]
    assert sorted(lines) == sorted(FAULTY)
    assert tables["core.events"] == len(OF_VICTIM)
    assert copy["tables"]["core.events"]["rows"][0]["origin_file"] == "a.csv"
    assert copy["tables"]["vault.user_keys"]["rows"][0]["user_id"] == int(VICTIM)
    for table in copy["tables"].values():
        assert table["meaning"] and all(table["columns"].values())
        for row in table["rows"]:
            assert row.keys() <= table["columns"].keys() | set(row) and len(row) >= 1
    file = tmp_path / "copy.json"
    rights.write_privately(file, "{}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


PSEUDONYMS = ("user_sk", "user_key", "session_sk")


def pseudonyms(house: House) -> set:
    """Return every pseudonym in any table; 0 stands for events without a session id."""
    return {
        value
        for name, column in house.rows(
            "select concat_ws('.', database_name, schema_name, table_name), column_name "
            f"from duckdb_columns() where column_name in {PSEUDONYMS} and not internal"
        )
        for (value,) in house.rows(f"select distinct {column} from {name} where {column} not in ('0')")
    }


def aggregates(house: House) -> dict:
    return {name: table for name, table in house.contents().items() if not {*PSEUDONYMS} & {*table.columns}}


def test_rotation_shares_no_value_and_keeps_every_count(shop):
    house = shop
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT=VICTIM).succeeded
    house.build(*UP_TO_FEATURES)
    before, counted = pseudonyms(house), aggregates(house)
    n_sessions = house.value("select count(distinct (user_sk, session_sk)) from core.events")
    key = NEXT_KEY
    for wrong in (None, "too short", KEY):
        assert not house.operation("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=wrong).succeeded
    done = house.operation("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=key)
    assert done.succeeded and key not in done.said, done.said[-2000:]
    after = pseudonyms(house)
    assert len(after) == len(before) and not after & before
    assert_same(aggregates(house), counted)
    assert house.value("select count(distinct (user_sk, session_sk)) from core.events") == n_sessions
    assert house.rows("select key_epoch from core.key_epoch") == [(2,)]
    content = b"".join(path.read_bytes() for path in house.home.rglob("*") if path.is_file())
    assert not {text for text in before if isinstance(text, str) and text.encode() in content}

    # The old key is refused, also for a full refresh; the new one goes on as if nothing had happened.
    for flags in ([], ["--full-refresh"]):
        stopped = house.run(*UP_TO_FEATURES, *flags)
        assert not stopped.succeeded and "is not the key that this warehouse was built with" in stopped.said
    house.deliver("again.csv", lake(*SHOP[:200], *OF_VICTIM, faulty=[], refunds=[]))
    house.build(*UP_TO_FEATURES, CLIENTELE_PSEUDONYM_KEY=key)
    again = house.accounts()["again.csv"]
    assert (
        again.duplicates == len(without_victim(SHOP[:200])) and again.loaded == 0 and again.unaccounted == 0
    )
    kept = house.contents("core")
    house.build(*UP_TO_FEATURES, "--full-refresh", CLIENTELE_PSEUDONYM_KEY=key)
    assert_same(house.contents("core"), kept)
    with house.connection(read_only=False) as connection:
        connection.execute("update core.key_epoch set key_epoch = 1")
    stopped = house.run(*UP_TO_FEATURES, CLIENTELE_PSEUDONYM_KEY=key)
    assert not stopped.succeeded and "of different key epochs" in stopped.said


def test_a_row_about_nobody_stands_in_no_rotation_s_way(shop):
    """A build that fits keeps the features of whoever has done nothing with a family, as user -1."""
    house = shop
    with house.connection(read_only=False) as connection:
        connection.execute(
            "create or replace table core.category_frame as select -1 as user_sk, 4 as family_rank"
        )
    key = "another key for tests, and no secret: 77a1c0"
    done = house.operation("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=key)
    assert done.succeeded, done.said[-2000:]
    assert house.rows("select * from core.category_frame") == [(-1, 4)]


def test_who_objects_is_counted_and_not_profiled(shop):
    house = shop
    key, number = keys.user_key(OTHER, MATERIAL), keys.user_sk(keys.user_key(OTHER, MATERIAL))
    in_marts = " union all ".join(
        f"select user_key from marts.{mart} where user_key = '{key}'"
        for mart in ("user_segments", "user_features")
    )
    assert len(house.rows(in_marts)) == 2
    assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=OTHER).succeeded
    house.build(*WITHOUT_TESTS, "--select", "profiling_objections+", "daily_events")
    assert house.rows(in_marts) == []
    for table in ("segment_sample", "segment_replicates", "training_frame", "persona_scores"):
        assert house.value(f"select count(*) from core.{table} where user_sk = {number}") == 0, table
    assert house.value("select count(*) from core.segment_sample") > 0
    assert house.value("select sum(n_events) from core.daily_events") == len(SHOP)
    assert house.operation("withdraw_objection", CLIENTELE_SUBJECT=OTHER).succeeded
    again = (
        "profiling_objections",
        "user_sessions",
        "user_feature_values",
        "segment_sample",
        "user_segments",
    )
    house.build(*WITHOUT_TESTS, "--select", *again)
    assert len(house.rows(in_marts)) == 2
    assert house.value(f"select count(*) from core.segment_sample where user_sk = {number}") == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, []),
        ({"CLIENTELE_SUBJECT": " 7 "}, [7]),
        ({"CLIENTELE_SUBJECT": "-7"}, [-7]),
        ({"CLIENTELE_SUBJECT": str(2**63)}, "CLIENTELE_SUBJECT is not a user_id"),
        ({"CLIENTELE_SUBJECT": "7; drop table"}, "CLIENTELE_SUBJECT is not a user_id"),
        ({"CLIENTELE_SUBJECTS_FILE": "/nowhere"}, "cannot be read: No such file"),
    ],
)
def test_subjects_of_the_environment(environment, expected):
    if isinstance(expected, list):
        assert rights.subjects(environment, "integer") == expected
    else:
        with pytest.raises(rights.RightsError, match=expected) as refusal:
            rights.subjects(environment, "integer")
        assert "drop" not in str(refusal.value) and str(2**63) not in str(refusal.value)


def test_subjects_of_a_file(tmp_path):
    file = tmp_path / "ids"
    file.write_text("5\n\n 3\n5\n")
    assert rights.subjects({"CLIENTELE_SUBJECTS_FILE": str(file), "CLIENTELE_SUBJECT": "9"}, "integer") == [
        3,
        5,
        9,
    ]
    file.write_text("5\nfive\n")
    with pytest.raises(rights.RightsError, match="line 2 of CLIENTELE_SUBJECTS_FILE"):
        rights.subjects({"CLIENTELE_SUBJECTS_FILE": str(file)}, "integer")


def flipped(text: str, place: int) -> str:
    """Return the text with another character at this place."""
    place %= len(text)
    return text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]


def test_a_ring_sealed_by_the_first_version_opens_with_its_key_only():
    sealed = golden.SEALED_BEFORE
    assert keys.is_sealed_as_before(sealed)
    assert keys.unseal(sealed, golden.SECRET) == keys.Ring(**golden.RING)
    assert keys.unseal(sealed, KEY) is None
    for place in (5, 60, -5):  # nonce, text, tag
        assert keys.unseal(flipped(sealed, place), golden.SECRET) is None


def test_a_warehouse_of_the_first_version_is_opened_and_sealed_anew(house):
    """The ring stays what it was: its session key, which is another one here, is used from then on."""
    own = {"CLIENTELE_PSEUDONYM_KEY": golden.SECRET}
    house.deliver("first.csv", [Event(user_session="one")])
    house.build(*UP_TO_EVENTS, **own)
    with house.connection(read_only=False) as connection:
        connection.execute("update vault.vault.key_ring set sealed = ?", [golden.SEALED_BEFORE])
    stopped = house.run(*UP_TO_EVENTS)
    assert not stopped.succeeded and "is not the key that this warehouse was built with" in stopped.said
    assert house.value("select sealed from vault.vault.key_ring") == golden.SEALED_BEFORE

    house.deliver("second.csv", [Event(user_session="two")])
    house.build(*UP_TO_EVENTS, **own)
    ring = keys.Ring(**golden.RING)
    material = replace(keys.derive(golden.SECRET), session=ring.session)
    held = {session_sk for (session_sk,) in house.rows("select session_sk from core.events")}
    assert keys.session_sk("two", material) in held
    sealed = house.value("select sealed from vault.vault.key_ring")
    assert not keys.is_sealed_as_before(sealed) and keys.unseal(sealed, golden.SECRET) == ring
    house.build(*UP_TO_EVENTS, **own)
    assert house.value("select sealed from vault.vault.key_ring") == sealed


def test_a_ring_opens_with_its_key_only():
    ring = keys.new_ring(KEY)
    sealed = keys.seal(ring, KEY)
    assert keys.unseal(sealed, KEY) == ring and ring.session == MATERIAL.session and ring.session_mask == 0
    assert keys.unseal(sealed, KEY[::-1]) is None
    assert not keys.is_sealed_as_before(sealed)
    for broken in (
        "",
        "v1.zz",
        "v2.zz",
        "v2.é",
        "v3" + sealed[2:],
        flipped(sealed, 20),
        flipped(sealed, -20),
    ):
        assert keys.unseal(broken, KEY) is None, broken
    assert ring.erased_inner not in sealed and sealed != keys.seal(ring, KEY)
    rotated = ring.rotated()
    assert rotated.epoch == 2 and 0 < rotated.session_mask < 2**60
    assert (rotated.erased_inner, rotated.erased_outer) == (ring.erased_inner, ring.erased_outer)


@pytest.mark.parametrize(("user_id", "erased_hash"), golden.TOMBSTONES)
def test_golden_tombstones(user_id, erased_hash):
    assert keys.erased_hash(user_id, keys.Ring(**golden.RING)) == erased_hash
    assert keys.user_key(user_id, MATERIAL) != erased_hash


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_files_written_anew_take_their_place_however_often_it_is_tried(tmp_path, moved):
    home = tmp_path
    for name in ("vault", "warehouse"):
        (home / f"{name}.duckdb").write_text("old")
        (home / f"{name}.duckdb.wal").write_text("old")
    folder = rewriting.start(home)
    for name in ("vault", "warehouse"):
        (folder / f"{name}.duckdb").write_text("new")
    if moved == 0:  # killed before they were whole: the old ones stay
        assert not rewriting.finish(home)
        assert (home / "vault.duckdb").read_text() == "old" and not folder.exists()
        return
    rewriting.mark_whole(home)
    if moved == 2:  # killed between two moves
        (folder / "vault.duckdb").replace(home / "vault.duckdb")
    assert rewriting.finish(home) and not rewriting.finish(home)
    for name in ("vault", "warehouse"):
        assert (home / f"{name}.duckdb").read_text() == "new"
    assert not (home / "warehouse.duckdb.wal").exists() and not folder.exists()


def test_nobody_clears_away_what_another_process_is_writing(tmp_path):
    folder = rewriting.start(tmp_path)
    (folder / "vault.duckdb").write_text("half")
    other = "import sys; from pathlib import Path; from clientele.runtime import rewriting\n"
    other += "print(rewriting.finish(Path(sys.argv[1])))"
    said = subprocess.run([sys.executable, "-c", other, tmp_path], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n" and (folder / "vault.duckdb").exists()
    assert not rewriting.finish(tmp_path) and not folder.exists()


def test_an_emptied_database_gives_its_space_back(tmp_path):
    path = tmp_path / "batch.duckdb"
    with duckdb.connect() as other:
        other.execute(f"attach '{path}' as batch")
        other.execute("create table batch.lines as select hash(range) as line from range(1000000)")
        other.execute("truncate batch.lines")
        other.execute("checkpoint batch")
        rewriting.give_back(path)  # in use: it stays as it is
        assert other.execute("select count(*) from batch.lines").fetchall() == [(0,)]
    assert path.stat().st_size > 2**22
    rewriting.give_back(path)
    assert path.stat().st_size < 2**20
    with duckdb.connect(str(path)) as again:
        assert again.execute("select table_name from duckdb_tables()").fetchall() == [("lines",)]
    rewriting.give_back(tmp_path / "none.duckdb")
    assert not (tmp_path / "none.duckdb").exists()


def test_tables_of_the_shop_come_through_an_erasure_and_a_rotation(house):
    """They lie in the warehouse beside ours, with columns and names like ours and rules of their own."""
    house.deliver("a.csv", [Event(user_id="1"), Event(user_id="2", user_session="other")])
    house.build(*UP_TO_EVENTS)
    with house.connection(read_only=False) as connection:
        connection.execute(
            """
            create schema shop;
            create table shop.zusers (id bigint primary key, twice bigint generated always as (id * 2));
            insert into shop.zusers (id) values (1), (2);
            create table shop.orders (user_id bigint, "a, ""b" integer check ("a, ""b" > 0));
            insert into shop.orders values (1, 7), (2, 8);
            create table shop.erasure_requests (user_id bigint, finished_at timestamp, n_requests integer,
                key_epoch integer, session_sk bigint, sealed varchar, user_key varchar, user_sk bigint);
            insert into shop.erasure_requests values (1, '2019-10-01', 7, 5, 77, 'mine', 'a code', 9);
            create table shop.kinds (user_key integer, user_sk varchar);
            insert into shop.kinds values (3, 'text');
            create view shop.all_orders as select * from shop.orders;
            create table shop.customers as select user_key as "USER_KEY", user_sk from vault.vault.user_keys;
            """
        )
    tables = ("zusers", "orders", "erasure_requests", "kinds", "all_orders")
    held = {table: house.rows(f"from shop.{table}") for table in tables}
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
    assert {table: house.rows(f"from shop.{table}") for table in tables} == held
    assert house.value("select count(*) from shop.customers") == 2  # theirs: only they know what it is

    old = set(house.rows("select user_key, user_sk from vault.vault.user_keys"))
    rotated = house.operation("rotate_key", CLIENTELE_PSEUDONYM_KEY_NEW=NEXT_KEY)
    assert rotated.succeeded, rotated.said[-2000:]
    assert {table: house.rows(f"from shop.{table}") for table in tables} == held
    (new,) = house.rows("select user_key, user_sk from vault.vault.user_keys")
    assert new not in old and new in house.rows("select user_key, user_sk from shop.customers")
    with house.connection(read_only=False) as connection, pytest.raises(duckdb.ConstraintException):
        connection.execute("insert into shop.orders values (3, 0)")


@pytest.mark.parametrize("of", ["people", "staff"])
def test_a_foreign_key_in_the_warehouse_is_told_before_anything_is_begun(house, of):
    """One table after the other, or rows in some order: what cannot be written anew must not be begun."""
    house.deliver("a.csv", [Event(user_id="1"), Event(user_id="2", user_session="other")])
    house.build(*UP_TO_EVENTS)
    with house.connection(read_only=False) as connection:
        connection.execute("create schema shop; create table shop.people (id integer primary key)")
        connection.execute(
            f"create table shop.staff (id integer primary key, boss integer references shop.{of} (id))"
        )
    requests = house.rows("from vault.vault.requests")
    for operation, named in (
        ("erase_subjects", {"CLIENTELE_SUBJECT": "2"}),
        ("rotate_key", {"CLIENTELE_PSEUDONYM_KEY_NEW": NEXT_KEY}),
    ):
        ran = house.operation(operation, **named)
        assert not ran.succeeded and "a foreign key: shop.staff. What removes" in ran.said, ran.said[-2000:]
    assert house.rows("from vault.vault.requests") == requests
    assert house.value("select count(*) from vault.vault.erasure_requests") == 0
    with house.connection(read_only=False) as connection:
        connection.execute("drop table shop.staff")
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT="2").succeeded
