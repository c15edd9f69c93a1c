"""Text messages by HTTP: a small protocol that any provider's own can be put behind.

`POST address`, a JSON object {reference, to (E.164), text, language}, signed as Standard Webhooks 1.0 signs: `webhook-id` is the reference,
`webhook-timestamp` the moment in seconds, `webhook-signature` "v1," and the Base64 of HMAC-SHA256 over "id.timestamp.body".

200–299      taken; {"id": …} is the provider's name for it; a reference that it knows is answered as it was the first time
429, 503     not taken, later
other 4xx    never taken; {"code": …} says why
all else     no answer: asked for by `GET address/REFERENCE` (signed over an empty body): 200 {"status": "accepted" | "refused", "id", "code"},
             404 where it never heard of it
"""

from __future__ import annotations

import http.client
import json
import ssl
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import new as hmac_new
from typing import Any, Final
from urllib.parse import urlsplit

from yuefu.notices.gateways.ports import GatewayUnfit
from yuefu.notices.gateways.smtp import LOOPBACK
from yuefu.notices.rules.outgoing import DOWN, Outgoing, Told

_LATER: Final = frozenset({429, 503})
_MOST_READ: Final = 65_536
_SHORTEST_SECRET: Final = 24


@dataclass(frozen=True, slots=True)
class SmsProvider:
    """Where text messages go. `secret` are the bytes that both sides sign with."""

    host: str
    port: int | None
    path: str
    is_encrypted: bool
    secret: bytes = field(repr=False)
    seconds: float = 10.0


def provider_of(url: str, *, secret: str) -> SmsProvider:
    """The provider at an address: https, or http on this machine. `secret` is Base64 of 24 bytes at least, `whsec_` before it or not. Raises
    GatewayUnfit.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except NotBase64 as error:
        raise GatewayUnfit("the secret of the provider of text messages is no Base64") from error
    except ValueError as error:
        raise GatewayUnfit("the port of the provider of text messages is no number up to 65535") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise GatewayUnfit("the address of the provider of text messages is https://host/path")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise GatewayUnfit("text messages go over https, but to this machine")
    if len(key) < _SHORTEST_SECRET:
        raise GatewayUnfit(f"the secret of the provider of text messages has at least {_SHORTEST_SECRET} bytes")
    return SmsProvider(parts.hostname, port, parts.path.rstrip("/") or "/", parts.scheme == "https", key)


class HttpTexter:
    """Hands text messages to one provider."""

    def __init__(self, provider: SmsProvider) -> None:
        self._provider = provider

    def text(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        """One word a message, in order."""
        told: list[Told] = []
        for one in messages:
            told.append(self._post(one, now) if _is_up(told) else Told(one.reference, "later", "not_tried"))
        return told

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        """What became of references; the first that gets no answer ends the round."""
        found: dict[str, Told] = {}
        for reference in references:
            answer = self._call("GET", f"{self._provider.path.rstrip('/')}/{reference}", reference, b"", now)
            if answer is None:
                break
            if (known := _asked(reference, *answer)) is not None:
                found[reference] = known
        return found

    def _post(self, one: Outgoing, now: datetime) -> Told:
        body = json.dumps({"reference": one.reference, "to": one.to, "text": one.text, "language": one.language}, ensure_ascii=False)
        try:
            answer = self._call("POST", self._provider.path, one.reference, body.encode(), now)
        except _NotReached:
            return Told(one.reference, "later", "not_reached")
        if answer is None:
            return Told(one.reference, "unknown", "no_answer")
        status, said = answer
        if 200 <= status < 300:
            return Told(one.reference, "accepted", provider_ref=_word(said, "id"))
        if status in _LATER:
            return Told(one.reference, "later", f"http_{status}")
        if 400 <= status < 500:
            return Told(one.reference, "refused", _word(said, "code") or f"http_{status}")
        return Told(one.reference, "unknown", f"http_{status}")

    def _call(self, method: str, path: str, reference: str, body: bytes, now: datetime) -> tuple[int, Mapping[str, Any]] | None:
        """Status and object of an answer; None where none came. Raises _NotReached for a POST that was never sent. Redirects are no answer:
        where messages go is for the settings to say.
        """
        provider = self._provider
        if provider.is_encrypted:
            opened: http.client.HTTPConnection = http.client.HTTPSConnection(
                provider.host, provider.port, timeout=provider.seconds, context=ssl.create_default_context()
            )
        else:
            opened = http.client.HTTPConnection(provider.host, provider.port, timeout=provider.seconds)
        try:
            try:
                opened.connect()
            except OSError as error:
                if method == "GET":
                    return None
                raise _NotReached from error
            opened.request(method, path, body or None, self._headers(reference, body, now))
            response = opened.getresponse()
            return response.status, _object(response.read(_MOST_READ))
        except (OSError, http.client.HTTPException):
            return None
        finally:
            opened.close()

    def _headers(self, reference: str, body: bytes, now: datetime) -> dict[str, str]:
        at = str(int(now.timestamp()))
        signature = b64encode(hmac_new(self._provider.secret, f"{reference}.{at}.".encode() + body, sha256).digest()).decode()
        kind = {"Content-Type": "application/json; charset=utf-8"} if body else {}
        return {**kind, "webhook-id": reference, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


class _NotReached(Exception):
    """No connection: nothing was sent."""


def _is_up(told: Sequence[Told]) -> bool:
    return not told or told[-1].code not in DOWN


def _asked(reference: str, status: int, said: Mapping[str, Any]) -> Told | None:
    if status == 404:
        return Told(reference, "unheard")
    match said.get("status") if status == 200 else None:
        case "accepted":
            return Told(reference, "accepted", provider_ref=_word(said, "id"))
        case "refused":
            return Told(reference, "refused", _word(said, "code"))
    return None


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _word(said: Mapping[str, Any], name: str) -> str:
    found = said.get(name)
    return found if isinstance(found, str) else ""
