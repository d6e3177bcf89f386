"""The linear map from standardised features to the space in which users are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV

from clientele.personas.preparation import Preparation, check_table
from clientele.personas.settings import Settings


@dataclass(frozen=True)
class Embedding:
    """A linear map, what it keeps, and whether outcomes shaped it.

    Attributes
    ----------
    matrix : ndarray, shape (n_features, n_components)
        Standardised features times this are the coordinates.
    explained_variance : float
        Share (0..1) of the weighted features' variance that the components keep.
    is_guided : bool
    note : str
        Why outcomes did or did not guide, as a sentence.
    """

    matrix: np.ndarray
    explained_variance: float
    is_guided: bool
    note: str


def embed(
    prepared: Preparation, users: pd.Series, outcomes: pd.DataFrame | None, settings: Settings
) -> Embedding:
    """Weight features by reliability, blend in what predicts the outcomes, keep the principal components.

    A feature is divided by its range after the clip, not by its standard deviation: of two features with
    the same range the one that splits users into groups varies more, and should count more. Its variance is
    then multiplied by its reliability: what sets users apart for long counts, what differs from one part of
    a history to the next does not. ``block_balance`` further divides it by a power of the number of features
    in the block. With outcomes, their predictions by ridge regression are appended: users who are expected to
    behave alike come closer, the more so the better a behaviour can be predicted. Outcomes shape distances
    only, never labels.

    Parameters
    ----------
    prepared : Preparation
    users : Series of int64, shape (n_users,)
        The users of ``prepared.standardised``.
    outcomes : DataFrame or None
        See `clientele.personas.fit_personas`.
    settings : Settings

    References
    ----------
    Milligan and Cooper (1988), A study of standardization of variables in cluster analysis.
    Steinley and Brusco (2008), A new variable weighting and selection procedure for K-means cluster analysis.
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems.
    """
    # 12 makes this 1 for a feature that is spread evenly over its range; a bell-shaped one has about a half.
    clusterability = 12 * (prepared.scale / (prepared.clip_hi - prepared.clip_lo)) ** 2
    blocks = pd.Series(prepared.blocks)
    block_size = blocks.map(blocks.value_counts()).to_numpy(dtype=float)
    weights = np.diag(np.sqrt(prepared.reliability * clusterability / block_size**settings.block_balance))
    slopes, note = _guide(prepared, users, outcomes, settings)
    if slopes is not None:
        share = settings.guidance
        predicted = slopes * np.sqrt((weights**2).sum() / (prepared.standardised @ slopes).var(axis=0).sum())
        weights = np.hstack([np.sqrt(1 - share) * weights, np.sqrt(share) * predicted])
    pca = PCA(svd_solver="covariance_eigh").fit(prepared.standardised @ weights)
    total = np.cumsum(pca.explained_variance_ratio_)
    enough = int(np.searchsorted(total, settings.explained_variance - 1e-12)) + 1
    n_components = min(enough, settings.max_components, len(prepared.features))
    return Embedding(
        matrix=weights @ pca.components_[:n_components].T,
        explained_variance=float(total[n_components - 1]),
        is_guided=slopes is not None,
        note=note,
    )


def _guide(
    prepared: Preparation, users: pd.Series, outcomes: pd.DataFrame | None, settings: Settings
) -> tuple[np.ndarray | None, str]:
    """Slopes from standardised features to standardised outcomes, or None and the reason."""
    if outcomes is None or len(outcomes) == 0:
        return None, "Unguided: no outcomes yet (the history is too short)."
    if settings.guidance == 0:
        return None, "Unguided: guidance is set to 0."
    known = set(prepared.table["feature"])
    names = [column for column in outcomes.columns if column not in known | {"user_sk", "as_of"}]
    if not names:
        raise ValueError("The outcomes have no column besides user_sk, as_of and features; add one.")
    if set(prepared.features) <= set(outcomes.columns):
        table = check_table(outcomes, [*prepared.features, *names], "outcomes", False, tuple(names))
        standardised = prepared.transform(table)
    else:
        table = check_table(outcomes, names, "outcomes", optional=tuple(names))
        table = table[table["user_sk"].isin(users)]
        standardised = prepared.standardised[np.searchsorted(users, table["user_sk"])]
    n_known = table["user_sk"].nunique()
    if n_known < settings.min_outcome_users:
        return None, f"Unguided: outcomes of {n_known} users, {settings.min_outcome_users} are needed."
    slopes, r2 = [], []
    for name in names:
        seen = table[name].notna().to_numpy()
        target = table[name].to_numpy()[seen]
        if len(target) < settings.min_outcome_users:
            continue
        target = np.clip(target, *np.quantile(target, settings.clip_quantiles, method="lower"))
        if target.std() <= 1e-9:
            continue
        target = (target - target.mean()) / target.std()
        ridge = RidgeCV(alphas=np.logspace(0, 4, 9)).fit(standardised[seen], target)
        slopes.append(ridge.coef_)
        r2.append(1 + ridge.best_score_)
    if not slopes:
        return None, f"Unguided: no outcome varies and was seen for {settings.min_outcome_users} users."
    if max(r2) < settings.min_outcome_r2:
        return None, f"Unguided: features predict no outcome (best leave-one-out R² {max(r2):.3f})."
    # Predictions vary as much as they explain: what cannot be predicted hardly counts.
    note = f"Guided by {len(r2)} outcomes of {n_known} users, mean leave-one-out R² {np.mean(r2):.3f}."
    return np.column_stack(slopes), note
