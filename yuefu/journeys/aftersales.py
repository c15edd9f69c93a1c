"""After-sales: return, part return, exchange, repair and price protection of an order, each step in one journey.

What a case does is told before it is done, by doing it and undoing that (`preview`), and told again afterwards from what it changed (`effects`).
Money only goes back as a refund of the merchant: the order, its loans and the settlement see what they see of any refund. Nothing is ever lent by a
case: dearer goods are paid for outside the loan, or by an order that the consumer agrees to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from yuefu.aftersales import commands, queries, rules
from yuefu.aftersales.commands import Taken
from yuefu.aftersales.queries import Back, Change
from yuefu.aftersales.rules import Asked, Bought, Case
from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.journeys.refund import Excess
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Pause
from yuefu.loans.queries import served
from yuefu.loans.rules import Asks, OnBook
from yuefu.money.amounts import Money, total
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands import RefundRequest, TakenBack
from yuefu.orders.rules import Order
from yuefu.payments.rules import ChannelRefund
from yuefu.runtime import keys, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, Cause, UnitOfWork
from yuefu.settlement import queries as settlement_book

_OPEN: Final = "aftersale.open"
_STEP: Final = "aftersale.step"


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """Ask for something after a sale (`aftersales.rules.Asked`)."""

    key: str
    order_id: UUID
    asked: Asked
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StepRequest:
    """Take a case one step on, `to` one of agreed, declined, in_hand, done or cancelled. `by_merchant`: the merchant answers, who has so many days.
    `handed_on`: when goods came in, today unless given. `difference_paid`: by what the consumer paid for dearer goods.
    """

    key: str
    case_id: UUID
    to: str
    reason: str
    by_merchant: bool = False
    handed_on: date | None = None
    difference_paid: str = ""
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class MerchantSide:
    """What a case costs the merchant of one capture: net = gross − fee − discount, all below zero, in the batch of the day it settles on,
    or once the sale has one."""

    capture_id: UUID
    gross: Money
    fee: Money
    discount: Money
    net: Money
    fee_on_refund: str
    settles_on: date | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step does, to the cent: the refund, what of it goes back to the consumer and from which collections, what interest and charges are not
    asked any more, each instalment before and after, and the merchant's side. `paused_until`: the loans rest while the goods are away."""

    refunded: Money
    owed_back: Money
    interest_less: Money
    charges_less: Money
    instalments: tuple[Change, ...]
    merchant: tuple[MerchantSide, ...]
    back: tuple[Back, ...]
    paused_until: date | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A step that a case took, the `no`-th, with what it did."""

    case_id: UUID
    no: int
    state: str
    effect: Effect


class _No(Exception):
    """A step that cannot be taken: what was done for it is undone."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused)
        self.refused = refused


def ask(*, desk: Desk, now: datetime, requests: Sequence[CaseRequest]) -> list[Case | Refused | Quarantined]:
    """Opens cases. One outcome a request, in order, a known key the case as it stands; refused as `aftersales.rules` says, and with case_open."""
    return in_batches(desk, now, _OPEN, requests, lambda batch: on_open_day(desk, now, batch, _ask))


def _ask(work: UnitOfWork, requests: Sequence[CaseRequest]) -> list[Case | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, Case | Refused]:
        given = queries.policy_of(work.book.id, work.day.on)
        locked = order_book.lock_any(work.book.id, sorted({requests[i].order_id for i in fresh}))
        taken = queries.open_kinds(book_id=work.book.id, order_ids=sorted(locked))
        outcomes: dict[int, Case | Refused] = {}
        for i in fresh:
            outcome = outcomes[i] = _opened(work, ids[i], requests[i], locked, taken, given)
            if isinstance(outcome, Case):
                taken.add((outcome.order_id, outcome.asked.kind))
        return outcomes

    def recall(known: Sequence[UUID]) -> dict[UUID, Case]:
        return queries.cases(book_id=work.book.id, ids=known)

    return keys.answer(work=work, scope=_OPEN, requests=requests, object_ids=ids, decide=act, recall=recall)


