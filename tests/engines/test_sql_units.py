"""SQL that dbt's unit tests do not reach: a ledger over several runs, logarithms, keys, 41 years of days.

dbt renders the statements once; DuckDB then runs them on rows that each test makes up.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from unittest import mock

import duckdb
import golden
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from support import MATERIAL, ROOT, House, own_manifest

from clientele.intake.lake import FileFacts
from clientele.privacy import keys

CUT = "-- next statement"
MACROS = {
    "ledger_columns": "{% for name, type in clientele.ledger_columns().items() %}"
    "{{ name }} {{ type }}{{ ', ' if not loop.last }}{% endfor %}",
    "features": "with {{ clientele.user_feature_ctes('windows', 'sessions', 'events') }} "
    "select * from user_features_as_of",
    "fingerprint": "with {{ clientele.statistics_fingerprint_ctes() }} select fingerprint from fingerprints",
    "feature_statistics": "create or replace table feature_statistics as "
    "{% set first = clientele.feature_catalog()[:clientele.features_at_once()] %}"
    "with state as (select 'these' as fingerprint), {{ clientele.feature_statistics_ctes(first, 'state') }} "
    "select * from statistics; {{ clientele.insert_other_features('feature_statistics') }}",
    "valid_rows": "{{ clientele.test_valid_rows('tested', not_null=['a'], "
    "keys=[['a', 'b'], {'columns': ['c'], 'where': 'd = 1'}], codes={'e': 'event_types'}, "
    "expressions=[\"d >= 0 and e != 'it''s'\"]) }}",
    "features_are_finite": "{{ clientele.test_features_are_finite('warehouse.core.user_feature_values') }}",
    "shares": "{{ clientele.feature_shares() | tojson }}",
    "user_key": "{{ clientele.user_key('cast(user_id as varchar(32))') }}",
    "user_sk": "{{ clientele.hex_to_integer('user_key') }}",
    "session_sk": "{{ clientele.session_sk('user_session') }}",
    "erased_hash": "{{ clientele.erased_hash('cast(user_id as varchar(32))') }}",
}


@pytest.fixture(scope="session")
def statements(tmp_path_factory) -> dict[str, str]:
    """Return the rendered SQL of the macros above and of the models under test, by name."""
    house = House(tmp_path_factory.mktemp("rendering"))
    house.home.mkdir()

    def compiled(*arguments: str) -> dict[str, str]:
        ran = dbtRunner(manifest=own_manifest()).invoke(["--quiet", "compile", *arguments])
        assert ran.success, ran.exception
        return {result.node.name: result.node.compiled_code for result in ran.result}

    with mock.patch.dict(os.environ, house.environment(), clear=True):
        try:
            (macros,) = compiled(
                "--inline", CUT.join(MACROS.values()), "--vars", "{window_days: 10}"
            ).values()
            found = dict(zip(MACROS, macros.split(CUT), strict=True))
            # The ledger reads itself, if it is there when dbt looks.
            _close_databases()
            with duckdb.connect(house.home / "vault.duckdb") as vault:
                vault.execute(
                    "create schema vault.vault;"
                    f"create table vault.vault.event_files ({found['ledger_columns']})"
                )
            found |= compiled("--select", "event_files,resource_type:model", "calendar,resource_type:model")
            found["event_files at a full refresh"] = compiled(
                "--select", "event_files,resource_type:model", "--full-refresh"
            )["event_files"]
        finally:
            _close_databases()
    return found


def _close_databases() -> None:
    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
    DuckDBConnectionManager.close_all_connections()


# --- the ledger of files


@dataclass
class Ledger:
    """vault.event_files, and a lake that is a dictionary of path to content; None cannot be read."""

    statements: dict[str, str]
    rows: list[dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(
            "attach ':memory:' as warehouse; create schema warehouse.core;"
            "create table warehouse.core.load_marks (model_name varchar, load_id bigint);"
            "attach ':memory:' as vault; create schema vault.vault;"
            f"create table vault.vault.event_files ({self.statements['ledger_columns']})"
        )
        self.connection.create_function(
            "clientele_inventory",
            self._look,
            ["VARCHAR", "VARCHAR"],
            "VARCHAR",
            null_handling="special",
            side_effects=True,
        )
        self.connection.execute(
            "create table warehouse.core.column_map"
            " (system varchar, column_name varchar, input_column varchar, event_type varchar)"
        )

    def close(self) -> None:
        self.connection.close()

    def _look(self, known: str, reading: str) -> str:
        return json.dumps(self.looked_at)

    def run(self, lake: dict[str, str | None], full_refresh: bool = False) -> list[tuple]:
        """Run the model once; return file_id, load_id, path, content, status of every row, by file_id."""
        self.looked_at = [
            FileFacts(
                path,
                modified_ns=10**18,
                sha256=content,
                status="readable" if content else "refused",
                reason=None if content else f"{path} is broken.",
            ).as_row()
            for path, content in sorted(lake.items())
        ]
        name = "event_files at a full refresh" if full_refresh else "event_files"
        self.connection.execute(f"create or replace temp table built as {self.statements[name]}")
        self.connection.execute("truncate vault.vault.event_files")
        self.connection.execute("insert into vault.vault.event_files by name from built")
        relation = self.connection.sql("from vault.vault.event_files order by file_id")
        self.rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        return [
            tuple(row[name] for name in ("file_id", "load_id", "file_path", "sha256", "status"))
            for row in self.rows
        ]

    def reason(self, file_id: int) -> str | None:
        (row,) = [row for row in self.rows if row["file_id"] == file_id]
        return row["reason"]


@pytest.fixture
def ledger(statements) -> Iterator[Ledger]:
    with closing(Ledger(statements)) as ledger:
        yield ledger


def test_new_files_are_numbered_by_path_in_one_load(ledger):
    assert ledger.run({"b": "two", "a": "one"}) == [
        (1, 1, "a", "one", "accepted"),
        (2, 1, "b", "two", "accepted"),
    ]


def test_nothing_new_changes_nothing(ledger):
    lake = {"a": "one", "b": "one", "c": "three"}
    ledger.run(lake)
    before = ledger.rows
    ledger.run(lake)
    assert ledger.rows == before


def test_one_content_is_loaded_once_whatever_its_names(ledger):
    ledger.run({"b": "one"})
    lake = {"a": "one", "b": "one", "c": "one"}
    assert ledger.run(lake) == [
        (1, 1, "b", "one", "accepted"),
        (2, 2, "a", "one", "same_content"),
        (3, 2, "c", "one", "same_content"),
    ]
    before = ledger.rows
    ledger.run(lake)
    assert ledger.rows == before, "the name that is loaded goes on answering for its content"
    assert ledger.reason(2) == "same content as b"


def test_of_copies_that_arrive_together_the_first_name_is_loaded(ledger):
    assert ledger.run({"b": "one", "a": "one"}) == [
        (1, 1, "a", "one", "accepted"),
        (2, 1, "b", "one", "same_content"),
    ]


def test_new_content_under_a_name_replaces_the_old(ledger):
    ledger.run({"a": "one", "b": "two"})
    assert ledger.run({"a": "three", "b": "two"}) == [
        (1, 1, "a", "one", "replaced"),
        (2, 1, "b", "two", "accepted"),
        (3, 2, "a", "three", "accepted"),
    ]
    assert ledger.reason(1) == "delivered again as file 3"


def test_old_content_that_comes_back_is_loaded_again(ledger):
    ledger.run({"a": "one"})
    ledger.run({"a": "two"})
    assert ledger.run({"a": "one"}) == [
        (1, 1, "a", "one", "replaced"),
        (2, 2, "a", "two", "replaced"),
        (3, 3, "a", "one", "accepted"),
    ]
    assert ledger.reason(1) == "delivered again as file 2"


def test_a_renamed_file_is_not_loaded_again(ledger):
    ledger.run({"a": "one"})
    assert ledger.run({"b": "one"}) == [(1, 1, "a", "one", "accepted"), (2, 2, "b", "one", "same_content")]


def test_a_file_that_left_the_lake_stays_loaded(ledger):
    ledger.run({"a": "one", "b": "two"})
    assert ledger.run({"b": "two"}) == [(1, 1, "a", "one", "accepted"), (2, 1, "b", "two", "accepted")]


def test_a_copy_takes_over_from_a_replaced_file(ledger):
    ledger.run({"a": "one", "b": "one"})
    assert ledger.run({"a": "two", "b": "one"}) == [
        (1, 1, "a", "one", "replaced"),
        (2, 2, "b", "one", "accepted"),
        (3, 2, "a", "two", "accepted"),
    ]


def test_a_copy_that_left_the_lake_cannot_take_over(ledger):
    ledger.run({"b": "one", "c": "one"})
    assert ledger.run({"b": "two"}) == [
        (1, 1, "b", "one", "replaced"),
        (2, 1, "c", "one", "replaced"),
        (3, 2, "b", "two", "accepted"),
    ]
    assert ledger.reason(2) == "not in the lake when it was to be read"


def test_swapped_names_swap_contents(ledger):
    ledger.run({"a": "one", "b": "two"})
    assert ledger.run({"a": "two", "b": "one"}) == [
        (1, 1, "a", "one", "replaced"),
        (2, 1, "b", "two", "replaced"),
        (3, 2, "a", "two", "accepted"),
        (4, 2, "b", "one", "accepted"),
    ]


def test_a_broken_delivery_leaves_what_was_loaded(ledger):
    ledger.run({"a": "one"})
    assert ledger.run({"a": None}) == [(1, 1, "a", "one", "accepted"), (2, 2, "a", None, "refused")]
    assert ledger.reason(2) == "a is broken."
    assert ledger.run({"a": "one"}) == [(1, 1, "a", "one", "accepted")]


def test_a_mended_file_is_loaded(ledger):
    assert ledger.run({"a": None}) == [(1, 1, "a", None, "refused")]
    assert ledger.run({"a": "one"}) == [(2, 2, "a", "one", "accepted")]


def test_a_full_refresh_loads_what_is_there_under_new_numbers(ledger):
    ledger.run({"a": "one", "b": "two"})
    assert ledger.run({"b": "two", "c": "two"}, full_refresh=True) == [
        (1, 1, "a", "one", "replaced"),
        (2, 1, "b", "two", "replaced"),
        (3, 2, "b", "two", "accepted"),
        (4, 2, "c", "two", "same_content"),
    ]
    assert ledger.reason(1) == "not in the lake when it was to be read"


lakes = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["one", "two", "three", None]))


@settings(max_examples=30)
@given(runs=st.lists(st.tuples(lakes, st.booleans()), min_size=1, max_size=5))
def test_rules_hold_over_any_runs(statements, runs):
    with closing(Ledger(statements)) as ledger:
        check_rules(ledger, runs)


def check_rules(ledger: Ledger, runs: list[tuple[dict[str, str | None], bool]]) -> None:
    numbers: dict[int, tuple] = {}
    newest_load = 0
    for lake, full_refresh in runs:
        rows = ledger.run(lake, full_refresh)
        held = {
            path: content for _, _, path, content, status in rows if status in ("accepted", "same_content")
        }
        assert {path: held[path] for path, content in lake.items() if content} == {
            path: content for path, content in lake.items() if content
        }, "every readable file is in the ledger with what it holds now"
        accepted = [content for *_, content, status in rows if status == "accepted"]
        assert sorted(accepted) == sorted(set(held.values())), "each content is loaded exactly once"
        assert len(rows) == len({row[0] for row in rows}), "file numbers are unique"
        for file_id, _, path, content, status in rows:
            if status != "refused":
                assert numbers.setdefault(file_id, (path, content)) == (path, content), (
                    "a number keeps its file"
                )
        assert numbers.keys() <= {row[0] for row in rows}, "nothing that was loaded is forgotten"
        for _, load_id, path, content, status in rows:
            if load_id > newest_load and status == "accepted":
                assert lake.get(path) == content, "only what is in the lake is to be read"
        newest_load = max([newest_load, *(row[1] for row in rows)])


# --- the features of one user


# Saturday: four views of a product, Sunday one more, Wednesday a view, a cart and a purchase of another.
SESSIONS = [
    # user, start, seconds, events, views, carts, removes, purchases, products, revenue, since last, new day
    (1, "2019-09-01 10:00:00", 0, 1, 1, 0, 0, 0, 1, 0, None, True),
    (1, "2019-09-07 10:00:00", 60, 4, 4, 0, 0, 0, 1, 0, 518400, True),
    (1, "2019-09-08 10:00:00", 0, 1, 1, 0, 0, 0, 1, 0, 86400, True),
    (1, "2019-09-11 10:00:00", 60, 3, 1, 1, 0, 1, 1, 30, 259200, True),
]
EVENTS = [
    (1, "2019-09-01 10:00:00", "view", 9),
    *[(1, f"2019-09-07 10:00:{second:02d}", "view", 7) for second in (0, 20, 40)],
    (1, "2019-09-07 10:01:00", "view", 7),
    (1, "2019-09-08 10:00:00", "view", 7),
    (1, "2019-09-11 10:00:00", "view", 8),
    (1, "2019-09-11 10:00:30", "cart", 8),
    (1, "2019-09-11 10:01:00", "purchase", 8),
]
# What is usual in the shop: a and b, that is a rate of a / (a + b) with the weight of a + b trials.
PRIORS = {
    "one_event_sessions": (1, 1),
    "cart_rate": (2, 18),
    "ordering_sessions": (0.5, 9.5),
    "abandoned_carts": (1.5, 0.5),
    "removes": (0.099, 98.901),
    "purchase_rate": (0.5, 25),
    "premium_share": (1, 3),
    "top_category": (3, 1),
    "top_brand": (1, 2),
    "unbranded": (1, 3),
    "reviewed_products": (1, 3),
    "weekend": (2, 2),
    "evening": (1, 3),
    "morning": (1, 3),
    "night": (1, 7),
    "family_1": (2, 4),
    "family_2": (0.5, 5),
    "family_3": (0.5, 5),
    "family_4": (0.5, 5),
    "family_5": (0.099, 98.901),
}
# Worked out by hand: three sessions, two gaps of 1 and 3 days, five days of which the first and the last are
# promotion days, eight events of which five on a product of level 0.5 and three on one of level 4.5.
EXPECTED = {
    "sessions_per_week_ln": math.log(3),
    "events_per_session_ln": math.log(8 / 3),
    "session_seconds_ln": 2 * math.log(61) / 3,
    "one_event_sessions_logit": math.log(2 / 3),
    "session_gap_days_ln": math.log(11 / 3),
    "session_gap_cv": 0.75,
    "active_day_share": 4 / 12,
    "cart_rate_logit": math.log(3 / 25),
    "ordering_sessions_logit": math.log(1.5 / 11.5),
    "abandoned_carts_logit": math.log(1.5 / 1.5),
    # a shop that logs no removals: one cart or a hundred without one tell the same
    "removes_logit": math.log(0.001 / 0.999),
    "items_per_order_ln": math.log(5 / 3),
    "view_to_purchase_ln": (math.log(61) + 2 * 6) / 3,
    "purchase_rate_logit": math.log(1.5 / 32),
    "price_level_z": 16 / 10,
    "price_spread_z": math.sqrt(31 / 10),
    "bought_minus_viewed_z": 2.5 / 3,
    "order_value_ln": math.log(30),
    "premium_share_logit": math.log(4 / 8),
    "category_diversity": 37 / 70,
    # the first event of the favourite, and the first view, tell nothing
    "top_category_logit": math.log(7 / 4),
    "top_brand_logit": math.log(5 / 2),
    "unbranded_logit": math.log(4 / 8),
    "reviewed_products_logit": math.log(5 / 4),
    "products_per_session_ln": math.log(3 / 3),
    "family_1_logit": math.log(7 / 7),
    "family_2_logit": math.log(3.5 / 10),
    "family_3_logit": math.log(0.5 / 13),
    "family_4_logit": math.log(0.5 / 13),
    "family_5_logit": math.log(0.001 / 0.999),
    "weekend_logit": math.log(4 / 3),
    "evening_logit": math.log(1 / 6),
    "morning_logit": math.log(4 / 3),
    "night_logit": math.log(1 / 10),
    # two sessions of three on two days of five, both shrunken: (2 + 6/7) / (1 + 8/7) against 3 / 4
    "promo_lift_logit": math.log((20 / 15) / (3 / 4)),
    # no such day while the user was around says nothing about the user
    "payday_logit": 0,
    "gift_season_logit": 0,
}


def features(
    statements,
    sessions: Iterable[tuple],
    events: Iterable[tuple],
    promotion_days: Iterable[int] = (7, 11),
    priors: dict[str, tuple[float, float]] = PRIORS,
) -> dict[int, dict[str, float]]:
    """Return the features of each user as of 11 September 2019, a minute past ten, looking back ten days."""
    connection = duckdb.connect()
    connection.execute(
        """
        attach ':memory:' as warehouse;
        create schema warehouse.core;
        create table windows as select
            1 as user_sk,
            timestamp '2019-09-11 10:01:00' as ends_at;
        create table sessions (
            user_sk bigint, started_at timestamp, duration_seconds bigint, n_events bigint, n_views bigint,
            n_carts bigint, n_removes bigint, n_purchases bigint, n_products bigint, revenue decimal(18, 4),
            seconds_since_previous bigint, is_first_of_day boolean
        );
        create table events (user_sk bigint, event_at timestamp, event_type varchar, product_id bigint);
        create table warehouse.core.product_taxonomy as from (values
            (7, 'beds', 1, 'b', 0.5e0, 'middle'), (8, 'apples', 2, null, 4.5e0, 'premium'),
            (9, 'chairs', 3, 'c', 99e0, 'premium')
        ) as products (product_id, category_family, family_rank, brand, price_z, price_tier);
        create table warehouse.core.shop_priors as
            select 2e0 as items_per_order, 30e0 as order_value, 6e0 as mean_ln_latency;
        create table warehouse.core.feature_priors (
            share_name varchar, prior_rate double, prior_strength double
        );
        create table warehouse.core.calendar (
            calendar_date date, is_promo integer, n_promo_days_so_far integer, is_payday integer,
            n_payday_days_so_far integer, is_gift integer, n_gift_days_so_far integer
        );
        """
    )
    so_far = 0
    for n in range(1, 31):
        so_far += n in promotion_days
        insert(
            connection,
            "warehouse.core.calendar",
            [(date(2019, 9, n), n in promotion_days, so_far, 0, 0, 0, 0)],
        )
    insert(
        connection,
        "warehouse.core.feature_priors",
        [(share, a / (a + b), a + b) for share, (a, b) in priors.items()],
    )
    insert(connection, "sessions", sessions)
    insert(connection, "events", events)
    found = connection.sql(statements["features"])
    return {row[0]: dict(zip(found.columns[1:], row[1:], strict=True)) for row in found.fetchall()}


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[tuple]) -> None:
    rows = list(rows)
    marks = ", ".join("?" * len(rows[0]))
    connection.executemany(f"insert into {table} values ({marks})", rows)


def test_features_are_what_a_hand_works_out(statements):
    assert features(statements, SESSIONS, EVENTS)[1] == pytest.approx(EXPECTED, abs=1e-8)


def test_features_do_not_depend_on_the_order_of_rows(statements):
    assert features(statements, SESSIONS[::-1], EVENTS[::-1]) == features(statements, SESSIONS, EVENTS)


def test_features_of_a_single_view(statements):
    (single,) = features(statements, [SESSIONS[2]], [EVENTS[5]]).values()
    assert single["session_gap_cv"] == 1
    assert single["session_gap_days_ln"] == pytest.approx(math.log(7))
    assert single["category_diversity"] == pytest.approx(1.5 / 3)
    assert single["bought_minus_viewed_z"] == 0
    assert single["order_value_ln"] == pytest.approx(math.log(30)), "the prior, not zero"
    assert single["items_per_order_ln"] == pytest.approx(math.log(2)), "the prior, not zero"
    assert single["view_to_purchase_ln"] == 6, "the prior, not zero"


def test_visits_on_promotion_days_raise_the_lift_and_others_lower_it(statements):
    shifted = [SESSIONS[1], SESSIONS[3], *[(1, "2019-09-11 12:00:00", *SESSIONS[2][2:-1], False)] * 3]
    more = features(statements, shifted, EVENTS)[1]["promo_lift_logit"]
    shifted = [*SESSIONS[1:], *[(1, "2019-09-08 12:00:00", *SESSIONS[2][2:-1], False)] * 3]
    less = features(statements, shifted, EVENTS)[1]["promo_lift_logit"]
    assert less < EXPECTED["promo_lift_logit"] < more


@pytest.mark.parametrize(
    ("clock", "share"),
    [
        ("05:59:59", "night"),
        ("06:00:00", "morning"),
        ("10:59:59", "morning"),
        ("11:00:00", None),
        ("17:59:59", None),
        ("18:00:00", "evening"),
        ("22:59:59", "evening"),
        ("23:00:00", "night"),
        ("00:00:00", "night"),
    ],
)
def test_each_hour_is_in_one_part_of_the_day(statements, clock, share):
    (found,) = features(statements, [(1, f"2019-09-10 {clock}", *SESSIONS[2][2:])], [EVENTS[5]]).values()
    for part in ("morning", "evening", "night"):
        a, b = PRIORS[part]
        expected = math.log((a + 1) / b) if part == share else math.log(a / (b + 1))
        assert found[f"{part}_logit"] == pytest.approx(expected), part


def test_a_purchase_in_the_second_of_the_view_took_no_time(statements):
    at = "2019-09-11 10:00:00"
    together = [(1, at, "view", 8), (1, at, "purchase", 8)]
    found = features(statements, [SESSIONS[3]], together)[1]["view_to_purchase_ln"]
    assert found == pytest.approx((math.log(1) + 2 * 6) / 3)
    before = [(1, "2019-09-11 10:00:01", "view", 8), (1, at, "purchase", 8)]
    assert features(statements, [SESSIONS[3]], before)[1]["view_to_purchase_ln"] == 6, "no view led to it"


def test_where_every_day_is_of_the_season_it_says_nothing(statements):
    every_day = features(statements, SESSIONS, EVENTS, promotion_days=range(1, 31))
    assert every_day[1]["promo_lift_logit"] == 0
    all_but_one = features(statements, SESSIONS, EVENTS, promotion_days=set(range(1, 31)) - {9})
    assert all_but_one[1]["promo_lift_logit"] != 0


def test_a_share_that_the_shop_does_not_know_says_nothing_until_it_occurs(statements):
    """Without that, the logit of nothing out of n would tell n, and nothing else."""
    busy = [(1, f"2019-09-{day:02d} 10:00:00", *SESSIONS[3][2:]) for day in (4, 5, 6, 11)]
    unbranded = PRIORS | {"unbranded": (98.901, 0.099)}
    for sessions in ([SESSIONS[3]], busy):
        (found,) = features(statements, sessions, EVENTS[6:], priors=unbranded).values()
        assert found["removes_logit"] == pytest.approx(math.log(0.001 / 0.999))
        assert found["unbranded_logit"] == pytest.approx(math.log(0.999 / 0.001)), "all of them are"
    (found,) = features(statements, [SESSIONS[3]], EVENTS, priors=unbranded).values()
    assert found["unbranded_logit"] == pytest.approx(math.log((3 + 98.901) / (5 + 0.099)))
    removing = (*SESSIONS[3][:6], 1, *SESSIONS[3][7:])
    (found,) = features(statements, [removing], EVENTS).values()
    assert found["removes_logit"] == pytest.approx(math.log(1.099 / (1 + 98.901)))


def test_a_strong_prior_lets_few_trials_say_little(statements):
    def abandoned(n: int, strength: float) -> float:
        sessions = [
            (1, f"2019-09-{day:02d} 10:00:00", *SESSIONS[3][2:7], 0, 1, 0, *SESSIONS[3][10:])
            for day in range(11, 11 - n, -1)
        ]
        priors = PRIORS | {"abandoned_carts": (0.6 * strength, 0.4 * strength)}
        return features(statements, sessions, EVENTS, priors=priors)[1]["abandoned_carts_logit"]

    usual = math.log(0.6 / 0.4)
    assert usual < abandoned(1, 99) < abandoned(1, 1)
    assert abandoned(1, 99) < abandoned(5, 99)


def test_docs_say_what_each_share_is_drawn_towards(statements):
    listed = yaml.safe_load((ROOT / "models/customers/user_features.yml").read_text())
    said = {column["name"]: column["description"] for column in listed["models"][0]["columns"]}
    shares = json.loads(statements["shares"])
    assert shares.keys() == PRIORS.keys()
    for share, of in shares.items():
        text = said[f"{share}_logit"]
        assert f"L({share})" in text and f"fallback a = {of['a']}, b = {of['b']}" in text
    # the catalog's column, in the bytes that Redshift counts
    assert max(len(text.encode()) for text in said.values()) <= 512


# --- keys and the calendar


@pytest.mark.parametrize("user_id", [0, 1, 500000001, 2**63 - 1])
def test_user_keys_are_those_of_python(statements, user_id):
    key = sql_with_keys(statements["user_key"], f"{user_id} as user_id")
    assert key == keys.user_key(str(user_id), MATERIAL)
    assert sql_with_keys(statements["user_sk"], f"'{key}' as user_key") == keys.user_sk(key)


@pytest.mark.parametrize("session", ["26dd6e6e-4dac-4778-8d2c-92e149dab885", "é", ""])
def test_session_keys_are_those_of_python(statements, session):
    found = sql_with_keys(statements["session_sk"], f"'{session}' as user_session")
    assert found == keys.session_sk(session, MATERIAL)


@pytest.mark.parametrize(("user_id", "user_key", "user_sk"), golden.USERS)
def test_golden_users(statements, user_id, user_key, user_sk):
    material = keys.derive(golden.SECRET)
    assert sql_with_keys(statements["user_key"], f"{user_id} as user_id", material) == user_key
    assert sql_with_keys(statements["user_sk"], f"'{user_key}' as user_key", material) == user_sk


@pytest.mark.parametrize(("user_session", "session_sk"), golden.SESSIONS)
def test_golden_sessions(statements, user_session, session_sk):
    given = f"'{user_session}' as user_session"
    assert sql_with_keys(statements["session_sk"], given, keys.derive(golden.SECRET)) == session_sk


def test_a_rotated_ring_lays_its_mask_over_session_keys(statements):
    found = sql_with_keys(statements["session_sk"], "'a session' as user_session", session_mask=2**59 + 5)
    assert found == keys.session_sk("a session", MATERIAL) ^ (2**59 + 5)


@pytest.mark.parametrize(("user_id", "erased_hash"), golden.TOMBSTONES)
def test_golden_tombstones(statements, user_id, erased_hash):
    ring = golden.RING
    found = sql_with_keys(
        statements["erased_hash"],
        f"{user_id} as user_id",
        erased_inner=ring["erased_inner"],
        erased_outer=ring["erased_outer"],
    )
    assert found == erased_hash


def sql_with_keys(
    expression: str, given: str, material: keys.KeyMaterial = MATERIAL, **of_ring: str | int
) -> object:
    """Return the value of an expression as the build would have it, in the first epoch unless told."""
    connection = duckdb.connect()
    values = asdict(material) | {"session_mask": 0} | of_ring
    connection.execute("set variable clientele_keys = $values", {"values": values})
    return connection.execute(f"select {expression} from (select {given})").fetchall()[0][0]


def test_calendar_knows_every_day_and_its_seasons(statements):
    with open(ROOT / "seeds/shop_calendar.csv", encoding="utf-8") as file:
        seasons = {(int(row["month"]), int(row["day"]), row["season"]) for row in csv.DictReader(file)}
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as warehouse; create schema warehouse.core")
    connection.execute(
        "create table warehouse.core.shop_calendar (month integer, day integer, season varchar)"
    )
    insert(connection, "warehouse.core.shop_calendar", sorted(seasons))
    expected, so_far = [], [0, 0, 0]
    for number in range((date(2041, 1, 1) - date(1990, 1, 1)).days):
        today = date(1990, 1, 1) + timedelta(number)
        marks = [
            int((today.month, today.day, "promo") in seasons),
            int(today.day >= 25 or today.day <= 3),
            int((today.month, today.day, "gift") in seasons),
        ]
        so_far = [total + mark for total, mark in zip(so_far, marks, strict=True)]
        expected.append((today, *(value for pair in zip(marks, so_far, strict=True) for value in pair)))
    columns = ", ".join(
        ["calendar_date", *(f"is_{s}, n_{s}_days_so_far" for s in ("promo", "payday", "gift"))]
    )
    found = connection.execute(
        f"select {columns} from ({statements['calendar']}) order by calendar_date"
    ).fetchall()
    assert found == expected


# --- statistics of features


def people(connection: duckdb.DuckDBPyConnection, place: str, n_users: int) -> None:
    """Make users with a persona, with an order or without, and with random features."""
    values = ", ".join(f"hash(user_sk, '{name}') / 1e18 as {name}" for name in EXPECTED)
    connection.execute(
        f"""
        attach '{place}' as warehouse;
        create schema warehouse.core;
        create table warehouse.core.persona_scores as
            select range as user_sk, cast(range % 3 + 1 as integer) as segment_id from range({n_users});
        create table warehouse.core.user_feature_values as
            select user_sk, user_sk % 2 as n_orders, user_sk % 5 as n_carts, {values}
            from warehouse.core.persona_scores;
        """
    )


def test_statistics_of_features_need_memory_for_a_few_of_them(statements, tmp_path):
    """With room for all medians at once there would be no limit to it: so there is not, here."""
    with duckdb.connect(config={"memory_limit": "180MB", "threads": 2}) as connection:
        connection.execute(f"set temp_directory = '{tmp_path}'")
        people(connection, tmp_path / "warehouse.duckdb", 400_000)
        connection.execute(statements["feature_statistics"])
        found = connection.table("feature_statistics").df()
        table = connection.table("warehouse.core.user_feature_values").df()
    assert len(found) == 4 * len(EXPECTED)
    everybody = found[found["segment_id"].isna()].set_index("feature")
    personas = found.dropna(subset="segment_id").set_index(["feature", "segment_id"])
    compared = {"buyers": table[table["n_orders"] > 0], "carters": table[table["n_carts"] > 0]}
    bases = {
        "carters": {"abandoned_carts_logit"},
        "buyers": {"items_per_order_ln", "view_to_purchase_ln", "bought_minus_viewed_z", "order_value_ln"},
    }
    for name in EXPECTED:
        of = next((compared[basis] for basis, names in bases.items() if name in names), table)
        assert personas.loc[name]["n_users"].sum() == len(of)
        quartiles = everybody.loc[name, ["lower_quartile", "median_value", "upper_quartile"]]
        assert list(quartiles) == pytest.approx(list(of[name].quantile([0.25, 0.5, 0.75])))
        first = of[of["user_sk"] % 3 == 0][name]
        assert personas.loc[(name, 1), "median_value"] == pytest.approx(first.median())
        assert personas.loc[(name, 1), "sum_squared"] == pytest.approx((first**2).sum())


def test_statistics_are_kept_only_while_nobody_has_changed(statements):
    with duckdb.connect() as connection:
        people(connection, ":memory:", 1000)
        seen = [connection.sql(statements["fingerprint"]).fetchall()]
        changes = {
            "persona_scores": ["segment_id = segment_id % 3 + 1", "user_sk = -1"],
            "user_feature_values": [
                "n_orders = 7",
                "n_carts = 7",
                *(f"{name} = {name} + 1e-9" for name in EXPECTED),
            ],
        }
        for table, changed in changes.items():
            for change in changed:
                connection.execute("begin")
                connection.execute(f"update warehouse.core.{table} set {change} where user_sk = 77")
                seen.append(connection.sql(statements["fingerprint"]).fetchall())
                connection.execute("rollback")
        connection.execute("create table other as from warehouse.core.persona_scores order by hash(user_sk)")
        connection.execute("create or replace table warehouse.core.persona_scores as from other")
        assert connection.sql(statements["fingerprint"]).fetchall() == seen[0]
    assert len({str(fingerprint) for fingerprint in seen}) == len(seen)


# --- what the generic test finds

SOUND = [(1, 1, 7, 1, "view"), (1, 2, 8, 1, None), (2, 1, 7, 0, "cart"), (2, 2, None, 0, "view")]
EXPRESSION = "d >= 0 and e != 'it''s'"


@pytest.mark.parametrize(
    ("more", "broken"),
    [
        pytest.param([], {EXPRESSION: 1}, id="an unknown expression is no true one"),
        pytest.param([(3, 1, 9, -1, "view"), (3, 2, 9, -2, "view")], {EXPRESSION: 3}, id="false"),
        pytest.param([(None, 1, 9, 0, "view")], {"a is not null": 1, EXPRESSION: 1}, id="empty"),
        pytest.param(
            [(3, 1, 9, 0, "shout")], {"e is one of the event types": 1, EXPRESSION: 1}, id="a code of no list"
        ),
        pytest.param([SOUND[0]] * 2, {"a, b is unique": 2, "c is unique": 2, EXPRESSION: 1}, id="twice more"),
        pytest.param([(3, 1, 8, 1, "view")], {"c is unique": 1, EXPRESSION: 1}, id="a key of some rows"),
    ],
)
def test_valid_rows_says_what_is_broken_and_how_often(statements, more, broken):
    with duckdb.connect() as connection:
        connection.execute("create table tested (a integer, b integer, c integer, d integer, e varchar)")
        assert connection.sql(statements["valid_rows"]).fetchall() == []
        insert(connection, "tested", [*SOUND, *more])
        found = dict(connection.sql(statements["valid_rows"]).fetchall())
    assert found == broken


@pytest.mark.parametrize("value", ["null", "'nan'", "'inf'", "'-inf'", "1000"])
def test_a_feature_without_a_finite_value_is_found(statements, value):
    with duckdb.connect() as connection:
        people(connection, ":memory:", 100)
        assert connection.sql(statements["features_are_finite"]).fetchall() == []
        for name in EXPECTED:
            connection.execute("begin")
            connection.execute(
                f"update warehouse.core.user_feature_values set {name} = {value} where user_sk = 7"
            )
            broken = connection.sql(statements["features_are_finite"]).fetchall()
            assert broken == [(f"abs({name}) < 1000", 1)]
            connection.execute("rollback")
