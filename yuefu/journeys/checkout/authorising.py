"""Authorise: facts, decision, hold and order of many purchases at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.consumers.rules import Facts as Person
from yuefu.credit import queries as credit
from yuefu.credit.entries import CREDIT_LINE, line_key
from yuefu.credit.rules import CreditAccount
from yuefu.errors import Refused
from yuefu.journeys.checkout.places import Places
from yuefu.journeys.checkout.shown import Shown, tables
from yuefu.journeys.checkout.values import (
    AUTHORISATION_DAYS,
    NO_CONTRACT,
    NO_SUCH_PLAN,
    QUOTE_NOT_PERSONAL,
    QUOTE_OUTDATED,
    RISK_POLICY,
    UNKNOWN_CHANNEL,
    UNKNOWN_CONSUMER,
    UNKNOWN_HOST,
    UNKNOWN_MERCHANT,
    UNKNOWN_QUOTE,
    Authorised,
    Purchase,
    reference_fault,
)
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.journeys.stopping import CHANNEL, FUNDER, NEW_CREDIT, PRODUCT
from yuefu.journeys.stopping import MERCHANT as SELLER
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as balances
from yuefu.ledger.rules import Hold
from yuefu.ledger.rules.posting import Balance
from yuefu.loans import queries as loan_book
from yuefu.loans.queries import Arrears
from yuefu.merchants import queries as merchants
from yuefu.merchants.commands import metadata
from yuefu.merchants.commands.metadata import Note
from yuefu.merchants.queries import payees
from yuefu.merchants.rules import CHANNELS, Contract, category_fault
from yuefu.money.amounts import Money
from yuefu.offers import queries as products
from yuefu.offers.queries import AgreedQuote
from yuefu.offers.rules.product import MERCHANT, Product
from yuefu.offers.rules.quote import calendar_from
from yuefu.orders import commands as orders
from yuefu.orders import queries as order_book
from yuefu.orders.commands.checkout import keep_lines
from yuefu.orders.rules import Order
from yuefu.orders.rules.lines import cart_fault
from yuefu.risk import commands as risk
from yuefu.risk import queries as decisions
from yuefu.risk.commands import Decided
from yuefu.risk.rules.decision import FRAUD, LIMIT, REVIEW, Decision, Features, Policy, decide, policy
from yuefu.runtime import keys, policies, sql, stops
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

_UNMARKED: Final = frozenset[str]()
_NONE: Final = (0, 0, 0)
"""Velocity of a consumer who ordered nothing lately: orders of an hour and of a day, and what was authorised in that."""


def authorise(*, desk: Desk, now: datetime, purchases: Sequence[Purchase]) -> list[Authorised | Refused | Quarantined]:
    """Decides purchases and holds the approved ones against the credit lines, each seeing those before it.

    One outcome a purchase, in order; a decline is an outcome with reasons and is kept as an order. A known key returns its first
    outcome. Refused, without the key being used, with unknown_merchant, unknown_consumer, unknown_channel, unknown_host, category_invalid,
    unknown_quote (of another merchant or consumer as well), quote_outdated, quote_not_personal, no_contract, no_such_plan or
    merchant_reference_invalid; with key_reused where the key has another content.
    """
    return in_batches(
        desk, now, "authorise", purchases, lambda batch: on_open_day(desk, now, batch, lambda work, given: authorise_in(desk, work, given))
    )


def authorise_in(desk: Desk, work: UnitOfWork, purchases: Sequence[Purchase]) -> list[Authorised | Refused]:
    """`authorise` in a transaction that is open, for what has to be one with it."""
    if not purchases:
        return []
    ids = work.ids.many(work.now, len(purchases))
    scopes = {merchant: keys.scope_of("order.authorise", merchant) for merchant in {purchase.merchant_id for purchase in purchases}}
    facts = _Facts(desk, work, purchases)
    return keys.answer(
        work=work,
        scope=[scopes[purchase.merchant_id] for purchase in purchases],
        requests=purchases,
        object_ids=ids,
        validate=lambda given: facts.refusals({i: purchases[i] for i in given}),
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


@dataclass(slots=True)
class _Case:
    """A purchase with all that was read of it, looked up once."""

    merchant_state: str
    contract: Contract
    person: Person
    account: CreditAccount | None
    late: Arrears | None
    quote: AgreedQuote
    shown: Shown
    product: Product


class _Facts:
    """Everything the decision of a batch needs, read set-based before the first item is decided. What earlier items of the batch change
    (exposure, velocity, references taken) is kept up to date here.
    """

    def __init__(self, desk: Desk, work: UnitOfWork, purchases: Sequence[Purchase]) -> None:
        book, on, currency = work.book.id, work.day.on, work.book.currency
        merchant_ids = list({p.merchant_id for p in purchases})
        consumer_ids = list({p.consumer_id for p in purchases})
        references = [(p.merchant_id, p.merchant_reference) for p in purchases]
        quote_ids = list({p.quote_id for p in purchases})
        self.on = on
        self.zero = Money.zero(currency)
        self.funder = str(book)  # own funds
        self.stopped = stops.targets_of(work.stops, NEW_CREDIT)
        self.merchants: Mapping[UUID, str]
        self.contracts: Mapping[UUID, Contract]
        self.consumers: Mapping[UUID, Person]
        self.accounts: Mapping[UUID, CreditAccount]
        self.arrears: Mapping[UUID, Arrears]
        self.taken: dict[tuple[UUID, str], UUID]
        self.quotes: Mapping[UUID, AgreedQuote]
        self.marks: Mapping[UUID, frozenset[str]]
        (
            self.merchants, self.contracts, self.consumers, self.accounts, self.arrears, self.taken, self.quotes, self.marks, risk_policy,
            (_, self.authorisation_days),
        ) = sql.together(
            lambda: merchants.states(ids=merchant_ids, book_id=book),
            lambda: merchants.contracts_in_force(merchant_ids=merchant_ids, on=on),
            lambda: consumers.facts(ids=consumer_ids, on=on, vault=desk.vault, book_id=book),
            lambda: credit.accounts_of(consumer_ids=consumer_ids, currency=currency, book_id=book),
            lambda: loan_book.arrears(book, consumer_ids, on, currency),
            lambda: order_book.taken_references(book, references),
            lambda: products.agreed(ids=quote_ids, book_id=book),
            lambda: decisions.marks(consumer_ids=consumer_ids),
            lambda: policies.in_force(book_id=book, name=RISK_POLICY, on=on),
            lambda: policies.in_force(book_id=book, name=AUTHORISATION_DAYS, on=on),
        )  # fmt: skip
        self.paid_plans = {merchant: {periods for periods, _ in one.terms.discounts} for merchant, one in self.contracts.items()}
        self.policy: Policy = policy(*risk_policy)
        self.shown = tables(book, self.quotes.values())
        self.products = products.products(ids=sorted({quote.product_id for quote in self.quotes.values()}))
        self.hosts = payees.by_code(book_id=book, codes=hosts) if (hosts := sorted({p.host for p in purchases if p.host})) else {}
        self.places = Places.of(purchases)
        self.cases: dict[int, _Case] = {}
        self.lines: Mapping[UUID, Balance] = {}
        self.exposure: dict[UUID, int] = {}
        self.velocity: dict[UUID, list[int]] = {}

    def refusals(self, purchases: Mapping[int, Purchase]) -> dict[int, Refused]:
        """What can be mended by whoever sent it; nothing is remembered of it. All others become cases."""
        seen = {index: self._case(purchase) for index, purchase in purchases.items()}
        self.cases.update({index: case for index, case in seen.items() if isinstance(case, _Case)})
        return {index: case for index, case in seen.items() if isinstance(case, Refused)}

    def _case(self, purchase: Purchase) -> _Case | Refused:
        merchant_state, person = self.merchants.get(purchase.merchant_id), self.consumers.get(purchase.consumer_id)
        if merchant_state is None:
            return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
        if person is None:
            return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
        if purchase.channel not in CHANNELS:
            return Refused(UNKNOWN_CHANNEL, f"a channel is one of {', '.join(CHANNELS)}", "channel")
        if purchase.host and self.host_id(purchase) is None:
            return Refused(UNKNOWN_HOST, f"{purchase.host:.40} is no active host of this book, or the order is not live", "host")
        if purchase.category and (fault := category_fault(purchase.category)):
            return fault
        if fault := self.places.fault(purchase):
            return fault
        if fault := reference_fault(purchase.merchant_reference):
            return fault
        quote = self._agreed(purchase)
        if isinstance(quote, Refused):
            return quote
        account, shown = self.accounts.get(purchase.consumer_id), self.shown[quote.disclosure_id]
        product, contract = self.products[quote.product_id], self.contracts.get(purchase.merchant_id)
        if purchase.lines and (fault := cart_fault(purchase.lines, shown.terms.principal)):
            return fault
        if quote.consumer_id is None and not self._is_calendar_of(account, shown, product):
            return Refused(QUOTE_NOT_PERSONAL, "it was shown to nobody in particular and has other due days: quote again", "quote_id")
        if contract is None:
            return Refused(NO_CONTRACT, "the merchant has no contract in force", "merchant_id")
        if product.terms.payer == MERCHANT and shown.terms.periods not in self.paid_plans[purchase.merchant_id]:
            return Refused(NO_SUCH_PLAN, f"the merchant pays for no plan of {shown.terms.periods} periods", "quote_id")
        return _Case(merchant_state, contract, person, account, self.arrears.get(purchase.consumer_id), quote, shown, product)

    def host_id(self, purchase: Purchase) -> UUID | None:
        """Who sold it live, if it names one that can have."""
        host = self.hosts.get(purchase.host)
        return host.id if host and (host.kind, host.state, purchase.channel) == ("host", "active", "live") else None

    def _agreed(self, purchase: Purchase) -> AgreedQuote | Refused:
        """The quote that the consumer can have agreed to. Whose it is instead is nobody else's business: the answer is the same."""
        quote = self.quotes.get(purchase.quote_id)
        if quote is None or quote.merchant_id != purchase.merchant_id or quote.consumer_id not in (None, purchase.consumer_id):
            return Refused(UNKNOWN_QUOTE, "quote first: a consumer can only agree to what this merchant showed them", "quote_id")
        if quote.shown_on != self.on:
            return Refused(QUOTE_OUTDATED, f"it was shown on {quote.shown_on}, today is {self.on}: quote again", "quote_id")
        return quote

    def _is_calendar_of(self, account: CreditAccount | None, shown: Shown, product: Product) -> bool:
        """Whether the due days shown are those that the consumer's credit account gives: the first alone would not tell the 28th from
        the 31st in February.
        """
        first_due_on, due_day = calendar_from(self.on, account.repayment_day if account else None, product.terms.min_gap_days)
        return replace(shown.terms, first_due_on=first_due_on, due_day=due_day).due_days() == shown.due_days

    def lock(self, work: UnitOfWork, indexes: Iterable[int]) -> None:
        """Locks the credit lines of the purchases at these indexes until the transaction ends, and reads only then what is held to a maximum:
        another batch with orders of the same consumer is seen, or waits.
        """
        accounts = {account.id: account for index in indexes if (account := self.cases[index].account)}
        self.lines = balances.lock_owned(work.book.id, CREDIT_LINE, self.zero.currency, list(accounts))
        self.exposure = {i: line.exposure for i, line in self.lines.items()}
        ordered = order_book.velocity(consumer_ids=[account.consumer_id for account in accounts.values()], now=work.now)
        self.velocity = {consumer: [*counted] for consumer, counted in ordered.items()}

    def features(self, purchase: Purchase, case: _Case) -> Features:
        person, account, late, terms = case.person, case.account, case.late, case.shown.terms
        line = self.lines[account.id] if account else None
        amount, zero = terms.principal, self.zero
        marks = self.marks.get(purchase.consumer_id, _UNMARKED)
        orders_1h, orders_24h, minor_24h = self.velocity.get(purchase.consumer_id, _NONE)
        return Features(
            consumer_id=purchase.consumer_id,
            merchant_id=purchase.merchant_id,
            amount=amount,
            periods=terms.periods,
            age_years=person.age_years,
            is_student=person.is_student,
            consumer_state=person.state,
            credit_state=account.state if account else None,
            limit=Money(line.limit, amount.currency) if line else zero,
            exposure=Money(self.exposure[account.id], amount.currency) if account else zero,
            overdue_days=late.days if late else 0,
            overdue=late.overdue if late else zero,
            duplicate_of=self.taken.get((purchase.merchant_id, purchase.merchant_reference)),
            merchant_state=case.merchant_state,
            product_state=case.product.state,
            new_credit_stopped=stops.WHOLE_BOOK in self.stopped,
            product_stopped=self._is_stopped(PRODUCT, case.product.terms.code),
            funder_stopped=self._is_stopped(FUNDER, self.funder),
            merchant_stopped=self._is_stopped(SELLER, purchase.merchant_id),
            channel_stopped=self._is_stopped(CHANNEL, purchase.channel),
            orders_1h=orders_1h,
            orders_24h=orders_24h,
            amount_24h_minor=minor_24h,
            suspected_fraud=FRAUD in marks,
            under_review=REVIEW in marks,
        )

    def _is_stopped(self, dimension: str, value: str | UUID) -> bool:
        return bool(self.stopped) and (dimension, str(value)) in self.stopped

    def note(self, order: Order) -> None:
        """What the items after an order see of it."""
        counted = self.velocity.setdefault(order.consumer_id, [*_NONE])
        counted[0] += 1
        counted[1] += 1
        counted[2] += order.authorised
        if order.authorised and order.credit_account_id:
            self.exposure[order.credit_account_id] += order.authorised
            self.taken[order.merchant_id, order.merchant_reference] = order.id


