"""Reads of profit shares, set-based."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.settlement.rules.shares import OWED, UNPAID, Share, ShareTotals

_SHARE: Final = (
    "s.id, s.kind, s.source_id, s.merchant_id, s.order_id, s.capture_id, s.loan_id, s.party, s.level, s.payee_id, s.amount_minor, s.currency,"
    " s.on_refund, s.default_ppm, s.early_periods, s.early_days, s.earned_on"
)
_BATCH: Final = (
    "SELECT id, party, payee_id, pay_on, line_count, earned_minor, refunded_minor, defaulted_minor, opening_minor, net_minor, due_minor,"
    " carried_minor, withheld_minor, currency, state, reference, version, payout_id, reason FROM settlement_share_batch"
)


@dataclass(frozen=True, slots=True)
class ShareBatch:
    """What a payee gets on a pay day: accrued where nothing is due; due, until two people order its payout; from then on its payout's state, with the
    reference by which the bank knows it. `reason`: why it came back."""

    id: UUID
    party: str
    payee_id: UUID
    pay_on: date
    line_count: int
    totals: ShareTotals
    state: str
    reference: str
    version: int = 1
    payout_id: UUID | None = None
    reason: str = ""


def _share(*row: Any) -> Share:
    *head, minor, currency, on_refund, default_ppm, periods, days, on = row
    return Share(*[*head, Money(minor, currency), on_refund, default_ppm, periods, days, on])


def _batch(*row: Any) -> ShareBatch:
    batch_id, party, payee_id, pay_on, count, *minors, currency, state, reference, version, payout_id, reason = row
    totals = ShareTotals(*(Money(m, currency) for m in minors))
    return ShareBatch(batch_id, party, payee_id, pay_on, count, totals, state, reference, version, payout_id, reason)


def of_captures(*, capture_ids: Sequence[UUID]) -> dict[UUID, list[Share]]:
    """All shares of captures; one without is absent."""
    found: dict[UUID, list[Share]] = defaultdict(list)
    for share in sql.rows_as(_share, f"SELECT {_SHARE} FROM settlement_share AS s WHERE capture_id = ANY(%s)", [list(capture_ids)]):
        found[share.capture_id].append(share)
    return dict(found)


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A loan whose shares go back if it defaults early: if one of its first `periods` instalments is `days` past due."""

    loan_id: UUID
    capture_id: UUID
    periods: int
    days: int


def at_risk(*, book_id: UUID, after: UUID | None, limit: int) -> list[AtRisk]:
    """Loans whose shares may still be taken back, ids ascending and above `after`."""
    return sql.rows_as(
        AtRisk,
        "SELECT loan_id, capture_id, early_periods, early_days FROM settlement_share_at_risk WHERE book_id = %s"
        " AND (%s::uuid IS NULL OR loan_id > %s) ORDER BY loan_id LIMIT %s",
        [book_id, after, after, limit],
    )


@dataclass(frozen=True, slots=True)
class ShareDue:
    """What is to go into a payee's next batch: signed sums by kind, the ids of the shares as the text of an array, and what the last one carried."""

    party: str
    payee_id: UUID
    count: int
    sums: Mapping[str, int]
    share_ids: str
    carried: int


_KEPT: Final = (
    "((b.state = 'held' AND b.payout_minor > b.withheld_minor) OR (b.payout_minor = b.withheld_minor AND EXISTS (SELECT FROM settlement_freeze AS f"
    " JOIN settlement_freeze_part AS p ON p.freeze_id = f.id WHERE f.book_id = b.book_id AND f.merchant_id = b.merchant_id AND f.state = 'open'"
    " AND p.batch_id = b.id)))"
)
"""Of a merchant's batch: it is held, or all that it would pay is frozen by a freeze that has not ended. What was frozen goes into a later batch then, and
this one stays as it is."""


