"""Where late loans stand in a list, those that have been late for longest first: found in keys, page by page, by what is kept of them.

What is kept is how late a loan was when it was last looked at, by a close or by what was entered of it. Whatever became late since is found apart: what
the last close told as due and nobody paid, what fell due on days that are closing, and loans with which a close could not go on. So nothing is opened,
and no loan that is not late is read, but for those whose instalment fell due on a day that is still closing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.frozen import made_quickly
from yuefu.loans.queries.keeping import NEVER
from yuefu.loans.rules import PARTS
from yuefu.plans.lifecycle.choices import ArrearsTerms
from yuefu.runtime import days, sql
from yuefu.runtime.jsontext import loads

BUCKETS_OF_OLD: Final = ArrearsTerms()
"""Terms of rule version 2026-1 name no buckets: those that terms have unless they say otherwise."""
UNSETTLED: Final = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in PARTS)
_UNPAID: Final = "i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor"
_TOLD: Final = f"EXISTS (SELECT FROM loans_due d WHERE d.loan_id = s.loan_id AND d.due_on = s.due_told_on AND {UNSETTLED} > 0)"
_COME: Final = "s.late_since <= %(edge)s AND s.until < %(on)s"
"""Of loans that were kept in another bucket: those that may have come into this one since."""
_TODAYS: Final = "s.book_id = %(book)s AND s.replaced_on = %(never)s"


@made_quickly
@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: since when a loan is late by what is kept of it, and its id."""

    since: date
    loan_id: UUID

    def __str__(self) -> str:
        return f"{self.since}.{ids.text('loan', self.loan_id)}"


def place_named(text: str) -> Place | None:
    """The place that a text names; None where it names none."""
    day, _, public_id = text.partition(".")
    try:
        return Place(date.fromisoformat(day), ids.parse("loan", public_id))
    except ValueError:
        return None


