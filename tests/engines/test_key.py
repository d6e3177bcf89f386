"""Key material on its way into the warehouse: once, unseen, and never another one by accident."""

from __future__ import annotations

import pytest
import redshift_connector
from standin.postgres import DATABASE, PASSWORD, USER

from clientele.errors import ClienteleError
from clientele.privacy import keys, redshift_key

MATERIAL = keys.derive("k" * 40)
OTHER = keys.derive("o" * 40)


@pytest.fixture
def connection(proxy, postgres):
    postgres.admin("drop schema if exists vault cascade")
    with redshift_connector.connect(
        host="127.0.0.1", port=proxy.port, database=DATABASE, user=USER, password=PASSWORD, ssl=False
    ) as connection:
        yield connection
    postgres.admin("drop schema if exists vault cascade")


def test_it_is_stored_once_and_another_is_refused(connection, postgres):
    assert redshift_key.store(connection, MATERIAL)
    assert not redshift_key.store(connection, MATERIAL)
    with pytest.raises(redshift_key.KeyTableError, match="--full-refresh"):
        redshift_key.store(connection, OTHER)
    held = postgres.admin("select user_inner, user_outer, session from vault.pseudonym_key")
    assert held == f"{MATERIAL.user_inner}|{MATERIAL.user_outer}|{MATERIAL.session}\n"


def test_the_next_key_takes_over_what_must_outlive_this_one(connection, postgres):
    with pytest.raises(redshift_key.KeyTableError, match="no key to rotate"):
        redshift_key.store_next(connection, OTHER)
    redshift_key.store(connection, MATERIAL)
    with pytest.raises(redshift_key.KeyTableError, match="has already"):
        redshift_key.store_next(connection, MATERIAL)
    for _ in range(2):
        redshift_key.store_next(connection, OTHER)
    kept = "session, erased_inner, erased_outer"
    held = postgres.admin(f"select {kept}, session_mask from vault.pseudonym_key").strip().split("|")
    new = postgres.admin(f"select user_inner, {kept}, session_mask from vault.pseudonym_key_next").strip()
    inner, *rest, mask = new.split("|")
    assert inner == OTHER.user_inner and rest == held[:3] and held[3] == "0" and 0 < int(mask) < 2**60


def test_no_statement_names_a_value_and_nobody_else_may_read(connection, postgres, proxy):
    before = len(proxy.statements)
    redshift_key.store(connection, MATERIAL)
    said = " ".join(proxy.statements[before:])
    assert "insert into vault.pseudonym_key values ($1" in said
    assert not [part for part in (MATERIAL.user_inner, MATERIAL.user_outer, MATERIAL.session) if part in said]
    postgres.admin("drop role if exists somebody; create role somebody")
    may = "select has_table_privilege('somebody', 'vault.pseudonym_key', 'select')"
    assert postgres.admin(may) == "f\n"


@pytest.mark.parametrize(
    ("environment", "words"),
    [({}, "CLIENTELE_PSEUDONYM_KEY is not set"), ({"CLIENTELE_PSEUDONYM_KEY": "k" * 40}, "REDSHIFT_HOST")],
)
def test_what_is_missing_is_named(environment, words, monkeypatch):
    for name in (keys.ENVIRONMENT_VARIABLE, *redshift_key.SETTINGS.values()):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ClienteleError, match=words):
        redshift_key.fill()
