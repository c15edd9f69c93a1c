"""Checkout sessions: a merchant opens one, and it ends: by an order, by its merchant, by the consumer, or by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.checkout.authorising import authorise_in
from yuefu.journeys.checkout.labelling import LabelWish, labels
from yuefu.journeys.checkout.places import Places
from yuefu.journeys.checkout.shown import tables
from yuefu.journeys.checkout.values import (
    NO_PLAN,
    REFERENCE_TAKEN,
    UNKNOWN_CHANNEL,
    UNKNOWN_CONSUMER,
    UNKNOWN_HOST,
    UNKNOWN_LANGUAGE,
    UNKNOWN_QUOTE,
    Authorised,
    Purchase,
    reference_fault,
)
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.merchants.commands import metadata
from yuefu.merchants.commands.metadata import Note
from yuefu.merchants.queries import payees
from yuefu.merchants.rules import CHANNELS, category_fault
from yuefu.merchants.rules.metadata import Metadata
from yuefu.money.amounts import Money
from yuefu.offers import queries as offers
from yuefu.offers.rules.wording import LANGUAGES
from yuefu.orders import queries as order_book
from yuefu.orders.commands import checkout as commands
from yuefu.orders.commands.checkout import End
from yuefu.orders.queries import checkout as queries
from yuefu.orders.rules import checkout as rules
from yuefu.orders.rules.checkout import Session
from yuefu.orders.rules.lines import Line, cart_fault
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, Cause, UnitOfWork

ANY_LANGUAGE: Final = ""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A purchase that a merchant offers on our page, for so many seconds. What may be chosen from is named, or everything may; `consumer_id` is for
    whom it is, where the merchant knows. Without addresses the page is where the consumer stays.
    """

    key: str
    merchant_id: UUID
    merchant_reference: str
    amount: Money
    success_url: str = ""
    cancel_url: str = ""
    channel: str = "online"
    products: tuple[str, ...] = ()
    periods: tuple[int, ...] = ()
    consumer_id: UUID | None = None
    language: str = ANY_LANGUAGE
    host: str = ""
    category: str = ""
    lines: tuple[Line, ...] = ()
    expires_in_s: int = rules.USUAL_S
    metadata: Metadata = ()
    store_id: UUID | None = None
    terminal_id: UUID | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EndSession:
    """Let a session of the merchant expire now."""

    key: str
    merchant_id: UUID
    checkout_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Consent:
    """A consumer agrees to a plan that was shown to them in a session."""

    checkout_id: UUID
    consumer_id: UUID
    quote_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session as it was opened."""

    session: Session
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that is over."""

    session: Session


def open_sessions(*, desk: Desk, now: datetime, requests: Sequence[NewSession]) -> list[Opened | Refused | Quarantined]:
    """Opens checkout sessions. Refused, without the key being used, with whatever a purchase or a cart is refused with, url_invalid,
    expiry_invalid, unknown_language, merchant_reference_taken, or why there is no plan for the amount; with key_reused.
    """
    return in_batches(
        desk, now, "open_session", requests, lambda batch: on_open_day(desk, now, batch, lambda work, given: _open(desk, work, given))
    )


def _open(desk: Desk, work: UnitOfWork, requests: Sequence[NewSession]) -> list[Opened | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, Opened | Refused]:
        places = Places.of([requests[i] for i in fresh])
        made = {i: _session(work, ids[i], requests[i], places) for i in fresh}
        commands.open_sessions(work=work, sessions=list(made.values()), carts={ids[i]: requests[i].lines for i in fresh})
        metadata.begin(work=work, notes=[Note(requests[i].merchant_id, commands.KIND, ids[i], requests[i].metadata) for i in fresh])
        return {i: Opened(session, requests[i].lines) for i, session in made.items()}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("checkout.create", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=ids,
        validate=lambda given: _faults(desk, work, {i: requests[i] for i in given}),
        decide=act,
        recall=_recall,
    )


def _session(work: UnitOfWork, session_id: UUID, new: NewSession, places: Places) -> Session:
    return Session(
        *(session_id, new.merchant_id, new.merchant_reference, new.amount, new.channel, new.products, new.periods, new.success_url),
        *(new.cancel_url, new.consumer_id, new.language, new.host, new.category, "open", None, work.now),
        *(work.now + timedelta(seconds=new.expires_in_s), 1, places.store_of(new), new.terminal_id),
    )


