"""Histories, months and cohorts, worked out again by pandas from the tables that they are made of."""

from __future__ import annotations

import pandas as pd
import pytest
from support import WITHOUT_TESTS, House

PAPERS = False
VIEWS = ("persona_months", "persona_stays", "user_segments")
MARTS = ("persona_history", "monthly_personas", "cohorts", "customer_facts", "lifecycle_moves")


@pytest.fixture(scope="module")
def shop(built_shop: House, tmp_path_factory) -> House:
    """A shop whose marts hide and round nothing, and one customer who objects."""
    house = built_shop.copy(tmp_path_factory.mktemp("history"))
    with house.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.profiling_objections select user_sk from core.persona_months "
            "where model_starts_on is null order by user_sk limit 1"
        )
    house.build("--select", *VIEWS, *MARTS, *WITHOUT_TESTS, variables={"min_cell_users": 0})
    return house


@pytest.fixture(scope="module")
def tables(shop) -> dict[str, pd.DataFrame]:
    with shop.connection() as connection:
        found = {name: connection.table(f"marts.{name}").df() for name in (*MARTS, "user_segments")}
        found |= {
            name: connection.table(f"core.{name}").df()
            for name in ("customer_months", "persona_months", "persona_stays", "customer_tastes", "users")
        }
        found["visits"] = connection.sql(
            "select user_sk, started_at, ended_at, n_purchases > 0 as is_order "
            "from core.user_sessions where not is_bot"
        ).df()
        found["objector"] = connection.sql("from core.profiling_objections").df()
        found["sessions"] = connection.sql(
            "select user_sk, cast(date_trunc('month', ended_at) as date) as month_date, "
            "count(*) filter (n_purchases > 0) as n_orders, cast(sum(revenue) as double) as revenue "
            "from core.user_sessions where not is_bot group by all"
        ).df()
    return found


def test_the_current_stay_is_the_persona_of_user_segments(tables):
    segments = tables["user_segments"].set_index("user_key")
    history = tables["persona_history"]
    current = history[history.is_current].set_index("user_key")
    with_persona = segments[segments.segment_id.notna()]
    assert len(with_persona) > 500 and set(current.index) == set(with_persona.index)
    current = current.loc[with_persona.index]
    assert (current.segment_id == with_persona.segment_id).all()
    assert (current.entered_date == with_persona.persona_since).all()
    moved = current.entered_by == "customer"
    assert moved.sum() > 50
    assert (with_persona.previous_persona[moved] == current.previous_segment_id[moved]).all()
    assert with_persona.previous_persona[~moved].isna().all()
    assert set(history.entered_by) == {"first", "customer"}, "one model has told all of it"


def test_a_stay_is_a_run_of_months_with_one_persona(tables):
    months = tables["persona_months"].sort_values(["user_sk", "month_date"])
    previous = months.groupby("user_sk").segment_id.shift()
    begins = months[previous.isna() | (months.segment_id != previous)]
    stays = tables["persona_stays"].sort_values(["user_sk", "stay_number"])
    assert (
        stays[["user_sk", "segment_id"]].values.tolist() == begins[["user_sk", "segment_id"]].values.tolist()
    )
    assert (stays.entered_date.values == begins.month_date.values).all()


def test_a_month_ends_with_the_customers_who_have_a_persona_by_then(tables):
    stays, monthly = tables["persona_stays"], tables["monthly_personas"]
    sessions = tables["sessions"][~tables["sessions"].user_sk.isin(tables["objector"].user_sk)]
    known = tables["customer_months"].user_sk
    sessions = sessions[sessions.user_sk.isin(known)]
    for month, said in monthly.groupby("month_date"):
        seen = set(sessions[sessions.month_date <= month].user_sk)
        holds = stays[(stays.entered_date <= month) & ~(stays.left_date <= month)]
        persona = holds.set_index("user_sk").segment_id
        sizes = persona.value_counts().to_dict() | {0: len(seen - set(persona.index))}
        said = said.set_index("segment_id")
        assert said.n_users.to_dict() == sizes
        here = sessions[sessions.month_date == month]
        here = here.assign(segment_id=here.user_sk.map(persona).fillna(0).astype(int))
        for segment_id, mine in here.groupby("segment_id"):
            row = said.loc[segment_id]
            assert row.n_visitors == len(mine) and row.n_buyers == (mine.n_orders > 0).sum()
            assert row.n_orders == mine.n_orders.sum()
            assert float(row.revenue) == pytest.approx(mine.revenue.sum(), abs=1e-3)
    # what came and went is the difference from month to month
    sizes = monthly.pivot(index="month_date", columns="segment_id", values="n_users").fillna(0)
    net = monthly.assign(net=monthly.n_entered - monthly.n_left)
    net = net.pivot(index="month_date", columns="segment_id", values="net").fillna(0)
    assert (sizes.diff().iloc[1:] == net.iloc[1:]).all(axis=None) and (sizes.iloc[0] == net.iloc[0]).all()
    assert not monthly.is_partial.all()


