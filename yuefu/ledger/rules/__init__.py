"""Values and decisions of the ledger, pure."""

from yuefu.ledger.rules.chart import CHART, AccountType
from yuefu.ledger.rules.posting import (
    CREDIT,
    DEBIT,
    AccountKey,
    Entry,
    Extension,
    Held,
    Hold,
    HoldUse,
    LimitedAccount,
    Line,
    Posted,
    Release,
    Released,
)
from yuefu.ledger.rules.reversing import Reversal, Written
from yuefu.ledger.rules.transfers import EVERYTHING, Moved, Transfer, chains

__all__ = [
    "CHART",
    "CREDIT",
    "DEBIT",
    "EVERYTHING",
    "AccountKey",
    "AccountType",
    "Entry",
    "Extension",
    "Held",
    "Hold",
    "HoldUse",
    "LimitedAccount",
    "Line",
    "Moved",
    "Posted",
    "Release",
    "Released",
    "Reversal",
    "Transfer",
    "Written",
    "chains",
]
