"""Checkout sessions: a purchase that a consumer decides on, on our page; the merchant sends them there and is sent them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from django.conf import settings
from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api import carts, listing, notes
from yuefu.api.bodies import (
    Amount,
    Body,
    Code,
    ConsumerId,
    Currency,
    Metadata,
    MetadataShown,
    Named,
    NewMetadata,
    Nothing,
    StoreId,
    TerminalId,
    Text,
)
from yuefu.api.calls import Call
from yuefu.api.carts import Lines, LineShown
from yuefu.api.listing import CREATED, Listing, Page, an_id, one_of, text_of
from yuefu.api.problems import Fault, Problem
from yuefu.api.route import Route
from yuefu.journeys.checkout.sessions import Ended, EndSession, NewSession, Opened
from yuefu.merchants.rules import CHANNELS
from yuefu.merchants.rules.metadata import frozen
from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.offers.rules.wording import LANGUAGES
from yuefu.orders.queries import checkout as sessions
from yuefu.orders.rules.checkout import LONGEST_S, LONGEST_URL, SHORTEST_S, STATES, USUAL_S, Session
from yuefu.orders.rules.lines import Line
from yuefu.plans.terms import MOST_PERIODS
from yuefu.runtime import books, sql
from yuefu.runtime.paging import Span

Address = Annotated[
    str, Field(min_length=1, max_length=LONGEST_URL, pattern=r"^https?://[!-~]+$", examples=["https://shop.example/thanks"])
]
Periods = Annotated[int, Field(ge=1, le=MOST_PERIODS)]


class NewCheckoutSession(Body):
    """A purchase of so much, or of what is in the lines. `allowed_products` and `allowed_periods` are what the consumer may choose from; without them it is all
    that there is for the amount. `consumer` says for whom it is, where you know; `expires_in` is in seconds. Without
    addresses the consumer stays on the page, as at a till.
    """

    merchant_reference: Annotated[Text, Field(min_length=1, max_length=64, examples=["A-1001"])]
    amount: Amount | None = None
    currency: Currency
    lines: Lines | None = None
    channel: Literal[CHANNELS] = "online"  # type: ignore[valid-type]
    allowed_products: Annotated[list[Annotated[str, Field(pattern=Code, examples=["free"])]], Field(max_length=20)] | None = None
    allowed_periods: Annotated[list[Periods], Field(max_length=20)] | None = None
    success_url: Address | None = None
    cancel_url: Address | None = None
    consumer: ConsumerId | None = None
    language: Literal[LANGUAGES] | None = None  # type: ignore[valid-type]
    host: Annotated[Text, Field(pattern=Code, examples=["lin"])] | None = None
    category: Annotated[Text, Field(pattern=Code, examples=["phones"])] | None = None
    store: StoreId | None = None
    terminal: TerminalId | None = None
    metadata: Metadata = Field(default_factory=dict)
    expires_in: Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S)] = USUAL_S


class _Session(BaseModel):
    object: Literal["checkout_session"]
    id: str
    url: str
    merchant_reference: str
    channel: str
    amount: int
    currency: str
    lines: list[LineShown]
    allowed_products: list[str]
    allowed_periods: list[int]
    success_url: str | None
    cancel_url: str | None
    store: str | None
    terminal: str | None
    consumer: str | None
    language: str | None
    created_at: datetime
    expires_at: datetime
    metadata: dict[str, str]


class CheckoutSessionOpened(_Session):
    """A session as it was opened: send the consumer to `url`."""

    state: Literal["open"]
    order: None


class CheckoutSessionShown(_Session):
    """A session as it is at this moment. One that is completed has its order."""

    state: Literal[STATES]  # type: ignore[valid-type]
    order: Named | None


class CheckoutSessionList(Page[CheckoutSessionShown]):
    """A page of checkout sessions, newest first."""


class CheckoutSessionEnded(BaseModel):
    object: Literal["checkout_session"]
    id: str
    state: Literal["expired"]


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/checkout_sessions"""
    body = cast("NewCheckoutSession", call.body)
    lines = carts.lines_of(body.lines)
    request = NewSession(
        key=call.once,
        merchant_id=call.merchant_id,
        merchant_reference=body.merchant_reference,
        amount=_amount(body, lines),
        success_url=body.success_url or "",
        cancel_url=body.cancel_url or "",
        channel=body.channel,
        products=tuple(dict.fromkeys(body.allowed_products or ())),
        periods=tuple(sorted(set(body.allowed_periods or ()))),
        consumer_id=body.consumer,
        language=body.language or "",
        host=body.host or "",
        category=body.category or "",
        lines=lines,
        expires_in_s=body.expires_in,
        metadata=frozen(body.metadata),
        store_id=body.store,
        terminal_id=body.terminal,
        by=call.by,
    )
    done: Opened = await call.ask("open_session", request)
    return {**_told(done.session, done.lines), "state": "open", "order": None, "metadata": dict(request.metadata)}