def _opened(
    work: UnitOfWork,
    case_id: UUID,
    request: CaseRequest,
    locked: dict[UUID, Order],
    taken: set[tuple[UUID, str]],
    given: rules.Policy,
) -> Case | Refused:
    order = locked.get(request.order_id)
    if order is None:
        return Refused(rules.UNKNOWN_ORDER, "there is no such order in this book", "order_id")
    bought = _bought(order)
    if refused := rules.fault_of(request.asked, bought, work.day.on, given):
        return refused
    if (order.id, request.asked.kind) in taken:
        return Refused(rules.CASE_OPEN, f"this order has an open case of the kind {request.asked.kind}: end that first", "order_id")
    return commands.open_case(work=work, case_id=case_id, asked=request.asked, bought=bought, given=given)


def _bought(order: Order) -> Bought:
    captured, kept = (Money(minor, order.currency) for minor in (order.captured, order.captured - order.refunded))
    since = min((capture.captured_on for capture in order.captures), default=None)
    return Bought(order.id, order.merchant_id, order.consumer_id, captured, kept, since)


def take(*, desk: Desk, now: datetime, requests: Sequence[StepRequest]) -> list[Moved | Refused | Quarantined]:
    """Takes cases one step on, each in order, with all that it means for order, loans, settlement and money. One outcome a request; a known key
    has its first one. Refused with unknown_case or as `aftersales.rules`, the order or its loans refuse; a refused step changes nothing.
    """
    return refunding.giving_back(desk, now, _STEP, requests, _take)


def _take(work: UnitOfWork, requests: Sequence[StepRequest], begun: list[ChannelRefund]) -> list[Moved | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, Moved | Refused]:
        queries.cases(book_id=work.book.id, ids=[requests[i].case_id for i in fresh], lock=True)
        return {i: _one(work, ids[i], requests[i], begun) for i in fresh}

    def recall(known: Sequence[UUID]) -> dict[UUID, Moved]:
        taken = queries.steps_by_id(known)
        cases = queries.cases(book_id=work.book.id, ids=[step.case_id for step in taken.values()])
        told = {step_id: _stored_effects(work.book.id, [cases[step.case_id]]) for step_id, step in taken.items()}
        return {i: Moved(step.case_id, step.no, step.state, told[i][step.case_id, step.no]) for i, step in taken.items()}

    return keys.answer(
        work=work,
        scope=_STEP,
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: {i: refused for i in fresh if (refused := _fault_of_text(requests[i]))},
        decide=act,
        recall=recall,
    )


def _fault_of_text(request: StepRequest) -> Refused | None:
    for name, text, least in (("reason", request.reason, 1), ("difference_paid", request.difference_paid, 0)):
        if not least <= len(text) <= rules.LONGEST_TEXT or (text and (not text.isprintable() or not text.strip())):
            return Refused(rules.TEXT_INVALID, f"{name} has {least} to {rules.LONGEST_TEXT} printable characters", name)
    return None


def _one(work: UnitOfWork, step_id: UUID, request: StepRequest, begun: list[ChannelRefund]) -> Moved | Refused:
    found = queries.cases(book_id=work.book.id, ids=[request.case_id])
    case = found.get(request.case_id)
    if case is None:
        return Refused(rules.UNKNOWN_CASE, "there is no such case in this book", "case_id")
    on = work.day.on
    if refused := rules.step_fault(case, request.to, on=on, by_merchant=request.by_merchant, handed_on=request.handed_on):
        return refused
    attempts: list[ChannelRefund] = []
    try:
        with sql.attempting():
            taken = _carried_out(work, step_id, case, request, attempts)
            commands.take_step(work=work, taken=taken)
    except _No as no:
        return no.refused
    begun += attempts
    return Moved(case.id, taken.after.no, taken.after.state, _effect(work.book.id, taken.after, taken.changes, taken.back))


def _carried_out(work: UnitOfWork, step_id: UUID, case: Case, request: StepRequest, begun: list[ChannelRefund]) -> Taken:
    """What a step means, done: everything but the step itself. Raises _No."""
    after = replace(case, no=case.no + 1, state=request.to, difference_paid=request.difference_paid or case.difference_paid)
    if request.to == "in_hand":
        after = replace(after, handed_on=request.handed_on or work.day.on)
    before = _loans_of(work, case)
    if case.asked.kind == "repair" and request.to in ("in_hand", "done", "declined"):
        after = _rest(work, after, goods_back=request.to != "in_hand")
    attempts: list[ChannelRefund] = []
    if request.to == "done":
        after, attempts = _given_back(work, step_id, after)
    attempts += refunding.release(
        work, [one.dims.loan_id for one in before.values()]
    )  # days that bear no interest may ask less than was paid
    begun += attempts
    changes = _changes(before, _loans_of(work, case))
    return Taken(step_id, case, after, request.reason, changes, _back(attempts))


