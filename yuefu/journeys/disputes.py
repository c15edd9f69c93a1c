"""Disputes: a consumer contests an order, its merchant answers with evidence, the platform rules, whoever lost may appeal; each step in one journey.

A dispute moves no money until it is lost. Then what is contested, as far as it was not refunded meanwhile, goes back as a charge-back of the order:
order, loans and settlement see what they see of any refund, by the contract's rule for charge-backs. Who lets the days pass has lost, or is content:
`pass_days` says so, by the worker and before a day is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

from yuefu.aftersales.commands import disputes as commands
from yuefu.aftersales.commands import files as file_commands
from yuefu.aftersales.commands.disputes import Stepped
from yuefu.aftersales.queries import disputes as queries
from yuefu.aftersales.queries import files as file_book
from yuefu.aftersales.rules import disputes as rules
from yuefu.aftersales.rules import files as file_rules
from yuefu.aftersales.rules.disputes import Dispute, Evidence
from yuefu.aftersales.rules.files import File
from yuefu.errors import Refused
from yuefu.journeys import refund as refunding
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.journeys.refund import Excess
from yuefu.money.amounts import Money
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders import rules as order_rules
from yuefu.orders.commands import RefundRequest, TakenBack
from yuefu.orders.rules import Order
from yuefu.payments.rules import ChannelRefund
from yuefu.runtime import keys, sql
from yuefu.runtime.batch import Quarantined, in_halves
from yuefu.runtime.values import Actor, UnitOfWork

_OPEN: Final = "dispute.open"
_STEP: Final = "dispute.step"
_EVIDENCE: Final = "dispute.evidence"
_FILE: Final = "file.keep"
AT_ONCE: Final = 500
"""So many disputes whose days are over are closed by one call of a command."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A consumer contests what they bought: all of it, or `amount`. `claim` is what they say."""

    key: str
    order_id: UUID
    reason: str
    claim: str
    amount: Money | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StepRequest:
    """Take a dispute a step on (`aftersales.rules.disputes.STEPS`). A merchant takes those of its own disputes that are a merchant's; with None for
    `merchant_id` the platform takes any."""

    key: str
    merchant_id: UUID | None
    dispute_id: UUID
    step: str
    note: str = ""
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """A merchant adds a text, a file that it sent before, or both."""

    key: str
    merchant_id: UUID
    dispute_id: UUID
    kind: str
    text: str = ""
    file_id: UUID | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A merchant sends a file. It is known again by its hash."""

    key: str
    merchant_id: UUID
    purpose: str
    name: str
    sha256: bytes
    content: bytes = field(compare=False, repr=False)
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Moved:
    """A step that a dispute took, the `no`-th."""

    id: UUID
    dispute_id: UUID
    no: int
    step: str
    state: str
    taken_on: date


class _No(Exception):
    """A step that cannot be taken: what was done for it is undone."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused)
        self.refused = refused


def begin(*, desk: Desk, now: datetime, requests: Sequence[OpenRequest]) -> list[Dispute | Refused | Quarantined]:
    """Opens disputes. One outcome a request, in order, a known key the dispute as it stands. Refused with unknown_order, unknown_reason, text_invalid,
    dispute_open, or as `orders.rules.refund` where so much cannot be contested."""
    return in_batches(desk, now, _OPEN, requests, lambda batch: on_open_day(desk, now, batch, _begin))


