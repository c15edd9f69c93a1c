"""The timeline of an order: what happened, each happening with the ledger entries and bill lines that belong to it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import groupby
from typing import Any, Final

from yuefu import ids
from yuefu.journeys.life import Life
from yuefu.ledger.queries import EntryLine
from yuefu.money.amounts import Money
from yuefu.offers.queries import StoredQuote
from yuefu.payments.rules import Payout
from yuefu.reconciliation.queries import SeenLine

Key = tuple[Any, ...]

_KINDS: Final = (
    "quote.shown", "order.created", "decision.approved", "decision.declined", "order.authorised", "order.captured", "loan.booked", "order.refunded",
    "loan.refunded", "loan.repaid", "loan.charged_back", "loan.reversed", "loan.credit_refunded", "channel.refused", "channel.refunded", "order.expired",
    "settlement.batched",
    "payout.paid", "payout.returned", "instalment.due", "bill.line",
)  # fmt: skip
"""In the order in which happenings of one moment are told."""


@dataclass(slots=True)
class Draft:
    """A happening that waits for its ledger entries (`claims`) and its bill lines (`references`, or one kind of line of one)."""

    at: datetime
    on: date
    kind: str
    amount: Money | None
    params: Mapping[str, str | int]
    claims: list[Key] = field(default_factory=list)
    bill: Key | None = None
    entries: list[list[EntryLine]] = field(default_factory=list)
    bills: list[SeenLine] = field(default_factory=list)


def drafts_of(life: Life) -> list[Draft]:
    """The timeline, oldest first. A claim that stays open is an entry that is missing."""
    made = [*_beginning(life), *_goods(life), *_loan_life(life), *_given_back(life), *_settling(life), *_falling_due(life)]
    _place_entries(life, made)
    _place_bills(life, made)
    return sorted(made, key=lambda draft: (draft.at, _KINDS.index(draft.kind)))


def _beginning(life: Life) -> Iterator[Draft]:
    order, at, on = life.order, life.placed.at, life.placed.on
    amount = Money(order.amount, order.currency)
    if life.quote:
        yield _shown(life, life.quote)
    yield Draft(at, on, "order.created", amount, {"product": order.product, "periods": order.periods})
    approved = order.state != "declined"
    made = life.decision
    if made:
        told: dict[str, str | int] = {"policy_version": made.decision.policy_version}
        reasons = {"reasons": " ".join(made.decision.reasons)} if made.decision.reasons else {}
        yield Draft(made.decided_at, on, f"decision.{made.decision.outcome}", None, told | reasons)
    elif not life.whole:
        yield Draft(at, on, "decision.approved" if approved else "decision.declined", None, {})
    if approved:
        until = order.expires_at.astimezone(life.tz)
        yield Draft(at, on, "order.authorised", Money(order.authorised, order.currency), {"expires_on": until.date().isoformat()})
        if order.state == "expired":
            yield Draft(order.expires_at, until.date(), "order.expired", Money(order.released, order.currency), {})


def _shown(life: Life, quote: StoredQuote) -> Draft:
    """The plan as it was shown. To a merchant its shopper has no name here."""
    to = "anybody" if quote.consumer_id is None else ids.text("consumer", quote.consumer_id) if life.whole else "shopper"
    told = {"quote": ids.text("quote", quote.id), "shown_to": to, "language": quote.language}
    return Draft(quote.shown_at, quote.shown_on, "quote.shown", Money(life.order.shown_total, life.order.currency), told)


def _goods(life: Life) -> Iterator[Draft]:
    claims: list[Key]
    for capture in life.captures:
        claims = [("settlement_capture", life.loan_of.get(capture.id))] if life.whole else []
        told = {"capture": ids.text("capture", capture.id)}
        yield Draft(capture.captured_at, capture.captured_on, "order.captured", capture.amount, told, claims)
    for refund_id, group in groupby(sorted(life.refunds, key=lambda r: (r.refunded_at, r.refund_id)), key=lambda r: r.refund_id):
        shares = list(group)
        amount = Money(sum(share.amount.minor for share in shares), life.order.currency)
        claims = [("settlement_refund", life.loan_of.get(s.capture_id), s.refunded_at, s.amount.minor) for s in shares]
        told = {"refund": ids.text("refund", refund_id)}
        yield Draft(shares[0].refunded_at, shares[0].refunded_on, "order.refunded", amount, told, claims if life.whole else [])


def _loan_life(life: Life) -> Iterator[Draft]:
    collections = {collection.id: collection for collection in life.paid.collections}
    # A loan of 2026-2 gives back by the same entry what the merchant paid for it.
    returned = {each.item.source_id: -each.item.discount.minor for each in life.items if each.item.lived and each.item.kind == "refund"}
    came: set[str] = set()  # A payment over several loans is one entry, which one of its parts claims.
    for event in life.events:
        told = {"loan": ids.text("loan", event.loan_id)}
        if event.kind == "disbursed":
            yield Draft(event.recorded_at, event.recorded_on, "loan.booked", event.amount, told, [("loan.booked", event.loan_id)])
            continue
        kind, bill = f"loan.{event.kind}", None
        claims: list[Key] = [(kind, event.loan_id, event.recorded_at, event.amount.minor - returned.get(event.source_id, 0))]
        if event.reverses:  # No money moves: its entry clears nothing, and there is none where another repayment pays all of it.
            told["collection"] = ids.text("collection", event.reverses)
            moves = event.principal.minor or event.interest.minor or event.charges.minor or event.excess.minor
            claims = [(kind, event.loan_id, event.recorded_at, 0)] if moves else []
        if event.kind == "charged_back":  # It clears nothing either: what the bank took is posted with the refund that it is in payments.
            claims = [(kind, event.loan_id, event.recorded_at, 0)]
        if event.kind == "credit_refunded":  # It was owed to the consumer before, and is no entry.
            claims = []
        collection = collections.get(event.source_id)
        if event.kind == "repaid" and collection:
            told |= {"collection": ids.text("collection", collection.id), "provider_id": collection.provider_id}
            claims += [("collection", collection.reference)] if collection.reference not in came else []
            came.add(collection.reference)
            if collection.was_released:
                claims.append(("collection_released", event.loan_id, event.recorded_at, event.amount.minor))
            bill = (collection.reference,)
        yield Draft(event.recorded_at, event.recorded_on, kind, event.amount, told, claims, bill)


def _given_back(life: Life) -> Iterator[Draft]:
    for refund in life.paid.refunds:
        if refund.state == "succeeded" and refund.posted_on:
            told = {"reference": refund.reference, "provider_id": refund.provider_id}
            claims: list[Key] = [("channel_refund", refund.reference)]
            yield Draft(refund.attempted_at, refund.posted_on, "channel.refunded", refund.amount, told, claims, (refund.reference,))
        elif refund.state == "failed":
            on = refund.attempted_at.astimezone(life.tz).date()
            told = {"reference": refund.reference, "reason": refund.failure_code}
            yield Draft(refund.attempted_at, on, "channel.refused", refund.amount, told)


def _settling(life: Life) -> Iterator[Draft]:
    nothing = Money.zero(life.order.currency)
    for batch in life.batches.values():
        amount = sum((item.item.net for item in life.items if item.batch_id == batch.id), nothing)
        told = {"batch": ids.text("batch", batch.id), "pay_on": batch.pay_on.isoformat()}
        payouts = [payout for payout in life.payouts if payout.batch_id == batch.id]
        claims: list[Key] = []
        if life.whole and batch.totals.payout:
            claims = [("settlement_batch", batch.built_at), *(("payout_ordered", payout.ordered_at) for payout in payouts)]
        yield Draft(batch.built_at, batch.pay_on, "settlement.batched", amount, told, claims)
        for payout in payouts:
            yield from _paid_out(life, payout)


def _paid_out(life: Life, payout: Payout) -> Iterator[Draft]:
    told = {"payout": ids.text("payout", payout.id)} | ({"provider_id": payout.provider_id} if payout.provider_id else {})
    if payout.paid_on:
        claims: list[Key] = [("payout_paid", payout.reference)] if life.whole else []
        at = _on_or_after(life, payout.ordered_at, payout.paid_on)
        yield Draft(at, payout.paid_on, "payout.paid", payout.amount, told, claims, (payout.reference, "payout"))
    if payout.returned_on:
        rejected: Key = ("payout_rejected", payout.amount.minor, payout.returned_on)
        claim: Key = ("payout_returned", payout.reference) if payout.paid_on else rejected
        at = _on_or_after(life, payout.ordered_at, payout.returned_on)
        why = {"reason": payout.failure_code} if payout.failure_code else {}
        bill = (payout.reference, "payout_returned")
        yield Draft(at, payout.returned_on, "payout.returned", payout.amount, told | why, [claim] if life.whole else [], bill)


def _on_or_after(life: Life, known: datetime, on: date) -> datetime:
    """The bank tells the day only: its beginning, or the moment before which it cannot have been."""
    return max(known, datetime.combine(on, time(), life.tz))


def _falling_due(life: Life) -> Iterator[Draft]:
    for held in life.loans:
        for row in held.rows:
            if row.due_on <= life.as_of and row.asked:
                amount = Money(row.asked - row.late, held.dims.currency)
                told: dict[str, str | int] = {"no": row.no, "loan": ids.text("loan", held.dims.loan_id)}
                if row.late:
                    told["late_charges"] = str(Money(row.late, held.dims.currency))
                yield Draft(datetime.combine(row.due_on, time(), life.tz), row.due_on, "instalment.due", amount, told)


def _place_entries(life: Life, made: Sequence[Draft]) -> None:
    """Puts each entry under the happening that claims it; one that nothing claims under the last happening before it, never nowhere."""
    waiting: dict[Key, list[Draft]] = defaultdict(list)
    for draft in made:
        for claim in draft.claims:
            waiting[claim].append(draft)
    for lines in life.entries:
        key = _key(lines)
        if waiting[key]:
            owner = waiting[key].pop(0)
            owner.claims.remove(key)
            if owner.kind in ("channel.refunded", "payout.paid", "payout.returned"):
                owner.at = lines[0].recorded_at  # Of these only the entry knows the moment at which they were booked.
        elif lines[0].loan_id:
            earlier = [draft for draft in made if draft.at <= lines[0].recorded_at]
            owner = max(earlier or made, key=lambda draft: (draft.at, _KINDS.index(draft.kind)))
        else:
            continue  # What was available to the merchant also moved for other batches on these days.
        owner.entries.append(lines)


def _key(lines: Sequence[EntryLine]) -> Key:
    """By what an entry is known to the happening it belongs to."""
    head = lines[0]
    reference = next((line.reference for line in lines if line.reference), "")
    match head.kind:
        case "settlement_capture" | "loan.booked":
            return head.kind, head.loan_id
        case "collection" | "channel_refund" | "payout_paid" | "payout_returned":
            return head.kind, reference
        case "settlement_batch" | "payout_ordered":
            return head.kind, head.recorded_at
        case "payout_rejected":
            return head.kind, abs(head.amount.minor), head.effective_on
        case "loan.recovered":  # After a write-off: what came in by the clearing of purchases is the merchant's.
            kind = "loan.refunded" if any(line.code == "purchase_clearing" for line in lines) else "loan.repaid"
            return kind, head.loan_id, head.recorded_at, _cleared(lines)
    return head.kind, head.loan_id, head.recorded_at, _cleared(lines)


def _cleared(lines: Sequence[EntryLine]) -> int:
    """What an entry of a loan moved through the clearing of purchases or collections."""
    return next((abs(line.amount.minor) for line in lines if line.code in ("purchase_clearing", "collections_clearing")), 0)


def _place_bills(life: Life, made: list[Draft]) -> None:
    """Puts each bill line under the movement it tells of; one of a movement that we did not book is a happening of its own."""
    owners = {draft.bill: draft for draft in made if draft.bill}
    for line in life.bills:
        owner = owners.get((line.reference, line.kind)) or owners.get((line.reference,))
        if owner is None:
            told = {"source": line.source, "reference": line.reference}
            owner = Draft(line.occurred_at.replace(tzinfo=life.tz), line.on, "bill.line", line.amount, told)
            made.append(owner)
        owner.bills.append(line)
