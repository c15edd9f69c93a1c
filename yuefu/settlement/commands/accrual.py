"""Accrual: a capture or refund becomes an item of the merchant and is posted as owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract, Sold
from yuefu.merchants.rules.cycle import CAPTURE, PERIOD
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries, rules
from yuefu.settlement.commands.due_days import DueDays
from yuefu.settlement.commands.evidence import give_back, told_ahead
from yuefu.settlement.commands.shares import Return, Sale, share
from yuefu.settlement.queries import Event
from yuefu.settlement.rules import GivenBack, Item
from yuefu.settlement.rules.parts import COLLECTION

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
    "vat_minor": "bigint",
    "event": "text",
    "due_on": "date",
}

_FROM_EVENT: Final = {"settle_from": "text", "settle_days": "smallint"}


@dataclass(frozen=True, slots=True)
class CaptureAccrual:
    """A captured amount. `discount_periods`: the number of periods of a plan that the merchant makes interest-free, else None. `lived`: the loan is
    one of rule version 2026-2. `channel`, `periods` and `category` are those of the order: what it costs may depend on them; `host_id` is who sold it live."""

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
    host_id: UUID | None = None
    category: str = ""


@dataclass(frozen=True, slots=True)
class RefundAccrual:
    """An amount of a capture that goes back to the consumer. `event`: refund, rejection (goods refused at the door) or charge_back."""

    refund_id: UUID
    capture_id: UUID
    amount: Money
    earned_on: date
    event: str = "refund"


Accrual = CaptureAccrual | RefundAccrual


def accrue(*, work: UnitOfWork, items: Sequence[Accrual]) -> list[Item | Refused]:
    """Makes and posts an item for each capture and refund, in order: a refund may follow its capture in one batch.

    A capture or refund accrued before returns its item. Fee and discount by the contract in force on `earned_on`, and by what the merchant sold
    in the month before, where they depend on it; a refund returns them, or not, by the contract of its capture. Settles T+N business days after
    `earned_on`; a capture later, where the contract holds it (`merchants.rules.holds`); without a day, where it counts from an event that has not come,
    and what goes back of it then with it, or both at once when all of it went back. Refused with NO_CONTRACT, NO_SUCH_PLAN, AMOUNT_NOT_POSITIVE,
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
    written = [item for i, item in fresh.items() if i not in refused]
    insert_items(work, written)
    _settle_from_events(work, state, written)
    _share(work, state, [(items[i], item) for i, item in fresh.items() if i not in refused])
    new = list(fresh.values())
    audit.record(
        work=work,
        action="settlement.accrue",
        object_kind="settlement_item",
        object_ids=[item.id for item in new],
        causes=[item.source_id for item in new],
    )
    return outcomes


def _settle_from_events(work: UnitOfWork, state: _State, written: Sequence[Item]) -> None:
    """What was told before a capture is known of it, and what went back whole waits for nothing."""
    eventful = [item for item in written if item.settles_on is None]
    captures = [item for item in eventful if item.kind == "capture" and item.settle_from != COLLECTION]
    if captures:
        told_ahead(work=work, days=state.days, captures=captures)
    whole = {
        item.capture_id: (item.source_id, state.refund_settles_on(item))
        for item in eventful
        if item.kind == "refund" and item.capture_id and state.is_whole(item.capture_id)
    }
    if whole:
        give_back(work=work, whole=whole)


def _share(work: UnitOfWork, state: _State, written: Sequence[tuple[Accrual, Item]]) -> None:
    """What others have of the fees of new captures, and give back of new refunds."""
    sales, returns, before = [], [], dict(state.given_back_before)
    for accrual, item in written:
        if isinstance(accrual, CaptureAccrual):
            contract = state.contract_of(item)
            if contract is not None and contract.terms.sharing:
                sales.append(Sale(item, contract, accrual.host_id))
            continue
        capture = state.known["capture", accrual.capture_id]
        contract = state.contract_of(capture)
        refunded = before.get(accrual.capture_id, 0)
        before[accrual.capture_id] = refunded + accrual.amount.minor
        if contract is not None and contract.terms.sharing:
            returns.append(Return(item, capture, Money(refunded, accrual.amount.currency)))
    share(work=work, sales=sales, returns=returns)