BEFORE_ALL: Final = Place(date.min, UUID(int=0))


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and what of the terms of a book says who may have come into it since they were looked at: from so many days past due on (`begins`) it
    can be, and a loan that was in one of `before` can have come into it."""

    name: str
    begins: int
    before: tuple[str, ...]


def edge_of(bucket: Bucket, on: date) -> date:
    """Who became late after this day cannot be in a bucket on the open day."""
    return date.fromordinal(max(on.toordinal() - bucket.begins, 1))


def not_recorded(book_id: UUID, open_day: date) -> date:
    """The first day of which it is not recorded yet how late loans were by its end: the oldest that is closing, else the open one."""
    return min([*days.waiting_to_close(book_id), open_day])


def known(book_id: UUID, on: date) -> dict[str, Any]:
    """Parameters of all that asks who is late on the open day: the book, the last day that was closed, and those that are closing."""
    waiting = days.waiting_to_close(book_id)
    last = min([*waiting, on]) - timedelta(days=1)
    return {"book": book_id, "never": NEVER, "on": on, "last": last, "closing": [day for day in waiting if day < on]}


# ------------------------------------------------------------------------------------------------------------------------ became late since

TOLD_AS_DUE: Final = (
    f"SELECT s.due_told_on AS since, s.loan_id FROM loans_stretch s WHERE {_TODAYS} AND s.late_since IS NULL AND NOT s.stuck"
    f" AND s.due_told_on >= %(last)s AND s.due_told_on < %(on)s AND {_TOLD}"
)
FELL_DUE: Final = (
    "SELECT min(d.due_on) AS since, d.loan_id FROM loans_due d JOIN loans_stretch s ON s.loan_id = d.loan_id AND s.replaced_on = %(never)s"
    f" WHERE d.book_id = %(book)s AND d.due_on = ANY(%(closing)s) AND {UNSETTLED} > 0 AND s.late_since IS NULL AND NOT s.stuck"
    f" AND (s.due_told_on IS NULL OR s.due_told_on < %(last)s OR NOT {_TOLD}) GROUP BY d.loan_id"
)
SET_ASIDE: Final = (
    f"SELECT (SELECT min(d.due_on) FROM loans_due d WHERE d.loan_id = s.loan_id AND d.due_on < %(on)s AND {UNSETTLED} > 0) AS since, s.loan_id"
    f" FROM loans_stretch s WHERE {_TODAYS} AND s.stuck"
)
KEPT_ASIDE: Final = f"SELECT s.loan_id FROM loans_stretch s WHERE {_TODAYS} AND s.stuck"
LEVELLED_FELL_DUE: Final = (
    "SELECT min(i.due_on) AS since, i.loan_id FROM loans_instalment i JOIN loans_loan l ON l.id = i.loan_id WHERE i.book_id = %(book)s"
    f" AND i.due_on = ANY(%(closing)s) AND {_UNPAID} AND l.state = 'active' AND l.arrears_since IS NULL GROUP BY i.loan_id"
)


def became_late(params: dict[str, Any]) -> str:
    """A query for (since, loan_id) of the loans of 2026-2 of which something is overdue that is not kept of them yet, and of all with which a close could
    not go on; since None of one of these of which nothing is."""
    return " UNION ALL ".join([TOLD_AS_DUE, *([FELL_DUE] if params["closing"] else []), SET_ASIDE])


def may_be_late(bucket: Bucket | None, params: dict[str, Any]) -> Iterable[str]:
    """Queries for (loan_id) of the loans of 2026-2 that may be late, or in a bucket, on the open day: each loan is in one of them."""
    kept = f"SELECT s.loan_id FROM loans_stretch s WHERE {_TODAYS} AND s.late_since IS NOT NULL"
    if bucket is None:
        yield kept
    else:
        yield f"{kept} AND s.bucket = %(bucket)s"
        if bucket.before:
            yield f"{kept} AND s.bucket = ANY(%(before)s) AND {_COME}"
    if bucket is None or params["edge"] >= params["last"]:
        yield TOLD_AS_DUE
        if params["closing"]:
            yield FELL_DUE
    yield f"{SET_ASIDE} AND s.late_since IS NULL"


# --------------------------------------------------------------------------------------------------------------------------------- places


def places(book_id: UUID, on: date, *, bucket: Bucket | None, after: Place, limit: int) -> list[tuple[Place, bool]]:
    """The next loans that may be late on the open day, in order, each with whether it is of 2026-2; with `bucket`, those that may be in it."""
    params = known(book_id, on) | {"since": after.since, "after": after.loan_id, "limit": limit}
    if bucket is not None:
        params |= {"bucket": bucket.name, "before": list(bucket.before), "edge": edge_of(bucket, on)}
    pages = [*_lived(bucket, params), *_levelled(bucket, params)]
    found = sql.rows(
        f"SELECT since, loan_id, lived FROM ({' UNION ALL '.join(pages)}) AS late ORDER BY since, loan_id LIMIT %(limit)s", params
    )
    return [(Place(since, loan_id), lived) for since, loan_id, lived in found]


def _lived(bucket: Bucket | None, params: dict[str, Any]) -> Iterable[str]:
    kept = f"SELECT s.late_since AS since, s.loan_id FROM loans_stretch s WHERE {_TODAYS} AND s.late_since IS NOT NULL"
    place = "(s.late_since, s.loan_id) > (%(since)s, %(after)s)"
    if bucket is None:
        yield _page(f"{kept} AND {place}", lived=True)
    else:
        yield _page(f"{kept} AND s.bucket = %(bucket)s AND {place}", lived=True)
        if bucket.before:
            each = f"{kept} AND s.bucket = b.name AND {_COME} AND {place} ORDER BY s.late_since, s.loan_id LIMIT %(limit)s"
            come = f"SELECT s.since, s.loan_id FROM unnest(%(before)s::text[]) AS b (name) CROSS JOIN LATERAL ({each}) AS s"
            yield _page(come, lived=True)
    if bucket is None or params["edge"] >= params["last"]:
        yield _page(f"{TOLD_AS_DUE} AND (s.due_told_on, s.loan_id) > (%(since)s, %(after)s)", lived=True)
        if params["closing"]:
            yield _page(f"{FELL_DUE} HAVING (min(d.due_on), d.loan_id) > (%(since)s, %(after)s)", lived=True)
    yield _page(
        f"SELECT * FROM ({SET_ASIDE} AND s.late_since IS NULL) AS s WHERE (s.since, s.loan_id) > (%(since)s, %(after)s)", lived=True
    )


def _levelled(bucket: Bucket | None, params: dict[str, Any]) -> Iterable[str]:
    """How late these are is kept to the day, and so is in which bucket they are."""
    chosen = ""
    if bucket is not None:
        held = next(((first, last) for name, first, last in BUCKETS_OF_OLD.buckets if name == bucket.name), None)
        if held is None:
            return
        params["newest"] = params["on"] - timedelta(days=held[0])
        params["oldest"] = date.min if held[1] is None else params["on"] - timedelta(days=held[1])
        chosen = " AND l.arrears_since BETWEEN %(oldest)s AND %(newest)s"
    yield _page(
        "SELECT l.arrears_since AS since, l.id AS loan_id FROM loans_loan l WHERE l.book_id = %(book)s AND l.arrears_since IS NOT NULL"
        f" AND l.arrears_since < %(on)s AND (l.arrears_since, l.id) > (%(since)s, %(after)s){chosen}",
        lived=False,
    )
    if params["closing"]:
        yield _page(f"{LEVELLED_FELL_DUE} HAVING (min(i.due_on), i.loan_id) > (%(since)s, %(after)s)", lived=False)


def _page(query: str, *, lived: bool) -> str:
    """The first so many of one way to be late, by itself: each goes through its own key in order, and stops."""
    return f"(SELECT since, loan_id, {str(lived).lower()} AS lived FROM ({query}) AS one ORDER BY since, loan_id LIMIT %(limit)s)"


# -------------------------------------------------------------------------------------------------------------------------------- buckets


def arrears_terms(book_id: UUID) -> list[ArrearsTerms]:
    """In what ways the terms of a book's loans tell lateness, each once."""
    found = sql.rows("SELECT DISTINCT (terms -> 'arrears')::text FROM loans_sheet WHERE book_id = %s", [book_id])
    return [BUCKETS_OF_OLD, *(read_arrears(row[0]) for row in found)]


