"""Balances: of limited accounts as stored, of all others as checkpoint plus tail in commit order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.ledger.rules import CHART, AccountKey
from yuefu.ledger.rules.beancount import Sum
from yuefu.ledger.rules.gl import Moved
from yuefu.ledger.rules.posting import DEBIT, Side
from yuefu.money.amounts import Money
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Limited:
    """A limited account: exposure = posted + held ≤ limit, except after a cut of the limit. `posted` is net debits; where the side is CREDIT
    their opposite counts."""

    owner_id: UUID
    limit: Money
    posted: Money
    held: Money
    side: Side = DEBIT

    @property
    def available(self) -> Money:
        return self.limit - (self.posted if self.side == DEBIT else -self.posted) - self.held


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One account type of a trial balance: sums of debits and credits and the balance, debit positive."""

    code: str
    cls: str
    currency: str
    debit: Money
    credit: Money

    @property
    def balance(self) -> Money:
        return self.debit - self.credit


def limited(book_id: UUID, code: str, owner_ids: Sequence[UUID]) -> dict[UUID, Limited]:
    """Limited accounts of owners, without locks."""
    found = sql.rows(
        "SELECT a.owner_id, a.currency, l.limit_minor, l.posted_minor, l.held_minor, l.side FROM ledger_account a"
        " JOIN ledger_limit l ON l.account_id = a.id WHERE a.book_id = %s AND a.code = %s AND a.owner_id = ANY(%s)",
        [book_id, code, list(owner_ids)],
    )
    return {
        owner: Limited(owner, Money(limit, currency), Money(posted, currency), Money(held, currency), side)
        for owner, currency, limit, posted, held, side in found
    }


def movements_by_day(book_id: UUID, where: str) -> str:
    """Movement of every account by posting day: checkpoints, and the tail that is not in them yet."""
    del book_id
    return f"""
        SELECT a.code, a.cls, a.currency, a.owner_id, a.funder_id, a.product, m.posted_on, m.debit, m.credit
        FROM ledger_account a CROSS JOIN LATERAL (
            SELECT c.posted_on, c.debit_minor AS debit, c.credit_minor AS credit FROM ledger_checkpoint c WHERE c.account_id = a.id
            UNION ALL
            SELECT l.posted_on, sum(greatest(l.amount_minor, 0)), sum(greatest(-l.amount_minor, 0)) FROM ledger_line l
            WHERE l.account_id = a.id AND (l.epoch, l.xid) >= (
                coalesce((SELECT h.epoch FROM ledger_horizon h WHERE h.book_id = a.book_id AND a.kind <> 'limited'), 0),
                coalesce((SELECT h.xid::xid8 FROM ledger_horizon h WHERE h.book_id = a.book_id AND a.kind <> 'limited'), '0'::xid8))
            GROUP BY l.posted_on
        ) AS m WHERE a.book_id = %(book)s {where}
    """


def trial_balance(book_id: UUID, *, posted_until: date | None = None) -> list[TrialRow]:
    """Debits and credits of every account type of a book, by currency, up to and including a posting day. The balances sum to zero."""
    inner = movements_by_day(book_id, "AND (%(until)s::date IS NULL OR m.posted_on <= %(until)s)")
    found = sql.rows(
        f"SELECT code, cls, currency, sum(debit)::bigint, sum(credit)::bigint FROM ({inner}) AS t GROUP BY code, cls, currency ORDER BY cls, code, currency",
        {"book": book_id, "until": posted_until},
    )
    return [TrialRow(code, cls, currency, Money(debit, currency), Money(credit, currency)) for code, cls, currency, debit, credit in found]


