"""Test clocks: made with a test key, taken forward, looked at, deleted. A clock is a book of its own, with a key of its own.

What a POST answers is fixed at that moment: how far an advance is, the clock itself tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from yuefu import ids
from yuefu.api import expanding, listing
from yuefu.api.bodies import Body, Text
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, one_of
from yuefu.api.problems import Problem
from yuefu.api.route import Route
from yuefu.journeys.test_clocks import ClockMade
from yuefu.runtime.paging import Span
from yuefu.sandbox import queries as practice
from yuefu.sandbox.commands import AdvanceRequest, Deletion, NewClock
from yuefu.sandbox.rules import clocks as rules
from yuefu.sandbox.rules.clocks import LONGEST_NAME, STATES, Advance, TestClock


def _moment(given: Any) -> datetime:
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) and "T" in given else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    raise ValueError("a moment with its zone, such as 2026-09-01T08:00:00+08:00")


Moment = Annotated[
    datetime,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-09-01T08:00:00+08:00"]}, mode="validation"),
]


class NewTestClock(Body):
    """A test book with a clock of its own, that stands at this moment."""

    frozen_time: Moment
    name: Annotated[Text, Field(max_length=LONGEST_NAME, examples=["late payers"])] = ""


class ClockAdvance(Body):
    """A later moment, to which the clock is taken: everything that falls due in between happens, in the order of time."""

    frozen_time: Moment


class KeyOfClock(BaseModel):
    id: str
    secret: str


class TestClockMade(BaseModel):
    """A new clock, with the API key of its book: with it, everything else of this API works in that book, at its time. The products, the contract
    and the settings there are those of the merchant's test book as they stood. The same request is answered the same; nothing else tells the secret.
    """

    __test__ = False

    object: Literal["test_clock"]
    id: str
    name: str
    frozen_time: datetime
    merchant: str
    key: KeyOfClock


class AdvanceBegun(BaseModel):
    """An advance that was asked for. The clock tells how far it is."""

    object: Literal["test_clock_advance"]
    test_clock: str
    from_time: datetime
    to_time: datetime
    days: int


class FailureShown(BaseModel):
    code: str
    detail: str


class AdvanceShown(BaseModel):
    """The latest advance: so many of its days are done."""

    from_time: datetime
    to_time: datetime
    days: int
    days_done: int
    failure: FailureShown | None


class TestClockShown(BaseModel):
    """A clock as it stands. It goes by itself at `deletes_at`, unless it is advanced before."""

    __test__ = False

    object: Literal["test_clock"]
    id: str
    name: str
    status: Literal[STATES]  # type: ignore[valid-type]
    frozen_time: datetime
    merchant: str | None
    key: str | None
    created_at: datetime
    deletes_at: datetime | None
    deleted_at: datetime | None
    advance: AdvanceShown | None


class TestClockList(Page[TestClockShown]):
    """A page of clocks, newest first."""

    __test__ = False


class TestClockDeleted(BaseModel):
    __test__ = False

    object: Literal["test_clock"]
    id: str
    deleted: Literal[True]


def in_test_mode(call: Call) -> None:
    """Raises Problem for a live key."""
    if call.holder.book.mode != "test":
        raise Problem(rules.TEST_MODE_ONLY)


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/test_helpers/test_clocks"""
    in_test_mode(call)
    body = cast("NewTestClock", call.body)
    request = NewClock(call.key or call.request_id, call.merchant_id, body.frozen_time, body.name, by=call.by)
    done: ClockMade = await call.ask("create_clock", request)
    return {
        "object": "test_clock",
        "id": ids.text("test_clock", done.clock.id),
        "name": done.clock.name,
        "frozen_time": done.clock.frozen_at.astimezone(UTC),
        "merchant": ids.text("merchant", done.shop_id),
        "key": {"id": ids.text("api_key", done.key_id), "secret": done.secret},
    }


