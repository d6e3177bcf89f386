"""Tell Redshift whom a request is about: ``clientele redshift-subjects``, and each command of such a request.

SQL on DuckDB asks this process for the ids that the environment names; SQL on Redshift cannot. They go into
``vault.named_subjects`` before the operation of macros/privacy/rights.sql, which empties it, as bound
parameters: no statement names an id. Whoever was named before and not dealt with is not named any more.

dbt takes some seconds to begin, and somebody else may name a customer meanwhile. So each command names for
itself: rows bear the text in ``CLIENTELE_NAMED_AS``, and its operation reads those alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clientele.errors import ClienteleError
from clientele.ids import SQL_TYPES
from clientele.privacy import redshift_key, rights

NAMED_AS = "CLIENTELE_NAMED_AS"
_ROWS = 1000  # a statement takes 32,767 parameters


def name(connection: Any, environment: Mapping[str, str]) -> int:
    """Put the ids that the environment names into the register, for one operation, in one transaction.

    Parameters
    ----------
    connection : redshift_connector.Connection
        Of the role that builds the warehouse, without autocommit.
    environment : mapping
        As `clientele.privacy.rights.subjects` reads it. `CLIENTELE_NAMED_AS` says for which operation; whom
        an earlier naming of this text meant is meant no more.

    Returns
    -------
    int
        The number of customers who are named.
    """
    cursor = connection.cursor()
    cursor.execute(
        "select table_name, lower(data_type) from information_schema.columns where table_schema = 'vault' "
        "and table_name in ('user_keys', 'objections', 'restrictions') and column_name = 'user_id'"
    )
    types = {table: held for table, held in cursor.fetchall()}
    # before the first load: as they were named for earlier requests
    kinds = {types["user_keys"]} if "user_keys" in types else set(types.values())
    kind = "text" if kinds - {"bigint"} else "integer"
    user_ids = rights.subjects(environment, kind, is_settled="user_keys" in types)
    named_as = environment.get(NAMED_AS, "")
    cursor.execute("create schema if not exists vault")
    cursor.execute(
        "select column_name from information_schema.columns "
        "where table_schema = 'vault' and table_name = 'named_subjects'"
    )
    if {column for (column,) in cursor.fetchall()} == {"user_id"}:
        # of a version before: who stands there is not dealt with
        cursor.execute("drop table vault.named_subjects")
    cursor.execute(
        f"create table if not exists vault.named_subjects (user_id {SQL_TYPES[kind]}, named_as varchar(64))"
    )
    cursor.execute("delete from vault.named_subjects where named_as = %s", (named_as,))
    for start in range(0, len(user_ids), _ROWS):
        batch = user_ids[start : start + _ROWS]
        cursor.execute(
            f"insert into vault.named_subjects values {', '.join(['(%s, %s)'] * len(batch))}",
            [value for user_id in batch for value in (user_id, named_as)],
        )
    connection.commit()
    return len(user_ids)


def name_all(environment: Mapping[str, str]) -> int:
    """Connect with the settings of the target redshift, and name whom the environment names.

    Raises
    ------
    clientele.privacy.redshift_key.KeyTableError
        A setting is missing, or the warehouse has refused; the message quotes no id.
    """
    try:
        with redshift_key.connect() as connection:
            return name(connection, environment)
    except ClienteleError:
        raise
    except Exception as problem:  # of the driver, whose exceptions share no other base
        raise redshift_key.KeyTableError(f"The warehouse said: {type(problem).__name__}") from None
