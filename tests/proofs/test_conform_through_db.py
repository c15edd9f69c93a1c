"""Cases of loans through the tables of the loan book and the ledger: the same figures as from the pure loan, and books that agree."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.proofs.test_conform import run
from yuefu.loans import entries
from yuefu.proofs.conform_loans import running
from yuefu.proofs.conform_loans.through_db import LoanBook, PostedOtherwise
from yuefu.runtime import sql

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def loan_book() -> LoanBook:
    return LoanBook(f"conform-{secrets.token_hex(4)}")


@pytest.mark.parametrize("name", ["loans_vectors.jsonl", "loans_more.jsonl"])
def test_a_case_comes_to_the_same_through_the_tables(name: str, loan_book: LoanBook) -> None:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    report = running.run(lines, course=loan_book.course)
    assert report.to_json() == running.run(lines).to_json()
    assert report.passed >= 50
    loan_book.check()
    facts = sql.value("SELECT count(*) FROM loans_fact WHERE book_id = %s", [loan_book.work.book.id])
    entries_ = sql.value("SELECT count(*) FROM ledger_entry WHERE book_id = %s", [loan_book.work.book.id])
    assert facts > 150
    assert entries_ > 150


def test_a_ledger_that_has_something_else_is_told(loan_book: LoanBook, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(line for line in (DATA / "loans_more.jsonl").read_text(encoding="utf-8").splitlines() if line)
    moved = entries.moved
    monkeypatch.setattr(entries, "moved", lambda *given, **named: None if given[1] == "paid" else moved(*given, **named))
    running.run([case], course=loan_book.course)
    with pytest.raises(PostedOtherwise, match="loan_principal"):
        loan_book.check()


def test_what_the_loan_book_refuses_is_told_as_the_pure_loan_tells_it(loan_book: LoanBook) -> None:
    inputs = {"principal": "100.00", "annual_rate_pct": "7", "n": 6, "disbursed": "2024-01-01"}
    events = [
        {"type": "disburse", "date": "2024-01-01", "amount": "100.00"},
        {"type": "payoff", "date": "2024-02-01"},
        {"type": "payoff", "date": "2024-01-15"},
    ]
    line = json.dumps({"id": "X", "inputs": inputs, "events": events, "expected": {"snapshots": [{"after_events": 3, "status": "closed"}]}})
    assert running.run([line], course=loan_book.course).to_json() == running.run([line]).to_json()


def test_the_command_plays_them_in_a_database_of_its_own(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text("\n".join((DATA / "loans_more.jsonl").read_text(encoding="utf-8").splitlines()[:3]), encoding="utf-8")
    ran = run("conform", "loans", str(cases), "--through-db", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"cases": 3, "passed": 3, "differs": [], "unsupported": []}
