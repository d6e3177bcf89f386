"""From files to personas: whole builds, judged by what people read."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import shop_simulator
from sklearn.metrics import adjusted_rand_score
from support import (
    BOOKKEEPING,
    IS_LONG,
    MATERIAL,
    ROOT,
    WITHOUT_TESTS,
    WITHOUT_UNIT_TESTS,
    House,
    assert_same,
    parsed,
)

from clientele.personas import reasons, score
from clientele.personas.wording import natural
from clientele.privacy import keys

PAPERS = False  # no test here reads what dbt writes about its runs
# What a refit of personas does without.
OTHER_FITS = ("path:models/predictions", "path:python_models/predictions", "path:models/recommendations")
NO_HEADS = {"prediction_heads": "none"}
REAL = ROOT.parent / "shared" / "data"


def marts() -> set[str]:
    """Return the names of all models that are published."""
    nodes = parsed().nodes.values()
    return {node.name for node in nodes if node.resource_type == "model" and node.schema == "marts"}


STATES = {
    "new_visitor",
    "browser_only",
    "lapsed_visitor",
    "new_buyer",
    "active",
    "loyal",
    "at_risk",
    "lapsed_buyer",
}


@pytest.fixture(scope="module")
def shop(built_shop, tmp_path_factory) -> House:
    return built_shop.copy(tmp_path_factory.mktemp("shop"))


def published(house: House) -> dict[str, str]:
    """Return the sha256 of each published file, computed here."""
    folder = house.home / "published"
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.parquet")}


def planted(house: House) -> dict[str, str]:
    """Return the planted behaviour by pseudonym."""
    with (house.lake.parent / "shop" / "truth.csv").open() as file:
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
    min_events = shop.value("select min_events from core.persona_threshold")
    assert int(statuses["not_enough_events"].split()[1]) == min_events - 1
    assert min(lowest[status] for status in statuses if status != "not_enough_events") == min_events
    assert {
        state for (state,) in shop.rows("select distinct lifecycle_state from marts.user_segments order by 1")
    } <= STATES


def test_personas_find_the_planted_behaviours(shop):
    labels = dict(
        shop.rows("select user_key, segment_id from marts.user_segments where segment_id is not null")
    )
    truth = planted(shop)
    agreement = adjusted_rand_score([truth[key] for key in labels], list(labels.values()))
    assert agreement >= 0.5
    sizes = [size for (size,) in shop.rows("select n_users from core.persona_sizes where segment_id > 0")]
    assert min(sizes) >= 0.03 * sum(sizes)


def test_every_persona_is_named_and_profiled(shop):
    n_segments = shop.value("select n_segments from core.segment_models where is_champion")
    names = shop.rows("select segment_name, segment_name_fr from marts.segment_summary where segment_id > 0")
    assert len(set(names)) == len(names) == n_segments >= 3
    assert all(english and french and english != french for english, french in names)
    n_features = shop.value("select count(*) from core.feature_catalog")
    assert shop.value("select count(*) from marts.segment_profiles") == n_segments * n_features
    total = shop.value("select sum(n_users) from marts.segment_summary where segment_id > 0")
    counted = shop.value("select count(*) from marts.user_segments where segment_id is not null")
    assert abs(total - counted) <= 5 * n_segments, "published in steps of ten"


def test_sql_gives_the_scores_and_reasons_of_python(shop):
    with shop.connection() as connection:
        features = connection.table("core.segment_sample").df()
        weights = connection.table("core.segment_weights").df()
        sampled = "user_sk in (select user_sk from core.segment_sample)"
        scored = connection.sql(f"from core.centroid_scores where {sampled} order by user_sk").df()
    expected = score(features, weights)
    assert (scored["user_sk"].to_numpy() == expected["user_sk"].to_numpy()).all()
    for column in ("segment_id", "runner_up_segment_id", "margin"):
        assert (scored[column].to_numpy() == expected[column].to_numpy()).all(), column


def test_sql_gives_the_reasons_of_python_and_they_add_up(shop):
    with shop.connection() as connection:
        features = connection.table("core.segment_sample").df()
        weights = connection.table("core.segment_weights").df()
        sampled = "user_sk in (select user_sk from core.segment_sample)"
        scored = connection.sql(f"from core.centroid_scores where {sampled} order by user_sk").df()
    expected = reasons(features, weights)
    for place in (1, 2, 3):
        ranked = expected[expected["reason_rank"] == place]
        assert (scored[f"reason_feature_{place}"].to_numpy() == ranked["feature"].to_numpy()).all()
    every = reasons(features, weights, top=None).groupby("user_sk")
    gaps = every["contribution"].sum() + every["constant"].first()
    assert abs(gaps.to_numpy() - scored["margin"].to_numpy()).max() < 1e-8


def test_every_reason_is_words_that_have_a_translation(shop):
    given = {
        reason
        for row in shop.rows("select distinct reason_1, reason_2, reason_3 from marts.user_segments")
        for reason in row
        if reason
    }
    texts = dict(shop.rows("select reason, reason_fr from marts.reason_texts"))
    assert given and given <= texts.keys()
    assert not [text for pair in texts.items() for text in pair if "{" in text or "_" in text]
    n_features = shop.value("select count(*) from core.feature_catalog")
    assert len(texts) == 2 * n_features


def test_profiles_say_what_the_users_values_say(shop):
    with shop.connection() as connection:
        users = connection.sql(
            "select segment_id, f.* from core.persona_scores"
            " join core.user_feature_values as f using (user_sk)"
        ).df()
        catalog = connection.table("core.feature_catalog").df().set_index("feature")
        profiles = connection.table("marts.segment_profiles").df().set_index(["segment_id", "feature"])
    for feature, basis in (
        ("price_level_z", "users"),
        ("evening_logit", "users"),
        ("order_value_ln", "buyers"),
    ):
        assert catalog.loc[feature, "basis"] == basis
        compared = users[users["n_orders"] > 0] if basis == "buyers" else users
        for segment_id in compared["segment_id"].unique():
            mine = compared.loc[compared["segment_id"] == segment_id, feature]
            rest = compared.loc[compared["segment_id"] != segment_id, feature]
            said = profiles.loc[(segment_id, feature)]
            error = (mine.var() / len(mine) + rest.var() / len(rest)) ** 0.5
            difference = mine.mean() - rest.mean()
            scale = catalog.loc[feature, "scale"]
            # Published figures are rounded to what ten customers make in them, upwards to 1, 2 or 5; what may
            # be next to nothing to what ten make a standard deviation away, or thrice whoever is farthest.
            rounding, spread = 13 / len(mine), mine.std()
            median = mine.median()
            of_median = 1.3 * spread * max(10 / len(mine), 1.2533 / len(mine) ** 0.5)
            of_mean = 0
            for part in (mine, rest):
                farthest = (compared[feature] - part.mean()).abs().max()
                of_mean = max(of_mean, 13 * part.std() / len(part), 3.9 * farthest / (len(part) - 1))
            assert said["n_users"] == pytest.approx(len(mine), abs=5)
            assert said["segment_median"] == pytest.approx(median, rel=rounding, abs=of_median)
            lower, value, higher = (float(natural(median + by, scale)) for by in (-of_median, 0, of_median))
            of_value = max(higher - value, value - lower)
            assert said["segment_value"] == pytest.approx(value, rel=rounding, abs=of_value)
            allowed = max(abs(rounding * difference), of_mean) + 1e-6
            for name, expected in {
                "mean_difference": difference,
                "mean_difference_low": difference - 1.96 * error,
                "mean_difference_high": difference + 1.96 * error,
            }.items():
                assert said[name] == pytest.approx(expected, abs=allowed)
            if scale == "plain":
                assert pd.isna(said["lift"])
            else:
                lift = np.exp(difference)
                of_lift = np.exp(difference + 1.96 * error) * (np.exp(of_mean) - 1)
                assert said["lift"] == pytest.approx(lift, rel=rounding, abs=of_lift)


def test_rules_tell_the_personas_and_how_far_to_believe_them(shop):
    n_segments = shop.value("select n_segments from core.segment_models where is_champion")
    assert shop.value("select count(distinct segment_id) from core.segment_rules") == n_segments
    assert 2 <= shop.value("select count(*) from core.segment_rules") <= 14
    accuracy, recall = shop.rows(
        "select min(rules_accuracy), min(rules_recall) from marts.segment_summary where rules is not null"
    )[0]
    assert accuracy > 0.7 and recall > 0.4
    # The rules are those of the fit: a build without a fit writes none.
    assert (
        shop.value("select count(distinct fit_number) from core.persona_fit_fields where part = 'rule_words'")
        == 1
    )


def test_a_person_names_a_persona(shop):
    before = shop.rows(
        "select segment_id, segment_name, segment_name_fr from marts.segment_summary"
        " where segment_id > 0 order by 1"
    )
    version = shop.value("select max(model_version) from core.segment_labels")

    def override(*rows: tuple) -> None:
        with shop.connection(read_only=False) as connection:
            connection.execute("delete from core.segment_name_overrides")
            for row in rows:
                connection.execute(
                    "insert into core.segment_name_overrides values (?, ?, ?, ?, 'A. B.', 'x')", row
                )

    renamed = ("--select", "segment_labels", "segment_summary", "user_segments")
    try:
        override(("*", 1, "Stars", "Étoiles"), (version, 1, "Suns", "Soleils"), ("*", 2, "Moons", "Lunes"))
        shop.build(*renamed)
        names = shop.rows(
            "select segment_name, segment_name_fr from marts.segment_summary where segment_id > 0"
            " order by segment_id"
        )
        assert names[:2] == [("Suns", "Soleils"), ("Moons", "Lunes")]
        assert names[2:] == [tuple(row[1:]) for row in before[2:]]
        assert shop.value("select count(*) from marts.user_segments where segment_name = 'Suns'") > 0
        # A name that another persona has already is refused.
        override(("*", 2, before[0][1], "Lunes"))
        refused = shop.run(*renamed)
        assert not refused.succeeded
        assert refused.status["valid_segment_labels"] == "fail"
        assert "valid_segment_labels: 1 row(s) break: segment_name is unique" in refused.said
    finally:
        override()
        shop.build(*renamed)
    assert (
        shop.rows(
            "select segment_id, segment_name, segment_name_fr from marts.segment_summary"
            " where segment_id > 0 order by 1"
        )
        == before
    )


# --- the same again


def test_as_of_moves_lifecycle_states_alone_and_building_again_gives_the_same_bytes(shop):
    """The second build is published while somebody reads the first, who is not disturbed."""
    personas = "select user_key, segment_id, confidence from marts.user_segments order by all"
    before, first = shop.rows(personas), published(shop)
    n_fits = shop.value("select count(distinct fit_number) from core.persona_fit_fields")
    shop.build(*WITHOUT_TESTS, variables={"as_of": "2020-06-30 00:00:00"})
    assert shop.rows(personas) == before
    assert shop.rows("select distinct lifecycle_state from marts.user_segments order by 1") == [
        ("lapsed_buyer",),
        ("lapsed_visitor",),
    ]
    path = shop.home / "published" / "user_segments.parquet"
    now = published(shop)
    assert now["user_segments"] != first["user_segments"] and now["user_features"] == first["user_features"]
    with duckdb.connect() as connection:
        opened = connection.sql(f"select count(*) from '{path}'")
        shop.build(*WITHOUT_TESTS)
        assert opened.fetchall() == [(shop.value("select count(*) from marts.user_segments"),)]
    # who came to an audience and who left is a record of builds
    again = published(shop)
    assert again.keys() == first.keys()
    assert {name for name, content in again.items() if content != first[name]} <= BOOKKEEPING
    assert shop.value("select count(distinct fit_number) from core.persona_fit_fields") == n_fits


def test_the_manifest_of_a_publication_has_its_files(shop):
    manifest = json.loads((shop.home / "published" / "manifest.json").read_text())
    tables = {
        name: file
        for name, file in manifest["files"].items()
        if name.endswith(".parquet") and "/" not in name
    }
    assert {Path(name).stem: file["sha256"] for name, file in tables.items()} == published(shop)
    assert set(published(shop)) == marts()


@pytest.mark.skipif(not IS_LONG, reason="make test-long: a shop of another kind is built twice below")
def test_another_house_publishes_the_same_bytes(shop, tmp_path):
    publishes_the_same_bytes(shop, tmp_path)


def publishes_the_same_bytes(house: House, folder: Path) -> None:
    other = House(folder)
    other.lake = house.lake
    other.build(*WITHOUT_TESTS)
    assert published(other) == published(house)


def test_new_data_keeps_the_model(built_shop, tmp_path):
    house = built_shop.copy(tmp_path)
    version, n_users = house.rows("select max(model_version), count(*) from marts.user_segments")[0]
    house.lake = tmp_path / "lake"
    for path in [*built_shop.lake.iterdir(), *(built_shop.folder / "later").iterdir()]:
        (house.lake / path.name).hardlink_to(path)
    house.build(*WITHOUT_TESTS)
    assert house.value("select max(model_version) from marts.user_segments") == version
    assert house.value("select count(*) from marts.user_segments") > n_users
    scores = house.contents("core")
    house.build("--select", "centroid_scores", "early_scores", "--full-refresh", *WITHOUT_TESTS)
    assert_same(house.contents("core"), scores)
    labels = "select user_key, segment_id from marts.user_segments where segment_id is not null"
    before = dict(house.rows(labels))
    house.build("--exclude", "config.schema:marts", *OTHER_FITS, *WITHOUT_TESTS, variables={"refit": True})
    # whether the gate lets it pass is not the question here
    newest = house.value("select model_version from core.segment_models where fit_number = 2")
    house.decide((newest, "promote"), to="+")
    assert house.value("select max(model_version) from marts.user_segments") != version
    after = dict(house.rows(labels))
    # The new model may ask for more events; whoever has a persona from both is the same one's.
    both = before.keys() & after.keys()
    assert len(both) > 1000
    assert sum(after[user] == before[user] for user in both) >= 0.9 * len(both)
    assert house.value("select count(*) from core.segment_models") == 2
    assert house.rows(
        "select distinct lineage_change, from_model_version from marts.segment_lineage where is_champion"
    ) == [("kept", version)]


def test_unit_tests_know_nothing_of_the_loads_of_the_warehouse(built_shop, tmp_path):
    """Otherwise they pass at home and fail where the hundredth delivery is built."""
    house = built_shop.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute("update core.load_marks set load_id = 1000")
    ran = house.run("--select", "test_type:unit", command=("test",))
    assert ran.succeeded, ran.said[-4000:]
    assert list(ran.status.values()).count("pass") >= 20


# --- failing builds publish nothing


def test_a_failed_test_keeps_the_last_publication(shop):
    before = published(shop)
    with shop.connection(read_only=False) as connection:
        connection.execute("create or replace table core.kept as select * from core.events limit 1")
        connection.execute("delete from core.events where rowid = 0")
    try:
        selected = ("--select", "config.schema:marts", "reconciliation")
        built = shop.run(*selected, variables={"as_of": "2020-06-30 00:00:00"})
        assert not built.succeeded
        assert {name for name, status in built.status.items() if status in ("fail", "error")}
        # what reads the table that failed waits
        assert marts() - {"shop_books", "data_traps", "shop_health", "drift_findings"} <= {
            name for name in built.status if built.rebuilt(name)
        }
        assert published(shop) == before
    finally:
        with shop.connection(read_only=False) as connection:
            connection.execute("insert into core.events select * from core.kept")
            connection.execute("drop table core.kept")


# --- shops of other kinds


def test_a_shop_of_another_kind_builds_the_same_bytes_each_time(house, tmp_path_factory):
    """A currency of many digits and another year, few columns filled, nothing ever removed from a cart."""
    settings = {"currency_scale": 1e9, "start": "2023-02", "remove_from_cart": False}
    settings |= {"category_code": False, "fill_rate": 0.3}
    shop_simulator.generate(house.folder / "shop", users=1500, months=2, seed=8, **settings)
    house.lake = house.folder / "shop" / "events"
    house.build(*WITHOUT_UNIT_TESTS)
    # too few customers for proven personas: what was found is published with that status
    assert house.value("select count(distinct segment_id) from marts.user_segments") >= 2
    assert house.rows("select distinct model_status != 'proven' from marts.user_segments") == [(True,)]
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0
    publishes_the_same_bytes(house, tmp_path_factory.mktemp("again"))


def test_too_few_customers_have_states_and_no_persona(house, little_events):
    house.deliver("2019-Oct.csv", little_events)
    built = house.build(*WITHOUT_UNIT_TESTS)
    assert house.value("select reason from core.segment_models").startswith("0 users are too few")
    assert house.value("select count(*) from marts.user_segments where segment_id is not null") == 0
    assert house.value("select count(*) from marts.user_segments where lifecycle_state is not null") == 5
    assert house.value("select count(*) from marts.segment_summary where segment_id > 0") == 0
    assert set(published(house)) == marts(), built.said[-2000:]


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
    house.build(*WITHOUT_TESTS, variables=NO_HEADS)
    assert house.value("select model_status from core.segment_models") == "none"
    assert house.rows("select distinct status, lifecycle_state from marts.user_segments") == [
        ("no_model", "new_visitor")
    ]


@pytest.fixture
def little_events():
    from support import Event

    return [Event(user_id=str(510_000_000 + user), user_session=f"s{user}") for user in range(5)]


# --- real files


@pytest.mark.skipif(not (REAL / "store").exists(), reason="the real shop's files are not here")
def test_a_real_shop_of_two_months(house):
    events = str(REAL / "store" / "*.csv.gz")
    built = house.build(*WITHOUT_UNIT_TESTS, variables=NO_HEADS, CLIENTELE_EVENTS=events)
    books = house.rows(
        "select n_lines, n_headers, n_loaded, n_duplicates, n_unaccounted from monitor.reconciliation"
    )
    assert sorted(books) == [(59413, 1, 56493, 2919, 0), (74861, 1, 71011, 3849, 0)]
    # Two months, few who come back: two groups that every refit finds, no later month to prove them by.
    found = house.rows(
        "select model_status, gate, n_segments, sentence from core.segment_models where is_champion"
    )
    assert found[0][:3] == ("exploratory", "unproven", 2), built.said[-2000:]
    assert "no later month to predict" in found[0][3]
    assert house.value("select count(*) from marts.segment_summary where segment_id > 0") == 2


@pytest.mark.skipif(not (REAL / "rees46").exists(), reason="the first hours of REES46 are not here")
def test_the_first_hours_of_rees46(house):
    told = house.build(*WITHOUT_UNIT_TESTS, CLIENTELE_EVENTS=str(REAL / "rees46" / "*.csv.gz")).said
    assert house.quarantine() == [("2019-Oct-first-hours.csv.gz", 17436, "wrong_number_of_fields")]
    assert house.value("select sum(n_unaccounted) from monitor.reconciliation") == 0
    assert "too short for an outcome month" in told
    assert "users are too few for personas" in told


def test_only_who_has_changed_is_scored(built_shop, tmp_path):
    """The scores of the last build are given a margin that no model gives: who keeps it was not scored."""
    house = built_shop.copy(tmp_path)
    (changed, cut, other_model, missing) = (
        user for (user,) in house.rows("select user_sk from core.centroid_scores order by user_sk limit 4")
    )
    given = dict(house.rows("select user_sk, margin from core.centroid_scores"))
    with house.connection(read_only=False) as connection:
        connection.execute(
            f"""
            update core.centroid_scores set margin = 777;
            update core.user_feature_values set weekend_logit = weekend_logit + 1 where user_sk = {changed};
            update core.user_feature_values set n_events = 0 where user_sk = {cut};
            update core.centroid_scores set model_version = 'another' where user_sk = {other_model};
            delete from core.centroid_scores where user_sk = {missing};
            """
        )
    house.build("--select", "centroid_scores", *WITHOUT_TESTS)
    scored = dict(house.rows("select user_sk, margin from core.centroid_scores where margin != 777"))
    assert scored.keys() == {changed, other_model, missing}
    assert scored[changed] != given[changed]
    assert (scored[other_model], scored[missing]) == (given[other_model], given[missing])
    assert house.value("select count(*) from core.centroid_scores") == len(given) - 1, "who was cut has gone"
    house.build("--select", "centroid_scores", "--full-refresh", *WITHOUT_TESTS)
    assert house.value("select count(*) from core.centroid_scores where margin = 777") == 0
