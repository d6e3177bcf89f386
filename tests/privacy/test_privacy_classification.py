"""Every table and column says whom it is about: what does not stops the build; erasure finds the people."""

from __future__ import annotations

import re

from support import House, parsed

PAPERS = False  # no test here reads what dbt writes about its runs
TABLES = {"model", "seed", "snapshot"}
SEEDS_AND_CALENDAR = ("--select", "shop_calendar", "calendar", "--exclude-resource-type", "test", "unit_test")


def node_of(manifest, name: str):
    (node,) = [node for node in manifest.nodes.values() if node.name == name and node.resource_type in TABLES]
    return node


def retag(name: str, column: str | None = None, **tags: object):
    """Return a change of the project: other tags of a table or column, None for no tag."""

    def change(manifest) -> None:
        node = node_of(manifest, name)
        metas = [node.config.meta, node.meta]
        if column:
            metas = [node.columns[column].config.meta, node.columns[column].meta]
        for meta in metas:
            meta.update(tags)
            for tag in [tag for tag, value in tags.items() if value is None]:
                meta.pop(tag, None)

    return change


def rename(name: str, old: str, new: str):
    def change(manifest) -> None:
        columns = node_of(manifest, name).columns
        columns[new] = columns.pop(old)

    return change


def unprotected(name: str):
    """Return a change of the project: a mart that publishes its groups as they are."""

    def change(manifest) -> None:
        node = node_of(manifest, name)
        node.raw_code = node.raw_code.replace("clientele.published_cells(", "clientele.some_cells(")

    return change


def untyped(name: str, column: str):
    """Return a change of the project: a column of which nobody says what type it has."""
    return lambda manifest: setattr(node_of(manifest, name).columns[column], "data_type", None)


def without_columns(name: str):
    return lambda manifest: node_of(manifest, name).columns.clear()


# A change of the project, and what the build must say to it.
MISTAKES = [
    (
        retag("events", "price", contains_pii="no"),
        "model 'events', column 'price': has a tag contains_pii that is neither true nor false",
    ),
    (
        retag("shop_calendar", "season", contains_pii="no"),
        "seed 'shop_calendar', column 'season': has a tag contains_pii that is neither true nor false",
    ),
    (
        retag("quarantined_lines", "line_text", contains_pii=None),
        "model 'quarantined_lines', column 'line_text': is a raw id or a raw line by its name",
    ),
    (
        retag("segment_labels", data_subject=None),
        "model 'segment_labels' has no tag data_subject",
    ),
    (
        retag("user_feature_values", data_subject="none"),
        "model 'user_feature_values': data_subject must be user when a column has a subject_key",
    ),
    (
        retag("products", data_subject="user"),
        "model 'products': data_subject must be user when a column has a subject_key, and only then",
    ),
    (
        retag("users", "user_key", subject_key=None),
        "model 'users', column 'user_key': has no tag subject_key: user_key",
    ),
    (
        retag("users", "user_sk", subject_key="somebody"),
        "model 'users', column 'user_sk': has subject_key 'somebody', it must be",
    ),
    (
        rename("duplicate_events", "brand", "user_session"),
        "model 'duplicate_events', column 'user_session': is a raw id or a raw line by its name",
    ),
    (
        retag("user_sessions", "session_sk", contains_pii=True),
        "model 'user_sessions', column 'session_sk': contains_pii and the table is in 'core'",
    ),
    (
        retag("user_keys", contains_pii=False),
        "model 'user_keys': its tag contains_pii is not that of its columns",
    ),
    (
        retag("calendar", contains_pii=None),
        "model 'calendar' has no tag contains_pii",
    ),
    (
        retag("segment_summary", "revenue", disclosure=None),
        "model 'segment_summary', column 'revenue': is published and has no tag disclosure",
    ),
    (
        retag("segment_summary", "revenue_per_user", largest=None),
        "model 'segment_summary', column 'revenue_per_user': is a sum or a mean of money: it needs `of`",
    ),
    (
        retag("segment_summary", "revenue_lift", of=None),
        "model 'segment_summary', column 'revenue_lift': is a sum or a mean of money: it needs `of`",
    ),
    (
        untyped("segment_summary", "buyer_share"),
        "model 'segment_summary', column 'buyer_share': is published and has no data_type",
    ),
    (
        unprotected("segment_profiles"),
        "model 'segment_profiles' publishes figures about groups: it needs one column of disclosure: size",
    ),
    (without_columns("as_of"), "model 'as_of' has no column in any yml"),
    (
        retag("segment_sample", columns_from="user_feature"),
        "model 'segment_sample': columns_from names 'user_feature', which is no table",
    ),
]


