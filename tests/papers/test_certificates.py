"""Settlement certificates: who gets one, that it stays the same, that it is withdrawn, and whether a paper is one of ours."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connections
from pypdf import PdfReader

from tests.journeys.test_events import wrong_in
from tests.papers.conftest import FIRST, Lender
from tests.plans.lifecycle.small_loans import fen
from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import jobs, papers, stopping
from yuefu.journeys.desk import open_day
from yuefu.loans.queries import keeping
from yuefu.papers import commands as paper_commands
from yuefu.papers import queries as paper_book
from yuefu.papers.rules.certificates import Certificate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Undone
from yuefu.plans.lifecycle.terms import Excess
from yuefu.plans.offer.wording import Language
from yuefu.runtime import sql
from yuefu.runtime.stops import READ_ONLY, NewStop, Stop


def code(outcome: object) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def pdf_of(lender: Lender, certificate: Certificate, language: Language = "zh") -> bytes:
    made = papers.certificate_pdf(desk=lender.desk, now=lender.at(), certificate=certificate, language=language)
    assert isinstance(made, bytes)
    return made


def verified(lender: Lender, number: str, hash_: str) -> str:
    found = papers.verify(desk=lender.desk, now=lender.at(), number=number, hash_=hash_)
    return found.code if isinstance(found, Refused) else found.standing


def words(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_a_settled_loan_has_one_certificate_numbered_and_the_same_whenever_it_is_asked_for(lender: Lender) -> None:
    loan_id, second = lender.lent(None, e.PaidOff(date(2026, 9, 20))), lender.lent(None, e.PaidOff(FIRST))
    first = lender.certified(loan_id)
    assert (first.number, first.settled.settled_on, first.settled.lent, first.settled.how) == (
        "SC-2026-000001",
        date(2026, 9, 20),
        fen(1200_00),
        "repaid",
    )
    zh, en = pdf_of(lender, first), pdf_of(lender, first, "en")
    lender.next_day()
    assert lender.certified(loan_id) == first
    assert (pdf_of(lender, first), pdf_of(lender, first, "en")) == (zh, en)
    assert lender.certified(second).number == "SC-2026-000002"
    assert [(kind, seq) for kind, seq, _ in lender.events("certificate")] == [("certificate.issued", 1)] * 2


def test_the_paper_says_in_both_languages_whose_loan_was_settled_when_and_by_which_code(lender: Lender) -> None:
    found = lender.certified(lender.lent(None, e.PaidOff(date(2026, 9, 20))))
    zh, en = words(pdf_of(lender, found)), words(pdf_of(lender, found, "en"))
    for said in (
        found.number,
        ids.text("loan", found.settled.loan_id),
        ids.text("consumer", lender.anna),
        "2026-09-20",
        found.sha256,
        "Test Lender",
    ):
        assert said in zh
        assert said in en
    for said in ("贷款结清证明", "¥1,200.00", "已于 2026-09-20 全部结清", "不欠任何本金"):
        assert said in zh
    for said in ("Certificate of settlement", "¥1,200.00", "settled in full on 2026-09-20", "owes no principal"):
        assert said in en


def test_a_paper_has_the_masked_name_and_neither_name_nor_number(lender: Lender) -> None:
    found = lender.certified(lender.lent(None, e.PaidOff(FIRST)))
    sealed = sql.rows("SELECT name_sealed, id_number_sealed FROM consumers_consumer WHERE id = %s", [lender.anna])[0]
    name, number = (
        lender.desk.vault.open(one, table="consumers_consumer", column=column, row=lender.anna)
        for one, column in zip(sealed, ("name", "id_number"), strict=True)
    )
    zh = words(pdf_of(lender, found))
    assert f"{name[0]}*" in zh
    assert f"{number[:3]}***" in zh
    for text in (
        zh,
        str(lender.events("certificate")),
        str(sql.rows("SELECT detail FROM runtime_audit WHERE book_id = %s", [lender.desk.book.id])),
    ):
        assert name not in text
        assert number not in text
    assert name[0] not in str(lender.events("certificate"))


def test_the_file_that_was_made_first_is_the_one_that_stays(lender: Lender) -> None:
    found = lender.certified(lender.lent(None, e.PaidOff(FIRST)))

    def keep(content: bytes) -> bytes:
        with open_day(lender.desk, lender.at()) as work:
            assert not isinstance(work, Refused)
            return paper_commands.keep_file(
                work=work, certificate=found, language="zh", content=content, sha256=sha256(content).hexdigest()
            )

    assert keep(b"made by an older typesetter") == b"made by an older typesetter"
    assert keep(b"made later") == b"made by an older typesetter"
    assert pdf_of(lender, found) == b"made by an older typesetter"


def test_a_file_that_was_made_is_given_in_a_read_only_book_too(lender: Lender) -> None:
    found = lender.certified(lender.lent(None, e.PaidOff(FIRST)))
    made = pdf_of(lender, found)
    stopped = stopping.impose(desk=lender.desk, now=lender.at(), wanted=[NewStop("s", READ_ONLY, "", "", "a test")])
    assert isinstance(stopped.outcomes[0], Stop)
    assert pdf_of(lender, found) == made
    other = papers.certificate_pdf(desk=lender.desk, now=lender.at(), certificate=found, language="en")
    assert code(other) == "read_only"


def test_a_loan_that_is_not_settled_has_none_and_the_reason_says_what_is_missing(lender: Lender) -> None:
    active = lender.lent()
    refused = lender.ask_certificate(active)
    assert code(refused) == "not_settled"
    assert isinstance(refused, Refused)
    assert "1216.57 CNY has to be paid" in refused.detail
    kept = lender.lent(None, e.Paid(date(2026, 9, 1), fen(1300_00), excess=Excess.KEEP))
    refused = lender.ask_certificate(kept)
    assert isinstance(refused, Refused)
    assert "the credit balance is kept for" in refused.detail
    assert code(lender.ask_certificate(lender.agreed())) == "not_lent"
    assert code(lender.ask_certificate(uuid4())) == "unknown_loan"
    lender.enter(active, e.ChargedOff(FIRST))
    assert code(lender.ask_certificate(active)) == "not_settled"


def test_what_was_paid_too_much_is_no_debt(lender: Lender) -> None:
    loan_id = lender.lent(None, e.Paid(FIRST, fen(2000_00)))
    assert lender.certified(loan_id).settled.settled_on == FIRST


def test_a_write_off_ends_no_debt_until_all_of_it_has_come_in(lender: Lender) -> None:
    loan_id = lender.lent(None, e.WrittenOff(date(2026, 9, 20)))
    tally = keeping.read(lender.desk.book.id, [loan_id])[loan_id].life.tally
    given_up = tally.principal_lost + tally.interest_lost
    refused = lender.ask_certificate(loan_id)
    assert code(refused) == "written_off"
    lender.enter(loan_id, e.Recovered(date(2026, 9, 25), fen(given_up - 1)))
    refused = lender.ask_certificate(loan_id)
    assert isinstance(refused, Refused)
    assert "0.01" in refused.detail
    lender.enter(loan_id, e.Recovered(date(2026, 9, 28), fen(1)))
    found = lender.certified(loan_id)
    assert (found.settled.how, found.settled.settled_on) == ("recovered", date(2026, 9, 28))
    assert "曾被核销" in words(pdf_of(lender, found))


def test_a_charge_back_withdraws_the_certificate_and_the_next_one_replaces_it(lender: Lender) -> None:
    loan_id = lender.lent(None, e.PaidOff(date(2026, 9, 20)))
    first = lender.certified(loan_id)
    lender.enter(loan_id, e.ChargedBack(date(2026, 9, 30), fen(100_00)))
    assert verified(lender, first.number, first.sha256) == "loan_reopened", "also before anybody has withdrawn it"
    gone = papers.review(desk=lender.desk, now=lender.at())
    assert [(one.id, one.reason, one.withdrawn_on) for one in gone if isinstance(one, Certificate)] == [(first.id, "loan_reopened", FIRST)]
    assert papers.review(desk=lender.desk, now=lender.at()) == []
    assert verified(lender, first.number, first.sha256) == "withdrawn"
    assert code(lender.ask_certificate(loan_id)) == "not_settled"
    lender.enter(loan_id, e.PaidOff(FIRST))
    second = lender.certified(loan_id)
    assert (second.no, second.replaces_id, second.settled.settled_on) == (2, first.id, FIRST)
    assert verified(lender, second.number, second.sha256) == "valid"
    assert verified(lender, first.number, first.sha256) == "withdrawn"
    assert "replaces an earlier one" in words(pdf_of(lender, second, "en"))
    told = lender.events("certificate")
    assert [(kind, seq) for kind, seq, _ in told] == [("certificate.issued", 1), ("certificate.withdrawn", 2), ("certificate.issued", 1)]
    assert (told[1][2]["reason"], told[1][2]["withdrawn_on"]) == ("loan_reopened", "2026-10-01")


def test_what_is_told_of_papers_has_the_one_form(lender: Lender) -> None:
    loan_id = lender.lent()
    lender.use(lender.quoted(loan_id))
    lender.enter(loan_id, e.PaidOff(FIRST))
    lender.certified(loan_id)
    lender.enter(loan_id, Undone(2))
    papers.review(desk=lender.desk, now=lender.at())
    found = sql.rows(
        "SELECT type, object_id, snapshot, changed FROM runtime_outbox WHERE book_id = %s AND object_kind IN ('payoff_quote', 'certificate')",
        [lender.desk.book.id],
    )
    assert {row[0] for row in found} == {"payoff_quote.issued", "payoff_quote.used", "certificate.issued", "certificate.withdrawn"}
    for kind, object_id, snapshot, changed in found:
        assert snapshot["id"] == str(object_id)
        assert not wrong_in(kind, snapshot) + wrong_in(f"{kind} changed", changed)
        assert all(snapshot[name] != old for name, old in changed.items())


def test_asking_again_withdraws_what_does_not_hold_before_it_says_no(lender: Lender) -> None:
    loan_id = lender.lent(None, e.PaidOff(date(2026, 9, 20)))
    first = lender.certified(loan_id)
    lender.enter(loan_id, Undone(2))
    assert code(lender.ask_certificate(loan_id)) == "not_settled"
    assert verified(lender, first.number, first.sha256) == "withdrawn"


def test_who_enters_the_fact_withdraws_it_in_the_same_transaction(lender: Lender) -> None:
    opened, kept = lender.lent(None, e.PaidOff(date(2026, 9, 20))), lender.lent(None, e.PaidOff(date(2026, 9, 20)))
    first, other = lender.certified(opened), lender.certified(kept)
    lender.enter(opened, e.ChargedBack(FIRST, fen(1)))
    with open_day(lender.desk, lender.at()) as work:
        assert not isinstance(work, Refused)
        gone = paper_commands.withdraw_reopened(work=work, loan_ids=[opened, kept, lender.anna])
    assert [one.id for one in gone] == [first.id]
    assert verified(lender, other.number, other.sha256) == "valid"


def test_a_loan_that_was_settled_on_another_day_after_all_gets_another_certificate(lender: Lender) -> None:
    loan_id = lender.lent(None, e.PaidOff(date(2026, 9, 20)))
    first = lender.certified(loan_id)
    lender.enter(loan_id, Undone(2), e.PaidOff(date(2026, 9, 25)))
    second = lender.certified(loan_id)
    assert (second.replaces_id, second.settled.settled_on) == (first.id, date(2026, 9, 25))
    assert paper_book.certificates(book_id=lender.desk.book.id, ids=[first.id])[first.id].reason == "loan_changed"


def test_the_worker_reviews_what_was_entered_since_yesterday(lender: Lender) -> None:
    loan_id = lender.lent(None, e.PaidOff(date(2026, 9, 20)))
    first = lender.certified(loan_id)
    lender.enter(loan_id, e.ChargedBack(FIRST, fen(100_00)))
    lender.next_day()
    jobs.review(lender.desk, lender.at())
    assert verified(lender, first.number, first.sha256) == "withdrawn"


def test_a_review_goes_back_as_far_as_it_is_told(lender: Lender) -> None:
    loan_id = lender.lent(None, e.PaidOff(date(2026, 9, 20)))
    first = lender.certified(loan_id)
    lender.enter(loan_id, e.ChargedBack(FIRST, fen(100_00)))
    lender.next_day()
    lender.next_day()
    assert papers.review(desk=lender.desk, now=lender.at()) == []
    gone = papers.review(desk=lender.desk, now=lender.at(), since=FIRST)
    assert [one.number for one in gone if isinstance(one, Certificate)] == [first.number]


def test_a_paper_is_verified_by_its_code_or_by_its_file(lender: Lender) -> None:
    found = lender.certified(lender.lent(None, e.PaidOff(FIRST)))
    other = lender.certified(lender.lent(None, e.PaidOff(FIRST)))
    pdf = pdf_of(lender, found)
    assert verified(lender, found.number, found.sha256.upper()) == "valid"
    assert verified(lender, f" {found.number.lower()} ", sha256(pdf).hexdigest()) == "valid"
    assert verified(lender, found.number, sha256(pdf.replace(b"\n", b" ", 1)).hexdigest()) == "not_our_paper"
    assert verified(lender, found.number, other.sha256) == "not_our_paper"
    for unknown in ("SC-2026-000003", "SC-2025-000001", "SC-2026-1", "000001", "", "SC-2026-²", "SC-2026-99999999999999999999"):
        assert verified(lender, unknown, found.sha256) == "unknown_certificate", unknown


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Acts at the same moment, each on a connection of its own."""
    barrier = Barrier(len(acts))

    def act(one: Callable[[], object]) -> object:
        barrier.wait(20)
        try:
            return one()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(30) for done in [pool.submit(act, one) for one in acts]]


