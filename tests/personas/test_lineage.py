"""Ids that stay with their customers: what a refit keeps, and what it calls new."""

import numpy as np
import pandas as pd
import pytest
from test_persona_fit import CATALOG, SETTINGS, make_users

from clientele.personas import fit_personas, score
from clientele.personas.lineage import give_ids, label_before, trace
from clientele.personas.stability import fit_final_kmeans


def ids_of(before: list[int], labels: list[int], highest: int = 0, points=None) -> list[int]:
    points = np.zeros((len(before), 1)) if points is None else points
    return give_ids(np.array(before), np.array(labels), points, highest).tolist()


def changes(before: list[int] | None, after: list[int]) -> dict[int, tuple]:
    table = trace(None if before is None else np.array(before), np.array(after))
    return {row.segment_id: (row.change, row.from_segment_id) for row in table.itertuples()}


# --- ids


def test_the_same_users_keep_their_id_whatever_the_number():
    assert ids_of([7, 7, 3, 3, 9, 9], [0, 0, 1, 1, 2, 2]) == [7, 3, 9]


def test_a_segment_of_others_gets_an_id_that_was_never_used():
    # of clusters 0 and 1 neither shares half with any segment before
    assert ids_of([1, 1, 1, 1, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2, 3, 3], highest=11) == [12, 13, 14, 2]


def test_half_in_common_is_the_same_and_less_is_new():
    assert ids_of([1, 1, 2, 2], [0, 0, 0, 0]) == [1]  # 2 of 4: exactly half
    assert ids_of([1, 1, 2, 2, 3], [0, 0, 0, 0, 0], highest=3) == [4]


def test_nearer_centroids_break_a_tie():
    before, labels = [1, 1, 2, 2], [0, 0, 0, 0]
    near_two = np.array([[0.0], [0.0], [10.0], [10.5]])
    assert ids_of(before, labels, points=np.array([[3.0], [3.0], [3.0], [3.1]])) == [1]
    assert ids_of(before, labels, points=near_two) in ([1], [2])


# --- lineage


def test_what_becomes_of_segments():
    assert changes(None, [1, 1, 2]) == {1: ("new", 0), 2: ("new", 0)}
    before = [1] * 10 + [2] * 10 + [3] * 10 + [4] * 10 + [5] * 9
    after = [1] * 10 + [11] * 5 + [12] * 5 + [13] * 20 + [5] * 5 + [14] * 4
    found = changes(before, after)
    assert found[1] == ("kept", 1)
    assert found[11] == found[12] == ("split", 2)
    assert found[13][0] == "merged"
    assert found[5] == ("kept", 5)
    assert {id_ for id_, (change, _) in found.items() if change == "retired"} == {2, 3, 4}
    assert changes([1, 1, 1, 2, 2, 2, 3, 3, 3], [9, 1, 1, 9, 2, 2, 9, 3, 3])[9] == ("new", 1)


# --- refits


@pytest.fixture(scope="module")
def first():
    return fit_personas(make_users()[0], CATALOG, SETTINGS)


def test_refitting_the_same_users_gives_the_same_model(first):
    again = fit_personas(make_users()[0], CATALOG, SETTINGS, before=first.weights, highest_id=first.k)
    assert again.model_version == first.model_version
    pd.testing.assert_frame_equal(again.weights, first.weights, check_exact=True)
    assert set(again.lineage["change"]) == {"kept"} and (again.lineage["jaccard"] == 1).all()


def test_ids_with_gaps_go_through_scores_and_a_second_refit(first):
    users = make_users()[0]
    renumbered = first.weights.assign(segment_id=first.weights["segment_id"] * 10)
    moved = users.assign(habit_0=users["habit_0"] + 0.01)
    second = fit_personas(moved, CATALOG, SETTINGS, before=renumbered, highest_id=50)
    assert sorted(second.labels["segment_id"].unique()) == [10, 20, 30, 40, 50]
    assert second.n_mismatches == 0
    same = (
        score(users, renumbered)["segment_id"].to_numpy() == second.labels["segment_id"].to_numpy()
    ).mean()
    assert same > 0.98
    assert second.model_version != first.model_version


def test_kmeans_continues_segments_that_are_as_tight():
    chance = np.random.default_rng(2)
    points = chance.uniform(size=(600, 2))  # no structure: many partitions are nearly as good

    def starts(of: np.ndarray, seed: int) -> np.ndarray:
        return of[np.random.default_rng(seed).choice(len(of), 4, replace=False)]

    before = fit_final_kmeans(points, starts(points, 0), None).labels_
    moved = points + chance.normal(scale=0.01, size=points.shape)
    continued = fit_final_kmeans(moved, starts(moved, 5), before)
    shared = np.bincount(before * 4 + continued.labels_, minlength=16).reshape(4, 4)
    assert shared.max(axis=1).sum() / 600 > 0.95


def test_a_model_whose_features_are_gone_is_not_continued(first):
    users = make_users()[0]
    assert label_before(users.drop(columns="habit_3"), first.weights) is None
    assert label_before(users, None) is None
