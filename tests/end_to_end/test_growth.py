"""What earlier versions wrote is taken over, and a new column comes by itself: nobody erases history."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from make_warehouse_before import VARIABLES
from support import FIRST_USER, UP_TO_FEATURES, WITHOUT_TESTS, Event, House, assert_same, little_shop

from clientele.learning.fields import part_of

BEFORE = Path(__file__).with_name("warehouse_before.zip")
PAPERS = False  # no test here reads what dbt writes about its runs
SHOP = little_shop(seed=5, n_users=400)
ERASED, OBJECTOR = FIRST_USER, FIRST_USER + 37
# What must be the same after a takeover: who is who, who is gone, who objects, what scores and why.
KEPT = {
    "keys": "select user_id, user_sk, user_key from vault.vault.user_keys order by all",
    "tombstones": "select erased_hash from vault.vault.tombstones order by all",
    "objections": "select user_id from vault.vault.objections order by all",
    "key epoch": "select * from core.key_epoch",
    "decisions": "select * from core.segment_decisions order by all",
    "models": "select fit_number, model_version, n_segments, is_champion from core.segment_models "
    "order by all",
    "personas": "select distinct segment_id, segment_name from marts.user_segments order by all",
    # the version before listed customers who object, without a persona
    "customers": "select user_key, segment_id from marts.user_segments where user_key not in "
    "(select user_key from vault.vault.user_keys inner join vault.vault.objections using (user_id))",
    "events": "select * exclude (load_id) from core.events order by all",
}


@pytest.fixture
def before(tmp_path) -> House:
    """Return a house with the warehouse of the version before; its files are not in the lake any more."""
    house = House(tmp_path, variables=VARIABLES, papers=PAPERS)
    with zipfile.ZipFile(BEFORE) as archive:
        archive.extractall(house.home)
    return house


# What the version before kept in one wide table, and this version keeps as fields.
FITS_BEFORE = """
select
    fit_number, model_version, row_kind, segment_id, item, item_position, value, feature_mean,
    clip_lo, clip_hi
from core.segment_fits where row_kind = 'weight'
union all
select fit_number, model_version, row_kind, segment_id, text, null, null, null, null, null
from core.segment_fits where row_kind = 'name' and item = 'en'
union all
select fit_number, model_version, row_kind, null, item, item_position, value, null, clip_lo, clip_hi
from core.segment_fits where row_kind = 'gate'
order by all
"""


def kept(house: House) -> dict[str, list[tuple]]:
    found = {name: house.rows(query) for name, query in KEPT.items()}
    if not house.value("select count(*) from duckdb_tables() where table_name = 'persona_fit_fields'"):
        return found | {"fits": house.rows(FITS_BEFORE)}
    with house.connection() as connection:
        fields = connection.table("core.persona_fit_fields").df()
    weight = "segment_id feature feature_position weight feature_mean clip_lo clip_hi"
    columns = {
        "weight": weight.split(),
        "name": ["segment_id", "segment_name_en"],
        "gate": [None, "criterion", "criterion_position", "value", None, "ci_lo", "bar"],
    }
    rows = []
    for part, names in columns.items():
        for row in part_of(fields, part).to_dict("records"):
            values = [row.get(name) for name in names]
            values = [None if value is None or value != value else value for value in values]
            rows.append((row["fit_number"], row["model_version"], part, *values, *[None] * (7 - len(values))))
    return found | {"fits": sorted(rows, key=lambda row: [(value is None, value) for value in row])}


def test_a_warehouse_of_the_version_before_is_taken_over_by_one_build(before):
    """Decisions are a file of the project, which these tests do without: that seed stays as it is."""
    expected = kept(before)
    assert len(expected["tombstones"]) == len(expected["objections"]) == len(expected["decisions"]) == 1
    assert any(is_champion for *_, is_champion in expected["models"])
    back = [event for event in SHOP if event.user_id == str(ERASED)]
    new = Event(event_time="2019-11-20 12:00:00 UTC", user_id="999000111")
    before.deliver("more.csv", [*back, new])
    before.build("--exclude", "segment_decisions", "--exclude-resource-type", "test", "unit_test")
    found = kept(before)
    newcomer = before.rows(
        "select user_id, user_sk, user_key from vault.vault.user_keys where user_id = 999000111"
    )
    assert found.pop("keys") == sorted([*expected.pop("keys"), *newcomer]) and newcomer
    assert len(found.pop("events")) == len(expected.pop("events")) + 1
    theirs = dict(found.pop("customers"))
    # The features of this version are other figures (priors from the shop itself): the same model places some
    # customers elsewhere until it is fitted again.
    ours = dict(expected.pop("customers"))
    assert set(ours) <= set(theirs)
    assert sum(theirs[key] == ours[key] for key in ours) >= 0.6 * len(ours)
    assert found == expected
    assert before.value(f"select count(*) from vault.vault.user_keys where user_id = {ERASED}") == 0
    assert before.build(*UP_TO_FEATURES).said.count("is built whole") == 0


def test_a_full_refresh_keeps_models_and_fits_none(before):
    """It reads the files again; what was fitted, decided and told stays."""
    same = ("keys", "models", "fits", "tombstones")
    expected = {name: rows for name, rows in kept(before).items() if name in same}
    before.deliver("all.csv", [event for event in SHOP])
    before.build("--full-refresh", "--exclude", "segment_decisions", *WITHOUT_TESTS)
    found = kept(before)
    assert {name: found[name] for name in expected} == expected


def add_column(manifest, name: str, column: str, *texts: tuple[str, str]) -> None:
    """Add a column to a model's SQL and yml, as whoever writes the next version does."""
    node = manifest.nodes[f"model.clientele.{name}"]
    for text, instead in texts:
        assert text in node.raw_code
        node.raw_code = node.raw_code.replace(text, instead)
    like = next(reversed(node.columns.values()))
    node.columns[column] = replace(like, name=column, data_type="bigint")


