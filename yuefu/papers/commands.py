"""Writes of papers: payoff quotes and their use, settlement certificates and their withdrawal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import telling
from yuefu.loans.commands.living import lives_on
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import UNKNOWN_LOAN, Life
from yuefu.money.amounts import Money
from yuefu.papers import queries
from yuefu.papers.rules import certificates as settling
from yuefu.papers.rules import quotes as quoting
from yuefu.papers.rules.certificates import OLD_RULES, Certificate, Settled
from yuefu.papers.rules.quotes import (
    DAY_OVER,
    NOTHING_OWED,
    QUOTE_EXPIRED,
    QUOTE_STALE,
    QUOTE_USED,
    UNKNOWN_QUOTE,
    LoanPayoff,
    PayoffQuote,
)
from yuefu.plans.lifecycle.events import LoanError
from yuefu.plans.lifecycle.quotes import payoff_amount
from yuefu.runtime import audit, keys, locks, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Actor, UnitOfWork

CURRENCY_DIFFERS = "currency_differs"

_PARTS = ("principal", "interest", "fees", "penalties", "from_credit", "total", "saved")
_QUOTE = {
    "id": "uuid",
    "consumer_id": "uuid",
    '"on"': "date",
    "currency": "text",
    "loans": "smallint",
    "total_minor": "bigint",
    "issued_at": "timestamptz",
    "valid_until": "timestamptz",
    "sha256": "text",
}
_LINE = {"quote_id": "uuid", "loan_id": "uuid", "consumer_id": "uuid", "seq": "integer", **{f"{name}_minor": "bigint" for name in _PARTS}}
_CERTIFICATE = {
    "id": "uuid",
    "no": "integer",
    "loan_id": "uuid",
    "consumer_id": "uuid",
    "nth": "smallint",
    "replaces_id": "uuid",
    "seq": "integer",
    "lender": "text",
    "currency": "text",
    "lent_minor": "bigint",
    "lent_on": "date",
    "settled_on": "date",
    "how": "text",
    "sha256": "text",
}


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """A consumer asks what it costs to end loans today: those named, or all of which something is owed. `by` sent it, where not who carries it out."""

    key: str
    consumer_id: UUID
    loan_ids: tuple[UUID, ...] = ()
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class UseQuote:
    """A consumer takes a quote up. `source_id` is the collection or request that pays it: the same one again finds the quote as it was used."""

    quote_id: UUID
    consumer_id: UUID
    source_id: UUID


# ---------------------------------------------------------------------------------------------------------------------- payoff quotes


def quote(*, work: UnitOfWork, requests: Sequence[QuoteRequest], valid_minutes: int) -> list[PayoffQuote | Refused]:
    """Makes quotes for the open day, each valid for so many minutes and until the end of that day at most. One outcome a request, in order.

    Refused with unknown_loan (also for another consumer's loan), old_rules, nothing_owed, not_disbursed, loan_written_off, currency_differs or
    day_over; no refusal is remembered under its key.
    """
    plans = _plans(work, requests, valid_minutes)
    new = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> Mapping[int, PayoffQuote | Refused]:
        made = {i: _numbered(plan, new[i]) for i in fresh if isinstance(plan := plans[i], PayoffQuote)}
        _store(work, list(made.values()))
        return made

    return keys.answer(
        work=work,
        scope=[keys.scope_of("papers.quote", request.consumer_id) for request in requests],
        requests=requests,
        object_ids=new,
        validate=lambda given: {i: plan for i in given if isinstance(plan := plans[i], Refused)},
        decide=decide,
        recall=lambda known: queries.quotes(book_id=work.book.id, ids=known),
    )


def _plans(work: UnitOfWork, requests: Sequence[QuoteRequest], valid_minutes: int) -> list[PayoffQuote | Refused]:
    """What each request would be answered, without an id and a hash yet. All loans of all requests are read at once."""
    ends = quoting.end_of_day(work.day.on, work.book.cut_off, work.book.tz)
    if work.now >= ends:
        detail = f"the business day {work.day.on} has ended: ask again when the next one is open"
        return [Refused(DAY_OVER, detail)] * len(requests)
    until = quoting.valid_until(work.now, valid_minutes, ends)
    everything = telling.of_consumers(work.book.id, sorted({one.consumer_id for one in requests if not one.loan_ids}))
    wanted = [one.loan_ids or tuple(everything[one.consumer_id]) for one in requests]
    kept = keeping.read(work.book.id, [loan_id for loan_ids in wanted for loan_id in loan_ids])
    lives = lives_on(kept, work.day.on)
    old = _of_old_rules(work, [loan_id for loan_ids in wanted for loan_id in loan_ids if loan_id not in kept])
    return [
        _plan(work, request, loan_ids, kept, lives, old.get(request.consumer_id, frozenset()), until)
        for request, loan_ids in zip(requests, wanted, strict=True)
    ]


def _plan(
    work: UnitOfWork,
    request: QuoteRequest,
    loan_ids: Sequence[UUID],
    kept: Mapping[UUID, Kept],
    lives: Mapping[UUID, Life],
    old: frozenset[UUID],
    until: datetime,
) -> PayoffQuote | Refused:
    found: list[LoanPayoff] = []
    for loan_id in sorted(set(loan_ids)):
        one = kept.get(loan_id)
        if one is None or one.party.consumer_id != request.consumer_id:
            return _unknown(loan_id in old)
        try:
            found.append(quoting.loan_payoff(loan_id, one.life.seq, lives[loan_id].state, work.day.on))
        except LoanError as error:
            if request.loan_ids:
                return Refused(error.code, error.detail, "loan_ids")
    if not any(one.total for one in found):
        return Refused(
            NOTHING_OWED, "nothing is to be paid to end these loans: nothing is owed, or their credit balance pays it", "loan_ids"
        )
    if len({one.principal.currency for one in found}) > 1:
        return Refused(CURRENCY_DIFFERS, "these loans are in several currencies: ask for those of one at a time", "loan_ids")
    return PayoffQuote(UUID(int=0), request.consumer_id, work.day.on, work.now, until, tuple(found), "")


def _unknown(is_old: bool) -> Refused:
    if is_old:
        return Refused(OLD_RULES, "this loan is of rule version 2026-1, of which no papers are made", "loan_ids")
    return Refused(UNKNOWN_LOAN, "this consumer has no such loan", "loan_ids")


def _of_old_rules(work: UnitOfWork, loan_ids: Sequence[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Those of rule version 2026-1, by consumer."""
    found: dict[UUID, frozenset[UUID]] = {}
    for loan_id, held in (loan_book.loans(sorted(set(loan_ids)), book_id=work.book.id) if loan_ids else {}).items():
        found[held.dims.consumer_id] = found.get(held.dims.consumer_id, frozenset()) | {loan_id}
    return found


def _numbered(plan: PayoffQuote, new: UUID) -> PayoffQuote:
    named = replace(plan, id=new)
    return replace(named, sha256=quoting.digest(quoting.content(named)))


def _store(work: UnitOfWork, made: Sequence[PayoffQuote]) -> None:
    book = ("uuid", work.book.id)
    quotes = [
        (one.id, one.consumer_id, one.on, one.currency, len(one.loans), one.total.minor, one.issued_at, one.valid_until, one.sha256)
        for one in made
    ]
    sql.insert("papers_payoff_quote", _QUOTE, quotes, same={"book_id": book})
    lines = [
        (one.id, loan.loan_id, one.consumer_id, loan.seq, *(getattr(loan, name).minor for name in _PARTS))
        for one in made
        for loan in one.loans
    ]
    sql.insert("papers_payoff_line", _LINE, lines, same={"book_id": book})
    outbox.emit(work=work, events=[Event("payoff_quote.issued", "payoff_quote", one.id, 1, _told(one)) for one in made])
    audit.record(work=work, action="papers.quote", object_kind="payoff_quote", object_ids=[one.id for one in made])


def _told(quoted: PayoffQuote) -> dict[str, Any]:
    return {
        "id": quoted.id,
        "consumer_id": quoted.consumer_id,
        "quoted_on": quoted.on,
        "issued_at": quoted.issued_at.astimezone(UTC),
        "valid_until_at": quoted.valid_until.astimezone(UTC),
        "total": quoted.total,
        "saved": quoted.saved,
        "loans": [{"loan_id": one.loan_id, "total": one.total} for one in quoted.loans],
        "sha256": quoted.sha256,
        "used_at": quoted.used_at and quoted.used_at.astimezone(UTC),
        "used_for_id": quoted.used_for,
    }


def use(*, work: UnitOfWork, uses: Sequence[UseQuote]) -> list[PayoffQuote | Refused]:
    """Takes quotes up, each once, with their loans locked until the transaction ends: until then they stand as quoted. One outcome each, in order.

    Refused with unknown_quote (also for another consumer's), quote_used, quote_expired, nothing_owed where nothing of the loans is left to be paid,
    and quote_stale where something was entered of one of them since.
    """
    known = queries.quotes(book_id=work.book.id, ids=[one.quote_id for one in uses])
    kept = keeping.lock(work.book.id, [loan.loan_id for quoted in known.values() for loan in quoted.loans])
    stands = queries.quotes(book_id=work.book.id, ids=list(known))  # as those have left it who held the locks before
    outcomes: list[PayoffQuote | Refused] = []
    used: list[PayoffQuote] = []
    for one in uses:
        quoted = stands.get(one.quote_id)
        outcome = _taken_up(work, one, quoted, kept)
        if isinstance(outcome, PayoffQuote) and outcome is not quoted:
            stands[one.quote_id] = outcome
            used.append(outcome)
        outcomes.append(outcome)
    columns = {"quote_id": "uuid", "consumer_id": "uuid", "source_id": "uuid"}
    same = {"book_id": ("uuid", work.book.id), "used_at": ("timestamptz", work.now), "used_by": ("text", work.by.label)}
    sql.insert("papers_payoff_use", columns, [(one.id, one.consumer_id, one.used_for) for one in used], same=same)
    events = [
        Event("payoff_quote.used", "payoff_quote", one.id, 2, _told(one), {"used_at": None, "used_for_id": None}, one.used_for)
        for one in used
    ]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="papers.use_quote", object_kind="payoff_quote", object_ids=[one.id for one in used])
    return outcomes


