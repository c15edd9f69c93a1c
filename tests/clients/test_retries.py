"""What the Python client sends again and what not, told by a server that fails on purpose."""

from __future__ import annotations

import asyncio
import pickle
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from tests.clients.conftest import AT_ONCE, KEY, Failing
from yuefu_client import (
    AsyncYuefu,
    Conflict,
    ConnectionFailed,
    Declined,
    InvalidRequest,
    ProblemError,
    RateLimited,
    Retrying,
    ServerError,
    Yuefu,
)

CAPTURED = {"object": "capture", "id": "cap_1", "order": "ord_1", "loan": "loan_1", "amount": 5, "currency": "CNY", "told_later": [1]}


def problem(status: int, code: str, *, retryable: bool, **headers: str) -> tuple[int, dict[str, str], Any]:
    told = {
        "type": f"/errors/{code}",
        "title": "T",
        "status": status,
        "detail": "D",
        "code": code,
        "request_id": "req_1",
        "retryable": retryable,
    }
    return status, {"Content-Type": "application/problem+json", **{name.replace("_", "-"): value for name, value in headers.items()}}, told


GOOD = (201, {"Request-Id": "req_2"}, CAPTURED)
IN_PROGRESS = problem(409, "request_in_progress", retryable=True, Retry_After="0")
LIMITED = problem(429, "rate_limited", retryable=True, Retry_After="0")
BUSY = problem(503, "busy", retryable=True, Retry_After="0")


@pytest.mark.parametrize("first", [None, IN_PROGRESS, LIMITED, BUSY, (502, {}, b"<html>"), problem(500, "internal_error", retryable=True)])
def test_what_may_have_been_lost_is_sent_again_with_the_same_key(failing: Failing, first: Any) -> None:
    failing.answers = [first, GOOD]
    with failing.client() as client:
        made = client.orders.capture("ord_1", amount=5)
    assert (made.amount, made.raw["told_later"]) == (5, [1])
    assert len(set(failing.keys)) == 1
    assert failing.keys[0]
    assert failing.asked[0][3] == failing.asked[1][3] == b'{"amount": 5}'


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(402, "order_declined", retryable=False), Declined),
        (problem(409, "nothing_left_to_capture", retryable=False), Conflict),
        (problem(409, "repayment_pending", retryable=True), Conflict),
        (problem(422, "invalid_request", retryable=False), InvalidRequest),
        (problem(500, "request_quarantined", retryable=False), ServerError),
        ((307, {"Location": "/elsewhere"}, {}), ServerError),
        ((200, {}, b"not json"), ServerError),
    ],
)
def test_what_was_declined_or_refused_is_never_sent_again(failing: Failing, answer: Any, kind: type[ProblemError]) -> None:
    failing.answers = [answer, GOOD]
    with failing.client() as client, pytest.raises(kind):
        client.orders.capture("ord_1")
    assert len(failing.asked) == 1


def test_it_ends_after_so_many_tries_and_tells_the_key_to_go_on_with(failing: Failing) -> None:
    failing.answers = [None, None, None, BUSY, BUSY, BUSY]
    with failing.client() as client:
        with pytest.raises(ConnectionFailed) as lost:
            client.orders.capture("ord_1")
        with pytest.raises(ServerError) as busy:
            client.orders.capture("ord_1", idempotency_key="mine")
    assert failing.keys == [lost.value.idempotency_key] * 3 + ["mine"] * 3
    assert (busy.value.code, busy.value.idempotency_key, busy.value.retry_after) == ("busy", "mine", 0.0)


