"""Keyed pseudonyms: golden vectors, the same in Python and SQL, and domains that share nothing."""

from __future__ import annotations

import re

import golden
import pytest
from support import KEY, UP_TO_EVENTS, Event, House

from clientele.ids import normal_text
from clientele.privacy import keys

PAPERS = False  # no test here reads what dbt writes about its runs
SECRET = golden.SECRET
MATERIAL = keys.derive(SECRET)


@pytest.mark.parametrize(("user_id", "user_key", "user_sk"), golden.USERS)
def test_golden_users(user_id, user_key, user_sk):
    assert keys.user_key(user_id, MATERIAL) == user_key
    assert keys.user_sk(user_key) == user_sk


@pytest.mark.parametrize(("user_session", "session_sk"), golden.SESSIONS)
def test_golden_sessions(user_session, session_sk):
    assert keys.session_sk(user_session, MATERIAL) == session_sk


def test_golden_key_material():
    assert keys.KeyMaterial(**golden.KEY_MATERIAL) == MATERIAL


def test_integers_are_sixty_bits():
    for number in range(200):
        key = keys.user_key(str(number), MATERIAL)
        assert re.fullmatch("[0-9a-f]{32}", key)
        assert 0 <= keys.user_sk(key) < 2**60 and f"{keys.user_sk(key):015x}" == key[:15]
        assert 0 <= keys.session_sk(str(number), MATERIAL) < 2**60


def test_domains_share_nothing():
    """The same text as a user and as a session, and under another secret, gives unrelated values."""
    other = keys.derive(SECRET[::-1])
    texts = [str(number) for number in range(500)]
    values = [
        [keys.user_sk(keys.user_key(text, material)) for text in texts] for material in (MATERIAL, other)
    ] + [[keys.session_sk(text, material) for text in texts] for material in (MATERIAL, other)]
    assert len(set().union(*values)) == 4 * len(texts)
    parts = [MATERIAL.user_inner, MATERIAL.user_outer, MATERIAL.session]
    assert not any(part in whole for part in parts for whole in parts if part is not whole)


@pytest.mark.parametrize("secret", ["", " ", "x" * 31, "é" * 15])
def test_short_keys_are_refused(secret):
    with pytest.raises(keys.MissingKeyError, match=keys.ENVIRONMENT_VARIABLE) as refused:
        keys.derive(secret)
    assert "secrets.token_hex(32)" in str(refused.value)
    assert not secret.strip() or secret not in str(refused.value)


def test_length_is_counted_in_bytes():
    assert keys.derive("é" * 16) != keys.derive("x" * 32)


def test_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(keys.ENVIRONMENT_VARIABLE, SECRET)
    assert keys.from_environment() == MATERIAL
    monkeypatch.delenv(keys.ENVIRONMENT_VARIABLE)
    with pytest.raises(keys.MissingKeyError, match="is not set"):
        keys.from_environment()


def test_key_material_does_not_print_itself():
    shown = f"{MATERIAL} {MATERIAL!r} {[MATERIAL]}"
    assert not any(part in shown for part in (MATERIAL.user_inner, MATERIAL.user_outer, MATERIAL.session))


def test_sql_equals_python_for_odd_ids(house: House):
    """What a build has in its tables is what Python computes; the ids go through a file, as all do."""
    users = ["0", "1", "-1", "541312140", "9223372036854775807", "-9223372036854775808"]
    sessions = ["séance n° 1", "日本 🛒", "a'b; --", "0", "x" * 256, "e\u0301", "\u00e9", "%s{{ 1 }}", "\\"]
    events = [Event(user_id=user, user_session=sessions[0]) for user in users]
    events += [Event(user_id="7", user_session=session) for session in sessions]
    house.deliver("x.csv", events)
    house.build(*UP_TO_EVENTS, variables={"sentinel_user_ids": "-99"})
    material = keys.derive(KEY)
    held = {
        int(user): (user_sk, user_key) for user, user_sk, user_key in house.rows("from vault.vault.user_keys")
    }
    expected = {int(user): keys.user_key(user, material) for user in [*users, "7"]}
    assert held == {user: (keys.user_sk(key), key) for user, key in expected.items()}
    assert {sk for (sk,) in house.rows("select session_sk from core.events")} == {
        keys.session_sk(normal_text(session), material) for session in sessions
    }
