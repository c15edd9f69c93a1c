"""QR codes: made by merchants, scanned by consumers, whom they lead to the page of a checkout session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.checkout.places import Places
from yuefu.journeys.checkout.sessions import NewSession, Opened, open_sessions
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown as Seller
from yuefu.merchants.rules.stores import Store
from yuefu.money.amounts import Money
from yuefu.orders.commands import qr as commands
from yuefu.orders.queries import checkout as sessions
from yuefu.orders.queries import qr as queries
from yuefu.orders.rules import checkout as rules
from yuefu.orders.rules.qr import UNKNOWN_QR_CODE, AmountBy, QrCode
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, UnitOfWork

SCANNED_FOR_S: Final = 15 * 60
"""How long a session is open that somebody opened by keying an amount in."""
BROKE: Final = "broke"
NO_SUCH_SESSION: Final = "no_such_session"


@dataclass(frozen=True, slots=True)
class NewQrCode:
    """A code of a session, or of a store or till with who says the amount."""

    key: str
    merchant_id: UUID
    session_id: UUID | None = None
    store_id: UUID | None = None
    terminal_id: UUID | None = None
    amount_by: AmountBy = "cashier"
    by: Actor | None = field(default=None, compare=False)

    @property
    def channel(self) -> str:
        return "store"


@dataclass(frozen=True, slots=True)
class Made:
    code: QrCode


@dataclass(frozen=True, slots=True)
class Scan:
    """What a code that was scanned leads to: a session, or else its store, where an amount has to be keyed in or waited for."""

    code: QrCode
    seller: Seller
    store: Store | None
    session_id: UUID | None
    closed: bool


def make(*, desk: Desk, now: datetime, requests: Sequence[NewQrCode]) -> list[Made | Refused | Quarantined]:
    """Makes QR codes. Refused, without the key being used, with store_not_selling, terminal_not_selling, no_such_session or checkout_over;
    key_reused.
    """
    return in_batches(desk, now, "make_qr_code", requests, lambda batch: on_open_day(desk, now, batch, _make))


def _make(work: UnitOfWork, requests: Sequence[NewQrCode]) -> list[Made | Refused]:
    ids = work.ids.many(work.now, len(requests))
    found = sessions.sessions([one.session_id for one in requests if one.session_id])
    places = Places.of(requests)

    def fault(new: NewQrCode) -> Refused | None:
        if new.session_id is None:
            return places.fault(new)
        session = found.get(new.session_id)
        if session is None or session.merchant_id != new.merchant_id:
            return Refused(NO_SUCH_SESSION, "there is no such checkout session of yours", "checkout_session")
        return rules.over(session, work.now)

    def act(fresh: list[int]) -> Mapping[int, Made | Refused]:
        made = {i: _code(work, ids[i], requests[i], places, found) for i in fresh}
        commands.make(work=work, codes=list(made.values()))
        return {i: Made(code) for i, code in made.items()}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("qr_code.create", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=ids,
        validate=lambda given: {i: refused for i in given if (refused := fault(requests[i]))},
        decide=act,
        recall=lambda known: {i: Made(code) for i, code in queries.codes(known).items()},
    )


def _code(work: UnitOfWork, code_id: UUID, new: NewQrCode, places: Places, found: Mapping[UUID, rules.Session]) -> QrCode:
    if new.session_id:
        until = found[new.session_id].expires_at
        return QrCode(code_id, new.merchant_id, "dynamic", None, None, new.session_id, "", work.now, until)
    return QrCode(code_id, new.merchant_id, "static", places.store_of(new), new.terminal_id, None, new.amount_by, work.now, None)


def scan(*, now: datetime, code_id: UUID) -> Scan | Refused:
    """Where a code leads now. Writes nothing. Refused with unknown_qr_code."""
    code = queries.codes([code_id]).get(code_id)
    if code is None:
        return Refused(UNKNOWN_QR_CODE, "there is no such code", "qr_code_id")
    seller = merchants.shown(ids=[code.merchant_id])[code.merchant_id]
    if code.kind == "dynamic" or code.store_id is None:
        return Scan(code, seller, None, code.session_id, closed=False)
    sold = NewQrCode("", code.merchant_id, store_id=code.store_id, terminal_id=code.terminal_id)
    places = Places.of([sold])
    closed = places.fault(sold) is not None
    waiting = code.amount_by == "cashier" and not closed
    there = sessions.latest_open_at(store_id=code.store_id, terminal_id=code.terminal_id, now=now) if waiting else None
    return Scan(code, seller, places.stores.get(code.store_id), there, closed)


def key_in(*, desk: Desk, now: datetime, code_id: UUID, amount: Money, form: str) -> UUID | Refused:
    """Opens a session of the amount that a consumer keyed in, once for each `form` that was sent to them. Refused with unknown_qr_code, or with what a
    session is.
    """
    code = queries.codes([code_id]).get(code_id)
    if code is None or code.amount_by != "consumer":
        return Refused(UNKNOWN_QR_CODE, "there is no such code at which an amount is keyed in", "qr_code_id")
    request = NewSession(
        key=f"qr {code.id} {form}",
        merchant_id=code.merchant_id,
        merchant_reference=f"QR-{form}",
        amount=amount,
        channel="store",
        store_id=code.store_id,
        terminal_id=code.terminal_id,
        expires_in_s=SCANNED_FOR_S,
    )
    (done,) = open_sessions(desk=desk, now=now, requests=[request])
    if isinstance(done, Opened):
        return done.session.id
    return done if isinstance(done, Refused) else Refused(BROKE, "the session could not be opened")