def test_asked_for_by_many_at_once_it_is_one_certificate_with_one_file(lender: Lender) -> None:
    loans = [lender.lent(None, e.PaidOff(FIRST)) for _ in range(3)]
    found = at_once(*[lambda loan_id=loan_id: lender.certified(loan_id) for loan_id in loans * 3])
    certificates = [one for one in found if isinstance(one, Certificate)]
    assert {one.settled.loan_id: one.no for one in certificates}.keys() == set(loans)
    assert sorted({one.no for one in certificates}) == [1, 2, 3]
    assert len(set(certificates)) == 3
    files = at_once(*[lambda: pdf_of(lender, certificates[0])] * 4)
    assert len(set(files)) == 1


def test_a_quote_taken_up_by_two_at_once_is_used_by_one(lender: Lender) -> None:
    lender.lent()
    made = lender.quoted()
    outcomes = at_once(*[lambda: lender.use(made)] * 4)
    assert sorted(one.code if isinstance(one, Refused) else "used" for one in outcomes) == ["quote_used"] * 3 + ["used"]


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE papers_certificate SET settled_on = '2020-01-01'",
        "UPDATE papers_certificate_file SET content = 'x'",
        "DELETE FROM papers_withdrawal",
        "DELETE FROM papers_certificate",
    ],
)
def test_nobody_rewrites_a_certificate(as_role: Any, attack: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute(attack)


def attacked(statement: str, params: list[Any]) -> str:
    with pytest.raises(psycopg.Error) as raised, sql.transacting():
        sql.run(statement, params)
    return str(raised.value)


def test_the_tables_hold_a_certificate_together(lender: Lender) -> None:
    found = lender.certified(lender.lent(None, e.PaidOff(FIRST)))
    book_id = lender.desk.book.id
    copied = (
        "INSERT INTO papers_certificate SELECT %s, book_id, {no}, {loan}, consumer_id, {nth}, {replaces}, seq, lender, currency, lent_minor, lent_on,"
        " settled_on, how, issued_on, issued_at, sha256 FROM papers_certificate WHERE id = %s"
    )

    def again(**given: str) -> str:
        usual = {"no": "no + 1", "loan": "loan_id", "nth": "nth + 1", "replaces": "id"}
        return attacked(copied.format(**usual | given), [uuid4(), found.id])

    assert "is still in force" in again()
    assert "papers_certificate_nth" in again(nth="nth", replaces="NULL")
    assert "papers_certificate_replaces" in again(replaces="NULL")
    assert "papers_certificate_no" in again(no="no")
    other = lender.lent(lender.bert, e.PaidOff(FIRST))
    assert "not its own" in again(loan=f"'{other}'", nth="nth", replaces="NULL")
    columns = "certificate_id, language, book_id, consumer_id, content, sha256, made_at"
    file = f"INSERT INTO papers_certificate_file ({columns}) VALUES (%s, 'en', %s, %s, %s, %s, now())"
    assert "papers_certificate_file_is_its_hash" in attacked(file, [found.id, book_id, lender.anna, b"x", sha256(b"y").hexdigest()])
    assert "_fk" in attacked(file, [found.id, book_id, lender.bert, b"x", sha256(b"x").hexdigest()])


def test_a_consumer_reads_the_own_certificates_only(lender: Lender) -> None:
    mine, other = lender.lent(None, e.PaidOff(FIRST)), lender.lent(lender.bert, e.PaidOff(FIRST))
    issued = [lender.certified(mine), lender.certified(other)]
    for one in issued:
        pdf_of(lender, one)

    def seen(reader: UUID) -> list[UUID]:
        with sql.reading(consumer_id=reader):
            files = [one.id for one in issued if paper_book.file_of(book_id=lender.desk.book.id, certificate_id=one.id, language="zh")]
            assert files == [*paper_book.certificates(book_id=lender.desk.book.id, ids=[one.id for one in issued])]
        return files

    assert (seen(lender.anna), seen(lender.bert)) == ([issued[0].id], [issued[1].id])
