"""From a feature table to a clipped, standardised, pruned matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clientele.learning.linear_rows import round_significant
from clientele.personas.settings import Settings

FEATURE_COLUMNS = ("feature", "block", "feature_position", "reliability", "status", "note")


def check_catalog(catalog: pd.DataFrame) -> pd.DataFrame:
    """Return the catalog's ``feature`` and ``block`` in order.

    The order is that of the column ``feature_position`` where there is one, else that of the rows.

    Raises
    ------
    ValueError
        A column is missing, empty or a feature is listed twice.
    """
    missing = {"feature", "block"} - set(catalog.columns)
    if missing:
        raise ValueError(f"The feature catalog lacks the column(s) {sorted(missing)}; add them.")
    if "feature_position" in catalog.columns:
        catalog = catalog.sort_values("feature_position", kind="stable")
    catalog = catalog[["feature", "block"]].reset_index(drop=True)
    if catalog.isna().to_numpy().any():
        raise ValueError("The feature catalog has a row without feature or block; fill it or delete the row.")
    twice = sorted(catalog.loc[catalog["feature"].duplicated(), "feature"].unique())
    if twice:
        raise ValueError(f"The feature catalog lists {twice} twice; keep one row for each feature.")
    return catalog


def check_table(
    table: pd.DataFrame, columns: list[str], name: str, unique: bool = True, optional: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return ``user_sk`` and `columns` as int64 and float64, sorted by ``user_sk``.

    Parameters
    ----------
    table : DataFrame, one row per user
        Further columns are ignored.
    columns : list of str
        Numeric columns that must be there, without NaN or infinity.
    name : str
        What the table is called in an error message.
    unique : bool
        Whether each user may have one row only.
    optional : tuple of str
        Those of the columns that may hold NaN.

    Raises
    ------
    ValueError
        A column is missing or not numeric, a value is not finite, or a user is missing or repeated.
    """
    missing = [column for column in ["user_sk", *columns] if column not in table.columns]
    if missing:
        raise ValueError(f"{name} lacks the column(s) {missing}; add them or take them out of the catalog.")
    users = table["user_sk"]
    if users.isna().any() or not pd.api.types.is_integer_dtype(users):
        raise ValueError(f"{name}: user_sk must hold integers without NULL; it is {users.dtype}.")
    if unique and users.duplicated().any():
        raise ValueError(f"{name}: {int(users.duplicated().sum())} rows repeat a user_sk; pass one per user.")
    try:
        values = table[columns].astype("float64")
    except (TypeError, ValueError):
        wrong = [column for column in columns if not pd.api.types.is_numeric_dtype(table[column])]
        raise ValueError(f"{name}: {wrong} are not numeric (or hold NULL); cast them to double.") from None
    wrong = ~np.isfinite(values)
    wrong[list(optional)] = np.isinf(values[list(optional)])
    counts = wrong.sum()
    if counts.any():
        found = ", ".join(f"{column} ({count})" for column, count in counts[counts > 0].items())
        raise ValueError(
            f"{name}: NaN or infinite values in {found}; give such users the prior mean before the fit."
        )
    values.insert(0, "user_sk", users.astype("int64"))
    # Rows of one user are ordered by a hash of their values, so that their order in the table cannot matter.
    hashes = pd.util.hash_pandas_object(values, index=False)
    return values.iloc[np.lexsort((hashes, values["user_sk"]))].reset_index(drop=True)


