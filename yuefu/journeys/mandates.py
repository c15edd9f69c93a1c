"""Mandates: a consumer lets us take what falls due by ourselves, and may end that at any time.

A mandate is stored before the channel is asked for it. The off switch is thrown here first and told to the channel afterwards: what was
planned is not sent any more, whether the channel answers or not. `poll` asks and tells until both sides know the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day, unless_held_up
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import NewMandate, Revocation
from yuefu.payments.rules import Mandate, MandateResult, SignOrder
from yuefu.runtime import stops
from yuefu.runtime.batch import Quarantined

POLLED_AT_ONCE = 2_000


def today(desk: Desk, now: datetime) -> date:
    """The day it is where the book is: channels know no cut-off of ours."""
    return desk.book.day_of(now)


def sign(*, desk: Desk, now: datetime, requests: Sequence[NewMandate]) -> list[Mandate | Refused | Quarantined]:
    """Asks the channel for mandates. One outcome a request, in order: `signing` where the channel has not said yet, `failed` where it refused.

    Refused as `payments.begin_mandates` refuses.
    """
    local = today(desk, now)
    begun = in_batches(
        desk,
        now,
        "mandate.sign",
        requests,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: payments.begin_mandates(work=work, requests=given, today=local)),
    )
    waiting = {one.reference: one for one in begun if isinstance(one, Mandate) and one.state == "signing"}
    _ask(desk, now, list(waiting.values()), ask_first=any(one.begun_at < now for one in waiting.values()))
    ids = [one.id for one in begun if isinstance(one, Mandate)]
    stand = payment_book.mandates(book_id=desk.book.id, ids=ids)
    return [stand[one.id] if isinstance(one, Mandate) else one for one in begun]


def revoke(*, desk: Desk, now: datetime, revocations: Sequence[Revocation]) -> list[Mandate | Refused | Quarantined]:
    """Ends mandates from this moment on, then tells the channel. One outcome a request, in order; refused as `payments.revoke_mandates` refuses."""
    ended = in_batches(
        desk,
        now,
        "mandate.revoke",
        revocations,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: payments.revoke_mandates(work=work, revocations=given)),
    )
    _tell(desk, now, [one for one in ended if isinstance(one, Mandate) and one.told_at is None])
    stand = payment_book.mandates(book_id=desk.book.id, ids=[one.id for one in ended if isinstance(one, Mandate)])
    return [stand[one.id] if isinstance(one, Mandate) else one for one in ended]


def book(*, desk: Desk, now: datetime, results: Sequence[MandateResult]) -> list[Mandate | Refused | Quarantined]:
    """Keeps what the channel says of mandates, asked or by itself: one that ended there is lost. One outcome a result, in order."""
    return in_batches(
        desk,
        now,
        "mandate.book",
        results,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: payments.settle_mandates(work=work, results=given)),
    )


def expire(*, desk: Desk, now: datetime) -> int:
    """Ends the mandates whose last day has passed; returns how many. The channel is told by `poll`."""
    with open_day(desk, now) as work:
        return 0 if isinstance(work, Refused) else payments.expire_mandates(work=work, on=today(desk, now), limit=POLLED_AT_ONCE)


def poll(*, desk: Desk, now: datetime, limit: int = POLLED_AT_ONCE) -> int:
    """Asks the channel for mandates it has not answered yet, and tells it of those that we ended. Returns how many it was about.

    What the channel never heard of is asked for again, under the same reference. In a read-only book nobody is asked.
    """
    if stops.read_only(book_id=desk.book.id, now=now):
        return 0
    waiting = payment_book.mandates_to_poll(book_id=desk.book.id, before=now, limit=limit)
    _ask(desk, now, [one for one in waiting if one.state == "signing"], ask_first=True)
    _tell(desk, now, [one for one in waiting if one.state != "signing"])
    return len(waiting)


def _ask(desk: Desk, now: datetime, signing: Sequence[Mandate], *, ask_first: bool) -> None:
    """Asks for mandates: those that an earlier call may have reached the channel with are looked for there first."""
    asked = desk.channel.query_mandates(references=[one.reference for one in signing], now=now) if ask_first and signing else {}
    orders = [
        SignOrder(one.reference, one.kind, one.instrument, str(one.consumer_id), one.limit, one.valid_until)
        for one in signing
        if one.reference not in asked
    ]
    results = [*asked.values(), *(desk.channel.sign_mandates(orders=orders, now=now) if orders else ())]
    unless_held_up(lambda given: book(desk=desk, now=now, results=given), results)


def _tell(desk: Desk, now: datetime, ended: Sequence[Mandate]) -> None:
    if ended:
        results = desk.channel.revoke_mandates(references=[one.reference for one in ended], now=now)
        unless_held_up(lambda given: book(desk=desk, now=now, results=given), results)
