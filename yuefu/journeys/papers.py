"""Papers for the consumers of loans: what ends them today, a statement of account, a certificate that one is settled.

`quote` and `certify` write; a file is made outside of the transaction and kept by the first who made it, so that everybody is given the same bytes.
`review` withdraws certificates of loans that were opened again and of which nobody said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, on_open_day, open_day
from yuefu.loans.commands import telling
from yuefu.loans.commands.living import life_on
from yuefu.loans.queries import keeping
from yuefu.papers import commands as papers
from yuefu.papers import queries as paper_book
from yuefu.papers.commands import QuoteRequest
from yuefu.papers.rules import certificates as rules
from yuefu.papers.rules import pages
from yuefu.papers.rules.certificates import NOT_OUR_PAPER, UNKNOWN_CERTIFICATE, Certificate, Standing
from yuefu.papers.rules.pages import Holder
from yuefu.papers.rules.quotes import VALID_MINUTES, WHOLE_DAY, PayoffQuote
from yuefu.papers.rules.statements import Statement
from yuefu.plans.offer.wording import Language
from yuefu.runtime import days, policies
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import Book

DAY: Final = timedelta(days=1)
CHUNK: Final = 2_000


def quote(*, desk: Desk, now: datetime, requests: Sequence[QuoteRequest]) -> list[PayoffQuote | Refused]:
    """Makes quotes of what ends loans today. One outcome a request, in order; refused as `papers.quote` refuses."""
    return on_open_day(
        desk,
        now,
        requests,
        lambda work, given: papers.quote(work=work, requests=given, valid_minutes=valid_minutes(work.book, work.day.on)),
    )


def valid_minutes(book: Book, on: date) -> int:
    """How long a quote of a day holds. A book from before there was a setting has the value that a new one begins with."""
    try:
        _, value = policies.in_force(book_id=book.id, name=VALID_MINUTES, on=on)
    except MissingSetting:
        return WHOLE_DAY
    assert isinstance(value, int), "a setting is checked before it is approved"
    return value


def quote_pdf(*, desk: Desk, quote: PayoffQuote, language: Language) -> bytes:
    """A quote as a file."""
    return pages.payoff_pdf(quote, holder_of(desk, quote.consumer_id), desk.book.legal_entity, desk.book.tz, language)


def statement_pdf(*, desk: Desk, statement: Statement, made_on: date, language: Language) -> bytes:
    """A statement as a file: the same again as long as nothing more is known."""
    return pages.statement_pdf(statement, holder_of(desk, statement.consumer_id), desk.book.legal_entity, made_on, language)


def holder_of(desk: Desk, consumer_id: UUID) -> Holder:
    """Whose a paper is, masked. Of a loan from elsewhere the person may be unknown here."""
    shown = consumers.shown(ids=[consumer_id], vault=desk.vault).get(consumer_id)
    return Holder(shown.name_masked, shown.id_number_masked) if shown else Holder()


def certify(*, desk: Desk, now: datetime, loan_ids: Sequence[UUID]) -> list[Certificate | Refused]:
    """The certificate of each of some loans: the one that is in force, else a new one. Refused as `papers.certify` refuses."""
    return on_open_day(desk, now, loan_ids, lambda work, given: papers.certify(work=work, loan_ids=given))


def certificate_pdf(*, desk: Desk, now: datetime, certificate: Certificate, language: Language) -> bytes | Refused:
    """The file of a certificate: made when it is first asked for, and the same bytes from then on. Refused where the book has no open day."""
    kept = paper_book.file_of(book_id=desk.book.id, certificate_id=certificate.id, language=language)
    if kept is not None:
        return kept
    made = pages.certificate_pdf(certificate, holder_of(desk, certificate.settled.consumer_id), language)
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        return papers.keep_file(work=work, certificate=certificate, language=language, content=made, sha256=sha256(made).hexdigest())


@dataclass(frozen=True, slots=True)
class Verified:
    """What number and hash say of a paper: `standing` is valid, withdrawn, or loan_reopened where it is still to be withdrawn."""

    certificate: Certificate
    standing: Standing


def verify(*, desk: Desk, now: datetime, number: str, hash_: str) -> Verified | Refused:
    """Whether a paper is a certificate of this book, and whether it holds. `hash_` is the code printed on it or the SHA-256 of the file (hex).

    Refused with unknown_certificate, or not_our_paper where the hash is another's: the paper was changed.
    """
    certificate = _numbered(desk.book.id, number)
    if certificate is None:
        return Refused(UNKNOWN_CERTIFICATE, f"there is no certificate {number!r:.40} in this book", "number")
    given = hash_.strip().lower()
    if given != certificate.sha256 and not paper_book.is_file_of(book_id=desk.book.id, certificate_id=certificate.id, sha256=given):
        detail = f"certificate {number} is one of ours, but not with this content: the paper or the code was changed"
        return Refused(NOT_OUR_PAPER, detail, "hash")
    if certificate.withdrawn_on is not None:
        return Verified(certificate, "withdrawn")
    return Verified(certificate, "valid" if _holds(desk.book, now, certificate) else "loan_reopened")


def _numbered(book_id: UUID, number: str) -> Certificate | None:
    """The certificate of a number as it is printed, year included."""
    digits = number.strip().rpartition("-")[2]
    found = paper_book.numbered(book_id=book_id, no=int(digits)) if digits.isdecimal() and len(digits) < 10 else None
    return found if found is not None and found.number == number.strip().upper() else None


def _holds(book: Book, now: datetime, certificate: Certificate) -> bool:
    """Whether the loan is as its certificate says, as of the open day."""
    on, loan_id = days.business_date(book, now), certificate.settled.loan_id
    one = keeping.read(book.id, [loan_id])[loan_id]
    facts = keeping.facts([loan_id])[loan_id]
    life = life_on(one, on, facts)
    found = rules.settled(
        loan_id, one.party.consumer_id, life.state, life.tally, one.life.seq, max(on, date.fromordinal(life.state.last_on)), facts
    )
    return rules.withdrawn_for(certificate, found) is None


def review(*, desk: Desk, now: datetime, since: date | None = None) -> list[Certificate] | Refused:
    """Withdraws certificates of loans of which something was entered on `since` (the day before the open one unless given) or later and that are not
    settled as they say any more. Returns those it withdrew; again, there are none."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        touched = telling.touched_since(desk.book.id, since or work.day.on - DAY)
    gone: list[Certificate] = []
    for first in range(0, len(touched), CHUNK):
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return work
            gone += papers.withdraw_reopened(work=work, loan_ids=touched[first : first + CHUNK])
    return gone
