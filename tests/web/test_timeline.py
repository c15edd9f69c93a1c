"""What comes next in the life of an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.web import samples
from yuefu.journeys.views import Stage
from yuefu.web.timeline import NextStep, next_step


def test_the_next_instalment_comes_before_a_later_stage() -> None:
    assert next_step(samples.a_trace()) == NextStep("repayment.waiting", date(2026, 11, 30), samples.yuan("666.33"), 2)


def test_what_is_late_comes_first_with_what_is_still_to_pay() -> None:
    late = next_step(samples.a_late_trace())
    assert late == NextStep("repayment.overdue", date(2026, 1, 30), samples.yuan("5011345.67"), 2)
    assert late.is_late


def test_an_earlier_settlement_comes_before_a_later_instalment() -> None:
    stages = (Stage("settlement", "waiting", date(2026, 11, 2)), Stage("repayment", "waiting", date(2026, 11, 30)))
    assert next_step(replace(samples.a_trace(), stages=stages)) == NextStep("settlement.waiting", date(2026, 11, 2))


def test_a_stage_without_a_day_waits_behind_those_with_one() -> None:
    stages = (Stage("loan", "waiting", None), Stage("settlement", "waiting", date(2026, 11, 2)))
    unpaid = replace(samples.a_trace(), stages=stages, instalments=())
    assert next_step(unpaid).code == "settlement.waiting"
    assert next_step(replace(unpaid, stages=stages[:1])) == NextStep("loan.waiting")


def test_nothing_comes_after_a_declined_order() -> None:
    assert next_step(samples.a_declined_trace()) == NextStep("nothing")
