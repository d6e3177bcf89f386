"""Which persona has the lowest score, and why: `clientele.learning.linear_rows` adds up, as the SQL does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clientele.learning.linear_rows import LinearModel, hash_rows, term_rows
from clientele.personas.preparation import check_table

if TYPE_CHECKING:
    from clientele.personas.autoencoder import CodeSpace
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
# A unit of a layer, as a term of the layer after it.
UNIT = "unit_"


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
    ranges = space.mean_[kept], space.clip_lo_[kept], space.clip_hi_[kept]
    names = [names[position] for position in kept]
    ids = np.arange(1, len(centroids) + 1) if ids is None else ids
    if getattr(space, "layers_", None):
        return pd.concat(_layer_rows(space, names, ranges, centroids, ids), ignore_index=True)
    slopes = -2 * (centroids @ matrix.T) / space.scale_[kept]
    intercepts = (centroids**2).sum(axis=1) - slopes @ space.mean_[kept]
    return linear_rows(names, slopes, intercepts, ids, ranges)


def _layer_rows(
    space: CodeSpace,
    names: list[str],
    ranges: tuple[np.ndarray, np.ndarray, np.ndarray],
    centroids: np.ndarray,
    ids: np.ndarray,
) -> list[pd.DataFrame]:
    """Rows of the units, layer by layer, then those of the segments, which read the units of the last layer.

    Units are numbered through all layers; a unit's rows have its number below 0 in place of a segment's id.
    As a term it is called `UNIT` and its number, stands after the features, and is clipped at 0 and at a
    value that it never reaches. Its mean is what it scores where every feature is at its mean: the point that
    reasons are measured from.
    """
    found, inputs, before, n_units = [], names, 0, 0
    mean, low, high = ranges
    # The first layer reads coordinates, which are affine in the features.
    slopes = space.matrix_ / space.scale_[space.kept_, None] @ space.layers_[0][0]
    offset = space.layers_[0][1] - mean @ slopes
    for number, (weights, biases) in enumerate(space.layers_):
        if number:
            slopes, offset = weights, biases
        units = np.arange(n_units + 1, n_units + len(offset) + 1)
        rows = linear_rows(inputs, slopes.T, offset, -units, (mean, low, high))
        found.append(_moved(rows, 0, before))
        most = np.maximum(low[:, None] * slopes, high[:, None] * slopes).sum(axis=0) + offset
        at_mean = np.clip(mean, low, high) @ slopes + offset
        inputs, before, n_units = [f"{UNIT}{unit}" for unit in units], len(names) + n_units, int(units[-1])
        mean, low, high = at_mean, np.zeros(len(units)), np.maximum(1.01 * most, 1.0)
    # A feature has no weight of its own and stands there all the same, as reasons are told in features.
    rows = linear_rows(
        [*names, *inputs],
        np.hstack([np.zeros((len(ids), len(names))), -2 * (centroids @ space.decoder_.T)]),
        (centroids**2).sum(axis=1),
        ids,
        tuple(np.concatenate(both) for both in zip(ranges, (mean, low, high), strict=True)),
    )
    return [*found, _moved(rows, len(names), before - len(names))]


def _moved(rows: pd.DataFrame, after: int, by: int) -> pd.DataFrame:
    """Rows whose terms stand so much further back, but for the intercept and the terms up to `after`."""
    position = rows["feature_position"]
    return rows.assign(feature_position=position + by * (position > after))


def feature_names(weights: pd.DataFrame) -> list[str]:
    """Return the features that the rows of a model read, in their order: neither intercept nor units.

    Examples
    --------
    >>> rows = pd.DataFrame({"feature": ["(intercept)", "often", f"{UNIT}1"], "feature_position": [0, 1, 2]})
    >>> feature_names(rows)
    ['often']
    """
    own = weights[(weights["feature_position"] > 0) & ~weights["feature"].str.startswith(UNIT)]
    return list(dict.fromkeys(own.sort_values("feature_position", kind="stable")["feature"]))


def segment_ids(weights: pd.DataFrame) -> np.ndarray:
    """Return the ids of the segments of a model, ascending: without its units, whose numbers are below 0.

    Examples
    --------
    >>> segment_ids(pd.DataFrame({"segment_id": [-1, 2, 2, 4]})).tolist()
    [2, 4]
    """
    found = np.sort(weights["segment_id"].unique())
    return found[found > 0]


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


@dataclass(frozen=True)
class _Layer:
    """Units that read the same terms."""

    names: list[str]
    model: LinearModel

    @classmethod
    def of(cls, rows: pd.DataFrame) -> list[_Layer]:
        """Return the layers among the rows of a model, the first one first."""
        rows = rows[rows["output"] < 0]
        inputs = rows.groupby("output")["feature"].agg(frozenset)
        found = []
        for number in sorted(inputs.index, reverse=True):
            if not found or inputs[number] != inputs[found[-1][-1]]:
                found.append([])
            found[-1].append(number)
        # Outputs of a model are in ascending order, which is descending in the numbers of units.
        return [
            cls(
                [f"{UNIT}{-number}" for number in own[::-1]],
                LinearModel.from_rows(rows[rows["output"].isin(own)]),
            )
            for own in found
        ]


class _Segments:
    """A model of segments, and who is nearest to which."""

    def __init__(self, weights: pd.DataFrame) -> None:
        missing = [column for column in WEIGHT_COLUMNS[1:] if column not in weights.columns]
        if missing:
            raise ValueError(
                f"The weights lack the column(s) {missing}; pass the rows of persona_fit_fields."
            )
        rows = weights.rename(columns={"segment_id": "output"}).assign(piece=1)
        self.layers = _Layer.of(rows)
        self.model = LinearModel.from_rows(rows[rows["output"] > 0])
        self.features = feature_names(weights)
        if len(self.model.outputs) < 2:
            raise ValueError("The weights need two segments, each with an intercept and the same features.")

    def read(self, features: pd.DataFrame) -> pd.DataFrame:
        """Users, their features, and what each unit of the layers scores, before it is clipped."""
        table = check_table(features, self.features, "features")
        for layer in self.layers:
            table = table.join(pd.DataFrame(layer.model.score(table), columns=layer.names))
        return table

    def rank(self, clipped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores, shape (n_users, n_segments), and positions of the best and the second best."""
        scores = self.model.score_clipped(clipped)
        # A stable sort gives a tie to the lowest id, as the SQL does.
        return scores, np.argsort(scores, axis=1, kind="stable")[:, :2]

    def contributions(self, table: pd.DataFrame, difference: np.ndarray) -> np.ndarray:
        """Return what each feature adds to a difference of scores, against a user at every mean.

        Through a layer it is the layer's change over that of its inputs (the rescale rule of DeepLIFT): the
        contributions add up to the whole change, which slopes at the user's own place would not.

        Parameters
        ----------
        table : DataFrame
            As of `read`.
        difference : ndarray, shape (n_users, n_terms)
            Of the weights.

        Returns
        -------
        ndarray, shape (n_users, n_features)
        """
        n_features, terms = len(self.features), self.model.terms
        from_mean = self.model.clip(table) - terms["feature_mean"].to_numpy()
        found = difference[:, :n_features] * from_mean[:, :n_features]
        below = pd.DataFrame(difference[:, n_features:], columns=terms["feature"].iloc[n_features:])
        for place in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[place]
            above = self.layers[place + 1].model.terms if place + 1 < len(self.layers) else terms
            described = above.set_index("feature").loc[layer.names]
            share = _change_through(
                table[layer.names].to_numpy(),
                *(described[name].to_numpy() for name in ("feature_mean", "clip_lo", "clip_hi")),
            )
            inputs = layer.model.terms["feature"].tolist()
            below = pd.DataFrame(
                (below[layer.names].to_numpy() * share) @ layer.model.weights, columns=inputs
            )
        if self.layers:
            found = found + below[self.features].to_numpy() * from_mean[:, :n_features]
        return found