def _given_back(work: UnitOfWork, step_id: UUID, case: Case) -> tuple[Case, list[ChannelRefund]]:
    """Refunds what a case gives back. Raises _No."""
    order = order_book.lock_any(work.book.id, [case.order_id])[case.order_id]
    amount = rules.gives_back(case, _bought(order).kept, case.difference_paid)
    if isinstance(amount, Refused):
        raise _No(amount)
    if not amount.minor:
        return case, []
    refund_id = uuid5(step_id, "refund")
    work.claimed[refund_id] = work.claimed[step_id]  # What the refund leads to, the key of the step led to.
    request = RefundRequest(str(step_id), case.merchant_id, case.order_id, amount)
    done = orders.refund(work=work, requests={refund_id: request})[refund_id]
    if isinstance(done, Refused):
        raise _No(done)
    assert isinstance(done, TakenBack)
    excess: list[Excess] = []
    try:
        refunding.credit(work, [done], excess)
    except refunding.NotCredited as error:
        raise _No(error.refused) from error
    return replace(case, refund_id=refund_id, refunded=amount), refunding.attempt(work=work, excesses=excess)


def _back(attempts: Sequence[ChannelRefund]) -> tuple[Back, ...]:
    """What goes back, by collection: two captures of an order may be paid by parts of one payment."""
    found: dict[UUID, Money] = {}
    for one in attempts:
        found[one.collection_id] = found.get(one.collection_id, Money.zero(one.amount.currency)) + one.amount
    return tuple(Back(collection_id, amount) for collection_id, amount in sorted(found.items()))


def _rest(work: UnitOfWork, case: Case, *, goods_back: bool) -> Case:
    """Lets the loans of an order rest while its goods are repaired, and ends that today when they are back. Loans of rule version 2026-1 know no
    pauses and go on. Raises _No."""
    given = queries.policy_of(work.book.id, work.day.on)
    if case.handed_on is None or (goods_back and case.paused_until is None) or (not goods_back and given.repair_pauses == "nothing"):
        return case
    last = work.day.on if goods_back else case.handed_on + timedelta(days=given.repair_days - 1)
    held = loan_book.on_book_of([case.order_id], work.day.on, book_id=work.book.id).get(case.order_id, [])
    ids = [one.dims.loan_id for one in held]
    lived = [loan_id for loan_id, of_second in zip(ids, served.which(ids), strict=True) if of_second]
    begun = served.begun_on(lived)
    interest = given.repair_pauses == "arrears_and_interest"
    pauses = []
    for loan_id in lived:
        first = max(case.handed_on, begun[loan_id] + timedelta(days=1))  # interest of its first day is earned by a loan that rests already
        pauses.append(Pause(uuid5(case.id, f"pause:{loan_id}"), loan_id, first, max(last, first), interest))
    for outcome in loans.pause(work=work, pauses=pauses):
        if isinstance(outcome, Refused):
            raise _No(outcome)
    return replace(case, paused_until=max(last, *(one.last for one in pauses))) if pauses else case


def _loans_of(work: UnitOfWork, case: Case) -> dict[UUID, OnBook]:
    """The loans of a case's order by capture, as they are seen today."""
    held = loan_book.on_book_of([case.order_id], work.day.on, book_id=work.book.id).get(case.order_id, [])
    by_id = {one.dims.loan_id: one for one in held}
    captures = [capture.id for capture in order_book.captures_of([case.order_id])]
    return {capture_id: by_id[loan_id] for capture_id, loan_id in sorted(loan_book.by_capture(captures).items())}


def _changes(before: dict[UUID, OnBook], after: dict[UUID, OnBook]) -> tuple[Change, ...]:
    """All instalments of each loan that is not as before, by capture and number."""
    changes: list[Change] = []
    for capture_id, now in after.items():
        was = before[capture_id]
        if was.rows == now.rows:
            continue
        old, new = ({row.no: row for row in held.rows} for held in (was, now))
        for no in sorted(old.keys() | new.keys()):
            due_on = (new.get(no) or old[no]).due_on
            changes.append(Change(capture_id, no, due_on, _figures(old.get(no), now), _figures(new.get(no), now)))
    return tuple(changes)


