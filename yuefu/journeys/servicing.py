"""Loans as those who serve them look at them: a list, and one with all that belongs to it. Which are late is told by `late_loans`. Reads only, inside
the caller's `sql.reading(book_id=…)`."""

from __future__ import annotations

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
from yuefu.loans.queries import listing, shown
from yuefu.loans.queries.listing import Wanted
from yuefu.loans.queries.shown import Fact, Look
from yuefu.loans.rules import UNKNOWN_LOAN
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.papers import queries as paper_book
from yuefu.runtime import audit, days
from yuefu.runtime.vault import Vault

RELATED: Final = 100
"""So many bills, cases and papers of a loan are named, the newest."""


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
    found: list[Look] = []
    more = True
    while more and len(found) < limit:  # whether a loan that may be late is so, and in which bucket, only it can tell
        at_once = limit - len(found)
        page = listing.listed(book_id, wanted, on, bucket=bucket, after=after, limit=at_once)
        looks = shown.looks(book_id, page, on)
        found += [looks[i] for i in page if _is_wanted(looks[i], wanted, bucket)]
        more = len(page) == at_once
        after = page[-1] if page else None
    people = consumers.external_refs(ids=sorted({look.party.consumer_id for look in found}))
    return [ListedLoan(look, people.get(look.party.consumer_id, "")) for look in found]


def _is_wanted(look: Look, wanted: Wanted, bucket: str | None) -> bool:
    return not wanted.late or (look.late.since is not None and bucket in (None, look.late.bucket))


def today(book_id: UUID, otherwise: date) -> date:
    """The day of which loans are told."""
    return days.open_date(book_id) or otherwise


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


# ------------------------------------------------------------------------------------------------------------------------------- amounts


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
