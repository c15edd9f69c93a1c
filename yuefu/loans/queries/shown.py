"""Loans of both rule versions as those who serve them look at them: each as it stands on a day, instalment by instalment, and what was entered of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.loans.queries import keeping, levelled
from yuefu.loans.queries.asked import ENDED
from yuefu.loans.queries.keeping import Bare, Kept
from yuefu.loans.queries.late_places import BUCKETS_OF_OLD
from yuefu.loans.rules import PARTS, Dated, Held, Party
from yuefu.money.amounts import Money
from yuefu.plans import loan as levelled_loan
from yuefu.plans.lifecycle.arrears import NOT_OVERDUE, Overdue, bucket_of, overdue_of
from yuefu.plans.lifecycle.fold import in_order, looked_at
from yuefu.plans.lifecycle.quotes import payoff_amount
from yuefu.plans.lifecycle.refunded import refunded_rows
from yuefu.plans.lifecycle.rows import Rows
from yuefu.plans.lifecycle.tally import Tally
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import Work
from yuefu.plans.loan import Row as LevelledRow
from yuefu.plans.terms import LEVELLED, LIVED, Terms
from yuefu.runtime import sql
from yuefu.runtime.logs import logger

STATES: Final = ("pending", "active", "overpaid", "closed", "written_off")
RowState = Literal["paid", "refunded", "given_up", "part_paid", "due", "overdue", "upcoming"]

log = logger(__name__)


@made_quickly
@dataclass(frozen=True, slots=True)
class Row:
    """What an instalment asks of each part, and what of all of it was `paid` by the consumer, `refunded` (settled by goods that went back, or by the
    lender) and `given_up`, in minor units. `no` counts from 1, in the order of the rows."""

    no: int
    due_on: date
    principal: int
    interest: int
    fees: int
    penalties: int
    paid: int
    refunded: int
    given_up: int

    @property
    def asked(self) -> int:
        """All that it ever asked."""
        return self.principal + self.interest + self.fees + self.penalties

    @property
    def unpaid(self) -> int:
        """What it still asks."""
        return self.asked - self.paid - self.refunded - self.given_up

    def state(self, on: date) -> RowState:
        """paid, refunded, given_up: nothing of it is asked any more, for which reason; else overdue, part_paid (by the consumer), due or upcoming."""
        if not self.unpaid:
            return "paid" if self.paid else "refunded" if self.refunded else "given_up" if self.given_up else "paid"
        if self.due_on < on:
            return "overdue"
        if self.paid:
            return "part_paid"
        return "due" if self.due_on == on else "upcoming"


@dataclass(frozen=True, slots=True)
class Owed:
    """What of a loan is unpaid of each part, due or not, in minor units."""

    principal: int
    interest: int
    fees: int
    penalties: int

    @property
    def all(self) -> int:
        return self.principal + self.interest + self.fees + self.penalties


@dataclass(frozen=True, slots=True)
class Look:
    """A loan as it stands on the day `on`. `credit` is what it keeps of its consumer's money, `payoff` what ends it today (None of 2026-1), `late` what
    is overdue, `seq` how many facts were entered. `set_aside`: a close could not go on with it; where it cannot be read either, this is what is kept of
    it, as it was left. Amounts in minor units."""

    party: Party
    terms: Terms | LoanTerms
    rule_version: str
    on: date
    status: str
    seq: int
    rows: tuple[Row, ...]
    owed: Owed
    late: Overdue
    credit: int
    payoff: int | None
    charged_off_on: date | None = None
    written_off_on: date | None = None
    set_aside: bool = False

    @property
    def days_past_due(self) -> int:
        return (self.on - self.late.since).days if self.late.since else 0

    @property
    def next_due(self) -> Row | None:
        """The oldest instalment that still asks something."""
        return min((row for row in self.rows if row.unpaid), key=lambda row: row.due_on, default=None)


def looks(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, Look]:
    """Loans of a book as they stand on a day, without locks; unknown ones are absent."""
    kept, unread = keeping.read_apart(book_id, loan_ids, on) if loan_ids else ({}, [])
    old = levelled.loans([i for i in loan_ids if i not in kept and i not in unread], book_id=book_id)
    refunded_old = _refunded_of_old(old)
    found: dict[UUID, Look] = {}
    written = keeping.facts_written(_refunded_in(kept))
    for loan_id, one in kept.items():
        try:
            found[loan_id] = _lived(one, _refunded(one, written[loan_id], on) if loan_id in written else None, on)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one loan, the others are told
            log.error("loan cannot be told", loan_id=str(loan_id), error=type(error).__name__)
            unread.append(loan_id)
    return found | _as_kept(book_id, unread, on) | {i: _levelled(one, refunded_old.get(i), on) for i, one in old.items()}


def refunded(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, dict[int, int]]:
    """What of each instalment, by its number, goods that went back or the lender settled, in minor units; a loan of which nothing was is absent."""
    kept = keeping.read_on(book_id, loan_ids, on) if loan_ids else {}
    old = levelled.loans([i for i in loan_ids if i not in kept], book_id=book_id)
    written = keeping.facts_written(_refunded_in(kept))
    found = {loan_id: _refunded(kept[loan_id], texts, on) for loan_id, texts in written.items()} | _refunded_of_old(old)
    return {loan_id: dict(enumerate(rows, start=1)) for loan_id, rows in found.items()}


def _refunded_in(kept: Mapping[UUID, Kept]) -> list[UUID]:
    return [loan_id for loan_id, one in kept.items() if _by_others(one.life.tally)]


def _refunded(one: Kept, written: Sequence[str], on: date) -> list[int]:
    known = in_order(keeping.read_facts(written))
    return refunded_rows(one.life.terms, [event for _, event in known if event.on <= on], on)


def _by_others(tally: Tally) -> int:
    return tally.refunded + tally.payout_refunded + tally.goodwill + tally.interest_refunded


def _refunded_of_old(held: Mapping[UUID, Held]) -> dict[UUID, list[int]]:
    """A refund of 2026-1 pays what is due and lowers the principal of what is to come: only what it paid is told here."""
    history = levelled.history(list(held), {i: one.state.terms for i, one in held.items()}) if held else {}
    some = {i: told for i, told in history.items() if any(isinstance(event, levelled_loan.Refunded) for event in told)}
    return {loan_id: _refunds_paid(told, [_paid_of(row) for row in held[loan_id].state.rows]) for loan_id, told in some.items()}


def _refunds_paid(told: Sequence[Dated], paid: Sequence[int]) -> list[int]:
    """What refunds paid of each row, of what is `paid` of it now."""
    state = levelled_loan.start(next(event for event in told if isinstance(event, levelled_loan.Disbursed)))
    found = [0] * len(state.rows)
    for event in sorted((event for event in told if not isinstance(event, levelled_loan.Disbursed)), key=lambda event: event.on):
        after, _ = levelled_loan.apply(state, event)
        if isinstance(event, levelled_loan.Refunded):
            rows = zip(found, after.rows, state.rows, strict=True)
            found = [had + _paid_of(now) - _paid_of(was) for had, now, was in rows]
        state = after
    return [min(pair) for pair in zip(found, paid, strict=True)]


def _paid_of(row: LevelledRow) -> int:
    return row.principal_paid + row.interest_paid


def _lived(one: Kept, refunded_: Sequence[int] | None, on: date) -> Look:
    life = one.life
    if not life.state.lent:
        nothing = Owed(0, 0, 0, 0)
        return Look(one.party, life.terms, LIVED, on, life.status, life.seq, (), nothing, NOT_OVERDUE, 0, None, set_aside=one.running.stuck)
    day = max(on, date.fromordinal(life.state.last_on))
    work = looked_at(life.state, day)
    state = work.kept(life.state.seq, life.state.last_rank, seen=True)
    return Look(
        one.party,
        life.terms,
        LIVED,
        on,
        state.status,
        life.seq,
        tuple(_row(work.rows, k, refunded_[k] if refunded_ else 0) for k in range(len(work.rows))),
        _owed(work),
        overdue_of(work),
        state.overpaid,
        None if state.status in ENDED else payoff_amount(life.state, day).minor,
        _day(state.charged_off_on),
        _day(state.written_off_on),
        one.running.stuck,
    )


def _as_kept(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, Look]:
    """Loans that nobody can open, by the rows that are kept of them: what of these was settled is told as paid."""
    if not loan_ids:
        return {}
    dues = keeping.dues(loan_ids)
    return {one.party.loan_id: _bare(one, dues.get(one.party.loan_id, []), on) for one in keeping.bare(book_id, loan_ids)}


def _bare(one: Bare, dues: Sequence[Sequence[Any]], on: date) -> Look:
    rows, unpaid = [], []
    for no, (_, _, _, due_on, *amounts) in enumerate(dues, start=1):
        asked, settled = amounts[: len(PARTS)], amounts[len(PARTS) :]
        rows.append(Row(no, due_on, asked[0], asked[1], asked[2], asked[3], sum(settled), 0, 0))
        unpaid.append((due_on, [minor - of_it for minor, of_it in zip(asked, settled, strict=True)]))
    late = [(due_on, parts) for due_on, parts in unpaid if due_on < on and any(parts)]
    overdue = Overdue(min(due_on for due_on, _ in late), one.bucket, *_by_part(late)) if late else NOT_OVERDUE
    return Look(
        one.party, one.terms, LIVED, on, one.status, one.seq, tuple(rows), Owed(*_by_part(unpaid)), overdue, 0, None, set_aside=True
    )


def _by_part(unpaid: Sequence[tuple[date, Sequence[int]]]) -> list[int]:
    return [sum(parts[k] for _, parts in unpaid) for k in range(len(PARTS))]


def _day(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if ordinal else None


def _row(rows: Rows, k: int, refunded_: int) -> Row:
    paid = rows.principal_paid[k] + rows.interest_paid[k] + rows.fees_paid[k] + rows.penalties_paid[k]
    off = rows.principal_off[k] + rows.interest_off[k] + rows.fees_off[k] + rows.penalties_off[k]
    asked = rows.principal[k], rows.interest[k], rows.fees[k], rows.penalties[k]
    return Row(k + 1, date.fromordinal(rows.due[k]), *asked, paid - refunded_, refunded_, off)


def _owed(work: Work) -> Owed:
    rows = work.rows
    return Owed(*(sum(getattr(rows, part)) - sum(getattr(rows, f"{part}_paid")) - sum(getattr(rows, f"{part}_off")) for part in PARTS))


def _levelled(held: Held, refunded_: Sequence[int] | None, on: date) -> Look:
    dims, state = held.dims, held.state
    rows = tuple(
        Row(row.no, row.due_on, row.principal, row.interest, 0, 0, row.principal_paid + row.interest_paid - back, back, 0)
        for row, back in zip(state.rows, refunded_ or [0] * len(state.rows), strict=True)
    )
    principal, interest = (sum(getattr(row, f"{part}_unpaid") for row in state.rows) for part in ("principal", "interest"))
    late = [row for row in state.rows if row.unpaid and row.due_on < on]
    overdue = NOT_OVERDUE
    if late:
        bucket = bucket_of(BUCKETS_OF_OLD, (on - late[0].due_on).days)
        overdue = Overdue(late[0].due_on, bucket, sum(row.principal_unpaid for row in late), sum(row.interest_unpaid for row in late))
    party = Party(
        dims.loan_id, dims.order_id, dims.merchant_id, dims.consumer_id, dims.credit_account_id, dims.funder_id, dims.product, dims.currency
    )
    status = "closed" if held.closed_on else "active"
    return Look(party, state.terms, LEVELLED, on, status, held.seq, rows, Owed(principal, interest, 0, 0), overdue, 0, None)


# --------------------------------------------------------------------------------------------------------------------------- the facts


@dataclass(frozen=True, slots=True)
class Fact:
    """What was entered of a loan, the `no`-th: `kind` as it is kept, of a payment with who gave it; `amount` where it names one; `undoes` an earlier one,
    or `undone_by` a later one."""

    no: int
    kind: str
    on: date | None
    amount: Money | None
    recorded_on: date
    recorded_at: datetime
    source_id: UUID
    undoes: int | None
    undone_by: int | None


def facts(book_id: UUID, loan_id: UUID) -> list[Fact]:
    """All that was entered of a loan of a book, in that order."""
    found = sql.rows(
        "SELECT e.no, e.kind, e.effective_on, e.amount_minor, l.currency, e.recorded_on, e.recorded_at, e.source_id, e.reverses_no"
        " FROM loans_event e JOIN loans_loan l ON l.id = e.loan_id WHERE e.loan_id = %(loan)s AND l.book_id = %(book)s"
        " UNION ALL SELECT f.no, f.kind || coalesce('_' || (f.body ->> 'by'), ''), f.effective_on, (f.body -> 'amount' ->> 'minor')::bigint,"
        " coalesce(f.body -> 'amount' ->> 'currency', a.currency), f.recorded_on, f.recorded_at, f.source_id, f.undoes_no"
        " FROM loans_fact f JOIN loans_agreement a ON a.id = f.loan_id WHERE f.loan_id = %(loan)s AND f.book_id = %(book)s ORDER BY 1",
        {"loan": loan_id, "book": book_id},
    )
    undone = {row[8]: row[0] for row in found if row[8] is not None}
    return [_fact(row, undone.get(row[0])) for row in found]


def _fact(row: Sequence[Any], undone_by: int | None) -> Fact:
    no, kind, on, minor, currency, recorded_on, recorded_at, source_id, undoes = row
    amount = None if minor is None else Money(minor, currency)
    return Fact(no, kind, on, amount, recorded_on, recorded_at, source_id, undoes, undone_by)