def _figures(row: Asks | None, held: OnBook) -> tuple[Money, Money, Money, Money]:
    currency = held.dims.currency
    principal, interest, charges, unpaid = (row.principal, row.interest, row.charges, row.unpaid) if row else (0, 0, 0, 0)
    return Money(principal, currency), Money(interest, currency), Money(charges, currency), Money(unpaid, currency)


def _effect(book_id: UUID, case: Case, changes: Sequence[Change], back: Sequence[Back]) -> Effect:
    """What a step did, told from what it changed."""
    merchant: list[MerchantSide] = []
    if case.refund_id is not None and case.state == "done":
        shares = order_book.refund_shares([case.refund_id])[case.refund_id]
        items = settlement_book.items_of_sources(book_id=book_id, sources=[("refund", share.id) for share in shares])
        for share in shares:
            one = items["refund", share.id]
            merchant.append(MerchantSide(share.capture_id, one.gross, one.fee, one.discount, one.net, one.fee_on_refund, one.settles_on))
    nothing = Money.zero(case.currency)
    less = [total([one.before[part] - one.after[part] for one in changes], case.currency) if changes else nothing for part in (1, 2)]
    owed = total([one.amount for one in back], case.currency) if back else nothing
    refunded = case.refunded if case.state == "done" else nothing
    paid = sorted(merchant, key=lambda one: one.capture_id)
    return Effect(refunded, owed, less[0], less[1], tuple(changes), tuple(paid), tuple(back), case.paused_until)


def preview(*, desk: Desk, now: datetime, case_id: UUID, difference_paid: str = "") -> Effect | Refused:
    """What a case will do: for a repair when its goods come in, else when it is done; asked today, by doing it and undoing all of it. Nobody is told
    and nothing is sent. Refused as the step would be, and with step_not_possible where the case has ended.
    """
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        found = queries.cases(book_id=desk.book.id, ids=[case_id], lock=True)
        case = found.get(case_id)
        if case is None:
            return Refused(rules.UNKNOWN_CASE, "there is no such case in this book", "case_id")
        if case.state not in rules.OPEN:
            return Refused(rules.NOT_POSSIBLE, f"the case is {case.state}: what it did is told by `show`", "case_id")
        to = "in_hand" if case.asked.kind == "repair" and case.state != "in_hand" else "done"
        request = StepRequest("preview", case.id, to, "preview", difference_paid=difference_paid)
        step_id = work.ids.new(work.now)
        work.claimed[step_id] = Cause(request.key, desk.by)
        try:
            with sql.undone():
                taken = _carried_out(work, step_id, case, request, [])
                return _effect(desk.book.id, taken.after, taken.changes, taken.back)
        except _No as no:
            return no.refused


def effects(*, book_id: UUID, case_ids: Sequence[UUID]) -> dict[UUID, dict[int, Effect]]:
    """What the steps of cases did that changed something, by case and number of the step. For reads."""
    told: dict[UUID, dict[int, Effect]] = {case_id: {} for case_id in case_ids}
    cases = queries.cases(book_id=book_id, ids=case_ids)
    for (case_id, no), effect in _stored_effects(book_id, list(cases.values())).items():
        if effect.refunded.minor or effect.instalments or effect.paused_until:
            told[case_id][no] = effect
    return told


def _stored_effects(book_id: UUID, cases: Sequence[Case]) -> dict[tuple[UUID, int], Effect]:
    """By case and number of the step. What was refunded and sent back belongs to the step by which a case was done."""
    ids = [case.id for case in cases]
    steps, changes, backs = queries.steps(case_ids=ids), queries.changes(case_ids=ids), queries.backs(case_ids=ids)
    told: dict[tuple[UUID, int], Effect] = {}
    for case in cases:
        for step in steps[case.id]:
            done = step.state == "done"
            then = replace(
                case,
                state=step.state,
                refund_id=case.refund_id if done else None,
                refunded=case.refunded if done else Money.zero(case.currency),
                paused_until=step.paused_until,
            )
            told[case.id, step.no] = _effect(book_id, then, changes.get((case.id, step.no), []), backs.get(case.id, []) if done else [])
    return told
