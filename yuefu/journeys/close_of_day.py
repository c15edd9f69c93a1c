"""The close of a day: due, accrue, overdue, prove; loans of rule version 2026-2 advance through the first three in one go (`closing_hands`).

At cut-off one short transaction opens D+1 and sets D closing; from then on only this run posts to D. Each chunk is one transaction
that also moves the run forward, so a run that was killed goes on where it stood and posts nothing twice. A failed proof leaves D
closing, with an alarm; days close in order. In a read-only book nothing is closed: a run that is at work ends its chunk and goes on
where it stood when the stop is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import billing, checkout, closing_hands, disputes, proving, refund, transfers
from yuefu.journeys.closing_hands import Hands, Tell
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.ledger import commands as ledger
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import closing
from yuefu.runtime import audit, days, runs, sql, stops
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import CLIENT_MONEY_SHORT, PROOFS_FAILED
from yuefu.runtime.runs import Run, Step
from yuefu.runtime.values import BusinessDay, UnitOfWork

KIND: Final = "close_of_day"
STEPS: Final = ("due", "accrue", "overdue", "advance", "post", "prove")
CHUNK: Final = 5_000
PROOF_FAILED: Final = "proof_failed"  # the day stays closing; its run says which proof and by how much

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Closed:
    """A day that closed, or had closed before (`again`), with what its proofs found."""

    on: date
    run_id: UUID
    again: bool
    proofs: Mapping[str, Any]


def close_day(
    *,
    desk: Desk,
    now: datetime,
    on: date | None = None,
    workers: int = 1,
    tell: Tell | None = None,
    loans_a_chunk: int = closing_hands.CHUNK,
) -> Closed | Refused:
    """Closes the oldest day that waits, or `on`; rolls the open day over first where its cut-off has passed. So many `workers` share the loans,
    each a process, about `loans_a_chunk` at a time; `tell` hears how far they are.

    Closing a closed day again changes nothing and returns the same. Refused with before_cut_off, no_open_day, unknown_day,
    earlier_day_not_closed, read_only or proof_failed.
    """
    begun = _begin(desk, now, on)
    if isinstance(begun, Refused):
        return begun
    run, on, again = begun
    if not again:
        work = _work(desk, now, run, on)
        try:
            _post(desk, work, run, Hands(workers, loans_a_chunk, tell))
            disputes.pass_days(desk=desk, now=now)
            refund.retry(desk=desk, now=now)  # On the open day: what the proofs then find owed was refused today.
            failed = _prove(desk, work, run, on, workers)
        except _StoppedMeanwhile as stopped:
            return stopped.refused
        if failed:
            return failed
    found = {step.name: step for step in runs.steps(run.id)}
    return Closed(on, run.id, again, found["prove"].detail)


def post_day(*, desk: Desk, now: datetime, on: date | None = None) -> Refused | None:
    """All that a close posts, without its proofs: `close_day` goes on from there, at another time or in another process, while the next
    day runs. Refused as `close_day` is, but for proof_failed.
    """
    begun = _begin(desk, now, on)
    if isinstance(begun, Refused):
        return begun
    run, on, again = begun
    if not again:
        try:
            _post(desk, _work(desk, now, run, on), run, Hands())
        except _StoppedMeanwhile as stopped:
            return stopped.refused
    return None


class _StoppedMeanwhile(Exception):
    """The book became read only between two chunks of a run."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def _begin(desk: Desk, now: datetime, on: date | None) -> tuple[Run, date, bool] | Refused:
    """The run that closes a day, the day, and whether it was closed before; rolls the open day over where its cut-off has passed."""
    rolled = roll_over(desk=desk, now=now)
    if rolled is not None and rolled.code == stops.READ_ONLY:
        return rolled
    waiting = days.waiting_to_close(desk.book.id)
    if on is None:
        if not waiting:
            return rolled if isinstance(rolled, Refused) else Refused(days.BEFORE_CUT_OFF, "no day waits to be closed")
        on = waiting[0]
    state = "closing" if on in waiting else days.state_of(desk.book.id, on)
    if state is None:
        return Refused(days.UNKNOWN_DAY, f"{on} was never opened in this book")
    if state == "open":
        return rolled if isinstance(rolled, Refused) else Refused(days.BEFORE_CUT_OFF, f"{on} is still open")
    if state == "closing" and waiting[0] != on:
        return Refused(days.EARLIER_DAY_NOT_CLOSED, f"{waiting[0]} has to close first")
    with sql.transacting():
        run = runs.start(book_id=desk.book.id, kind=KIND, on=on, steps=STEPS, now=now, ids=desk.ids, actor=desk.by.label)
    return run, on, state == "closed"


