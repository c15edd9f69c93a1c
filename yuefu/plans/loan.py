"""A loan as a fold: its state is a pure function of its terms and its dated events (rule version 2026-1).

`start` makes the state of a disbursement, `apply` the next state of an event not older than the last one, `replay` the state of any
events in the order of their dates. A back-dated, reversed or corrected event is therefore nothing special: insert or remove it and
replay. Events of one day keep the order in which they were entered, as a refund before a repayment does something else than after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans.amortisation import level_rows
from yuefu.plans.faults import PlanError
from yuefu.plans.schedule import Instalment, schedule
from yuefu.plans.terms import Terms

EVENT_OUT_OF_ORDER: Final = "event_out_of_order"
AMOUNT_NOT_POSITIVE: Final = "amount_not_positive"
CURRENCY_MISMATCH: Final = "currency_mismatch"
DISBURSEMENT_NOT_FIRST: Final = "disbursement_not_first"

_LARGEST_INT64 = 2**63 - 1


class LoanError(PlanError):
    """An event that cannot happen to this loan."""


@dataclass(frozen=True, slots=True)
class Disbursed:
    """The loan begins: its principal is paid out on `on`, which is the disbursement day of its terms."""

    on: date
    terms: Terms

    def __post_init__(self) -> None:
        if self.on != self.terms.disbursed_on:
            raise LoanError(EVENT_OUT_OF_ORDER, f"Terms of {self.terms.disbursed_on} cannot be disbursed on {self.on}.")


@dataclass(frozen=True, slots=True)
class Repaid:
    """The consumer paid `amount` (positive), economically on `on`. `undone`: it was taken off the loan again and pays nothing of it."""

    on: date
    amount: Money
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Refunded:
    """The merchant took goods back on `on` and `amount` (positive) is credited to the loan."""

    on: date
    amount: Money


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one event's amount: the three add up to it. `excess` is owed back to whoever paid."""

    principal: Money
    interest: Money
    excess: Money


@dataclass(frozen=True, slots=True)
class Row:
    """Instalment `no` for the period from `start_on` to `due_on`; amounts in minor units of the loan's currency."""

    no: int
    start_on: date
    due_on: date
    principal: int
    interest: int
    principal_paid: int = 0
    interest_paid: int = 0

    @property
    def principal_unpaid(self) -> int:
        """Principal not yet paid, in minor units."""
        return self.principal - self.principal_paid

    @property
    def interest_unpaid(self) -> int:
        """Interest not yet paid, in minor units."""
        return self.interest - self.interest_paid

    @property
    def unpaid(self) -> int:
        """All that is not yet paid, in minor units."""
        return self.principal + self.interest - self.principal_paid - self.interest_paid


class Accrual(NamedTuple):
    """One loan's place in its schedule, as `accrued_many` takes it: interest of earlier rows and of the current one, in minor
    units, and the current period as day ordinals."""

    cum_before: int
    interest: int
    start_ord: int
    due_ord: int