def _change_through(score: np.ndarray, mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How much of a unit's change from its mean its clip lets through, 0..1; at the mean its slope there."""
    change = score - mean
    let_through = np.clip(score, low, high) - np.clip(mean, low, high)
    slope = ((score > low) & (score < high)).astype(float)
    return np.divide(let_through, change, out=slope, where=change != 0)


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
    table = segments.read(features)
    scores, best = segments.rank(segments.model.clip(table))
    lowest, second = np.take_along_axis(scores, best, axis=1).T
    return pd.DataFrame(
        {
            "user_sk": table["user_sk"].to_numpy(),
            "segment_id": segments.model.outputs[best[:, 0]],
            "runner_up_segment_id": segments.model.outputs[best[:, 1]],
            "margin": second - lowest,
            "score": lowest,
            "runner_up_score": second,
        }
    )


def reasons(features: pd.DataFrame, weights: pd.DataFrame, top: int | None = 3) -> pd.DataFrame:
    """Say which features put a user into a segment rather than into the runner-up.

    Feature j contributes (w_j,2nd - w_j,1st) · (clip(x_j) - mean_j), and through layers of units what they
    make of it. All contributions and the constant (the gap of a user at the mean) add up to the margin.

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

    References
    ----------
    Shrikumar, Greenside and Kundaje (2017), Learning important features through propagating activation
    differences (DeepLIFT).
    """
    segments = _Segments(weights)
    table, model = segments.read(features), segments.model
    _, best = segments.rank(model.clip(table))
    difference = model.weights[best[:, 1]] - model.weights[best[:, 0]]
    contribution = segments.contributions(table, difference)
    users = table["user_sk"].to_numpy()
    # The gap of a user at the mean, intercepts included.
    gap = model.intercepts[best[:, 1]] - model.intercepts[best[:, 0]]
    terms = model.terms
    at_mean = np.clip(terms["feature_mean"], terms["clip_lo"], terms["clip_hi"]).to_numpy()
    constant = np.column_stack([gap, difference * at_mean]).sum(axis=1)
    order = np.argsort(-contribution, axis=1, kind="stable")[:, :top]
    n_reasons = order.shape[1]
    return pd.DataFrame(
        {
            "user_sk": np.repeat(users, n_reasons),
            "reason_rank": np.tile(np.arange(1, n_reasons + 1), len(users)),
            "feature": np.array(segments.features, dtype=object)[order.ravel()],
            "contribution": np.take_along_axis(contribution, order, axis=1).ravel(),
            "constant": np.repeat(constant, n_reasons),
        }
    )
