"""Tables of loans."""

from yuefu.loans.models.closing import Brought, Lateness, Portfolio, Stand, Stretch
from yuefu.loans.models.levelled import Accrual, Event, Instalment, Loan
from yuefu.loans.models.lived import Agreement, Applied, Checkpoint, Due, Fact, Sheet
from yuefu.loans.models.moved_in import Import, ImportChunk, MovedIn

__all__ = [
    "Accrual",
    "Agreement",
    "Applied",
    "Brought",
    "Checkpoint",
    "Due",
    "Event",
    "Fact",
    "Import",
    "ImportChunk",
    "Instalment",
    "Lateness",
    "Loan",
    "MovedIn",
    "Portfolio",
    "Sheet",
    "Stand",
    "Stretch",
]
