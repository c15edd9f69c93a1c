"""Finding accounts by their key, and locking those that have a limit until the transaction ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from yuefu.ledger.rules import AccountKey
from yuefu.ledger.rules.posting import Balance, OpenHold
from yuefu.runtime import locks, sql

_KEY = {"code": "text", "owner_id": "uuid", "funder_id": "uuid", "product": "text", "currency": "text"}


def _key_source(wanted: Iterable[tuple[AccountKey, str]]) -> tuple[str, list[str]]:
    return sql.unnest(_KEY, [(key.code, key.owner_id, key.funder_id, key.product, currency) for key, currency in wanted])


_SAME = (
    "a.book_id = %s AND a.code = g.code AND a.owner_id IS NOT DISTINCT FROM g.owner_id"
    " AND a.funder_id IS NOT DISTINCT FROM g.funder_id AND a.product = g.product AND a.currency = g.currency"
)


def find_accounts(book_id: UUID, wanted: Sequence[tuple[AccountKey, str]]) -> dict[tuple[AccountKey, str], UUID]:
    """Ids of the accounts that exist among (key, currency)."""
    if not wanted:
        return {}
    owned = {(key.code, key.owner_id) for key, _ in wanted if key.owner_id}
    shared = {key.code for key, _ in wanted if not key.owner_id}
    asked = set(wanted)
    # One way into the key for each, whatever the statistics say: by lists of codes and owners all accounts of the book were read.
    named, params = (
        sql.unnest({"code": "text", "owner_id": "uuid"}, sorted(owned)) if owned else ("(SELECT '' AS code, NULL::uuid AS owner_id)", [])
    )
    account = (
        "SELECT id, code, owner_id, funder_id, product, currency FROM ledger_account WHERE book_id = %s AND code = g.code AND owner_id"
    )
    found = {
        (AccountKey(code, owner, funder, product), currency): account_id
        for account_id, code, owner, funder, product, currency in sql.rows(
            f"SELECT a.* FROM {named} AS g CROSS JOIN LATERAL ({account} = g.owner_id OFFSET 0) AS a UNION ALL"
            f" SELECT a.* FROM unnest(%s::text[]) AS g (code) CROSS JOIN LATERAL ({account} IS NULL OFFSET 0) AS a",
            [*params, book_id, sorted(shared), book_id],
        )
    }
    return {key: account_id for key, account_id in found.items() if key in asked}


def lock_limited(book_id: UUID, wanted: Iterable[tuple[AccountKey, str]]) -> dict[tuple[AccountKey, str], Balance]:
    """Working balances of limited accounts, locked in ascending order of id until the transaction ends. Each has an owner."""
    keys = set(wanted)
    if not keys:
        return {}
    named, params = sql.unnest({"code": "text", "owner_id": "uuid"}, list({(key.code, key.owner_id) for key, _ in keys if key.owner_id}))
    # One way into the key for each, whatever the statistics say: by lists of codes and owners all accounts of the book were read.
    accounts = (
        f"{named} AS g CROSS JOIN LATERAL (SELECT * FROM ledger_account a WHERE a.book_id = %s AND a.code = g.code"
        " AND a.owner_id = g.owner_id OFFSET 0) AS a"
    )
    found, shut = sql.together(
        lambda: sql.rows(
            "SELECT a.code, a.owner_id, a.funder_id, a.product, a.currency, l.account_id, l.limit_minor, l.posted_minor, l.held_minor, l.side"
            f" FROM {accounts} JOIN ledger_limit l ON l.account_id = a.id ORDER BY l.account_id FOR NO KEY UPDATE OF l",
            [*params, book_id],
        ),
        # Asked after the locks, by a statement of its own: one that waited for a closing would see the account open.
        lambda: sql.rows(f"SELECT a.id FROM {accounts} WHERE a.closed_at IS NOT NULL", [*params, book_id]),
    )
    closed = {row[0] for row in shut}
    locked = {
        (AccountKey(*key), currency): Balance(i, limit, posted, held, i in closed, side)
        for *key, currency, i, limit, posted, held, side in found
    }
    return {key: balance for key, balance in locked.items() if key in keys}


def lock_owned(book_id: UUID, code: str, currency: str, owner_ids: Sequence[UUID]) -> dict[UUID, Balance]:
    """As `lock_limited`, of the one account of a code and currency that each of these owners has, of no funder and no product."""
    if not owner_ids:
        return {}
    # One way into the key for each, whatever the statistics say: by a list of owners all accounts of the book were read.
    accounts = (
        "unnest(%s::uuid[]) AS g (owner) CROSS JOIN LATERAL (SELECT id, owner_id, closed_at FROM ledger_account WHERE book_id = %s AND code = %s"
        " AND owner_id = g.owner AND funder_id IS NULL AND product = '' AND currency = %s OFFSET 0) AS a"
    )
    named = [list(owner_ids), book_id, code, currency]
    found, shut = sql.together(
        lambda: sql.rows(
            "SELECT a.owner_id, l.account_id, l.limit_minor, l.posted_minor, l.held_minor, l.side"
            f" FROM {accounts} JOIN ledger_limit l ON l.account_id = a.id ORDER BY l.account_id FOR NO KEY UPDATE OF l",
            named,
        ),
        # Asked after the locks, by a statement of its own: one that waited for a closing would see the account open.
        lambda: sql.rows(f"SELECT a.id FROM {accounts} WHERE a.closed_at IS NOT NULL", named),
    )
    closed = {row[0] for row in shut}
    return {owner: Balance(i, limit, posted, held, i in closed, side) for owner, i, limit, posted, held, side in found}


def lock_limited_ids(book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Balance]:
    found = sql.rows(
        "SELECT account_id, limit_minor, posted_minor, held_minor, side FROM ledger_limit"
        " WHERE account_id = ANY(%s) AND book_id = %s ORDER BY account_id FOR NO KEY UPDATE",
        [list(ids), book_id],
    )
    closed = _closed(ids)
    return {i: Balance(i, limit, posted, held, i in closed, side) for i, limit, posted, held, side in found}


def unused_with_limit(book_id: UUID, wanted: Iterable[tuple[AccountKey, str]], *, but: int) -> dict[tuple[AccountKey, str], int]:
    """Limited accounts that were never posted to and have another limit than `but`, with that limit in minor units."""
    keys = set(wanted)
    found = sql.rows(
        "SELECT a.code, a.owner_id, a.funder_id, a.product, a.currency, l.limit_minor FROM ledger_account a JOIN ledger_limit l ON l.account_id = a.id"
        " WHERE a.book_id = %s AND a.code = ANY(%s) AND a.owner_id = ANY(%s) AND l.limit_minor <> %s"
        " AND NOT EXISTS (SELECT 1 FROM ledger_line n WHERE n.account_id = a.id)",
        [book_id, sorted({key.code for key, _ in keys}), list({key.owner_id for key, _ in keys if key.owner_id}), but],
    )
    limits = {(AccountKey(*key), currency): limit for *key, currency, limit in found}
    return {name: limit for name, limit in limits.items() if name in keys}


def _closed(ids: Sequence[UUID]) -> set[UUID]:
    """Which accounts are closed. Asked after the locks, by a statement of its own: one that waited for a closing would see the account
    open.
    """
    return {row[0] for row in sql.rows("SELECT id FROM ledger_account WHERE id = ANY(%s) AND closed_at IS NOT NULL", [list(ids)])}


def closed_among(book_id: UUID, wanted: Iterable[tuple[AccountKey, str]]) -> set[tuple[AccountKey, str]]:
    """The closed ones among control and money accounts. Whoever closes one waits for all who have asked here, until their transactions end,
    and they for whoever closes one: in between nothing is posted to an account that is being closed.
    """
    keys = set(wanted)
    if not keys:
        return set()
    locks.wait(locks.CLOSING, book_id, shared=True)
    found = sql.rows(
        "SELECT code, owner_id, funder_id, product, currency FROM ledger_account"
        " WHERE book_id = %s AND code = ANY(%s) AND closed_at IS NOT NULL AND kind <> 'limited'",
        [book_id, sorted({key.code for key, _ in keys})],
    )
    return keys & {(AccountKey(code, owner, funder, product), currency) for code, owner, funder, product, currency in found}


def lock_holds(book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, OpenHold]:
    """Holds, locked in ascending order of id."""
    if not ids:
        return {}
    found = sql.rows(
        "SELECT id, account_id, state, amount_minor - posted_minor - released_minor, expires_at FROM ledger_hold"
        " WHERE id = ANY(%s) AND book_id = %s ORDER BY id FOR UPDATE",
        [list(set(ids)), book_id],
    )
    return {row[0]: OpenHold(*row) for row in found}