def _faults(desk: Desk, work: UnitOfWork, given: Mapping[int, NewSession]) -> dict[int, Refused]:
    """What can be mended by whoever sent it."""
    book = work.book.id
    people = consumers.in_book(book_id=book, ids=sorted({new.consumer_id for new in given.values() if new.consumer_id}))
    hosts = payees.by_code(book_id=book, codes=codes) if (codes := sorted({new.host for new in given.values() if new.host})) else {}
    taken = order_book.taken_references(book, [(new.merchant_id, new.merchant_reference) for new in given.values()])
    wishes = [LabelWish(new.merchant_id, new.amount, new.products, new.periods, new.consumer_id) for new in given.values()]
    places = Places.of(given.values())
    plans = dict(zip(given, labels(desk=desk, now=work.now, wishes=wishes), strict=True))

    def fault(index: int, new: NewSession) -> Refused | None:
        live = work.book.mode == "live"
        if new.channel not in CHANNELS:
            return Refused(UNKNOWN_CHANNEL, f"a channel is one of {', '.join(CHANNELS)}", "channel")
        if new.language not in (ANY_LANGUAGE, *LANGUAGES):
            return Refused(UNKNOWN_LANGUAGE, f"the page is in one of {', '.join(LANGUAGES)}", "language")
        if new.consumer_id is not None and new.consumer_id not in people:
            return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
        host = hosts.get(new.host)
        if new.host and (host is None or (host.kind, host.state, new.channel) != ("host", "active", "live")):
            return Refused(UNKNOWN_HOST, f"{new.host:.40} is no active host of this book, or the order is not live", "host")
        if (new.merchant_id, new.merchant_reference) in taken:
            return Refused(REFERENCE_TAKEN, "an order has this reference already", "merchant_reference")
        offered = plans[index]
        return (
            reference_fault(new.merchant_reference)
            or (category_fault(new.category) if new.category else None)
            or (rules.url_fault(new.success_url, field="success_url", live=live) if new.success_url else None)
            or (rules.url_fault(new.cancel_url, field="cancel_url", live=live) if new.cancel_url else None)
            or places.fault(new)
            or rules.expiry_fault(new.expires_in_s)
            or cart_fault(new.lines, new.amount)
            or (
                offered
                if isinstance(offered, Refused)
                else None
                if offered
                else Refused(NO_PLAN, "no plan is offered for this amount", "amount")
            )
        )

    found = {index: fault(index, new) for index, new in given.items()}
    return {index: refused for index, refused in found.items() if refused}


def _recall(session_ids: Sequence[UUID]) -> dict[UUID, Opened]:
    carts = queries.lines_of_sessions(session_ids)
    return {i: Opened(session, carts.get(i, ())) for i, session in queries.sessions(session_ids).items()}


def expire_sessions(*, desk: Desk, now: datetime, requests: Sequence[EndSession]) -> list[Ended | Refused | Quarantined]:
    """Sessions that their merchants let expire. Refused with unknown_checkout, checkout_over or key_reused."""
    return in_batches(desk, now, "expire_session", requests, lambda batch: on_open_day(desk, now, batch, _expire))


def _expire(work: UnitOfWork, requests: Sequence[EndSession]) -> list[Ended | Refused]:
    def act(fresh: list[int]) -> dict[int, Ended | Refused]:
        # A batch may hold several of one session: each is a cause of its own.
        causes = {i: UUID(int=i + 1) for i in fresh}
        work.claimed.update({causes[i]: Cause(requests[i].key, requests[i].by or work.by) for i in fresh})
        ends = [End(requests[i].checkout_id, causes[i], requests[i].merchant_id) for i in fresh]
        done = commands.end(work=work, ends=ends, by="expired")
        return {i: one if isinstance(one, Refused) else Ended(one) for i, one in zip(fresh, done, strict=True)}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("checkout.expire", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=[request.checkout_id for request in requests],
        decide=act,
        recall=lambda known: {i: Ended(session) for i, session in queries.sessions(known).items()},
    )


def lapse(*, desk: Desk, now: datetime, limit: int = 2_000) -> int:
    """Writes down that up to `limit` sessions have run out, and tells it. Returns how many; call until it is 0."""
    done = lapse_sessions(desk=desk, now=now, checkout_ids=queries.running_out(desk.book.id, now, limit))
    return sum(isinstance(one, Ended) for one in done)