def measure_reliability(table: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Share of each feature's variance that lies between users: the intraclass correlation ICC(1).

    A feature that differs as much between two parts of one user's history as between users says nothing
    about who the user is.

    Parameters
    ----------
    table : DataFrame
        ``user_sk`` in ascending order, two rows or more for each user.
    values : ndarray, shape (n_rows, n_features)

    Returns
    -------
    ndarray, shape (n_features,)
        0..1; 0 for a feature that is constant.

    References
    ----------
    Shrout and Fleiss (1979), Intraclass correlations: uses in assessing rater reliability.
    """
    _, starts, sizes = np.unique(table["user_sk"], return_index=True, return_counts=True)
    means = np.add.reduceat(values, starts) / sizes[:, None]
    n_rows, n_users = len(values), len(sizes)
    between = (sizes[:, None] * (means - values.mean(axis=0)) ** 2).sum(axis=0) / (n_users - 1)
    within = ((values - np.repeat(means, sizes, axis=0)) ** 2).sum(axis=0) / (n_rows - n_users)
    typical_size = (n_rows - (sizes**2).sum() / n_rows) / (n_users - 1)
    total = between + (typical_size - 1) * within
    return np.clip((between - within) / np.where(total > 0, total, 1.0), 0.0, 1.0)


@dataclass(frozen=True)
class Preparation:
    """What was learnt about the features, and the standardised sample.

    Attributes
    ----------
    features : list of str
        The features kept, in the catalog's order.
    blocks : list of str
        The block of each kept feature.
    reliability : ndarray, shape (n_features,)
        As of `measure_reliability`; 1 for all where it is not known.
    clip_lo, clip_hi, mean, scale : ndarray, shape (n_features,)
        In the features' own units; mean and standard deviation are those after the clip.
    standardised : ndarray, shape (n_users, n_features)
    table : DataFrame
        One row per catalog feature: its reliability (NaN: not known), status ``kept``, ``constant``,
        ``unreliable`` or ``correlated``, and a note.
    """

    features: list[str]
    blocks: list[str]
    reliability: np.ndarray
    clip_lo: np.ndarray
    clip_hi: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    standardised: np.ndarray
    table: pd.DataFrame

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """Clip and standardise another table that has the kept features."""
        values = table[self.features].to_numpy()
        return (np.clip(values, self.clip_lo, self.clip_hi) - self.mean) / self.scale


def prepare(
    sample: pd.DataFrame, catalog: pd.DataFrame, replicates: pd.DataFrame | None, settings: Settings
) -> Preparation:
    """Clip, standardise, and drop the features that add nothing.

    Parameters
    ----------
    sample : DataFrame, shape (n_users, 1 + n_features)
        As returned by `check_table`.
    catalog : DataFrame
        As returned by `check_catalog`.
    replicates : DataFrame or None
        See `clientele.personas.fit_personas`.
    settings : Settings
    """
    values = sample[catalog["feature"].tolist()].to_numpy()
    # method="lower" takes a value that occurs, so the bounds do not depend on how a mean of two is rounded.
    bounds = np.quantile(values, settings.clip_quantiles, axis=0, method="lower")
    clip_lo, clip_hi = round_significant(bounds)
    clipped = np.clip(values, clip_lo, clip_hi)
    mean = round_significant(clipped.mean(axis=0))
    scale = clipped.std(axis=0)
    varies = scale > 1e-9 * np.maximum(1.0, np.abs(mean))
    standardised = (clipped - mean) / np.where(varies, scale, 1.0)

    reliability = np.full(len(catalog), np.nan)
    if replicates is not None:
        repeated = check_table(replicates, catalog["feature"].tolist(), "replicates", unique=False)
        repeated = repeated[repeated["user_sk"].duplicated(keep=False)]
        if repeated["user_sk"].nunique() >= settings.min_outcome_users:
            reliability = measure_reliability(
                repeated, np.clip(repeated[catalog["feature"]].to_numpy(), clip_lo, clip_hi)
            )
    unreliable = varies & (reliability < settings.min_reliability)

    status = np.where(varies, "kept", "constant").astype(object)
    note = np.where(varies, "", "the same for (nearly) every user").astype(object)
    status[unreliable] = "unreliable"
    note[unreliable] = "differs within a user's history nearly as much as between users"
    kept: list[int] = []
    correlation = standardised.T @ standardised / len(values)
    for position in np.flatnonzero(varies & ~unreliable):
        rho = correlation[position, kept]
        if kept and np.abs(rho).max() > settings.max_correlation:
            twin = int(np.abs(rho).argmax())
            status[position] = "correlated"
            note[position] = f"correlation {rho[twin]:.2f} with {catalog['feature'][kept[twin]]}"
        else:
            kept.append(int(position))
    table = catalog.assign(
        feature_position=np.arange(1, len(catalog) + 1), reliability=reliability, status=status, note=note
    )
    return Preparation(
        features=catalog["feature"][kept].tolist(),
        blocks=catalog["block"][kept].tolist(),
        reliability=np.nan_to_num(reliability[kept], nan=1.0),
        clip_lo=clip_lo[kept],
        clip_hi=clip_hi[kept],
        mean=mean[kept],
        scale=scale[kept],
        standardised=standardised[:, kept],
        table=table[list(FEATURE_COLUMNS)],
    )
