"""The Python client against the real server: what a merchant's program does with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Merchant, Server, issue
from yuefu_client import (
    AsyncYuefu,
    AuthenticationError,
    Conflict,
    Declined,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Yuefu,
    id_of,
)
from yuefu_client.generated import models

Asynchronously = Callable[[Callable[[AsyncYuefu], Awaitable[Any]]], Any]


def bought(client: Yuefu, merchant: Merchant, reference: str, **more: Any) -> models.OrderPlaced:
    consumer = merchant.consumer()
    quote = client.quotes.create(product="free", amount=199_900, currency="CNY", periods=3, consumer=consumer)
    return client.orders.create(quote=quote.id, consumer=consumer, merchant_reference=reference, **more)


@pytest.fixture(scope="module")
def sold(client: Yuefu, regular: Merchant) -> list[models.OrderPlaced]:
    """Orders, oldest first."""
    return [bought(client, regular, f"SDK-{number}", metadata={"basket": str(number)}) for number in range(5)]


def test_a_purchase_is_quoted_placed_captured_and_refunded(client: Yuefu, regular: Merchant) -> None:
    consumer = regular.consumer()
    quote = client.quotes.create(product="free", amount=199_900, currency="CNY", periods=3, consumer=consumer)
    assert [one.total for one in quote.instalments] == [66_633, 66_633, 66_634]
    assert all(isinstance(one.due_on, date) for one in quote.instalments)
    order = client.orders.create(quote=quote.id, consumer=consumer, merchant_reference="SDK-A", channel="live")
    assert order.state == "authorised"
    assert order.expires_at - order.created_at > timedelta(days=1)
    capture = client.orders.capture(order.id, amount=100_000)
    refund = client.orders.refund(order.id, amount=40_000, metadata={"why": "scratched"})
    released = client.orders.void(order.id)
    assert (capture.amount, refund.amount, refund.metadata, released.amount) == (100_000, 40_000, {"why": "scratched"}, 99_900)
    shown = client.orders.retrieve(order.id)
    assert (shown.amount_captured, shown.amount_refunded, shown.amount_released) == (100_000, 40_000, 99_900)
    assert [one.id for one in shown.captures] == [capture.id]
    assert client.orders.update(order.id, metadata={"basket": "9"}).metadata["basket"] == "9"


def test_what_is_named_is_an_id_or_the_object_of_it(client: Yuefu, sold: list[models.OrderPlaced]) -> None:
    made = client.orders.capture(sold[0].id, amount=30_000)
    plain = client.captures.retrieve(made.id)
    assert (plain.order, plain.loan) == (sold[0].id, made.loan)
    expanded = client.captures.retrieve(made.id, expand=["order", "loan"])
    assert isinstance(expanded.order, models.Order)
    assert isinstance(expanded.loan, models.Loan)
    assert (expanded.order.merchant_reference, len(expanded.loan.instalments)) == ("SDK-0", 3)
    assert id_of(expanded.order) == id_of(plain.order) == sold[0].id
    (listed,) = client.captures.list(order=sold[0].id, expand="data.order")
    assert isinstance(listed.order, models.Order)


def test_a_list_is_walked_over_all_its_pages_both_ways(client: Yuefu, sold: list[models.OrderPlaced]) -> None:
    ids = [order.id for order in sold]
    page = client.orders.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert [order.id for order in page if order.id in ids] == ids[::-1]
    assert [order.id for order in client.orders.list(limit=2, ending_before=ids[0])][: len(ids) - 1] == ids[1:]
    second = page.next_page()
    assert second is not None
    assert [order.id for order in second.data] != [order.id for order in page.data]
    assert list(client.orders.list(created_before=datetime(2020, 1, 1, tzinfo=UTC))) == []
    assert [order.id for order in client.orders.list(created_from=date(2020, 1, 1), merchant_reference="SDK-1", state="authorised")] == [
        ids[1]
    ]


def test_the_same_in_an_event_loop(asynchronously: Asynchronously, regular: Merchant, sold: list[models.OrderPlaced]) -> None:
    async def act(client: AsyncYuefu) -> tuple[list[str], models.CaptureMade, str]:
        found = [order.id async for order in await client.orders.list(limit=2, consumer=sold[2].consumer)]
        capture = await client.orders.capture(sold[2].id)
        with pytest.raises(NotFound) as missing:
            await client.loans.retrieve("loan_00000000000000000000000000")
        return found, capture, missing.value.code

    found, capture, code = asynchronously(act)
    assert (found, capture.order, code) == ([sold[2].id], sold[2].id, "unknown_loan")


def test_a_request_with_a_key_is_carried_out_once(client: Yuefu, sold: list[models.OrderPlaced]) -> None:
    first, again = (client.orders.capture(sold[3].id, amount=1_000, idempotency_key="capture-3") for _ in range(2))
    assert first == again
    assert first.answer is not None
    assert again.answer is not None
    assert (first.answer.replayed, again.answer.replayed) == (False, True)
    assert first.answer.request_id.startswith("req_")
    with pytest.raises(InvalidRequest) as reused:
        client.orders.capture(sold[3].id, amount=2_000, idempotency_key="capture-3")
    assert (reused.value.code, reused.value.retryable) == ("idempotency_key_reused", False)
    assert len(list(client.captures.list(order=sold[3].id))) == 1


def test_each_problem_has_its_class_and_says_what_it_is(client: Yuefu, regular: Merchant, server: Server) -> None:
    poor = regular.consumer(limit="1.00")
    quote = client.quotes.create(product="free", amount=199_900, currency="CNY", periods=3, consumer=poor)
    with pytest.raises(Declined) as declined:
        client.orders.create(quote=quote.id, consumer=poor, merchant_reference="SDK-POOR")
    assert declined.value.reasons
    assert declined.value.problem["order"].startswith("ord_")
    with pytest.raises(InvalidRequest) as invalid:
        client.quotes.create(product="free", amount=-1, currency="yuan", periods=3)
    assert {fault.pointer for fault in invalid.value.errors} == {"#/amount", "#/currency"}
    assert invalid.value.request_id in str(invalid.value)
    whole = bought(client, regular, "SDK-TWICE")
    client.orders.void(whole.id)
    with pytest.raises(Conflict, match="nothing_left_to_capture"):
        client.orders.capture(whole.id)
    with pytest.raises(AuthenticationError), Yuefu("sk_test_nonsense", f"http://127.0.0.1:{server.port}") as stranger:
        stranger.balance.retrieve()
    reader = issue(regular.shop, scopes=["order.read"]).secret
    with pytest.raises(PermissionDenied) as denied, Yuefu(reader, f"http://127.0.0.1:{server.port}") as narrow:
        narrow.orders.void(whole.id)
    assert denied.value.code == "scope_missing"


def test_an_older_version_is_asked_for_and_its_members_are_in_raw(
    regular: Merchant, server: Server, sold: list[models.OrderPlaced]
) -> None:
    with Yuefu(regular.issued.secret, f"http://127.0.0.1:{server.port}", version="2026-09-01") as older:
        shown = older.orders.retrieve(sold[1].id)
    assert shown.consumer is None
    assert shown.raw["consumer_id"] == sold[1].consumer


def test_a_file_is_read_with_its_name(client: Yuefu, regular: Merchant, sold: list[models.OrderPlaced]) -> None:
    client.orders.capture(sold[4].id)
    regular.shop.next_day()
    regular.shop.settle()
    (settlement, *_) = client.settlements.list(expand="data.payout")
    assert isinstance(settlement.payout, models.Payout)
    file = client.settlements.download(settlement.id, "details", language="en")
    assert file.name.endswith(".csv")
    assert (file.content_type, file.answer.status) == ("text/csv; charset=utf-8", 200)
    assert sold[4].id.encode() in file.content
    assert [month.month for month in client.statements.list()] == [settlement.pay_on.strftime("%Y-%m")]
