"""Published tables of groups: no small cell, none that can be worked out, no customer seen coming or going.

The statements are those that dbt renders; DuckDB runs them on customers that each test makes up.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycanon import anonymity
from support import WITHOUT_TESTS

PAPERS = False  # no test here reads what dbt writes about its runs
SMALLEST = 20  # the var min_cell_users
STEP = SMALLEST // 2
INLINE = """
{% set figure = {'disclosure': 'figure', 'of': 'n_buyers', 'largest': 'largest_revenue'} %}
{% set columns = {
    'month': {'data_type': 'integer', 'meta': {'disclosure': 'label'}},
    'segment': {'data_type': 'integer', 'meta': {'disclosure': 'label'}},
    'n_users': {'data_type': 'bigint', 'meta': {'disclosure': 'size'}},
    'revenue': {'data_type': 'decimal(18, 4)', 'meta': figure},
    'lift': {'data_type': 'double precision', 'meta': {'disclosure': 'figure'}},
    'lift_low': {'data_type': 'double precision', 'meta': {'disclosure': 'figure', 'like': 'lift'}},
} %}
"""
TOGETHER = INLINE + "{{ clientele.published_cells('cells', keys=['segment'], columns=columns) }}"
BY_MONTH = INLINE + (
    "{{ clientele.published_cells('cells', keys=['segment'], within=['month'], columns=columns) }}"
)
EXACT = "select month, segment, n_users, revenue, lift, lift_low from cells"
NAMES = ["month", "segment", "n_users", "revenue", "lift", "lift_low"]


SUMMARY = ("persona_sizes", "segment_traits", "segment_summary")
BOOKS = "shop_books"
MONTHS, LOG, FUNNELS = "data_months", "activation_log", "persona_funnels"


@pytest.fixture(scope="module")
def rendered(new_house) -> dict[str, object]:
    """Return the rendered statements, by name."""
    house = new_house()

    def compiled(*arguments: str, **settings: object) -> str:
        ran = house.run(*arguments, command=("compile",), **settings)
        assert ran.succeeded, ran.said[-2000:]
        return ran.compiled["inline_query"]

    def summaries(**settings: object) -> dict[str, str]:
        """Return the statements of the summary and of what it reads of customers, in their order."""
        names = (*SUMMARY, BOOKS, MONTHS, LOG, FUNNELS)
        ran = house.run("--select", *names, command=("compile",), **settings)
        assert ran.succeeded, ran.said[-2000:]
        return {name: ran.compiled[name] for name in names}

    def unprotected(manifest) -> None:
        node = manifest.nodes["model.clientele.segment_summary"]
        node.raw_code = node.raw_code.replace("select * from publishable", "select * from persona_summary")

    return {
        "together": compiled("--inline", TOGETHER),
        "by month": compiled("--inline", BY_MONTH),
        "unprotected": compiled("--inline", TOGETHER, variables={"min_cell_users": 0}),
        "segment_summary": summaries(),
        "segment_summary without protection": summaries(change=unprotected),
    }


@dataclass(frozen=True)
class Cell:
    """A group before it is published."""

    month: int
    segment: int
    n_users: int
    n_buyers: int
    revenue: float
    largest_revenue: float
    lift: float = 1.5
    lift_low: float = 1.2


def published(statement: str, cells: list[Cell]) -> dict[tuple[int, int], dict[str, object]]:
    """Run a rendered statement over these cells; return what is published by month and segment."""
    rows = ", ".join(
        f"({cell.month}, {cell.segment}, {cell.n_users}, {cell.n_buyers}, "
        f"{cell.revenue}, {cell.largest_revenue}, {cell.lift}, {cell.lift_low})"
        for cell in cells
    )
    names = "month, segment, n_users, n_buyers, revenue, largest_revenue, lift, lift_low"
    found = duckdb.sql(f"with cells({names}) as (values {rows}) select {', '.join(NAMES)} from ({statement})")
    return {row[:2]: dict(zip(NAMES, row, strict=True)) for row in found.fetchall()}


@st.composite
def tables(draw: Callable) -> list[Cell]:
    cells = []
    for month in range(draw(st.integers(1, 2))):
        for segment in range(draw(st.integers(1, 6))):
            n_users = draw(st.integers(1, 60) | st.integers(1, 5000))
            n_buyers = draw(st.integers(0, n_users))
            largest = draw(st.floats(1, 900)) if n_buyers else 0.0
            revenue = largest + max(n_buyers - 1, 0) * draw(st.floats(0.01, 1)) * largest
            cells.append(Cell(month, segment, n_users, n_buyers, round(revenue, 2), round(largest, 2)))
    return cells


def hidden_safely(hidden: list[int], shown: list[int]) -> bool:
    """Whether nobody who knows the total learns a small count from what is shown."""
    return not hidden or not shown or (len(hidden) >= 2 and sum(hidden) >= SMALLEST)


def is_safe(cells: list[Cell], found: dict[tuple[int, int], dict[str, object]]) -> bool:
    """Whether no count of a small cell is published, or follows from what is."""
    for count, figure in (("n_users", "n_users"), ("n_buyers", "revenue")):
        shown, hidden = [], []
        for cell in cells:
            value = found.get((cell.month, cell.segment), {}).get(figure)
            (hidden if value is None else shown).append(getattr(cell, count))
        if any(number < SMALLEST for number in shown) or not hidden_safely(hidden, shown):
            return False
    return True


@settings(max_examples=40)
@given(cells=tables())
def test_no_small_cell_is_published_or_can_be_worked_out(rendered, cells):
    for statement, months in (("together", [{0, 1}]), ("by month", [{0}, {1}])):
        found = published(rendered[statement], cells)
        for known in months:
            assert is_safe([cell for cell in cells if cell.month in known], found), found


def test_without_the_macro_it_would_be(rendered):
    cells = [Cell(0, 1, 400, 200, 9000, 100), Cell(0, 2, 300, 7, 210, 90), Cell(0, 3, 8, 2, 20, 15)]
    assert not is_safe(cells, published(rendered["unprotected"], cells))
    # Leaving out the small cell alone is not enough: the total gives it away.
    only_the_small_one = published(EXACT, cells[:2])
    assert not is_safe(cells, only_the_small_one)
    assert is_safe(cells, published(rendered["together"], cells))


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        ([500, 400, 300], {1, 2, 3}),
        ([500, 400, 19], {1}),  # the smallest that is large goes as well
        ([500, 19, 18], {1}),  # two small ones hide each other
        ([500, 400, 5, 5], {1}),  # … but not when they are too few together
        ([19, 18], set()),
        ([500, 5], set()),
        ([20, 20], {1, 2}),
    ],
)
def test_which_cells_are_left(rendered, sizes, left):
    cells = [Cell(0, number, size, size, 100.0 * size, 100) for number, size in enumerate(sizes, start=1)]
    assert {segment for _, segment in published(rendered["together"], cells)} == left


def test_a_cell_that_is_left_out_keeps_figures_of_another_count_company(rendered):
    """The second is left out for the third's sake, and its buyers with it: no other has to hide them."""
    cells = [Cell(0, 1, 100, 21, 2100, 100), Cell(0, 2, 25, 22, 2200, 100), Cell(0, 3, 10, 5, 500, 100)]
    found = published(rendered["together"], cells)
    assert found.keys() == {(0, 1)} and found[0, 1]["revenue"] is not None


