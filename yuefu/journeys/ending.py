"""Early settlement: what a quote asks is collected by one payment, and each of its loans ends by its part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import repayment
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.journeys.repayment import Repaid, RepaidTogether, instrument_fault
from yuefu.loans import queries as loan_book
from yuefu.papers import commands as papers
from yuefu.papers import queries as paper_book
from yuefu.papers.commands import UseQuote
from yuefu.papers.rules.quotes import PayoffQuote
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import Part, TogetherAttempt
from yuefu.payments.rules import Collection
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, UnitOfWork

NOT_OF_AN_ORDER: Final = "not_of_an_order"  # a loan that was moved here from another core is not collected for by itself yet
PAY_QUOTE: Final = "paper.pay"


@dataclass(frozen=True, slots=True)
class PayQuote:
    """Collect what a quote asks and end its loans. `key` is the consumer's."""

    key: str
    consumer_id: UUID
    quote_id: UUID
    instrument: str
    by: Actor | None = field(default=None, compare=False)


def pay(*, desk: Desk, now: datetime, requests: Sequence[PayQuote]) -> list[RepaidTogether | Refused | Quarantined]:
    """Collects each quote by one payment; what succeeds ends its loans on the day on which the channel took the money.

    One outcome a request, in order. Refused with instrument_invalid or not_of_an_order, after which the key may be used again; with unknown_quote (also
    another consumer's), quote_used, quote_expired, quote_stale, nothing_owed, no_money_account or key_reused: nothing is collected with any of them.
    A quote whose payment failed stays used: ask for a new one. Where something happened to a loan before the answer came, the money pays what is
    owed by then, and what is too much goes back.
    """
    begun = in_batches(desk, now, PAY_QUOTE, requests, lambda batch: on_open_day(desk, now, batch, _attempt))
    told = repayment.collect(desk=desk, now=now, begun=[one for one in begun if isinstance(one, Collection)])
    return [_together(told[one.id]) if isinstance(one, Collection) else one for one in begun]


def _together(outcome: Repaid | RepaidTogether | Quarantined) -> RepaidTogether | Quarantined:
    assert not isinstance(outcome, Repaid), "what a quote asks is collected over its loans"
    return outcome


def _attempt(work: UnitOfWork, requests: Sequence[PayQuote]) -> list[Collection | Refused]:
    new = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> Mapping[int, Collection | Refused]:
        uses = [UseQuote(requests[i].quote_id, requests[i].consumer_id, new[i]) for i in fresh]
        taken_up = dict(zip(fresh, papers.use(work=work, uses=uses), strict=True))
        quotes = {i: quote for i, quote in taken_up.items() if isinstance(quote, PayoffQuote)}
        attempts = {new[i]: TogetherAttempt(requests[i].consumer_id, requests[i].instrument, _parts(work, quotes[i])) for i in quotes}
        stored = payments.attempt_together(work=work, attempts=attempts)
        refused = {i: quote for i, quote in taken_up.items() if isinstance(quote, Refused)}
        return refused | {i: stored[new[i]] for i in quotes}

    return keys.answer(
        work=work,
        scope=[keys.scope_of(PAY_QUOTE, request.consumer_id) for request in requests],
        requests=requests,
        object_ids=new,
        validate=lambda fresh: _faults(work, {i: requests[i] for i in fresh}),
        decide=decide,
        recall=lambda known: payment_book.collections(book_id=work.book.id, ids=known),
    )


def _faults(work: UnitOfWork, requests: Mapping[int, PayQuote]) -> dict[int, Refused]:
    """Why some cannot be paid; what of a quote may change until its loans are locked is for who takes it up."""
    quotes = paper_book.quotes(book_id=work.book.id, ids=sorted({request.quote_id for request in requests.values()}))
    ours = loan_book.on_book(sorted({one.loan_id for quote in quotes.values() for one in quote.loans}), work.day.on, book_id=work.book.id)
    faults = {}
    for index, request in requests.items():
        quote = quotes.get(request.quote_id)
        fault = instrument_fault(request.instrument)
        if quote is not None and any(one.loan_id not in ours for one in quote.loans):
            fault = fault or Refused(
                NOT_OF_AN_ORDER, "a loan of this quote came from another core: it is not collected for here", "quote_id"
            )
        if fault:
            faults[index] = fault
    return faults


def _parts(work: UnitOfWork, quote: PayoffQuote) -> tuple[Part, ...]:
    loans = loan_book.on_book([one.loan_id for one in quote.loans], work.day.on, book_id=work.book.id)
    owed = [(loans[one.loan_id].dims, one.total) for one in quote.loans if one.total]
    return tuple(Part(dims.loan_id, dims.order_id, dims.funder_id, amount, ahead="settle") for dims, amount in owed)
