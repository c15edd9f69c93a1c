"""Reads of debits, their tries, and of answers of the channel that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.queries.mandates import COLUMNS, WIDTH, mandate_of
from yuefu.payments.rules import Contradiction, Debit, Passed, Standing, Try
from yuefu.runtime import sql

_DEBIT = "d.id, d.mandate_id, d.consumer_id, d.loan_id, d.due_on, d.amount_minor, d.state, d.code, d.policy_version, d.planned_at, d.ended_at, d.seq"
_TRY = "t.id, t.reference, t.debit_id, t.no, t.amount_minor, t.announce_on, t.debit_on, t.state, t.code, t.notice, t.announced_at, t.collection_id"
_DOUBTED = (
    "EXISTS (SELECT 1 FROM payments_debit_try y JOIN payments_contradiction x ON x.collection_id = y.collection_id"
    " WHERE y.debit_id = d.id AND x.state = 'open')"
)
_FAILED = "(SELECT count(*) FROM payments_debit_try y WHERE y.debit_id = d.id AND y.state = 'failed')"
_JOINED = (
    "payments_debit_try AS t JOIN payments_debit AS d ON d.id = t.debit_id JOIN payments_mandate AS m ON m.id = d.mandate_id"
    " LEFT JOIN payments_collection AS c ON c.id = t.collection_id"
)
_STANDING = (
    f"SELECT {COLUMNS}, {_DEBIT}, {_TRY}, coalesce(c.reference, ''), coalesce(c.state, ''), coalesce(c.failure_code, ''), {_DOUBTED}, {_FAILED}"
    f" FROM {_JOINED}"
)
_LATEST = "t.no = (SELECT max(no) FROM payments_debit_try y WHERE y.debit_id = d.id)"
_CONTRADICTION = (
    "SELECT x.id, x.collection_id, c.reference, x.consumer_id, c.loan_id, c.amount_minor, x.currency, x.code, x.stood, x.said, x.said_minor,"
    " x.said_fee_minor, x.said_currency, x.provider_id, x.said_code, x.said_on, x.heard_at, x.state, x.closed_at, x.closed_by, x.reason"
    " FROM payments_contradiction AS x JOIN payments_collection AS c ON c.id = x.collection_id"
)


def _standing(*row: Any) -> Standing:
    mandate, rest = mandate_of(*row[:WIDTH]), row[WIDTH:]
    debit, tried, told = rest[:12], rest[12:24], rest[24:]
    currency = mandate.limit.currency
    return Standing(
        mandate,
        Debit(*[*debit[:5], Money(debit[5], currency), *debit[6:]]),
        Try(*[*tried[:4], Money(tried[4], currency), *tried[5:]]),
        *told,
    )


def _contradiction(*row: Any) -> Contradiction:
    head, (amount, currency, code, stood, said, minor, fee, said_in), rest = row[:5], row[5:13], row[13:]
    return Contradiction(*[*head, Money(amount, currency), code, stood, said, Money(minor, said_in), Money(fee, said_in), *rest])


# --------------------------------------------------------------------------------------------------------------- what has to be done


def tries_to_announce(*, book_id: UUID, on: date, limit: int) -> list[UUID]:
    """Tries whose prior notice is to be given on a day, by ascending id: the mandate is active, and nothing about the debit is in doubt."""
    return _tries(
        # The day of the debit finds them in the index; it is the day after the notice.
        "d.state = 'open' AND m.state = 'active' AND t.state = 'planned' AND t.announce_on = %s AND t.debit_on > %s AND t.debit_on < %s"
        f" AND NOT {_DOUBTED}",
        book_id,
        [on, on, on + timedelta(days=2)],
        limit,
    )


def tries_to_send(*, book_id: UUID, on: date, kinds: Sequence[str], limit: int) -> list[UUID]:
    """Tries that are to be taken on a day, by ascending id: announced where the kind of mandate wants that, and nothing in doubt."""
    return _tries(
        "d.state = 'open' AND m.state = 'active' AND m.kind = ANY(%s) AND t.debit_on = %s"
        f" AND (t.state = 'announced' OR (t.state = 'planned' AND t.announce_on IS NULL)) AND NOT {_DOUBTED}",
        book_id,
        [list(kinds), on],
        limit,
    )


def tries_passed(*, book_id: UUID, passed: Passed, limit: int) -> list[UUID]:
    """Tries that were not sent and cannot be any more, by ascending id."""
    return _tries(
        "((t.state = 'planned' AND t.announce_on < %s) OR (t.state = 'announced' AND t.debit_on < %s)"
        " OR (t.state = 'planned' AND t.announce_on IS NULL AND t.debit_on < %s))",
        book_id,
        [passed.notices_before, passed.wallets_before, passed.banks_before],
        limit,
    )


def tries_answered(*, book_id: UUID, limit: int) -> list[UUID]:
    """Tries that were sent and whose collection ended since, by ascending id."""
    return _tries("t.state = 'attempted' AND c.state IN ('succeeded', 'failed')", book_id, [], limit)


def tries_late(*, book_id: UUID, limit: int) -> list[UUID]:
    """Tries that failed and whose collection succeeded after all, as a person accepted, by ascending id."""
    found = sql.rows(
        "SELECT t.id FROM payments_contradiction x JOIN payments_collection c ON c.id = x.collection_id AND c.state = 'succeeded'"
        " JOIN payments_debit_try t ON t.collection_id = c.id AND t.state = 'failed'"
        " WHERE x.book_id = %s AND x.state = 'accepted' ORDER BY t.id LIMIT %s",
        [book_id, limit],
    )
    return [row[0] for row in found]


def tries_idle(*, book_id: UUID, limit: int, among: Sequence[UUID] | None = None) -> list[UUID]:
    """The latest tries of open debits of which nothing is under way and nothing in doubt, by ascending id of the debit: of all or of some."""
    chosen = list(among) if among is not None else None
    found = sql.rows(
        f"SELECT t.id FROM {_JOINED} WHERE d.book_id = %s AND d.state = 'open' AND NOT EXISTS (SELECT 1 FROM payments_debit_try y"
        f" WHERE y.debit_id = d.id AND y.state IN ('planned', 'announced', 'attempted')) AND {_LATEST} AND NOT {_DOUBTED}"
        " AND (%s::uuid[] IS NULL OR t.id = ANY(%s::uuid[])) ORDER BY d.id LIMIT %s",
        [book_id, chosen, chosen, limit],
    )
    return [row[0] for row in found]


def _tries(where: str, book_id: UUID, given: Sequence[Any], limit: int) -> list[UUID]:
    found = sql.rows(
        f"SELECT t.id FROM {_JOINED} WHERE t.book_id = %s AND {where} ORDER BY t.id LIMIT %s",
        [book_id, *given, limit],
    )
    return [row[0] for row in found]


def collections_failed(*, book_id: UUID, try_ids: Sequence[UUID]) -> list[str]:
    """References of the collections that failed of the same debits as these tries, up to them."""
    found = sql.rows(
        "SELECT c.reference FROM payments_debit_try t JOIN payments_debit_try y ON y.debit_id = t.debit_id AND y.no <= t.no"
        " JOIN payments_collection c ON c.id = y.collection_id WHERE t.book_id = %s AND t.id = ANY(%s::uuid[]) AND c.state = 'failed'"
        " ORDER BY c.id",
        [book_id, list(try_ids)],
    )
    return [row[0] for row in found]


# -------------------------------------------------------------------------------------------------------------------------- by object


def standings(*, book_id: UUID, try_ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Standing]:
    """Tries with their debits and mandates, by id of the try. With `lock` mandates and then debits are locked for update until the
    transaction ends, ids ascending: what is read is what they are then.
    """
    if lock:
        sql.run(
            "SELECT m.id FROM payments_mandate m WHERE m.book_id = %(book)s AND m.id IN (SELECT d.mandate_id FROM payments_debit d"
            " JOIN payments_debit_try t ON t.debit_id = d.id WHERE t.id = ANY(%(tries)s::uuid[])) ORDER BY m.id FOR NO KEY UPDATE",
            {"book": book_id, "tries": list(try_ids)},
        )
        sql.run(
            "SELECT d.id FROM payments_debit d WHERE d.book_id = %(book)s AND d.id IN (SELECT t.debit_id FROM payments_debit_try t"
            " WHERE t.id = ANY(%(tries)s::uuid[])) ORDER BY d.id FOR NO KEY UPDATE",
            {"book": book_id, "tries": list(try_ids)},
        )
    found = sql.rows_as(_standing, f"{_STANDING} WHERE t.book_id = %s AND t.id = ANY(%s::uuid[]) ORDER BY t.id", [book_id, list(try_ids)])
    return {one.latest.id: one for one in found}


def tries_by_reference(*, book_id: UUID, references: Sequence[str]) -> dict[str, UUID]:
    """Tries by the reference their notice is known by."""
    found = sql.rows("SELECT reference, id FROM payments_debit_try WHERE book_id = %s AND reference = ANY(%s)", [book_id, list(references)])
    return dict(found)


def debits_to_stop(*, book_id: UUID, mandate_ids: Sequence[UUID]) -> list[Standing]:
    """The open debits of mandates with their latest try, locked for update, ids ascending: for what ends with the mandate."""
    sql.run(
        "SELECT id FROM payments_debit WHERE book_id = %s AND mandate_id = ANY(%s::uuid[]) AND state = 'open' ORDER BY id FOR NO KEY UPDATE",
        [book_id, list(mandate_ids)],
    )
    where = f" WHERE d.book_id = %s AND d.mandate_id = ANY(%s::uuid[]) AND d.state = 'open' AND {_LATEST} ORDER BY d.id"
    return sql.rows_as(_standing, _STANDING + where, [book_id, list(mandate_ids)])


def debits_planned(*, book_id: UUID, mandate_ids: Sequence[UUID], since: date) -> set[tuple[UUID, UUID, date]]:
    """What is planned of mandates for due days from `since` on, whatever became of it: (mandate, loan, due day)."""
    return set(
        sql.rows(
            "SELECT mandate_id, loan_id, due_on FROM payments_debit WHERE book_id = %s AND mandate_id = ANY(%s::uuid[]) AND due_on >= %s",
            [book_id, list(mandate_ids), since],
        )
    )


def debits_listed(
    *,
    book_id: UUID,
    consumer_id: UUID | None = None,
    loan_id: UUID | None = None,
    states: Sequence[str] = (),
    before: UUID | None = None,
    limit: int = 100,
) -> list[Standing]:
    """Debits with their latest try, newest first, older than `before`; of all states unless some are named."""
    where = (
        f" WHERE d.book_id = %s AND {_LATEST} AND (%s::uuid IS NULL OR d.consumer_id = %s) AND (%s::uuid IS NULL OR d.loan_id = %s)"
        " AND (%s OR d.state = ANY(%s::text[])) AND (%s::uuid IS NULL OR d.id < %s) ORDER BY d.id DESC LIMIT %s"
    )
    given = [book_id, consumer_id, consumer_id, loan_id, loan_id, not states, list(states), before, before, limit]
    return sql.rows_as(_standing, _STANDING + where, given)


def tries_of(*, book_id: UUID, debit_ids: Sequence[UUID]) -> list[Standing]:
    """Every try of debits, oldest first."""
    where = " WHERE d.book_id = %s AND d.id = ANY(%s::uuid[]) ORDER BY d.id, t.no"
    return sql.rows_as(_standing, _STANDING + where, [book_id, list(debit_ids)])


def under_way(*, book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, dict[date | None, int]]:
    """What collections of loans have no answer yet, in minor units, by loan and the day for which a part of a payment over several loans would wait,
    None for what would not; a loan without any is absent.
    """
    found = sql.rows(
        "SELECT loan_id, waits_for, sum(amount_minor)::bigint FROM payments_collection WHERE book_id = %s AND loan_id = ANY(%s::uuid[])"
        " AND state IN ('attempted', 'unknown') GROUP BY loan_id, waits_for",
        [book_id, list(loan_ids)],
    )
    coming: dict[UUID, dict[date | None, int]] = defaultdict(dict)
    for loan_id, day, minor in found:
        coming[loan_id][day] = minor
    return dict(coming)


# --------------------------------------------------------------------------------------------------------------------- contradictions


def contradictions(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Contradiction]:
    ending = " ORDER BY x.id FOR NO KEY UPDATE OF x" if lock else ""
    where = " WHERE x.book_id = %s AND x.id = ANY(%s::uuid[])"
    return {one.id: one for one in sql.rows_as(_contradiction, _CONTRADICTION + where + ending, [book_id, list(ids)])}


def contradictions_listed(*, book_id: UUID, states: Sequence[str] = ("open",), limit: int = 100) -> list[Contradiction]:
    """Contradictions in some states, oldest first."""
    where = " WHERE x.book_id = %s AND x.state = ANY(%s::text[]) ORDER BY x.heard_at, x.id LIMIT %s"
    return sql.rows_as(_contradiction, _CONTRADICTION + where, [book_id, list(states), limit])


def accepted(*, book_id: UUID, collection_ids: Sequence[UUID] | None = None) -> list[Contradiction]:
    """What a person accepted and is not booked yet, of some collections or of all."""
    where = (
        " WHERE x.book_id = %s AND x.state = 'accepted' AND c.state = 'failed' AND (%s::uuid[] IS NULL OR x.collection_id = ANY(%s::uuid[]))"
        " ORDER BY x.heard_at, x.id"
    )
    chosen = list(collection_ids) if collection_ids is not None else None
    return sql.rows_as(_contradiction, _CONTRADICTION + where, [book_id, chosen, chosen])
