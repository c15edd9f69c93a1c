"""Client money: what merchants may have at any time lies in an account apart from our own, no less and no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments import queries, rules
from yuefu.payments.commands.transfers import TransferOrder, order_transfers
from yuefu.payments.rules import Transfer
from yuefu.runtime import locks
from yuefu.runtime.values import UnitOfWork

OWED: Final = ("merchant_available", "merchant_frozen", "payouts_in_transit")
_HELD: Final = "client_cash"
_KINDS: Final = ("safeguarding", "release")


@dataclass(frozen=True, slots=True)
class Safeguarded:
    """What is owed to merchants at once or frozen of it, what of it lies in the client account, and what is ordered into it (less what out of it)."""

    owed: Money
    held: Money
    under_way: Money
    ordered: Transfer | None = None


def safeguard(*, work: UnitOfWork) -> Safeguarded | Refused:
    """Orders the transfer that makes client money equal to what is owed, if there is anything to move. Commit, then call the bank.

    Whoever comes again orders nothing twice: what is ordered and not done counts as moved; one that failed does not, and is ordered
    anew. Refused with NO_MONEY_ACCOUNT. Posts nothing.
    """
    lock_client_money(work)
    # Open transfers are locked before the ledger is asked, and it is asked by one statement: one that is booked meanwhile would else be
    # seen on neither side, or on both, and own money would end up in the client account.
    waiting = queries.transfers_open(book_id=work.book.id, kinds=_KINDS, lock=True)
    under_way = sum(t.amount.minor if t.kind == "safeguarding" else -t.amount.minor for t in waiting)
    sums = ledger.code_sums(work.book.id, [*OWED, _HELD])
    owed, held = -sum(sums[code] for code in OWED), sums[_HELD]
    currency = work.book.currency
    found = Safeguarded(Money(owed, currency), Money(held, currency), Money(under_way, currency))
    wanted = rules.safeguarding(owed=owed, held=held, under_way=under_way)
    if wanted is None:
        return found
    kind, minor = wanted
    key = f"{kind}:{ids.text('transfer', work.ids.new(work.now))}"
    (ordered,) = order_transfers(work=work, orders=[TransferOrder(key, kind, Money(minor, currency))])
    return ordered if isinstance(ordered, Refused) else replace(found, ordered=ordered)


def kept_for_merchants(work: UnitOfWork) -> int:
    """Minor units of own money that merchants may have at once and that are not on their way into the client account yet: nobody else is paid out of
    them."""
    sums = ledger.code_sums(work.book.id, [*OWED, _HELD])
    under_way = queries.transfers_open(book_id=work.book.id, kinds=_KINDS)
    moving = sum(t.amount.minor if t.kind == "safeguarding" else -t.amount.minor for t in under_way)
    return max(0, -sum(sums[code] for code in OWED) - sums[_HELD] - moving)


def lock_client_money(work: UnitOfWork) -> None:
    """Whoever decides about the money of clients in a book waits here for whoever does so already."""
    locks.wait(locks.CLIENT_MONEY, work.book.id)
