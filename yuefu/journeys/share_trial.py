"""What a proposed contract would have made of what a merchant sold: a dry run of its fees and shares over real captures, next to what there was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.merchants.queries import payees
from yuefu.merchants.rules import Contract, ContractTerms, Sold
from yuefu.merchants.rules.payees import Payee
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.orders import queries as orders
from yuefu.runtime.values import Book
from yuefu.settlement import queries as settlement
from yuefu.settlement import rules
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.rules import Item
from yuefu.settlement.rules.shares import of_capture

PAGE: Final = 2_000
Place = tuple[str, int, UUID]
"""A receiver: party, level, and who it is."""


@dataclass(slots=True)
class Split:
    """How what was sold is divided, in minor units. sold = merchant + discount + tax + platform + all others."""

    count: int = 0
    sold: int = 0
    fees: int = 0
    tax: int = 0
    discount: int = 0
    merchant: int = 0
    others: dict[Place, int] = field(default_factory=dict)

    @property
    def platform(self) -> int:
        return self.fees - self.tax - sum(self.others.values())

    def add(self, item: Item, parts: Mapping[Place, int]) -> None:
        self.count += 1
        self.sold += item.gross.minor
        self.fees += item.fee.minor
        self.tax += item.vat.minor
        self.discount += item.discount.minor
        self.merchant += item.net.minor
        for place, minor in parts.items():
            self.others[place] = self.others.get(place, 0) + minor


@dataclass(frozen=True, slots=True)
class Trial:
    """What there was, what would have been, who shares, and orders whose plan the proposed contract does not have: these keep their discount."""

    was: Split
    would_be: Split
    payees: Mapping[UUID, Payee]
    without_plan: int


def trial(*, book: Book, merchant_id: UUID, terms: ContractTerms, since: date, until: date) -> Trial:
    """Divides the captures of these days as a contract would have, and as they were. Refunds are left out of both: they follow each order's own contract."""
    contract = Contract(UUID(int=0), merchant_id, 0, terms)
    agent_id = terms.sharing.agent_id if terms.sharing else None
    line = payees.lines(agent_ids=[agent_id], book_id=book.id).get(agent_id, []) if agent_id else []
    was, would_be, without_plan = Split(), Split(), 0
    volumes = _volumes(book, merchant_id, contract, since, until)
    for page in _pages(book, merchant_id, since, until):
        earned = share_book.of_captures(capture_ids=[item.source_id for item in page])
        found = orders.orders([item.order_id for item in page if item.order_id])
        for item in page:
            was.add(item, {(s.party, s.level, s.payee_id): s.amount.minor for s in earned.get(item.source_id, []) if s.kind == "earned"})
            order = found[item.order_id] if item.order_id else None
            assert order is not None, "a capture is of an order"
            sold = Sold(item.product, order.channel, order.periods, order.category)
            again, has_plan = _again(item, contract, sold, volumes.get(item.earned_on.replace(day=1), Money.zero(book.currency)))
            without_plan += not has_plan
            new = of_capture(again, contract, line=line, host_id=order.host_id, own_funds=book.id, new_id=item.id)
            would_be.add(again, {(s.party, s.level, s.payee_id): s.amount.minor for s in new})
    names = {payee_id for split in (was, would_be) for _, _, payee_id in split.others}
    return Trial(was, would_be, payees.by_id(ids=sorted(names)), without_plan)


def _again(item: Item, contract: Contract, sold: Sold, volume: Money) -> tuple[Item, bool]:
    """The item as the contract would have made it, and whether it has the plan. One that the merchant did not pay for stays so."""
    agreed = contract.discount_rate(sold.periods) if item.discount else Rate(0)
    fee_rate, fixed = contract.fee_of(sold, volume)
    share = rules.capture_share(item.gross, fee_rate=fee_rate, fixed=fixed, discount_rate=agreed or Rate(0))
    discount = item.discount if agreed is None else share.discount
    fee = min(share.fee, item.gross - discount)
    vat = rules.vat_of(fee, Rate(contract.terms.vat_ppm))
    return rules.with_figures(item, fee=fee, vat=vat, discount=discount), agreed is not None


def _volumes(book: Book, merchant_id: UUID, contract: Contract, since: date, until: date) -> dict[date, Money]:
    """What was sold in the month before each month, by the first of that month; nothing where fees do not depend on it."""
    found: dict[date, Money] = {}
    month = since.replace(day=1)
    while contract.by_volume and month <= until:
        last = month - timedelta(days=1)
        sold = settlement.sold(book_id=book.id, merchant_ids=[merchant_id], since=last.replace(day=1), until=last)
        found[month] = Money(sold.get(merchant_id, 0), book.currency)
        month = (month + timedelta(days=31)).replace(day=1)
    return found


def _pages(book: Book, merchant_id: UUID, since: date, until: date) -> Iterator[Sequence[Item]]:
    after: UUID | None = None
    while page := settlement.captures(book_id=book.id, merchant_id=merchant_id, since=since, until=until, after=after, limit=PAGE):
        yield page
        after = page[-1].id
