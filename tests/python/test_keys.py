"""Keyed pseudonyms: golden vectors, the same in Python and SQL, and domains that share nothing."""

from __future__ import annotations

import re

import pytest
from support import KEY, UP_TO_EVENTS, Event, House

from clientele import keys

SECRET = "golden vectors of clientele: 32 bytes or more"
MATERIAL = keys.derive(SECRET)


# Computed once. When one of these changes, every pseudonym in every warehouse has changed with it.
@pytest.mark.parametrize(
    ("user_id", "user_key", "user_sk"),
    [
        ("541312140", "55a2b9de8ea89c61db972f7645384a3c", 385668675311143366),
        ("0", "1e6bd2906001add2f48fbe38698811f3", 137004822573357789),
        ("-1", "72cce06a6e00860f5926c61a64a0934f", 517014585205590112),
        ("9223372036854775807", "53ba2963ed87fbc98e0a0b2e7d957065", 377073759998738364),
    ],
)
def test_golden_users(user_id, user_key, user_sk):
    assert keys.user_key(user_id, MATERIAL) == user_key
    assert keys.user_sk(user_key) == user_sk


@pytest.mark.parametrize(
    ("user_session", "session_sk"),
    [
        ("72d76fde-8bb3-4e00-8c23-a032dfed738c", 5887689529312433),
        ("séance n° 1 · 日本", 791496774395395362),
        ("", 606841014814427714),
    ],
)
def test_golden_sessions(user_session, session_sk):
    assert keys.session_sk(user_session, MATERIAL) == session_sk


def test_golden_key_material():
    assert (
        keys.KeyMaterial(
            user_inner="50f6ce87caf2d8f4d6f2caab9a39cbd16916b3775aedba96dd1cc9f10d29b886",
            user_outer="246fd6616def5b70087db651c40e2a9f872c09241f1974db74784e370465b7e8",
            session="ff5206d2294cbec4fe812a4c2b525881",
        )
        == MATERIAL
    )


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
    house.build(*UP_TO_EVENTS)
    material = keys.derive(KEY)
    held = {
        int(user): (user_sk, user_key) for user, user_sk, user_key in house.rows("from vault.vault.user_keys")
    }
    expected = {int(user): keys.user_key(user, material) for user in [*users, "7"]}
    assert held == {user: (keys.user_sk(key), key) for user, key in expected.items()}
    assert {sk for (sk,) in house.rows("select session_sk from core.events")} == {
        keys.session_sk(session, material) for session in sessions
    }
