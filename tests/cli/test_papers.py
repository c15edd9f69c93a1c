"""Papers from the command line: what ends loans today, a statement of account, a certificate, and whether one is ours."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pypdf import PdfReader

from tests.cli.conftest import FIRST_DAY, Command, Town, a_town
from tests.plans.lifecycle.small_loans import fen
from yuefu import ids
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.desk import open_day
from yuefu.journeys.jobs import desk_of
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.rules import Party
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import books
from yuefu.runtime.values import Book
from yuefu.runtime.vault import Vault

LENT = date(2026, 9, 1)


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    return a_town(keys)


@dataclass
class LoanBook:
    """Lends to the buyer of the town, by the rules of 2026-2."""

    book: Book
    buyer: UUID

    def lent(self, *events: Event) -> str:
        desk, now = desk_of(self.book, "test"), books.now_in(self.book)
        (loan_id,) = desk.ids.many(now, 1)
        terms = LoanTerms(principal=fen(1200_00), periods=3, annual_rate=Rate(120_000), disbursed_on=LENT)
        party = Party(loan_id, None, None, self.buyer, None, self.book.id, "flex", "CNY", "elsewhere")
        with open_day(desk, now) as work:
            assert not isinstance(work, Refused)
            living.agree(work=work, agreements=[(party, terms)])
        self.enter(loan_id, e.Disbursed(LENT, fen(1200_00)), *events)
        return ids.text("loan", loan_id)

    def enter(self, loan: UUID | str, *events: Event) -> None:
        loan_id = ids.parse("loan", loan) if isinstance(loan, str) else loan
        desk, now = desk_of(self.book, "test"), books.now_in(self.book)
        with open_day(desk, now) as work:
            assert not isinstance(work, Refused)
            outcomes = living.enter(work=work, facts=[NewFact(uuid4(), loan_id, event) for event in events])
        assert all(isinstance(one, Entered) for one in outcomes), outcomes


@pytest.fixture
def loans(town: Town) -> LoanBook:
    book = books.by_code(town.book)
    assert book is not None
    buyer = consumers.by_external_refs(book_id=book.id, external_refs=[town.buyer])[town.buyer]
    return LoanBook(book, buyer)


def words(path: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(path.read_bytes())).pages)


def minor(value: Any) -> int:
    assert value["currency"] == "CNY"
    return int(value["minor"])


def test_a_payoff_is_quoted_kept_and_shown_again(
    cli: Command, town: Town, loans: LoanBook, person: Callable[..., str], tmp_path: Path
) -> None:
    one, two = loans.lent(), loans.lent(e.Paid(date(2026, 10, 1), fen(408_00)))
    pdf = tmp_path / "quote.pdf"
    made = cli("loan", "payoff", town.buyer, "--loan", one, "--loan", two, "--pdf", str(pdf), "--language", "zh", "--key", "q1")
    assert made.status == 0, made.out
    assert [line["loan"] for line in made.last["loans"]] == sorted([one, two])
    parts = ("principal", "interest", "fees", "penalties")
    for line in made.last["loans"]:
        assert minor(line["total"]) == sum(minor(line[part]) for part in parts) - minor(line["from_credit"])
    assert minor(made.last["total"]) == sum(minor(line["total"]) for line in made.last["loans"])
    assert (made.last["on"], made.last["valid_until"]) == (str(FIRST_DAY), "2026-10-13T00:00:00+08:00")
    said = words(pdf)
    for text in ("提前结清报价单", made.last["quote"], one, two, made.last["sha256"], "2026-10-13 00:00:00 +0800"):
        assert text in said, text
    again = cli("loan", "payoff", town.buyer, "--loan", two, "--loan", one, "--key", "q1")
    assert (again.last["quote"], again.last["sha256"]) == (made.last["quote"], made.last["sha256"])
    shown = cli("paper", "quote", made.last["quote"], "--as", person("support"))
    assert {name: shown.last[name] for name in ("total", "loans", "sha256")} == {
        name: made.last[name] for name in ("total", "loans", "sha256")
    }
    assert shown.last["used_at"] is None
    assert made.last["quote"] in [row["quote"] for row in cli("paper", "list", town.buyer).last["quotes"]]
    assert cli("loan", "payoff", town.buyer, "--as", person("risk")).code == "not_allowed"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("loan", "payoff", "{buyer}", "--loan", "loan_01m4nvbnz0e44r30qama92cgm4"), "unknown_loan"),
        (("loan", "payoff", "{buyer}", "--loan", "ord_01m4nvbnz0e44r30qama92cgm4"), "bad_id"),
        (("loan", "payoff", "nobody"), "unknown_consumer"),
        (("loan", "payoff", "{buyer}", "--pdf", "quote.txt"), "not_a_pdf"),
        (("loan", "payoff", "{buyer}", "--pdf", "/no/such/place/quote.pdf"), "file_error"),
        (("loan", "payoff", "{buyer}", "--language", "fr"), "unknown_language"),
        (("paper", "quote", "pqt_01m4nvbnz0e44r30qama92cgm4"), "unknown_quote"),
        (("paper", "statement"), "one_target"),
        (("paper", "statement", "{buyer}", "--loan", "loan_01m4nvbnz0e44r30qama92cgm4"), "one_target"),
        (("paper", "statement", "--loan", "loan_01m4nvbnz0e44r30qama92cgm4"), "unknown_loan"),
        (("paper", "statement", "{buyer}", "--from", "2026-10-02", "--to", "2026-10-01"), "days_out_of_order"),
        (("paper", "statement", "{buyer}", "--to", "2027-01-01"), "day_ahead"),
        (("paper", "certify", "loan_01m4nvbnz0e44r30qama92cgm4"), "unknown_loan"),
        (("paper", "verify", "SC-2026-999999", "--code", "00"), "unknown_certificate"),
        (("paper", "verify", "SC-2026-000001"), "one_target"),
        (("paper", "verify", "SC-2026-000001", "--file", "/no/such/paper.pdf"), "no_such_file"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code_and_leaves_no_file(
    cli: Command, town: Town, line: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = cli(*[word.format(buyer=town.buyer) for word in line])
    assert (refused.status != 0, refused.code) == (True, code), refused.out
    assert not list(tmp_path.iterdir())


def test_a_statement_adds_up_in_json_and_says_the_same_in_the_file(cli: Command, town: Town, loans: LoanBook, tmp_path: Path) -> None:
    loan = loans.lent(e.Paid(date(2026, 10, 1), fen(408_00)), e.Paid(date(2026, 10, 5), fen(100_00)))
    pdf = tmp_path / "statement.pdf"
    asked = ("paper", "statement", "--loan", loan, "--from", "2026-10-01", "--to", "2026-10-12", "--pdf", str(pdf), "--language", "zh")
    found = cli(*asked).last
    (account,) = found["loans"]
    for part in ("principal", "interest", "fees", "penalties", "credit", "owed"):
        assert minor(account["opening"][part]) + sum(minor(line[part]) for line in account["lines"]) == minor(account["closing"][part])
    paid = [(line["on"], minor(line["amount"]), minor(line["owed"])) for line in account["lines"] if line["kind"] == "fact"]
    assert paid == [("2026-10-01", 408_00, -408_00), ("2026-10-05", 100_00, -100_00)]
    said = words(pdf)
    for text in ("贷款对账单", loan, "2026-10-01 至 2026-10-12", "期初余额", "期末余额", "408.00"):
        assert text in said, text
    owed = minor(account["closing"]["owed"])
    assert f"{owed // 100:,}.{owed % 100:02}" in said
    before = pdf.read_bytes()
    assert cli(*asked).last["pdf_sha256"] == sha256(before).hexdigest()
    assert pdf.read_bytes() == before


def test_a_statement_of_a_consumer_has_all_loans(cli: Command, town: Town, loans: LoanBook) -> None:
    mine = {loans.lent(), loans.lent(e.PaidOff(date(2026, 10, 2)))}
    found = cli("paper", "statement", town.buyer).last
    assert (found["from"], found["to"]) == ("2026-10-01", str(FIRST_DAY))
    assert mine <= {one["loan"] for one in found["loans"]}
    assert found["left_out"] == []
    (sums,) = found["sums"]
    assert minor(sums["closing"]["owed"]) == sum(minor(one["closing"]["owed"]) for one in found["loans"])
    nothing = cli("paper", "statement", town.buyer, "--from", "2026-08-01", "--to", "2026-08-02").last
    assert nothing["loans"] == []


def test_a_certificate_is_issued_verified_withdrawn_and_issued_anew(
    cli: Command, town: Town, loans: LoanBook, person: Callable[..., str], tmp_path: Path
) -> None:
    loan = loans.lent(e.PaidOff(date(2026, 10, 2)))
    pdf = tmp_path / "certificate.pdf"
    made = cli("paper", "certify", loan, "--pdf", str(pdf), "--language", "zh", "--as", person("support"))
    assert made.status == 0, made.out
    number, code = made.last["number"], made.last["code"]
    assert "贷款结清证明" in words(pdf)
    other = tmp_path / "again.pdf"
    assert cli("paper", "certify", loan, "--pdf", str(other), "--language", "zh").last["number"] == number
    assert other.read_bytes() == pdf.read_bytes()
    assert cli("paper", "verify", number, "--code", code, "--as", person("compliance")).last["standing"] == "valid"
    assert cli("paper", "verify", number, "--file", str(pdf)).last["standing"] == "valid"
    pdf.write_bytes(pdf.read_bytes() + b" ")
    assert cli("paper", "verify", number, "--file", str(pdf)).code == "not_our_paper"
    loans.enter(loan, e.ChargedBack(date(2026, 10, 9), fen(10_00)))
    doubtful = cli("paper", "verify", number, "--code", code)
    assert (doubtful.status, doubtful.last["standing"]) == (1, "loan_reopened")
    assert [one["number"] for one in cli("paper", "review").last["withdrawn"]] == [number]
    gone = cli("paper", "verify", number, "--code", code)
    assert (gone.status, gone.last["standing"], gone.last["reason"]) == (1, "withdrawn", "loan_reopened")
    assert cli("paper", "certify", loan).code == "not_settled"
    listed = {one["number"]: one["withdrawn_on"] for one in cli("paper", "list", town.buyer).last["certificates"]}
    assert listed[number] == str(FIRST_DAY)
    assert cli("paper", "certify", loan, "--as", person("compliance")).code == "not_allowed"


def test_without_json_papers_are_read_by_people(raw: Command, town: Town, loans: LoanBook) -> None:
    loan = loans.lent(e.Paid(date(2026, 10, 1), fen(408_00)))
    said = raw("loan", "payoff", town.buyer, "--loan", loan, "--book", town.book).out
    assert "valid_until" in said
    assert loan in said
    statement = raw("paper", "statement", "--loan", loan, "--book", town.book).out
    assert "opening balance" in statement
    assert "paid_repayment" in statement
    rows = statement.splitlines()
    closes = next(i for i, row in enumerate(rows) if "closing balance" in row)
    assert rows[closes - 1].split()[-1] == rows[closes].split()[-1], "what is owed after it, as in the file, not what it changed"
    assert "number" in raw("paper", "list", town.buyer, "--book", town.book).out
