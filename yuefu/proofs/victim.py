"""A process to be killed: plays a day-by-day plan against a book and acknowledges each outcome in a file outside the database.

`python -m yuefu.proofs.victim prepare DIR CODE…` founds a book a code and writes its plan; `play DIR CODE [POINT]` plays the plan
from its beginning, so that after a kill every key is sent again; `figures DIR CODE…` prints what the books then say. POINT is
`verb:where:n`: at the n-th such place of a verb the process kills itself, as a power cut would, with no time to say anything.
Places: before_commit, after_commit (of a transaction), before_call, after_call (of the channel or the bank), before_ack.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

FIRST_DAY: Final = date(2026, 10, 1)
REPAYMENT_DAY: Final = 12
DUE: Final = date(2026, 10, 12)
ORDERS, BATCH = 24, 8
ZONE: Final = ZoneInfo("Asia/Shanghai")
CONTROL: Final = (
    "loan_principal",
    "loan_interest",
    "loan_penalties",
    "unearned_discount",
    "interest_income",
    "interest_given_up",
    "penalty_income",
    "discount_income",
    "fee_income",
    "purchase_clearing",
    "collections_clearing",
    "consumer_balance",
    "merchant_pending",
    "payouts_in_transit",
    "channel_fee_expense",
    "channel_cash",
    "bank_cash",
    "client_cash",
    "credit_line_contra",
    "funder_capital",
)


@dataclass(slots=True)
class Point:
    """Where the process is to die; `now_in` is the verb it is at."""

    verb: str
    where: str
    nth: int
    now_in: str = ""
    passed: int = 0

    @classmethod
    def parse(cls, text: str) -> Point:
        verb, where, nth = text.split(":") if text else ("", "", "0")
        return cls(verb, where, int(nth))

    def at(self, where: str) -> None:
        """Dies here if this is the place."""
        if (self.now_in, where) == (self.verb, self.where):
            self.passed += 1
            if self.passed == self.nth:
                os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A gateway with two more places to die: before a call goes out, and after it came back."""

    def __init__(self, gateway: Any, point: Point, names: frozenset[str]) -> None:
        self._gateway, self._point, self._names = gateway, point, names

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._gateway, name)
        if name not in self._names:
            return real

        def call(**given: Any) -> Any:
            self._point.at("before_call")
            answer = real(**given)
            self._point.at("after_call")
            return answer

        return call


