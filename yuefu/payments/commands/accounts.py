"""Accounts of money: opened once, and found for whoever moves money."""

from __future__ import annotations

from collections.abc import Sequence

from yuefu.errors import Refused
from yuefu.payments import queries, rules
from yuefu.payments.rules import MoneyAccount, NewMoneyAccount
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

_COLUMNS = {
    "id": "uuid",
    "book_id": "uuid",
    "code": "text",
    "kind": "text",
    "purpose": "text",
    "provider": "text",
    "number": "text",
    "currency": "text",
    "name_zh": "text",
    "name_en": "text",
    "opened_at": "timestamptz",
}


def open_money_accounts(*, work: UnitOfWork, accounts: Sequence[NewMoneyAccount]) -> list[MoneyAccount | Refused]:
    """Opens accounts in the currency of the book, one outcome each, in order. One of this code and content that is there is returned.

    Refused with ACCOUNT_DIFFERS where the book has another account of this code, or one with this number at the provider.
    """
    new = work.ids.many(work.now, len(accounts))
    values = [
        (i, work.book.id, a.code, a.kind, a.purpose, a.provider, a.number, work.book.currency, a.name_zh, a.name_en, work.now)
        for i, a in zip(new, accounts, strict=True)
    ]
    sql.insert("payments_money_account", _COLUMNS, values, suffix="ON CONFLICT DO NOTHING")
    found = queries.money_accounts(book_id=work.book.id)
    opened = [account.id for account in found.values() if account.id in set(new)]
    audit.record(work=work, action="payments.open_money_accounts", object_kind="money_account", object_ids=opened)
    return [_outcome(found.get(account.code), account) for account in accounts]


def _outcome(found: MoneyAccount | None, wanted: NewMoneyAccount) -> MoneyAccount | Refused:
    if found is None:
        return Refused(rules.ACCOUNT_DIFFERS, f"another account has the number {wanted.number} at {wanted.provider}", "number")
    for name in ("kind", "purpose", "provider", "number"):
        if getattr(found, name) != getattr(wanted, name):
            return Refused(rules.ACCOUNT_DIFFERS, f"the account {wanted.code} of this book has another {name}", "code")
    return found


def accounts_of(work: UnitOfWork) -> dict[str, MoneyAccount]:
    """The accounts of a book that take part in anything new, by code."""
    return {code: account for code, account in queries.money_accounts(book_id=work.book.id).items() if account.closed_at is None}


def missing(code: str) -> Refused:
    """Why nothing is moved where the book lacks an account."""
    return Refused(rules.NO_MONEY_ACCOUNT, f"this book has no open {code} account")
