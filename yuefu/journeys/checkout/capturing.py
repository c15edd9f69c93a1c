"""Capture: what the merchant is owed and the loan of the consumer, by one entry each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused
from yuefu.journeys.checkout.quoting import discount_of
from yuefu.journeys.checkout.values import NO_CONTRACT, NO_SUCH_PLAN, Captured
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans import rules as loan_rules
from yuefu.loans.commands import Acceptance, NewLoan
from yuefu.loans.rules import Dimensions
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import queries as products
from yuefu.offers.rules.product import MERCHANT
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, Taken
from yuefu.orders.queries import OfMerchant
from yuefu.orders.rules import Order
from yuefu.plans.terms import HIGHEST_RATE, LIVED, Terms
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import CaptureAccrual
from yuefu.settlement.rules import Item

Asked = tuple[int, ...]
"""What each instalment asks, or may ask, in minor units."""

RATE_STEP_PPM: Final = 50
MOST_RATES: Final = HIGHEST_RATE.ppm // RATE_STEP_PPM + 2
"""From the highest rate in the smallest steps down to none, and one more: no search is longer."""


def capture(*, desk: Desk, now: datetime, requests: Sequence[CaptureRequest]) -> list[Captured | Refused | Quarantined]:
    """Captures authorised orders, wholly or in part, and books one loan each. Refusals: see `orders.rules`; key_reused; and, without
    the key being used, no_contract or no_such_plan where the merchant's contract changed since.
    """
    return in_batches(desk, now, "capture", requests, lambda batch: on_open_day(desk, now, batch, _capture))


def _capture(work: UnitOfWork, requests: Sequence[CaptureRequest]) -> list[Captured | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, Captured | Refused]:
        done = orders.capture(work=work, requests={ids[i]: requests[i] for i in fresh})
        booked = _book(work, [t for t in done.values() if isinstance(t, Taken)])
        return {i: done[ids[i]] if isinstance(done[ids[i]], Refused) else booked[ids[i]] for i in fresh}  # type: ignore[misc]

    return keys.answer(
        work=work,
        scope=[keys.scope_of("order.capture", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: _without_contract(work, {i: requests[i].of_merchant for i in fresh}),
        decide=act,
        recall=_recall_captures,
    )


def _without_contract(work: UnitOfWork, order_of: Mapping[int, OfMerchant]) -> dict[int, Refused]:
    """Orders that could not be settled: the contract of the merchant changed since the consent. With another one they can be captured."""
    found = order_book.of_merchants(work.book.id, order_of.values())
    contracts = merchants.contracts_in_force(merchant_ids=sorted({o.merchant_id for o in found.values()}), on=work.day.on)
    payers = {p.id: p.terms.payer for p in products.products(ids=sorted({o.product_id for o in found.values()})).values()}
    refused = {}
    for index, name in order_of.items():
        order = found.get(name)
        if order is None or not order.remaining:
            continue
        contract = contracts.get(order.merchant_id)
        if contract is None:
            refused[index] = Refused(NO_CONTRACT, "the merchant has no contract in force any more", "order_id")
        elif payers[order.product_id] == MERCHANT and discount_of(contract, order.periods) is None:
            refused[index] = Refused(NO_SUCH_PLAN, f"the merchant pays for no plan of {order.periods} periods any more", "order_id")
    return refused


def _recall_captures(capture_ids: Sequence[UUID]) -> dict[UUID, Captured]:
    booked = loan_book.by_capture(capture_ids)
    return {c.id: Captured(c.order_id, c.id, booked[c.id], c.amount) for c in order_book.captures(capture_ids).values()}


def _book(work: UnitOfWork, taken: Sequence[Taken]) -> dict[UUID, Captured]:
    if not taken:
        return {}
    loan_ids = dict(zip([t.capture.id for t in taken], work.ids.many(work.now, len(taken)), strict=True))
    own_funds = work.book.id
    said = {p.id: p.terms for p in products.products(ids=sorted({t.order.product_id for t in taken})).values()}
    accruals = [
        CaptureAccrual(
            capture_id=t.capture.id,
            order_id=t.order.id,
            merchant_id=t.order.merchant_id,
            loan_id=loan_ids[t.capture.id],
            funder_id=own_funds,
            product=t.order.product,
            gross=t.amount,
            discount_periods=t.order.periods if said[t.order.product_id].payer == MERCHANT else None,
            earned_on=work.day.on,
            lived=t.order.rule_version == LIVED,
            channel=t.order.channel,
            periods=t.order.periods,
            host_id=t.order.host_id,
            category=t.order.category,
        )
        for t in taken
    ]
    spent, accepted = _spent(work, taken), _accepted(work, taken)
    new = []
    for t, item in zip(taken, settlement.accrue(work=work, items=accruals), strict=True):
        assert isinstance(item, Item), f"an authorised order can be settled: {item}"
        terms = replace(terms_of(t, work.day.on, spent.get(t.order.id, ())), late=said[t.order.product_id].late)
        if t.order.remaining:  # Else there is no later capture that has to know.
            spent[t.order.id] = [*spent.get(t.order.id, ()), loan_rules.asked_by(terms)]
        dims = _dimensions(t, loan_ids[t.capture.id], own_funds)
        new.append(NewLoan(dims, t.capture.id, t.order.id, terms, item.discount, accepted.get(t.order.id)))
    loans.book_loans(work=work, loans=new)
    return {t.capture.id: Captured(t.order.id, t.capture.id, loan_ids[t.capture.id], t.amount) for t in taken}


def _accepted(work: UnitOfWork, taken: Sequence[Taken]) -> dict[UUID, Acceptance]:
    """What consumers agreed to, by order, of those whose loans keep it: which cost table, shown since when, accepted when the order was placed."""
    ours = [t.order for t in taken if t.order.rule_version == LIVED and t.order.disclosure_id is not None]
    if not ours:
        return {}
    tables = products.disclosures(ids=sorted({o.disclosure_id for o in ours if o.disclosure_id}), book_id=work.book.id)
    shown = products.quotes(ids=sorted({o.quote_id for o in ours if o.quote_id}), book_id=work.book.id)
    placed = order_book.placed_at(order_ids=[order.id for order in ours])
    accepted = {}
    for order in ours:
        assert order.disclosure_id is not None
        table, quote, at = tables[order.disclosure_id], shown.get(order.quote_id) if order.quote_id else None, placed[order.id]
        since = min(quote.shown_at, at) if quote else None
        accepted[order.id] = Acceptance(table.id, table.disclosure.hash, table.disclosure.template_version, since, at)
    return accepted


def _spent(work: UnitOfWork, taken: Sequence[Taken]) -> dict[UUID, Sequence[Asked]]:
    """Order → what its captures before this batch asked when they were made. What refunds took off since is not given to later ones."""
    again = sorted({t.order.id for t in taken if t.capture.number > 1})
    before = loan_book.on_book_of(again, work.day.on, book_id=work.book.id) if again else {}
    return {order_id: [loan_rules.asked_by(held.terms) for held in loans] for order_id, loans in before.items()}


def _dimensions(taken: Taken, loan_id: UUID, funder_id: UUID) -> Dimensions:
    order = taken.order
    assert order.credit_account_id is not None
    return Dimensions(
        loan_id, order.id, order.merchant_id, order.consumer_id, order.credit_account_id, funder_id, order.product, order.currency
    )


def terms_of(taken: Taken, on: date, spent: Sequence[Asked]) -> Terms:
    """The terms of a capture: the calendar as shown, interest from today. `spent` is what earlier captures of the order ask.

    All captures of an order together ask no more than was shown, on each due day and in total: each leaves room for the principal that
    is still uncaptured, so that without interest there are always terms that fit. Where equal instalments do not, they are made to fit
    below what is left of those shown; where even that is too much, the rate is lowered until it fits (ADR 0006).
    """
    order = taken.order
    plain = _terms(order, taken.amount, on)
    if taken.capture.amount == order.amount and (on == order.placed_on or not order.annual_rate_ppm):
        return plain  # The very loan that was shown: nearly every capture is.
    left = _left(order, spent)
    allowed = sum(left) - order.remaining
    assert taken.capture.amount <= allowed, f"the captures of {order.id} cost more than was shown: {taken.amount} where {allowed} is left"
    if _too_much(loan_rules.asked_by(plain), left, allowed) <= 0:
        return plain
    return _lowered(replace(plain, ceilings=left), allowed)


def _terms(order: Order, amount: Money, on: date) -> Terms:
    assert order.first_due_on is not None
    rate, count = Rate(order.annual_rate_ppm), DayCount(order.day_count)
    return Terms(amount, order.periods, rate, count, on, order.first_due_on, order.due_day, order.rule_version)


def _left(order: Order, spent: Sequence[Asked]) -> Asked:
    """What is left of each instalment shown."""
    shown = loan_rules.asked_by(_terms(order, Money(order.amount, order.currency), order.placed_on))
    assert sum(shown) == order.shown_total, f"what was shown of {order.id} came to {order.shown_total}, its terms to {sum(shown)}"
    return tuple(most - sum(asked) for most, *asked in zip(shown, *spent, strict=True))


def _too_much(asked: Asked, left: Asked, allowed: int) -> int:
    """By how much a schedule goes beyond what was shown, in total or with one instalment."""
    return max(sum(asked) - allowed, *(one - most for one, most in zip(asked, left, strict=True)))


def _lowered(terms: Terms, allowed: int) -> Terms:
    assert terms.ceilings is not None
    for _ in range(MOST_RATES):
        asked = loan_rules.asked_by(terms)
        excess = _too_much(asked, terms.ceilings, allowed)
        if excess <= 0:
            return terms
        # Interest is all but proportional to the rate: what is too much says about how far to go.
        rate, interest = terms.annual_rate.ppm, sum(asked) - terms.principal.minor
        terms = replace(terms, annual_rate=Rate(max(rate - max(RATE_STEP_PPM, rate * excess // max(interest, 1)), 0)))
    raise AssertionError(f"a loan without interest costs its principal: {terms}")