def _decide(work: UnitOfWork, facts: _Facts, fresh: Mapping[int, tuple[UUID, Purchase]]) -> dict[int, Authorised | Refused]:
    """Features and decision item by item in order; holds, orders and decisions by one statement each."""
    expires_at = work.now + timedelta(days=facts.authorisation_days)
    drafts: dict[int, tuple[Order, Features, Decision]] = {}
    decision_ids = work.ids.many(work.now, len(fresh))
    facts.lock(work, fresh)
    for (index, (order_id, purchase)), decision_id in zip(fresh.items(), decision_ids, strict=True):
        case = facts.cases[index]
        features = facts.features(purchase, case)
        decision = decide(features, facts.policy)
        order = _draft(
            facts.on,
            order_id,
            purchase,
            decision_id,
            case,
            decision.approved,
            expires_at,
            facts.host_id(purchase),
            facts.places.store_of(purchase),
        )
        facts.note(order)
        drafts[index] = (order, features, decision)
    with sql.without_waiting():
        _hold(work, facts, drafts)
        decided = [Decided(order.decision_id, order.id, features, decision) for order, features, decision in drafts.values()]
        risk.record(work=work, decisions=decided)
        orders.place(work=work, orders=[order for order, _, _ in drafts.values()])
        carts = {order_id: (purchase.merchant_id, purchase.lines) for order_id, purchase in fresh.values() if purchase.lines}
        if carts:
            keep_lines(work=work, of_orders=carts)
        metadata.begin(work=work, notes=[Note(one.merchant_id, "order", order_id, one.metadata) for order_id, one in fresh.values()])
    return {
        index: Authorised(order.id, decision.approved, decision.reasons, features.amount, expires_at)
        for index, (order, features, decision) in drafts.items()
    }


