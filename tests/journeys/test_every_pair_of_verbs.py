"""Every two verbs of money on one object at the same moment come to what they would have come to one after the other.

Objects are alike: an order of which a half is captured, with a loan that is due today and partly repaid, on a line that has room for one
more purchase. On one of them A is done before B, on another B before A; on the rest both at once, after a barrier. What then stands in
the books, and what each was told, has to be the one or the other. Settlement and the roll-over are of a whole book: a day for each pair.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations, combinations_with_replacement
from typing import Any, Final
from uuid import UUID

import pytest
from stdnum.cn import ric

from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.errors import Refused
from yuefu.journeys import checkout, close_of_day, refund, repayment, settlement, undoing
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Quoted, Released, Wish
from yuefu.journeys.desk import open_day
from yuefu.journeys.refund import Refunded
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.journeys.undoing import Undone, UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.payments import queries as payments
from yuefu.runtime import sql

DUE: Final = date(2026, 10, 25)
AT_ONCE: Final = int(os.environ.get("YUEFU_RACES", "2"))
"""How often each pair meets; `yuefu prove races` asks for more."""

ORDERED_ON: Final = date(2026, 10, 16)
"""Nine days before: on the due day the holds run out."""
BEFORE, PAID, ORDERED, HALF, PART, REPAID, MORE = 450_00, 50_00, 900_00, 450_00, 300_00, 150_00, 300_00
LIMIT: Final = BEFORE - PAID + ORDERED + MORE
VERBS: Final = ("authorise", "capture", "void", "refund", "expire", "repay", "undo")
WHOLE_BOOK: Final = ("settle", "roll_over")
SAME_KEY: Final = tuple(verb for verb in VERBS if verb != "expire")
PAIRS: Final = tuple(combinations_with_replacement(VERBS, 2))
OF_THE_ORDER: Final = frozenset({"capture", "void", "expire"})

Act = Callable[[], object]


@dataclass(frozen=True)
class Thing:
    """An order with all that belongs to it. `until` is the moment at which its hold runs out; `old` is an order of the same consumer that
    was captured wholly and became the `loan`, of which `collection` paid a part.
    """

    name: str
    merchant: UUID
    consumer: UUID
    order: UUID
    until: datetime
    old: UUID
    loan: UUID
    collection: UUID


@dataclass(frozen=True)
class Loaned:
    consumer: UUID
    order: UUID
    loan: UUID


class Stage:
    """Makes things that are alike, and acts on them."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self._made = 0

    def lend(self, count: int) -> list[Loaned]:
        """`count` consumers with a loan each, of which the first instalment is due on the due day."""
        now = self.shop.now(8)
        people = self._people(count, now)
        orders = self._order(people, "old", BEFORE, now)
        taken = self._capture([order.order_id for order in orders], BEFORE, now)
        return [Loaned(person, c.order_id, c.loan_id) for person, c in zip(people, taken, strict=True)]

    def order(self, loaned: Sequence[Loaned], first: datetime) -> list[Authorised]:
        """An order for each, a minute apart from `first` on, half of it captured."""
        orders = []
        for n, one in enumerate(loaned):
            orders += self._order([one.consumer], f"new-{n}", ORDERED, first + timedelta(minutes=n))
        self._capture([order.order_id for order in orders], HALF, first + timedelta(hours=9))
        return orders

    def things(self, loaned: Sequence[Loaned], orders: Sequence[Authorised]) -> list[Thing]:
        """The whole of each; a part of the loan is repaid now."""
        asked = [RepayRequest(f"first:{one.loan}", one.loan, Money(PAID, "CNY"), "card:1:ok") for one in loaned]
        paid = repayment.repay(desk=self.shop.desk, now=self.shop.now(6), requests=asked)
        assert {_told(one) for one in paid} == {("repaid", "succeeded", PAID, PAID, 0)}
        return [
            Thing(str(n), self.shop.merchants[0], one.consumer, o.order_id, o.expires_at, one.order, one.loan, repaid.collection_id)
            for n, (one, o, repaid) in enumerate(zip(loaned, orders, paid, strict=True))
            if isinstance(repaid, Repaid)
        ]

    def _order(self, people: Sequence[UUID], name: str, minor: int, now: datetime) -> list[Authorised]:
        shown = self.quotes(people, minor, now)
        asked = [Purchase(f"{name}:{one}", self.shop.merchants[0], f"{name}:{one}", one, q) for one, q in zip(people, shown, strict=True)]
        made = [one for one in checkout.authorise(desk=self.shop.desk, now=now, purchases=asked) if isinstance(one, Authorised)]
        assert [one.approved for one in made] == [True] * len(people), made
        return made

    def _capture(self, orders: Sequence[UUID], minor: int, now: datetime) -> list[Captured]:
        asked = [CaptureRequest(f"first:{one}", self.shop.merchants[0], one, Money(minor, "CNY")) for one in orders]
        taken = [one for one in checkout.capture(desk=self.shop.desk, now=now, requests=asked) if isinstance(one, Captured)]
        assert len(taken) == len(orders)
        return taken

    def _people(self, count: int, now: datetime) -> list[UUID]:
        new = []
        for _ in range(count):
            self._made += 1
            body = f"1101051980{self._made // 900 % 12 + 1:02d}07{self._made % 900:03d}"
            new.append(
                NewConsumer(f"pair{self._made}", f"pair-{self._made}", "张三", "13800138000", body + ric.calc_check_digit(body + "0"))
            )
        with open_day(self.shop.desk, now) as work:
            assert not isinstance(work, Refused)
            made = consumers.register(work=work, vault=self.shop.desk.vault, consumers=new)
            ids = [one for one in made if isinstance(one, UUID)]
            assert len(ids) == count, made
            credit.open_accounts(work=work, accounts=[OpenAccount(f"pair:{i}", i, Money(LIMIT, "CNY"), 15, 25, 1) for i in ids])
        return ids

    def quotes(self, people: Sequence[UUID], minor: int, now: datetime) -> list[UUID]:
        wishes = [Wish(self.shop.merchants[0], person, "free", Money(minor, "CNY"), 3) for person in people]
        shown = [one for one in checkout.quote(desk=self.shop.desk, now=now, wishes=wishes) if isinstance(one, Quoted)]
        assert len(shown) == len(people)
        return [one.quote_id for one in shown]

    # ------------------------------------------------------------------------------------------------------------------------- its verbs

    def act(self, verb: str, thing: Thing, key: str, *, beside: str, now: datetime | None = None) -> Act:
        """A verb on a thing: the moment before its hold runs out, and for `expire` the one after. Goods that are taken back are those of the
        order beside what is done with it, else those of the loan.
        """
        desk, before = self.shop.desk, now or thing.until - timedelta(seconds=10)
        key = f"{verb}:{thing.order}:{key}"
        capture = CaptureRequest(key, thing.merchant, thing.order, Money(PART, "CNY"))
        back = RefundRequest(key, thing.merchant, thing.order if beside in OF_THE_ORDER else thing.old, Money(PART, "CNY"))
        repay = RepayRequest(key, thing.loan, Money(REPAID, "CNY"), "card:2:ok")
        quote = self.quotes([thing.consumer], MORE, before)[0] if verb == "authorise" else thing.order
        purchase = Purchase(key, thing.merchant, key[-30:], thing.consumer, quote)
        acts: dict[str, Act] = {
            "authorise": lambda: checkout.authorise(desk=desk, now=before, purchases=[purchase])[0],
            "capture": lambda: checkout.capture(desk=desk, now=before, requests=[capture])[0],
            "void": lambda: checkout.void(desk=desk, now=before, requests=[VoidRequest(key, thing.merchant, thing.order)])[0],
            "refund": lambda: refund.refund(desk=desk, now=before, requests=[back])[0],
            "expire": lambda: checkout.expire(desk=desk, now=now or thing.until + timedelta(seconds=10)),
            "repay": lambda: repayment.repay(desk=desk, now=before, requests=[repay])[0],
            "undo": lambda: undoing.undo(desk=desk, now=before, requests=[UndoRequest(key, thing.collection, "a mistake")])[0],
        }
        return acts[verb]

    # ---------------------------------------------------------------------------------------------------------------- what came of them

    def seen(self, thing: Thing, told: Sequence[object]) -> tuple[Any, ...]:
        """All that the books say of a thing, and what each verb was told, without the names of anything."""
        both = [thing.order, thing.old]
        orders = [order_book.orders(both)[one] for one in both]
        assert orders[0].credit_account_id is not None
        line = ledger.limited(self.shop.book_id, "credit_line", [orders[0].credit_account_id])[orders[0].credit_account_id]
        loans = [(h.state.outstanding_principal.minor, h.state.is_closed) for one in both for h in loan_book.loans_of(both)[one]]
        paid = payments.of_orders(order_ids=both)[thing.old]
        others = sql.rows(
            "SELECT state, count(*) FROM orders_order WHERE consumer_id = %s AND id <> ALL(%s) GROUP BY state ORDER BY state",
            [thing.consumer, both],
        )
        debits = sql.rows(
            "SELECT count(*), sum(amount_minor)::bigint FROM payments_sandbox_trade WHERE reference = ANY(%s) AND status = 'SUCCESS'",
            [[c.reference for c in paid.collections]],
        )
        for order in orders:
            assert order.captured + order.released <= order.authorised
            assert order.refunded == sum(c.refunded for c in order.captures) <= order.captured
        return (
            tuple((order.state, order.captured, order.released, order.refunded) for order in orders),
            (line.posted.minor, line.held.minor),
            tuple(sorted(loans)),
            tuple(sorted((c.state, c.amount.minor, c.refunded.minor) for c in paid.collections)),
            sum(r.amount.minor for r in paid.refunds if r.state == "succeeded"),
            tuple(others),
            tuple(debits),
            tuple(_told(outcome) for outcome in told),
        )


