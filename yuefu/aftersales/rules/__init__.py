"""What may be asked after a sale, which steps a case takes, and how much money it gives back. Pure; amounts in the order's currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money

Kind = Literal["return", "part_return", "exchange", "repair", "price_protection"]
State = Literal["asked", "agreed", "declined", "in_hand", "done", "cancelled"]
Asker = Literal["consumer", "merchant", "platform"]

KINDS: Final = ("return", "part_return", "exchange", "repair", "price_protection")
ASKERS: Final = ("consumer", "merchant", "platform")
STATES: Final = ("asked", "agreed", "declined", "in_hand", "done", "cancelled")
OPEN: Final = ("asked", "agreed", "in_hand")

UNKNOWN_ORDER = "unknown_order"
UNKNOWN_CASE = "unknown_case"
UNKNOWN_KIND = "unknown_kind"
UNKNOWN_ASKER = "unknown_asker"
NOT_DELIVERED = "not_delivered"  # nothing of the order was captured: void it instead
NOTHING_LEFT = "nothing_left_to_return"  # all of it was given back before
CASE_OPEN = "case_open"  # this order has an open case of the kind: end that first
AMOUNT_NEEDED = "amount_needed"
AMOUNT_NOT_ASKED = "amount_not_asked"
PRICE_NEEDED = "price_needed"
PRICE_NOT_ASKED = "price_not_asked"
OTHER_CURRENCY = "other_currency"
AMOUNT_NOT_POSITIVE = "amount_not_positive"
MORE_THAN_KEPT = "more_than_kept"
NOT_LOWER = "price_not_lower"
PRICE_TOO_LATE = "price_too_late"
SEEN_ON_NEEDED = "seen_on_needed"
SEEN_AHEAD = "seen_ahead"
TEXT_INVALID = "text_invalid"
NOT_POSSIBLE = "step_not_possible"
ANSWER_TOO_LATE = "answer_too_late"  # the merchant's days to answer are over: the platform decides
DIFFERENCE_UNPAID = "difference_unpaid"
GOODS_AHEAD = "goods_ahead"  # the goods came in on a later day than today, or before they were asked for

POLICY: Final = "aftersales.policy"
DEFAULT_POLICY: Final[Mapping[str, Any]] = {"answer_days": 3, "price_days": 15, "repair_pauses": "arrears", "repair_days": 30}
PAUSES: Final = ("nothing", "arrears", "arrears_and_interest")
LONGEST_TEXT: Final = 500
_MOST_DAYS: Final = 365

STEPS: Final = frozenset(
    {
        ("asked", "agreed"),
        ("asked", "declined"),
        ("asked", "cancelled"),
        ("agreed", "in_hand"),
        ("agreed", "done"),  # only where no goods come back
        ("agreed", "cancelled"),
        ("in_hand", "done"),
        ("in_hand", "declined"),
    }
)


@dataclass(frozen=True, slots=True)
class Policy:
    """How after-sales go in a book. `repair_pauses`: what rests while goods are repaired, `repair_days` at most, unless they are back before;
    interest that rests is the lender's loss."""

    answer_days: int
    price_days: int
    repair_pauses: str
    repair_days: int


def policy(value: Mapping[str, Any]) -> Policy:
    """Raises ValueError or KeyError for what is no such setting."""
    if set(value) != set(DEFAULT_POLICY):
        raise ValueError(f"it has {', '.join(DEFAULT_POLICY)} and nothing else")
    for name in ("answer_days", "price_days", "repair_days"):
        if type(value[name]) is not int or not 1 <= value[name] <= _MOST_DAYS:
            raise ValueError(f"{name} is a whole number of days from 1 to {_MOST_DAYS}")
    if value["repair_pauses"] not in PAUSES:
        raise ValueError(f"repair_pauses is one of {', '.join(PAUSES)}")
    return Policy(value["answer_days"], value["price_days"], value["repair_pauses"], value["repair_days"])


@dataclass(frozen=True, slots=True)
class Bought:
    """What a case is about: an order, of which so much was delivered and so much of that is kept still. `since` is the day of its first capture."""

    order_id: UUID
    merchant_id: UUID
    consumer_id: UUID
    captured: Money
    kept: Money
    since: date | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked. `amount`: of a part return what is to be given back, of an exchange what the old goods were sold for. `price`: of an exchange
    that of the other goods, of price protection what all that is kept of the order costs now, as it was seen on `seen_on`."""

    kind: str
    asked_by: str
    items: str
    reason: str
    amount: Money | None = None
    price: Money | None = None
    seen_on: date | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands. `handed_on`: the day on which the goods came in; `difference_paid`: by what the consumer paid for dearer goods."""

    id: UUID
    no: int
    order_id: UUID
    merchant_id: UUID
    consumer_id: UUID
    asked: Asked
    currency: str
    state: str
    answer_by: date
    opened_on: date
    opened_at: datetime
    handed_on: date | None
    difference_paid: str
    refund_id: UUID | None
    refunded: Money
    paused_until: date | None


