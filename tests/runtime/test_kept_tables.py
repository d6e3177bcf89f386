"""Tables that are kept from run to run say what they hold and what they are built with, whatever was run."""

from __future__ import annotations

import pytest
from support import (
    IS_LONG,
    ROOT,
    WITHOUT_TESTS,
    Account,
    Build,
    Event,
    House,
    Table,
    assert_same,
    little_shop,
    own_manifest,
    parsed,
    some,
)

VARIABLES = {"reference_days": 10}
PAPERS = False  # no test here reads what dbt writes about its runs
SHOP = little_shop()
OCTOBER = [event for event in SHOP if event.event_time < "2019-11"]
NOVEMBER = [event for event in SHOP if event.event_time >= "2019-11"]
UP_TO_FEATURES = ("--select", "+reconciliation", "+user_features", "+customer_visits", *WITHOUT_TESTS)
WHOLE = "is built whole"


@pytest.fixture(scope="module")
def october(new_house) -> House:
    house = new_house(variables=VARIABLES)
    house.deliver("oct.csv", OCTOBER)
    house.build(*UP_TO_FEATURES)
    return house


@pytest.fixture(scope="module")
def everything(new_house) -> House:
    house = new_house(variables=VARIABLES)
    house.deliver("oct.csv", OCTOBER)
    house.deliver("nov.csv", NOVEMBER)
    house.build(*UP_TO_FEATURES)
    return house


@pytest.fixture
def house(october, tmp_path) -> House:
    """Return a house whose warehouse holds October, with a lake of its own."""
    house = october.copy(tmp_path)
    house.lake = tmp_path / "lake"
    house.deliver("oct.csv", OCTOBER)
    return house


def fresh(new_house, **variables: object) -> dict[str, Table]:
    house = new_house(variables=VARIABLES | variables)
    house.deliver("oct.csv", OCTOBER)
    house.build(*UP_TO_FEATURES)
    return house.contents()


def built_whole(build: Build) -> set[str]:
    return {line.split()[0] for line in build.said.splitlines() if WHOLE in line}


# --- settings and rules


