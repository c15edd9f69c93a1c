"""Loans as those who serve them look at them: a list, one with all that belongs to it, and which are late. Reads only, inside the caller's
`sql.reading(book_id=…)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.aftersales import queries as aftersales
from yuefu.billing import queries as bill_book
from yuefu.collecting import queries as collecting
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.overview import CURSOR_MALFORMED
from yuefu.loans.queries import lateness, shown
from yuefu.loans.queries.lateness import LateLoan
from yuefu.loans.queries.shown import Fact, Look, Wanted
from yuefu.loans.rules import UNKNOWN_LOAN
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.papers import queries as paper_book
from yuefu.runtime import audit, days
from yuefu.runtime.vault import Vault

DAY_AHEAD: Final = "day_ahead"  # how late loans are is told of days that were
DAY_NOT_CLOSED: Final = "day_not_closed"  # while a day is closing it is not known yet how late loans were by its end
RELATED: Final = 100
"""So many bills, cases and papers of a loan are named, the newest."""
SCAN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Related:
    """Something that has to do with a loan: its kind (of a measure or an after-sales case with which), public id, state and day."""

    kind: str
    public_id: str
    state: str
    on: date
    which: str = ""


@dataclass(frozen=True, slots=True)
class FactView:
    """What was entered of a loan, and by whom; "" where that is not known."""

    fact: Fact
    by: str


@dataclass(frozen=True, slots=True)
class LoanFile:
    """One loan with all that belongs to it. `consumer` and `name` are "" for somebody whom the book does not know."""

    public_id: str
    look: Look
    consumer: str
    name: str
    merchant: str
    order: str
    merchant_reference: str
    facts: tuple[FactView, ...]
    related: tuple[Related, ...]


@dataclass(frozen=True, slots=True)
class ListedLoan:
    """A loan in a list, and the reference of who owes it."""

    look: Look
    consumer: str


def listed(
    *, book_id: UUID, on: date, wanted: Wanted, bucket: str | None = None, after: UUID | None = None, limit: int
) -> list[ListedLoan]:
    """Loans of a book as they stand on the open day, the newest first, those after one of them in that order."""
    wanted = replace(wanted, late=wanted.late or bucket is not None)
    at_once = max(limit, SCAN) if wanted.late else limit
    found: list[Look] = []
    more = True
    while more and len(found) < limit:  # page by page: whether a loan is late, and in which bucket, only it can tell
        page = shown.listed(book_id, wanted, on, after=after, limit=at_once)
        looks = shown.looks(book_id, page, on)
        found += [looks[i] for i in page if _is_wanted(looks[i], wanted, bucket)]
        more = len(page) == at_once
        after = page[-1] if page else None
    people = consumers.external_refs(ids=sorted({look.party.consumer_id for look in found[:limit]}))
    return [ListedLoan(look, people.get(look.party.consumer_id, "")) for look in found[:limit]]


def _is_wanted(look: Look, wanted: Wanted, bucket: str | None) -> bool:
    return not wanted.late or (look.late.since is not None and bucket in (None, look.late.bucket))


def loan_file(*, book_id: UUID, vault: Vault, loan_id: UUID, on: date) -> LoanFile | Refused:
    """One loan as it stands on the open day, with all that belongs to it. Refused with unknown_loan."""
    look = shown.looks(book_id, [loan_id], on).get(loan_id)
    if look is None:
        return Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id")
    party = look.party
    person = consumers.shown(ids=[party.consumer_id], vault=vault).get(party.consumer_id)
    merchant = merchants.shown(ids=[party.merchant_id])[party.merchant_id].code if party.merchant_id else ""
    order = order_book.orders([party.order_id])[party.order_id] if party.order_id else None
    facts = shown.facts(book_id, loan_id)
    who = audit.told_by(book_id=book_id, object_kind="loan", object_id=loan_id, at=[fact.recorded_at for fact in facts])
    return LoanFile(
        ids.text("loan", loan_id),
        look,
        person.external_ref if person else "",
        person.name_masked if person else "",
        merchant,
        ids.text("order", order.id) if order else "",
        order.merchant_reference if order else "",
        tuple(FactView(fact, who.get((fact.recorded_at, fact.no)) or who.get((fact.recorded_at, None), "")) for fact in facts),
        tuple(_related(book_id, look)),
    )


def _related(book_id: UUID, look: Look) -> list[Related]:
    party, on = look.party, look.on
    bills = bill_book.bills_with(loan_id=party.loan_id, limit=RELATED)
    found = [Related("bill", ids.text("bill", one.id), one.state(on), one.bill_on) for one in bills]
    cases = collecting.cases_of(book_id=book_id, consumer_id=party.consumer_id)
    found += [Related("case", ids.text("case", one.id), one.closed_reason or one.state, one.opened_on) for one in cases[:RELATED]]
    measures = collecting.measures(book_id=book_id, loan_ids=[party.loan_id])
    found += [Related("measure", ids.text("measure", one.id), one.state, one.proposed_on, one.kind) for one in measures]
    if party.order_id:
        sales = aftersales.listed(book_id=book_id, order_id=party.order_id, kinds=(), states=(), unanswered_on=None, limit=RELATED)
        found += [Related("aftersale", ids.text("aftersale", one.id), one.state, one.opened_on, one.asked.kind) for one in sales]
    quotes = paper_book.quotes_of(book_id=book_id, consumer_id=party.consumer_id, limit=RELATED)
    own = [one for one in quotes if any(loan.loan_id == party.loan_id for loan in one.loans)]
    found += [Related("payoff_quote", ids.text("payoff_quote", one.id), "used" if one.used_at else "issued", one.on) for one in own]
    certificates = paper_book.certificates_for(book_id=book_id, loan_id=party.loan_id)
    return found + [
        Related("certificate", one.number, "withdrawn" if one.withdrawn_on else "in_force", one.issued_on) for one in certificates
    ]


# ----------------------------------------------------------------------------------------------------------------------------- lateness


@dataclass(frozen=True, slots=True)
class BucketSum:
    """Loans of a bucket in one currency: how many, and what is overdue of them in minor units."""

    bucket: str
    currency: str
    loans: int
    principal: int
    interest: int
    fees: int
    penalties: int

    @property
    def overdue(self) -> int:
        return self.principal + self.interest + self.fees + self.penalties


@dataclass(frozen=True, slots=True)
class LateBook:
    """The late loans of a book on a day, those that have been for longest first, with sums of each bucket; of all of them together they are what the
    loans add up to. `recorded`: as it was recorded by the end of the day, else as loans stand while it is open."""

    on: date
    recorded: bool
    loans: tuple[LateLoan, ...]
    buckets: tuple[BucketSum, ...]


def late_book(*, book_id: UUID, on: date, open_day: date, bucket: str | None = None) -> LateBook | Refused:
    """The late loans of a book on the open day or a day that was closed, of all buckets or of one ("" for those that are in none). Refused with
    day_ahead or day_not_closed."""
    if on > open_day:
        return Refused(DAY_AHEAD, f"it is {open_day}: who will be late on {on} is not known", "on")
    first = lateness.not_recorded(book_id, open_day)
    if first <= on < open_day:
        return Refused(DAY_NOT_CLOSED, f"{on} is not closed yet: who was late by its end is known then", "on")
    recorded = on < open_day
    found = lateness.late_by(book_id, on) if recorded else lateness.late_now(book_id, on)
    chosen = tuple(one for one in found if bucket is None or one.bucket == bucket)
    return LateBook(on, recorded, chosen, tuple(sums_of(chosen)))


def sums_of(late: Sequence[LateLoan]) -> list[BucketSum]:
    """The sums of each bucket and currency: those that are less late first."""
    of: dict[tuple[str, str], list[LateLoan]] = {}
    for one in sorted(late, key=lambda one: (one.currency, one.days)):
        of.setdefault((one.currency, one.bucket), []).append(one)
    return [
        BucketSum(
            bucket, currency, len(own), *(sum(getattr(one, part) for one in own) for part in ("principal", "interest", "fees", "penalties"))
        )
        for (currency, bucket), own in of.items()
    ]


def references(late: Sequence[LateLoan]) -> Mapping[UUID, str]:
    """The references of those who owe late loans; somebody whom the book does not know is absent."""
    return consumers.external_refs(ids=sorted({one.consumer_id for one in late}))


def merchant_codes(late: Sequence[LateLoan]) -> Mapping[UUID, str]:
    """The codes of the merchants of late loans."""
    found = merchants.shown(ids=sorted({one.merchant_id for one in late if one.merchant_id}))
    return {i: one.code for i, one in found.items()}


# ------------------------------------------------------------------------------------------------------------------------------- pages

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class LateRow:
    """A late loan in a list."""

    public_id: str
    consumer: str
    product: str
    since: date
    days: int
    bucket: str
    principal: Money
    interest: Money
    charges: Money
    overdue: Money


@dataclass(frozen=True, slots=True)
class BucketRow:
    """A bucket with its sums; `bucket` None is all of a currency together."""

    bucket: str | None
    loans: int
    principal: Money
    interest: Money
    charges: Money
    overdue: Money


@dataclass(frozen=True, slots=True)
class LatePage:
    """A page of the late loans as they stand on the open day: the sums of all buckets, the one that was chosen (None: all), and its loans."""

    on: date
    buckets: tuple[BucketRow, ...]
    chosen: str | None
    rows: tuple[LateRow, ...]
    next_cursor: str


def today(book_id: UUID, otherwise: date) -> date:
    """The day of which loans are told."""
    return days.open_date(book_id) or otherwise


def late_page(*, book_id: UUID, on: date, bucket: str | None = None, cursor: str = "") -> LatePage | Refused:
    """The late loans of a book, those that have been for longest first, from behind `cursor` on. Refused with cursor_malformed."""
    found = lateness.late_now(book_id, on)
    chosen = [one for one in found if bucket is None or one.bucket == bucket]
    begin = 0
    if cursor:
        begin = next((i for i, one in enumerate(chosen, start=1) if ids.text("loan", one.loan_id) == cursor), 0)
        if not begin and not _is_a_loan(cursor):
            return Refused(CURSOR_MALFORMED, "this is not a place in the list", "after")
    page = chosen[begin : begin + PAGE]
    people = references(page)
    rows = tuple(_late_row(one, people.get(one.consumer_id, "")) for one in page)
    return LatePage(on, tuple(_bucket_rows(found)), bucket, rows, rows[-1].public_id if len(chosen) > begin + PAGE else "")


def _is_a_loan(cursor: str) -> bool:
    """Whether it may have been a place: the loan behind which to go on may have been paid meanwhile, and the list begins anew."""
    try:
        ids.parse("loan", cursor)
    except ids.BadId:
        return False
    return True


def _late_row(one: LateLoan, consumer: str) -> LateRow:
    amounts = (Money(minor, one.currency) for minor in (one.principal, one.interest, one.fees + one.penalties, one.overdue))
    return LateRow(ids.text("loan", one.loan_id), consumer, one.product, one.since, one.days, one.bucket, *amounts)


def _bucket_rows(found: Sequence[LateLoan]) -> Iterator[BucketRow]:
    sums = sums_of(found)
    for currency in sorted({one.currency for one in sums}):
        own = [one for one in sums if one.currency == currency]
        for name, parts in [*((one.bucket, [one]) for one in own), (None, own)]:
            minors = [sum(getattr(one, part) for one in parts) for part in ("principal", "interest", "fees", "penalties")]
            principal, interest, charges = (Money(minor, currency) for minor in (minors[0], minors[1], minors[2] + minors[3]))
            yield BucketRow(name, sum(one.loans for one in parts), principal, interest, charges, Money(sum(minors), currency))


@dataclass(frozen=True, slots=True)
class InstalmentRow:
    """An instalment of a loan as a page shows it."""

    no: int
    due_on: date
    asked: Money
    interest: Money
    charges: Money
    paid: Money
    refunded: Money
    given_up: Money
    to_pay: Money
    state: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a loan comes to, as amounts: all that is unpaid with its parts, what is overdue, what ends it today, and its instalments."""

    unpaid: Money
    principal: Money
    interest: Money
    charges: Money
    overdue: Money
    credit: Money
    payoff: Money | None
    annual_rate: str
    instalments: tuple[InstalmentRow, ...]


def figures(look: Look) -> Figures:
    """The amounts of a loan."""

    def money(minor: int) -> Money:
        return Money(minor, look.party.currency)

    owed, late = look.owed, look.late
    rows = [
        InstalmentRow(
            row.no, row.due_on, money(row.asked), money(row.interest), money(row.fees + row.penalties), money(row.paid),
            money(row.refunded), money(row.given_up), money(row.unpaid), row.state(look.on),
        )
        for row in look.rows
        if row.asked
    ]  # fmt: skip
    return Figures(
        money(owed.all),
        money(owed.principal),
        money(owed.interest),
        money(owed.fees + owed.penalties),
        money(late.principal + late.interest + late.fees + late.penalties),
        money(look.credit),
        None if look.payoff is None else money(look.payoff),
        look.terms.annual_rate.percent_text(),
        tuple(rows),
    )
