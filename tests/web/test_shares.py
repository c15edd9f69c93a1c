"""The pages of shares against the database: who sees them, page by page, and no file of a batch that is wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from tests.people import person as somebody
from tests.settlement.conftest import MakeMerchant
from tests.settlement.conftest import make_merchant as make_merchant  # noqa: PLC0414 - the fixture of the tests of settlement
from tests.settlement.scene import PAY_DAY, accrue, refund, settle
from tests.settlement.sharing import Others, others, sharing
from tests.settlement.test_shares import sold
from tests.web.test_settlements import pages
from yuefu import ids as public
from yuefu.errors import Refused
from yuefu.journeys import share_pages
from yuefu.runtime import sql
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.runtime.vault import Vault
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import ShareRelease
from yuefu.settlement.queries.shares import ShareBatch

Person = Callable[..., Client]


@pytest.fixture
def shared(work: UnitOfWork, vault: Vault, make_merchant: MakeMerchant) -> tuple[UUID, Others, dict[UUID, ShareBatch]]:
    """A shop whose fee is shared with an agent, the one above it, and a host who sold thrice, the last time for half."""
    of = others(work, vault)
    shop = make_merchant(fee_rate_ppm=100_000, sharing=sharing(of))
    for minor in (1_000_00, 500_00):
        sold(work, shop, of, minor)
    accrue(work, refund(work, sold(work, shop, of, 200_00), 100_00))
    settle(work)
    with sql.transacting():
        return shop, of, {one.payee_id: one for one in settlement.build_shares(work=work, pay_on=PAY_DAY)}


def shown(page: str) -> list[str]:
    return re.findall(r'href="/settlements/shares/(shb_\w+)/"', page)


def address(batch: ShareBatch) -> str:
    return f"/settlements/shares/{public.text('share_batch', batch.id)}/"


def rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))


def test_staff_of_the_book_see_shares_and_nobody_else_does(
    person: Person, shared: tuple[UUID, Others, dict[UUID, ShareBatch]], work: UnitOfWork, second_book: Book
) -> None:
    shop, of, built = shared
    places = [address(built[of.host]), f"{address(built[of.host])}shares.csv", f"/settlements/payees/{public.text('payee', of.host)}/"]
    for role in ("finance", "support", "compliance"):
        browser = person(role)
        assert [browser.get(place).status_code for place in places] == [200] * 3
    assert 'href="/settlements/shares/' in browser.get("/settlements/").content.decode()
    for stranger in (person("merchant_owner", shop), person("finance", book=second_book), person("merchant_staff", shop)):
        assert [stranger.get(place).status_code for place in places] == [404] * 3
        assert shown(stranger.get("/settlements/shares/").content.decode()) == []
    assert "/settlements/shares/" not in person("merchant_owner", shop).get("/settlements/").content.decode()
    assert browser.get("/settlements/shares/shb_nonsense/").status_code == 404
    assert [browser.get(f"/settlements/payees/{one}/").status_code for one in ("x", "fnd_01m4psz9m0egnsh56jknyf32m3")] == [404, 404]


def test_batches_are_chosen_by_payee_state_and_pay_day(
    person: Person, shared: tuple[UUID, Others, dict[UUID, ShareBatch]], work: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, of, built = shared
    monkeypatch.setattr(share_pages, "PAGE", 2)
    browser, book = person("finance"), f"book={work.book.code}"
    everything = [one for page in pages(browser, f"/settlements/shares/?{book}") for one in shown(page)]
    assert everything == sorted((public.text("share_batch", one.id) for one in built.values()), reverse=True)
    (of_host,) = pages(browser, f"/settlements/shares/?{book}&payee=lin&state=due&on={PAY_DAY}")
    assert shown(of_host) == [public.text("share_batch", built[of.host].id)]
    for other, words in (
        ("state=paid", "No batch is like this"),
        ("on=2026-01-01", "No batch is like this"),
        ("payee=who", "No payee has this code"),
    ):
        (page,) = pages(browser, f"/settlements/shares/?{book}&{other}")
        assert (shown(page), words in page) == ([], True)
    for wrong in ("on=soon", "state=held", "after=x", "after=shb_01m4psz9m0egnsh56jknyf32m3", "payee=%00"):
        assert browser.get(f"/settlements/shares/?{book}&{wrong}").status_code == 400


def test_a_book_without_shares_says_so(person: Person) -> None:
    assert "Nobody has a share yet" in person("finance").get("/settlements/shares/").content.decode()


def test_a_batch_has_its_lines_page_by_page_and_its_payee_what_it_is_owed(
    person: Person, shared: tuple[UUID, Others, dict[UUID, ShareBatch]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, of, built = shared
    monkeypatch.setattr(share_pages, "LINES", 3)
    browser = person("support")
    found = pages(browser, address(built[of.host]))
    assert [len(re.findall(r'href="/trace/ord_', page)) for page in found] == [3, 1]
    for words in ("¥85.00", "−¥5.00", "¥80.00", "Waits for two people", "Given back with goods"):
        assert words in found[0]
    assert browser.get(f"{address(built[of.host])}?after=nonsense").status_code == 400
    page = browser.get(f"/settlements/payees/{public.text('payee', of.host)}/").content.decode()
    assert ("¥80.00" in page, shown(page)) == (True, [public.text("share_batch", built[of.host].id)])


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_lines_of_a_file_come_to_what_is_paid(
    person: Person, shared: tuple[UUID, Others, dict[UUID, ShareBatch]], language: str
) -> None:
    _, of, built = shared
    browser = person("finance")
    browser.cookies["django_language"] = language
    head, *lines = rows(browser.get(f"{address(built[of.host])}shares.csv"))
    assert head[0] == ("结算日" if language == "zh-hans" else "pay_on")
    amounts = [Decimal(line[9]) for line in lines]
    assert (len(lines), sum(amounts), amounts[-1]) == (5, 0, Decimal("-80.00"))
    assert lines[-1][4] == ("应付" if language == "zh-hans" else "Paid out")


def by_the_owner(table: str, statement: str, row: UUID) -> None:
    with sql.owning():
        sql.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        assert sql.run(statement, [row])
        sql.run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_of_a_batch_that_is_wrong_no_file_is_given(
    person: Person, shared: tuple[UUID, Others, dict[UUID, ShareBatch]], work: UnitOfWork, make_work: Callable[..., UnitOfWork]
) -> None:
    _, of, built = shared
    batch = built[of.host]
    with sql.transacting():
        asked = settlement.propose_share_release(work=make_work(by=somebody("alice")), release=ShareRelease((batch.id,), "r"))
        assert isinstance(asked, UUID)
        assert not isinstance(
            settlement.decide_share_release(work=make_work(by=somebody("bob")), approval_id=asked, approve=True, reason="r"), Refused
        )
    browser, file = person("finance"), f"{address(batch)}shares.csv"
    assert rows(browser.get(file))[-1][6].startswith("po_")
    for table, change, undo, column, said in (
        ("settlement_share_batch", "state = 'paid'", "state = 'scheduled'", "id", "payout_differs"),
        ("settlement_share", "amount_minor = amount_minor + 1", "amount_minor = amount_minor - 1", "payee_id", "ledger_differs"),
        (
            "settlement_share_batch", "earned_minor = earned_minor + 1, refunded_minor = refunded_minor + 1",
            "earned_minor = earned_minor - 1, refunded_minor = refunded_minor - 1", "id", "does_not_add_up",
        ),
    ):  # fmt: skip
        changed = of.host if column == "payee_id" else batch.id
        by_the_owner(table, f"UPDATE {table} SET {change} WHERE {column} = %s", changed)
        refused = browser.get(file)
        assert refused.status_code == 409
        assert said in refused.content.decode()
        by_the_owner(table, f"UPDATE {table} SET {undo} WHERE {column} = %s", changed)
    assert browser.get(file).status_code == 200
