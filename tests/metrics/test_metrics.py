"""Metrics, defined once: dbt has them all, MetricFlow takes them, they say what pandas and the report say."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from asking import Metrics
from dbt.contracts.graph.semantic_manifest import SemanticManifest
from support import ROOT, House, own_manifest

NAMES = {
    *("visitors", "buyers", "sessions", "orders", "revenue", "items", "repeat_buyers", "cart_sessions"),
    *("abandoned_carts", "visitors_with_persona", "days_between_orders", "items_sold", "family_buyers"),
    *("family_revenue", "own_brand_revenue", "active_customers", "new_customers", "returning_customers"),
    *("resurrected_customers", "cohort", "retained_month_1", "retained_month_2", "retained_month_3"),
    *("conversion_by_session", "conversion_by_visitor", "average_order_value", "revenue_per_visitor"),
    *("items_per_order", "cart_rate", "cart_abandonment", "repeat_rate", "persona_share", "own_brand_share"),
    *("retention_month_1", "retention_month_2", "retention_month_3"),
}
MONTH = "metric_time__month"


@pytest.fixture(scope="module")
def manifest() -> str:
    return SemanticManifest(own_manifest())._get_pydantic_semantic_manifest().json()


@pytest.fixture(scope="module")
def shop(built_shop: House, tmp_path_factory):
    """A copy in which the most bought brand is the shop's own."""
    house = built_shop.copy(tmp_path_factory.mktemp("metrics"))
    with house.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.shop_brands (brand) select any_value(taxonomy.brand) from core.events "
            "inner join core.product_taxonomy as taxonomy using (product_id) "
            "where event_type = 'purchase' and taxonomy.brand is not null "
            "group by taxonomy.brand order by count(*) desc, taxonomy.brand limit 1"
        )
    return house


@pytest.fixture(scope="module")
def asked(shop, manifest):
    return Metrics(manifest, shop.connection)


@pytest.fixture(scope="module")
def sessions(shop) -> pd.DataFrame:
    with shop.connection() as connection:
        found = connection.sql("from core.user_sessions where not is_bot").df()
        people = connection.sql(
            "select user_sk, segment_name, value_tier "
            "from marts.user_segments inner join core.users using (user_key)"
        ).df()
    found = found.merge(people, on="user_sk")
    found["month"] = found.started_at.dt.to_period("M").dt.to_timestamp()
    return found.sort_values(["user_sk", "started_at", "session_sk", "session_part"])


def test_dbt_has_every_metric(manifest):
    """A metric in the specification that dbt does not read is passed over without a word."""
    known = json.loads(manifest)
    assert {metric["name"] for metric in known["metrics"]} == NAMES and len(NAMES) >= 20
    assert len(known["semantic_models"]) == 3
    said = (ROOT / "models" / "metrics" / "metrics.yml").read_text().count("  - name: ")
    assert said == len(NAMES)


def test_metricflow_finds_nothing_wrong(asked):
    assert asked.problems() == []


def test_every_metric_answers_by_month_and_by_persona(asked):
    groups = {
        "session": "session__persona",
        "purchase": "purchase__persona",
        "month": "customer_month__persona",
    }
    months = asked.ask(*sorted(NAMES), by=[MONTH])
    assert set(months.columns) == NAMES | {MONTH} and len(months) >= 4
    assert months.drop(columns=MONTH).notna().any().all()
    for metrics, group in (
        (["conversion_by_visitor", "repeat_rate", "persona_share"], groups["session"]),
        (["own_brand_share", "family_buyers"], groups["purchase"]),
        (["active_customers"], groups["month"]),
        (["average_order_value"], "session__value_tier"),
        (["family_revenue"], "purchase__family"),
    ):
        assert len(asked.ask(*metrics, by=[group])) >= 4


def test_visits_and_orders_are_what_pandas_counts(asked, sessions):
    orders = sessions[sessions.n_purchases > 0]
    months = sessions.groupby("month")
    paid = orders.groupby("month")
    revenue = orders.revenue.astype(float).groupby(orders.month).sum()
    carts = sessions[sessions.n_carts > 0]
    repeat = orders[orders.groupby("user_sk").cumcount() > 0]
    expected = {
        "visitors": months.user_sk.nunique(),
        "buyers": paid.user_sk.nunique(),
        "sessions": months.size(),
        "orders": paid.size(),
        "revenue": revenue,
        "conversion_by_session": paid.size() / months.size(),
        "conversion_by_visitor": paid.user_sk.nunique() / months.user_sk.nunique(),
        "average_order_value": revenue / paid.size(),
        "revenue_per_visitor": revenue / months.user_sk.nunique(),
        "items_per_order": paid.n_purchases.sum() / paid.size(),
        "cart_rate": carts.groupby("month").size() / months.size(),
        "cart_abandonment": (carts.n_purchases == 0).groupby(carts.month).mean(),
        "repeat_rate": repeat.groupby("month").user_sk.nunique() / paid.user_sk.nunique(),
        "persona_share": sessions[sessions.segment_name.notna()].groupby("month").user_sk.nunique()
        / months.user_sk.nunique(),
    }
    found = asked.ask(*expected, by=[MONTH]).set_index(MONTH).sort_index()
    for name, answer in expected.items():
        assert found[name].astype(float).to_dict() == pytest.approx(answer.to_dict()), name


