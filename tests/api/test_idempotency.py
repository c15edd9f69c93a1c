"""The same key again: the same answer and one effect, whatever happens in between. Vectors `idem-*` by their ids."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from tests.api.conftest import InProcess, Merchant, Reply, Server, at_once, issue
from tests.journeys.conftest import Shop
from yuefu import ids as public
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import ChangeLimit
from yuefu.errors import Refused, one
from yuefu.journeys.desk import open_day
from yuefu.money.amounts import Money
from yuefu.runtime import sql

Inside = Callable[..., InProcess]


class Undo(Exception):
    """Rolls a transaction back."""


def same(first: Reply, again: Reply) -> bool:
    """The very bytes, under another Request-Id, and said to be a replay."""
    assert first.headers["request-id"] != again.headers["request-id"]
    return (first.status, first.raw, again.replayed) == (again.status, again.raw, True) and not first.replayed


def raise_limit(shop: Shop, consumer: str) -> None:
    """To 50,000.00."""
    (account,) = accounts.accounts_of(consumer_ids=[public.parse("consumer", consumer)], currency="CNY").values()
    with open_day(shop.desk, shop.now()) as work:
        assert not isinstance(work, Refused)
        one(credit.change_limits(work=work, changes=[ChangeLimit("up", account.id, Money(50_000_00, "CNY"), ("review",))]))


def orders_of(merchant: Merchant) -> int:
    return len(merchant.get("/v1/orders?limit=100").body["data"])


@pytest.mark.parametrize("verb", ["", "/capture", "/void", "/refund"])
def test_the_same_request_again_is_answered_the_same_idem_ietf_004_idem_formance_001(merchant: Merchant, verb: str) -> None:
    body: dict[str, Any]
    path, body = "/v1/orders", merchant.order()
    if verb:
        order = merchant.captured() if verb == "/refund" else merchant.placed()
        path, body = f"/v1/orders/{order}{verb}", {}
    first = merchant.post(path, body, key="K")
    assert first.status in (200, 201), first.raw
    before = merchant.get("/v1/orders?limit=100").body
    assert same(first, merchant.post(path, body, key="K"))
    assert merchant.get("/v1/orders?limit=100").body == before


def test_what_happened_since_does_not_change_the_answer(merchant: Merchant) -> None:
    body = merchant.order()
    placed = merchant.post("/v1/orders", body, key="K")
    path = f"/v1/orders/{placed.body['id']}"
    captured = merchant.post(f"{path}/capture", {"amount": 150_000}, key="C")
    voided = merchant.post(f"{path}/void", {}, key="V")
    refunded = merchant.post(f"{path}/refund", {"amount": 100}, key="R")
    assert merchant.post(f"{path}/refund", {}, key="R2").status == 201
    merchant.shop.next_day()
    assert same(placed, merchant.post("/v1/orders", body, key="K"))
    assert same(captured, merchant.post(f"{path}/capture", {"amount": 150_000}, key="C"))
    assert same(voided, merchant.post(f"{path}/void", {}, key="V"))
    assert same(refunded, merchant.post(f"{path}/refund", {"amount": 100}, key="R"))


def test_a_decline_stays_a_decline_though_the_limit_would_do_now_idem_tb_001(merchant: Merchant) -> None:
    consumer = merchant.consumer(limit="1000.00")
    body = merchant.order(consumer, 199_900)
    declined = merchant.post("/v1/orders", body, key="K")
    assert (declined.status, declined.code) == (402, "order_declined")
    assert declined.body["order"].startswith("ord_")
    assert declined.body["reasons"]
    assert declined.body["request_id"] == declined.headers["request-id"]
    raise_limit(merchant.shop, consumer)
    again = merchant.post("/v1/orders", body, key="K")
    assert same(declined, again)
    assert again.body["request_id"] == declined.headers["request-id"]
    assert merchant.post("/v1/orders", body, key="K2").status == 201


def test_a_refusal_of_the_business_is_kept_and_one_of_form_is_not(merchant: Merchant) -> None:
    path = f"/v1/orders/{merchant.placed()}/capture"
    assert merchant.post(path, {"amount": "100"}, key="K").code == "invalid_request"
    refused = merchant.post(path, {"amount": 999_999}, key="K")
    assert (refused.status, refused.code, refused.pointers) == (422, "capture_exceeds_authorised", ["#/amount"])
    assert same(refused, merchant.post(path, {"amount": 999_999}, key="K"))
    assert merchant.post(path, {}, key="K").code == "idempotency_key_reused"


def test_what_can_be_mended_is_not_kept(merchant: Merchant) -> None:
    body = merchant.order()
    unknown = public.text("consumer", public.parse("quote", body["quote"]))
    assert merchant.post("/v1/orders", body | {"consumer": unknown}, key="K").code == "unknown_consumer"
    assert merchant.post("/v1/orders", body, key="K").status == 201


@pytest.mark.parametrize(("field", "other"), [("merchant_reference", "something else"), ("channel", "store"), ("quote", None)])
def test_the_same_key_for_something_else_names_what_differs_idem_formance_002(merchant: Merchant, field: str, other: str | None) -> None:
    body = merchant.order()
    assert merchant.post("/v1/orders", body, key="K").status == 201
    changed = body | {field: other or merchant.quote(body["consumer"], 50_000)}
    reply = merchant.post("/v1/orders", changed, key="K")
    assert (reply.status, reply.code, reply.pointers, reply.replayed) == (422, "idempotency_key_reused", [f"#/{field}"], False)
    assert reply.body["request_id"] == reply.headers["request-id"]
    assert orders_of(merchant) == 1


def test_the_same_key_for_another_amount_names_the_amount(merchant: Merchant) -> None:
    path = f"/v1/orders/{merchant.placed()}/capture"
    assert merchant.post(path, {"amount": 10_000}, key="K").status == 201
    assert merchant.post(path, {"amount": 20_000}, key="K").pointers == ["#/amount"]
    assert merchant.get(path.removesuffix("/capture")).body["amount_captured"] == 10_000


def test_the_same_key_for_another_order_is_refused_and_never_a_500_idem_formance_003(merchant: Merchant) -> None:
    first, second = merchant.captured(), merchant.captured()
    assert merchant.post(f"/v1/orders/{first}/refund", {}, key="reuse-key").status == 201
    reply = merchant.post(f"/v1/orders/{second}/refund", {}, key="reuse-key")
    assert (reply.status, reply.code) == (422, "idempotency_key_reused")
    assert reply.body["errors"][0]["parameter"] == "order_id"
    assert merchant.get(f"/v1/orders/{second}").body["amount_refunded"] == 0


def test_a_bare_key_and_the_same_in_quotes_are_one_idem_ietf_005(merchant: Merchant) -> None:
    body = merchant.order()
    name = "8e03978e-40d5-43e8-bc93-6894a57f9324"
    first = merchant.post("/v1/orders", body, key=name)
    assert first.status == 201
    assert same(first, merchant.post("/v1/orders", body, key=f'"{name}"'))


def test_two_keys_are_refused_idem_ietf_006(merchant: Merchant) -> None:
    reply = merchant.post("/v1/orders", merchant.order(), key="a", headers=[("Idempotency-Key", "b")])
    assert (reply.status, reply.code) == (400, "idempotency_key_invalid")
    assert orders_of(merchant) == 0


@pytest.mark.parametrize(("length", "accepted"), [(1, True), (255, True), (256, False), (10_000, False)])
def test_a_key_has_at_most_255_characters_idem_stripe_004(merchant: Merchant, length: int, accepted: bool) -> None:
    reply = merchant.post("/v1/orders", merchant.order(), key="k" * length)
    assert reply.status == 201 if accepted else (reply.status, reply.code) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("key", ["", '"', '""', '"a', '"a"b', '"a\\b"', "a\tb", "schlüssel".encode().decode("latin-1"), '"k";p=1'])
def test_a_key_that_cannot_be_read_is_refused(merchant: Merchant, key: str) -> None:
    reply = merchant.post("/v1/orders", merchant.order(), key=key)
    assert (reply.status, reply.code) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("verb", ["", "/capture", "/void", "/refund"])
def test_what_moves_money_needs_a_key(merchant: Merchant, verb: str) -> None:
    order = merchant.captured() if verb == "/refund" else merchant.placed()
    path, body = (f"/v1/orders/{order}{verb}", {}) if verb else ("/v1/orders", merchant.order())
    before = merchant.get("/v1/orders").body
    reply = merchant.post(path, body, key=None)
    assert (reply.status, reply.code) == (400, "idempotency_key_missing")
    assert merchant.get("/v1/orders").body == before


def test_two_merchants_use_the_same_key_for_themselves(merchant: Merchant, neighbour: Merchant) -> None:
    ours, theirs = merchant.post("/v1/orders", merchant.order(), key="K"), neighbour.post("/v1/orders", neighbour.order(), key="K")
    assert (ours.status, theirs.status, theirs.replayed) == (201, 201, False)
    assert ours.body["id"] != theirs.body["id"]


def test_another_api_key_of_the_merchant_has_the_same_keys(merchant: Merchant) -> None:
    body = merchant.order()
    first = merchant.post("/v1/orders", body, key="K")
    merchant.issued = issue(merchant.shop)
    assert same(first, merchant.post("/v1/orders", body, key="K"))


def test_twins_in_flight_have_one_effect_and_one_answer_reg_lago_5870(merchant: Merchant) -> None:
    body = merchant.order()
    replies = at_once(*[lambda: merchant.post("/v1/orders", body, key="K")] * 12)
    assert {(r.status, r.raw) for r in replies} == {(201, replies[0].raw)}
    assert sorted(r.replayed for r in replies) == [False] + [True] * 11
    assert orders_of(merchant) == 1


def test_twins_of_a_decline_are_told_of_one_request(merchant: Merchant) -> None:
    body = merchant.order(merchant.consumer(limit="1000.00"))
    replies = at_once(*[lambda: merchant.post("/v1/orders", body, key="K")] * 8)
    assert {(r.status, r.raw) for r in replies} == {(402, replies[0].raw)}
    (first,) = [r for r in replies if not r.replayed]
    assert first.body["request_id"] == first.headers["request-id"]


def test_a_twin_that_takes_too_long_is_sent_away_and_finds_its_answer_later_idem_ietf_003_idem_stripe_003(
    merchant: Merchant, inside: Inside
) -> None:
    """Somebody else's transaction holds the key: it is neither known nor free."""
    api = inside(patience_s=0.3)
    body = merchant.order()

    def ask() -> Reply:
        return api.ask("POST", "/v1/orders", body, secret=merchant.issued.secret, key="K")

    with suppress(Undo), sql.transacting():
        sql.run(
            "INSERT INTO runtime_key (book_id, scope, key, fingerprint, object_id, recorded_at) VALUES (%s, %s, 'K', '', %s, now())",
            [merchant.shop.book_id, f"order.authorise:{merchant.shop.merchants[0]}", merchant.shop.book_id],
        )
        reply = ask()
        assert (reply.status, reply.code, reply.body["retryable"]) == (409, "request_in_progress", True)
        assert int(reply.headers["retry-after"]) > 0
        raise Undo
    assert until_done(ask).status == 201
    assert orders_of(merchant) == 1