@pytest.mark.parametrize(
    ("changed", "tables"),
    [
        (
            {"session_gap_minutes": 4, "bot_session_events": 10},
            {"user_sessions", "customer_visits", "feature_priors", "user_feature_values"},
        ),
        (
            {"utc_offset_hours": 9},
            {"user_sessions", "customer_visits", "feature_priors", "user_feature_values"},
        ),
        ({"window_days": 12, "premium_z": 0.1}, {"feature_priors", "user_feature_values"}),
        ({"reference_days": 4}, {"family_prices", "shop_priors", "feature_priors", "user_feature_values"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_another_setting_rebuilds_what_depends_on_it_and_back(house, october, new_house, changed, tables):
    built = house.build(*UP_TO_FEATURES, variables=changed)
    assert built_whole(built) == tables
    for name, value in changed.items():
        assert f"and is {value}" in built.said and name in built.said
    expected = fresh(new_house, **changed)
    assert_same(house.contents(), expected)
    assert (
        expected["warehouse.core.user_feature_values"].rows
        != october.contents()["warehouse.core.user_feature_values"].rows
    ), "a setting that moves nothing shows nothing"
    if IS_LONG or "session_gap_minutes" in changed:
        assert built_whole(house.build(*UP_TO_FEATURES, variables=changed)) == set()
    assert built_whole(house.build(*UP_TO_FEATURES)) == tables
    assert_same(house.contents(), october.contents())


def test_a_setting_that_reached_a_part_reaches_the_rest_in_the_next_build(house, new_house):
    changed = {"session_gap_minutes": 4}
    house.build("--select", "user_feature_values", *WITHOUT_TESTS, variables=changed)
    house.build("--select", "user_sessions", *WITHOUT_TESTS, variables=changed)
    house.build(*UP_TO_FEATURES, variables=changed)
    assert_same(house.contents(), fresh(new_house, **changed))


def test_a_rule_between_kept_tables_rebuilds_what_reads_it(house):
    """product_families is a view, and another rule in it moves features of users without new events."""

    def another_rule(manifest) -> None:
        node = manifest.nodes["model.clientele.product_families"]
        node.raw_code = node.raw_code.replace("split_part(category_code, '.', 1)", "upper(category_code)")

    assert built_whole(house.build(*UP_TO_FEATURES, change=another_rule)) == {
        "family_prices",
        "feature_priors",
        "user_feature_values",
    }


def test_a_comment_rebuilds_nothing(house):
    def comment(manifest) -> None:
        manifest.nodes["model.clientele.user_sessions"].raw_code += "\n-- for whoever reads this\n"

    assert built_whole(house.build(*UP_TO_FEATURES, change=comment)) == set()


@pytest.mark.parametrize(
    "changed",
    some([{"earliest_event_date": "2019-10-20"}, {"latest_event_date": "2019-10-20"}], 1),
    ids=str,
)
def test_settings_of_reading_are_refused_until_all_is_read_again(house, changed):
    before = house.contents("core", "marts", "vault", provenance=True)
    refused = house.run(*UP_TO_FEATURES, variables=changed)
    assert not refused.succeeded
    ((name, value),) = changed.items()
    assert f"{name} was " in refused.said and f"and is {value}" in refused.said
    assert "dbt build --full-refresh" in refused.said
    assert_same(house.contents("core", "marts", "vault", provenance=True), before)
    # most lines are out of these bounds, on purpose
    changed = changed | {"quarantine_refuse_share": 1}
    house.build(*UP_TO_FEATURES, "--full-refresh", variables=changed)
    assert house.value("select count(*) from core.events") < len(OCTOBER)
    house.build(*UP_TO_FEATURES, variables=changed)


def with_maps(folder, **rows: str):
    """Return a change of the project: its maps, in a folder of its own, with these rows put at their ends."""
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    for name in ("event_type_map", "column_map"):
        text = (ROOT / "seeds" / f"{name}.csv").read_text() + rows.get(name, "")
        (folder / "seeds" / f"{name}.csv").write_text(text)

    def change(manifest) -> None:
        for name in ("event_type_map", "column_map"):
            manifest.nodes[f"seed.clientele.{name}"].root_path = str(folder)

    return change


def test_a_word_that_comes_is_read_in_files_that_are_held_and_one_that_changes_is_refused(tmp_path):
    """What a build says of unknown words is to add them to the map: the next build reads the lines."""
    house = House(tmp_path, {"quarantine_refuse_share": 1}, papers=False)
    house.deliver("a.csv", [Event(), Event(event_type="besteld"), Event(event_type="bekeken")])
    house.deliver("b.csv", [Event(product_id="7"), Event(product_id="8", event_type="onbekend")])
    up_to_events = ("--select", "+reconciliation", *WITHOUT_TESTS)
    house.build(*up_to_events, change=with_maps(tmp_path, event_type_map="other,view\n"))
    assert house.accounts()["a.csv"] == Account(4, loaded=1, quarantined=2)

    words = "other,view\nbesteld,purchase\n"
    house.build(*up_to_events, change=with_maps(tmp_path, event_type_map=words))
    assert house.accounts()["a.csv"] == Account(4, loaded=2, quarantined=1)
    loads = house.rows("select file_name, load_id from vault.vault.event_files order by all")
    assert [load for _, load in loads] == [2, 1]
    house.build(*up_to_events, change=with_maps(tmp_path, event_type_map=words))
    assert house.rows("select file_name, load_id from vault.vault.event_files order by all") == loads

    before = house.contents("core", "marts", "vault", provenance=True)
    for rows, told in (
        (
            words.replace("purchase", "cart"),
            "besteld=purchase of seeds/event_type_map.csv: the files",
        ),
        ("besteld,purchase\n", "other=view of seeds/event_type_map.csv"),
    ):
        refused = house.run(*up_to_events, change=with_maps(tmp_path, event_type_map=rows))
        assert not refused.succeeded
        assert told in refused.said and "dbt build --full-refresh" in refused.said
    after = house.contents("core", "marts", "vault", provenance=True)
    assert_same(without_maps(after), without_maps(before))
    said = house.build(
        *up_to_events, change=with_maps(tmp_path, event_type_map=words, column_map="mine,maker,brand,\n")
    ).said
    assert "seeds/column_map.csv has new rows (maker=brand)" in said
    other = with_maps(tmp_path, event_type_map=words.replace("purchase", "cart"))
    house.build(*up_to_events, "--full-refresh", change=other)
    assert house.value("select event_type from core.events where event_type != 'view'") == "cart"
    house.build(*up_to_events, change=other)


def without_maps(contents: dict[str, Table]) -> dict[str, Table]:
    return {name: table for name, table in contents.items() if not name.endswith("_map")}


def test_every_rule_between_kept_tables_has_a_mark():
    """What stands between two kept tables and has no mark would change without a word to the lower one.

    Unless this one compares all that it is made of, as its column `fingerprint` says.
    """
    nodes = parsed().nodes

    def is_marked(node) -> bool:
        return "mark_load" in str(node.config.post_hook)

    def unmarked_above(node) -> set[str]:
        found = set()
        for parent in (nodes[name] for name in node.depends_on.nodes if name.startswith("model.")):
            if not is_marked(parent) and parent.fqn[1] != "intake":
                found |= {parent.name} | unmarked_above(parent)
        return found

    marked = [node for node in nodes.values() if node.resource_type == "model" and is_marked(node)]
    compared = [node for node in marked if "fingerprint" in node.columns]
    assert {node.name for node in compared} == {"feature_statistics", "challenger_statistics"}
    marked = [node for node in marked if node not in compared]
    assert {"user_sessions", "user_feature_values", "product_families"} <= {node.name for node in marked}
    assert {node.name: unmarked_above(node) for node in marked if unmarked_above(node)} == {}


# --- parts of the house


@pytest.mark.parametrize(
    "selections",
    some(
        [
            ["event_files", "user_sessions user_feature_values customer_visits"],
            ["+events", "user_feature_values"],
            ["+users", "products daily_events family_prices", "user_feature_values"],
            [
                "+touched_days",
                "user_sessions",
                "product_taxonomy shop_priors feature_priors user_feature_values",
            ],
        ],
        2,
    ),
    ids=" then ".join,
)
def test_after_any_part_a_build_ends_as_if_there_had_been_none(house, everything, selections):
    house.deliver("nov.csv", NOVEMBER)
    for selection in selections:
        house.build("--select", *selection.split(), *WITHOUT_TESTS)
    house.build(*UP_TO_FEATURES)
    assert_same(house.contents(), everything.contents())


@pytest.mark.parametrize(
    "part", some(["user_sessions", "products", "user_feature_values", "customer_visits"], 2)
)
def test_a_part_that_is_made_from_tables_may_be_built_whole(house, everything, part):
    house.deliver("nov.csv", NOVEMBER)
    house.build("--select", part, "--full-refresh", *WITHOUT_TESTS)
    house.build(*UP_TO_FEATURES)
    assert_same(house.contents(), everything.contents())


# --- what would lose events


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("--select", "events", "--full-refresh"), "dbt build --full-refresh"),
        (("--select", "users+", "--full-refresh"), "dbt build --full-refresh"),
        (("--select", "user_keys", "--full-refresh"), "dbt build --full-refresh"),
        (("--select", "event_files", "--full-refresh"), "dbt build --full-refresh"),
        (("--select", "+users", "--full-refresh"), "dbt build --full-refresh"),
        (("--exclude", "file_lines"), "dbt run --select +events"),
        (("--select", "events"), "dbt run --select +events"),
        (("--empty",), "dbt compile"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_would_lose_events_is_refused_before_the_first_change(house, arguments, command):
    before = house.contents("core", "marts", "vault", "monitor", provenance=True)
    refused = house.run(*arguments, command=("run",))
    assert not refused.succeeded and not refused.status
    assert "Nothing was changed." in refused.said and command in refused.said
    assert_same(house.contents("core", "marts", "vault", "monitor", provenance=True), before)


def test_a_full_refresh_says_which_files_are_lost(house):
    house.deliver("nov.csv", NOVEMBER)
    house.build(*UP_TO_FEATURES)
    (house.lake / "oct.csv").unlink()
    assert "oct.csv" not in house.build(*UP_TO_FEATURES).said
    said = house.build(*UP_TO_FEATURES, "--full-refresh").said
    assert "oct.csv: replaced (not in the lake when it was to be read)" in said


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("run", "not published: dbt run does not publish."),
        ("build", "marts are not in this selection. A plain dbt build does the rest"),
    ],
)
def test_a_run_of_a_part_says_that_it_has_not_published(house, command, told):
    assert told in house.run("--select", "user_sessions,resource_type:model", command=(command,)).said


def test_a_part_of_a_new_home_is_refused_with_what_it_is_made_from(tmp_path):
    house = House(tmp_path, papers=False)
    house.deliver("a.csv", [Event()])
    refused = house.run("--select", "user_features", command=("run",))
    assert not refused.succeeded and not refused.status
    assert "Nothing was changed. This selection is made from, or tests, " in refused.said
    assert "user_feature_values, " in refused.said and "Run dbt build" in refused.said
    refused = house.run("--select", "+event_files")
    assert not refused.status and "or tests, duplicate_events, events, quarantined_lines" in refused.said
    house.build("--select", "+event_files", "--indirect-selection", "cautious")


def test_a_table_is_not_cloned_from_itself(house, tmp_path):
    """No hook of a run is called by dbt clone, which would make a table a view of itself."""
    before = house.contents("core", provenance=True)
    own_manifest(**VARIABLES).write(str(tmp_path / "state" / "manifest.json"))
    state = ("--state", str(tmp_path / "state"), "--full-refresh")
    refused = house.run(*state, "--select", "users", "user_sessions", command=("clone",))
    assert not refused.succeeded
    assert "would be cloned from itself, and lost" in refused.said
    assert_same(house.contents("core", provenance=True), before)
