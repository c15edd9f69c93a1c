"""Reads of loans, as frozen values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.loans import rules
from yuefu.loans.entries import STANDING
from yuefu.loans.rules import Dated, Dimensions, Fact, Held
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.loan import Disbursed, LoanState, Refunded, Repaid, Row
from yuefu.plans.terms import Terms
from yuefu.runtime import sql

_LOAN = (
    "id, order_id, merchant_id, consumer_id, credit_account_id, funder_id, product, currency, principal_minor, periods,"
    " annual_rate_ppm, day_count, disbursed_on, first_due_on, due_day, rule_version, ceilings, refunded_principal_minor, excess_minor,"
    " last_event_on, seq, discount_minor, discount_earned_minor, closed_on, arrears_since"
)

REPLAYED_AT_ONCE: Final = 1_000
"""So many loans at most are told anew by one round of queries."""


@dataclass(frozen=True, slots=True)
class Arrears:
    """What a consumer owes that was due before a day."""

    overdue: Money
    days: int


@dataclass(frozen=True, slots=True)
class Due:
    """What a loan asks on or before a day and has not got."""

    loan_id: UUID
    order_id: UUID
    consumer_id: UUID
    amount: Money
    oldest_due_on: date


@dataclass(frozen=True, slots=True)
class Recorded:
    """A dated fact of a loan, with what became of its amount when it was recorded."""

    loan_id: UUID
    kind: str
    effective_on: date
    amount: Money
    principal: Money
    interest: Money
    excess: Money
    source_id: UUID
    recorded_at: datetime
    recorded_on: date
    reverses: UUID | None = None
    """The source of the repayment that it takes off."""


@dataclass(frozen=True, slots=True)
class Repayment:
    """A repayment that was applied: the event `no` of its loan, its amount in minor units, and whether it was taken off again."""

    loan_id: UUID
    no: int
    amount: int
    reversed: bool


@dataclass(frozen=True, slots=True)
class Reversal:
    """A repayment taken off its loan. `excess` is what is owed back for it."""

    id: UUID
    source_id: UUID
    loan_id: UUID
    amount: Money
    excess: Money


def lock(book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, Held]:
    """Loans with their instalments, locked in ascending order of id until the transaction ends."""
    found = sql.rows(
        f"SELECT {_LOAN} FROM loans_loan WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [book_id, list(set(loan_ids))]
    )
    return _held(found)


def lock_due(book_id: UUID, on: date, *, after: UUID | None, limit: int) -> None:
    """Locks the loans of one chunk with an instalment due on a day, by ascending id: what is read of them next stays so."""
    sql.run(
        "SELECT id FROM loans_loan WHERE id IN (SELECT loan_id FROM loans_instalment WHERE book_id = %(book)s AND due_on = %(on)s"
        " AND (%(after)s::uuid IS NULL OR loan_id > %(after)s) ORDER BY loan_id LIMIT %(limit)s) ORDER BY id FOR NO KEY UPDATE",
        {"book": book_id, "on": on, "after": after, "limit": limit},
    )


def loans(loan_ids: Sequence[UUID], *, book_id: UUID | None = None) -> dict[UUID, Held]:
    """Loans with their instalments, without locks; with `book_id` only those of that book."""
    return _held(
        sql.rows(
            f"SELECT {_LOAN} FROM loans_loan WHERE id = ANY(%s) AND (%s::uuid IS NULL OR book_id = %s)", [list(loan_ids), book_id, book_id]
        )
    )


def loans_of(order_ids: Sequence[UUID]) -> dict[UUID, list[Held]]:
    """Loans by order, oldest first."""
    found = _held(sql.rows(f"SELECT {_LOAN} FROM loans_loan WHERE order_id = ANY(%s) ORDER BY booked_at, id", [list(order_ids)]))
    by_order: dict[UUID, list[Held]] = defaultdict(list)
    for held in found.values():
        by_order[held.dims.order_id].append(held)
    return by_order


def by_capture(capture_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    return dict(sql.rows("SELECT capture_id, id FROM loans_loan WHERE capture_id = ANY(%s)", [list(capture_ids)]))


def _held(found: Sequence[tuple[Any, ...]]) -> dict[UUID, Held]:
    rows: dict[UUID, list[Row]] = defaultdict(list)
    for loan_id, *row in sql.rows(
        "SELECT loan_id, no, start_on, due_on, principal_minor, interest_minor, principal_paid_minor, interest_paid_minor"
        " FROM loans_instalment WHERE loan_id = ANY(%s) ORDER BY loan_id, no",
        [[loan[0] for loan in found]],
    ):
        rows[loan_id].append(Row(*row))
    return {loan[0]: _one(loan, tuple(rows[loan[0]])) for loan in found}


def _one(loan: tuple[Any, ...], rows: tuple[Row, ...]) -> Held:
    dims = Dimensions(*loan[:8])
    principal, periods, rate, day_count, disbursed, first_due, due_day, version, ceilings, refunded, excess, last, seq = loan[8:21]
    amount, most = Money(principal, dims.currency), tuple(ceilings) if ceilings else None
    terms = Terms(amount, periods, Rate(rate), DayCount(day_count), disbursed, first_due, due_day, version, most)
    state = LoanState(terms=terms, rows=rows, last_event_on=last, seq=seq, refunded_principal=refunded, excess=excess)
    return Held(dims, state, seq, *loan[21:])


def history(loan_ids: Sequence[UUID], terms: Mapping[UUID, Terms]) -> dict[UUID, list[Dated]]:
    """All events of loans in the order of recording, as the fold takes them."""
    return {loan_id: list(rules.history_of(found).values()) for loan_id, found in facts(loan_ids, terms).items()}


def facts(loan_ids: Sequence[UUID], terms: Mapping[UUID, Terms]) -> dict[UUID, list[Fact]]:
    """All that was recorded of loans, in the order of recording."""
    found: dict[UUID, list[Fact]] = defaultdict(list)
    for loan_id, no, kind, on, amount, recorded_on, reverses_no in sql.rows(
        "SELECT loan_id, no, kind, effective_on, amount_minor, recorded_on, reverses_no FROM loans_event WHERE loan_id = ANY(%s)"
        " ORDER BY loan_id, no",
        [list(loan_ids)],
    ):
        found[loan_id].append(Fact(no, _dated(terms[loan_id], kind, on, amount), recorded_on, reverses_no))
    return dict(found)


def _dated(terms: Terms, kind: str, on: date, amount: int) -> Dated | None:
    match kind:
        case "disbursed":
            return Disbursed(on, terms)
        case "repaid":
            return Repaid(on, Money(amount, terms.principal.currency))
        case "refunded":
            return Refunded(on, Money(amount, terms.principal.currency))
    return None


def not_as_replayed(book_id: UUID, loan_ids: Sequence[UUID], *, closed: date, open_day: date) -> dict[UUID, tuple[str, ...]]:
    """Loans that are stored otherwise than a replay of their terms and events has them, and in what (`rules.differences`). Four queries,
    for at most REPLAYED_AT_ONCE loans. `closed` is the last day that closed.
    """
    assert len(loan_ids) <= REPLAYED_AT_ONCE, "the caller goes by chunks"
    held = loans(loan_ids, book_id=book_id)
    told = facts(list(held), {i: one.state.terms for i, one in held.items()})
    marked = dict(sql.rows("SELECT id, state = 'closed' FROM loans_loan WHERE id = ANY(%s)", [list(held)]))
    wrong: dict[UUID, tuple[str, ...]] = {}
    for loan_id, one in held.items():
        found = rules.differences(one, told[loan_id], closed=closed, open_day=open_day) if loan_id in told else ("events",)
        if marked[loan_id] != (one.closed_on is not None):
            found = (*found, "state")
        if found:
            wrong[loan_id] = found
    return wrong


def changed_on(book_id: UUID, on: date) -> list[UUID]:
    """Loans of which something was recorded on a business day, by ascending id."""
    found = sql.rows("SELECT DISTINCT loan_id FROM loans_event WHERE book_id = %s AND recorded_on = %s ORDER BY 1", [book_id, on])
    return [row[0] for row in found]


def all_ids(book_id: UUID) -> list[UUID]:
    """Every loan of a book, by ascending id."""
    return [row[0] for row in sql.rows("SELECT id FROM loans_loan WHERE book_id = %s ORDER BY id", [book_id])]


def repayments(book_id: UUID, source_ids: Sequence[UUID]) -> dict[UUID, Repayment]:
    """Applied repayments by the collection they came from; others are absent."""
    found = sql.rows(
        "SELECT e.source_id, e.loan_id, e.no, e.amount_minor, EXISTS (SELECT 1 FROM loans_event r WHERE r.loan_id = e.loan_id AND r.reverses_no = e.no)"
        " FROM loans_event e WHERE e.book_id = %s AND e.source_id = ANY(%s) AND e.kind = 'repaid'",
        [book_id, list(source_ids)],
    )
    return {row[0]: Repayment(*row[1:]) for row in found}


def reversals(reversal_ids: Sequence[UUID]) -> dict[UUID, Reversal]:
    found = sql.rows(
        "SELECT r.source_id, e.source_id, r.loan_id, r.amount_minor, r.excess_minor, l.currency FROM loans_event r"
        " JOIN loans_event e ON e.loan_id = r.loan_id AND e.no = r.reverses_no JOIN loans_loan l ON l.id = r.loan_id"
        " WHERE r.source_id = ANY(%s)",
        [list(reversal_ids)],
    )
    return {i: Reversal(i, source, loan, Money(amount, c), Money(excess, c)) for i, source, loan, amount, excess, c in found}


def recorded(order_ids: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
    """Events by order, in the order of recording."""
    found: dict[UUID, list[Recorded]] = defaultdict(list)
    for order_id, loan_id, kind, on, currency, amount, principal, interest, excess, *rest in sql.rows(
        "SELECT l.order_id, e.loan_id, e.kind, e.effective_on, l.currency, e.amount_minor, e.principal_minor, e.interest_minor, e.excess_minor,"
        " e.source_id, e.recorded_at, e.recorded_on, r.source_id FROM loans_event e JOIN loans_loan l ON l.id = e.loan_id"
        " LEFT JOIN loans_event r ON r.loan_id = e.loan_id AND r.no = e.reverses_no"
        " WHERE l.order_id = ANY(%s) ORDER BY e.recorded_at, e.loan_id, e.no",
        [list(order_ids)],
    ):
        money = [Money(minor, currency) for minor in (amount, principal, interest, excess)]
        found[order_id].append(Recorded(loan_id, kind, on, money[0], money[1], money[2], money[3], *rest))
    return found


def arrears(book_id: UUID, consumer_ids: Sequence[UUID], on: date, currency: str) -> dict[UUID, Arrears]:
    """Consumers who owe something that was due before `on`; others are absent."""
    found = sql.rows(
        "SELECT i.consumer_id, sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint,"
        " min(i.due_on) FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id IS NOT DISTINCT FROM %s AND l.consumer_id = ANY(%s) AND l.state = 'active' AND l.currency = %s AND i.due_on < %s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor GROUP BY i.consumer_id",
        [book_id, list(consumer_ids), currency, on],
    )
    return {row[0]: Arrears(Money(row[1], currency), (on - row[2]).days) for row in found}


def due(
    book_id: UUID, until: date, *, after: UUID | None = None, limit: int = 100_000, loan_ids: Sequence[UUID] | None = None
) -> list[Due]:
    """Loans that ask something due on or before `until`, by ascending id, in pages."""
    found = sql.rows(
        "SELECT i.loan_id, l.order_id, l.consumer_id, sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint,"
        " l.currency, min(i.due_on) FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND l.state = 'active' AND i.due_on <= %(until)s AND (%(after)s::uuid IS NULL OR i.loan_id > %(after)s)"
        " AND (%(loans)s::uuid[] IS NULL OR i.loan_id = ANY(%(loans)s))"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor"
        " GROUP BY i.loan_id, l.order_id, l.consumer_id, l.currency ORDER BY i.loan_id LIMIT %(limit)s",
        {"book": book_id, "until": until, "after": after, "limit": limit, "loans": list(loan_ids) if loan_ids is not None else None},
    )
    return [Due(row[0], row[1], row[2], Money(row[3], row[4]), row[5]) for row in found]


@dataclass(frozen=True, slots=True)
class FallingDue:
    """What a consumer has still to pay of what falls due on one day, over so many loans."""

    consumer_id: UUID
    amount: Money
    loans: int


def falling_due(
    book_id: UUID, on: date, currency: str, *, after: UUID | None = None, limit: int = 5_000, consumer_ids: Sequence[UUID] | None = None
) -> list[FallingDue]:
    """Consumers with something unpaid of what falls due on a day, each once, by ascending id: in pages, or of those that are named."""
    unsettled = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in ("principal", "interest", "fees", "penalties"))
    found = sql.rows(
        "SELECT consumer_id, sum(minor)::bigint, count(DISTINCT loan_id) FROM ("
        "SELECT i.consumer_id, i.loan_id, i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor AS minor"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND i.due_on = %(on)s AND l.state = 'active' AND l.currency = %(currency)s"
        f" UNION ALL SELECT a.consumer_id, d.loan_id, {unsettled} FROM loans_due d JOIN loans_agreement a ON a.id = d.loan_id"
        " WHERE d.book_id = %(book)s AND d.due_on = %(on)s AND a.currency = %(currency)s) AS due"
        " WHERE minor > 0 AND (%(after)s::uuid IS NULL OR consumer_id > %(after)s)"
        " AND (%(consumers)s::uuid[] IS NULL OR consumer_id = ANY(%(consumers)s))"
        " GROUP BY consumer_id ORDER BY consumer_id LIMIT %(limit)s",
        {
            "book": book_id, "on": on, "currency": currency, "after": after, "limit": limit,
            "consumers": None if consumer_ids is None else list(consumer_ids),
        },
    )  # fmt: skip
    return [FallingDue(consumer, Money(minor, currency), count) for consumer, minor, count in found]


@dataclass(frozen=True, slots=True)
class Position:
    """All loans of a product and funder added up, in minor units: what the control accounts must equal."""

    principal: int
    interest: int
    unearned_discount: int


def positions(book_id: UUID) -> dict[tuple[UUID, str, str], Position]:
    """Sub-ledger totals by (funder, product, currency)."""
    found = sql.rows(
        "SELECT l.funder_id, l.product, l.currency, sum(i.principal)::bigint, sum(coalesce(a.accrued_minor, 0) - i.interest_paid)::bigint,"
        " sum(l.discount_minor - l.discount_earned_minor)::bigint FROM loans_loan l"
        " JOIN (SELECT loan_id, sum(principal_minor - principal_paid_minor) AS principal, sum(interest_paid_minor) AS interest_paid"
        "       FROM loans_instalment WHERE book_id = %(book)s GROUP BY loan_id) AS i ON i.loan_id = l.id"
        " LEFT JOIN loans_accrual a ON a.loan_id = l.id WHERE l.book_id = %(book)s GROUP BY l.funder_id, l.product, l.currency",
        {"book": book_id},
    )
    return {(funder, product, currency): Position(*rest) for funder, product, currency, *rest in found}


def totals(book_id: UUID) -> tuple[int, int, int, int, int]:
    """Loans, loans active, loans in arrears, repayments applied, principal outstanding in minor units."""
    loans_row = sql.rows(
        "SELECT count(*), count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE arrears_since IS NOT NULL) FROM loans_loan WHERE book_id = %s",
        [book_id],
    )[0]
    repaid: int = sql.value("SELECT count(*) FROM loans_event WHERE book_id = %s AND kind = 'repaid'", [book_id])
    principal: int = sql.value(
        "SELECT coalesce(sum(principal_minor - principal_paid_minor), 0)::bigint FROM loans_instalment WHERE book_id = %s", [book_id]
    )
    return loans_row[0], loans_row[1], loans_row[2], repaid, principal


def repaid_by_day(book_id: UUID, since: date) -> dict[date, int]:
    found = sql.rows(
        "SELECT recorded_on, sum(amount_minor)::bigint FROM loans_event WHERE book_id = %s AND kind = 'repaid' AND recorded_on >= %s GROUP BY 1",
        [book_id, since],
    )
    return {row[0]: row[1] for row in found}


def accruing(book_id: UUID, on: date, *, after: UUID | None, limit: int) -> list[tuple[Any, ...]]:
    """Loans whose interest is not all posted: (loan, funder, product, currency, posted so far, interest of passed rows, interest,
    start and due day of the current row), by ascending id."""
    return sql.rows(
        "SELECT a.loan_id, l.funder_id, l.product, l.currency, a.accrued_minor,"
        " coalesce(sum(i.interest_minor) FILTER (WHERE i.due_on <= %(on)s), 0)::bigint, coalesce(max(i.interest_minor) FILTER (WHERE i.due_on > %(on)s), 0),"
        " coalesce(max(i.start_on) FILTER (WHERE i.due_on > %(on)s), %(on)s::date - 1), coalesce(max(i.due_on) FILTER (WHERE i.due_on > %(on)s), %(on)s::date)"
        " FROM loans_accrual a JOIN loans_loan l ON l.id = a.loan_id JOIN loans_instalment i ON i.loan_id = a.loan_id AND i.start_on <= %(on)s"
        " WHERE a.book_id = %(book)s AND a.accrued_minor <> a.total_minor AND (%(after)s::uuid IS NULL OR a.loan_id > %(after)s)"
        " GROUP BY a.loan_id, l.funder_id, l.product, l.currency, a.accrued_minor ORDER BY a.loan_id LIMIT %(limit)s",
        {"book": book_id, "on": on, "after": after, "limit": limit},
    )


def earning(book_id: UUID, on: date, *, after: UUID | None, limit: int) -> list[tuple[Any, ...]]:
    """Loans with an instalment due on a day: (loan, order, funder, product, currency, discount, earned, rows passed, rows, unpaid due)."""
    return sql.rows(
        "SELECT l.id, l.order_id, l.funder_id, l.product, l.currency, l.discount_minor, l.discount_earned_minor,"
        " (SELECT count(*) FROM loans_instalment p WHERE p.loan_id = l.id AND p.due_on <= %(on)s), l.periods,"
        " sum(i.principal_minor + i.interest_minor - i.principal_paid_minor - i.interest_paid_minor)::bigint, l.state, l.seq"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %(book)s AND i.due_on = %(on)s AND (%(after)s::uuid IS NULL OR l.id > %(after)s)"
        " GROUP BY l.id ORDER BY l.id LIMIT %(limit)s",
        {"book": book_id, "on": on, "after": after, "limit": limit},
    )


def falling_behind(book_id: UUID, on: date, *, limit: int) -> list[tuple[UUID, date]]:
    """Active loans not marked in arrears with something unpaid of what fell due on `on`: (loan, that day). Days close in order, so
    what fell due earlier was marked when its own day closed."""
    found = sql.rows(
        "SELECT l.id, min(i.due_on) FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id"
        " WHERE i.book_id = %s AND i.due_on = %s AND l.state = 'active' AND l.arrears_since IS NULL"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor GROUP BY l.id ORDER BY l.id LIMIT %s",
        [book_id, on, limit],
    )
    return [(row[0], row[1]) for row in found]


def excesses(book_id: UUID, *, loan_ids: Sequence[UUID] | None = None) -> dict[UUID, int]:
    """What loans could not take and consumers are owed back, given back or not, by loan in minor units: of all loans or of some."""
    where, chosen = (" AND id = ANY(%s)", [list(loan_ids)]) if loan_ids is not None else ("", [])
    return dict(sql.rows(f"SELECT id, excess_minor FROM loans_loan WHERE book_id = %s AND excess_minor > 0{where}", [book_id, *chosen]))


def booked(book_id: UUID) -> dict[UUID, tuple[UUID, UUID]]:
    """Every loan of a book by its capture: (loan, order)."""
    found = sql.rows("SELECT capture_id, id, order_id FROM loans_loan WHERE book_id = %s", [book_id])
    return {capture: (loan, order) for capture, loan, order in found}


def sources(book_id: UUID) -> list[tuple[str, UUID, UUID]]:
    """Every repayment and refund applied in a book, and every reversal that posted something: (kind, collection, refund share or
    reversal, loan)."""
    return sql.rows_as(
        lambda *row: row,
        "SELECT kind, source_id, loan_id FROM loans_event WHERE book_id = %s AND kind <> 'disbursed'"
        " AND NOT (kind = 'reversed' AND principal_minor = 0 AND interest_minor = 0 AND excess_minor = 0)",
        [book_id],
    )


def unmarked_arrears(book_id: UUID, before: date) -> list[UUID]:
    """Orders with an active loan that is not marked in arrears although something due before a day is not paid."""
    found = sql.rows(
        "SELECT DISTINCT l.order_id FROM loans_loan l JOIN loans_instalment i ON i.loan_id = l.id"
        " WHERE l.book_id = %s AND l.state = 'active' AND l.arrears_since IS NULL AND i.book_id = l.book_id AND i.due_on < %s"
        " AND i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor",
        [book_id, before],
    )
    return [row[0] for row in found]


# --- Loans of rule version 2026-2 ---


def portfolios(book_id: UUID) -> set[tuple[UUID, str, str]]:
    """Funder, product and currency of each portfolio of a book."""
    return {tuple(row) for row in sql.rows("SELECT funder_id, product, currency FROM loans_portfolio WHERE book_id = %s", [book_id])}


def stands(book_id: UUID, on: date) -> dict[tuple[UUID, str, str], dict[str, int]]:
    """Where the loans of each portfolio, by funder, product and currency, stood by the end of a day that was closed: by account, in minor units."""
    sums = ", ".join(f"sum(s.{name})::bigint" for name in STANDING)
    found = sql.rows(
        f"SELECT p.funder_id, p.product, p.currency, {sums} FROM loans_stand s JOIN loans_portfolio p ON p.book_id = s.book_id"
        ' AND p.no = s.portfolio_no WHERE s.book_id = %s AND s."on" = %s GROUP BY p.funder_id, p.product, p.currency',
        [book_id, on],
    )
    return {(row[0], row[1], row[2]): dict(zip(STANDING, row[3:], strict=True)) for row in found}


def credit_kept(book_id: UUID) -> int:
    """What loans keep of their consumers' money, in minor units, whatever the currency: it is owed to them and stays with the loan."""
    kept: int = sql.value(
        "SELECT coalesce(-sum(consumer_balance), 0)::bigint FROM loans_stretch WHERE book_id = %s AND replaced_on = %s AND consumer_balance <> 0",
        [book_id, date.max],
    )
    return kept


