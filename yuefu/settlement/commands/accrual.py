"""Accrual: a capture or refund becomes an item of the merchant and is posted as owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract, Sold
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.calendars import calendar
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries, rules
from yuefu.settlement.rules import Item

SOURCE_REUSED = "source_reused"  # this capture or refund was accrued before with another amount or merchant

_ITEM: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "merchant_id": "uuid",
    "kind": "text",
    "order_id": "uuid",
    "source_id": "uuid",
    "capture_id": "uuid",
    "loan_id": "uuid",
    "funder_id": "uuid",
    "product": "text",
    "gross_minor": "bigint",
    "fee_minor": "bigint",
    "discount_minor": "bigint",
    "net_minor": "bigint",
    "currency": "text",
    "contract_version": "integer",
    "fee_on_refund": "text",
    "earned_on": "date",
    "settles_on": "date",
    "recorded_at": "timestamptz",
    "lived": "boolean",
    "due_on": "date",
}


@dataclass(frozen=True, slots=True)
class CaptureAccrual:
    """A captured amount. `discount_periods`: the number of periods of a plan that the merchant makes interest-free, else None. `lived`: the loan is
    one of rule version 2026-2. `channel` and `periods` are those of the order: what it costs may depend on them."""

    capture_id: UUID
    order_id: UUID
    merchant_id: UUID
    loan_id: UUID | None
    funder_id: UUID | None
    product: str
    gross: Money
    discount_periods: int | None
    earned_on: date
    lived: bool = False
    channel: str = ""
    periods: int = 0


@dataclass(frozen=True, slots=True)
class RefundAccrual:
    """An amount of a capture that goes back to the consumer."""

    refund_id: UUID
    capture_id: UUID
    amount: Money
    earned_on: date


Accrual = CaptureAccrual | RefundAccrual


def accrue(*, work: UnitOfWork, items: Sequence[Accrual]) -> list[Item | Refused]:
    """Makes and posts an item for each capture and refund, in order: a refund may follow its capture in one batch.

    A capture or refund accrued before returns its item. Fee and discount by the contract in force on `earned_on`, and by what the merchant sold
    in the month before, where they depend on it; a refund returns them, or not, by the contract of its capture. Settles T+N business days after
    `earned_on`; a capture later, where the contract holds it (`merchants.holds`). Refused with NO_CONTRACT, NO_SUCH_PLAN, AMOUNT_NOT_POSITIVE,
    CURRENCY_DIFFERS, UNKNOWN_CAPTURE, REFUND_EXCEEDS_CAPTURE, SOURCE_REUSED, or as the ledger refuses.
    """
    state = _load(work, items)
    outcomes: list[Item | Refused] = []
    fresh: dict[int, Item] = {}
    for accrual in items:
        outcome = state.decide(accrual)
        if isinstance(outcome, Item) and (outcome.kind, outcome.source_id) not in state.known:
            fresh[len(outcomes)] = outcome
            state.add(outcome)
        outcomes.append(outcome)
    posted = ledger.post(work=work, entries=[entries.accrued(item) for item in fresh.values()]) if fresh else []
    refused = {i: p for i, p in zip(fresh, posted, strict=True) if isinstance(p, Refused)}
    for index, refusal in refused.items():
        outcomes[index] = refusal
    insert_items(work, [item for i, item in fresh.items() if i not in refused])
    new = list(fresh.values())
    audit.record(
        work=work,
        action="settlement.accrue",
        object_kind="settlement_item",
        object_ids=[item.id for item in new],
        causes=[item.source_id for item in new],
    )
    return outcomes


def insert_items(work: UnitOfWork, items: Sequence[Item]) -> None:
    """Stores items; one statement."""
    values = [
        (
            *(i.id, work.book.id, i.merchant_id, i.kind, i.order_id, i.source_id, i.capture_id, i.loan_id, i.funder_id, i.product),
            *(i.gross.minor, i.fee.minor, i.discount.minor, i.net.minor, i.net.currency, i.contract_version, i.fee_on_refund),
            *(i.earned_on, i.settles_on, work.now, i.lived, i.due_on),
        )
        for i in items
    ]
    sql.insert("settlement_item", _ITEM, values)


class _State:
    """What is known while a batch is decided; each accrual sees the items before it."""

    def __init__(
        self,
        work: UnitOfWork,
        known: dict[tuple[str, UUID], Item],
        refunded: dict[UUID, int],
        contracts: Mapping[date, Mapping[UUID, Contract]],
        volumes: Mapping[tuple[date, UUID], Money],
        proven: set[UUID],
    ) -> None:
        self.known = known
        self._work = work
        self._refunded = refunded
        self._contracts = contracts
        self._volumes = volumes
        self._proven = proven
        self._settles: dict[tuple[date, int], date] = {}

    def decide(self, accrual: Accrual) -> Item | Refused:
        amount = accrual.gross if isinstance(accrual, CaptureAccrual) else accrual.amount
        if amount.currency != self._work.book.currency:
            return Refused(rules.CURRENCY_DIFFERS, f"this book is kept in {self._work.book.currency}", "amount")
        if amount.minor <= 0:
            return Refused(rules.AMOUNT_NOT_POSITIVE, "an amount above zero is needed", "amount")
        return self._capture(accrual) if isinstance(accrual, CaptureAccrual) else self._refund(accrual)

    def add(self, item: Item) -> None:
        self.known[item.kind, item.source_id] = item
        if item.kind == "refund" and item.capture_id is not None:
            self._refunded[item.capture_id] = self._refunded.get(item.capture_id, 0) - item.gross.minor

    def _capture(self, accrual: CaptureAccrual) -> Item | Refused:
        if earlier := self.known.get(("capture", accrual.capture_id)):
            same = earlier.gross == accrual.gross and earlier.merchant_id == accrual.merchant_id
            return (
                earlier if same else Refused(SOURCE_REUSED, "this capture was accrued before with another amount or merchant", "capture_id")
            )
        contract = self._contracts.get(accrual.earned_on, {}).get(accrual.merchant_id)
        if contract is None:
            return Refused(rules.NO_CONTRACT, f"the merchant has no contract in force on {accrual.earned_on}", "merchant_id")
        discount = Rate(0) if accrual.discount_periods is None else contract.discount_rate(accrual.discount_periods)
        if discount is None:
            return Refused(
                rules.NO_SUCH_PLAN, f"the contract has no interest-free plan of {accrual.discount_periods} periods", "discount_periods"
            )
        nothing = Money.zero(accrual.gross.currency)
        sold = Sold(accrual.product, accrual.channel, accrual.periods)
        fee_rate, fixed = contract.fee_of(sold, self._volumes.get((accrual.earned_on, accrual.merchant_id), nothing))
        share = rules.capture_share(accrual.gross, fee_rate=fee_rate, fixed=fixed, discount_rate=discount)
        holds = contract.terms.holds
        due_on = self._settles_on(accrual.earned_on, contract.terms.settlement_days + holds.more_days)
        return Item(
            id=self._work.ids.new(self._work.now),
            merchant_id=accrual.merchant_id,
            kind="capture",
            order_id=accrual.order_id,
            source_id=accrual.capture_id,
            capture_id=accrual.capture_id,
            loan_id=accrual.loan_id,
            funder_id=accrual.funder_id,
            product=accrual.product,
            gross=accrual.gross,
            fee=share.fee,
            discount=share.discount,
            net=share.net,
            contract_version=contract.version,
            fee_on_refund=contract.terms.fee_on_refund,
            earned_on=accrual.earned_on,
            settles_on=due_on + timedelta(days=holds.evidence_days),
            lived=accrual.lived,
            due_on=due_on if holds.evidence_days else None,
        )

    def _refund(self, accrual: RefundAccrual) -> Item | Refused:
        if earlier := self.known.get(("refund", accrual.refund_id)):
            same = earlier.gross == -accrual.amount and earlier.capture_id == accrual.capture_id
            return earlier if same else Refused(SOURCE_REUSED, "this refund has another amount or capture already", "refund_id")
        capture = self.known.get(("capture", accrual.capture_id))
        if capture is None:
            return Refused(rules.UNKNOWN_CAPTURE, "this capture was never accrued", "capture_id")
        before = Money(self._refunded.get(accrual.capture_id, 0), accrual.amount.currency)
        if before + accrual.amount > capture.gross:
            return Refused(rules.REFUND_EXCEEDS_CAPTURE, f"{capture.gross - before} of the capture is left", "amount")
        share = rules.refund_share(capture, refunded_before=before, amount=accrual.amount)
        contract = self._contracts.get(accrual.earned_on, {}).get(capture.merchant_id)
        due_on = self._settles_on(accrual.earned_on, contract.terms.settlement_days if contract else 0)
        # While its money waits for evidence, what goes back of a capture is deducted from it and from nothing else.
        waits = capture.due_on is not None and capture.id not in self._proven and capture.settles_on > due_on
        return Item(
            id=self._work.ids.new(self._work.now),
            merchant_id=capture.merchant_id,
            kind="refund",
            order_id=capture.order_id,
            source_id=accrual.refund_id,
            capture_id=capture.source_id,
            loan_id=capture.loan_id,
            funder_id=capture.funder_id,
            product=capture.product,
            gross=-accrual.amount,
            fee=-share.fee,
            discount=-share.discount,
            net=-share.net,
            contract_version=capture.contract_version,
            fee_on_refund=capture.fee_on_refund,
            earned_on=accrual.earned_on,
            settles_on=capture.settles_on if waits else due_on,
            lived=capture.lived,
            due_on=due_on if waits else None,
        )

    def _settles_on(self, earned_on: date, days: int) -> date:
        found = self._settles.get((earned_on, days))
        if found is None:
            # T+60, 60 days more and the longest holidays stay within the following year.
            of_book = calendar(self._work.book.calendar, earned_on.year, earned_on.year + 1)
            found = self._settles[earned_on, days] = of_book.add_business_days(earned_on, days)
        return found


def _load(work: UnitOfWork, items: Sequence[Accrual]) -> _State:
    captures = [i for i in items if isinstance(i, CaptureAccrual)]
    refunds = [i for i in items if isinstance(i, RefundAccrual)]
    refunded_captures = sorted({r.capture_id for r in refunds})
    if refunded_captures:
        # Items are append-only and cannot be locked: refunds of one capture queue here, so that cumulative fees and limits hold.
        locks.wait_for_each(locks.CAPTURE, refunded_captures)
    sources = [("capture", c.capture_id) for c in captures] + [("capture", c) for c in refunded_captures]
    known = queries.items_of_sources(book_id=work.book.id, sources=sources + [("refund", r.refund_id) for r in refunds])
    refunded = queries.refunded_of_captures(book_id=work.book.id, capture_ids=refunded_captures) if refunds else {}
    wanted: dict[date, set[UUID]] = {}
    for capture in captures:
        wanted.setdefault(capture.earned_on, set()).add(capture.merchant_id)
    merchants_of = {k[1]: item.merchant_id for k, item in known.items()} | {c.capture_id: c.merchant_id for c in captures}
    for refund in refunds:
        if refund.capture_id in merchants_of:
            wanted.setdefault(refund.earned_on, set()).add(merchants_of[refund.capture_id])
    contracts = {on: merchants.contracts_in_force(merchant_ids=sorted(who), on=on) for on, who in wanted.items()}
    waiting = [item.id for item in known.values() if item.due_on is not None] if refunds else []
    proven = queries.proven(item_ids=waiting) if waiting else set()
    return _State(work, known, refunded, contracts, _volumes(work, contracts), proven)


def _volumes(work: UnitOfWork, contracts: Mapping[date, Mapping[UUID, Contract]]) -> dict[tuple[date, UUID], Money]:
    """What merchants sold in the month before a day, for those whose fees depend on it."""
    found: dict[tuple[date, UUID], Money] = {}
    for on, of_merchants in contracts.items():  # nearly always one day
        asked = [merchant_id for merchant_id, contract in of_merchants.items() if contract.by_volume]
        last = on.replace(day=1) - timedelta(days=1)
        sold = queries.sold(book_id=work.book.id, merchant_ids=asked, since=last.replace(day=1), until=last) if asked else {}
        found |= {(on, merchant_id): Money(minor, work.book.currency) for merchant_id, minor in sold.items()}
    return found
