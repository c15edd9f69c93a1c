"""Late loans, and one loan, as the journeys would make them, for tests of how pages show them."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from tests.web.samples import AS_OF, LONG, ORDER, WANG, at, yuan
from yuefu import ids
from yuefu.journeys.late_loans import LateBook
from yuefu.journeys.servicing import FactView, LoanFile, Related
from yuefu.loans.queries.late_places import Place
from yuefu.loans.queries.lateness import BucketSum, LateLoan
from yuefu.loans.queries.shown import Fact, Look, Owed, Row
from yuefu.loans.rules import Party
from yuefu.money.amounts import Money, total
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.arrears import NOT_OVERDUE, Overdue
from yuefu.plans.lifecycle.terms import LoanTerms

LOAN_ID = UUID("019a3f00-0000-7000-8000-00000000beef")
LOAN = ids.text("loan", LOAN_ID)
_DAY = timedelta(days=1)


def late_page() -> LateBook:
    """Three buckets, one of them none, and loans of small and large amounts, of which one was set aside."""
    given = (
        ("", 2, "66.33", "0.00", "0.00"),
        ("M1", 1_234, "123456.78", "345.67", "980.00"),
        ("M7+", 12, "9876543.21", "12000.00", "0.00"),
    )
    own = [BucketSum(name, loans, *map(yuan, parts), Money.zero("CNY")) for name, loans, *parts in given]
    parts = (total([getattr(one, part) for one in own], "CNY") for part in ("principal", "interest", "fees", "penalties"))
    together = BucketSum(None, sum(one.loans for one in own), *parts)
    rows = tuple(
        (
            LateLoan(
                UUID(int=n), None, None, UUID(int=n), "flex", AS_OF - days * _DAY, days, bucket, yuan(amount), yuan("1.23"), yuan("5.00"),
                yuan("0.48"), set_aside=aside,
            ),
            who,
        )
        for n, who, days, bucket, amount, aside in (
            (1, LONG.reference, 420, "M7+", "9876543.21", False), (2, WANG.reference, 45, "M2", "202.12", True), (3, "", 3, "", "66.33", False),
        )
    )  # fmt: skip
    last = rows[-1][0]
    return LateBook(AS_OF, False, AS_OF - _DAY, None, rows, str(Place(last.since, last.loan_id)), (*own, together), 2)


def no_late_loan() -> LateBook:
    return LateBook(AS_OF, False, AS_OF - _DAY, None, (), "", (), 0)


def a_loan() -> LoanFile:
    """One instalment was refunded in part and is overdue, one was paid, one is to come; a repayment was undone."""
    terms = LoanTerms(
        principal=yuan("3000.00"), periods=3, annual_rate=Rate(144_000), disbursed_on=date(2026, 8, 25), first_due_on=date(2026, 9, 25)
    )
    party = Party(LOAN_ID, UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4), UUID(int=5), "flex", "CNY")
    rows = (
        Row(1, date(2026, 9, 25), 1_000_00, 36_00, 0, 0, 1_036_00, 0, 0),
        Row(2, date(2026, 10, 25), 1_000_00, 24_00, 0, 5_48, 0, 500_00, 10_00),
        Row(3, date(2026, 11, 25), 1_000_00, 12_00, 0, 0, 0, 0, 0),
    )
    late = Overdue(date(2026, 10, 25), "M1", 500_00, 14_00, 0, 5_48)
    look = Look(
        party, terms, "2026-2", AS_OF, "active", 5, rows, Owed(1_500_00, 26_00, 0, 5_48), late, 0, 1_510_00, AS_OF - _DAY, None, True
    )
    facts = (
        _fact(1, "disbursed", terms.principal, "system:worker"),
        _fact(2, "paid_repayment", yuan("1036.00"), "api_key:a-very-long-name-of-a-program-that-pays"),
        _fact(3, "paid_merchant_refund", yuan("500.00"), "user:support@demo"),
        _fact(4, "waived", yuan("10.00"), "user:finance@demo", undone_by=5),
        _fact(5, "undone", None, "", undoes=4),
    )
    related = (
        Related("bill", ids.text("bill", UUID(int=6)), "overdue", AS_OF - 12 * _DAY),
        Related("case", ids.text("case", UUID(int=7)), "open", AS_OF - 3 * _DAY),
        Related("measure", ids.text("measure", UUID(int=8)), "waiting", AS_OF, "reaged"),
        Related("aftersale", ids.text("aftersale", UUID(int=9)), "done", AS_OF - 5 * _DAY, "part_return"),
        Related("certificate", "SC-2026-000012", "withdrawn", AS_OF),
    )
    return LoanFile(LOAN, look, LONG.reference, LONG.name, "harbour", ORDER, "CDNOW-19980630-000431", facts, related)


def _fact(no: int, kind: str, amount: Money | None, by: str, *, undoes: int | None = None, undone_by: int | None = None) -> FactView:
    on = None if undoes else AS_OF - (6 - no) * _DAY
    return FactView(Fact(no, kind, on, amount, AS_OF, at(AS_OF, 9 + no), UUID(int=no), undoes, undone_by), by)


def a_settled_loan() -> LoanFile:
    """Moved here from elsewhere, owed by somebody whom the book does not know."""
    terms = LoanTerms(
        principal=yuan("5000000.00"), periods=12, annual_rate=Rate(0), disbursed_on=date(2025, 8, 25), first_due_on=date(2025, 9, 25)
    )
    party = Party(LOAN_ID, None, None, UUID(int=3), None, UUID(int=5), "moved", "CNY", "the old core")
    look = Look(party, terms, "2026-2", AS_OF, "closed", 0, (), Owed(0, 0, 0, 0), NOT_OVERDUE, 0, None)
    return LoanFile(LOAN, look, "", "", "", "", "", (), ())
