"""Tables of loans."""

from yuefu.loans.models.closing import Brought, Lateness, Portfolio, Stand, Stretch
from yuefu.loans.models.levelled import Accrual, Event, Instalment, Loan
from yuefu.loans.models.lived import Agreement, Applied, Checkpoint, Due, Fact, Sheet

__all__ = [
    "Accrual",
    "Agreement",
    "Applied",
    "Brought",
    "Checkpoint",
    "Due",
    "Event",
    "Fact",
    "Instalment",
    "Lateness",
    "Loan",
    "Portfolio",
    "Sheet",
    "Stand",
    "Stretch",
]