def _taken_up(work: UnitOfWork, one: UseQuote, quoted: PayoffQuote | None, kept: Mapping[UUID, Kept]) -> PayoffQuote | Refused:
    if quoted is None or quoted.consumer_id != one.consumer_id:
        return Refused(UNKNOWN_QUOTE, "this consumer has no such payoff quote", "quote_id")
    if quoted.used_for == one.source_id:
        return quoted
    if quoted.used_for is not None:
        return Refused(QUOTE_USED, "this quote was used before: ask for a new one", "quote_id")
    if work.now >= quoted.valid_until or work.day.on != quoted.on:
        ended = quoted.valid_until.astimezone(work.book.tz).isoformat(timespec="seconds")
        return Refused(QUOTE_EXPIRED, f"this quote was for {quoted.on} and held until {ended}: ask for a new one", "quote_id")
    if quoting.stale(quoted, {loan.loan_id: kept[loan.loan_id].life.seq for loan in quoted.loans}):
        lives = lives_on({loan.loan_id: kept[loan.loan_id] for loan in quoted.loans}, work.day.on)
        if not any(payoff_amount(life.state, work.day.on) for life in lives.values()):
            return Refused(NOTHING_OWED, "nothing of these loans is left to be paid", "quote_id")
        return Refused(QUOTE_STALE, "something happened to a loan since this quote was made: ask for a new one", "quote_id")
    return replace(quoted, used_at=work.now, used_for=one.source_id)


