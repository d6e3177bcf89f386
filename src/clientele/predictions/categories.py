"""Families that a customer may buy from: one pooled model over customers and families, and its heuristic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from clientele.learning.backtest import NothingToLearn
from clientele.learning.cells import CellRates
from clientele.learning.linear_rows import LOGIT, LinearModel
from clientele.learning.pieces import Pieces
from clientele.learning.resampling import salted_hashes
from clientele.predictions.models import order_cells

USER_FEATURES = (
    "recency_ln",
    "order_recency_ln",
    "cart_recency_ln",
    "overdue_ln",
    "orders_ln",
    "orders_30d_ln",
    "sessions_7d_ln",
    "sessions_30d_ln",
    "events_30d_ln",
    "carts_30d_ln",
    "conversion_logit",
    "tenure_ln",
    "spend_90d_ln",
)
NOT_FEATURES = ("user_sk", "days_back", "family_rank", "is_bought")
HEAD = "category"
STRANGER = -1
HORIZON = 30
THIN = 20
# One in so many pairs of a customer and a family that the customer never looked at is learnt from.
KEPT = 8


class FamilyRows:
    """What is known of each customer, origin and family, held once for every model that reads it.

    Parameters
    ----------
    rows : DataFrame
        core.category_frame: ``user_sk``, ``days_back``, ``family_rank``, features, ``is_bought``. Rows of
        user_sk -1 say what is known of a family that a customer has not looked at.
    frame : DataFrame
        The customers and origins that are asked for: ``user_sk`` and ``days_back``.

    Attributes
    ----------
    families : list of int
        Ranks, ascending.
    features : list of str
    values : ndarray, shape (n_rows, n_families, n_features)
    is_known : ndarray of bool, shape (n_rows, n_families)
        Whether the customer has looked at the family.
    bought : ndarray, shape (n_rows, n_families)
    """

    def __init__(self, rows: pd.DataFrame, frame: pd.DataFrame) -> None:
        self.features = [name for name in rows.columns if name not in NOT_FEATURES]
        strangers = rows[rows["user_sk"] == STRANGER]
        self.families = sorted(int(rank) for rank in strangers["family_rank"].unique())
        keys = pd.MultiIndex.from_frame(frame[["user_sk", "days_back"]])
        self._keys = pd.Series(np.arange(len(keys)), index=keys)
        by_day = strangers.set_index(["days_back", "family_rank"])[self.features].sort_index()
        days = frame["days_back"].to_numpy()
        shape = (len(frame), len(self.families))
        self.values = np.zeros((*shape, len(self.features)))
        for day in np.unique(days):
            self.values[days == day] = by_day.loc[day].reindex(self.families).to_numpy(dtype=float)
        own = rows[(rows["user_sk"] != STRANGER) & rows["family_rank"].isin(self.families)]
        places = self._keys.reindex(pd.MultiIndex.from_frame(own[["user_sk", "days_back"]])).to_numpy()
        seen = ~np.isnan(places)
        own, places = own[seen], places[seen].astype(int)
        columns = np.searchsorted(self.families, own["family_rank"])
        self.values[places, columns] = own[self.features].to_numpy(dtype=float)
        self.is_known, self.bought = np.zeros(shape, dtype=bool), np.zeros(shape)
        self.is_known[places, columns] = own["family_events_ln"].to_numpy(dtype=float) > 0
        self.bought[places, columns] = own["is_bought"].to_numpy(dtype=float)

    def __deepcopy__(self, memo: dict) -> Self:
        """Return itself: a backtest copies its models, and nobody changes these rows."""
        return self

    def places(self, frame: pd.DataFrame) -> np.ndarray:
        """Return where the rows of `frame` stand."""
        return self._keys.loc[pd.MultiIndex.from_frame(frame[["user_sk", "days_back"]])].to_numpy()


class PooledFamilies:
    """One logistic regression on pieces for all families: what is known of the customer, and of both.

    It knows no family by name, so that a small one is scored by what was learnt from all. Of the pairs that
    have nothing to do with each other one in `KEPT` is learnt from, with as much more weight.

    Parameters
    ----------
    rows : FamilyRows
    user_features : sequence of str

    Attributes
    ----------
    model_ : LinearModel

    References
    ----------
    King and Zeng (2001), Logistic regression in rare events data (weighting of a sample by outcome).
    """

    def __init__(self, rows: FamilyRows, user_features: Sequence[str] = USER_FEATURES) -> None:
        self.rows = rows
        self.user_features = list(user_features)

    @property
    def features(self) -> list[str]:
        """Those of the customer, then those of customer and family."""
        return [*self.user_features, *self.rows.features]

    @staticmethod
    def penalty_of(n_bought: float) -> float:
        """Return scikit-learn's ``C`` for so many purchases: the fewer, the firmer against each of them.

        Examples
        --------
        >>> PooledFamilies.penalty_of(1000), PooledFamilies.penalty_of(10)
        (0.015, 0.3)
        """
        return float(np.clip(15 / max(n_bought, 1), 0.003, 0.3))

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn from every row whose outcomes were seen; `past` instead of `frame` when there is one.

        Raises
        ------
        NothingToLearn
            Nobody has bought anything, or nobody has looked at a family.
        """
        names = list(outcomes.columns)
        if past is not None:
            frame, outcomes = past, past[names]
        seen = outcomes.notna().all(axis=1).to_numpy()
        frame, target = frame[seen], outcomes[seen].to_numpy(dtype=float)
        places = self.rows.places(frame)
        known = self.rows.is_known[places]
        if target.sum() < 1 or not known.any():
            raise NothingToLearn("No purchase of a family that was looked at.")
        chance = salted_hashes(frame["user_sk"].to_numpy(), 7) % np.uint64(KEPT)
        turn = (chance[:, None].astype(int) + np.arange(target.shape[1])) % KEPT == 0
        told = known | (target > 0)
        user, family = np.nonzero(told | turn)
        stacked = self._stacked(frame, places, user, family)
        bought = target[user, family]
        weight = np.where(told[user, family], 1.0, KEPT)
        # Where nobody has looked there is nothing to cut: the others make half of what is cut.
        looked = np.flatnonzero(known[user, family])
        rest = np.flatnonzero(~known[user, family])
        rest = rest[:: max(len(rest) // max(len(looked), 1), 1)][: len(looked)]
        pieces = Pieces(self.features).fit(stacked.iloc[np.sort(np.r_[looked, rest])])
        values = pieces.transform(stacked)
        mean, scale = values.mean(axis=0), values.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        model = LogisticRegression(
            C=self.penalty_of(bought.sum()), solver="newton-cholesky", tol=1e-8, max_iter=100
        )
        model.fit((values - mean) / scale, bought, sample_weight=weight)
        slopes = model.coef_[0] / scale
        intercept = float(model.intercept_[0] - slopes @ mean)
        self.model_ = LinearModel.of([HEAD], pieces.terms_, np.array([intercept]), slopes[None, :], LOGIT)
        return self

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the chance of each family, shape (n_rows, n_families)."""
        places = self.rows.places(frame)
        user, family = (part.ravel() for part in np.indices((len(frame), len(self.rows.families))))
        stacked = self._stacked(frame, places, user, family)
        return self.model_.predict(stacked)[:, 0].reshape(len(frame), -1)

    def _stacked(
        self, frame: pd.DataFrame, places: np.ndarray, user: np.ndarray, family: np.ndarray
    ) -> pd.DataFrame:
        own = frame[self.user_features].to_numpy(dtype=float)[user]
        return pd.DataFrame(np.hstack([own, self.rows.values[places[user], family]]), columns=self.features)


def cell_name(rank: int) -> str:
    """Return the output under which a family's rates in cells stand."""
    return f"{HEAD}_{rank}"


class FamilyCells(CellRates):
    """The heuristic: for each family the rates in the cells of the order heads, over every origin so far.

    Examples
    --------
    >>> frame = pd.DataFrame({name: np.repeat([0.0, 1.0], 50) for name in CELL_BINS})
    >>> bought = pd.DataFrame({"category_1": np.repeat([0.0, 1.0], 50)})
    >>> FamilyCells().fit(frame, bought).predict(frame)[[0, 99], 0].round(1).tolist()
    [0.0, 1.0]
    """

    def __init__(self) -> None:
        super().__init__(order_cells().levels)

    def fit(self, frame: pd.DataFrame, outcomes: pd.DataFrame, past: pd.DataFrame | None = None) -> Self:
        """Learn the rates of each outcome."""
        if past is not None:
            frame, outcomes = past, past[list(outcomes.columns)]
        return super().fit(frame, outcomes)