def due(*, book_id: UUID, on: date) -> list[ShareDue]:
    """What each payee has that is in no batch: of a capture once the merchant's own batch has it and is not held or frozen; what goes back of it with it,
    or at once where that was in a batch before. Payees by id."""
    found = sql.rows(
        "SELECT s.party, s.payee_id, s.kind, count(*), sum(s.amount_minor)::bigint, array_agg(s.id)::text"
        " FROM settlement_share_waiting AS w JOIN settlement_share AS s ON s.id = w.share_id"
        " WHERE w.book_id = %s AND s.earned_on <= %s AND (EXISTS (SELECT FROM settlement_item AS i"
        " JOIN settlement_batch_line AS l ON l.item_id = i.id JOIN settlement_batch AS b ON b.id = l.batch_id"
        f" WHERE i.kind = 'capture' AND i.source_id = s.capture_id AND NOT {_KEPT}) OR (s.kind <> 'earned' AND EXISTS ("
        "SELECT FROM settlement_share AS e JOIN settlement_share_line AS el ON el.share_id = e.id WHERE e.capture_id = s.capture_id"
        " AND e.kind = 'earned' AND e.party = s.party AND e.level = s.level)))"
        " GROUP BY 1, 2, 3 ORDER BY 2, 1, 3",
        [book_id, on],
    )
    carried = {
        (party, payee_id): minor
        for party, payee_id, minor in sql.rows(
            "SELECT DISTINCT ON (party, payee_id) party, payee_id, carried_minor FROM settlement_share_batch WHERE book_id = %s"
            " ORDER BY party, payee_id, pay_on DESC",
            [book_id],
        )
    }
    by_payee: dict[tuple[str, UUID], list[tuple[str, int, int, str]]] = defaultdict(list)
    for party, payee_id, *rest in found:
        by_payee[party, payee_id].append((rest[0], rest[1], rest[2], rest[3]))
    return [
        ShareDue(
            *place,
            sum(count for _, count, _, _ in parts),
            {kind: minor for kind, _, minor, _ in parts},
            "{" + ",".join(ids[1:-1] for *_, ids in parts) + "}",
            carried.get(place, 0),
        )
        for place, parts in by_payee.items()
    ]


def served(*, book_id: UUID, pay_on: date) -> set[tuple[str, UUID]]:
    """Who has a batch of a pay day."""
    found = sql.rows("SELECT party, payee_id FROM settlement_share_batch WHERE book_id = %s AND pay_on = %s", [book_id, pay_on])
    return {(party, payee_id) for party, payee_id in found}


def batches(
    *,
    book_id: UUID,
    payee_id: UUID | None = None,
    after: UUID | None = None,
    state: str | None = None,
    pay_on: date | None = None,
    limit: int = 100,
) -> list[ShareBatch]:
    """Batches of payees, the latest first; those that come after one where given."""
    return sql.rows_as(
        _batch,
        _BATCH
        + " WHERE book_id = %(book)s AND (%(payee)s::uuid IS NULL OR payee_id = %(payee)s) AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(on)s::date IS NULL OR pay_on = %(on)s)"
        " AND (%(after)s::uuid IS NULL OR (pay_on, id) < (SELECT b.pay_on, b.id FROM settlement_share_batch AS b WHERE b.id = %(after)s))"
        " ORDER BY pay_on DESC, id DESC LIMIT %(limit)s",
        {"book": book_id, "payee": payee_id, "after": after, "state": state, "on": pay_on, "limit": limit},
    )


def on(*, book_id: UUID, pay_on: date) -> list[ShareBatch]:
    """Batches of payees of one pay day, by id."""
    return sql.rows_as(_batch, _BATCH + " WHERE book_id = %s AND pay_on = %s ORDER BY id", [book_id, pay_on])


def batches_by_id(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, ShareBatch]:
    """These batches of payees; unknown ids are left out."""
    ending = " ORDER BY id FOR UPDATE" if lock else ""
    found = sql.rows_as(_batch, _BATCH + " WHERE book_id = %s AND id = ANY(%s)" + ending, [book_id, list(ids)])
    return {batch.id: batch for batch in found}


def unpaid(*, book_id: UUID, pay_on: date | None = None) -> list[UUID]:
    """Batches that two people may order the payout of, the oldest pay day first; those of one pay day where given."""
    found = sql.rows(
        "SELECT id FROM settlement_share_batch WHERE book_id = %s AND state = ANY(%s) AND (%s::date IS NULL OR pay_on = %s) ORDER BY pay_on, id",
        [book_id, list(UNPAID), pay_on, pay_on],
    )
    return [row[0] for row in found]


