"""Price labels: what each plan of a purchase costs, for a page that shows goods. Nothing is kept, for a label is no offer to anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.credit import queries as credit
from yuefu.credit.rules import CreditAccount
from yuefu.errors import Refused
from yuefu.journeys.checkout.quoting import discount_of
from yuefu.journeys.checkout.values import NO_CONTRACT, UNKNOWN_PRODUCT
from yuefu.journeys.desk import Desk
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract
from yuefu.money.amounts import Money
from yuefu.offers import queries as offers
from yuefu.offers.rules.product import Product
from yuefu.offers.rules.quote import CURRENCY_DIFFERS, PERIODS_NOT_OFFERED, Quote, QuoteRequest, quote_many
from yuefu.runtime import days
from yuefu.runtime.values import Book


@dataclass(frozen=True, slots=True)
class LabelWish:
    """An amount that a merchant would sell for, on these products and numbers of periods, or on any where none are named. With a consumer it
    is their own due days that count.
    """

    merchant_id: UUID
    amount: Money
    products: tuple[str, ...] = ()
    periods: tuple[int, ...] = ()
    consumer_id: UUID | None = None


Plans = tuple[Quote, ...]
"""By product and number of periods."""


def labels(*, desk: Desk, now: datetime, wishes: Sequence[LabelWish]) -> list[Plans | Refused]:
    """What each plan of an amount would cost today. Refused with no_contract, unknown_product or currency_differs; and, where products or
    periods are named and none of them is to be had, with why the first is not (a code of `offers`). Takes no lock and writes nothing.
    """
    facts = _Facts.of(desk.book, days.business_date(desk.book, now), wishes)
    asked = [facts.requests(wish) for wish in wishes]
    flat = [request for requests in asked if not isinstance(requests, Refused) for request in requests]
    priced = iter(quote_many(flat))
    return [
        requests if isinstance(requests, Refused) else _to_be_had(wish, [next(priced) for _ in requests])
        for wish, requests in zip(wishes, asked, strict=True)
    ]


def _to_be_had(wish: LabelWish, priced: Sequence[Quote | Refused]) -> Plans | Refused:
    found = tuple(one for one in priced if isinstance(one, Quote))
    if found or not (wish.products or wish.periods):
        return found
    refused = next((one for one in priced if isinstance(one, Refused)), None)
    return refused or Refused(PERIODS_NOT_OFFERED, "no product has a plan of so many periods", "periods")


@dataclass(frozen=True, slots=True)
class _Facts:
    """What prices depend on, read once for a batch."""

    book: Book
    on: date
    products: Mapping[str, Product]
    contracts: Mapping[UUID, Contract]
    accounts: Mapping[UUID, CreditAccount]

    @classmethod
    def of(cls, book: Book, on: date, wishes: Sequence[LabelWish]) -> _Facts:
        ours = merchants.states(ids=sorted({wish.merchant_id for wish in wishes}), book_id=book.id)
        people = sorted({wish.consumer_id for wish in wishes if wish.consumer_id})
        return cls(
            book,
            on,
            offers.on_offer(book_id=book.id),
            merchants.contracts_in_force(merchant_ids=sorted(ours), on=on),
            credit.accounts_of(consumer_ids=people, currency=book.currency, book_id=book.id) if people else {},
        )

    def requests(self, wish: LabelWish) -> list[QuoteRequest] | Refused:
        """The plans that are asked for."""
        contract = self.contracts.get(wish.merchant_id)
        if contract is None:
            return Refused(NO_CONTRACT, "the merchant has no contract in force", "merchant_id")
        if wish.amount.currency != self.book.currency:
            return Refused(CURRENCY_DIFFERS, f"the book is in {self.book.currency}, not in {wish.amount.currency}", "amount")
        if unknown := [code for code in wish.products if code not in self.products]:
            return Refused(UNKNOWN_PRODUCT, f"no product {unknown[0]} is offered", "product")
        account = self.accounts.get(wish.consumer_id) if wish.consumer_id else None
        day = account.repayment_day if account else None
        return [
            QuoteRequest(product, wish.amount, periods, self.on, day, discount_of(contract, periods))
            for code, product in self.products.items()
            if not wish.products or code in wish.products
            for periods in wish.periods or product.terms.periods
        ]
