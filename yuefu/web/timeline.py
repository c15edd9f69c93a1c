"""What happens next to an order, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.journeys.views import InstalmentView, Stage, Trace
from yuefu.money.amounts import Money

_FAR: Final = date.max


@dataclass(frozen=True, slots=True)
class NextStep:
    """`code` is `<stage>.waiting`, `<stage>.overdue`, or `nothing`; `amount` only where an instalment is what comes next."""

    code: str
    on: date | None = None
    amount: Money | None = None
    no: int = 0

    @property
    def is_late(self) -> bool:
        return self.code.endswith(".overdue")


def next_step(trace: Trace) -> NextStep:
    """What is late, first; else what comes first by its day; else nothing: the life of the order is complete."""
    late = [stage for stage in trace.stages if stage.state == "overdue"]
    if late:
        return _step(late[0], "overdue", trace)
    to_come = [stage for stage in trace.stages if stage.state in {"waiting", "partly"}]
    dated = [stage for stage in to_come if _due(stage, trace)] or to_come
    if not dated:
        return NextStep("nothing")
    return _step(min(dated, key=lambda stage: _due(stage, trace) or _FAR), "waiting", trace)


def _due(stage: Stage, trace: Trace) -> date | None:
    unpaid = _unpaid(trace)
    return unpaid.due_on if stage.code == "repayment" and unpaid else stage.on


def _step(stage: Stage, state: str, trace: Trace) -> NextStep:
    unpaid = _unpaid(trace)
    if stage.code != "repayment" or unpaid is None:
        return NextStep(f"{stage.code}.{state}", stage.on)
    return NextStep(f"repayment.{state}", unpaid.due_on, unpaid.to_pay, unpaid.no)


def _unpaid(trace: Trace) -> InstalmentView | None:
    open_ones = [instalment for instalment in trace.instalments if instalment.to_pay]
    return min(open_ones, key=lambda instalment: (instalment.due_on, instalment.no), default=None)
