"""Frozen values that pages and commands show: the life of an order, and the overview of a book. Codes and figures, no sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from yuefu.loans.queries.shown import RowState
from yuefu.money.amounts import Money

StageCode = Literal["order", "decision", "loan", "posting", "settlement", "repayment", "reconciliation"]
StageState = Literal["done", "partly", "waiting", "overdue", "none"]
"""none: this stage never comes for this order (a declined one has no loan); waiting: not due yet; overdue: due and missing."""


@dataclass(frozen=True, slots=True)
class Stage:
    code: StageCode
    state: StageState
    on: date | None
    """The day it was reached, or the day it falls due."""


@dataclass(frozen=True, slots=True)
class LineView:
    account: str
    account_en: str
    account_zh: str
    debit: Money | None
    credit: Money | None
    movement: str
    reference: str


@dataclass(frozen=True, slots=True)
class EntryView:
    public_id: str
    kind: str
    posted_on: date
    effective_on: date
    recorded_at: datetime
    actor: str
    lines: tuple[LineView, ...]


@dataclass(frozen=True, slots=True)
class BillView:
    """A line of a bill that belongs to the order: whose file, which day, what it says, how it compares with our books."""

    source: Literal["channel_trade", "channel_fund", "bank", "bank_client"]
    on: date
    line_no: int
    kind: str
    reference: str
    provider_id: str
    amount: Money
    outcome: str


@dataclass(frozen=True, slots=True)
class Happening:
    """One point of the timeline, oldest first."""

    at: datetime
    on: date
    kind: str
    """quote.shown, order.created, decision.approved|declined, order.authorised|captured|voided|expired|refunded, loan.booked, instalment.due,
    loan.repaid, loan.refunded, loan.charged_back, loan.reversed, loan.credit_refunded, settlement.batched,
    payout.paid|returned, channel.refunded|refused, bill.line"""
    amount: Money | None
    params: Mapping[str, str | int]
    entries: tuple[EntryView, ...] = ()
    bills: tuple[BillView, ...] = ()


@dataclass(frozen=True, slots=True)
class InstalmentView:
    loan: str
    no: int
    due_on: date
    principal: Money
    interest: Money
    charges: Money
    """Fees and late charges."""
    paid: Money
    """By the consumer."""
    refunded: Money
    """Settled by goods that went back, or by the lender."""
    to_pay: Money
    """What it still asks."""
    state: RowState


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole life of one order."""

    order_id: UUID
    public_id: str
    merchant_reference: str
    merchant_en: str
    merchant_zh: str
    channel: str
    consumer_ref: str
    product: str
    product_en: str
    product_zh: str
    periods: int
    amount: Money
    captured: Money
    refunded: Money
    state: str
    decision: str
    reasons: tuple[str, ...]
    as_of: date
    price_label: str
    total_payable: Money | None
    annual_cost_pct: str
    annual_cost_simple_pct: str
    disclosure_hash: str
    stages: tuple[Stage, ...]
    timeline: tuple[Happening, ...]
    instalments: tuple[InstalmentView, ...]


@dataclass(frozen=True, slots=True)
class OrderRow:
    public_id: str
    merchant_reference: str
    merchant_en: str
    merchant_zh: str
    amount: Money
    periods: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One business day of a book in figures."""

    on: date
    state: str
    orders: int
    approved: int
    declined: int
    captured: Money
    refunded: Money
    repaid: Money
    paid_out: Money


@dataclass(frozen=True, slots=True)
class BridgeView:
    """One source and day of reconciliation: bill − books = sum of the classified differences; the residual is what nobody can explain."""

    source: str
    on: date
    state: str
    bill: Money
    books: Money
    differences: Mapping[str, Money]
    residual: Money


@dataclass(frozen=True, slots=True)
class StopView:
    """A stop in force: what it stops and for what; `dimension` and both values are empty where that is the whole book."""

    public_id: str
    action: str
    dimension: str
    value_en: str
    value_zh: str
    reason: str
    set_by: str
    set_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The home page of a book: does it run, does it add up, what happened last."""

    book_code: str
    legal_entity: str
    mode: str
    today: DayFigures
    days: tuple[DayFigures, ...]
    """Up to 30 days, oldest first, today last."""
    loans_open: int
    principal_outstanding: Money
    overdue_loans: int
    owed_to_merchants: Money
    trial_balance_zero: bool
    last_closed_on: date | None
    days_waiting_to_close: tuple[date, ...]
    breaks_open: int
    bridges: tuple[BridgeView, ...]
    """The latest day of each source."""
    orders: tuple[OrderRow, ...]
    next_cursor: str
    """Give it back to see older orders; empty where there are none."""
    stops: tuple[StopView, ...] = ()
    """In force now, the oldest first."""
    set_aside: int = 0
    owed_undated: Money | None = None
    """Of what is owed to merchants, what has no pay day yet: it settles from an event that has not come."""
    """Requests that broke and wait for somebody to look."""
