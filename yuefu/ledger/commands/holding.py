"""Holds: placed against a limit, extended, released by somebody or by time; posting takes them (see `posting`). What they leave of a limit is added
up by triggers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.queries.accounts import lock_holds, lock_limited, lock_limited_ids
from yuefu.ledger.rules import Extension, Held, Hold, Release, Released
from yuefu.ledger.rules.posting import HOLD_NOT_PENDING, HOLD_UNKNOWN, Balance, hold_refusal, place_refusal
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

_HOLD = {
    "id": "uuid",
    "account_id": "uuid",
    "amount_minor": "bigint",
    "order_id": "uuid",
    "expires_at": "timestamptz",
    "side": "smallint",
}


def place_holds(*, work: UnitOfWork, holds: Sequence[Hold], of_owner: Mapping[UUID, Balance] | None = None) -> list[Held | Refused]:
    """Places holds, each seeing those before it; they count against the limit from now on. `of_owner` are their accounts, all of one code
    and currency, where the caller has locked them in this transaction (`lock_owned`).

    The id is the caller's, made from its own keyed command, so a hold cannot be placed twice. Refused with unknown_account,
    account_closed, zero_line or limit_exceeded.
    """
    if of_owner is None:
        limited = lock_limited(work.book.id, [(hold.account, hold.amount.currency) for hold in holds])
        balances = [limited.get((hold.account, hold.amount.currency)) for hold in holds]
    else:
        balances = [of_owner.get(owner) if (owner := hold.account.owner_id) else None for hold in holds]
    outcomes: list[Held | Refused] = []
    rows = []
    for hold, balance in zip(holds, balances, strict=True):
        refused = place_refusal(hold, balance)
        if refused or balance is None:
            outcomes.append(refused or Refused(HOLD_UNKNOWN))
            continue
        rows.append((hold.id, balance.account_id, hold.amount.minor, hold.order_id, hold.expires_at, balance.side))
        outcomes.append(Held(hold.id))
    same = {"book_id": ("uuid", work.book.id), "placed_at": ("timestamptz", work.now)}
    sql.insert("ledger_hold", _HOLD, rows, same=same, often_same=("expires_at", "side"))
    return outcomes


def release_holds(*, work: UnitOfWork, releases: Sequence[Release]) -> list[Released | Refused]:
    """Gives back what is left of pending holds. Refused with hold_unknown or hold_not_pending."""
    wanted = sorted({release.hold_id for release in releases})
    _lock_limits_of(work.book.id, wanted)
    found = {
        row[0]: row[1:]
        for row in sql.rows(
            "SELECT h.id, h.state, h.amount_minor - h.posted_minor - h.released_minor, a.currency"
            " FROM ledger_hold h JOIN ledger_account a ON a.id = h.account_id"
            " WHERE h.book_id = %s AND h.id = ANY(%s)"
            # What a transfer keeps pending ends with it, and only so (`transferring`).
            " AND NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE h.id IN (t.debit_hold_id, t.credit_hold_id)) ORDER BY h.id FOR UPDATE OF h",
            [work.book.id, wanted],
        )
    }
    outcomes: list[Released | Refused] = []
    ended: dict[UUID, tuple[str, int]] = {}
    for release in releases:
        if release.hold_id not in found:
            outcomes.append(Refused(HOLD_UNKNOWN, "there is no such hold", "hold_id"))
            continue
        state, left, currency = found[release.hold_id]
        if state != "pending" or release.hold_id in ended:
            outcomes.append(Refused(HOLD_NOT_PENDING, f"the hold is {ended.get(release.hold_id, (state,))[0]}", "hold_id"))
            continue
        ended[release.hold_id] = (release.reason, left)
        outcomes.append(Released(release.hold_id, Money(left, currency)))
    _end(ended)
    return outcomes


def _lock_limits_of(book_id: UUID, hold_ids: Sequence[UUID]) -> None:
    accounts = sql.rows("SELECT DISTINCT account_id FROM ledger_hold WHERE book_id = %s AND id = ANY(%s)", [book_id, list(hold_ids)])
    lock_limited_ids(book_id, [row[0] for row in accounts])


def _end(ended: dict[UUID, tuple[str, int]]) -> None:
    if not ended:
        return
    source, params = sql.unnest({"id": "uuid", "state": "text", "left_minor": "bigint"}, [(i, s, n) for i, (s, n) in sorted(ended.items())])
    sql.run(
        "UPDATE ledger_hold AS h SET state = g.state, released_minor = h.released_minor + g.left_minor"
        f" FROM {source} AS g WHERE h.id = g.id",
        params,
    )


def extend_holds(*, work: UnitOfWork, extensions: Sequence[Extension]) -> list[Held | Refused]:
    """Lets pending holds of orders hold longer; each once in a batch. Refused with hold_unknown, hold_not_pending or hold_expired."""
    wanted = sorted({extension.hold_id for extension in extensions})
    assert len(wanted) == len(extensions), "each hold once"
    found = lock_holds(work.book.id, wanted)
    outcomes = [hold_refusal(found.get(e.hold_id), work.now) or Held(e.hold_id) for e in extensions]
    longer = [(e.hold_id, e.expires_at) for e, outcome in zip(extensions, outcomes, strict=True) if isinstance(outcome, Held)]
    sql.update("ledger_hold", "id", {"id": "uuid", "expires_at": "timestamptz"}, sorted(longer))
    return outcomes
