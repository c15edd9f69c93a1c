"""Who may be contacted when, what became of a promise, what was missed in a row, and which settings a book may have."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.collecting.rules import cases, contacting, measures
from yuefu.collecting.rules.cases import Promised, Run
from yuefu.collecting.rules.contacting import Standing
from yuefu.collecting.rules.policy import DEFAULT_POLICY, policy
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.plain import kind_of
from yuefu.plans.lifecycle.terms import Part

ON = date(2026, 10, 12)
POLICY = policy(DEFAULT_POLICY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contact_from", "07:59"),
        ("contact_until", "22:01"),
        ("contact_until", "08:00"),
        ("contact_from", "08:00:30"),
        ("contact_from", "early"),
        ("most_a_day", 4),
        ("most_a_day", -1),
        ("most_a_day", 1.0),
        ("most_a_day", True),
        ("most_a_week", 22),
        ("channels", ["call", "pigeon"]),
        ("channels", "call"),
        ("open_after_days", 0),
        ("told_after_days", [3, 1]),
        ("told_after_days", [3, 3]),
        ("told_after_days", [0]),
        ("missed_in_a_row", 0),
        ("waive_alone_minor", -1),
        ("promise_days", "14"),
    ],
)
def test_a_policy_is_never_looser_than_the_bounds_and_says_what_is_wrong(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        policy({**DEFAULT_POLICY, name: value})


@pytest.mark.parametrize("value", [{}, {**DEFAULT_POLICY, "more": 1}, {k: v for k, v in DEFAULT_POLICY.items() if k != "channels"}])
def test_a_policy_is_whole(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="nothing else"):
        policy(value)


def test_a_policy_may_be_stricter() -> None:
    strict = policy({**DEFAULT_POLICY, "contact_from": "09:00", "contact_until": "20:00", "most_a_day": 0, "channels": []})
    assert (strict.contact_from, strict.most_a_day, strict.channels) == (time(9), 0, frozenset())


def standing(**given: Any) -> Standing:
    usual: dict[str, Any] = {
        "channel": "call", "whom": "borrower", "inbound": False, "local": datetime(2026, 10, 12, 12), "restricted": frozenset(),
        "overdue": True, "promised": False, "this_day": 0, "this_week": 0,
    }  # fmt: skip
    return Standing(**usual | given)


@given(st.times(), st.integers(0, 5), st.integers(0, 30), st.booleans(), st.booleans(), st.sampled_from(["call", "visit", "sms"]))
def test_nobody_is_contacted_at_night_or_too_often_whatever_else_is_so(
    at: time, this_day: int, this_week: int, promised: bool, overdue: bool, channel: str
) -> None:
    it = standing(
        local=datetime.combine(ON, at), this_day=this_day, this_week=this_week, promised=promised, overdue=overdue, channel=channel
    )
    allowed = contacting.fault_of(it, POLICY) is None
    decent = time(8) <= at < time(22) and this_day < 3 and this_week < 7
    assert allowed == (decent and overdue and not promised and channel != "visit")


@given(st.times(), st.integers(0, 5))
def test_whoever_calls_us_is_heard_at_any_hour(at: time, this_day: int) -> None:
    it = standing(inbound=True, local=datetime.combine(ON, at), this_day=this_day, restricted=frozenset({"all"}), overdue=False)
    assert contacting.fault_of(it, POLICY) is None


@pytest.mark.parametrize(
    ("days", "name"), [(0, ""), (1, "M1"), (30, "M1"), (31, "M2"), (60, "M2"), (180, "M6"), (181, "M7+"), (999, "M7+")]
)
def test_buckets_are_of_thirty_days(days: int, name: str) -> None:
    assert cases.bucket(ON - timedelta(days=days), ON) == name


@pytest.mark.parametrize(
    ("on", "now", "in_time", "overdue", "end"),
    [
        (0, 149, None, True, None),
        (0, 150, None, True, "kept"),
        (0, 149, None, False, "released"),
        (2, 150, None, True, "kept"),
        (3, 149, 149, True, None),
        (3, 900, 149, True, None),
        (3, 900, 150, True, "kept"),
        (4, 900, 149, True, "broken"),
        (4, 900, 149, False, "released"),
    ],
)
def test_a_promise_of_100_by_the_second_day_over_50_before(on: int, now: int, in_time: int | None, overdue: bool, end: str | None) -> None:
    promise = Promised(100, ON + timedelta(days=2), 50)
    day = ON + timedelta(days=on)
    assert cases.promise_ends(promise, on=day, paid_now=now, paid_in_time=in_time, overdue=overdue, policy=POLICY) == end


@given(st.lists(st.booleans(), max_size=24))
def test_the_longest_run_of_missed_instalments_is_what_counting_says(missed: list[bool]) -> None:
    rows = [(ON + timedelta(days=n), one) for n, one in enumerate(missed)]
    text = "".join("x" if one else "." for one in missed)
    longest = max((len(run) for run in text.split(".")), default=0)
    found = cases.longest_run(rows)
    assert found == (Run(longest, ON + timedelta(days=text.rindex("x" * longest) + longest - 1)) if longest else None)


def test_whoever_is_told_is_told_by_the_last_stage_that_has_passed() -> None:
    assert [cases.stage(days, POLICY) for days in (0, 1, 2, 3, 14, 400)] == [None, 1, 1, 3, 7, 90]


def test_every_kind_of_measure_is_known_to_the_table_and_only_two_are_taken_alone() -> None:
    one = Money(1, "CNY")
    events = [
        e.Reaged(ON, ON + timedelta(days=1), 1), e.Reamortised(ON), e.Rescheduled(ON, ON), e.InterestPaused(ON, ON), e.ArrearsPaused(ON, ON),
        e.Waived(ON, Part.FEE, one), e.ChargedOff(ON), e.WrittenOff(ON),
    ]  # fmt: skip
    assert {type(event) for event in events} == set(measures.MEASURES)
    assert {kind_of(event) for event in [*events, e.Undone(2)]} == measures.KINDS
    alone = {kind_of(event) for event in [*events, e.Undone(2)] if measures.may_alone(event, waived_alone=0, policy=POLICY)}
    assert alone == measures.ALONE == {"waived", "arrears_paused"}


@given(st.lists(st.integers(1, 40_00), max_size=8))
def test_what_is_waived_alone_never_comes_to_more_than_the_limit_however_it_is_cut(amounts: list[int]) -> None:
    waived = 0
    for minor in amounts:
        waived += minor if measures.may_alone(e.Waived(ON, Part.FEE, Money(minor, "CNY")), waived_alone=waived, policy=POLICY) else 0
    assert waived <= POLICY.waive_alone_minor


@pytest.mark.parametrize("status", ["pending", "closed", "overpaid", "written_off"])
def test_nothing_is_done_about_a_loan_that_is_not_active(status: str) -> None:
    assert isinstance(measures.fault_of(e.WrittenOff(ON), status, charged_off=False), Refused)
    assert measures.fault_of(e.WrittenOff(ON), "active", charged_off=True) is None
