"""Checkout: quote → authorise → capture, or void, or expiry.

A quote is what the consumer is shown; its cost table is kept. Authorise refers to it: the consent is to those terms, that total and
that calendar. The due days stay as shown however much later the goods are captured, so a later capture can only cost less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.credit import queries as credit
from yuefu.credit.entries import line_key
from yuefu.credit.rules import CreditAccount
from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, on_open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as balances
from yuefu.ledger.queries import Limited
from yuefu.ledger.rules import Hold, Release
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans import rules as loan_rules
from yuefu.loans.commands import NewLoan
from yuefu.loans.queries import Arrears
from yuefu.loans.rules import Dimensions
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import CHANNELS, Contract
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import commands as offers
from yuefu.offers import queries as products
from yuefu.offers.queries import StoredDisclosure
from yuefu.offers.rules.product import MERCHANT, Product
from yuefu.offers.rules.quote import Quote, QuoteRequest, quote_many
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, Freed, Taken, VoidRequest
from yuefu.orders.rules import Order
from yuefu.plans.terms import Terms
from yuefu.risk import commands as risk
from yuefu.risk import queries as decisions
from yuefu.risk.commands import Decided
from yuefu.risk.rules.decision import LIMIT, Decision, Features, Policy, decide, policy
from yuefu.runtime import keys, policies
from yuefu.runtime.batch import Quarantined, in_halves
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import CaptureAccrual
from yuefu.settlement.rules import Item

UNKNOWN_PRODUCT: Final = "unknown_product"
UNKNOWN_MERCHANT: Final = "unknown_merchant"
UNKNOWN_CONSUMER: Final = "unknown_consumer"
UNKNOWN_CHANNEL: Final = "unknown_channel"
UNKNOWN_DISCLOSURE: Final = "unknown_disclosure"  # quote first: a consumer can only agree to what was shown
DISCLOSURE_OUTDATED: Final = "disclosure_outdated"  # shown for another day: quote again
NO_CONTRACT: Final = "no_contract"  # the merchant has no contract in force
NO_SUCH_PLAN: Final = "no_such_plan"  # the contract has no interest-free plan of so many periods
REFERENCE_INVALID: Final = "merchant_reference_invalid"

AUTHORISATION_DAYS: Final = "orders.authorisation_days"
RISK_POLICY: Final = "risk.policy"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a consumer would like to buy on a plan. Without a consumer the first instalment is due a month from now."""

    merchant_id: UUID
    consumer_id: UUID | None
    product: str
    amount: Money
    periods: int


@dataclass(frozen=True, slots=True)
class Quoted:
    """A price that was shown, and the id of its kept cost table."""

    disclosure_id: UUID
    quote: Quote


@dataclass(frozen=True, slots=True)
class Purchase:
    """The consumer's consent to a disclosed plan, sent by the merchant under its own reference."""

    key: str
    merchant_id: UUID
    merchant_reference: str
    consumer_id: UUID
    disclosure_id: UUID
    channel: str = "online"


@dataclass(frozen=True, slots=True)
class Authorised:
    """The decision on a purchase. `reasons` are empty where it was approved; then `expires_at` says until when it can be captured."""

    order_id: UUID
    approved: bool
    reasons: tuple[str, ...]
    amount: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Captured:
    order_id: UUID
    capture_id: UUID
    loan_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class Released:
    order_id: UUID
    amount: Money


# ------------------------------------------------------------------------------------------------------------------------------ quote


def quote(*, desk: Desk, now: datetime, wishes: Sequence[Wish]) -> list[Quoted | Refused]:
    """Prices wishes and keeps the cost tables of what is shown. Refused with unknown_product, unknown_merchant or a code of `offers`."""
    return on_open_day(desk, now, wishes, _quote)