def test_months_do_not_hide_each_other(rendered):
    cells = [
        Cell(0, 1, 500, 0, 0, 0),
        Cell(0, 2, 5, 0, 0, 0),
        Cell(1, 1, 500, 0, 0, 0),
        Cell(1, 2, 60, 0, 0, 0),
    ]
    assert published(rendered["by month"], cells).keys() == {(1, 1), (1, 2)}


@settings(max_examples=40)
@given(cells=tables())
def test_figures_are_close_and_never_finer_than_their_step(rendered, cells):
    by_key = {(cell.month, cell.segment): cell for cell in cells}
    for key, row in published(rendered["together"], cells).items():
        cell = by_key[key]
        assert row["n_users"] % STEP == 0 and abs(row["n_users"] - cell.n_users) <= STEP / 2
        assert abs(row["lift"] - cell.lift) <= 2.5 * STEP * cell.lift / cell.n_users
        assert row["lift_low"] <= row["lift"]
        if row["revenue"] is not None:
            extent = max(STEP * cell.revenue / cell.n_buyers, cell.largest_revenue)
            # The step is 1, 2 or 5 times a power of ten, so at most two and a half times what it must be.
            assert abs(float(row["revenue"]) - cell.revenue) <= 2.5 * extent / 2 + 1e-6
            assert row["revenue"] == 0 or float(row["revenue"]) >= 0.99 * cell.largest_revenue


