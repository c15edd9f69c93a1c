"""The price label of a plan: what a shopper reads before buying, and it adds up to the cent."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from yuefu.money.amounts import Money, total
from yuefu.plans.schedule import Instalment

SYMBOLS: Final = {
    "CNY": "¥",
    "HKD": "HK$",
    "TWD": "NT$",
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "JP¥",
    "KRW": "₩",
    "SGD": "S$",
    "AUD": "A$",
    "CAD": "C$",
    "INR": "₹",
}


@dataclass(frozen=True, slots=True)
class PriceLabel:
    """Runs of equal instalments, in order, as (how many, how much each); together they are exactly `total`, else ValueError."""

    groups: tuple[tuple[int, Money], ...]
    total: Money

    def __post_init__(self) -> None:
        added = total((Money(count * each.minor, each.currency) for count, each in self.groups), self.total.currency)
        if added != self.total:
            raise ValueError(f"A price label must add up: its parts are {added}, its total is {self.total}.")


def price_label(instalments: Sequence[Instalment]) -> PriceLabel:
    """The label of a schedule. Raises ValueError for an empty one."""
    return label_of([instalment.total for instalment in instalments])


def label_of(amounts: Sequence[Money], *, apart: int = 0) -> PriceLabel:
    """The label of amounts in the order they are paid; the first `apart` of them stand alone, a down payment beside an instalment as large.

    Raises ValueError for none, and for amounts of two currencies.
    """
    if not amounts:
        raise ValueError("A price label needs at least one instalment.")
    alone = tuple((1, each) for each in amounts[:apart])
    runs = tuple((len(list(run)), each) for each, run in groupby(amounts[apart:]))
    return PriceLabel(alone + runs, total(amounts, amounts[0].currency))


def render_price_label(label: PriceLabel) -> str:
    """The label as one line: "¥666.33 × 2 + ¥666.34 = ¥1,999.00"."""
    parts = [f"{with_symbol(each)} × {count}" if count > 1 else with_symbol(each) for count, each in label.groups]
    return f"{' + '.join(parts)} = {with_symbol(label.total)}"


def with_symbol(money: Money) -> str:
    """With symbol and grouped thousands, "¥1,999.00"; a currency without a symbol of its own shows its code and a space."""
    whole, point, decimals = money.decimal_text().partition(".")
    return f"{SYMBOLS.get(money.currency, money.currency + ' ')}{int(whole):,}{point}{decimals}"
