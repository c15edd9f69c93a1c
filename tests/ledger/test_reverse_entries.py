"""Nothing is changed: what was wrong is taken back by an entry that mirrors it, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry, LimitedAccount, Line, Posted, Reversal
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

WORLD, FOO = AccountKey("suspense"), AccountKey("funder_capital")


def move(key: str, *moves: tuple[AccountKey, AccountKey, int], **rest: Any) -> Entry:
    """Each (from, to, amount) as a debit and a credit."""
    lines = [Line(account, Money(sign * minor, "CNY")) for giver, taker, minor in moves for account, sign in ((giver, 1), (taker, -1))]
    return Entry(key, "move", tuple(lines), **rest)


def post(work: UnitOfWork, *entries: Entry) -> list[UUID]:
    with sql.transacting():
        outcomes = ledger.post(work=work, entries=entries)
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
    return [outcome.entry_id for outcome in outcomes if isinstance(outcome, Posted)]


def reverse(work: UnitOfWork, *requests: Reversal) -> list[Any]:
    with sql.transacting():
        return ledger.reverse(work=work, requests=requests)


def codes(outcomes: list[Any]) -> list[str]:
    return [outcome.code if isinstance(outcome, Refused) else "posted" for outcome in outcomes]


@pytest.fixture
def holder(work: UnitOfWork) -> Callable[[], AccountKey]:
    """Opens an account that can hold money and never owe any."""

    def make() -> AccountKey:
        key = AccountKey("merchant_available", uuid4())
        with sql.transacting():
            ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(0, "CNY"))])
        return key

    return make


def held(work: UnitOfWork, key: AccountKey) -> int:
    assert key.owner_id
    return -queries.limited(work.book.id, key.code, [key.owner_id])[key.owner_id].posted.minor


def test_what_was_passed_on_cannot_come_back_fl_revert_001(work: UnitOfWork, holder: Any) -> None:
    """There is no force: whoever has to owe is given a limit first."""
    alice = holder()
    first, _ = post(work, move("1", (WORLD, alice, 100)), move("2", (alice, FOO, 100)))
    asked = Reversal("r", first)
    assert codes(reverse(work, asked)) == ["limit_exceeded"]
    assert held(work, alice) == 0
    with sql.transacting():
        ledger.set_limits(work=work, limits=[(alice, Money(100, "CNY"))])
    assert codes(reverse(work, asked)) == ["limit_exceeded"], "a refusal is kept for its key"
    assert codes(reverse(work, replace(asked, key="r2"))) == ["posted"]
    assert held(work, alice) == -100


def test_an_entry_is_taken_back_once_fl_revert_002(work: UnitOfWork, holder: Any) -> None:
    alice = holder()
    (first,) = post(work, move("1", (WORLD, alice, 100)))
    (done,) = reverse(work, Reversal("r", first))
    assert codes(reverse(work, Reversal("again", first))) == ["already_reversed"]
    assert reverse(work, Reversal("r", first)) == [done]
    assert queries.reversals(work.book.id, [first]) == {first: done.entry_id}
    (back,) = queries.written(work.book.id, [done.entry_id])
    assert [(line.account.code, line.amount.minor) for line in back.lines] == [("merchant_available", 100), ("suspense", -100)]
    rows = {row.code: (row.debit.minor, row.credit.minor) for row in queries.trial_balance(work.book.id)}
    assert rows == {"suspense": (100, 100), "merchant_available": (100, 100)}


def test_it_is_true_as_of_now_or_as_of_the_original_fl_revert_003(work: UnitOfWork, next_day: Any, holder: Any) -> None:
    alice, true_on = holder(), date(2026, 8, 3)
    first, second = post(work, move("1", (WORLD, alice, 10), effective_on=true_on), move("2", (WORLD, alice, 10), effective_on=true_on))
    tomorrow = next_day(work)
    now, original = reverse(tomorrow, Reversal("a", first), Reversal("b", second, effective="original"))
    found = {one.entry_id: (one.posted_on, one.effective_on) for one in queries.written(work.book.id, [now.entry_id, original.entry_id])}
    assert found == {now.entry_id: (tomorrow.day.on, tomorrow.day.on), original.entry_id: (tomorrow.day.on, true_on)}


def test_a_rehearsed_reversal_leaves_the_entry_as_it_was_fl_revert_004(work: UnitOfWork, holder: Any) -> None:
    alice = holder()
    (first,) = post(work, move("1", (WORLD, alice, 100)))
    with sql.transacting():
        rehearsed = ledger.rehearse(work=work, act=lambda w: ledger.reverse(work=w, requests=[Reversal("r", first)]))
    assert codes(rehearsed) == ["posted"]
    assert queries.reversals(work.book.id, [first]) == {}
    assert held(work, alice) == 100
    assert codes(reverse(work, Reversal("r", first))) == ["posted"]


def test_limits_apply_to_the_net_effect_fl_passthrough_001(work: UnitOfWork, holder: Any) -> None:
    walter, wendy = holder(), holder()
    _, through = post(work, move("1", (WORLD, walter, 100)), move("2", (walter, wendy, 10), (wendy, WORLD, 10)))
    assert (held(work, walter), held(work, wendy)) == (90, 0)
    assert codes(reverse(work, Reversal("r", through))) == ["posted"]
    assert (held(work, walter), held(work, wendy)) == (100, 0)


def test_the_last_line_goes_back_first_fl_rev_order_001(work: UnitOfWork, holder: Any) -> None:
    user, payment = holder(), holder()
    (first,) = post(work, move("1", (WORLD, user, 100), (user, payment, 100)))
    (done,) = reverse(work, Reversal("r", first))
    (back,) = queries.written(work.book.id, [done.entry_id])
    assert [(line.account, line.amount.minor) for line in back.lines] == [(payment, 100), (user, -100), (user, 100), (WORLD, -100)]


def test_what_took_back_may_be_taken_back(work: UnitOfWork, holder: Any) -> None:
    alice = holder()
    (first,) = post(work, move("1", (WORLD, alice, 100)))
    (done,) = reverse(work, Reversal("a", first))
    assert codes(reverse(work, Reversal("b", done.entry_id))) == ["posted"]
    assert held(work, alice) == 100
    assert codes(reverse(work, Reversal("c", first))) == ["already_reversed"]


def test_many_at_once_each_with_its_outcome(work: UnitOfWork, holder: Any, make_work: Any) -> None:
    alice, bob = holder(), holder()
    a, b, passed = post(work, move("1", (WORLD, alice, 5)), move("2", (WORLD, bob, 7)), move("3", (WORLD, bob, 9)))
    post(work, move("4", (bob, FOO, 16)))
    outcomes = reverse(
        work, Reversal("a", a), Reversal("none", uuid4()), Reversal("b", b), Reversal("twice", a), Reversal("p", passed), Reversal("p2", b)
    )
    assert codes(outcomes) == ["posted", "unknown_entry", "limit_exceeded", "already_reversed", "limit_exceeded", "limit_exceeded"]
    assert reverse(work) == []
    never = make_work(on=date(2026, 12, 1))
    assert codes(reverse(never, Reversal("late", b))) == ["day_not_open"]


def test_two_at_the_same_time_take_it_back_once(work: UnitOfWork, holder: Any, background: Any, waits_for_a_lock: Any) -> None:
    alice = holder()
    (first,) = post(work, move("1", (WORLD, alice, 100)))
    with sql.transacting():
        assert codes(ledger.reverse(work=work, requests=[Reversal("a", first)])) == ["posted"]
        other = background(lambda: reverse(work, Reversal("b", first)))
        waits_for_a_lock()
    assert codes(other.result()) == ["already_reversed"]
    assert held(work, alice) == 0


def test_another_books_entry_is_unknown(work: UnitOfWork, holder: Any, ids: Any) -> None:
    from yuefu.runtime import books, days

    alice = holder()
    (first,) = post(work, move("1", (WORLD, alice, 100)))
    with sql.transacting():
        other = books.create(code=f"o-{uuid4().hex}", legal_entity="O", mode="test", now=work.now, ids=ids)
        day = days.open_first(book=other, on=work.day.on, now=work.now)
        assert codes(ledger.reverse(work=replace(work, book=other, day=day), requests=[Reversal("r", first)])) == ["unknown_entry"]


# ---------------------------------------------------------------------------------------------------------------------- by raw SQL

LINK = (
    "INSERT INTO ledger_reversal (book_id, reversed_id, reversed_on, entry_id, posted_on) VALUES (%s, %s, '2026-10-01', %s, '2026-10-01')"
)


def _by_hand(connection: psycopg.Connection[Any], work: UnitOfWork, rows: list[tuple[UUID, int]], *, reference: str = "") -> UUID:
    entry = uuid4()
    connection.execute(
        "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
        " VALUES (%s, %s, '2026-10-01', '2026-10-01', now(), 'x', %s, 'user:mallory', '')",
        [entry, work.book.id, len(rows)],
    )
    values = [
        v for n, (account, minor) in enumerate(rows, start=1) for v in (entry, n, work.book.id, account, minor, work.book.id, reference)
    ]
    connection.execute(
        "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id, reference) VALUES "
        + ", ".join(["('2026-10-01', %s, %s, %s, %s, %s, 'CNY', %s, %s)"] * len(rows)),
        values,
    )
    return entry


@pytest.fixture
def original(work: UnitOfWork, account_id: Any) -> tuple[UUID, UUID, UUID]:
    """An entry that debits the first of two accounts by 5 and credits the second."""
    (entry,) = post(work, move("o", (WORLD, FOO, 5)))
    return entry, account_id("suspense"), account_id("funder_capital")


def test_a_mirror_by_raw_sql_is_taken_once(work: UnitOfWork, original: Any, as_role: Any) -> None:
    entry, debit, credit = original
    writer = as_role("default")
    writer.execute(LINK, [work.book.id, entry, _by_hand(writer, work, [(credit, 5), (debit, -5)])])
    with pytest.raises(errors.UniqueViolation):
        writer.execute(LINK, [work.book.id, entry, _by_hand(writer, work, [(credit, 5), (debit, -5)])])


@pytest.mark.parametrize("wrong", ["amount", "order", "more", "reference", "itself", "none", "earlier"])
def test_what_is_no_mirror_is_refused(work: UnitOfWork, original: Any, as_role: Any, wrong: str) -> None:
    entry, debit, credit = original
    writer = as_role("default")
    rows = {
        "amount": [(credit, 4), (debit, -4)],
        "order": [(debit, -5), (credit, 5)],
        "more": [(credit, 5), (debit, -5), (credit, 1), (debit, -1)],
    }.get(wrong, [(credit, 5), (debit, -5)])
    made = _by_hand(writer, work, rows, reference="x" if wrong == "reference" else "")
    if wrong == "earlier":
        writer.commit()
    target = {"itself": entry, "none": uuid4()}.get(wrong, made)
    with pytest.raises(errors.CheckViolation, match="mirror"):
        writer.execute(LINK, [work.book.id, entry, target])


@pytest.mark.parametrize("statement", ["UPDATE ledger_reversal SET reversed_on = reversed_on", "DELETE FROM ledger_reversal"])
def test_a_reversal_stays(as_role: Any, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("default").execute(statement)


def test_the_seal_says_what_was_taken_back(work: UnitOfWork, original: Any, as_role: Any, until: Any) -> None:
    (done,) = reverse(work, Reversal("r", original[0]))

    def seal() -> bool:
        with sql.transacting():
            return ledger.seal(work=work, limit=9)[0] == 2

    until(seal)
    assert queries.verify(work.book.id).intact
    owner = as_role("owner")
    owner.execute("DELETE FROM ledger_reversal WHERE book_id = %s", [work.book.id])
    owner.commit()
    assert queries.verify(work.book.id).bad_entry == done.entry_id
