"""What waits at the counter: bounded, fair, each with its own answer, whatever becomes of the others or of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg
import pytest
from django.db import connections

from tests.api.conftest import InProcess, Merchant, Reply, Server, at_once, issue
from tests.journeys.conftest import Shop
from yuefu import ids as public
from yuefu.journeys import desk
from yuefu.journeys.checkout import authorising
from yuefu.runtime import locks, sql

Inside = Callable[..., InProcess]


@contextmanager
def held_up(shop: Shop) -> Iterator[None]:
    """No batch of the book gets on: somebody is about to roll its day over."""
    with sql.transacting():
        locks.wait(locks.DAY, shop.book_id)
        yield


def connections_to(port: int) -> int:
    """How many clients are connected to a port of this machine."""
    return sum(one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in psutil.net_connections("tcp4"))


def until(holds: Callable[[], bool]) -> None:
    import time

    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def waiting(api: InProcess) -> int:
    counter = api.api._counter
    assert counter is not None
    return counter._work.waiting


class Crowd:
    """Requests that are sent at the same time and answered later."""

    def __init__(self, api: InProcess) -> None:
        self.api = api
        self._pool = ThreadPoolExecutor(32)

    def send(self, merchant: Merchant, body: dict[str, Any], key: str) -> Future[Reply]:
        return self._pool.submit(self.api.ask, "POST", "/v1/orders", body, secret=merchant.issued.secret, key=key)


def test_a_merchant_that_floods_is_turned_away_and_another_is_served(merchant: Merchant, neighbour: Merchant, inside: Inside) -> None:
    api = inside(share=3)
    consumer = merchant.consumer(limit="200000.00")
    flood = [merchant.order(consumer, 10_000) for _ in range(12)]
    other = neighbour.order()
    crowd = Crowd(api)
    with held_up(merchant.shop):
        first = crowd.send(merchant, flood[0], "F0")
        until(lambda: waiting(api) == 0 and len(api.api._counter._work._lanes) == 1)  # type: ignore[union-attr]
        sent = [crowd.send(merchant, body, f"F{n}") for n, body in enumerate(flood[1:], start=1)]
        until(lambda: sum(future.done() for future in sent) == 8)
        served = crowd.send(neighbour, other, "N")
        until(lambda: waiting(api) == 4)
    replies = [future.result(60) for future in sent]
    assert first.result(60).status == 201
    assert served.result(60).status == 201
    turned_away = [reply for reply in replies if reply.status != 201]
    assert [(reply.status, reply.code, reply.body["retryable"]) for reply in turned_away] == [(429, "too_many_requests", True)] * 8
    assert all(int(reply.headers["retry-after"]) > 0 and reply.headers["ratelimit"] for reply in turned_away)
    later = [crowd.send(merchant, body, f"F{n}").result(60) for n, body in enumerate(flood)]
    assert {reply.status for reply in later} == {201}
    assert sum(reply.replayed for reply in later) == 4


def test_a_full_counter_says_so_and_when_to_come_back(merchant: Merchant, inside: Inside) -> None:
    api = inside(waiting=2)
    bodies = [merchant.order() for _ in range(4)]
    crowd = Crowd(api)
    with held_up(merchant.shop):
        sent = [crowd.send(merchant, bodies[0], "0")]
        until(lambda: waiting(api) == 0 and len(api.api._counter._work._lanes) == 1)  # type: ignore[union-attr]
        sent += [crowd.send(merchant, bodies[n], str(n)) for n in (1, 2)]
        until(lambda: waiting(api) == 2)
        turned_away = crowd.send(merchant, bodies[3], "3").result(60)
    assert (turned_away.status, turned_away.code, turned_away.body["retryable"]) == (503, "busy", True)
    assert int(turned_away.headers["retry-after"]) > 0
    assert [future.result(60).status for future in sent] == [201] * 3
    assert crowd.send(merchant, bodies[3], "3").result(60).status == 201


def test_everybody_gets_the_own_answer_of_one_batch(merchant: Merchant, neighbour: Merchant, inside: Inside) -> None:
    api = inside()
    bodies = [(one, one.order(amount=20_000 + n)) for n in range(10) for one in (merchant, neighbour)]
    poor = merchant.order(merchant.consumer(limit="100.00"))
    alone = merchant.order()
    crowd = Crowd(api)
    with held_up(merchant.shop):
        first = crowd.send(merchant, alone, "first")
        until(lambda: waiting(api) == 0 and len(api.api._counter._work._lanes) == 1)  # type: ignore[union-attr]
        sent = [crowd.send(one, body, f"K{n}") for n, (one, body) in enumerate(bodies)]
        declined = crowd.send(merchant, poor, "poor")
        unknown = crowd.send(neighbour, bodies[0][1], "theirs")  # the quote of another merchant
        until(lambda: waiting(api) == 22)
    assert first.result(60).status == 201
    for (one, body), future in zip(bodies, sent, strict=True):
        reply = future.result(60)
        assert reply.status == 201
        assert (reply.body["merchant_reference"], reply.body["quote"]) == (body["merchant_reference"], body["quote"])
        assert one.get(f"/v1/orders/{reply.body['id']}").status == 200
    assert declined.result(60).code == "order_declined"
    assert unknown.result(60).code == "unknown_quote"
    batches = sql.rows(
        "SELECT xid, count(*) FROM runtime_outbox WHERE book_id = %s AND object_kind = 'order' GROUP BY xid ORDER BY 2",
        [merchant.shop.book_id],
    )
    assert [count for _, count in batches] == [1, 21]
    merchant.shop.prove()


def test_a_request_that_breaks_is_put_aside_and_its_neighbours_are_carried_out(
    merchant: Merchant, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = inside()
    bodies = [merchant.order(amount=30_000 + n) for n in range(6)]
    real = authorising.decide

    def breaks(features: Any, policy: Any, *more: Any, **named: Any) -> Any:
        if features.amount.minor == 30_003:
            raise KeyError("unlucky")
        return real(features, policy, *more, **named)

    crowd = Crowd(api)
    with monkeypatch.context() as broken:
        broken.setattr(authorising, "decide", breaks)
        with held_up(merchant.shop):
            first = crowd.send(merchant, bodies[0], "K0")
            until(lambda: waiting(api) == 0 and len(api.api._counter._work._lanes) == 1)  # type: ignore[union-attr]
            sent = [crowd.send(merchant, body, f"K{n}") for n, body in enumerate(bodies[1:], start=1)]
            until(lambda: waiting(api) == 5)
        replies = [first.result(60), *(future.result(60) for future in sent)]
    assert [reply.status for reply in replies] == [201, 201, 201, 500, 201, 201]
    culprit = replies[3]
    assert (culprit.code, culprit.body["retryable"]) == ("request_quarantined", False)
    kept = sql.rows("SELECT id FROM runtime_quarantine WHERE book_id = %s", [merchant.shop.book_id])
    assert [public.text("quarantine", row[0]) for row in kept] == [culprit.body["quarantine"]]
    assert b"unlucky" not in culprit.raw
    mended = crowd.send(merchant, bodies[3], "K3").result(60)
    assert (mended.status, mended.replayed) == (201, False)


AsRole = Callable[[str], psycopg.Connection[Any]]
END = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"


def test_an_order_that_somebody_holds_up_holds_up_no_other_of_its_batch(
    merchant: Merchant, inside: Inside, monkeypatch: pytest.MonkeyPatch, as_role: AsRole
) -> None:
    monkeypatch.setattr(desk, "LOCK_TIMEOUT_MS", 2_000)
    api = inside()
    first, held, *free = [merchant.placed() for _ in range(5)]
    somebody = as_role("default")
    somebody.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [public.parse("order", held)])

    def capture(order: str) -> Reply:
        return api.ask("POST", f"/v1/orders/{order}/capture", {}, secret=merchant.issued.secret, key=f"C-{order}")

    with ThreadPoolExecutor(8) as pool:
        with held_up(merchant.shop):
            sent = {first: pool.submit(capture, first)}
            until(lambda: waiting(api) == 0 and len(api.api._counter._work._lanes) == 1)  # type: ignore[union-attr]
            sent |= {order: pool.submit(capture, order) for order in [held, *free]}
            until(lambda: waiting(api) == 4)
        replies = {order: future.result(60) for order, future in sent.items()}
    somebody.rollback()
    assert (replies[held].status, replies[held].code) == (409, "request_in_progress")
    assert [(replies[order].status, replies[order].replayed) for order in [first, *free]] == [(201, False)] * 4
    assert merchant.post(f"/v1/orders/{held}/capture", {}, key=f"C-{held}").status == 201
    merchant.shop.prove()


def test_connections_that_end_in_the_middle_of_a_batch_are_noticed_by_nobody(merchant: Merchant, inside: Inside, as_role: AsRole) -> None:
    api = inside()
    body = merchant.order()
    crowd = Crowd(api)
    writer = as_role("default")
    writer.autocommit = True
    with held_up(merchant.shop):
        sent = crowd.send(merchant, body, "K")
        until(lambda: writer.execute(f"{END} AND wait_event = 'advisory'").fetchone() == (1,))
    reply = sent.result(60)
    assert (reply.status, reply.replayed) == (201, False)
    assert len(merchant.get("/v1/orders").body["data"]) == 1


def test_connections_that_end_between_two_requests_are_noticed_by_nobody(merchant: Merchant, inside: Inside, as_role: AsRole) -> None:
    api = inside()
    order = merchant.placed()
    secret = merchant.issued.secret
    assert api.ask("GET", f"/v1/orders/{order}", secret=secret).status == 200
    for role in (as_role("default"), as_role("reader")):
        role.autocommit = True
        role.execute(f"{END} AND pid <> pg_backend_pid()")
    connections.close_all()
    replies = [api.ask("GET", f"/v1/orders/{order}", secret=one) for one in (secret, issue(merchant.shop).secret)]
    assert [reply.status for reply in replies] == [200, 200]
    assert api.ask("POST", f"/v1/orders/{order}/capture", {}, secret=secret, key="K").status == 201


def test_without_a_database_a_request_may_be_sent_again_and_then_takes_effect_once(shop: Shop, as_role: AsRole) -> None:
    server = Server.start(workers=1)
    try:
        merchant = Merchant(shop, server.ask)
        body = merchant.order()
        before = merchant.placed()
        roles = {name: as_role(name) for name in ("owner", "default", "reader", "staff")}
        for role in roles.values():
            role.autocommit = True
        allow = f'ALTER DATABASE "{connections["default"].settings_dict["NAME"]}" CONNECTION LIMIT'
        roles["owner"].execute(f"{allow} 0")
        try:
            connections.close_all()
            for role in roles.values():
                role.execute(f"{END} AND pid <> pg_backend_pid()")
            replies = [merchant.post("/v1/orders", body, key="K") for _ in range(2)]
            replies.append(merchant.get(f"/v1/orders/{before}"))
        finally:
            roles["owner"].execute(f"{allow} -1")
        assert [(r.status, r.code, r.body["retryable"]) for r in replies] == [(503, "unavailable", True)] * 3
        assert all(int(r.headers["retry-after"]) > 0 for r in replies)
        again = merchant.post("/v1/orders", body, key="K")
        assert (again.status, again.replayed) == (201, False)
        assert len(merchant.get("/v1/orders").body["data"]) == 2
    finally:
        server.stop()


def test_a_server_that_is_told_to_stop_finishes_what_waits(shop: Shop) -> None:
    server = Server.start(workers=1)
    try:
        merchant = Merchant(shop, server.ask)
        bodies = [merchant.order(amount=40_000 + n) for n in range(5)]
        with ThreadPoolExecutor(5) as pool:
            with held_up(shop):
                sent = [pool.submit(merchant.post, "/v1/orders", body, key=f"K{n}") for n, body in enumerate(bodies)]
                until(lambda: sql.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") >= 1)
                until(lambda: connections_to(server.port) >= len(bodies))
                server.process.terminate()
            assert [future.result(60).status for future in sent] == [201] * 5
        assert server.process.wait(30) == 0
    finally:
        server.stop()


def test_two_refunds_at_the_same_time_never_exceed_what_was_captured_reg_hs_13182(merchant: Merchant) -> None:
    order = merchant.captured(10_000)
    replies = at_once(*[lambda: merchant.post(f"/v1/orders/{order}/refund", {"amount": 6_000})] * 2)
    assert sorted(reply.status for reply in replies) == [201, 422]
    (refused,) = [reply for reply in replies if reply.status == 422]
    assert refused.code == "refund_exceeds_captured"
    assert merchant.get(f"/v1/orders/{order}").body["amount_refunded"] == 6_000
    merchant.shop.prove()


@pytest.mark.parametrize(
    ("first", "second"), [("capture", "void"), ("capture", "capture"), ("void", "void"), ("capture", "refund"), ("refund", "refund")]
)
def test_two_verbs_on_one_order_at_the_same_time_add_up(merchant: Merchant, first: str, second: str) -> None:
    order = merchant.captured(50_000) if (first, second) == ("refund", "refund") else merchant.placed(50_000)
    path = f"/v1/orders/{order}"
    replies = at_once(*[lambda verb=verb: merchant.post(f"{path}/{verb}", {}) for verb in (first, second) for _ in range(3)])
    assert all(reply.status < 500 for reply in replies)
    shown = merchant.get(path).body
    assert shown["amount_captured"] + shown["amount_released"] <= shown["amount"] == 50_000
    assert shown["amount_refunded"] <= shown["amount_captured"]
    made = [reply.body for reply in replies if reply.status < 300]
    for kind, figure in (("capture", "amount_captured"), ("void", "amount_released"), ("refund", "amount_refunded")):
        if kind in (first, second):
            assert sum(one["amount"] for one in made if one["object"] == kind) == shown[figure]
    merchant.shop.prove()


def test_fifty_orders_at_the_same_time_stay_within_the_limit(merchant: Merchant) -> None:
    consumer = merchant.consumer(limit="1000.00")
    bodies = [merchant.order(consumer, 30_000) for _ in range(20)]
    replies = at_once(*[lambda body=body: merchant.post("/v1/orders", body) for body in bodies])
    assert sorted(reply.status for reply in replies) == [201] * 3 + [402] * 17
    assert all("limit" in reply.body["reasons"] for reply in replies if reply.status == 402)
