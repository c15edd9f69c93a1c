"""The page of a merchant's own money: staff choose a merchant, its people see their own, and what cannot be tried is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from django.test import Client
from django.utils.html import escape

from tests.web.conftest import Placed
from yuefu.growth import commands as growth
from yuefu.growth import queries
from yuefu.growth.commands import Bill
from yuefu.growth.rules.plans import Envelope
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.web.report_texts import FUNDS_REFUSED


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


def test_a_merchant_plans_and_tells_on_the_page(person: Callable[..., Client], placed: Placed, work: UnitOfWork, vault_file: Path) -> None:
    owner, operator = person("merchant_owner", placed.merchant_id), person("operator")

    def act(browser: Client, do: str, **sent: object) -> str:
        answer = browser.post("/funds/act/", {"do": do, "book": work.book.code, "merchant": "shop-1", **sent})
        if answer.status_code == 422:
            return next(code for code in FUNDS_REFUSED if str(escape(FUNDS_REFUSED[code])) in answer.content.decode())
        return answer["Location"].partition("done=")[2] if answer.status_code == 302 else str(answer.status_code)

    bill = {"supplier": "Press & Co.", "reference": "R-1", "amount": "50.00", "due": "2026-10-20"}
    assert act(owner, "plan", name=["Restocking", "<b>tax</b>", ""], percent=["66.67", "33.33", ""]) == "plan"
    assert act(owner, "revenue", month="2026-09", amount="1000.00") == "revenue"
    assert [act(owner, "owe", **bill), act(owner, "owe", **bill)] == ["owe", "owe"]
    page = owner.get("/funds/?done=owe").content.decode()
    for words in ("66.67 %", "&lt;b&gt;tax&lt;/b&gt;", "¥1,000.00", "Press &amp; Co.", "R-1", "¥50.00", 'role="status"', "Keep this plan"):
        assert words in page
    assert [one.name for one in queries.plans(merchant_id=placed.merchant_id)[-1].envelopes] == ["restock", "<b>tax</b>"]
    refused: dict[str, tuple[str, Mapping[str, object]]] = {
        "envelopes_invalid": ("plan", {"name": ["a", "a"], "percent": ["50", "50"]}),
        "percent_invalid": ("plan", {"name": ["a", "b"], "percent": ["50.001", "49.999"]}),
        "backdated": ("plan", {"name": ["a"], "percent": ["100"], "from": "2026-09-30"}),
        "day_invalid": ("owe", bill | {"due": "99999-01-01"}),
        "month_invalid": ("revenue", {"month": "2026-9", "amount": "1.00"}),
        "month_not_over": ("revenue", {"month": "2026-10", "amount": "1.00"}),
        "amount_malformed": ("owe", bill | {"amount": "9" * 30}),
        "amount_invalid": ("owe", bill | {"reference": "R-2", "amount": "-0.01"}),
        "name_invalid": ("owe", bill | {"supplier": "x\x00"}),
        "key_reused": ("owe", bill | {"amount": "50.01"}),
        "unknown_payable": ("end", bill | {"reference": "R-9", "how": "paid"}),
    }
    assert {code: act(owner, do, **sent) for code, (do, sent) in refused.items()} == {code: code for code in refused}
    shown = owner.post("/funds/act/", {"do": "owe", **bill, "amount": "much <i>"}).content.decode()
    assert 'value="much &lt;i&gt;"' in shown, "what was typed is not lost"
    assert [
        act(operator, "end", **bill, how="paid"),
        act(owner, "end", **bill, how="paid"),
        act(owner, "end", **bill, how="withdrawn"),
    ] == [
        "end",
        "end",
        "ended",
    ]
    assert "R-1" not in owner.get("/funds/").content.decode()


def test_nobody_else_plans_for_a_merchant(person: Callable[..., Client], placed: Placed, work: UnitOfWork, vault_file: Path) -> None:
    sent = {"do": "revenue", "book": work.book.code, "merchant": "shop-1", "month": "2026-09", "amount": "1.00"}
    others = [
        person("support"),
        person("merchant_staff", placed.merchant_id),
        person("merchant_owner", placed.other_merchant_id),
        person(None),
    ]
    assert [one.post("/funds/act/", sent).status_code for one in others] == [404] * 4
    assert person("merchant_owner", placed.merchant_id).post("/funds/act/", sent | {"do": "eat"}).status_code == 404
    assert "Keep this plan" not in others[0].get("/funds/", {"merchant": "shop-1"}).content.decode()
    assert queries.revenue(merchant_id=placed.merchant_id, since=date(2026, 1, 1), until=date(2026, 12, 1)) == {}
