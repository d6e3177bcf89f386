"""Scores from rows of weights: the same arithmetic, in the same order, as the SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clientele.personas.preparation import check_table, round_significant

if TYPE_CHECKING:
    from clientele.personas.pipeline import HabitSpace

INTERCEPT = "(intercept)"
WEIGHT_COLUMNS = (
    "model_version",
    "segment_id",
    "feature",
    "feature_position",
    "weight",
    "feature_mean",
    "clip_lo",
    "clip_hi",
)


def fold_weights(
    space: HabitSpace, names: Sequence[str], centroids: np.ndarray, ids: np.ndarray | None = None
) -> pd.DataFrame:
    """Fold standardisation, embedding and centroids into one weight per segment and feature.

    With coordinates z and centroid c, |z - c|² less the |z|² that all segments share is |c|² - 2 z·c,
    which is affine in the clipped features: b_c + Σ_j w_jc · clip(x_j). The lowest score wins.

    Parameters
    ----------
    space : HabitSpace
        Fitted.
    names : sequence of str
        All features that the space was fitted on, in that order.
    centroids : ndarray, shape (n_segments, n_components)
        One row per segment; fewer columns than the space has leave its last components out.
    ids : ndarray of int, shape (n_segments,), or None
        Their ids; 1 and up without.

    Returns
    -------
    DataFrame
        `WEIGHT_COLUMNS` without the version; all numbers have 12 significant digits. The intercept is
        the feature at position 0 whose value is always 1.
    """
    kept, matrix = space.kept_, space.matrix_[:, : centroids.shape[1]]
    slopes = -2 * (centroids @ matrix.T) / space.scale_[kept]
    intercepts = (centroids**2).sum(axis=1) - slopes @ space.mean_[kept]
    return linear_rows(
        [names[position] for position in kept],
        slopes,
        intercepts,
        np.arange(1, len(slopes) + 1) if ids is None else ids,
        (space.mean_[kept], space.clip_lo_[kept], space.clip_hi_[kept]),
    )


def linear_rows(
    features: Sequence[str],
    slopes: np.ndarray,
    intercepts: np.ndarray,
    segment_ids: np.ndarray,
    ranges: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Write scores that are affine in clipped features as one row per segment and feature.

    Parameters
    ----------
    features : sequence of str, length n_features
    slopes : ndarray, shape (n_segments, n_features)
        In the features' own units.
    intercepts : ndarray, shape (n_segments,)
    segment_ids : ndarray of int, shape (n_segments,)
    ranges : tuple of ndarray, each of shape (n_features,)
        Mean, lower and upper bound of each feature.

    Returns
    -------
    DataFrame
        As `fold_weights`.
    """
    n_segments, n_features = slopes.shape
    mean, clip_lo, clip_hi = ranges
    columns = {
        "feature": [INTERCEPT, *features],
        "feature_position": np.arange(n_features + 1),
        "feature_mean": np.concatenate([[1.0], mean]),
        "clip_lo": np.concatenate([[1.0], clip_lo]),
        "clip_hi": np.concatenate([[1.0], clip_hi]),
    }
    rows = pd.DataFrame({name: np.tile(values, n_segments) for name, values in columns.items()})
    rows["segment_id"] = np.repeat(segment_ids, n_features + 1)
    rows["weight"] = round_significant(np.column_stack([intercepts, slopes])).ravel()
    return rows[[column for column in WEIGHT_COLUMNS if column in rows]]


def hash_weights(weights: pd.DataFrame) -> str:
    """Return the sha256 (hex) of the weights, whatever their row order."""
    columns = [column for column in WEIGHT_COLUMNS if column != "model_version"]
    rows = weights.sort_values(["segment_id", "feature_position"])[columns]
    return hashlib.sha256(rows.to_csv(index=False, float_format="%.12g").encode()).hexdigest()


