"""Months of loans, payments of every kind, refunds, undone repayments and changed days, as dice say; every proof after every step."""

import os
import random
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from yuefu.billing import queries as bill_book
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import ChangeDays
from yuefu.errors import Refused
from yuefu.journeys import billing, repayment, undoing
from yuefu.journeys.billing import Made, PayRequest
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import RepaidTogether, RepayRequest
from yuefu.journeys.trace import traced_orders
from yuefu.journeys.undoing import UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.runtime import sql
from yuefu.runtime.batch import Quarantined

SEEDS = [int(seed) for seed in os.environ.get("YEARS_OF_BILLS", "1").split(",")]
DAYS = int(os.environ.get("YUEFU_DAYS_OF_BILLS", "100"))
"""How long they live; `yuefu prove bills` lets them live a year."""
CARDS = ("ok", "ok", "ok", "insufficient_funds", "unknown_then_success", "unknown_then_failure", "refund_fails_once")
MAY_NOT = {
    "nothing_due", "bill_paid", "days_unchanged", "nothing_waits", "already_reversed", "collection_refunded", "excess_gone", "limit_exceeded",
    "unknown_repayment",
}  # fmt: skip


class Year:
    """Four consumers and what they do, by the dice of a seed."""

    def __init__(self, shop, seed):
        self.shop, self.dice = shop, random.Random(seed)
        self.people = [shop.consumer(repayment_day=day, limit="60000.00") for day in (11, 18, 25, 28)]
        self.orders, self.parts, self.wholes = [], [], []
        self.done = Counter()
        self.bills = {}

    def account(self, person):
        return accounts.accounts_of(consumer_ids=[person], currency="CNY", book_id=self.shop.book_id)[person].id

    def said(self, name, outcome):
        assert not isinstance(outcome, Quarantined), outcome
        if isinstance(outcome, Refused):
            assert outcome.code in MAY_NOT, outcome
            self.done[outcome.code] += 1
        else:
            self.done[name] += 1
        return outcome

    def buy(self, person):
        if any(loan_book.arrears(self.shop.book_id, [person], self.shop.on, "CNY")):
            return
        amount, product = f"{self.dice.randint(300, 3000)}.{self.dice.randint(0, 99):02d}", self.dice.choice(["free", "flex"])
        order = self.shop.buy(
            person,
            amount,
            product=product,
            periods=self.dice.choice([3, 6] if product == "free" else [3, 6, 12]),
            merchant=self.dice.choice([0, 1]),
        )
        if order.approved:
            self.orders.append(self.shop.capture(order.order_id))
            self.done["bought"] += 1

    def pay(self, person):
        bills = bill_book.bills_of(account_id=self.account(person), limit=3)
        loans = [got.loan_id for got in self.orders if loan_book.loans([got.loan_id])[got.loan_id].dims.consumer_id == person]
        target = self.dice.choice(["bill", "bill", "bill", "loan", "all"])
        amount = self.dice.choice([None, None, None, Money(self.dice.randint(1, 2_000_00), "CNY")])
        request = PayRequest(
            f"p{self.dice.random()}",
            person,
            f"card:{self.dice.randint(1, 99)}:{self.dice.choice(CARDS)}",
            bill_id=self.dice.choice(bills).id if bills and target == "bill" else None,
            loan_id=self.dice.choice(loans) if loans and target == "loan" else None,
            amount=amount,
            ahead=self.dice.random() < 0.3,
        )
        outcome = self.said("paid", billing.pay(desk=self.shop.desk, now=self.shop.now(14), requests=[request])[0])
        if isinstance(outcome, RepaidTogether):
            self.wholes.append((person, outcome.collection_id))
            self.parts += [part.collection_id for part in outcome.parts]
            assert sum(part.amount.minor for part in outcome.parts) == outcome.amount.minor

    def repay(self, person):
        del person
        if self.orders:
            request = RepayRequest(f"r{self.dice.random()}", self.dice.choice(self.orders).loan_id, None, "card:1:ok")
            self.said("repaid", repayment.repay(desk=self.shop.desk, now=self.shop.now(15), requests=[request])[0])

    def undo(self, person):
        del person
        if self.parts:
            request = UndoRequest(f"u{self.dice.random()}", self.dice.choice(self.parts[-12:]), "by mistake")
            self.said("undone", undoing.undo(desk=self.shop.desk, now=self.shop.now(16), requests=[request])[0])

    def give_back(self, person):
        del person
        if self.wholes:
            payer, whole = self.dice.choice(self.wholes[-6:])
            given = billing.give_back(desk=self.shop.desk, now=self.shop.now(17), consumer_id=payer, collection_ids=[whole])
            self.said("given back", given[0])

    def refund(self, person):
        del person
        if self.orders:
            got = self.dice.choice(self.orders)
            with sql.reading(book_id=self.shop.book_id):
                left = sql.value("SELECT captured_minor - refunded_minor FROM orders_order WHERE id = %s", [got.order_id])
            if left > 200_00:
                self.shop.refund(got.order_id, f"{self.dice.randint(1, left // 200)}.00")
                self.done["refunded"] += 1

    def change_days(self, person):
        change = ChangeDays(
            f"d{self.dice.random()}", self.account(person), self.dice.randint(1, 28), self.dice.randint(1, 28), ("asked_by_consumer",)
        )
        with open_day(self.shop.desk, self.shop.now()) as work:
            self.said("days changed", credit.change_days(work=work, changes=[change])[0])

    def live(self):
        """A day: its bills on most days (on others they are late), what waited on some, and what people do."""
        if self.dice.random() < 0.9:
            for made in billing.make(desk=self.shop.desk, now=self.shop.now(6)):
                assert isinstance(made, Made), made
                self.done["billed" if made.bill else "nothing to bill"] += 1
        if self.dice.random() < 0.5:
            self.done["released"] += billing.release(desk=self.shop.desk, now=self.shop.now(6))
        acts = [self.buy, self.pay, self.pay, self.pay, self.repay, self.undo, self.refund, self.change_days, self.give_back]
        weights = [4, 6, 6, 6, 1, 1, 1, 2, 2]
        for act in self.dice.choices(acts, weights, k=self.dice.choice([0, 0, 1, 2])):
            act(self.dice.choice(self.people))
            self.hold()
        repayment.poll(desk=self.shop.desk, now=self.shop.now(20))

    def hold(self):
        """What must hold whatever happened."""
        self.shop.prove()
        found = sql.rows(
            "SELECT b.id, b.total_minor, sum(l.amount_minor), count(*) = b.lines FROM billing_bill b JOIN billing_line l ON l.bill_id = b.id"
            " WHERE b.book_id = %s GROUP BY b.id",
            [self.shop.book_id],
        )
        for bill_id, total, lines, all_there in found:
            assert (total, all_there) == (lines, True)
            assert self.bills.setdefault(bill_id, total) == total, "a bill stays as it was shown"
        waiting = payments.waiting_in_all(book_id=self.shop.book_id)
        assert -sum(ledger.totals(self.shop.book_id, ["consumer_balance"]).values()) >= waiting


