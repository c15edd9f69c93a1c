"""Reads of the ledger, as frozen values."""

from yuefu.ledger.queries.balances import (
    Limited,
    balance,
    balances,
    find_accounts,
    holds_outlived,
    holds_pending,
    limited,
    limited_sums,
    limits,
    lock_limited,
    sums_now,
    totals,
    trial_balance,
)
from yuefu.ledger.queries.entries import (
    EntryLine,
    Movement,
    entries_by_loan,
    entries_posted,
    lines_of_order,
    lines_of_payouts,
    movement_days,
    movements,
)
from yuefu.ledger.queries.seals import sealed, verify

__all__ = [
    "EntryLine",
    "Limited",
    "Movement",
    "balance",
    "balances",
    "entries_by_loan",
    "entries_posted",
    "find_accounts",
    "holds_outlived",
    "holds_pending",
    "limited",
    "limited_sums",
    "limits",
    "lines_of_order",
    "lines_of_payouts",
    "lock_limited",
    "movement_days",
    "movements",
    "sealed",
    "sums_now",
    "totals",
    "trial_balance",
    "verify",
]
