"""What comes in, checked and sorted: a catalog of features, tables of users, parts of their histories."""

from __future__ import annotations

import numpy as np
import pandas as pd

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


def parts_of_histories(replicates: pd.DataFrame | None, features: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the users who have two parts of a history or more, and the features of these parts.

    Parameters
    ----------
    replicates : DataFrame or None
        ``user_sk`` and every feature, one row per user and part; see `clientele.personas.fit_personas`.
    features : list of str

    Returns
    -------
    tuple of ndarray
        Users, ascending, shape (n,); and values, shape (n, n_parts, n_features), NaN for a part that is not
        there.

    Examples
    --------
    >>> halves = pd.DataFrame({"user_sk": [2, 1, 1], "often": [5.0, 3.0, 4.0]})
    >>> users, parts = parts_of_histories(halves, ["often"])
    >>> users.tolist(), parts.shape
    ([1], (1, 2, 1))
    """
    if replicates is None:
        return np.empty(0, dtype="int64"), np.empty((0, 2, len(features)))
    table = check_table(replicates, features, "replicates", unique=False)
    table = table[table["user_sk"].duplicated(keep=False)]
    users, owner = np.unique(table["user_sk"], return_inverse=True)
    part = table.groupby("user_sk").cumcount().to_numpy()
    parts = np.full((len(users), int(part.max(initial=1)) + 1, len(features)), np.nan)
    parts[owner, part] = table[features].to_numpy()
    return users, parts
