"""Which persona has the lowest score, and why: `clientele.learning.linear_rows` adds up, as the SQL does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clientele.learning.linear_rows import LinearModel, hash_rows, term_rows
from clientele.personas.preparation import check_table

if TYPE_CHECKING:
    from clientele.personas.pipeline import HabitSpace

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
    mean, clip_lo, clip_hi = ranges
    terms = term_rows(features, clip_lo, clip_hi, mean)
    rows = LinearModel.of(segment_ids, terms, intercepts, slopes).to_rows()
    return rows.rename(columns={"output": "segment_id"})[list(WEIGHT_COLUMNS[1:])]


def hash_weights(weights: pd.DataFrame) -> str:
    """Return the sha256 (hex) of the weights, whatever their row order."""
    return hash_rows(weights, WEIGHT_COLUMNS[1:], ["segment_id", "feature_position"])


class _Segments:
    """A model of segments, and who is nearest to which."""

    def __init__(self, weights: pd.DataFrame) -> None:
        missing = [column for column in WEIGHT_COLUMNS[1:] if column not in weights.columns]
        if missing:
            raise ValueError(
                f"The weights lack the column(s) {missing}; pass the rows of persona_fit_fields."
            )
        self.model = LinearModel.from_rows(weights.rename(columns={"segment_id": "output"}).assign(piece=1))
        if len(self.model.outputs) < 2:
            raise ValueError("The weights need two segments, each with an intercept and the same features.")

    def clip(self, features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Users, and their clipped features."""
        table = check_table(features, self.model.features, "features")
        return table["user_sk"].to_numpy(), self.model.clip(table)

    def rank(self, clipped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores, shape (n_users, n_segments), and positions of the best and the second best."""
        scores = self.model.score_clipped(clipped)
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
    segments = _Segments(weights)
    users, clipped = segments.clip(features)
    scores, best = segments.rank(clipped)
    lowest, second = np.take_along_axis(scores, best, axis=1).T
    return pd.DataFrame(
        {
            "user_sk": users,
            "segment_id": segments.model.outputs[best[:, 0]],
            "runner_up_segment_id": segments.model.outputs[best[:, 1]],
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
    segments = _Segments(weights)
    users, clipped = segments.clip(features)
    _, best = segments.rank(clipped)
    model, mean = segments.model, segments.model.terms["feature_mean"].to_numpy()
    difference = model.weights[best[:, 1]] - model.weights[best[:, 0]]
    contribution = difference * (clipped - mean)
    # The gap of a user at the mean, intercepts included.
    gap = model.intercepts[best[:, 1]] - model.intercepts[best[:, 0]]
    constant = np.column_stack([gap, difference * mean]).sum(axis=1)
    order = np.argsort(-contribution, axis=1, kind="stable")[:, :top]
    n_reasons = order.shape[1]
    return pd.DataFrame(
        {
            "user_sk": np.repeat(users, n_reasons),
            "reason_rank": np.tile(np.arange(1, n_reasons + 1), len(users)),
            "feature": np.array(model.features, dtype=object)[order.ravel()],
            "contribution": np.take_along_axis(contribution, order, axis=1).ravel(),
            "constant": np.repeat(constant, n_reasons),
        }
    )