def _told(outcome: object) -> tuple[Any, ...]:
    """What a verb was told: for whom nothing else differs, the same."""
    assert not isinstance(outcome, BaseException), outcome
    match outcome:
        case Authorised():
            return ("authorised", outcome.approved, outcome.reasons)
        case Captured() | Released():
            return (type(outcome).__name__, outcome.amount.minor)
        case Refunded() | Undone():
            return (type(outcome).__name__, outcome.amount.minor, outcome.owed_back.minor)
        case Repaid():
            return ("repaid", outcome.state, outcome.amount.minor, outcome.principal.minor, outcome.excess.minor)
        case Refused():
            return ("refused", outcome.code)
    return ("done",)  # an expiry says how many there were in the whole book


# ------------------------------------------------------------------------------------------------------------------- two on one object

CASES: Final = [(a, b, False) for a, b in PAIRS] + [(verb, verb, True) for verb in SAME_KEY]


@pytest.fixture(scope="module")
def lent(patient_shop: Any) -> tuple[Stage, list[Loaned]]:
    stage = Stage(patient_shop)
    return stage, stage.lend(len(CASES) * (2 + AT_ONCE) + 2 * len(VERBS))


@pytest.fixture(scope="module")
def stage(lent: tuple[Stage, list[Loaned]]) -> tuple[Stage, list[Thing]]:
    it, loaned = lent[0], lent[1][: -2 * len(VERBS)]
    it.shop.until(ORDERED_ON)
    orders = it.order(loaned, it.shop.now(8))
    it.shop.until(DUE)
    return it, it.things(loaned, orders)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{a}-{b}{'-same-key' * same}" for a, b, same in CASES])