def test_what_is_not_classified_stops_the_build(house: House):
    """All mistakes at once, as the build tells them; a sentence that no mistake explains fails too."""
    stopped = house.run(*SEEDS_AND_CALENDAR, change=lambda manifest: [do(manifest) for do, _ in MISTAKES])
    assert not stopped.succeeded and not stopped.rebuilt("shop_calendar")
    assert "docs/privacy.md" in stopped.said
    told = {line for line in stopped.said.splitlines() if re.match(" *- (model|seed) ", line)}
    unexplained = {line for line in told if not any(problem in line for _, problem in MISTAKES)}
    # Two tables whose columns now say something else than the table itself say so as well.
    assert unexplained == {
        line
        for line in told
        if re.search("model '(user_sessions|quarantined_lines)': its tag contains_pii is not", line)
    }
    for _, problem in MISTAKES:
        assert any(problem in line for line in told), problem


def test_a_single_mistake_is_enough(house: House):
    stopped = house.run(*SEEDS_AND_CALENDAR, change=MISTAKES[0][0])
    assert not stopped.succeeded and MISTAKES[0][1] in stopped.said


def test_a_column_that_no_yml_knows_stops_the_build_before_it_publishes(house: House):
    def change(manifest) -> None:
        node = node_of(manifest, "calendar")
        node.raw_code = node.raw_code.replace(
            "select * from final", "select final.*, 1 as favourite from final"
        )
        assert "favourite" in node.raw_code

    def change_without_contract(manifest) -> None:
        change(manifest)
        node_of(manifest, "calendar").config.contract.enforced = False

    assert house.run(*SEEDS_AND_CALENDAR).succeeded
    stopped = house.run(*SEEDS_AND_CALENDAR, change=change)
    assert not stopped.succeeded and "enforced contract that failed" in stopped.said
    # Python models, and tables that repeat the features, have no contract.
    stopped = house.run(*SEEDS_AND_CALENDAR, change=change_without_contract)
    assert not stopped.succeeded
    assert "model 'calendar', column 'favourite': is in the database but not in the yml" in stopped.said
    assert "Not every table says what it holds of whom" in stopped.said


def test_people_are_found_from_the_manifest(house: House):
    """Erasure and export ask subject_models(): a new table of people is found as soon as it says so."""
    call = ("--inline", "{{ clientele.subject_models() | map(attribute='name') | join(' ') }}")
    told = house.run(*call, command=("compile",)).said
    expected = [
        node.name
        for node in parsed().nodes.values()
        if node.resource_type in TABLES and node.config.meta["data_subject"] == "user"
    ]
    assert {"user_keys", "events", "user_segments"} < set(expected)
    assert " ".join(sorted(expected)) in told
    more = house.run(*call, command=("compile",), change=retag("products", data_subject="user"))
    assert " ".join(sorted([*expected, "products"])) in more.said


def test_their_keys_are_told_with_them(house: House):
    call = "{% for t in clientele.subject_models() %}{{ t.name }}:{{ t['keys'] | join('+') }} {% endfor %}"
    told = house.run("--inline", call, command=("compile",)).said
    assert " events:user_sk " in told and "user_segments:user_key " in told
    assert " stg_lake__lines:user_id+session_sk " in told