def _amount(body: NewCheckoutSession, lines: Sequence[Line]) -> Money:
    minor = sum(line.amount for line in lines) if body.amount is None else body.amount
    if not 0 < minor <= LARGEST_MINOR:
        told = "give an amount, or lines that come to more than nothing" if not minor else "the lines come to too much"
        raise Problem("lines_do_not_add_up", told, faults=[Fault(told, pointer="#/amount")])
    return Money(minor, body.currency)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/checkout_sessions/{checkout_id}"""
    return await call.shown("checkout", lambda named: _read(named, _now(call)))


LISTING: Final = Listing(
    "checkout",
    "/v1/checkout_sessions",
    (
        text_of("merchant_reference", "Only those of this reference of yours."),
        one_of("state", STATES, "Only those in this state."),
        one_of("channel", CHANNELS, "Only those sold this way."),
        an_id("consumer", "consumer", "Only those that are for this consumer."),
        an_id("store", "store", "Only those of this store."),
        an_id("terminal", "terminal", "Only those of this till."),
        an_id("order", "order", "Only the one that became this order."),
        *CREATED,
    ),
)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/checkout_sessions"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        now = _now(call)
        page = sessions.page(merchant_id=merchant_id, where=where, span=span, now=now)
        return None if page is None else _shown(page, now)

    return await listing.page(call, LISTING, found)


async def expire(call: Call) -> dict[str, Any]:
    """POST /v1/checkout_sessions/{checkout_id}/expire"""
    request = EndSession(call.once, call.merchant_id, call.object_id("checkout"), by=call.by)
    done: Ended = await call.ask("expire_session", request)
    return {"object": "checkout_session", "id": ids.text("checkout", done.session.id), "state": "expired"}


async def update(call: Call) -> dict[str, Any]:
    """POST /v1/checkout_sessions/{checkout_id}"""
    return {**await notes.annotating("checkout")(call), "object": "checkout_session"}


def _now(call: Call) -> datetime:
    """Where the book is now: the clock of a test book may have been moved since its key was looked up."""
    book = call.holder.book
    if book.mode == "test":
        with sql.role():
            book = books.by_id(book.id) or book
    return books.now_in(book)


def _read(session_ids: Sequence[UUID], now: datetime) -> dict[UUID, dict[str, Any]]:
    found = sessions.sessions(session_ids)
    return dict(zip(found, _shown(list(found.values()), now), strict=True))


def _shown(found: Sequence[Session], now: datetime) -> list[dict[str, Any]]:
    noted = notes.noted("checkout", [one.id for one in found])
    in_carts = sessions.lines_of_sessions([one.id for one in found])
    return [
        {
            **_told(one, in_carts.get(one.id, ())),
            "state": one.state_at(now),
            "order": ids.text("order", one.order_id) if one.order_id else None,
            "metadata": noted(one.id),
        }
        for one in found
    ]


def _told(session: Session, lines: Sequence[Line]) -> dict[str, Any]:
    """What never changes of a session."""
    name = ids.text("checkout", session.id)
    return {
        "object": "checkout_session",
        "id": name,
        "url": f"{settings.YUEFU_PUBLIC_URL}/checkout/{name}/",
        "merchant_reference": session.merchant_reference,
        "channel": session.channel,
        "amount": session.amount.minor,
        "currency": session.amount.currency,
        "lines": carts.shown(lines),
        "allowed_products": list(session.products),
        "allowed_periods": list(session.periods),
        "success_url": session.success_url or None,
        "cancel_url": session.cancel_url or None,
        "store": ids.text("store", session.store_id) if session.store_id else None,
        "terminal": ids.text("terminal", session.terminal_id) if session.terminal_id else None,
        "consumer": ids.text("consumer", session.consumer_id) if session.consumer_id else None,
        "language": session.language or None,
        "created_at": session.created_at.astimezone(UTC),
        "expires_at": session.expires_at.astimezone(UTC),
    }


_SESSIONS: Final = "/v1/checkout_sessions"
_SESSION: Final = f"{_SESSIONS}/{{checkout_id}}"
_EXPANDS: Final = ("order",)

ROUTES: Final = (
    Route("POST", _SESSIONS, "checkout.create", create, NewCheckoutSession, CheckoutSessionOpened, 201, False, "Open a checkout session"),
    Route("GET", _SESSIONS, "order.read", listed, None, CheckoutSessionList, 200, False, "List checkout sessions, newest first", LISTING.parameters),
    Route("GET", _SESSION, "order.read", show, None, CheckoutSessionShown, 200, False, "Show a checkout session", expands=_EXPANDS),
    Route("POST", _SESSION, "checkout.create", update, NewMetadata, MetadataShown, 200, False, "Change the metadata of a checkout session"),
    Route("POST", f"{_SESSION}/expire", "checkout.create", expire, Nothing, CheckoutSessionEnded, 200, False, "Let a checkout session expire now: {}"),
)  # fmt: skip
