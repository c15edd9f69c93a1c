"""Flows as a person writes them: `2026-01-15:1000.00`, and `2026-02-15:88.85x12/month` for one that comes twelve times."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from yuefu.money.amounts import Money, MoneyError
from yuefu.plans.annual_cost import DatedFlow
from yuefu.plans.faults import PlanError
from yuefu.plans.unit_periods import later, unit_period_from_text

FLOW_UNREADABLE: Final = "flow_unreadable"
MOST_REPEATS: Final = 10_000

_WRITTEN = re.compile(r"(?P<on>[0-9]{4}-[0-9]{2}-[0-9]{2}):(?P<amount>[^x/]*)(?:x(?P<times>[1-9][0-9]{0,4})/(?P<span>.+))?")


def flows_from_text(text: str, currency: str) -> list[DatedFlow]:
    """The flows that are written: `DATE:AMOUNT` or `DATE:AMOUNTxN/SPAN`, SPAN a day, week, semimonth, month, year or so many of them.

    Amounts are above zero and exact in the currency. Raises PlanError, which says what is wrong and how it is written.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise PlanError(
            FLOW_UNREADABLE, f"{text!r:.60} is no flow: write DATE:AMOUNT, as 2026-01-15:1000.00, or DATE:AMOUNTxN/month for N of them."
        )
    try:
        first, amount = date.fromisoformat(match["on"]), Money.parse(match["amount"], currency)
    except MoneyError as error:
        raise PlanError(error.code, f"{text!r:.60}: {error.detail}") from error
    except ValueError as error:
        raise PlanError(FLOW_UNREADABLE, f"{text!r:.60}: {match['on']} is no day of the calendar.") from error
    if amount.minor <= 0:
        raise PlanError("flow_not_positive", f"{text!r:.60}: an amount is above zero; what is paid back is a payment, not a negative draw.")
    return [DatedFlow(on, amount) for on in _days(text, first, int(match["times"] or 1), match["span"] or "month")]


def _days(text: str, first: date, times: int, span: str) -> list[date]:
    unit = unit_period_from_text(span)
    if times > MOST_REPEATS:
        raise PlanError(FLOW_UNREADABLE, f"{text!r:.60}: a flow comes {MOST_REPEATS} times at most.")
    try:
        return [later(first, unit, count) for count in range(times)]
    except (ValueError, OverflowError) as error:
        raise PlanError(FLOW_UNREADABLE, f"{text!r:.60}: the last of them lies beyond the calendar.") from error