def _quote(work: UnitOfWork, wishes: Sequence[Wish]) -> list[Quoted | Refused]:
    offered = products.published(book_id=work.book.id, codes=sorted({wish.product for wish in wishes}))
    contracts = merchants.contracts_in_force(merchant_ids=sorted({wish.merchant_id for wish in wishes}), on=work.day.on)
    accounts = credit.accounts_of(consumer_ids=sorted({w.consumer_id for w in wishes if w.consumer_id}), currency=work.book.currency)
    outcomes: dict[int, Quoted | Refused] = {}
    requests: dict[int, QuoteRequest] = {}
    for index, wish in enumerate(wishes):
        product, contract = offered.get(wish.product), contracts.get(wish.merchant_id)
        if product is None:
            outcomes[index] = Refused(UNKNOWN_PRODUCT, f"no product {wish.product} is offered", "product")
        elif contract is None:
            outcomes[index] = Refused(UNKNOWN_MERCHANT, "there is no such merchant, or it has no contract in force", "merchant_id")
        else:
            account = accounts.get(wish.consumer_id) if wish.consumer_id else None
            requests[index] = QuoteRequest(
                product,
                wish.amount,
                wish.periods,
                work.day.on,
                account.repayment_day if account else None,
                _discount(contract, wish.periods),
            )
    priced = dict(zip(requests, quote_many(list(requests.values())), strict=True))
    shown = {index: quoted for index, quoted in priced.items() if isinstance(quoted, Quote)}
    kept = offers.store_disclosures(work=work, quotes=list(shown.values()))
    outcomes.update({index: Quoted(disclosure, shown[index]) for index, disclosure in zip(shown, kept, strict=True)})
    outcomes.update({index: refused for index, refused in priced.items() if isinstance(refused, Refused)})
    return [outcomes[index] for index in range(len(wishes))]


def _discount(contract: Contract, periods: int) -> Rate | None:
    agreed = dict(contract.terms.discounts).get(periods)
    return None if agreed is None else Rate(agreed)


# -------------------------------------------------------------------------------------------------------------------------- authorise


def authorise(*, desk: Desk, now: datetime, purchases: Sequence[Purchase]) -> list[Authorised | Refused | Quarantined]:
    """Decides purchases and holds the approved ones against the credit lines, each seeing those before it.

    One outcome a purchase, in order; a decline is an outcome with reasons and is kept as an order. A known key returns its first
    outcome. Refused, without the key being used, with unknown_merchant, unknown_consumer, unknown_channel, unknown_disclosure,
    disclosure_outdated, no_contract, no_such_plan or merchant_reference_invalid; with key_reused where the key has another content.
    """
    return in_halves(purchases, lambda batch: on_open_day(desk, now, batch, lambda work, given: _authorise(desk, work, given)))


def _authorise(desk: Desk, work: UnitOfWork, purchases: Sequence[Purchase]) -> list[Authorised | Refused]:
    ids = work.ids.many(work.now, len(purchases))
    facts = _Facts(desk, work, purchases)
    return keys.answer(
        work=work,
        scope=[f"order.authorise:{purchase.merchant_id}" for purchase in purchases],
        requests=purchases,
        object_ids=ids,
        validate=lambda fresh: {i: refused for i in fresh if (refused := facts.refusal(purchases[i]))},
        decide=lambda fresh: _decide(work, facts, {i: (ids[i], purchases[i]) for i in fresh}),
        recall=_recall,
    )


def _recall(order_ids: Sequence[UUID]) -> dict[UUID, Authorised]:
    made = decisions.of_orders(order_ids=order_ids)
    return {
        order.id: Authorised(
            order.id, order.authorised > 0, tuple(made[order.id].decision.reasons), Money(order.amount, order.currency), order.expires_at
        )
        for order in order_book.orders(order_ids).values()
    }


