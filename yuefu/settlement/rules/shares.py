"""Profit shares: what others than merchant and platform have of a fee, and when they have it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.merchants.rules import Contract
from yuefu.merchants.rules.payees import Payee
from yuefu.merchants.rules.sharing import Part, back_by_default, back_with_goods, divide
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.settlement.rules import Item

NOT_DUE: Final = "not_due"  # the state of a payee's batch does not allow this step
UNKNOWN_BATCH: Final = "unknown_batch"
SALE_HELD: Final = "sale_held"  # what merchants are owed for a sale in it is held or frozen
NOTHING_TO_PAY: Final = "nothing_to_pay"  # no batch is due
WAITS: Final = "waits_for_approval"  # it is in a request that nobody has decided yet
TOO_MANY: Final = "too_many_batches"

TRANSITIONS: Final = frozenset(
    {
        *((unpaid, after) for unpaid in ("due", "returned") for after in ("scheduled", "paid")),
        ("scheduled", "paid"),
        ("scheduled", "returned"),
        ("paid", "returned"),
        ("paid", "reconciled"),
        ("reconciled", "returned"),
    }
)
"""Of a batch of a payee: what is due or came back is ordered, or was paid outside, as two people say."""
WITHHOLDING: Final = "settlement.withholding"
"""The setting: {agent, host}, parts per million that are withheld of what is due to one who is a person."""
DEFAULT_WITHHOLDING: Final[Mapping[str, int]] = {"agent": 0, "host": 0}
MOST_WITHHELD: Final = 450_000

UNPAID: Final = ("due", "returned")
OWED: Final = ("due", "scheduled", "returned")
"""In these states the bank has not paid it, or has paid it back."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the fee of a capture (`kind` earned, positive), or what of it goes back: with goods (refunded), or because the loan defaulted early
    (defaulted), both negative. `source_id` is the capture, the refund, or the capture again.

    `early_periods` and `early_days` are what the contract of the capture calls an early default.
    """

    id: UUID
    kind: str
    source_id: UUID
    merchant_id: UUID
    order_id: UUID
    capture_id: UUID
    loan_id: UUID
    party: str
    level: int
    payee_id: UUID
    amount: Money
    on_refund: str
    default_ppm: int
    early_periods: int
    early_days: int
    earned_on: date


@dataclass(frozen=True, slots=True)
class Had:
    """A share as it was earned, and what its receiver still has of it."""

    earned: Share
    left: Money


@dataclass(frozen=True, slots=True)
class ShareTotals:
    """A batch of a payee: net = earned − refunded − defaulted + opening; what is above nothing is due, what is below is carried. Of what is due to a person
    tax may be `withheld`; the payee is paid the rest."""

    earned: Money
    refunded: Money
    defaulted: Money
    opening: Money
    net: Money
    due: Money
    carried: Money
    withheld: Money

    @property
    def pays(self) -> Money:
        """What goes to the payee."""
        return self.due - self.withheld


def of_capture(
    item: Item, contract: Contract, *, line: Sequence[Payee], host_id: UUID | None, own_funds: UUID, new_id: UUID
) -> list[Share]:
    """Who shares in the fee of a capture. `line` is the agent of the contract and those above it; one that has ended has no part, nor has a funder
    that is the platform itself. Ids are the caller's to give; all have `new_id` until then."""
    sharing = contract.terms.sharing
    if sharing is None or item.order_id is None or item.loan_id is None:
        return []
    payees = {("agent", level): agent.id for level, agent in enumerate(line, start=1) if agent.state == "active"}
    payees |= {("host", 1): host_id} if host_id else {}
    payees |= {("funder", 1): item.funder_id} if item.funder_id and item.funder_id != own_funds else {}
    parts = divide(sharing, price=item.gross, pool=item.fee - item.vat, payees=payees)
    return [_earned(item, part, item.order_id, item.loan_id, (sharing.early_periods, sharing.early_days), new_id) for part in parts]


def _earned(item: Item, part: Part, order_id: UUID, loan_id: UUID, early: tuple[int, int], new_id: UUID) -> Share:
    return Share(
        *(new_id, "earned", item.source_id, item.merchant_id, order_id, item.source_id, loan_id, part.party, part.level, part.payee_id),
        *(part.amount, part.on_refund, part.default_ppm, *early, item.earned_on),
    )


def of_refund(item: Item, capture: Item, had: Iterable[Had], *, refunded_before: Money) -> list[Share]:
    """What goes back of shares with goods."""
    back = []
    for one in had:
        if one.earned.on_refund == "returned":
            step = back_with_goods(one.earned.amount, one.left, price=capture.gross, refunded_before=refunded_before, refunded=-item.gross)
            if step:
                back.append(replace(one.earned, kind="refunded", source_id=item.source_id, amount=-step, earned_on=item.earned_on))
    return back


def of_default(had: Iterable[Had], *, on: date) -> list[Share]:
    """What is taken back of shares because the loan defaulted early."""
    taken = ((one, back_by_default(one.left, one.earned.default_ppm)) for one in had)
    return [replace(one.earned, kind="defaulted", amount=-back, earned_on=on) for one, back in taken if back]


def left_of(shares: Iterable[Share]) -> dict[tuple[str, int], Had]:
    """What receivers of one capture have, by party and level, of all its shares so far."""
    had: dict[tuple[str, int], Had] = {}
    for share in sorted(shares, key=lambda one: one.kind != "earned"):
        place = (share.party, share.level)
        before = had.get(place)
        had[place] = Had(before.earned if before else share, before.left + share.amount if before else share.amount)
    return had


def withholding(value: Any) -> Mapping[str, int]:
    """The setting as a value: parts per million by party. ValueError says what is wrong with it."""
    if not isinstance(value, Mapping) or set(value) != set(DEFAULT_WITHHOLDING):
        raise ValueError(f"it has {' and '.join(sorted(DEFAULT_WITHHOLDING))}")
    if any(type(ppm) is not int or not 0 <= ppm <= MOST_WITHHELD for ppm in value.values()):
        raise ValueError(f"what is withheld is 0 to {MOST_WITHHELD} parts per million of what is due")
    return value


def totals(sums: Mapping[str, int], *, opening: Money, withheld_ppm: int = 0) -> ShareTotals:
    """The figures of a batch, of signed sums by kind in minor units; what is withheld is half up of what is due."""
    currency = opening.currency
    earned, refunded, defaulted = (
        Money(sign * sums.get(kind, 0), currency) for kind, sign in (("earned", 1), ("refunded", -1), ("defaulted", -1))
    )
    net = earned - refunded - defaulted + opening
    due = max(net, Money.zero(currency))
    withheld = Rate(withheld_ppm).of(due, rounding=Rounding.HALF_UP)
    return ShareTotals(earned, refunded, defaulted, opening, net, due, net - due, withheld)