async def advance(call: Call) -> dict[str, Any]:
    """POST /v1/test_helpers/test_clocks/{test_clock_id}/advance"""
    in_test_mode(call)
    body = cast("ClockAdvance", call.body)
    key = call.key or call.request_id
    request = AdvanceRequest(key, call.merchant_id, call.object_id("test_clock"), body.frozen_time, by=call.by)
    done: Advance = await call.ask("advance_clock", request)
    return {
        "object": "test_clock_advance",
        "test_clock": ids.text("test_clock", done.clock_id),
        "from_time": done.from_at.astimezone(UTC),
        "to_time": done.to_at.astimezone(UTC),
        "days": done.days,
    }


async def delete(call: Call) -> dict[str, Any]:
    """DELETE /v1/test_helpers/test_clocks/{test_clock_id}"""
    in_test_mode(call)
    gone: TestClock = await call.ask("delete_clock", Deletion(call.object_id("test_clock"), call.merchant_id, by=call.by))
    return {"object": "test_clock", "id": ids.text("test_clock", gone.id), "deleted": True}


LISTING: Final = Listing("test_clock", "/v1/test_helpers/test_clocks", (one_of("state", STATES, "Only those in this state."), *CREATED))


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/test_helpers/test_clocks/{test_clock_id}"""
    in_test_mode(call)
    return await call.shown("test_clock", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/test_helpers/test_clocks"""
    in_test_mode(call)
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = practice.page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else _shown(page)

    return await listing.page(call, LISTING, found)


def read(clock_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Clocks of the merchant who reads, as they are shown."""
    found = list(practice.clocks(ids=clock_ids).values())
    return {clock.id: shown for clock, shown in zip(found, _shown(found), strict=True)}


expanding.register("test_clock", read)


def _shown(clocks: Sequence[TestClock]) -> list[dict[str, Any]]:
    last = practice.last_advances(clock_ids=[clock.id for clock in clocks])
    return [_one(clock, last.get(clock.id)) for clock in clocks]


def _one(clock: TestClock, last: Advance | None) -> dict[str, Any]:
    return {
        "object": "test_clock",
        "id": ids.text("test_clock", clock.id),
        "name": clock.name,
        "status": clock.state,
        "frozen_time": clock.at.astimezone(UTC),
        "merchant": ids.text("merchant", clock.shop_id) if clock.shop_id else None,
        "key": ids.text("api_key", clock.key_id) if clock.key_id else None,
        "created_at": clock.made_at.astimezone(UTC),
        "deletes_at": None if clock.deleted_at else clock.deletes_at.astimezone(UTC),
        "deleted_at": clock.deleted_at.astimezone(UTC) if clock.deleted_at else None,
        "advance": _way(last) if last else None,
    }


def _way(last: Advance) -> dict[str, Any]:
    return {
        "from_time": last.from_at.astimezone(UTC),
        "to_time": last.to_at.astimezone(UTC),
        "days": last.days,
        "days_done": last.days_done,
        "failure": {"code": last.failure_code, "detail": last.failure_detail} if last.failure_code else None,
    }


_CLOCKS: Final = "/v1/test_helpers/test_clocks"
_CLOCK: Final = f"{_CLOCKS}/{{test_clock_id}}"
SCOPE: Final = "sandbox.use"

ROUTES: Final = (
    Route("POST", _CLOCKS, SCOPE, create, NewTestClock, TestClockMade, 201, False, "Make a test book with a clock of its own"),
    Route("GET", _CLOCKS, SCOPE, listed, None, TestClockList, 200, False, "List test clocks, newest first", LISTING.parameters),
    Route("GET", _CLOCK, SCOPE, show, None, TestClockShown, 200, False, "Show a test clock, and how far it is"),
    Route("POST", f"{_CLOCK}/advance", SCOPE, advance, ClockAdvance, AdvanceBegun, 202, False, "Take a test clock forward"),
    Route("DELETE", _CLOCK, SCOPE, delete, None, TestClockDeleted, 200, False, "Delete a test clock"),
)  # fmt: skip
