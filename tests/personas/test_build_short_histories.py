"""The study of short histories in whole builds: features as of the nth event, the threshold, the statuses."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import shop_simulator
from support import MATERIAL, UP_TO_FEATURES, WITHOUT_TESTS, Event, House

from clientele.personas.evaluate import evaluate
from clientele.privacy import keys

# The reference window ends early, so that histories can be cut after it without moving what is pinned to it.
VARIABLES = {"reference_days": 7}
LENGTHS = (1, 5, 20)


@pytest.fixture(scope="module")
def shop(built_shop, tmp_path_factory) -> House:
    return built_shop.copy(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def frequented(new_house) -> House:
    """A small shop whose customers come often, built up to their histories."""
    house = new_house(variables=VARIABLES)
    shop_simulator.generate(house.folder / "shop", users=1100, months=3, seed=3, activity=1.6)
    house.lake = house.folder / "shop" / "events"
    fit = ("persona_fit_fields", "segment_sample", "segment_replicates", "training_frame")
    house.build("--select", "+truncated_histories", "feature_catalog", "--exclude", *fit, *WITHOUT_TESTS)
    return house


def lines(house: House) -> list[Event]:
    found = []
    for path in sorted(house.lake.iterdir()):
        with path.open() as file:
            found += [Event(**row) for row in csv.DictReader(file)]
    return found


def user_sk(user_id: str) -> int:
    return keys.user_sk(keys.user_key(user_id, MATERIAL))


def as_of_order(event: Event) -> tuple:
    session = keys.session_sk(event.user_session, MATERIAL) if event.user_session else 0
    return (event.event_time, session, int(event.product_id), event.event_type, float(event.price))


def test_features_of_first_events_are_those_of_files_that_end_there(frequented, tmp_path):
    """What a user does later goes to a stranger: the user's history ends, all else stays as it was."""
    studied = {
        key
        for (key,) in frequented.rows(
            "select user_sk from core.truncated_histories where part = 'first' group by user_sk "
            f"having count(case when n_events in {LENGTHS} then 1 end) = {len(LENGTHS)}"
        )
    }
    by_user: dict[str, list[Event]] = {}
    for event in lines(frequented):
        by_user.setdefault(event.user_id, []).append(event)
    cut: dict[int, int] = {}
    events = []
    for user_id, of_user in sorted(by_user.items()):
        key, of_user = user_sk(user_id), sorted(set(of_user), key=as_of_order)
        length = LENGTHS[len(cut) % len(LENGTHS)]
        # A cut inside the reference window would move what an order is worth there.
        if key in studied and len(cut) < 60 and of_user[length - 1].event_time > "2019-10-09":
            cut[key] = length
            stranger = str(int(user_id) + 400_000_000)
            of_user = of_user[:length] + [replace(event, user_id=stranger) for event in of_user[length:]]
        events += of_user
    assert set(cut.values()) == set(LENGTHS) and len(cut) == 60
    other = House(tmp_path, VARIABLES)
    other.deliver("all.csv", sorted(events))
    other.build(*UP_TO_FEATURES)

    names = [
        name
        for (name,) in frequented.rows("select feature from core.feature_catalog order by feature_position")
    ]
    columns = ", ".join(["user_sk", "n_events", *names])
    chosen = f"where user_sk in ({', '.join(map(str, cut))}) order by user_sk"
    expected = other.rows(f"select {columns} from core.user_feature_values {chosen}")
    assert [row[1] for row in expected] == [cut[row[0]] for row in expected]
    found = {
        row[:2]: row
        for row in frequented.rows(f"select {columns} from core.truncated_histories where part = 'first'")
    }
    assert [found[row[:2]] for row in expected] == expected


