"""Keyed pseudonyms: from the secret in the environment to the key material that SQL uses.

The construction is ``sha256(Ko || sha256(Ki || tag || id))``: HMAC-shaped, over the hexadecimal text of the
inner hash, because neither engine can concatenate the raw bytes that RFC 2104 asks for. It is *not* RFC 2104
HMAC and must not be mistaken for it. Ki and Ko are 64 hexadecimal characters each, derived from one secret
with Python's ``hmac`` (RFC 2104) under labels of their own, so that no two domains share a key.

Session keys need no reversal and no map; they are the first 60 bits of ``sha256(Ks || tag || id)``. The
truncation is what makes a plain prefix key safe from length extension (docs/decisions/0003-pseudonyms.md).

The *ring* of a warehouse is what must outlive a rotation of that secret: the key of the tombstones of erased
customers, who are known by nothing but their hash, and how raw session ids, which are stored nowhere, turn
into the keys that core.events holds. It is kept in the vault, sealed with the secret of its epoch, so that it
opens with that secret and with no other (docs/decisions/0015-key-rotation.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clientele.errors import ClienteleError

ENVIRONMENT_VARIABLE = "CLIENTELE_PSEUDONYM_KEY"
NEXT_ENVIRONMENT_VARIABLE = "CLIENTELE_PSEUDONYM_KEY_NEW"
MINIMUM_BYTES = 32
USER_TAG = "user:v1:"
SESSION_TAG = "session:v1:"
ERASED_TAG = "erased:v1:"
_SEALED = "v2."


class MissingKeyError(ClienteleError, ValueError):
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

    return KeyMaterial(
        user_inner=_sub_key(secret, "user/inner"),
        user_outer=_sub_key(secret, "user/outer"),
        session=_sub_key(secret, "session")[:32],
    )


def from_environment() -> KeyMaterial:
    """Derive the key material from ``CLIENTELE_PSEUDONYM_KEY``; raises :class:`MissingKeyError`."""
    return derive(secret_from_environment())


def secret_from_environment(variable: str = ENVIRONMENT_VARIABLE) -> str:
    """Return the secret in this variable of the environment, empty if there is none."""
    return os.environ.get(variable, "")


@dataclass(frozen=True, slots=True, repr=False)
class Ring:
    """What a warehouse keeps from epoch to epoch.

    Attributes
    ----------
    epoch : int
        From 1; one more after each rotation. No secret.
    erased_inner, erased_outer : str
        Keys of the tombstones' hash, 64 hexadecimal characters each.
    session : str
        Key of the sessions' hash: that of the first epoch.
    session_mask : int
        60 bits laid over a session's hash (exclusive or), so that no key of an earlier epoch remains.
    """

    epoch: int
    erased_inner: str
    erased_outer: str
    session: str
    session_mask: int

    def rotated(self) -> Ring:
        """Return the ring of the next epoch: another mask, the rest as it is."""
        mask = self.session_mask
        while mask in (0, self.session_mask):
            mask = secrets.randbits(60)
        return Ring(self.epoch + 1, self.erased_inner, self.erased_outer, self.session, mask)


def new_ring(secret: str) -> Ring:
    """Return the ring of a new warehouse: random tombstone keys, and the session key of `derive`."""
    return Ring(1, secrets.token_hex(32), secrets.token_hex(32), derive(secret).session, 0)


def seal(ring: Ring, secret: str) -> str:
    """Encrypt and authenticate a ring with a secret; returns text of ASCII, another one at each call.

    Fernet, under a key that HKDF-SHA256 derives from the secret with a label of its own.

    References
    ----------
    Fernet: https://github.com/fernet/spec. HKDF: RFC 5869 (Krawczyk and Eronen, 2010).
    """
    return _SEALED + _fernet(secret).encrypt(json.dumps(asdict(ring)).encode()).decode()


def unseal(text: str, secret: str) -> Ring | None:
    """Return the ring that `seal` has sealed with this secret; None if it was another secret."""
    if is_sealed_as_before(text):
        plain = _opened_as_before(text, secret)
    elif text.startswith(_SEALED):
        try:
            plain = _fernet(secret).decrypt(text.removeprefix(_SEALED).encode())
        except InvalidToken:
            plain = None
    else:
        plain = None
    return None if plain is None else Ring(**json.loads(plain))


def is_sealed_as_before(text: str) -> bool:
    """Return whether the seal is that of a warehouse from before Fernet, and is to be replaced."""
    return text.startswith("v1.")


def _fernet(secret: str) -> Fernet:
    hkdf = HKDF(hashes.SHA256(), length=32, salt=None, info=b"clientele/ring/fernet")
    return Fernet(base64.urlsafe_b64encode(hkdf.derive(secret.encode())))


def _opened_as_before(text: str, secret: str) -> bytes | None:
    """Open a seal of the first form: HMAC-SHA256 in counter mode, then a tag over nonce and text.

    To be removed in version 0.2.0: each build replaces such a seal, and no function writes one any more.
    """
    try:
        nonce, sealed, tag = (bytes.fromhex(part) for part in text.split(".")[1:])
    except ValueError:
        return None
    seal_key, tag_key = (bytes.fromhex(_sub_key(secret, f"ring/{use}")) for use in ("seal", "tag"))
    if not hmac.compare_digest(hmac.digest(tag_key, nonce + sealed, "sha256"), tag):
        return None
    blocks = range(-(-len(sealed) // 32))
    stream = b"".join(hmac.digest(seal_key, nonce + block.to_bytes(8, "big"), "sha256") for block in blocks)
    return bytes(one ^ other for one, other in zip(sealed, stream, strict=False))


def erased_hash(user_id: str, ring: Ring) -> str:
    """Return the tombstone of a user: 32 hexadecimal characters, as SQL computes it."""
    inner = _sha256(ring.erased_inner + ERASED_TAG + user_id)
    return _sha256(ring.erased_outer + inner)[:32]


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


def _sub_key(secret: str, label: str) -> str:
    return hmac.new(secret.encode(), f"clientele/{label}".encode(), hashlib.sha256).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
