"""Consumers to practise with, chosen by their address: how they behave is written in docs/sandbox.md, and stays so."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api.bodies import Body, Text
from yuefu.api.calls import Call
from yuefu.api.route import Route
from yuefu.api.test_clocks import SCOPE, in_test_mode
from yuefu.journeys.fixtures import Practised
from yuefu.sandbox.commands import Registered
from yuefu.sandbox.rules.fixtures import BEHAVIOURS

_ADDRESS: Final = "Of the form consumer+BEHAVIOUR@test.example, or consumer+BEHAVIOUR+TAG@test.example for another person who behaves so."
_PATTERN: Final = rf"^consumer\+({'|'.join(BEHAVIOURS)})(\+[a-z0-9-]{{1,20}})?@test\.example$"


class NewTestConsumer(Body):
    """Somebody who behaves as their address says."""

    email: Annotated[
        Text,
        Field(max_length=100, description=_ADDRESS, examples=["consumer+approved@test.example"], json_schema_extra={"pattern": _PATTERN}),
    ]


class TestConsumerMade(BaseModel):
    """A consumer of the book. The same address is the same person."""

    __test__ = False

    object: Literal["test_consumer"]
    id: str
    email: str
    behaviour: str
    description: str


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/test_helpers/consumers"""
    in_test_mode(call)
    body = cast("NewTestConsumer", call.body)
    done: Registered = await call.ask("register_fixture", Practised(call.key or call.request_id, call.merchant_id, body.email, by=call.by))
    return {
        "object": "test_consumer",
        "id": ids.text("consumer", done.consumer_id),
        "email": done.email,
        "behaviour": done.behaviour,
        "description": BEHAVIOURS[done.behaviour].en,
    }


ROUTES: Final = (
    Route(
        "POST", "/v1/test_helpers/consumers", SCOPE, create, NewTestConsumer, TestConsumerMade, 201, False,
        "Register a consumer to practise with, whose address says how they behave",
    ),
)  # fmt: skip
