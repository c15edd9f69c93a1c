"""A client that goes away once its request is whole: it is carried out or not begun, never half, and the key finds it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.api.conftest import Merchant, Server
from yuefu.runtime import sql


def sent_and_gone(server: Server, merchant: Merchant, path: str, body: Any, key: str, *, reset: bool) -> None:
    """Sends a whole request and leaves without waiting for the answer."""
    payload = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {merchant.issued.secret}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {key}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(head.encode() + payload)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_an_order_whose_client_has_gone_is_placed_once_however_often_it_is_sent(merchant: Merchant, server: Server, reset: bool) -> None:
    body = merchant.order()
    for _ in range(5):
        sent_and_gone(server, merchant, "/v1/orders", body, "K", reset=reset)
    reply = merchant.post("/v1/orders", body, key="K")
    assert reply.status == 201
    again = merchant.post("/v1/orders", body, key="K")
    assert (again.status, again.replayed, again.raw) == (201, True, reply.raw)
    assert [one["id"] for one in merchant.get("/v1/orders").body["data"]] == [reply.body["id"]]
    merchant.shop.prove()


def test_a_capture_whose_client_has_gone_is_whole_or_absent(merchant: Merchant, server: Server) -> None:
    order = merchant.placed(60_000)
    for n in range(5):
        sent_and_gone(server, merchant, f"/v1/orders/{order}/capture", {"amount": 10_000}, f"K{n}", reset=n % 2 == 0)
    replies = [merchant.post(f"/v1/orders/{order}/capture", {"amount": 10_000}, key=f"K{n}") for n in range(5)]
    assert [reply.status for reply in replies] == [201] * 5
    assert len({reply.body["id"] for reply in replies}) == 5
    assert merchant.get(f"/v1/orders/{order}").body["amount_captured"] == 50_000
    assert sql.value("SELECT count(*) FROM orders_capture WHERE merchant_id = %s", [merchant.shop.merchants[0]]) == 5
    merchant.shop.prove()
