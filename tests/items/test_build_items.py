"""From files to groups and imputations: SQL gives what Python gives, and what there is not has its reason."""

from __future__ import annotations

import hashlib

import duckdb
import numpy as np
import pandas as pd
import pytest
from support import WITHOUT_TESTS

from clientele.items.coviews import FamilyOfProduct, drawn
from clientele.learning.fields import part_of

SEEN = """
    select distinct events.user_sk, events.session_sk, cast(events.event_at as date) as local_date, product_id
    from core.events as events
    left join (select distinct user_sk, session_sk from core.user_sessions where is_bot) as bots
        on events.user_sk = bots.user_sk and events.session_sk = bots.session_sk
    where bots.user_sk is null
        and events.user_sk not in (select user_sk from core.profiling_objections)
"""


def company_of(connection: duckdb.DuckDBPyConnection, names: list[str]) -> pd.DataFrame:
    """Return how often each product without a family was seen with products of each."""
    seen = connection.sql(SEEN).df()
    families = connection.sql("select product_id, category_family from core.product_taxonomy").df()
    seen = seen.merge(families, on="product_id")
    visit = ["user_sk", "session_sk", "local_date"]
    known = seen[seen["category_family"].isin(names)]
    beside = known.groupby([*visit, "category_family"]).size().rename("n").reset_index()
    lacking = seen.loc[seen["category_family"] == "unclassified", [*visit, "product_id"]]
    pairs = lacking.merge(beside, on=visit)
    counts = pairs.pivot_table(index="product_id", columns="category_family", values="n", aggfunc="sum")
    every = np.sort(families.loc[families["category_family"] == "unclassified", "product_id"].unique())
    return counts.reindex(index=every, columns=names).fillna(0.0)


def check_imputations(connection: duckdb.DuckDBPyConnection) -> int:
    """Hold every value and chance of core.item_imputations against clientele.items.coviews; how many?"""
    rows = part_of(connection.sql("select * from core.item_fit_fields").df(), "family_draw")
    newest = rows["fit_number"] == rows["fit_number"].max()
    rows = rows[newest & (rows["attribute"] == "category_family")]
    names = sorted(rows["output"].unique())
    counts = company_of(connection, names)
    imputed = connection.sql("select * from core.item_imputations where lack_kind = 'category_family'").df()
    for draw, own in rows.groupby("draw"):
        own = own.set_index("output").loc[names]
        model = FamilyOfProduct(power=own["power"].iloc[0])
        model.intercepts_ = own["intercept"].to_numpy()
        model.weights_ = own[[f"w:{name}" for name in names]].to_numpy()
        chance = model.predict_proba(counts.to_numpy())
        digits = [
            hashlib.md5(f"{product}:category_family:{draw:.0f}".encode()).hexdigest()[:15]
            for product in counts.index
        ]
        uniform = np.array([int(one, 16) for one in digits]) / 16**15
        codes = drawn(chance, uniform) if draw else chance.argmax(axis=1)
        found = imputed[imputed["draw"] == draw].set_index("product_id").loc[counts.index]
        assert found["imputed_value"].tolist() == [names[code] for code in codes]
        expected = chance[np.arange(len(codes)), codes]
        np.testing.assert_allclose(found["chance"].to_numpy(), expected, rtol=0, atol=1e-9)
    return len(imputed)


def test_imputations_are_those_of_python(built_shop):
    with built_shop.connection() as connection:
        assert check_imputations(connection) > 1000


def test_every_subject_has_a_verdict(built_shop):
    rows = built_shop.rows("select subject, scored_by, reason from core.item_heads")
    assert {subject for subject, *_ in rows} == {
        "brand groups",
        "category groups",
        "brand imputation",
        "category_family imputation",
    }
    assert all(len(reason) > 20 for *_, reason in rows)
    groups = built_shop.value("select count(*) from marts.item_groups")
    assert (groups > 0) == any(scored_by == "groups" for _, scored_by, _ in rows)


def test_shares_with_imputed_products_add_up_to_one(built_shop):
    rows = built_shop.rows(
        "select lack_kind, figure, segment_id, sum(known_share), sum(imputed_share) "
        "from monitor.imputed_figures group by all"
    )
    assert rows and all(
        known == pytest.approx(1) and imputed == pytest.approx(1) for *_, known, imputed in rows
    )
    assert built_shop.value("select max(hi_95 - lo_95) from monitor.imputed_figures") > 0


def test_heads_that_are_off_say_so_and_leave_nothing(built_shop, tmp_path):
    house = built_shop.copy(tmp_path)
    house.variables = {"prediction_heads": "forecast"}
    house.build("--select", "item_request", "path:models/items", *WITHOUT_TESTS)
    assert house.value("select count(*) from core.item_imputations") == 0
    assert house.value("select count(*) from marts.item_groups") == 0
    reasons = house.rows("select distinct reason from core.item_heads where scored_by = 'refused'")
    assert {reason for (reason,) in reasons} == {
        "The var prediction_heads does not name items.",
        "The var prediction_heads does not name imputation.",
    }