def _tiling(shop):
    """Cycles of each account in the order of its bills: (first day, day after the last)."""
    found = sql.rows("SELECT account_id, first_on, bill_on FROM billing_bill WHERE book_id = %s ORDER BY account_id, no", [shop.book_id])
    by_account = {}
    for account, first_on, bill_on in found:
        by_account.setdefault(account, []).append((first_on, bill_on))
    return by_account


@pytest.mark.parametrize("seed", SEEDS)
def test_months_of_bills_lose_no_day_bill_nothing_twice_and_prove_after_every_step(shop, seed):
    year = Year(shop, seed)
    begun = shop.on
    while shop.on < begun + timedelta(days=DAYS):
        year.live()
        shop.next_day()
    billing.make(desk=shop.desk, now=shop.now(6))
    year.hold()
    for cycles in _tiling(shop).values():
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(cycles)), "cycles without a bill lie between"
    # Every instalment whose bill has come is on exactly one, but for those of a loan that closed before: all its goods had gone back. One of a loan
    # that was lent after the last bill is on the next.
    rows = sql.rows(
        "SELECT i.loan_id, i.no, i.due_on, i.consumer_id, i.principal_minor + i.interest_minor, l.state = 'active',"
        " (SELECT min(e.recorded_on) FROM loans_event e WHERE e.loan_id = l.id),"
        " (SELECT count(*) FROM billing_line b WHERE b.loan_id = i.loan_id AND b.no = i.no)"
        " FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id WHERE i.book_id = %s",
        [shop.book_id],
    )
    assert all(times <= 1 for *_, times in rows), "an instalment is on one bill"
    bills = {person: bill_book.bills_of(account_id=year.account(person), limit=99) for person in year.people}
    covered = {person: max(bill.covers_until for bill in of) for person, of in bills.items()}
    last = {person: max(bill.bill_on for bill in of) for person, of in bills.items()}
    expected = [row for row in rows if row[4] and row[5] and row[2] <= covered[row[3]] and row[6] < last[row[3]]]
    assert not [row for row in expected if not row[7]]
    assert sum(times for *_, times in rows) > DAYS // 8
    followed = traced_orders(book_id=shop.book_id, as_of=date(2026, 10, 12))
    assert not [one for one in followed.missing if one[1] != "settlement"], followed
    for name in ("bought", "paid", "billed", "undone", "refunded", "days changed", "released", "given back"):
        assert year.done[name], (name, year.done)
