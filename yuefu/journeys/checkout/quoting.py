"""Quote: what the consumer is shown, and the cost table that is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from yuefu.credit import queries as credit
from yuefu.errors import Refused
from yuefu.journeys.checkout.values import UNKNOWN_MERCHANT, UNKNOWN_PRODUCT, Quoted, Wish
from yuefu.journeys.desk import Desk, on_open_day
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract
from yuefu.money.rates import Rate
from yuefu.offers import commands as offers
from yuefu.offers import queries as products
from yuefu.offers.rules.quote import Quote, QuoteRequest, quote_many
from yuefu.runtime.values import UnitOfWork


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
                discount_of(contract, wish.periods),
            )
    priced = dict(zip(requests, quote_many(list(requests.values())), strict=True))
    shown = {index: quoted for index, quoted in priced.items() if isinstance(quoted, Quote)}
    kept = offers.store_disclosures(work=work, quotes=list(shown.values()))
    outcomes.update({index: Quoted(disclosure, shown[index]) for index, disclosure in zip(shown, kept, strict=True)})
    outcomes.update({index: refused for index, refused in priced.items() if isinstance(refused, Refused)})
    return [outcomes[index] for index in range(len(wishes))]


def discount_of(contract: Contract, periods: int) -> Rate | None:
    agreed = dict(contract.terms.discounts).get(periods)
    return None if agreed is None else Rate(agreed)
