"""Messages are verified as Standard Webhooks says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests import published
from yuefu_client import webhooks
from yuefu_client.webhooks import SignatureInvalid, sign, verify

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "QUJD" * 8
NOW = 1_614_265_330
BODY = b'{"test": 2432232314}'
CASES = {
    case["id"]: case for case in map(json.loads, published.VECTORS.read_text(encoding="utf-8").splitlines()) if case["id"].startswith("wh-")
}


def headers(*signatures: str, at: int = NOW, name: str = "msg_1") -> dict[str, str]:
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": " ".join(signatures)}


def signed(secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    return headers(sign(secret, "msg_1", at, BODY), at=at)


def of_case(given: dict[str, Any]) -> tuple[dict[str, str], bytes, str, int]:
    """The message of a published case: its own, changed as it says, or one that is as old as it says."""
    if "offset_s" in given:
        return signed(at=NOW + given["offset_s"]), BODY, SECRET, NOW
    found = {**given["headers"], **{name: text for name, text in given["override"].items() if not name.startswith("_")}}
    kept = {name: text for name, text in found.items() if text is not None}
    if given["override"].get("_rename") == "upper":
        kept = {name.upper(): text for name, text in kept.items()}
    return kept, given["payload"].encode(), given["secret"], given["now"]


@pytest.mark.parametrize("case", [case for name, case in CASES.items() if name.startswith("wh-verify-")], ids=lambda case: case["id"])
def test_published_messages_are_verified_or_not(case: dict[str, Any]) -> None:
    given, body, secret, now = of_case(case["given"])
    if case["expect"]["verified"]:
        assert verify(body, given, secret, now=now) == json.loads(body)
    else:
        with pytest.raises(SignatureInvalid):
            verify(body, given, secret, now=now)


@pytest.mark.parametrize("case", [case for name, case in CASES.items() if name.startswith("wh-sign-")], ids=lambda case: case["id"])
def test_published_signatures_are_made(case: dict[str, Any]) -> None:
    given = case["given"]
    if "error" in case["expect"]:
        with pytest.raises(SignatureInvalid, match="timestamp"):
            sign(given["secret"], given["id"], given["timestamp"], given["payload"])
        return
    made = sign(given["secret"], given["id"], given["timestamp"], given["payload"])
    assert made == case["expect"]["signature"]
    message = headers(made, at=given["timestamp"], name=given["id"])
    assert verify(given["payload"], message, given["secret"], now=given["timestamp"]) == json.loads(given["payload"])


def test_one_of_several_secrets_and_one_of_several_signatures_will_do() -> None:
    both = headers(sign(OTHER, "msg_1", NOW, BODY), "v2,x", "nonsense", sign(SECRET, "msg_1", NOW, BODY))
    for secret in (SECRET, OTHER, [OTHER, SECRET], ["whsec_" + "WFla" * 8, SECRET]):
        assert verify(BODY, both, secret, now=datetime.fromtimestamp(NOW, UTC)) == {"test": 2432232314}
    with pytest.raises(SignatureInvalid):
        verify(BODY, both, "whsec_" + "WFla" * 8, now=NOW)


def test_a_public_key_verifies_too_and_never_by_the_wrong_version() -> None:
    from base64 import b64encode

    pair = Ed25519PrivateKey.from_private_bytes(b"7" * 32)
    public = "whpk_" + b64encode(pair.public_key().public_bytes_raw()).decode()
    signature = b64encode(pair.sign(f"msg_1.{NOW}.".encode() + BODY)).decode()
    assert verify(BODY, headers(f"v1a,{signature}"), public, now=NOW) == {"test": 2432232314}
    assert verify(BODY, headers(f"v1a,{signature}", "v1,x"), [SECRET, public], now=NOW) == {"test": 2432232314}
    for wrong in (f"v1,{signature}", f"v1a,{signature[:-4]}AAA=", "v1a,", f"v1a,{b64encode(b'short').decode()}"):
        with pytest.raises(SignatureInvalid):
            verify(BODY, headers(wrong), public, now=NOW)


def test_what_the_server_signs_is_an_event_by_its_secret_and_by_its_public_key() -> None:
    from yuefu.notices.rules.webhooks import signing

    pair, at = signing.made(bytes(range(64))), datetime.fromtimestamp(NOW, UTC)
    told = {
        "id": "evt_1",
        "type": "order.captured",
        "created": "2026-11-28T08:00:00.5Z",
        "data": {"object": {"id": "ord_1"}, "previous_attributes": {}},
    }
    body = json.dumps(told).encode()
    message = signing.headers([signing.made(b"x" * 64), pair], name="evt_1", at=at, body=body)
    for secret in (pair.secret, pair.public):
        found = webhooks.event(body, message, secret, now=at)
        assert (found.id, found.created.microsecond, found.data.object["id"]) == ("evt_1", 500_000, "ord_1")
    thin = json.dumps({"type": "order.captured", "timestamp": "2026-11-28T08:00:00Z", "data": {"id": "ord_1"}}).encode()
    found = webhooks.event(thin, signing.headers([pair], name="evt_2", at=at, body=thin), pair.secret, now=at)
    assert found.data.raw["id"] == "ord_1"
    with pytest.raises(SignatureInvalid):
        webhooks.event(body + b" ", message, pair.secret, now=at)


def test_a_tolerance_is_as_wide_as_was_said_and_now_is_now() -> None:
    with pytest.raises(SignatureInvalid):
        verify(BODY, signed(), SECRET)
    assert verify(BODY, signed(), SECRET, tolerance=10**10)
    with pytest.raises(SignatureInvalid):
        verify(BODY, signed(at=NOW - 11), SECRET, tolerance=10, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_QUJD", "whsec_!", [], "whpk_"])
def test_a_secret_that_everybody_has_is_none(secret: Any) -> None:
    with pytest.raises(ValueError, match=r"secret|Base64|public key"):
        verify(BODY, signed(), secret, now=NOW)


def test_the_module_needs_nothing_but_python_for_v1() -> None:
    source = Path(webhooks.__file__).read_text(encoding="utf-8")
    assert [line for line in source.splitlines() if line.startswith(("import httpx", "from cryptography", "import cryptography"))] == []
