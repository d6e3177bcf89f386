"""A database of views over published files, for tools that open a database and no folder of Parquet files.

It holds no row: each view reads the Parquet file of its name. DuckDB looks for such a file in the working
directory and in its setting ``file_search_path``; a view cannot say "beside me". So readers start in the
folder, or name it in that setting (docs/bi.md). Any DuckDB from 1.4 on opens the file.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

__all__ = ["NAME", "write"]

NAME = "clientele.duckdb"
_STORAGE = "v1.4.0"


def write(folder: Path) -> Path:
    """Write the views over the Parquet files of a folder into the file `NAME` there, and return its path.

    Parameters
    ----------
    folder : Path
        A publication that is not finished: the file that may be there is replaced.

    Examples
    --------
    ::

        cd warehouse/published && duckdb -readonly clientele.duckdb "from segment_summary"
    """
    path = folder / NAME
    path.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"set file_search_path = {_literal(folder)}")
        connection.execute(f"attach {_literal(path)} as published (storage_version '{_STORAGE}')")
        for file in sorted(folder.glob("*.parquet")):
            query = f"select * from read_parquet({_literal(file.name)})"
            connection.execute(f'create view published.main."{file.stem}" as {query}')
        connection.execute("detach published")
    return path


def _literal(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
