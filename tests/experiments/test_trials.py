"""Models set against each other: what scores while an experiment lasts, and what scores after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from plans import ARMS, GOOD, planned
from support import WITHOUT_TESTS, House

PAPERS = False
SECOND = "20200201-00000000"
HOLDOUT, MAIL = ARMS


@pytest.fixture(scope="module")
def shop(built_shop: House, tmp_path_factory) -> House:
    """A shop with a second fit, newer than the champion and past the gate: without a trial it would score."""
    house = built_shop.copy(tmp_path_factory.mktemp("trials"))
    with house.connection(read_only=False) as connection:
        connection.execute(
            f"insert into core.persona_fit_fields select * replace (2 as fit_number, '{SECOND}' as "
            "model_version) from core.persona_fit_fields"
        )
        connection.execute(
            "update core.persona_fit_fields set "
            "text_value = case field when 'gate' then 'passed' else 'proven' end "
            "where part = 'card' and field in ('gate', 'model_status')"
        )
    house.first = house.value(
        "select model_version from core.persona_fit_fields where fit_number = 1 limit 1"
    )
    house.head = house.value("select max(model_version) from core.prediction_heads")
    arms = [
        MAIL | {"name": "old", "model": house.first},
        MAIL | {"name": "new", "model": SECOND, "where": {"field": "challenger_persona", "is_empty": False}},
    ]
    heads = [
        MAIL | {"name": "rule", "where": {"field": "n_orders", "at_least": 2}},
        MAIL
        | {
            "name": "head",
            "model": f"{house.head}/order_30d",
            "where": {"field": "shadow_p_order_30d", "at_least": 0.1},
        },
    ]
    house.plans = planned(
        {
            "personas": GOOD | {"control": "old", "arms": arms},
            "heads": GOOD | {"control": "rule", "arms": heads},
        }
    )
    select = ("segment_models", "prediction_heads", "challenger_weights", "challenger_scores")
    house.build("--select", *select, "user_segments_shadow", *WITHOUT_TESTS, change=house.plans)
    return house


@contextmanager
def decided(house: House, *outcomes: tuple[str, str, str]) -> Iterator[Callable[[str], list[tuple]]]:
    """Give what models of the registry would say if experiments had ended so; nothing is kept."""
    named = {}
    for name in ("registry/segment_models", "predictions/training/prediction_heads"):
        path = house.target / "compiled/clientele/models" / f"{name}.sql"
        named[name.split("/")[-1]] = f"({path.read_text()})"
    with house.connection(read_only=False) as connection:
        connection.begin()
        for experiment, model, decision in outcomes:
            connection.execute(
                "insert into core.model_outcomes values (?, 'x', ?, ?, date '2020-03-01', 'Experiment x.')",
                [experiment, model, decision],
            )
        yield lambda query: connection.execute(query.format(**named)).fetchall()
        connection.rollback()


STANDING = "select fit_number, decision, is_champion, is_challenger from {segment_models} order by 1"


def test_while_a_trial_lasts_its_control_scores_and_the_other_scores_in_shadow(shop):
    assert shop.rows(STANDING.format(segment_models="core.segment_models")) == [
        (1, "held", True, False),
        (2, "on_trial", False, True),
    ]
    reasons = {reason for (reason,) in shop.rows("select decision_reason from core.segment_models")}
    assert reasons == {"Experiment personas is not over."}
    n_shadow = shop.value("select count(*) from marts.user_segments_shadow where segment_id is not null")
    assert n_shadow > 100


@pytest.mark.parametrize(("winner", "standing"), [
    (2, [(1, "held_back", False, False), (2, "promoted", True, False)]),
    (1, [(1, "promoted", True, False), (2, "held_back", False, True)]),
])  # fmt: skip
def test_the_outcome_decides_who_scores_though_both_have_passed_the_gate(shop, winner, standing):
    versions = {1: shop.first, 2: SECOND}
    outcomes = [
        ("personas", versions[number], "promote" if number == winner else "hold_back") for number in versions
    ]
    with decided(shop, *outcomes) as said:
        assert said(STANDING) == standing
        told = said("select distinct decision_reason from {segment_models}")
        assert told == [("Experiment x.",)]
        # a person has the last word
        said(f"insert into core.segment_decisions values ('{versions[winner]}', 'reject', 'the team', 'no')")
        (other,) = {1, 2} - {winner}
        assert said("select fit_number from {segment_models} where is_champion") == [(other,)]


def test_a_head_is_tried_against_its_heuristic(shop):
    """The outcome says which of them scores; the fit is held meanwhile, and the other is there in shadow."""
    of_head = "select scored_by, reason from {prediction_heads} where head = 'order_30d'"
    with decided(shop) as said:
        ((by_gate, reason),) = said(of_head)
    assert by_gate in ("model", "cells") and reason != "Experiment x."
    for decision, scored_by in (("promote", "model"), ("hold_back", "cells")):
        with decided(shop, ("heads", f"{shop.head}/order_30d", decision)) as said:
            assert said(of_head) == [(scored_by, "Experiment x.")]
            others = "select count(*) from {prediction_heads} where reason = 'Experiment x.'"
            assert said(others) == [(1,)], "no other head hears of it"
    n_other, n_same = shop.rows(
        "select count(*) filter (where abs(shadow_p_order_30d - p_order_30d) > 1e-6), "
        "count(*) filter (where shadow_p_order_30d is null) from core.customer_scores"
    )[0]
    assert n_other > 100 and n_same == 0


def test_who_of_an_arm_is_treated_is_in_its_audience_and_effects_are_of_the_whole_arm(shop):
    select = ("audience_facts", "experiment_designs+1", "experiment_arms+1", "experiment_candidates")
    select += ("experiment_past", "experiment_power", "experiment_draws", "experiment_assignments")
    select += (
        "experiment_standings",
        "arm_matches",
        "audience_changes",
        "audience_matches",
        "audience_standings",
        "audiences",
    )
    shop.build(
        "--select", *select, "audience_candidates", "audience_members", *WITHOUT_TESTS, change=shop.plans
    )
    arms = dict(shop.rows("select arm, count(*) from core.experiment_assignments group by arm"))
    assert min(arms.values()) > 1000 and arms.keys() == {"old", "new", "rule", "head"}

    def members(audience: str) -> set[str]:
        rows = shop.rows(f"select user_key from marts.audience_members where audience = '{audience}'")
        return {key for (key,) in rows}

    for arm, audience, condition in [
        ("old", "personas_old", "true"),
        ("new", "personas_new", "challenger_persona is not null"),
        ("rule", "heads_rule", "n_orders >= 2"),
        ("head", "heads_head", "shadow_p_order_30d >= 0.1"),
    ]:
        wanted = shop.rows(
            "select assignments.user_key from core.experiment_assignments as assignments inner join "
            f"core.audience_facts using (user_sk) where arm = '{arm}' and {condition}"
        )
        assert members(audience) == {key for (key,) in wanted}, arm
        assert 20 <= len(wanted) <= arms[arm]
    assert len(members("heads_rule")) < arms["rule"] / 2
