"""The pages of settlement against the database: who sees which batches, page by page, and no file of what is wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest
from django.test import Client

from tests.settlement.conftest import MakeMerchant
from tests.settlement.conftest import make_merchant as make_merchant  # noqa: PLC0414 - the fixture of the tests of settlement
from tests.settlement.scene import PAY_DAY, accrue, capture, settle
from yuefu import ids as public
from yuefu.journeys import statement_pages
from yuefu.runtime import sql
from yuefu.runtime.values import Book, UnitOfWork

Person = Callable[..., Client]


@pytest.fixture
def settled(work: UnitOfWork, make_merchant: MakeMerchant) -> tuple[UUID, dict[UUID, str]]:
    """Two merchants of which one sold thrice, with their batches; the one first."""
    ours, theirs = make_merchant(), make_merchant()
    accrue(work, *(capture(work, ours, minor=minor) for minor in (10_000, 20_000, 30_000)), capture(work, theirs))
    return ours, {batch.merchant_id: public.text("batch", batch.id) for batch in settle(work)}


def shown(page: str) -> list[str]:
    return re.findall(r'href="/settlements/(stl_\w+)/"', page)


def pages(browser: Client, address: str) -> list[str]:
    """The text of a page and of those that follow it."""
    found, path = [], address.partition("?")[0]
    while address:
        found.append(browser.get(address).content.decode())
        following = found[-1].partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&").partition("#")[0]
        address = path + following if following else ""
    return found


def test_staff_see_all_batches_and_merchants_their_own(
    person: Person, settled: tuple[UUID, dict[UUID, str]], work: UnitOfWork, second_book: Book
) -> None:
    ours, batches = settled
    (theirs,) = batches.keys() - {ours}
    for role in ("finance", "support", "compliance"):
        browser = person(role)
        assert set(shown(browser.get("/settlements/", {"book": work.book.code}).content.decode())) == set(batches.values())
        assert browser.get(f"/settlements/{batches[theirs]}/").status_code == 200
    owner = person("merchant_owner", ours)
    assert 'href="/settlements/"' in owner.get("/").content.decode(), "they find it from their start page"
    assert 'href="/settlements/"' not in person("merchant_staff", ours).get("/").content.decode()
    assert shown(owner.get("/settlements/").content.decode()) == [batches[ours]]
    for path in ("", "statement.csv", "statement.pdf"):
        assert owner.get(f"/settlements/{batches[ours]}/{path}").status_code == 200
        assert owner.get(f"/settlements/{batches[theirs]}/{path}").status_code == 404
        assert owner.get(f"/settlements/months/{public.text('merchant', theirs)}/2026-10/{path}").status_code == 404
    for stranger in (person("merchant_staff", ours), person("merchant_staff", theirs), person("finance", book=second_book)):
        assert stranger.get(f"/settlements/{batches[ours]}/").status_code == 404
        assert shown(stranger.get("/settlements/").content.decode()) == []


def test_batches_are_chosen_by_merchant_state_and_pay_day(
    person: Person,
    settled: tuple[UUID, dict[UUID, str]],
    work: UnitOfWork,
    make_merchant: MakeMerchant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statement_pages, "PAGE", 1)
    ours, batches = settled
    browser, book = person("finance"), f"book={work.book.code}"
    code = sql.value("SELECT code FROM merchants_merchant WHERE id = %s", [ours])
    everything = pages(browser, f"/settlements/?{book}")
    assert [one for page in everything for one in shown(page)] == sorted(batches.values(), reverse=True)
    assert [shown(page) for page in pages(browser, f"/settlements/?{book}&merchant={code}")] == [[batches[ours]]]
    assert len(pages(browser, f"/settlements/?{book}&state=scheduled&on={PAY_DAY}")) == 2
    for other, words in (
        ("state=held", "No batch is like this"),
        ("on=2026-01-01", "No batch is like this"),
        ("merchant=nobody", "No merchant has this code"),
    ):
        (page,) = pages(browser, f"/settlements/?{book}&{other}")
        assert (shown(page), words in page) == ([], True)
    for wrong in ("on=soon", "on=0001-01-01", "state=lost", "after=x", "after=stl_01m4psz9m0egnsh56jknyf32m3", "merchant=%00"):
        assert browser.get(f"/settlements/?{book}&{wrong}").status_code == 400
    assert "Nothing was settled yet" in person("merchant_owner", make_merchant()).get("/settlements/").content.decode()


def test_a_batch_writes_its_identity_out_and_has_its_lines_page_by_page(
    person: Person, settled: tuple[UUID, dict[UUID, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement_pages, "LINES", 2)
    address = f"/settlements/{settled[1][settled[0]]}/"
    found = pages(person("support"), address)
    assert [len(re.findall(r'href="/trace/ord_', page)) for page in found] == [2, 1]
    assert ["3 lines" in page for page in found] == [True, True]
    # 600.00 less 0.60 % each and 1.80 % each
    for amount in ("¥600.00", "−¥3.60", "−¥10.80", "¥585.60"):
        assert amount in found[0]
    assert person("support").get(f"{address}?after=nonsense").status_code == 400
    assert person("support").get(f"{address}?after={UUID(int=(1 << 128) - 1).hex}").status_code == 200


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_file_is_in_the_language_of_the_pages(person: Person, settled: tuple[UUID, dict[UUID, str]], language: str) -> None:
    browser, number = person("finance"), settled[1][settled[0]]
    browser.cookies["django_language"] = language
    for form, mark in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        answer = browser.get(f"/settlements/{number}/statement.{form}")
        assert b"".join(answer).startswith(mark)  # type: ignore[call-overload]
        assert answer["Content-Disposition"] == f'attachment; filename="{number}.{form}"'
    rows = list(csv.reader(io.StringIO(b"".join(browser.get(f"/settlements/{number}/statement.csv")).decode("utf-8-sig"))))  # type: ignore[call-overload]
    assert (rows[0][0], len(rows)) == ("结算日" if language == "zh-hans" else "pay_on", 5)
    assert browser.get(f"/settlements/{number}/statement.exe").status_code == 404


def test_a_month_has_its_batches_and_leads_to_the_ones_beside_it(person: Person, settled: tuple[UUID, dict[UUID, str]]) -> None:
    browser, merchant = person("finance"), public.text("merchant", settled[0])
    month = browser.get(f"/settlements/months/{merchant}/2026-10/").content.decode()
    assert shown(month) == [settled[1][settled[0]]]
    assert [f"/{merchant}/{other}/" in month for other in ("2026-09", "2026-11")] == [True, True]
    answer = browser.get(f"/settlements/months/{merchant}/2026-10/statement.xlsx")
    assert answer["Content-Disposition"].endswith('-2026-10.xlsx"')
    assert "Nothing was settled in this month." in browser.get(f"/settlements/months/{merchant}/2026-09/").content.decode()
    for wrong in ("2026-13", "202610", "0001-01", "2026-1", "9999-12"):
        assert browser.get(f"/settlements/months/{merchant}/{wrong}/").status_code == 404
    assert browser.get(f"/settlements/months/mch_nonsense/{date(2026, 10, 1):%Y-%m}/").status_code == 404


def test_of_a_statement_that_is_wrong_no_file_is_given(person: Person, settled: tuple[UUID, dict[UUID, str]], work: UnitOfWork) -> None:
    browser, number = person("finance"), settled[1][settled[0]]
    with sql.owning():
        sql.run("ALTER TABLE payments_payout DISABLE TRIGGER USER")
        assert sql.run("UPDATE payments_payout SET amount_minor = amount_minor + 1 WHERE merchant_id = %s", [settled[0]])
        sql.run("ALTER TABLE payments_payout ENABLE TRIGGER USER")
    month = f"/settlements/months/{public.text('merchant', settled[0])}/2026-10"
    for address in (f"/settlements/{number}/statement.csv", f"{month}/statement.pdf"):
        refused = browser.get(address)
        assert refused.status_code == 409
        assert "No file was made of this statement." in refused.content.decode()
        assert "payout_differs" in refused.content.decode()
