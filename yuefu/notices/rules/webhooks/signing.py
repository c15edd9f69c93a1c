"""Signatures of Standard Webhooks 1.0. Pure.

What is signed is `id.timestamp.body`, by HMAC-SHA256 (`v1`, with the secret `whsec_…`) and by Ed25519 (`v1a`: private `whsk_…`, which is the
seed of 32 bytes, public `whpk_…`). A header has a signature of every secret in force, so that a receiver who knows one of them is content.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac_new
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SECRET_BYTES: Final = 32
"""Of a secret that we make; one of 24 to 64 is read."""
SEED_BYTES: Final = 32
TOLERANCE_S: Final = 300
"""How far the timestamp of a message may be from now, its ends included."""

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_FEWEST, _MOST = 24, 64
_SECONDS = re.compile(r"[0-9]{1,12}")


class NotSigned(ValueError):
    """A message cannot be signed, or its signature does not hold; the text says why."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a message is signed with: both halves of one generation. It never appears in a text of this value."""

    secret: str = field(repr=False)
    private: str = field(repr=False)

    @property
    def public(self) -> str:
        """What is shown of it, to check `v1a` with."""
        return public_of(self.private)


def made(noise: bytes) -> Secret:
    """A new one of random bytes."""
    assert len(noise) == SECRET_BYTES + SEED_BYTES, "a secret and a seed"
    return Secret(SECRET + b64encode(noise[:SECRET_BYTES]).decode(), PRIVATE + b64encode(noise[SECRET_BYTES:]).decode())


def public_of(private: str) -> str:
    return PUBLIC + b64encode(_signer(private).public_key().public_bytes_raw()).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret: Base64, padded or not, with or without its prefix. Raises NotSigned."""
    key = _bytes(secret, SECRET)
    if not _FEWEST <= len(key) <= _MOST:
        raise NotSigned(f"a secret has {_FEWEST} to {_MOST} bytes, this one {len(key)}")
    return key


def _bytes(text: str, prefix: str) -> bytes:
    bare = text.removeprefix(prefix).rstrip("=")
    try:
        return b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (NotBase64, ValueError) as error:
        raise NotSigned(f"what stands behind {prefix} is no Base64") from error


def headers(secrets: Sequence[Secret], *, name: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed with all secrets, the newest first."""
    seconds = str(int(at.timestamp()))
    signed = [sign(one.secret, name, seconds, body) for one in secrets] + [
        sign_asymmetric(one.private, name, seconds, body) for one in secrets
    ]
    return {ID: name, TIMESTAMP: seconds, SIGNATURE: " ".join(signed)}


def sign(secret: str, name: str, timestamp: str | int, body: bytes) -> str:
    """`v1,` and the signature. Raises NotSigned for a timestamp that is no whole number of seconds."""
    return "v1," + b64encode(_mac(key_of(secret), _content(name, timestamp, body))).decode()


def sign_asymmetric(private: str, name: str, timestamp: str | int, body: bytes) -> str:
    """`v1a,` and the signature."""
    return "v1a," + b64encode(_signer(private).sign(_content(name, timestamp, body))).decode()


@lru_cache(maxsize=1_000)
def _signer(private: str) -> Ed25519PrivateKey:
    """Made once a key: to unroll it takes as long as to sign with it."""
    return Ed25519PrivateKey.from_private_bytes(_bytes(private, PRIVATE))


def _content(name: str, timestamp: str | int, body: bytes) -> bytes:
    if not _SECONDS.fullmatch(str(timestamp)):
        raise NotSigned("invalid timestamp")
    return f"{name}.{timestamp}.".encode() + body


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac_new(key, content, sha256).digest()


def verify(given: Mapping[str, str], *, body: bytes, now: datetime, secret: str = "", public: str = "") -> str:
    """The id of a message whose signature by a secret, or by the private half of a public key, holds. Names of headers have no case.

    Raises NotSigned: a header is missing, the message is older or newer than five minutes, or none of its signatures is right.
    """
    found = {name.lower(): value for name, value in given.items()}
    if not all(found.get(name) for name in (ID, TIMESTAMP, SIGNATURE)):
        raise NotSigned("a header is missing")
    name, timestamp = found[ID], found[TIMESTAMP]
    content = _content(name, timestamp, body)
    if abs(int(now.timestamp()) - int(timestamp)) > TOLERANCE_S:
        raise NotSigned("the message is too old or too new")
    for version, _, signature in (one.partition(",") for one in found[SIGNATURE].split(" ")):
        if (version == "v1" and secret and _is_mac(key_of(secret), content, signature)) or (
            version == "v1a" and public and _is_signed(public, content, signature)
        ):
            return name
    raise NotSigned("no signature is right")


def _is_mac(key: bytes, content: bytes, signature: str) -> bool:
    return compare_digest(b64encode(_mac(key, content)), signature.encode())


def _is_signed(public: str, content: bytes, signature: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(public, PUBLIC)).verify(b64decode(signature, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True
