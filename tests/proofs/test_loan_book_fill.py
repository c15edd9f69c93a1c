"""A filled book is one that lived: what is kept of each loan is what its facts come to, and its days close."""

from __future__ import annotations

import secrets
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.loans.test_closing import advance, rolled
from tests.loans.test_living import enter, lend, new_book, stored
from yuefu.ids import IdSource
from yuefu.journeys import founding
from yuefu.journeys.founding import Founded, NewBook
from yuefu.ledger import queries as ledger_book
from yuefu.loans import entries
from yuefu.loans.commands import writing
from yuefu.loans.commands.living import Entered
from yuefu.loans.entries import STANDING
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import ACCOUNTS
from yuefu.loans.rules import due_rows, retold_life
from yuefu.plans.lifecycle.arrears import overdue_of
from yuefu.plans.lifecycle.events import Paid
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.proofs import loan_book_fill
from yuefu.proofs.loan_book_lives import PRODUCTS, lived
from yuefu.runtime import days, sql
from yuefu.runtime.values import UnitOfWork, system_actor

ON = date(2026, 4, 29)
BEFORE = date(2026, 4, 28)
LOANS = 140
CLEARING = ("collections_clearing", "purchase_clearing")


@pytest.fixture(scope="module")
def filled() -> UnitOfWork:
    """The first day of a book with loans of the year before, to look at."""
    return new_filled()


