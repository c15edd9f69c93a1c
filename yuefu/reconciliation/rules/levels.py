"""Three levels on which a day is reconciled, each with its own verdict; no level stands for another. Pure.

transaction: what the channel's bills say of each payment against what was booked. cash: what the bank prints as balances against the accounts of
money, and clearing accounts that must be empty. balance: what packages keep of their own against the accounts that sum it up, as the close proved it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.judgement import Verdict, together

TRANSACTION, CASH, BALANCE = "transaction", "cash", "balance"
NAMES: Final = (TRANSACTION, CASH, BALANCE)


@dataclass(frozen=True, slots=True)
class Level:
    """`missing` names what there is nothing of, which alone makes a level incomplete; `figures` are by source, account or proof."""

    name: str
    verdict: Verdict
    figures: Mapping[str, Any]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """An account of money by the end of a day: what was printed last (None: never), what the ledger has, and what is known to be open between them."""

    printed: Money | None
    ledger: Money
    carried_on: Money

    @property
    def unexplained(self) -> Money | None:
        return None if self.printed is None else self.printed - self.ledger - self.carried_on


def transaction(sources: Mapping[str, tuple[Verdict, Mapping[str, Any] | None]]) -> Level:
    """Of sources by name: the verdict of each and its figures, None where there is no statement."""
    missing = tuple(name for name, (_, figures) in sources.items() if figures is None)
    return Level(TRANSACTION, together(v for v, _ in sources.values()), {n: f for n, (_, f) in sources.items() if f is not None}, missing)


def cash(accounts: Mapping[str, tuple[Verdict, Account | None]], clearing: Mapping[str, Money]) -> Level:
    """Of accounts by source, and of clearing accounts by component: a balance that nothing explains is a warning, a clearing account that is not empty
    a break.
    """
    missing = tuple(name for name, (_, account) in accounts.items() if account is None)
    verdicts = [verdict for verdict, _ in accounts.values()]
    verdicts += [Verdict.WARNINGS for _, account in accounts.values() if account and account.unexplained]
    verdicts += [Verdict.BREAKS for balance in clearing.values() if balance]
    figures = {name: _figures(account) for name, (_, account) in accounts.items() if account is not None}
    return Level(CASH, together(verdicts), {**figures, "clearing": dict(clearing)}, missing)


def balance(*, closed: bool, failed: Sequence[str], proofs: Sequence[str]) -> Level:
    """Of the proofs of a close: `failed` did not hold. A day that is not closed proves nothing."""
    figures = {"proofs": {name: name not in failed for name in proofs}}
    if failed:
        return Level(BALANCE, Verdict.BREAKS, figures)
    if not closed:
        return Level(BALANCE, Verdict.INCOMPLETE, figures, ("close_of_day",))
    return Level(BALANCE, Verdict.RECONCILED, figures)


def _figures(account: Account) -> Mapping[str, Any]:
    return {
        "printed": account.printed,
        "ledger": account.ledger,
        "carried_on": account.carried_on,
        "unexplained": account.unexplained,
    }
