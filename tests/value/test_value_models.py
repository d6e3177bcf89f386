"""The three models of value: published numbers, known parameters found again, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1

from clientele.value.hypergeometric import horner_2f1
from clientele.value.likelihood import maximise
from clientele.value.model import STATISTICS, ValueModel
from clientele.value.orders import BetaBinomial
from clientele.value.spending import GammaGamma
from clientele.value.visits import BOUNDS, BetaGeometric

# Fader, Hardie and Lee (2005), table 1: the CDNOW data in weeks; Fader and Hardie (2013) for order values.
CDNOW = BetaGeometric.of(r=0.243, alpha=4.414, a=0.793, b=2.426)
CDNOW_SPENDING = GammaGamma.of(p=6.25, q=3.74, v=15.44)


def customers(n: int, seed: int = 1, days: int = 200, rate: float = 0.3) -> pd.DataFrame:
    """Return the statistics of customers who live, come and order as the models say."""
    chance = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        born = int(chance.integers(0, days - 40))
        pace, leaves = chance.gamma(0.8, 1 / 12), chance.beta(0.7, 3.0)
        ordering, worth = chance.beta(1.2, 1.2 * (1 - rate) / rate), chance.gamma(6, 10)
        at, visits = 0.0, [0]
        while True:
            at += chance.exponential(1 / pace)
            if born + at >= days:
                break
            if int(at) > visits[-1]:
                visits.append(int(at))
            if chance.random() < leaves:
                break
        n_ordering = int(chance.binomial(len(visits), ordering))
        revenue = float(chance.gamma(3, worth / 3, n_ordering).sum())
        rows.append((number, len(visits), n_ordering, n_ordering, revenue, visits[-1], days - born))
    return pd.DataFrame(rows, columns=["user_sk", *STATISTICS])


# --- BG/NBD


def test_published_expectation_and_probability_alive():
    one = np.array([2]), np.array([30.43]), np.array([38.86])  # customer 0001
    assert CDNOW.expected_visits(*one, 39)[0] == pytest.approx(1.226, abs=5e-4)
    assert CDNOW.p_alive(*one)[0] == pytest.approx(0.7266, abs=5e-5)


def test_known_parameters_are_found_again():
    chance = np.random.default_rng(7)
    rows = []
    for _ in range(20_000):
        age = chance.uniform(100, 300)
        pace, leaves = chance.gamma(0.6, 1 / 15), chance.beta(0.8, 2.5)
        at, last, n = 0.0, 0.0, 0
        while (at := at + chance.exponential(1 / pace)) < age:
            n, last = n + 1, at
            if chance.random() < leaves:
                break
        rows.append((n, last, age))
    model = BetaGeometric().fit(*np.array(rows).T)
    assert (model.r_, model.alpha_, model.a_, model.b_) == pytest.approx((0.6, 15, 0.8, 2.5), rel=0.12)


def test_rows_that_repeat_weigh_what_they_repeat_in_any_order():
    frame = customers(400)
    x, recency, age = frame["n_visits"] - 1, frame["recency_days"], frame["age_days"]
    plain = BetaGeometric().fit(x, recency, age)
    turned = BetaGeometric().fit(x[::-1], recency[::-1], age[::-1])
    counted = frame.assign(x=x).groupby(["x", "recency_days", "age_days"]).size().reset_index(name="n")
    grouped = BetaGeometric().fit(counted["x"], counted["recency_days"], counted["age_days"], counted["n"])
    assert vars(plain) == vars(turned) == vars(grouped)


def test_who_was_here_lately_is_rather_alive_and_who_comes_often_is_missed_sooner():
    x, age = np.array([5, 5, 20]), np.array([100, 100, 100])
    late, early, busy = CDNOW.p_alive(x, np.array([95, 50, 50]), age)
    assert late > early > busy
    assert CDNOW.p_alive(np.array([0]), np.array([0]), np.array([500]))[0] == 1


def test_more_is_expected_of_longer_horizons_and_never_more_than_at_the_pace_of_the_past():
    x, age = np.array([0, 1, 5, 40]), np.array([60, 60, 60, 60])
    month, quarter = (CDNOW.visits_if_alive(x, age, horizon) for horizon in (30, 90))
    assert (month > 0).all() and (month < quarter).all() and (quarter < 3 * month).all()
    pace = (CDNOW.r_ + x) / (CDNOW.alpha_ + age)
    assert (quarter < 90 * pace).all() and (np.diff(quarter) > 0).all()


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (([], [], []), "no customer"),
        (([1], [5], [4]), "recency <= age"),
        (([1], [-1], [4]), "recency <= age"),
        (([np.nan], [1], [4]), "recency <= age"),
    ],
)
def test_impossible_histories_are_refused(columns, sentence):
    with pytest.raises(ValueError, match=sentence):
        BetaGeometric().fit(*map(np.array, columns))


def test_a_shop_that_nobody_leaves_ends_at_a_bound_and_still_has_numbers():
    chance = np.random.default_rng(3)
    age = np.full(2000, 200)
    x = chance.poisson(chance.gamma(1.0, 10.0, 2000))
    recency = np.where(x > 0, np.minimum(200, np.ceil(200 * x / (x + 1))), 0)
    model = BetaGeometric().fit(x, recency, age)
    assert model.a_ / (model.a_ + model.b_) < 0.01
    assert np.isfinite(model.expected_visits(x, recency, age, 30)).all()


# --- the series


@settings(max_examples=300)
@given(
    shape=st.tuples(*(st.floats(np.log(low), np.log(high)) for low, high in BOUNDS.values())),
    frequency=st.integers(0, 400),
    idle=st.integers(0, 1500),
    horizon=st.sampled_from([30, 90]),
)
def test_forty_terms_do_wherever_no_row_says_otherwise(shape, frequency, idle, horizon):
    r, alpha, a, b = np.exp(shape)
    model = BetaGeometric.of(r=r, alpha=alpha, a=a if abs(a - 1) > 1e-4 else 1.0001, b=b)
    x, age = np.array([frequency]), np.array([frequency + idle])
    slow = model.slow_patterns(horizon)
    found = {(n, days): visits for n, days, visits in zip(*slow, strict=True)}
    ours = found.get((x[0], age[0]), model.horner_visits_if_alive(x, age, horizon)[0])
    # The formula before it is taken apart, and the digits that it loses: equals are subtracted, and then
    # divided by next to nothing.
    a, above, below = model.a_, model.a_ + b - 1 - r, model.a_ + b + frequency - 1
    z = horizon / (alpha + age[0] + horizon)
    plain = below / (a - 1) * (1 - (1 - z) ** (a - 1) * hyp2f1(above, a - 1, below, z))
    lost = 1e-14 * abs(below) / abs(a - 1)
    assert ours == pytest.approx(plain, rel=1e-9, abs=lost)


@settings(max_examples=200)
@given(
    a=st.floats(-1, 5), b=st.floats(-1, 3), c=st.floats(0.1, 300), z=st.floats(0, 0.45)
)  # fmt: skip
def test_horner_agrees_with_scipy_up_to_a_half(a, b, c, z):
    assert float(horner_2f1(a, b, np.array(c), np.array(z))) == pytest.approx(hyp2f1(a, b, c, z), rel=1e-9)


def test_new_customers_of_a_busy_shop_need_rows_and_old_ones_do_not():
    busy = BetaGeometric.of(r=0.06, alpha=2.7, a=1.9, b=1.3)
    x, age, visits = busy.slow_patterns(90)
    assert 100 < len(x) < 1200 and age.max() < 135
    assert abs(busy.horner_visits_if_alive(np.array([0]), np.array([0]), 90)[0] / visits[0] - 1) > 1e-6
    calm = BetaGeometric.of(r=0.8, alpha=200.0, a=0.5, b=3.0)
    assert len(calm.slow_patterns(90)[0]) == 0


def test_the_formula_is_the_paper_s_before_the_transformation():
    """Equation 10 as printed, with its own 2F1."""
    r, alpha, a, b, t = 0.243, 4.414, 0.793, 2.426, 39.0
    x, age = np.array([0, 2, 7, 29]), np.array([10.0, 38.86, 38.0, 39.0])
    z = t / (alpha + age + t)
    printed = hyp2f1(r + x, b + x, a + b + x - 1, z)
    printed = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + t)) ** (r + x) * printed)
    assert CDNOW.visits_if_alive(x, age, t) == pytest.approx(printed, rel=1e-10)


# --- orders and their worth


def test_orders_per_visit_are_found_again_and_drawn_to_the_shop_s():
    chance = np.random.default_rng(5)
    visits = chance.integers(1, 12, 20_000)
    model = BetaBinomial().fit(visits, chance.binomial(visits, chance.beta(0.6, 4.0, 20_000)))
    assert (model.alpha_, model.beta_) == pytest.approx((0.6, 4.0), rel=0.08)
    new, never, always = model.order_rate(np.array([0, 20, 20]), np.array([0, 0, 20]))
    assert never < new < always < 1


def test_more_orders_than_visits_are_refused():
    with pytest.raises(ValueError, match="ordering <= visits"):
        BetaBinomial().fit(np.array([1]), np.array([2]))
    with pytest.raises(ValueError, match="no customer"):
        BetaBinomial().fit(np.array([]), np.array([]))


def test_published_order_values():
    orders = np.array([2, 1, 0, 7, 2])
    means = np.array([22.35, 11.77, 0.0, 73.74, 25.55])
    found = CDNOW_SPENDING.order_value(orders, orders * means)
    assert found == pytest.approx([24.66, 18.92, 35.22, 71.47, 27.29], abs=0.01)


def test_order_values_are_found_again_in_any_currency():
    chance = np.random.default_rng(9)
    orders = 1 + chance.poisson(1.5, 20_000)
    scale = chance.gamma(3.7, 1 / 15.0, 20_000)
    means = chance.gamma(6.0 * orders, 1 / (scale * orders))
    model, cents = GammaGamma().fit(orders, means), GammaGamma().fit(orders, 100 * means)
    assert (model.p_, model.q_, model.v_) == pytest.approx((6.0, 3.7, 15.0), rel=0.1)
    assert (cents.p_, cents.q_, cents.v_ / 100) == pytest.approx((model.p_, model.q_, model.v_), rel=1e-5)


def test_orders_without_value_are_refused():
    with pytest.raises(ValueError, match="value above 0"):
        GammaGamma().fit(np.array([1]), np.array([0.0]))


def test_a_search_needs_a_start():
    with pytest.raises(ValueError, match="no start"):
        maximise(lambda x: (x, np.array([1.0])), [], [(1, 2)])


# --- together


def test_scores_are_of_each_customer_alone():
    frame = customers(600)
    model = ValueModel().fit(frame)
    whole = model.predict(frame)
    part = model.predict(frame.iloc[100:130])
    pd.testing.assert_frame_equal(part, whole.iloc[100:130])
    assert whole["p_alive"].between(0, 1).all() and set(whole["value_tier"]) == {1, 2, 3, 4, 5}


def test_rows_may_come_in_any_order():
    frame = customers(600)
    model, turned = ValueModel().fit(frame), ValueModel().fit(frame.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(model.predict(frame), turned.predict(frame))


def test_a_shop_of_orders_alone_has_no_rate_of_orders():
    frame = customers(600).assign(n_ordering_visits=lambda rows: rows["n_visits"])
    frame = frame.assign(n_orders=frame["n_visits"], revenue=10.0 * frame["n_visits"] + frame["user_sk"] % 7)
    model = ValueModel().fit(frame)
    assert model.basis_ == "orders"
    assert ValueModel().fit(customers(600)).basis_ == "visits"
    scores = model.predict(frame)
    ratio = scores["expected_orders_30d"] / scores["expected_visits_30d"]
    assert ratio.to_numpy() == pytest.approx(np.full(600, model.level_))


def test_the_level_follows_what_came_within_bounds():
    frame = customers(600)
    levels = [ValueModel().fit(frame, seen).level_ for seen in (None, (0, 0), (90, 190), (1e6, 1), (1, 1e6))]
    assert levels == [1, 1, 2, 0.25, 4]
    plain, double = ValueModel().fit(frame), ValueModel().fit(frame, (90, 190))
    a, b = plain.predict(frame), double.predict(frame)
    assert (b["expected_orders_90d"] / a["expected_orders_90d"]).to_numpy() == pytest.approx(np.full(600, 2))
    assert a["p_alive"].equals(b["p_alive"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows.iloc[:150], "Customers: 150 of the 200 that"),
        (lambda rows: rows.assign(age_days=9, recency_days=0), "Days of history: 10 of the 28 that"),
        (lambda rows: rows.assign(n_visits=1), "Customers who came on two days or more: 0 of"),
        (lambda rows: rows.assign(n_orders=0), "Customers who have paid for an order: 0 of"),
    ],
)
def test_too_little_is_refused_in_a_sentence(change, sentence):
    frame = change(customers(300))
    assert sentence in ValueModel.refusal(frame)
    with pytest.raises(ValueError, match=sentence):
        ValueModel().fit(frame)
    assert ValueModel.refusal(customers(300)) is None
