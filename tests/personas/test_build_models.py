"""Which model scores: what the gate and people decide, and what becomes of those that wait."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
import shop_simulator
from shop_simulator.catalogue import SWITCHED_TO
from support import WITHOUT_TESTS, House, assert_same

from clientele.personas import score


@pytest.fixture(scope="module")
def shop(built_shop, tmp_path_factory) -> House:
    return built_shop.copy(tmp_path_factory.mktemp("shop"))


def champion(house: House) -> list[tuple]:
    return house.rows("select fit_number, decision from core.segment_models where is_champion")


def n_labelled(house: House) -> tuple[int, int]:
    """How many users the champion and the challenger label."""
    return (
        house.value("select count(*) from marts.user_segments where segment_id is not null"),
        house.value("select count(*) from marts.user_segments_shadow"),
    )


def test_every_fit_is_judged_and_every_criterion_recorded(shop):
    # Five of refits, three against the best base; there was no champion yet.
    assert shop.value("select count(*) from monitor.segment_gates") == 8
    verdict = shop.value("select gate from core.segment_models")
    missed = shop.value("select count(*) from monitor.segment_gates where verdict = 'missed'")
    assert (verdict == "failed") == (missed > 0)
    assert shop.value("select count(distinct fold) from monitor.segment_evaluations") == 6
    for model in ("personas_x_rfm_5x5x5", "rfm_5x5x5", "log_rfm_x_rules", "gradient_boosting"):
        auc = shop.value(
            f"select value from monitor.segment_evaluations where model = '{model}' "
            "and metric = 'auc' and origin = 'all' and compared_with = ''"
        )
        assert auc > 0.5


def test_training_frame_holds_what_had_happened_by_then(shop):
    origins = shop.rows("select origin_date, count(*) from core.training_frame group by 1 order by 1")
    assert len(origins) == 3 and all(count > 50 for _, count in origins)
    # Sums by hand, from single events: nothing from the origin on, and thirty days after it.
    with shop.connection() as connection:
        bots = "(select user_sk, session_sk from core.user_sessions where is_bot)"
        by_hand = connection.execute(
            f"""
            select origin_date, user_sk, sum((event_at < origin_date)::int),
                max(event_type = 'purchase' and event_at >= origin_date)::int
            from core.events inner join (select user_sk, origin_date from core.training_frame) using (user_sk)
            where (user_sk, session_sk) not in {bots} and event_at < origin_date + interval 30 day
            group by all order by all
            """
        ).fetchall()
        found = connection.execute(
            "select origin_date, user_sk, n_events, outcome_purchase from core.training_frame order by all"
        ).fetchall()
    # a session that runs over an origin counts on neither side of it
    differing = sum(row != expected for row, expected in zip(found, by_hand, strict=True))
    assert differing < 0.02 * len(found)
    assert all(row[2] <= expected[2] for row, expected in zip(found, by_hand, strict=True))


def test_what_is_not_proven_is_published_as_exploratory(shop):
    shop.decide(gates={1: "failed"}, to="+")
    assert champion(shop) == [(1, "failed")]
    assert shop.value("select model_status from core.segment_models") == "exploratory"
    labelled, shadow = n_labelled(shop)
    assert labelled > 100 and shadow == 0
    assert shop.value("select count(*) from marts.segment_summary where segment_id > 0") > 1
    shop.decide(gates={1: "passed"}, to="+")
    assert champion(shop) == [(1, "passed")]
    assert shop.value("select model_status from core.segment_models") == "proven"
    assert n_labelled(shop) == (labelled, 0)


def test_a_rejected_model_labels_nobody(shop):
    version = shop.value("select model_version from core.segment_models")
    shop.decide((version, "reject"), to="+")
    assert champion(shop) == [] and n_labelled(shop) == (0, 0)
    assert shop.value("select count(*) from marts.user_segments where lifecycle_state is null") == 0
    shop.decide(gates={1: "passed"}, to="+")


def test_people_win_over_the_gate(shop):
    version = shop.value("select model_version from core.segment_models")
    shop.decide((version, "promote"), gates={1: "failed"})
    assert champion(shop) == [(1, "promoted")]
    assert shop.value("select decision_reason from core.segment_models") == "the team: a test"
    shop.decide((version, "promote"), (version, "reject"), gates={1: "passed"})
    assert champion(shop) == []
    assert shop.value("select count(*) from core.segment_models where is_challenger") == 0
    shop.decide()
    assert champion(shop) == [(1, "passed")]


@pytest.mark.parametrize(
    ("first", "second", "pinned", "scores"),
    [
        ("passed", "passed", False, 2),
        ("passed", "failed", False, 1),
        ("passed", "unproven", False, 1),
        # less evidence gives no more: among what is not proven, the newest
        ("unproven", "unproven", False, 2),
        ("unproven", "failed", False, 2),
        ("failed", "unproven", False, 2),
        ("failed", "failed", False, 2),
        ("failed", "passed", True, 1),
    ],
)
def test_a_challenger_replaces_the_champion_only_if_it_passes(shop, first, second, pinned, scores):
    """A second fit, made by hand from the first: only what is said of it decides."""
    version = shop.value("select model_version from core.segment_models where fit_number = 1")
    with shop.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.persona_fit_fields "
            "select * replace (2 as fit_number, '20200201-00000000' as model_version) "
            "from core.persona_fit_fields"
        )
    try:
        shop.decide(*([(version, "pin")] if pinned else []), gates={1: first, 2: second})
        assert [number for number, _ in champion(shop)] == [scores]
        waiting = shop.rows("select fit_number from core.segment_models where is_challenger")
        assert waiting == ([] if scores == 2 else [(2,)])
    finally:
        with shop.connection(read_only=False) as connection:
            connection.execute("delete from core.persona_fit_fields where fit_number = 2")
        shop.decide(gates={1: "passed"})


def test_a_request_refits_once_and_unchanged_data_rename_and_move_nobody(shop):
    before = shop.contents("marts")
    version = shop.value("select model_version from core.segment_models")
    with shop.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.segment_decisions values (?, 'refit', 'the team', 'the collection')", [version]
        )
    shop.build("--exclude", "segment_decisions", *WITHOUT_TESTS)
    assert shop.value("select is_due from core.fit_request")
    assert shop.value("select count(*) from core.persona_fit_fields where part = 'unchanged'") == 1
    assert_same(shop.contents("marts"), before)
    shop.build("--select", "fit_request", *WITHOUT_TESTS)
    assert not shop.value("select is_due from core.fit_request")
    assert shop.value("select count(*) from core.segment_models") == 1


def test_transitions_are_moves_of_users_with_a_persona(shop):
    shop.build("--select", "segment_transitions", *WITHOUT_TESTS, variables={"min_cell_users": 0})
    rows = shop.rows(
        "select month_date, from_segment_id, to_segment_id, n_users, share, sampled_share "
        "from marts.segment_transitions"
    )
    ids = {number for (number,) in shop.rows("select distinct segment_id from core.persona_scores")}
    assert len({row[0] for row in rows}) == 3
    assert all({row[1], row[2]} <= ids for row in rows)
    assert {row[5] for row in rows} == {1.0}  # a small shop is looked at whole
    totals: dict[tuple, float] = {}
    for month, before, _, _, share, _ in rows:
        totals[month, before] = totals.get((month, before), 0) + share
    assert all(total == pytest.approx(1) for total in totals.values())
    newest = max(row[0] for row in rows)
    stay = sum(row[3] for row in rows if row[0] == newest and row[1] == row[2])
    assert stay / sum(row[3] for row in rows if row[0] == newest) > 0.7


# --- shops with nothing to find


def little_events(house: House, *, purchases: bool) -> None:
    shop_simulator.generate(
        house.folder / "shop", users=900, months=1, seed=3, activity=3.0, file_format="parquet"
    )
    (path,) = (house.folder / "shop" / "events").iterdir()
    condition = "true" if purchases else "event_type != 'purchase'"
    duckdb.sql(f"copy (select * from '{path}' where {condition}) to '{house.lake / path.name}'")


def test_a_shop_where_nobody_buys_has_states_and_no_personas(house):
    little_events(house, purchases=False)
    house.build(*WITHOUT_TESTS)
    status, reason, decision = house.rows("select status, reason, decision from core.segment_models")[0]
    assert (status, decision) == ("none", "no_model")
    assert reason.startswith("No customer with enough events has bought anything")
    found = house.rows("select distinct segment_id, status from marts.user_segments where n_events >= 20")
    assert found == [(None, "no_model")]
    assert house.value("select count(*) from marts.user_segments where lifecycle_state = 'new_visitor'") > 100


# --- the category switch of December 2019


def test_a_category_switch_moves_hardly_anybody(new_house):
    """The same events with and without the switch: who changes the persona under one and the same model.

    Without the canonical taxonomy, which files a product for good under its first code, an event's family is
    that of the code it came with. That is what a product that is another one under each code makes of it.
    """
    plain, switched, raw = new_house(), new_house(), new_house()
    shop = {"users": 1500, "months": 2, "seed": 9, "file_format": "parquet"}
    shop_simulator.generate(plain.folder / "shop", **shop)
    shop_simulator.generate(switched.folder / "shop", **shop, category_switch=date(2019, 11, 1))
    plain.lake, switched.lake = (house.folder / "shop" / "events" for house in (plain, switched))
    for path in switched.lake.iterdir():
        duckdb.sql(
            f"copy (select * replace (case when category_code = '{SWITCHED_TO}' "
            "then product_id + 500000000 else product_id end as product_id) "
            f"from '{path}') to '{raw.lake / path.name}'"
        )
    plain.build("--select", "+segment_weights", "challenger_weights", *WITHOUT_TESTS)
    with plain.connection() as connection:
        weights = connection.table("core.challenger_weights").df()
        if weights.empty:
            weights = connection.table("core.segment_weights").df()
    labels = {}
    for name, house in {"plain": plain, "switched": switched, "raw": raw}.items():
        if house is not plain:
            house.build("--select", "+segment_sample", *WITHOUT_TESTS)
        with house.connection() as connection:
            sample = connection.table("core.segment_sample").df()
        labels[name] = score(sample, weights).set_index("user_sk")["segment_id"]
    moved = {name: float((labels[name] != labels["plain"]).mean()) for name in ("switched", "raw")}
    assert moved["switched"] < 0.02 < moved["raw"], moved
    assert moved["raw"] > 10 * moved["switched"], moved
