"""Entries that are tied together are posted all or not at all; a rehearsal leads to what the real run leads to, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry, Hold, HoldUse, LimitedAccount
from yuefu.money.amounts import Money
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork

CONTRA = "credit_line_contra"


def post(work: UnitOfWork, *entries: Entry) -> list[Any]:
    with sql.transacting():
        return ledger.post(work=work, entries=entries)


def codes(outcomes: list[Any]) -> list[str]:
    return [outcome.code if isinstance(outcome, Refused) else "posted" for outcome in outcomes]


def tied(*entries: Entry) -> list[Entry]:
    return [replace(entry, linked=number < len(entries)) for number, entry in enumerate(entries, start=1)]


@pytest.fixture
def draw(entry: Callable[..., Entry]) -> Callable[..., Entry]:
    """`draw(key, minor, line)`: uses so much of a credit line."""
    return lambda key, minor, line, **rest: entry(key, minor, debit=line, credit=CONTRA, **rest)


def figures(line: AccountKey, work: UnitOfWork) -> tuple[int, int]:
    assert line.owner_id
    found = queries.limited(work.book.id, line.code, [line.owner_id])[line.owner_id]
    return found.posted.minor, found.held.minor


def test_a_group_is_posted_whole(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    line = credit_line(100)
    assert codes(post(work, *tied(draw("a", 60, line), draw("b", 40, line)))) == ["posted", "posted"]
    assert figures(line, work) == (100, 0)


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_one_refusal_fails_its_group_and_later_entries_do_not_see_it_fl_bulk_003(
    work: UnitOfWork, draw: Any, entry: Any, credit_line: Any, culprit: int
) -> None:
    """Three elements, one of them too much, atomic: nothing is applied, and there are three outcomes."""
    line = credit_line(100)
    group = [draw(f"{n}", 30, line) for n in range(3)]
    group[culprit] = draw("too much", 101, line)
    outcomes = codes(post(work, draw("before", 10, line), *tied(*group), draw("after", 90, line)))
    expected = ["linked_failed"] * 3
    expected[culprit] = "limit_exceeded"
    assert outcomes == ["posted", *expected, "posted"]
    assert figures(line, work) == (100, 0)
    assert queries.entries_posted(work.book.id) == 2


def test_without_a_tie_each_element_stands_alone_fl_bulk_004(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    """Ours always goes on after a refusal; what has to stop at it is tied together."""
    line = credit_line(100)
    assert codes(post(work, draw("a", 50, line), draw("b", 101, line), draw("c", 50, line))) == ["posted", "limit_exceeded", "posted"]
    assert figures(line, work) == (100, 0)


def test_atomic_and_parallel_cannot_be_asked_together_fl_bulk_001(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    """There is nothing to exclude: a call is always decided in order, so an atomic group of it is never in parallel with itself."""
    line = credit_line(100)
    give_back = replace(draw("b", 100, line), lines=tuple(replace(x, amount=-x.amount) for x in draw("b", 100, line).lines))
    assert codes(post(work, *tied(draw("a", 100, line), give_back, draw("c", 100, line)))) == ["posted"] * 3
    assert figures(line, work) == (100, 0)


def test_a_call_of_more_than_it_may_hold_is_refused_whole_fl_bulk_002(work: UnitOfWork, entry: Callable[..., Entry]) -> None:
    one = entry("k", 5)
    assert set(codes(post(work, *[one] * 50_001))) == {"too_many_entries"}
    assert codes(post(work, one)) == ["posted"], "its key was not used"


def test_what_a_failed_group_took_from_a_hold_is_there_for_the_next(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    line = credit_line(100)
    hold = uuid4()
    with sql.transacting():
        ledger.place_holds(work=work, holds=[Hold(hold, line, Money(100, "CNY"), work.now + timedelta(hours=1))])
    use = HoldUse(hold, Money(100, "CNY"))
    taking, again = replace(draw("a", 100, line), uses_hold=use), replace(draw("c", 100, line), uses_hold=use)
    assert codes(post(work, *tied(taking, draw("b", 1, line)), again)) == ["linked_failed", "limit_exceeded", "posted"]
    assert figures(line, work) == (100, 0)


def test_two_groups_side_by_side_do_not_mix(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    line = credit_line(100)
    outcomes = post(work, *tied(draw("a", 50, line), draw("b", 51, line)), *tied(draw("c", 50, line), draw("d", 50, line)))
    assert codes(outcomes) == ["linked_failed", "limit_exceeded", "posted", "posted"]


def test_the_last_of_a_call_is_tied_to_nothing(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    line = credit_line(100)
    open_end = [replace(e, linked=True) for e in (draw("a", 10, line), draw("b", 101, line), draw("c", 10, line))]
    assert codes(post(work, *open_end)) == ["linked_failed", "limit_exceeded", "linked_open"]
    assert codes(post(work, replace(draw("d", 1, line), linked=True))) == ["linked_open"]
    assert figures(line, work) == (0, 0)


def test_a_group_that_failed_stays_failed_for_its_keys(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    line = credit_line(100)
    group = tied(draw("a", 60, line), draw("b", 60, line))
    first = post(work, *group)
    with sql.transacting():
        ledger.set_limits(work=work, limits=[(line, Money(500, "CNY"))])
    assert post(work, *group) == first
    assert codes(first) == ["linked_failed", "limit_exceeded"]
    assert codes(post(work, *[replace(e, key=f"new {e.key}") for e in group])) == ["posted", "posted"]


def test_a_group_sent_again_is_answered_and_new_entries_do_not_join_it(work: UnitOfWork, draw: Any, credit_line: Any) -> None:
    line = credit_line(100)
    group = tied(draw("a", 10, line), draw("b", 10, line))
    first = post(work, *group)
    assert post(work, *group) == first
    joined = post(work, *group[:1], replace(draw("new", 10, line)))
    assert joined[0] == first[0]
    assert codes(joined) == ["posted", "linked_failed"]
    twin = post(work, *tied(draw("x", 10, line), draw("y", 10, line), replace(draw("x", 10, line))))
    assert codes(twin)[2] == "key_reused", "the same key with and without a tie is other content"
    assert figures(line, work) == (20, 0)


# -------------------------------------------------------------------------------------------------------------------- rehearsal


def stored(book_id: UUID) -> list[tuple[int, ...]]:
    tables = ["ledger_entry", "ledger_line", "ledger_account", "ledger_hold", "runtime_key", "runtime_outbox", "runtime_audit"]
    return sql.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM {table} WHERE book_id = %(b)s)" for table in tables), {"b": book_id})


STEPS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(-60, 120), st.sampled_from(["line", "other", "bank", "closed", "wrong"]), st.booleans()),
    min_size=1,
    max_size=9,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=STEPS, steps=STEPS)
def test_a_rehearsal_answers_as_the_real_run_does_and_leaves_nothing(
    work: UnitOfWork, ids: IdSource, before: list[Any], steps: list[Any]
) -> None:
    with sql.transacting():
        fresh = books.create(code=f"r-{uuid4().hex}", legal_entity="R", mode="test", now=work.now, ids=ids)
        day = days.open_first(book=fresh, on=work.day.on, now=work.now)
    here = UnitOfWork(fresh, day, work.now, work.by, ids)
    accounts = {name: AccountKey("credit_line", uuid4()) for name in ("line", "other", "closed", "wrong")} | {
        "bank": AccountKey("bank_cash")
    }
    with sql.transacting():
        limit = Money(100, "CNY")
        ledger.open_limited(work=here, accounts=[LimitedAccount(accounts[name], limit) for name in ("line", "other", "closed")])
        ledger.close_accounts(work=here, keys=[(accounts["closed"], "CNY")])

    def asked(name: str, chosen: list[Any]) -> list[Entry]:
        return [_entry(f"{name}{key}", minor, accounts[account], link) for key, minor, account, link in chosen]

    post(here, *asked("k", before))
    now = stored(fresh.id), figures(accounts["line"], here), figures(accounts["other"], here)
    entries = asked("k", steps)
    with sql.transacting():
        rehearsed = ledger.rehearse(work=here, act=lambda w: ledger.post(work=w, entries=entries))
        assert (stored(fresh.id), figures(accounts["line"], here), figures(accounts["other"], here)) == now
        real = ledger.post(work=here, entries=entries)
    assert [o if isinstance(o, Refused) else "posted" for o in rehearsed] == [o if isinstance(o, Refused) else "posted" for o in real]


def _entry(key: str, minor: int, account: AccountKey, linked: bool) -> Entry:
    from yuefu.ledger.rules import Line

    lines = (Line(account, Money(minor, "CNY")), Line(AccountKey("funder_capital"), Money(-minor, "CNY")))
    return Entry(key, "t", lines, linked=linked)


def test_a_rehearsal_leaves_what_came_before_it_and_claims_nothing(work: UnitOfWork, entry: Callable[..., Entry]) -> None:
    with sql.transacting():
        ledger.post(work=work, entries=[entry("before", 1)])
        claimed = dict(work.claimed)
        ledger.rehearse(work=work, act=lambda w: ledger.post(work=w, entries=[entry("k", 5)]))
        assert work.claimed == claimed
    assert queries.entries_posted(work.book.id) == 1
    assert codes(post(work, entry("k", 6))) == ["posted"]


def test_a_rehearsal_meets_what_is_checked_only_at_the_commit(work: UnitOfWork) -> None:
    def only_the_head(w: UnitOfWork) -> None:
        sql.run(
            "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
            " VALUES (%s, %s, '2026-10-01', '2026-10-01', %s, 'x', 2, 'a', '')",
            [uuid4(), w.book.id, w.now],
        )

    with pytest.raises(Exception, match="has no lines"), sql.transacting():
        ledger.rehearse(work=work, act=only_the_head)
