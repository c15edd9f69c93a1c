"""What the close of a day does with loans of rule version 2026-2: tells of what falls due, brings each loan to the end of the day, posts what
the day brought.

Loans are taken in chunks of ids, each in one transaction, by any number of workers. A loan that goes on by itself is not opened: what its night
brought is found over columns. The others are opened, looked at and given a new stretch. Which loans there are, and how they stood, is as it was
when the day ended: what is entered on the next day leaves the stretch that ended beside the new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import numpy as np
import psycopg
from numpy.typing import NDArray

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry
from yuefu.loans import entries, rules
from yuefu.loans.commands import falling_due, writing
from yuefu.loans.commands.living import Facts, change_of, lateness_event, life_on, post, tells_anew
from yuefu.loans.entries import STANDING, Position
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import LINES, NEVER, Kept, Running, Unread
from yuefu.plans.lifecycle.arrears import overdue_of
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.stretches import Stretch, stretch_of
from yuefu.plans.portfolio_rows import Ints
from yuefu.plans.portfolio_stretches import Stretches, discounted_many, interest_many
from yuefu.runtime import days, outbox, quarantine, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=2**128 - 1)
LOOK_AT: Final = "loan.look_at"  # the command under which a loan is set aside that the close could not go on with

_EPOCH: Final = date(2000, 1, 1).toordinal()  # of days in PostgreSQL's binary form
_DAYS: Final = ("since", "begin", "discount_begin")


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became of the loans of a chunk: how many there are, of how many something falls due, how many were opened, how many of those could not
    be gone on with."""

    loans: int
    due: int
    opened: int
    stuck: int


@dataclass(slots=True)
class _Sums:
    """What a chunk comes to: by portfolio, what was earned of each kind, loan by loan, and where its loans stand."""

    brought: dict[tuple[int, str], tuple[list[UUID], list[int]]]
    stands: dict[int, NDArray[np.int64]]
    loans: dict[int, int]

    @classmethod
    def none(cls) -> _Sums:
        return cls(defaultdict(lambda: ([], [])), defaultdict(lambda: np.zeros(len(STANDING), np.int64)), defaultdict(int))


def chunks(book_id: UUID, on: date, size: int) -> list[tuple[UUID, UUID]]:
    """Ranges of ids, each of about `size` loans that are of a day, which leave out none; at least one."""
    firsts = [
        row[0]
        for row in sql.rows(
            "SELECT loan_id FROM (SELECT loan_id, row_number() OVER (ORDER BY loan_id) AS n FROM loans_stretch WHERE book_id = %s"
            f" AND replaced_on > %s AND since <= %s AND {_GOES_ON}) AS s WHERE n %% %s = 0 ORDER BY loan_id",
            [book_id, on, on, size],
        )
    ]
    begins = [FIRST_ID, *firsts]
    return list(zip(begins, [*(UUID(int=first.int - 1) for first in firsts), LAST_ID], strict=True))


_GOES_ON: Final = "(until < '9999-12-31' OR whole <> 0 OR discount <> 0 OR " + " OR ".join(f"{name} <> 0" for name in STANDING) + ")"
"""A loan that has ended and owes nothing either way is not looked at again."""


