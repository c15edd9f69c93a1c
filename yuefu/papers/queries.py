"""Reads of papers; every answer is a frozen value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import telling
from yuefu.loans.queries import keeping
from yuefu.loans.rules import UNKNOWN_LOAN
from yuefu.money.amounts import Money
from yuefu.papers.rules.certificates import OLD_RULES, Certificate, Settled
from yuefu.papers.rules.quotes import LoanPayoff, PayoffQuote
from yuefu.papers.rules.statements import Recorded, Statement, account, days_refusal
from yuefu.runtime import sql

_QUOTE: Final = (
    'SELECT q.id, q.consumer_id, q."on", q.issued_at, q.valid_until, q.sha256, u.used_at, u.source_id FROM papers_payoff_quote AS q'
    " LEFT JOIN papers_payoff_use AS u ON u.quote_id = q.id"
)
_PARTS: Final = ("principal", "interest", "fees", "penalties", "from_credit", "saved")
_CERTIFICATE: Final = (
    "SELECT c.id, c.no, c.lender, c.loan_id, c.consumer_id, c.lent_minor, c.currency, c.lent_on, c.settled_on, c.how, c.seq, c.issued_on, c.issued_at,"
    " c.replaces_id, c.sha256, w.withdrawn_on, w.reason FROM papers_certificate AS c LEFT JOIN papers_withdrawal AS w ON w.certificate_id = c.id"
)


def quoted(book_id: UUID, quote_id: UUID) -> PayoffQuote | None:
    """A quote of a book as it was made, and whether it was used; None where there is none."""
    return quotes(book_id=book_id, ids=[quote_id]).get(quote_id)


def quotes(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, PayoffQuote]:
    """Quotes of a book; unknown ones are absent."""
    return _quotes(f"{_QUOTE} WHERE q.book_id = %s AND q.id = ANY(%s)", [book_id, list(ids)])


def quotes_of(*, book_id: UUID, consumer_id: UUID, limit: int) -> list[PayoffQuote]:
    """The latest quotes of a consumer, newest first."""
    where = " WHERE q.book_id = %s AND q.consumer_id = %s ORDER BY q.issued_at DESC, q.id DESC LIMIT %s"
    return list(_quotes(_QUOTE + where, [book_id, consumer_id, limit]).values())


def _quotes(query: str, params: Sequence[Any]) -> dict[UUID, PayoffQuote]:
    found = sql.rows(query, params)
    lines: dict[UUID, list[LoanPayoff]] = defaultdict(list)
    columns = ", ".join(f"l.{name}_minor" for name in _PARTS)
    for quote_id, currency, loan_id, seq, *minors in sql.rows(
        f"SELECT l.quote_id, q.currency, l.loan_id, l.seq, {columns} FROM papers_payoff_line AS l JOIN papers_payoff_quote AS q ON q.id = l.quote_id"
        " WHERE l.quote_id = ANY(%s) ORDER BY l.quote_id, l.loan_id",
        [[row[0] for row in found]],
    ):
        lines[quote_id].append(LoanPayoff(loan_id, seq, *(Money(minor, currency) for minor in minors)))
    return {
        new: PayoffQuote(new, consumer_id, on, issued_at, until, tuple(lines[new]), sha256, used_at, used_for)
        for new, consumer_id, on, issued_at, until, sha256, used_at, used_for in found
    }


def certificates(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Certificate]:
    """Certificates of a book; unknown ones are absent."""
    return {one.id: one for one in _certificates(f"{_CERTIFICATE} WHERE c.book_id = %s AND c.id = ANY(%s)", [book_id, list(ids)])}


def certificates_of(*, book_id: UUID, consumer_id: UUID) -> list[Certificate]:
    """All certificates of a consumer, in force or not, newest first."""
    return _certificates(f"{_CERTIFICATE} WHERE c.book_id = %s AND c.consumer_id = %s ORDER BY c.no DESC", [book_id, consumer_id])


def certificates_for(*, book_id: UUID, loan_id: UUID) -> list[Certificate]:
    """All certificates of a loan, in force or not, newest first."""
    return _certificates(f"{_CERTIFICATE} WHERE c.book_id = %s AND c.loan_id = %s ORDER BY c.nth DESC", [book_id, loan_id])


def last_of_loans(*, book_id: UUID, loan_ids: Sequence[UUID]) -> dict[UUID, tuple[Certificate, int]]:
    """The last certificate of each loan that has one, in force or withdrawn, and the how-manieth of its loan it is."""
    found = _certificates(
        f"{_CERTIFICATE} WHERE c.book_id = %s AND c.loan_id = ANY(%s) ORDER BY c.loan_id, c.nth", [book_id, list(loan_ids)]
    )
    last: dict[UUID, tuple[Certificate, int]] = {}
    for one in found:
        last[one.settled.loan_id] = one, last[one.settled.loan_id][1] + 1 if one.settled.loan_id in last else 1
    return last


def numbered(*, book_id: UUID, no: int) -> Certificate | None:
    """The certificate of a number of a book."""
    return next(iter(_certificates(f"{_CERTIFICATE} WHERE c.book_id = %s AND c.no = %s", [book_id, no])), None)


def _certificates(query: str, params: Sequence[Any]) -> list[Certificate]:
    made = []
    for row in sql.rows(query, params):
        new, no, lender, loan_id, consumer_id, lent, currency, lent_on, settled_on, how, seq, issued_on, issued_at, *rest = row
        settled = Settled(loan_id, consumer_id, Money(lent, currency), lent_on, settled_on, how, seq)
        made.append(Certificate(new, no, lender, settled, issued_on, issued_at, *rest))
    return made


def file_of(*, book_id: UUID, certificate_id: UUID, language: str) -> bytes | None:
    """The file of a certificate in a language, as it was first made; None where it was not yet."""
    found = sql.value(
        "SELECT content FROM papers_certificate_file WHERE book_id = %s AND certificate_id = %s AND language = %s",
        [book_id, certificate_id, language],
    )
    return None if found is None else bytes(found)


def is_file_of(*, book_id: UUID, certificate_id: UUID, sha256: str) -> bool:
    """Whether a hash is that of a file of a certificate, in whichever language."""
    return bool(
        sql.rows(
            "SELECT FROM papers_certificate_file WHERE book_id = %s AND certificate_id = %s AND sha256 = %s",
            [book_id, certificate_id, sha256],
        )
    )


def statement_of_loan(*, book_id: UUID, loan_id: UUID, first: date, last: date, today: date) -> Statement | Refused:
    """The account of one loan from `first` to `last`. Refused with unknown_loan, old_rules, days_out_of_order or day_ahead."""
    refused = days_refusal(first, last, today)
    if refused:
        return refused
    kept = keeping.read(book_id, [loan_id]).get(loan_id)
    if kept is None and loan_id in loan_book.loans([loan_id], book_id=book_id):
        return Refused(OLD_RULES, "this loan is of rule version 2026-1, of which no papers are made", "loan_id")
    if kept is None:
        return Refused(UNKNOWN_LOAN, "there is no such loan in this book", "loan_id")
    told = _recorded([loan_id])[loan_id]
    return Statement(kept.party.consumer_id, first, last, (account(loan_id, kept.party.product, kept.life.terms, told, first, last),))


def statement_of_consumer(*, book_id: UUID, consumer_id: UUID, first: date, last: date, today: date) -> Statement | Refused:
    """The accounts of all loans of a consumer from `first` to `last`, but for those of which nothing was owed and nothing happened. Refused with
    days_out_of_order or day_ahead."""
    refused = days_refusal(first, last, today)
    if refused:
        return refused
    loan_ids = telling.of_consumers(book_id, [consumer_id])[consumer_id]
    kept, told = keeping.read(book_id, loan_ids), _recorded(loan_ids)
    accounts = [account(i, kept[i].party.product, kept[i].life.terms, told[i], first, last) for i in loan_ids]
    owing = {row.loan_id for row in loan_book.of_consumers(book_id=book_id, consumer_ids=[consumer_id])}
    shown = tuple(one for one in accounts if one.lines or one.opening.owed or one.closing.owed)
    return Statement(consumer_id, first, last, shown, tuple(sorted(owing - set(loan_ids))))


def _recorded(loan_ids: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
    found = telling.recorded(loan_ids)
    return {loan_id: [Recorded(entry, on) for entry, on in found[loan_id]] for loan_id in loan_ids}
