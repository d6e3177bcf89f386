"""Audiences: conditions become the SQL that they say, and what is wrong is refused with its place."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta

import duckdb
import pytest
import yaml
from support import ROOT, House

from clientele.activation.places import line_of, unreadable

PAPERS = False
GOOD = {"label_fr": "Un essai", "purpose": "A test", "expires": "2027-12-31"}


def having(audiences: dict[str, dict], **destinations: dict) -> Callable:
    """Return a change of the project: these audiences, no others, and destinations; by name their meta."""

    def change(manifest) -> None:
        pattern = manifest.exposures["exposure.clientele.new_buyers"]
        for key in [key for key, one in manifest.exposures.items() if "audience" in one.config.meta]:
            del manifest.exposures[key]
        kinds = {name: {"audience": meta} for name, meta in audiences.items()}
        for name, meta in {
            **kinds,
            **{name: {"destination": one} for name, one in destinations.items()},
        }.items():
            exposure = deepcopy(pattern)
            exposure.name, exposure.unique_id = name, f"exposure.clientele.{name}"
            exposure.config.meta.clear()
            exposure.config.meta.update(meta)
            manifest.exposures[exposure.unique_id] = exposure

    return change


def problems(house: House, audiences: dict[str, dict], **destinations: dict) -> list[tuple[str, str, str]]:
    """Return audience, place and problem of all that is wrong with these."""
    house.home.mkdir(exist_ok=True)
    told = house.run(
        command=("run-operation", "tell_audience_problems"), change=having(audiences, **destinations)
    )
    assert told.succeeded, told.said
    lines = [json.loads(line) for line in told.said.splitlines() if line.startswith("{")]
    assert lines[-1] == {"audiences": sorted(audiences)}
    return [(found["audience"], found["place"], found["problem"]) for found in lines[:-1]]


WRONG = {
    "unknown_field": (
        {"field": "age", "at_least": 3},
        "where > field",
        "there is no field 'age'. Known: lif",
    ),
    "wrong_operator": (
        {"field": "lifecycle_state", "at_least": "loyal"},
        "where > at_least",
        "lifecycle_state is a text and takes one of is, is_not, in, is_empty, here is at_least",
    ),
    "two_operators": (
        {"field": "n_orders", "at_least": 1, "at_most": 3},
        "where",
        "here is at_least and at_most",
    ),
    "unknown_state": (
        {"all": [{"field": "n_orders", "is": 1}, {"field": "lifecycle_state", "in": ["loyal", "lost"]}]},
        "where > all > 2 > in",
        "'lost' is no lifecycle_state. Known: new_visitor, ",
    ),
    "unknown_tier": (
        {"field": "value_tier", "is": 6},
        "where > is",
        "'6' is no value_tier. Known: 1, 2, 3, 4",
    ),
    "text_for_number": (
        {"field": "n_orders", "at_least": "2"},
        "where > at_least",
        "takes a number, not '2'",
    ),
    "no_number": ({"field": "n_orders", "at_least": True}, "where > at_least", "takes a number, not 'True'"),
    "infinite": ({"field": "p_order_7d", "at_least": float("inf")}, "where > at_least", "takes a number"),
    "half_days": (
        {"field": "last_order_date", "more_than_days_ago": 1.5},
        "where > more_than_days_ago",
        "takes a number of days, not '1.5'",
    ),
    "no_list": ({"field": "value_tier", "in": 3}, "where > in", "in takes a list of numbers, not '3'"),
    "nobody": ({"any": []}, "where > any", "any takes a list of conditions, at least one"),
    "no_condition": ({"all": ["loyal"]}, "where > all > 1", "here is 'loyal'"),
    "two_kinds": ({"all": [{"field": "n_orders", "is": 1}], "not": {}}, "where", "here is all and not"),
    "sql": ("n_orders > 3", "where", "a condition is {all: …}"),
    "unknown_audience": ({"not": {"audience": "nobodies"}}, "where > not > audience", "there is no audience"),
    "itself": (
        {"not": {"audience": "itself"}},
        "where > not > audience",
        "refers to itself: itself > itself",
    ),
    "listed_field": ({"field": ["n_orders"], "is": 1}, "where > field", "there is no field '['n_orders']'"),
    "listed_audience": ({"audience": ["new_buyers"]}, "where > audience", "there is no audience '['new_b"),
    "yes": ({"field": "n_orders", True: 1}, "where > True", "n_orders is a number and takes one of"),
    "circle": ({"audience": "circle_2"}, "where > audience", "refers to itself: circle > circle_2 > circle"),
    "circle_2": (
        {"audience": "circle"},
        "where > audience",
        "refers to itself: circle_2 > circle > circle_2",
    ),
}


def test_what_is_wrong_is_said_with_its_place(house):
    found = problems(house, {name: GOOD | {"where": case[0]} for name, case in WRONG.items()})
    assert sorted(name for name, _, _ in found) == sorted(WRONG), "one problem each"
    for name, place, problem in found:
        assert place == WRONG[name][1] and WRONG[name][2] in problem, (name, place, problem)


def test_what_is_missing_is_said(house):
    where = {"field": "n_orders", "is": 1}
    crm = {"kind": "webhook", "url": "https://crm.example"}
    found = problems(
        house,
        {
            "empty": {},
            "small": GOOD | {"where": where, "minimum": 3, "max_leaving_share": 2, "destinations": ["crn"]},
            "more": GOOD | {"where": where, "sql": "1 = 1", "expires": "soon"},
            "well": GOOD | {"where": where, "minimum": 30, "destinations": ["crm", "folder"]},
        },
        crm=crm,
    )
    assert [(name, place) for name, place, _ in found] == [
        *(("empty", place) for place in ("label_fr", "purpose", "expires", "where")),
        *(("more", place) for place in ("sql", "expires")),
        *(("small", place) for place in ("minimum", "max_leaving_share", "destinations")),
    ]


def test_keys_that_yaml_does_not_read_as_texts_are_told(house):
    meta = GOOD | {"where": {"field": "n_orders", "is": 1}, True: 1, 7: 1}
    found = problems(house, {"keys": meta, "huge": GOOD | {"where": meta["where"], "minimum": 10**11}})
    assert [(name, place) for name, place, _ in found] == [
        ("huge", "minimum"),
        ("keys", "True"),
        ("keys", "7"),
    ]


def test_audiences_that_name_others_twice_end_somewhere(house):
    trees = {"a00": {"field": "n_orders", "is": 1}}
    for number in range(1, 25):
        before = {"audience": f"a{number - 1:02}"}
        trees[f"a{number:02}"] = {"any": [before, {"not": before}]}
    found = problems(house, {name: GOOD | {"where": tree} for name, tree in trees.items()})
    assert {name for name, _, _ in found} == {f"a{number:02}" for number in range(9, 25)}, "one each"
    assert len(found) == 16 and all("too many conditions" in problem for _, _, problem in found)


def test_an_exposure_that_says_nothing_known_is_told(house):
    def misspelt(manifest) -> None:
        having({"well": GOOD | {"where": {"field": "n_orders", "is": 1}}})(manifest)
        wrong = deepcopy(manifest.exposures["exposure.clientele.well"])
        wrong.name, wrong.unique_id = "wrong", "exposure.clientele.wrong"
        wrong.config.meta.clear()
        wrong.config.meta["audeince"] = GOOD
        manifest.exposures[wrong.unique_id] = wrong

    house.home.mkdir(exist_ok=True)
    told = house.run(command=("run-operation", "tell_audience_problems"), change=misspelt)
    (problem, _) = (json.loads(line) for line in told.said.splitlines() if line.startswith("{"))
    assert (problem["audience"], problem["place"]) == ("wrong", "config")
    assert problem["problem"].endswith("audience, destination, experiment, here is audeince")


def test_a_destination_takes_no_name_of_another(house):
    """One called folder would keep the folder that is always there from getting anything."""
    here = {"kind": "folder", "path": "elsewhere"}
    where = {"field": "n_orders", "is": 1}
    found = problems(house, {"one": GOOD | {"where": where}}, folder=here, ids=here, Crm=here, crm=here)
    assert [(name, place) for name, place, _ in found] == [
        (name, "name") for name in ("Crm", "folder", "ids")
    ]
    assert all("folder and ids are taken" in problem for _, _, problem in found)


def test_a_build_stops_before_it_reads_anything(house):
    change = having({"itself": GOOD | {"where": WRONG["itself"][0]}})
    stopped = house.run("--select", "shop_calendar", change=change)
    assert not stopped.succeeded and not stopped.rebuilt("shop_calendar")
    assert "audiences/new_buyers.yml, itself, where > not > audience: the audience refers" in stopped.said


def test_the_line_of_a_place_is_found(tmp_path):
    path = tmp_path / "one.yml"
    path.write_text(
        "exposures:\n  - name: other\n  - name: one\n    config:\n      meta:\n        audience:\n"
        "          where:\n            all:\n              - {field: a, is: 1}\n              - not:\n"
        "                  field: b\n                  is: 2\n          minimum: 3\n"
    )
    assert [
        line_of(path, "one", place)
        for place in ("where > all > 1 > is", "where > all > 2 > not > is", "minimum", "purpose", "name")
    ] == [9, 12, 13, 7, 3]
    assert line_of(path, "another", "where") == 1


LAUGHS = "a: [&a0 1, " + ", ".join(f"&a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)) + "]\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: {c: 1\nd: 2\n", 3, "this is no YAML: "),
        ("a: 1\n\tb: 2\n", 2, "this is no YAML: "),
        ("a: '\x01'\n", 1, "this is no YAML: "),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands twice, and the second alone would count"),
        ("a: 1\nexpires: 2027-02-30\n", 2, "'2027-02-30' is no day of the calendar"),
        ("a:\n  b: &b {all: [*b]}\n", 2, "an anchor holds itself"),
        (LAUGHS, 1, "its anchors repeat each other without end"),
        ("a: " + "[" * 5000, 1, "it is nested too deep"),
    ],
)
def test_what_no_definition_can_be_made_from_has_a_line(tmp_path, text, line, problem):
    path = tmp_path / "one.yml"
    path.write_text(text)
    ((told, sentence),) = unreadable(path)
    assert told == line and sentence.startswith(problem)


def test_letters_of_another_encoding_have_a_line(tmp_path):
    path = tmp_path / "one.yml"
    path.write_bytes("a: 1\nb: Käufer\n".encode("latin-1"))
    assert unreadable(path) == [(2, "a letter is not UTF-8: save the file as UTF-8")]
    for fine in ("", "# nothing\n", "\ufeffa: Käufer\n", "a: &a {b: 1}\nc: {<<: *a, d: [*a, 2027-12-31]}\n"):
        path.write_text(fine, encoding="utf-8")
        assert unreadable(path) == []


def test_shipped_audiences_have_french_names_and_end_some_day():
    for path in sorted((ROOT / "audiences").glob("*.yml")):
        (exposure,) = yaml.safe_load(path.read_text())["exposures"]
        assert exposure["name"] == path.stem and exposure["config"]["meta"]["audience"]["label_fr"]


# --- what the SQL says, against an evaluation of the same tree in Python

TODAY = date(2020, 1, 31)
FIELDS = {
    "lifecycle_state": ("text", ["loyal", "at_risk", "new_buyer"]),
    "favourite_brand": ("text", ["acme", "o'neill", "back\\slash"]),
    "value_tier": ("number", [1, 2, 3, 4, 5]),
    "p_order_30d": ("number", [0.0, 0.125, 0.5, 1.0]),
    "last_order_date": ("date", [0, 1, 29, 30, 31, 400]),
    "has_own_brand": ("boolean", [True, False]),
}
COMPARED = {
    "at_least": lambda held, value: held >= value,
    "at_most": lambda held, value: held <= value,
    "more_than": lambda held, value: held > value,
    "less_than": lambda held, value: held < value,
    "is": lambda held, value: held == value,
    "in": lambda held, value: held in value,
    "more_than_days_ago": lambda held, value: (TODAY - held).days > value,
    "at_most_days_ago": lambda held, value: (TODAY - held).days <= value,
}


def a_tree(chance: random.Random, depth: int, others: list[str]) -> dict:
    """Return a random condition."""
    kind = chance.choice(["all", "any", "not", "field", "field"] if depth else ["field"])
    if kind in ("all", "any"):
        return {kind: [a_tree(chance, depth - 1, others) for _ in range(chance.randrange(1, 4))]}
    if kind == "not":
        return {"not": a_tree(chance, depth - 1, others)}
    if others and chance.random() < 0.2:
        return {"audience": chance.choice(others)}
    name = chance.choice(list(FIELDS))
    type_, values = FIELDS[name]
    operators = {
        "text": ["is", "is_not", "in", "is_empty"],
        "number": ["is", "is_not", "in", "at_least", "at_most", "more_than", "less_than", "is_empty"],
        "date": ["more_than_days_ago", "at_most_days_ago", "is_empty"],
        "boolean": ["is"],
    }[type_]
    operator = chance.choice(operators)
    value: object = chance.choice(values)
    if operator == "in":
        value = chance.sample(values, chance.randrange(1, 3))
    elif operator == "is_empty":
        value = chance.choice([True, False])
    return {"field": name, operator: value}


def holds(tree: dict, row: dict, trees: dict[str, dict]) -> bool:
    """Return whether a condition holds for a row: what docs/campaigns.md says."""
    if "all" in tree:
        return all(holds(part, row, trees) for part in tree["all"])
    if "any" in tree:
        return any(holds(part, row, trees) for part in tree["any"])
    if "not" in tree:
        return not holds(tree["not"], row, trees)
    if "audience" in tree:
        return holds(trees[tree["audience"]], row, trees)
    held = row[tree["field"]]
    ((operator, value),) = ((name, value) for name, value in tree.items() if name != "field")
    if operator == "is_empty":
        return (held is None) == value
    if operator == "is_not":
        return held != value
    return held is not None and COMPARED[operator](held, value)


@pytest.fixture(scope="module")
def trees() -> dict[str, dict]:
    chance, found = random.Random(5), {}
    for number in range(150):
        found[f"a{number:03}"] = a_tree(chance, 4, list(found)[-5:])
    return found


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    chance = random.Random(6)
    found = []
    for _ in range(80):
        row = {name: chance.choice([None, *values]) for name, (_, values) in FIELDS.items()}
        days = row["last_order_date"]
        row["last_order_date"] = None if days is None else TODAY - timedelta(days=days)
        row["has_own_brand"] = bool(row["has_own_brand"])
        found.append(row)
    return found


def test_conditions_mean_what_they_say(new_house, trees, rows):
    house = new_house()
    house.home.mkdir()
    compiled = house.run(
        "--select",
        "audience_matches",
        command=("compile",),
        change=having({name: GOOD | {"where": tree} for name, tree in trees.items()}),
    )
    assert compiled.succeeded, compiled.said
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; create schema warehouse.core")
        connection.execute(
            "create table warehouse.core.audience_facts (user_sk bigint, user_key varchar, as_of_date date, "
            "lifecycle_state varchar, favourite_brand varchar, value_tier integer, p_order_30d double, "
            "last_order_date date, has_own_brand boolean)"
        )
        for number, row in enumerate(rows):
            connection.execute(
                "insert into warehouse.core.audience_facts values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [number, str(number), TODAY, *row.values()],
            )
        matched = connection.execute(compiled.compiled["audience_matches"]).fetchall()
    found = {name: set() for name in trees}
    for name, number, _ in matched:
        found[name].add(number)
    sizes = []
    for name, tree in trees.items():
        expected = {number for number, row in enumerate(rows) if holds(tree, row, trees)}
        assert found[name] == expected, tree
        sizes.append(len(expected))
    assert sum(0 < size < len(rows) for size in sizes) / len(sizes) > 0.2, "most trees say something"
