"""Lists of loans go page by page through keys, and have in them whatever opening each loan of the book would find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID

import psycopg
import pytest
from django.db import connections

from tests.loans.test_closing import advance, close, rolled
from tests.loans.test_living import enter, entered, lend, new_book
from tests.plans.lifecycle.small_loans import fen
from yuefu.ids import IdSource
from yuefu.journeys import servicing
from yuefu.loans.commands import closing
from yuefu.loans.queries import keeping, late_places, lateness, listing, shown
from yuefu.loans.queries.late_places import Place
from yuefu.loans.queries.lateness import LateLoan
from yuefu.loans.queries.listing import Wanted
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

TODAY = date(2025, 4, 10)
DAY = timedelta(days=1)
GAPS = t.ArrearsTerms(grace_days=3, buckets=(("S1", 1, 10), ("M2", 31, 45), ("S9", 60, None)))
BUCKETS = ("", "M1", "M2", "M3", "M4", "S1", "S9", "no such bucket")


def lent(work: UnitOfWork, first_due: date, *, product: str = "flex", principal: int = 1200_00, **given: Any) -> UUID:
    lent_on = first_due - 31 * DAY
    agreed = LoanTerms(
        principal=fen(principal), periods=3, annual_rate=Rate(120_000), disbursed_on=lent_on, first_due_on=first_due, **given
    )
    loan_id = lend(work, agreed, product)
    entered(work, loan_id, e.Disbursed(lent_on, agreed.principal))
    return loan_id


def many(work: UnitOfWork, random: Random) -> list[UUID]:
    """Loans that are late by few days or many, fall due today or soon, in all ways in which terms tell lateness."""
    found = []
    for n in range(24):
        days = -(n % 6) if n < 12 else random.choice([0, 0, 1, 2, 9, 10, 12, 13, 14, 28, 29, 30, 31, 32, 34, 59, 60, 62])
        late = random.choice([t.LateTerms(), t.LateTerms(fee=fen(10_00), interest=Rate(180_000), grace_days=random.choice([0, 2]))])
        arrears = random.choice([t.ArrearsTerms(), GAPS])
        found.append(lent(work, work.day.on - days * DAY, product=f"p{n % 2}", principal=1200_00 + n, late=late, arrears=arrears))
    for loan_id in random.sample(found, 4):
        enter(work, loan_id, e.ArrearsPaused(work.day.on, work.day.on + random.choice([1, 2, 9]) * DAY))
    for loan_id in random.sample(found, 4):
        enter(work, loan_id, e.Paid(work.day.on, fen(random.choice([100_00, 450_00, 2000_00]))))
    return found


def opened(work: UnitOfWork) -> dict[UUID, LateLoan]:
    """The late loans of a book, each of whose loans is opened to tell."""
    every = [row[0] for row in sql.rows("SELECT id FROM loans_agreement WHERE book_id = %s ORDER BY id", [work.book.id])]
    return {one.loan_id: one for one in lateness.late_among(work.book.id, every, work.day.on)}


def paged(work: UnitOfWork, bucket: str | None = None, limit: int = 4) -> Iterator[list[LateLoan]]:
    place: Place | None = None
    while True:
        page, place = lateness.late_now(work.book.id, work.day.on, bucket=bucket, after=place, limit=limit)
        yield page
        if place is None:
            return
        assert len(page) == limit, "a page is full where there are more"
        assert late_places.place_named(str(place)) == place


def check(work: UnitOfWork) -> None:
    """Whatever a list has in it is what opening each loan finds."""
    late = opened(work)
    pages = [one for page in paged(work) for one in page]
    assert pages == [late[i] for i in (one.loan_id for one in pages)]
    assert {one.loan_id for one in pages} == set(late)
    assert [one.since for one in pages] == sorted(one.since for one in pages)
    for bucket in BUCKETS:
        found = [one.loan_id for page in paged(work, bucket) for one in page]
        assert len(found) == len(set(found))
        assert set(found) == {i for i, one in late.items() if one.bucket == bucket}, bucket
    every = shown.looks(
        work.book.id, [row[0] for row in sql.rows("SELECT id FROM loans_agreement WHERE book_id = %s", [work.book.id])], work.day.on
    )
    on, some = work.day.on, sorted(every)[5]
    for wanted, bucket in [
        *((Wanted(late=True), bucket) for bucket in (None, *BUCKETS)),
        (Wanted(), None),
        (Wanted(product="p1"), None),
        (Wanted(product="p1", late=True), "M2"),
        (Wanted(consumer_id=every[some].party.consumer_id), None),
        (Wanted(state="closed"), None),
        (Wanted(state="active", late=True), None),
        (Wanted(due_from=on, due_until=on), None),
        (Wanted(due_from=on + DAY), None),
        (Wanted(due_until=on - DAY), None),
        (Wanted(due_from=on - 31 * DAY, due_until=on - 20 * DAY), None),
        (Wanted(due_from=on - 2 * DAY, due_until=on + 2 * DAY), None),
        (Wanted(set_aside=True), None),
        (Wanted(set_aside=True, late=True), None),
    ]:
        assert listed(work, wanted, bucket) == [i for i in sorted(every, reverse=True) if is_wanted(every[i], wanted, bucket)], (
            wanted,
            bucket,
        )


def listed(work: UnitOfWork, wanted: Wanted, bucket: str | None) -> list[UUID]:
    found: list[UUID] = []
    while True:
        after = found[-1] if found else None
        page = servicing.listed(book_id=work.book.id, on=work.day.on, wanted=wanted, bucket=bucket, after=after, limit=5)
        found += [one.look.party.loan_id for one in page]
        if len(page) < 5:
            return found


def is_wanted(look: shown.Look, wanted: Wanted, bucket: str | None) -> bool:
    first, last = wanted.due_from or date.min, wanted.due_until or date.max
    ranged = wanted.due_from is not None or wanted.due_until is not None
    return (
        wanted.product in (None, look.party.product)
        and wanted.consumer_id in (None, look.party.consumer_id)
        and wanted.state in (None, look.status)
        and (look.set_aside or not wanted.set_aside)
        and (not (wanted.late or bucket) or look.late.since is not None)
        and bucket in (None, look.late.bucket)
        and (not ranged or any(first <= row.due_on <= last and row.unpaid for row in look.rows))
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_list_has_in_it_what_opening_each_loan_would_find(ids: IdSource, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random = Random(seed)
    work = new_book(ids, TODAY)
    loans = many(work, random)
    check(work)
    for _ in range(2):
        work = close(work)
    check(work)
    aside, real = set(random.sample(loans, 9)), closing._look

    def raises(one: keeping.Kept, *given: Any) -> Any:
        if one.party.loan_id in aside:
            raise RuntimeError("a rule that fails")
        return real(one, *given)

    monkeypatch.setattr(closing, "_look", raises)
    work = close(work)
    check(work)
    ended, work = rolled(work)  # two days that nobody has closed yet
    check(work)
    for loan_id in random.sample(loans, 5):
        enter(work, loan_id, e.Paid(work.day.on, fen(random.choice([420_00, 900_00]))))
    check(work)
    again, work = rolled(work)
    check(work)
    advance(ended)
    advance(again)
    check(work)
    assert any(one.set_aside for one in opened(work).values()), "who was set aside is in the list, and marked"


@pytest.mark.parametrize("seed", range(2))
def test_who_was_late_by_the_end_of_a_day_stays_told_whatever_comes_later(ids: IdSource, seed: int) -> None:
    random = Random(seed)
    work = new_book(ids, TODAY)
    loans = many(work, random)
    by: dict[date, dict[UUID, LateLoan]] = {}
    for _ in range(5):
        for loan_id in random.sample(loans, 5):
            enter(work, loan_id, e.Paid(work.day.on - random.choice([0, 0, 3]) * DAY, fen(random.choice([50_00, 420_00, 900_00]))))
        by[work.day.on] = {i: replace(one, paused=False) for i, one in opened(work).items()}
        work = close(work)
    for on, late in by.items():
        found = lateness.late_by(work.book.id, on)
        assert {one.loan_id: one for one in found} == late, on
        assert [(one.since, one.loan_id) for one in found] == sorted((one.since, one.loan_id) for one in found)


def test_sums_by_bucket_are_what_the_loans_of_a_list_come_to(ids: IdSource) -> None:
    work = new_book(ids, TODAY)
    for days in (-2, -1, 0, 0, 5, 12, 20, 40, 70):  # nobody comes into another bucket meanwhile
        lent(work, work.day.on - days * DAY, arrears=GAPS if days in {-1, 5, 70} else t.ArrearsTerms())
    for waiting in (False, False, True):
        assert lateness.sums_now(work.book.id, work.day.on) == lateness.sums_of(list(opened(work).values()))
        work = rolled(work)[1] if waiting else close(work)
    assert lateness.sums_now(work.book.id, work.day.on) == lateness.sums_of(list(opened(work).values())), "and while a day is closing"


def test_a_loan_that_nobody_can_open_is_listed_as_it_was_left_and_holds_up_no_other(ids: IdSource) -> None:
    work = new_book(ids, TODAY)
    was_late, since, good = (lent(work, TODAY - days * DAY) for days in (40, 0, 5))
    work = close(work)
    before = opened(work)
    sql.run("UPDATE loans_checkpoint SET state = '{\"format\": 1}' WHERE loan_id = ANY(%s)", [[was_late, since]])
    for _ in range(2):
        pages = {one.loan_id: one for page in paged(work) for one in page}
        assert [pages[i].set_aside for i in (was_late, since, good)] == [True, True, False]
        assert [(pages[i].since, pages[i].overdue) for i in (was_late, since)] == [
            (before[i].since, before[i].overdue) for i in (was_late, since)
        ]
        assert pages[was_late].days == (work.day.on - TODAY).days + 40
        looks = {
            one.look.party.loan_id: one.look for one in servicing.listed(book_id=work.book.id, on=work.day.on, wanted=Wanted(), limit=9)
        }
        assert [looks[i].set_aside for i in (was_late, since, good)] == [True, True, False]
        assert looks[was_late].owed.all == sum(row.unpaid for row in looks[was_late].rows) > 0
        work = close(work)
    assert lateness.set_aside(work.book.id) == 2
    assert listed(work, Wanted(set_aside=True), None) == sorted([was_late, since], reverse=True)
    assert sum(one.loans for one in lateness.sums_now(work.book.id, work.day.on)) == 3


def test_a_page_goes_on_where_it_ended_whatever_came_in_between(ids: IdSource) -> None:
    work = new_book(ids, TODAY)
    oldest, middle, newest = (lent(work, TODAY - days * DAY) for days in (50, 40, 2))
    page, place = lateness.late_now(work.book.id, work.day.on, limit=2)
    assert [one.loan_id for one in page] == [oldest, middle]
    lent(work, TODAY - 60 * DAY)
    entered(work, middle, e.Paid(TODAY, fen(2000_00)))
    page, place = lateness.late_now(work.book.id, work.day.on, after=place, limit=2)
    assert ([one.loan_id for one in page], place) == ([newest], None)


# --- what a page reads ---


def test_a_page_opens_the_loans_that_it_shows_and_one_more(ids: IdSource) -> None:
    work = new_book(ids, TODAY)
    for days in [*range(1, 15), *range(-14, 0)]:
        lent(work, TODAY - days * DAY)
    work = close(work)
    made: list[int] = []
    real = keeping._made

    def counted(book_id: UUID, found: Sequence[tuple[Any, ...]]) -> list[keeping.Kept]:
        made.append(len(found))
        return real(book_id, found)

    with mock.patch.object(keeping, "_made", counted):
        for bucket in (None, "M1"):
            page, place = lateness.late_now(work.book.id, work.day.on, bucket=bucket, limit=5)
            page, _ = lateness.late_now(work.book.id, work.day.on, bucket=bucket, after=place, limit=5)
            assert len(page) == 5
    assert made == [6] * 4


FILTERS = {
    "all": Wanted(),
    "product": Wanted(product="rare"),
    "state": Wanted(state="closed"),
    "late": Wanted(late=True),
    "late of a product": Wanted(late=True, product="flex"),
    "unpaid of days that are over": Wanted(due_from=TODAY - 9 * DAY, due_until=TODAY - DAY),
    "set aside": Wanted(set_aside=True),
}


def test_no_page_reads_the_book(ids: IdSource) -> None:
    """Of a hundred loans some are late, closed or of a rare product; a page of two reads some rows of two or three loans, and of the others none."""
    work = new_book(ids, TODAY)
    for _ in range(60):
        lent(work, TODAY + 20 * DAY)
    for n in range(40):
        lent(work, TODAY - (1 + n % 9) * DAY)
    for _ in range(3):
        entered(work, lent(work, TODAY + 20 * DAY, product="rare"), e.PaidOff(TODAY))
    on = work.day.on
    pages = {
        name: (lambda wanted=wanted: listing.listed(work.book.id, wanted, on, after=None, limit=2)) for name, wanted in FILTERS.items()
    }
    for bucket in (None, "M1", "M2"):
        pages[f"late by bucket {bucket}"] = lambda bucket=bucket: late_places.places(
            work.book.id, on, bucket=bucket and late_places.bucket_named(bucket, [t.ArrearsTerms()]), after=late_places.BEFORE_ALL, limit=2
        )
    with connections["owner"].cursor() as owner:  # as it does by itself in a while: else what others left says how few there are
        owner.execute("ANALYZE loans_agreement, loans_checkpoint, loans_stretch, loans_due, loans_loan")
    read = {name: rows_read(work, act) for name, act in pages.items()}
    read.pop("all")  # goes backwards from the newest loan there is, and among those of other tests that is none of this book
    assert {name: rows for name, rows in read.items() if rows > 12} == {}, read


def rows_read(work: UnitOfWork, act: Any) -> int:
    """How many rows of its tables what an act asks reads, those that it throws away too."""
    asked: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def listening(self: psycopg.Cursor[Any], query: Any, params: Any = None, **how: Any) -> Any:
        asked.append((str(query), params))
        return execute(self, query, params, **how)

    with mock.patch.object(psycopg.Cursor, "execute", listening):
        act()
    read = 0
    with sql.transacting():
        sql.run("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")  # in so small a book all fits into a page
        for query, params in asked:
            if "loans_" in query:
                ((told,),) = sql.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params)
                read += sum(rows_of(node) for node in nodes(told[0]["Plan"]))
    return read


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_of(node: dict[str, Any]) -> int:
    if not node["Node Type"].endswith("Scan") or "Relation Name" not in node:
        return 0
    thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return round((node["Actual Rows"] + thrown_away) * node["Actual Loops"])
