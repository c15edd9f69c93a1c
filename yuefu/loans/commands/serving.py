"""Loans of rule version 2026-2 of orders: paid, refunded, and payments taken off again.

What a loan cannot take of the money that came for it never stays with it: it leaves by a fact of its own (CreditRefunded), is owed back to its consumer,
and goes back from there. So a loan is what it is whatever becomes of that money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, Literal
from uuid import UUID, uuid5

from yuefu.errors import Refused
from yuefu.loans.commands import living
from yuefu.loans.commands.applying import ALREADY_APPLIED, Applied, GoodsRefund, Repayment
from yuefu.loans.commands.living import ALREADY_ENTERED, Entered, NewFact, NotPosted
from yuefu.loans.commands.reversing import Reversal, Reversed, excess_gone, refusal
from yuefu.loans.queries import keeping, served
from yuefu.loans.queries.levelled import Repayment as Recorded
from yuefu.loans.queries.served import BoughtDown, TakenOut
from yuefu.loans.rules import BEFORE_DISBURSEMENT, FUTURE_DATED, Life
from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import LOAN_WRITTEN_OFF, Undone
from yuefu.plans.lifecycle.quotes import payoff_amount
from yuefu.plans.lifecycle.terms import Excess, PaidBy
from yuefu.plans.lifecycle.work import LoanState
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

Kind = Literal["repaid", "refunded"]

_APPLIED: Final = {
    "id": "uuid",
    "loan_id": "uuid",
    "no": "integer",
    "kind": "text",
    "effective_on": "date",
    "amount_minor": "bigint",
    "principal_minor": "bigint",
    "interest_minor": "bigint",
    "charges_minor": "bigint",
    "excess_minor": "bigint",
    "reverses": "uuid",
}


def apply(*, work: UnitOfWork, kind: Kind, requests: Sequence[Repayment | GoodsRefund]) -> list[Applied | Refused]:
    """Credits money to loans, each seeing those before it. One outcome each, in order; refusals as `applying` has them, and as a loan refuses."""
    outcomes: dict[int, Applied | Refused] = {}
    for wave in _one_of_each_loan([request.loan_id for request in requests]):
        outcomes.update(zip(wave, _apply(work, kind, [requests[index] for index in wave]), strict=True))
    return [outcomes[index] for index in range(len(requests))]


def _one_of_each_loan(loan_ids: Sequence[UUID]) -> list[list[int]]:
    """The positions of what is asked, parted so that each part asks one thing of a loan: nearly always all of it at once."""
    waves: list[list[int]] = []
    seen: Counter[UUID] = Counter()
    for index, loan_id in enumerate(loan_ids):
        if seen[loan_id] == len(waves):
            waves.append([])
        waves[seen[loan_id]].append(index)
        seen[loan_id] += 1
    return waves


def _apply(work: UnitOfWork, kind: Kind, requests: Sequence[Repayment | GoodsRefund]) -> list[Applied | Refused]:
    begun = served.begun_on([request.loan_id for request in requests])
    bought = served.bought_down([r.loan_id for r in requests if isinstance(r, GoodsRefund) and r.discount_returned.minor])
    lost = served.locked_as_written_off([request.loan_id for request in requests if isinstance(request, GoodsRefund)])
    outcomes = [_refusal(work, begun.get(request.loan_id), request) for request in requests]
    ending = _ending(work, requests)
    facts: list[NewFact] = []
    at: dict[int, int] = {}
    for index, (request, refused) in enumerate(zip(requests, outcomes, strict=True)):
        if refused is None:
            facts += _bought_less(request, bought)
            at[index] = len(facts)
            if request.loan_id in lost:
                facts.append(_recovered(request))
                continue
            event = e.PaidOff(request.effective_on, request.amount) if request.source_id in ending else _paid(request)
            facts.append(NewFact(request.source_id, request.loan_id, event, kind))
    entered = living.enter(work=work, facts=facts)
    done = {index: entered[position] for index, position in at.items()}
    late = [i for i, one in done.items() if isinstance(one, Refused) and one.code == LOAN_WRITTEN_OFF]
    done |= zip(late, living.enter(work=work, facts=[_recovered(requests[i]) for i in late]) if late else [], strict=True)
    applied = {i: _applied(requests[i], one) for i, one in done.items() if isinstance(one, Entered)}
    _take_out(work, [(one, _last_on(done[i])) for i, one in applied.items() if one.excess.minor])
    _record(work, kind, [(requests[i], one, _no(done[i])) for i, one in applied.items()])
    told = {i: applied.get(i) or _as_applied(one) for i, one in done.items()}
    return [refused or told[index] for index, refused in enumerate(outcomes)]


def _refusal(work: UnitOfWork, begun: date | None, request: Repayment | GoodsRefund) -> Refused | None:
    if begun is not None and request.effective_on < begun:
        return Refused(BEFORE_DISBURSEMENT, f"the loan began on {begun}", "effective_on")
    if request.effective_on > work.day.on:
        return Refused(FUTURE_DATED, f"the business day is {work.day.on}", "effective_on")
    return None


def _ending(work: UnitOfWork, requests: Sequence[Repayment | GoodsRefund]) -> set[UUID]:
    """The sources of repayments that end their loans to the cent. (By the terms of some loans a payment of what ends them would pay instalments to
    come instead.)"""
    asked = [request for request in requests if isinstance(request, Repayment) and request.ends]
    kept = keeping.lock(work.book.id, [request.loan_id for request in asked]) if asked else {}
    found = set()
    for request in asked:
        life = kept[request.loan_id].life if request.loan_id in kept else None
        in_order = life is not None and life.waits_for is None and life.state.last_on <= request.effective_on.toordinal()
        simple = life is not None and in_order and not life.state.overpaid and life.status == "active"
        if life is not None and simple and payoff_amount(life.state, request.effective_on) == request.amount:
            found.add(request.source_id)
    return found


def _as_applied(outcome: Entered | Refused) -> Refused:
    assert isinstance(outcome, Refused), "what was entered is told as applied"
    if outcome.code == ALREADY_ENTERED:
        return Refused(ALREADY_APPLIED, "this was applied before", "source_id")
    return outcome


def _paid(request: Repayment | GoodsRefund) -> e.Paid:
    if isinstance(request, GoodsRefund):
        return e.Paid(request.effective_on, request.amount, by=PaidBy.MERCHANT_REFUND, interest_refund=True)
    return e.Paid(request.effective_on, request.amount, excess=request.ahead or Excess.KEEP)


def _bought_less(request: Repayment | GoodsRefund, bought: Mapping[UUID, BoughtDown]) -> list[NewFact]:
    """What the merchant gets back of what it pays for a loan: as if it had paid that much less from the beginning."""
    if not isinstance(request, GoodsRefund) or not request.discount_returned.minor:
        return []
    before = bought[request.loan_id]
    left = Money(before.minor, request.amount.currency) - request.discount_returned
    undone = NewFact(uuid5(request.source_id, "undone"), request.loan_id, Undone(before.no), with_next=True)
    if not left.minor:
        return [undone]
    source = uuid5(request.source_id, "bought_down")
    return [undone, NewFact(source, request.loan_id, e.BoughtDown(before.on, left), with_next=True)]


def _recovered(request: Repayment | GoodsRefund) -> NewFact:
    """What comes in for a loan that was written off: what was given up comes in again, from the consumer or from the merchant; what is more than that
    is the consumer's, also where something that is entered later makes it so."""
    by = PaidBy.MERCHANT_REFUND if isinstance(request, GoodsRefund) else PaidBy.REPAYMENT
    return NewFact(request.source_id, request.loan_id, e.Recovered(request.effective_on, request.amount, by=by, capped=True), "recovered")