def new_filled() -> UnitOfWork:
    now, by = datetime.combine(ON, time(10), ZoneInfo("Asia/Shanghai")), system_actor("test")
    ids = IdSource(secrets.randbits)
    made = founding.found(new=NewBook(f"fill-{secrets.token_hex(6)}", "Test Lender", "test", ON), now=now, by=by, ids=ids, months=3)
    assert isinstance(made, Founded)
    with sql.transacting():
        work = days.working(book=made.book, now=now, by=by, ids=ids)
    assert isinstance(work, UnitOfWork)
    told: list[tuple[int, int]] = []
    loan_book_fill.fill(work=work, loans=LOANS, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (LOANS, LOANS)
    return work


def kept_of(work: UnitOfWork) -> dict[UUID, keeping.Kept]:
    ids = [row[0] for row in sql.rows("SELECT id FROM loans_agreement WHERE book_id = %s", [work.book.id])]
    with sql.transacting():
        return keeping.lock(work.book.id, ids)


def test_what_is_kept_of_each_loan_is_what_its_facts_come_to(filled: UnitOfWork) -> None:
    kept = kept_of(filled)
    assert len(kept) == LOANS
    facts = keeping.facts(list(kept))
    for loan_id, one in kept.items():
        life = retold_life(one.life.terms, facts[loan_id], BEFORE)
        assert one.life == life
        seen = looked_at(life.state, BEFORE)
        running = one.running
        stands = entries.run_on(running.position, running.stretch, running.since.toordinal(), BEFORE.toordinal())
        assert stands == entries.position_of(seen, life.tally)
        assert (running.late, running.stuck) == (overdue_of(seen), False)
        assert running.stretch.until >= BEFORE.toordinal()
        assert stored(loan_id)["dues"] == [(no, *row) for no, row in enumerate(due_rows(seen.rows))]
        last = sql.rows(
            "SELECT late_since, bucket, principal_minor, interest_minor, fees_minor, penalties_minor FROM loans_lateness"
            ' WHERE loan_id = %s ORDER BY "on" DESC LIMIT 1',
            [loan_id],
        )
        assert last == ([writing.lateness_values(one.running.late)] if one.running.late.since else [])


def test_they_are_loans_of_a_year_of_all_products_some_of_them_late(filled: UnitOfWork) -> None:
    kept = kept_of(filled)
    assert {one.party.product for one in kept.values()} == {one.name for one in PRODUCTS}
    assert {one.life.state.status for one in kept.values()} == {"active"}
    lent = sorted(one.life.terms.disbursed_on for one in kept.values())
    assert lent[0] < date(2025, 7, 1)
    assert lent[-1] > date(2026, 3, 20)
    assert sum(one.running.late.since is not None for one in kept.values()) in {3, 4}


def test_the_day_of_a_filled_book_closes_and_brings_what_the_loans_say() -> None:
    filled = new_filled()
    assert not any(ledger_book.totals(filled.book.id, [*CLEARING, "suspense"]).values())
    kept = kept_of(filled)
    ended, _ = rolled(filled)
    advance(ended, size=40)
    has: dict[str, dict[str, int]] = {}
    for (code, _, product, _), minor in ledger_book.totals(filled.book.id, list(ACCOUNTS), posted_until=ON).items():
        has.setdefault(product, {})[code] = minor
    for product in PRODUCTS:
        positions = [
            entries.position_of(looked_at(one.life.state, ON), one.life.tally) for one in kept.values() if one.party.product == product.name
        ]
        sums = {name: sum(getattr(one, name) for one in positions) for name in ACCOUNTS if name in entries.BY_FUNDER}
        assert {name: has[product.name].get(name, 0) for name in sums} == sums
    assert not any(ledger_book.totals(filled.book.id, [*CLEARING, "suspense"]).values())
    assert not any(ledger_book.sums_now(filled.book.id).values())
    columns = ", ".join(f"sum({name})::bigint" for name in STANDING)
    (stands,) = sql.rows(f'SELECT {columns} FROM loans_stand WHERE book_id = %s AND "on" = %s', [filled.book.id, ON])
    assert dict(zip(STANDING, stands, strict=True)) == {name: sum(of.get(name, 0) for of in has.values()) for name in STANDING}


def test_a_life_is_kept_as_if_it_had_been_entered_day_by_day(ids: IdSource) -> None:
    numbers = {one.name: 1 for one in PRODUCTS}
    one = next(
        found
        for seed in range(1_000)
        if (found := lived(Random(seed), 16, BEFORE, numbers)).running.late.bucket == "M1"
        and found.life.terms.disbursed_on > BEFORE - timedelta(days=80)
        and any(isinstance(fact, Paid) for fact in found.facts)
    )
    work = new_book(ids, one.life.terms.disbursed_on)
    loan_id = lend(work, one.life.terms)
    while True:
        for fact in one.facts:
            if fact.on == work.day.on:
                assert isinstance(enter(work, loan_id, fact)[0], Entered)
        ended, work = rolled(work)
        advance(ended)
        if ended.day.on == BEFORE:
            break
    with sql.transacting():
        kept = keeping.lock(work.book.id, [loan_id])[loan_id]
    assert kept.life == one.life
    assert writing.stretch_values(loan_id, kept.running) == writing.stretch_values(loan_id, one.running)
    assert stored(loan_id)["dues"] == [(no, *row) for no, row in enumerate(due_rows(one.rows))]
    late: list[Any] = sql.rows(
        'SELECT "on", late_since, bucket, principal_minor, interest_minor, fees_minor, penalties_minor FROM loans_lateness'
        ' WHERE loan_id = %s ORDER BY "on"',
        [loan_id],
    )
    assert late == [(on, *writing.lateness_values(overdue)) for on, overdue in one.lateness]


def test_the_tables_are_guarded_again_also_where_a_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loan_book_fill, "_write_all", lambda *_: (_ for _ in ()).throw(RuntimeError("it ended")))
    with pytest.raises(RuntimeError, match="it ended"):
        new_filled()
    kept = sql.rows(
        "SELECT relname, relforcerowsecurity, coalesce(array_to_string(reloptions, ' '), '') LIKE '%%autovacuum_enabled%%' FROM pg_class"
        " WHERE relname = ANY(%s) ORDER BY relname",
        [list(loan_book_fill.TABLES)],
    )
    assert kept == [(table, True, False) for table in sorted(loan_book_fill.TABLES)]