# ----------------------------------------------------------------------------------------------------------- settlement certificates


def certify(*, work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[Certificate | Refused]:
    """The certificate that each of some loans is settled: the one that is in force, else a new one. One outcome a loan, in order.

    Refused with unknown_loan, old_rules, not_lent, not_settled or written_off.
    """
    kept = keeping.lock(work.book.id, loan_ids)
    old = {loan_id for found in _of_old_rules(work, [one for one in loan_ids if one not in kept]).values() for loan_id in found}
    stands = _settled(work, kept)
    _withdraw(work, stands)
    last = queries.last_of_loans(book_id=work.book.id, loan_ids=list(kept))
    wanting = [
        one
        for loan_id, one in stands.items()
        if isinstance(one, Settled) and not (loan_id in last and last[loan_id][0].withdrawn_on is None)
    ]
    made = _issue(work, sorted(wanting, key=lambda one: loan_ids.index(one.loan_id)), last)
    outcomes: list[Certificate | Refused] = []
    for loan_id in loan_ids:
        found = stands.get(loan_id)
        if found is None:
            outcomes.append(replace(_unknown(loan_id in old), field="loan_id"))
        elif isinstance(found, Refused):
            outcomes.append(found)
        else:
            outcomes.append(made.get(loan_id) or last[loan_id][0])
    return outcomes


def _settled(work: UnitOfWork, kept: Mapping[UUID, Kept]) -> dict[UUID, Settled | Refused]:
    """Whether each of some loans is settled on the open day."""
    written_off = [loan_id for loan_id, one in kept.items() if one.life.state.written_off_on]
    facts = keeping.facts(written_off) if written_off else {}
    lives = lives_on(kept, work.day.on)
    found: dict[UUID, Settled | Refused] = {}
    for loan_id, one in kept.items():
        life = lives[loan_id]
        found[loan_id] = settling.settled(
            loan_id, one.party.consumer_id, life.state, life.tally, one.life.seq, work.day.on, facts.get(loan_id, [])
        )
    return found


def _issue(work: UnitOfWork, wanting: Sequence[Settled], last: Mapping[UUID, tuple[Certificate, int]]) -> dict[UUID, Certificate]:
    if not wanting:
        return {}
    locks.wait(locks.CERTIFICATES, work.book.id)
    first: int = sql.value("SELECT coalesce(max(no), 0) + 1 FROM papers_certificate WHERE book_id = %s", [work.book.id])
    made, rows = {}, []
    for no, (new, one) in enumerate(zip(work.ids.many(work.now, len(wanting)), wanting, strict=True), start=first):
        before, nth = last.get(one.loan_id, (None, 0))
        blank = Certificate(new, no, work.book.legal_entity, one, work.day.on, work.now, before.id if before else None, "")
        issued = replace(blank, sha256=quoting.digest(settling.content(blank)))
        made[one.loan_id] = issued
        lent = one.lent
        rows.append(
            (
                *(new, no, one.loan_id, one.consumer_id, nth + 1, issued.replaces_id, one.seq, issued.lender),
                *(lent.currency, lent.minor, one.lent_on, one.settled_on, one.how, issued.sha256),
            )
        )
    same = {
        "book_id": ("uuid", work.book.id),
        "issued_on": ("date", work.day.on),
        "issued_at": ("timestamptz", work.now),
    }
    sql.insert("papers_certificate", _CERTIFICATE, rows, same=same)
    outbox.emit(work=work, events=[Event("certificate.issued", "certificate", one.id, 1, _told_certificate(one)) for one in made.values()])
    audit.record(work=work, action="papers.certify", object_kind="certificate", object_ids=[one.id for one in made.values()])
    return made


def withdraw_reopened(*, work: UnitOfWork, loan_ids: Sequence[UUID]) -> list[Certificate]:
    """Withdraws the certificates in force of those loans that are not as they say any more. Who enters facts that may open a settled loan again
    calls it in the same transaction; `journeys.papers.review` finds what nobody told."""
    last = queries.last_of_loans(book_id=work.book.id, loan_ids=loan_ids)
    in_force = [loan_id for loan_id, (one, _) in last.items() if one.withdrawn_on is None]
    return _withdraw(work, _settled(work, keeping.lock(work.book.id, in_force))) if in_force else []


def _withdraw(work: UnitOfWork, stands: Mapping[UUID, Settled | Refused]) -> list[Certificate]:
    """Of loans that are locked."""
    gone = []
    for loan_id, (certificate, _) in queries.last_of_loans(book_id=work.book.id, loan_ids=list(stands)).items():
        reason = settling.withdrawn_for(certificate, stands[loan_id]) if certificate.withdrawn_on is None else None
        gone += [replace(certificate, withdrawn_on=work.day.on, reason=reason)] if reason else []
    columns = {"certificate_id": "uuid", "consumer_id": "uuid", "reason": "text"}
    rows = [(one.id, one.settled.consumer_id, one.reason) for one in gone]
    same = {"book_id": ("uuid", work.book.id), "withdrawn_on": ("date", work.day.on), "withdrawn_at": ("timestamptz", work.now)}
    sql.insert("papers_withdrawal", columns, rows, same=same)
    before = {"withdrawn_on": None, "reason": None}
    outbox.emit(
        work=work, events=[Event("certificate.withdrawn", "certificate", one.id, 2, _told_certificate(one), before) for one in gone]
    )
    audit.record(work=work, action="papers.withdraw", object_kind="certificate", object_ids=[one.id for one in gone])
    return gone


def _told_certificate(one: Certificate) -> dict[str, Any]:
    return {
        "id": one.id,
        "number": one.number,
        "loan_id": one.settled.loan_id,
        "consumer_id": one.settled.consumer_id,
        "lent": Money(one.settled.lent.minor, one.settled.lent.currency),
        "lent_on": one.settled.lent_on,
        "settled_on": one.settled.settled_on,
        "how": one.settled.how,
        "issued_on": one.issued_on,
        "replaces_id": one.replaces_id,
        "sha256": one.sha256,
        "withdrawn_on": one.withdrawn_on,
        "reason": one.reason,
    }


def keep_file(*, work: UnitOfWork, certificate: Certificate, language: str, content: bytes, sha256: str) -> bytes:
    """Keeps the file of a certificate, unless somebody was faster; returns the one that is kept."""
    columns = {"certificate_id": "uuid", "language": "text", "consumer_id": "uuid", "content": "bytea", "sha256": "text"}
    same = {"book_id": ("uuid", work.book.id), "made_at": ("timestamptz", work.now)}
    row = (certificate.id, language, certificate.settled.consumer_id, content, sha256)
    sql.insert("papers_certificate_file", columns, [row], same=same, suffix="ON CONFLICT DO NOTHING")
    kept = queries.file_of(book_id=work.book.id, certificate_id=certificate.id, language=language)
    assert kept is not None, "one of both was kept"
    return kept