def sums_now(book_id: UUID) -> dict[str, int]:
    """The sum of all balances of a book by currency, debit positive: zero, or the books are wrong.

    Control accounts by checkpoint and tail, limited accounts by the balance that is kept on the write path, which is thereby proven
    against the lines of the accounts opposite.
    """
    found = sql.rows(
        """
        SELECT currency, sum(minor)::bigint FROM (
            SELECT a.currency, c.debit_minor - c.credit_minor AS minor FROM ledger_account a
            JOIN ledger_checkpoint c ON c.account_id = a.id WHERE a.book_id = %(book)s
            UNION ALL
            SELECT a.currency, tail.amount_minor FROM ledger_account a CROSS JOIN LATERAL (
                SELECT l.amount_minor FROM ledger_line l WHERE l.account_id = a.id
                AND (l.epoch, l.xid) >= (coalesce((SELECT h.epoch FROM ledger_horizon h WHERE h.book_id = %(book)s), 0),
                    coalesce((SELECT h.xid::xid8 FROM ledger_horizon h WHERE h.book_id = %(book)s), '0'::xid8)) OFFSET 0
            ) AS tail WHERE a.book_id = %(book)s AND a.kind <> 'limited'
            UNION ALL
            SELECT a.currency, t.posted_minor FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id WHERE a.book_id = %(book)s
        ) AS parts GROUP BY currency
        """,
        {"book": book_id},
    )
    return dict(found)


def totals(book_id: UUID, codes: Sequence[str], *, posted_until: date | None = None) -> dict[tuple[str, UUID | None, str, str], int]:
    """Balance (debit positive, minor units) of control and money accounts by (code, funder, product, currency)."""
    inner = movements_by_day(book_id, "AND a.code = ANY(%(codes)s) AND (%(until)s::date IS NULL OR m.posted_on <= %(until)s)")
    found = sql.rows(
        f"SELECT code, funder_id, product, currency, sum(debit - credit)::bigint FROM ({inner}) AS t GROUP BY code, funder_id, product, currency",
        {"book": book_id, "codes": list(codes), "until": posted_until},
    )
    return {(code, funder, product, currency): amount for code, funder, product, currency, amount in found}


def totals_now_and_by(
    book_id: UUID, codes: Sequence[str], on: date
) -> tuple[dict[tuple[str, UUID | None, str, str], int], dict[tuple[str, UUID | None, str, str], int]]:
    """`totals` now, and up to and including a posting day, by one statement: each month of lines takes long to plan for."""
    inner = movements_by_day(book_id, "AND a.code = ANY(%(codes)s)")
    found = sql.rows(
        "SELECT code, funder_id, product, currency, sum(debit - credit)::bigint,"
        " coalesce(sum(debit - credit) FILTER (WHERE posted_on <= %(on)s), 0)::bigint"
        f" FROM ({inner}) AS t GROUP BY code, funder_id, product, currency",
        {"book": book_id, "codes": list(codes), "on": on},
    )
    return {(code, f, p, c): now for code, f, p, c, now, _ in found}, {(code, f, p, c): by_then for code, f, p, c, _, by_then in found}


def moved_on(book_id: UUID, on: date) -> list[Moved]:
    """What a posting day moved of each component × currency × funder × product, with what was there before; what did not move is left out.

    Control accounts by checkpoint and tail; limited accounts, which have no checkpoints, by what is kept of them and the lines since.
    """
    inner = movements_by_day(book_id, "AND a.kind <> 'limited' AND m.posted_on <= %(on)s")
    return sql.rows_as(
        Moved,
        f"""
        WITH since AS (
            SELECT l.account_id, sum(l.amount_minor) AS all_of_it, sum(greatest(l.amount_minor, 0)) FILTER (WHERE l.posted_on = %(on)s) AS debit,
                sum(greatest(-l.amount_minor, 0)) FILTER (WHERE l.posted_on = %(on)s) AS credit
            FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id AND a.kind = 'limited'
            WHERE l.book_id = %(book)s AND l.posted_on >= %(on)s GROUP BY l.account_id
        ), parts AS (
            SELECT code, currency, funder_id, product, CASE WHEN posted_on < %(on)s THEN debit - credit ELSE 0 END AS opening,
                CASE WHEN posted_on = %(on)s THEN debit ELSE 0 END AS debit, CASE WHEN posted_on = %(on)s THEN credit ELSE 0 END AS credit
            FROM ({inner}) AS t
            UNION ALL
            SELECT a.code, a.currency, a.funder_id, a.product, t.posted_minor - coalesce(s.all_of_it, 0), coalesce(s.debit, 0), coalesce(s.credit, 0)
            FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id LEFT JOIN since s ON s.account_id = a.id
            WHERE a.book_id = %(book)s
        )
        SELECT code, currency, funder_id, product, sum(opening)::bigint, sum(debit)::bigint, sum(credit)::bigint FROM parts
        GROUP BY code, currency, funder_id, product HAVING sum(debit) <> 0 OR sum(credit) <> 0 ORDER BY code, currency, funder_id, product
        """,
        {"book": book_id, "on": on},
    )