# --- two publications, one after the other


CUSTOMERS = """
create schema warehouse.core;
create schema warehouse.marts;
create table warehouse.core.profiling_objections (user_sk bigint);
create table warehouse.core.shop_priors as select 200.0 as order_value;
create table warehouse.core.user_sessions
    (user_sk bigint, n_events bigint, n_purchases bigint, revenue decimal(18, 4), is_bot boolean);
create table warehouse.core.persona_scores as
    select user_sk, segment_id from customers;
create table warehouse.core.user_feature_values as
    select user_sk, n_events, n_orders, cast(revenue as decimal(18, 4)) as revenue,
        timestamp '2020-01-31' as last_event_at
    from customers;
create table warehouse.core.events as
    select user_sk, product_id, timestamp '2020-01-30' as event_at from customers;
create table warehouse.core.product_taxonomy as
    select product_id, 'family ' || product_id as category_family, 'brand ' || product_id as brand
    from (select distinct product_id from customers);
create table warehouse.core.segment_rules (
    segment_id integer, rule_number integer, rule_text varchar, rule_text_fr varchar, coverage double,
    persona_precision double, persona_recall double, tree_accuracy double
);
create table warehouse.core.segment_labels as
    select distinct 'v1' as model_version, segment_id, 'persona' as segment_name, 'groupe' as segment_name_fr,
        cast(null as date) as first_seen_week
    from customers;
"""
COLUMNS = ["user_sk", "segment_id", "n_events", "n_orders", "revenue", "product_id"]


