"""How many personas there are: the bars at their edges, what each refit learns, and the null."""

from dataclasses import replace
from datetime import date
from typing import ClassVar

import numpy as np
import pytest

import clientele.personas.stability as stability
from clientele.learning.nulls import NullTest
from clientele.personas.pipeline import HabitSpace, Personas
from clientele.personas.settings import Settings
from clientele.personas.stability import (
    CONTINUITY,
    Subjects,
    align,
    calibrate_confidence,
    choose_k,
    cross_count,
    fit_final_kmeans,
    glance_at_k,
    measure_null,
    prediction_strength,
)

SETTINGS = Settings(
    as_of=date(2020, 4, 30),
    max_k=5,
    n_repeats=2,
    n_init=2,
    null_users=400,
    n_nulls=4,
    silhouette_users=200,
    n_workers=1,
)


def subjects(values: np.ndarray, parts: np.ndarray | None = None) -> Subjects:
    users = np.arange(1, len(values) + 1)
    if parts is None:
        return Subjects(users, values, np.empty(0, dtype=int), np.empty((0, 2, values.shape[1])))
    return Subjects(users, values, users, parts)


def groups(n_groups: int, n_users: int = 600, distance: float = 8.0, seed: int = 0) -> np.ndarray:
    """Customers around corners that are equally far from each other."""
    chance = np.random.default_rng(seed)
    group = np.arange(n_users) % n_groups
    return np.eye(6)[group] * distance + chance.normal(size=(n_users, 6))