def _begin(work: UnitOfWork, requests: Sequence[OpenRequest]) -> list[Dispute | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> dict[int, Dispute | Refused]:
        given = queries.policy_of(work.book.id, work.day.on)
        locked = order_book.lock_any(work.book.id, sorted({requests[i].order_id for i in fresh}))
        contested = queries.open_of(book_id=work.book.id, order_ids=sorted(locked))
        outcomes: dict[int, Dispute | Refused] = {}
        for i in fresh:
            outcome = outcomes[i] = _begun(work, ids[i], requests[i], locked.get(requests[i].order_id), contested, given)
            if isinstance(outcome, Dispute):
                contested.add(outcome.order_id)
        commands.open_disputes(work=work, opened=[one for one in outcomes.values() if isinstance(one, Dispute)])
        return outcomes

    def recall(known: Sequence[UUID]) -> dict[UUID, Dispute]:
        return queries.disputes(book_id=work.book.id, ids=known)

    return keys.answer(
        work=work,
        scope=_OPEN,
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: {i: no for i in fresh if (no := rules.fault_of_claim(requests[i].reason, requests[i].claim))},
        decide=decide,
        recall=recall,
    )


def _begun(
    work: UnitOfWork, new_id: UUID, request: OpenRequest, order: Order | None, contested: set[UUID], given: rules.Policy
) -> Dispute | Refused:
    could = order_rules.refund(order, request.amount, "charge_back")
    if isinstance(could, Refused):
        return could
    assert order is not None, "what could be refunded is there"
    if order.id in contested:
        return Refused(rules.DISPUTE_OPEN, "this order is contested already: end that dispute first", "order_id")
    return Dispute(
        id=new_id,
        no=1,
        order_id=order.id,
        merchant_id=order.merchant_id,
        consumer_id=order.consumer_id,
        reason=request.reason,
        claim=request.claim,
        amount=request.amount or Money(order.captured - order.refunded, order.currency),
        state="initiated",
        answer_by=rules.answer_by(request.reason, work.day.on, given),
        appeal_by=None,
        ruling="",
        outcome="",
        closed_by="",
        closed_on=None,
        opened_on=work.day.on,
        opened_at=work.now,
        refund_id=None,
        refunded=Money.zero(order.currency),
    )


def take(*, desk: Desk, now: datetime, requests: Sequence[StepRequest]) -> list[Moved | Refused | Quarantined]:
    """Takes disputes a step on, each in order; one that is lost gives back what is contested. One outcome a request; a known key has its first one.
    Refused with unknown_dispute or as `aftersales.rules.disputes.take`; a refused step changes nothing."""
    return refunding.giving_back(desk, now, _STEP, requests, _take)


def _take(work: UnitOfWork, requests: Sequence[StepRequest], begun: list[ChannelRefund]) -> list[Moved | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> dict[int, Moved | Refused]:
        # The orders before their disputes, as whoever opens one.
        named = queries.disputes(book_id=work.book.id, ids=[requests[i].dispute_id for i in fresh])
        order_book.lock_any(work.book.id, sorted({one.order_id for one in named.values()}))
        held = queries.disputes(book_id=work.book.id, ids=sorted(named), lock=True)
        proofs = queries.evidence(dispute_ids=sorted(held))
        given = queries.policy_of(work.book.id, work.day.on)
        outcomes: dict[int, Moved | Refused] = {}
        for i in fresh:
            dispute = held.get(requests[i].dispute_id)
            stepped = _stepped(work, ids[i], requests[i], dispute, len(proofs.get(requests[i].dispute_id, ())), given, begun)
            if isinstance(stepped, Stepped):
                held[stepped.after.id] = stepped.after
                outcomes[i] = Moved(ids[i], stepped.after.id, stepped.after.no, stepped.step, stepped.after.state, work.day.on)
            else:
                outcomes[i] = stepped
        return outcomes

    def recall(known: Sequence[UUID]) -> dict[UUID, Moved]:
        found = queries.steps_by_id(ids=known)
        return {i: Moved(i, step.dispute_id, step.no, step.step, step.state, step.taken_on) for i, step in found.items()}

    return keys.answer(
        work=work,
        scope=[keys.scope_of(f"dispute.{one.step}", *([one.merchant_id] if one.merchant_id else [])) for one in requests],
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: {i: no for i in fresh if (no := _fault_of_note(requests[i]))},
        decide=decide,
        recall=recall,
    )


def _fault_of_note(request: StepRequest) -> Refused | None:
    if len(request.note) > rules.LONGEST_CLAIM or not request.note.isprintable():
        return Refused(rules.TEXT_INVALID, f"a note has at most {rules.LONGEST_CLAIM} printable characters", "note")
    return None


def _stepped(
    work: UnitOfWork,
    step_id: UUID,
    request: StepRequest,
    dispute: Dispute | None,
    evidence: int,
    given: rules.Policy,
    begun: list[ChannelRefund],
) -> Stepped | Refused:
    """A step, written with all that it means."""
    if dispute is None or (request.merchant_id and dispute.merchant_id != request.merchant_id):
        return _unknown()
    if request.merchant_id and request.step not in rules.OF_MERCHANTS:
        return Refused(rules.NOT_POSSIBLE, "this is no step of a merchant", "step")
    after = rules.take(dispute, request.step, on=work.day.on, given=given, evidence=evidence)
    if isinstance(after, Refused):
        return after
    attempts: list[ChannelRefund] = []
    try:
        with sql.attempting():
            if after.outcome == "lost":
                after, attempts = _given_back(work, step_id, after)
            stepped = Stepped(step_id, request.step, dispute, after, request.note)
            commands.take_step(work=work, taken=stepped)
    except _No as no:
        return no.refused
    begun += attempts
    return stepped


def _unknown() -> Refused:
    return Refused(rules.UNKNOWN_DISPUTE, "there is no such dispute", "dispute_id")


def _given_back(work: UnitOfWork, step_id: UUID, dispute: Dispute) -> tuple[Dispute, list[ChannelRefund]]:
    """Gives back what was contested, as far as it is not given back yet. Raises _No."""
    order = order_book.orders([dispute.order_id])[dispute.order_id]
    amount = min(dispute.amount, Money(order.captured - order.refunded, order.currency))
    if not amount.minor:
        return dispute, []
    refund_id = uuid5(step_id, "refund")
    work.claimed[refund_id] = work.claimed[step_id]  # What the refund leads to, the key of the step led to.
    request = RefundRequest(str(step_id), dispute.merchant_id, dispute.order_id, amount, event="charge_back")
    done = orders.refund(work=work, requests={refund_id: request})[refund_id]
    if isinstance(done, Refused):
        raise _No(done)
    assert isinstance(done, TakenBack)
    excess: list[Excess] = []
    try:
        refunding.credit(work, [done], excess)
    except refunding.NotCredited as error:
        raise _No(error.refused) from error
    return replace(dispute, refund_id=refund_id, refunded=amount), refunding.attempt(work=work, excesses=excess)


def pass_days(*, desk: Desk, now: datetime) -> int:
    """Closes the disputes that nobody answered, or appealed, in time: by whoever let the days pass. Returns how many."""
    count = 0
    if not queries.passed(
        book_id=desk.book.id, on=desk.book.day_of(now), limit=1
    ):  # One look: on most days of most books there is nothing.
        return count
    after: UUID | None = None
    while True:
        with open_day(desk, now) as seen:
            if isinstance(seen, Refused):
                return count
            on = seen.day.on
            due = queries.passed(book_id=desk.book.id, on=on, limit=AT_ONCE, after=after)
        done = take(desk=desk, now=now, requests=[StepRequest(f"passed:{one}:{on}", None, one, "pass") for one in due])
        count += sum(isinstance(one, Moved) for one in done)
        if len(due) < AT_ONCE:
            return count
        after = due[-1]  # What cannot be closed, for a loan does not take it, is tried again on another day, and holds up none behind it.


def add_evidence(*, desk: Desk, now: datetime, requests: Sequence[EvidenceRequest]) -> list[Evidence | Refused | Quarantined]:
    """Adds evidence to merchants' disputes. Refused with unknown_dispute, evidence_invalid, evidence_too_much, evidence_file_unknown, dispute_too_late or
    dispute_step_not_possible."""
    return in_batches(desk, now, _EVIDENCE, requests, lambda batch: on_open_day(desk, now, batch, _add))


def _add(work: UnitOfWork, requests: Sequence[EvidenceRequest]) -> list[Evidence | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> dict[int, Evidence | Refused]:
        held = queries.disputes(book_id=work.book.id, ids=[requests[i].dispute_id for i in fresh], lock=True)
        counts = {dispute_id: len(proofs) for dispute_id, proofs in queries.evidence(dispute_ids=sorted(held)).items()}
        files = [(requests[i].merchant_id, file_id) for i in fresh if (file_id := requests[i].file_id)]
        there = file_book.of_merchant(book_id=work.book.id, wanted=files)
        outcomes: dict[int, Evidence | Refused] = {}
        for i in fresh:
            request = requests[i]
            refused = _no_evidence(work, request, held.get(request.dispute_id), counts.get(request.dispute_id, 0), there)
            if refused is None:
                counts[request.dispute_id] = counts.get(request.dispute_id, 0) + 1
            outcomes[i] = refused or Evidence(ids[i], request.dispute_id, request.kind, request.text, request.file_id, work.now)
        added = [(requests[i].merchant_id, one) for i, one in outcomes.items() if isinstance(one, Evidence)]
        commands.add_evidence(work=work, added=added)
        return outcomes

    def recall(known: Sequence[UUID]) -> dict[UUID, Evidence]:
        return queries.evidence_by_id(ids=known)

    def validate(fresh: list[int]) -> dict[int, Refused]:
        return {i: no for i in fresh if (no := rules.fault_of_evidence(requests[i].kind, requests[i].text, requests[i].file_id))}

    scope = [keys.scope_of(_EVIDENCE, request.merchant_id) for request in requests]
    return keys.answer(work=work, scope=scope, requests=requests, object_ids=ids, validate=validate, decide=decide, recall=recall)


def _no_evidence(
    work: UnitOfWork, request: EvidenceRequest, dispute: Dispute | None, count: int, there: set[tuple[UUID, UUID]]
) -> Refused | None:
    if dispute is None or dispute.merchant_id != request.merchant_id:
        return _unknown()
    if refused := rules.may_add(dispute, work.day.on):
        return refused
    if count >= rules.MOST_EVIDENCE:
        return Refused(rules.TOO_MUCH_EVIDENCE, f"a dispute has at most {rules.MOST_EVIDENCE} pieces of evidence", "dispute_id")
    if request.file_id and (request.merchant_id, request.file_id) not in there:
        return Refused(rules.UNKNOWN_FILE, "there is no such file of this merchant", "file_id")
    return None


def keep_files(*, desk: Desk, now: datetime, requests: Sequence[FileRequest]) -> list[File | Refused | Quarantined]:
    """Keeps files that merchants send, sealed. Refused as `aftersales.rules.files` says; such a refusal uses up no key. One that breaks something is not
    set aside: its bytes would lie there as they came."""

    def act(work: UnitOfWork, batch: Sequence[FileRequest]) -> list[File | Refused]:
        ids = work.ids.many(work.now, len(batch))
        kinds = [file_rules.fault_of_name(one.name) or file_rules.content_type(one.content) for one in batch]

        def decide(fresh: list[int]) -> dict[int, File | Refused]:
            made = {i: _file(work, ids[i], batch[i], kind) for i in fresh if not isinstance(kind := kinds[i], Refused)}
            file_commands.keep_files(work=work, vault=desk.vault, files=[(one, batch[i].content) for i, one in made.items()])
            return {**made}

        return keys.answer(
            work=work,
            scope=[keys.scope_of(_FILE, request.merchant_id) for request in batch],
            requests=batch,
            object_ids=ids,
            validate=lambda fresh: {i: kind for i in fresh if isinstance(kind := kinds[i], Refused)},
            decide=decide,
            recall=lambda known: file_book.files(ids=known),
        )

    return in_halves(requests, lambda batch: on_open_day(desk, now, batch, act))


def _file(work: UnitOfWork, new_id: UUID, request: FileRequest, kind: str) -> File:
    return File(new_id, request.merchant_id, request.purpose, request.name, kind, len(request.content), request.sha256, work.now)