def customers(seed: int = 3, sizes: tuple[int, ...] = (620, 431, 77, 24, 9)) -> pd.DataFrame:
    """Return customers of personas of these sizes; some have bought, each for an amount of its own."""
    chance = random.Random(seed)
    rows = []
    for segment, size in enumerate(sizes, start=1):
        for _ in range(size):
            orders = chance.choice([0, 0, 1, 2, 3])
            revenue = round(sum(chance.uniform(5, 400) for _ in range(orders)), 2)
            rows.append(
                (len(rows) * 10**14, segment, 20 + chance.randrange(200), orders, revenue, segment % 3)
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(statements: dict[str, str], customers: pd.DataFrame, n_objectors: int = 0) -> pd.DataFrame:
    """Return marts.segment_summary as it would be with these customers, and others who object."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.register("customers", customers)
        connection.execute(CUSTOMERS)
        for user_sk in range(-n_objectors, 0):
            connection.execute("insert into warehouse.core.profiling_objections values ($1)", [user_sk])
            connection.execute(
                "insert into warehouse.core.user_sessions values ($1, 9, 1, 4321.09, false)", [user_sk]
            )
        for name, schema in {"persona_sizes": "core", "segment_traits": "marts"}.items():
            connection.execute(f"create table warehouse.{schema}.{name} as {statements[name]}")
        return connection.sql(statements["segment_summary"]).df().set_index("segment_id").sort_index()


ONE_CUSTOMER = {
    "comes": lambda everybody: pd.concat(
        [everybody, pd.DataFrame([(7, 1, 33, 2, 345.67, 1)], columns=COLUMNS)], ignore_index=True
    ),
    "leaves": lambda everybody: everybody.drop(index=int(everybody.query("segment_id == 2").index[-1])),
    "buys": lambda everybody: everybody.assign(
        revenue=everybody.revenue + 123.45 * (everybody.index == 100),
        n_orders=everybody.n_orders + (everybody.index == 100),
    ),
    "moves to another persona": lambda everybody: everybody.assign(
        segment_id=everybody.segment_id.where(everybody.index != 5, 2)
    ),
}


def seen(before: pd.DataFrame, after: pd.DataFrame) -> set[str]:
    """Return the columns in which somebody who has both publications sees the customer.

    A count that moved by less than a step, and an amount that moved by less than any customer's own could be
    hidden in, are seen. So is any change in the cells that are published at all.
    """
    found = set()
    if not before.index.equals(after.index):
        found.add("cells")
    for column in ("n_users", "n_orders", "revenue"):
        moved = (after[column] - before[column]).dropna().abs()
        smallest = {"n_users": STEP, "n_orders": STEP, "revenue": 500}[column]
        if ((moved > 0) & (moved < smallest)).any():
            found.add(column)
    return found


@pytest.mark.parametrize("event", ONE_CUSTOMER)
def test_one_customer_is_not_seen_between_two_publications(rendered, event):
    before = customers()
    after = ONE_CUSTOMER[event](before)
    first, second = (summary(rendered["segment_summary"], people) for people in (before, after))
    assert list(first.index) == [1, 2, 3], "a persona of 9 is left out, and the one of 24 with it"
    assert not seen(first, second)
    # The same attack on exact figures finds the customer.
    exact = [summary(rendered["segment_summary without protection"], people) for people in (before, after)]
    assert seen(*exact)


def test_who_objects_takes_no_persona_out_of_the_summary(rendered):
    """Few who object are not shown, enough are; the personas stay, and their sums tell nothing of one."""
    everybody = customers(sizes=(620, 431, 77))
    found = {
        n_objectors: summary(rendered["segment_summary"], everybody, n_objectors)
        for n_objectors in (0, 1, SMALLEST - 1, SMALLEST)
    }
    assert {n: list(rows.index) for n, rows in found.items()} == {
        0: [1, 2, 3],
        1: [1, 2, 3],
        SMALLEST - 1: [1, 2, 3],
        SMALLEST: [-1, 1, 2, 3],
    }
    for column, step in (("user_share", 10 / len(everybody)), ("revenue_share", 0.02)):
        told = [1 - float(found[n][column].sum()) for n in (0, 1)]
        assert abs(told[1] - told[0]) <= step + 1e-9, (column, told)


def removals(everybody: pd.DataFrame) -> dict[str, list[int]]:
    """Return of each persona that is published the greatest and the smallest spender, and ten others."""
    chance = random.Random(5)
    found: dict[str, list[int]] = {"greatest": [], "smallest": [], "random": []}
    for segment in (1, 2, 3):
        buyers = everybody[(everybody.segment_id == segment) & (everybody.revenue > 0)].sort_values("revenue")
        found["smallest"].append(buyers.index[0])
        found["greatest"].append(buyers.index[-1])
        found["random"] += chance.sample(list(buyers.index[1:-1]), 10)
    return found


def test_the_greatest_spender_leaves_like_anybody_else(rendered):
    """Over four publications: with the customer, without, with, and without, each some customers later.

    Sums are multiples of a step that hangs on nobody, and never move by more than one of it.
    """
    everybody = customers()
    everybody.loc[everybody[everybody.segment_id == 1].index[7], ["revenue", "n_orders"]] = [98_765.43, 300]
    steps = {"revenue": 5000, "n_orders": 50}  # 25 orders of 200 each; 25 orders, in steps of 50
    for kind, indices in removals(everybody).items():
        for index in indices:
            published = [
                summary(rendered["segment_summary"], people)
                for people in (everybody, everybody.drop(index=index), everybody, everybody.drop(index=index))
            ]
            for before, after in itertools.pairwise(published):
                assert before.index.equals(after.index)
                for column, step in steps.items():
                    values = after[column].dropna().astype(float)
                    assert len(values) and not (values % step).any(), (kind, column)
                    changes = ((after[column] - before[column]).dropna().astype(float) / step).round(6)
                    assert changes.abs().max() <= 1, (kind, column)


def books(statement: str, lines: list[int], n_erased: int) -> dict[str, int]:
    """Return marts.shop_books of customers with so many lines each, when so many lines were erased."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; create schema warehouse.core")
        connection.execute("create schema warehouse.monitor")
        connection.execute(
            "create table warehouse.core.user_sessions as select row_number() over () as user_sk, n_events, "
            "false as is_bot from (select unnest($1::bigint[]) as n_events)",
            [lines],
        )
        connection.execute("insert into warehouse.core.user_sessions values (0, 10000000, true)")
        connection.execute(
            "create table warehouse.core.as_of as "
            "select date '2020-01-01' as first_date, timestamp '2020-02-01' as as_of_at"
        )
        connection.execute(
            f"create table warehouse.monitor.reconciliation as select {sum(lines)} as n_loaded, "
            f"7 as n_duplicates, 3 as n_quarantined, 1 as n_headers, 0 as n_blank, {n_erased} as n_erased, "
            "0 as n_expired, 2 as n_refunds"
        )
        return dict(connection.execute(f"select line_kind, n_lines from ({statement})").fetchall())


