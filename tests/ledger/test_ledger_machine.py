"""Whatever is asked in whatever order, the real ledger answers as a small model of it does, and its promises hold after each step.

`YUEFU_MACHINE_EXAMPLES` says how many sequences are tried; a test tries few, a proof many.
"""

from __future__ import annotations

import copy
import os
import random
import secrets
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import (
    CREDIT,
    DEBIT,
    EVERYTHING,
    AccountKey,
    Entry,
    Held,
    Hold,
    HoldUse,
    LimitedAccount,
    Line,
    Moved,
    Posted,
    Release,
    Released,
    Transfer,
)
from yuefu.money.amounts import Money
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork, system_actor

DAY = date(2026, 10, 1)
NOON = datetime(2026, 10, 1, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
EXAMPLES = int(os.environ.get("YUEFU_MACHINE_EXAMPLES", "15"))

# name -> (side, limit): debits may exceed credits by so much, or credits debits; the world and one more have no limit.
LIMITS = {"d": (DEBIT, 0), "e": (DEBIT, 50), "k": (CREDIT, 0)}
NAMES = ["world", "other", *LIMITS]
names = st.sampled_from(NAMES)
amounts = st.one_of(st.integers(0, 60), st.sampled_from([EVERYTHING, 10**15 + 1, 2**70]))
flags = st.sampled_from([{}, {"balancing_debit": True}, {"balancing_credit": True}, {"balancing_debit": True, "balancing_credit": True}])


@dataclass
class Pending:
    dr: str
    cr: str
    amount: int
    until: datetime | None
    closes: tuple[str, ...] = ()
    ended: str = ""


@dataclass
class Model:
    """The ledger in as few lines as it can be said. Figures: debits and credits, posted; what is pending is counted when asked."""

    posted: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0] for name in NAMES})
    pending: dict[str, Pending] = field(default_factory=dict)
    holds: dict[UUID, tuple[str, int]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def figures(self, name: str) -> list[int]:
        open_ = [p for p in self.pending.values() if not p.ended]
        held = sum(left for on, left in self.holds.values() if on == name)
        on_credit = LIMITS.get(name, (DEBIT, 0))[0] == CREDIT
        debits = sum(p.amount for p in open_ if p.dr == name) + (0 if on_credit else held)
        credits_ = sum(p.amount for p in open_ if p.cr == name) + (held if on_credit else 0)
        return [debits, self.posted[name][0], credits_, self.posted[name][1]]

    def closed(self, name: str) -> bool:
        return any(name in p.closes for p in self.pending.values() if not p.ended)

    def room(self, name: str, side: int) -> int:
        if name not in LIMITS or LIMITS[name][0] != side:
            return EVERYTHING
        dp, d, cp, c = self.figures(name)
        return LIMITS[name][1] + (c - d - dp if side == DEBIT else d - c - cp)

    def move(self, t: Transfer, dr: str, cr: str, now: datetime) -> str:
        assert t.amount_minor is not None
        if dr == cr:
            return "accounts_must_be_different"
        if (t.closing_debit or t.closing_credit) and not t.pending:
            return "closing_transfer_must_be_pending"
        if t.amount_minor > EVERYTHING:
            return "amount_out_of_range"
        if self.closed(dr):
            return "debit_account_already_closed"
        if self.closed(cr):
            return "credit_account_already_closed"
        amount = t.amount_minor
        dp, d, _, c = self.figures(dr)
        if t.balancing_debit:
            amount = min(amount, max(c - d - dp, 0))
        _, d, cp, c = self.figures(cr)
        if t.balancing_credit:
            amount = min(amount, max(d - c - cp, 0))
        if amount and amount > self.room(dr, DEBIT):
            return "exceeds_credits"
        if amount and amount > self.room(cr, CREDIT):
            return "exceeds_debits"
        if amount > 10**15:
            return "out of range"  # one of several names, by figures that only the ledger keeps
        if t.pending:
            closes = [name for name, shut in ((dr, t.closing_debit), (cr, t.closing_credit)) if shut]
            self.pending[t.key] = Pending(dr, cr, amount, now + t.timeout if t.timeout else None, tuple(closes))
        else:
            self._post(dr, cr, amount)
        return "created"

    def _post(self, dr: str, cr: str, amount: int) -> None:
        self.posted[dr][0] += amount
        self.posted[cr][1] += amount

    def resolve(self, t: Transfer, now: datetime) -> str:
        if t.amount_minor is not None and t.amount_minor > EVERYTHING:
            return "amount_out_of_range"
        p = self.pending.get(t.resolves or "")
        if p is None:
            return "pending_transfer_not_found" if self.answers.get(t.resolves or "") != "created" else "pending_transfer_not_pending"
        asked = t.amount_minor
        whole = asked is None or (asked == 0 if t.void else asked == EVERYTHING)
        amount = p.amount if whole or asked is None else asked
        if amount > p.amount:
            return "exceeds_pending_transfer_amount"
        if t.void and amount < p.amount:
            return "pending_transfer_has_different_amount"
        if p.ended:
            return f"pending_transfer_{'' if p.ended == 'expired' else 'already_'}{p.ended}"
        if p.until is not None and p.until <= now:
            return "pending_transfer_expired"
        if t.post and self.closed(p.dr):
            return "debit_account_already_closed"
        if t.post and self.closed(p.cr):
            return "credit_account_already_closed"
        p.ended = "posted" if t.post else "voided"
        if t.post:
            self._post(p.dr, p.cr, amount)
        return "created"

    def expire(self, now: datetime) -> int:
        over = [p for p in self.pending.values() if not p.ended and p.until is not None and p.until <= now]
        for p in over:
            p.ended = "expired"
        return len(over)


TRANSIENT = {
    "pending_transfer_not_found", "debit_account_already_closed", "credit_account_already_closed", "exceeds_credits", "exceeds_debits",
}  # fmt: skip
OUT_OF_RANGE = {"amount_out_of_range", "overflows_debits", "overflows_credits", "overflows_debits_pending", "overflows_credits_pending"}


class Ledgers(RuleBasedStateMachine):
    """The model and the real one side by side."""

    @initialize()
    def found(self) -> None:
        ids = IdSource(random.Random(secrets.randbits(64)).getrandbits)
        with sql.transacting():
            book = books.create(code=f"machine-{uuid4().hex}", legal_entity="Machine", mode="test", now=NOON, ids=ids, clock_at=NOON)
            ledger.make_partitions(first=DAY, months=1)
            self.work = UnitOfWork(book, days.open_first(book=book, on=DAY, now=NOON), NOON, system_actor("test"), ids)
            self.keys = {name: AccountKey("merchant_available" if name in LIMITS else "suspense", uuid4()) for name in NAMES}
            ledger.open_control(work=self.work, accounts=[(key, "CNY") for name, key in self.keys.items() if name not in LIMITS])
            ledger.open_limited(
                work=self.work,
                accounts=[LimitedAccount(self.keys[name], Money(limit, "CNY"), side=side) for name, (side, limit) in LIMITS.items()],  # type: ignore[arg-type]
            )
        self.model = Model()
        self.count = 0
        self.before: dict[str, list[int]] | None = None

    def _new(self) -> str:
        self.count += 1
        return str(self.count)

    def _real(self) -> dict[str, list[int]]:
        found = queries.figures(self.work.book.id, list(self.keys.values()), "CNY")
        return {name: found[key] for name, key in self.keys.items()}

    def _transfer(self, batch: list[tuple[Transfer, str, str]]) -> None:
        """One batch in both, each item as linked as it says."""
        before = self._real()
        expected = self._expected(batch)
        with sql.transacting():
            outcomes = ledger.transfer(work=self.work, transfers=[t for t, _, _ in batch])
        got = [("exists" if o.again else "created") if isinstance(o, Moved) else o.code for o in outcomes]
        assert len(got) == len(expected)
        for wanted, code in zip(expected, got, strict=True):
            assert code == wanted or (wanted == "out of range" and code in OUT_OF_RANGE), (expected, got)
        if "created" not in got:
            assert self._real() == before, "what is refused leaves every figure as it was"

    def _expected(self, batch: list[tuple[Transfer, str, str]]) -> list[str]:
        expected: list[str] = []
        start = 0
        for place, (t, dr, cr) in enumerate(batch):
            if place == start:
                kept, broken = copy.deepcopy(self.model), False
            if broken:
                code = "linked_event_failed"
            elif t.key in self.model.answers:
                code = "id_already_failed" if self.model.answers[t.key] in TRANSIENT else "exists"
            else:
                code = self.model.move(t, dr, cr, self.work.now) if t.resolves is None else self.model.resolve(t, self.work.now)
            if code == "created":
                self.model.answers[t.key] = code
            elif not broken:
                self.model, broken = kept, True
                expected[start:] = ["linked_event_failed"] * (place - start)
                if code in TRANSIENT:
                    self.model.answers[t.key] = code
            expected.append(code)
            if not t.linked:
                start = place + 1
        return expected

    def _item(self, dr: str, cr: str, amount: int, **rest: Any) -> tuple[Transfer, str, str]:
        return Transfer(self._new(), self.keys[dr], self.keys[cr], amount, "CNY", **rest), dr, cr

    @rule(dr=names, cr=names, amount=amounts, pending=st.booleans(), timeout=st.sampled_from([0, 1, 3]), balancing=flags)
    def move(self, dr: str, cr: str, amount: int, pending: bool, timeout: int, balancing: dict[str, bool]) -> None:
        seconds = timedelta(seconds=timeout) if pending and timeout else None
        self._transfer([self._item(dr, cr, amount, pending=pending, timeout=seconds, **balancing)])

    @rule(to=names, amount=st.integers(20, 200))
    def fund(self, to: str, amount: int) -> None:
        dr, cr = ("world", to) if LIMITS.get(to, (DEBIT, 0))[0] == DEBIT else (to, "world")
        self._transfer([self._item(dr, cr, amount)])

    @rule(dr=names, cr=names, closing=st.sampled_from([(True, False), (False, True), (True, True)]), amount=st.integers(0, 5))
    def close(self, dr: str, cr: str, closing: tuple[bool, bool], amount: int) -> None:
        item = self._item(dr, cr, amount, pending=True, timeout=timedelta(seconds=2), closing_debit=closing[0], closing_credit=closing[1])
        self._transfer([item])

    @precondition(lambda self: self.count)
    @rule(data=st.data(), verb=st.sampled_from(["post", "void"]), amount=st.one_of(st.none(), amounts))
    def resolve(self, data: Any, verb: str, amount: int | None) -> None:
        open_ = [key for key, p in self.model.pending.items() if not p.ended]
        key = data.draw(st.sampled_from(open_ or [str(n) for n in range(1, self.count + 1)]))
        self._transfer([(Transfer(self._new(), amount_minor=amount, **{verb: key}), "", "")])

    @precondition(lambda self: self.count)
    @rule(data=st.data())
    def resolve_any(self, data: Any) -> None:
        key = str(data.draw(st.integers(1, self.count)))
        self._transfer([(Transfer(self._new(), post=key), "", "")])

    @rule(
        parts=st.lists(st.tuples(names, names, st.integers(0, 40), st.booleans(), st.booleans(), st.booleans()), min_size=2, max_size=6),
        data=st.data(),
    )
    def batch(self, parts: list[tuple[str, str, int, bool, bool, bool]], data: Any) -> None:
        """Chains of moves, some of which are resolved or closed by the same batch."""
        items = []
        for place, (dr, cr, amount, pending, linked, closing) in enumerate(parts):
            open_ = [key for key, p in self.model.pending.items() if not p.ended] + [t.key for t, _, _ in items if t.pending]
            tied = linked and place < len(parts) - 1
            if open_ and amount % 3 == 0:
                verb, key = data.draw(st.sampled_from(["post", "void"])), data.draw(st.sampled_from(open_))
                items.append((Transfer(self._new(), linked=tied, **{verb: key}), "", ""))
            else:
                items.append(self._item(dr, cr, amount, pending=pending, linked=tied, closing_debit=closing and amount % 3 == 1))
        self._transfer(items)

    @precondition(lambda self: any(not p.closes for p in self.model.pending.values()))
    @rule(data=st.data())
    def again(self, data: Any) -> None:
        """The same key with the same content: what it asked was exactly what it got, so the amount is that of the model."""
        key = data.draw(st.sampled_from([key for key, p in self.model.pending.items() if not p.closes]))
        found = sql.rows(
            "SELECT linked, balancing_debit, balancing_credit, expires_at - recorded_at FROM ledger_transfer WHERE book_id = %s AND key = %s",
            [self.work.book.id, key],
        )
        linked, debit, credit, timeout = found[0]
        p = self.model.pending[key]
        same = Transfer(
            key,
            self.keys[p.dr],
            self.keys[p.cr],
            p.amount,
            "CNY",
            pending=True,
            timeout=timeout,
            balancing_debit=debit,
            balancing_credit=credit,
        )
        with sql.transacting():
            (outcome,) = ledger.transfer(work=self.work, transfers=[same])
        if linked:
            assert isinstance(outcome, Refused)
            assert outcome.code == "exists_with_different_flags"
        else:
            assert isinstance(outcome, Moved)
            assert (outcome.again, outcome.amount.minor) == (True, p.amount)

    @rule(seconds=st.integers(1, 3), free=st.booleans())
    def advance(self, seconds: int, free: bool) -> None:
        self.work = replace(self.work, now=self.work.now + timedelta(seconds=seconds))
        if free:
            with sql.transacting():
                assert ledger.expire_transfers(work=self.work, limit=1_000) == self.model.expire(self.work.now)

    @rule(dr=names, cr=names, amount=st.integers(1, 60))
    def entry(self, dr: str, cr: str, amount: int) -> None:
        lines = (Line(self.keys[dr], Money(amount, "CNY")), Line(self.keys[cr], Money(-amount, "CNY")))
        with sql.transacting():
            (outcome,) = ledger.post(work=self.work, entries=[Entry(self._new(), "t", lines)])
        if self.model.closed(dr) or self.model.closed(cr):
            expected = "account_closed"
        elif dr != cr and (amount > self.model.room(dr, DEBIT) or amount > self.model.room(cr, CREDIT)):
            expected = "limit_exceeded"
        else:
            expected = "posted"
            self.model._post(dr, cr, amount)
        assert (outcome.code if isinstance(outcome, Refused) else "posted") == expected

    @rule(on=st.sampled_from(sorted(LIMITS)), amount=st.integers(1, 60))
    def hold(self, on: str, amount: int) -> None:
        hold = uuid4()
        with sql.transacting():
            (outcome,) = ledger.place_holds(
                work=self.work, holds=[Hold(hold, self.keys[on], Money(amount, "CNY"), NOON + timedelta(days=9))]
            )
        fits = not self.model.closed(on) and amount <= self.model.room(on, LIMITS[on][0])
        assert isinstance(outcome, Held) is fits
        if fits:
            self.model.holds[hold] = (on, amount)

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), part=st.integers(1, 60), free=st.booleans())
    def end_hold(self, data: Any, part: int, free: bool) -> None:
        hold = data.draw(st.sampled_from(sorted(self.model.holds)))
        on, left = self.model.holds[hold]
        if free:
            with sql.transacting():
                (released,) = ledger.release_holds(work=self.work, releases=[Release(hold, "voided")])
            assert isinstance(released, Released)
            assert released.amount.minor == left
            del self.model.holds[hold]
            return
        side = LIMITS[on][0]
        lines = (Line(self.keys[on], Money(side * part, "CNY")), Line(self.keys["other"], Money(-side * part, "CNY")))
        with sql.transacting():
            (outcome,) = ledger.post(work=self.work, entries=[Entry(self._new(), "t", lines, uses_hold=HoldUse(hold, Money(part, "CNY")))])
        done = not self.model.closed(on) and not self.model.closed("other") and part <= left
        assert isinstance(outcome, Posted) is done, outcome
        if done:
            self.model._post(*((on, "other") if side == DEBIT else ("other", on)), part)
            self.model.holds[hold] = (on, left - part)
            if left == part:
                del self.model.holds[hold]

    @invariant()
    def promises(self) -> None:
        if not hasattr(self, "model"):
            return
        book, real = self.work.book.id, self._real()
        assert real == {name: self.model.figures(name) for name in NAMES}
        assert min(figure for four in real.values() for figure in four) >= 0
        assert sum(four[1] for four in real.values()) == sum(four[3] for four in real.values())
        alone = {side: sum(left for on, left in self.model.holds.values() if LIMITS[on][0] == side) for side in (DEBIT, CREDIT)}
        assert sum(four[0] for four in real.values()) - alone[DEBIT] == sum(four[2] for four in real.values()) - alone[CREDIT]
        for name, (side, limit) in LIMITS.items():
            dp, d, cp, c = real[name]
            assert (d - c + dp if side == DEBIT else c - d + cp) <= limit
            assert queries.balance(book, self.keys[name], "CNY").minor == d - c
        assert set(queries.sums_now(book).values()) <= {0}
        wrong = sql.rows(
            "SELECT t.account_id FROM ledger_limit t WHERE t.book_id = %s AND ("
            " t.posted_minor <> (SELECT coalesce(sum(l.amount_minor), 0) FROM ledger_line l WHERE l.account_id = t.account_id) OR t.held_minor <>"
            " (SELECT coalesce(sum(h.amount_minor - h.posted_minor - h.released_minor), 0) FROM ledger_hold h WHERE h.account_id = t.account_id))",
            [book],
        )
        assert wrong == []
        closed = sql.rows("SELECT owner_id FROM ledger_account WHERE book_id = %s AND closed_at IS NOT NULL", [book])
        assert {row[0] for row in closed} == {self.keys[name].owner_id for name in NAMES if self.model.closed(name)}


def test_the_ledger_answers_as_its_model_and_keeps_its_promises_bl_inv_01() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Ledgers,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
        ),
    )