def drawn(book_id: UUID) -> int:
    """Principal of loans that draw on a credit account, in minor units."""
    principal: int = sql.value(
        "SELECT coalesce(sum(s.loan_principal), 0)::bigint FROM loans_agreement a JOIN loans_stretch s ON s.loan_id = a.id"
        " AND s.replaced_on = %s WHERE a.book_id = %s AND a.credit_account_id IS NOT NULL",
        [date.max, book_id],
    )
    return principal


def closing_counts(book_id: UUID, on: date) -> dict[str, int]:
    """How many loans the close of a day counted, and how many of the book it could not go on with."""
    loans_: int = sql.value('SELECT coalesce(sum(loans), 0)::bigint FROM loans_stand WHERE book_id = %s AND "on" = %s', [book_id, on])
    stuck: int = sql.value("SELECT count(*) FROM loans_stretch WHERE book_id = %s AND replaced_on = %s AND stuck", [book_id, date.max])
    return {"loans": loans_, "stuck": stuck}


@dataclass(frozen=True, slots=True)
class BroughtInAll:
    """What a day brought the loans of a portfolio, of one kind: the sum of its parts, which are of so many loans."""

    portfolio_no: int
    funder_id: UUID
    product: str
    kind: str
    amount: Money
    loans: int


def brought_in_all(book_id: UUID, on: date) -> list[BroughtInAll]:
    """What a day brought, by portfolio and kind: what was posted of it."""
    found = sql.rows(
        "SELECT p.no, p.funder_id, p.product, b.kind, sum(b.minor)::bigint, p.currency, sum(cardinality(b.loan_ids))::bigint"
        " FROM loans_brought b JOIN loans_portfolio p ON p.book_id = b.book_id AND p.no = b.portfolio_no"
        ' WHERE b.book_id = %s AND b."on" = %s GROUP BY p.no, p.funder_id, p.product, p.currency, b.kind ORDER BY p.no, b.kind',
        [book_id, on],
    )
    return [
        BroughtInAll(no, funder, product, kind, Money(minor, currency), loans_)
        for no, funder, product, kind, minor, currency, loans_ in found
    ]


@dataclass(frozen=True, slots=True)
class BroughtToLoan:
    """What a day brought one loan of a portfolio, of one kind, in minor units: a part of the entry of that day."""

    loan_id: UUID
    kind: str
    minor: int


def brought(
    book_id: UUID, on: date, *, portfolio_no: int | None = None, limit: int = 1_000, after: UUID | None = None
) -> list[BroughtToLoan]:
    """What a day brought loans, those after an id, by ascending id and kind: all of them add up to what was posted."""
    return sql.rows_as(
        BroughtToLoan,
        "SELECT part.loan_id, b.kind, part.minor FROM loans_brought b CROSS JOIN LATERAL unnest(b.loan_ids, b.minors) AS part (loan_id, minor)"
        ' WHERE b.book_id = %s AND b."on" = %s AND (%s::integer IS NULL OR b.portfolio_no = %s) AND (%s::uuid IS NULL OR part.loan_id > %s)'
        " ORDER BY part.loan_id, b.kind LIMIT %s",
        [book_id, on, portfolio_no, portfolio_no, after, after, limit],
    )
