"""One clustering after another: which group is the same as before, and which is new."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

LINEAGE_COLUMNS = ("segment_id", "change", "from_segment_id", "jaccard", "n_users", "from_n_users")
KEPT, SPLIT, MERGED, NEW, RETIRED = "kept", "split", "merged", "new", "retired"
# Half of all members of either group are in both: fewer, and it is not the same group any more.
MIN_JACCARD = 0.5


def give_ids(before: np.ndarray, labels: np.ndarray, points: np.ndarray, highest_id: int) -> np.ndarray:
    """Give each new cluster the id of the earlier segment that it continues, or one never used.

    Pairs are chosen so that the sum of the Jaccard indices of shared users is the largest (Kuhn, 1955, the
    Hungarian method); of equally good choices the one with nearer centroids. A pair with a Jaccard index
    below `MIN_JACCARD` is no continuation.

    Parameters
    ----------
    before : ndarray of int, shape (n_users,)
        Ids of the earlier groups.
    labels : ndarray of int, shape (n_users,)
        Clusters 0..k-1 of the new one, in the order in which new ids are given.
    points : ndarray, shape (n_users, n_components)
    highest_id : int
        The highest id that any model has ever had.

    Returns
    -------
    ndarray of int, shape (k,)

    Examples
    --------
    >>> before, labels = np.array([4, 4, 4, 7, 7, 7]), np.array([1, 1, 1, 0, 0, 2])
    >>> give_ids(before, labels, np.zeros((6, 1)), highest_id=9).tolist()
    [7, 4, 10]
    """
    old_ids, old = np.unique(before, return_inverse=True)
    k = int(labels.max()) + 1
    jaccard = _jaccard(old, labels, len(old_ids), k)
    distance = np.linalg.norm(_means(points, old, len(old_ids))[:, None] - _means(points, labels, k), axis=2)
    # Far below any difference of two Jaccard indices of less than a million users.
    tie_break = 1e-9 * distance / max(float(distance.max()), 1e-12)
    ids = np.zeros(k, dtype=int)
    for row, column in zip(*linear_sum_assignment(-jaccard + tie_break), strict=True):
        if jaccard[row, column] >= MIN_JACCARD:
            ids[column] = old_ids[row]
    without = np.flatnonzero(ids == 0)
    highest_id = max(highest_id, int(old_ids.max()))
    ids[without] = highest_id + 1 + np.arange(len(without))
    return ids


def trace(before: np.ndarray | None, after: np.ndarray) -> pd.DataFrame:
    """Say what became of each segment.

    Parameters
    ----------
    before : ndarray of int, shape (n_users,), or None
        Segment ids of the earlier model, for the same users; None without one.
    after : ndarray of int, shape (n_users,)
        Segment ids of the new model.

    Returns
    -------
    DataFrame
        `LINEAGE_COLUMNS`, one row per segment of the new model and per segment that ended, by id.
        ``change``: ``kept`` (the same id), ``merged`` (takes in half or more of each of several), ``split``
        (half or more of it comes from one), ``new``, ``retired``. ``from_segment_id`` is the earlier segment
        that shares most with it (0: none; of a retired one itself), ``jaccard`` how much.
    """
    new_ids, new = np.unique(after, return_inverse=True)
    size_after = np.bincount(new)
    if before is None:
        rows = [(int(id_), NEW, 0, np.nan, int(n), 0) for id_, n in zip(new_ids, size_after, strict=True)]
        return pd.DataFrame(rows, columns=list(LINEAGE_COLUMNS))
    old_ids, old = np.unique(before, return_inverse=True)
    size_before = np.bincount(old)
    shared = np.bincount(old * len(new_ids) + new, minlength=len(old_ids) * len(new_ids))
    shared = shared.reshape(len(old_ids), len(new_ids))
    jaccard = _jaccard(old, new, len(old_ids), len(new_ids))
    rows = []
    for column, id_ in enumerate(new_ids):
        nearest = int(jaccard[:, column].argmax())
        if id_ in old_ids:
            nearest, change = int(np.searchsorted(old_ids, id_)), KEPT
        elif (shared[:, column] >= 0.5 * size_before).sum() >= 2:
            change = MERGED
        elif shared[:, column].max() >= 0.5 * size_after[column]:
            nearest, change = int(shared[:, column].argmax()), SPLIT
        else:
            change = NEW
        sizes = int(size_after[column]), int(size_before[nearest])
        rows.append((int(id_), change, int(old_ids[nearest]), float(jaccard[nearest, column]), *sizes))
    for row in np.flatnonzero(~np.isin(old_ids, new_ids)):
        id_ = int(old_ids[row])
        rows.append((id_, RETIRED, id_, float(jaccard[row].max()), 0, int(size_before[row])))
    return pd.DataFrame(sorted(rows), columns=list(LINEAGE_COLUMNS))


def _jaccard(old: np.ndarray, new: np.ndarray, n_old: int, n_new: int) -> np.ndarray:
    shared = np.bincount(old * n_new + new, minlength=n_old * n_new).reshape(n_old, n_new)
    either = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return shared / np.maximum(either, 1)


def _means(points: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Mean point of each label, shape (n_labels, n_components); every label occurs."""
    sums = np.zeros((n_labels, points.shape[1]))
    np.add.at(sums, labels, points)
    return sums / np.bincount(labels, minlength=n_labels)[:, None]
