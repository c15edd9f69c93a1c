"""What a bill holds, what is still to be paid of it, and how one payment is parted among loans. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.money.amounts import Money

MOST_SHARES: Final = 1_000
"""Into so many parts a payment is parted at most; what is left then goes to the last."""

BillState = Literal["open", "paid", "overdue"]


@dataclass(frozen=True, slots=True)
class BillLine:
    """An instalment on a bill. `amount` is what it asked when the bill was made, paid or not; `left` is unpaid now, of which `waiting` is here and
    waits for the day on which it falls due.
    """

    loan_id: UUID
    no: int
    due_on: date
    amount: Money
    left: Money
    waiting: Money

    @property
    def to_pay(self) -> Money:
        return self.left - self.waiting


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill as it was made, with what is left of its lines. Its cycle is from `first_on` up to, not including, `bill_on`. When it was made `paid`
    of its lines was paid already, and `carried` was unpaid of earlier bills.
    """

    id: UUID
    account_id: UUID
    consumer_id: UUID
    no: int
    first_on: date
    bill_on: date
    due_on: date
    covers_until: date
    total: Money
    paid: Money
    carried: Money
    issued_on: date
    issued_at: datetime
    lines: tuple[BillLine, ...]

    @property
    def minimum(self) -> Money:
        """All that it asked for when it was made: what was unpaid of its lines, and of earlier bills."""
        return self.total - self.paid + self.carried

    @property
    def to_pay(self) -> Money:
        """What is still to be paid of its lines."""
        return Money(sum(line.to_pay.minor for line in self.lines), self.total.currency)

    def state(self, on: date) -> BillState:
        """Paid once nothing is to be paid; overdue while something is that was due before `on`."""
        unpaid = [line for line in self.lines if line.to_pay.minor]
        if not unpaid:
            return "paid"
        return "overdue" if any(line.due_on < on for line in unpaid) else "open"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be paid of an instalment, in minor units, and the number of the bill of its account that asks for it, if one does yet."""

    loan_id: UUID
    no: int
    due_on: date
    minor: int
    bill_no: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """What of a payment is for a loan, in minor units: at once, or on the day on which it falls due."""

    loan_id: UUID
    minor: int
    waits_for: date | None


@dataclass(frozen=True, slots=True)
class Target:
    """What a payment is for: everything asked by the bill `bill_no` and those before, what is asked of one loan, or all that is asked."""

    bill_no: int | None = None
    loan_id: UUID | None = None


def less_waiting(asked: Iterable[Asked], waiting: Mapping[tuple[UUID, date], int]) -> list[Asked]:
    """What is to be paid without the money that waits for it already, by loan and due day; what is covered is left out. In the order in which
    it is paid: by due day, then loan, then instalment.
    """
    left = dict(waiting)
    found = []
    for row in sorted(asked, key=lambda row: (row.due_on, row.loan_id, row.no)):
        covered = min(row.minor, left.get((row.loan_id, row.due_on), 0))
        left[row.loan_id, row.due_on] = left.get((row.loan_id, row.due_on), 0) - covered
        if covered < row.minor:
            found.append(replace(row, minor=row.minor - covered))
    return found


def to_pay(rows: Sequence[Asked], target: Target, on: date) -> tuple[list[Asked], list[Asked], list[Asked]]:
    """What a payment for `target` pays, what it pays next (other rows that are asked for), and what it may pay ahead. An instalment is asked for
    once a bill has it or its due day has come. A payment for one loan stays with that loan.
    """
    mine = [row for row in rows if target.loan_id in (None, row.loan_id)]
    asked = [row for row in mine if row.bill_no is not None or row.due_on <= on]
    last = target.bill_no
    first = [row for row in asked if last is None or row.due_on <= on or (row.bill_no is not None and row.bill_no <= last)]
    return first, [row for row in asked if row not in first], [row for row in mine if row not in asked]


def spread(minor: int, rows: Sequence[Asked], on: date) -> list[Share]:
    """Parts `minor` (positive) among `rows`, in their order, each row wholly before the next one: the shares add up to it. What is due by `on` is
    one share a loan, what is not waits for its day. What is left beyond all rows goes with the first share that does not wait, to a loan that
    cannot take it, and so back to the consumer.
    """
    assert minor > 0, "there is something to pay with"
    assert rows, "there is something to pay"
    shares: dict[tuple[UUID, date | None], int] = {}
    left = minor
    for row in rows:
        key = (row.loan_id, None if row.due_on <= on else row.due_on)
        if not left or (key not in shares and len(shares) == MOST_SHARES - 1):
            break
        paid = min(left, row.minor)
        shares[key] = shares.get(key, 0) + paid
        left -= paid
    if left:
        at_once = next((key for key in shares if key[1] is None), (rows[0].loan_id, None))
        shares[at_once] = shares.get(at_once, 0) + left
    assert sum(shares.values()) == minor, "a payment is parted to the cent"
    return [Share(loan_id, paid, waits_for) for (loan_id, waits_for), paid in shares.items()]