def sums_by_component(book_id: UUID) -> list[Sum]:
    """What all accounts of each component × funder × product × currency that were ever used hold: control accounts by checkpoint and tail,
    limited ones as they are kept, at one moment.
    """
    inner = movements_by_day(book_id, "AND a.kind <> 'limited'")
    return sql.rows_as(
        Sum,
        f"""
        SELECT code, funder_id, product, currency, sum(minor)::bigint FROM (
            SELECT code, funder_id, product, currency, debit - credit AS minor FROM ({inner}) AS t
            UNION ALL
            SELECT a.code, a.funder_id, a.product, a.currency, t.posted_minor FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id
            WHERE a.book_id = %(book)s AND EXISTS (SELECT 1 FROM ledger_line l WHERE l.account_id = a.id)
        ) AS parts GROUP BY code, funder_id, product, currency ORDER BY code, funder_id, product, currency
        """,
        {"book": book_id},
    )


def money_balances(book_id: UUID) -> dict[tuple[str, UUID | None], int]:
    """Balance (debit positive, minor units) of each account of money that was ever used, by (code, owner)."""
    inner = movements_by_day(book_id, "AND a.kind = 'money'")
    found = sql.rows(f"SELECT code, owner_id, sum(debit - credit)::bigint FROM ({inner}) AS t GROUP BY code, owner_id", {"book": book_id})
    return {(code, owner): amount for code, owner, amount in found}


def code_sums(book_id: UUID, codes: Sequence[str]) -> dict[str, int]:
    """Balance (debit positive, minor units) of all accounts of each code, limited ones as they are kept, at one moment: it is one
    statement, so no entry is seen on one account and missed on another. A code never used is 0.
    """
    inner = movements_by_day(book_id, "AND a.kind <> 'limited' AND a.code = ANY(%(codes)s)")
    found = sql.rows(
        f"SELECT code, sum(minor)::bigint FROM (SELECT code, debit - credit AS minor FROM ({inner}) AS t"
        " UNION ALL SELECT a.code, t.posted_minor FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id"
        " WHERE a.book_id = %(book)s AND a.code = ANY(%(codes)s)) AS parts GROUP BY code",
        {"book": book_id, "codes": list(codes)},
    )
    return dict.fromkeys(codes, 0) | dict(found)


def balances(book_id: UUID, keys: Sequence[AccountKey], currency: str) -> dict[AccountKey, Money]:
    """Balances now, debit positive; an account never used has zero."""
    found = totals(book_id, sorted({key.code for key in keys}))
    return {key: Money(found.get((key.code, key.funder_id, key.product, currency), 0), currency) for key in keys}


def balance_now(book_id: UUID, key: AccountKey, currency: str) -> Money:
    """Balance of one account now, debit positive; an account never used has zero. However many lines it has, few are read: see `balance`."""
    return balance(book_id, key, currency)


