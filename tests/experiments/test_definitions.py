"""What is wrong with an experiment's file is refused, with its place and what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
import yaml
from plans import ARMS, AUDIENCES, GOOD, planned
from support import ROOT

from clientele.activation.places import line_of
from clientele.experiments.campaign import Campaign, CampaignError, write

PAPERS = False
HOLDOUT, MAIL = ARMS
CAMPAIGN = Campaign(
    name="spring",
    label="Does it: 'help'?",
    label_fr="Cela aide-t-il ?",
    purpose="A letter",
    owner="CRM",
    starts=date(2020, 1, 31),
    holdout=0.3,
    personas=(1, 3),
    tier_from=2,
    chance_from=0.25,
    states=("at_risk",),
    audience="win_back_buyers",
)
CASES = {
    "no_audience": ({"audience": "nobodies"}, "audience", "there is no audience 'nobodies'. Known: cart_ab"),
    "listed": ({"audience": ["new_buyers"]}, "audience", "there is no audience '['new_buyers']'. Known"),
    "no_day": ({"starts": "soon"}, "starts", "the first day on which arms may be drawn, like 2027-01-31"),
    "no_horizon": ({"horizon_days": 0}, "horizon_days", "a number of days from 1 to 365"),
    "no_measure": ({"measure": "love"}, "measure", "one of revenue, orders, buyers, visits"),
    "no_effect": ({"smallest_effect": 0}, "smallest_effect", "0.1 is 10 %"),
    "guards_itself": ({"guardrails": ["visits"]}, "guardrails", "is a list of revenue, orders, buyers"),
    "no_word": ({"when_too_small": "hope"}, "when_too_small", "refuse or warn"),
    "no_stratum": ({"strata": "persona"}, "strata", "is a list of persona, value_tier"),
    "one_more": ({"power": 0.8}, "power", "there is no 'power'. Known: label_fr, "),
    "no_gain": ({"playbook": "second_order"}, "playbook", "it takes measure: buyers and two arms"),
    "one_arm": ({"arms": [HOLDOUT]}, "arms", "a list of two to six"),
    "no_sum": ({"arms": [HOLDOUT, MAIL | {"share": 0.4}]}, "arms", "add up to 0.9, and have to add up to 1"),
    "no_share": ({"arms": [HOLDOUT, MAIL | {"share": "half"}]}, "arms > 2 > share", "from 0.01 to 0.99"),
    "twice": ({"arms": [HOLDOUT, MAIL | {"name": "holdout"}]}, "arms > 2 > name", "is used once"),
    "half_an_arm": (
        {"arms": [HOLDOUT, {"name": "mail"}]},
        "arms > 2",
        "has name, share, label and label_fr, and may have model and where",
    ),
    "no_control": (
        {"arms": [HOLDOUT | {"name": "call"}, MAIL]},
        "control",
        "no arm is called 'holdout': name one holdout, who is in no audience",
    ),
    "no_such_day": ({"starts": "2027-02-29"}, "starts", "the first day on which arms may be drawn"),
    "no_version": (
        {"arms": [HOLDOUT, MAIL | {"model": "the new one"}]},
        "arms > 2 > model",
        "model is a version",
    ),
    "holds_back_a_model": (
        {"arms": [HOLDOUT | {"model": "20200131-a"}, MAIL]},
        "arms > 1 > model",
        "nobody of holdout is treated",
    ),
    "no_field": (
        {"arms": [HOLDOUT, MAIL | {"where": {"all": [{"field": "shadow", "is": 1}]}}]},
        "arms > 2 > where > all > 1 > field",
        "there is no field 'shadow'. Known: lifecycle_state",
    ),
    "two_models": (
        {"arms": [HOLDOUT, MAIL | {"name": "call"}]},
        "arms > 2 > name",
        "an arm of two is the audience 'two_models_call' already",
    ),
    "no_words": (
        {"label_fr": False},
        "label_fr",
        "at most 512 letters. YAML reads it as False: put it between quotes",
    ),
    "no_label": (
        {"arms": [HOLDOUT, MAIL | {"label": 1000.0}]},
        "arms > 2 > label",
        "label is a text of at most 256 letters. YAML reads it as 1000.0: put it between quotes",
    ),
    "win_back": ({"arms": [HOLDOUT, MAIL | {"name": "buyers"}]}, "arms > 2 > name", "there is an audience"),
}


def test_what_is_wrong_is_said_with_its_place(house):
    house.home.mkdir(exist_ok=True)
    well = {"well": GOOD, "two": GOOD | {"arms": [HOLDOUT, MAIL | {"name": "models_call"}]}}
    well |= {"both": GOOD | {"control": "mail", "arms": [MAIL, MAIL | {"name": "call"}]}}
    campaign = yaml.safe_load(CAMPAIGN.text())["exposures"]
    audiences = {campaign[0]["name"]: campaign[0]["config"]["meta"]["audience"]}
    well |= {campaign[1]["name"]: campaign[1]["config"]["meta"]["experiment"]}
    experiments = {name: GOOD | case[0] for name, case in CASES.items()} | {"empty": {}} | well
    change = planned(experiments, AUDIENCES | audiences)
    of_audiences = house.run(command=("run-operation", "tell_audience_problems"), change=change)
    assert '"problem"' not in of_audiences.said, of_audiences.said
    told = house.run(command=("run-operation", "tell_experiment_problems"), change=change)
    assert told.succeeded, told.said
    lines = [json.loads(line) for line in told.said.splitlines() if line.startswith("{")]
    assert lines.pop() == {"experiments": sorted(experiments)}
    assert {found["file"] for found in lines} == {f"experiments/{name}.yml" for name in [*CASES, "empty"]}
    missing = [found["place"] for found in lines if found["experiment"] == "empty"]
    assert missing == [
        *("label_fr", "purpose", "audience", "starts", "horizon_days", "measure", "smallest_effect", "arms")
    ]
    for name, (_, place, problem) in CASES.items():
        (found,) = [found for found in lines if found["experiment"] == name]
        assert found["place"] == place and problem in found["problem"], found


def test_a_build_stops_before_it_reads_anything(house):
    change = planned({"no_sum": GOOD | CASES["no_sum"][0]})
    stopped = house.run("--select", "shop_calendar", change=change)
    assert not stopped.succeeded and not stopped.rebuilt("shop_calendar")
    assert "experiments/no_sum.yml, no_sum, arms: the shares of the arms add up to 0.9" in stopped.said


def test_the_line_of_a_place_is_found(tmp_path):
    path = tmp_path / "one.yml"
    path.write_text(
        "exposures:\n  - name: one\n    config:\n      meta:\n        experiment:\n          starts: soon\n"
        "          arms:\n            - {name: holdout, share: 0.5}\n            - name: mail\n"
        "              share: 2\n"
    )
    places = ("starts", "arms > 2 > share", "arms", "name", "measure")
    assert [line_of(path, "one", place, "experiment") for place in places] == [6, 10, 8, 2, 6]


def test_a_campaign_is_a_file_of_an_audience_and_an_experiment(tmp_path):
    path = write(CAMPAIGN, tmp_path)
    assert path == tmp_path / "experiments" / "spring.yml"
    audience, experiment = yaml.safe_load(path.read_text())["exposures"]
    assert audience["config"]["meta"]["audience"]["where"] == {
        "all": [
            {"audience": "win_back_buyers"},
            {"field": "persona", "in": [1, 3]},
            {"field": "value_tier", "at_least": 2},
            {"field": "p_order_30d", "at_least": 0.25},
            {"field": "lifecycle_state", "in": ["at_risk"]},
        ]
    }
    asked = experiment["config"]["meta"]["experiment"]
    assert asked["audience"] == audience["name"] and asked["starts"] == "2020-01-31"
    assert [(arm["name"], arm["share"]) for arm in asked["arms"]] == [("holdout", 0.3), ("treated", 0.7)]
    with pytest.raises(CampaignError, match="is there already"):
        write(CAMPAIGN, tmp_path)
    nothing = {"audience": None, "personas": (), "tier_from": None, "chance_from": None, "states": ()}
    nobody = replace(CAMPAIGN, name="all", **nothing)
    with pytest.raises(CampaignError, match="say who takes part: --persona"):
        write(nobody, tmp_path)
    assert not (tmp_path / "experiments" / "all.yml").exists()


@pytest.mark.parametrize("name", ["../spring", "Spring", "le printemps", "été", "", "s" * 42, "1st", "a/b"])
def test_a_campaign_has_a_name_that_stays_in_its_folder(tmp_path, name):
    with pytest.raises(CampaignError, match="small letters, digits and _, 41 at most"):
        write(replace(CAMPAIGN, name=name), tmp_path / "project")
    assert not list(tmp_path.iterdir())


def test_a_campaign_asks_for_the_consent_that_its_audience_asks_for(tmp_path):
    """An audience lends another its conditions, not its purpose; a list would hold who refuses."""
    (tmp_path / "audiences").symlink_to(ROOT / "audiences")

    def consent(**changes: object) -> object:
        path = write(replace(CAMPAIGN, **changes), tmp_path)
        asked = yaml.safe_load(path.read_text())["exposures"][0]["config"]["meta"]["audience"].get("consent")
        path.unlink()
        return asked

    assert consent() == "marketing"
    assert consent(consent="newsletter") == "newsletter"
    assert consent(audience=None) is None and consent(audience="nobodies") is None


def test_a_campaign_finds_its_audience_in_a_folder_and_beside_what_is_none(tmp_path):
    folder = tmp_path / "audiences" / "letters"
    folder.mkdir(parents=True)
    config = {"meta": {"audience": {"consent": "marketing"}}}
    exposures = [{"name": "dashboard"}, "odd", {"name": "loyal", "config": config}]
    (folder / "letters.yaml").write_text(yaml.safe_dump({"exposures": exposures}))
    path = write(replace(CAMPAIGN, audience="loyal"), tmp_path)
    assert "consent: marketing" in path.read_text()