def advance(*, work: UnitOfWork, on: date, no: int, first: UUID = FIRST_ID, last: UUID = LAST_ID) -> Advanced:
    """Brings the loans of a range of ids, chunk `no` of the day, to the end of the day `on` of `work`, and tells of what falls due on it. Call it
    once a chunk and day, in a transaction; what it found is posted by `post_brought` when all chunks are done.

    A loan that raises, or that the database will not take, is set aside and left where it stands; the next close tries it again.
    """
    keeping.lock_for_close(work.book.id, on, first, last)
    due, sums = falling_due.tell(work=work, on=on, first=first, last=last), _Sums.none()
    opened, stuck = keeping.awake(work.book.id, on, first, last)
    loans = _running(work.book.id, on, first, last, sums) + len(opened) + len(stuck)
    looked: list[_Look] = []
    told = _facts_of(opened, on)
    for one in opened:
        try:
            looked.append(_look(one, on, told.get(one.party.loan_id)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one loan, the others go on
            stuck.append(Unread(one.party.loan_id, one.running, repr(error)))
    stuck += _write(work, looked)
    left = {(one.loan_id, one.running.replaced_on) for one in stuck}
    own = [each for each in looked if (each.before.party.loan_id, each.before.running.replaced_on) not in left]
    _set_aside(work, stuck, sums)
    _count_opened(own, sums)
    outbox.emit(work=work, events=[each.event for each in own if each.event])
    if again := [each.before.party.loan_id for each in own if each.before.running.stuck]:
        quarantine.went_on(work=work, command=LOOK_AT, requests=again, told=dumps({"went_on": on}))
    _insert_sums(work, on, no, sums)
    return Advanced(loans, due, len(opened), len(stuck))


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found of an opened loan: as it was and as it is, and what the day brought it, all of which is earned, or else its own entry."""

    before: Kept
    after: Kept
    earned: Mapping[str, int]
    entry: Entry | None
    event: Event | None


def _facts_of(opened: Sequence[Kept], on: date) -> dict[UUID, list[str]]:
    """What was entered, as it was written, of those loans that have to be told anew; of those that were replaced since only what was by the day."""
    replaced = [one.party.loan_id for one in opened if _is_replaced(one)]
    waited = [one.party.loan_id for one in opened if not _is_replaced(one) and tells_anew(one, on)]
    return keeping.facts_written(replaced, until=on) | keeping.facts_written(waited)


def _is_replaced(one: Kept) -> bool:
    return one.running.replaced_on != NEVER


def _look(one: Kept, on: date, written: Sequence[str] | None) -> _Look:
    facts = None if written is None else keeping.read_facts(written)
    after, was = _looked_at(one, on, facts), _posted(one.running)
    stands = after.running.position
    earned, entry = entries.earned_between(was, stands), None
    if earned is None:  # a kept credit paid something
        entry = entries.moved(one.party, "advanced", uuid5(one.party.loan_id, on.isoformat()), was, stands)
    event = lateness_event(one, after) if after.running.told > one.running.told else None
    return _Look(one, after, earned or {}, entry, event)


def _looked_at(one: Kept, on: date, facts: Facts | None) -> Kept:
    """A loan by the end of the day, as what was recorded of it by then has it, with the stretch that begins there.

    Of one that was replaced since, only where it stood is told: what it came to be, and its events, are those of its row of today.
    """
    running, replaced = one.running, _is_replaced(one)
    life = rules.retold_life(one.life.terms, facts or (), on) if replaced else life_on(one, on, facts)
    work = looked_at(life.state, on)
    stretch = stretch_of(work)
    if life.waits_for is not None and life.waits_for.toordinal() <= stretch.until:
        stretch = replace(stretch, until=max(life.waits_for.toordinal() - 1, on.toordinal()))
    late = overdue_of(work)
    count = running.told + (not replaced and change_of(running.late, late) is not None)
    after = Running(running.replaced_on, running.portfolio_no, on, stretch, False, count, late, entries.position_of(work, life.tally))
    return Kept(one.party, one.life if replaced else life, after, work.rows)


def _posted(running: Running) -> Position:
    """Where an opened loan was posted to stand: by the last day of the stretch that ended."""
    return entries.run_on(running.position, running.stretch, running.since.toordinal(), running.stretch.until)


class _NotPosted(Exception):
    """The ledger refused entries of loans, which are given with what it said."""

    def __init__(self, refused: Sequence[tuple[_Look, Refused]]) -> None:
        super().__init__("; ".join(f"{each.before.party.loan_id}: {said.code}, {said.detail}" for each, said in refused))
        self.refused = refused


def _post_own(work: UnitOfWork, looked: Sequence[_Look]) -> None:
    """Posts what loans have to post by themselves. Raises _NotPosted where the ledger refuses: a closed account, a limit."""
    posting = [(each, each.entry) for each in looked if each.entry]
    outcomes = ledger.post(work=work, entries=[entry for _, entry in posting])
    refused = [(each, said) for (each, _), said in zip(posting, outcomes, strict=True) if isinstance(said, Refused)]
    if refused:
        raise _NotPosted(refused)


def _write(work: UnitOfWork, looked: Sequence[_Look]) -> list[Unread]:
    """Posts what loans have to post by themselves, and writes what they came to be. Those whose entry the ledger refuses stay as they are; where
    the database refuses, in halves until the culprit stands alone. The culprits, with what was said."""
    if not looked:
        return []
    try:
        with sql.attempting():
            _post_own(work, looked)
            writing.update(work, [(each.before, each.after) for each in looked], closing=False)
    except _NotPosted as error:
        culprits = {id(each) for each, _ in error.refused}
        unread = [Unread(each.before.party.loan_id, each.before.running, f"{said.code}: {said.detail}") for each, said in error.refused]
        return unread + _write(work, [each for each in looked if id(each) not in culprits])
    except (psycopg.errors.IntegrityError, psycopg.errors.DataError) as error:
        if len(looked) == 1:
            return [Unread(looked[0].before.party.loan_id, looked[0].before.running, repr(error))]
        half = len(looked) // 2
        return _write(work, looked[:half]) + _write(work, looked[half:])
    return []


def _set_aside(work: UnitOfWork, stuck: Sequence[Unread], sums: _Sums) -> None:
    if not stuck:
        return
    writing.stick(stuck)
    for one in stuck:
        sums.loans[one.running.portfolio_no] += 1
        sums.stands[one.running.portfolio_no] += _standing(_posted(one.running))
    culprits = [(one.loan_id, Quarantined(one.error)) for one in stuck]
    quarantine.put_aside(book_id=work.book.id, command=LOOK_AT, culprits=culprits, now=work.now, ids=work.ids)


def _count_opened(own: Sequence[_Look], sums: _Sums) -> None:
    for each in own:
        no = each.before.running.portfolio_no
        sums.loans[no] += 1
        sums.stands[no] += _standing(each.after.running.position)
        for kind, minor in each.earned.items():
            if minor:
                ids, minors = sums.brought[no, kind]
                ids.append(each.before.party.loan_id)
                minors.append(minor)


def _standing(position: Position) -> NDArray[np.int64]:
    return np.array([getattr(position, name) for name in STANDING], np.int64)


# --- loans that go on by themselves ---


_COLUMNS: Final = ("loan_id", "portfolio_no", "since", *LINES, *STANDING)


def _kind(name: str) -> str:
    if name == "loan_id":
        return "V16"
    return ">i4" if name in {"portfolio_no", "since", "begin", "discount_begin", "discount_days"} else ">i8"


_FORM: Final = tuple((name, _kind(name)) for name in _COLUMNS)


def _running(book_id: UUID, on: date, first: UUID, last: UUID, sums: _Sums) -> int:
    """Counts what the night brought loans whose stretch holds the day, and where they and those touched on the day itself stand."""
    query = (
        f"SELECT {', '.join(_COLUMNS)} FROM loans_stretch WHERE book_id = %s AND loan_id BETWEEN %s AND %s AND replaced_on > %s"
        f" AND since <= %s AND (until >= %s OR since = %s) AND {_GOES_ON}"
    )
    read = sql.copied(query, [book_id, first, last, on, on, on, on], _FORM)
    if not len(read):
        return 0
    today = on.toordinal()
    columns = {name: read[name].astype(np.int64) + (_EPOCH if name in _DAYS else 0) for name in _COLUMNS if name != "loan_id"}
    lines, since = Stretches(*(columns[name] for name in LINES)), columns["since"]
    until, before = np.full(len(read), today), np.maximum(since, today - 1)
    now, was, then = interest_many(lines, until), interest_many(lines, before), interest_many(lines, since)
    earned, earned_in_all = now - was, now - then
    discount = discounted_many(lines, until)
    brought = {
        "interest": earned,
        "discount": discount - discounted_many(lines, before),
        "allowance": np.where(columns["loan_allowance"] != 0, earned, 0),
    }
    columns["loan_interest"] += earned_in_all
    columns["loan_allowance"] -= np.where(columns["loan_allowance"] != 0, earned_in_all, 0)
    columns["unearned_discount"] += discount - discounted_many(lines, since)
    for no in np.unique(columns["portfolio_no"]).tolist():
        of = columns["portfolio_no"] == no
        sums.loans[no] += int(of.sum())
        sums.stands[no] += np.array([columns[name][of].sum() for name in STANDING], np.int64)
        for kind, minors in brought.items():
            _count(sums, no, kind, read["loan_id"][of], minors[of])
    return len(read)


def _count(sums: _Sums, no: int, kind: str, loan_ids: NDArray[Any], minors: Ints) -> None:
    some = minors != 0
    if some.any():
        ids, amounts = sums.brought[no, kind]
        ids += [UUID(bytes=bytes(one)) for one in loan_ids[some].tolist()]
        amounts += minors[some].tolist()


def _insert_sums(work: UnitOfWork, on: date, no: int, sums: _Sums) -> None:
    same = {"book_id": ("uuid", work.book.id), '"on"': ("date", on), "chunk": ("integer", no)}
    columns = {"portfolio_no": "integer", "kind": "text", "minor": "bigint", "loan_ids": "uuid[]", "minors": "bigint[]"}
    brought = [
        (portfolio, kind, sum(minors), sql.array([str(i) for i in ids], "uuid"), sql.array(minors, "bigint"))
        for (portfolio, kind), (ids, minors) in sorted(sums.brought.items())
        if ids
    ]
    sql.insert("loans_brought", columns, brought, same=same)
    columns = {"portfolio_no": "integer", "loans": "integer", **dict.fromkeys(STANDING, "bigint")}
    stands = [(portfolio, sums.loans[portfolio], *stand.tolist()) for portfolio, stand in sorted(sums.stands.items())]
    sql.insert("loans_stand", columns, stands, same=same)


# --- the end of the day ---


def post_brought(*, work: UnitOfWork, on: date) -> int:
    """Posts what a day brought, one entry a portfolio, once all its chunks are done; done again it posts nothing. Returns how many entries."""
    found = sql.rows(
        "SELECT b.portfolio_no, p.funder_id, p.product, p.currency, b.kind, sum(b.minor)::bigint FROM loans_brought b"
        ' JOIN loans_portfolio p ON p.book_id = b.book_id AND p.no = b.portfolio_no WHERE b.book_id = %s AND b."on" = %s'
        " GROUP BY b.portfolio_no, p.funder_id, p.product, p.currency, b.kind ORDER BY b.portfolio_no, b.kind",
        [work.book.id, on],
    )
    by_portfolio: dict[tuple[int, UUID, str, str], dict[str, int]] = defaultdict(dict)
    for no, funder, product, currency, kind, minor in found:
        by_portfolio[no, funder, product, currency][kind] = minor
    made = [entries.brought(on, *portfolio, earned) for portfolio, earned in by_portfolio.items()]
    posting = [entry for entry in made if entry]
    post(work, posting)
    return len(posting)


def drop_replaced(*, work: UnitOfWork, on: date) -> int:
    """Forgets the stretches that only told of days up to `on`, all of which are closed. Returns how many there were."""
    return sql.run("DELETE FROM loans_stretch WHERE book_id = %s AND replaced_on <= %s", [work.book.id, on + timedelta(days=1)])


def look_again(*, work: UnitOfWork, loan_ids: Iterable[UUID]) -> list[UUID | None]:
    """Tries loans that were set aside once more, on the open day: what they had brought meanwhile is posted. One outcome each, in order: its id,
    or None where the loan is not stuck. Raises what made it stuck where that still holds."""
    wanted = list(loan_ids)
    kept = {i: one for i, one in keeping.lock(work.book.id, wanted).items() if one.running.stuck}
    on, looked = work.day.on, []
    told = _facts_of(list(kept.values()), on)
    ready, due = falling_due.before_entering(kept, {}, days.waiting_to_close(work.book.id))
    for one in ready.values():
        look = _look(one, on, told.get(one.party.loan_id))
        after = Kept(one.party, look.after.life, replace(look.after.running, stretch=Stretch(on.toordinal())), look.after.seen)
        source = uuid5(one.party.loan_id, f"again:{on}")
        entry = entries.moved(one.party, "advanced", source, _posted(one.running), after.running.position)
        looked.append(_Look(one, after, {}, entry, look.event))
    _post_own(work, looked)
    writing.update(work, [(each.before, each.after) for each in looked], closing=False)
    outbox.emit(work=work, events=[event for events in due.values() for event in events])
    outbox.emit(work=work, events=[each.event for each in looked if each.event])
    return [loan_id if loan_id in kept else None for loan_id in wanted]
