"""From files to what is said of every customer: the tables of a whole build."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rescoring import linear, rescored, scored_families
from support import WITHOUT_TESTS, House

ROOM = ("--select", "+customer_predictions", *WITHOUT_TESTS)


def test_sql_gives_every_customer_the_scores_of_python(built_shop):
    with built_shop.connection() as connection:
        features = connection.sql("from core.prediction_features order by user_sk").df()
        scores = connection.sql("from core.customer_scores order by user_sk").df()
        tables = (
            connection.sql(f"from core.{name}").df() for name in ("prediction_heads", "prediction_weights")
        )
        expected = rescored(*tables, features)
    assert (scores["user_sk"] == expected["user_sk"]).all() and len(scores) > 2000
    assert {"p_order_30d", "days_to_order_p50", "expected_spend_30d"} <= set(expected)
    for name in expected.columns:
        np.testing.assert_allclose(
            scores[name].to_numpy(float), expected[name].to_numpy(float), rtol=1e-9, atol=1e-12, err_msg=name
        )


def test_sql_gives_every_customer_the_families_of_python(built_shop):
    """The features of a family are worked out from its sums by pandas, and all twelve are scored."""
    with built_shop.connection() as connection:
        names = ("family_features", "prediction_features", "prediction_weights", "family_scores")
        history, users, weights, scores = (connection.sql(f"from core.{name}").df() for name in names)
        ranks = connection.sql("select family_rank from core.family_prices where family_rank <= 12").df()
    assert set(scores["propensity_source"]) == {"model"}
    pairs = scored_families(history, users, ranks["family_rank"].tolist(), linear(weights, ["category"]))
    assert (scores.groupby("user_sk").size() == min(3, len(ranks))).all()
    assert len(scores) == len(users) * min(3, len(ranks)) > 2000
    both = scores.merge(pairs, on=["user_sk", "family_rank"])
    np.testing.assert_allclose(both["p_buy_30d"], both["chance"], rtol=1e-9, atol=1e-12)
    best = pairs.groupby("user_sk")["chance"].nlargest(3).groupby("user_sk").sum().sort_index()
    own = scores.groupby("user_sk")["p_buy_30d"].sum().sort_index()
    np.testing.assert_allclose(own, best, rtol=1e-9)


def test_every_head_has_a_verdict(built_shop):
    verdicts = dict(
        built_shop.rows("select head, outcome from monitor.prediction_gates where criterion = 'verdict'")
    )
    assert {"order_7d", "order_30d", "order_90d", "spend_30d", "spend_90d", "category"} <= set(verdicts)
    # four months are too few for 90 days
    assert verdicts["order_90d"] == verdicts["spend_90d"] == "refused"
    assert (
        built_shop.value("select count(*) from marts.customer_predictions where p_order_90d is not null") == 0
    )
    refused = built_shop.value(
        "select reason from monitor.prediction_gates where head = 'order_90d' and criterion = 'verdict'"
    )
    assert "210 days of history" in refused


def test_chances_are_as_many_orders_as_came(built_shop):
    """Deciles of the backtest: what was said is what came, and more was said where more came."""
    with built_shop.connection() as connection:
        deciles = connection.sql("from monitor.prediction_calibration where head = 'order_30d'").df()
    assert len(deciles) >= 5
    said, came = (np.average(deciles[name], weights=deciles["n_users"]) for name in ("predicted", "observed"))
    assert said == pytest.approx(came, abs=0.03)
    assert deciles["observed"].iloc[-1] > 3 * deciles["observed"].iloc[0]


def test_the_future_changes_nothing_that_was_known(built_shop, tmp_path):
    """With another month of events, the features of the same day stay what they were."""
    house = built_shop.copy(tmp_path)
    day = built_shop.value("select as_of_date from core.prediction_request")
    before = features_of(built_shop)
    house.lake = tmp_path / "lake"
    for path in [*built_shop.lake.iterdir(), *(built_shop.folder / "later").iterdir()]:
        (house.lake / path.name).symlink_to(path)
    house.variables["as_of"] = f"{day} 23:59:59"
    house.build(*ROOM)
    after = features_of(house)
    both = before.merge(after, on="user_sk", suffixes=("", "_later"))
    # whoever looks like a bot since then is gone
    assert len(both) > 0.99 * len(before)
    for name in before.columns.drop("user_sk"):
        np.testing.assert_allclose(both[name], both[f"{name}_later"], rtol=1e-9, atol=1e-9, err_msg=name)


def features_of(house: House) -> pd.DataFrame:
    with house.connection() as connection:
        return connection.sql("from core.prediction_features order by user_sk").df()


def test_a_fit_of_each_kind_is_due_when_what_it_was_fitted_under_has_changed(built_shop, tmp_path):
    house = built_shop.copy(tmp_path)
    kinds = ("value", "prediction", "session", "item", "forecast")
    requests = [f"{kind}_request" for kind in kinds]

    def due(**variables: object) -> tuple[list[str], str]:
        said = house.build("--select", *requests, *WITHOUT_TESTS, variables=variables).said
        return [kind for kind in kinds if house.value(f"select is_due from core.{kind}_request")], said

    assert due()[0] == due(window_days=60, at_risk_days=50)[0] == []
    assert due(premium_z=0.5)[0] == [kind for kind in kinds if kind != "value"]
    found, said = due(utc_offset_hours=2)
    assert found == list(kinds)
    for kind in kinds:
        assert f"{kind}_fit_fields: a fit is due, as utc_offset_hours was 0 and is 2" in said
