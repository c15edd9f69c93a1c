"""The terms of a loan: everything its schedule is a function of."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.dates.daycount import DayCount
from yuefu.dates.periods import add_months
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.choices import LateTerms

FEWEST_PERIODS: Final = 2
MOST_PERIODS: Final = 36
HIGHEST_RATE: Final = Rate(1_000_000)
LEVELLED: Final = "2026-1"
LIVED: Final = "2026-2"
RULE_VERSIONS: Final = frozenset({LEVELLED, LIVED})
"""To a loan of 2026-1 nothing happens but payments, refunds and undoing them. One of 2026-2 has a life: all that `plans.lifecycle` knows."""

PERIODS_OUT_OF_RANGE: Final = "periods_out_of_range"
PRINCIPAL_NOT_POSITIVE: Final = "principal_not_positive"
PRINCIPAL_TOO_SMALL: Final = "principal_too_small"
RATE_TOO_HIGH: Final = "rate_too_high"
FIRST_DUE_TOO_EARLY: Final = "first_due_too_early"
DUE_DAY_OUT_OF_RANGE: Final = "due_day_out_of_range"
RULE_VERSION_UNKNOWN: Final = "rule_version_unknown"
CEILINGS_TOO_LOW: Final = "ceilings_too_low"
LATE_NOT_KNOWN: Final = "late_not_known"

NO_LATE: Final = LateTerms()


class TermsError(PlanError):
    """Terms that no loan can have."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`principal` lent on `disbursed_on`, repaid in `periods` equal monthly instalments at the nominal `annual_rate`.

    Rate 0 is an interest-free plan paid for by the merchant. The first instalment is due on `first_due_on`, each later one a month
    after the one before, on `due_day` or the month's last day where that is earlier. `rule_version` fixes the arithmetic for the
    life of the loan. `ceilings`, in minor units, are the most that each instalment may ask where equal ones would be more than the
    consumer was shown (several captures of one order); None nearly always. `late` is what being late costs; a loan of 2026-1 costs no more then.

    Raises TermsError: periods outside 2..36, principal below one minor unit per period, rate above 100 %, first due day not after the
    disbursement, due day outside 1..31, unknown rule version, ceilings that are not one a period or leave no room for the principal,
    late charges of a loan that knows none.
    """

    principal: Money
    periods: int
    annual_rate: Rate
    day_count: DayCount
    disbursed_on: date
    first_due_on: date
    due_day: int
    rule_version: str = LEVELLED
    ceilings: tuple[int, ...] | None = None
    late: LateTerms = NO_LATE

    def __post_init__(self) -> None:
        if type(self.periods) is not int or not FEWEST_PERIODS <= self.periods <= MOST_PERIODS:
            raise TermsError(PERIODS_OUT_OF_RANGE, f"A plan has {FEWEST_PERIODS} to {MOST_PERIODS} periods, not {self.periods}.")
        if self.principal.minor <= 0:
            raise TermsError(PRINCIPAL_NOT_POSITIVE, f"The principal must be positive, not {self.principal}.")
        if self.principal.minor < self.periods:
            raise TermsError(PRINCIPAL_TOO_SMALL, f"{self.principal} cannot be repaid in {self.periods} instalments.")
        if self.annual_rate > HIGHEST_RATE:
            raise TermsError(RATE_TOO_HIGH, f"The annual rate is at most 100 %, not {self.annual_rate.percent_text()} %.")
        if self.first_due_on <= self.disbursed_on:
            raise TermsError(FIRST_DUE_TOO_EARLY, f"Nothing can be due on {self.first_due_on} when lent on {self.disbursed_on}.")
        if not 1 <= self.due_day <= 31:
            raise TermsError(DUE_DAY_OUT_OF_RANGE, f"A due day is between 1 and 31, not {self.due_day}.")
        if self.rule_version not in RULE_VERSIONS:
            raise TermsError(RULE_VERSION_UNKNOWN, f"There is no rule version {self.rule_version!r}.")
        if self.ceilings is not None:
            self._require_room(self.ceilings)
        if self.late != NO_LATE and self.rule_version == LEVELLED:
            raise TermsError(LATE_NOT_KNOWN, f"A loan of rule version {LEVELLED} knows no late fee and no penalty interest.")

    def _require_room(self, ceilings: tuple[int, ...]) -> None:
        if len(ceilings) != self.periods or min(ceilings) < 0 or sum(ceilings) < self.principal.minor:
            raise TermsError(CEILINGS_TOO_LOW, f"Ceilings of {ceilings} leave no room for {self.principal} in {self.periods} instalments.")

    def due_days(self) -> tuple[date, ...]:
        """The due day of each instalment, in order, strictly rising."""
        return (self.first_due_on, *(add_months(self.first_due_on, k, self.due_day) for k in range(1, self.periods)))
