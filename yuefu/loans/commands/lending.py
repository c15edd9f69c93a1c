"""Orders lent by loans of rule version 2026-2: agreed and lent at the capture, with what their merchants pay for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid5

from yuefu.ledger.rules import HoldUse
from yuefu.loans import entries, rules
from yuefu.loans.commands import agreeing, living, writing
from yuefu.loans.commands.booking import NewLoan, told_terms
from yuefu.loans.entries import Position
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import Party
from yuefu.plans.agreed import loan_terms
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Undone
from yuefu.plans.lifecycle.plain import written_event
from yuefu.plans.lifecycle.rows import NORMAL
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_ACCEPTED: Final = {
    "capture_id": "uuid",
    "disclosure_id": "uuid",
    "disclosure_hash": "bytea",
    "disclosure_version": "text",
    "shown_at": "timestamptz",
    "accepted_at": "timestamptz",
}


def book(*, work: UnitOfWork, loans: Sequence[NewLoan]) -> None:
    """Agrees, lends and posts loans of captures, each taking its order's hold: one entry and one event a loan. The caller has locked and checked the
    orders, so none is refused."""
    if not loans:
        return
    parties = [_party(new) for new in loans]
    terms = [loan_terms(new.terms) for new in loans]
    _insert_agreements(work, loans, parties, terms)
    numbers = agreeing.portfolios(work, [(party.funder_id, party.product, party.currency) for party in parties])
    agreed_today = {number: replace(living.agreed(number, work), told=0) for number in numbers.values()}
    kept: list[Kept] = []
    facts: list[tuple[UUID, int, UUID, e.Event | Undone, dict[str, Any]]] = []
    for new, party, agreed in zip(loans, parties, terms, strict=True):
        life, seen = rules.begun(agreed), None
        for source, fact in _lent(new).items():
            life, seen = rules.went_on(life, fact)
            facts.append((party.loan_id, life.seq, source, fact, written_event(fact)))
        running = agreed_today[numbers[party.funder_id, party.product, party.currency]]
        kept.append(living.touched(Kept(party, life, running), life, work.day.on, seen))
    writing.insert_new(work, kept)
    writing.insert_dues(work, kept)
    writing.insert_facts(work, facts)
    posting = []
    for new, one in zip(loans, kept, strict=True):
        hold = HoldUse(new.hold_id, new.terms.principal)
        entry = entries.moved(one.party, "booked", new.capture_id, Position(), one.running.position, uses_hold=hold)
        assert entry is not None, "what is lent moves money"
        posting.append(entry)
    living.post(work, posting)
    outbox.emit(work=work, events=[_booked(new, one) for new, one in zip(loans, kept, strict=True)])
    captures = [new.capture_id for new in loans]
    audit.record(work=work, action="loan.book", object_kind="loan", object_ids=[party.loan_id for party in parties], causes=captures)


def _party(new: NewLoan) -> Party:
    d = new.dims
    return Party(d.loan_id, d.order_id, d.merchant_id, d.consumer_id, d.credit_account_id, d.funder_id, d.product, d.currency)


def _lent(new: NewLoan) -> dict[UUID, e.Event]:
    """What happens to a loan at its capture, by source: it is paid out, and what the merchant pays for it comes in."""
    on = new.terms.disbursed_on
    lent: dict[UUID, e.Event] = {new.capture_id: e.Disbursed(on, new.terms.principal)}
    if new.discount.minor:
        lent[uuid5(new.capture_id, "bought_down")] = e.BoughtDown(on, new.discount)
    return lent


def _insert_agreements(work: UnitOfWork, loans: Sequence[NewLoan], parties: Sequence[Party], terms: Sequence[LoanTerms]) -> None:
    rows = agreeing.agreement_rows(work, list(zip(parties, terms, strict=True)))
    accepted = [(new.capture_id, *_accepted(new)) for new in loans]
    columns = agreeing.AGREEMENT | _ACCEPTED
    values = [(*row, *more) for row, more in zip(rows, accepted, strict=True)]
    sql.insert(
        "loans_agreement", columns, values, same=agreeing.agreed_now(work), often_same=("currency", "disbursed_on", "due_days", "origin")
    )


def _accepted(new: NewLoan) -> tuple[Any, ...]:
    one = new.accepted
    return (one.disclosure_id, one.hash, one.version, one.shown_at, one.at) if one else (None,) * 5


def _booked(new: NewLoan, one: Kept) -> Event:
    seen = one.life.state.rows()
    plan = [k for k, kind in enumerate(seen.kind) if kind == NORMAL]
    rows = ((no, date.fromordinal(seen.due[k]), seen.principal[k], seen.interest[k]) for no, k in enumerate(plan, start=1))
    told = {**living.told_of(one), **told_terms(new.terms, rows)}
    return Event("loan.booked", "loan", one.party.loan_id, 1, told, None, new.capture_id)
