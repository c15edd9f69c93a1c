"""The pages of breaks against the database: who sees what, and what a person does about one, alone and with a second person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from yuefu import ids as public
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments.gateways.wechat_layout import FundRow, fund_flow
from yuefu.payments.rules import SANDBOX_ACCOUNTS
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands import DayOutcome, FileIn, NewFix
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.queries import Break
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, working
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.runtime import sql
from yuefu.runtime.values import Book, UnitOfWork

Person = Callable[..., Client]
NextDay = Callable[[UnitOfWork], UnitOfWork]
DAY = date(2026, 10, 1)


def row(number: int, type_: str, minor: int) -> FundRow:
    named = f"42{number:026d}"
    return FundRow(datetime.combine(DAY, time(9, number)), named, named, type_, type_, Money(minor, "CNY"), "s", "", f"R<b>{number}")


@pytest.fixture
def following(work: UnitOfWork, next_day: NextDay) -> UnitOfWork:
    """The day after one whose fund flow shows a fee of 1.00 and a payment of 300.00 that nobody here knows."""
    with sql.transacting():
        payments.open_money_accounts(work=work, accounts=SANDBOX_ACCOUNTS)
    later = next_day(work)
    data = fund_flow([row(1, "交易", 300_00), row(2, "扣除交易手续费", -1_00)], opening=Money(0, "CNY"))
    with sql.transacting():
        reconciliation.receive_files(work=later, files=[FileIn("channel_fund", data, DAY)], read=read_bill, accounts={})
        assert isinstance(reconciliation.reconcile_day(work=later, source="channel_fund", on=DAY), DayOutcome)
    return later


@pytest.fixture
def fee(following: UnitOfWork) -> Break:
    return next(b for b in queries.breaks(book_id=following.book.id) if b.kind == "fee")


@pytest.fixture
def payment(following: UnitOfWork) -> Break:
    return next(b for b in queries.breaks(book_id=following.book.id) if b.kind == "payment")


@pytest.fixture
def receipt(following: UnitOfWork) -> Break:
    """Money that the bank's statement shows, and of which nobody here has heard."""
    data = fund_flow([row(3, "来账", 7_00)], opening=Money(0, "CNY"))
    with sql.transacting():
        reconciliation.receive_files(work=following, files=[FileIn("bank", data, DAY)], read=read_bill, accounts={})
        assert isinstance(reconciliation.reconcile_day(work=following, source="bank", on=DAY), DayOutcome)
    return next(b for b in queries.breaks(book_id=following.book.id) if b.source == "bank")


def page_of(found: Break) -> str:
    return f"/breaks/{public.text('break', found.id)}/"


def state(found: Break, work: UnitOfWork) -> str:
    return queries.breaks_by_id(book_id=work.book.id, ids=[found.id])[found.id].state


def test_the_list_and_a_break_are_for_those_who_reconcile(person: Person, fee: Break, work: UnitOfWork, second_book: Book) -> None:
    browser = person("finance")
    listed = browser.get("/breaks/", {"book": work.book.code}).content.decode()
    assert "R&lt;b&gt;2" in listed
    assert page_of(fee) in listed
    assert "There is no such break" in browser.get("/breaks/", {"book": work.book.code, "state": "closed"}).content.decode()
    assert "R&lt;b&gt;2" not in browser.get("/breaks/", {"book": work.book.code, "source": "bank"}).content.decode()
    for wrong in ({"state": "lost"}, {"source": "post"}, {"after": "nonsense"}):
        assert browser.get("/breaks/", {"book": work.book.code, **wrong}).status_code == 400
    page = browser.get(page_of(fee)).content.decode()
    assert "Post the fee" in page
    assert "Nothing yet." in page
    for other in (person("support"), person("finance", book=second_book), person(None)):
        assert other.get(page_of(fee)).status_code == 404
    assert browser.get("/recon/", {"book": work.book.code}).content.decode().count(page_of(fee)) == 1


