"""The linear scorer: a model as rows of weights, which SQL and Python add up in the same order.

A term is a feature clipped to a range; a feature may have several (its pieces). The score of an output is its
intercept and the sum of weight times term, by position and piece. Everything that this project scores is of
that form: distances to centroids, logistic regressions, additive models of pieces, forecasts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

INTERCEPT = "(intercept)"
ROW_COLUMNS = (
    "model_version",
    "output",
    "feature",
    "feature_position",
    "piece",
    "weight",
    "clip_lo",
    "clip_hi",
    "feature_mean",
)
_TERM = ("feature", "feature_position", "piece", "clip_lo", "clip_hi", "feature_mean")
IDENTITY, LOGIT, EXP = "identity", "logit", "exp"
LINKS = (IDENTITY, LOGIT, EXP)
# exp() of more is an error on one engine and infinite on the other.
_MAX_EXPONENT = 700.0


def round_significant(values: np.ndarray | float) -> np.ndarray:
    """Round to 12 significant digits, so that a number survives a trip through text unchanged.

    Examples
    --------
    >>> float(round_significant(1 / 3))
    0.333333333333
    """
    return np.vectorize(lambda value: float(f"{value:.12g}"), otypes=[float])(values)


def hash_rows(rows: pd.DataFrame, columns: Sequence[str], order_by: Sequence[str]) -> str:
    """Return the sha256 (hex) of some columns of a model's rows, whatever the order of the rows.

    Parameters
    ----------
    rows : DataFrame
    columns : sequence of str
    order_by : sequence of str
        Columns that name a row.

    Examples
    --------
    >>> rows = pd.DataFrame({"output": [1, 2], "weight": [0.5, 2.0]})
    >>> hash_rows(rows, ["output", "weight"], ["output"])[:8]
    '47fd8ab9'
    """
    ordered = rows.sort_values(list(order_by))[list(columns)]
    return hashlib.sha256(ordered.to_csv(index=False, float_format="%.12g").encode()).hexdigest()


def term_rows(
    features: Sequence[str],
    clip_lo: np.ndarray,
    clip_hi: np.ndarray,
    mean: np.ndarray,
    piece: np.ndarray | None = None,
) -> pd.DataFrame:
    """Describe terms: which feature each is of, and how it is clipped.

    Parameters
    ----------
    features : sequence of str, length n_terms
        The feature of each term; terms of one feature stand together.
    clip_lo, clip_hi : ndarray, shape (n_terms,)
    mean : ndarray, shape (n_terms,)
        Of the clipped feature: the point that reasons are measured from.
    piece : ndarray of int, shape (n_terms,), or None
        Number of the piece within its feature; None: one piece a feature.

    Returns
    -------
    DataFrame
        Its columns are those of `ROW_COLUMNS` that do not differ between outputs.

    Examples
    --------
    >>> one = np.ones(2)
    >>> term_rows(["often", "dear"], 0 * one, 4 * one, one)["feature_position"].tolist()
    [1, 2]
    """
    names = list(dict.fromkeys(features))
    position = {name: number for number, name in enumerate(names, start=1)}
    return pd.DataFrame(
        {
            "feature": list(features),
            "feature_position": [position[name] for name in features],
            "piece": np.ones(len(features), dtype=int) if piece is None else piece,
            "clip_lo": clip_lo,
            "clip_hi": clip_hi,
            "feature_mean": mean,
        }
    )


@dataclass(frozen=True)
class LinearModel:
    """Scores that are affine in clipped features, for one output or several.

    Attributes
    ----------
    outputs : ndarray, shape (n_outputs,)
        Their ids or names, ascending.
    terms : DataFrame, shape (n_terms, 6)
        As of `term_rows`, by position and piece; the same for every output.
    intercepts : ndarray, shape (n_outputs,)
    weights : ndarray, shape (n_outputs, n_terms)
    link : str
        ``identity``; ``logit``: the prediction is 1 / (1 + e^-score); ``exp``: it is e^score.

    Examples
    --------
    >>> terms = term_rows(["often"], np.array([0.0]), np.array([4.0]), np.array([1.0]))
    >>> model = LinearModel.of(["p"], terms, np.array([-1.0]), np.array([[0.5]]), LOGIT)
    >>> model.predict(pd.DataFrame({"often": [2.0, 100.0]})).round(3).tolist()
    [[0.5], [0.731]]
    """

    outputs: np.ndarray
    terms: pd.DataFrame
    intercepts: np.ndarray
    weights: np.ndarray
    link: str = IDENTITY

    @classmethod
    def of(
        cls,
        outputs: Sequence[object],
        terms: pd.DataFrame,
        intercepts: np.ndarray,
        weights: np.ndarray,
        link: str = IDENTITY,
    ) -> Self:
        """Return the model whose rows survive a trip through text: every number has 12 significant digits.

        Raises
        ------
        ValueError
            The link is not one of `LINKS`, or shapes do not fit each other.
        """
        if link not in LINKS:
            raise ValueError(f"The link {link!r} is none of {LINKS}.")
        weights, intercepts = np.atleast_2d(weights), np.atleast_1d(intercepts)
        if weights.shape != (len(outputs), len(terms)) or len(intercepts) != len(outputs):
            raise ValueError(
                f"{len(outputs)} outputs and {len(terms)} terms need as many intercepts and weights; "
                f"got {len(intercepts)} and {weights.shape}."
            )
        order = np.argsort(np.asarray(outputs), kind="stable")
        numbers = {name: round_significant(terms[name]) for name in ("clip_lo", "clip_hi", "feature_mean")}
        return cls(
            np.asarray(outputs)[order],
            terms.assign(**numbers)[list(_TERM)].reset_index(drop=True),
            round_significant(intercepts)[order],
            round_significant(weights)[order],
            link,
        )

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, link: str = IDENTITY) -> Self:
        """Read a model from its rows.

        Parameters
        ----------
        rows : DataFrame
            `ROW_COLUMNS` of one model version, in any order.
        link : str

        Raises
        ------
        ValueError
            A column is missing, there is more than one version, or outputs differ in their terms.
        """
        missing = [column for column in ROW_COLUMNS[1:] if column not in rows.columns]
        if missing:
            raise ValueError(f"The weights lack the column(s) {missing}; pass the rows of one model.")
        if "model_version" in rows and rows["model_version"].nunique() > 1:
            raise ValueError("The weights hold more than one model_version; filter them to one.")
        place = ["feature_position", "piece"]
        if rows.duplicated(["output", *place]).any():
            raise ValueError("The weights repeat a row of an output; pass each once.")
        table = rows.pivot(index="output", columns=place, values="weight").sort_index(axis=1)
        described = rows[list(_TERM)].drop_duplicates().sort_values(place, kind="stable")
        if len(described) > len(table.columns):
            raise ValueError("The weights clip a feature differently for different outputs.")
        positions = described["feature_position"].to_numpy()
        if table.empty or table.isna().to_numpy().any() or (positions == 0).sum() != 1:
            raise ValueError("The weights need for each output an intercept and the same features.")
        return cls(
            table.index.to_numpy(),
            described[positions > 0].reset_index(drop=True),
            table.to_numpy()[:, 0],
            table.to_numpy()[:, 1:],
            link,
        )

    def to_rows(self, model_version: str | None = None) -> pd.DataFrame:
        """Return the model as rows: for each output the intercept, a term at position 0 that is always 1.

        Parameters
        ----------
        model_version : str or None
            None: no such column.
        """
        one = {"feature": INTERCEPT, "feature_position": 0, "piece": 1}
        first = pd.DataFrame([one | dict.fromkeys(("clip_lo", "clip_hi", "feature_mean"), 1.0)])
        terms = pd.concat([first, self.terms], ignore_index=True)
        n_outputs, n_terms = len(self.outputs), len(terms)
        rows = terms.iloc[np.tile(np.arange(n_terms), n_outputs)].reset_index(drop=True)
        rows["output"] = np.repeat(self.outputs, n_terms)
        rows["weight"] = np.column_stack([self.intercepts, self.weights]).ravel()
        if model_version is not None:
            rows["model_version"] = model_version
        return rows[[column for column in ROW_COLUMNS if column in rows]]

    @property
    def features(self) -> list[str]:
        """Names of the features, by position."""
        return list(dict.fromkeys(self.terms["feature"]))

    def clip(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the terms of each row, shape (n_rows, n_terms).

        Raises
        ------
        ValueError
            A feature is missing or not finite.
        """
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            raise ValueError(f"The frame lacks the feature(s) {missing} of the model.")
        values = frame[self.terms["feature"].tolist()].to_numpy(dtype=float)
        if np.isnan(values).any():
            raise ValueError("The frame has features that are NaN; give them the prior mean before scoring.")
        return np.clip(values, self.terms["clip_lo"].to_numpy(), self.terms["clip_hi"].to_numpy())

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the scores, shape (n_rows, n_outputs): the same bits as the SQL gives."""
        return self.score_clipped(self.clip(frame))

    def score_clipped(self, clipped: np.ndarray) -> np.ndarray:
        """Return the scores of terms, shape (n_rows, n_outputs)."""
        scores = np.tile(self.intercepts, (len(clipped), 1))
        # Floating-point sums depend on their order: one term at a time, as the SQL does.
        for term in range(clipped.shape[1]):
            scores = scores + self.weights[:, term] * clipped[:, [term]]
        return scores

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the scores through the link, shape (n_rows, n_outputs)."""
        return apply_link(self.score(frame), self.link)

    def contributions(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what each feature adds to each score against a row at the mean of every term.

        Returns
        -------
        ndarray, shape (n_rows, n_outputs, n_features)
            Over features they sum to the score less the score at the mean.
        """
        from_mean = self.clip(frame) - self.terms["feature_mean"].to_numpy()
        of_term = from_mean[:, None, :] * self.weights
        starts = np.flatnonzero(np.r_[True, np.diff(self.terms["feature_position"]) != 0])
        return np.add.reduceat(of_term, starts, axis=2)


def apply_link(scores: np.ndarray, link: str) -> np.ndarray:
    """Return predictions from scores, as the SQL does.

    Examples
    --------
    >>> apply_link(np.array([0.0, -1e6]), LOGIT).round(3).tolist()
    [0.5, 0.0]
    """
    if link == IDENTITY:
        return scores
    bounded = np.clip(scores, -_MAX_EXPONENT, _MAX_EXPONENT)
    return np.exp(bounded) if link == EXP else 1 / (1 + np.exp(-bounded))
