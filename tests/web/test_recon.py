"""The page of the statements of a day against the database: what it shows of a day that is there, of one that is not, and of what is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from django.test import Client

from yuefu.payments.rules import CHANNEL_NUMBER
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation.commands import DayOutcome, FileIn
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

Person = Callable[..., Client]
NextDay = Callable[[UnitOfWork], UnitOfWork]
TRADE = Path(__file__).parent.parent / "data" / "bills" / "wechat_tradebill_ALL_20261001.csv"
DAY = date(2026, 10, 1)


def test_days_that_are_there_and_are_not(person: Person, work: UnitOfWork, next_day: NextDay) -> None:
    browser = person("finance")

    def page(on: str = "") -> str:
        return browser.get("/recon/", {"book": work.book.code, "on": on}).content.decode()

    assert "No bill has come yet" in page()
    for wrong in ("yesterday", "9999-12-31", "0001-01-01"):
        assert browser.get("/recon/", {"book": work.book.code, "on": wrong}).status_code == 400
    following = next_day(work)
    with sql.transacting():
        reconciliation.receive_files(
            work=following,
            files=[FileIn("channel_trade", TRADE.read_bytes(), DAY)],
            read=read_bill,
            accounts={"channel_trade": CHANNEL_NUMBER},
        )
        assert isinstance(reconciliation.reconcile_day(work=following, source="channel_trade", on=DAY), DayOutcome)
    shown = page()
    assert "2026-10-01" in shown
    assert page("2026-10-01").count('class="under"') == shown.count('class="under"') > 0
    assert shown.count("There is no bill of this day.") == 3
    assert shown.count('class="state tone-bad">Incomplete') == 7, (
        "the whole day, its three levels, and the three sources of which there is nothing"
    )
    assert "missing: Bank: statement of client money" in shown
    assert "Open breaks by age" in shown
    assert "Moved there, not booked" in shown
    assert "a break on " in shown
    assert "on=2026-09-30" in shown
    assert "Checks of balances" not in shown
    assert page("2026-09-30").count("There is no bill of this day.") == 4
