"""The double entries by which breaks are corrected, for an accountant to read. Pure; debit +, credit −."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.fixes import CORRECTION, Kind

_AGAINST: Final = {Kind.POST_FEE: AccountKey("channel_fee_expense"), Kind.WRITE_OFF: AccountKey("reconciliation_difference")}


def corrected(*, fix_id: UUID, kind: Kind, reference: str, account: AccountKey, difference: Money) -> Entry:
    """Our books become what the bill says. Dr the account of money, Cr channel fees or differences written off; the reverse of what is there less.

    `reference` is the id of the fix, by which the line is known to belong to its break, whatever the bill calls it.
    """
    lines = (Line(account, difference, movement=CORRECTION, reference=reference), Line(_AGAINST[kind], -difference))
    return Entry(key=f"break_fix:{fix_id}", kind="break_corrected", lines=lines)


def named(fix_id: UUID) -> str:
    """What the entry of a fix is called on the account of money."""
    return ids.text("fix", fix_id)