@dataclass(frozen=True, slots=True)
class LoanState:
    """The loan after its first `seq` events, the last of them on `last_event_on`; a checkpoint from which `apply` resumes.

    `refunded_principal` is what refunds took off principal not yet due, `excess` what no part of the loan could take, both in
    minor units. The principals of the rows and `refunded_principal` add up to the principal of the terms. Questions take the day
    as of which they are asked, which should not be before `last_event_on`: for an earlier day ask the state of the events until then.
    """

    terms: Terms
    rows: tuple[Row, ...]
    last_event_on: date
    seq: int = 1
    refunded_principal: int = 0
    excess: int = 0

    def due(self, as_of: date) -> tuple[Money, Money]:
        """(principal, interest) unpaid of all instalments due on or before `as_of`."""
        rows = [row for row in self.rows if row.due_on <= as_of]
        return self._money(sum(row.principal_unpaid for row in rows)), self._money(sum(row.interest_unpaid for row in rows))

    @property
    def outstanding_principal(self) -> Money:
        """Principal not yet paid, due or not."""
        return self._money(sum(row.principal_unpaid for row in self.rows))

    def next_due(self, as_of: date) -> Instalment | None:
        """What is unpaid of the first instalment after `as_of` of which anything is; None when nothing will fall due any more."""
        for row in self.rows:
            if row.due_on > as_of and row.unpaid:
                return Instalment(row.no, row.due_on, self._money(row.principal_unpaid), self._money(row.interest_unpaid))
        return None

    def days_past_due(self, as_of: date) -> int:
        """Days since the oldest unpaid instalment fell due: 0 on its due day, 1 the day after, 0 when nothing is overdue."""
        return next(((as_of - row.due_on).days for row in self.rows if row.unpaid and row.due_on <= as_of), 0)

    @property
    def is_closed(self) -> bool:
        """Whether nothing of the loan is unpaid, due or not."""
        return not any(row.unpaid for row in self.rows)

    def accrual(self, as_of: date) -> Accrual:
        """The current row as of the day, for `accrued_many`; the last row once all have fallen due."""
        current = next((row for row in self.rows if as_of < row.due_on), self.rows[-1])
        before = sum(row.interest for row in self.rows[: current.no - 1])
        return Accrual(before, current.interest, current.start_on.toordinal(), current.due_on.toordinal())

    def accrued_interest(self, as_of: date) -> Money:
        """Interest earned from the disbursement up to `as_of`, paid or not.

        Straight by calendar days within a period and rounded half-even on the running sum, so that the differences of days add
        up to each instalment exactly. A refund within the period may lower it: the waived part is a negative difference.
        """
        before, interest, start, due = self.accrual(as_of)
        elapsed = min(max(as_of.toordinal() - start, 0), due - start)
        return self._money(before + divide(interest * elapsed, due - start, Rounding.HALF_EVEN))

    def earned_fraction(self, as_of: date) -> Fraction:
        """The share, 0 to 1, of the days from disbursement to last due day that have passed by `as_of`."""
        whole = (self.rows[-1].due_on - self.terms.disbursed_on).days
        return Fraction(min(max((as_of - self.terms.disbursed_on).days, 0), whole), whole)

    def _money(self, minor: int) -> Money:
        return Money(minor, self.terms.principal.currency)


def start(disbursed: Disbursed) -> LoanState:
    """The state of a loan just paid out."""
    terms = disbursed.terms
    instalments = schedule(terms)
    starts = (terms.disbursed_on, *(instalment.due_on for instalment in instalments))
    rows = tuple(
        Row(item.no, start_on, item.due_on, item.principal.minor, item.interest.minor)
        for start_on, item in zip(starts, instalments, strict=False)
    )
    return LoanState(terms=terms, rows=rows, last_event_on=disbursed.on)


def apply(state: LoanState, event: Repaid | Refunded) -> tuple[LoanState, Applied]:
    """The state after `event`, and what became of its amount.

    Repaid: what is due on the day, oldest instalment first, interest before principal; the rest is excess, never prepaid. Undone, all of
    it is excess: the loan is as if it had never been paid.
    Refunded: what is due first, likewise. The rest lowers the principal not yet due as if it had not been outstanding since the
    current period began: the instalments of this period and all later ones are computed anew over the same due days, which waives
    the current interest on it; none becomes more than it was. What exceeds all principal is excess.
    Raises LoanError for an event older than the last one, another currency, or an amount that is not positive.
    """
    _require_applicable(state, event)
    undone = isinstance(event, Repaid) and event.undone
    rows, principal, interest = (state.rows, 0, 0) if undone else _pay_due(state.rows, event.on, event.amount.minor)
    rest = event.amount.minor - principal - interest
    taken_off = 0
    if isinstance(event, Refunded) and rest:
        rows, taken_off = _lower_principal(state.terms, rows, event.on, rest)
    excess = rest - taken_off
    new = LoanState(
        terms=state.terms,
        rows=rows,
        last_event_on=event.on,
        seq=state.seq + 1,
        refunded_principal=state.refunded_principal + taken_off,
        excess=state.excess + excess,
    )
    _assert_whole(new)
    currency = event.amount.currency
    return new, Applied(Money(principal + taken_off, currency), Money(interest, currency), Money(excess, currency))


def resume(state: LoanState, events: Iterable[Repaid | Refunded]) -> tuple[LoanState, tuple[Applied, ...]]:
    """Apply `events`, in the order of their dates, to a checkpoint; the final state and one outcome each, in that order."""
    outcomes = []
    for event in sorted(events, key=lambda event: event.on):
        state, applied = apply(state, event)
        outcomes.append(applied)
    return state, tuple(outcomes)


def replay(events: Sequence[Disbursed | Repaid | Refunded]) -> LoanState:
    """The state of a loan from all its events, in whatever order of dates they are given; those of one day in the order given.

    Raises LoanError unless there is exactly one disbursement and no event is older than it.
    """
    disbursed = [event for event in events if isinstance(event, Disbursed)]
    if len(disbursed) != 1:
        raise LoanError(DISBURSEMENT_NOT_FIRST, f"A loan has one disbursement, not {len(disbursed)}.")
    state, _ = resume(start(disbursed[0]), [event for event in events if not isinstance(event, Disbursed)])
    return state


