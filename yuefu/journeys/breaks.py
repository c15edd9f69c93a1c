"""Breaks are dealt with: what is suggested, what one person may do, what a second one decides, and what moves money outside of these tables.

A fee and a difference written off are entries of the open day. A repayment that a bill shows goes the way of every other: the channel or the bank is
asked again, and what it says is booked as it always is; a refund that no bill shows is sent again under its reference, if its channel does not know it.
It is called outside of a transaction; a fix that broke off in between is carried out by
`carry_out`, which the worker does too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import debits, receipts, refund, repayment
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.money.amounts import Money
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import Closing, Taken
from yuefu.payments.gateways.ports import GatewayError
from yuefu.payments.rules import OPERATING, BankCredit, ChannelRefund, ChannelResult, RefundOrder
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import Ending, NewFix
from yuefu.reconciliation.queries import Break, BreakEvent, Fix
from yuefu.reconciliation.rules import fixes as rules
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, RESOLVE, WORKING, Working, working
from yuefu.reconciliation.rules.fixes import Case, Kind, Suggested
from yuefu.reconciliation.rules.matching import Outcome
from yuefu.runtime import approvals, policies, sql
from yuefu.runtime.approvals import Approval
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.logs import logger
from yuefu.runtime.values import UnitOfWork

UNKNOWN_BREAK: Final = "unknown_break"
NOT_PAID: Final = "not_paid"  # who is asked again does not say that it was paid
REFUSED_THERE: Final = "refused_there"  # the channel does not give this money back
NOT_BOOKED: Final = "not_booked"  # it was paid, and something keeps it from being booked: see its collection or receipt
_TOLD: Final = "told"

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A break whole: as a fix sees it, what is suggested today, what fits besides, what was asked for, and all that happened. `waits_until` is from
    when on it is worth a fix, where its other half may still come; `opposite` another break that would offset it; `ending` what a second person has to
    decide before it is ended by hand; `stated` what bill and books said became of the money.
    """

    found: Break
    case: Case
    suggested: tuple[Suggested, ...]
    besides: tuple[Suggested, ...]
    waits_until: date | None
    opposite: UUID | None
    fixes: tuple[Fix, ...]
    history: tuple[BreakEvent, ...]
    ending: Approval | None = None
    stated: tuple[str, str] = ("", "")


def working_of(book_id: UUID, on: date) -> Working:
    """The setting by which breaks of a book are worked on a day; as by default where it has none."""
    try:
        return working(policies.in_force(book_id=book_id, name=WORKING, on=on)[1])
    except policies.MissingSetting:
        return working(DEFAULT_WORKING)


def seen(*, desk: Desk, break_ids: Sequence[UUID], on: date) -> dict[UUID, Seen]:
    """Breaks with what is suggested on a day, by id; unknown ones are absent. Reads only; the bank is asked of receipts that it alone knows."""
    known = found.breaks_by_id(book_id=desk.book.id, ids=break_ids)
    breaks = list(known.values())
    by = working_of(desk.book.id, on)
    cases = found.cases(book_id=desk.book.id, breaks=breaks, told=_told(desk, breaks))
    fixes = found.fixes_of(book_id=desk.book.id, break_ids=break_ids)
    history = found.history(book_id=desk.book.id, break_ids=break_ids)
    waiting = approvals.waiting_about(book_id=desk.book.id, action=RESOLVE, object_ids=break_ids)
    endings = {one.object_id: one for one in reversed(waiting)}
    stated = found.stated(book_id=desk.book.id, break_ids=break_ids)
    opposites = found.opposite_breaks(book_id=desk.book.id, breaks=[(b.id, b.source, cases[b.id].difference) for b in breaks])
    first = {b.id: rules.suggested(cases[b.id], by, on) for b in breaks}
    return {
        b.id: Seen(
            found=b,
            case=cases[b.id],
            suggested=first[b.id],
            besides=tuple(one for one in rules.fitting(cases[b.id], by) if one not in first[b.id]),
            waits_until=until if b.state == "open" and (until := rules.waits_until(cases[b.id])) and on < until else None,
            opposite=opposites.get(b.id),
            fixes=tuple(fixes.get(b.id, ())),
            history=tuple(history.get(b.id, ())),
            ending=endings.get(b.id),
            stated=stated.get(b.id, ("", "")),
        )
        for b in breaks
    }