class _Rows:
    """Weight rows as arrays, checked: segments ascending, features by position."""

    def __init__(self, weights: pd.DataFrame) -> None:
        missing = [column for column in WEIGHT_COLUMNS[1:] if column not in weights.columns]
        if missing:
            raise ValueError(f"The weights lack the column(s) {missing}; pass the rows of segment_fits.")
        if "model_version" in weights and weights["model_version"].nunique() > 1:
            raise ValueError("The weights hold more than one model_version; filter them to one.")
        table = weights.pivot(index="segment_id", columns="feature_position", values="weight")
        if len(table) < 2 or table.isna().to_numpy().any() or 0 not in table:
            raise ValueError("The weights need two segments, each with an intercept and the same features.")
        described = weights.drop_duplicates("feature_position").sort_values("feature_position")
        self.segment_ids = table.index.to_numpy()
        self.weight = table.to_numpy()
        self.features = described["feature"].tolist()[1:]
        self.mean, self.clip_lo, self.clip_hi = (
            described[name].to_numpy(dtype=float) for name in ("feature_mean", "clip_lo", "clip_hi")
        )

    def clip(self, features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Users, and their clipped features with a leading 1 for the intercept."""
        table = check_table(features, self.features, "features")
        values = np.clip(table[self.features].to_numpy(), self.clip_lo[1:], self.clip_hi[1:])
        return table["user_sk"].to_numpy(), np.column_stack([np.ones(len(values)), values])

    def rank(self, clipped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores, shape (n_users, n_segments), and positions of the best and the second best."""
        scores = np.tile(self.weight[:, 0], (len(clipped), 1))
        # Floating-point sums depend on their order: one feature at a time, by position, as the SQL does.
        for position in range(1, clipped.shape[1]):
            scores = scores + self.weight[:, position] * clipped[:, [position]]
        # A stable sort gives a tie to the lowest id, as the SQL does.
        return scores, np.argsort(scores, axis=1, kind="stable")[:, :2]


def score(features: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Give each user the segment with the lowest score.

    Parameters
    ----------
    features : DataFrame, one row per user
        ``user_sk`` and every feature of the weights, finite.
    weights : DataFrame
        Rows of one model version.

    Returns
    -------
    DataFrame
        By ascending ``user_sk``: ``segment_id``, ``runner_up_segment_id``, ``margin`` (runner-up's score
        less the winner's, at least 0, in squared embedding units), ``score``, ``runner_up_score``.

    Raises
    ------
    ValueError
        Features or weights are missing, repeated or not finite.
    """
    rows = _Rows(weights)
    users, clipped = rows.clip(features)
    scores, best = rows.rank(clipped)
    lowest, second = np.take_along_axis(scores, best, axis=1).T
    return pd.DataFrame(
        {
            "user_sk": users,
            "segment_id": rows.segment_ids[best[:, 0]],
            "runner_up_segment_id": rows.segment_ids[best[:, 1]],
            "margin": second - lowest,
            "score": lowest,
            "runner_up_score": second,
        }
    )


def reasons(features: pd.DataFrame, weights: pd.DataFrame, top: int | None = 3) -> pd.DataFrame:
    """Say which features put a user into a segment rather than into the runner-up.

    Feature j contributes (w_j,2nd - w_j,1st) · (clip(x_j) - mean_j). All contributions and the constant
    (the gap of a user at the mean) add up to the margin.

    Parameters
    ----------
    features, weights : DataFrame
        As for `score`.
    top : int or None
        How many reasons for each user; None for all features.

    Returns
    -------
    DataFrame
        ``user_sk``, ``reason_rank`` (1 = largest contribution, ties by feature position), ``feature``,
        ``contribution``, ``constant``; by ascending user and rank.
    """
    rows = _Rows(weights)
    users, clipped = rows.clip(features)
    _, best = rows.rank(clipped)
    difference = rows.weight[best[:, 1]] - rows.weight[best[:, 0]]
    contribution = difference[:, 1:] * (clipped - rows.mean)[:, 1:]
    order = np.argsort(-contribution, axis=1, kind="stable")[:, :top]
    n_reasons = order.shape[1]
    return pd.DataFrame(
        {
            "user_sk": np.repeat(users, n_reasons),
            "reason_rank": np.tile(np.arange(1, n_reasons + 1), len(users)),
            "feature": np.array(rows.features, dtype=object)[order.ravel()],
            "contribution": np.take_along_axis(contribution, order, axis=1).ravel(),
            "constant": np.repeat((difference * rows.mean).sum(axis=1), n_reasons),
        }
    )