def _applied(request: Repayment | GoodsRefund, entered: Entered) -> Applied:
    """What became of an amount, all of it: after a write-off it comes off what was lost, and what is more than that goes back."""
    currency = request.amount.currency
    if entered.life.state.written_off_on:
        zero, beyond = Money.zero(currency), Money(entered.life.state.overpaid - entered.before.state.overpaid, currency)
        return Applied(request.source_id, request.loan_id, request.amount - beyond, zero, beyond, is_closed(entered.life), zero)
    parts = [now - was for was, now in zip(_settled(entered.before), _settled(entered.life), strict=True)]
    parts[1] -= entered.life.tally.interest_refunded - entered.before.tally.interest_refunded  # no money of those who pay
    principal, interest, charges, excess = (Money(minor, currency) for minor in parts)
    assert principal + interest + charges + excess == request.amount, "money is applied to the cent"
    return Applied(request.source_id, request.loan_id, principal, interest, excess, is_closed(entered.life), charges)


def _settled(life: Life) -> tuple[int, int, int, int]:
    """Principal, interest and charges paid so far, and what stands beside them."""
    rows, state = life.state.rows(), life.state
    charges = sum(rows.fees_paid) + sum(rows.penalties_paid)
    return sum(rows.principal_paid) - state.lent_again, sum(rows.interest_paid), charges, state.overpaid


def is_closed(life: Life) -> bool:
    """Whether nothing of a loan is owed any more."""
    return life.status in {"closed", "overpaid"}