def ask(*, desk: Desk, now: datetime, fixes: Sequence[NewFix]) -> list[Fix | Refused | Quarantined]:
    """Asks for fixes and carries out those that one person may do. One outcome a request, in order, as it stands afterwards; those that wait for a
    second person have the approval they wait for.

    Refused as `reconciliation.ask_fixes` refuses.
    """
    known = found.breaks_by_id(book_id=desk.book.id, ids=sorted({f.break_id for f in fixes}))
    told = _told(desk, list(known.values()))

    def act(work: UnitOfWork, given: Sequence[NewFix]) -> list[Fix | Refused]:
        return reconciliation.ask_fixes(work=work, by=working_of(work.book.id, work.day.on), fixes=given, told=told)

    outcomes = in_batches(desk, now, "break.fix", fixes, lambda batch: on_open_day(desk, now, batch, act))
    carry_out(desk=desk, now=now, fix_ids=[one.id for one in outcomes if isinstance(one, Fix) and one.state == "approved"])
    stand = found.fixes_by_id(book_id=desk.book.id, ids=[one.id for one in outcomes if isinstance(one, Fix)])
    return [stand[one.id] if isinstance(one, Fix) else one for one in outcomes]


def decide(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> Fix | Refused:
    """A second person decides, within a transaction of the caller; what calls the outside and is approved is done by `carry_out` afterwards."""
    by = working_of(work.book.id, work.day.on)
    return reconciliation.decide_fix(work=work, by=by, approval_id=approval_id, approve=approve, reason=reason)


def end(*, work: UnitOfWork, ending: Ending) -> Break | UUID | Refused:
    """Ends a break by hand, or opens it again, within a transaction of the caller; above the limit what is returned is the approval that it waits for."""
    return reconciliation.end_break(work=work, by=working_of(work.book.id, work.day.on), ending=ending)


def decide_end(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> Break | Refused | None:
    """A second person decides whether a break is ended by hand, within a transaction of the caller."""
    return reconciliation.decide_ending(work=work, approval_id=approval_id, approve=approve, reason=reason)


def carry_out(*, desk: Desk, now: datetime, fix_ids: Sequence[UUID] | None = None) -> list[Fix]:
    """Carries out fixes that are approved and call the outside, some or all; what does not come true is dropped, with the reason, and a refund of which
    its channel says nothing goes on waiting.
    """
    if fix_ids is None:
        waiting = found.fixes_to_carry_out(book_id=desk.book.id)
    else:
        chosen = found.fixes_by_id(book_id=desk.book.id, ids=fix_ids) if fix_ids else {}
        waiting = [fix for fix in chosen.values() if fix.state == "approved"]
    breaks = found.breaks_by_id(book_id=desk.book.id, ids=[fix.break_id for fix in waiting])
    done = []
    for fix in waiting:  # each calls the outside and has a transaction of its own: there are few of them
        about = breaks[fix.break_id]
        if fix.kind is Kind.SEND_REFUND:
            done += _sent_again(desk, now, about, fix)
            continue
        code = _from_bank(desk, now, about) if about.source == "bank" else _from_channel(desk, now, about, fix.reason)
        with open_day(desk, now) as work:
            if not isinstance(work, Refused):
                done.append(reconciliation.finish_repayment(work=work, fix_id=fix.id, code=code))
    return done


def _sent_again(desk: Desk, now: datetime, about: Break, fix: Fix) -> list[Fix]:
    """Asks the channel of a refund, and gives it the refund once more where it does not know it: the reference is the same, so it pays it once. What we
    did not order, a charge-back, is never paid.
    """
    given = payment_book.refunds_by_reference(book_id=desk.book.id, references=[about.reference])[about.reference]
    if not given.is_ordered:
        with open_day(desk, now) as work:
            return [] if isinstance(work, Refused) else [reconciliation.finish_refund(work=work, fix_id=fix.id, code=rules.DOES_NOT_FIT)]
    answer = desk.channel.query(references=[given.reference], now=now).get(given.reference)
    known = answer is not None
    if answer is None:
        answer = _given_once_more(desk, now, given)
    if answer is not None and answer.outcome not in ("succeeded", "failed"):
        return []
    if answer is not None:
        refund.book(desk=desk, now=now, results=[answer])
    code = "" if answer is not None and answer.outcome == "succeeded" and answer.amount == given.amount else REFUSED_THERE
    with open_day(desk, now) as work:
        return [] if isinstance(work, Refused) else [reconciliation.finish_refund(work=work, fix_id=fix.id, known=known, code=code)]


def _given_once_more(desk: Desk, now: datetime, given: ChannelRefund) -> ChannelResult | None:
    """What the channel says of the refund that it is given again; None where it has something else under its reference."""
    try:
        (answer,) = desk.channel.refund(orders=[RefundOrder(given.reference, given.original_reference, given.amount)], now=now)
    except GatewayError as error:
        log.error("refund refused", refund=given.reference, error=repr(error))
        return None
    return answer


def _from_channel(desk: Desk, now: datetime, about: Break, reason: str) -> str:
    """Asks the channel again for a payment of ours and books what it says; why not, where nothing is booked."""
    answer = desk.channel.query(references=[about.reference], now=now).get(about.reference)
    if answer is None or answer.outcome != "succeeded":
        return NOT_PAID
    repayment.book(desk=desk, now=now, results=[answer])
    if _state(desk, about.reference) == "failed":  # it was told otherwise before: that somebody asked for this is what accepts it
        against = [
            one for one in payment_book.contradictions_listed(book_id=desk.book.id, limit=10_000) if one.reference == about.reference
        ]
        debits.close(desk=desk, now=now, closings=[Closing(one.id, accept=True, reason=reason) for one in against])
    return "" if _state(desk, about.reference) == "succeeded" else NOT_BOOKED


def _state(desk: Desk, reference: str) -> str:
    known = payment_book.collections_by_reference(book_id=desk.book.id, references=[reference]).get(reference)
    return known.state if known else ""


def _from_bank(desk: Desk, now: datetime, about: Break) -> str:
    """Books a receipt that the bank tells of and that was never heard of."""
    credit = _credits(desk, [about]).get(about.reference)
    if credit is None:
        return NOT_PAID
    (taken,) = receipts.take(desk=desk, now=now, came=[credit], heard_by="file")
    return "" if isinstance(taken, Taken) else NOT_BOOKED


def _told(desk: Desk, breaks: Sequence[Break]) -> Mapping[UUID, str]:
    """Receipts that the bank's statement shows, and of which the bank tells when it is asked."""
    asked = [b for b in breaks if b.source == "bank" and b.kind == "receipt" and b.cls == Outcome.MISSING_HERE and b.state == "open"]
    came = _credits(desk, asked) if asked else {}
    return {b.id: _TOLD for b in asked if b.reference in came}


def _credits(desk: Desk, asked: Sequence[Break]) -> dict[str, BankCredit]:
    account = payment_book.money_accounts(book_id=desk.book.id)[OPERATING]
    since = min(b.opened_on for b in asked)
    with sql.role():  # whoever reads: the bank of a test book has books that no reader sees
        return {credit.number: credit for credit in desk.bank.credits(account=account.number, since=since)}


# ------------------------------------------------------------------------------------------------------------------------------- a list


PAGE: Final = 50
CURSOR_MALFORMED: Final = "cursor_malformed"


@dataclass(frozen=True, slots=True)
class Row:
    """A break in a list: what is left of its difference, how old it is, whether it should have been dealt with before today, and whether what was asked
    for `waits` for a second person.
    """

    public_id: str
    found: Break
    difference: Money
    age_days: int
    overdue: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of breaks, the oldest first; `next_cursor` is "" on the last."""

    rows: tuple[Row, ...]
    next_cursor: str


def listed(
    *, book_id: UUID, on: date, state: str | None = "open", source: str | None = None, waiting: bool = False, cursor: str = ""
) -> Listed | Refused:
    """Breaks of one state or all, or those alone that are `waiting` for a second person, from behind `cursor` on. Refused with cursor_malformed. Reads
    only.
    """
    try:
        after = ids.parse("break", cursor) if cursor else None
    except ids.BadId:
        return Refused(CURSOR_MALFORMED, "this is not a place in the list", "after")
    breaks = found.breaks_listed(book_id=book_id, state=state, source=source, waiting=waiting, after=after, limit=PAGE + 1)
    fixes = found.fixes_of(book_id=book_id, break_ids=[b.id for b in breaks[:PAGE]])
    waits = {fix.break_id for each in fixes.values() for fix in each if fix.state == "waiting"}
    waits |= approvals.waiting_for(book_id=book_id, action=RESOLVE, object_ids=[b.id for b in breaks[:PAGE]])
    cases = found.cases(book_id=book_id, breaks=breaks[:PAGE])
    rows = tuple(
        Row(ids.text("break", b.id), b, cases[b.id].difference, b.age_days(on), b.state == "open" and b.due_on < on, b.id in waits)
        for b in breaks[:PAGE]
    )
    return Listed(rows, rows[-1].public_id if len(breaks) > PAGE else "")
