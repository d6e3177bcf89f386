"""Put the key material where Redshift's SQL finds it: ``clientele redshift-key``.

The keys derived from ``CLIENTELE_PSEUDONYM_KEY`` become the one row of ``vault.pseudonym_key``, which nobody
but its owner may read. They travel as bound parameters: the statement that Redshift logs names no value. Run
it once per warehouse, as the role that builds it; with another key it refuses, because every customer would
get a new pseudonym. ``--next`` puts the key in ``CLIENTELE_PSEUDONYM_KEY_NEW`` beside it, for the operation
``rotate_key`` (docs/decisions/0015-key-rotation.md).
"""

from __future__ import annotations

import os
import secrets
from typing import Any

from clientele.errors import ClienteleError
from clientele.privacy import keys

SETTINGS = {
    "host": "REDSHIFT_HOST",
    "database": "REDSHIFT_DATABASE",
    "user": "REDSHIFT_USER",
    "password": "DBT_ENV_SECRET_REDSHIFT_PASSWORD",
}


class KeyTableError(ClienteleError, RuntimeError):
    """The key material cannot be stored; the message says why and what to do."""


_COLUMNS = (
    "user_inner varchar(64), user_outer varchar(64), session varchar(32), "
    "erased_inner varchar(64), erased_outer varchar(64), session_mask bigint"
)


def store(connection: Any, material: keys.KeyMaterial) -> bool:
    """Store key material in ``vault.pseudonym_key``, in one transaction.

    Beside it go what must outlive the key: keys of the tombstones, which are random, and the mask of session
    keys, which is 0 until the key is rotated.

    Parameters
    ----------
    connection : redshift_connector.Connection
        Of the role that builds the warehouse, without autocommit.
    material : clientele.privacy.keys.KeyMaterial
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
    _create(cursor, "vault.pseudonym_key")
    held = _held(cursor)
    if held and not _is_of(held, material):
        connection.rollback()
        raise KeyTableError(
            f"vault.pseudonym_key holds other key material than {keys.ENVIRONMENT_VARIABLE} gives. Set the "
            "key that this warehouse was built with. To begin anew with another key, empty the table "
            "first, then build with --full-refresh."
        )
    if not held:
        ring = [secrets.token_hex(32), secrets.token_hex(32), 0]
        _insert(cursor, "vault.pseudonym_key", [*_parts(material), *ring])
    connection.commit()
    return not held


def store_next(connection: Any, material: keys.KeyMaterial) -> None:
    """Store the material of the next epoch in ``vault.pseudonym_key_next``, in the place of any other.

    Raises
    ------
    KeyTableError
        When there is no key yet, or it is this one.
    """
    cursor = connection.cursor()
    _create(cursor, "vault.pseudonym_key")
    held = _held(cursor)
    if not held or _is_of(held, material):
        connection.rollback()
        raise KeyTableError(
            f"{keys.NEXT_ENVIRONMENT_VARIABLE} is the key that this warehouse has already: make another one."
            if held
            else "vault.pseudonym_key is empty: there is no key to rotate."
        )
    _create(cursor, "vault.pseudonym_key_next")
    cursor.execute("delete from vault.pseudonym_key_next")
    session, erased_inner, erased_outer, session_mask = held[2:]
    mask = session_mask
    while mask in (0, session_mask):
        mask = secrets.randbits(60)
    row = [material.user_inner, material.user_outer, session, erased_inner, erased_outer, mask]
    _insert(cursor, "vault.pseudonym_key_next", row)
    connection.commit()


def _create(cursor: Any, table: str) -> None:
    cursor.execute("create schema if not exists vault")
    cursor.execute(f"create table if not exists {table} ({_COLUMNS}) diststyle all")
    cursor.execute(f"revoke all on {table} from public")


def _held(cursor: Any) -> list[Any]:
    """Return the one row of ``vault.pseudonym_key``, or nothing."""
    names = ", ".join(column.split()[0] for column in _COLUMNS.split(", "))
    rows = cursor.execute(f"select {names} from vault.pseudonym_key").fetchall()
    if len(rows) > 1:
        raise KeyTableError(
            "vault.pseudonym_key holds more than one row: leave the one that it was built with."
        )
    return list(rows[0]) if rows else []


def _is_of(held: list[Any], material: keys.KeyMaterial) -> bool:
    # not the session key: that one is of the first epoch
    return held[:2] == _parts(material)[:2]


def _parts(material: keys.KeyMaterial) -> list[str]:
    return [material.user_inner, material.user_outer, material.session]


def _insert(cursor: Any, table: str, values: list[Any]) -> None:
    cursor.execute(f"insert into {table} values ({', '.join(['%s'] * len(values))})", values)


def connect() -> Any:
    """Return a connection with the settings of the target redshift; raises :class:`KeyTableError`."""
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


def fill(is_next: bool = False) -> str:
    """Store the material of the environment's key; return what was done, in a sentence.

    Parameters
    ----------
    is_next : bool
        Store that of ``CLIENTELE_PSEUDONYM_KEY_NEW`` beside it, for the operation ``rotate_key``.

    Raises
    ------
    KeyTableError, clientele.privacy.keys.MissingKeyError
        A setting is missing, another key is held, or the warehouse has refused.
    """
    variable = keys.NEXT_ENVIRONMENT_VARIABLE if is_next else keys.ENVIRONMENT_VARIABLE
    material = keys.derive(keys.secret_from_environment(variable))
    try:
        with connect() as connection:
            if is_next:
                store_next(connection, material)
                return "vault.pseudonym_key_next is filled: clientele rotate-key, with DBT_TARGET=redshift"
            if store(connection, material):
                return "vault.pseudonym_key is filled"
            return "vault.pseudonym_key held this key already: nothing to do"
    except ClienteleError:
        raise
    except Exception as problem:  # of the driver, whose exceptions share no other base
        raise KeyTableError(f"The warehouse said: {problem}") from None
