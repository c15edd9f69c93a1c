"""Whatever the channel does and however its answers come: what it took of a consumer is applied once, or goes back."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.journeys.conftest import shop_opened
from tests.journeys.test_debits import at, bought, first_row, taken
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import debits, jobs, repayment
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.payments import queries as payments
from yuefu.payments.commands import Closing
from yuefu.payments.gateways.sandbox import SandboxChannel

DUE = date(2026, 10, 25)
RULES = ("ok", "insufficient_funds", "unknown_then_success", "unknown_then_failure", "late_success", "failed_then_success")
ACTS = ("run", "poll", "cut_before", "cut_after", "deaf", "all_again")


class Cut(Exception):
    """The line broke."""


class Wild(SandboxChannel):
    """A channel that treats the tries of each contract by a script, breaks off, and whose every answer is kept to be told again."""

    def __init__(self, book, scripts):
        super().__init__(book)
        self.scripts, self.heard, self.cut = scripts, [], ""
        held, permit = self._mandates, self._mandates.permit

        def scripted(orders, now):
            found = permit(orders, now)
            return {
                reference: (rule if refused else self._next(orders, reference), refused) for reference, (rule, refused) in found.items()
            }

        held.permit = scripted

    def _next(self, orders, reference):
        (payer,) = [order.payer for order in orders if order.reference == reference]
        script = self.scripts.setdefault(payer, [])
        return script.pop(0) if script else "ok"

    def collect(self, *, orders, now):
        if self.cut == "before":
            raise Cut
        answers = super().collect(orders=orders, now=now)
        self.heard += answers
        if self.cut == "after":
            raise Cut
        return answers

    def query(self, *, references, now):
        if self.cut == "deaf":
            raise Cut
        answers = super().query(references=references, now=now)
        self.heard += answers.values()
        return answers


def act(shop, what, clock, order):
    """One thing that happens in a day. Where the line breaks, the process dies and a later one goes on."""
    channel, now = shop.desk.channel, at(shop, clock)
    channel.cut = {"cut_before": "before", "cut_after": "after", "deaf": "deaf"}.get(what, "")
    try:
        if what == "all_again":
            told = list(channel.heard)
            order.shuffle(told)
            repayment.book(desk=shop.desk, now=now, results=told + told[:3])
        elif what == "poll":
            jobs.poll(shop.desk, now)
        else:
            debits.run(desk=shop.desk, now=now)
    except Cut:
        pass
    finally:
        channel.cut = ""


def close_all(shop, clock):
    """A person looks at everything: what came after all is accepted, what cannot be is dismissed."""
    for one in payments.contradictions_listed(book_id=shop.book_id):
        (outcome,) = debits.close(desk=shop.desk, now=at(shop, clock), closings=[Closing(one.id, True, "seen in the bill")])
        if isinstance(outcome, Refused):
            debits.close(desk=shop.desk, now=at(shop, clock), closings=[Closing(one.id, False, "told in the wrong order")])


def is_open(shop):
    """Whether anything is under way, planned, or waits for a person."""
    listed = payments.debits_listed(book_id=shop.book_id, states=["open"])
    waiting = payments.collections_to_poll(book_id=shop.book_id, before=at(shop, "23:00"), limit=10)
    return bool(listed or waiting or payments.contradictions_listed(book_id=shop.book_id))


@pytest.fixture(scope="module")
def open_shop(vault):
    return lambda: shop_opened(vault, IdSource(secrets.randbits))


days = st.lists(st.lists(st.sampled_from(ACTS), min_size=3, max_size=3), min_size=4, max_size=4)


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    scripts=st.lists(st.lists(st.sampled_from(RULES), max_size=4), min_size=4, max_size=4),
    days=days,
    order=st.randoms(use_true_random=False),
)
def test_what_was_taken_is_applied_once_or_given_back(open_shop, scripts, days, order):
    shop = open_shop()
    loans = [bought(shop) for _ in scripts]
    asked = {loan_id: first_row(shop, loan_id) for loan_id, _ in loans}
    by_payer = {str(mandate.consumer_id): list(script) for (_, mandate), script in zip(loans, scripts, strict=True)}
    while shop.on < DUE - timedelta(days=1):
        shop.next_day(close=False)
    shop.desk = replace(shop.desk, channel=Wild(shop.desk.book, by_payer))
    debits.run(desk=shop.desk, now=at(shop, "10:00"))
    for acts in days:
        shop.next_day(close=False)
        for clock, what in zip(("09:00", "12:00", "15:00"), acts, strict=True):
            act(shop, what, clock, order)
    while is_open(shop):
        assert shop.on < DUE + timedelta(days=35), "every debit comes to an end"
        shop.next_day(close=False)
        act(shop, "poll", "09:00", order)
        act(shop, "run", "09:30", order)
        close_all(shop, "10:00")
        act(shop, "all_again", "11:00", order)
        close_all(shop, "12:00")
        act(shop, "poll", "13:00", order)
    held = loan_book.loans([loan_id for loan_id, _ in loans])
    back = payments.given_back(book_id=shop.book_id, failed_since=None)
    for loan_id, _ in loans:
        rows = held[loan_id].state.rows
        paid = sum(row.principal_paid + row.interest_paid for row in rows)
        went_back = back[loan_id].succeeded if loan_id in back else 0
        assert sum(taken(shop, loan_id)) == paid + went_back, "not a cent is lost or counted twice"
        assert went_back == held[loan_id].state.excess
        assert paid in (0, asked[loan_id].principal + asked[loan_id].interest), "and the instalment is paid once"
    assert sum(ledger.totals(shop.book_id, ["collections_clearing"]).values()) == 0
    assert sum(ledger.totals(shop.book_id, ["consumer_balance"]).values()) == 0