def look_again(*, desk: Desk, now: datetime, loan_ids: Sequence[UUID]) -> list[UUID | Refused | Quarantined | None]:
    """Tries loans that the close could not go on with once more, on the open day. One outcome each, in order: its id, None where it went on
    meanwhile, Quarantined where it still cannot."""
    return in_batches(
        desk,
        now,
        closing.LOOK_AT,
        loan_ids,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: list(closing.look_again(work=work, loan_ids=given))),
    )


def roll_over(*, desk: Desk, now: datetime) -> Refused | None:
    """Opens the next day and sets the present one closing, if its cut-off has passed. A missing month is made before, by itself: a day
    that waited for it would hold up everybody's work.
    """
    if read_only := stops.read_only(book_id=desk.book.id, now=now):
        return read_only
    opened = days.open_date(desk.book.id)
    following = opened + timedelta(days=1) if opened else None
    if following and not ledger.has_partitions(first=following, months=2):
        with sql.transacting():
            ledger.make_partitions(first=following, months=2)
    with sql.transacting():
        rolled = days.roll_over(book=desk.book, now=now)
    return rolled if isinstance(rolled, Refused) else None


def _work(desk: Desk, now: datetime, run: Run, on: date) -> UnitOfWork:
    return UnitOfWork(desk.book, BusinessDay(desk.book.id, on, "closing", run.id), now, desk.by, desk.ids)


def close_days(
    *,
    desk: Desk,
    now: datetime,
    workers: int = 1,
    tell: Tell | None = None,
    closed: Callable[[Closed], None] | None = None,
    loans_a_chunk: int = closing_hands.CHUNK,
) -> list[Closed] | Refused:
    """Catches up: closes every day whose cut-off has passed, oldest first, and rolls over those that nobody did. Each that closed is also told to
    `closed` at once. Stops at the first that is refused, as `close_day` is, but for before_cut_off, which is the end."""
    done: list[Closed] = []
    while True:
        one = close_day(desk=desk, now=now, workers=workers, tell=tell, loans_a_chunk=loans_a_chunk)
        if isinstance(one, Refused):
            return done if one.code == days.BEFORE_CUT_OFF else one
        done.append(one)
        if closed:
            closed(one)


def _post(desk: Desk, work: UnitOfWork, run: Run, hands: Hands) -> None:
    """The steps that post: due, accrue, overdue, advance, post. What was done before is passed over. First, on the open day, holds that ran out are
    freed and what waited for the day that closes is applied to its loans, so that what was paid before its day is never late.
    """
    on = work.day.on
    billing.release(desk=desk, now=work.now, until=on)
    for expire in (checkout.expire, transfers.expire):
        while expire(desk=desk, now=work.now):
            pass
    steps: dict[str, Chunk] = {
        "due": lambda step: _cursor(loans.fall_due(work=work, on=on, after=_after(step), limit=CHUNK)),
        "accrue": lambda step: _cursor(loans.accrue_interest(work=work, on=on, after=_after(step), limit=CHUNK)),
        "overdue": lambda _: "" if loans.mark_arrears(work=work, on=on, limit=CHUNK) else None,
    }
    left = None
    while left is None:
        with _our_turn(work, run.id) as found:
            if not _one_chunk(run.id, found, steps, work.now):
                left = _divided(work, run, found, hands)
    refused = closing_hands.all_hands(work=work, run=run, hands=hands, left=left) if left else None
    if refused:
        raise _StoppedMeanwhile(refused)
    _post_brought(work, run.id)


Chunk = Callable[[Step], str | None]
"""One chunk of a step from where it stands: where it then stands, or None where nothing was left to do."""


def _after(step: Step) -> UUID | None:
    return UUID(step.cursor) if step.cursor else None


def _cursor(after: UUID | None) -> str | None:
    return None if after is None else str(after)


