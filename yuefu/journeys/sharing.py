"""Profit shares of a pay day: those of loans that defaulted early are taken back, then each payee has its batch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.loans import queries as loans
from yuefu.merchants.rules.sharing import LONGEST_EARLY
from yuefu.settlement import commands as settlement
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.queries.shares import ShareBatch
from yuefu.settlement.rules.shares import Share

CHUNK: Final = 2_000
_LONGEST_WAIT: Final = timedelta(days=31 * (LONGEST_EARLY[0] + 2) + LONGEST_EARLY[1])
"""So long after a capture its loan can be found to have defaulted early: the first instalment is due within two months."""


def settle_shares(*, desk: Desk, now: datetime) -> list[ShareBatch]:
    """Takes back shares of loans that defaulted early, and builds the batches of the open day. Again on the same day it finds nothing to do."""
    claw_back(desk=desk, now=now)
    with open_day(desk, now) as work:
        return [] if isinstance(work, Refused) else settlement.build_shares(work=work, pay_on=work.day.on)


def claw_back(*, desk: Desk, now: datetime, chunk: int = CHUNK) -> list[Share]:
    """Takes back the shares of loans of which an early instalment is so late as their contracts call an early default; by chunks of loans, each
    a transaction."""
    taken: list[Share] = []
    after: UUID | None = None
    while True:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return taken
            at_risk = share_book.at_risk(book_id=desk.book.id, since=work.day.on - _LONGEST_WAIT, after=after, limit=chunk)
            missed = loans.missed_early(desk.book.id, [(one.loan_id, one.periods, one.days) for one in at_risk], work.day.on)
            taken += settlement.claw_back(work=work, capture_ids=[one.capture_id for one in at_risk if one.loan_id in missed])
        if len(at_risk) < chunk:
            return taken
        after = at_risk[-1].loan_id
