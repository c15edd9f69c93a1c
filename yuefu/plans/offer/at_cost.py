"""What of each payment is cost and what is principal, where only the flows are known: at their annual cost, from payment to payment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import accumulate

from yuefu.money.amounts import Money
from yuefu.plans.annual_cost import AnnualCost, DatedFlow, annual_cost, years_between
from yuefu.plans.offer.dues import Due


def parted_at_cost(*, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow]) -> tuple[AnnualCost, tuple[Due, ...]]:
    """The annual cost (compound) and, day by day, the payments parted at it: what is owed grows by (1 + X)**t over t years, a payment pays
    the growth first, and after the last one nothing is owed, but for what rounding leaves. With a negative cost a payment is principal alone.

    The cost is a number with 8 decimals, so the parts are for a picture or an explanation: they bind nobody. Raises AnnualCostError as
    `annual_cost` does.
    """
    cost = annual_cost(draws=draws, payments=payments)
    currency, start = draws[0].amount.currency, min(flow.on for flow in draws)
    days = sorted({flow.on for flow in (*draws, *payments)})
    times = [float(years_between(start, day)) for day in days]
    spans = [after - before for before, after in zip([times[0], *times], times, strict=False)]
    lent, paid = _of_days(draws), _of_days(payments)
    rate, owed, grown, dues = float(cost.compound_pct) / 100, 0.0, 0.0, list[Due]()
    for day, span in zip(days, spans, strict=True):
        grown += (owed + grown) * ((1 + rate) ** span - 1)
        if grown < 0:
            owed, grown = owed + grown, 0.0
        owed += lent.get(day, 0)
        if day not in paid:
            continue
        interest = min(grown, paid[day])
        owed, grown = owed - (paid[day] - interest), grown - interest
        whole = round(interest)
        parts = (paid[day], paid[day] - whole, whole, 0, round(owed))
        dues.append(Due(len(dues) + 1, day, day.weekday(), *(Money(minor, currency) for minor in parts)))
    return cost, tuple(dues)


def _of_days(flows: Sequence[DatedFlow]) -> dict[date, int]:
    """Minor units of each day."""
    found: dict[date, int] = {}
    for flow in flows:
        found[flow.on] = found.get(flow.on, 0) + flow.amount.minor
    return found


def most_owed(*, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow]) -> Money:
    """The most that is drawn and not yet paid at any time: nothing of the cost in it."""
    turns = sorted([(flow.on, -flow.amount.minor) for flow in draws] + [(flow.on, flow.amount.minor) for flow in payments])
    return Money(max(accumulate(-minor for _, minor in turns)), draws[0].amount.currency)
