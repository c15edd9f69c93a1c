"""What can happen to a loan: dated facts, frozen. `on` is the day on which each is economically true, whenever it is entered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.kinds import wrong_field
from yuefu.plans.lifecycle.terms import MOST_PERIODS, Excess, Frequency, PaidBy, Part

TYPE_WRONG: Final = "type_wrong"
AMOUNT_NOT_POSITIVE: Final = "amount_not_positive"
CURRENCY_MISMATCH: Final = "currency_mismatch"
EVENT_OUT_OF_ORDER: Final = "event_out_of_order"
NOT_DISBURSED: Final = "not_disbursed"
MORE_THAN_AGREED: Final = "more_than_agreed"
NOTHING_OWED: Final = "nothing_owed"
LOAN_WRITTEN_OFF: Final = "loan_written_off"
NOT_WRITTEN_OFF: Final = "not_written_off"
NO_SUCH_INSTALMENT: Final = "no_such_instalment"
NO_SUCH_ENTRY: Final = "no_such_entry"
PART_CANNOT_BE_WAIVED: Final = "part_cannot_be_waived"
MORE_THAN_OWED: Final = "more_than_owed"
DAYS_OUT_OF_ORDER: Final = "days_out_of_order"
NOTHING_TO_CHANGE: Final = "nothing_to_change"
NO_REFUND: Final = "no_refund"
PERIODS_OUT_OF_RANGE: Final = "periods_out_of_range"
SEEN_NOT_KEPT: Final = "seen_not_kept"


class LoanError(PlanError):
    """An event that cannot happen to this loan; `field` is what of the event is wrong."""


REFUNDS: Final = frozenset({PaidBy.MERCHANT_REFUND, PaidBy.PAYOUT_REFUND})
NO_RECOVERY: Final = "no_recovery"
AMOUNT_TOO_LARGE: Final = "amount_too_large"


def _checked(event: Any) -> None:
    """Each field is of its kind (a day no moment, a word one of the list) and amounts are money above zero, whatever the event."""
    wrong = wrong_field(event)
    if wrong is not None:
        raise LoanError(TYPE_WRONG, f"{wrong[0]} is {wrong[1]}.", wrong[0])
    amount = getattr(event, "amount", None)
    if amount is not None and amount.minor <= 0:
        raise LoanError(AMOUNT_NOT_POSITIVE, f"The amount must be money above zero, not {amount}.", "amount")


@dataclass(frozen=True, slots=True)
class Disbursed:
    """`amount` of the principal is paid out; several make a loan lent in parts."""

    on: date
    amount: Money

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class Paid:
    """`amount` is credited to the loan, `by` whom. `excess` overrides, for this payment, where money beyond what is due goes.
    `interest_refund`: a refund also gives back the interest that the refunded principal has borne."""

    on: date
    amount: Money
    by: PaidBy = PaidBy.REPAYMENT
    excess: Excess | None = None
    interest_refund: bool = False

    def __post_init__(self) -> None:
        _checked(self)
        if self.interest_refund and self.by not in REFUNDS:
            raise LoanError(NO_REFUND, "Interest is given back with a refund of the merchant or of a payout only.", "interest_refund")


@dataclass(frozen=True, slots=True)
class PaidBack:
    """`amount` of what was paid is given back to who paid it, and is owed again where it had been paid."""

    on: date
    amount: Money

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class PaidInstalment:
    """`amount` for one `part` of the instalment due on `due_on`, and nothing else."""

    on: date
    due_on: date
    part: Part
    amount: Money

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class PaidOff:
    """All that ends the loan on that day is paid: `quotes.payoff`. `amount`: the money that came in for it. Where earlier facts that were entered later
    make it less than what ends the loan, it pays what it can; where they make it more, the rest is credit balance. Without it, whatever is asked came."""

    on: date
    amount: Money | None = None

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class Charged:
    """A fee or penalty (`part`) of `amount`, due with the instalment in whose period `due_on` lies, after the last one in a row of its own."""

    on: date
    code: str
    part: Part
    amount: Money
    due_on: date

    def __post_init__(self) -> None:
        _checked(self)
        if self.part not in {Part.FEE, Part.PENALTY}:
            raise LoanError(PART_CANNOT_BE_WAIVED, "A charge is a fee or a penalty.", "part")


@dataclass(frozen=True, slots=True)
class ChargedEachInstalment:
    """A fee of `rate` of principal and interest of each instalment that is not yet due."""

    on: date
    code: str
    rate: Rate

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class Waived:
    """`amount` of unpaid interest, fees or penalties is given up, oldest first."""

    on: date
    part: Part
    amount: Money

    def __post_init__(self) -> None:
        _checked(self)
        if self.part is Part.PRINCIPAL:
            raise LoanError(PART_CANNOT_BE_WAIVED, "Principal is written off, not waived.", "part")


@dataclass(frozen=True, slots=True)
class ChargedBack:
    """The payer's bank takes `amount` of an earlier payment back, the latest one, or that of `paid_on`: it is owed again. After a write-off it is
    given up again: less is recovered, or more is lost."""

    on: date
    amount: Money
    paid_on: date | None = None

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class CreditRefunded:
    """`amount` of the credit balance is paid out to the consumer; what was more than it is owed again."""

    on: date
    amount: Money

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class Reaged:
    """All unpaid principal falls due anew, in `periods` instalments from `first_due_on` on, one each `every` × `frequency`."""

    on: date
    first_due_on: date
    periods: int
    frequency: Frequency = Frequency.MONTHS
    every: int = 1

    def __post_init__(self) -> None:
        _checked(self)
        if self.first_due_on <= self.on or not 1 <= self.periods <= MOST_PERIODS or not 1 <= self.every <= 366:
            raise LoanError(DAYS_OUT_OF_ORDER, "A re-aged loan has 1 to 600 instalments, the first of them due later.", "first_due_on")


@dataclass(frozen=True, slots=True)
class Reamortised:
    """Unpaid principal of instalments that fell due by the day is spread over those still to come."""

    on: date

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """From the instalment due on `from_due_on`: another due day for it and those after (which alone leaves the instalments as they are),
    `extra_periods` more, another rate, grace. Periods without principal come on top of those agreed."""

    on: date
    from_due_on: date
    new_due_on: date | None = None
    extra_periods: int = 0
    annual_rate: Rate | None = None
    grace_principal: int = 0
    grace_interest: int = 0

    def __post_init__(self) -> None:
        _checked(self)
        for name in ("extra_periods", "grace_principal", "grace_interest"):
            if not 0 <= getattr(self, name) <= MOST_PERIODS:
                raise LoanError(PERIODS_OUT_OF_RANGE, f"{name} is 0 to {MOST_PERIODS}, not {getattr(self, name)}.", name)
        if self.new_due_on is not None and self.new_due_on < self.on:
            raise LoanError(
                DAYS_OUT_OF_ORDER, f"On {self.on} an instalment cannot move to {self.new_due_on}, which has passed.", "new_due_on"
            )


@dataclass(frozen=True, slots=True)
class InterestPaused:
    """No interest from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        _checked(self)
        if self.last < self.first:
            raise LoanError(DAYS_OUT_OF_ORDER, "A pause ends on its first day or later.", "last")

    @property
    def on(self) -> date:
        """The day before: interest of a day is earned in the night before it."""
        return self.first - timedelta(days=1) if self.first > date.min else self.first