def balance(
    book_id: UUID,
    key: AccountKey,
    currency: str,
    *,
    posted_until: date | None = None,
    effective_until: date | None = None,
    recorded_until: datetime | None = None,
) -> Money:
    """Balance of one account by each of the three dates; a recording moment sees only what had certainly committed.

    By posting day it is what was rolled up until then and the tail in commit order, of a limited account what is kept of it less the lines
    since; by the other two dates every line is read, because nothing sums them up.
    """
    account, account_params = _account_of(book_id, key, currency)
    if effective_until is not None or recorded_until is not None:
        where, params = _three_dates(posted_until, effective_until, recorded_until)
        query = (
            f"SELECT coalesce(sum(l.amount_minor), 0)::bigint FROM ({account}) AS a JOIN ledger_line l ON l.account_id = a.id"
            f" JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id WHERE true {where}"
        )
        amount: int = sql.value(query, [*account_params, *params])
        return Money(amount, currency)
    if CHART[key.code].kind == "limited":
        later = "(SELECT sum(l.amount_minor) FROM ledger_line l WHERE l.account_id = a.id AND l.posted_on > %s)"
        # What is kept, less the lines of later days. An account that nobody opened has neither.
        figure = f"(SELECT t.posted_minor FROM ledger_limit t WHERE t.account_id = a.id) - coalesce({later if posted_until else 0}, 0)"
        params = [posted_until] if posted_until else []
    else:
        figure, params = "ledger_balance(%s, a.id, %s)", [book_id, posted_until]
    amount = sql.value(f"SELECT coalesce(sum({figure}), 0)::bigint FROM ({account}) AS a", [*params, *account_params])
    return Money(amount, currency)


def _account_of(book_id: UUID, key: AccountKey, currency: str) -> tuple[str, list[Any]]:
    """The account of a key by its index: written so that an absent owner or funder is looked up like any other."""
    parts, params = ["book_id = %s", "code = %s", "product = %s", "currency = %s"], [book_id, key.code, key.product, currency]
    for name, value in (("owner_id", key.owner_id), ("funder_id", key.funder_id)):
        parts.append(f"{name} IS NULL" if value is None else f"{name} = %s")
        params += [] if value is None else [value]
    return f"SELECT id FROM ledger_account WHERE {' AND '.join(parts)}", params


def _three_dates(posted: date | None, effective: date | None, recorded: datetime | None) -> tuple[str, list[Any]]:
    parts: Mapping[str, Any] = {
        "AND l.posted_on <= %s": posted,
        "AND e.effective_on <= %s": effective,
        "AND e.recorded_at <= %s AND (e.epoch < (SELECT runtime_epoch()) OR e.xid < pg_snapshot_xmin(pg_current_snapshot()))": recorded,
    }
    return " ".join(text for text, given in parts.items() if given is not None), [given for given in parts.values() if given is not None]


def limited_sums(book_id: UUID, codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(posted, held) of all limited accounts of each code, in minor units. A code never used is (0, 0)."""
    found = sql.rows(
        "SELECT a.code, sum(l.posted_minor)::bigint, sum(l.held_minor)::bigint FROM ledger_limit l"
        " JOIN ledger_account a ON a.id = l.account_id WHERE a.book_id = %s AND a.code = ANY(%s) GROUP BY a.code",
        [book_id, list(codes)],
    )
    return dict.fromkeys(codes, (0, 0)) | {code: (posted, held) for code, posted, held in found}


def limits(book_id: UUID, code: str) -> dict[tuple[UUID, str], int]:
    """The limit of each limited account of a code by (owner, currency), in minor units."""
    found = sql.rows(
        "SELECT a.owner_id, a.currency, t.limit_minor FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id"
        " WHERE a.book_id = %s AND a.code = %s",
        [book_id, code],
    )
    return {(owner, currency): minor for owner, currency, minor in found}


def holds_pending(book_id: UUID, code: str) -> int:
    """What is left of all pending holds on the limited accounts of a code, in minor units."""
    amount: int = sql.value(
        "SELECT coalesce(sum(h.amount_minor - h.posted_minor - h.released_minor), 0)::bigint FROM ledger_hold h"
        " JOIN ledger_account a ON a.id = h.account_id WHERE h.book_id = %s AND h.state = 'pending' AND a.code = %s",
        [book_id, code],
    )
    return amount


def holds_outlived(book_id: UUID, moment: datetime) -> int:
    """How many holds are still pending although their time was over at a moment."""
    count: int = sql.value(
        "SELECT count(*) FROM ledger_hold WHERE book_id = %s AND state = 'pending' AND expires_at <= %s", [book_id, moment]
    )
    return count