class _Facts:
    """Everything the decision of a batch needs, read set-based before the first item is decided."""

    def __init__(self, desk: Desk, work: UnitOfWork, purchases: Sequence[Purchase]) -> None:
        book, on, currency = work.book.id, work.day.on, work.book.currency
        merchant_ids = list({p.merchant_id for p in purchases})
        consumer_ids = list({p.consumer_id for p in purchases})
        self.on = on
        self.zero = Money.zero(currency)
        self.merchants = merchants.states(ids=merchant_ids, book_id=book)
        self.contracts = merchants.contracts_in_force(merchant_ids=merchant_ids, on=on)
        self.consumers = consumers.facts(ids=consumer_ids, on=on, vault=desk.vault, book_id=book)
        self.accounts: Mapping[UUID, CreditAccount] = credit.accounts_of(consumer_ids=consumer_ids, currency=currency)
        self.lines: Mapping[UUID, Limited] = balances.limited(book, "credit_line", [a.id for a in self.accounts.values()])
        self.arrears: Mapping[UUID, Arrears] = loan_book.arrears(book, consumer_ids, on, currency)
        self.taken = dict(order_book.taken_references(book, [(p.merchant_id, p.merchant_reference) for p in purchases]))
        self.shown = {
            i: _Shown.of(stored) for i, stored in products.disclosures(ids=list({p.disclosure_id for p in purchases}), book_id=book).items()
        }
        self.products = products.products(ids=sorted({shown.product_id for shown in self.shown.values()}))
        self.exposure = {owner: line.posted.minor + line.held.minor for owner, line in self.lines.items()}
        version, value = policies.in_force(book_id=book, name=RISK_POLICY, on=on)
        self.policy: Policy = policy(version, value)
        self.authorisation_days: int = policies.in_force(book_id=book, name=AUTHORISATION_DAYS, on=on)[1]

    def refusal(self, purchase: Purchase) -> Refused | None:
        """What can be mended by whoever sent it; nothing is remembered."""
        shown = self.shown.get(purchase.disclosure_id)
        if purchase.merchant_id not in self.merchants:
            return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
        if purchase.consumer_id not in self.consumers:
            return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
        if purchase.channel not in CHANNELS:
            return Refused(UNKNOWN_CHANNEL, f"a channel is one of {', '.join(CHANNELS)}", "channel")
        reference = purchase.merchant_reference
        if not reference or len(reference) > 64 or not reference.isprintable() or reference != reference.strip():
            return Refused(REFERENCE_INVALID, "a merchant reference has 1 to 64 printable characters", "merchant_reference")
        if shown is None:
            return Refused(UNKNOWN_DISCLOSURE, "quote first: a consumer can only agree to what was shown", "disclosure_id")
        if shown.terms.disbursed_on != self.on:
            return Refused(
                DISCLOSURE_OUTDATED, f"it was shown for {shown.terms.disbursed_on}, today is {self.on}: quote again", "disclosure_id"
            )
        contract = self.contracts.get(purchase.merchant_id)
        if contract is None:
            return Refused(NO_CONTRACT, "the merchant has no contract in force", "merchant_id")
        if self.products[shown.product_id].terms.payer == MERCHANT and _discount(contract, shown.terms.periods) is None:
            return Refused(NO_SUCH_PLAN, f"the merchant pays for no plan of {shown.terms.periods} periods", "disclosure_id")
        return None

    def features(self, purchase: Purchase) -> Features:
        shown, person = self.shown[purchase.disclosure_id], self.consumers[purchase.consumer_id]
        account, late = self.accounts.get(purchase.consumer_id), self.arrears.get(purchase.consumer_id)
        amount = shown.terms.principal
        return Features(
            consumer_id=purchase.consumer_id,
            merchant_id=purchase.merchant_id,
            amount=amount,
            periods=shown.terms.periods,
            age_years=person.age_years,
            is_student=person.is_student,
            consumer_state=person.state,
            credit_state=account.state if account else None,
            limit=self.lines[account.id].limit if account else self.zero,
            exposure=Money(self.exposure[account.id], amount.currency) if account else self.zero,
            overdue_days=late.days if late else 0,
            overdue=late.overdue if late else self.zero,
            duplicate_of=self.taken.get((purchase.merchant_id, purchase.merchant_reference)),
            merchant_state=self.merchants[purchase.merchant_id],
            product_state=self.products[shown.product_id].state,
        )


