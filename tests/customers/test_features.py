"""Every feature and prior, worked out again by pandas from what the docs say: recompute.py knows no SQL."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from recompute import explained_by_trials, features, prior, read, shares, user_sums
from support import UP_TO_FEATURES, WITHOUT_TESTS, Event, House, little_shop

PAPERS = False
WINDOW_DAYS, OFFSET_HOURS = 30, 3
CLOCKS = ("02:59:59", "03:00:00", "07:59:59", "08:00:00", "14:59:59", "15:00:00", "19:59:59", "20:00:00")


def visit(user: int, at: str, *event_types: str, product: str = "1001", seconds: int = 0) -> list[Event]:
    """Return the events of one session that begins at this moment, each `seconds` after the last."""
    start = datetime.fromisoformat(at)
    return [
        Event(
            f"{start + timedelta(seconds=seconds * number):%Y-%m-%d %H:%M:%S} UTC",
            event_type,
            product,
            price=f"{10 + number}.00",
            user_id=str(user),
            user_session=f"{user:08x}-0000-4000-9000-{start:%m%d%H%M%S}00",
        )
        for number, event_type in enumerate(event_types)
    ]


# One customer for each boundary that decides: hours in local time, UTC + 3, every day around payday, a
# purchase in the second of the view and one before it, an invoice of seventy lines in one second.
BOUNDARIES = [
    *(event for clock in CLOCKS for event in visit(600_000_001, f"2019-10-09 {clock}", "view")),
    *(
        event
        for day in (26, 27, 28)
        for event in visit(600_000_002, f"2019-10-{day} 12:00:00", "view", "cart")
    ),
    *visit(600_000_003, "2019-10-09 12:00:00", "view", "purchase"),
    *visit(600_000_004, "2019-10-09 12:00:00", "purchase", "view", seconds=1),
    *visit(600_000_005, "2019-10-09 12:00:00", *["purchase"] * 70),
    *visit(600_000_006, "2019-10-09 12:00:00", *["view"] * 70),
]


@pytest.fixture(scope="module")
def shop(new_house) -> House:
    """A shop of which every day is a reference day."""
    house = new_house(
        variables={"window_days": WINDOW_DAYS, "utc_offset_hours": OFFSET_HOURS, "reference_days": 365}
    )
    house.deliver("events.csv.gz", [*little_shop(n_users=90), *BOUNDARIES])
    house.build(*UP_TO_FEATURES)
    return house


@pytest.fixture(scope="module")
def tables(shop: House) -> dict[str, pd.DataFrame]:
    return read(shop.home / "warehouse.duckdb")


@pytest.fixture(scope="module")
def sums(tables) -> pd.DataFrame:
    return user_sums(tables, WINDOW_DAYS, OFFSET_HOURS)


def test_every_feature_is_what_the_docs_say(tables, sums):
    kept = tables["user_feature_values"].set_index("user_sk")
    found = features(sums, tables["shop_priors"], tables["feature_priors"]).reindex(kept.index)
    counts = {"n_events", "n_sessions", "n_orders", "n_carts", "revenue"}
    moments = {"first_event_at", "last_event_at", "last_order_at"}
    assert set(found.columns) == set(kept.columns) - counts - moments
    for name in found:  # levels of price are summed in millionths
        np.testing.assert_allclose(kept[name], found[name], atol=1e-6, err_msg=name)


def test_counts_of_a_whole_history(tables):
    kept = tables["user_feature_values"].set_index("user_sk").sort_index()
    sessions = tables["user_sessions"][~tables["user_sessions"].is_bot]
    for counted in ("n_events", "n_carts"):
        assert (kept[counted] == sessions.groupby("user_sk")[counted].sum().sort_index()).all()
    assert 0 < (kept.n_carts == 0).sum() < len(kept)


def test_priors_are_the_shop_s_own(tables, sums):
    """All days are of the reference window, and each session of the window is one of the features."""
    kept = tables["feature_priors"].set_index("share_name")
    found = shares(sums)
    assert kept.index.is_unique and set(kept.index) == set(found)
    weighed = 0
    for share, (hits, trials) in found.items():
        said = kept.loc[share]
        assert said.n_users == (trials > 0).sum() >= 50, share
        rate, strength = prior(hits, trials)
        assert said.prior_rate == pytest.approx(rate), share
        assert said.prior_strength == pytest.approx(strength, rel=1e-6), share
        weighed += 1 < strength < 99
    assert weighed > 3, "most are not at a bound"


def test_the_boundaries_are_in_the_shop(shop, tables, sums):
    """What the comparisons above rest on: the little shop does decide these cases."""
    of = dict(shop.rows("select user_id, user_sk from vault.vault.user_keys where user_id > 600000000"))
    hours = sums.loc[of[600_000_001]]
    # visits at 5:59:59, 6, 10:59:59, 11, 17:59:59, 18, 22:59:59 and 23 o'clock
    counted = [hours[f"n_{part}_sessions"] for part in ("night", "morning", "evening")]
    assert counted == [2, 2, 2]
    payday = sums.loc[of[600_000_002]]
    assert payday.n_payday_days == payday.n_days == payday.n_payday_sessions == 3
    values = tables["user_feature_values"].set_index("user_sk")
    assert values.loc[of[600_000_002], "payday_logit"] == 0
    assert (sums.loc[of[600_000_003]].n_latencies, sums.loc[of[600_000_004]].n_latencies) == (1, 0)
    assert sums.loc[of[600_000_005]].n_purchases == 70, "an invoice is no bot"
    assert of[600_000_006] not in values.index, "as many views are"


def test_features_tell_less_of_the_number_of_trials_than_with_constants(tables):
    explained = explained_by_trials(tables)
    assert explained["all, shop"].mean() < explained["all, constants"].mean()


def test_priors_stay_until_a_day_of_the_reference_window_changes(new_house):
    """New days move nobody's prior; a late file of the first days does, and moves everybody."""
    house = new_house(variables={"reference_days": 5})
    events = little_shop(n_users=90)
    days = sorted({event.event_time[:10] for event in events})
    late = [event for event in events if event.event_time[:10] == days[3]]
    first = [event for event in events if event.event_time[:10] in days[:20] and event not in late]
    # a visit that goes on after the window's end
    over = visit(600_000_007, f"{days[5]} 23:50:00", *["view"] * 5, seconds=200)
    house.deliver("first.csv", [*first, *(event for event in over if event.event_time[:10] == days[5])])
    house.build(*UP_TO_FEATURES)
    priors = "select * exclude (load_id) from core.feature_priors order by share_name"
    before = house.rows(priors)
    assert all(n_users < 50 for *_, n_users in before)
    fallback = {share: (rate, strength) for share, rate, strength, _ in before}
    assert fallback["cart_rate"] == pytest.approx((1 / 21, 21))
    assert fallback["weekend"] == pytest.approx((2 / 7, 7))

    rest = [event for event in events if event.event_time[:10] in days[20:]]
    house.deliver("rest.csv", [*rest, *(event for event in over if event.event_time[:10] != days[5])])
    house.build(*UP_TO_FEATURES)
    assert house.rows(priors) == before
    fresh = new_house(variables={"reference_days": 5})
    fresh.lake = house.lake
    fresh.build(*UP_TO_FEATURES)
    assert fresh.rows(priors) == before, "the window's end is the end of what priors know"

    house.deliver("late.csv", late)
    built = house.build(*UP_TO_FEATURES)
    assert built.rebuilt("feature_priors") and house.rows(priors) != before
    fresh.build("--full-refresh", *UP_TO_FEATURES)
    everybody = "select * from core.user_feature_values order by user_sk"
    assert house.rows(priors) == fresh.rows(priors) and house.rows(everybody) == fresh.rows(everybody)


