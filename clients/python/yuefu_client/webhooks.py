"""Webhooks: whether a message is from us (Standard Webhooks 1.0), and what it says.

    event = webhooks.verify(request.get_data(), request.headers, os.environ["YUEFU_WEBHOOK_SECRET"])

The same message may come twice and messages may come in any order: keep `webhook-id` of those that you have dealt with, which is the
event's `id`, and read the object when its state matters.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from yuefu_client.errors import YuefuError

if TYPE_CHECKING:
    from yuefu_client.generated.models import Event

SECRET, PUBLIC = "whsec_", "whpk_"
_FEWEST = 24
_SECONDS = re.compile(r"[0-9]{1,12}")


class SignatureInvalid(YuefuError):
    """The message is not from us, was changed on the way, or is too old. Answer it with 400 and do nothing."""


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    tolerance: int = 300,
    now: datetime | float | None = None,
) -> Any:
    """What a message says, once it is sure that we sent it within `tolerance` seconds. `body` is the body as it came, not parsed and written again.

    A `secret` is that of the endpoint (`whsec_…`, for signatures v1) or its public key (`whpk_…`, for v1a, which needs the package
    cryptography). Give several while they are being rolled: one has to be right. Raises SignatureInvalid.
    """
    found = {name.lower(): value for name, value in headers.items()}
    name, timestamp, signatures = (found.get(f"webhook-{one}") or "" for one in ("id", "timestamp", "signature"))
    if not (name and timestamp and signatures):
        raise SignatureInvalid("a header is missing: webhook-id, webhook-timestamp and webhook-signature are needed")
    raw = body.encode() if isinstance(body, str) else bytes(body)
    content = _content(name, timestamp, raw)
    at = time.time() if now is None else now.timestamp() if isinstance(now, datetime) else now
    if abs(int(at) - int(timestamp)) > tolerance:
        raise SignatureInvalid("the message is too old, or the clock of one of us is wrong")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets:
        raise ValueError("a secret is needed")
    right = [_is_right(one, content, signatures.split(" ")) for one in secrets]
    if not any(right):
        raise SignatureInvalid("no signature is right")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise SignatureInvalid("the message is no JSON") from error


def event(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    tolerance: int = 300,
    now: datetime | float | None = None,
) -> Event:
    """The same as a value. A thin message has neither `data.object` nor `id`: `data.raw["id"]` names what it is about."""
    from yuefu_client.generated.models import Event

    return Event.of(verify(body, headers, secret, tolerance, now))


def sign(secret: str, name: str, timestamp: int | str, body: bytes | str) -> str:
    """The signature `v1,…` of a message, for the tests of a receiver."""
    return "v1," + b64encode(_mac(_key(secret), _content(name, str(timestamp), body.encode() if isinstance(body, str) else body))).decode()


def _content(name: str, timestamp: str, body: bytes) -> bytes:
    if not _SECONDS.fullmatch(timestamp):
        raise SignatureInvalid("the timestamp is no whole number of seconds")
    return f"{name}.{timestamp}.".encode() + body


def _is_right(secret: str, content: bytes, signatures: Sequence[str]) -> bool:
    """Whether one of the signatures is that of the secret. All of them are looked at, and each for as long as the others."""
    version = "v1a" if secret.startswith(PUBLIC) else "v1"
    given = [_decoded(text) for kind, _, text in (one.partition(",") for one in signatures) if kind == version]
    known = [one for one in given if one is not None]
    if version == "v1a":
        return _one_is_signed(_bytes(secret, PUBLIC), content, known)
    expected = _mac(_key(secret), content)
    return sum(hmac.compare_digest(expected, one) for one in known) > 0


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _key(secret: str) -> bytes:
    """The bytes of a secret. A short one could be guessed, and an empty one is everybody's."""
    key = _bytes(secret, SECRET)
    if len(key) < _FEWEST:
        raise ValueError(f"a secret of webhooks has {_FEWEST} bytes or more: it was cut off")
    return key


def _bytes(text: str, prefix: str) -> bytes:
    bare = (text.removeprefix(prefix)).rstrip("=")
    found = _decoded(bare + "=" * (-len(bare) % 4))
    if found is None:
        raise ValueError(f"what stands behind {prefix} is no Base64")
    return found


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


def _one_is_signed(public: bytes, content: bytes, signatures: list[bytes]) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise RuntimeError("signatures v1a need the package cryptography: pip install 'yuefu-client[v1a]'") from error
    key = Ed25519PublicKey.from_public_bytes(public)

    def is_signed(signature: bytes) -> bool:
        try:
            key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    return any(is_signed(one) for one in signatures)