@dataclass(frozen=True, slots=True)
class _Shown:
    """The plan of a kept cost table, read back from what it says."""

    product_id: UUID
    terms: Terms
    total: int
    largest: int

    @classmethod
    def of(cls, stored: StoredDisclosure) -> _Shown:
        said: Mapping[str, Any] = stored.disclosure.content
        rows, basis = said["instalments"], said["items"][0]["basis"]
        due_days = [date.fromisoformat(row["due_on"]) for row in rows]
        terms = Terms(
            principal=Money(said["principal_minor"], said["currency"]),
            periods=said["term"]["periods"],
            annual_rate=Rate(basis["rate_ppm"]),
            day_count=DayCount(basis["day_count"]),
            disbursed_on=date.fromisoformat(said["drawn_on"]),
            first_due_on=due_days[0],
            due_day=max(day.day for day in due_days),
            rule_version=said["rule_version"],
        )
        return cls(stored.product_id, terms, said["paid_total_minor"], max(row["total_minor"] for row in rows))


def _decide(work: UnitOfWork, facts: _Facts, fresh: Mapping[int, tuple[UUID, Purchase]]) -> dict[int, Authorised | Refused]:
    """Features and decision item by item in order; holds, orders and decisions by one statement each."""
    expires_at = work.now + timedelta(days=facts.authorisation_days)
    drafts: dict[int, tuple[Order, Features, Decision]] = {}
    decision_ids = work.ids.many(work.now, len(fresh))
    for (index, (order_id, purchase)), decision_id in zip(fresh.items(), decision_ids, strict=True):
        features = facts.features(purchase)
        decision = decide(features, facts.policy)
        account = facts.accounts.get(purchase.consumer_id)
        order = _draft(facts, order_id, purchase, decision_id, account, decision.approved, expires_at)
        if decision.approved and account:
            facts.exposure[account.id] += features.amount.minor
            facts.taken[purchase.merchant_id, purchase.merchant_reference] = order_id
        drafts[index] = (order, features, decision)
    _hold(work, drafts)
    orders.place(work=work, orders=[order for order, _, _ in drafts.values()])
    risk.record(
        work=work, decisions=[Decided(order.decision_id, order.id, features, decision) for order, features, decision in drafts.values()]
    )
    return {
        index: Authorised(order.id, decision.approved, decision.reasons, features.amount, expires_at)
        for index, (order, features, decision) in drafts.items()
    }


def _draft(
    facts: _Facts,
    order_id: UUID,
    purchase: Purchase,
    decision_id: UUID,
    account: CreditAccount | None,
    approved: bool,
    expires_at: datetime,
) -> Order:
    shown = facts.shown[purchase.disclosure_id]
    product: Product = facts.products[shown.product_id]
    amount = shown.terms.principal
    return Order(
        id=order_id,
        merchant_id=purchase.merchant_id,
        consumer_id=purchase.consumer_id,
        credit_account_id=account.id if account else None,
        merchant_reference=purchase.merchant_reference,
        product_id=product.id,
        product=product.terms.code,
        channel=purchase.channel,
        currency=amount.currency,
        amount=amount.minor,
        authorised=amount.minor if approved else 0,
        captured=0,
        released=0,
        refunded=0,
        periods=shown.terms.periods,
        state="authorised" if approved else "declined",
        expires_at=expires_at,
        first_due_on=shown.terms.first_due_on,
        due_day=shown.terms.due_day,
        annual_rate_ppm=shown.terms.annual_rate.ppm,
        day_count=shown.terms.day_count.value,
        rule_version=shown.terms.rule_version,
        shown_total=shown.total,
        shown_instalment=shown.largest,
        disclosure_id=purchase.disclosure_id,
        decision_id=decision_id,
        seq=1,
    )


def _hold(work: UnitOfWork, drafts: dict[int, tuple[Order, Features, Decision]]) -> None:
    """Places the holds of approved orders. The ledger has the last word on the limit: what it refuses becomes a decline."""
    approved = [(i, order) for i, (order, _, decision) in drafts.items() if decision.approved]
    holds = []
    for _, order in approved:
        assert order.credit_account_id is not None, "only an account can be approved"
        holds.append(Hold(order.id, line_key(order.credit_account_id), Money(order.amount, order.currency), order.expires_at, order.id))
    for (index, order), outcome in zip(approved, ledger.place_holds(work=work, holds=holds), strict=True):
        if isinstance(outcome, Refused):
            _, features, decision = drafts[index]
            declined = Decision("declined", (LIMIT,), decision.policy_version)
            drafts[index] = (replace(order, authorised=0, state="declined"), features, declined)


