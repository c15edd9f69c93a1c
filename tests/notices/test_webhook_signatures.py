"""Signatures as Standard Webhooks 1.0 has them: the published cases, and its own library as the other side."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from tests.published import published
from yuefu.notices.rules.webhooks import signing
from yuefu.notices.rules.webhooks.signing import NotSigned

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def signed(name: str) -> tuple[str, str]:
    given, expect = published(name)
    return signing.sign(given["secret"], given["id"], given["timestamp"], given["payload"].encode()), expect["signature"]


def test_a_body_is_signed_as_published_wh_sign_002() -> None:
    ours, theirs = signed("wh-sign-002")
    assert ours == theirs


def test_characters_beyond_ascii_are_signed_as_utf_8_wh_sign_004() -> None:
    ours, theirs = signed("wh-sign-004")
    assert ours == theirs


def test_the_example_of_the_specification_wh_sign_005() -> None:
    ours, theirs = signed("wh-sign-005")
    assert ours == theirs


def test_a_secret_without_prefix_and_padding_is_read_wh_sign_006() -> None:
    ours, theirs = signed("wh-sign-006")
    assert ours == theirs


def rejected(name: str) -> bool:
    given, expect = published(name)
    with pytest.raises(NotSigned, match=expect["error"]):
        signing.sign(given["secret"], given["id"], given["timestamp"], given["payload"].encode())
    return True


def test_a_timestamp_with_a_fraction_is_not_signed_wh_sign_reject_021() -> None:
    assert rejected("wh-sign-reject-021")


def test_a_timestamp_below_zero_is_not_signed_wh_sign_reject_023() -> None:
    assert rejected("wh-sign-reject-023")


def holds(name: str) -> bool:
    """Whether ours says of a case what it says itself."""
    given, expect = published(name)
    if "tolerance_s" in given:
        now = 1_614_265_330
        at, body = datetime.fromtimestamp(now + given["offset_s"], UTC), b"{}"
        headers = signing.headers([signing.Secret(SECRET, PRIVATE)], name="msg_1", at=at, body=body)
    else:
        now, body, headers = given["now"], given["payload"].encode(), dict(given["headers"])
        override = dict(given["override"])
        if override.pop("_rename", None) == "upper":
            headers = {key.upper(): value for key, value in headers.items()}
        headers = {key: value for key, value in (headers | override).items() if value is not None}
    try:
        signing.verify(headers, body=body, now=datetime.fromtimestamp(now, UTC), secret=given.get("secret", SECRET))
        verified = True
    except NotSigned:
        verified = False
    return verified is expect["verified"]


NOISE = bytes(range(64))
PRIVATE = signing.made(NOISE).private


def test_names_of_headers_have_no_case_wh_verify_002() -> None:
    assert holds("wh-verify-002")


def test_a_message_without_a_signature_is_none_wh_verify_005() -> None:
    assert holds("wh-verify-005")


def test_a_timestamp_is_a_number_wh_verify_006() -> None:
    assert holds("wh-verify-006")


def test_another_signature_is_not_right_wh_verify_007_wh_verify_008_wh_verify_010_wh_verify_012() -> None:
    assert all(holds(f"wh-verify-0{no}") for no in ("07", "08", "10", "12"))


def test_id_and_timestamp_are_signed_too_wh_verify_013_wh_verify_014() -> None:
    assert holds("wh-verify-013")
    assert holds("wh-verify-014")


def test_five_minutes_either_way_with_their_ends_wh_verify_015_wh_verify_016_wh_verify_017_wh_verify_018_wh_verify_019_wh_verify_020() -> (
    None
):
    assert all(holds(f"wh-verify-0{no}") for no in range(15, 21))


def test_the_reference_library_takes_what_we_sign_by_the_old_secret_and_by_the_new() -> None:
    old, new = signing.made(NOISE), signing.made(NOISE[::-1])
    body = '{"a":"分期"}'.encode()
    headers = signing.headers([new, old], name="evt_1", at=datetime.now(UTC), body=body)
    for secret in (old, new):
        assert Webhook(secret.secret).verify(body, headers) == {"a": "分期"}
    with pytest.raises(Exception, match="signature"):
        Webhook(signing.made(NOISE[32:] + NOISE[:32]).secret).verify(body, headers)


def test_what_is_signed_by_ed25519_is_checked_by_the_public_half_alone() -> None:
    one, other = signing.made(NOISE), signing.made(NOISE[::-1])
    now = datetime.now(UTC)
    headers = signing.headers([one], name="evt_1", at=now, body=b"x")
    assert headers["webhook-signature"].count("v1a,") == 1
    assert signing.verify(headers, body=b"x", now=now, public=one.public) == "evt_1"
    for body, public in ((b"y", one.public), (b"x", other.public)):
        with pytest.raises(NotSigned):
            signing.verify(headers, body=body, now=now, public=public)


def test_a_secret_appears_in_no_text() -> None:
    one = signing.made(NOISE)
    assert one.secret not in repr(one)
    assert one.private not in f"{one}"