def until_done(ask: Callable[[], Reply]) -> Reply:
    for _ in range(100):
        reply = ask()
        if reply.status != 409:
            break
    return reply


def test_events_say_which_request_and_key_led_to_them_idem_stripe_007(merchant: Merchant) -> None:
    reply = merchant.post("/v1/orders", merchant.order(), key="K-7")
    order_id = public.parse("order", reply.body["id"])
    told = sql.rows("SELECT request_id, key FROM runtime_outbox WHERE object_id = %s", [order_id])
    assert told == [(reply.headers["request-id"], "K-7")]


def test_a_failure_of_ours_is_not_the_answer_for_ever_idem_stripe_001(merchant: Merchant, inside: Inside, monkeypatch: Any) -> None:
    """A 500 after the effect: the same key then tells what really happened, once."""
    from yuefu.api import counter

    api = inside()
    body = merchant.order()
    real = counter.VERBS["authorise"]

    def breaks_after(desk: Any, now: Any, requests: Any) -> Any:
        real(desk, now, requests)
        raise ValueError("after the effect")

    monkeypatch.setitem(counter.VERBS, "authorise", breaks_after)
    failed = api.ask("POST", "/v1/orders", body, secret=merchant.issued.secret, key="K")
    assert (failed.status, failed.code) == (500, "internal_error")
    monkeypatch.setitem(counter.VERBS, "authorise", real)
    again = api.ask("POST", "/v1/orders", body, secret=merchant.issued.secret, key="K")
    assert (again.status, again.replayed) == (201, True)
    assert orders_of(merchant) == 1


