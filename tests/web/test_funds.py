"""The page of a merchant's own money: staff choose a merchant, its people see their own, and what cannot be tried is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from django.test import Client

from tests.web.conftest import Placed
from yuefu.growth import commands as growth
from yuefu.growth.commands import Bill
from yuefu.growth.rules.plans import Envelope
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork


def test_a_merchants_own_plan_is_shown_to_whom_it_concerns(person: Callable[..., Client], placed: Placed, work: UnitOfWork) -> None:
    with sql.transacting():
        growth.change_plan(
            work=work,
            merchant_id=placed.merchant_id,
            envelopes=[Envelope("<b>tax</b>", 2_500), Envelope("restock", 7_500)],
            valid_from=work.day.on,
        )
        growth.owe(work=work, merchant_id=placed.merchant_id, bills=[Bill("Press & Co.", "R-1", Money(50_00, "CNY"), date(2026, 10, 9))])
    owner, staff = person("merchant_owner", placed.merchant_id), person("finance")
    other = person("merchant_owner", placed.other_merchant_id)
    page = owner.get("/funds/", {"days": "3", "cash": "20.00"}).content.decode()
    assert "&lt;b&gt;tax&lt;/b&gt;" in page
    assert "25.00 %" in page
    assert "Restocking" in page
    assert "Press &amp; Co." in page
    assert "¥30.00" in page, "fifty are due and twenty are there"
    assert "Press" not in other.get("/funds/").content.decode()
    assert "Press" in staff.get("/funds/", {"book": work.book.code, "merchant": "shop-1"}).content.decode()
    status = {
        "?merchant=nobody": 404, "?days=91": 400, "?days=-1": 400, "?days=x": 400, "?days=" + "9" * 50: 400, "?cash=much": 400, "?cash=1e9": 400,
        "?merchant=%00": 404, "?book=other": 404,
    }  # fmt: skip
    assert {asked: owner.get(f"/funds/{asked}").status_code for asked in status} == status