def insert(events: Sequence[Disbursed | Repaid | Refunded], new_event: Repaid | Refunded) -> tuple[Disbursed | Repaid | Refunded, ...]:
    """The events with `new_event` in its place: after all of its day or earlier, before all later ones."""
    ordered = sorted(events, key=lambda event: event.on)
    at = sum(event.on <= new_event.on for event in ordered)
    return (*ordered[:at], new_event, *ordered[at:])


def accrued_many(
    cum_before: NDArray[np.int64],
    interest: NDArray[np.int64],
    start_ord: NDArray[np.int64],
    due_ord: NDArray[np.int64],
    as_of_ord: int,
) -> NDArray[np.int64]:
    """`LoanState.accrued_interest` of many loans at once, in minor units: columns of `Accrual`, the day as an ordinal.

    Exact in integers, rounded half-even. Raises ValueError for a period without days or a negative interest, and OverflowError
    where interest times days would not fit 64 bits.
    """
    if not len(interest):
        return np.zeros(0, dtype=np.int64)
    length = due_ord - start_ord
    if length.min() <= 0 or interest.min() < 0:
        raise ValueError("A period has at least one day and its interest is not negative.")
    if int(interest.max()) > _LARGEST_INT64 // int(length.max()):
        raise OverflowError("Interest times days does not fit 64 bits.")
    quotient, rest = np.divmod(interest * np.clip(as_of_ord - start_ord, 0, length), length)
    up = (2 * rest > length) | ((2 * rest == length) & (quotient % 2 == 1))
    accrued: NDArray[np.int64] = cum_before + quotient + up
    return accrued


def _require_applicable(state: LoanState, event: Repaid | Refunded) -> None:
    if event.on < state.last_event_on:
        raise LoanError(EVENT_OUT_OF_ORDER, f"An event of {event.on} cannot follow one of {state.last_event_on}; replay the loan.")
    if event.amount.currency != state.terms.principal.currency:
        raise LoanError(CURRENCY_MISMATCH, f"A loan in {state.terms.principal.currency} cannot take {event.amount.currency}.")
    if event.amount.minor <= 0:
        raise LoanError(AMOUNT_NOT_POSITIVE, f"The amount must be positive, not {event.amount}.")


def _pay_due(rows: tuple[Row, ...], on: date, amount: int) -> tuple[tuple[Row, ...], int, int]:
    """Rows, principal paid and interest paid after `amount` went to what is due on `on`, oldest first, interest first."""
    paid_rows, left, principal, interest = list(rows), amount, 0, 0
    for i, row in enumerate(rows):
        if not left or row.due_on > on:
            break
        to_interest = min(left, row.interest_unpaid)
        to_principal = min(left - to_interest, row.principal_unpaid)
        if to_interest or to_principal:
            paid_rows[i] = replace(row, interest_paid=row.interest_paid + to_interest, principal_paid=row.principal_paid + to_principal)
        left, principal, interest = left - to_interest - to_principal, principal + to_principal, interest + to_interest
    return tuple(paid_rows), principal, interest


def _lower_principal(terms: Terms, rows: tuple[Row, ...], on: date, amount: int) -> tuple[tuple[Row, ...], int]:
    """Rows with up to `amount` less principal not yet due, computed anew from the start of the current period, and how much less."""
    past, ahead = [row for row in rows if row.due_on <= on], [row for row in rows if row.due_on > on]
    balance = sum(row.principal for row in ahead)
    taken_off = min(amount, balance)
    if not taken_off:
        return rows, 0
    # Nothing ahead has been paid: events come in the order of their dates and pay only what is due.
    assert not any(row.principal_paid or row.interest_paid for row in ahead)
    parts = level_rows(
        principal=balance - taken_off,
        start_on=ahead[0].start_on,
        due_days=[row.due_on for row in ahead],
        rate=terms.annual_rate,
        day_count=terms.day_count,
        ceilings=[row.principal + row.interest for row in ahead],
    )
    lowered = [Row(row.no, row.start_on, row.due_on, principal, interest) for row, (principal, interest) in zip(ahead, parts, strict=True)]
    return (*past, *lowered), taken_off


def _assert_whole(state: LoanState) -> None:
    """What must hold after every event, whatever it was."""
    assert sum(row.principal for row in state.rows) + state.refunded_principal == state.terms.principal.minor
    assert all(0 <= row.principal_paid <= row.principal and 0 <= row.interest_paid <= row.interest for row in state.rows)
