"""Keyed pseudonyms: from the secret in the environment to the key material that SQL uses.

The construction is ``sha256(Ko || sha256(Ki || tag || id))``: HMAC-shaped, over the hexadecimal text of the
inner hash, because neither engine can concatenate the raw bytes that RFC 2104 asks for. It is *not* RFC 2104
HMAC and must not be mistaken for it. Ki and Ko are 64 hexadecimal characters each, derived from one secret
with Python's ``hmac`` (RFC 2104) under labels of their own, so that no two domains share a key.

Session keys need no reversal and no map; they are the first 60 bits of ``sha256(Ks || tag || id)``. The
truncation is what makes a plain prefix key safe from length extension (docs/decisions/0003-pseudonyms.md).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass

ENVIRONMENT_VARIABLE = "CLIENTELE_PSEUDONYM_KEY"
MINIMUM_BYTES = 32
USER_TAG = "user:v1:"
SESSION_TAG = "session:v1:"


class MissingKeyError(ValueError):
    """The pseudonymisation key is missing or too short; the message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyMaterial:
    """Derived keys as hexadecimal text; ``repr`` is left out so that no log can carry them."""

    user_inner: str
    user_outer: str
    session: str


def derive(secret: str) -> KeyMaterial:
    """Derive the key material of both domains from one secret.

    Parameters
    ----------
    secret : str
        At least 32 bytes in UTF-8.

    Raises
    ------
    MissingKeyError
        When the secret is empty or shorter than 32 bytes.
    """
    if not secret:
        raise MissingKeyError(
            f"{ENVIRONMENT_VARIABLE} is not set: clientele reads no file without a pseudonymisation key. "
            "Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))' and keep it in your "
            "secret store; the same key must be used for every build of a warehouse."
        )
    if len(secret.encode()) < MINIMUM_BYTES:
        raise MissingKeyError(
            f"{ENVIRONMENT_VARIABLE} is shorter than {MINIMUM_BYTES} bytes and can be guessed. "
            "Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )

    def sub_key(label: str) -> str:
        return hmac.new(secret.encode(), f"clientele/{label}".encode(), hashlib.sha256).hexdigest()

    return KeyMaterial(
        user_inner=sub_key("user/inner"), user_outer=sub_key("user/outer"), session=sub_key("session")[:32]
    )


def from_environment() -> KeyMaterial:
    """Derive the key material from ``CLIENTELE_PSEUDONYM_KEY``; raises :class:`MissingKeyError`."""
    return derive(os.environ.get(ENVIRONMENT_VARIABLE, ""))


def user_key(user_id: str, material: KeyMaterial) -> str:
    """Return the 128-bit pseudonym of a user: 32 hexadecimal characters, as SQL computes it."""
    inner = _sha256(material.user_inner + USER_TAG + user_id)
    return _sha256(material.user_outer + inner)[:32]


def session_sk(user_session: str, material: KeyMaterial) -> int:
    """Return the 60-bit session key of a raw session id, as SQL computes it."""
    return int(_sha256(material.session + SESSION_TAG + user_session)[:15], 16)


def user_sk(key: str) -> int:
    """Return the 60-bit integer under which ``core`` knows the user with this ``user_key``."""
    return int(key[:15], 16)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
