"""Whatever may happen to one loan of rule version 2026-2 and to what hangs on it, each as a verb that somebody says with an order of a shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from tests.journeys.conftest import Shop
from tests.people import person
from yuefu.aftersales import queries as sold
from yuefu.aftersales.rules import Asked, Case
from yuefu.collecting import commands as measures
from yuefu.collecting import queries as collected
from yuefu.collecting.commands import NewMeasure
from yuefu.errors import Refused, RefusedError
from yuefu.journeys import aftersales, billing, charge_backs, collecting, ending, papers, receipts, refund, repayment, undoing
from yuefu.journeys.aftersales import CaseRequest, Moved, StepRequest
from yuefu.journeys.billing import PayRequest
from yuefu.journeys.charge_backs import DisputeWon, TakenBack
from yuefu.journeys.collecting import RecoverRequest
from yuefu.journeys.desk import open_day
from yuefu.journeys.ending import PayQuote
from yuefu.journeys.receipts import MatchRequest
from yuefu.journeys.repayment import RepayRequest
from yuefu.journeys.undoing import UndoRequest
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import telling
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.orders.commands import RefundRequest
from yuefu.papers.commands import QuoteRequest
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import CollectionAttempt
from yuefu.payments.rules import OPERATING_NUMBER, CollectOrder
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.terms import Part
from yuefu.runtime import sql
from yuefu.runtime.batch import Quarantined

ALICE, BOB = person("alice"), person("bob")


def yuan(text: str) -> Money:
    return Money.parse(text, "CNY")


@dataclass
class Thing:
    """An order of 900.00 that became a loan, of which the first instalment was paid in part by `paid`; what verbs leave for each other."""

    consumer: UUID
    order: UUID
    merchant: UUID
    loan: UUID
    paid: list[UUID] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    matched: list[UUID] = field(default_factory=list)
    repair: UUID | None = None
    asked_on: date | None = None
    said: int = 0


class Verbs:
    """Acts on things of a shop. Each verb returns what it was told: never a Quarantined, for nothing here may break."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def thing(self, product: str = "flex", amount: str = "900.00") -> Thing:
        shop, consumer = self.shop, self.shop.consumer()
        bought = shop.buy(consumer, amount, product=product)
        got = shop.capture(bought.order_id)
        return Thing(consumer, got.order_id, shop.seller(got.order_id), got.loan_id)

    def say(self, verb: str, thing: Thing) -> Any:
        thing.said += 1
        outcome = VERBS[verb](self, thing)
        assert not isinstance(outcome, Quarantined), (verb, outcome.error)
        return outcome

    def _key(self, thing: Thing) -> str:
        return f"k{thing.said}"

    def _owed(self, thing: Thing) -> Any:
        return loan_book.on_book([thing.loan], self.shop.on, book_id=self.shop.book_id)[thing.loan]

    # ------------------------------------------------------------------------------------------------------------------------------ pays

    def _repay(self, thing: Thing, amount: str | None, ahead: Any = None) -> Any:
        money = yuan(amount) if amount else None
        request = RepayRequest(self._key(thing), thing.loan, money, "card:1:ok", ahead=ahead)
        (told,) = repayment.repay(desk=self.shop.desk, now=self.shop.now(14), requests=[request])
        if isinstance(told, repayment.Repaid) and told.state == "succeeded":
            thing.paid.append(told.collection_id)
        return told

    def repay_told_late(self, thing: Thing) -> Any:
        """200.00 that the channel collected two days ago, and tells of only now."""
        ((consumer, funder),) = sql.rows("SELECT consumer_id, funder_id FROM loans_agreement WHERE id = %s", [thing.loan])
        attempt = CollectionAttempt(self._key(thing), consumer, thing.loan, thing.order, yuan("200.00"), "card:1:ok", funder)
        with open_day(self.shop.desk, self.shop.now(9)) as work:
            assert not isinstance(work, Refused)
            (begun,) = payments.attempt_collections(work=work, attempts=[attempt])
        assert not isinstance(begun, Refused), begun
        order = CollectOrder(begun.reference, begun.instrument, begun.amount, payer=str(consumer))
        (said,) = self.shop.desk.channel.collect(orders=[order], now=self.shop.now(9))
        told_of = replace(said, on=self.shop.on - timedelta(days=2))
        (told,) = repayment.book(desk=self.shop.desk, now=self.shop.now(14), results=[told_of])
        if isinstance(told, repayment.Repaid):
            thing.paid.append(told.collection_id)
        return told

    def pay_bill(self, thing: Thing) -> Any:
        billing.make(desk=self.shop.desk, now=self.shop.now(6))
        request = PayRequest(self._key(thing), thing.consumer, "card:1:ok", amount=yuan("400.00"), ahead=True)
        (told,) = billing.pay(desk=self.shop.desk, now=self.shop.now(14), requests=[request])
        if isinstance(told, repayment.RepaidTogether):
            thing.paid += [part.collection_id for part in told.parts]
        return told

    def pay_quote(self, thing: Thing) -> Any:
        (quote,) = papers.quote(desk=self.shop.desk, now=self.shop.now(13), requests=[QuoteRequest(self._key(thing), thing.consumer)])
        if isinstance(quote, Refused):
            return quote
        (told,) = ending.pay(
            desk=self.shop.desk, now=self.shop.now(14), requests=[PayQuote(self._key(thing), thing.consumer, quote.id, "card:1:ok")]
        )
        if isinstance(told, repayment.RepaidTogether):
            thing.paid += [part.collection_id for part in told.parts]
        return told

    def transfer(self, thing: Thing) -> Any:
        key = f"{thing.loan}:{thing.said}"
        credit = self.shop.desk.bank.deposit(
            account=OPERATING_NUMBER, payer_account="6217000010001234567", payer_name="李四", amount=yuan("500.00"), text="", key=key,
            now=self.shop.now(12),
        )  # fmt: skip
        receipts.poll(desk=self.shop.desk, now=self.shop.now(13))
        account = payment_book.money_accounts(book_id=self.shop.book_id)["operating"]
        found = payment_book.receipts_numbered(book_id=self.shop.book_id, money_account_id=account.id, numbers=[credit.number])
        request = MatchRequest(key, found[credit.number].id, "they called", loan_id=thing.loan)
        (told,) = receipts.match(desk=self.shop.desk, now=self.shop.now(14), requests=[request])
        if isinstance(told, receipts.Matched):
            thing.matched.append(told.match.id)
            thing.paid += [part.collection_id for part in told.parts]
        return told

    def unmatch(self, thing: Thing) -> Any:
        if not thing.matched:
            return None
        return receipts.undo(
            desk=self.shop.desk, now=self.shop.now(15), match_id=thing.matched[-1], key=f"{thing.loan}:{thing.said}", reason="not theirs"
        )

    def undo(self, thing: Thing, which: int = -1) -> Any:
        if not thing.paid:
            return None
        request = UndoRequest(f"{thing.loan}:{thing.said}", thing.paid[which], "a mistake")
        return undoing.undo(desk=self.shop.desk, now=self.shop.now(15), requests=[request])[0]

    def give_up(self, thing: Thing) -> Any:
        wholes = sql.rows("SELECT id FROM payments_collection WHERE consumer_id = %s AND parts > 0", [thing.consumer])
        return billing.give_back(
            desk=self.shop.desk, now=self.shop.now(15), consumer_id=thing.consumer, collection_ids=[row[0] for row in wholes]
        )

    def charge_back(self, thing: Thing, which: int = -1) -> Any:
        if not thing.paid:
            return None
        paid = payment_book.collections(book_id=self.shop.book_id, ids=[thing.paid[which]])[thing.paid[which]]
        if not paid.left.minor:
            return None
        key = f"CB-{thing.loan}"[:40] + str(thing.said)
        request = TakenBack(key, paid.id, paid.left, self.shop.on, "disputed")
        (told,) = charge_backs.enter(desk=self.shop.desk, now=self.shop.now(15), requests=[request])
        if not isinstance(told, Refused | Quarantined):
            thing.taken.append(key)
        return told

    def win(self, thing: Thing) -> Any:
        if not thing.taken:
            return None
        reference = thing.taken.pop()
        back = sold.charge_backs_by_reference(book_id=self.shop.book_id, references=[reference])[reference]
        (said,) = self.shop.desk.channel.collect(orders=[CollectOrder(f"{reference}W", "card:1:ok", back.amount)], now=self.shop.now(15))
        assert said.outcome == "succeeded"
        (told,) = charge_backs.win(
            desk=self.shop.desk, now=self.shop.now(16), requests=[DisputeWon(f"{reference}W", reference, self.shop.on)]
        )
        if not isinstance(told, Refused | Quarantined):
            thing.paid.append(told.won_by_id)
        return told

    # ---------------------------------------------------------------------------------------------------------------------------- goods

    def _refund(self, thing: Thing, amount: str | None) -> Any:
        money = yuan(amount) if amount else None
        request = RefundRequest(f"{thing.order}:{thing.said}", thing.merchant, thing.order, money)
        return refund.refund(desk=self.shop.desk, now=self.shop.now(13), requests=[request])[0]

    def _case(self, thing: Thing, what: Asked, *steps: str, **more: Any) -> Any:
        key = f"{thing.order}:{thing.said}"
        (case,) = aftersales.ask(desk=self.shop.desk, now=self.shop.now(12), requests=[CaseRequest(key, thing.order, what)])
        if not isinstance(case, Case):
            return case
        return self._steps(case.id, key, *steps, **more)

    def _steps(self, case_id: UUID, key: str, *steps: str, **more: Any) -> Any:
        told: Any = None
        for n, to in enumerate(steps):
            request = StepRequest(f"{key}:{n}", case_id, to, "as agreed", **(more if to == "in_hand" else {}))
            (told,) = aftersales.take(desk=self.shop.desk, now=self.shop.now(13), requests=[request])
            if not isinstance(told, Moved):
                return told
        return told

    def ask_for_repair(self, thing: Thing) -> None:
        what = Asked("repair", "consumer", "one lamp", "it does not shine", None, None, None)
        (case,) = aftersales.ask(
            desk=self.shop.desk, now=self.shop.now(12), requests=[CaseRequest(f"{thing.order}:repair", thing.order, what)]
        )
        assert isinstance(case, Case), case
        thing.repair, thing.asked_on = case.id, self.shop.on

    def repair(self, thing: Thing) -> Any:
        if thing.repair is None:
            return None
        return self._steps(thing.repair, f"{thing.order}:{thing.said}", "agreed", "in_hand", handed_on=thing.asked_on)

    def repaired(self, thing: Thing) -> Any:
        if thing.repair is None:
            return None
        return self._steps(thing.repair, f"{thing.order}:{thing.said}", "done")

    def price(self, thing: Thing) -> Any:
        what = Asked("price_protection", "consumer", "one lamp", "it is cheaper now", None, yuan("600.00"), self.shop.on)
        return self._case(thing, what, "agreed", "done")

    def exchange(self, thing: Thing) -> Any:
        what = Asked("exchange", "consumer", "one lamp", "another one", yuan("400.00"), yuan("250.00"), None)
        return self._case(thing, what, "agreed", "in_hand", "done")

    # ------------------------------------------------------------------------------------------------------------------------- measures

    def undo_write_off(self, thing: Thing) -> Any:
        no = telling.write_off_of(thing.loan)
        return None if no is None else self._measure(thing, e.Undone(no))

    def _measure(self, thing: Thing, event: e.Event | e.Undone) -> Any:
        desk = replace(self.shop.desk, by=ALICE)
        new = NewMeasure(f"{thing.loan}:{thing.said}", thing.loan, event, "the person cannot pay")
        (told,) = collecting.propose(desk=desk, now=self.shop.now(10), measures=[new])
        if isinstance(told, Refused | Quarantined):
            return told
        one = collected.measures_by_id(book_id=self.shop.book_id, ids=[told])[told]
        if one.approval_id is None:
            return told
        try:
            with open_day(replace(self.shop.desk, by=BOB), self.shop.now(11)) as work:
                assert not isinstance(work, Refused)
                return measures.decide_measure(work=work, approval_id=one.approval_id, approve=True, reason="read")
        except RefusedError as error:
            return error.refused

    def reschedule(self, thing: Thing) -> Any:
        to_come = [row.due_on for row in self._owed(thing).rows if row.due_on > self.shop.on]
        if not to_come:
            return None
        moved = to_come[0] + timedelta(days=9)
        return self._measure(thing, e.Rescheduled(self.shop.on, to_come[0], moved, 2, Rate(100_000)))

    def recover(self, thing: Thing, amount: str) -> Any:
        request = RecoverRequest(self._key(thing), thing.loan, yuan(amount), "card:1:ok")
        (told,) = collecting.recover(desk=self.shop.desk, now=self.shop.now(14), requests=[request])
        if not isinstance(told, Refused | Quarantined):
            thing.paid.append(told.collection_id)
        return told

    def certify(self, thing: Thing) -> Any:
        return papers.certify(desk=self.shop.desk, now=self.shop.now(15), loan_ids=[thing.loan])[0]


