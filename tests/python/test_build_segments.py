"""From files to personas: whole builds, judged by what people read."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from sklearn.metrics import adjusted_rand_score
from support import MATERIAL, ROOT, House, assert_same

from clientele import keys, synthetic
from clientele.segmentation import score

REAL = ROOT.parent / "shared" / "data"
MARTS = ("segment_profiles", "segment_summary", "user_features", "user_segments")
STATES = {"new", "active", "loyal", "browser_only", "at_risk", "lapsed"}


@pytest.fixture(scope="module")
def shop(new_house) -> House:
    """A clean synthetic shop of four months, built once."""
    house = new_house()
    synthetic.generate(house.folder / "shop", users=5000, months=4, seed=5)
    house.lake = house.folder / "shop" / "events"
    house.build()
    return house


def published(house: House) -> dict[str, str]:
    """Return the sha256 of each published file, computed here."""
    folder = house.home / "published"
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.parquet")}


def planted(house: House) -> dict[str, str]:
    """Return the planted behaviour by pseudonym."""
    with (house.folder / "shop" / "truth.csv").open() as file:
        return {keys.user_key(row["user_id"], MATERIAL): row["behaviour"] for row in csv.DictReader(file)}


# --- what a build gives


def test_customers_with_enough_events_have_a_persona_and_the_others_a_reason(shop):
    statuses = dict(
        shop.rows(
            "select status, min(n_events) || ' ' || max(n_events) from marts.user_segments group by status"
        )
    )
    lowest = {status: int(span.split()[0]) for status, span in statuses.items()}
    assert {"settled", "not_enough_events"} <= statuses.keys()
    assert int(statuses["not_enough_events"].split()[1]) == 19
    assert min(lowest[status] for status in statuses if status != "not_enough_events") == 20
    assert {
        state for (state,) in shop.rows("select distinct lifecycle_state from marts.user_segments")
    } <= STATES


def test_personas_find_the_planted_behaviours(shop):
    labels = dict(
        shop.rows("select user_key, segment_id from marts.user_segments where segment_id is not null")
    )
    truth = planted(shop)
    agreement = adjusted_rand_score([truth[key] for key in labels], list(labels.values()))
    assert agreement >= 0.5
    assert min(share for (share,) in shop.rows("select user_share from marts.segment_summary")) >= 0.03


def test_every_persona_is_named_and_profiled(shop):
    n_segments = shop.value("select n_segments from core.segment_models where is_champion")
    names = shop.rows("select segment_name, segment_name_fr from marts.segment_summary")
    assert len(set(names)) == len(names) == n_segments >= 3
    assert all(english and french and english != french for english, french in names)
    n_features = shop.value("select count(*) from core.feature_catalog")
    assert shop.value("select count(*) from marts.segment_profiles") == n_segments * n_features
    total = shop.value("select sum(n_users) from marts.segment_summary")
    assert total == shop.value("select count(*) from marts.user_segments where segment_id is not null")


def test_sql_gives_the_scores_and_reasons_of_python(shop):
    with shop.connection() as connection:
        features = connection.table("core.segment_sample").df()
        weights = connection.table("core.segment_weights").df()
        scored = connection.sql("select * from core.persona_scores order by user_sk").df()
    expected = score(features, weights)
    assert (scored["user_sk"].to_numpy() == expected["user_sk"].to_numpy()).all()
    for column in ("segment_id", "runner_up_segment_id", "margin"):
        assert (scored[column].to_numpy() == expected[column].to_numpy()).all(), column


def test_as_of_moves_lifecycle_states_and_nothing_else(shop):
    before = shop.rows("select user_key, segment_id, confidence from marts.user_segments order by all")
    states = shop.rows("select user_key, lifecycle_state from marts.user_segments order by all")
    shop.build(variables={"as_of": "2020-06-30 00:00:00"})
    assert (
        shop.rows("select user_key, segment_id, confidence from marts.user_segments order by all") == before
    )
    assert shop.rows("select distinct lifecycle_state from marts.user_segments") == [("lapsed",)]
    shop.build()
    assert shop.rows("select user_key, lifecycle_state from marts.user_segments order by all") == states


# --- the same again


def test_building_again_publishes_the_same_bytes_and_fits_nothing(shop):
    first = published(shop)
    n_fits = shop.value("select count(distinct fit_number) from core.segment_fits")
    shop.build()
    assert published(shop) == first
    assert shop.value("select count(distinct fit_number) from core.segment_fits") == n_fits


def test_another_house_publishes_the_same_bytes(shop, tmp_path):
    other = House(tmp_path)
    other.lake = shop.lake
    other.build()
    assert published(other) == published(shop)
    manifest = json.loads((other.home / "published" / "manifest.json").read_text())
    assert {Path(name).stem: file["sha256"] for name, file in manifest["files"].items()} == published(other)
    assert set(published(other)) == set(MARTS)


def test_refitting_unchanged_data_renames_and_moves_nobody(shop):
    before = shop.contents("marts")
    shop.build(variables={"refit": True}, parse=True)
    assert_same(shop.contents("marts"), before)


def test_new_data_keeps_the_model(new_house):
    house = new_house()
    synthetic.generate(house.folder / "shop", users=2000, months=3, seed=6)
    months = sorted((house.folder / "shop" / "events").iterdir(), key=lambda path: path.stat().st_mtime)
    late = house.folder / months[-1].name
    months[-1].rename(late)
    house.lake = house.folder / "shop" / "events"
    house.build()
    version, n_users = house.rows("select max(model_version), count(*) from marts.user_segments")[0]
    late.rename(months[-1])
    house.build()
    assert house.value("select max(model_version) from marts.user_segments") == version
    assert house.value("select count(*) from marts.user_segments") > n_users
    house.build(variables={"refit": True}, parse=True)
    assert house.value("select max(model_version) from marts.user_segments") != version
    assert house.value("select count(*) from core.segment_models") == 2


# --- failing builds publish nothing


def test_a_failed_test_keeps_the_last_publication(shop):
    before = published(shop)
    with shop.connection(read_only=False) as connection:
        connection.execute("create or replace table core.kept as select * from core.events limit 1")
        connection.execute("delete from core.events where rowid = 0")
    try:
        built = shop.run("--exclude", "events")
        assert not built.succeeded
        assert "not published" in built.said or "did not match" in built.said or built.status
        assert published(shop) == before
    finally:
        with shop.connection(read_only=False) as connection:
            connection.execute("insert into core.events select * from core.kept")
            connection.execute("drop table core.kept")


# --- shops of other kinds


@pytest.mark.parametrize(
    "settings",
    [
        {"currency_scale": 1000.0, "start": "2023-02"},
        {"remove_from_cart": False, "category_code": False, "fill_rate": 0.3},
    ],
    ids=["another currency and year", "few columns filled, nothing removed"],
)
def test_other_shops_build(new_house, settings):
    house = new_house()
    synthetic.generate(house.folder / "shop", users=1500, months=2, seed=8, **settings)
    house.lake = house.folder / "shop" / "events"
    house.build()
    assert house.value("select count(*) from marts.segment_summary") >= 3
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0


def test_too_few_customers_have_states_and_no_persona(house, little_events):
    house.deliver("2019-Oct.csv", little_events)
    built = house.build()
    assert house.value("select reason from core.segment_models").startswith("0 users are too few")
    assert house.value("select count(*) from marts.user_segments where segment_id is not null") == 0
    assert house.value("select count(*) from marts.user_segments where lifecycle_state is not null") == 5
    assert house.value("select count(*) from marts.segment_summary") == 0
    assert set(published(house)) == set(MARTS), built.said[-2000:]


def test_customers_who_are_all_alike_have_no_persona(house, little_events):
    template = little_events[0]
    alike = [
        replace(
            template,
            event_time=f"2019-10-{day:02d} 12:00:00 UTC",
            user_id=str(520_000_000 + user),
            user_session=f"{user}-{day}",
        )
        for user in range(250)
        for day in range(1, 22)
    ]
    house.deliver("2019-Oct.csv", alike)
    house.build()
    assert house.value("select status from core.segment_models") == "no_model"
    assert house.rows("select distinct status, lifecycle_state from marts.user_segments") == [
        ("no_model", "new")
    ]


@pytest.fixture
def little_events():
    from support import Event

    return [Event(user_id=str(510_000_000 + user), user_session=f"s{user}") for user in range(5)]


# --- real files


@pytest.mark.skipif(not (REAL / "store").exists(), reason="the real shop's files are not here")
def test_a_real_shop_of_two_months(house):
    built = house.build(CLIENTELE_EVENTS=str(REAL / "store" / "*.csv.gz"))
    books = house.rows(
        "select n_lines, n_headers, n_loaded, n_duplicates, n_unaccounted from monitor.reconciliation"
    )
    assert sorted(books) == [(59413, 1, 56493, 2919, 0), (74861, 1, 71011, 3849, 0)]
    assert house.value("select count(*) from marts.segment_summary") >= 4, built.said[-2000:]


@pytest.mark.skipif(not (REAL / "rees46").exists(), reason="the first hours of REES46 are not here")
def test_the_first_hours_of_rees46(house, capfd):
    house.build(CLIENTELE_EVENTS=str(REAL / "rees46" / "*.csv.gz"))
    assert house.quarantine() == [("2019-Oct-first-hours.csv.gz", 17436, "wrong_number_of_fields")]
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0
    told = capfd.readouterr().out
    assert "too short for an outcome month" in told
    assert "users are too few for personas" in told


def test_published_files_can_be_read_while_a_build_runs(shop):
    path = shop.home / "published" / "user_segments.parquet"
    with duckdb.connect() as connection:
        opened = connection.sql(f"select count(*) from '{path}'")
        shop.build()
        assert opened.fetchall() == [(shop.value("select count(*) from marts.user_segments"),)]