def add_to_customers(manifest) -> None:
    first = "        cast(lifetimes.n_events as bigint) as n_events,\n"
    add_column(
        manifest,
        "user_feature_values",
        "n_more",
        (first, first + "        cast(lifetimes.n_sessions + 1 as bigint) as n_more,\n"),
    )
    last = "        max(last_event_at) as last_event_at\n"
    more = last.replace("_at\n", "_at,\n") + "        cast(count(*) as bigint) as n_more\n"
    add_column(manifest, "customer_visits", "n_more", (last, more))


def add_to_files(manifest) -> None:
    last = " as median_price\n"
    more = last.replace("\n", ",\n") + "        cast(count(*) as bigint) as n_more\n"
    add_column(manifest, "file_days", "n_more", (last, more))


def test_a_new_column_is_added_by_the_next_build(tmp_path, new_house):
    house = House(tmp_path, papers=PAPERS)
    house.deliver("all.csv", SHOP[:600])
    select = ("--select", "+user_feature_values", "+customer_visits", *WITHOUT_TESTS)
    house.build(*select)
    assert house.build(*select, change=add_to_customers).said.count("is built whole") == 2
    fresh = new_house()
    fresh.deliver("all.csv", SHOP[:600])
    fresh.build(*select, change=add_to_customers)
    assert_same(house.contents(), fresh.contents())
    assert "n_more" in house.contents()["warehouse.core.user_feature_values"].columns
    assert house.build(*select, change=add_to_customers).said.count("is built whole") == 0


def test_a_new_column_of_the_intake_is_empty_for_files_of_before(tmp_path):
    """Files may be gone: what was made from them stays."""
    house = House(tmp_path, papers=PAPERS)
    house.deliver("a.csv", SHOP[:100])
    house.build("--select", "+events", *WITHOUT_TESTS)
    house.deliver("b.csv", SHOP[100:200])
    house.build("--select", "+events", *WITHOUT_TESTS, change=add_to_files)
    found = dict(
        house.rows("select n_more is null, sum(n_event_lines) from vault.vault.file_days group by all")
    )
    assert found == {True: 100, False: 100}
