"""How papers are set: the same bytes for the same values, whatever the machine; text that can be read back; nothing in it taken for markup."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest
from pypdf import PdfReader

from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, fen, terms
from yuefu.papers.rules import pages, setting, typesetter, wording
from yuefu.papers.rules.certificates import Certificate, Settled
from yuefu.papers.rules.pages import Holder
from yuefu.papers.rules.quotes import LoanPayoff, PayoffQuote
from yuefu.papers.rules.setting import row, section, typeset
from yuefu.papers.rules.statements import Recorded, Statement, account, word_of
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.kinds import declared_of
from yuefu.plans.offer.wording import LANGUAGES, Language

ANNA, LOAN = UUID("019a5000-0000-7000-8000-000000000001"), UUID("019a5000-0000-7000-8000-000000000002")
WANG = Holder("王**", "110*************12")
LENDER = "示例小额贷款有限公司"


def words(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def certificate(lender: str = LENDER) -> Certificate:
    settled = Settled(LOAN, ANNA, fen(1200_00), LENT, MAR, "repaid", 3)
    return Certificate(LOAN, 12, lender, settled, MAR, datetime(2025, 3, 1, tzinfo=UTC), None, "ab" * 32)


def statement(*facts: Event | Undone, last: date = MAR) -> Statement:
    told = [Recorded(one, MAR) for one in (e.Disbursed(LENT, fen(1200_00)), *facts)]
    return Statement(ANNA, LENT, last, (account(LOAN, "flex", terms(), told, LENT, last),))


def test_the_same_paper_is_the_same_bytes_in_another_process_of_another_machine() -> None:
    program = (
        "import sys; from tests.papers.test_pages import *; sys.stdout.buffer.write(b'|'.join("
        "pages.certificate_pdf(certificate(), WANG, language) + pages.statement_pdf(statement(), WANG, LENDER, MAR, language) for language in LANGUAGES))"
    )
    elsewhere = {
        **os.environ,
        "TZ": "America/New_York",
        "LANG": "C",
        "PYTHONHASHSEED": "7",
        "HOME": "/nonexistent",
        "SOURCE_DATE_EPOCH": "1",
    }
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=elsewhere).stdout
    here = [
        pages.certificate_pdf(certificate(), WANG, language) + pages.statement_pdf(statement(), WANG, LENDER, MAR, language)
        for language in LANGUAGES
    ]
    assert told == b"|".join(here)
    assert here[0] != here[1]


def test_many_papers_are_set_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda language: pages.certificate_pdf(certificate(), WANG, language), [*LANGUAGES] * 16))
    assert set(made[::2]) == {pages.certificate_pdf(certificate(), WANG, LANGUAGES[0])}
    assert set(made[1::2]) == {pages.certificate_pdf(certificate(), WANG, LANGUAGES[1])}


def test_a_paper_has_no_moment_in_it_and_brings_its_fonts_along() -> None:
    reader = PdfReader(io.BytesIO(pages.certificate_pdf(certificate(), WANG, "zh")))
    assert reader.metadata is not None
    assert "/CreationDate" not in reader.metadata
    assert reader.metadata.title == "贷款结清证明"
    fonts = reader.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    embedded = {str(font.get_object()["/BaseFont"]).partition("+")[2].split("-")[0] for font in fonts.values()}
    assert embedded == {"NotoSansSC", "NotoSerifSC"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_is_set_as_it_is_and_never_taken_for_markup(language: Language) -> None:
    lender = '#panic("x") *bold* _it_ $x$ \\ <a> "q" @b ] }'
    said = " ".join(words(pages.certificate_pdf(certificate(lender), WANG, language)))
    assert said.count(lender) == 2


@pytest.mark.parametrize(("language", "known", "nobody"), [("zh", "借款人", "客户编号"), ("en", "Borrower", "Customer number")])
def test_who_is_not_known_here_is_named_by_number_alone(language: Language, known: str, nobody: str) -> None:
    assert known in words(pages.certificate_pdf(certificate(), WANG, language))[0]
    said = words(pages.certificate_pdf(certificate(), Holder(), language))[0]
    assert nobody in said
    assert f"\n{known} " not in said
    assert "王" not in said


def test_a_statement_shows_each_movement_and_the_balance_after_it() -> None:
    found = statement(e.Paid(FEB, fen(408_00)), e.Paid(date(2025, 2, 10), fen(50_00)), Undone(3))
    (said,) = words(pages.statement_pdf(found, WANG, LENDER, MAR, "en"))
    lines = [" ".join(line.split()) for line in said.splitlines()]
    for line in (
        "2025-01-01 2025-03-01 Lent 1,200.00 1,200.00 – – – – 1,200.00",
        "2025-02-01 Interest and charges of the days – 12.23 – – – 1,212.23",
        "2025-02-01 2025-03-01 Repayment 408.00 −395.77 −12.23 – – – 804.23",
        "2025-02-10 2025-03-01 Repayment (undone, entered 2025-03-01: does not count) 50.00",
        "2025-03-01 Interest and charges of the days – 7.40 – – – 811.63",
        "Closing balance 804.23 7.40 – – – 811.63",
    ):
        assert line in lines, (line, lines)


def test_a_long_statement_goes_on_with_its_heads_and_counts_its_pages() -> None:
    found = statement(*[e.Paid(LENT + timedelta(days=day), fen(5_00)) for day in range(1, 59)])
    pages_ = words(pages.statement_pdf(found, WANG, LENDER, MAR, "zh"))
    assert len(pages_) > 2
    for no, said in enumerate(pages_, start=1):
        assert f"第 {no} 页，共 {len(pages_)} 页" in said
        assert ("发生日" in said) == ("2025-" in said.partition("制作日")[2] if no == 1 else "2025-" in said)
    assert sum(said.count("还款 5.00") for said in pages_) == 58


def test_a_statement_of_nothing_and_one_that_leaves_loans_out_say_so() -> None:
    said = words(pages.statement_pdf(Statement(ANNA, LENT, MAR, (), (LOAN, ANNA)), WANG, LENDER, MAR, "en"))[0]
    assert "Nothing was owed and nothing happened in this period." in said
    assert "not in this statement: 2." in said


def test_a_quote_has_a_line_a_loan_and_their_sum() -> None:
    loans = tuple(
        LoanPayoff(UUID(int=LOAN.int + k), 2, fen(400_00), fen(3_00), fen(0), fen(1_00), fen(k * 100), fen(9_00)) for k in range(3)
    )
    at = datetime(2025, 3, 1, 2, tzinfo=UTC)
    found = PayoffQuote(ANNA, ANNA, MAR, at, at + timedelta(hours=3), loans, "cd" * 32)
    (said,) = words(pages.payoff_pdf(found, WANG, LENDER, UTC, "zh"))
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "合计 1,200.00 9.00 – 3.00 −3.00 1,209.00 27.00" in lines
    assert "¥1,209.00" in said
    assert "2025-03-01 05:00:00 +0000" in said
    assert "cd" * 32 in said


def test_every_fact_and_every_state_has_its_words_in_both_languages() -> None:
    kinds = {f"fact_{word_of(object.__new__(kind))}" for kind in get_args(Event) if kind is not e.Paid}
    kinds |= {f"fact_paid_{by.value}" for by in t.PaidBy}
    kinds |= {f"status_{status}" for status in ("pending", "active", "overpaid", "closed", "written_off")}
    assert declared_of(e.Paid)["by"] is t.PaidBy
    assert kinds <= wording.TEXTS.keys()
    assert all(len(both) == 2 and all(both) for both in wording.TEXTS.values())


def long_paper(lines: int) -> bytes:
    columns = [{"name": "day", "wide": False, "number": False}]
    sections = [section("lines", [("of", "merchant")], columns, [row("line", [f"{n:,}"]) for n in range(lines)])]
    return typeset(
        "zh", title="对账单", lender="示范", fields=[["期间", "十月"]], body=[], notes=[], sections=sections, footer="1", tagged=False
    )


def test_a_long_paper_is_set_by_a_process_that_ends_with_it_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What typst remembers of ten long papers is gigabytes, which a server would keep."""
    lines = setting.MOST_LINES_HERE + 1
    with monkeypatch.context() as other:
        other.setattr(setting, "MOST_LINES_HERE", lines)
        same = long_paper(lines)
    monkeypatch.setattr(typesetter, "here", None)
    assert long_paper(lines) == same


def test_a_typesetter_that_fails_says_why() -> None:
    with pytest.raises(typesetter.NotSet, match="dictionary does not contain key"):
        typesetter.apart('{"language": "zh"}', tagged=False)
