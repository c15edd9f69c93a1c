"""Keys that a merchant's program looks after, and what it notes on objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.api.conftest import Merchant, issue
from yuefu import ids as public
from yuefu.access.rules import KEY_SCOPES
from yuefu.merchants.rules import metadata
from yuefu.runtime import sql

LESS = sorted(KEY_SCOPES - {"order.refund"})


def test_a_key_makes_keys_that_may_less_shows_their_secret_once_and_revokes_them(regular: Merchant) -> None:
    wish = {"scopes": ["order.read"], "networks": ["127.0.0.1"], "expires_in_days": 3}
    made = regular.post("/v1/api_keys", wish, key="make-one")
    assert made.status == 201
    secret = made.body["secret"]
    assert secret.startswith("rk_test_")
    again = regular.post("/v1/api_keys", wish, key="make-one")
    assert (again.status, again.replayed, again.body) == (201, True, made.body | {"secret": None})
    assert regular.post("/v1/api_keys", wish | {"networks": []}, key="make-one").code == "idempotency_key_reused"
    shown = regular.get(f"/v1/api_keys/{made.body['id']}").body
    assert (shown["kind"], shown["scopes"], shown["networks"]) == ("restricted", ["order.read"], ["127.0.0.1/32"])
    assert shown["shown"] == f"rk_test_…{secret[-4:]}"
    assert secret not in str(regular.get("/v1/api_keys").body)
    assert regular.ask_with("GET", "/v1/orders", secret=secret).status == 200
    assert regular.ask_with("GET", "/v1/api_keys", secret=secret).code == "scope_missing"
    assert regular.post(f"/v1/api_keys/{made.body['id']}/revoke", {}).status == 200
    assert regular.get(f"/v1/api_keys/{made.body['id']}").body["revoked_at"] is not None


def test_a_rolled_key_has_a_successor_with_all_that_it_was_for(regular: Merchant) -> None:
    old = issue(regular.shop, scopes=["order.read"], kind="restricted", networks=("127.0.0.0/8",))
    name = public.text("api_key", old.id)
    rolled = regular.post(f"/v1/api_keys/{name}/roll", {"overlap_hours": 2})
    assert rolled.status == 201
    before, after = (regular.get(f"/v1/api_keys/{one}").body for one in (name, rolled.body["id"]))
    assert [after[member] for member in ("kind", "scopes", "networks")] == [before[member] for member in ("kind", "scopes", "networks")]
    assert before["expires_at"] is not None
    for secret in (old.secret, rolled.body["secret"]):
        assert regular.ask_with("GET", "/v1/orders", secret=secret).status == 200
    assert regular.post(f"/v1/api_keys/{name}/roll", {}).code == "key_already_rolled"


def test_no_key_reaches_beyond_itself(regular: Merchant) -> None:
    less = issue(regular.shop, scopes=LESS)
    whole = public.text("api_key", regular.issued.id)
    for path, body in (
        ("/v1/api_keys", {"scopes": ["order.refund"]}),
        (f"/v1/api_keys/{whole}/roll", {}),
        (f"/v1/api_keys/{whole}/revoke", {}),
        (f"/v1/api_keys/{whole}", {"networks": []}),
    ):
        reply = regular.ask_with("POST", path, body, secret=less.secret)
        assert (reply.status, reply.code) == (422, "scopes_beyond_own"), path
        assert "order.refund" in reply.body["detail"]


def test_no_key_makes_one_that_opens_from_more_networks_or_works_longer(regular: Merchant) -> None:
    one = public.text("api_key", issue(regular.shop, scopes=["order.read"]).id)
    scopes = ["order.read", "api_key.manage"]
    near, brief = (
        issue(regular.shop, scopes=scopes, networks=("127.0.0.0/8",)),
        issue(regular.shop, scopes=scopes, expires_at=regular.shop.now() + timedelta(days=2)),
    )
    wish = {"scopes": ["order.read"]}
    for holder, path, body in (
        (near, "/v1/api_keys", wish),
        (near, "/v1/api_keys", wish | {"networks": ["127.0.0.1", "10.0.0.0/8"]}),
        (near, f"/v1/api_keys/{public.text('api_key', near.id)}", {"networks": []}),
        (near, f"/v1/api_keys/{one}/roll", {}),
        (brief, "/v1/api_keys", wish),
        (brief, "/v1/api_keys", wish | {"expires_in_days": 3}),
        (brief, f"/v1/api_keys/{public.text('api_key', brief.id)}/roll", {}),
    ):
        reply = regular.ask_with("POST", path, body, secret=holder.secret)
        assert (reply.status, reply.code) == (422, "scopes_beyond_own"), (path, body)
    for holder, body in ((near, wish | {"networks": ["127.0.0.1"]}), (brief, wish | {"expires_in_days": 1})):
        assert regular.ask_with("POST", "/v1/api_keys", body, secret=holder.secret).status == 201
    assert regular.ask_with("POST", f"/v1/api_keys/{one}/revoke", {}, secret=near.secret).status == 200


def test_the_version_and_the_networks_of_a_key_can_be_changed(regular: Merchant) -> None:
    one = issue(regular.shop, scopes=["order.read"])
    path = f"/v1/api_keys/{public.text('api_key', one.id)}"
    assert regular.post(path, {"api_version": "2026-09-01"}).status == 200
    assert regular.get(path).body["api_version"] == "2026-09-01"
    assert regular.post(path, {"networks": ["10.0.0.0/8", "2001:db8::1"]}).status == 200
    assert regular.get(path).body["networks"] == ["10.0.0.0/8", "2001:db8::1/128"]
    assert regular.get(path).body["api_version"] == "2026-09-01"


@pytest.mark.parametrize("bad", [["10.0.0.1/8"], ["x"], [""], ["300.1.1.1"], ["::1/129"], ["10.0.0.0/8"] * 21, "10.0.0.0/8", [1], {}])
def test_what_is_no_network_is_refused(regular: Merchant, bad: object) -> None:
    reply = regular.post("/v1/api_keys", {"scopes": ["order.read"], "networks": bad})
    assert (reply.status, reply.code) == (422, "invalid_request")


def test_a_reader_sees_keys_of_its_merchant_and_no_hash(merchant: Merchant, neighbour: Merchant) -> None:
    with sql.reading(merchant_id=merchant.shop.merchants[0]):
        assert sql.value("SELECT count(DISTINCT merchant_id) FROM access_api_key") == 1
        with pytest.raises(Exception, match="permission denied"):
            sql.rows("SELECT secret_hash FROM access_api_key")
    theirs = public.text("api_key", neighbour.issued.id)
    assert merchant.get(f"/v1/api_keys/{theirs}").code == "unknown_api_key"
    assert merchant.get(f"/v1/api_keys?starting_after={theirs}").code == "invalid_parameter"


def test_what_a_merchant_notes_is_shown_with_the_object_and_changed_name_by_name(regular: Merchant) -> None:
    body = regular.order() | {"metadata": {"basket": "7781", "店": "上海"}}
    placed = regular.post("/v1/orders", body)
    assert placed.body["metadata"] == body["metadata"]
    path = f"/v1/orders/{placed.body['id']}"
    assert regular.get(path).body["metadata"] == body["metadata"]
    changed = regular.post(path, {"metadata": {"basket": "", "note": "gift"}}, key="note")
    assert changed.body == {"object": "order", "id": placed.body["id"], "metadata": {"note": "gift", "店": "上海"}}
    assert regular.post(path, {"metadata": {"note": "no gift"}}).body["metadata"]["note"] == "no gift"
    again = regular.post(path, {"metadata": {"basket": "", "note": "gift"}}, key="note")
    assert (again.raw, again.replayed) == (changed.raw, True)
    assert regular.get(path).body["metadata"] == {"note": "no gift", "店": "上海"}
    listed = regular.get(f"/v1/orders?merchant_reference={body['merchant_reference']}").body["data"]
    assert [one["metadata"] for one in listed] == [{"note": "no gift", "店": "上海"}]


def test_changes_at_the_same_time_are_all_kept(regular: Merchant) -> None:
    path = f"/v1/orders/{regular.placed()}"
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: regular.post(path, {"metadata": {f"n{n}": "x"}}), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert len(regular.get(path).body["metadata"]) == 16


@pytest.mark.parametrize(
    "bad",
    [
        {"n" * 41: "x"}, {"n": "x" * 501}, {"": "x"}, {"n": 1}, {"n": None}, {"n": "a\nb"}, {"a\u0000": "x"}, {f"n{i}": "x" for i in range(51)},
        ["n"], "n", {"n": {"m": "x"}},
    ],
)  # fmt: skip
def test_metadata_that_cannot_be_kept_is_refused(regular: Merchant, bad: object) -> None:
    reply = regular.post("/v1/orders", regular.order() | {"metadata": bad})
    assert (reply.status, reply.code) == (422, "invalid_request")


def test_an_object_never_has_too_many_names(regular: Merchant) -> None:
    path = f"/v1/orders/{regular.placed()}"
    assert regular.post(path, {"metadata": {f"a{n}": "x" for n in range(metadata.MOST)}}).status == 200
    assert regular.post(path, {"metadata": {"one": "more"}}).code == "metadata_too_many"
    assert regular.post(path, {"metadata": {"one": "more", "a0": ""}}).status == 200
