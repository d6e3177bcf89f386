"""Tables as rows: what a model writes keeps its column types, with rows or without."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def typed(table: pd.DataFrame, schema: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with just the columns of `schema`, which keep their types when there is no row.

    Parameters
    ----------
    table : DataFrame
        Columns that are missing are empty, those that the schema does not name are left out.
    schema : mapping of str to str
        ``int64`` (empty is 0), ``float64`` or anything else, which is text.

    Examples
    --------
    >>> typed(pd.DataFrame(), {"k": "int64", "value": "float64", "item": "str"}).dtypes.astype(str).tolist()
    ['int64', 'float64', 'string']
    """
    table = table.reindex(columns=list(schema))
    for name, kind in schema.items():
        if kind == "int64":
            table[name] = pd.to_numeric(table[name]).fillna(0).astype("int64")
        elif kind == "float64":
            table[name] = pd.to_numeric(table[name]).astype("float64")
        else:
            table[name] = table[name].astype("string")
    return table
