"""Opening, limiting and closing accounts; partitions ahead of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from yuefu.ledger.queries.accounts import find_accounts, lock_limited_ids
from yuefu.ledger.rules import CHART, AccountKey, LimitedAccount
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

_ACCOUNT = {
    "id": "uuid",
    "book_id": "uuid",
    "code": "text",
    "kind": "text",
    "cls": "text",
    "currency": "text",
    "owner_id": "uuid",
    "funder_id": "uuid",
    "product": "text",
    "merchant_id": "uuid",
    "consumer_id": "uuid",
    "opened_at": "timestamptz",
}


def open_limited(*, work: UnitOfWork, accounts: Sequence[LimitedAccount]) -> None:
    """Opens limited accounts with their limits; one that is open already is left as it is."""
    if not accounts:
        return
    for account in accounts:
        assert CHART[account.key.code].kind == "limited", f"{account.key.code} is not a limited account"
    ids = _insert(work, [(a.key, a.limit.currency, a.merchant_id, a.consumer_id) for a in accounts])
    columns = {
        "account_id": "uuid",
        "book_id": "uuid",
        "limit_minor": "bigint",
        "merchant_id": "uuid",
        "consumer_id": "uuid",
        "side": "smallint",
    }
    values = [(ids[a.key, a.limit.currency], work.book.id, a.limit.minor, a.merchant_id, a.consumer_id, a.side) for a in accounts]
    sql.insert("ledger_limit", columns, values, suffix="ON CONFLICT DO NOTHING")


def open_control(*, work: UnitOfWork, accounts: Sequence[tuple[AccountKey, str]]) -> None:
    """Opens control and money accounts, by (key, currency); one that is open already is left as it is. Posting opens them by itself, a
    transfer does not: to it an account that nobody opened is unknown.
    """
    for key, _ in accounts:
        assert CHART[key.code].kind != "limited", f"{key.code} is opened with a limit"
    ensure_control(work=work, wanted=accounts)


def ensure_control(*, work: UnitOfWork, wanted: Iterable[tuple[AccountKey, str]]) -> dict[tuple[AccountKey, str], UUID]:
    """Ids of control and money accounts, made on first use: their dimensions are data, not something to set up."""
    wanted = sorted(set(wanted), key=repr)
    found = find_accounts(work.book.id, wanted)
    missing = [(key, currency, None, None) for key, currency in wanted if (key, currency) not in found]
    return found | _insert(work, missing) if missing else found


def _insert(work: UnitOfWork, accounts: Sequence[tuple[AccountKey, str, UUID | None, UUID | None]]) -> dict[tuple[AccountKey, str], UUID]:
    values = [
        (
            work.ids.new(work.now),
            work.book.id,
            key.code,
            CHART[key.code].kind,
            CHART[key.code].cls,
            currency,
            key.owner_id,
            key.funder_id,
            key.product,
            merchant_id,
            consumer_id,
            work.now,
        )
        for key, currency, merchant_id, consumer_id in accounts
    ]
    sql.insert("ledger_account", _ACCOUNT, values, suffix="ON CONFLICT DO NOTHING")
    return find_accounts(work.book.id, [(key, currency) for key, currency, _, _ in accounts])


def set_limits(*, work: UnitOfWork, limits: Sequence[tuple[AccountKey, Money]]) -> None:
    """Sets limits, also below what is used: exposure may then only fall. Of two limits for one account the later counts."""
    ids = find_accounts(work.book.id, [(key, limit.currency) for key, limit in limits])
    last = {ids[key, limit.currency]: limit.minor for key, limit in limits}
    lock_limited_ids(work.book.id, list(last))
    sql.update("ledger_limit", "account_id", {"account_id": "uuid", "limit_minor": "bigint"}, sorted(last.items()))


def close_accounts(*, work: UnitOfWork, keys: Sequence[tuple[AccountKey, str]]) -> None:
    """Closes limited accounts: nothing posts to them any more. What is being posted to them is waited for."""
    for key, _ in keys:
        assert CHART[key.code].kind == "limited", f"{key.code} is not a limited account"
    ids = find_accounts(work.book.id, keys)
    lock_limited_ids(work.book.id, list(ids.values()))
    sql.run("UPDATE ledger_account SET closed_at = %s WHERE id = ANY(%s) AND closed_at IS NULL", [work.now, list(ids.values())])


def has_partitions(*, first: date, months: int) -> bool:
    """Whether the partitions of the months from `first` on are there."""
    there: bool = sql.value("SELECT ledger_has_partitions(%s, %s)", [first, months])
    return there


def make_partitions(*, first: date, months: int) -> int:
    """Makes the monthly partitions from the month of `first` on, where missing. Returns how many were made."""
    made: int = sql.value("SELECT ledger_make_partitions(%s, %s)", [first, months])
    return made
