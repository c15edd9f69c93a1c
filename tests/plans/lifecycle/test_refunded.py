"""What of each instalment goods that went back settled, told from the events of small loans."""

from __future__ import annotations

from datetime import date

from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, REFUND, fen, terms
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event
from yuefu.plans.lifecycle.refunded import refunded_rows
from yuefu.plans.lifecycle.terms import Excess, Waterfall

FREE = terms(annual_rate=Rate(0), waterfall=Waterfall(excess=Excess.REAMORTISE))
"""400.00 on three days."""
JAN_10, JAN_20 = date(2025, 1, 10), date(2025, 1, 20)


def refunded(*events: Event, day: date = MAR) -> list[int]:
    return refunded_rows(FREE, [e.Disbursed(LENT, FREE.principal), *events], day)


def test_nothing_is_refunded_of_what_the_consumer_paid() -> None:
    assert refunded(e.Paid(FEB, fen(400_00))) == [0, 0, 0]


def test_a_refund_is_spread_and_what_the_consumer_pays_beside_it_stays_theirs() -> None:
    back = e.Paid(JAN_10, fen(90_00), by=REFUND)
    assert refunded(back) == [30_00, 30_00, 30_00]
    assert refunded(back, e.Paid(FEB, fen(370_00))) == [30_00, 30_00, 30_00]
    assert sum(refunded(e.Paid(FEB, fen(400_00)), e.Paid(FEB, fen(80_00), by=REFUND))) == 80_00


def test_a_refund_pays_what_is_overdue_first() -> None:
    assert refunded(e.Paid(date(2025, 2, 10), fen(150_00), by=REFUND)) == [150_00, 0, 0]


def test_days_that_move_take_what_was_refunded_with_them() -> None:
    moved = e.Rescheduled(JAN_20, FEB, date(2025, 2, 15), extra_periods=1)
    found = refunded(e.Paid(JAN_10, fen(90_00), by=REFUND), moved)
    assert sum(found) == 90_00
    assert len(found) == 4


def test_no_row_is_refunded_by_more_than_it_is_settled() -> None:
    back = e.Paid(JAN_10, fen(90_00), by=REFUND)
    assert sum(refunded(back, e.PaidBack(JAN_20, fen(60_00)))) == 30_00
