"""Breaks with something of everything, and what is said of a day beside them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from tests.web.samples import AS_OF, ORDER_ID, at, yuan
from yuefu.journeys.breaks import Listed, Row, Seen
from yuefu.journeys.trends import SourceTrend, Trends
from yuefu.reconciliation.queries import Break, BreakEvent, Fix, Trend
from yuefu.reconciliation.rules.breaks import Aged
from yuefu.reconciliation.rules.fixes import Case, Kind, Suggested
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.levels import Level
from yuefu.reconciliation.rules.matching import Outcome

PUBLIC = "brk_01m4nvbnz0e44r30qama92cgm4"
OPENED = AS_OF - timedelta(days=12)


def a_break(number: int = 1, *, opened_on: date = OPENED, state: str = "open") -> Break:
    return Break(
        id=UUID(int=number),
        source="channel_fund",
        cls="amount_differs",
        kind="payment",
        reference=f"pay_01m4nvbnz0e44r30qama92c{number:03d}",
        line=yuan("1999.00"),
        movement=yuan("1799.00"),
        order_id=ORDER_ID,
        owner_role="finance",
        owner_id=None,
        state=state,
        reason="",
        opened_on=opened_on,
        due_on=opened_on + timedelta(days=4),
        closed_on=None,
    )


def a_list() -> Listed:
    found = [a_break(n, opened_on=AS_OF - timedelta(days=age)) for n, age in ((1, 44), (2, 12), (3, 1))]
    rows = tuple(Row(PUBLIC, b, yuan("200.00"), b.age_days(AS_OF), b.due_on < AS_OF, waits=b.id.int == 2) for b in found)
    return Listed(rows, PUBLIC)


def a_fix(kind: Kind, state: str) -> Fix:
    approval = UUID(int=5) if state == "waiting" else None
    ended = None if state == "waiting" else AS_OF
    return Fix(
        id=UUID(int=4),
        break_id=UUID(int=1),
        source="channel_fund",
        kind=kind,
        amount=yuan("200.00"),
        other_id=None,
        until=AS_OF - timedelta(days=5) if kind is Kind.CHASE else None,
        reason="They say that it is theirs, in a letter of several pages with many words",
        alone=approval is None,
        approval_id=approval,
        state=state,
        asked_by="user:alice",
        asked_on=AS_OF,
        asked_at=at(AS_OF, 9),
        code="",
        entry_id=None,
        ended_on=ended,
        ended_at=None,
    )


def event(no: int, action: str, **given: object) -> BreakEvent:
    one = BreakEvent(
        UUID(int=no), UUID(int=1), no, AS_OF, at(AS_OF, 9), "user:alice", action, "open", "", None, None, "", "", has_content=False
    )
    return replace(one, **given)  # type: ignore[arg-type]


def seen(*, waiting: bool = False) -> Seen:
    b = a_break()
    case = Case("channel_fund", Outcome.AMOUNT_DIFFERS, "payment", "open", yuan("200.00"), yuan("200.00"), has_line=True, opened_on=OPENED)
    suggested = (
        ()
        if waiting
        else (
            Suggested(Kind.OFFSET, yuan("200.00"), second=False),
            Suggested(Kind.WRITE_OFF, yuan("200.00"), second=True),
        )
    )
    fixes = (a_fix(Kind.CHASE, "done"), *((a_fix(Kind.WRITE_OFF, "waiting"),) if waiting else ()))
    history = (
        event(1, "assigned", text="finance", until=AS_OF),
        event(2, "evidence", evidence_name="a letter with a long name of the channel.pdf", evidence_sha256="4f1d" * 16, has_content=True),
        event(3, "chased", text="What is it?", until=AS_OF),
    )
    besides = () if waiting else (Suggested(Kind.CHASE, yuan("200.00"), second=False),)
    return Seen(b, case, suggested, besides, None, None if waiting else UUID(int=9), fixes, history, stated=("REVOKED", "SUCCESS"))


def an_ended_break() -> Seen:
    b = replace(a_break(state="corrected"), closed_on=AS_OF, reason="write_off")
    return replace(seen(waiting=True), found=b, fixes=(a_fix(Kind.WRITE_OFF, "done"),), case=replace(seen().case, difference=yuan("0.00")))


def levels() -> tuple[Level, ...]:
    return (
        Level("transaction", Verdict.BREAKS, {}),
        Level("cash", Verdict.INCOMPLETE, {}, ("bank", "bank_client")),
        Level("balance", Verdict.INCOMPLETE, {}, ("close_of_day",)),
    )


def trend() -> Trends:
    day = Trend("channel_fund", OPENED, "amount_differs", 3, 2, yuan("603.00"))
    ageing = (Aged("amount_differs", 8, 30, 2, yuan("403.00")), Aged("missing_there", 31, None, 1, yuan("1999.00")))
    sources = tuple(SourceTrend(s, (day,) if s == "channel_fund" else ()) for s in ("channel_trade", "channel_fund", "bank", "bank_client"))
    return Trends(AS_OF - timedelta(days=30), AS_OF - timedelta(days=1), AS_OF, sources, ageing, {})
