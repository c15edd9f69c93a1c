"""The pages of reports against the database: what was given out, a day's flow down to its entries, and what is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from django.test import Client

from yuefu.insight import commands as insight
from yuefu.insight.rules.clearing import Report
from yuefu.journeys import reports
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line, Posted
from yuefu.money.amounts import Money
from yuefu.runtime import days, sql
from yuefu.runtime.values import UnitOfWork

Person = Callable[..., Client]
NextDay = Callable[[UnitOfWork], UnitOfWork]
DAY = date(2026, 10, 1)


def test_a_report_that_is_there_and_pages_that_are_none(person: Person, work: UnitOfWork, next_day: NextDay) -> None:
    browser = person("finance")

    def page(path: str = "", **asked: str) -> str:
        return browser.get(f"/reports/{path}", {"book": work.book.code, **asked}).content.decode()

    assert "No report has been given out yet" in page()
    assert f'href="/reports/flow/?book={work.book.code}"' in page(), "money flows before the first report"
    assert "Nothing moved, and nothing was there" in page("flow/")
    lines = (Line(AccountKey("fee_income"), Money(-12_34, "CNY")), Line(AccountKey("suspense"), Money(12_34, "CNY")))
    with sql.transacting():
        (posted,) = ledger.post(work=work, entries=[Entry("e", "odd.kind", lines)])
        assert isinstance(posted, Posted)
    following = next_day(work)
    with sql.transacting():
        assert days.close(book_id=work.book.id, on=DAY, now=following.now) is None
    made = reports.made(book=work.book, kind="day", since=DAY, until=DAY)
    assert isinstance(made, Report), made
    with sql.transacting():
        assert insight.keep(work=following, reports=[made]) == 1
        assert insight.keep(work=following, reports=[made]) == 0
    assert "day=2026-10-01" in page()
    shown = page(day="2026-10-01")
    assert "Daily clearing" in shown
    assert "Merchant service fees" in shown
    assert "odd kind" in shown
    flow = page("flow/", on="2026-10-01")
    assert "Fees of merchants" in flow
    assert '<svg class="sankey"' in flow
    assert ('rel="next"' in shown, 'rel="prev"' in shown) == (False, False), "there is no other report to go to"
    assert ('rel="next"' in flow, 'rel="prev"' in flow) == (True, False), "money flows from the first day to today"
    assert 'rel="next"' not in page("flow/")
    entries = page("flow/", on="2026-10-01", **{"from": "merchant_fees", "to": "suspense"})
    assert "12.34" in entries
    assert "ent_" in entries
    status = {
        "?day=2026-10-02": 404, "?day=nonsense": 400, "?day=0001-01-01": 400, "?month=2026-10": 404, "?month=x": 400, "flow/?on=x": 400,
        "flow/?on=2031-01-01": 404, "flow/?on=2026-10-01&from=moon&to=bank": 400, "flow/?on=2026-10-01&from=bank&to=bank&after=x": 400,
        "flow/?on=2026-10-01&from=bank&to=bank&kind=%00": 400, "flow/?on=2026-10-01&from=bank&to=bank&currency=%00": 400, "?book=other": 404,
    }  # fmt: skip
    got = {asked: browser.get(f"/reports/{asked}").status_code for asked in status}
    assert got == status