def insert_items(work: UnitOfWork, items: Sequence[Item]) -> None:
    """Stores items; one statement."""
    values: list[tuple[Any, ...]] = [
        (
            *(i.id, work.book.id, i.merchant_id, i.kind, i.order_id, i.source_id, i.capture_id, i.loan_id, i.funder_id, i.product),
            *(i.gross.minor, i.fee.minor, i.discount.minor, i.net.minor, i.net.currency, i.contract_version, i.fee_on_refund),
            *(i.earned_on, i.settles_on, work.now, i.lived, i.vat.minor, i.event, i.due_on),
        )
        for i in items
    ]
    if all(i.settles_on for i in items):  # Nearly always: no more is carried for what few contracts say.
        sql.insert("settlement_item", _ITEM, values)
        return
    values = [(*row, i.settle_from, i.settle_days) for row, i in zip(values, items, strict=True)]
    sql.insert("settlement_item", _ITEM | _FROM_EVENT, values)


class _State:
    """What is known while a batch is decided; each accrual sees the items before it."""

    def __init__(
        self,
        work: UnitOfWork,
        known: dict[tuple[str, UUID], Item],
        given_back: dict[UUID, GivenBack],
        contracts: Mapping[date, Mapping[UUID, Contract]],
        agreed: Mapping[tuple[UUID, int], Contract],
        volumes: Mapping[tuple[date, UUID], Money],
        told: Mapping[UUID, Event],
    ) -> None:
        self.known = known
        self._work = work
        self._given_back = given_back
        self.given_back_before = {capture_id: back.gross.minor for capture_id, back in given_back.items()}
        self._agreed = agreed
        self._contracts = contracts
        self._volumes = volumes
        self._told = told
        self.days = DueDays(work.book)

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
            before = self._before(item.capture_id, item.gross.currency)
            after = GivenBack(before.gross - item.gross, before.fee - item.fee, before.discount - item.discount)
            self._given_back[item.capture_id] = after

    def contract_of(self, capture: Item) -> Contract | None:
        """The contract that a capture was made under."""
        return self._agreed.get((capture.merchant_id, capture.contract_version))

    def _before(self, capture_id: UUID, currency: str) -> GivenBack:
        return self._given_back.get(capture_id) or GivenBack.nothing(currency)

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
        sold = Sold(accrual.product, accrual.channel, accrual.periods, accrual.category)
        fee_rate, fixed = contract.fee_of(sold, self._volumes.get((accrual.earned_on, accrual.merchant_id), nothing))
        share = rules.capture_share(accrual.gross, fee_rate=fee_rate, fixed=fixed, discount_rate=discount)
        holds = contract.terms.holds
        since = COLLECTION if contract.terms.settle_by == PERIOD else contract.terms.settle_from
        from_event = since != CAPTURE
        days = contract.terms.settlement_days + holds.more_days
        due_on = self.days.after(accrual.earned_on, days)
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
            vat=rules.vat_of(share.fee, Rate(contract.terms.vat_ppm)),
            contract_version=contract.version,
            fee_on_refund=contract.terms.fee_on_refund,
            earned_on=accrual.earned_on,
            settles_on=None if from_event else self.days.after(due_on + timedelta(days=holds.evidence_days), 0),
            lived=accrual.lived,
            due_on=due_on if holds.evidence_days else None,
            settle_from=since if from_event else "",
            settle_days=days if from_event else 0,
        )

    def _refund(self, accrual: RefundAccrual) -> Item | Refused:
        if earlier := self.known.get(("refund", accrual.refund_id)):
            same = earlier.gross == -accrual.amount and earlier.capture_id == accrual.capture_id
            return earlier if same else Refused(SOURCE_REUSED, "this refund has another amount or capture already", "refund_id")
        capture = self.known.get(("capture", accrual.capture_id))
        if capture is None:
            return Refused(rules.UNKNOWN_CAPTURE, "this capture was never accrued", "capture_id")
        before = self._before(accrual.capture_id, accrual.amount.currency)
        if before.gross + accrual.amount > capture.gross:
            return Refused(rules.REFUND_EXCEEDS_CAPTURE, f"{capture.gross - before.gross} of the capture is left", "amount")
        event = rules.way_back(accrual.event, capture, before=before, amount=accrual.amount, on=accrual.earned_on)
        treatment = self._treatment(capture, event)
        share = rules.refund_share(capture, before=before, amount=accrual.amount, treatment=treatment)
        due_on = self._refund_due(capture.merchant_id, accrual.earned_on)
        untold = capture.id not in self._told
        # While its money waits for evidence, what goes back of a capture is deducted from it and from nothing else.
        waits = untold and capture.due_on is not None and capture.settles_on is not None and capture.settles_on > due_on
        without_a_day = untold and capture.settles_on is None
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
            vat=-share.vat,
            contract_version=capture.contract_version,
            fee_on_refund=treatment,
            earned_on=accrual.earned_on,
            settles_on=None if without_a_day else capture.settles_on if waits else due_on,
            lived=capture.lived,
            event=event,
            due_on=max(due_on, capture.due_on) if waits and capture.due_on else None,
            settle_from=capture.settle_from if without_a_day else "",
            settle_days=capture.settle_days if without_a_day else 0,
        )

    def _treatment(self, capture: Item, event: str) -> str:
        """What becomes of the fee: as the contract said that the capture was made under."""
        agreed = self.contract_of(capture)
        return agreed.terms.fee_treatment(event) if agreed and event != "refund" else capture.fee_on_refund

    def _refund_due(self, merchant_id: UUID, on: date) -> date:
        contract = self._contracts.get(on, {}).get(merchant_id)
        return self.days.after(on, contract.terms.settlement_days if contract else 0)

    def refund_settles_on(self, item: Item) -> date:
        """The day on which a refund settles that waits for nothing."""
        return self._refund_due(item.merchant_id, item.earned_on)

    def is_whole(self, capture_id: UUID) -> bool:
        """Whether all of a capture went back."""
        return self._given_back[capture_id].gross == self.known["capture", capture_id].gross