def _last_on(outcome: Entered | Refused) -> date:
    assert isinstance(outcome, Entered), "what was applied was entered"
    return date.fromordinal(outcome.life.state.last_on)


def _no(outcome: Entered | Refused) -> int:
    assert isinstance(outcome, Entered), "what was applied was entered"
    return outcome.no


def _take_out(work: UnitOfWork, owed: Sequence[tuple[Applied, date]]) -> None:
    """What loans could not take leaves them on the day of their last event, and is owed to their consumers."""
    if not owed:
        return
    facts = [
        NewFact(uuid5(one.source_id, "excess"), one.loan_id, e.CreditRefunded(on, one.excess), "excess", owed_back=True) for one, on in owed
    ]
    for outcome in living.enter(work=work, facts=facts):
        assert isinstance(outcome, Entered), f"what a loan could not take leaves it: {outcome}"


def release_credit(*, work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[Applied]:
    """What loans of orders that have ended keep of their consumers' money leaves them today, and is owed back: something that was entered since asks
    less of them than was paid. One a loan that keeps anything, with all of it as its excess."""
    ended = served.overpaid(work.book.id, loan_ids=loan_ids)
    kept = keeping.lock(work.book.id, ended) if ended else {}
    lives = {i: life for i, life in living.lives_on(kept, work.day.on).items() if life.status == "overpaid"}
    facts = [
        NewFact(source, i, e.CreditRefunded(work.day.on, lives[i].state.credit_balance), owed_back=True)
        for i, source in zip(lives, work.ids.many(work.now, len(lives)), strict=True)
    ]
    freed: list[Applied] = []
    rows: list[tuple[Any, ...]] = []
    for fact, done in zip(facts, living.enter(work=work, facts=facts) if facts else [], strict=True):
        assert isinstance(done, Entered), f"what an ended loan keeps leaves it: {done}"
        amount = lives[fact.loan_id].state.credit_balance
        zero = Money.zero(amount.currency)
        freed.append(Applied(fact.source_id, fact.loan_id, zero, zero, amount, True, zero))
        rows.append((fact.source_id, fact.loan_id, done.no, "credit_refunded", work.day.on, amount.minor, 0, 0, 0, amount.minor, None))
    insert_applied(work, rows)
    return freed


def _record(work: UnitOfWork, kind: str, applied: Sequence[tuple[Repayment | GoodsRefund, Applied, int]]) -> None:
    rows = [
        (
            *(one.source_id, one.loan_id, no, kind, request.effective_on, request.amount.minor),
            *(one.principal.minor, one.interest.minor, one.charges.minor, one.excess.minor, None),
        )
        for request, one, no in applied
    ]
    insert_applied(work, rows)


def insert_applied(work: UnitOfWork, rows: Sequence[tuple[Any, ...]]) -> None:
    """Records what became of money: a row each, as `_APPLIED` names its columns."""
    same = {"book_id": ("uuid", work.book.id)} | {"recorded_at": ("timestamptz", work.now), "recorded_on": ("date", work.day.on)}
    sql.insert("loans_applied", _APPLIED, rows, same=same)


def reverse(*, work: UnitOfWork, reversals: Sequence[Reversal]) -> list[Reversed | Refused]:
    """Takes repayments off their loans, each seeing those before it. One outcome each, in order; refusals as `reversing` has them."""
    found = served.repayments(work.book.id, [reversal.source_id for reversal in reversals])
    gone = {source for source, repayment in found.items() if repayment.reversed}
    outcomes: dict[int, Reversed | Refused] = {}
    for index, reversal in enumerate(reversals):
        refused = refusal(found, gone, reversal)
        if refused:
            outcomes[index] = refused
        gone.add(reversal.source_id)
    asked = [index for index in range(len(reversals)) if index not in outcomes]
    for wave in _one_of_each_loan([found[reversals[index].source_id].loan_id for index in asked]):
        which = [asked[position] for position in wave]
        outcomes.update(zip(which, _reverse(work, [reversals[index] for index in which], found), strict=True))
    return [outcomes[index] for index in range(len(reversals))]


class _OwedAgain(Exception):
    """What went back of loans would be owed again, by loan in minor units: other money pays now what the repayments did."""

    def __init__(self, minor: Mapping[UUID, int]) -> None:
        super().__init__(minor)
        self.minor = minor


def _reverse(work: UnitOfWork, wave: Sequence[Reversal], found: Mapping[UUID, Recorded]) -> list[Reversed | Refused]:
    """Reversals of as many loans: all at once, and where one of them is refused, one by one."""
    refused = excess_gone()
    try:
        return _reversed(work, wave, found, {})
    except _OwedAgain as again:
        stays = again.minor
    except NotPosted as error:
        refused, stays = _no_room(error), {}
    if stays and all(minor <= found[r.source_id].amount for r in wave if (minor := stays.get(found[r.source_id].loan_id, 0))):
        for first in (False, True):
            try:
                return _reversed(work, wave, found, stays, first=first)
            except NotPosted as error:
                refused = _no_room(error)
            except _OwedAgain:
                pass
    return [refused] if len(wave) == 1 else [one for each in wave for one in _reverse(work, [each], found)]


def _no_room(error: NotPosted) -> Refused:
    return replace(error.refused, detail=f"the credit line cannot take what would be owed again: {error.refused.detail}")


def _reversed(
    work: UnitOfWork, wave: Sequence[Reversal], found: Mapping[UUID, Recorded], stays: Mapping[UUID, int], *, first: bool = False
) -> list[Reversed | Refused]:
    """Takes repayments off their loans, all of them or none; as much of them as `stays`, by loan, takes the place of what went back, of the
    latest of it or of the `first` since, and is not owed back. Raises _OwedAgain where more of that would be owed again, NotPosted where a credit line
    has no room."""
    with sql.attempting():
        taken_out = served.taken_out(list(stays)) if stays else {}
        facts: list[NewFact] = []
        for reversal in wave:
            repayment = found[reversal.source_id]
            out = taken_out.get(repayment.loan_id, [])
            since = [one for one in reversed(out) if one.no > repayment.no] if first else out
            facts += _taken_back(reversal, repayment.loan_id, since, stays.get(repayment.loan_id, 0))
            facts.append(NewFact(reversal.id, repayment.loan_id, Undone(repayment.no), "reversed", owed_back=True))
        done = living.enter(work=work, facts=facts)
        entered = [one for one in done if isinstance(one, Entered)]
        assert len(entered) == len(done), f"what was paid can be taken off: {done}"
        before = {one.loan_id: one.before for one in reversed(entered)}
        after = {one.loan_id: one for one in entered}
        again = {i: one.life.state.lent_again - before[i].state.lent_again for i, one in after.items()}
        if any(minor > 0 for minor in again.values()):
            raise _OwedAgain({i: min(minor, _missing(after[i].life.state)) + stays.get(i, 0) for i, minor in again.items() if minor > 0})
        return _told(work, wave, found, [(before[found[r.source_id].loan_id], after[found[r.source_id].loan_id]) for r in wave], stays)


def _missing(state: LoanState) -> int:
    """The most that can be owed again, in minor units: after a write-off what came in later may have paid a part of it, and went back as well."""
    return max(state.given_up - state.recovered - state.overpaid, 0) if state.written_off_on else LARGEST_MINOR


def _taken_back(reversal: Reversal, loan_id: UUID, taken_out: Sequence[TakenOut], minor: int) -> list[NewFact]:
    """The facts by which so much of what left a loan never did."""
    facts: list[NewFact] = []
    for out in taken_out:
        taken = min(minor, out.amount.minor)
        if taken:
            minor -= taken
            facts.append(NewFact(uuid5(reversal.id, f"back:{out.no}"), loan_id, Undone(out.no), with_next=True))
        if taken and taken < out.amount.minor:
            rest = e.CreditRefunded(out.on, replace(out.amount, minor=out.amount.minor - taken))
            facts.append(NewFact(uuid5(reversal.id, f"rest:{out.no}"), loan_id, rest, with_next=True))
    return facts


def _told(
    work: UnitOfWork,
    wave: Sequence[Reversal],
    found: Mapping[UUID, Recorded],
    lives: Sequence[tuple[Life, Entered]],
    stays: Mapping[UUID, int],
) -> list[Reversed | Refused]:
    """Records reversals, each with its loan before it and as it was entered."""
    rows: list[tuple[Any, ...]] = []
    outcomes: list[Reversed | Refused] = []
    for reversal, (before, entered) in zip(wave, lives, strict=True):
        repayment = found[reversal.source_id]
        loan_id, amount, owed = repayment.loan_id, repayment.amount, repayment.amount - stays.get(repayment.loan_id, 0)
        parts = [now - was for was, now in zip(_settled(before), _settled(entered.life), strict=True)][:3]
        rows.append((reversal.id, loan_id, entered.no, "reversed", work.day.on, amount, *parts, owed, reversal.source_id))
        currency = entered.life.terms.currency
        outcomes.append(Reversed(reversal.id, reversal.source_id, loan_id, Money(amount, currency), Money(owed, currency)))
    insert_applied(work, rows)
    return outcomes
