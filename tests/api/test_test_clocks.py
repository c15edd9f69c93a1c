"""Test clocks over HTTP: the key of a clock works in the clock's book, and nobody else's key does anything to it."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.api.conftest import Merchant, Reply, Server, issue
from yuefu import ids
from yuefu.api import test_clocks as clocks
from yuefu.api import test_consumers as consumers
from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.journeys import clock_jobs
from yuefu.runtime import sql

AT = "2026-10-15T12:00:00+08:00"
CLOCKS = "/v1/test_helpers/test_clocks"


def made(merchant: Merchant, *, key: str = "new", **more: Any) -> Reply:
    reply = merchant.post(CLOCKS, {"frozen_time": AT, **more}, key=key)
    assert reply.status == 201, reply.raw
    return reply


def go_on(merchant: Merchant, clock: str) -> None:
    """What the worker does, as it was told by whoever asked."""
    args = {"book_id": str(merchant.shop.book_id), "clock_id": str(ids.parse("test_clock", clock))}
    with sql.owning():
        told = sql.value("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'advance_test_clock' AND args = %s", [json.dumps(args)])
    assert told == 1, "once, however often it is asked for"
    clock_jobs.look_after_test_clocks(0)
    clock_jobs.advance_test_clock(**args)


def test_a_clock_is_made_advanced_and_deleted_and_its_key_works_until_then(regular: Merchant, server: Server) -> None:
    first = made(regular, key="one", name="late payers")
    again = regular.post(CLOCKS, {"frozen_time": AT, "name": "late payers"}, key="one")
    assert (again.raw, again.replayed) == (first.raw, True)
    other = regular.post(CLOCKS, {"frozen_time": AT, "name": "others"}, key="one")
    assert (other.status, other.code, other.pointers) == (422, "idempotency_key_reused", ["#/name"])
    clock, secret = first.body["id"], first.body["key"]["secret"]
    address = f"{CLOCKS}/{clock}"
    quote = {"product": "free", "amount": 50_000, "currency": "CNY", "periods": 3}
    assert server.ask("POST", "/v1/quotes", quote, secret=secret).body["shown_on"] == "2026-10-15"
    assert server.ask("POST", CLOCKS, {"frozen_time": AT}, secret=secret).code == "own_book_only"

    back = regular.post(f"{address}/advance", {"frozen_time": "2026-10-14T12:00:00+08:00"})
    assert (back.status, back.code, back.pointers) == (422, "test_clock_forward_only", ["#/frozen_time"])
    tomorrow = {"frozen_time": "2026-10-16T12:00:00+08:00"}
    begun = regular.post(f"{address}/advance", tomorrow, key="forth")
    assert (begun.status, begun.body["days"], begun.body["to_time"]) == (202, 2, "2026-10-16T04:00:00Z")
    shown = regular.get(address).body
    assert (shown["status"], shown["advance"]["days_done"], shown["name"]) == ("advancing", 0, "late payers")
    busy = regular.post(f"{address}/advance", {"frozen_time": "2026-10-17T12:00:00+08:00"})
    assert (busy.status, busy.code, busy.body["retryable"]) == (409, "test_clock_advancing", True)
    assert regular.ask_with("DELETE", address, secret=regular.issued.secret).code == "test_clock_advancing"
    go_on(regular, clock)
    shown = regular.get(address).body
    assert (shown["status"], shown["frozen_time"], shown["advance"]["days_done"]) == ("ready", "2026-10-16T04:00:00Z", 2)
    assert regular.post(f"{address}/advance", tomorrow, key="forth").raw == begun.raw
    assert server.ask("POST", "/v1/quotes", quote, secret=secret).body["shown_on"] == "2026-10-16"

    for _ in range(2):
        gone = regular.ask_with("DELETE", address, secret=regular.issued.secret)
        assert (gone.status, gone.body["deleted"]) == (200, True)
    assert regular.get(address).body["status"] == "deleted"
    assert regular.post(f"{address}/advance", {"frozen_time": "2026-10-20T12:00:00+08:00"}).code == "test_clock_deleted"


def test_a_worker_takes_a_clock_on_by_a_few_days_and_then_does_what_else_there_is(
    regular: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_jobs, "DAYS_AT_ONCE", 1)
    clock = made(regular).body["id"]
    regular.post(f"{CLOCKS}/{clock}/advance", {"frozen_time": "2026-10-18T12:00:00+08:00"})
    args = {"book_id": str(regular.shop.book_id), "clock_id": str(ids.parse("test_clock", clock))}
    days = []
    for _ in range(3):
        clock_jobs.advance_test_clock(**args)
        shown = regular.get(f"{CLOCKS}/{clock}").body
        days.append((shown["status"], shown["advance"]["days_done"]))
    assert days == [("advancing", 1), ("advancing", 2), ("ready", 4)]
    with sql.owning():
        told = sql.rows(
            "SELECT priority, count(*) FROM procrastinate_jobs WHERE task_name = 'advance_test_clock' AND args = %s GROUP BY 1",
            [json.dumps(args)],
        )
    assert told == [(-1, 1)], "behind all that has to do with money"


def test_a_key_of_a_clock_may_what_the_key_may_that_asked(regular: Merchant, server: Server) -> None:
    narrow = issue(regular.shop, scopes=["sandbox.use", "order.read"], kind="restricted")
    reply = server.ask("POST", CLOCKS, {"frozen_time": AT}, secret=narrow.secret)
    secret = reply.body["key"]["secret"]
    assert secret.startswith("rk_test_")
    assert server.ask("GET", "/v1/orders", secret=secret).status == 200
    assert server.ask("POST", "/v1/quotes", {}, secret=secret).code == "scope_missing"


def test_clocks_are_listed_and_shown_to_their_merchant_alone(merchant: Merchant, neighbour: Merchant) -> None:
    mine = [made(merchant).body["id"] for _ in range(3)]
    theirs = made(neighbour).body["id"]
    merchant.ask_with("DELETE", f"{CLOCKS}/{mine[0]}", secret=merchant.issued.secret)
    assert [one["id"] for one in merchant.get(CLOCKS).body["data"]] == mine[::-1]
    assert [one["id"] for one in merchant.get(f"{CLOCKS}?state=ready").body["data"]] == mine[:0:-1]
    assert [one["id"] for one in merchant.get(f"{CLOCKS}?limit=1&starting_after={mine[2]}").body["data"]] == [mine[1]]
    assert merchant.get(f"{CLOCKS}?starting_after={theirs}").code == "invalid_parameter"
    assert merchant.get(f"{CLOCKS}?created_before=2020-01-01").body["data"] == []
    for method, path, body in (("GET", "", None), ("DELETE", "", None), ("POST", "/advance", {"frozen_time": "2026-10-16T12:00:00+08:00"})):
        reply = merchant.ask_with(method, f"{CLOCKS}/{theirs}{path}", body, secret=merchant.issued.secret)
        assert (reply.status, reply.code) == (404, "unknown_test_clock")


@pytest.mark.parametrize(
    "moment",
    [
        "2026-10-15",
        "2026-10-15T12:00:00",
        "now",
        "",
        1_760_000_000,
        None,
        ["2026-10-15T12:00:00Z"],
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_time_that_is_none_is_a_known_problem(regular: Merchant, moment: object) -> None:
    reply = regular.post(CLOCKS, {"frozen_time": moment})
    assert (reply.status, reply.code, reply.pointers) == (422, "invalid_request", ["#/frozen_time"])


def test_a_live_key_is_told_that_this_is_for_test_keys() -> None:
    live = cast("Call", SimpleNamespace(holder=SimpleNamespace(book=SimpleNamespace(mode="live"))))
    for handler in (clocks.create, clocks.advance, clocks.delete, clocks.show, clocks.listed, consumers.create):
        with pytest.raises(Problem) as refused:
            asyncio.run(handler(live))
        assert refused.value.code == "test_mode_only"


def test_a_consumer_is_registered_by_an_address_and_buys_as_it_says(regular: Merchant, server: Server) -> None:
    clock = made(regular).body["key"]["secret"]
    for name, status in (("approved", 201), ("fraud", 402)):
        wish = {"email": f"consumer+{name}@test.example"}
        first = server.ask("POST", "/v1/test_helpers/consumers", wish, secret=clock, key=name)
        assert (first.status, first.body["behaviour"]) == (201, name)
        assert server.ask("POST", "/v1/test_helpers/consumers", wish, secret=clock, key=name).raw == first.raw
        consumer = first.body["id"]
        quote = {"product": "free", "amount": 50_000, "currency": "CNY", "periods": 3, "consumer": consumer}
        shown = server.ask("POST", "/v1/quotes", quote, secret=clock).body["id"]
        order = {"quote": shown, "consumer": consumer, "merchant_reference": name}
        reply = server.ask("POST", "/v1/orders", order, secret=clock, key=name)
        assert reply.status == status, reply.raw
        assert status == 201 or reply.body["reasons"] == ["suspected_fraud"]
    again = regular.post("/v1/test_helpers/consumers", {"email": "consumer+nobody@test.example"})
    assert (again.status, again.code, again.pointers) == (422, "unknown_fixture", ["#/email"])
    reused = server.ask("POST", "/v1/test_helpers/consumers", {"email": "consumer+defaults@test.example"}, secret=clock, key="fraud")
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
