"""A fit as fields: how one Python model hands over tables of many kinds in one.

A dbt Python model writes one table, and a fit is kept or lost as a whole. So each fit is written as its parts
(a card, weights, a gate, words …), each part as rows, and each row as fields: a number or a text under its
own name. SQL puts the rows together again (`clientele.fit_part` in macros/registry), with a type for each
column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import pandas as pd

from clientele.learning.tables import typed

SCHEMA = {
    "fit_number": "int64",
    "model_version": "str",
    "part": "str",
    "row_position": "int64",
    "field": "str",
    "number_value": "float64",
    "text_value": "str",
}
KEYS = ("fit_number", "model_version", "row_position")


def to_fields(
    parts: Mapping[str, pd.DataFrame], fit_number: int = 0, model_version: str = ""
) -> pd.DataFrame:
    """Write the parts of a fit as fields.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        Rows of each part, in their order. Numbers and truth values become numbers (true is 1), all else
        texts; a missing value has no field. Columns that are called like a key stand in the keys alone.
    fit_number : int
    model_version : str

    Returns
    -------
    DataFrame
        Columns of `SCHEMA`.

    Examples
    --------
    >>> gate = pd.DataFrame({"criterion": ["auc"], "value": [0.01]})
    >>> to_fields({"gate": gate}, 1, "v")[["part", "field", "number_value", "text_value"]].values.tolist()
    [['gate', 'criterion', nan, 'auc'], ['gate', 'value', 0.01, <NA>]]
    """
    found = []
    for part, rows in parts.items():
        for name in [name for name in rows.columns if name not in KEYS]:
            values = rows[name].reset_index(drop=True)
            is_number = [
                isinstance(value, (bool, int, float)) or hasattr(value, "__float__") for value in values
            ]
            column = pd.DataFrame(
                {
                    "part": part,
                    "row_position": range(1, len(values) + 1),
                    "field": name,
                    "number_value": [
                        float(value) if number and not pd.isna(value) else None
                        for value, number in zip(values, is_number, strict=True)
                    ],
                    "text_value": [
                        None if number or pd.isna(value) else str(value)
                        for value, number in zip(values, is_number, strict=True)
                    ],
                }
            )
            found.append(column[column["number_value"].notna() | column["text_value"].notna()])
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    return typed(table.assign(fit_number=fit_number, model_version=model_version), SCHEMA)


def part_of(fields: pd.DataFrame, part: str) -> pd.DataFrame:
    """Put the rows of one part together again, of every fit in the table.

    Parameters
    ----------
    fields : DataFrame
        Columns of `SCHEMA`.
    part : str

    Returns
    -------
    DataFrame
        `KEYS` and a column per field, in the order of the fits and their rows; only the keys without a row.

    Examples
    --------
    >>> part_of(to_fields({"cut": pd.DataFrame({"at": [0.1, 0.4]})}, 2, "v"), "cut")["at"].tolist()
    [0.1, 0.4]
    """
    own = fields[fields["part"] == part]
    if own.empty:
        return pd.DataFrame(columns=list(KEYS))
    names = list(dict.fromkeys(own["field"]))
    keys = list(KEYS)
    numbers = own.pivot(index=keys, columns="field", values="number_value")
    texts = own.pivot(index=keys, columns="field", values="text_value")
    columns = {
        name: texts[name] if texts[name].notna().any() else numbers[name].astype(float) for name in names
    }
    return pd.DataFrame(columns).sort_index().reset_index()


def next_number(earlier: pd.DataFrame | None) -> int:
    """Return the number of the next fit: 1 without an earlier one.

    Parameters
    ----------
    earlier : DataFrame or None
        Columns of `SCHEMA`: all fits so far; None when there is no table.

    Examples
    --------
    >>> next_number(None), next_number(to_fields({"card": pd.DataFrame({"n": [1]})}, 2, "v"))
    (1, 3)
    """
    return 1 if earlier is None or earlier.empty else int(earlier["fit_number"].max()) + 1


SETTINGS = "fit_settings"  # in cards: macros/registry/fits.sql compares them with those of today


def with_settings(card: pd.DataFrame, request: pd.Series) -> pd.DataFrame:
    """Return the card of a fit with the settings that it was made under.

    Parameters
    ----------
    card : DataFrame
        One row.
    request : Series
        The row of the dbt model that asks for the fit, which has them in `fit_settings`.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> request = pd.Series({"is_due": True, "fit_settings": "sample_users=200"})
    >>> with_settings(pd.DataFrame({"n": [1]}), request).columns.tolist()
    ['n', 'fit_settings']
    """
    return card.assign(**{SETTINGS: str(request.get(SETTINGS) or "")})


def is_newest(version: str, earlier: pd.DataFrame | None, card: pd.DataFrame | None = None) -> bool:
    """Return whether the newest fit has this version, so that there is nothing to add.

    Parameters
    ----------
    version : str
    earlier : DataFrame or None
        Columns of `SCHEMA`: all fits so far; None when there is no table.
    card : DataFrame, optional
        Of the new fit: the newest one also has to have the settings that it has.

    Examples
    --------
    >>> fits = to_fields({"card": pd.DataFrame({"n": [1]})}, 2, "v")
    >>> is_newest("v", fits), is_newest("w", fits), is_newest("v", None)
    (True, False, False)
    """
    if earlier is None or earlier.empty:
        return False
    newest = earlier[earlier["fit_number"] == earlier["fit_number"].max()]
    if (
        card is not None
        and card[SETTINGS].tolist() != newest[newest["field"] == SETTINGS]["text_value"].tolist()
    ):
        return False
    return bool((newest["model_version"] == version).all())


def digest_of(tables: Iterable[pd.DataFrame]) -> str:
    """Return a hash of what tables say, numbers to ten digits: fits that learnt the same have the same.

    Examples
    --------
    >>> digest_of([pd.DataFrame({"weight": [0.1 + 0.2]})]) == digest_of([pd.DataFrame({"weight": [0.3]})])
    True
    """
    text = "".join(table.to_csv(index=False, float_format="%.10g") for table in tables)
    return hashlib.sha256(text.encode()).hexdigest()