def test_two_at_once_come_to_what_one_after_the_other_comes_to(stage: tuple[Stage, list[Thing]], number: int) -> None:
    it, things = stage
    a, b, same = CASES[number]
    mine = things[number * (2 + AT_ONCE) :][: 2 + AT_ONCE]

    def both(thing: Thing) -> tuple[Act, Act]:
        first = it.act(a, thing, "1", beside=b)
        return first, first if same else it.act(b, thing, "2", beside=a)

    ahead, behind = both(mine[0]), both(mine[1])
    serial = {it.seen(mine[0], [ahead[0](), ahead[1]()])}
    told = [behind[1](), behind[0]()]
    serial.add(it.seen(mine[1], told[::-1]))
    for thing in mine[2:]:
        found = it.seen(thing, it.shop.at_once(*both(thing)))
        assert found in serial, (found, serial)
    _decided(a, b, same, serial)
    it.shop.prove()


ONE_WINS: Final = {
    ("authorise", "authorise"): ("authorised", True, ()),
    ("capture", "capture"): ("Captured", PART),
    ("capture", "expire"): ("Captured", PART),
    ("void", "void"): ("Released", ORDERED - HALF),
    ("refund", "refund"): ("Refunded", PART, 0),
    ("undo", "undo"): ("Undone", PAID, PAID),
}