def lapse_sessions(*, desk: Desk, now: datetime, checkout_ids: Sequence[UUID]) -> list[Ended | Refused | Quarantined]:
    """Sessions whose time is over. Refused with checkout_over."""
    return in_batches(
        desk,
        now,
        "lapse_session",
        checkout_ids,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: _ended(work, given, by="expired", by_time=True)),
    )


def cancel(*, desk: Desk, now: datetime, checkout_ids: Sequence[UUID]) -> list[Ended | Refused | Quarantined]:
    """Sessions that their consumers leave. Refused with checkout_over."""
    return in_batches(
        desk,
        now,
        "cancel_session",
        checkout_ids,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: _ended(work, given, by="cancelled")),
    )


def _ended(work: UnitOfWork, checkout_ids: Sequence[UUID], *, by: rules.Ending, by_time: bool = False) -> list[Ended | Refused]:
    done = commands.end(work=work, ends=[End(i, i) for i in checkout_ids], by=by, by_time=by_time)
    return [one if isinstance(one, Refused) else Ended(one) for one in done]


def consent(*, desk: Desk, now: datetime, consents: Sequence[Consent]) -> list[Authorised | Refused | Quarantined]:
    """Places the orders that consumers agreed to, each session once in a call: decided as any other purchase, and an approved one completes
    its session by the same transaction. A session that is completed is answered with its order, whatever is sent; a declined one stays open.

    Refused with checkout_over, unknown_checkout, unknown_quote (not of this session) or with what `authorise` refuses.
    """
    assert len({one.checkout_id for one in consents}) == len(consents), "each session once"
    return in_batches(
        desk, now, "consent", consents, lambda batch: on_open_day(desk, now, batch, lambda work, given: _consent(desk, work, given))
    )


def _consent(desk: Desk, work: UnitOfWork, consents: Sequence[Consent]) -> list[Authorised | Refused]:
    sessions = queries.lock(work.book.id, [one.checkout_id for one in consents])
    carts = queries.lines_of_sessions(list(sessions))
    quotes = offers.agreed(ids=[one.quote_id for one in consents], book_id=work.book.id)
    shown = tables(work.book.id, quotes.values())
    outcomes: dict[int, Authorised | Refused] = {}
    purchases: dict[int, Purchase] = {}
    for index, one in enumerate(consents):
        session, quote = sessions.get(one.checkout_id), quotes.get(one.quote_id)
        plan = shown[quote.disclosure_id] if quote else None
        if session is not None and session.order_id is not None:
            outcomes[index] = _placed(session)
        elif refused := rules.over(session, work.now):
            outcomes[index] = refused
        elif session is None or session.consumer_id not in (None, one.consumer_id):
            outcomes[index] = Refused(UNKNOWN_CONSUMER, "the session is for somebody else", "consumer_id")
        elif plan is None or plan.terms.principal != session.amount or not session.allows(plan.product, plan.terms.periods):
            outcomes[index] = Refused(UNKNOWN_QUOTE, "it is no plan of this session", "quote_id")
        else:
            purchases[index] = _purchase(session, one, carts.get(session.id, ()))
    outcomes |= dict(zip(purchases, authorise_in(desk, work, list(purchases.values())), strict=True))
    approved = {i: done for i, done in outcomes.items() if i in purchases and isinstance(done, Authorised) and done.approved}
    commands.complete(work=work, orders={consents[i].checkout_id: done.order_id for i, done in approved.items()})
    return [outcomes[index] for index in range(len(consents))]


def _purchase(session: Session, given: Consent, lines: tuple[Line, ...]) -> Purchase:
    """Its key is made of session and quote: the same consent twice is one purchase, and one after a decline is another."""
    return Purchase(
        key=f"checkout {session.id} {given.quote_id}",
        merchant_id=session.merchant_id,
        merchant_reference=session.merchant_reference,
        consumer_id=given.consumer_id,
        quote_id=given.quote_id,
        channel=session.channel,
        by=given.by,
        host=session.host,
        category=session.category,
        lines=lines,
        store_id=session.store_id,
        terminal_id=session.terminal_id,
    )


def _placed(session: Session) -> Authorised:
    assert session.order_id is not None
    order = order_book.orders([session.order_id])[session.order_id]
    return Authorised(order.id, True, (), Money(order.amount, order.currency), order.expires_at)
