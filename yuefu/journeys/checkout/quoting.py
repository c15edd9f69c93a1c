"""Quote: what the consumer is shown, and what is kept of it: the cost table, when, to whom, in which language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.credit import queries as credit
from yuefu.errors import Refused
from yuefu.journeys.checkout.values import UNKNOWN_CONSUMER, UNKNOWN_LANGUAGE, UNKNOWN_MERCHANT, UNKNOWN_PRODUCT, OnceShown, Quoted, Wish
from yuefu.journeys.desk import Desk, on_open_day
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract
from yuefu.money.rates import Rate
from yuefu.offers import commands as offers
from yuefu.offers import queries as products
from yuefu.offers.commands import Showing
from yuefu.offers.rules.quote import Quote, QuoteRequest, quote_many
from yuefu.offers.rules.wording import LANGUAGES, Language
from yuefu.runtime import keys
from yuefu.runtime.values import UnitOfWork


def quote(*, desk: Desk, now: datetime, wishes: Sequence[Wish]) -> list[Quoted | Refused]:
    """Prices wishes and records what is shown: one quote a wish. Refused with unknown_product, unknown_merchant, unknown_consumer,
    unknown_language or a code of `offers`.
    """
    return on_open_day(desk, now, wishes, _quote)


def quote_once(*, desk: Desk, now: datetime, wishes: Sequence[Wish]) -> list[OnceShown | Refused]:
    """The same by keys: a wish that is sent again is told what was shown then, though prices have changed. Refused as `quote`, which is not
    remembered, and with key_reused.
    """
    return on_open_day(desk, now, wishes, _quote_once)


def _quote_once(work: UnitOfWork, wishes: Sequence[Wish]) -> list[OnceShown | Refused]:
    ids = work.ids.many(work.now, len(wishes))
    priced = _priced(work, wishes)

    def decide(fresh: list[int]) -> dict[int, OnceShown | Refused]:
        shown = {i: quoted for i in fresh if isinstance(quoted := priced[i], Quote)}
        kept = offers.show(work=work, showings=[_showing(wishes[i], one) for i, one in shown.items()], ids=[ids[i] for i in shown])
        pairs = zip(shown.items(), kept, strict=True)
        return {i: OnceShown(k.quote_id, k.disclosure_id, one.disclosure, one.terms.disbursed_on) for (i, one), k in pairs}

    def recall(quote_ids: Sequence[UUID]) -> dict[UUID, OnceShown]:
        quotes = products.quotes(ids=quote_ids, book_id=work.book.id)
        tables = products.disclosures(ids=sorted({one.disclosure_id for one in quotes.values()}), book_id=work.book.id)
        return {i: OnceShown(i, one.disclosure_id, tables[one.disclosure_id].disclosure, one.shown_on) for i, one in quotes.items()}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("order.quote", one.merchant_id) for one in wishes],
        requests=wishes,
        object_ids=ids,
        validate=lambda given: {i: refused for i in given if isinstance(refused := priced[i], Refused)},
        decide=decide,
        recall=recall,
    )


def _quote(work: UnitOfWork, wishes: Sequence[Wish]) -> list[Quoted | Refused]:
    priced = _priced(work, wishes)
    shown = {index: quoted for index, quoted in priced.items() if isinstance(quoted, Quote)}
    kept = offers.show(work=work, showings=[_showing(wishes[index], quoted) for index, quoted in shown.items()])
    outcomes: dict[int, Quoted | Refused] = {i: refused for i, refused in priced.items() if isinstance(refused, Refused)}
    outcomes |= {index: Quoted(k.quote_id, k.disclosure_id, shown[index]) for index, k in zip(shown, kept, strict=True)}
    return [outcomes[index] for index in range(len(wishes))]


def _priced(work: UnitOfWork, wishes: Sequence[Wish]) -> dict[int, Quote | Refused]:
    """The price of each wish, of which nothing is kept yet, or why there is none."""
    offered = products.published(book_id=work.book.id, codes=sorted({wish.product for wish in wishes}))
    ours = merchants.states(ids=sorted({wish.merchant_id for wish in wishes}), book_id=work.book.id)
    contracts = merchants.contracts_in_force(merchant_ids=sorted(ours), on=work.day.on)
    people = consumers.in_book(book_id=work.book.id, ids=sorted({wish.consumer_id for wish in wishes if wish.consumer_id}))
    accounts = credit.accounts_of(consumer_ids=sorted(people), currency=work.book.currency)
    outcomes: dict[int, Quote | Refused] = {}
    requests: dict[int, QuoteRequest] = {}
    for index, wish in enumerate(wishes):
        product, contract = offered.get(wish.product), contracts.get(wish.merchant_id)
        if product is None:
            outcomes[index] = Refused(UNKNOWN_PRODUCT, f"no product {wish.product} is offered", "product")
        elif contract is None:
            outcomes[index] = Refused(UNKNOWN_MERCHANT, "there is no such merchant, or it has no contract in force", "merchant_id")
        elif wish.consumer_id is not None and wish.consumer_id not in people:
            outcomes[index] = Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
        elif wish.language not in LANGUAGES:
            outcomes[index] = Refused(UNKNOWN_LANGUAGE, f"a plan is shown in one of {', '.join(LANGUAGES)}", "language")
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
    return outcomes | dict(zip(requests, quote_many(list(requests.values())), strict=True))


def _showing(wish: Wish, quoted: Quote) -> Showing:
    return Showing(quoted, wish.merchant_id, wish.consumer_id, cast("Language", wish.language))


def discount_of(contract: Contract, periods: int) -> Rate | None:
    agreed = dict(contract.terms.discounts).get(periods)
    return None if agreed is None else Rate(agreed)