def test_the_books_do_not_tell_how_many_lines_an_erased_customer_had(rendered):
    """Whoever is erased: both sums stay, or move by one step that is no less than what anybody has."""
    statement = rendered["segment_summary"][BOOKS]
    chance = random.Random(8)
    lines = [chance.randrange(1, 400) for _ in range(900)]
    before = books(statement, lines, 0)
    assert before["loaded"] > 0.9 * sum(lines) and before["headers"] == 1
    for gone in (max(lines), min(lines), *chance.sample(lines, 10)):
        rest = list(lines)
        rest.remove(gone)
        after = books(statement, rest, gone)
        moved = {abs(after[kind] - before[kind]) for kind in before}
        assert not [size for size in moved if 0 < size < max(lines)], (gone, before, after)


def test_a_step_of_the_books_is_no_less_than_what_anybody_has(rendered):
    """Ten customers have 2,168 lines, which would be steps of 5,000; one has 7,000."""
    lines = [7000, *[209] * 900]
    assert books(rendered["segment_summary"][BOOKS], lines, 0)["loaded"] == 200_000  # of 195,100


SESSIONS = ["user_sk", "n_views", "n_carts", "n_removes", "n_purchases"]
Counts = tuple[int, int, int, int]
ROBOTS = ((9000, 0, 0, 0),)


def visits(everybody: list[Counts], robots: tuple[Counts, ...]) -> str:
    """Return a query for core.user_sessions: a visit of each customer, those of robots last."""
    rows = ", ".join(
        str((number, *map(int, counts), number > len(everybody)))
        for number, counts in enumerate([*everybody, *robots], 1)
    )
    return (
        "select *, n_views + n_carts + n_removes + n_purchases as n_events, "
        "timestamp '2019-10-05 10:00:00' as started_at "
        f"from (values {rows}) as visits({', '.join(SESSIONS)}, is_bot)"
    )