def test_the_list_is_paged(person: Person, fee: Break, payment: Break, work: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yuefu.journeys.breaks.PAGE", 1)
    browser, seen, address = person("finance"), [], f"/breaks/?book={work.book.code}"
    while address:
        page = browser.get(address).content.decode()
        seen += [b.id for b in (payment, fee) if page_of(b) in page]
        following = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        address = f"/breaks/{following}" if following else ""
    assert sorted(seen) == sorted([payment.id, fee.id])


def test_a_fix_sent_twice_is_done_once_by_the_person_who_asked(person: Person, fee: Break, work: UnitOfWork) -> None:
    browser, form = person("finance"), {"do": "fix", "fix": "post_fee", "reason": "a fee", "key": "k1"}
    for _ in range(2):
        response = browser.post(f"{page_of(fee)}act/", form)
        assert (response.status_code, response["Location"]) == (302, f"{page_of(fee)}?done=fixed")
    assert state(fee, work) == "corrected"
    (fix,) = queries.fixes_of(book_id=work.book.id, break_ids=[fee.id])[fee.id]
    assert (fix.state, fix.asked_by.startswith("user:finance-")) == ("done", True)
    page = browser.get(f"{page_of(fee)}?done=fixed").content.decode()
    assert "what became of it is below" in page
    assert "Post the fee: a fee" not in page


def test_more_than_one_may_alone_is_decided_by_another_on_the_page(person: Person, payment: Break, following: UnitOfWork) -> None:
    with sql.transacting():
        asked = NewFix("k", payment.id, Kind.WRITE_OFF, "nobody knows")
        reconciliation.ask_fixes(work=following, by=working(DEFAULT_WORKING), fixes=[asked])
    browser = person("finance")
    page = browser.get(page_of(payment)).content.decode()
    assert "Decide what another one asked for" in page
    approval = page.partition('name="approval" value="')[2].partition('"')[0]
    wrong = browser.post(f"{page_of(payment)}act/", {"do": "approve", "approval": "apr_nonsense", "reason": "x"})
    assert (wrong.status_code, "There is no such request" in wrong.content.decode()) == (422, True)
    done = browser.post(f"{page_of(payment)}act/", {"do": "approve", "approval": approval, "reason": "checked"})
    assert done["Location"] == f"{page_of(payment)}?done=decided"
    assert state(payment, following) == "corrected"
    again = browser.post(f"{page_of(payment)}act/", {"do": "reject", "approval": approval, "reason": "no"})
    assert "Somebody decided this before" in again.content.decode()


def test_of_a_receipt_the_bank_is_asked_whoever_looks(person: Person, receipt: Break) -> None:
    assert receipt.kind == "receipt"
    assert person("finance").get(page_of(receipt)).status_code == 200


def test_who_asked_does_not_decide(person: Person, payment: Break, work: UnitOfWork) -> None:
    browser, form = person("finance"), {"do": "fix", "fix": "write_off", "reason": "nobody knows", "key": "k2"}
    assert browser.post(f"{page_of(payment)}act/", form)["Location"] == f"{page_of(payment)}?done=asked"
    page = browser.get(page_of(payment)).content.decode()
    assert ("You asked for it" in page, 'name="approval"' in page) == (True, False)
    page = person("finance").get(page_of(payment)).content.decode()
    approval = page.partition('name="approval" value="')[2].partition('"')[0]
    refused = browser.post(f"{page_of(payment)}act/", {"do": "approve", "approval": approval, "reason": "me"})
    assert "A second person decides what you asked for" in refused.content.decode()
    assert state(payment, work) == "open"


def test_what_waits_for_a_second_person_is_found_in_the_list(person: Person, fee: Break, payment: Break, work: UnitOfWork) -> None:
    browser, form = person("finance"), {"do": "fix", "fix": "write_off", "reason": "nobody knows", "key": "k3"}
    waiting = {"book": work.book.code, "state": "waiting"}
    assert "Nothing waits for a second person" in browser.get("/breaks/", waiting).content.decode()
    browser.post(f"{page_of(payment)}act/", form)
    page = person("operator").get("/breaks/", waiting).content.decode()
    assert (page_of(payment) in page, page_of(fee) in page) == (True, False)
    rows = browser.get("/breaks/", {"book": work.book.code, "state": "all"}).content.decode().partition("<tbody>")[2]
    assert (rows.count("Waits for a second person"), rows.count(">Open<")) == (1, 1)


@pytest.mark.parametrize(
    "form",
    [
        {"do": "fix", "fix": "chase_provider", "reason": "x", "until": "2020-01-01"},
        {"do": "evidence", "reference": "kept", "text": "x" * 2001},
        {"do": "assign", "role": "operator", "due": "kept"},
        {"do": "resolve", "state": "lost", "reason": "kept"},
        {"do": "reject", "approval": "apr_nonsense", "reason": "kept"},
    ],
    ids=lambda form: form["do"],
)
def test_what_was_typed_stands_there_when_it_is_refused(
    person: Person, payment: Break, following: UnitOfWork, form: dict[str, str]
) -> None:
    with sql.transacting():
        asked = NewFix("k", payment.id, Kind.WRITE_OFF, "nobody knows")
        reconciliation.ask_fixes(work=following, by=working(DEFAULT_WORKING), fixes=[asked] if form["do"] == "reject" else [])
    refused = person("finance").post(f"{page_of(payment)}act/", {"key": "k", **form})
    assert refused.status_code == 422
    kept = form.get("until", "kept")
    assert f'value="{kept}"' in refused.content.decode()


def test_notes_evidence_owner_and_state_are_kept_with_who_did_it(person: Person, fee: Break, work: UnitOfWork) -> None:
    browser, act = person("finance"), f"{page_of(fee)}act/"
    letter = SimpleUploadedFile("a <letter>.html", b"<script>alert(1)</script>")
    for form, done in (
        ({"do": "note", "text": "<i>asked</i>"}, "noted"),
        ({"do": "evidence", "file": letter, "text": "by mail"}, "kept"),
        ({"do": "evidence", "reference": "ticket 4711"}, "kept"),
        ({"do": "assign", "role": "operator", "due": "2026-11-02"}, "assigned"),
        ({"do": "resolve", "state": "explained", "reason": "theirs"}, "moved"),
        ({"do": "resolve", "state": "open", "reason": "ours after all"}, "moved"),
    ):
        assert browser.post(act, form)["Location"] == f"{page_of(fee)}?done={done}"
    page = browser.get(page_of(fee)).content.decode()
    assert "&lt;i&gt;asked&lt;/i&gt;" in page
    assert "ticket 4711" in page
    assert "Opened again" in page
    kept = browser.get(f"{page_of(fee)}evidence/2/")
    assert (kept.content, kept["Content-Type"]) == (b"<script>alert(1)</script>", "application/octet-stream")
    assert kept["Content-Disposition"].startswith("attachment")
    assert browser.get(f"{page_of(fee)}evidence/3/").status_code == 404


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"do": "fix", "fix": "burn_it", "reason": "x"}, "no such way"),
        ({"do": "fix", "fix": "confirmed_by_money", "reason": "x"}, "Another kind of break"),
        ({"do": "fix", "fix": "offset", "reason": "x"}, "just the opposite difference"),
        ({"do": "fix", "fix": "chase_provider", "reason": "x", "until": "tomorrow"}, "no day of the calendar"),
        ({"do": "fix", "fix": "chase_provider", "reason": "x", "until": "2020-01-01"}, "on a day to come"),
        ({"do": "fix", "fix": "chase_provider", "reason": " "}, "A reason is needed"),
        ({"do": "note", "text": " "}, "1 to 2,000 characters"),
        ({"do": "assign", "role": "merchant_owner"}, "Nobody of this role"),
        ({"do": "resolve", "state": "lost", "reason": "x"}, "does not allow this"),
    ],
)
def test_what_cannot_be_says_why_and_changes_nothing(person: Person, fee: Break, work: UnitOfWork, form: dict[str, str], said: str) -> None:
    response = person("finance").post(f"{page_of(fee)}act/", {"key": "k", **form})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert queries.history(book_id=work.book.id, break_ids=[fee.id]) == {}
    assert person("finance").post(f"{page_of(fee)}act/", {"do": "steal"}).status_code == 404
