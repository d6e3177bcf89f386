"""What is published about personas, worked out again by pandas, without rounding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support import WITHOUT_TESTS, House

PAPERS = False
SUMMARY, TRAITS, PROFILES = "segment_summary", "segment_traits", "segment_profiles"
CHALLENGER = {name: name.replace("segment", "challenger") for name in (SUMMARY, TRAITS, PROFILES)}
EXACT = (
    "--select",
    *CHALLENGER,
    *CHALLENGER.values(),
    "segment_models",
    "challenger_weights",
    "challenger_scores",
    "challenger_statistics",
    "challenger_comparison",
    *WITHOUT_TESTS,
)


@pytest.fixture(scope="module")
def house(built_shop: House, tmp_path_factory) -> House:
    """Return a shop whose marts hide and round nothing, and in which a model without one persona waits."""
    house = built_shop.copy(tmp_path_factory.mktemp("exact"))
    with house.connection(read_only=False) as connection:
        connection.execute(
            """
            insert into core.persona_fit_fields
            with last as (
                select part, row_position from core.persona_fit_fields
                where field = 'segment_id' and number_value =
                    (select max(number_value) from core.persona_fit_fields where field = 'segment_id')
            )
            select * replace (
                2 as fit_number,
                '20200201-00000000' as model_version,
                case
                    when part = 'card' and field = 'gate' then 'failed'
                    when part = 'card' and field = 'model_status' then 'exploratory'
                    else text_value
                end as text_value
            )
            from core.persona_fit_fields anti join last using (part, row_position)
            """
        )
        for field, text in (("gate", "passed"), ("model_status", "proven")):
            connection.execute(
                "update core.persona_fit_fields set text_value = ? "
                "where field = ? and part = 'card' and fit_number = 1",
                [text, field],
            )
    house.build(*EXACT, variables={"min_cell_users": 0})
    return house


@pytest.fixture(scope="module", params=["champion", "challenger"])
def exact(house: House, request) -> dict[str, pd.DataFrame]:
    """Return the tables about one of the two models, under the champion's names."""
    own = {name: name for name in CHALLENGER} if request.param == "champion" else CHALLENGER
    scores = {"champion": "persona_scores", "challenger": "challenger_scores"}[request.param]
    with house.connection() as connection:
        tables = {name: connection.sql(f"from marts.{table}").df() for name, table in own.items()}
        tables["persona_scores"] = connection.sql(f"select user_sk, segment_id from core.{scores}").df()
        for name in ("user_feature_values", "feature_catalog", "events", "product_taxonomy"):
            tables[name] = connection.sql(f"from core.{name}").df()
    return tables


@pytest.fixture(scope="module")
def customers(exact) -> pd.DataFrame:
    scores = exact["persona_scores"]
    customers = exact["user_feature_values"].merge(scores, on="user_sk", how="left")
    customers["revenue"] = customers.revenue.astype(float)
    return customers.assign(segment_id=customers.segment_id.fillna(0).astype(int))


def test_a_challenger_is_told_apart_and_compared_before_anybody_promotes_it(house):
    with house.connection() as connection:
        both = connection.sql(
            "select coalesce(c.segment_id, 0) as champion_segment_id, "
            "coalesce(n.segment_id, 0) as segment_id "
            "from core.persona_scores as c full join core.challenger_scores as n using (user_sk)"
        ).df()
        said = connection.sql("from marts.challenger_comparison").df()
        names = connection.sql("select segment_id, segment_name from marts.challenger_summary").df()
    keys = ["champion_segment_id", "segment_id"]
    expected = both.value_counts(keys).rename("n_users").reset_index()
    assert set(expected.segment_id) - {0} < set(expected.champion_segment_id)
    assert (expected.champion_segment_id != expected.segment_id).any()
    found = said.merge(expected, on=keys, suffixes=("", "_expected"), validate="1:1")
    assert len(found) == len(said) == len(expected)
    assert (found.n_users == found.n_users_expected).all()
    for side, share in (("champion_segment_id", "champion_share"), ("segment_id", "challenger_share")):
        whole = found.groupby(side).n_users.transform("sum")
        assert found[share].to_numpy() == pytest.approx((found.n_users / whole).to_numpy())
    named = said[said.segment_id > 0].merge(names, on="segment_id", suffixes=("", "_expected"))
    assert len(named) and (named.segment_name == named.segment_name_expected).all()
    assert said.champion_model_version.notna().all() and (said.model_version == "20200201-00000000").all()


def test_the_summary_counts_the_whole_shop(exact, customers):
    summary = exact["segment_summary"].set_index("segment_id").sort_index()
    assert list(summary.index) == sorted(customers.segment_id.unique())
    assert summary.user_share.sum() == pytest.approx(1) and summary.revenue_share.sum() == pytest.approx(1)
    assert summary.loc[0, "segment_name"] == "No persona yet" and pd.isna(summary.loc[0, "model_version"])
    for segment_id, mine in customers.groupby("segment_id"):
        said, buyers = summary.loc[segment_id], mine[mine.n_orders > 0]
        assert said.n_users == len(mine) and said.n_orders == mine.n_orders.sum()
        assert said.user_share == pytest.approx(len(mine) / len(customers))
        assert float(said.revenue) == pytest.approx(mine.revenue.sum(), abs=1e-3)
        assert said.revenue_share == pytest.approx(mine.revenue.sum() / customers.revenue.sum())
        assert said.median_events == mine.n_events.median()
        assert said.buyer_share == pytest.approx(len(buyers) / len(mine))
        assert said.repeat_buyer_share == pytest.approx((buyers.n_orders > 1).mean())
        assert said.revenue_per_user == pytest.approx(mine.revenue.mean())


