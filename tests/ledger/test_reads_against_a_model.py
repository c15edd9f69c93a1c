"""Every balance and every filter against a plain list of what was posted: a sum in Python, a scan in Python."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.queries import files
from yuefu.ledger.rules import CHART, AccountKey, Entry, LimitedAccount, Line, Posted, Reversal
from yuefu.money.amounts import Money
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import Book, UnitOfWork

FIRST = date(2026, 10, 1)
DAYS = 3
SPACE = UUID(int=7)


def named(kind: str, n: int) -> UUID:
    return uuid5(SPACE, f"{kind}{n}")


KEYS = [
    AccountKey("fee_income"),
    AccountKey("fee_income", None, named("funder", 1), "flex"),
    AccountKey("loan_principal", None, named("funder", 1), "flex"),
    AccountKey("loan_principal", None, named("funder", 2), "flex"),
    AccountKey("bank_cash", named("bank", 1)),
    AccountKey("bank_cash", named("bank", 2)),
    AccountKey("client_cash", named("bank", 3)),
    AccountKey("merchant_available", named("merchant", 1)),
    AccountKey("merchant_available", named("merchant", 2)),
    AccountKey("suspense"),
]
NEVER = AccountKey("channel_cash", named("bank", 9))


@dataclass(frozen=True)
class Fact:
    """One line as it was posted."""

    entry_id: UUID
    kind: str
    posted: date
    effective: date
    recorded: datetime
    line_no: int
    line: Line


@dataclass(frozen=True)
class World:
    book: Book
    facts: list[Fact]
    moments: list[datetime]


SIDE = st.tuples(
    st.integers(0, len(KEYS) - 1), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)
)
ENTRY = st.tuples(
    st.integers(0, DAYS - 1), st.lists(SIDE, min_size=2, max_size=4), st.integers(1, 10**6), st.integers(0, 40), st.booleans()
)
WORLDS = st.tuples(st.lists(ENTRY, min_size=1, max_size=14), st.integers(0, 2 * DAYS))


def _entry(key: str, given: Any, on: date) -> Entry:
    _, sides, minor, back, tell = given
    lines = []
    for n, (account, order, loan, merchant, reference, funder) in enumerate(sides):
        money = CHART[KEYS[account].code].kind == "money" and reference > 0
        amount = minor + n if n < len(sides) - 1 else -sum(minor + m for m in range(len(sides) - 1))
        lines.append(
            Line(
                KEYS[account],
                Money(amount, "CNY"),
                named("order", order) if order else None,
                named("loan", loan) if loan and tell else None,
                named("merchant", merchant) if merchant else None,
                named("funder", funder) if funder else None,
                movement=("payout", "fee")[order % 2] if money else "",
                reference=f"R{reference}" if money else "",
            )
        )
    return Entry(key, ("capture", "payout")[back % 2], tuple(lines), effective_on=on - timedelta(days=back))


def make(work: UnitOfWork, given: Any) -> World:
    """Posts the entries of each day and rolls up at one of the half days."""
    wanted, rolled = given
    source = IdSource(lambda n: uuid4().int & ((1 << n) - 1))
    with sql.transacting():
        book = books.create(code=f"m-{uuid4().hex}", legal_entity="M", mode="test", now=work.now, ids=source)
        day = days.open_first(book=book, on=FIRST, now=work.now)
    here = replace(work, book=book, ids=source, day=day)
    limited = [LimitedAccount(key, Money(10**12, "CNY")) for key in KEYS if CHART[key.code].kind == "limited"]
    with sql.transacting():
        ledger.open_limited(work=here, accounts=limited)
    facts: list[Fact] = []
    moments = [work.now - timedelta(days=1)]
    for turn in range(DAYS):
        now = work.now + timedelta(days=turn)
        here = replace(here, now=now, day=replace(here.day, on=FIRST + timedelta(days=turn)))
        entries = [_entry(f"{n}", one, here.day.on) for n, one in enumerate(wanted) if one[0] == turn]
        for half in (0, 1):
            some = entries[half::2]
            with sql.transacting():
                outcomes = ledger.post(work=here, entries=some)
            for entry, outcome in zip(some, outcomes, strict=True):
                assert isinstance(outcome, Posted), outcome
                facts += [
                    Fact(
                        outcome.entry_id,
                        entry.kind,
                        here.day.on,
                        entry.effective_on or here.day.on,
                        now,
                        n,
                        replace(x, funder_id=x.funder_id or book.id),
                    )
                    for n, x in enumerate(entry.lines, start=1)
                ]
            if rolled == 2 * turn + half:
                with sql.transacting():
                    ledger.roll_up(work=here)
        moments.append(now)
        with sql.transacting():
            days.roll_over(book=book, now=now + timedelta(days=1))
    return World(book, facts, moments)


def as_line(world: World, one: Fact) -> tuple[Any, ...]:
    x = one.line
    return (
        one.entry_id, one.kind, one.posted, one.effective, one.recorded, one.line_no, x.account.code, x.amount, x.loan_id, x.merchant_id,
        x.movement, x.reference,
    )  # fmt: skip


def shown(found: Any) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            x.entry_id,
            x.kind,
            x.posted_on,
            x.effective_on,
            x.recorded_at,
            x.line_no,
            x.code,
            x.amount,
            x.loan_id,
            x.merchant_id,
            x.movement,
            x.reference,
        )
        for x in found
    )


SETTINGS = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@SETTINGS
@given(given=WORLDS)
def test_every_balance_is_the_plain_sum(work: UnitOfWork, given: Any) -> None:
    world = make(work, given)
    book, facts = world.book.id, world.facts
    posted = [None, *(FIRST + timedelta(days=n) for n in range(-1, DAYS + 1))]
    effective = [None, *(FIRST + timedelta(days=n) for n in (-41, -20, -1, 0, 2))]
    for key in [*KEYS, NEVER]:
        mine = [f for f in facts if f.line.account == key]
        assert queries.balance_now(book, key, "CNY").minor == sum(f.line.amount.minor for f in mine)
        for p, e, m in itertools.product(posted, effective, [None, *world.moments]):
            if (p, e, m).count(None) == 0 and key not in KEYS[::3]:
                continue  # all three at once for some accounts are enough
            wanted = sum(
                f.line.amount.minor
                for f in mine
                if (p is None or f.posted <= p) and (e is None or f.effective <= e) and (m is None or f.recorded <= m)
            )

            def asked(key: AccountKey = key, p: Any = p, e: Any = e, m: Any = m) -> int:
                return queries.balance(book, key, "CNY", posted_until=p, effective_until=e, recorded_until=m).minor

            end = time.monotonic() + 10
            while asked() != wanted:  # another session of the server may hold back for a moment what has certainly committed
                assert m is not None, (key, p, e)
                assert time.monotonic() < end, (key, p, e, m)
                time.sleep(0.05)
    for p in posted:
        upto = [f for f in facts if p is None or f.posted <= p]
        debits, taken = defaultdict(int), defaultdict(int)
        for f in upto:
            (debits if f.line.amount.minor > 0 else taken)[f.line.account.code] += abs(f.line.amount.minor)
        rows = queries.trial_balance(book, posted_until=p)
        assert {r.code: (r.debit.minor, r.credit.minor) for r in rows} == {c: (debits[c], taken[c]) for c in debits | taken}
        by_part = defaultdict(int)
        for f in upto:
            by_part[f.line.account.code, f.line.account.funder_id, f.line.account.product, "CNY"] += f.line.amount.minor
        assert queries.totals(book, [k.code for k in KEYS], posted_until=p) == by_part
    for on in posted[1:]:
        assert on is not None
        moved = {(m.component, m.funder_id, m.product): (m.opening, m.debit, m.credit) for m in queries.moved_on(book, on)}
        wanted_moves: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
        for f in facts:
            figures = wanted_moves[f.line.account.code, f.line.account.funder_id, f.line.account.product]
            if f.posted < on:
                figures[0] += f.line.amount.minor
            elif f.posted == on:
                figures[1 if f.line.amount.minor > 0 else 2] += abs(f.line.amount.minor)
        assert moved == {k: tuple(v) for k, v in wanted_moves.items() if any(v[1:])}
    sums = {(x.component, x.funder_id, x.product): x.minor for x in queries.sums_by_component(book)}
    assert sums == {k[:3]: v for k, v in by_part.items()}


@SETTINGS
@given(given=WORLDS, choice=st.tuples(*(st.sets(st.integers(0, 3)) for _ in range(3)), st.integers(-1, DAYS), st.integers(-1, DAYS)))
def test_every_filter_finds_what_a_scan_finds_reg_jepsen_tb(work: UnitOfWork, given: Any, choice: Any) -> None:
    """Several predicates, together and in turn: nothing is missed and nothing is too much."""
    world = make(work, given)
    book, facts = world.book.id, world.facts
    orders, some_days, references, low, high = choice
    order_ids = [named("order", n) for n in orders]
    with sql.reading(book_id=book):  # as a page reads: of this book only, and other examples use the same orders
        assert shown(queries.lines_of_order(order_ids)) == Counter(as_line(world, f) for f in facts if f.line.order_id in order_ids)
    for code, on, owner in itertools.product(
        ("bank_cash", "client_cash", "fee_income"), range(DAYS), (None, named("bank", 1), named("bank", 2))
    ):
        day = FIRST + timedelta(days=on)
        found = [
            (m.entry_id, m.line_no, m.movement, m.reference, m.amount, m.on) for m in queries.movements(book, code, day, owner_id=owner)
        ]
        # Lines of one entry with one movement and reference are one movement; without a movement each stands by itself.
        groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for f in facts:
            if f.line.account.code == code and f.posted == day and owner in (None, f.line.account.owner_id):
                alone = None if f.line.movement else f.line_no
                groups[f.entry_id, f.line.movement, f.line.reference, f.line.amount.currency, alone].append(f)
        assert found == sorted(
            (
                (entry, min(f.line_no for f in of), movement, reference, Money(sum(f.line.amount.minor for f in of), currency), day)
                for (entry, movement, reference, currency, _), of in groups.items()
            ),
            key=lambda row: row[:2],
        )
    for owner in (named("bank", 1), named("bank", 3), named("bank", 9)):
        expected = {
            (f.line.movement, f.line.reference): f.posted
            for f in facts
            if f.line.account.owner_id == owner and f.line.movement and CHART[f.line.account.code].kind == "money"
        }
        found_days = queries.movement_days(book, owner)
        assert found_days.keys() == expected.keys()
    chosen_days = [FIRST + timedelta(days=n) for n in some_days]
    chosen_references = [f"R{n}" for n in references]
    for merchant in (named("merchant", 1), named("merchant", 2)):
        touched = {
            f.entry_id
            for f in facts
            if f.posted in chosen_days
            and (
                (f.line.account.code == "merchant_available" and f.line.account.owner_id == merchant)
                or (f.line.account.code in ("bank_cash", "client_cash") and f.line.movement and f.line.reference in chosen_references)
            )
        }
        found_lines = queries.lines_of_payouts(book, merchant, days=chosen_days, references=chosen_references)
        assert shown(found_lines) == Counter(as_line(world, f) for f in facts if f.entry_id in touched)
    by_loan = Counter((f.kind, f.line.loan_id) for f in facts if f.line_no == 1 and f.line.loan_id)
    assert queries.entries_by_loan(book) == by_loan
    entry_ids = list(dict.fromkeys(f.entry_id for f in facts))
    assert queries.entries_posted(book) == len(entry_ids)
    asked = [*entry_ids[::2], uuid4()]
    assert {w.entry_id: w.lines for w in queries.written(book, asked)} == {
        i: tuple(f.line for f in facts if f.entry_id == i) for i in asked if i in entry_ids
    }
    since, until = FIRST + timedelta(days=low), FIRST + timedelta(days=high)
    for first, last in ((None, None), (since, None), (None, until), (since, until)):
        records = [json.loads(x)["entry"]["id"] for c in files.entry_records(book, since=first, until=last, chunk=2) for x in c]
        inside = {str(f.entry_id) for f in facts if (first is None or f.posted >= first) and (last is None or f.posted <= last)}
        assert (set(records), len(records)) == (inside, len(inside))
        assert files.extent(book, since=first, until=last).entries == len(inside)


def test_what_was_taken_back_is_found_by_every_filter(work: UnitOfWork) -> None:
    lines = (Line(KEYS[0], Money(5, "CNY"), named("order", 1)), Line(KEYS[-1], Money(-5, "CNY"), named("order", 1)))
    with sql.transacting():
        (a,) = ledger.post(work=work, entries=[Entry("a", "t", lines)])
        assert isinstance(a, Posted)
        (b,) = ledger.reverse(work=work, requests=[Reversal("b", a.entry_id)])
        assert isinstance(b, Posted)
    with sql.reading(book_id=work.book.id):
        assert {line.entry_id for line in queries.lines_of_order([named("order", 1)])} == {a.entry_id, b.entry_id}
        assert queries.reversals(work.book.id, [a.entry_id, b.entry_id]) == {a.entry_id: b.entry_id}


def test_an_account_never_used_has_zero_and_not_nothing_reg_tb_2045(work: UnitOfWork) -> None:
    fresh = AccountKey("merchant_available", uuid4())
    with sql.transacting():
        ledger.open_limited(work=work, accounts=[LimitedAccount(fresh, Money(5, "CNY"))])
    for key in (NEVER, fresh):
        for asked in ({}, {"posted_until": FIRST}, {"effective_until": FIRST}, {"recorded_until": work.now}):
            assert queries.balance(work.book.id, key, "CNY", **asked) == Money(0, "CNY")  # type: ignore[arg-type]
    assert queries.balances(work.book.id, [NEVER], "CNY") == {NEVER: Money(0, "CNY")}


@pytest.mark.parametrize("until", [None, FIRST])
def test_a_balance_now_or_by_day_does_not_read_what_was_rolled_up(work: UnitOfWork, entry: Any, as_role: Any, until: Any) -> None:
    """The lines below the horizon are spoilt by the owner: a balance that read them would differ."""
    with sql.transacting():
        ledger.post(work=work, entries=[entry(f"{n}", 10) for n in range(5)])
    end = time.monotonic() + 10
    rolled = 0
    while rolled < 10:
        assert time.monotonic() < end
        with sql.transacting():
            rolled += ledger.roll_up(work=work)
    with sql.transacting():
        ledger.post(work=work, entries=[entry("tail", 1)])
    owner = as_role("owner")
    owner.execute("UPDATE ledger_line SET amount_minor = amount_minor * 100 WHERE book_id = %s AND abs(amount_minor) = 10", [work.book.id])
    owner.commit()
    assert queries.balance(work.book.id, AccountKey("bank_cash"), "CNY", posted_until=until).minor == 51
    assert queries.balance_now(work.book.id, AccountKey("bank_cash"), "CNY").minor == 51
    assert queries.balance(work.book.id, AccountKey("bank_cash"), "CNY", effective_until=FIRST).minor == 5001