@dataclass(frozen=True, slots=True)
class ArrearsPaused:
    """Days from `first` to `last` are not counted as days of delinquency."""

    first: date
    last: date

    def __post_init__(self) -> None:
        _checked(self)
        if self.last < self.first:
            raise LoanError(DAYS_OUT_OF_ORDER, "A pause ends on its first day or later.", "last")

    @property
    def on(self) -> date:
        """Its first day."""
        return self.first


@dataclass(frozen=True, slots=True)
class ChargedOff:
    """The lender no longer expects the money; it stays owed. `stops_interest`: it bears no more from that day on."""

    on: date
    stops_interest: bool = False

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """All that is unpaid is given up."""

    on: date

    def __post_init__(self) -> None:
        _checked(self)


@dataclass(frozen=True, slots=True)
class Recovered:
    """`amount` came in after the write-off, `by` whom. `beyond` of it is more than what had been given up: credit balance, and nothing recovered.
    `capped`: whatever is entered or undone later, all that is more than what is given up of the loan by then is beyond, and without a write-off the
    amount is credited to the loan, due or not."""

    on: date
    amount: Money
    beyond: Money | None = None
    by: PaidBy = PaidBy.REPAYMENT
    capped: bool = False

    def __post_init__(self) -> None:
        _checked(self)
        if self.beyond is not None and not (self.beyond.currency == self.amount.currency and 0 < self.beyond.minor <= self.amount.minor):
            raise LoanError(MORE_THAN_OWED, f"What is beyond is a part of {self.amount}, not {self.beyond}.", "beyond")
        if self.beyond is not None and self.capped:
            raise LoanError(MORE_THAN_OWED, "What is beyond is said, or told by the loan.", "beyond")
        if self.by not in {PaidBy.REPAYMENT, PaidBy.MERCHANT_REFUND}:
            raise LoanError(NO_RECOVERY, "What was given up comes in from the consumer or from the merchant.", "by")


@dataclass(frozen=True, slots=True)
class BoughtDown:
    """The merchant pays `amount` so that the consumer's rate is lower: income of the lender over the term, nothing to the consumer."""

    on: date
    amount: Money

    def __post_init__(self) -> None:
        _checked(self)


Event = (
    Disbursed
    | Paid
    | PaidBack
    | PaidInstalment
    | PaidOff
    | Charged
    | ChargedEachInstalment
    | Waived
    | ChargedBack
    | CreditRefunded
    | Reaged
    | Reamortised
    | Rescheduled
    | InterestPaused
    | ArrearsPaused
    | ChargedOff
    | WrittenOff
    | Recovered
    | BoughtDown
)


@dataclass(frozen=True, slots=True)
class Undone:
    """Entry `entry` never happened. Entries are numbered from 1 in the order in which they were entered, this one among them."""

    entry: int

    def __post_init__(self) -> None:
        _checked(self)