Say = Callable[[Verbs, Thing], Any]
VERBS: Final[dict[str, Say]] = {
    "repay": lambda it, t: it._repay(t, None),
    "repay_told_late": Verbs.repay_told_late,
    "repay_part": lambda it, t: it._repay(t, "100.00"),
    "over": lambda it, t: it._repay(t, "450.00"),
    "next": lambda it, t: it._repay(t, "450.00", "next"),
    "smaller": lambda it, t: it._repay(t, "450.00", "smaller"),
    "shorter": lambda it, t: it._repay(t, "450.00", "shorter"),
    "settle": lambda it, t: it._repay(t, None, "settle"),
    "pay_bill": Verbs.pay_bill,
    "give_up": Verbs.give_up,
    "pay_quote": Verbs.pay_quote,
    "transfer": Verbs.transfer,
    "unmatch": Verbs.unmatch,
    "undo": Verbs.undo,
    "undo_first": lambda it, t: it.undo(t, 0),
    "charge_back": Verbs.charge_back,
    "charge_back_first": lambda it, t: it.charge_back(t, 0),
    "win": Verbs.win,
    "refund_part": lambda it, t: it._refund(t, "200.00"),
    "refund_all": lambda it, t: it._refund(t, None),
    "repair": Verbs.repair,
    "repaired": Verbs.repaired,
    "price": Verbs.price,
    "exchange": Verbs.exchange,
    "reage": lambda it, t: it._measure(t, e.Reaged(it.shop.on, it.shop.on + timedelta(days=20), 6)),
    "reamortise": lambda it, t: it._measure(t, e.Reamortised(it.shop.on)),
    "reschedule": Verbs.reschedule,
    "pause_interest": lambda it, t: it._measure(t, e.InterestPaused(it.shop.on + timedelta(days=1), it.shop.on + timedelta(days=9))),
    "pause_interest_past": lambda it, t: it._measure(t, e.InterestPaused(it.shop.on - timedelta(days=9), it.shop.on + timedelta(days=9))),
    "pause_arrears": lambda it, t: it._measure(t, e.ArrearsPaused(it.shop.on - timedelta(days=9), it.shop.on + timedelta(days=9))),
    "waive": lambda it, t: it._measure(t, e.Waived(it.shop.on, Part.PENALTY, yuan("4.00"))),
    "waive_interest": lambda it, t: it._measure(t, e.Waived(it.shop.on, Part.INTEREST, yuan("5.00"))),
    "charge_off": lambda it, t: it._measure(t, e.ChargedOff(it.shop.on, stops_interest=True)),
    "write_off": lambda it, t: it._measure(t, e.WrittenOff(it.shop.on)),
    "undo_write_off": Verbs.undo_write_off,
    "recover": lambda it, t: it.recover(t, "50.00"),
    "recover_all": lambda it, t: it.recover(t, "2000.00"),
    "certify": Verbs.certify,
}
