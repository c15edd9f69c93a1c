"""How late loans of both rule versions are: as they stand on the open day, page by page, and as they were recorded to be by the end of a day that was
closed; and what each bucket comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.frozen import made_quickly
from yuefu.loans import rules
from yuefu.loans.queries import keeping, late_places, levelled
from yuefu.loans.queries.keeping import NEVER, Kept
from yuefu.loans.queries.late_places import BEFORE_ALL, BUCKETS_OF_OLD, UNSETTLED, Place, not_recorded
from yuefu.loans.queries.levelled import REPLAYED_AT_ONCE
from yuefu.loans.rules import PARTS, Dimensions
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.arrears import bucket_of, overdue_of
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.runtime import sql
from yuefu.runtime.logs import logger

_FOREVER: Final = date.max.toordinal()

log = logger(__name__)


@made_quickly
@dataclass(frozen=True, slots=True)
class LateLoan:
    """A loan of which something is overdue on a day: `since` the due day of the oldest of it, `days` past due, the `bucket` of its terms ("" for
    none), and what is overdue of each part. `paused`: interest or arrears rest on that day. `set_aside`: a close could not go on with it; where it
    cannot be read either, this is what is kept of it, as it was left."""

    loan_id: UUID
    order_id: UUID | None
    merchant_id: UUID | None
    consumer_id: UUID
    product: str
    since: date
    days: int
    bucket: str
    principal: Money
    interest: Money
    fees: Money
    penalties: Money
    paused: bool = False
    set_aside: bool = False

    @property
    def public_id(self) -> str:
        return ids.text("loan", self.loan_id)

    @property
    def charges(self) -> Money:
        return self.fees + self.penalties

    @property
    def overdue(self) -> Money:
        return self.principal + self.interest + self.charges


@dataclass(frozen=True, slots=True)
class BucketSum:
    """Late loans of one bucket and currency: how many, and what is overdue of them. `bucket` is "" for those in none, None for all of a currency
    together."""

    bucket: str | None
    loans: int
    principal: Money
    interest: Money
    fees: Money
    penalties: Money

    @property
    def currency(self) -> str:
        return self.principal.currency

    @property
    def charges(self) -> Money:
        return self.fees + self.penalties

    @property
    def overdue(self) -> Money:
        return self.principal + self.interest + self.charges


# ------------------------------------------------------------------------------------------------------------------------------ by person


def maybe_late(book_id: UUID, on: date) -> tuple[str, dict[str, Any]]:
    """A query for the loans of 2026-2 that may be late on the open day, and its parameters: those that the last close left late, and those of which
    something fell due since. One with which a close could not go on is as it was left."""
    query = (
        "SELECT s.loan_id FROM loans_stretch s WHERE s.book_id = %(book)s AND s.replaced_on = %(never)s AND s.late_since IS NOT NULL"
        " UNION SELECT d.loan_id FROM loans_due d WHERE d.book_id = %(book)s AND d.due_on >= %(last)s AND d.due_on < %(on)s"
        f" AND {UNSETTLED} > 0"
    )
    return query, {"book": book_id, "never": NEVER, "last": not_recorded(book_id, on) - timedelta(days=1), "on": on}


def late_among(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> list[LateLoan]:
    """Those of some loans of 2026-2 that are late on a day, nothing having happened to them since; in the order of their ids."""
    if not loan_ids:
        return []
    return [late for _, kept in sorted(keeping.read_on(book_id, loan_ids, on).items()) if (late := _late(kept, on))]


def _late(one: Kept, on: date) -> LateLoan | None:
    state, party = one.life.state, one.party
    if not state.lent:
        return None
    late = overdue_of(looked_at(state, max(on, date.fromordinal(state.last_on))))
    if late.since is None:
        return None
    day = on.toordinal()
    paused = any(first <= day <= last for first, last in state.arrears_pauses)
    # Pauses of interest are kept by the nights before their days; what a charge-off ended for ever is no pause.
    paused = paused or any(first < day <= last < _FOREVER for first, last in state.pauses)
    whose = (party.loan_id, party.order_id, party.merchant_id, party.consumer_id, party.product)
    minors = late.principal, late.interest, late.fees, late.penalties
    return _made(whose, party.currency, late.since, on, late.bucket, minors, paused=paused, set_aside=one.running.stuck)


_Whose = tuple[UUID, UUID | None, UUID | None, UUID, str]
"""A loan, its order, merchant and consumer, and its product."""


def _whose(row: Sequence[Any]) -> _Whose:
    return row[0], row[1], row[2], row[3], row[4]


def _made(
    whose: _Whose,
    currency: str,
    since: date,
    on: date,
    bucket: str,
    minors: Sequence[int],
    *,
    paused: bool = False,
    set_aside: bool = False,
) -> LateLoan:
    principal, interest, fees, penalties = (Money(minor, currency) for minor in minors)
    return LateLoan(*whose, since, (on - since).days, bucket, principal, interest, fees, penalties, paused, set_aside)


# ------------------------------------------------------------------------------------------------------------------------------- the list


def late_now(
    book_id: UUID, on: date, *, bucket: str | None = None, after: Place | None = None, limit: int
) -> tuple[list[LateLoan], Place | None]:
    """Late loans of a book on the open day, of all buckets or of one, those that have been for longest first: the ones behind a place, and the place
    behind which there are more. Only these are opened; what else is passed over was kept as late, or as of the bucket, and is so no more."""
    chosen = None if bucket is None else late_places.bucket_named(bucket, late_places.arrears_terms(book_id))
    if bucket is not None and chosen is None:
        return [], None
    found: list[tuple[Place, LateLoan]] = []
    place, more = after or BEFORE_ALL, True
    while more and len(found) <= limit:
        at_once = limit + 1 - len(found)
        places = late_places.places(book_id, on, bucket=chosen, after=place, limit=at_once)
        told = _told(book_id, places, on)
        found += [(one, told[one.loan_id]) for one, _ in places if one.loan_id in told and bucket in (None, told[one.loan_id].bucket)]
        place, more = places[-1][0] if places else place, len(places) == at_once
    return [late for _, late in found[:limit]], found[limit - 1][0] if len(found) > limit else None


def _told(book_id: UUID, places: Sequence[tuple[Place, bool]], on: date) -> dict[UUID, LateLoan]:
    """How late loans are on the open day; those that are not are absent."""
    lived = [place.loan_id for place, is_lived in places if is_lived]
    old = [place.loan_id for place, is_lived in places if not is_lived]
    return {one.loan_id: one for one in [*_lived_now(book_id, lived, on), *_levelled_now(book_id, old, on)]}


def _lived_now(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> list[LateLoan]:
    if not loan_ids:
        return []
    kept, unread = keeping.read_apart(book_id, loan_ids, on)
    found = []
    for loan_id, one in kept.items():
        try:
            late = _late(one, on)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one loan, the others are told
            log.error("loan cannot be told", loan_id=str(loan_id), error=type(error).__name__)
            unread.append(loan_id)
        else:
            found += [late] if late else []
    return found + _as_kept(book_id, unread, on)


def _as_kept(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> list[LateLoan]:
    """How late loans that nobody can open are, by the rows that are kept of them."""
    if not loan_ids:
        return []
    sums = ", ".join(f"sum(d.{part}_minor - d.{part}_settled_minor)::bigint AS {part}" for part in PARTS)
    found = sql.rows(
        f"SELECT a.id, a.order_id, a.merchant_id, a.consumer_id, a.product, a.currency, late.since, s.bucket, {', '.join(PARTS)}"
        " FROM loans_agreement a JOIN loans_stretch s ON s.loan_id = a.id AND s.replaced_on = %(never)s CROSS JOIN LATERAL"
        f" (SELECT min(d.due_on) AS since, {sums} FROM loans_due d WHERE d.loan_id = a.id AND d.due_on < %(on)s AND {UNSETTLED} > 0) AS late"
        " WHERE a.book_id = %(book)s AND a.id = ANY(%(loans)s) AND late.since IS NOT NULL",
        {"book": book_id, "loans": list(loan_ids), "on": on, "never": NEVER},
    )
    return [_made(_whose(row), row[5], row[6], on, row[7], row[8:], set_aside=True) for row in found]


def _levelled_now(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> list[LateLoan]:
    if not loan_ids:
        return []
    found = sql.rows(
        "SELECT l.id, l.order_id, l.merchant_id, l.consumer_id, l.credit_account_id, l.funder_id, l.product, l.currency, min(i.due_on),"
        " sum(i.principal_minor - i.principal_paid_minor)::bigint, sum(i.interest_minor - i.interest_paid_minor)::bigint"
        " FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id WHERE l.book_id = %s AND l.id = ANY(%s) AND l.state = 'active'"
        " AND i.due_on < %s AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor GROUP BY l.id",
        [book_id, list(loan_ids), on],
    )
    return [_of_levelled(Dimensions(*row[:8]), since=row[8], principal=row[9], interest=row[10], on=on) for row in found]


def _of_levelled(dims: Dimensions, *, since: date, principal: int, interest: int, on: date) -> LateLoan:
    whose = (dims.loan_id, dims.order_id, dims.merchant_id, dims.consumer_id, dims.product)
    return _made(whose, dims.currency, since, on, bucket_of(BUCKETS_OF_OLD, (on - since).days), (principal, interest, 0, 0))


def set_aside(book_id: UUID) -> int:
    """How many loans the close could not go on with, late or not."""
    counted: int = sql.value("SELECT count(*) FROM loans_stretch WHERE book_id = %s AND replaced_on = %s AND stuck", [book_id, NEVER])
    return counted


# ------------------------------------------------------------------------------------------------------------------------------- by bucket


def sums_now(book_id: UUID, on: date) -> list[BucketSum]:
    """What the late loans of each bucket and currency come to by what is kept of them: those that are less late first. As the last close, or what was
    entered since, left each loan; and with what fell overdue since, as its rows ask it."""
    params = late_places.known(book_id, on)
    return _summed([*_kept_sums(params), *_new_sums(params), *_levelled_sums(params)])


_Part = tuple[str, str, date, int, tuple[int, ...]]
"""Of some loans: currency, bucket, since when the latest of them is late, how many they are, and what is overdue of each part."""


def _kept_sums(params: dict[str, Any]) -> Iterable[_Part]:
    """Of loans that were kept as late. What a close could not go on with is told by its rows: what its columns say may be what is wrong."""
    parts = ", ".join(f"sum(s.late_{part}_minor)" for part in PARTS)
    for currency, bucket, since, loans, *minors in sql.rows(
        f"SELECT p.currency, s.bucket, max(s.late_since), count(*), {parts} FROM loans_stretch s"
        " JOIN loans_portfolio p ON p.book_id = s.book_id AND p.no = s.portfolio_no"
        " WHERE s.book_id = %(book)s AND s.replaced_on = %(never)s AND s.late_since IS NOT NULL AND NOT s.stuck GROUP BY p.currency, s.bucket",
        params,
    ):
        yield currency, bucket, since, loans, tuple(map(int, minors))


def _new_sums(params: dict[str, Any]) -> Iterable[_Part]:
    """Of loans that became late since they were looked at: their bucket is that of their days, for no pause of theirs is kept in a column."""
    parts = ", ".join(f"sum(d.{part}_minor - d.{part}_settled_minor)" for part in PARTS)
    for terms, currency, since, loans, *minors in sql.rows(
        f"SELECT (t.terms -> 'arrears')::text, a.currency, n.since, count(DISTINCT a.id), {parts} FROM ({late_places.became_late(params)}) AS n"
        " JOIN loans_agreement a ON a.id = n.loan_id JOIN loans_sheet t ON t.id = a.sheet_id"
        " JOIN loans_due d ON d.loan_id = a.id AND d.due_on < %(on)s WHERE n.since IS NOT NULL GROUP BY 1, 2, 3",
        params,
    ):
        arrears = late_places.read_arrears(terms)
        bucket = bucket_of(arrears, max((params["on"] - since).days - arrears.grace_days, 0))
        yield currency, bucket, since, loans, tuple(map(int, minors))


def _levelled_sums(params: dict[str, Any]) -> Iterable[_Part]:
    new = f" UNION ALL {late_places.LEVELLED_FELL_DUE}" if params["closing"] else ""
    for currency, since, loans, principal, interest in sql.rows(
        "SELECT l.currency, n.since, count(DISTINCT l.id), sum(i.principal_minor - i.principal_paid_minor),"
        " sum(i.interest_minor - i.interest_paid_minor) FROM (SELECT l.arrears_since AS since, l.id AS loan_id FROM loans_loan l"
        f" WHERE l.book_id = %(book)s AND l.arrears_since IS NOT NULL AND l.arrears_since < %(on)s{new}) AS n"
        " JOIN loans_loan l ON l.id = n.loan_id JOIN loans_instalment i ON i.loan_id = l.id AND i.due_on < %(on)s GROUP BY 1, 2",
        params,
    ):
        bucket = bucket_of(BUCKETS_OF_OLD, (params["on"] - since).days)
        yield currency, bucket, since, loans, (int(principal), int(interest), 0, 0)


def sums_of(late: Sequence[LateLoan]) -> list[BucketSum]:
    """The sums of each bucket and currency of loans: those that are less late first."""
    return _summed((one.principal.currency, one.bucket, one.since, 1, tuple(getattr(one, part).minor for part in PARTS)) for one in late)


def _summed(parts: Iterable[_Part]) -> list[BucketSum]:
    loans: dict[tuple[str, str], int] = defaultdict(int)
    latest: dict[tuple[str, str], date] = defaultdict(lambda: date.min)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(PARTS))
    for currency, bucket, since, count, minors in parts:
        key = currency, bucket
        loans[key] += count
        latest[key] = max(latest[key], since)
        sums[key] = [had + minor for had, minor in zip(sums[key], minors, strict=True)]
    order = sorted(loans, key=lambda key: (key[0], -latest[key].toordinal()))
    return [BucketSum(key[1], loans[key], *(Money(minor, key[0]) for minor in sums[key])) for key in order]


# ------------------------------------------------------------------------------------------------------------------------ as was recorded


def late_by(book_id: UUID, on: date) -> list[LateLoan]:
    """All loans of a book that were late by the end of a day, as they were recorded by then, those that had been for longest first; which of them
    were paused or set aside is not told."""
    found = sql.rows(
        "SELECT a.id, a.order_id, a.merchant_id, a.consumer_id, a.product, a.currency, t.late_since, t.bucket,"
        # Who was late then is so still, or has a later record: nothing else of the history is read.
        " t.principal_minor, t.interest_minor, t.fees_minor, t.penalties_minor FROM ("
        "SELECT s.loan_id FROM loans_stretch s WHERE s.book_id = %(book)s AND s.replaced_on = %(never)s AND s.late_since IS NOT NULL"
        ' UNION SELECT h.loan_id FROM loans_lateness h WHERE h.book_id = %(book)s AND h."on" > %(on)s) AS one'
        ' CROSS JOIN LATERAL (SELECT * FROM loans_lateness h WHERE h.loan_id = one.loan_id AND h."on" <= %(on)s ORDER BY h."on" DESC LIMIT 1) AS t'
        " JOIN loans_agreement a ON a.id = one.loan_id WHERE t.late_since IS NOT NULL",
        {"book": book_id, "on": on, "never": NEVER},
    )
    late = [_made(_whose(row), row[5], row[6], on, row[7], row[8:]) for row in found] + _levelled_by(book_id, on)
    return sorted(late, key=lambda one: (one.since, one.loan_id))


def _levelled_by(book_id: UUID, on: date) -> list[LateLoan]:
    """Loans of 2026-1 keep no history of their arrears: those of which something was recorded since are told anew from what was by the day, the others
    are as they are stored."""
    changed = "SELECT FROM loans_event e WHERE e.loan_id = l.id AND e.recorded_on > %(on)s"
    params = {"book": book_id, "on": on}
    same = sql.rows(
        "SELECT l.id FROM loans_loan l WHERE l.book_id = %(book)s AND l.arrears_since IS NOT NULL AND l.arrears_since < %(on)s"
        f" AND NOT EXISTS ({changed})",
        params,
    )
    found = _levelled_now(book_id, [row[0] for row in same], on)
    maybe = [
        row[0]
        for row in sql.rows(
            "SELECT DISTINCT e.loan_id FROM loans_event e WHERE e.book_id = %(book)s AND e.recorded_on > %(on)s ORDER BY e.loan_id", params
        )
    ]
    for first in range(0, len(maybe), REPLAYED_AT_ONCE):
        held = levelled.loans(maybe[first : first + REPLAYED_AT_ONCE], book_id=book_id)
        for loan_id, facts in levelled.facts(list(held), {i: one.state.terms for i, one in held.items()}).items():
            known = [fact for fact in facts if fact.recorded_on <= on]
            rows = [row for row in rules.retold(known)[0].rows if row.unpaid and row.due_on < on] if known else []
            if rows:
                principal = sum(row.principal - row.principal_paid for row in rows)
                interest = sum(row.interest - row.interest_paid for row in rows)
                found.append(_of_levelled(held[loan_id].dims, since=rows[0].due_on, principal=principal, interest=interest, on=on))
    return found
