"""How late loans of both rule versions are, today and by the end of closed days, and what is shown of one."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from tests.journeys.conftest import Shop, shop_opened
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import late_loans, servicing
from yuefu.journeys.late_loans import LateBook
from yuefu.journeys.servicing import LoanFile
from yuefu.loans.queries.listing import Wanted
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

DUE = date(2026, 10, 25)


@pytest.fixture(params=["2026-1", "2026-2"])
def shop(request: pytest.FixtureRequest, vault: Vault, ids: IdSource) -> Shop:
    return shop_opened(vault, ids, version=request.param)


def late(shop: Shop, on: date) -> dict[UUID, tuple[int, str, int]]:
    with sql.reading(book_id=shop.book_id):
        found = late_loans.late_book(book_id=shop.book_id, on=on, open_day=shop.on)
    assert isinstance(found, LateBook), found
    overdue = sum(one.overdue.minor for one, _ in found.rows)
    assert [(one.loans, one.overdue.minor) for one in found.buckets if one.bucket is None] == (
        [(len(found.rows), overdue)] if overdue else []
    )
    return {one.loan_id: (one.days, one.bucket, one.overdue.minor) for one, _ in found.rows}


def shown_loan(shop: Shop, loan_id: UUID) -> LoanFile:
    with sql.reading(book_id=shop.book_id):
        found = servicing.loan_file(book_id=shop.book_id, vault=shop.desk.vault, loan_id=loan_id, on=shop.on)
    assert isinstance(found, LoanFile)
    return found


def test_how_late_a_loan_was_stays_told_whatever_is_paid_later(shop: Shop) -> None:
    got, returned = shop.bought("300.00"), shop.bought("600.00")
    shop.until(date(2026, 10, 26))
    assert late(shop, DUE) == {}
    assert late(shop, shop.on) == {got.loan_id: (1, "M1", 100_00), returned.loan_id: (1, "M1", 200_00)}
    shop.refund(returned.order_id, "150.00")
    shop.repay(got.loan_id)
    assert late(shop, shop.on) == {returned.loan_id: (1, "M1", 50_00)}
    shop.next_day()
    assert late(shop, shop.on) == {returned.loan_id: (2, "M1", 50_00)}
    assert late(shop, date(2026, 10, 26)) == {returned.loan_id: (1, "M1", 50_00)}, "as it was recorded by the end of that day"
    shop.repay(returned.loan_id)
    assert late(shop, shop.on) == {}
    assert late(shop, date(2026, 10, 26)) == {returned.loan_id: (1, "M1", 50_00)}
    looked = shown_loan(shop, returned.loan_id)
    assert next((row.refunded, row.paid, row.state(shop.on)) for row in looked.look.rows) == (150_00, 50_00, "paid")
    assert looked.look.owed.all == sum(row.unpaid for row in looked.look.rows) == 400_00
    assert {one.by for one in looked.facts} == {"system:test"}


def test_a_day_that_is_closing_is_not_told_of_and_none_that_is_to_come(shop: Shop) -> None:
    shop.next_day(close=False)
    for on, code in ((shop.on, late_loans.DAY_AHEAD), (date(2026, 10, 12), late_loans.DAY_NOT_CLOSED)):
        found = late_loans.late_book(book_id=shop.book_id, on=on, open_day=date(2026, 10, 12) if code == late_loans.DAY_AHEAD else shop.on)
        assert isinstance(found, Refused)
        assert found.code == code


def test_a_list_goes_on_where_it_ended(shop: Shop) -> None:
    loans = [shop.bought("300.00").loan_id for _ in range(3)]
    wanted = Wanted()
    first = servicing.listed(book_id=shop.book_id, on=shop.on, wanted=wanted, limit=2)
    rest = servicing.listed(book_id=shop.book_id, on=shop.on, wanted=wanted, after=first[-1].look.party.loan_id, limit=2)
    assert [one.look.party.loan_id for one in [*first, *rest]] == sorted(loans, reverse=True)