def test_cohorts_keep_customers_who_never_come_back(tables):
    sessions = tables["sessions"][~tables["sessions"].user_sk.isin(tables["objector"].user_sk)]
    sessions = sessions[sessions.user_sk.isin(tables["customer_months"].user_sk)]
    first = sessions.groupby("user_sk").month_date.min()
    stays = tables["persona_stays"]
    persona = stays[stays.left_date.isna()].set_index("user_sk").segment_id
    members = pd.DataFrame({"first": first, "segment_id": first.index.map(persona).fillna(0).astype(int)})
    cohorts = tables["cohorts"]
    sizes = members.groupby(["first", "segment_id"]).size()
    latest = sessions.month_date.max()
    assert len(cohorts) == sum(
        (latest.to_period("M") - month.to_period("M")).n + 1 for month, _ in sizes.index
    ), "each cohort has a row for each month since, with nobody in it too"
    for row in cohorts.itertuples():
        assert row.n_users == sizes[(row.first_month_date, row.segment_id)]
        mine = members[(members["first"] == row.first_month_date) & (members.segment_id == row.segment_id)]
        here = sessions[(sessions.month_date == row.month_date) & sessions.user_sk.isin(mine.index)]
        assert (row.n_visitors, row.n_orders) == (len(here), here.n_orders.sum())
        assert row.n_buyers == (here.n_orders > 0).sum()
        assert float(row.revenue) == pytest.approx(here.revenue.sum(), abs=1e-3)


def state_as_of(moment: pd.Timestamp, visits: pd.DataFrame) -> pd.Series:
    """Return each customer's lifecycle state, by the default settings."""

    def days(times: pd.Series) -> pd.Series:
        return (moment.normalize() - times.dt.normalize()).dt.days

    grouped = visits[visits.ended_at < moment].groupby("user_sk")
    first, last = days(grouped.started_at.min()), days(grouped.ended_at.max())
    orders = visits[(visits.ended_at < moment) & visits.is_order].groupby("user_sk").ended_at
    n_orders = orders.count().reindex(first.index, fill_value=0)
    last_order = days(orders.max()).reindex(first.index)
    state = pd.Series("active", index=first.index)
    state[(n_orders == 1) & (last_order <= 30)] = "new_buyer"
    state[n_orders >= 3] = "loyal"
    state[last > 45] = "at_risk"
    state[last > 90] = "lapsed_buyer"
    state[n_orders == 0] = "browser_only"
    state[(n_orders == 0) & (first <= 30)] = "new_visitor"
    state[(n_orders == 0) & (last > 90)] = "lapsed_visitor"
    return state


def test_moves_between_states_are_those_of_the_visits(tables):
    segments = tables["user_segments"].merge(tables["users"], on="user_key").set_index("user_sk")
    visits = tables["visits"]
    end = visits.ended_at.max()
    assert (end.month, end.day) == (1, 31), "the newest month that began four weeks ago is this one"
    since = pd.Timestamp("2020-01-01")
    then = state_as_of(since, visits).reindex(segments.index, fill_value="newcomer")
    sizes = pd.DataFrame({"then": then, "now": segments.lifecycle_state}).value_counts()
    assert len(sizes) > 12 and then.nunique() > 5
    moves = tables["lifecycle_moves"]
    assert set(moves.since_date) == {since}
    assert moves.set_index(["from_state", "to_state"]).n_users.to_dict() == sizes.to_dict()
    shares = sizes / sizes.groupby("then").transform("sum")
    assert moves.set_index(["from_state", "to_state"]).share.to_dict() == pytest.approx(shares.to_dict())


def test_who_objects_is_in_no_mart(tables):
    (objector,) = tables["objector"].user_sk
    users = tables["users"].set_index("user_sk").user_key
    assert objector in set(tables["customer_months"].user_sk), "core holds what the shop sold"
    for name in ("persona_history", "customer_facts", "user_segments"):
        assert users[objector] not in set(tables[name].user_key)
    assert objector not in set(tables["persona_stays"].user_sk)
    # with the objector, the sums above would not come out: monthly_personas and cohorts count without
    assert tables["monthly_personas"].groupby("month_date").n_users.sum().max() == len(
        tables["user_segments"]
    )


def test_favourites_are_shared_and_lifts_belong_to_them(tables):
    facts = tables["customer_facts"].set_index("user_key", drop=False)
    tastes = tables["customer_tastes"].merge(tables["users"], on="user_sk").set_index("user_key")
    assert set(facts.index) == set(tables["user_segments"].user_key)
    for kind, looks in (("family", "n_family_looks"), ("brand", "n_brand_looks")):
        shown = facts[facts[f"favourite_{kind}"].notna()]
        assert len(shown) > 20
        mine = tastes.loc[shown.index]
        assert (shown[f"favourite_{kind}"] == mine[f"favourite_{kind}"]).all() and mine[looks].min() >= 3
        assert shown[f"favourite_{kind}_lift"].notna().all()
    # alike in what a receipt tells: five at least, or the habits are empty; what is emptied for that leaves
    # fewer who are alike in what the last visit tells
    habits = ["favourite_family", "favourite_brand", "price_level", "revenue_band"]
    shown = facts[facts.favourite_brand.notna()]
    assert shown.groupby([*habits, "last_order_week"], dropna=False).size().min() >= 5
    alike = shown.groupby([*habits, "weeks_since_last"], dropna=False).user_key.transform("size")
    assert (alike >= 5).mean() >= 0.9
