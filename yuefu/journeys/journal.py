"""The manual journal, as people write it: accounts of money by their own codes.

What was posted wrong by hand is taken back the same way: an entry with the sides exchanged, its reason, and another second person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import CHART, AccountKey, Line
from yuefu.ledger.rules.journal import ManualEntry
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.entries import COMPONENTS
from yuefu.runtime.values import UnitOfWork

UNKNOWN_MONEY_ACCOUNT: Final = "unknown_money_account"  # no open account of money of this code lies behind the component


@dataclass(frozen=True, slots=True)
class Side:
    """One line: debit +, credit −. `account` is the code of an account of money; it may be left out where there is only one."""

    component: str
    amount: Money
    account: str | None = None


def propose(
    *,
    work: UnitOfWork,
    sides: Sequence[Side],
    reason: str,
    effective_on: date | None = None,
    funder_id: UUID | None = None,
    movement: str = "",
    reference: str = "",
) -> UUID | Refused:
    """Asks for a manual entry and returns the approval that it waits for. `movement` and `reference` are of its lines on accounts of money.

    Refused with unknown_money_account, and as `ledger.propose_entry`.
    """
    lines = []
    for side in sides:
        if side.component in CHART and CHART[side.component].kind == "money":
            owner = _money_account(work, side)
            if isinstance(owner, Refused):
                return owner
            key, shown = AccountKey(side.component, owner_id=owner), (movement, reference)
        elif side.account is not None:
            return Refused(UNKNOWN_MONEY_ACCOUNT, f"{side.component} is no account of money", "account")
        else:
            key, shown = AccountKey(side.component), ("", "")
        lines.append(Line(key, side.amount, funder_id=funder_id, movement=shown[0], reference=shown[1]))
    return ledger.propose_entry(work=work, given=ManualEntry(tuple(lines), reason, effective_on))


def _money_account(work: UnitOfWork, side: Side) -> UUID | Refused:
    held = [
        account
        for account in payments.money_accounts(book_id=work.book.id).values()
        if COMPONENTS[account.kind, account.purpose] == side.component and account.closed_at is None
    ]
    fitting = [account for account in held if side.account in (None, account.code)]
    if len(fitting) == 1:
        return fitting[0].id
    known = ", ".join(account.code for account in held) or "none"
    return Refused(UNKNOWN_MONEY_ACCOUNT, f"which account is {side.component}? There is {known}", "account")