def test_the_end_of_a_build_counts_the_bots(shop, capfd):
    shop.build("--select", "user_sessions", *WITHOUT_TESTS)
    sessions, customers, others = shop.rows(
        "select sum(n_bots), count(*), count(*) filter (n_bots = n_sessions) from ("
        "select count(*) as n_sessions, count(*) filter (is_bot) as n_bots "
        "from core.user_sessions group by user_sk"
        ") where n_bots > 0"
    )[0]
    assert (sessions, customers, others) == (2, 2, 2)
    capfd.readouterr()
    built = shop.run(command=("run-operation", "tell_about_bots"))
    said = built.said + capfd.readouterr().out
    assert "bots: 2 session(s) of 2 customer(s) set aside, 2 of whom have no other session" in said


@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_the_moments_find_the_strength_that_shares_were_drawn_with(spread):
    chance = np.random.default_rng(4)
    strength = 1 / spread - 1
    rates = chance.beta(0.3 * strength, 0.7 * strength, 20_000)
    trials = pd.Series(chance.integers(1, 30, 20_000))
    found = prior(pd.Series(chance.binomial(trials, rates)), trials)
    assert found == pytest.approx((0.3, strength), rel=0.07)


def test_nobody_with_a_second_trial_tells_no_strength():
    rate, strength = prior(pd.Series([0, 1] * 30), pd.Series([1] * 60))
    assert rate == 0.5 and np.isnan(strength)