# ---------------------------------------------------------------------------------------------------------------------------- capture


def capture(*, desk: Desk, now: datetime, requests: Sequence[CaptureRequest]) -> list[Captured | Refused | Quarantined]:
    """Captures authorised orders, wholly or in part, and books one loan each. Refusals: see `orders.rules`; key_reused; and, without
    the key being used, no_contract or no_such_plan where the merchant's contract changed since.
    """
    return in_halves(requests, lambda batch: on_open_day(desk, now, batch, _capture))


def _capture(work: UnitOfWork, requests: Sequence[CaptureRequest]) -> list[Captured | Refused]:
    ids = work.ids.many(work.now, len(requests))

    def act(fresh: list[int]) -> dict[int, Captured | Refused]:
        done = orders.capture(work=work, requests={ids[i]: requests[i] for i in fresh})
        booked = _book(work, [t for t in done.values() if isinstance(t, Taken)])
        return {i: done[ids[i]] if isinstance(done[ids[i]], Refused) else booked[ids[i]] for i in fresh}  # type: ignore[misc]

    return keys.answer(
        work=work,
        scope="order.capture",
        requests=requests,
        object_ids=ids,
        validate=lambda fresh: _without_contract(work, {i: requests[i].order_id for i in fresh}),
        decide=act,
        recall=_recall_captures,
    )


def _without_contract(work: UnitOfWork, order_of: Mapping[int, UUID]) -> dict[int, Refused]:
    """Orders that could not be settled: the contract of the merchant changed since the consent. With another one they can be captured."""
    found = order_book.orders(sorted(set(order_of.values())))
    contracts = merchants.contracts_in_force(merchant_ids=sorted({o.merchant_id for o in found.values()}), on=work.day.on)
    payers = {p.id: p.terms.payer for p in products.products(ids=sorted({o.product_id for o in found.values()})).values()}
    refused = {}
    for index, order_id in order_of.items():
        order = found.get(order_id)
        if order is None or not order.remaining:
            continue
        contract = contracts.get(order.merchant_id)
        if contract is None:
            refused[index] = Refused(NO_CONTRACT, "the merchant has no contract in force any more", "order_id")
        elif payers[order.product_id] == MERCHANT and _discount(contract, order.periods) is None:
            refused[index] = Refused(NO_SUCH_PLAN, f"the merchant pays for no plan of {order.periods} periods any more", "order_id")
    return refused


def _recall_captures(capture_ids: Sequence[UUID]) -> dict[UUID, Captured]:
    booked = loan_book.by_capture(capture_ids)
    return {c.id: Captured(c.order_id, c.id, booked[c.id], c.amount) for c in order_book.captures(capture_ids).values()}


def _book(work: UnitOfWork, taken: Sequence[Taken]) -> dict[UUID, Captured]:
    if not taken:
        return {}
    loan_ids = dict(zip([t.capture.id for t in taken], work.ids.many(work.now, len(taken)), strict=True))
    own_funds = work.book.id
    payers = {p.id: p.terms.payer for p in products.products(ids=sorted({t.order.product_id for t in taken})).values()}
    accruals = [
        CaptureAccrual(
            capture_id=t.capture.id,
            order_id=t.order.id,
            merchant_id=t.order.merchant_id,
            loan_id=loan_ids[t.capture.id],
            funder_id=own_funds,
            product=t.order.product,
            gross=t.amount,
            discount_periods=t.order.periods if payers[t.order.product_id] == MERCHANT else None,
            earned_on=work.day.on,
        )
        for t in taken
    ]
    new = []
    for t, item in zip(taken, settlement.accrue(work=work, items=accruals), strict=True):
        assert isinstance(item, Item), f"an authorised order can be settled: {item}"
        new.append(
            NewLoan(_dimensions(t, loan_ids[t.capture.id], own_funds), t.capture.id, t.order.id, _terms(t, work.day.on), item.discount)
        )
    loans.book_loans(work=work, loans=new)
    return {t.capture.id: Captured(t.order.id, t.capture.id, loan_ids[t.capture.id], t.amount) for t in taken}