def test_lifts_compare_with_the_other_personas(exact, customers):
    summary = exact["segment_summary"].set_index("segment_id")
    assert summary.loc[0, ["buyer_lift", "revenue_lift"]].isna().all()
    with_persona = customers[customers.segment_id > 0]
    for segment_id, mine in with_persona.groupby("segment_id"):
        said, rest = summary.loc[segment_id], with_persona[with_persona.segment_id != segment_id]
        own, other = (mine.n_orders > 0).mean(), (rest.n_orders > 0).mean()
        assert said.buyer_lift == pytest.approx(own / other)
        # Katz et al. (1978)
        error = np.sqrt((1 - own) / (own * len(mine)) + (1 - other) / (other * len(rest)))
        assert np.log(said.buyer_lift_high / said.buyer_lift) == pytest.approx(1.96 * error)
        assert np.log(said.buyer_lift / said.buyer_lift_low) == pytest.approx(1.96 * error)
        assert said.revenue_lift == pytest.approx(mine.revenue.mean() / rest.revenue.mean())
        parts = [part.revenue.var(ddof=0) / len(part) / part.revenue.mean() ** 2 for part in (mine, rest)]
        assert np.log(said.revenue_lift_high / said.revenue_lift) == pytest.approx(
            1.96 * np.sqrt(sum(parts)), rel=1e-6
        )
        assert said.revenue_lift_low < said.revenue_lift < said.revenue_lift_high


def test_profiles_compare_with_the_rest_of_those_with_a_persona(exact, customers):
    profiles = exact["segment_profiles"].set_index(["segment_id", "feature"])
    with_persona = customers[customers.segment_id > 0]
    basis = exact["feature_catalog"].set_index("feature").basis
    assert len(profiles) == with_persona.segment_id.nunique() * len(basis)
    assert basis["abandoned_carts_logit"] == "carters"
    counted = {"users": "n_events", "buyers": "n_orders", "carters": "n_carts"}
    for (segment_id, feature), said in profiles.iterrows():
        among = with_persona[with_persona[counted[basis[feature]]] > 0]
        values = among[feature]
        mine, rest = values[among.segment_id == segment_id], values[among.segment_id != segment_id]
        assert said.n_users == len(mine), feature
        assert said.segment_median == pytest.approx(mine.median(), abs=1e-9)
        assert said.population_median == pytest.approx(values.median(), abs=1e-9)
        spread = (values.quantile(0.75) - values.quantile(0.25)) / 1.349
        expected = (mine.median() - values.median()) / spread if spread > 0 else 0
        assert said.robust_z == pytest.approx(expected, abs=1e-6), feature
        difference = mine.mean() - rest.mean()
        half = 1.96 * np.sqrt(mine.var() / len(mine) + rest.var() / len(rest))
        assert said.mean_difference == pytest.approx(difference, abs=1e-6)
        assert said.mean_difference_high - said.mean_difference == pytest.approx(half, abs=1e-5)
        assert said.mean_difference - said.mean_difference_low == pytest.approx(half, abs=1e-5)


def test_traits_are_what_a_persona_looks_at_more_than_the_shop(exact, customers):
    met = exact["events"].merge(customers[["user_sk", "segment_id", "last_event_at"]], on="user_sk")
    met = met[met.event_at > met.last_event_at - pd.Timedelta(days=90)]
    met = met[["user_sk", "segment_id", "product_id"]].merge(exact["product_taxonomy"], on="product_id")
    traits = exact["segment_traits"]
    assert len(traits) > 3
    for kind, said in traits.groupby("trait_kind"):
        known = met[met[kind].notna() & (met[kind] != "unclassified")]
        shop_share = known[kind].value_counts(normalize=True)
        for segment_id, own in said.groupby("segment_id"):
            mine = known[known.segment_id == segment_id]
            share = mine[kind].value_counts(normalize=True)
            telling = share[(share >= 0.02) & (share >= 1.2 * shop_share.reindex(share.index))]
            score = telling * np.log(telling / shop_share.reindex(telling.index))
            best = score.sort_values(ascending=False, kind="stable").index[:5]
            assert list(own.sort_values("trait_position").trait) == list(best)
            for row in own.itertuples():
                assert row.trait_share == pytest.approx(share[row.trait])
                assert row.shop_share == pytest.approx(shop_share[row.trait])
                assert row.lift == pytest.approx(share[row.trait] / shop_share[row.trait])
                assert row.n_users == mine[mine[kind] == row.trait].user_sk.nunique()