def fault_of(asked: Asked, bought: Bought, on: date, given: Policy) -> Refused | None:
    """Why something cannot be asked; None where it can."""
    if asked.kind not in KINDS:
        return Refused(UNKNOWN_KIND, f"a case is one of {', '.join(KINDS)}", "kind")
    if asked.asked_by not in ASKERS:
        return Refused(UNKNOWN_ASKER, f"it is asked by one of {', '.join(ASKERS)}", "asked_by")
    for name, text in (("items", asked.items), ("reason", asked.reason)):
        if not 1 <= len(text) <= LONGEST_TEXT or not text.isprintable() or not text.strip():
            return Refused(TEXT_INVALID, f"{name} has 1 to {LONGEST_TEXT} printable characters", name)
    if bought.since is None:
        return Refused(NOT_DELIVERED, "nothing of this order was captured: void it instead", "order_id")
    if not bought.kept.minor:
        return Refused(NOTHING_LEFT, "all of this order was given back before", "order_id")
    return _amounts(asked, bought) or _price(asked, bought, on, given)


def _amounts(asked: Asked, bought: Bought) -> Refused | None:
    wants_amount, wants_price = asked.kind in ("part_return", "exchange"), asked.kind in ("exchange", "price_protection")
    for name, money, wanted, needed, unasked in (
        ("amount", asked.amount, wants_amount, AMOUNT_NEEDED, AMOUNT_NOT_ASKED),
        ("price", asked.price, wants_price, PRICE_NEEDED, PRICE_NOT_ASKED),
    ):
        if wanted != (money is not None):
            return Refused(needed, f"say the {name}", name) if wanted else Refused(unasked, f"a {asked.kind} has no {name}", name)
        if money is not None and money.currency != bought.kept.currency:
            return Refused(OTHER_CURRENCY, f"the order is in {bought.kept.currency}", name)
        if money is not None and money.minor <= 0:
            return Refused(AMOUNT_NOT_POSITIVE, f"the {name} must be more than zero", name)
    if asked.amount is not None and asked.amount > bought.kept:
        return Refused(MORE_THAN_KEPT, f"{bought.kept} of this order is kept", "amount")
    return None


def _price(asked: Asked, bought: Bought, on: date, given: Policy) -> Refused | None:
    if asked.kind != "price_protection":
        return None
    assert asked.price is not None and bought.since is not None  # noqa: PT018
    if asked.seen_on is None:
        return Refused(SEEN_ON_NEEDED, "say on which day the lower price was seen", "seen_on")
    if asked.seen_on > on:
        return Refused(SEEN_AHEAD, f"it is {on}: a price is seen today at the latest", "seen_on")
    last = bought.since + timedelta(days=given.price_days)
    if not bought.since <= asked.seen_on <= last:
        return Refused(PRICE_TOO_LATE, f"the price is protected from {bought.since} to {last}", "seen_on")
    if asked.price >= bought.kept:
        return Refused(NOT_LOWER, f"what is kept of this order was bought for {bought.kept}, which is no more than that", "price")
    return None


def gives_back(case: Case, kept: Money, difference_paid: str) -> Money | Refused:
    """What the consumer gets back as a refund when a case is done, of an order of which so much is kept; nothing where its loan stays as it is.

    Dearer goods are never lent for: the consumer has agreed to what was lent. The difference is paid outside the loan, to the merchant, or by an
    order of its own; `difference_paid` names which payment or order. Price protection gives back at most the difference, so the same price only once.
    """
    asked, nothing = case.asked, Money.zero(case.currency)
    match asked.kind:
        case "return":
            return kept if kept.minor else Refused(NOTHING_LEFT, "all of this order was given back before", "case_id")
        case "part_return":
            assert asked.amount is not None
            return asked.amount if asked.amount <= kept else Refused(MORE_THAN_KEPT, f"{kept} of this order is kept", "case_id")
        case "exchange":
            assert asked.amount is not None and asked.price is not None  # noqa: PT018
            if asked.amount > kept:
                return Refused(MORE_THAN_KEPT, f"{kept} of this order is kept", "case_id")
            if asked.price > asked.amount and not difference_paid:
                more = asked.price - asked.amount
                return Refused(
                    DIFFERENCE_UNPAID,
                    f"the other goods cost {more} more: name the payment to the merchant or the new order that pays it, nothing more is lent",
                    "difference_paid",
                )
            return max(asked.amount - asked.price, nothing)
        case "price_protection":
            assert asked.price is not None
            return kept - asked.price if kept > asked.price else Refused(NOT_LOWER, f"{kept} of this order is kept", "case_id")
        case _:
            return nothing


def needs_goods(kind: str) -> bool:
    """Whether goods come in before a case is done."""
    return kind != "price_protection"


def step_fault(case: Case, to: str, *, on: date, by_merchant: bool, handed_on: date | None) -> Refused | None:
    """Why a case cannot take a step; None where it can."""
    if (case.state, to) not in STEPS:
        ways = ", ".join(sorted(new for old, new in STEPS if old == case.state)) or "nothing: it has ended"
        return Refused(NOT_POSSIBLE, f"the case is {case.state}; from there it goes to {ways}", "to")
    goods = needs_goods(case.asked.kind)
    if (case.state, to) == ("agreed", "done") and goods:
        return Refused(NOT_POSSIBLE, "the goods come in first: enter that they did, which makes the case in_hand", "to")
    if to == "in_hand" and not goods:
        return Refused(NOT_POSSIBLE, f"no goods come in for a {case.asked.kind}: it is done next", "to")
    if by_merchant and case.state == "asked" and to != "cancelled" and on > case.answer_by:
        return Refused(ANSWER_TOO_LATE, f"the merchant could answer until {case.answer_by}: the platform decides", "by_merchant")
    if to == "in_hand" and handed_on is not None and not case.opened_on <= handed_on <= on:
        return Refused(GOODS_AHEAD, f"goods of this case come in from {case.opened_on} until {on}", "handed_on")
    return None
