"""Loans of both rule versions as those who serve them look at them: a list, and each as it stands on a day, instalment by instalment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.loans.queries import keeping, levelled
from yuefu.loans.queries.asked import ENDED
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.queries.lateness import BUCKETS_OF_OLD
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

STATES: Final = ("pending", "active", "overpaid", "closed", "written_off")
RowState = Literal["paid", "refunded", "given_up", "part_paid", "due", "overdue", "upcoming"]
_UNPAID: Final = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in PARTS)


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
    is overdue, `seq` how many facts were entered. Amounts in minor units."""

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

    @property
    def days_past_due(self) -> int:
        return (self.on - self.late.since).days if self.late.since else 0

    @property
    def next_due(self) -> Row | None:
        """The oldest instalment that still asks something."""
        return min((row for row in self.rows if row.unpaid), key=lambda row: row.due_on, default=None)


def looks(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, Look]:
    """Loans of a book as they stand on a day, without locks; unknown ones are absent."""
    kept = keeping.read_on(book_id, loan_ids, on) if loan_ids else {}
    refunded = _refunded(kept, on)
    old = levelled.loans([i for i in loan_ids if i not in kept], book_id=book_id)
    refunded_old = _refunded_of_old(old)
    found = {loan_id: _lived(one, refunded.get(loan_id), on) for loan_id, one in kept.items()}
    return found | {loan_id: _levelled(one, refunded_old.get(loan_id), on) for loan_id, one in old.items()}


def refunded(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, dict[int, int]]:
    """What of each instalment, by its number, goods that went back or the lender settled, in minor units; a loan of which nothing was is absent."""
    kept = keeping.read_on(book_id, loan_ids, on) if loan_ids else {}
    old = levelled.loans([i for i in loan_ids if i not in kept], book_id=book_id)
    found = _refunded(kept, on) | _refunded_of_old(old)
    return {loan_id: dict(enumerate(rows, start=1)) for loan_id, rows in found.items()}


def _refunded(kept: Mapping[UUID, Kept], on: date) -> dict[UUID, list[int]]:
    some = [loan_id for loan_id, one in kept.items() if _by_others(one.life.tally)]
    facts = keeping.facts(some) if some else {}
    return {
        loan_id: refunded_rows(kept[loan_id].life.terms, [event for _, event in in_order(facts[loan_id]) if event.on <= on], on)
        for loan_id in some
    }


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
        return Look(one.party, life.terms, LIVED, on, life.status, life.seq, (), nothing, NOT_OVERDUE, 0, None)
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
    )


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


# ---------------------------------------------------------------------------------------------------------------------------- the list


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which loans: of a consumer, merchant, product, state; only those with something overdue (`late`), those of which something falls due between two
    days and is unpaid. None is whatever it is."""

    consumer_id: UUID | None = None
    merchant_id: UUID | None = None
    product: str | None = None
    state: str | None = None
    late: bool = False
    due_from: date | None = None
    due_until: date | None = None


def listed(book_id: UUID, wanted: Wanted, on: date, *, after: UUID | None, limit: int) -> list[UUID]:
    """Loans of a book, the newest first, those after one of them in that order. What is unpaid is so as it was last looked at."""
    asks = wanted.late or wanted.due_from is not None or wanted.due_until is not None
    first, last = wanted.due_from or date.min, wanted.due_until or date.max
    if wanted.late:
        last = min(last, date.fromordinal(on.toordinal() - 1))
    found = sql.rows(
        "SELECT id FROM (SELECT l.id FROM loans_loan l WHERE l.book_id = %(book)s AND (%(after)s::uuid IS NULL OR l.id < %(after)s)"
        " AND (%(consumer)s::uuid IS NULL OR l.consumer_id = %(consumer)s) AND (%(merchant)s::uuid IS NULL OR l.merchant_id = %(merchant)s)"
        " AND (%(product)s::text IS NULL OR l.product = %(product)s) AND (%(state)s::text IS NULL OR l.state = %(state)s)"
        " AND (NOT %(asks)s OR (l.state = 'active' AND EXISTS (SELECT FROM loans_instalment i WHERE i.loan_id = l.id"
        " AND i.due_on BETWEEN %(first)s AND %(last)s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor)))"
        " UNION ALL SELECT a.id FROM loans_agreement a JOIN loans_checkpoint c ON c.loan_id = a.id"
        " WHERE a.book_id = %(book)s AND (%(after)s::uuid IS NULL OR a.id < %(after)s)"
        " AND (%(consumer)s::uuid IS NULL OR a.consumer_id = %(consumer)s) AND (%(merchant)s::uuid IS NULL OR a.merchant_id = %(merchant)s)"
        " AND (%(product)s::text IS NULL OR a.product = %(product)s) AND (%(state)s::text IS NULL OR c.status = %(state)s)"
        " AND (NOT %(asks)s OR EXISTS (SELECT FROM loans_due d WHERE d.loan_id = a.id AND d.due_on BETWEEN %(first)s AND %(last)s"
        f" AND {_UNPAID} > 0))) AS found ORDER BY id DESC LIMIT %(limit)s",
        {
            "book": book_id, "after": after, "limit": limit, "consumer": wanted.consumer_id, "merchant": wanted.merchant_id,
            "product": wanted.product, "state": wanted.state, "asks": asks, "first": first, "last": last,
        },
    )  # fmt: skip
    return [row[0] for row in found]


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