def _draft(
    on: date,
    order_id: UUID,
    purchase: Purchase,
    decision_id: UUID,
    case: _Case,
    approved: bool,
    expires_at: datetime,
    host_id: UUID | None,
    store_id: UUID | None,
) -> Order:
    quote, shown, product, account, terms = case.quote, case.shown, case.product, case.account, case.shown.terms
    amount = terms.principal
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
        periods=terms.periods,
        state="authorised" if approved else "declined",
        expires_at=expires_at,
        first_due_on=terms.first_due_on,
        due_day=terms.due_day,
        annual_rate_ppm=terms.annual_rate.ppm,
        day_count=shown.day_count,
        rule_version=terms.rule_version,
        shown_total=shown.total,
        shown_instalment=shown.largest,
        disclosure_id=quote.disclosure_id,
        quote_id=quote.id,
        quote_shown_to=quote.shown_to,
        decision_id=decision_id,
        seq=1,
        placed_on=on,
        host_id=host_id,
        category=purchase.category,
        store_id=store_id,
        terminal_id=purchase.terminal_id,
    )


def _hold(work: UnitOfWork, facts: _Facts, drafts: dict[int, tuple[Order, Features, Decision]]) -> None:
    """Places the holds of approved orders. The ledger has the last word on the limit: what it refuses becomes a decline."""
    approved = [(i, order, features.amount) for i, (order, features, decision) in drafts.items() if decision.approved]
    holds = []
    for _, order, amount in approved:
        assert order.credit_account_id is not None, "only an account can be approved"
        holds.append(Hold(order.id, line_key(order.credit_account_id), amount, order.expires_at, order.id))
    for (index, order, _), outcome in zip(approved, ledger.place_holds(work=work, holds=holds, of_owner=facts.lines), strict=True):
        if isinstance(outcome, Refused):
            _, features, decision = drafts[index]
            declined = Decision("declined", (LIMIT,), decision.policy_version)
            drafts[index] = (replace(order, authorised=0, state="declined"), features, declined)
