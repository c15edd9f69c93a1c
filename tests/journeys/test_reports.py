"""Daily clearing and monthly settlement: opening + what moved = closing, place by place, and each figure is somebody else's too."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from tests.journeys.conftest import FIRST_DAY, Shop, shop_opened
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.insight.rules import clearing
from yuefu.insight.rules.clearing import Report, Section
from yuefu.insight.rules.places import PLACES
from yuefu.journeys import reports
from yuefu.journeys.desk import open_day
from yuefu.journeys.reports import GivenOut
from yuefu.ledger import commands as ledger_commands
from yuefu.ledger.rules import CHART, AccountKey, Entry, Line, Posted
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault


def given_out(shop: Shop) -> list[Report]:
    made = reports.give_out(desk=shop.desk, now=shop.now(8))
    assert not [one for one in made if isinstance(one, Refused)], made
    return [one for one in made if isinstance(one, Report)]


def rows(section: Section) -> dict[str, int]:
    return {row.name: row.minor for row in section.rows}


def of(report: Report, place: str) -> Section:
    (found,) = [one for one in (*report.money, *report.owed, *report.sections) if one.place == place]
    return found


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Two sales on the first day, one given back in part; settled on the second, on which a consumer pays everything; the third is empty."""
    one = shop.bought("1999.00")
    shop.bought("300.00", product="flex", merchant=1)
    shop.refund(one.order_id, "500.00")
    shop.next_day()
    shop.settle()
    shop.repay(one.loan_id, "700.00")
    shop.poll_payouts()
    shop.next_day()
    shop.poll_payouts()
    shop.next_day()
    return shop


def test_a_day_of_sales_and_the_day_of_their_payout(busy: Shop) -> None:
    first, second, third = given_out(busy)
    assert [one.since for one in (first, second, third)] == [FIRST_DAY + timedelta(days=n) for n in range(3)]

    owed = of(first, "owed")
    accrued, paid, other = clearing.accrued_and_paid(owed)
    (sold,) = first.sold
    assert (sold.captures, sold.gross, sold.refunds) == (2, 2299_00, 1)
    assert accrued == sold.gross - sold.fees - sold.discounts - sold.given_back
    assert (owed.opening, paid, other, owed.closing) == (0, 0, 0, accrued)
    assert rows(of(first, "money")) == {"funding.funding": 1_000_000_00}

    money, owed, (sold,) = of(second, "money"), of(second, "owed"), second.sold
    assert (money.opening, owed.opening) == (of(first, "money").closing, of(first, "owed").closing)
    assert rows(money).keys() == {"collection.payment", "collection.fee", "channel_refund.refund", "payout_paid.payout"}
    came, went = clearing.came_and_went(money)
    assert (came, money.opening + came - went) == (700_00, money.closing)
    accrued, paid, other = clearing.accrued_and_paid(owed)
    assert (accrued, other, paid) == (0, 0, sold.payout)
    assert (sold.batches, sold.settled, sold.carried, owed.closing) == (2, sold.payout, 0, 0)
    assert {part.account for part in money.parts} == {"operating", "channel", "client"}

    owed = of(third, "owed")
    assert rows(owed).keys() == {"payout_returned"}, "one bank sends it back a day later"
    assert clearing.accrued_and_paid(owed)[1] == -owed.closing < 0
    for report in (first, second, third):
        assert all(one.holds for one in report.checks)
        assert {one.name for one in report.checks if one.name.startswith("balanced.")} == {"balanced.opening", "balanced.closing"}
    assert {one.name for one in second.checks} > {"payments.payout_paid.payout", "payments.collection.payment", "settlement.available"}


def test_it_is_kept_as_it_was_given_out_and_tells_what_was_back_dated(busy: Shop) -> None:
    given_out(busy)
    assert reports.give_out(desk=busy.desk, now=busy.now(9)) == [], "each once"
    before = reports.of(book=busy.desk.book, kind="day", on=FIRST_DAY)
    assert isinstance(before, GivenOut)
    assert before.back_dated == ()
    with open_day(busy.desk, busy.now(9)) as work:
        assert isinstance(work, UnitOfWork)
        lines = (Line(AccountKey("interest_income"), Money(7_00, "CNY")), Line(AccountKey("goodwill_expense"), Money(-7_00, "CNY")))
        (posted,) = ledger_commands.post(work=work, entries=[Entry("late", "correction", lines, effective_on=FIRST_DAY)])
        assert isinstance(posted, Posted)
    after = reports.of(book=busy.desk.book, kind="day", on=FIRST_DAY)
    assert isinstance(after, GivenOut)
    assert (after.kept, after.report) == (before.kept, before.report)
    (late,) = after.back_dated
    assert (late.kind, late.entries, late.first_posted_on, late.minor) == ("correction", 1, busy.on, 7_00)
    assert reports.as_csv(after.report).startswith("since,until,section,currency,row,entries,amount\r\n")