def _one_chunk(run_id: UUID, found: Mapping[str, Step], chunks: Mapping[str, Chunk], now: datetime) -> bool:
    """One chunk, of the first step that has one left; steps before it that have none end. Whether there was one."""
    over, cursor = [], None
    for name in [name for name in chunks if found[name].state != "done"]:
        cursor = chunks[name](found[name])
        if cursor is not None:
            runs.advance(run_id=run_id, name=name, cursor=cursor, now=now)
            break
        over.append(name)
    if over:
        runs.finish_steps(run_id=run_id, names=over, state="done", detail={}, now=now)
    return cursor is not None


def _divided(work: UnitOfWork, run: Run, found: Mapping[str, Step], hands: Hands) -> int:
    """How many chunks of loans of rule version 2026-2 are left, which is when they are divided."""
    return 0 if found[closing_hands.STEP].state == "done" else closing_hands.begin(work=work, run=run, loans_a_chunk=hands.loans_a_chunk)


def _post_brought(work: UnitOfWork, run_id: UUID) -> None:
    """All loans of rule version 2026-2 are at the end of the day, which is noted; then what it brought them is posted."""
    with _our_turn(work, run_id) as found:
        if found[closing_hands.STEP].state != "done":
            detail = loan_book.closing_counts(work.book.id, work.day.on)
            runs.finish_step(run_id=run_id, name=closing_hands.STEP, state="done", detail=detail, now=work.now)
    with _our_turn(work, run_id) as found:
        if found["post"].state != "done":
            entries = closing.post_brought(work=work, on=work.day.on)
            runs.finish_step(run_id=run_id, name="post", state="done", detail={"entries": entries}, now=work.now)


@contextmanager
def _our_turn(work: UnitOfWork, run_id: UUID) -> Iterator[Mapping[str, Step]]:
    """A transaction with the steps as they stand; see `runs.turn`."""
    with sql.transacting():
        found = runs.turn(run_id=run_id)
        # After we waited: a stop that was imposed meanwhile is seen.
        if read_only := stops.read_only(book_id=work.book.id, now=work.now):
            raise _StoppedMeanwhile(read_only)
        yield found


def _prove(desk: Desk, work: UnitOfWork, run: Run, on: date, workers: int) -> Refused | None:
    """Everything must add up before the day closes. Both sides of each proof are of one snapshot, with what D+1 has posted by then: a fault
    of D+1 keeps D closing too, which errs on the safe side.
    """
    with sql.transacting():
        ledger.roll_up(work=work)
    with sql.snapshot():
        proofs = proving.prove(book=desk.book, since=on, ended=cut_off_of(desk, on), workers=workers)
    detail = {name: proof.detail for name, proof in proofs.items()}
    _tell_shortfall(desk, on, int(detail["client_money"]["shortfall"]))
    wrong = [name for name, proof in proofs.items() if not proof.holds]
    with _our_turn(work, run.id) as found:
        if found["prove"].state == "done":
            return None  # Somebody else closed the day while we proved it.
        runs.finish_step(
            run_id=run.id,
            name="prove",
            state="failed" if wrong else "done",
            detail=detail | ({"failed": wrong} if wrong else {}),
            now=work.now,
        )
        runs.finish(run_id=run.id, state="failed" if wrong else "done", now=work.now)
        refused = None if wrong else days.close(book_id=desk.book.id, on=on, now=work.now)
        if not wrong:
            closing.drop_replaced(work=work, on=on)
        audit.record(work=work, action="day.close", object_kind="run", object_ids=[run.id], detail={"on": on, "failed": wrong})
    for name in wrong:
        PROOFS_FAILED.labels(proof=name).inc()
        log.error("proof failed", proof=name, day=str(on), detail=str(detail[name]))
    if wrong:
        return Refused(PROOF_FAILED, f"{on} stays closing: {', '.join(wrong)} did not hold")
    return refused


def _tell_shortfall(desk: Desk, on: date, shortfall: int) -> None:
    """Client money that lacks is an alarm and no failed proof: a lender without money must still be able to close its days."""
    CLIENT_MONEY_SHORT.labels(book=desk.book.code).set(shortfall)
    if shortfall:
        log.error("client money is short", book=desk.book.code, day=str(on), shortfall_minor=shortfall)


def cut_off_of(desk: Desk, on: date) -> datetime:
    """The moment a business day ends."""
    return datetime.combine(on + timedelta(days=1), desk.book.cut_off, desk.book.tz)