def with_sales_kept(*, batch_ids: Sequence[UUID]) -> set[UUID]:
    """Batches of payees with a sale in them of which the merchant's money is held or frozen by now."""
    if not batch_ids:
        return set()
    found = sql.rows(
        "SELECT DISTINCT sl.batch_id FROM settlement_share_line AS sl JOIN settlement_share AS s ON s.id = sl.share_id AND s.kind = 'earned'"
        " JOIN settlement_item AS i ON i.kind = 'capture' AND i.source_id = s.capture_id JOIN settlement_batch_line AS l ON l.item_id = i.id"
        f" JOIN settlement_batch AS b ON b.id = l.batch_id WHERE sl.batch_id = ANY(%s) AND {_KEPT}",
        [list(batch_ids)],
    )
    return {row[0] for row in found}


def paid_as(*, book_id: UUID, references: Sequence[str]) -> list[UUID]:
    """Batches that were paid under these references of the bank and not found in its statement yet."""
    found = sql.rows(
        "SELECT id FROM settlement_share_batch WHERE book_id = %s AND reference = ANY(%s) AND state = 'paid' AND reference <> '' ORDER BY id",
        [book_id, list(references)],
    )
    return [row[0] for row in found]


def lines(*, batch_id: UUID, after: UUID | None = None, limit: int = 100_000) -> list[Share]:
    """The shares in a payee's batch, by id."""
    return sql.rows_as(
        _share,
        f"SELECT {_SHARE} FROM settlement_share_line AS l JOIN settlement_share AS s ON s.id = l.share_id WHERE l.batch_id = %s"
        " AND (%s::uuid IS NULL OR s.id > %s) ORDER BY s.id LIMIT %s",
        [batch_id, after, after, limit],
    )


def owed(*, book_id: UUID, currency: str) -> dict[str, int]:
    """What is owed to each party, in minor units: all shares, but for what was paid. The ledger's accounts of shares have the same as credit
    balances."""
    return _owed(book_id, currency, None)


def owed_to(*, book_id: UUID, payee_id: UUID, currency: str) -> dict[str, int]:
    """What is owed to one payee, by party; nothing where it is absent."""
    return _owed(book_id, currency, payee_id)


def _owed(book_id: UUID, currency: str, payee_id: UUID | None) -> dict[str, int]:
    found = sql.rows(
        "SELECT party, sum(minor)::bigint FROM ("
        "SELECT s.party, s.amount_minor AS minor FROM settlement_share_waiting AS w JOIN settlement_share AS s ON s.id = w.share_id"
        " WHERE w.book_id = %(book)s AND s.currency = %(currency)s AND (%(payee)s::uuid IS NULL OR s.payee_id = %(payee)s)"
        # In a batch: what it carries is carried on by the next, so that of the last one counts; what is due counts until it is paid.
        " UNION ALL SELECT party, due_minor - withheld_minor FROM settlement_share_batch WHERE book_id = %(book)s AND currency = %(currency)s"
        " AND state = ANY(%(owed)s) AND (%(payee)s::uuid IS NULL OR payee_id = %(payee)s)"
        " UNION ALL (SELECT DISTINCT ON (party, payee_id) party, carried_minor FROM settlement_share_batch"
        " WHERE book_id = %(book)s AND currency = %(currency)s AND (%(payee)s::uuid IS NULL OR payee_id = %(payee)s)"
        " ORDER BY party, payee_id, pay_on DESC)) AS one GROUP BY party",
        {"book": book_id, "currency": currency, "owed": list(OWED), "payee": payee_id},
    )
    return dict(found)


@dataclass(frozen=True, slots=True)
class Shared:
    """What a receiver had of a merchant's sales in a time: earned, and what went back."""

    party: str
    level: int
    payee_id: UUID
    earned: int
    back: int


def shared_between(*, book_id: UUID, merchant_id: UUID, since: date, until: date) -> list[Shared]:
    """Shares of a merchant's captures, refunds and defaults of these days, by receiver."""
    return sql.rows_as(
        Shared,
        "SELECT party, level, payee_id, coalesce(sum(amount_minor) FILTER (WHERE kind = 'earned'), 0)::bigint,"
        " coalesce(-sum(amount_minor) FILTER (WHERE kind <> 'earned'), 0)::bigint FROM settlement_share WHERE book_id = %s AND merchant_id = %s"
        " AND earned_on BETWEEN %s AND %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [book_id, merchant_id, since, until],
    )
