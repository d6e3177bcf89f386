"""How many customers share what somebody may know of one, over all published tables of a shop with personas.

`make privacy-docs` writes the same figures for a shop of 20,000 users into docs/privacy.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import duckdb
import pytest

from tools import privacy_docs


def test_what_somebody_may_know_of_a_buyer_is_shared(built_shop):
    with built_shop.connection() as connection:
        found = {kind: rest for kind, *rest in privacy_docs.singled_out(connection)}
    assert found.keys() >= privacy_docs.KNOWN.keys()
    for kind, (n_buyers, share, _, bar) in found.items():
        if bar is not None:
            assert n_buyers > 1000 and share >= bar, (kind, share)
    assert sum(bar is not None for *_, bar in found.values()) == 4


def test_habits_are_there_to_be_shared(built_shop):
    """Emptying every habit would pass the test above."""
    rows = built_shop.rows(
        "select count(*), count(favourite_family), count(price_level) from marts.customer_facts "
        "where last_order_week is not null"
    )
    n_buyers, n_families, n_levels = rows[0]
    assert n_families > n_buyers / 3 and n_levels > n_buyers * 2 / 3


@pytest.fixture
def copy(built_shop, tmp_path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the warehouse in which tables may be finer than the rules let them."""
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(built_shop.home / "warehouse.duckdb", path)
    with duckdb.connect(str(path)) as connection:
        yield connection


def sharing(connection: duckdb.DuckDBPyConnection, place: int) -> tuple[float, int, float]:
    """Return of one kind of knowledge the share of buyers who share it, the fewest, and the bar."""
    found = {kind: rest for kind, *rest in privacy_docs.singled_out(connection)}
    _, share, smallest, bar = found[list(privacy_docs.KNOWN)[place]]
    return share, smallest, bar


def test_exact_habits_would_single_out(copy):
    """The measure sees what the rule hides: with the habits that core holds, the bar is missed."""
    copy.execute(
        "update marts.customer_facts set favourite_family = tastes.favourite_family, "
        "favourite_brand = tastes.favourite_brand from core.customer_tastes as tastes "
        "inner join core.users using (user_sk) where users.user_key = customer_facts.user_key"
    )
    share, smallest, bar = sharing(copy, 1)
    assert share < bar and smallest == 1


def test_what_an_order_is_worth_in_tenths_would_single_out(copy):
    """Of who has ordered once it is the revenue; a tenth of its logarithm is finer than a band."""
    copy.execute(
        "create table told as "
        "select features.* replace (round(exact.order_value_ln, 1) as order_value_ln) "
        "from marts.user_features as features inner join core.users using (user_key) "
        "inner join core.user_feature_values as exact using (user_sk)"
    )
    copy.execute("drop view marts.user_features")
    copy.execute("create table marts.user_features as from told")
    share, smallest, bar = sharing(copy, 3)
    told = copy.execute(
        "select count(distinct order_value_ln), count(distinct revenue_band) from marts.user_features"
    ).fetchall()
    assert share < bar and smallest == 1 and told[0][0] > told[0][1]


def test_who_has_ordered_once_is_told_no_finer_than_the_revenue(built_shop):
    """All of a band have the same order value, but for whose one order is older than the window."""
    rows = built_shop.rows(
        "select revenue_band, count(distinct order_value_ln) from marts.user_features "
        "where n_orders = 1 and last_order_week >= last_event_week - interval 70 day group by all"
    )
    assert len(rows) >= 3 and {n for _, n in rows} == {1}
    assert built_shop.value("select count(distinct order_value_ln) from marts.user_features") == 2