def month(
    statement: str, everybody: list[Counts], n_new: int, robots: tuple[Counts, ...] = ROBOTS
) -> dict[str, object]:
    """Return the row of marts.data_months of a month in which each customer came once and did so much."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.core; create schema warehouse.monitor")
        connection.execute(f"create table warehouse.core.user_sessions as {visits(everybody, robots)}")
        connection.execute(
            "create table warehouse.core.described_customers as select date '2019-10-01' as month_date, "
            "user_sk, n_events, n_views as n_view, n_carts as n_cart, n_removes as n_remove_from_cart, "
            "n_purchases as n_purchase, 0 as n_without_category_code, n_events as n_without_brand, "
            "0 as n_without_session, 0 as n_without_price from warehouse.core.user_sessions"
        )
        connection.execute(
            "create table warehouse.core.customer_months as select date '2019-10-01' as month_date, user_sk, "
            "1 as n_sessions from warehouse.core.user_sessions where not is_bot"
        )
        # a product of everybody's, and one that the last customer alone met, and each robot
        connection.execute(
            "create table warehouse.core.described_products as select date '2019-10-01' as month_date, * "
            f"from (values (1, 'a', {len(everybody)}, 9.0), (2, 'a', 1, null)) "
            "as products(product_id, family, n_users, shared_price)"
        )
        connection.execute(
            "create table warehouse.core.described_values as select date '2019-10-01' as month_date, "
            f"'brand' as attribute, 'b' as value_text, {len(everybody)} as n_users"
        )
        connection.execute(
            "create table warehouse.monitor.data_profile_days as select date '2019-10-01' as month_date, "
            "date '2019-10-05' as event_date"
        )
        connection.execute(
            "create table warehouse.monitor.data_profile_months as select date '2019-10-01' as month_date, "
            f"count(*) as n_users, {n_new} as n_new_users, count(*) - {n_new} as n_known_users "
            "from warehouse.core.user_sessions where not is_bot"
        )
        return connection.sql(f"from ({statement})").df().iloc[0].to_dict()


def test_a_month_does_not_tell_what_one_customer_took_out_of_a_cart(rendered):
    """Whoever leaves, a robot too: each count of events stays, or moves by the step that it always has."""
    statement = rendered["segment_summary"][MONTHS]
    chance = random.Random(4)
    everybody = [(chance.randrange(1, 9), 2 * (n % 3 == 0), n % 4 == 0, n % 5 == 0) for n in range(600)]
    everybody[100:103] = [(700, 141, 121, 107), (299, 40, 20, 7), (290, 40, 20, 6)]
    before = month(statement, everybody, 300)
    steps = {"n_events": 500, "n_view": 500, "n_cart": 100, "n_remove_from_cart": 100, "n_purchase": 100}
    leavers = (100, 101, 300, 599)
    shops = [([*everybody[:gone], *everybody[gone + 1 :]], ROBOTS) for gone in leavers]
    for others, robots in [*shops, (everybody, ())]:
        after = month(statement, others, 300, robots)
        for name, step in steps.items():
            assert before[name] > 0 and before[name] % step == after[name] % step == 0, name
            assert abs(after[name] - before[name]) in (0, step), (name, before[name], after[name])
        same = [
            "n_products",
            "highest_price",
            "n_brands_new",
            "n_brands_vanished",
            "n_days",
            "n_days_missing",
        ]
        assert {name: before[name] for name in same} == {name: after[name] for name in same}
        assert pd.isna(before["n_bot_sessions"]) and pd.isna(after["n_bot_sessions"])


def test_a_month_speaks_of_no_few_customers(rendered):
    """Of 600 customers three bought and five came for the first time."""
    everybody = [(5, 1, 1, n < 3) for n in range(600)]
    found = month(rendered["segment_summary"][MONTHS], everybody, 5)
    hidden = {name for name, value in found.items() if pd.isna(value)}
    assert hidden == {"n_purchase", "n_new_users", "n_bot_sessions"}
    assert found["n_known_users"] == 600 and found["n_cart"] == 600


def test_the_log_of_exports_does_not_count_one_customer_who_left(rendered):
    """What is sent after an erasure is about that customer: the log says about how many are there."""
    exports = [(1, 190, 0, 190), (2, 0, 1, 189), (3, 25, 40, 174), (4, 3, 1, 5)]
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as vault; create schema vault.vault")
        connection.execute(
            "create table vault.vault.exports as select *, 'crm' as destination, 'loyal' as audience, "
            "'a mail' as purpose, date '2020-01-01' as as_of_date, now() as started_at, now() as ended_at, "
            "'acknowledged' as status, '' as reason from (values "
            f"{', '.join(map(str, exports))}) as sent(export_number, n_added, n_removed, n_members)"
        )
        found = connection.execute(
            "select export_number, n_added, n_removed, n_members from "
            f"({rendered['segment_summary'][LOG]}) order by 1"
        ).fetchall()
    assert found == [(1, 190, None, 190), (2, None, None, 190), (3, 30, 40, 170)]


def test_a_funnel_does_not_tell_how_often_one_customer_came(rendered):
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.core; create schema warehouse.marts")
        connection.execute(
            "create table warehouse.core.users as "
            "select i as user_sk, cast(i as varchar) as user_key from range(300) as r(i)"
        )
        connection.execute(
            "create table warehouse.marts.user_segments as select user_key, 1 as segment_id, "
            "'a' as segment_name, 'a' as segment_name_fr from warehouse.core.users"
        )

        def published(n_visits_of_most: int) -> dict[str, object]:
            connection.execute(
                "create or replace table warehouse.core.user_sessions as select user_sk, 1 as n_carts, "
                "1 as n_purchases, false as is_bot from warehouse.core.users, range(case user_sk when 0 then "
                f"{n_visits_of_most} when 1 then 80 else 2 end)"
            )
            statement = rendered["segment_summary"][FUNNELS]
            return connection.sql(f"from ({statement})").df().iloc[0].to_dict()

        before, after = published(90), published(0)
    for name in ("n_sessions", "n_cart_sessions", "n_order_sessions"):
        assert abs(before[name] - after[name]) in (0, 50), (name, before[name], after[name])


def test_a_step_may_come_from_any_number_of_customers_below_the_smallest_cell(rendered):
    """Whatever moves a count by one step: somebody who sees it learns next to nothing of how many did."""
    sizes = {}
    for size in range(30, 60):
        row = published(rendered["together"], [Cell(0, 1, size, 0, 0, 0), Cell(0, 2, 900, 0, 0, 0)])[(0, 1)]
        sizes.setdefault(row["n_users"], []).append(size)
    changes = {after - before for before in sizes[40] for after in sizes[50]}
    assert (min(changes), max(changes)) == (1, SMALLEST - 1)


# --- k and l, judged by a library that knows nothing of this project

pytestmark = pytest.mark.filterwarnings("ignore:In a future version, the keys of `groups`")


def test_published_personas_are_k_anonymous_and_l_diverse(rendered):
    everybody = customers(sizes=(620, 431, 77, 24, 9, 60, 45))
    everybody.loc[everybody.segment_id == 6, "n_orders"] = 1  # all have bought
    everybody.loc[everybody.segment_id == 7, "n_orders"] = 0  # nobody has
    everybody["is_buyer"] = everybody.n_orders > 0
    found = summary(rendered["segment_summary"], everybody)
    in_cells = everybody[everybody.segment_id.isin(found.index)]
    assert anonymity.k_anonymity(in_cells, ["segment_id"]) >= SMALLEST
    with_share = everybody[everybody.segment_id.isin(found.index[found.buyer_share.notna()])]
    assert len(with_share) > 0
    assert anonymity.l_diversity(with_share, ["segment_id"], ["is_buyer"]) >= 2
    buyers = everybody[everybody.segment_id.isin(found.index[found.revenue.notna()]) & everybody.is_buyer]
    assert anonymity.k_anonymity(buyers, ["segment_id"]) >= SMALLEST
    # The library does object to what would be published without protection.
    assert anonymity.k_anonymity(everybody, ["segment_id"]) < SMALLEST
    assert anonymity.l_diversity(everybody, ["segment_id"], ["is_buyer"]) == 1


def test_brands_and_categories_are_named_for_enough_customers_only(rendered):
    everybody = customers(sizes=(300, 200, 100))
    everybody.loc[everybody.index[:15], "product_id"] = 77  # fifteen customers of a brand of their own
    found = summary(rendered["segment_summary"], everybody)
    named = {
        (segment, re.sub(r" \d+ % .*", "", brand))
        for segment, brands in found.top_brands.items()
        for brand in str(brands).split("; ")
    }
    everybody["brand"] = "brand " + everybody.product_id.astype(str)
    in_cells = everybody[[(row.segment_id, row.brand) in named for row in everybody.itertuples()]]
    assert (1, "brand 1") in named and (1, "brand 77") not in named
    assert anonymity.k_anonymity(in_cells, ["segment_id", "brand"]) >= SMALLEST


def test_a_mean_of_chances_has_steps_of_what_one_scored_customer_makes(built_shop, tmp_path):
    """Where one customer of all has a chance the mean is that customer's, and told as 0.5."""
    house = built_shop.copy(tmp_path)
    with house.connection(read_only=False) as connection:
        connection.execute(
            "update core.customer_values set value_score = case when user_sk = "
            "(select min(user_sk) from core.customer_values where value_score is not null) then 0.4 end"
        )
    house.build("--select", "shop_states", *WITHOUT_TESTS)
    assert house.rows("select order_chance from marts.shop_states where dimension = 'all'") == [(0.5,)]
