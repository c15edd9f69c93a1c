"""What the API answers and takes. Made by tools/client_models.py; nothing here is changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, TypedDict

from yuefu_client.decoding import KINDS, Model, Parser, day, many, moment, named, same

API_VERSION = "2026-11-28"
"""The version of the API that these are made for."""


@dataclass(frozen=True)
class Run(Model):
    """So many instalments of so much each."""

    count: int
    amount: int


@dataclass(frozen=True)
class PriceLabel(Model):
    """What one plan costs. `label` adds up to the cent; show it whole, with `disclosure` beside it."""

    object: str
    product: str
    periods: int
    amount: int
    currency: str
    instalments: tuple[Run, ...]
    largest_instalment: int
    total_payable: int
    total_interest: int
    annual_cost_pct: str
    annual_cost_simple_pct: str
    first_due_on: date
    label: str
    disclosure: str
    lender: str

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "instalments": many(Run.of),
        "first_due_on": day,
    }


@dataclass(frozen=True)
class Instalment(Model):
    """Instalment."""

    no: int
    due_on: date
    principal: int
    interest: int
    total: int

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "due_on": day,
    }


@dataclass(frozen=True)
class Quote(Model):
    """A price that may be shown to the consumer today, with the summary of its cost table."""

    object: str
    id: str
    product: str
    consumer: str | None
    language: str
    amount: int
    currency: str
    periods: int
    instalments: tuple[Instalment, ...]
    total_payable: int
    total_interest: int
    annual_cost_pct: str
    annual_cost_simple_pct: str
    shown_on: date
    disclosure: str
    disclosure_sha256: str

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "instalments": many(Instalment.of),
        "shown_on": day,
    }


@dataclass(frozen=True)
class Line(Model):
    """Line."""

    name: str
    quantity: int
    unit_amount: int
    amount: int
    sku: str | None
    cash_price: int | None
    tax: int | None
    serial_number: str | None
    category: str | None
    image_url: str | None


@dataclass(frozen=True)
class CheckoutSessionOpened(Model):
    """A session as it was opened: send the consumer to `url`."""

    object: str
    id: str
    url: str
    merchant_reference: str
    channel: str
    amount: int
    currency: str
    lines: tuple[Line, ...]
    allowed_products: tuple[str, ...]
    allowed_periods: tuple[int, ...]
    success_url: str | None
    cancel_url: str | None
    store: str | None
    terminal: str | None
    consumer: str | None
    language: str | None
    created_at: datetime
    expires_at: datetime
    metadata: Mapping[str, str]
    state: str
    order: None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "lines": many(Line.of),
        "allowed_products": many(same),
        "allowed_periods": many(same),
        "created_at": moment,
        "expires_at": moment,
    }


@dataclass(frozen=True)
class CheckoutSession(Model):
    """A session as it is at this moment. One that is completed has its order."""

    object: str
    id: str
    url: str
    merchant_reference: str
    channel: str
    amount: int
    currency: str
    lines: tuple[Line, ...]
    allowed_products: tuple[str, ...]
    allowed_periods: tuple[int, ...]
    success_url: str | None
    cancel_url: str | None
    store: str | None
    terminal: str | None
    consumer: str | None
    language: str | None
    created_at: datetime
    expires_at: datetime
    metadata: Mapping[str, str]
    state: str  # open, completed, expired, cancelled
    order: str | Order | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "lines": many(Line.of),
        "allowed_products": many(same),
        "allowed_periods": many(same),
        "created_at": moment,
        "expires_at": moment,
        "order": named,
    }


@dataclass(frozen=True)
class Metadata(Model):
    """All metadata of an object after a change."""

    object: str
    id: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class CheckoutSessionEnded(Model):
    """Checkout session ended."""

    object: str
    id: str
    state: str


@dataclass(frozen=True)
class Merchant(Model):
    """A merchant. An agent acts for it with the header On-Behalf-Of and its id, in all other routes."""

    object: str
    id: str
    code: str
    name_zh: str
    name_en: str
    industry: str
    state: str  # active, suspended, closed
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
    }


@dataclass(frozen=True)
class Store(Model):
    """Store."""

    object: str
    id: str
    code: str
    name_zh: str
    name_en: str
    address: str
    state: str  # active, closed
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
    }


@dataclass(frozen=True)
class StoreClosed(Model):
    """Store closed."""

    object: str
    id: str
    state: str


@dataclass(frozen=True)
class Terminal(Model):
    """Terminal."""

    object: str
    id: str
    store: str | Store
    code: str
    state: str  # active, closed
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "store": named,
        "created_at": moment,
    }


@dataclass(frozen=True)
class TerminalClosed(Model):
    """Terminal closed."""

    object: str
    id: str
    state: str


@dataclass(frozen=True)
class QrCode(Model):
    """A code: `url` is what it says, `svg` the picture of it; `svg_url` and `png_url` are where browsers find the picture."""

    object: str
    id: str
    kind: str  # static, dynamic
    url: str
    svg_url: str
    png_url: str
    svg: str
    store: str | None
    terminal: str | None
    checkout_session: str | None
    amount_by: str | None
    created_at: datetime
    expires_at: datetime | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
        "expires_at": moment,
    }


@dataclass(frozen=True)
class OrderPlaced(Model):
    """An order as it was when it was placed."""

    object: str
    id: str
    state: str
    merchant_reference: str
    consumer: str
    quote: str
    channel: str
    amount: int
    currency: str
    amount_captured: int
    amount_released: int
    amount_refunded: int
    created_at: datetime
    expires_at: datetime
    lines: tuple[Line, ...]
    metadata: Mapping[str, str]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
        "expires_at": moment,
        "lines": many(Line.of),
    }


@dataclass(frozen=True)
class CaptureOf(Model):
    """Capture of."""

    id: str
    amount: int
    amount_refunded: int
    captured_on: date

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "captured_on": day,
    }


@dataclass(frozen=True)
class Order(Model):
    """An order as it is."""

    object: str
    id: str
    state: str
    merchant_reference: str
    consumer: str
    quote: str | None
    channel: str
    amount: int
    currency: str
    amount_captured: int
    amount_released: int
    amount_refunded: int
    created_at: datetime
    expires_at: datetime
    product: str
    periods: int
    captures: tuple[CaptureOf, ...]
    lines: tuple[Line, ...]
    store: str | None
    terminal: str | None
    metadata: Mapping[str, str]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
        "expires_at": moment,
        "captures": many(CaptureOf.of),
        "lines": many(Line.of),
    }


@dataclass(frozen=True)
class Pieces(Model):
    """Pieces."""

    line: int
    quantity: int


@dataclass(frozen=True)
class Shipment(Model):
    """Shipment."""

    carrier: str
    tracking_number: str
    shipped_at: datetime | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "shipped_at": moment,
    }


@dataclass(frozen=True)
class CaptureMade(Model):
    """Capture made."""

    object: str
    id: str
    order: str
    loan: str
    amount: int
    currency: str
    lines: tuple[Pieces, ...]
    shipping: tuple[Shipment, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "lines": many(Pieces.of),
        "shipping": many(Shipment.of),
    }


@dataclass(frozen=True)
class VoidMade(Model):
    """Void made."""

    object: str
    order: str
    amount: int
    currency: str


@dataclass(frozen=True)
class ReleaseMade(Model):
    """Release made."""

    object: str
    order: str
    amount: int
    currency: str


@dataclass(frozen=True)
class ExtensionMade(Model):
    """Until when the order can be captured."""

    object: str
    order: str
    expires_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "expires_at": moment,
    }


@dataclass(frozen=True)
class RefundMade(Model):
    """Refund made."""

    object: str
    id: str
    order: str
    amount: int
    currency: str
    lines: tuple[Pieces, ...]
    metadata: Mapping[str, str]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "lines": many(Pieces.of),
    }


@dataclass(frozen=True)
class Capture(Model):
    """A part of an order that was delivered, or all of it."""

    object: str
    id: str
    order: str | Order
    merchant_reference: str
    loan: str | Loan | None
    number: int
    amount: int
    amount_refunded: int
    currency: str
    captured_on: date
    created_at: datetime
    lines: tuple[Pieces, ...]
    shipping: tuple[Shipment, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "order": named,
        "loan": named,
        "captured_on": day,
        "created_at": moment,
        "lines": many(Pieces.of),
        "shipping": many(Shipment.of),
    }


@dataclass(frozen=True)
class RefundShare(Model):
    """What one capture bears of a refund."""

    capture: str
    amount: int


@dataclass(frozen=True)
class Refund(Model):
    """Goods of an order that came back. `state` is that of the money which the consumer is owed for them: `succeeded` once
    they have all of it, at once where the loan took it; `failed` while the payment channel refuses some of it, which is
    tried again each business day. `reason` says which way back it was: a refund, a reversal (whole, on its own day), a
    rejection at the door, or a charge_back.
    """

    object: str
    id: str
    order: str | Order
    merchant_reference: str
    state: str  # pending, succeeded, failed
    reason: str
    amount: int
    currency: str
    captures: tuple[RefundShare, ...]
    refunded_on: date
    created_at: datetime
    lines: tuple[Pieces, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "order": named,
        "captures": many(RefundShare.of),
        "refunded_on": day,
        "created_at": moment,
        "lines": many(Pieces.of),
    }


@dataclass(frozen=True)
class InstalmentPlanned(Model):
    """Instalment planned."""

    no: int
    due_on: date
    principal: int
    interest: int
    fees: int
    total: int

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "due_on": day,
    }


@dataclass(frozen=True)
class Loan(Model):
    """What was lent for a capture, and the instalments as they were planned that day. Of what the consumer has paid since it
    tells one thing: a loan that is `closed` asks nothing any more.
    """

    object: str
    id: str
    order: str | Order
    capture: str | Capture | None
    state: str  # active, closed
    product: str
    amount: int
    currency: str
    lent_on: date
    created_at: datetime
    instalments: tuple[InstalmentPlanned, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "order": named,
        "capture": named,
        "lent_on": day,
        "created_at": moment,
        "instalments": many(InstalmentPlanned.of),
    }


@dataclass(frozen=True)
class RepaymentMade(Model):
    """Money that came from the consumer. What was not applied to the loan, because it was not due, is on its way back to them."""

    object: str
    id: str
    loan: str
    amount: int
    amount_applied: int
    amount_returned: int
    currency: str


@dataclass(frozen=True)
class EventData(Model):
    """The object as it was, and those of its members that were different before, as they were."""

    object: Mapping[str, Any]
    previous_attributes: Mapping[str, Any]


@dataclass(frozen=True)
class EventRequest(Model):
    """The request that led to the event; empty where none over this API did."""

    id: str | None
    idempotency_key: str | None


@dataclass(frozen=True)
class Event(Model):
    """Something that happened."""

    id: str
    object: str
    type: str
    api_version: str
    created: datetime
    livemode: bool
    data: EventData
    request: EventRequest

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created": moment,
        "data": EventData.of,
        "request": EventRequest.of,
    }


@dataclass(frozen=True)
class ResendMade(Model):
    """Resend made."""

    object: str
    event: str
    webhook_endpoint: str


@dataclass(frozen=True)
class EndpointMade(Model):
    """An endpoint as it was made, with its secret."""

    object: str
    id: str
    url: str
    description: str
    enabled_events: tuple[str, ...]
    api_version: str
    payload: str
    metadata: Mapping[str, str]
    status: str
    secret: str
    public_key: str
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "enabled_events": many(same),
        "created_at": moment,
    }


@dataclass(frozen=True)
class Endpoint(Model):
    """An endpoint as it is. Its secret is shown once, when it is made."""

    object: str
    id: str
    url: str
    description: str
    enabled_events: tuple[str, ...]
    api_version: str
    payload: str
    metadata: Mapping[str, str]
    status: str
    disabled_reason: str | None
    failing_since: datetime | None
    public_key: str
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "enabled_events": many(same),
        "failing_since": moment,
        "created_at": moment,
    }


@dataclass(frozen=True)
class EndpointChanged(Model):
    """What was asked to be different; the endpoint as it is now is shown by its address."""

    object: str
    id: str
    changed: tuple[str, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "changed": many(same),
    }


@dataclass(frozen=True)
class EndpointDeleted(Model):
    """Endpoint deleted."""

    object: str
    id: str
    deleted: bool


@dataclass(frozen=True)
class SecretMade(Model):
    """Secret made."""

    object: str
    webhook_endpoint: str
    secret: str
    public_key: str
    created_at: datetime
    previous_expires_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
        "previous_expires_at": moment,
    }


@dataclass(frozen=True)
class TestMade(Model):
    """The event that comes."""

    object: str
    webhook_endpoint: str
    event: str
    type: str


@dataclass(frozen=True)
class ReplayMade(Model):
    """What will be sent again; the log of deliveries tells of each."""

    object: str
    webhook_endpoint: str
    created_from: datetime
    created_before: datetime
    types: tuple[str, ...] | None
    only_failed: bool

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_from": moment,
        "created_before": moment,
        "types": many(same),
    }


@dataclass(frozen=True)
class Try(Model):
    """One try: what came back, with the beginning of the body, or why nothing did."""

    no: int
    began_at: datetime
    took_ms: int
    outcome: str
    status: int | None
    code: str | None
    answer_: str

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "began_at": moment,
    }
    _renamed: ClassVar[Mapping[str, str]] = {"answer_": "answer"}


@dataclass(frozen=True)
class Delivery(Model):
    """Delivery."""

    object: str
    id: str
    event: str
    type: str
    status: str
    next_try_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    tries: tuple[Try, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "next_try_at": moment,
        "created_at": moment,
        "ended_at": moment,
        "tries": many(Try.of),
    }


@dataclass(frozen=True)
class Sum(Model):
    """Sum."""

    amount: int
    currency: str


@dataclass(frozen=True)
class HeldSum(Model):
    """`amount` is what is kept back as a reserve and what is frozen, together."""

    amount: int
    currency: str
    reserved: int
    frozen: int


@dataclass(frozen=True)
class Balance(Model):
    """What you have here, by currency: `pending` is in no settlement yet, `available` in one that is not paid, `in_transit` on
    its way to you; `held` is kept back, and in none of the others.
    """

    object: str
    pending: tuple[Sum, ...]
    available: tuple[Sum, ...]
    in_transit: tuple[Sum, ...]
    held: tuple[HeldSum, ...]

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "pending": many(Sum.of),
        "available": many(Sum.of),
        "in_transit": many(Sum.of),
        "held": many(HeldSum.of),
    }


@dataclass(frozen=True)
class FeeOf(Model):
    """A part of the fee: the `service_fee` with the tax in it, or the `discount` that you pay for an interest-free plan."""

    type: str  # service_fee, discount
    amount: int
    tax: int


@dataclass(frozen=True)
class Transaction(Model):
    """Net = amount − fee, all below zero for what goes back. `available_on` is the pay day of its settlement, or the one that
    it waits for; null where that hangs on an event which has not come. What is in a settlement is `settled`. The net of all
    that is in the settlement of a payout is the payout and what was frozen of it afterwards.
    """

    object: str
    id: str
    type: str
    reporting_category: str
    state: str  # pending, settled
    amount: int
    fee: int
    fee_details: tuple[FeeOf, ...]
    net: int
    currency: str
    order: str | Order | None
    merchant_reference: str | None
    capture: str | Capture | None
    loan: str | Loan | None
    source: str | Model | None
    settlement: str | Settlement | None
    payout: str | Payout | None
    earned_on: date
    available_on: date | None
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "fee_details": many(FeeOf.of),
        "order": named,
        "capture": named,
        "loan": named,
        "source": named,
        "settlement": named,
        "payout": named,
        "earned_on": day,
        "available_on": day,
        "created_at": moment,
    }


@dataclass(frozen=True)
class Account(Model):
    """The corporate account that a payout went to."""

    holder: str
    bank_code: str
    number_masked: str


@dataclass(frozen=True)
class Payout(Model):
    """Money on its way to you, or there. `reference` is on the statement of your bank; `bank_reference` is what the bank knows
    it by. One that came back says why in `failure_code`, and another one follows it. `expected_on` is the pay day of its
    settlement, `paid_on` the day on which it left.
    """

    object: str
    id: str
    state: str  # scheduled, sent, paid, returned
    amount: int
    currency: str
    settlement: str | Settlement
    reference: str
    bank_reference: str | None
    account: Account | None
    failure_code: str | None
    expected_on: date
    paid_on: date | None
    returned_on: date | None
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "settlement": named,
        "account": Account.of,
        "expected_on": day,
        "paid_on": day,
        "returned_on": day,
        "created_at": moment,
    }


@dataclass(frozen=True)
class Figures(Model):
    """net = captures − fees − discounts − refunds + carried_in − reserved + released + adjusted, and all of it is paid_out or
    carried_on.
    """

    captures: int
    fees: int
    discounts: int
    refunds: int
    carried_in: int
    reserved: int
    released: int
    adjusted: int
    net: int
    paid_out: int
    carried_on: int


@dataclass(frozen=True)
class Settlement(Model):
    """What was due to you by a pay day. `amount` is what you are paid of it: what it pays out, less what was frozen of that
    afterwards. `reason` says why it is not paid, where it is held or its payout came back.
    """

    object: str
    id: str
    state: str
    pay_on: date
    amount: int
    amount_withheld: int
    currency: str
    line_count: int
    figures: Figures
    payout: str | Payout | None
    reason: str | None
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "pay_on": day,
        "figures": Figures.of,
        "payout": named,
        "created_at": moment,
    }


@dataclass(frozen=True)
class MonthOf(Model):
    """A month in which you have pay days."""

    object: str
    id: str
    month: str


@dataclass(frozen=True)
class FeesAtRate(Model):
    """Fees of a month with one rate of tax in them: what was `charged`, less what was `given_back`."""

    tax_rate_pct: str
    captures: int
    refunds: int
    charged: int
    given_back: int
    tax: int


@dataclass(frozen=True)
class Statement(Model):
    """Your month: the settlements of its pay days in one, and the fees by the day on which they were earned, with the invoice
    that is in force for them.
    """

    object: str
    id: str
    month: str
    currency: str
    settlements: tuple[str | Settlement, ...]
    figures: Figures
    fees: int
    fees_tax: int
    fees_by_rate: tuple[FeesAtRate, ...]
    invoice: str | Invoice | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "settlements": many(named),
        "figures": Figures.of,
        "fees_by_rate": many(FeesAtRate.of),
        "invoice": named,
    }


@dataclass(frozen=True)
class Invoice(Model):
    """An invoice for the fees of a month. `number` is that of the tax bureau; one that was issued and is voided has a
    `red_number`, too.
    """

    object: str
    id: str
    month: str
    state: str  # requested, issued, voided
    amount: int
    tax: int
    currency: str
    title: str
    taxpayer_number: str
    number: str | None
    issued_on: date | None
    red_number: str | None
    voided_on: date | None
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "issued_on": day,
        "voided_on": day,
        "created_at": moment,
    }


@dataclass(frozen=True)
class Evidence(Model):
    """Evidence."""

    id: str
    kind: str
    text: str
    file: str | File | None
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "file": named,
        "created_at": moment,
    }


@dataclass(frozen=True)
class Step(Model):
    """A step of the dispute and where it led to."""

    no: int
    step: str
    state: str
    taken_on: date

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "taken_on": day,
    }


@dataclass(frozen=True)
class Dispute(Model):
    """A purchase that its consumer contests. `due_on` is the last day on which you can do what it waits for: answer, or
    appeal. Of one that is closed, `outcome` is yours; what a lost one cost is the `refund`, in your balance transactions as
    a charge_back.
    """

    object: str
    id: str
    order: str | Order
    state: str  # initiated, representment, pre_arbitration, arbitration, closed
    reason: str
    claim: str
    amount: int
    currency: str
    due_on: date | None
    ruling: str | None
    outcome: str | None
    closed_on: date | None
    refund: str | Refund | None
    amount_refunded: int
    evidence: tuple[Evidence, ...]
    steps: tuple[Step, ...]
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "order": named,
        "due_on": day,
        "closed_on": day,
        "refund": named,
        "evidence": many(Evidence.of),
        "steps": many(Step.of),
        "created_at": moment,
    }


@dataclass(frozen=True)
class EvidenceAdded(Model):
    """Evidence added."""

    id: str
    kind: str
    text: str
    file: str | File | None
    created_at: datetime
    object: str
    dispute: str

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "file": named,
        "created_at": moment,
    }


@dataclass(frozen=True)
class StepTaken(Model):
    """Step taken."""

    no: int
    step: str
    state: str
    taken_on: date
    object: str
    dispute: str

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "taken_on": day,
    }


@dataclass(frozen=True)
class File(Model):
    """File."""

    object: str
    id: str
    purpose: str
    name: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "created_at": moment,
    }


@dataclass(frozen=True)
class KeyMade(Model):
    """A key that was made. Its secret is in the first answer only: null where the same request was answered before."""

    object: str
    id: str
    secret: str | None


@dataclass(frozen=True)
class Key(Model):
    """A key without its secret, of which `shown` is the beginning and the end."""

    object: str
    id: str
    kind: str  # secret, restricted, publishable
    shown: str
    scopes: tuple[str, ...]
    api_version: str
    networks: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "scopes": many(same),
        "networks": many(same),
        "created_at": moment,
        "expires_at": moment,
        "revoked_at": moment,
        "last_used_at": moment,
    }


@dataclass(frozen=True)
class KeyTouched(Model):
    """Key touched."""

    object: str
    id: str


@dataclass(frozen=True)
class KeyOfClock(Model):
    """Key of clock."""

    id: str
    secret: str


@dataclass(frozen=True)
class TestClockMade(Model):
    """A new clock, with the API key of its book: with it, everything else of this API works in that book, at its time. The
    products, the contract and the settings there are those of the merchant's test book as they stood. The same request is
    answered the same; nothing else tells the secret.
    """

    object: str
    id: str
    name: str
    frozen_time: datetime
    merchant: str
    key: KeyOfClock

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "frozen_time": moment,
        "key": KeyOfClock.of,
    }


@dataclass(frozen=True)
class Failure(Model):
    """Failure."""

    code: str
    detail: str


@dataclass(frozen=True)
class Advance(Model):
    """The latest advance: so many of its days are done."""

    from_time: datetime
    to_time: datetime
    days: int
    days_done: int
    failure: Failure | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "from_time": moment,
        "to_time": moment,
        "failure": Failure.of,
    }


@dataclass(frozen=True)
class TestClock(Model):
    """A clock as it stands. It goes by itself at `deletes_at`, unless it is advanced before."""

    object: str
    id: str
    name: str
    status: str  # making, ready, advancing, failed, deleted
    frozen_time: datetime
    merchant: str | None
    key: str | None
    created_at: datetime
    deletes_at: datetime | None
    deleted_at: datetime | None
    advance: Advance | None

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "frozen_time": moment,
        "created_at": moment,
        "deletes_at": moment,
        "deleted_at": moment,
        "advance": Advance.of,
    }


@dataclass(frozen=True)
class TestClockDeleted(Model):
    """Test clock deleted."""

    object: str
    id: str
    deleted: bool


@dataclass(frozen=True)
class AdvanceBegun(Model):
    """An advance that was asked for. The clock tells how far it is."""

    object: str
    test_clock: str
    from_time: datetime
    to_time: datetime
    days: int

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "from_time": moment,
        "to_time": moment,
    }


@dataclass(frozen=True)
class TestConsumerMade(Model):
    """A consumer of the book. The same address is the same person."""

    object: str
    id: str
    email: str
    behaviour: str
    description: str


@dataclass(frozen=True)
class KeyHeld(Model):
    """The key that asked, its merchant, or the agent and for whom it acts, and its book. `now` is the moment in the book,
    which a test clock may have moved.
    """

    object: str
    id: str
    kind: str  # secret, restricted, publishable
    merchant: str | None
    agent: str | None
    book: str
    livemode: bool
    currency: str
    zone: str
    now: datetime
    scopes: tuple[str, ...]
    api_version: str

    _parsers: ClassVar[Mapping[str, Parser]] = {
        "now": moment,
        "scopes": many(same),
    }


class _NewPiecesNeeds(TypedDict):
    line: int


class NewPieces(_NewPiecesNeeds, total=False):
    """So many pieces of a line, the first one being 1."""

    quantity: int


class _NewShipmentNeeds(TypedDict):
    carrier: str
    tracking_number: str


class NewShipment(_NewShipmentNeeds, total=False):
    """How goods were sent. Without a moment they are on their way at some time."""

    shipped_at: str


class _NewLineNeeds(TypedDict):
    name: str
    unit_amount: int


class NewLine(_NewLineNeeds, total=False):
    """So many pieces at a price each. All lines together are the amount, to the minor unit. `cash_price` is that of one piece
    when it is paid at once, below which a price on credit never is; `tax` the part of the whole line that is tax. What has
    a serial number is one piece.
    """

    quantity: int
    sku: str
    cash_price: int
    tax: int
    serial_number: str
    category: str
    image_url: str


KINDS.update(
    {
        "api_key": Key,
        "balance": Balance,
        "balance_transaction": Transaction,
        "capture": Capture,
        "checkout_session": CheckoutSession,
        "delivery": Delivery,
        "dispute": Dispute,
        "event": Event,
        "file": File,
        "invoice": Invoice,
        "key_held": KeyHeld,
        "loan": Loan,
        "merchant": Merchant,
        "order": Order,
        "payout": Payout,
        "price_label": PriceLabel,
        "qr_code": QrCode,
        "refund": Refund,
        "settlement": Settlement,
        "statement": Statement,
        "store": Store,
        "terminal": Terminal,
        "test_clock": TestClock,
        "webhook_endpoint": Endpoint,
    }
)
