"""Invoices for the fees of a merchant in a month: exactly those, once, by a number that nobody else has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settlement.conftest import MakeMerchant
from tests.settlement.scene import accrue, capture, cny, refund
from yuefu.errors import Refused
from yuefu.journeys import invoices as journeys
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement.commands import invoices
from yuefu.settlement.commands.invoices import Issue, Void
from yuefu.settlement.queries import invoices as invoice_book
from yuefu.settlement.rules import invoices as rules
from yuefu.settlement.rules.invoices import Invoice

OCTOBER = date(2026, 10, 1)
NEXT_MONTH = date(2026, 11, 2)
NUMBER, OTHER, RED = "26119" + "0" * 14 + "1", "1100211130-12345678", "26119" + "0" * 14 + "2"
MakeWork = Callable[..., UnitOfWork]


@pytest.fixture
def merchant_id(work: UnitOfWork, make_merchant: MakeMerchant) -> UUID:
    """Sold for 1,999.00 and 10,000.00 at 0.60 % with 6 % of tax in it, and got 600.00 back: 11.99 + 60.00 − 3.60 of fees."""
    merchant_id = make_merchant(vat_ppm=60_000)
    first = capture(work, merchant_id)
    accrue(work, first, capture(work, merchant_id, minor=1_000_000), refund(work, first, 60_000))
    return merchant_id


@pytest.fixture
def later(make_work: MakeWork) -> UnitOfWork:
    """The same book, a month later."""
    return make_work(on=NEXT_MONTH)


def request(work: UnitOfWork, merchant_id: UUID, month: date = OCTOBER) -> Invoice | Refused:
    with sql.transacting():
        (outcome,) = invoices.request(work=work, months=[(merchant_id, month)])
    return outcome


def issue(work: UnitOfWork, invoice: UUID, number: str = NUMBER, on: date | None = None) -> Invoice | Refused:
    with sql.transacting():
        (outcome,) = invoices.issue(work=work, issues=[Issue(invoice, number, on or work.day.on)])
    return outcome


def void(work: UnitOfWork, invoice: UUID, red: str = "", reason: str = "wrong title", on: date | None = None) -> Invoice | Refused:
    with sql.transacting():
        (outcome,) = invoices.void(work=work, voids=[Void(invoice, reason, red, on or work.day.on)])
    return outcome


def requested(work: UnitOfWork, merchant_id: UUID) -> Invoice:
    made = request(work, merchant_id)
    assert isinstance(made, Invoice), made
    return made


def code(outcome: Invoice | Refused) -> str:
    return outcome.code if isinstance(outcome, Refused) else outcome.state


def test_an_invoice_is_the_fees_of_a_month_and_the_tax_in_them(later: UnitOfWork, merchant_id: UUID) -> None:
    made = requested(later, merchant_id)
    # tax: 0.68 of 11.99, 3.40 of 60.00, less 0.20 of 3.60
    assert (made.fees, made.vat, made.without_tax, made.state) == (cny(6_839), cny(388), cny(6_451), "requested")
    assert (made.title, len(made.taxpayer_number)) == ("商店", 18)
    assert request(later, merchant_id) == made, "asked again it is the same"
    issued = issue(later, made.id)
    assert isinstance(issued, Invoice)
    assert (issued.state, issued.number, issued.issued_on) == ("issued", NUMBER, NEXT_MONTH)
    assert issue(later, made.id) == request(later, merchant_id) == issued


def test_a_fee_statement_has_the_rates_of_tax_apart_and_comes_to_the_invoice(later: UnitOfWork, merchant_id: UUID) -> None:
    made = requested(later, merchant_id)
    with sql.reading(merchant_id=merchant_id):
        found = journeys.fee_statement(book_id=later.book.id, merchant_id=merchant_id, month=OCTOBER, currency="CNY")
    assert found is not None
    (part,) = found.rates
    assert (part.vat_ppm, part.captures, part.refunds, part.charged, part.given_back) == (60_000, 2, 1, cny(7_199), cny(360))
    assert (found.invoice, found.later.minor, part.fees, part.vat, part.without_tax) == (made, 0, made.fees, made.vat, made.without_tax)


def test_a_month_that_is_not_over_or_has_no_fees_gets_none(
    work: UnitOfWork, later: UnitOfWork, merchant_id: UUID, make_merchant: MakeMerchant
) -> None:
    assert code(request(work, merchant_id)) == rules.MONTH_NOT_OVER
    assert code(request(replace(later, day=replace(later.day, on=date(2026, 10, 31))), merchant_id)) == rules.MONTH_NOT_OVER
    assert code(request(later, merchant_id, date(2026, 9, 1))) == rules.NOTHING_TO_INVOICE
    assert code(request(later, make_merchant())) == rules.NOTHING_TO_INVOICE
    assert code(request(later, UUID(int=1))) == rules.UNKNOWN_MERCHANT
    with sql.owning():
        sql.run(
            "UPDATE merchants_merchant SET uscc = left(uscc, 17) || CASE right(uscc, 1) WHEN '1' THEN '2' ELSE '1' END WHERE id = %s",
            [merchant_id],
        )
    assert code(request(later, merchant_id)) == rules.TAXPAYER_NUMBER_INVALID


def test_fees_that_come_later_are_told_and_stop_the_invoice_until_it_is_requested_again(
    work: UnitOfWork, later: UnitOfWork, merchant_id: UUID
) -> None:
    made = requested(later, merchant_id)
    accrue(work, capture(work, merchant_id))
    with sql.reading(book_id=work.book.id):
        (row,) = journeys.shown(book_id=work.book.id, found=[made], currency="CNY")
    assert row.later == cny(1_199)
    assert request(later, merchant_id) == made
    assert code(issue(later, made.id)) == rules.FEES_CHANGED
    assert code(void(later, made.id)) == "voided"
    again = requested(replace(later, now=later.now + timedelta(seconds=1)), merchant_id)
    assert (again.id != made.id, again.fees) == (True, cny(6_839 + 1_199))
    assert code(issue(later, again.id)) == "issued"
    with sql.reading(book_id=work.book.id):
        assert [one.id for one in invoice_book.listed(book_id=work.book.id, merchant_id=merchant_id, limit=10)] == [again.id, made.id]
        assert [row.later.minor for row in journeys.shown(book_id=work.book.id, found=[made, again], currency="CNY")] == [1_199, 0]


def test_what_was_issued_is_voided_by_a_red_invoice_and_nothing_goes_back(later: UnitOfWork, merchant_id: UUID) -> None:
    made = requested(later, merchant_id)
    assert code(void(later, made.id, RED)) == rules.RED_NUMBER_NOT_NEEDED
    assert code(issue(later, made.id)) == "issued"
    assert code(issue(later, made.id, OTHER)) == rules.NOT_POSSIBLE
    for refused, words in (
        (rules.RED_NUMBER_NEEDED, {}),
        (rules.NUMBER_USED, {"red": NUMBER}),
        (rules.NUMBER_INVALID, {"red": "1"}),
        (rules.REASON_NEEDED, {"red": RED, "reason": " "}),
        (rules.DAY_INVALID, {"red": RED, "on": NEXT_MONTH + timedelta(days=1)}),
        (rules.DAY_INVALID, {"red": RED, "on": NEXT_MONTH - timedelta(days=1)}),
    ):
        assert code(void(later, made.id, **words)) == refused  # type: ignore[arg-type]
    voided = void(later, made.id, RED)
    assert isinstance(voided, Invoice)
    assert (voided.state, voided.red_number, voided.number, voided.voided_on) == ("voided", RED, NUMBER, NEXT_MONTH)
    assert void(later, made.id, RED) == voided
    assert code(void(later, made.id, OTHER)) == rules.NOT_POSSIBLE
    assert code(issue(later, made.id)) == rules.NOT_POSSIBLE
    again = requested(later, merchant_id)
    assert code(issue(later, again.id, RED)) == rules.NUMBER_USED
    assert code(issue(later, again.id, NUMBER)) == rules.NUMBER_USED
    assert code(issue(later, UUID(int=1), OTHER)) == rules.UNKNOWN_INVOICE


def test_two_in_one_call_do_not_get_one_number(later: UnitOfWork, merchant_id: UUID, make_merchant: MakeMerchant, work: UnitOfWork) -> None:
    other = make_merchant()
    accrue(work, capture(work, other))
    made = [requested(later, one).id for one in (merchant_id, other)]
    with sql.transacting():
        outcomes = invoices.issue(work=later, issues=[Issue(one, NUMBER, NEXT_MONTH) for one in made])
    assert [code(one) for one in outcomes] == ["issued", rules.NUMBER_USED]


WRONG = [
    "",
    "1",
    "2" * 19,
    "2" * 21,
    "25119" + "0" * 15,
    "1100211130-1234567",
    "110021113-12345678",
    "11002111300-12345678",
    "２" * 20,
    f" {NUMBER}",
]


@pytest.mark.parametrize("number", [*WRONG, f"{NUMBER}\n"])
def test_a_number_that_no_tax_bureau_gives_is_refused(number: str) -> None:
    refused = rules.number_fault(number, on=NEXT_MONTH)
    assert refused is not None
    assert refused.code == rules.NUMBER_INVALID


@given(st.from_regex(rules.NUMBER, fullmatch=True))
def test_every_other_number_is_one(number: str) -> None:
    on = NEXT_MONTH if "-" in number else date(2000 + int(number[:2]), 11, 2)
    ascii_only = number.isascii()
    assert (rules.number_fault(number, on=on) is None) == ascii_only


def test_the_table_keeps_what_is_promised(later: UnitOfWork, merchant_id: UUID, work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    made = requested(later, merchant_id)
    assert code(issue(later, made.id)) == "issued"
    other = make_merchant()
    accrue(work, capture(work, other))
    second = requested(later, other)
    copy = (
        "INSERT INTO settlement_invoice (id, book_id, merchant_id, month, title, taxpayer_number, currency, fees_minor, vat_minor, state, version,"
        " requested_at, requested_by) SELECT gen_random_uuid(), book_id, merchant_id, month, title, taxpayer_number, currency, fees_minor, vat_minor,"
        " 'requested', 1, now(), '' FROM settlement_invoice WHERE id = %(of)s"
    )
    other = ("(), book_id, merchant_id, month,", "(), book_id, merchant_id, month - interval '1 month',")
    step, by = "UPDATE settlement_invoice SET state = ", " WHERE id = %(of)s"
    issued = step + "'issued', version = 2, issued_on = '2026-11-02'"
    voided = step + "'voided', version = 3, voided_on = '2026-11-02', reason = 'x'"
    attacks = [
        (copy, made.id, "settlement_invoice_one_in_force"),
        (copy.replace(*other), made.id, "settlement_invoice_is_its_fees"),
        (step + "'requested', version = version + 1" + by, made.id, "settlement_invoice_forward"),
        (issued + ", number = %(number)s" + by, second.id, "settlement_invoice_number"),
        (issued + ", number = '1'" + by, second.id, "settlement_invoice_numbers_have_their_form"),
        (issued + by, second.id, "settlement_invoice_state"),
        (voided + by, made.id, "settlement_invoice_state"),
    ]  # fmt: skip
    for statement, of, name in attacks:
        with pytest.raises(psycopg.errors.IntegrityError) as raised, sql.transacting():
            sql.run(statement, {"of": of, "number": NUMBER})
        assert raised.value.diag.constraint_name == name
    assert code(void(later, made.id, RED)) == "voided"
    with pytest.raises(psycopg.errors.UniqueViolation, match="is used already"), sql.transacting():
        sql.run(issued + ", number = %(number)s" + by, {"of": second.id, "number": RED})
    with pytest.raises(psycopg.errors.InsufficientPrivilege), sql.transacting():
        sql.run("UPDATE settlement_invoice SET fees_minor = fees_minor + 1 WHERE id = %s", [made.id])


def test_a_merchant_sees_its_own(later: UnitOfWork, merchant_id: UUID, make_merchant: MakeMerchant) -> None:
    made = requested(later, merchant_id)
    with sql.reading(merchant_id=merchant_id):
        assert list(invoice_book.invoices(ids=[made.id])) == [made.id]
    with sql.reading(merchant_id=make_merchant()):
        assert invoice_book.invoices(ids=[made.id]) == {}
        assert journeys.fee_statement(book_id=later.book.id, merchant_id=merchant_id, month=OCTOBER, currency="CNY") is None