def _load(work: UnitOfWork, items: Sequence[Accrual]) -> _State:
    captures = [i for i in items if isinstance(i, CaptureAccrual)]
    refunds = [i for i in items if isinstance(i, RefundAccrual)]
    refunded_captures = sorted({r.capture_id for r in refunds})
    if refunded_captures:
        # Items are append-only and cannot be locked: refunds of one capture queue here, so that cumulative fees and limits hold.
        locks.wait_for_each(locks.CAPTURE, refunded_captures)
    sources = [("capture", c.capture_id) for c in captures] + [("capture", c) for c in refunded_captures]
    known = queries.items_of_sources(book_id=work.book.id, sources=sources + [("refund", r.refund_id) for r in refunds])
    given_back = queries.given_back(book_id=work.book.id, capture_ids=refunded_captures) if refunds else {}
    wanted: dict[date, set[UUID]] = {}
    for capture in captures:
        wanted.setdefault(capture.earned_on, set()).add(capture.merchant_id)
    merchants_of = {k[1]: item.merchant_id for k, item in known.items()} | {c.capture_id: c.merchant_id for c in captures}
    for refund in refunds:
        if refund.capture_id in merchants_of:
            wanted.setdefault(refund.earned_on, set()).add(merchants_of[refund.capture_id])
    contracts = {on: merchants.contracts_in_force(merchant_ids=sorted(who), on=on) for on, who in wanted.items()}
    waiting = [item.id for item in known.values() if item.due_on is not None or item.settles_on is None] if refunds else []
    told = queries.events(item_ids=waiting) if waiting else {}
    agreed = _agreed(known, refunded_captures, contracts)
    return _State(work, known, given_back, contracts, agreed, _volumes(work, contracts), told)


def _agreed(
    known: Mapping[tuple[str, UUID], Item], refunded: Sequence[UUID], contracts: Mapping[date, Mapping[UUID, Contract]]
) -> dict[tuple[UUID, int], Contract]:
    """The contracts that captures were made under of which something comes back."""
    found = {(merchant_id, c.version): c for of_day in contracts.values() for merchant_id, c in of_day.items()}
    made = [item for capture_id in refunded if (item := known.get(("capture", capture_id)))]
    asked = {(item.merchant_id, item.contract_version) for item in made} - found.keys()
    return found | merchants.contracts_by_version(versions=sorted(asked))


def _volumes(work: UnitOfWork, contracts: Mapping[date, Mapping[UUID, Contract]]) -> dict[tuple[date, UUID], Money]:
    """What merchants sold in the month before a day, for those whose fees depend on it."""
    found: dict[tuple[date, UUID], Money] = {}
    for on, of_merchants in contracts.items():  # nearly always one day
        asked = [merchant_id for merchant_id, contract in of_merchants.items() if contract.by_volume]
        last = on.replace(day=1) - timedelta(days=1)
        sold = queries.sold(book_id=work.book.id, merchant_ids=asked, since=last.replace(day=1), until=last) if asked else {}
        found |= {(on, merchant_id): Money(minor, work.book.currency) for merchant_id, minor in sold.items()}
    return found