def test_a_month_stands_on_its_days(vault: Vault, ids: IdSource) -> None:
    """The last three days of a January: a month begins with the first day that its book has."""
    first = date(2027, 1, 29)
    shop = shop_opened(vault, ids, first)
    shop.bought("1999.00")
    missing = reports.of(book=shop.desk.book, kind="month", on=first)
    assert isinstance(missing, Refused)
    assert missing.code == "unknown_day", "its last day is not there yet"
    shop.next_day()
    assert [one.kind for one in given_out(shop)] == ["day"]
    shop.bought("300.00")
    shop.next_day()
    shop.settle()
    shop.next_day()
    *days, month = given_out(shop)
    before = reports.of(book=shop.desk.book, kind="day", on=first)
    assert isinstance(before, GivenOut)
    days = [before.report, *days]
    assert ((month.kind, month.since, month.until), len(days)) == (("month", first, date(2027, 1, 31)), 3)
    for section in month.sections:
        of_days = [one for day in days for one in day.sections if (one.place, one.currency) == (section.place, section.currency)]
        assert sum(row.minor for one in of_days for row in one.rows) == sum(row.minor for row in section.rows)
        assert section.closing == of_days[-1].closing
    assert month.sold[0].captures == sum(day.sold[0].captures for day in days if day.sold) == 2
    assert clearing.joined(month, days) == ()
    other = replace(days[1], sections=tuple(replace(one, rows=one.rows[1:]) for one in days[1].sections))
    assert {one.name.split(".")[-1] for one in clearing.joined(month, [days[0], other, days[2]])} == {"moved"}
    assert clearing.joined(month, [replace(days[0], sections=()), *days[1:]]), "a day that lacks its places is not one of this month"


def test_what_does_not_add_up_is_not_given_out(busy: Shop) -> None:
    """A sale that settlement has and the ledger has not, on the second of three closed days."""
    second = FIRST_DAY + timedelta(days=1)
    with sql.transacting():
        sql.run(
            "INSERT INTO settlement_item (id, book_id, merchant_id, kind, order_id, source_id, capture_id, loan_id, funder_id, product, gross_minor,"
            " fee_minor, discount_minor, net_minor, currency, contract_version, fee_on_refund, earned_on, settles_on, recorded_at)"
            " SELECT gen_random_uuid(), book_id, merchant_id, 'refund', order_id, gen_random_uuid(), capture_id, loan_id, funder_id, product, -100,"
            " 0, 0, -100, currency, contract_version, fee_on_refund, %s, %s, recorded_at FROM settlement_item"
            " WHERE book_id = %s AND kind = 'capture' LIMIT 1",
            [second, second, busy.book_id],
        )
    first, wrong, third = reports.give_out(desk=busy.desk, now=busy.now(8))
    assert isinstance(first, Report)
    assert isinstance(third, Report)
    assert isinstance(wrong, Refused)
    assert wrong.code == "does_not_add_up"
    assert wrong.detail == "settlement.settlement_refund CNY: 0 here, -100 there"
    not_there = reports.of(book=busy.desk.book, kind="day", on=second)
    assert isinstance(not_there, Refused)
    assert not_there.code == "not_given_out"


def test_a_report_never_changes(busy: Shop, as_role: Any) -> None:
    given_out(busy)
    writer = as_role("default")
    for attack in ("UPDATE insight_report SET content = ''", "DELETE FROM insight_report"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute(attack)
        writer.rollback()
    with pytest.raises(psycopg.errors.CheckViolation, match="insight_report_is_its_hash"):
        writer.execute(
            "INSERT INTO insight_report SELECT gen_random_uuid(), book_id, kind, since - 30, until - 30, 'other', sha256, made_at, made_by"
            " FROM insight_report LIMIT 1"
        )


def test_every_component_of_the_chart_has_a_place() -> None:
    placed = [code for codes in PLACES.values() for code in codes]
    assert sorted(placed) == sorted(CHART)
