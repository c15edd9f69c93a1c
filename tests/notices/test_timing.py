"""When a message may go: quiet hours across midnight, zones and changes of clocks; the week; what is too late."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.notices.rules import timing
from yuefu.notices.rules.kinds import KINDS
from yuefu.notices.rules.policy import DEFAULT_POLICY, Quiet, is_quiet, policy
from yuefu.notices.rules.timing import Drop, Go, Situation, Wait, again_at, decent_moment, decide

SHANGHAI, NEW_YORK, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
NIGHT = Quiet(time(21), time(8))
POLICY = policy(DEFAULT_POLICY)


def at(text, zone=SHANGHAI):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("moment", "then"),
    [
        ("2026-10-12T20:59:59", "2026-10-12T20:59:59"),
        ("2026-10-12T21:00:00", "2026-10-13T08:00:00"),
        ("2026-10-12T23:59:59", "2026-10-13T08:00:00"),
        ("2026-10-13T00:00:00", "2026-10-13T08:00:00"),
        ("2026-10-13T07:59:59", "2026-10-13T08:00:00"),
        ("2026-10-13T08:00:00", "2026-10-13T08:00:00"),
        ("2026-12-31T22:00:00", "2027-01-01T08:00:00"),
    ],
)
def test_a_night_across_midnight_ends_in_the_morning_after(moment, then):
    assert decent_moment(at(moment), NIGHT, SHANGHAI) == at(then)


@pytest.mark.parametrize(
    ("moment", "then"),
    [("2026-10-12T12:30", "2026-10-12T14:00"), ("2026-10-12T14:00", "2026-10-12T14:00"), ("2026-10-12T11:59", "2026-10-12T11:59")],
)
def test_quiet_hours_within_a_day_end_on_that_day(moment, then):
    assert decent_moment(at(moment), Quiet(time(12), time(14)), SHANGHAI) == at(then)


def test_the_night_is_that_of_the_person_and_not_that_of_the_book():
    ten_in_shanghai = at("2026-10-12T10:00")
    assert decent_moment(ten_in_shanghai, NIGHT, NEW_YORK) == at("2026-10-12T08:00", NEW_YORK)
    assert decent_moment(ten_in_shanghai, NIGHT, SHANGHAI) == ten_in_shanghai


def test_a_night_in_which_the_clocks_change_ends_when_they_say_so():
    forward, back = Quiet(time(22), time(2, 30)), Quiet(time(22), time(2, 30))
    assert decent_moment(at("2026-03-29T01:59", BERLIN), forward, BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 there
    twice = at("2026-10-25T02:15", BERLIN)
    assert decent_moment(twice, back, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert decent_moment(twice.replace(fold=1), back, BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@settings(max_examples=400)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]),
)
def test_the_next_decent_moment_is_decent_never_earlier_and_less_than_two_days_away(now, begins, ends, name):
    if begins == ends:
        return
    quiet, zone = Quiet(begins, ends), ZoneInfo(name)
    then = decent_moment(now, quiet, zone)
    assert now <= then < now + timedelta(days=2)
    assert not is_quiet(then.astimezone(zone).time(), quiet)
    assert decent_moment(then, quiet, zone) == then


def situation(**changes):
    given = {
        "kind": "due_today", "expires_at": at("2026-10-13T00:00"), "zone": SHANGHAI, "is_forgotten": False, "is_wanted": True,
        "is_reachable": True, "is_so": True, "told_in_the_week": 0,
    }  # fmt: skip
    return Situation(**given | changes)


NOON, NINE_PM = at("2026-10-12T12:00"), at("2026-10-12T21:00")


@pytest.mark.parametrize(
    ("it", "now", "decision"),
    [
        (situation(), NOON, Go()),
        (situation(is_forgotten=True), NOON, Drop(timing.FORGOTTEN)),
        (situation(is_wanted=False), NOON, Drop(timing.OPTED_OUT)),
        (situation(kind="overdue", expires_at=None, is_wanted=False), NOON, Go()),
        (situation(is_so=False), NOON, Drop(timing.OVERTAKEN)),
        (situation(), at("2026-10-13T00:00"), Drop(timing.TOO_LATE)),
        (situation(), NINE_PM, Drop(timing.QUIET_HOURS)),
        (situation(expires_at=None), NINE_PM, Wait(at("2026-10-13T08:00").astimezone(UTC))),
        (situation(expires_at=at("2026-10-13T08:00")), NINE_PM, Drop(timing.QUIET_HOURS)),
        (situation(expires_at=at("2026-10-13T08:01")), NINE_PM, Wait(at("2026-10-13T08:00").astimezone(UTC))),
        (situation(told_in_the_week=2), NOON, Go()),
        (situation(told_in_the_week=3), NOON, Drop(timing.WEEKLY_CAP)),
        (situation(kind="repaid_receipt", told_in_the_week=99), NOON, Go()),
        (situation(is_reachable=False), NOON, Drop(timing.NO_ADDRESS)),
    ],
)
def test_the_first_reason_that_holds_decides(it, now, decision):
    assert decide(it, now=now, policy=POLICY) == decision


def test_a_message_is_tried_again_later_and_later_and_then_given_up():
    assert [again_at(tries, NOON, None) for tries in range(1, 6)] == [*(NOON + pause for pause in timing.PAUSES), None]
    assert again_at(1, NOON, NOON + timedelta(minutes=5)) is None
    assert again_at(1, NOON, NOON + timedelta(minutes=6)) == NOON + timedelta(minutes=5)


@pytest.mark.parametrize(
    "changes",
    [
        {"quiet_from": "08:00"},
        {"remind_at": "21:00"},
        {"remind_at": "07:59"},
        {"quiet_until": "8 o'clock"},
        {"quiet_until": "08:00:30"},
        {"most_a_week": {"reminder": 3}},
        {"most_a_week": {"reminder": -1, "arrears": 3}},
        {"most_a_week": {"reminder": 3.0, "arrears": 3}},
        {"most_a_week": {"reminder": True, "arrears": 3}},
        {"most_a_week": {"reminder": 51, "arrears": 3}},
        {"loud": True},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(changes):
    with pytest.raises((ValueError, TypeError)):
        policy({**DEFAULT_POLICY, **changes})


def test_every_kind_that_counts_is_of_a_group_of_the_policy():
    assert {kind.group for kind in KINDS.values()} == {"", *DEFAULT_POLICY["most_a_week"]}
    assert not KINDS["overdue"].optional
    assert not KINDS["debit_announced"].optional
