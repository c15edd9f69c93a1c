"""What an answer means and when a delivery is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.published import published
from yuefu.notices.rules.webhooks import trying
from yuefu.notices.rules.webhooks.trying import LONGEST_REST, MOST_TRIES, Answer, follows, outcome_of

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
SAID = {"success": "delivered", "failure_no_follow": "retry", "disable_endpoint": "gone", "failure_retry": "retry"}
SAID |= {"failure_retry_throttle": "throttled"}


def means(name: str) -> bool:
    given, expect = published(name)
    answer = Answer(given["response"]) if isinstance(given["response"], int) else Answer(None, "connection_reset")
    return outcome_of(answer) == SAID[expect["outcome"]]


def test_all_of_2xx_is_delivered_wh_status_03() -> None:
    assert means("wh-status-03")


def test_a_redirect_is_a_failure_wh_status_04_wh_status_05() -> None:
    assert means("wh-status-04")
    assert means("wh-status-05")


def test_410_ends_it_wh_status_07() -> None:
    assert means("wh-status-07")
    assert follows(Answer(410), tried=1, strikes=0, now=NOW, chance=0).again_at is None


def test_some_ask_to_be_left_in_peace_wh_status_08_wh_status_11() -> None:
    assert means("wh-status-08")
    assert means("wh-status-11")


def test_a_connection_that_is_reset_is_tried_again_wh_status_14() -> None:
    assert means("wh-status-14")


def test_the_schedule_is_that_of_three_days() -> None:
    pauses = [follows(Answer(500), tried=n, strikes=0, now=NOW, chance=0).again_at for n in range(1, MOST_TRIES + 1)]
    assert pauses[-1] is None
    seconds = [int((at - NOW).total_seconds()) for at in pauses[:-1] if at]
    assert seconds == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert timedelta(seconds=sum(seconds)) == timedelta(hours=75, minutes=35, seconds=5)
    late = follows(Answer(500), tried=2, strikes=0, now=NOW, chance=999).again_at
    assert late is not None
    assert timedelta(seconds=329) < late - NOW < timedelta(seconds=330)


@pytest.mark.parametrize(
    ("said", "rest_s"),
    [
        ("120", 120), ("0", 5), ("-5", 5), ("soon", 5), ("", 5), ("9" * 400, LONGEST_REST.total_seconds()), (format_datetime(NOW + timedelta(minutes=10)), 600),
        (format_datetime(NOW - timedelta(days=1)), 5), ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_REST.total_seconds()), ("Fri, 99 Foo 2026", 5),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_retry_after_is_honoured_within_bounds(said: str, rest_s: float) -> None:
    after = follows(Answer(429, retry_after=said), tried=1, strikes=0, now=NOW, chance=0)
    assert after.rest_until == NOW + timedelta(seconds=rest_s)
    assert after.again_at == after.rest_until


def test_who_throttles_again_and_again_is_left_in_peace_for_longer() -> None:
    rests = [follows(Answer(502), tried=1, strikes=n, now=NOW, chance=0).rest_until for n in range(7)]
    assert rests == sorted(rests, key=lambda at: at or NOW)
    assert rests[-1] == NOW + timedelta(hours=1)
    assert follows(Answer(503), tried=1, strikes=0, now=NOW, chance=0).rest_until is None
    assert follows(Answer(503, retry_after="30"), tried=1, strikes=0, now=NOW, chance=0).rest_until == NOW + timedelta(seconds=30)
    assert (trying.room(0, 50), trying.room(3, 50)) == (50, 1)
