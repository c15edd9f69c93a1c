"""Profit shares of a pay day: those of loans that defaulted early are taken back, then each payee has its batch. A step of the run of settlement."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.loans import queries as loans
from yuefu.runtime import runs
from yuefu.runtime.runs import Run
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.queries import shares as share_book

STEP: Final = "share"
CHUNK: Final = 2_000
UNDONE_WITHIN: Final = 180
"""So many days longer than its contract says a loan is looked at: a repayment of an early instalment may be undone for that long."""


def settle_shares(*, desk: Desk, now: datetime, run: Run, chunk: int | None = None) -> None:
    """Takes back shares of loans of which an early instalment is so late as their contracts call an early default, by chunks of `chunk` loans, each a
    transaction that moves the run forward; with the last one come the batches of payees. Once a run: what is done is not looked at again."""
    while True:
        with open_day(desk, now) as work:
            if isinstance(work, Refused) or work.day.on != run.on:
                return  # The day was rolled over meanwhile: what is left belongs to the run of the next pay day.
            step = runs.take_turn(run_id=run.id, name=STEP)
            if step.state == "done":
                return
            after = _claw_back(work, UUID(step.cursor) if step.cursor else None, chunk or CHUNK)
            if after is None:
                built = settlement.build_shares(work=work, pay_on=run.on)
                runs.finish_step(run_id=run.id, name=STEP, state="done", detail={"batches": len(built)}, now=now)
                return
            runs.advance(run_id=run.id, name=STEP, cursor=str(after), now=now)


def _claw_back(work: UnitOfWork, after: UUID | None, limit: int) -> UUID | None:
    """Of the next loans whose shares are at risk; those whose first instalments lie behind them are at risk no more. Returns the last of them, or None
    where there are no more."""
    at_risk = share_book.at_risk(book_id=work.book.id, after=after, limit=limit)
    missed = loans.missed_early(work.book.id, [(one.loan_id, one.periods, one.days) for one in at_risk], work.day.on)
    past = loans.early_past(work.book.id, [(one.loan_id, one.periods, one.days + UNDONE_WITHIN) for one in at_risk], work.day.on)
    settlement.claw_back(work=work, capture_ids=[one.capture_id for one in at_risk if one.loan_id in missed])
    settlement.out_of_risk(work=work, capture_ids=[one.capture_id for one in at_risk if one.loan_id in past])
    return at_risk[-1].loan_id if len(at_risk) == limit else None