def _dimensions(taken: Taken, loan_id: UUID, funder_id: UUID) -> Dimensions:
    order = taken.order
    assert order.credit_account_id is not None
    return Dimensions(
        loan_id, order.id, order.merchant_id, order.consumer_id, order.credit_account_id, funder_id, order.product, order.currency
    )


def _terms(taken: Taken, on: date) -> Terms:
    """The terms of a capture: the calendar as shown, interest from today. Rounding may put a cent more on the last instalment than
    was shown; then the rate is lowered until nothing costs more.
    """
    order = taken.order
    assert order.first_due_on is not None
    shown_total, shown_instalment = Money(order.shown_total, order.currency), Money(order.shown_instalment, order.currency)
    rate = order.annual_rate_ppm
    while True:
        terms = Terms(
            taken.amount, order.periods, Rate(rate), DayCount(order.day_count), on, order.first_due_on, order.due_day, order.rule_version
        )
        if loan_rules.terms_fit(terms, shown_total, shown_instalment) or rate == 0:
            return terms
        rate = max(rate - 50, 0)


# ---------------------------------------------------------------------------------------------------------------------- void and expiry


def void(*, desk: Desk, now: datetime, requests: Sequence[VoidRequest]) -> list[Released | Refused | Quarantined]:
    """Gives back what is not captured. Refusals: see `orders.rules`; key_reused."""
    return in_halves(requests, lambda batch: on_open_day(desk, now, batch, _void))


def _void(work: UnitOfWork, requests: Sequence[VoidRequest]) -> list[Released | Refused]:
    # A void makes no object of its own; its key points to a fresh id, and a repeat answers with what the order released.
    ids = work.ids.many(work.now, len(requests))
    order_of = {ids[i]: request.order_id for i, request in enumerate(requests)}

    def recall(known: Sequence[UUID]) -> dict[UUID, Released]:
        names = {request.key: request.order_id for request in requests}
        stored = keys.stored(work=work, names=[("order.void", key) for key in names])
        found = order_book.orders(list(names.values()))
        return {
            object_id: Released(names[key], Money(found[names[key]].released, found[names[key]].currency))
            for (_, key), (_, object_id, _) in stored.items()
            if object_id in known
        }

    def act(fresh: list[int]) -> dict[int, Released | Refused]:
        freed = orders.release(work=work, order_ids=[order_of[ids[i]] for i in fresh], by="voided")
        _release(work, [f for f in freed if isinstance(f, Freed)], "voided")
        return {i: f if isinstance(f, Refused) else Released(f.order.id, f.amount) for i, f in zip(fresh, freed, strict=True)}

    return keys.answer(work=work, scope="order.void", requests=requests, object_ids=ids, decide=act, recall=recall)


def expire(*, desk: Desk, now: datetime, limit: int = 2_000) -> int:
    """Expires up to `limit` authorisations whose time is over, and frees their holds. Returns how many; call until it is 0."""
    expiring = order_book.expiring(desk.book.id, now, limit)
    outcomes = on_open_day(desk, now, expiring, _expire)
    return sum(isinstance(outcome, Released) for outcome in outcomes)


def _expire(work: UnitOfWork, order_ids: Sequence[UUID]) -> list[Released | Refused]:
    freed = orders.release(work=work, order_ids=order_ids, by="expired")
    _release(work, [f for f in freed if isinstance(f, Freed)], "expired")
    return [f if isinstance(f, Refused) else Released(f.order.id, f.amount) for f in freed]


def _release(work: UnitOfWork, freed: Sequence[Freed], by: str) -> None:
    for outcome in ledger.release_holds(work=work, releases=[Release(f.order.id, by) for f in freed]):
        assert not isinstance(outcome, Refused), f"an order and its hold go together: {outcome}"