@dataclass(slots=True)
class Acknowledgements:
    """What was promised to the outside, one line each, flushed to the disk before the next act begins."""

    path: Path
    point: Point
    said: int = field(default=0)

    def say(self, verb: str, outcomes: Sequence[tuple[str, Any]]) -> None:
        self.point.at("before_ack")
        with self.path.open("a", encoding="utf-8") as file:
            for key, outcome in outcomes:
                file.write(json.dumps({"verb": verb, "key": key, "outcome": outcome}, default=_plain) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.said += len(outcomes)


def _silent(_text: str) -> None:
    return None


def _plain(value: object) -> str:
    """One text for one value: the same moment may come back in another zone."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def main(arguments: Sequence[str]) -> None:
    """The entry of the process."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
    mode, directory, *rest = arguments
    if mode == "prepare":
        from yuefu.runtime import provision

        provision.migrate(os.environ["DATABASE_URL"], say=_silent)
    django.setup()
    if mode == "play":
        play(Path(directory), rest[0], Point.parse(rest[1] if len(rest) > 1 else ""))
    elif mode == "prepare":
        for code in rest:
            prepare(Path(directory), code)
    else:
        print(json.dumps({code: figures(code) for code in rest}))


# ----------------------------------------------------------------------------------------------------------------------------- prepare


def prepare(directory: Path, code: str) -> None:
    """Founds a book with people and prices that were shown; all amounts are the same in each book."""
    from yuefu.consumers import commands as consumers
    from yuefu.credit import commands as credit
    from yuefu.credit.commands import OpenAccount
    from yuefu.journeys import checkout
    from yuefu.journeys.checkout import Quoted, Wish
    from yuefu.journeys.desk import open_day
    from yuefu.money.amounts import Money
    from yuefu.runtime import vault
    from yuefu.runtime.values import UnitOfWork
    from yuefu.sim import people, world

    keys = Path(os.environ["YUEFU_KEYS_FILE"])
    sealed = vault.load(keys) if keys.exists() else vault.create(keys)
    made = world.found(first_day=FIRST_DAY, seed=secrets.randbits(48), vault=sealed, months=2, code=code, people=False)
    noon = datetime.combine(FIRST_DAY, time(12), ZONE)
    adults = [people.customer(number=f"{n:05d}", seed=1, as_of=FIRST_DAY) for n in range(1, ORDERS + 1)]
    with open_day(made.desk, noon) as work:
        assert isinstance(work, UnitOfWork)
        ids = [i for i in consumers.register(work=work, vault=made.desk.vault, consumers=[a.new for a in adults]) if isinstance(i, UUID)]
        assert len(ids) == ORDERS, "each customer of the plan is a new one"
        credit.open_accounts(
            work=work, accounts=[OpenAccount(f"prove:{i}", i, Money(5_000_00, "CNY"), REPAYMENT_DAY, REPAYMENT_DAY, 1) for i in ids]
        )
    wishes = [
        Wish(made.shops[n % 3], i, "flex" if n % 2 else "free", Money(300_00 + 37_31 * n, "CNY"), (3, 6, 12)[n % 3])
        for n, i in enumerate(ids)
    ]
    shown = checkout.quote(desk=made.desk, now=noon, wishes=wishes)
    plan = [
        {"merchant": w.merchant_id, "consumer": w.consumer_id, "quote": q.quote_id}
        for w, q in zip(wishes, shown, strict=True)
        if isinstance(q, Quoted)
    ]
    assert len(plan) == ORDERS, "every wish of the plan has its price"
    (directory / f"{code}.json").write_text(json.dumps(plan, default=str), encoding="utf-8")


# -------------------------------------------------------------------------------------------------------------------------------- play


def play(directory: Path, code: str, point: Point) -> None:
    """Plays the plan from its beginning. What was done before answers with its first outcome."""
    from django.db import connections

    from yuefu.journeys.jobs import desk_of
    from yuefu.runtime import books

    book = next(b for b in books.all_books() if b.code == code)
    desk = desk_of(book, "prove")
    desk = type(desk)(
        desk.book,
        desk.by,
        desk.ids,
        desk.vault,
        Deadly(desk.channel, point, frozenset({"collect", "refund", "withdraw"})),
        Deadly(desk.bank, point, frozenset({"pay", "move"})),
    )
    wrapper: Any = connections["default"]
    commit: Callable[[], None] = wrapper.commit

    def deadly_commit() -> None:
        point.at("before_commit")
        commit()
        point.at("after_commit")

    wrapper.commit = deadly_commit
    plan = json.loads((directory / f"{code}.json").read_text("utf-8"))
    _Player(desk, point, Acknowledgements(directory / f"{code}.acks", point)).whole(plan)


class _Player:
    def __init__(self, desk: Any, point: Point, acks: Acknowledgements) -> None:
        self._desk, self._point, self._acks = desk, point, acks

    def whole(self, plan: Sequence[dict[str, str]]) -> None:
        from yuefu.journeys import repayment, settlement

        orders = self._authorise(plan)
        captured = self._capture(plan, orders)
        shop_of = dict(zip([c.order_id for c in captured], [UUID(row["merchant"]) for row in plan], strict=True))
        self._refund(captured[::6], shop_of, FIRST_DAY)
        on = FIRST_DAY
        while on < DUE:
            self._close(on)
            on += timedelta(days=1)
            self._settle(on)
        self._repay(captured)
        self._refund(captured[1::6], shop_of, DUE)
        self._point.now_in = "poll"
        repayment.poll(desk=self._desk, now=self._moment(DUE, time(21)))
        settlement.poll_payouts(desk=self._desk, now=self._moment(DUE, time(21)), paid_since=FIRST_DAY)
        self._point.now_in = "withdraw"
        moved = settlement.withdraw(desk=self._desk, now=self._moment(DUE, time(23)), key="prove")
        self._acks.say("withdraw", [("prove", bool(moved))])
        self._close(DUE)

    def _moment(self, on: date, at: time) -> datetime:
        return datetime.combine(on, at, ZONE)

    def _authorise(self, plan: Sequence[dict[str, str]]) -> list[tuple[str, UUID]]:
        from yuefu.journeys import checkout
        from yuefu.journeys.checkout import Authorised, Purchase

        self._point.now_in = "authorise"
        orders = []
        for start in range(0, len(plan), BATCH):
            purchases = [
                Purchase(f"prove:{n}", UUID(row["merchant"]), f"P{n}", UUID(row["consumer"]), UUID(row["quote"]))
                for n, row in enumerate(plan[start : start + BATCH], start=start)
            ]
            outcomes = checkout.authorise(desk=self._desk, now=self._moment(FIRST_DAY, time(12)), purchases=purchases)
            for outcome in outcomes:
                assert isinstance(outcome, Authorised), outcome
                assert outcome.approved, outcome
            self._acks.say("authorise", [(p.key, asdict(o)) for p, o in zip(purchases, outcomes, strict=True)])
            orders += [(p.key, o.order_id) for p, o in zip(purchases, outcomes, strict=True) if isinstance(o, Authorised)]
        return orders

    def _capture(self, plan: Sequence[dict[str, str]], orders: Sequence[tuple[str, UUID]]) -> list[Any]:
        from yuefu.journeys import checkout
        from yuefu.journeys.checkout import Captured
        from yuefu.orders.commands import CaptureRequest

        self._point.now_in = "capture"
        captured: list[Any] = []
        wanted = [CaptureRequest(key, UUID(row["merchant"]), order_id) for row, (key, order_id) in zip(plan, orders, strict=True)]
        for start in range(0, len(wanted), BATCH):
            requests = wanted[start : start + BATCH]
            outcomes = checkout.capture(desk=self._desk, now=self._moment(FIRST_DAY, time(15)), requests=requests)
            assert all(isinstance(o, Captured) for o in outcomes), outcomes
            self._acks.say("capture", [(r.key, asdict(o)) for r, o in zip(requests, outcomes, strict=True)])
            captured += outcomes
        return captured

    def _refund(self, captured: Sequence[Any], shop_of: Mapping[UUID, UUID], on: date) -> None:
        from yuefu.journeys import refund
        from yuefu.journeys.refund import Refunded
        from yuefu.money.amounts import Money
        from yuefu.orders.commands import RefundRequest

        self._point.now_in = "refund"
        part = Money(100_00, "CNY") if on == FIRST_DAY else None
        requests = [RefundRequest(f"prove:{on}:{n}", shop_of[c.order_id], c.order_id, part) for n, c in enumerate(captured)]
        outcomes = refund.refund(desk=self._desk, now=self._moment(on, time(17)), requests=requests)
        assert all(isinstance(o, Refunded) for o in outcomes), outcomes
        self._acks.say("refund", [(r.key, asdict(o)) for r, o in zip(requests, outcomes, strict=True)])

    def _close(self, on: date) -> None:
        from yuefu.journeys import close_of_day
        from yuefu.journeys.close_of_day import Closed

        self._point.now_in = "close"
        closed = close_of_day.close_day(desk=self._desk, now=self._moment(on + timedelta(days=1), time(0, 10)), on=on)
        assert isinstance(closed, Closed), closed
        self._acks.say("close", [(str(on), str(closed.run_id))])

    def _settle(self, on: date) -> None:
        from yuefu.errors import Refused
        from yuefu.journeys import settlement
        from yuefu.runtime import days

        if days.state_of(self._desk.book.id, on) != "open":
            return  # Settlement belongs to the open day: one that is over was settled before it ended.
        self._point.now_in = "settle"
        batches = settlement.settle(desk=self._desk, now=self._moment(on, time(9, 30)), chunk=1)
        assert not isinstance(batches, Refused), batches
        settlement.poll_payouts(desk=self._desk, now=self._moment(on, time(9, 45)), paid_since=FIRST_DAY)
        built = [(f"{b.merchant_id}:{b.pay_on}", [str(b.id), b.totals.payout.minor]) for b in batches]
        self._acks.say("settle", built)

    def _repay(self, captured: Sequence[Any]) -> None:
        from yuefu.journeys import repayment
        from yuefu.journeys.repayment import Repaid, RepayRequest

        self._point.now_in = "repay"
        for start in range(0, len(captured), BATCH):
            requests = [
                RepayRequest(f"prove:{start + n}", c.loan_id, None if n % 3 else c.amount, f"card:{n}:ok")
                for n, c in enumerate(captured[start : start + BATCH])
                if (start + n) % 6  # what was taken back in part may have nothing due
            ]
            outcomes = repayment.repay(desk=self._desk, now=self._moment(DUE, time(19)), requests=requests)
            assert all(isinstance(o, Repaid) and o.state == "succeeded" for o in outcomes), outcomes
            self._acks.say("repay", [(r.key, asdict(o)) for r, o in zip(requests, outcomes, strict=True)])


# ----------------------------------------------------------------------------------------------------------------------------- figures


def figures(code: str) -> dict[str, Any]:
    """Counts and balances of a book, and the proofs that do not hold. Equal plans lead to equal figures, whatever happened on the way."""
    from yuefu.journeys import proving
    from yuefu.ledger import queries as ledger
    from yuefu.loans import queries as loans
    from yuefu.orders import queries as orders
    from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
    from yuefu.payments.rules import CLIENT_NUMBER, OPERATING_NUMBER
    from yuefu.runtime import books, sql
    from yuefu.settlement import queries as settlement

    book = next(b for b in books.all_books() if b.code == code)
    with sql.snapshot():
        proofs = proving.prove(book=book)
        sums: dict[str, int] = {}
        for (account, _, _, _), minor in ledger.totals(book.id, CONTROL).items():
            sums[account] = sums.get(account, 0) + minor
        counted = orders.totals(book.id)
        loan_count, _, _, repaid, outstanding = loans.totals(book.id)
        counts = {
            "orders": counted["orders"],
            "captured": counted["captured"],
            "refunds": counted["refunds"],
            "loans": loan_count,
            "repayments": repaid,
            "batches": settlement.batch_count(book_id=book.id),
            "entries": ledger.entries_posted(book.id),
            "trades": sum(len(SandboxChannel(book).trade_bill(on=on).splitlines()) for on in (FIRST_DAY, DUE)),
        }
    bank = SandboxBank(book)
    outside = {
        "channel": SandboxChannel(book).balance().minor,
        "operating": bank.balance(account=OPERATING_NUMBER).minor,
        "client": bank.balance(account=CLIENT_NUMBER).minor,
        "outstanding": outstanding,
    }
    return {"counts": counts, "sums": sums | outside, "wrong": sorted(name for name, proof in proofs.items() if not proof.holds)}


if __name__ == "__main__":
    main(sys.argv[1:])
