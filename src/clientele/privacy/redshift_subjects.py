"""Tell Redshift whom a request is about: ``clientele redshift-subjects``, and each command of such a request.

SQL on DuckDB asks this process for the ids that the environment names; SQL on Redshift cannot. They go into
``vault.named_subjects`` before the operation of macros/privacy/rights.sql, which empties it, as bound
parameters: no statement names an id. Whoever was named before and not dealt with is not named any more.
"""

from __future__ import annotations

from typing import Any

from clientele.errors import ClienteleError
from clientele.privacy import redshift_key

_ROWS = 1000  # a statement takes 32,767 parameters


def name(connection: Any, user_ids: list[int]) -> None:
    """Put these ids, and no others, into the register, in one transaction.

    Parameters
    ----------
    connection : redshift_connector.Connection
        Of the role that builds the warehouse, without autocommit.
    user_ids : list of int
        Raw ids; none empties the register.
    """
    cursor = connection.cursor()
    cursor.execute("create schema if not exists vault")
    cursor.execute("create table if not exists vault.named_subjects (user_id bigint)")
    cursor.execute("delete from vault.named_subjects")
    for start in range(0, len(user_ids), _ROWS):
        batch = user_ids[start : start + _ROWS]
        cursor.execute(f"insert into vault.named_subjects values {', '.join(['(%s)'] * len(batch))}", batch)
    connection.commit()


def name_all(user_ids: list[int]) -> None:
    """Connect with the settings of the target redshift, and name these ids.

    Raises
    ------
    clientele.privacy.redshift_key.KeyTableError
        A setting is missing, or the warehouse has refused; the message quotes no id.
    """
    try:
        with redshift_key.connect() as connection:
            name(connection, user_ids)
    except ClienteleError:
        raise
    except Exception as problem:  # of the driver, whose exceptions share no other base
        raise redshift_key.KeyTableError(f"The warehouse said: {type(problem).__name__}") from None
