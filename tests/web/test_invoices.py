"""The pages of fees and invoices against the database: who may do what, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from tests.settlement.conftest import MakeMerchant
from tests.settlement.conftest import make_merchant as make_merchant  # noqa: PLC0414 - the fixture of the tests of settlement
from tests.settlement.scene import accrue, capture
from yuefu import ids as public
from yuefu.journeys import invoices
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

Person = Callable[..., Client]
NextDay = Callable[[UnitOfWork], UnitOfWork]
NUMBER, RED = "26119" + "0" * 14 + "1", "1100211130-12345678"


@pytest.fixture
def merchant_id(work: UnitOfWork, make_merchant: MakeMerchant, next_day: NextDay, vault_file: Path) -> UUID:
    """Sold for 1,999.00 at 0.60 % in October; it is November by now."""
    merchant_id, today = make_merchant(vat_ppm=60_000), work
    accrue(work, capture(work, merchant_id))
    while today.day.on < date(2026, 11, 1):
        today = next_day(today)
    with sql.transacting():
        sql.run("UPDATE runtime_book SET clock_at = %s WHERE id = %s", [today.now, work.book.id])
    return merchant_id


def test_an_invoice_is_requested_issued_and_voided_by_those_who_may(person: Person, merchant_id: UUID, work: UnitOfWork) -> None:
    address = f"/settlements/fees/{public.text('merchant', merchant_id)}/2026-10/"
    support, finance, owner = person("support"), person("finance"), person("merchant_owner", merchant_id)

    def act(browser: Client, **sent: str) -> str:
        answer = browser.post(f"{address}act/", sent)
        return answer["Location"].partition("?")[2] if answer.status_code == 302 else str(answer.status_code)

    page = support.get(address).content.decode()
    for words in ("¥11.99", "¥0.68", "¥11.31", "6.00 %", "Request an invoice"):
        assert words in page
    assert "Request an invoice" not in owner.get(address).content.decode()
    assert act(owner, do="request") == "404"
    assert act(support, do="request") == "done=requested"
    assert "tax bureau" not in support.get(address).content.decode(), "who may not issue is not offered it"
    assert act(support, do="issue", number=NUMBER) == "404"
    wrong = finance.post(f"{address}act/", {"do": "issue", "number": "<b>12"})
    assert (wrong.status_code, "The number is none of the tax bureau" in wrong.content.decode()) == (422, True)
    assert 'value="&lt;b&gt;12"' in wrong.content.decode()
    assert act(finance, do="issue", number=NUMBER, on="soon") == "422"
    assert act(finance, do="issue", number=NUMBER) == "done=issued"
    assert act(finance, do="issue", number=NUMBER) == "done=issued"
    seen = owner.get(address).content.decode()
    assert (NUMBER in seen, "support-" in seen) == (True, False), "a merchant is not told who of us did it"
    assert act(finance, do="void", reason="wrong title") == "422"
    assert act(finance, do="void", reason="wrong title", red_number=RED) == "done=voided"
    assert act(finance, do="void", reason="again", red_number=RED) == "422"
    assert act(finance, do="eat") == "404"
    assert act(support, do="request") == "done=requested"
    listed = owner.get("/settlements/invoices/").content.decode()
    assert [RED in listed, len(re.findall('href="/settlements/fees/', listed))] == [True, 2]


def test_invoices_are_chosen_and_paged(
    person: Person, merchant_id: UUID, work: UnitOfWork, make_merchant: MakeMerchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoices, "PAGE", 1)
    browser, address = person("finance"), f"/settlements/invoices/?book={work.book.code}"
    assert "No invoice was requested yet" in browser.get(address).content.decode()
    for sent in ({"do": "request"}, {"do": "void", "reason": "twice"}, {"do": "request"}):
        assert browser.post(f"/settlements/fees/{public.text('merchant', merchant_id)}/2026-10/act/", sent).status_code == 302
    code = sql.value("SELECT code FROM merchants_merchant WHERE id = %s", [merchant_id])
    seen, following = [], address
    while following:
        page = browser.get(following).content.decode()
        seen += re.findall('class="state tone-[a-z]+">([A-Z][a-z]+)<', page)
        found = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        following = f"/settlements/invoices/{found}" if found else ""
    assert sorted(seen) == ["Requested", "Voided"], "the clock of the book stands still: they are in no order"
    for words, text in (
        (f"merchant={code}&state=voided&month=2026-10", "Voided<"),
        ("state=issued", "No invoice is like this"),
        ("merchant=x", "No merchant has"),
    ):
        assert text in browser.get(f"{address}&{words}").content.decode()
    for wrong in ("month=2026-13", "month=x", "state=lost", "after=x", "merchant=%00"):
        assert browser.get(f"{address}&{wrong}").status_code == 400
    assert "No invoice was requested yet" in person("merchant_owner", make_merchant()).get("/settlements/invoices/").content.decode()
