"""Every POST is sent twice with one key, one after the other and both at once: it has one effect, and one answer."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.api import things
from tests.api.conftest import Merchant, Reply, at_once
from yuefu.api.route import Route
from yuefu.api.routes import ROUTES

POSTS = [route for route in ROUTES if route.method == "POST"]
SHOWN_ONCE = ("secret", "key", "signing_secret")
"""Members that only the first answer has."""


def told(reply: Reply) -> Any:
    """An answer without what is shown once."""
    return without(reply.body)


def without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without(one) for name, one in value.items() if name not in (*SHOWN_ONCE, "request_id")}
    return [without(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("route", POSTS, ids=lambda route: f"{route.method} {route.path}")
def test_a_request_that_is_sent_twice_has_one_effect_and_one_answer(regular: Merchant, route: Route) -> None:
    path, body = things.address(route, things.named(route, regular)), things.body(route, regular)
    key = secrets.token_hex(8)
    first = regular.post(path, body, key=key)
    assert (first.status, first.replayed) == (route.status, False), first.raw
    again = regular.post(path, body, key=key)
    assert (again.status, told(again)) == (first.status, told(first))
    assert again.replayed


@pytest.mark.parametrize("route", POSTS, ids=lambda route: f"{route.method} {route.path}")
def test_twins_at_once_have_one_effect_and_one_answer(regular: Merchant, route: Route) -> None:
    path, body = things.address(route, things.named(route, regular)), things.body(route, regular)
    key = secrets.token_hex(8)
    one, other = at_once(*[lambda: regular.post(path, body, key=key)] * 2)
    assert {one.status, other.status} == {route.status}, (one.raw, other.raw)
    assert told(one) == told(other)
    assert [one.replayed, other.replayed].count(True) == 1
