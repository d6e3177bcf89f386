"""The persona model: what it finds, what it refuses, and that nothing but the data decides."""

import os
from dataclasses import replace
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_info

import clientele.personas.fit
from clientele.learning import parallel
from clientele.learning.linear_rows import round_significant
from clientele.learning.resampling import hash_sample
from clientele.personas import Settings, fit_personas, reasons, score
from clientele.personas.pipeline import HabitSpace, measure_reliability
from clientele.personas.scoring import fold_weights, hash_weights

N_USERS, N_GROUPS = 1500, 5
NAMES = [f"habit_{number}" for number in range(12)]
CATALOG = pd.DataFrame({"feature": NAMES, "block": ["intensity", "funnel", "price", "timing"] * 3})
SETTINGS = Settings(
    as_of=date(2020, 4, 30),
    max_k=6,
    study_users=650,
    n_repeats=2,
    n_init=2,
    null_users=300,
    n_nulls=3,
    n_workers=1,
    silhouette_users=300,
    order_features=("habit_0",),
)


def make_users(distance: float = 2.0, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Users around the centres of groups; the distance is in standard deviations."""
    generator = np.random.default_rng(seed)
    group = generator.integers(N_GROUPS, size=N_USERS)
    centres = generator.normal(scale=distance, size=(N_GROUPS, len(NAMES)))
    users = pd.DataFrame(centres[group] + generator.normal(size=(N_USERS, len(NAMES))), columns=NAMES)
    users.insert(0, "user_sk", generator.permutation(N_USERS) + 1)
    return users, group


def shuffle(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1, random_state=3)[list(table.columns[::-1])]


@pytest.fixture(scope="module")
def users():
    return make_users()[0]


@pytest.fixture(scope="module")
def fit(users):
    return fit_personas(users, CATALOG, SETTINGS)


def test_planted_groups_are_found(fit):
    users, group = make_users()
    found = users[["user_sk"]].assign(group=group).merge(fit.labels, on="user_sk")
    assert adjusted_rand_score(found["group"], found["segment_id"]) > 0.95
    assert (fit.status, fit.k) == ("stable", N_GROUPS)
    assert set(fit.weights["segment_id"]) == set(fit.labels["segment_id"]) == set(range(1, N_GROUPS + 1))


def test_labels_are_those_of_scikit_learn(users, fit):
    assert fit.n_mismatches == 0
    assert fit.model_card["n_mismatches"].item() == 0
    pd.testing.assert_frame_equal(score(shuffle(users), fit.weights), fit.labels, check_exact=True)


def test_a_label_that_the_rows_do_not_give_is_counted(users, monkeypatch):
    original = clientele.personas.fit.score

    def wrong(table, weights):
        labels = original(table, weights)
        labels.loc[:6, "segment_id"] = labels.loc[:6, "segment_id"] % 2 + 1
        return labels

    monkeypatch.setattr(clientele.personas.fit, "score", wrong)
    fit = fit_personas(users, CATALOG, replace(SETTINGS, max_k=2))
    assert fit.n_mismatches == fit.model_card["n_mismatches"].item() == 7


def test_order_of_rows_and_columns_changes_no_bit(users):
    halves = pd.concat([users, users.assign(habit_1=users["habit_1"] + users["habit_2"] / 3)])
    first = fit_personas(users, CATALOG, SETTINGS, halves, users)
    second = fit_personas(
        shuffle(users), shuffle(CATALOG).sort_index(), SETTINGS, shuffle(halves), shuffle(users)
    )
    assert first.evidence["month_ago_ari"] == 1.0 and first.evidence == second.evidence
    for name in ("weights", "diagnostics", "confidence", "features", "labels", "model_card"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)


def test_one_thread_adds_up(users, monkeypatch):
    seen = []
    original = clientele.personas.fit.choose_k
    monkeypatch.setattr(
        clientele.personas.fit,
        "choose_k",
        lambda *arguments: (
            seen.extend(pool["num_threads"] for pool in threadpool_info()) or original(*arguments)
        ),
    )
    fit_personas(users, CATALOG, replace(SETTINGS, max_k=3))
    assert set(seen) == {1}


def test_version_is_the_day_and_the_weights(users, fit):
    later = fit_personas(users, CATALOG, replace(SETTINGS, as_of=date(2020, 5, 1)))
    assert fit.model_version == f"20200430-{hash_weights(fit.weights)[:8]}"
    assert later.model_version == fit.model_version.replace("20200430", "20200501")
    changed = fit.weights.assign(weight=fit.weights["weight"] * (1 + 1e-9))
    assert hash_weights(changed) != hash_weights(fit.weights) == hash_weights(shuffle(fit.weights))


def test_personas_are_numbered_by_merit(users, fit):
    merit = users.merge(fit.labels, on="user_sk").groupby("segment_id")["habit_0"].mean()
    assert merit.is_monotonic_decreasing
    by_size = fit_personas(users, CATALOG, replace(SETTINGS, order_features=("absent",)))
    assert by_size.labels["segment_id"].value_counts().sort_index().is_monotonic_decreasing


def test_sql_over_the_weights_as_text_gives_the_same_bits(users, fit):
    rows = fit.weights.sort_values(["segment_id", "feature_position"])
    scores = []
    for segment_id, own in rows.groupby("segment_id"):
        total = f"{own['weight'].iloc[0]:.12g}::double"
        for row in own.iloc[1:].itertuples():
            clipped = (
                f"greatest(least({row.feature}, {row.clip_hi:.12g}::double), {row.clip_lo:.12g}::double)"
            )
            total = f"({total} + {row.weight:.12g}::double * {clipped})"
        scores.append(f"{total} as score_{segment_id}")
    table = duckdb.sql(f"select {', '.join(scores)} from users order by user_sk").df().to_numpy()
    np.testing.assert_array_equal(table.argmin(axis=1) + 1, fit.labels["segment_id"])
    np.testing.assert_array_equal(np.sort(table, axis=1)[:, 0], fit.labels["score"])
    np.testing.assert_array_equal(np.sort(table, axis=1)[:, 1], fit.labels["runner_up_score"])


def test_folded_weights_rank_like_distances_to_centroids(users):
    values = users[NAMES].to_numpy()
    space = HabitSpace(SETTINGS).fit(values)
    space.matrix_ = np.random.default_rng(2).normal(size=(len(space.kept_), 3))
    centroids = np.random.default_rng(3).normal(size=(4, 3))
    model = KMeans(4, init=centroids, n_init=1, max_iter=1).fit(centroids)
    model.cluster_centers_ = centroids
    labels = score(users, fold_weights(space, NAMES, centroids)).set_index("user_sk")["segment_id"]
    np.testing.assert_array_equal(labels.loc[users["user_sk"]] - 1, model.predict(space.transform(values)))


def hand_weights(*segments: tuple[float, ...]) -> pd.DataFrame:
    """Weights (intercept, a, b) of each segment, for features of mean 1 clipped to 0..4."""
    return pd.DataFrame(
        [
            (number, name, position, weight, 1.0, *((1.0, 1.0) if position == 0 else (0.0, 4.0)))
            for number, weights in enumerate(segments, start=1)
            for position, (name, weight) in enumerate(zip(["(intercept)", "a", "b"], weights, strict=True))
        ],
        columns=["segment_id", "feature", "feature_position", "weight", "feature_mean", "clip_lo", "clip_hi"],
    )


def test_score_and_reasons_by_hand():
    weights = hand_weights((5.0, -2.0, 0.0), (0.0, 1.0, 1.0), (9.0, 0.0, 0.0))
    table = pd.DataFrame({"user_sk": [7, 3], "a": [0.0, 100.0], "b": [1.0, -1.0]})
    scored = score(table, weights)
    # User 3 is clipped to a = 4, b = 0: scores -3, 4, 9. User 7: 5, 1, 9.
    assert scored.values.tolist() == [[3, 1, 2, 7.0, -3.0, 4.0], [7, 2, 1, 4.0, 1.0, 5.0]]
    why = reasons(table, weights)
    assert why[["user_sk", "feature", "contribution", "constant"]].values.tolist() == [
        [3, "a", 9.0, -1.0],
        [3, "b", -1.0, -1.0],
        [7, "a", 3.0, 1.0],
        [7, "b", 0.0, 1.0],
    ]


def test_a_tie_goes_to_the_lowest_id_and_the_first_feature():
    weights = hand_weights((1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (1.0, 0.0, 0.0))
    table = pd.DataFrame({"user_sk": [1], "a": [1.0], "b": [1.0]})
    assert score(table, weights).loc[0, ["segment_id", "runner_up_segment_id"]].tolist() == [1, 2]
    assert reasons(table, weights)["feature"].tolist() == ["a", "b"]


def test_reasons_add_up_to_the_margin(users, fit):
    every = reasons(users, fit.weights, top=None)
    total = every.groupby("user_sk")["contribution"].sum() + every.groupby("user_sk")["constant"].first()
    np.testing.assert_allclose(total, fit.labels["margin"], atol=1e-9)
    top = reasons(users, fit.weights)
    pd.testing.assert_frame_equal(top, every[every["reason_rank"] <= 3].reset_index(drop=True))
    assert (top.groupby("user_sk")["contribution"].diff().dropna() <= 0).all()


def test_features_that_add_nothing_are_dropped_and_said():
    users, _ = make_users()
    users["habit_4"] = 3.0
    users["habit_5"] = 0.0
    users.loc[users.index[:5], "habit_5"] = 1.0  # rarer than the clip: constant after it
    users["habit_9"] = -users["habit_2"]
    notes = fit_personas(users, CATALOG, SETTINGS).features.set_index("feature")
    assert notes.query("status == 'constant'").index.tolist() == ["habit_4", "habit_5"]
    assert notes.loc["habit_9", "status"] == "correlated"
    assert notes.loc["habit_9", "note"] == "correlation -1.00 with habit_2"
    assert (notes["status"] == "kept").sum() == len(NAMES) - 3
    backwards = CATALOG.assign(feature_position=range(len(CATALOG), 0, -1))
    again = fit_personas(users, backwards, SETTINGS).features.set_index("feature")
    assert again.loc["habit_2", "note"] == "correlation -1.00 with habit_9"


def test_an_extreme_user_moves_nobody(users, fit):
    richest = users["habit_3"].idxmax()
    extreme = users.copy()
    extreme.loc[richest, "habit_3"] = 1e9
    again = fit_personas(extreme, CATALOG, SETTINGS)
    pd.testing.assert_frame_equal(again.weights, fit.weights)


def mean_weights(fit) -> pd.Series:
    sizes = fit.weights.query("feature_position > 0").groupby("feature")["weight"]
    return sizes.apply(lambda weights: weights.abs().mean())


def test_a_feature_that_splits_users_counts_more_than_a_bell_shaped_one():
    generator = np.random.default_rng(6)
    bells = generator.normal(size=N_USERS)
    splits = generator.integers(2, size=N_USERS) + generator.normal(scale=0.1, size=N_USERS)
    settings = replace(SETTINGS, explained_variance=1.0)

    def variances(scale: float) -> np.ndarray:
        space = HabitSpace(settings).fit(np.column_stack([bells * scale, splits]))
        return (space.matrix_**2).sum(axis=1)

    # A bell from its 1st to its 99th percentile spans 4.65 standard deviations: 12 / 4.65^2 = 0.55.
    bell, split = variances(1.0)
    assert bell == pytest.approx(0.55, abs=0.06)
    assert split > 3 * bell
    np.testing.assert_allclose(variances(1000.0), [bell, split])


def test_reliability_by_hand():
    users = np.array(
        [
            [[1.0, 5.0, 1.0, 9.0], [3.0, 5.0, 2.0, 9.0]],
            [[5.0, 8.0, 1.0, 9.0], [7.0, 8.0, 2.0, 9.0]],
        ]
    )
    # First feature: mean squares 16 between users and 2 within, (16 - 2) / (16 + 2).
    np.testing.assert_allclose(measure_reliability(users), [7 / 9, 1.0, 0.0, 0.0])
    unequal = np.array([[[1.0], [2.0], [3.0]], [[3.5], [4.5], [np.nan]]])
    # Mean squares 4.8 between and 5/6 within; a typical user has 5 - 13 / 5 = 2.4 rows.
    np.testing.assert_allclose(measure_reliability(unequal), [(4.8 - 5 / 6) / (4.8 + 7 / 6)])


def test_unreliable_features_count_less_or_not_at_all(users, fit):
    generator = np.random.default_rng(4)
    halves = []
    for _ in range(3):
        half = users.copy()
        half["habit_1"] = generator.normal(size=N_USERS)
        half["habit_2"] += generator.normal(scale=2 * half["habit_2"].std(), size=N_USERS)
        halves.append(half)
    replicates = pd.concat(halves)
    weighted = fit_personas(users, CATALOG, SETTINGS, replicates)
    notes = weighted.features.set_index("feature")
    assert notes.loc["habit_1", "status"] == "unreliable"
    assert 0.1 < notes.loc["habit_2", "reliability"] < 0.4 and notes.loc["habit_2", "status"] == "kept"
    assert notes["reliability"].drop(["habit_1", "habit_2"]).to_numpy() == pytest.approx(1)
    share = mean_weights(weighted)["habit_2"] / mean_weights(fit)["habit_2"]
    assert 0.1 < share < 0.4
    # The order of the replicates does not matter, and too few of them are not used.
    again = fit_personas(users, CATALOG, SETTINGS, shuffle(replicates))
    pd.testing.assert_frame_equal(again.weights, weighted.weights, check_exact=True)
    pd.testing.assert_frame_equal(again.features, weighted.features, check_exact=True)
    few = fit_personas(
        users, CATALOG, SETTINGS, replicates[replicates["user_sk"] < SETTINGS.min_replicate_users]
    )
    pd.testing.assert_frame_equal(few.weights, fit.weights)
    assert few.features["reliability"].isna().all()


# samples


def test_a_sample_is_fixed_and_overlaps_with_that_of_a_larger_shop():
    keys = np.arange(1, 2001)
    small = keys[hash_sample(keys[:1000], 500, seed=0)]
    large = keys[hash_sample(keys, 1000, seed=0)]
    assert len(small) == 500 and (np.diff(small) > 0).all()
    assert len(np.intersect1d(small, large)) > 400  # those below the 500th hash of the half, nearly all
    assert hash_sample(keys, 5000, seed=0).tolist() == list(range(2000))
    assert set(small) != set(keys[hash_sample(keys[:1000], 500, seed=1)])


def test_more_users_than_allowed_are_sampled(users):
    fit = fit_personas(users, CATALOG, replace(SETTINGS, max_users=800))
    assert fit.model_card["n_users"].item() == len(fit.labels) == 800
    assert fit.k == N_GROUPS


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_rounded_numbers_survive_text(value):
    rounded = round_significant(np.array([value]))
    assert float(f"{rounded[0]:.12g}") == rounded[0]
    np.testing.assert_allclose(rounded[0], value, rtol=1e-11, atol=1e-310)


# edges and errors


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda users: users.head(199), "199 users are too few for personas; 200 are needed, 1 more."),
        (lambda users: users.assign(**dict.fromkeys(NAMES, 1.0)), "No feature differs"),
        (lambda users: users.head(0), "0 users are too few"),
    ],
)
def test_without_a_model_the_tables_keep_their_columns(users, fit, change, why):
    empty = fit_personas(change(users), CATALOG, SETTINGS)
    assert (empty.status, empty.k) == ("none", 0)
    assert why in empty.reason == empty.model_card["reason"].item()
    for name in ("weights", "diagnostics", "confidence", "labels", "features", "model_card"):
        with_model, without = getattr(fit, name), getattr(empty, name)
        assert without.columns.tolist() == with_model.columns.tolist()
        assert without.dtypes.tolist() == with_model.dtypes.tolist()
    assert len(empty.weights) == len(empty.labels) == 0
    assert len(empty.features) == len(CATALOG)


def test_a_shop_without_purchases_still_has_personas(users):
    bought_nothing = users.assign(**{name: -3.2 for name in CATALOG.query("block == 'funnel'")["feature"]})
    fit = fit_personas(bought_nothing, CATALOG, SETTINGS)
    assert fit.status == "stable"
    assert fit.features.query("status == 'constant'")["block"].tolist() == ["funnel"] * 3


def test_one_varying_feature_is_enough(users):
    one = users.assign(**dict.fromkeys(NAMES[1:], 0.0))
    fit = fit_personas(one, CATALOG, SETTINGS)
    assert fit.k >= 2 and fit.n_mismatches == 0


def test_customers_who_differ_by_degrees_get_tiers_in_words():
    """One cloud: thirds along its longest axis, named by the features that the axis is about."""
    chance = np.random.default_rng(7)
    cloud = pd.DataFrame(chance.normal(size=(N_USERS, len(NAMES))), columns=NAMES)
    cloud["habit_0"] = cloud["habit_3"] + 0.7 * cloud["habit_0"]
    cloud.insert(0, "user_sk", np.arange(1, N_USERS + 1))
    fit = fit_personas(cloud, CATALOG.assign(label=[f"label of {name}" for name in NAMES]), SETTINGS)
    assert (fit.status, fit.k, fit.n_mismatches) == ("no_groups", 3, 0)
    assert fit.labels["segment_id"].value_counts().tolist() == [500, 500, 500]
    assert "No groups: " in fit.reason and "label of habit_3 (more)" in fit.reason
    means = cloud.merge(fit.labels, on="user_sk").groupby("segment_id")[["habit_0", "habit_3"]].mean()
    assert means["habit_0"].is_monotonic_decreasing and means["habit_3"].is_monotonic_decreasing
    assert set(fit.confidence["confidence"]) == {1.0}


def test_a_fit_on_the_month_before_is_compared(users, fit):
    assert np.isnan(fit.evidence["month_ago_ari"])
    other = users.assign(**{name: np.roll(users[name], position) for position, name in enumerate(NAMES)})
    moved = fit_personas(users, CATALOG, SETTINGS, month_ago=other)
    assert moved.evidence["month_ago_ari"] < 0.8
    assert moved.status == "exploratory" and "month_ago_ari" in moved.reason
    few = fit_personas(users, CATALOG, SETTINGS, month_ago=other.head(SETTINGS.min_users - 1))
    assert few.status == "stable" and np.isnan(few.evidence["month_ago_ari"])


def test_two_processes_give_the_bits_of_one(users, fit, monkeypatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    both = fit_personas(users, CATALOG, replace(SETTINGS, n_workers=2))
    for name in ("weights", "diagnostics", "confidence", "features", "labels", "model_card"):
        pd.testing.assert_frame_equal(getattr(both, name), getattr(fit, name), check_exact=True)


def test_no_process_is_started_for_a_processor_that_is_not_there(monkeypatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 1)
    where = parallel.in_parallel(2, os.getpid, [(), ()])
    assert where == [os.getpid()] * 2
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    assert os.getpid() not in parallel.in_parallel(2, os.getpid, [(), ()])


def with_nan(users):
    changed = users.copy()
    changed.loc[[3, 5], "habit_6"] = np.nan
    changed.loc[4, "habit_8"] = np.inf
    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_nan, r"features: NaN or infinite values in habit_6 \(2\), habit_8 \(1\)"),
        (lambda users: users.drop(columns="habit_6"), r"features lacks the column\(s\) \['habit_6'\]"),
        (lambda users: users.drop(columns="user_sk"), r"lacks the column\(s\) \['user_sk'\]"),
        (lambda users: pd.concat([users, users.head(2)]), "2 rows repeat a user_sk"),
        (lambda users: users.assign(user_sk=users["user_sk"] + 0.5), "must hold integers"),
        (lambda users: users.assign(habit_6="many"), r"\['habit_6'\] are not numeric"),
    ],
)
def test_features_are_checked(users, change, message):
    with pytest.raises(ValueError, match=message):
        fit_personas(change(users), CATALOG, SETTINGS)


@pytest.mark.parametrize(
    ("catalog", "message"),
    [
        (CATALOG.drop(columns="block"), r"lacks the column\(s\) \['block'\]"),
        (pd.concat([CATALOG, CATALOG.tail(1)]), r"lists \['habit_11'\] twice"),
        (CATALOG.assign(block=None), "without feature or block"),
    ],
)
def test_the_catalog_is_checked(users, catalog, message):
    with pytest.raises(ValueError, match=message):
        fit_personas(users, catalog, SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.drop(columns="clip_lo"), r"lack the column\(s\) \['clip_lo'\]"),
        (lambda weights: weights.query("segment_id == 1"), "need two segments"),
        (lambda weights: weights.iloc[:-1], "the same features"),
        (lambda weights: pd.concat([weights, weights.assign(model_version="other")]), "more than one model"),
    ],
)
def test_weights_are_checked(users, fit, change, message):
    with pytest.raises(ValueError, match=message):
        score(users, change(fit.weights))


@pytest.mark.parametrize(
    "wrong",
    [
        {"clip_quantiles": (0.9, 0.1)},
        {"min_k": 9, "max_k": 5},
        {"n_repeats": 1},
        {"min_users": 3},
        {"as_of": "2020-04-30"},
    ],
)
def test_settings_that_contradict_are_refused(wrong):
    with pytest.raises(ValueError, match="Settings: "):
        replace(SETTINGS, **wrong)
