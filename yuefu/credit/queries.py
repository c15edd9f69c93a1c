"""Reads of credit; every answer is a frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from yuefu.credit.rules import CreditAccount
from yuefu.money.amounts import Money
from yuefu.runtime import sql

_ACCOUNT = "id, consumer_id, limit_minor, currency, bill_day, repayment_day, state, policy_version"


@dataclass(frozen=True, slots=True)
class LimitStep:
    """One step in the history of a limit."""

    old_minor: int
    new_minor: int
    reasons: tuple[str, ...]
    recorded_by: str
    recorded_at: datetime


def accounts_of(*, consumer_ids: Sequence[UUID], currency: str, book_id: UUID | None = None) -> dict[UUID, CreditAccount]:
    """Consumer → the credit account in that currency; who has none is left out. With their book it is found by its key."""
    if book_id:  # One way into the key for each, whatever the statistics say: by a list of consumers all accounts of the book were read.
        source = (
            "unnest(%(consumers)s::uuid[]) AS g (consumer) CROSS JOIN LATERAL (SELECT * FROM credit_account c WHERE c.book_id = %(book)s"
            " AND c.consumer_id = g.consumer AND c.currency = %(currency)s OFFSET 0) AS c"
        )
    else:
        source = "credit_account AS c WHERE c.consumer_id = ANY(%(consumers)s) AND c.currency = %(currency)s"
    found = sql.rows_as(
        _account, f"SELECT {_ACCOUNT} FROM {source}", {"book": book_id, "consumers": list(consumer_ids), "currency": currency}
    )
    return {account.consumer_id: account for account in found}


def accounts(*, ids: Sequence[UUID]) -> dict[UUID, CreditAccount]:
    """These accounts; unknown ids are left out."""
    found = sql.rows_as(_account, f"SELECT {_ACCOUNT} FROM credit_account WHERE id = ANY(%s)", [list(ids)])
    return {account.id: account for account in found}


def limits(*, book_id: UUID) -> dict[tuple[UUID, str], int]:
    """The limit of each credit account of a book by (account, currency), in minor units: what its line in the ledger must have."""
    found = sql.rows("SELECT id, currency, limit_minor FROM credit_account WHERE book_id = %s", [book_id])
    return {(account_id, currency): minor for account_id, currency, minor in found}


def limit_history(*, account_id: UUID) -> list[LimitStep]:
    """Every limit of an account, the first one first."""
    found = sql.rows(
        "SELECT old_minor, new_minor, reasons, recorded_by, recorded_at FROM credit_limit_change WHERE account_id = %s ORDER BY seq",
        [account_id],
    )
    return [LimitStep(old, new, tuple(reasons), by, at) for old, new, reasons, by, at in found]


def _account(
    account_id: UUID, consumer_id: UUID, limit_minor: int, currency: str, bill_day: int, repayment_day: int, state: str, policy_version: int
) -> CreditAccount:
    return CreditAccount(account_id, consumer_id, Money(limit_minor, currency), bill_day, repayment_day, state, policy_version)
