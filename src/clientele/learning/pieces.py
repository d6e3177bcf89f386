"""Additive models of pieces: bent lines in each feature, learnt as a linear model and scored as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, RidgeCV
from threadpoolctl import threadpool_limits

from clientele.learning.linear_rows import (
    IDENTITY,
    LOGIT,
    LinearModel,
    round_significant,
    term_rows,
)


class Pieces:
    """Cut each feature's range at its quantiles: a piece is the feature clipped between two cuts.

    A linear model of pieces is a piecewise-linear function of each feature: a weight is the slope within its
    range.

    Parameters
    ----------
    features : sequence of str
        In the order in which they are added up.
    n_pieces : int
        4: quartiles; 1: each feature is clipped and stays one term.
    clip_quantiles : tuple of float
        Where the first piece begins and the last one ends.

    Attributes
    ----------
    terms_ : DataFrame
        As of `clientele.learning.linear_rows.term_rows`. A piece without width is left out, so a feature that
        does not vary has none.

    Raises
    ------
    ValueError
        On fit: a feature is missing, NaN or infinite.

    References
    ----------
    Friedman (1991), Multivariate adaptive regression splines (hinges of one feature).
    Hastie and Tibshirani (1990), Generalized additive models.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": np.arange(101.0)})
    >>> pieces = Pieces(["n"], n_pieces=2, clip_quantiles=(0.0, 1.0)).fit(frame)
    >>> pieces.transform(pd.DataFrame({"n": [10.0, 80.0, 999.0]})).tolist()
    [[10.0, 50.0], [50.0, 80.0], [50.0, 100.0]]
    """

    def __init__(
        self, features: Sequence[str], n_pieces: int = 4, clip_quantiles: tuple[float, float] = (0.01, 0.99)
    ) -> None:
        self.features = features
        self.n_pieces = n_pieces
        self.clip_quantiles = clip_quantiles

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn the cuts."""
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            raise ValueError(f"Pieces: the frame lacks the feature(s) {missing}.")
        values = frame[list(self.features)].to_numpy(dtype=float)
        wrong = [
            name
            for name, finite in zip(self.features, np.isfinite(values).all(axis=0), strict=True)
            if not finite
        ]
        if wrong:
            raise ValueError(f"Pieces: NaN or infinite values in {wrong}; give them the prior mean before.")
        # Quantiles of the range between the clips, as values that occur: independent of how means are
        # rounded.
        low, high = self.clip_quantiles
        shares = low + (high - low) * np.arange(self.n_pieces + 1) / self.n_pieces
        cuts = round_significant(np.quantile(values, shares, axis=0, method="lower"))
        names, lows, highs, means, numbers = [], [], [], [], []
        for column, name in enumerate(self.features):
            for piece in range(self.n_pieces):
                lower, upper = cuts[piece, column], cuts[piece + 1, column]
                if upper > lower:
                    names.append(name)
                    lows.append(lower)
                    highs.append(upper)
                    means.append(np.clip(values[:, column], lower, upper).mean())
                    numbers.append(piece + 1)
        means = round_significant(np.array(means)) if means else np.empty(0)
        self.terms_ = term_rows(names, np.array(lows), np.array(highs), means, np.array(numbers, dtype=int))
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the terms, shape (n_rows, n_terms)."""
        values = frame[self.terms_["feature"].tolist()].to_numpy(dtype=float)
        return np.clip(values, self.terms_["clip_lo"].to_numpy(), self.terms_["clip_hi"].to_numpy())


class _PiecewiseModel:
    """What the models of pieces share: terms are standardised for the fit, weights folded back after."""

    _link = IDENTITY

    def __init__(self, features: Sequence[str], n_pieces: int = 4, pooled: bool = False) -> None:
        self.features = features
        self.n_pieces = n_pieces
        self.pooled = pooled

    def _one(self, standardised: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        """Slopes and intercept for one outcome."""
        raise NotImplementedError

    # One thread: the same bits each time.
    @threadpool_limits.wrap(limits=1)
    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the cuts and the weights.

        Parameters
        ----------
        frame : DataFrame, one row per user
        outcomes : DataFrame, one row per row of `frame`
            NaN: not seen. Each column becomes an output.
        past : DataFrame or None
            Rows of earlier origins too, with their outcomes; learnt from instead of `frame` when ``pooled``.

        Raises
        ------
        ValueError
            No outcome was seen at all, or a feature is not finite.
        """
        names = list(outcomes.columns)
        if self.pooled and past is not None:
            frame, outcomes = past, past[names]
        self.pieces_ = Pieces(self.features, self.n_pieces).fit(frame)
        values = self.pieces_.transform(frame)
        mean, scale = values.mean(axis=0), values.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        standardised = (values - mean) / scale
        weights, intercepts = np.zeros((len(names), values.shape[1])), np.zeros(len(names))
        for number, name in enumerate(names):
            target = outcomes[name].to_numpy(dtype=float)
            seen = ~np.isnan(target)
            if not seen.any():
                raise ValueError(f"The outcome {name} was never seen; leave it out.")
            slopes, intercept = self._one(standardised[seen], target[seen])
            weights[number] = slopes / scale
            intercepts[number] = intercept - weights[number] @ mean
        self.outcomes_ = names
        self.model_ = LinearModel.of(names, self.pieces_.terms_, intercepts, weights, self._link)
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what is expected, shape (n_rows, n_outcomes), in the order of the outcomes learnt."""
        place = [self.model_.outputs.tolist().index(name) for name in self.outcomes_]
        return self.model_.predict(frame)[:, place]

    def to_rows(self, model_version: str | None = None) -> pd.DataFrame:
        """Return the weight rows, as of `clientele.learning.linear_rows.LinearModel.to_rows`."""
        return self.model_.to_rows(model_version)


class PiecewiseLogistic(_PiecewiseModel):
    """Logistic regression on pieces: the probability of each outcome of 0 and 1.

    An outcome that never varied is predicted by its shrunken rate (n + .5) / (N + 1).

    Parameters
    ----------
    features : sequence of str
    n_pieces : int
    pooled : bool
        Learn from every origin so far instead of the newest one.
    inverse_penalty : float
        scikit-learn's ``C`` on standardised terms.

    Attributes
    ----------
    pieces_ : Pieces
    model_ : LinearModel
    outcomes_ : list of str

    References
    ----------
    Hosmer, Lemeshow and Sturdivant (2013), Applied logistic regression.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": np.arange(200.0)})
    >>> bought = pd.DataFrame({"bought": (np.arange(200) > 100).astype(float)})
    >>> chance = PiecewiseLogistic(["n"]).fit(frame, bought).predict(frame)[[10, 190], 0]
    >>> bool(chance[0] < 0.1 and chance[1] > 0.9)
    True
    """

    _link = LOGIT

    def __init__(
        self,
        features: Sequence[str],
        n_pieces: int = 4,
        pooled: bool = False,
        inverse_penalty: float = 1.0,
    ) -> None:
        super().__init__(features, n_pieces, pooled)
        self.inverse_penalty = inverse_penalty

    def _one(self, standardised: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        if not np.isin(target, (0.0, 1.0)).all():
            raise ValueError("PiecewiseLogistic: an outcome holds other values than 0 and 1.")
        if np.ptp(target) == 0 or not standardised.shape[1]:
            rate = (target.sum() + 0.5) / (len(target) + 1)
            return np.zeros(standardised.shape[1]), float(np.log(rate / (1 - rate)))
        model = LogisticRegression(C=self.inverse_penalty, max_iter=2000, tol=1e-8)
        model.fit(standardised, target)
        return model.coef_[0], float(model.intercept_[0])


class PiecewiseRidge(_PiecewiseModel):
    """Ridge regression on pieces: the amount of each outcome; the penalty is chosen by leave-one-out.

    Parameters
    ----------
    features : sequence of str
    n_pieces : int
    pooled : bool
        As for `PiecewiseLogistic`.
    penalties : sequence of float

    Attributes
    ----------
    pieces_ : Pieces
    model_ : LinearModel
    outcomes_ : list of str

    References
    ----------
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": np.arange(200.0)})
    >>> spend = pd.DataFrame({"spend": np.abs(np.arange(200.0) - 100)})
    >>> found = PiecewiseRidge(["n"]).fit(frame, spend).predict(frame)[[10, 100, 190], 0]
    >>> bool(found[0] > 60 and found[1] < 20 and found[2] > 60)
    True
    """

    def __init__(
        self,
        features: Sequence[str],
        n_pieces: int = 4,
        pooled: bool = False,
        penalties: Sequence[float] = (0.1, 1.0, 10.0, 100.0, 1000.0),
    ) -> None:
        super().__init__(features, n_pieces, pooled)
        self.penalties = penalties

    def _one(self, standardised: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        if np.ptp(target) == 0 or not standardised.shape[1]:
            return np.zeros(standardised.shape[1]), float(target.mean())
        model = RidgeCV(alphas=self.penalties).fit(standardised, target)
        return model.coef_, float(model.intercept_)