def test_the_threshold_is_measured_and_statuses_obey_it(shop):
    min_events, basis, early_below, mature = shop.rows("select * from core.persona_threshold")[0]
    assert (min_events, basis) == shop.rows(
        "select n_events, case verdict when 'reaches the bar' then 'measured' else 'bar_missed' end "
        "from monitor.event_threshold where is_chosen"
    )[0]
    assert mature in (40, 80) and early_below <= mature
    spans = {
        status: span
        for status, *span in shop.rows(
            "select status, min(n_events), max(n_events), count(segment_id) "
            "from marts.user_segments group by status"
        )
    }
    assert spans.pop("not_enough_events")[1:] == [min_events - 1, 0]
    assert min(low for low, _, _ in spans.values()) == min_events
    assert shop.value("select count(*) from marts.user_segments where status = 'no_model'") == 0
    assert shop.value(
        "select max(n_events) < min(early_below_events) from core.persona_scores, core.persona_threshold "
        "where scored_by = 'early_classifier'"
    ) in (None, True)
    assert (
        shop.value(
            "select count(*) from marts.user_segments "
            "where (status = 'settled') != coalesce(confidence >= 0.6, false)"
        )
        == 0
    )


def test_confidence_is_calibrated_on_users_it_was_not_learnt_from(shop):
    error = "sum(n_users * abs(mean_confidence - kept_share)) / sum(n_users)"
    found = shop.value(f"select {error} from monitor.confidence_calibration")
    assert found <= 0.05
    assert found == pytest.approx(shop.value("select max(calibration_error) from monitor.event_threshold"))


def test_sql_and_python_agree_on_every_user_of_the_sample(shop):
    """The dbt test of the build says so too; this one says that it had something to compare."""
    assert shop.value("select count(early_segment_id) = count(*) from core.segment_sample_labels")
    compared, differing = shop.rows(
        "select count(*), sum((labels.early_segment_id != scores.segment_id)::int) "
        "from core.segment_sample_labels labels join core.early_scores scores using (user_sk)"
    )[0]
    assert compared > 100 and differing == 0


def test_a_threshold_can_be_set_and_costs_no_new_study(built_shop, tmp_path):
    shop = built_shop.copy(tmp_path)
    studies = shop.value("select count(*) from core.persona_study_fields")
    scored = ("persona_threshold", "centroid_scores", "early_scores", "persona_scores", "user_segments")
    selected = ("moments", "features_as_of", "truncated_histories", "persona_study_fields", *scored)
    shop.build("--select", *selected, *WITHOUT_TESTS, variables={"min_events": 3})
    assert shop.value("select min(n_events) from marts.user_segments where segment_id is not null") == 3
    assert shop.value("select basis from core.persona_threshold") == "set"
    unsure = "segment_id > 0 and confidence is null"
    assert shop.value(f"select count(*) from marts.user_segments where {unsure}") == 0
    assert shop.value("select count(*) from core.persona_study_fields") == studies
    assert shop.value("select count(*) from core.truncated_histories") == 0


def test_the_evaluation_shows_other_early_classifiers_once_they_are_measured(shop):
    """And the rest of its page, made from a build; its parts are tested in test_evaluation.py."""
    with shop.connection(read_only=False) as connection:
        connection.execute(
            "insert into monitor.early_classifiers "
            "select fit_number, model_version, 25, 'decision_tree', 321, 0.123, 0.1, 0.2 "
            "from core.segment_models"
        )
        row = "| 25 | decision_tree | 0.123 | 0.100 | 0.200 | 321 |"
    shown = evaluate(shop.home, 400)[0].read_text()
    assert "| criterion |" in shown and "| HDBSCAN |" in shown
    assert row in shown and "compare_early" not in shown
    with shop.connection(read_only=False) as connection:
        connection.execute("delete from monitor.early_classifiers")
    assert "`--vars 'compare_early: true'`" in evaluate(shop.home, 400)[0].read_text()


@pytest.mark.parametrize("wrong", ["0", "20; drop table x"])
def test_a_threshold_that_is_no_number_is_refused(house, wrong):
    ran = house.run("--select", "shop_calendar", variables={"min_events": wrong})
    assert not ran.succeeded
    assert "var 'min_events'" in ran.said and "auto, or a whole number" in ran.said
    assert not Path(house.home / "warehouse.duckdb").exists() or not house.table_names("core")
