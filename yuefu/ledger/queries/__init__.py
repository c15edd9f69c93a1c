"""Reads of the ledger, as frozen values."""

from yuefu.ledger.queries.balances import Limited, balance, balances, find_accounts, limited, totals, trial_balance
from yuefu.ledger.queries.entries import EntryLine, Movement, entries_posted, lines_of_order, movements
from yuefu.ledger.queries.seals import verify

__all__ = [
    "EntryLine",
    "Limited",
    "Movement",
    "balance",
    "balances",
    "entries_posted",
    "find_accounts",
    "limited",
    "lines_of_order",
    "movements",
    "totals",
    "trial_balance",
    "verify",
]