def test_a_wait_is_as_long_as_was_asked_for_and_one_that_is_too_long_is_told_instead(
    failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    failing.answers = [
        problem(429, "rate_limited", retryable=True, Retry_After="7"),
        problem(503, "busy", retryable=True, Retry_After=soon),
        GOOD,
    ]
    failing.answers += [problem(429, "rate_limited", retryable=True, Retry_After="61")]
    with failing.client() as client:
        client.orders.capture("ord_1")
        with pytest.raises(RateLimited) as limited:
            client.orders.capture("ord_1")
    assert waits[0] == 7.0
    assert 20 < waits[1] <= 30
    assert (len(waits), limited.value.retry_after) == (2, 61.0)


def test_pauses_grow_to_a_bound_and_part_of_each_is_chance() -> None:
    retrying = Retrying()
    assert [retrying.pause_s(tries, 0.0) for tries in (1, 2, 3, 4, 5, 6, 10_000)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert [retrying.pause_s(3, chance) for chance in (0.5, 1.0)] == [1.5, 1.0]


def test_in_an_event_loop_too(failing: Failing) -> None:
    failing.answers = [
        None,
        LIMITED,
        GOOD,
        (200, {}, {"data": [{"id": "ord_9"}], "has_more": True}),
        BUSY,
        (200, {}, {"data": [], "has_more": False}),
    ]

    async def act() -> tuple[int, list[str]]:
        async with AsyncYuefu(KEY, f"http://127.0.0.1:{failing.port}", retries=AT_ONCE) as client:
            made = await client.orders.capture("ord_1", amount=5)
            return made.amount, [order.id async for order in await client.orders.list()]

    assert asyncio.run(act()) == (5, ["ord_9"])
    assert len(set(failing.keys[:3])) == 1
    assert [path for _, path, _, _ in failing.asked[3:]] == ["/v1/orders", *["/v1/orders?starting_after=ord_9"] * 2]


def test_a_connection_that_cannot_be_made_is_no_answer() -> None:
    with Yuefu(KEY, "http://127.0.0.1:9", retries=Retrying(most=1, first_s=0.0)) as client, pytest.raises(ConnectionFailed):
        client.balance.retrieve()


def test_a_request_goes_where_and_says_what_it_should(failing: Failing) -> None:
    failing.answers = [(200, {}, {"id": "x"})] * 3
    with failing.client(http=httpx.Client()) as client:
        client.orders.retrieve("ord/../1?x=1#é")
        client.captures.list(created_from=datetime(2026, 9, 1, 8, tzinfo=UTC), expand=["data.order", "data.loan"], limit=5)
        client.orders.update("ord_1", metadata={"名": "字"})
    (_, first, headers, _), (_, second, _, _), (_, _, _, body) = failing.asked
    assert first == "/v1/orders/ord%2F..%2F1%3Fx%3D1%23%C3%A9"
    assert second == "/v1/captures?expand%5B%5D=data.order&expand%5B%5D=data.loan&limit=5&created_from=2026-09-01T08%3A00%3A00%2B00%3A00"
    assert (headers["authorization"], headers["api-version"], headers.get("idempotency-key")) == (f"Bearer {KEY}", "2026-11-28", None)
    assert body.decode() == '{"metadata": {"名": "字"}}'


def test_mistakes_are_told_before_anything_is_sent(failing: Failing) -> None:
    with failing.client() as client:
        for mistake in (
            lambda: client.orders.retrieve(""),
            lambda: client.orders.retrieve(".."),
            lambda: client.orders.capture("ord_1", idempotency_key="a\r\nX: y"),
            lambda: client.orders.list(created_from=datetime(2026, 9, 1)),
            lambda: client.orders.capture("ord_1", amount=float("nan")),  # type: ignore[arg-type]
            lambda: Yuefu("sk_live_x", "http://pay.example"),
            lambda: Yuefu("sk_test_x\n", "https://pay.example"),
            lambda: Yuefu("sk_test_x", "pay.example"),
        ):
            with pytest.raises(ValueError, match=r"."):
                mistake()
    assert failing.asked == []


def test_what_was_answered_is_a_value() -> None:
    from yuefu_client.generated.models import CaptureMade

    one, other = CaptureMade.of(CAPTURED), CaptureMade.of({**CAPTURED, "told_later": 2})
    assert one == other
    assert pickle.loads(pickle.dumps(one)).raw == CAPTURED
    with pytest.raises(AttributeError):
        one.amount = 6  # type: ignore[misc]
