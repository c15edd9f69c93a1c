"""Reads of payouts, and of what is on its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.queries.moving import chosen
from yuefu.payments.rules import Payout, Pays
from yuefu.runtime import sql

_PAYOUT = (
    "SELECT p.id, p.reference, p.money_account_id, p.merchant_id, p.batch_id, p.amount_minor, p.provider_id, p.state, p.failure_code,"
    " p.ordered_at, p.paid_on, p.returned_on, p.account_id, p.file_id, p.by_hand, p.party, p.payee_id, p.currency FROM payments_payout AS p"
)


def _payout(*row: Any) -> Payout:
    *head, amount, provider, state, failure, at, paid, returned, account, file, by_hand, party, payee, currency = row
    money = Money(amount, currency)
    return Payout(*[*head, money, provider, state, failure, at, paid, returned, account, file, by_hand, party, payee])


def payouts(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Payout]:
    return {p.id: p for p in chosen(_payout, _PAYOUT, "p", "id", "uuid", book_id, ids)}


def payouts_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, Payout]:
    return {p.reference: p for p in chosen(_payout, _PAYOUT, "p", "reference", "text", book_id, references, lock=lock)}


def payouts_where(test: str, values: Sequence[Any], *, book_id: UUID, lock: bool = False) -> list[Payout]:
    """Payouts that pass a test, in the order of ids; with `lock`, for update until the transaction ends."""
    ending = " ORDER BY p.id" + (" FOR UPDATE OF p" if lock else "")
    return sql.rows_as(_payout, _PAYOUT + " WHERE p.book_id = %s AND " + test + ending, [book_id, *values])


def payouts_to_send(
    *,
    book_id: UUID,
    limit: int,
    except_to: Sequence[UUID] = (),
    except_of: Sequence[UUID] = (),
    unless_by_hand: Sequence[UUID] = (),
    pays: Pays | None = None,
) -> list[Payout]:
    """Payouts that were ordered and not yet given to the bank, oldest first: to merchants or payees, or to both. Those `except_to` somebody or
    `except_of` a batch take up no place in the limit, nor those to merchants `unless_by_hand` that two people did not order."""
    where = (
        " WHERE p.book_id = %s AND p.state = 'scheduled' AND coalesce(p.merchant_id, p.payee_id) <> ALL(%s::uuid[])"
        " AND (p.by_hand OR coalesce(p.merchant_id, p.payee_id) <> ALL(%s::uuid[]))"
        " AND p.batch_id <> ALL(%s::uuid[]) AND (%s::text IS NULL OR (p.party = 'merchant') = (%s = 'merchants')) ORDER BY p.ordered_at, p.id LIMIT %s"
    )
    return sql.rows_as(_payout, _PAYOUT + where, [book_id, list(except_to), list(unless_by_hand), list(except_of), pays, pays, limit])


def payees_waiting(*, book_id: UUID) -> list[UUID]:
    """The batches of payees whose payout was ordered and not yet given to the bank, by id."""
    found = sql.rows(
        "SELECT batch_id FROM payments_payout WHERE book_id = %s AND state = 'scheduled' AND party <> 'merchant' ORDER BY 1",
        [book_id],
    )
    return [row[0] for row in found]


def payouts_to_poll(*, book_id: UUID, paid_since: date, limit: int) -> list[Payout]:
    """Payouts on their way, and after all of them those paid since a day, which the bank may still return; oldest first. What was given to the bank in
    a file is answered by a file, and nobody is asked for it: nor sent again by a bank that has not heard of it this way."""
    where = (
        " WHERE p.book_id = %s AND p.file_id IS NULL AND (p.state = 'sent' OR (p.state = 'paid' AND p.paid_on >= %s))"
        " ORDER BY (p.state = 'sent') DESC, p.ordered_at, p.id LIMIT %s"
    )
    return sql.rows_as(_payout, _PAYOUT + where, [book_id, paid_since, limit])


def payouts_of_batches(*, batch_ids: Sequence[UUID]) -> dict[UUID, list[Payout]]:
    """Payouts of settlement batches, oldest first."""
    by_batch: dict[UUID, list[Payout]] = defaultdict(list)
    for payout in sql.rows_as(_payout, _PAYOUT + " WHERE p.batch_id = ANY(%s) ORDER BY p.ordered_at, p.id", [list(batch_ids)]):
        by_batch[payout.batch_id].append(payout)
    return dict(by_batch)


def payouts_of_book(*, book_id: UUID) -> dict[UUID, Payout]:
    """Every payout of a book, to merchants and payees."""
    return {p.id: p for p in sql.rows_as(_payout, _PAYOUT + " WHERE p.book_id = %s", [book_id])}


def in_transit(*, book_id: UUID) -> int:
    """Payouts to merchants that were ordered and not paid yet, in minor units: the ledger's payouts_in_transit has the same as a credit balance."""
    amount: int = sql.value(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM payments_payout WHERE book_id = %s AND state IN ('scheduled', 'sent')"
        " AND party = 'merchant'",
        [book_id],
    )
    return amount


def sent(*, book_id: UUID) -> dict[UUID, int]:
    """Minor units that the bank was told to pay and that have not left yet, by account."""
    return dict(
        sql.rows(
            "SELECT money_account_id, sum(amount_minor)::bigint FROM payments_payout WHERE book_id = %s AND state = 'sent' GROUP BY 1",
            [book_id],
        )
    )


def paid_out_by_day(*, book_id: UUID, since: date) -> dict[date, int]:
    """Minor units that left the bank for merchants, by the bank's day; what came back later is not taken off."""
    found = sql.rows(
        "SELECT paid_on, sum(amount_minor)::bigint FROM payments_payout WHERE book_id = %s AND paid_on >= %s"
        " AND party = 'merchant' GROUP BY 1",
        [book_id, since],
    )
    return {row[0]: row[1] for row in found}
