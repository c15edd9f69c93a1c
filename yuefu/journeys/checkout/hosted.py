"""The hosted page of a checkout session: what a consumer sees there and does, step by step, however often a step is repeated.

cart and prices → a code to the phone → the plans with the consumer's own due days → the cost table, kept as it is shown → consent. What stands in a
form is believed for nothing: who somebody is says the code that was confirmed, what a plan costs says the quote that was kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar, cast
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.consumers.commands import codes
from yuefu.consumers.queries import Shown as Person
from yuefu.consumers.rules import Code
from yuefu.errors import Refused
from yuefu.journeys.checkout.labelling import LabelWish, Plans, labels
from yuefu.journeys.checkout.quoting import quote
from yuefu.journeys.checkout.sessions import Consent, cancel, consent
from yuefu.journeys.checkout.shown import Shown, tables
from yuefu.journeys.checkout.values import UNKNOWN_QUOTE, Authorised, Quoted, Wish
from yuefu.journeys.desk import Desk, on_open_day
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown as Seller
from yuefu.offers import queries as offers
from yuefu.offers.rules.disclosure import Disclosure
from yuefu.offers.rules.wording import Language
from yuefu.orders.queries import checkout as queries
from yuefu.orders.rules import checkout as rules
from yuefu.orders.rules.checkout import Session, SessionState
from yuefu.orders.rules.lines import Line
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

O = TypeVar("O")

NOT_IDENTIFIED: Final = "not_identified"  # nobody has said who they are, or longer than an hour ago
NOBODY_KNOWN: Final = "nobody_known"  # the phone is that of no consumer, or of several
BROKE: Final = "broke"


@dataclass(frozen=True, slots=True)
class Visit:
    """A session as its page shows it. `asked` says that a code was sent, `known` that it was confirmed, `person` whose phone it is;
    `plans` are what there is to choose from, with the due days of that person.
    """

    session: Session
    state: SessionState
    seller: Seller
    lines: tuple[Line, ...]
    plans: Plans
    asked: bool
    known: bool
    person: Person | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """A plan of the session as it was shown to the person, and in which language."""

    quote_id: UUID
    language: Language
    disclosure: Disclosure
    plan: Shown
    shown_at: datetime


def visit(*, desk: Desk, now: datetime, session_id: UUID, code_id: UUID | None) -> Visit | Refused:
    """What the page shows. Refused with unknown_checkout. Writes nothing."""
    session = queries.sessions([session_id]).get(session_id)
    if session is None:
        return Refused(rules.UNKNOWN_SESSION, "there is no such checkout session", "checkout_id")
    state, code = session.state_at(now), _code(session, code_id, now)
    consumer = _who(session, code_id, now)
    plans: Plans = ()
    if state == "open":
        (found,) = labels(
            desk=desk, now=now, wishes=[LabelWish(session.merchant_id, session.amount, session.products, session.periods, consumer)]
        )
        plans = () if isinstance(found, Refused) else found
    return Visit(
        session,
        state,
        merchants.shown(ids=[session.merchant_id])[session.merchant_id],
        queries.lines_of_sessions([session_id]).get(session_id, ()),
        plans,
        code is not None and code.state == "asked",
        code is not None and code.state == "confirmed",
        consumers.shown(ids=[consumer], vault=desk.vault).get(consumer) if consumer else None,
    )


def _code(session: Session, code_id: UUID | None, now: datetime) -> Code | None:
    return consumers.code_in_use(code_id=code_id, subject_id=session.id, now=now) if code_id else None


def _who(session: Session, code_id: UUID | None, now: datetime) -> UUID | None:
    """Whose phone was confirmed."""
    code = _code(session, code_id, now)
    return code.consumer_id if code and code.state == "confirmed" else None


def send_code(*, desk: Desk, now: datetime, session_id: UUID, phone: str) -> UUID | Refused:
    """Sends a code to a phone. Refused with checkout_over, unknown_checkout or with what `consumers.codes.ask` refuses."""

    def act(work: UnitOfWork) -> UUID | Refused:
        session = queries.sessions([session_id]).get(session_id)
        refused = rules.over(session, work.now)
        if refused or session is None:
            return refused or Refused(rules.UNKNOWN_SESSION)
        return codes.ask(work=work, vault=desk.vault, phone=phone, subject_id=session_id, of=session.consumer_id)

    return _one(desk, now, act)


def confirm_code(*, desk: Desk, now: datetime, session_id: UUID, code_id: UUID, digits: str) -> Code | Refused:
    """Who has the code has the phone. Refused with code_wrong, code_over or nobody_known."""
    done = _one(desk, now, lambda work: codes.confirm(work=work, code_id=code_id, subject_id=session_id, digits=digits))
    if isinstance(done, Code) and done.consumer_id is None:
        return Refused(NOBODY_KNOWN, "the phone is not that of one consumer", "phone")
    return done


def _one(desk: Desk, now: datetime, act: Callable[[UnitOfWork], O | Refused]) -> O | Refused:
    """One thing of one person in a transaction of its own."""
    (done,) = on_open_day(desk, now, [None], lambda work, given: [act(work) for _ in given])
    return done


def choose(
    *, desk: Desk, now: datetime, session_id: UUID, code_id: UUID | None, product: str, periods: int, language: Language
) -> Quoted | Refused:
    """Shows a plan to the person who was identified, and keeps that: refused with not_identified, checkout_over, or with what a quote is."""
    known = _known(session_id, code_id, now)
    if isinstance(known, Refused):
        return known
    session, consumer = known
    if not session.allows(product, periods):
        return Refused(UNKNOWN_QUOTE, "it is no plan of this session", "product")
    (done,) = quote(desk=desk, now=now, wishes=[Wish(session.merchant_id, consumer, product, session.amount, periods, language)])
    return done


def _known(session_id: UUID, code_id: UUID | None, now: datetime) -> tuple[Session, UUID] | Refused:
    """An open session and who was identified in it."""
    session = queries.sessions([session_id]).get(session_id)
    refused = rules.over(session, now)
    if refused or session is None:
        return refused or Refused(rules.UNKNOWN_SESSION)
    who = _who(session, code_id, now)
    return (session, who) if who else Refused(NOT_IDENTIFIED, "say who you are first", "phone")


def agreement(*, desk: Desk, now: datetime, session_id: UUID, code_id: UUID | None, quote_id: UUID) -> Agreement | Refused:
    """The plan that was shown, to read it once more before one agrees. Refused with unknown_quote where it is none of this person and session."""
    known = _known(session_id, code_id, now)
    if isinstance(known, Refused):
        return known
    session, consumer = known
    agreed = offers.agreed(ids=[quote_id], book_id=desk.book.id).get(quote_id)
    if agreed is None or (agreed.merchant_id, agreed.consumer_id) != (session.merchant_id, consumer):
        return Refused(UNKNOWN_QUOTE, "it was not shown to you here", "quote_id")
    plan = tables(desk.book.id, [agreed])[agreed.disclosure_id]
    if plan.terms.principal != session.amount or not session.allows(plan.product, plan.terms.periods):
        return Refused(UNKNOWN_QUOTE, "it is no plan of this session", "quote_id")
    kept = offers.disclosures(ids=[agreed.disclosure_id], book_id=desk.book.id)[agreed.disclosure_id]
    shown = offers.quotes(ids=[quote_id], book_id=desk.book.id)[quote_id]
    return Agreement(quote_id, cast("Language", shown.language), kept.disclosure, plan, shown.shown_at)


def agree(*, desk: Desk, now: datetime, session_id: UUID, code_id: UUID | None, quote_id: UUID, table_hash: bytes) -> Authorised | Refused:
    """The person agrees to the cost table of this hash. Sent again, also after the session was completed, it does nothing more and is answered the same.

    Refused with not_identified, unknown_quote (another table was read), checkout_over, or with what a purchase is refused with.
    """
    session = queries.sessions([session_id]).get(session_id)
    who = _who(session, code_id, now) if session else None
    if who is None:
        return Refused(NOT_IDENTIFIED, "say who you are first", "phone")
    agreed = offers.agreed(ids=[quote_id], book_id=desk.book.id).get(quote_id)
    if agreed is None or bytes(agreed.table_hash) != table_hash or agreed.consumer_id != who:
        return Refused(UNKNOWN_QUOTE, "it is not what was shown to you here", "quote_id")
    (done,) = consent(desk=desk, now=now, consents=[Consent(session_id, who, quote_id)])
    return Refused(BROKE, "the order could not be placed") if isinstance(done, Quarantined) else done


def leave(*, desk: Desk, now: datetime, session_id: UUID) -> Session | Refused:
    """The consumer goes back to the shop without buying: the session is cancelled. One that is over is left as it is, and refused with checkout_over."""
    (done,) = cancel(desk=desk, now=now, checkout_ids=[session_id])
    if isinstance(done, Quarantined):
        return Refused(BROKE, "the session could not be ended")
    return done if isinstance(done, Refused) else done.session