def test_days_between_orders_are_what_pandas_counts(asked, sessions):
    orders = sessions[sessions.n_purchases > 0]
    days = orders.started_at.dt.normalize().groupby(orders.user_sk).diff().dt.days
    assert asked.ask("days_between_orders").iloc[0, 0] == pytest.approx(days.mean())


def test_coming_back_is_what_pandas_counts(asked, shop):
    with shop.connection() as connection:
        months = connection.sql("select user_sk, month_date from core.customer_months").df()
    months = months.sort_values(["user_sk", "month_date"])
    by_user = months.groupby("user_sk").month_date
    number = months.month_date.dt.year * 12 + months.month_date.dt.month
    months["first"] = by_user.transform("min")
    since = number - (months["first"].dt.year * 12 + months["first"].dt.month)
    gap = number.groupby(months.user_sk).diff()
    kinds = {"new_customers": gap.isna(), "returning_customers": gap == 1, "resurrected_customers": gap > 1}
    found = asked.ask("active_customers", *kinds, by=[MONTH]).set_index(MONTH).fillna(0)
    assert found.active_customers.to_dict() == months.groupby("month_date").size().to_dict()
    for name, is_one in kinds.items():
        counted = is_one.groupby(months.month_date).sum()
        assert found[name].astype(float).to_dict() == pytest.approx(counted.to_dict()), name
    size = months.groupby("first").user_sk.nunique()
    found = asked.ask("retention_month_1", "retention_month_2", by=[MONTH]).set_index(MONTH)
    for month in (1, 2):
        kept = months[since == month].groupby("first").user_sk.nunique() / size
        answer = found[f"retention_month_{month}"].astype(float).dropna()
        assert answer.to_dict() == pytest.approx(kept.dropna().to_dict())


def test_own_brands_are_what_pandas_counts(asked, shop):
    with shop.connection() as connection:
        lines = connection.sql(
            "select category_family as family, taxonomy.brand, price from core.events "
            "inner join core.product_taxonomy as taxonomy using (product_id) where event_type = 'purchase'"
        ).df()
        ((own,),) = connection.sql("select brand from core.shop_brands").fetchall()
    lines["price"] = lines.price.astype(float)
    spent = lines.groupby("family").price.sum()
    share = lines[lines.brand == own].groupby("family").price.sum().reindex(spent.index, fill_value=0) / spent
    found = asked.ask("own_brand_share", "family_revenue", by=["purchase__family"]).set_index(
        "purchase__family"
    )
    assert share.max() > 0
    assert found.own_brand_share.astype(float).to_dict() == pytest.approx(share.to_dict())
    assert found.family_revenue.astype(float).to_dict() == pytest.approx(spent.to_dict())


def test_the_report_says_the_same_rounded(asked, shop):
    """Figures of the page are metrics, in steps; in its revenue a customer counts with 25 usual orders."""
    found = asked.ask("visitors", "buyers", "orders", "revenue", by=[MONTH]).set_index(MONTH)
    columns = {"visitors": "n_users", "buyers": "n_buyers", "orders": "n_orders"}
    with shop.connection() as connection:
        report = connection.table("marts.shop_months").df().set_index("month_date")
        counted = connection.sql(
            "select month_date, sum(least(revenue, 25 * order_value)) as revenue, "
            "max(25 * order_value) as most "
            "from core.customer_months cross join core.shop_priors group by month_date"
        ).df()
    counted = counted.set_index("month_date").astype(float)
    for month, value in report.pop("revenue").dropna().items():
        # the step is the next of 1, 2 and 5 times a power of ten
        assert abs(float(value) - counted.revenue[month]) <= 1.25 * counted.most[month], month
        assert counted.revenue[month] <= float(found.revenue[month]) + 0.01
    assert len(report) == len(found) >= 4
    for metric, column in columns.items():
        for month, value in report[column].dropna().items():
            assert float(value) == pytest.approx(float(found[metric][month]), rel=0.06), (metric, month)
