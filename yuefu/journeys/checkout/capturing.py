"""Capture: what the merchant is owed and the loan of the consumer, by one entry each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused
from yuefu.journeys.checkout.quoting import discount_of
from yuefu.journeys.checkout.values import NO_CONTRACT, NO_SUCH_PLAN, Captured
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans import rules as loan_rules
from yuefu.loans.commands import NewLoan
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
from yuefu.plans.terms import Terms
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import CaptureAccrual
from yuefu.settlement.rules import Item


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
    payers = {p.id: p.terms.payer for p in products.products(ids=sorted({t.order.product_id for t in taken})).values()}
    accruals = [
        CaptureAccrual(
            capture_id=t.capture.id,
            order_id=t.order.id,
            merchant_id=t.order.merchant_id,
            loan_id=loan_ids[t.capture.id],
            funder_id=own_funds,
            product=t.order.product,
            gross=t.amount,
            discount_periods=t.order.periods if payers[t.order.product_id] == MERCHANT else None,
            earned_on=work.day.on,
        )
        for t in taken
    ]
    new = []
    for t, item in zip(taken, settlement.accrue(work=work, items=accruals), strict=True):
        assert isinstance(item, Item), f"an authorised order can be settled: {item}"
        new.append(
            NewLoan(_dimensions(t, loan_ids[t.capture.id], own_funds), t.capture.id, t.order.id, terms_of(t, work.day.on), item.discount)
        )
    loans.book_loans(work=work, loans=new)
    return {t.capture.id: Captured(t.order.id, t.capture.id, loan_ids[t.capture.id], t.amount) for t in taken}


def _dimensions(taken: Taken, loan_id: UUID, funder_id: UUID) -> Dimensions:
    order = taken.order
    assert order.credit_account_id is not None
    return Dimensions(
        loan_id, order.id, order.merchant_id, order.consumer_id, order.credit_account_id, funder_id, order.product, order.currency
    )


def terms_of(taken: Taken, on: date) -> Terms:
    """The terms of a capture: the calendar as shown, interest from today. Rounding may put a cent more on the last instalment than
    was shown; then the rate is lowered until nothing costs more.
    """
    order = taken.order
    assert order.first_due_on is not None
    shown_total, shown_instalment = Money(order.shown_total, order.currency), Money(order.shown_instalment, order.currency)
    rate = order.annual_rate_ppm
    while True:
        terms = Terms(
            taken.amount, order.periods, Rate(rate), DayCount(order.day_count), on, order.first_due_on, order.due_day, order.rule_version
        )
        if loan_rules.terms_fit(terms, shown_total, shown_instalment) or rate == 0:
            return terms
        rate = max(rate - 50, 0)
