"""How features go together: correlations, and principal components of the standardised features."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["correlations", "principal_components"]

N_LOADED = 5


def correlations(features: pd.DataFrame) -> pd.DataFrame:
    """Return the Pearson correlation of each pair of columns, the pair once, in their order.

    Parameters
    ----------
    features : DataFrame, shape (n_users, n_features)
        Finite numbers. A column without any spread has no correlation and no row.

    Returns
    -------
    DataFrame
        ``feature``, ``other_feature``, ``correlation`` (-1..1, rounded to six digits) and ``n_users``.

    Examples
    --------
    >>> correlations(pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 2, 1]}))["correlation"].tolist()
    [-1.0]
    """
    names, standard = _standardised(features)
    matrix = standard.T @ standard / max(len(standard), 1)
    first, second = np.triu_indices(len(names), k=1)
    return pd.DataFrame(
        {
            "feature": [names[place] for place in first],
            "other_feature": [names[place] for place in second],
            "correlation": np.clip(np.round(matrix[first, second], 6), -1, 1),
            "n_users": len(standard),
        }
    )


def principal_components(features: pd.DataFrame) -> pd.DataFrame:
    """Return the principal components of the correlation matrix: a row per component and feature.

    Parameters
    ----------
    features : DataFrame, shape (n_users, n_features)
        Finite numbers. A column without any spread is left out.

    Returns
    -------
    DataFrame
        ``component`` from 1, ``feature``, ``loading`` (its correlation with the component; of the largest
        on each component the sign is plus), ``explained_share`` (0..1, of the component) and ``n_users``.
        The first five components have a row per feature, the others one with their largest loading.

    References
    ----------
    Jolliffe, I. T. (2002). Principal Component Analysis, 2nd edition, 2.3 (the correlation matrix).
    """
    names, standard = _standardised(features)
    if not names or len(standard) < 2:
        return pd.DataFrame(columns=["component", "feature", "loading", "explained_share", "n_users"])
    variances, axes = np.linalg.eigh(standard.T @ standard / len(standard))
    variances, axes = np.clip(variances[::-1], 0, None), axes[:, ::-1]
    largest = np.round(np.abs(axes), 6).argmax(axis=0)  # a tie: the first
    axes = axes * np.where(axes[largest, np.arange(len(names))] < 0, -1, 1)
    rows = []
    for place, variance in enumerate(variances):
        shown = range(len(names)) if place < N_LOADED else [largest[place]]
        rows += [
            {
                "component": place + 1,
                "feature": names[feature],
                "loading": round(float(axes[feature, place] * np.sqrt(variance)), 6),
                "explained_share": round(float(variance / len(names)), 6),
                "n_users": len(standard),
            }
            for feature in shown
        ]
    return pd.DataFrame(rows)


def _standardised(features: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    values = features.to_numpy(dtype=float)
    spread = values.std(axis=0) if len(values) else np.zeros(values.shape[1])
    kept = np.flatnonzero(spread > 1e-12)
    centred = values[:, kept] - values[:, kept].mean(axis=0) if len(kept) else values[:, kept]
    return [str(features.columns[place]) for place in kept], centred / spread[kept]
