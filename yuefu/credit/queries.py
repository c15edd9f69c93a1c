"""Reads of credit; every answer is a frozen value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.credit.rules import CreditAccount, DaysStep
from yuefu.money.amounts import Money
from yuefu.runtime import sql

_ACCOUNT = "id, consumer_id, limit_minor, currency, bill_day, repayment_day, state, policy_version, state_revision"


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


@dataclass(frozen=True, slots=True)
class DaysChosen:
    """One step in the history of bill day and repayment day: from when on, by whom, why and when."""

    id: UUID
    step: DaysStep
    reasons: tuple[str, ...]
    recorded_by: str
    recorded_at: datetime


def days_history(*, account_id: UUID) -> list[DaysChosen]:
    """Every pair of days of an account, the first one first."""
    found = sql.rows(
        "SELECT id, from_on, bill_day, repayment_day, reasons, recorded_by, recorded_at FROM credit_days_change WHERE account_id = %s"
        " ORDER BY seq",
        [account_id],
    )
    return [DaysChosen(row[0], DaysStep(*row[1:4]), tuple(row[4]), *row[5:]) for row in found]


def days_steps(*, account_ids: Sequence[UUID]) -> dict[UUID, list[DaysStep]]:
    """The days of accounts in the order of recording, as `rules.cycles` takes them."""
    steps: dict[UUID, list[DaysStep]] = defaultdict(list)
    for account_id, *step in sql.rows(
        "SELECT account_id, from_on, bill_day, repayment_day FROM credit_days_change WHERE account_id = ANY(%s) ORDER BY account_id, seq",
        [list(account_ids)],
    ):
        steps[account_id].append(DaysStep(*step))
    return dict(steps)


def days_by_id(*, ids: Sequence[UUID]) -> dict[UUID, DaysStep]:
    """Steps of histories by their own ids."""
    found = sql.rows("SELECT id, from_on, bill_day, repayment_day FROM credit_days_change WHERE id = ANY(%s)", [list(ids)])
    return {row[0]: DaysStep(*row[1:]) for row in found}


def to_bill(*, book_id: UUID, on: date, limit: int, except_of: Sequence[UUID] = ()) -> list[UUID]:
    """Accounts with a cycle that ended by a day and has not got its bill, the oldest first."""
    found = sql.rows(
        "SELECT id FROM credit_account WHERE book_id = %s AND state <> 'closed' AND next_bill_on <= %s AND id <> ALL(%s::uuid[])"
        " ORDER BY next_bill_on, id LIMIT %s",
        [book_id, on, list(except_of), limit],
    )
    return [row[0] for row in found]


def _account(
    account_id: UUID,
    consumer_id: UUID,
    limit_minor: int,
    currency: str,
    bill_day: int,
    repayment_day: int,
    state: str,
    policy_version: int,
    state_revision: int,
) -> CreditAccount:
    limit = Money(limit_minor, currency)
    return CreditAccount(account_id, consumer_id, limit, bill_day, repayment_day, state, policy_version, state_revision)
