"""One experiment from its file to its result: drawn on the last day of January, measured in February."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

import pytest
from click.testing import CliRunner
from plans import ARMS, GOOD, planned
from support import WITHOUT_TESTS, Event, House, csv_text, packed

from clientele import cli

DRAWN = ("--select", "audience_facts+", "experiment_designs+", *WITHOUT_TESTS)
MEASURED = (
    *("--select", "+user_sessions", "as_of", "audience_standings", "path:models/experiments"),
    *("path:python_models/experiments", "path:models/activation/members", *WITHOUT_TESTS),
)
CALL = ARMS[1] | {"name": "call"}
PLANTED = 0.5  # days with a visit, more, per customer who got a mail
HELD = {
    "hopeless": GOOD | {"measure": "revenue", "smallest_effect": 0.001},
    "later": GOOD | {"starts": "2021-01-01"},
}
PLANS = planned({"reminder": GOOD | {"guardrails": ["buyers"]}, **HELD})


@pytest.fixture(scope="module")
def shop(built_shop: House, tmp_path_factory) -> House:
    """A built shop of its own, in which arms are drawn."""
    house = built_shop.copy(tmp_path_factory.mktemp("experiments"))
    house.target = built_shop.target
    house.later = built_shop.folder / "later"
    house.build(*DRAWN, change=PLANS)
    return house


def members(house: House, audience: str) -> set[str]:
    return {
        key
        for (key,) in house.rows(f"select user_key from marts.audience_members where audience = '{audience}'")
    }


def arms(house: House) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for arm, key in house.rows(
        "select arm, user_key from core.experiment_assignments where experiment = 'reminder'"
    ):
        found.setdefault(arm, set()).add(key)
    return found


def test_arms_are_drawn_once_and_whoever_is_held_back_is_sent_nowhere(shop):
    drawn = arms(shop)
    assert set(drawn) == {"holdout", "mail"}
    n_all = sum(len(keys) for keys in drawn.values())
    assert n_all > 3000 and abs(len(drawn["mail"]) / n_all - 0.5) < 0.005
    assert members(shop, "everybody") == drawn["mail"] == members(shop, "reminder_mail")
    assert not members(shop, "reminder_holdout")
    uneven = shop.rows(
        "select stratum from core.experiment_assignments group by stratum having count(*) > 10 and "
        "abs(sum(case when arm = 'mail' then 1 else 0 end) - 0.5 * count(*)) > 1"
    )
    assert not uneven, uneven
    # the draw is keyed: neither the pseudonym nor its number says anything of the arm
    order = [key in drawn["mail"] for key in sorted(set.union(*drawn.values()))]
    changes = sum(a != b for a, b in pairwise(order))
    assert 0.45 < changes / len(order) < 0.55

    standings = dict(shop.rows("select experiment, status from marts.experiments"))
    assert standings == {"reminder": "running", "hopeless": "too_small", "later": "waiting"}
    ((reason, n_needed),) = shop.rows(
        "select reason, n_needed from marts.experiments where experiment = 'hopeless'"
    )
    assert f"For 0.1 % it needs {n_needed} customers" in reason and n_needed > 100_000
    assert shop.rows("select count(*) from vault.vault.experiment_draws where experiment != 'reminder'") == [
        (0,)
    ]


def test_who_objects_or_is_erased_leaves_the_experiment(shop):
    before = arms(shop)
    (objector, its_key), (erased, erased_key) = shop.rows(
        "select user_id, user_key from vault.vault.user_keys where user_key in (select user_key from "
        "core.experiment_assignments) order by user_key limit 2"
    )
    assert shop.operation("object_to_profiling", CLIENTELE_SUBJECT=str(objector)).succeeded
    assert shop.operation("erase_subjects", CLIENTELE_SUBJECT=str(erased)).succeeded
    gone = {its_key, erased_key}
    assert arms(shop) == {arm: keys - gone for arm, keys in before.items()}
    assert not gone & members(shop, "reminder_mail")


@pytest.mark.parametrize(
    "edit",
    [
        {"horizon_days": 56},
        {"measure": "orders"},
        {"arms": [ARMS[0], CALL]},
        {"audience": "visitors_without_order"},
    ],
)
def test_a_file_that_is_edited_after_the_drawing_stops_the_experiment(shop, edit):
    """Nobody chooses a horizon or a measure after a look, and whoever is held back stays out."""
    edited = planned({"reminder": GOOD | {"guardrails": ["buyers"]} | edit, **HELD})
    select = ("experiment_designs", "experiment_arms", "experiment_drawings", "experiment_standings")
    select += ("audience_matches", "audience_standings", "arm_matches", "audiences", "audience_candidates")
    shop.build("--select", *select, *WITHOUT_TESTS, change=edited)
    status = "select status from core.experiment_standings where experiment = 'reminder'"
    assert shop.rows(status) == [("changed",)]
    candidates: dict[str, set[str]] = {
        name: set() for name in ("everybody", "reminder_mail", "reminder_call")
    }
    for audience, key in shop.rows("select audience, user_key from core.audience_candidates"):
        if audience in candidates:
            candidates[audience] = candidates[audience] | {key}
    drawn = arms(shop)
    assert candidates["everybody"] == drawn["mail"]
    assert not candidates["reminder_mail"] and not candidates["reminder_call"]


def test_before_the_last_day_there_are_counts_and_guardrails_alone(shop):
    seen = shop.rows(
        "select measure_role, count(*), count(mean_value), count(effect), min(n_customers) "
        "from marts.experiment_results group by measure_role"
    )
    for role, n_rows, n_means, n_effects, smallest in seen:
        assert n_rows and smallest >= 20, role
        assert role == "guardrail" or n_means == n_effects == 0, role


def test_an_effect_that_was_planted_is_read_from_the_marts(shop):
    """Half of those with a mail come on one more day of February; who came after the drawing is in no arm."""
    drawn = arms(shop)
    chance = random.Random(4)
    shop.lake = _own_lake(shop)
    (february,) = shop.later.iterdir()
    shop.deliver(february.name, february.read_bytes())
    ids = dict(shop.rows("select user_key, user_id from vault.vault.user_keys"))
    busy = _days(february)
    extra, n_planted = [], 0
    for key in sorted(drawn["mail"]):
        free = [day for day in range(1, 28) if (ids[key], day) not in busy]
        if chance.random() < PLANTED and free:
            day = date(2020, 2, 1) + timedelta(days=chance.choice(free) - 1)
            n_planted += 1
            extra.append(
                Event(f"{day} 12:00:00 UTC", user_id=str(ids[key]), user_session=f"planted-{n_planted:08}")
            )
    shop.deliver("planted.csv.gz", packed(csv_text(extra)))
    shop.build(*MEASURED, change=PLANS)
    after = arms(shop)
    assert after == drawn, "new customers and days change nobody's arm"

    effect, low, high, verdict, n_customers = shop.rows(
        "select effect, effect_low, effect_high, verdict, n_customers from marts.experiment_results "
        "where experiment = 'reminder' and measure = 'visits' and persona = 'all' and arm = 'mail'"
    )[0]
    planted = n_planted / len(drawn["mail"])
    step = 0.05
    assert verdict == "better" and low - step <= planted <= high + step, (low, planted, high)
    exact = shop.value(
        "select effect from core.experiment_effects where persona = 'all' and measure = 'visits'"
    )
    assert abs(exact - effect) <= step and abs(exact - planted) < 0.15
    assert abs(n_customers - len(drawn["mail"])) <= 10
    personas = dict(
        shop.rows(
            "select persona, verdict from marts.experiment_results where experiment = 'reminder' "
            "and measure = 'visits' and arm = 'mail' and persona != 'all'"
        )
    )
    assert len(personas) >= 3 and "better" in personas.values()
    assert not members(shop, "reminder_mail"), "an experiment that is over sends nobody"
    assert len(members(shop, "everybody")) > len(drawn["mail"])
    with shop.surroundings():
        said = CliRunner().invoke(cli.main, ["experiments", "list", "--home", str(shop.home)])
    assert said.exit_code == 0, said.output
    assert "reminder: over." in said.output and "Mail, Days with a visit (decisive): better: +" in said.output


def _own_lake(shop: House):
    lake = shop.folder / "lake_of_its_own"
    lake.mkdir()
    for path in shop.lake.iterdir():
        (lake / path.name).symlink_to(path)
    return lake


def _days(path) -> set[tuple[int, int]]:
    """Return who has an event on which day of a file."""
    import duckdb

    return set(
        duckdb.sql(
            f"select distinct try_cast(user_id as bigint), try_cast(event_time[9:10] as int) "
            f"from read_csv('{path}', all_varchar=true, ignore_errors=true) where event_time[1:7] = '2020-02'"
        ).fetchall()
    )
