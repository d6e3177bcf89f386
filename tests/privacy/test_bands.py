"""Weeks, bands and shared habits: what a published row says of one customer, by the SQL that dbt renders."""

from __future__ import annotations

import random
from datetime import date, datetime

import duckdb
import pytest

PAPERS = False
TOGETHER = "['family', 'brand', 'level', 'week']"
ASKED = {
    "week": "{{ clientele.week_of('moment') }}",
    "days": "{{ clientele.weeks_of_days('n') }}",
    "band": "{{ clientele.revenue_band('amount', 'usual') }}",
    "count": "{{ clientele.significant('n') }}",
    "shared": "{{ clientele.shared_only('customers', ['user_key', 'family', 'brand', 'level', 'week'], "
    f"{TOGETHER}, ['brand', 'family', 'level']) }}}}",
}


@pytest.fixture(scope="module")
def sql(new_house) -> dict[str, str]:
    """Return the rendered macros, by name."""
    inline = "\n--part\n".join(ASKED.values())
    ran = new_house().run("--inline", inline, command=("compile",))
    assert ran.succeeded, ran.said[-2000:]
    return dict(zip(ASKED, ran.compiled["inline_query"].split("--part"), strict=True))


def one(expression: str, **values: object) -> object:
    columns = ", ".join(f"${name} as {name}" for name in values)
    return duckdb.execute(f"select {expression} from (select {columns})", values).fetchall()[0][0]


def test_a_week_begins_on_monday(sql):
    for day in (14, 17, 20):
        assert one(sql["week"], moment=datetime(2019, 10, day, 23, 59)) == date(2019, 10, 14)
    assert one(sql["week"], moment=datetime(2019, 10, 21)) == date(2019, 10, 21)
    assert [one(sql["days"], n=n) for n in (0, 6, 7, 13, 100)] == [0, 0, 7, 7, 98]


@pytest.mark.parametrize(
    ("amount", "band"),
    [
        (None, "none"), (0.0, "none"), (0.01, "under 1 order"), (49.99, "under 1 order"),
        (50.0, "1 to 3 orders"), (149.0, "1 to 3 orders"), (150.0, "3 to 10 orders"),
        (499.0, "3 to 10 orders"), (500.0, "over 10 orders"), (1e9, "over 10 orders"),
    ],
)  # fmt: skip
def test_bands_are_counted_in_usual_orders(sql, amount, band):
    assert one(sql["band"], amount=amount, usual=50.0) == band


def test_counts_keep_two_digits(sql):
    known = {
        0: 0,
        7: 7,
        99: 99,
        100: 100,
        104: 100,
        105: 110,
        999: 1000,
        1000: 1000,
        1249: 1200,
        12_345: 12_000,
    }
    assert {n: one(sql["count"], n=n) for n in known} == known


def test_no_habit_singles_a_customer_out(sql):
    chance = random.Random(3)
    rows = [
        (
            str(n),
            chance.choice("abc"),
            chance.choice([*"stuvwxyz", None]),
            chance.randrange(3),
            date(2019, 10, 7),
        )
        for n in range(300)
    ] + [("rare", "d", "z", 1, date(2019, 10, 7)), ("alone", "a", "s", 1, date(2018, 1, 1))]
    with duckdb.connect() as connection:
        connection.execute(
            "create table customers (user_key text, family text, brand text, level integer, week date)"
        )
        connection.executemany("insert into customers values (?, ?, ?, ?, ?)", rows)
        found = connection.execute(sql["shared"]).fetchall()
    before = {row[0]: row for row in rows}
    assert len(found) == len(rows)
    for row in found:
        assert all(value in (None, held) for value, held in zip(row, before[row[0]], strict=True))
    groups: dict[tuple, int] = {}
    for row in found:
        groups[row[1:]] = groups.get(row[1:], 0) + 1
    alone = [row for row in found if groups[row[1:]] < 5]
    assert {row[1:] for row in alone} <= {(None, None, None, row[4]) for row in rows} and len(alone) <= 2
    assert sum(row[2] is not None for row in found) > 100 and all(row[4] for row in found)
    assert dict((row[0], row[1:3]) for row in found)["rare"] == (None, None)
