"""Values and decisions of the ledger, pure."""

from yuefu.ledger.rules.chart import CHART, AccountType
from yuefu.ledger.rules.posting import (
    AccountKey,
    Entry,
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

__all__ = [
    "CHART",
    "AccountKey",
    "AccountType",
    "Entry",
    "Held",
    "Hold",
    "HoldUse",
    "LimitedAccount",
    "Line",
    "Posted",
    "Release",
    "Released",
    "Reversal",
    "Written",
]