def _decided(a: str, b: str, same: bool, serial: set[tuple[Any, ...]]) -> None:
    """What can be had only once was had once; and a verb that came again with its key was told the same."""
    for _, *_, told in serial:
        if same:
            assert told[0] == told[1]
        elif (a, b) in ONE_WINS:
            assert told.count(ONE_WINS[a, b]) == 1 or b == "expire", (a, b, told)
    if b == "expire" and a in OF_THE_ORDER - {b}:
        assert len(serial) == 2, "who comes first decides"


# -------------------------------------------------------------------------------------------------------------- one with the whole book

DAYS: Final = (*(verb for verb in VERBS if verb != "expire"), "settle", "roll_over", "expire")
"""From the day after the due day on, one a day; on the last of them the holds of the due day run out."""


@pytest.fixture(scope="module")
def days_after(lent: tuple[Stage, list[Loaned]], stage: tuple[Stage, list[Thing]]) -> tuple[Stage, dict[str, list[Thing]]]:
    """Two things for each verb."""
    it, loaned = stage[0], lent[1][-2 * len(VERBS) :]
    it.shop.until(DUE)
    orders = it.order(loaned, it.shop.now(8))
    it.shop.next_day()
    things = it.things(loaned, orders)
    return it, {verb: things[2 * n : 2 * n + 2] for n, verb in enumerate(verb for verb in DAYS if verb in VERBS)}


@pytest.mark.parametrize("verb", DAYS)
def test_a_verb_while_the_book_is_settled_and_while_its_day_rolls_over(days_after: tuple[Stage, dict[str, list[Thing]]], verb: str) -> None:
    it, things = days_after
    shop, mine = it.shop, things.get(verb)
    settle: Act = lambda: settlement.settle(desk=shop.desk, now=shop.now(9))  # noqa: E731
    beside = it.act(verb, mine[0], "1", beside="settle", now=None if verb == "expire" else shop.now(9)) if mine else settle
    told, batches = shop.at_once(beside, settle)
    assert not isinstance(told, BaseException), told
    assert _figures(settle()) == _figures(batches)
    shop.prove()
    on = shop.on
    shop.on += timedelta(days=1)
    midnight = shop.now(0)
    beside = it.act(verb, mine[1], "1", beside="roll_over", now=midnight) if mine else settle
    shop.move_clock()
    roll_over: Act = lambda: close_of_day.roll_over(desk=shop.desk, now=midnight)  # noqa: E731
    told, rolled = shop.at_once(roll_over if verb == "roll_over" else beside, roll_over)
    assert not isinstance(told, BaseException), told
    outcomes = [_rolled(rolled), *([_rolled(told)] if verb == "roll_over" else [])]
    assert outcomes.count("rolled") == 1, outcomes
    closed = close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=on)
    assert isinstance(closed, close_of_day.Closed), closed
    for thing in mine or ():
        it.seen(thing, [told])
    shop.prove()


def _figures(batches: Any) -> list[Any]:
    """Batches without what becomes of them once they are paid."""
    return [(batch.id, batch.totals, batch.line_count) for batch in batches]


def _rolled(outcome: object) -> str:
    return outcome.code if isinstance(outcome, Refused) else "rolled"


def test_every_pair_of_the_nine_verbs_is_tried() -> None:
    tried = {frozenset(pair) for pair in PAIRS} | {frozenset((verb, whole)) for verb in DAYS for whole in WHOLE_BOOK}
    assert tried == {frozenset(pair) for pair in [*combinations(DAYS, 2), *((verb, verb) for verb in DAYS)]}
