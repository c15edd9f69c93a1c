"""The pages of loans in service against the database: who sees what, which are late, page by page, and one loan."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.test import Client

from yuefu import ids as public
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.rules import Party
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import sql
from yuefu.runtime.values import Book, UnitOfWork

Person = Callable[..., Client]


@pytest.fixture
def lent(work: UnitOfWork, vault_file: Path) -> list[str]:
    """Three loans from elsewhere of somebody unknown here, of which the first instalments fell due 100, 40 and 5 days ago."""
    owner = uuid4()
    return [lend(work, owner, days) for days in (100, 40, 5)]


def lend(work: UnitOfWork, owner: UUID, days: int) -> str:
    first, amount = work.day.on - timedelta(days=days), Money(1200_00, "CNY")
    lent_on = first - timedelta(days=31)
    terms = LoanTerms(principal=amount, periods=6, annual_rate=Rate(120_000), disbursed_on=lent_on, first_due_on=first)
    party = Party(work.ids.new(work.now), None, None, owner, None, work.book.id, "flex", "CNY", "elsewhere")
    with sql.transacting():
        assert living.agree(work=work, agreements=[(party, terms)]) == [None]
        (done,) = living.enter(work=work, facts=[NewFact(uuid4(), party.loan_id, e.Disbursed(lent_on, amount))])
    assert isinstance(done, Entered), done
    return public.text("loan", party.loan_id)


def shown(page: str) -> list[str]:
    return re.findall(r'href="/loans/(loan_\w+)/"', page)


def test_late_loans_are_for_those_who_may_read_arrears(person: Person, lent: list[str], work: UnitOfWork, second_book: Book) -> None:
    for role in ("support", "finance", "risk", "compliance"):
        assert shown(person(role).get("/loans/", {"book": work.book.code}).content.decode()) == lent
    other = person("finance", book=second_book)
    assert other.get("/loans/", {"book": work.book.code}).status_code == 404
    for browser in (other, person(None)):
        assert browser.get(f"/loans/{lent[0]}/").status_code == 404


def test_a_bucket_is_chosen_and_an_empty_one_says_so(person: Person, lent: list[str], work: UnitOfWork) -> None:
    browser, book = person("support"), {"book": work.book.code}
    assert shown(browser.get("/loans/", {**book, "bucket": "M2"}).content.decode()) == [lent[1]]
    empty = browser.get("/loans/", {**book, "bucket": "M7+"}).content.decode()
    assert shown(empty) == []
    assert "No loan is in this bucket" in empty
    for unknown in ("<b>", "\0"):
        nothing = browser.get("/loans/", {**book, "bucket": unknown})
        assert (nothing.status_code, shown(nothing.content.decode())) == (200, [])
        assert "<b>" not in nothing.content.decode()


def test_the_list_is_paged_and_a_broken_place_is_refused(
    person: Person, lent: list[str], work: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yuefu.journeys.late_loans.PAGE", 1)
    browser, seen, address = person("finance"), [], f"/loans/?book={work.book.code}"
    while address:
        page = browser.get(address).content.decode()
        seen += shown(page)
        found = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        address = f"/loans/{found}" if found else ""
    assert seen == lent
    for after in ("nonsense", "x" * 500, "ord_01m4nvbnz0e44r30qama92cgm4"):
        assert browser.get("/loans/", {"after": after}).status_code == 400


def test_a_loan_is_shown_with_what_is_owed_and_what_was_entered(person: Person, lent: list[str], work: UnitOfWork) -> None:
    page = person("support").get(f"/loans/{lent[2]}/").content.decode()
    assert "5 days" in page
    assert "elsewhere" in page
    assert ">Lent</span>" in page
    for nothing in ("loan_01m4nvbnz0e44r30qama92cgm4", "nonsense"):
        assert person("support").get(f"/loans/{nothing}/").status_code == 404


def test_a_loan_that_nobody_can_open_is_shown_as_it_was_left_and_says_so(person: Person, lent: list[str], work: UnitOfWork) -> None:
    browser, spoilt = person("finance"), public.parse("loan", lent[1])
    sql.run("UPDATE loans_checkpoint SET state = '{\"format\": 1}' WHERE loan_id = %s", [spoilt])
    page = browser.get("/loans/", {"book": work.book.code}).content.decode()
    assert shown(page) == lent
    assert page.count("Set aside") == 1
    assert "The close could not go on with" not in page, "no close has tried yet"
    own = browser.get(f"/loans/{lent[1]}/")
    assert own.status_code == 200
    assert "The close cannot go on with this loan" in own.content.decode()
    sql.run("UPDATE loans_stretch SET stuck = true WHERE loan_id = %s", [spoilt])
    page = browser.get("/loans/", {"book": work.book.code}).content.decode()
    assert "The close could not go on with 1 loan<" in page
    assert f'href="/closing/?book={work.book.code}"' in page