def cloud(n_users: int = 600, long_axis: float = 0.0, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.normal(size=(n_users, 6)) + long_axis * chance.normal(size=(n_users, 1))


class Figures(stability._Study):
    """A study whose figures are given: by number of personas, in the order of the bars, and the month's."""

    given: ClassVar[dict] = {}
    exceeds: ClassVar[dict] = {}

    def figure(self, k, metric):
        names = [*SETTINGS.bars, "month_ago_ari"]
        return self.given.get(k, (0.1, 0.1, 0.1, 0.2, np.nan))[names.index(metric)]

    def look(self, repeats, ks):
        self.looked = getattr(self, "looked", [])
        self.looked.append((list(repeats), list(ks)))

    def exceeds_null(self, k):
        self.null[k] = {name: NullTest(0.9, np.array([0.1])) for name in stability.NULL_METRICS}
        return self.exceeds.get(k, True)


@pytest.fixture
def decide(monkeypatch):
    """Choose between numbers of personas by their figures alone."""

    def of(given, k_before=None, exceeds=None):
        monkeypatch.setattr(Figures, "given", given)
        monkeypatch.setattr(Figures, "exceeds", exceeds or {})
        monkeypatch.setattr(stability, "_Study", Figures)
        monkeypatch.setattr(stability, "_describe_shape", lambda *points: {})
        monkeypatch.setattr(stability, "_gap", lambda *points: 0.0)
        return choose_k(subjects(groups(3, 60)), SETTINGS, k_before)

    return of


AT_THE_BARS = (0.80, 0.80, 0.75, 0.03, 0.80)


def test_at_every_bar_is_passed(decide):
    choice = decide({3: AT_THE_BARS})
    assert (choice.k, choice.standing) == (3, "stable")


@pytest.mark.parametrize("position", range(4))
def test_just_below_a_bar_is_missed_and_named(decide, position):
    below = list(AT_THE_BARS)
    below[position] -= 1e-6
    choice = decide({3: tuple(below)})
    assert choice.standing != "stable"
    assert list(SETTINGS.bars)[position] in choice.reason


def test_the_largest_that_passes_is_taken(decide):
    assert decide({2: AT_THE_BARS, 4: AT_THE_BARS}).k == 4


def test_as_many_as_before_are_kept_if_they_pass(decide):
    both = {2: AT_THE_BARS, 4: AT_THE_BARS}
    assert decide(both, k_before=2).k == 2
    assert decide({4: AT_THE_BARS}, k_before=2).k == 4


def test_what_a_month_ago_does_not_find_yields_to_what_it_does(decide):
    forgotten = (*AT_THE_BARS[:4], 0.799)
    choice = decide({2: AT_THE_BARS, 4: forgotten})
    assert (choice.k, choice.standing) == (2, "stable")
    alone = decide({4: forgotten})
    assert (alone.k, alone.standing) == (4, "exploratory") and "month_ago_ari 0.799 < 0.8" in alone.reason
    unknown = decide({4: (*AT_THE_BARS[:4], np.nan)})
    assert (unknown.k, unknown.standing) == (4, "stable")


def test_a_number_that_a_cloud_shows_too_is_skipped(decide):
    both = {2: AT_THE_BARS, 4: AT_THE_BARS}
    assert decide(both, exceeds={4: False}).k == 2
    none = decide(both, exceeds={4: False, 2: False})
    assert (none.k, none.standing) == (4, "no_groups")


def test_short_of_the_bars_is_exploratory_down_to_the_floor(decide):
    pattern = (0.6, 0.6, 0.6, 0.03, np.nan)
    choice = decide({3: pattern})
    assert (choice.k, choice.standing) == (3, "exploratory")
    assert decide({3: pattern}, exceeds={3: False}).standing == "no_groups"
    for position in range(4):
        below = list(pattern)
        below[position] -= 1e-6
        assert decide({3: tuple(below)}).standing == "no_groups"


def test_far_from_a_bar_there_is_no_second_look(decide, monkeypatch):
    looked = []
    monkeypatch.setattr(Figures, "look", lambda self, repeats, ks: looked.append(list(ks)))
    decide({2: (0.71, 0.71, 0.66, 0.03, 1.0), 3: (0.69, 0.9, 0.9, 0.1, 1.0), 4: AT_THE_BARS})
    assert looked == [[2, 3, 4, 5], [2, 4]]


# --- the figures


def test_groups_are_counted():
    for n_groups in (2, 3):
        choice = choose_k(subjects(groups(n_groups)), SETTINGS)
        assert (choice.k, choice.standing) == (n_groups, "stable"), choice.reason
        assert choice.evidence["half_sample_ari"] > 0.95
        decisive = {*SETTINGS.bars, *stability.NULL_METRICS} | ({"axis_share"} if n_groups > 2 else set())
        passed = choice.diagnostics[choice.diagnostics["k"] == n_groups].dropna(subset="passed")
        assert set(passed["metric"]) == decisive and passed["passed"].all()


@pytest.mark.parametrize("long_axis", [0.0, 2.0])
def test_a_cloud_has_no_groups(long_axis):
    choice = choose_k(subjects(cloud(1000, long_axis)), replace(SETTINGS, n_nulls=9))
    assert choice.standing == "no_groups", choice.reason
    assert choice.reason.startswith("No groups: ")


def test_a_long_axis_is_cut_in_the_same_place_again_and_again():
    """Which is why refits alone prove nothing: every bar is passed."""
    choice = choose_k(subjects(cloud(1000, 2.0)), replace(SETTINGS, n_nulls=9))
    of_two = choice.diagnostics[choice.diagnostics["k"] == 2].set_index("metric")["value"]
    assert all(of_two[name] >= bar for name, bar in SETTINGS.bars.items())


def test_steps_along_one_axis_are_no_groups():
    """What counts, shares and logarithms make of a long axis: more than a normal cloud, and no groups."""
    chance = np.random.default_rng(3)
    eagerness = chance.uniform(-2.5, 2.5, size=(1500, 1))
    signs = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    even = subjects(signs * eagerness + 0.8 * chance.normal(size=(1500, 6)))
    choice = choose_k(even, SETTINGS)
    assert choice.standing == "no_groups"
    assert "groups would be steps along one axis" in choice.reason, choice.reason
    missed = choice.diagnostics.query("metric == 'axis_share' and k == 3").iloc[0]
    assert missed.value > missed.threshold == SETTINGS.max_axis_share and not missed.passed
    # without the rule they would be personas; groups that a gap parts are, and those that differ in two ways
    assert choose_k(even, replace(SETTINGS, max_axis_share=1.0)).standing == "stable"
    parted = signs * 3.0 * (np.arange(1500)[:, None] % 3 - 1) + 0.8 * chance.normal(size=(1500, 6))
    for values, k in ((parted, 3), (parted[np.arange(1500) % 3 < 2], 2), (groups(3, distance=6), 3)):
        found = choose_k(subjects(values), SETTINGS)
        assert (found.k, found.standing) == (k, "stable"), found.reason


def test_every_refit_learns_everything_from_its_own_customers(monkeypatch):
    """Ranges, reliability and axes of a half are those of the half; only the first fit sees everybody."""
    seen = []
    original = HabitSpace.fit

    def watch(self, values, parts=None, reliability=None):
        seen.append((len(values), 0 if parts is None else len(parts), reliability is not None))
        return original(self, values, parts, reliability)

    monkeypatch.setattr(HabitSpace, "fit", watch)
    values = groups(3, 600)
    choose_k(subjects(values, np.stack([values, values + 0.1], axis=1)), replace(SETTINGS, max_k=3))
    halves = [n for n in seen if n[:2] == (300, 300)]
    everyone = [n for n in seen if n[:2] == (600, 600)]
    clouds = [n for n in seen if n[2]]
    assert len(halves) == 2 * SETTINGS.n_repeats
    assert len(everyone) == 1 + SETTINGS.n_repeats  # the fit itself, and the bootstraps
    assert clouds and all(n[0] <= SETTINGS.null_users for n in clouds)
    assert len(seen) == len(halves) + len(everyone) + len(clouds)


def test_a_half_takes_both_kinds_of_data_of_its_users():
    users = Subjects(np.array([1, 2, 5]), np.zeros((3, 1)), np.array([2, 5, 9]), np.zeros((3, 2, 1)))
    assert users.everyone.tolist() == [1, 2, 5, 9]
    values, parts = users.count(np.array([0, 2, 0, 1]))
    assert values.tolist() == [1, 1] and parts.tolist() == [0, 0, 2]


def test_a_scale_that_differs_between_halves_lowers_the_figures():
    """Stability with a fixed embedding would not see it: reliability learnt in a half decides what counts."""
    chance = np.random.default_rng(3)
    values = groups(2, 400)
    noise = chance.normal(size=(400, 2, 6)) * chance.choice([0.1, 30.0], size=(400, 1, 1))
    known = choose_k(subjects(values), replace(SETTINGS, max_k=2))
    noisy = choose_k(
        subjects(values, values[:, None] + noise), replace(SETTINGS, max_k=2, min_reliability=0.0)
    )
    assert noisy.evidence["half_sample_ari"] <= known.evidence["half_sample_ari"]


def test_prediction_strength_is_that_of_the_least_stable_cluster():
    own, other = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    # Of six pairs in the second cluster, two stay together.
    assert prediction_strength(own, other, 2) == pytest.approx(2 / 6)


def test_the_null_counts_whoever_is_cut_and_whatever_is_explained():
    settings = replace(SETTINGS, n_nulls=19)
    space = HabitSpace(settings).fit(groups(3))
    of_groups = measure_null(groups(3), space, 3, settings)
    assert tuple(of_groups) == stability.NULL_METRICS
    assert all(len(test.draws) == 19 and test.is_passed for test in of_groups.values())
    long = cloud(600, 2.0, seed=3)
    strength, share = measure_null(long, HabitSpace(settings).fit(long), 2, settings).values()
    # As stable as groups, and no more than other clouds explain.
    assert strength.value > 0.8 and not share.is_passed
    again = measure_null(long, HabitSpace(settings).fit(long), 2, settings)
    np.testing.assert_array_equal(again["null_explained_share"].draws, share.draws)


def test_folds_choose_by_the_same_bars():
    assert glance_at_k(subjects(groups(3, 300)), SETTINGS) == 3
    assert glance_at_k(subjects(groups(2, 300)), SETTINGS) == 2


def test_identical_customers_are_refused():
    with pytest.raises(ValueError, match="same features"):
        choose_k(subjects(np.ones((300, 2))), SETTINGS)
    with pytest.raises(ValueError, match="No feature differs"):
        Personas(SETTINGS, 2).fit(np.ones((300, 2)))


def test_one_estimator_predicts_what_it_labelled():
    values = groups(3)
    model = Personas(SETTINGS, 3).fit(values)
    np.testing.assert_array_equal(model.predict(values), model.labels_)


# --- the last fit


def test_a_partition_that_continues_the_one_before_is_kept_up_to_a_bound():
    """A square is cut in two either way; the looser cut is kept only if it is nearly as good."""
    chance = np.random.default_rng(0)

    def square(width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        corner = np.arange(400) % 4
        points = np.column_stack([corner % 2 * width, corner // 2 * 1.0]) * 10 + chance.normal(
            scale=0.1, size=(400, 2)
        )
        starts = np.array([[0.0, 5.0], [10.0 * width, 5.0]])
        return points, starts, corner // 2

    points, starts, before = square(1.003)
    best = fit_final_kmeans(points, starts, None)
    kept = fit_final_kmeans(points, starts, before)
    assert 1 < kept.inertia_ / best.inertia_ <= 1 + CONTINUITY
    assert abs(np.corrcoef(kept.labels_, before)[0, 1]) > 0.99
    points, starts, before = square(1.2)
    looser = fit_final_kmeans(points, starts, before)
    assert abs(np.corrcoef(looser.labels_, before)[0, 1]) < 0.5
    # Another number of segments before is nothing to continue.
    np.testing.assert_array_equal(
        fit_final_kmeans(points, starts, np.arange(400) % 3).labels_,
        fit_final_kmeans(points, starts, None).labels_,
    )


def test_a_poor_optimum_is_left_for_the_best_of_many_starts():
    """Segments before that miss a group are not continued, however many there were."""
    values = groups(3, 300)
    points = HabitSpace(SETTINGS).fit(values).transform(values)
    group = np.arange(300) % 3
    starts = np.array([points[group == label].mean(axis=0) for label in range(3)])
    poor = np.where(group == 0, np.arange(300) // 3 % 2, 2)
    found = fit_final_kmeans(points, starts, poor).labels_
    assert np.array_equal(align(group, found, 3), group)


# --- confidence


def test_labels_are_counted_and_aligned():
    first, second = np.array([0, 0, 1, 1, 2]), np.array([2, 2, 0, 0, 0])
    assert cross_count(first, second, 3).tolist() == [[0, 0, 2], [2, 0, 0], [1, 0, 0]]
    assert align(first, second, 3).tolist() == [0, 0, 1, 1, 1]


def test_confidence_is_the_share_of_refits_that_agree():
    # The second refit has its clusters in another order, and gives the second user to the other one.
    refits = np.array([[0, 0, 1, 1], [1, 0, 0, 0]], dtype=np.int8)
    table = calibrate_confidence(np.array([0, 0, 1, 1]), np.array([4.0, 1.0, 2.0, 5.0]), refits, 2, n_bins=4)
    assert table.to_numpy().tolist() == [[0.0, 0.5], [2.0, 1.0], [4.0, 1.0]]


def test_confidence_rises_with_the_margin():
    choice = choose_k(subjects(groups(3, 300, distance=3.0)), SETTINGS)
    margins = np.random.default_rng(0).gamma(2.0, size=300)
    table = calibrate_confidence(choice.labels, margins, choice.refits[choice.k], choice.k)
    assert table["margin_lo"].iloc[0] == 0 and table["margin_lo"].is_unique
    assert table["confidence"].is_monotonic_increasing and table["confidence"].between(0, 1).all()
