"""The pages of suspense against the database: who sees what, and matching, undoing and giving back as the person who asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import Placed
from yuefu import ids as public
from yuefu.journeys import receipts
from yuefu.journeys.desk import Desk
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import OPERATING_NUMBER, SANDBOX_ACCOUNTS, Receipt
from yuefu.runtime import sql
from yuefu.runtime import vault as vaults
from yuefu.runtime.values import Book, UnitOfWork

Person = Callable[..., Client]


@pytest.fixture
def desk(work: UnitOfWork, vault_file: Path) -> Desk:
    with sql.transacting():
        payments.open_money_accounts(work=work, accounts=SANDBOX_ACCOUNTS)
    return Desk(work.book, work.by, work.ids, vaults.load(vault_file), SandboxChannel(work.book), SandboxBank(work.book))


@pytest.fixture
def came(desk: Desk, work: UnitOfWork) -> Receipt:
    """450 yuan of somebody who wrote nothing that is known."""
    paid = {"account": OPERATING_NUMBER, "payer_account": "6217000010001234567", "payer_name": "李四", "text": "<b>hello</b>"}
    desk.bank.deposit(**paid, amount=Money(450_00, "CNY"), key="d", now=work.now)  # type: ignore[attr-defined]
    assert receipts.poll(desk=desk, now=work.now) == 1
    (found,) = payment_book.in_suspense(book_id=work.book.id, after=None, limit=9)
    return found


def page_of(found: Receipt) -> str:
    return f"/suspense/{public.text('receipt', found.id)}/"


def now(found: Receipt, work: UnitOfWork) -> Receipt:
    return payment_book.receipts(book_id=work.book.id, ids=[found.id])[found.id]


def test_the_list_and_the_receipt_are_for_those_who_may_read_them(
    person: Person, came: Receipt, work: UnitOfWork, second_book: Book
) -> None:
    browser = person("support")
    listed = browser.get("/suspense/", {"book": work.book.code}).content.decode()
    assert came.number in listed
    assert "It quotes no reference" in listed
    page = browser.get(page_of(came)).content.decode()
    assert "李四" in page
    assert "6217***********4567" in page
    assert "6217000010001234567" not in page
    assert "&lt;b&gt;hello&lt;/b&gt;" in page
    assert 'value="match"' not in page, "support looks on"
    assert 'value="match"' in person("finance").get(page_of(came)).content.decode()
    for other in (person("risk"), person("finance", book=second_book), person(None)):
        assert other.get(page_of(came)).status_code == 404
    assert person("finance", book=second_book).get("/suspense/", {"book": work.book.code}).status_code == 404


@pytest.mark.parametrize("after", ["nonsense", "x" * 500, "ord_01m4nvbnz0e44r30qama92cgm4"])
def test_a_broken_place_in_the_list_is_a_clear_refusal(person: Person, came: Receipt, after: str) -> None:
    assert person("finance").get("/suspense/", {"after": after}).status_code == 400


def test_the_list_is_paged(person: Person, desk: Desk, work: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yuefu.journeys.suspense.PAGE", 2)
    bank: Any = desk.bank
    told = bank.deposit(account=OPERATING_NUMBER, payer_account="6", payer_name="x", amount=Money(1, "CNY"), text="", key="k", now=work.now)
    receipts.take(desk=desk, now=work.now, came=[replace(told, number=f"N{n}") for n in range(5)])
    browser, seen, address = person("finance"), [], f"/suspense/?book={work.book.code}"
    while address:
        page = browser.get(address).content.decode()
        seen += [f"N{n}" for n in range(5) if f">N{n}<" in page]
        found = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        address = f"/suspense/{found}" if found else ""
    assert sorted(seen) == [f"N{n}" for n in range(5)]


def test_what_is_given_back_is_given_back_once_by_the_person_who_asked(person: Person, came: Receipt, work: UnitOfWork) -> None:
    browser, form = person("finance"), {"do": "return", "amount": "100.00", "reason": "not ours", "key": "k1"}
    for _ in range(2):
        response: Any = browser.post(f"{page_of(came)}act/", form)
        assert (response.status_code, response["Location"]) == (302, f"{page_of(came)}?done=returned")
    (back,) = payment_book.returns_of(book_id=work.book.id, receipt_ids=[came.id])[came.id]
    assert (back.amount, back.state, back.reason) == (Money(100_00, "CNY"), "paid", "not ours")
    assert back.actor.startswith("user:finance-")
    assert now(came, work).left == Money(350_00, "CNY")
    assert "given back" in browser.get(f"{page_of(came)}?done=returned").content.decode()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"do": "match", "target": "nobody", "reason": "x"}, "no such consumer, loan or bill"),
        ({"do": "match", "target": "loan_nonsense", "reason": "x"}, "no such consumer, loan or bill"),
        ({"do": "match", "target": "loan_01m4nvbnz0e44r30qama92cgm4", "reason": "x"}, "no such loan"),
        ({"do": "match", "target": "bill_01m4nvbnz0e44r30qama92cgm4", "reason": "x"}, "no such bill"),
        ({"do": "return", "amount": "4,50", "reason": "x"}, "not a decimal"),
        ({"do": "return", "amount": "450.01", "reason": "x"}, "more than is left"),
        ({"do": "return", "amount": "0", "reason": "x"}, "above zero"),
        ({"do": "return", "reason": " "}, "reason is needed"),
        ({"do": "unmatch", "match": "nonsense", "reason": "x"}, "no such match"),
        ({"do": "unmatch", "match": "mtc_01m4nvbnz0e44r30qama92cgm4", "reason": "x"}, "no such match"),
    ],
)
def test_what_cannot_be_says_why_and_changes_nothing(
    person: Person, came: Receipt, work: UnitOfWork, form: dict[str, str], said: str
) -> None:
    response = person("finance").post(f"{page_of(came)}act/", {"key": "k", **form})
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert form.get("amount", "") in page
    assert now(came, work) == came


def test_one_who_owes_nothing_cannot_be_what_it_is_for(person: Person, came: Receipt, placed: Placed) -> None:
    consumer_id = orders.orders([placed.order_id])[placed.order_id].consumer_id
    (reference,) = [row[0] for row in sql.rows("SELECT external_ref FROM consumers_consumer WHERE id = %s", [consumer_id])]
    response = person("finance").post(f"{page_of(came)}act/", {"do": "match", "target": reference, "reason": "x", "key": "k"})
    assert response.status_code == 422
    assert "There is nothing to pay" in response.content.decode()


def test_who_may_not_or_asks_for_something_else_finds_nothing(person: Person, came: Receipt, work: UnitOfWork, second_book: Book) -> None:
    form = {"do": "return", "reason": "x", "key": "k"}
    for browser in (person("support"), person("finance", book=second_book), person("risk")):
        assert browser.post(f"{page_of(came)}act/", form).status_code == 404
    assert person("finance").post(f"{page_of(came)}act/", {**form, "do": "burn"}).status_code == 404
    assert now(came, work) == came
