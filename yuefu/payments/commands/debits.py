"""Debits: planned, announced, sent as collections, followed as those end, tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments import queries, rules
from yuefu.payments.commands.collections import CollectionAttempt, attempt_collections
from yuefu.payments.commands.debit_steps import Step, insert_tries, snapshot, stepped, write_steps
from yuefu.payments.commands.mandates import lose_mandates
from yuefu.payments.rules import Collection, Debit, Mandate, NoticeResult, Slot, Standing, Try
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

_KEY: Final = "debit:"


@dataclass(frozen=True, slots=True)
class DebitPlan:
    """Take by a mandate what falls due of a loan on a day: `amount`, or as much of it as the mandate allows at once."""

    mandate: Mandate
    loan_id: UUID
    due_on: date
    amount: Money
    slot: Slot


@dataclass(frozen=True, slots=True)
class Take:
    """Send a try now: `amount` of it, for a loan of an order and funder."""

    of: Standing
    amount: Money
    order_id: UUID | None
    funder_id: UUID


@dataclass(frozen=True, slots=True)
class Again:
    """Try a debit again in a slot, for an amount."""

    of: Standing
    slot: Slot
    amount: Money


@dataclass(frozen=True, slots=True)
class Drop:
    """Do not send a try. Where `ends` is given, the debit ends so too: given_up or cancelled."""

    of: Standing
    code: str
    ends: str = ""


def plan_debits(*, work: UnitOfWork, plans: Sequence[DebitPlan], policy_version: int) -> list[Debit]:
    """Stores debits with their first try; returns those that are new. One that is planned already stays as it is, and a mandate that is not
    active any more plans nothing.
    """
    active = queries.mandates(book_id=work.book.id, ids=[plan.mandate.id for plan in plans], lock=True)
    fit = [plan for plan in plans if active[plan.mandate.id].state == "active"]
    new = work.ids.many(work.now, 2 * len(fit))
    begun = [_planned(work, plan, new[2 * n], new[2 * n + 1], policy_version) for n, plan in enumerate(fit)]
    columns = {
        "id": "uuid",
        "mandate_id": "uuid",
        "consumer_id": "uuid",
        "loan_id": "uuid",
        "due_on": "date",
        "amount_minor": "bigint",
        "currency": "text",
    }
    values = [(d.id, d.mandate_id, d.consumer_id, d.loan_id, d.due_on, d.amount.minor, d.amount.currency) for d, _ in begun]
    same = {
        "book_id": ("uuid", work.book.id),
        "state": ("text", "open"),
        "code": ("text", ""),
        "policy_version": ("integer", policy_version),
        "planned_at": ("timestamptz", work.now),
        "seq": ("integer", 1),
    }
    if sql.insert("payments_debit", columns, values, same=same, suffix="ON CONFLICT DO NOTHING") != len(begun):
        there = {row[0] for row in sql.rows("SELECT id FROM payments_debit WHERE id = ANY(%s::uuid[])", [[d.id for d, _ in begun]])}
        begun = [pair for pair in begun if pair[0].id in there]
    insert_tries(work, [(first, debit.consumer_id) for debit, first in begun])
    audit.record(work=work, action="payments.plan_debits", object_kind="debit", object_ids=[debit.id for debit, _ in begun])
    outbox.emit(work=work, events=[Event("debit.planned", "debit", d.id, 1, snapshot(d, first)) for d, first in begun])
    return [debit for debit, _ in begun]


def settle_notices(*, work: UnitOfWork, results: Sequence[NoticeResult]) -> list[str]:
    """Keeps what the channel says of prior notices; returns what each came to, announced or failed, and "" where
    it is nothing new.

    The same answer again changes nothing, and one to a try that was dropped meanwhile neither. A refused notice is a try that failed; where
    the mandate is no more, it is lost.
    """
    known = queries.tries_by_reference(book_id=work.book.id, references=[result.reference for result in results])
    held = queries.standings(book_id=work.book.id, try_ids=list(known.values()), lock=True)
    steps: dict[UUID, Step] = {}
    for result in results:
        try_id = known.get(result.reference)
        one = held.get(try_id) if try_id else None
        if one is None or one.latest.state != "planned" or one.latest.id in steps or result.outcome == "unknown":
            continue
        if result.outcome == "accepted":
            accepted = {"state": "announced", "notice": result.notice, "announced_at": work.now}
            steps[one.latest.id] = stepped(one, "announced", latest=accepted)
        else:
            steps[one.latest.id] = stepped(one, "failed", latest={"state": "failed", "code": result.failure_code})
    write_steps(work=work, action="payments.settle_notices", steps=list(steps.values()))
    _lose(work, list(steps.values()))
    now = {step.latest.reference: step.told for step in steps.values()}
    return [now.get(result.reference, "") for result in results]


def begin_tries(*, work: UnitOfWork, takes: Sequence[Take]) -> list[Collection | Refused]:
    """Stores a collection for each try, which is then sent: one outcome a try, in order. Commit, then call the channel. The key of a collection
    is its try, so that a try has one for ever. The standings were locked by this transaction.

    Refused as `attempt_collections` refuses; such a try is dropped.
    """
    attempts = [
        CollectionAttempt(
            key=_KEY + take.of.latest.reference,
            consumer_id=take.of.debit.consumer_id,
            loan_id=take.of.debit.loan_id,
            order_id=take.order_id,
            amount=take.amount,
            instrument=take.of.mandate.pays_by,
            funder_id=take.funder_id,
        )
        for take in takes
    ]
    outcomes = attempt_collections(work=work, attempts=attempts)
    steps = []
    for take, outcome in zip(takes, outcomes, strict=True):
        if isinstance(outcome, Refused):
            steps.append(stepped(take.of, latest={"state": "dropped", "code": outcome.code}))
        else:
            sent = {"state": "attempted", "amount": take.amount, "collection_id": outcome.id}
            steps.append(stepped(take.of, "attempted", latest=sent))
    write_steps(work=work, action="payments.begin_tries", steps=steps)
    return outcomes


def drop_tries(*, work: UnitOfWork, drops: Sequence[Drop]) -> None:
    """Leaves tries unsent, or debits as they are. The standings were locked by this transaction."""
    steps = []
    for drop in drops:
        live = drop.of.latest.state in ("planned", "announced")
        ended = {"state": drop.ends, "code": drop.code, "ended_at": work.now} if drop.ends else {}
        steps.append(stepped(drop.of, drop.ends, debit=ended, latest={"state": "dropped", "code": drop.code} if live else {}))
    write_steps(work=work, action="payments.drop_tries", steps=steps)


def plan_again(*, work: UnitOfWork, agains: Sequence[Again]) -> None:
    """Stores the next try of debits that have none under way. The standings were locked by this transaction."""
    new = work.ids.many(work.now, len(agains))
    steps = []
    for new_id, again in zip(new, agains, strict=True):
        assert again.of.latest.state in ("failed", "dropped"), "of a debit one try is under way at most"
        following = _try(again.of.debit.id, new_id, again.of.latest.no + 1, again.amount, again.slot)
        before = again.of
        steps.append(Step(before, stepped(before, "planned").debit, following, "planned"))
    insert_tries(work, [(step.latest, step.debit.consumer_id) for step in steps])
    write_steps(work=work, action="payments.plan_again", steps=steps)


def follow_tries(*, work: UnitOfWork, try_ids: Sequence[UUID]) -> list[str]:
    """Ends tries as their collections ended; returns succeeded or failed of each, and "" of one of which that is nothing new.

    A debit of which a try succeeded after all is collected, whatever it had come to, and nothing more of it is sent.
    """
    steps = []
    for one in queries.standings(book_id=work.book.id, try_ids=try_ids, lock=True).values():
        tried, came = one.latest.state, one.collection_state
        if came == "succeeded" and tried in ("attempted", "failed"):
            open_before = one.debit.state != "collected"
            ended = {"state": "collected", "code": "", "ended_at": work.now} if open_before else {}
            steps.append(stepped(one, "collected" if open_before else "", debit=ended, latest={"state": "succeeded", "code": ""}))
        elif came == "failed" and tried == "attempted":
            steps.append(stepped(one, "failed", latest={"state": "failed", "code": one.collection_code}))
    write_steps(work=work, action="payments.follow_tries", steps=_each_once(steps))
    _drop_others(work, [step for step in steps if step.debit.state == "collected"])
    _lose(work, steps)
    now = {step.latest.id: step.latest.state for step in steps}
    return [now.get(i, "") for i in try_ids]


def _each_once(steps: Sequence[Step]) -> list[Step]:
    """Of two tries of one debit that came in at once, the debit takes one step."""
    seen: dict[UUID, Debit] = {}
    found = []
    for step in steps:
        first = seen.setdefault(step.debit.id, step.debit)
        found.append(step if first is step.debit else Step(step.before, first, step.latest, ""))
    return found


def _drop_others(work: UnitOfWork, collected: Sequence[Step]) -> None:
    """What was planned of a debit after a try that succeeded after all is not sent any more."""
    late = [step.debit.id for step in collected if step.before.latest.state == "failed"]
    others = [one for one in queries.tries_of(book_id=work.book.id, debit_ids=late) if one.latest.state in ("planned", "announced")]
    drop_tries(work=work, drops=[Drop(one, rules.NOTHING_DUE) for one in others])


def _lose(work: UnitOfWork, steps: Sequence[Step]) -> None:
    codes: Mapping[UUID, str] = {
        step.before.mandate.id: step.latest.code for step in steps if step.latest.state == "failed" and step.latest.code in rules.LOST_CODES
    }
    lose_mandates(work=work, codes=codes)


def _planned(work: UnitOfWork, plan: DebitPlan, debit_id: UUID, try_id: UUID, policy_version: int) -> tuple[Debit, Try]:
    debit = Debit(
        id=debit_id,
        mandate_id=plan.mandate.id,
        consumer_id=plan.mandate.consumer_id,
        loan_id=plan.loan_id,
        due_on=plan.due_on,
        amount=plan.amount,
        state="open",
        code="",
        policy_version=policy_version,
        planned_at=work.now,
        ended_at=None,
        seq=1,
    )
    return debit, _try(debit_id, try_id, 1, rules.asked(plan.amount, plan.amount, plan.mandate.limit), plan.slot)


def _try(debit_id: UUID, try_id: UUID, no: int, amount: Money, slot: Slot) -> Try:
    reference = ids.text("debit_try", try_id)
    return Try(try_id, reference, debit_id, no, amount, slot.announce_on, slot.debit_on, "planned", "", "", None, None)
