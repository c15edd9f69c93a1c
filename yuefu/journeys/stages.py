"""How far an order has come: its stages, each done, under way, waiting for its day, or overdue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from uuid import UUID

from yuefu.journeys.life import DAY, Life, known_as
from yuefu.journeys.timeline import Draft
from yuefu.journeys.views import Stage, StageCode, StageState
from yuefu.settlement.queries import SettledItem

Reached = tuple[StageState, date | None]


def stages_of(life: Life, drafts: Sequence[Draft]) -> Iterator[Stage]:
    """A merchant has three; staff all seven."""
    reached: list[tuple[StageCode, Reached]] = [("order", _ordered(life)), ("decision", _decided(life))]
    settled = _settled(life)
    if life.whole:
        repaid = _repaid(life)
        reached += [("loan", _lent(life)), ("posting", _posted(life, drafts)), ("settlement", settled), ("repayment", repaid)]
        reached.append(("reconciliation", _reconciled(life, settled, repaid)))
    else:
        reached.append(("settlement", settled))
    return (Stage(code, state, on) for code, (state, on) in reached)


def _combined(parts: Iterable[Reached], life: Life) -> Reached:
    """One state of many parts: what is overdue first, then what is still to come; more may come while the order can be captured."""
    found = list(parts)
    if life.order.remaining:
        found.append(("waiting", life.capturable_until))
    if not found:
        return ("none", None)
    by_state = {state: [on for s, on in found if s == state and on] for state, _ in found}
    if "overdue" in by_state:
        return "overdue", min(by_state["overdue"], default=None)
    if "waiting" not in by_state:
        return "done", max(by_state["done"], default=None)
    return "partly" if "done" in by_state else "waiting", min(by_state["waiting"], default=None)


def _ordered(life: Life) -> Reached:
    until = life.capturable_until
    if until is None:
        return "done", max((capture.captured_on for capture in life.captures), default=life.placed.on)
    if until < life.as_of:
        return "overdue", until
    return "partly" if life.captures else "waiting", until


def _decided(life: Life) -> Reached:
    return "overdue" if life.whole and life.decision is None else "done", life.placed.on


def _lent(life: Life) -> Reached:
    return _combined((("done" if c.id in life.loan_of else "overdue", c.captured_on) for c in life.captures), life)


def _posted(life: Life, drafts: Sequence[Draft]) -> Reached:
    """Every claim of an entry is met; and of each capture there is something that claims one."""
    posting = [d for d in drafts if d.claims or d.entries]
    return _combined((("overdue" if d.claims else "done", d.on) for d in posting), life)


def _settled(life: Life) -> Reached:
    accrued = {item.item.source_id for item in life.items}
    missing: list[Reached] = [("overdue", c.captured_on) for c in life.captures if c.id not in accrued]
    missing += [("overdue", r.refunded_on) for r in life.refunds if r.id not in accrued]
    return _combined([*missing, *(_item_state(item, life) for item in life.items)], life)


def _item_state(item: SettledItem, life: Life) -> Reached:
    """Held by us, without a day yet, or on its way within its pay day is waiting; a batch that pays nothing is done when it is built."""
    due = item.pay_on or item.item.settles_on
    match item.batch_state:
        case "accrued":
            return "done", due
        case "paid" | "reconciled":
            return "done", next((p.paid_on for p in life.payouts if p.id == item.payout_id), None) or due
        case "held":
            return "waiting", None
        case "returned":
            return "overdue", due
    return "overdue" if due and due < life.as_of else "waiting", due


def _repaid(life: Life) -> Reached:
    last = max((event.recorded_on for event in life.events), default=None)
    parts: list[Reached] = []
    for held in life.loans:
        for row in held.rows:
            if not row.unpaid:
                parts.append(("done", last))
            else:
                parts.append(("overdue" if row.due_on < life.as_of else "waiting", row.due_on))
    return _combined(parts, life)


def _reconciled(life: Life, settled: Reached, repaid: Reached) -> Reached:
    """Of each movement: found in an item of its day's bill. A bill comes the day after, so until then it is waiting."""
    if life.is_over:
        return ("none", None)
    parts: list[Reached] = []
    for source, movement, on in _movements(life):
        if (source, movement) in life.classified:
            parts.append(("done", on))
        else:
            parts.append(("overdue" if on + DAY < life.as_of else "waiting", on + DAY))
    if any(state not in ("done", "none") for state, _ in (settled, repaid)):
        parts.append(("waiting", None))  # What is still to be paid will be in bills of days to come.
    return _combined(parts, life)


def _movements(life: Life) -> Iterator[tuple[str, UUID, date]]:
    """(source, movement, posting day) of all that bills should show, as reconciliation names movements."""
    for moved in life.channel_payments:
        if moved.state == "succeeded" and moved.posted_on:
            yield "channel_trade", known_as(moved), moved.posted_on
    for lines in life.entries:
        codes = {line.code for line in lines if line.movement}
        head = lines[0]
        if head.kind in ("collection", "channel_refund") and "channel_cash" in codes:
            yield "channel_fund", head.entry_id, head.posted_on
        paid = {payout.reference for payout in life.payouts}
        for code, source in (("client_cash", "bank_client"), ("bank_cash", "bank")):  # before there was client money, the own account paid
            if paid & {line.reference for line in lines if line.code == code}:
                yield source, head.entry_id, head.posted_on
