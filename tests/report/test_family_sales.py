"""What is bought of which family, worked out again from the events."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from support import House

SMALLEST, STEP = 20, 10


def most_revenue(house: House) -> float:
    """Return as much of a customer's revenue as counts in a family: ten usual orders."""
    return 10 * float(house.value("select order_value from core.shop_priors"))


@pytest.fixture(scope="module")
def exact(built_shop: House) -> pd.DataFrame:
    """Return buyers, purchases and revenue by family, of the shop (persona -9) and of each persona."""
    rows = built_shop.rows(
        "select coalesce(segments.segment_id, 0), coalesce(families.category_family, 'unclassified'), "
        "events.user_sk, cast(events.price as double) * coalesce(cast(events.quantity as double), 1) "
        "from core.events as events "
        "inner join core.user_sessions as sessions using (session_sk) "
        "inner join core.product_families as families on events.product_id = families.product_id "
        "inner join core.users as users on events.user_sk = users.user_sk "
        "inner join marts.user_segments as segments on users.user_key = segments.user_key "
        "where events.event_type = 'purchase' and not sessions.is_bot"
    )
    bought = pd.DataFrame(rows, columns=["segment_id", "family", "user_sk", "revenue"])
    both = pd.concat([bought, bought.assign(segment_id=-9)])
    by_buyer = both.groupby(["segment_id", "family", "user_sk"]).revenue.agg(["size", "sum"])
    most = most_revenue(built_shop)
    counted = by_buyer.assign(size=by_buyer["size"].clip(upper=20), sum=by_buyer["sum"].clip(upper=most))
    return counted.groupby(["segment_id", "family"]).agg(
        n_buyers=("size", "size"), n_purchases=("size", "sum"), revenue=("sum", "sum")
    )


@pytest.fixture(scope="module")
def published(built_shop: House) -> pd.DataFrame:
    columns = ["segment_id", "family", "n_buyers", "n_purchases", "revenue"]
    rows = built_shop.rows(
        "select coalesce(segment_id, -9), category_family, n_buyers, n_purchases, revenue "
        "from marts.family_sales"
    )
    return pd.DataFrame(rows, columns=columns).set_index(["segment_id", "family"]).astype(float)


def test_published_figures_are_those_of_the_events_to_a_step(exact, published, built_shop):
    """Of each customer as much as counts, in steps of just that."""
    most = most_revenue(built_shop)
    power = 10 ** math.floor(math.log10(most))
    steps = {"n_purchases": 20, "revenue": next(n * power for n in (1, 2, 5, 10) if n * power >= most)}
    assert len(published) > 5 and (published.index.get_level_values(0) == -9).sum() > 2
    of_them = exact.loc[published.index]
    assert ((published["n_buyers"] - of_them["n_buyers"]).abs() <= STEP / 2).all()
    for column, step in steps.items():
        shown = published[column].dropna()
        assert len(shown) > 5
        assert not (shown % step).any()
        assert ((shown - of_them[column].loc[shown.index]).abs() <= step / 2 + 1e-6).all()


def test_no_small_family_is_there_and_none_follows_from_the_others(exact, published):
    hidden = exact.drop(published.index)
    assert (exact.loc[published.index, "n_buyers"] >= SMALLEST).all() and len(hidden) > 0
    for family in published.loc[-9].index:
        cells = hidden[(hidden.index.get_level_values("family") == family)]
        assert len(cells) == 0 or (len(cells) >= 2 and cells["n_buyers"].sum() >= SMALLEST), cells
