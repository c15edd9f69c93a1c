"""Which fix is for which break, what is suggested when, until when breaks are dealt with, and how old they are."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, Stood, ageing, by_then, working
from yuefu.reconciliation.rules.fixes import Case, Kind, fault, fitting, suggested, waits_until
from yuefu.reconciliation.rules.matching import Outcome

DAY = date(2026, 10, 1)
BY = working(DEFAULT_WORKING)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def case(
    source: str = "channel_fund", cls: Outcome = Outcome.AMOUNT_DIFFERS, kind: str = "payment", minor: int = 5_00, **given: object
) -> Case:
    made = Case(source, cls, kind, "open", cny(minor), cny(abs(minor)), has_line=True, opened_on=DAY)
    return replace(made, **given)  # type: ignore[arg-type]


CASES = [
    (case(), "chase_provider", "write_off"),
    (case(kind="fee"), "post_fee chase_provider", "write_off"),
    (case(kind="fee", has_line=False), "chase_provider", "write_off"),
    (case(kind="fee", cls=Outcome.MISSING_HERE, ours="unknown"), "post_repayment chase_provider", "write_off"),
    (case(cls=Outcome.MISSING_HERE, ours="failed"), "post_repayment chase_provider", "write_off"),
    (case("bank", cls=Outcome.MISSING_HERE, kind="receipt", ours="told"), "post_repayment chase_provider", "write_off"),
    (case("channel_trade"), "chase_provider", ""),
    (case("channel_trade", confirmed=True), "confirmed_by_money chase_provider", ""),
    (case("channel_trade", kind="fee", confirmed=True), "confirmed_by_money chase_provider", ""),
    (case("bank_client"), "chase_provider", ""),
    (case("bank_client", minor=-5_00), "chase_provider", "write_off"),
    (case(minor=1_000_01), "chase_provider", ""),
    (case(opposite=True), "chase_provider", "offset write_off"),
    (case(opposite=True, chased_until=DAY + timedelta(days=2)), "offset", "chase_provider write_off"),
    (case(opposite=True, chased_until=DAY + timedelta(days=1)), "offset write_off chase_provider", ""),
    (case(minor=0, cls=Outcome.STATUS_DIFFERS), "chase_provider", ""),
    (case(state="closed"), "", ""),
    (case(waits=True), "", ""),
]


@pytest.mark.parametrize(("one", "first", "besides"), CASES)
def test_what_is_suggested_comes_first_and_what_fits_besides_may_be_asked_for(one: Case, first: str, besides: str) -> None:
    told = suggested(one, BY, DAY + timedelta(days=1))
    assert [str(fix.kind) for fix in told] == first.split()
    assert sorted(str(fix.kind) for fix in fitting(one, BY) if fix not in told) == sorted(besides.split())
    assert all((fault(kind, one, BY) is None) == (str(kind) in f"{first} {besides}".split()) for kind in Kind)


@pytest.mark.parametrize(
    ("one", "days"),
    [
        (case(cls=Outcome.MISSING_THERE), 4),
        (case(cls=Outcome.MISSING_HERE), 4),
        (case(cls=Outcome.MISSING_HERE, ours="succeeded"), 4),
        (case(cls=Outcome.MISSING_HERE, ours="unknown"), None),
        (case(cls=Outcome.DUPLICATE), None),
    ],
)
def test_a_half_that_may_still_come_is_waited_for(one: Case, days: int | None) -> None:
    assert waits_until(one) == (None if days is None else DAY + timedelta(days=days))
    if days is not None:
        assert suggested(one, BY, DAY + timedelta(days=days - 1)) == ()
        assert suggested(one, BY, DAY + timedelta(days=days)) != ()
        assert fitting(one, BY) != ()


@pytest.mark.parametrize(("minor", "second"), [(100_00, False), (100_01, True), (-100_01, True)])
def test_more_than_one_may_alone_needs_a_second_person_but_for_what_moves_nothing(minor: int, second: bool) -> None:
    told = {fix.kind: fix.second for fix in fitting(case(minor=minor, opposite=True), BY)}
    assert told == {Kind.OFFSET: False, Kind.CHASE: False, Kind.WRITE_OFF: second}


def test_what_is_urgent_is_due_sooner() -> None:
    due = {outcome: (BY.due_on(outcome, DAY) - DAY).days for outcome in (Outcome.MISSING_THERE, Outcome.DUPLICATE, Outcome.MISSING_HERE)}
    assert due == {Outcome.MISSING_THERE: 2, Outcome.DUPLICATE: 4, Outcome.MISSING_HERE: 6}


@pytest.mark.parametrize(
    "change",
    [
        {"due_days": [1, 2]},
        {"due_days": "123"},
        {"due_days": [1, 2, -1]},
        {"due_days": [1, 2, True]},
        {"chase_days": 366},
        {"alone_minor": -1},
        {"write_off_minor": 1.5},
        {"more": 1},
    ],
)
def test_a_setting_that_is_none_says_what_is_wrong(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"it has|due_days are|days are|are amounts"):
        working({**DEFAULT_WORKING, **change})


def test_open_breaks_are_counted_by_class_and_age() -> None:
    given = [("missing_here", age, 1, 100) for age in (0, 1, 2, 3, 4, 7, 8, 30, 31, 400)] + [("duplicate", 5, 2, 300)]
    assert [(a.cls, a.since, a.until, a.count, a.amount.minor) for a in ageing(given, "CNY")] == [
        ("duplicate", 4, 7, 2, 300),
        ("missing_here", 0, 1, 2, 200),
        ("missing_here", 2, 3, 2, 200),
        ("missing_here", 4, 7, 2, 200),
        ("missing_here", 8, 30, 2, 200),
        ("missing_here", 31, None, 2, 200),
    ]


def test_a_break_stood_on_a_day_as_the_last_thing_before_its_end_says() -> None:
    ended, again = Stood(DAY, "explained"), Stood(DAY + timedelta(days=2), "open")
    told = [by_then([ended, again], DAY + timedelta(days=n)) for n in (-1, 0, 1, 2, 9)]
    assert told == [None, ended, ended, again, again]
