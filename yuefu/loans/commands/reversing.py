"""Taking repayments off their loans: what was paid twice, or for another loan, was received but should not have been applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.loans import entries, rules
from yuefu.loans.commands.stepping import Step, held_after, write
from yuefu.loans.queries import levelled
from yuefu.loans.queries.levelled import Repayment
from yuefu.loans.rules import ALREADY_REVERSED, EXCESS_GONE, UNKNOWN_REPAYMENT
from yuefu.money.amounts import Money
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Reversal:
    """Take the repayment that came by the collection `source_id` off its loan; `id` names the reversal."""

    id: UUID
    source_id: UUID


@dataclass(frozen=True, slots=True)
class Reversed:
    """A repayment that was taken off. `excess` is owed back to the consumer: less than `amount` where another repayment that was too
    much now pays a part of what is due again, and below zero where it pays even more: a refund of goods between the two waives less
    interest when it finds more to pay."""

    id: UUID
    source_id: UUID
    loan_id: UUID
    amount: Money
    excess: Money


def reverse_repayments(
    *, work: UnitOfWork, reversals: Sequence[Reversal], given_back: Mapping[UUID, int] | None = None
) -> list[Reversed | Refused]:
    """Makes each loan what it would be had the repayment never been, each reversal seeing those before it; posts one entry each.

    `given_back` is what of each loan went back to its consumer or is on its way, in minor units; what a reversal owes back is taken to go
    as well. One outcome a reversal, in order. Refused with unknown_repayment or already_reversed; with excess_gone where a loan would pay
    with money that is given back; with the ledger's limit_exceeded or account_closed where the credit line cannot take what is owed again.
    Whether money of the very collection was given back is for the caller.
    """
    found = levelled.repayments(work.book.id, [reversal.source_id for reversal in reversals])
    gone = {source for source, repayment in found.items() if repayment.reversed}
    outcomes: dict[int, Reversed | Refused] = {}
    back = dict(given_back or {})
    waiting = list(range(len(reversals)))
    while waiting:
        # The ledger has the last word, and a refusal changes what the next one of the same loan finds: so one of each loan at a time.
        wave: dict[UUID, int] = {}
        for index in waiting:
            refused = refusal(found, gone, reversals[index])
            if refused:
                outcomes[index] = refused
            else:
                wave.setdefault(found[reversals[index].source_id].loan_id, index)
        done = dict(zip(wave.values(), _reverse(work, [reversals[i] for i in wave.values()], found, back), strict=True))
        for one in done.values():
            if isinstance(one, Reversed):
                gone.add(one.source_id)
                back[one.loan_id] = back.get(one.loan_id, 0) + max(one.excess.minor, 0)
        outcomes.update(done)
        waiting = [index for index in waiting if index not in outcomes]
    return [outcomes[index] for index in range(len(reversals))]


def refusal(found: Mapping[UUID, Repayment], gone: set[UUID], reversal: Reversal) -> Refused | None:
    """Why a repayment cannot be taken off, whatever its loan is; `gone` are those that were, or are now."""
    if reversal.source_id not in found:
        return Refused(UNKNOWN_REPAYMENT, "no such collection was applied to a loan of this book", "collection_id")
    if reversal.source_id in gone:
        return Refused(ALREADY_REVERSED, "this repayment was taken off its loan before", "collection_id")
    return None


def _reverse(
    work: UnitOfWork, wave: Sequence[Reversal], found: Mapping[UUID, Repayment], back: Mapping[UUID, int]
) -> list[Reversed | Refused]:
    """Reversals of as many loans."""
    if not wave:
        return []
    held = levelled.lock(work.book.id, [found[reversal.source_id].loan_id for reversal in wave])
    told = levelled.facts(sorted(held), {i: one.state.terms for i, one in held.items()})
    steps = []
    for reversal in wave:
        repayment = found[reversal.source_id]
        one, events = held[repayment.loan_id], rules.history_of(told[repayment.loan_id])
        state, effect = rules.without(one.state, list(events.values()), list(events).index(repayment.no))
        after = held_after(work, one, replace(state, seq=one.seq + 1), one.discount)
        entry = entries.applied(one.dims, "reversed", reversal.id, effect, work.day.on, after.discount_earned - one.discount_earned)
        said = {"collection_id": reversal.source_id}
        steps.append(Step(after, reversal.id, "reversed", work.day.on, repayment.amount, effect, entry, repayment.no, said))
    refused = {step.source_id: excess_gone() for step in steps if step.held.state.excess < back.get(step.held.dims.loan_id, 0)}
    refused |= _post(work, [step for step in steps if step.source_id not in refused])
    write(work, held, [step for step in steps if step.source_id not in refused])
    return [refused.get(step.source_id) or _outcome(reversal, step) for reversal, step in zip(wave, steps, strict=True)]


def excess_gone() -> Refused:
    """Why a repayment cannot be taken off whose loan would pay with money that is given back."""
    detail = "a later repayment that was too much would pay what is due again, and that money went back to the consumer"
    return Refused(EXCESS_GONE, detail, "collection_id")


def _post(work: UnitOfWork, steps: Sequence[Step]) -> dict[UUID, Refused]:
    """Posts before anything is written: what the credit line cannot take has not happened. Returns what was refused, and why."""
    posting = [step for step in steps if step.entry.lines]  # Else another repayment that was too much pays all of it.
    outcomes = ledger.post(work=work, entries=[step.entry for step in posting])
    return {
        step.source_id: replace(outcome, detail=f"the credit line cannot take what would be owed again: {outcome.detail}")
        for step, outcome in zip(posting, outcomes, strict=True)
        if isinstance(outcome, Refused)
    }


def _outcome(reversal: Reversal, step: Step) -> Reversed:
    dims = step.held.dims
    amount, excess = Money(step.amount, dims.currency), Money(step.effect.excess, dims.currency)
    return Reversed(reversal.id, reversal.source_id, dims.loan_id, amount, excess)
