"""The calendar of debits and the policy of further tries: windows at their edges, paydays, what is never tried again."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.payments import rules
from yuefu.payments.rules import DEFAULT_POLICY, Mandate, MandateResult, Slot

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 9, 28)
CALENDAR = Calendar(
    name="T",
    version="1",
    holidays=frozenset({date(2026, 10, 1), date(2026, 10, 2)}),
    makeup_workdays=frozenset({date(2026, 10, 10)}),
    known_until=date(2026, 12, 31),
)
POLICY = rules.policy(3, DEFAULT_POLICY)


def moment(clock, on=MONDAY):
    return datetime.combine(on, time.fromisoformat(clock), SHANGHAI)


@pytest.mark.parametrize(
    ("clock", "open_"),
    [
        ("07:59:59.999999", False),
        ("08:00:00", True),
        ("12:00:00", True),
        ("19:30:00", True),
        ("19:30:00.000001", False),
        ("19:30:01", False),
    ],
)
def test_a_wallet_takes_notices_from_eight_to_half_past_seven(clock, open_):
    assert rules.announces(moment(clock)) is open_


@pytest.mark.parametrize(
    ("clock", "open_"), [("07:59:59", False), ("08:00:00", True), ("16:00:00", True), ("16:00:01", False), ("23:59:59", False)]
)
def test_a_bank_takes_debits_until_its_cut_off_and_a_wallet_to_the_end_of_the_day(clock, open_):
    assert rules.takes("bank", moment(clock), POLICY) is open_
    assert rules.takes("wallet", moment(clock), POLICY) is (clock >= "08:00:00")


def test_the_windows_are_those_of_the_place_of_the_book():
    """One moment is inside in Shanghai and outside in London."""
    now = datetime(2026, 9, 28, 11, 30, tzinfo=UTC)
    assert rules.announces(now.astimezone(SHANGHAI))
    assert not rules.announces(datetime(2026, 9, 28, 19, 30, tzinfo=UTC).astimezone(SHANGHAI))
    assert not rules.announces(datetime(2026, 9, 28, 6, 59, 59, tzinfo=UTC).astimezone(ZoneInfo("Europe/London")))
    assert rules.announces(datetime(2026, 9, 28, 7, 0, tzinfo=UTC).astimezone(ZoneInfo("Europe/London")))


@pytest.mark.parametrize(
    ("clock", "not_before", "announce_on", "debit_on"),
    [
        ("10:00", "2026-10-05", "2026-10-04", "2026-10-05"),
        ("10:00", "2026-09-29", "2026-09-28", "2026-09-29"),
        ("19:30:00", "2026-09-29", "2026-09-28", "2026-09-29"),
        ("19:30:01", "2026-09-29", "2026-09-29", "2026-09-30"),
        ("10:00", "2026-09-28", "2026-09-28", "2026-09-29"),
        ("03:00", "2026-09-20", "2026-09-28", "2026-09-29"),
        ("10:00", "2026-10-01", "2026-09-30", "2026-10-01"),
    ],
)
def test_a_wallet_is_debited_on_the_day_after_its_notice_on_any_day(clock, not_before, announce_on, debit_on):
    found = rules.slot("wallet", date.fromisoformat(not_before), moment(clock), CALENDAR, POLICY)
    assert found == Slot(date.fromisoformat(announce_on), date.fromisoformat(debit_on))


@pytest.mark.parametrize(
    ("clock", "not_before", "notice_days", "debit_on"),
    [
        ("10:00", "2026-09-30", 1, "2026-09-30"),
        ("10:00", "2026-10-01", 1, "2026-10-05"),  # holidays, then a weekend
        ("10:00", "2026-10-10", 1, "2026-10-10"),  # a Saturday that is worked
        ("10:00", "2026-09-28", 1, "2026-09-29"),  # told today, taken tomorrow
        ("16:00:00", "2026-09-28", 0, "2026-09-28"),
        ("16:00:01", "2026-09-28", 0, "2026-09-29"),
    ],
)
def test_a_bank_is_debited_on_a_business_day_and_by_its_cut_off(clock, not_before, notice_days, debit_on):
    of = rules.policy(1, {**DEFAULT_POLICY, "bank_notice_days": notice_days})
    assert rules.slot("bank", date.fromisoformat(not_before), moment(clock), CALENDAR, of) == Slot(None, date.fromisoformat(debit_on))


def test_what_is_over_is_told_to_the_second():
    morning, evening = rules.passed(moment("16:00:00"), POLICY), rules.passed(moment("19:30:01"), POLICY)
    tomorrow = date(2026, 9, 29)
    assert (morning.notices_before, morning.wallets_before, morning.banks_before) == (MONDAY, MONDAY, MONDAY)
    assert (evening.notices_before, evening.wallets_before, evening.banks_before) == (tomorrow, MONDAY, tomorrow)
    assert rules.passed(moment("16:00:01"), POLICY).banks_before == tomorrow


@pytest.mark.parametrize(
    ("code", "failed", "again_on"),
    [
        ("insufficient_funds", 1, "2026-09-29"),
        ("insufficient_funds", 2, "2026-10-01"),
        ("insufficient_funds", 3, "2026-10-10"),
        ("insufficient_funds", 4, None),
        ("system_error", 3, "2026-09-29"),
        ("system_error", 4, None),
        ("account_closed", 1, None),
        ("mandate_ended", 1, None),
        ("never_heard_of", 1, None),
    ],
)
def test_what_failed_is_tried_again_as_the_policy_says(code, failed, again_on):
    assert rules.retry_from(code, failed, MONDAY, POLICY) == (date.fromisoformat(again_on) if again_on else None)


@pytest.mark.parametrize(
    ("after", "paydays", "on"),
    [
        ("2026-09-09", (10, 25), "2026-09-10"),
        ("2026-09-10", (10, 25), "2026-09-25"),
        ("2026-09-25", (10, 25), "2026-10-10"),
        ("2026-12-25", (10, 25), "2027-01-10"),
        ("2027-02-10", (31,), "2027-02-28"),
        ("2027-02-28", (31,), "2027-03-31"),
        ("2028-02-28", (30,), "2028-02-29"),
    ],
)
def test_a_payday_that_a_month_lacks_is_its_last_day(after, paydays, on):
    assert rules.next_payday(date.fromisoformat(after), paydays) == date.fromisoformat(on)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan_days": 0}, "plan_days is a whole number"),
        ({"plan_days": True}, "plan_days is a whole number"),
        ({"catch_up_days": 61}, "catch_up_days is a whole number"),
        ({"bank_notice_days": -1}, "bank_notice_days is a whole number"),
        ({"bank_from": "16:00"}, "bank_from is before bank_until"),
        ({"bank_until": "25:00"}, "hour must be in"),
        ({"wallet_from": "08:00+08:00"}, "in the zone of the book"),
        ({"paydays": []}, "one at least"),
        ({"paydays": [0]}, "days of the month"),
        ({"retries": [{"codes": ["account_closed"], "after": [1]}]}, "never tried again"),
        ({"retries": [{"codes": ["mandate_ended", "x"], "after": [1]}]}, "never tried again"),
        ({"retries": [{"codes": [], "after": [1]}]}, "names the codes"),
        ({"retries": [{"codes": ["x"], "after": []}]}, "one for each further try"),
        ({"retries": [{"codes": ["x"], "after": [0]}]}, "one for each further try"),
        ({"retries": [{"codes": ["x"], "after": ["tomorrow"]}]}, "one for each further try"),
        ({"retries": [{"codes": ["x"], "after": [1]}, {"codes": ["x"], "after": [2]}]}, "stands in one retry only"),
        ({"extra": 1}, "it has exactly"),
    ],
)
def test_a_policy_that_cannot_be_says_why(change, said):
    with pytest.raises(ValueError, match=said):
        rules.policy(1, {**deepcopy(dict(DEFAULT_POLICY)), **change})


def mandate(state="signing", contract=""):
    now = moment("10:00")
    over = now if state not in ("signing", "active") else None
    person = UUID(int=7)
    return Mandate(person, "mdt_1", person, "wallet", "w", contract, Money(1, "CNY"), None, state, "", now, None, over, None, 1)


@pytest.mark.parametrize(
    ("state", "said", "becomes", "steps"),
    [
        ("signing", "active", "active", 1),
        ("signing", "unknown", "signing", 0),
        ("signing", "failed", "failed", 1),
        ("signing", "ended", "failed", 1),
        ("active", "active", "active", 0),
        ("active", "ended", "lost", 1),
        ("active", "failed", "lost", 1),
        ("revoked", "active", "revoked", 0),
        ("revoked", "ended", "revoked", 0),
        ("expired", "ended", "expired", 0),
        ("lost", "active", "lost", 0),
    ],
)
def test_a_mandate_is_what_the_channel_says_unless_it_was_ended_here(state, said, becomes, steps):
    before = mandate(state, "" if state == "signing" else "n1")
    after = rules.mandated(before, MandateResult("mdt_1", said, "n1"), moment("11:00"))
    assert (after.state, after.seq - before.seq) == (becomes, steps)
    assert rules.mandated(after, MandateResult("mdt_1", said, "n1"), moment("12:00")) == after, "said again, nothing is new"
    if state in ("revoked", "expired") and said == "ended":
        assert after.told_at == moment("11:00")


def test_of_a_mandate_that_was_revoked_before_it_was_known_to_be_signed_the_number_is_kept():
    after = rules.mandated(mandate("revoked"), MandateResult("mdt_1", "active", "n9"), moment("11:00"))
    assert (after.state, after.contract, after.told_at) == ("revoked", "n9", None)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"kind": "cash"}, "kind_unknown"),
        ({"instrument": ""}, "instrument_invalid"),
        ({"instrument": "w" * 101}, "instrument_invalid"),
        ({"instrument": "a\nb"}, "instrument_invalid"),
        ({"instrument": "contract:1"}, "instrument_invalid"),
        ({"instrument": "credit_card:1"}, "credit_funded"),
        ({"instrument": "Huabei:me"}, "credit_funded"),
        ({"limit": Money(0, "CNY")}, "amount_not_positive"),
        ({"limit": Money(1, "USD")}, "currency_differs"),
        ({"valid_until": date(2026, 9, 27)}, "valid_until_passed"),
        ({"valid_until": MONDAY}, None),
        ({}, None),
    ],
)
def test_what_cannot_be_a_mandate_says_why(given, code):
    asked = {"kind": "wallet", "instrument": "w:1", "limit": Money(5, "CNY"), "valid_until": None, **given}
    refused = rules.mandate_refusal(**asked, today=MONDAY, currency="CNY")
    assert (refused.code if refused else None) == code
