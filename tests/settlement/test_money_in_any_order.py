"""Whatever order of sales, pay days, freezes, answers of the bank and clearings: what was owed is what was paid and what is owed still, to the cent, and
nothing is paid twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.people import person
from tests.settlement.conftest import MakeMerchant
from tests.settlement.dealings import dealings
from tests.settlement.scene import PAY_DAY, accrue, available, capture, cny, proofs_hold, refund, settle, unproven
from yuefu.errors import Refused, RefusedError
from yuefu.merchants import queries as merchants
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.rules import Payout, PayResult
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries
from yuefu.settlement.commands import CaptureAccrual, Clearing, NewEvidence, NewFreeze
from yuefu.settlement.rules import Item

STEPS = st.one_of(
    st.tuples(st.just("sell"), st.sampled_from([900, 50_000, 100_000])),
    st.tuples(st.just("give_back"), st.sampled_from([100, 40_000, 50_000])),
    st.tuples(st.just("freeze"), st.sampled_from([1, 30_000, 250_000, None])),
    st.tuples(
        st.sampled_from(
            ["unfreeze", "pay_day", "send", "paid", "returned", "rejected", "clear", "suspend", "activate", "correct", "deliver"]
        ),
        st.none(),
    ),
)
HERE = (
    "SELECT coalesce(sum(l.amount_minor), 0)::bigint FROM ledger_line AS l JOIN ledger_account AS a ON a.id = l.account_id"
    " WHERE l.merchant_id = %s AND a.code IN ('merchant_pending', 'merchant_reserve', 'merchant_frozen')"
)
MakeWork = Callable[..., UnitOfWork]


class Play:
    """A merchant with a rolling reserve, and people and a bank who do things to its money."""

    def __init__(self, work: UnitOfWork, make_work: MakeWork, merchant_id: UUID, correct: Callable[[UUID], None]) -> None:
        self.work, self.merchant_id, self._correct = work, merchant_id, correct
        self._people = make_work(by=person("alice")), make_work(by=person("bob"))
        self._pay_days = (PAY_DAY + timedelta(days=n) for n in itertools.count())
        self._all = [one.id for one in merchants.merchants(book_id=work.book.id)]
        self._sold: list[CaptureAccrual] = []
        self._delivered: set[UUID] = set()
        self.owed = 0

    def step(self, name: str, value: Any) -> None:
        getattr(self, name)(*(() if value is None and name != "freeze" else (value,)))

    def sell(self, minor: int) -> None:
        self._sold.append(capture(self.work, self.merchant_id, minor=minor))
        self._earned(accrue(self.work, self._sold[-1]))

    def give_back(self, minor: int) -> None:
        if self._sold:
            self._earned(accrue(self.work, refund(self.work, self._sold[-1], minor)))

    def deliver(self) -> None:
        """The oldest sale that was not delivered yet is; where the contract does not count from it, that changes nothing."""
        for sold in [one for one in self._sold if one.order_id not in self._delivered][:1]:
            self._delivered.add(sold.order_id)
            with sql.transacting():
                told = NewEvidence(sold.order_id, sold.merchant_id, "delivered", "SF1", self.work.day.on)
                settlement.record_evidence(work=self.work, given=[told, told])

    def _earned(self, outcomes: list[Item | Refused]) -> None:
        self.owed += sum(item.net.minor for item in outcomes if isinstance(item, Item))

    def pay_day(self) -> None:
        settle(self.work, next(self._pay_days))

    def freeze(self, minor: int | None) -> None:
        wanted = NewFreeze(self.merchant_id, None if minor is None else cny(minor), date(2027, 1, 1), "abnormal funds")
        self._by_two(lambda work: settlement.propose_freeze(work=work, wanted=wanted), settlement.decide_freeze)

    def unfreeze(self) -> None:
        for freeze in self._freezes()[:1]:
            self._by_two(
                lambda work, i=freeze.id: settlement.propose_unfreeze(work=work, freeze_id=i, reason="x"), settlement.decide_unfreeze
            )

    def clear(self) -> None:
        for batch in queries.batches_unpaid(book_id=self.work.book.id, merchant_ids=[self.merchant_id])[:1]:
            self._by_two(
                lambda work, i=batch.id: settlement.propose_clearing(work=work, clearing=Clearing(i, "x")), settlement.decide_clearing
            )

    def _by_two(self, ask: Callable[[UnitOfWork], UUID | Refused], decide: Callable[..., Any]) -> None:
        alice, bob = self._people
        with sql.transacting():
            asked = ask(alice)
        if isinstance(asked, UUID):
            try:
                with sql.transacting():
                    decide(work=bob, approval_id=asked, approve=True, reason="x")
            except RefusedError as refused:
                if refused.refused.code not in {"account_flagged", "nothing_to_pay", "changed_since"}:
                    raise

    def send(self) -> None:
        self._answer("scheduled", "sent")

    def paid(self) -> None:
        self._answer("sent", "paid")

    def returned(self) -> None:
        self._answer("paid", "returned", "account_closed")

    def rejected(self) -> None:
        self._answer("sent", "rejected", "bank_am04")

    def _answer(self, state: str, outcome: Any, code: str = "") -> None:
        found = [p for p in self.payouts() if p.state == state]
        if found:
            with sql.transacting():
                results = [PayResult(p.reference, outcome, p.amount, "n", self.work.day.on, code) for p in found[:1]] * 2
                booked = payments.settle_payouts(work=self.work, results=results)
                settlement.mark_payouts(work=self.work, payouts=[p for p in booked if isinstance(p, Payout)])

    def suspend(self) -> None:
        sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [self.merchant_id])

    def activate(self) -> None:
        sql.run("UPDATE merchants_merchant SET state = 'active' WHERE id = %s", [self.merchant_id])

    def correct(self) -> None:
        self._correct(self.merchant_id)

    def payouts(self) -> list[Payout]:
        found = payment_book.payouts_of_book(book_id=self.work.book.id).values()
        return sorted((p for p in found if p.merchant_id == self.merchant_id), key=lambda p: p.id)

    def _freezes(self) -> list[Any]:
        return queries.freezes(book_id=self.work.book.id, merchant_id=self.merchant_id, with_ended=False, limit=100)

    def check(self) -> None:
        """All money is in one place, and no freeze has more than was asked, nor less than there is."""
        payouts = self.payouts()
        here = -sql.value(HERE, [self.merchant_id]) + available(self.work, self.merchant_id)
        away = {state: sum(p.amount.minor for p in payouts if p.state == state) for state in ("scheduled", "sent", "paid")}
        assert self.owed == here + sum(away.values()), (self.owed, here, away)
        assert proofs_hold(self.work, *self._all)
        live = [p.batch_id for p in payouts if p.state != "returned"]
        assert len(live) == len(set(live)), "a batch is paid once"
        for freeze in self._freezes():
            assert freeze.asked is None or freeze.kept <= freeze.asked
            if freeze.lacks:
                assert away["scheduled"] == 0, "nothing leaves while a freeze lacks something"
                assert available(self.work, self.merchant_id) == 0, "nor is anything available"


@settings(max_examples=dealings(15), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=4, max_size=22), settle_from=st.sampled_from(["capture", "delivery"]))
@example(
    settle_from="capture",
    steps=[
        (name, None if name != "sell" and name != "freeze" else 100_000 if name == "sell" else 30_000)
        for name in [
            "sell",
            "pay_day",
            "send",
            "freeze",
            "paid",
            "returned",
            "correct",
            "clear",
            "send",
            "paid",
            "unfreeze",
            "pay_day",
            "send",
            "paid",
        ]
    ],
)
@example(
    settle_from="capture",
    steps=[
        ("sell", 100_000),
        ("pay_day", None),
        ("freeze", 30_000),
        ("send", None),
        ("paid", None),
        ("returned", None),
        ("correct", None),
        ("clear", None),
        ("send", None),
        ("paid", None),
        ("unfreeze", None),
        ("pay_day", None),
        ("send", None),
        ("paid", None),
    ],
)
@example(
    settle_from="capture",
    steps=[
        ("freeze", None),
        ("sell", 100_000),
        ("pay_day", None),
        ("unfreeze", None),
        ("give_back", 40_000),
        ("pay_day", None),
        ("freeze", 1),
        ("pay_day", None),
    ],
)
@example(
    settle_from="capture",
    steps=[
        ("sell", 50_000),
        ("suspend", None),
        ("pay_day", None),
        ("freeze", 30_000),
        ("clear", None),
        ("activate", None),
        ("send", None),
        ("rejected", None),
        ("clear", None),
    ],
)
@example(
    settle_from="delivery",
    steps=[
        ("sell", 50_000),
        ("sell", 100_000),
        ("give_back", 40_000),
        ("pay_day", None),
        ("deliver", None),
        ("pay_day", None),
        ("deliver", None),
        ("freeze", 30_000),
        ("sell", 50_000),
        ("give_back", 50_000),
        ("pay_day", None),
        ("send", None),
        ("paid", None),
    ],
)
def test_what_was_owed_is_what_was_paid_and_what_is_owed_still(
    work: UnitOfWork,
    make_work: MakeWork,
    make_merchant: MakeMerchant,
    correct: Callable[[UUID], None],
    steps: list[tuple[str, Any]],
    settle_from: str,
) -> None:
    play = Play(work, make_work, make_merchant(reserve_ppm=50_000, reserve_days=3, settle_from=settle_from), correct)
    for name, value in steps:
        play.step(name, value)
        play.check()
    assert unproven(work, play.merchant_id) == [], "every statement may be given out"