def read_arrears(text: str | None) -> ArrearsTerms:
    """How terms tell lateness, as a sheet has it."""
    if text is None:
        return BUCKETS_OF_OLD
    plain = loads(text)
    return ArrearsTerms(plain["grace_days"], tuple((name, first, last) for name, first, last in plain["buckets"]))


def bucket_named(name: str, terms: Sequence[ArrearsTerms]) -> Bucket | None:
    """What terms say of a bucket, "" for days that are in none; None of one that none of them names, in which no loan can be."""
    begins: list[int] = []
    before: set[str] = set()
    for one in terms:
        steps = _steps(one)
        for place, (step, first) in enumerate(steps):
            if step == name:
                begins.append(first + (one.grace_days if first else 0))
                before.update(earlier for earlier, _ in steps[:place])
    return Bucket(name, min(begins), tuple(sorted(before - {name}))) if begins else None


def _steps(terms: ArrearsTerms) -> list[tuple[str, int]]:
    """The buckets of terms with their first days, and "" where days are in none, as a loan passes through them."""
    found, free = [], 0
    for name, first, last in terms.buckets:
        if first > free:
            found.append(("", free))
        found.append((name, first))
        free = date.max.toordinal() if last is None else last + 1
    return [*found, *([("", free)] if free < date.max.toordinal() else [])]