def test_a_lost_reply_to_a_commit_is_no_replay_for_who_asked_once(merchant: Merchant, inside: Inside, monkeypatch: Any) -> None:
    """It is tried again on a new connection, and finds its own key."""
    from yuefu.api import counter

    real = counter.VERBS["authorise"]
    lost: list[int] = []

    def loses_a_reply(desk: Any, now: Any, requests: Any) -> Any:
        outcomes = real(desk, now, requests)
        if not lost:
            lost.append(1)
            raise psycopg.OperationalError("the connection was lost")
        return outcomes

    monkeypatch.setitem(counter.VERBS, "authorise", loses_a_reply)
    reply = inside().ask("POST", "/v1/orders", merchant.order(), secret=merchant.issued.secret, key="K")
    assert (reply.status, reply.replayed, lost) == (201, False, [1])
    assert orders_of(merchant) == 1


def test_a_server_that_is_killed_under_load_has_done_each_request_once_or_not_at_all(shop: Shop) -> None:
    """Whoever heard nothing sends the same again, and each key ends with one order."""
    first = Server.start(workers=2)
    merchant = Merchant(shop, first.ask)
    consumers = [merchant.consumer() for _ in range(6)]
    bodies = [merchant.order(consumers[n % 6], 10_000) for n in range(60)]
    acknowledged: dict[int, bytes] = {}
    enough = threading.Event()

    def send(n: int) -> None:
        try:
            reply = merchant.post("/v1/orders", bodies[n], key=f"K{n}")
        except OSError:
            return
        assert reply.status == 201, reply.raw
        acknowledged[n] = reply.raw
        if len(acknowledged) >= 5:
            enough.set()

    with ThreadPoolExecutor(20) as pool:
        sending = [pool.submit(send, n) for n in range(60)]
        assert enough.wait(60)
        first.kill()
        for waiting in sending:
            waiting.result(60)
    heard = dict(acknowledged)
    second = Server.start(workers=2)
    try:
        merchant = replace_server(merchant, second)
        for n in range(60):
            again = merchant.post("/v1/orders", bodies[n], key=f"K{n}")
            assert again.status == 201
            assert n not in heard or (again.replayed and again.raw == heard[n])
        assert orders_of(merchant) == 60
    finally:
        second.stop()
    shop.prove()


def replace_server(merchant: Merchant, server: Server) -> Merchant:
    merchant.ask_with = server.ask
    return merchant
