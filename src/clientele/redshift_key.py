"""Put the key material where Redshift's SQL finds it: ``python -m clientele.redshift_key``.

The keys derived from ``CLIENTELE_PSEUDONYM_KEY`` become the one row of ``vault.pseudonym_key``, which nobody
but its owner may read. They travel as bound parameters: the statement that Redshift logs names no value. Run
it once per warehouse, as the role that builds it; with another key it refuses, because every customer would
get a new pseudonym.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from clientele import keys

SETTINGS = {
    "host": "REDSHIFT_HOST",
    "database": "REDSHIFT_DATABASE",
    "user": "REDSHIFT_USER",
    "password": "DBT_ENV_SECRET_REDSHIFT_PASSWORD",
}


class KeyTableError(RuntimeError):
    """The key material cannot be stored; the message says why and what to do."""


def store(connection: Any, material: keys.KeyMaterial) -> bool:
    """Store key material in ``vault.pseudonym_key``, in one transaction.

    Parameters
    ----------
    connection : redshift_connector.Connection
        Of the role that builds the warehouse, without autocommit.
    material : clientele.keys.KeyMaterial
        The derived keys.

    Returns
    -------
    bool
        False when the table held this material already, and nothing was done.

    Raises
    ------
    KeyTableError
        When the table holds other material.
    """
    cursor = connection.cursor()
    cursor.execute("create schema if not exists vault")
    cursor.execute(
        "create table if not exists vault.pseudonym_key "
        "(user_inner varchar(64), user_outer varchar(64), session varchar(32)) diststyle all"
    )
    cursor.execute("revoke all on vault.pseudonym_key from public")
    wanted = [material.user_inner, material.user_outer, material.session]
    held = [
        list(row)
        for row in cursor.execute(
            "select user_inner, user_outer, session from vault.pseudonym_key"
        ).fetchall()
    ]
    if held and held != [wanted]:
        connection.rollback()
        raise KeyTableError(
            f"vault.pseudonym_key holds other key material than {keys.ENVIRONMENT_VARIABLE} gives. Set the "
            "key that this warehouse was built with. To begin anew with another key, empty the table "
            "first, then build with --full-refresh."
        )
    if not held:
        cursor.execute("insert into vault.pseudonym_key values (%s, %s, %s)", wanted)
    connection.commit()
    return not held


def _connect() -> Any:
    missing = [name for name in SETTINGS.values() if not os.environ.get(name)]
    if missing:
        raise KeyTableError(
            f"not set: {', '.join(missing)} (they are those of profiles/profiles.yml, target redshift)"
        )
    try:
        import redshift_connector
    except ImportError:
        raise KeyTableError(
            "redshift_connector is not installed: pip install packages/dbt-redshift-python"
        ) from None
    given = {option: os.environ[name] for option, name in SETTINGS.items()}
    is_encrypted = os.environ.get("REDSHIFT_SSLMODE") != "disable"
    return redshift_connector.connect(
        **given, port=int(os.environ.get("REDSHIFT_PORT", "5439")), ssl=is_encrypted
    )


def main() -> int:
    """Store the material of the environment's key; return the exit code."""
    try:
        material = keys.from_environment()
        with _connect() as connection:
            is_new = store(connection, material)
    except (keys.MissingKeyError, KeyTableError) as problem:
        print(f"clientele.redshift_key: {problem}", file=sys.stderr)
        return 2
    except Exception as problem:  # of the driver, whose exceptions share no other base
        print(f"clientele.redshift_key: the warehouse said: {problem}", file=sys.stderr)
        return 1
    print(
        "vault.pseudonym_key is filled"
        if is_new
        else "vault.pseudonym_key held this key already: nothing to do"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
