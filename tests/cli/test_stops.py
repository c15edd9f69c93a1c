"""`yuefu stop`: anybody of staff who may can stop something at once, everybody sees what is stopped and why, and it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Answer, Command, Town
from yuefu.runtime import books


@pytest.fixture
def stopped(cli: Command) -> Iterator[Callable[..., dict[str, Any]]]:
    """`stopped("payouts")`: a stop, lifted after the test."""
    made: list[str] = []

    def set_stop(*words: str, who: tuple[str, ...] = ()) -> dict[str, Any]:
        answer = cli("stop", "set", *words, "--reason", "a look at it", *who)
        assert answer.status == 0, answer.out
        made.append(answer.last["stop"])
        return dict(answer.last)

    yield set_stop
    for stop in made:
        cli("stop", "lift", stop, "--reason", "the test is over")


def bought(cli: Command, town: Town, quote: str, merchant: str = "record-house") -> Answer:
    return cli("order", "authorise", "--quote", quote, "--consumer", town.buyer, "--reference", f"R-{quote[-12:]}", "--merchant", merchant)


@pytest.mark.parametrize(
    ("words", "reason", "value"),
    [
        ((), "new_credit_stopped", None),
        (("--product", "free"), "product_stopped", "free"),
        (("--funder", "own"), "funder_stopped", "own"),
        (("--merchant", "record-house"), "merchant_stopped", "record-house"),
        (("--channel", "online"), "channel_stopped", "online"),
    ],
)
def test_new_credit_is_stopped_seen_in_the_decision_and_goes_on(cli, town, shown, stopped, words, reason, value):  # type: ignore[no-untyped-def]
    quote, again = shown(), shown()
    made = stopped("new_credit", *words)
    assert (made["action"], made["value"], made["state"], made["set_by"]) == ("new_credit", value or town.book, "in_force", "system:cli")
    declined = bought(cli, town, quote)
    assert (declined.status, declined.last["decision"], declined.last["reasons"]) == (0, "declined", [reason])
    traced = cli("trace", declined.last["order"])
    assert reason in traced.out
    lifted = cli("stop", "lift", made["stop"], "--reason", "looked at")
    assert (lifted.status, lifted.last["state"], lifted.last["lift_reason"]) == (0, "lifted", "looked at")
    assert bought(cli, town, again).last["decision"] == "approved"


def test_payouts_that_are_stopped_are_said_by_the_run_and_the_run_does_not_fail(cli: Command, stopped: Any) -> None:
    assert cli("settle").last["payouts_stopped"] == {"all": False, "merchants": []}
    stopped("payouts", "--merchant", "record-house")
    settled = cli("settle")
    assert settled.status == 0
    assert settled.last["payouts_stopped"]["all"] is False
    assert len(settled.last["payouts_stopped"]["merchants"]) == 1
    stopped("payouts")
    assert cli("settle").last["payouts_stopped"]["all"] is True


def test_the_line_about_stopped_payouts_is_read_by_people_too(raw: Command, town: Town, stopped: Any) -> None:
    stopped("payouts")
    assert "Payouts are stopped for all merchants" in raw("settle", "--book", town.book).out


WRITING = [
    ("quote", "--amount", "30.00", "--periods", "3"), ("settle",), ("close-day",), ("poll",), ("expire",), ("seal",), ("withdraw",),
    ("fund", "--amount", "5.00"), ("user", "add", "somebody-new", "--role", "risk"),
    ("setting", "propose", "orders.authorisation_days", "8", "--reason", "r"),
]  # fmt: skip
READING = [
    ("order", "list"),
    ("ledger", "trial-balance"),
    ("stop", "list"),
    ("quarantine", "list"),
    ("setting", "list"),
    ("approval", "list"),
]


def test_a_read_only_book_refuses_all_that_writes_and_answers_all_that_reads(cli: Command, town: Town, stopped: Any) -> None:
    clock = [one.clock_at for one in books.all_books() if one.code == town.book]
    made = stopped("read_only")
    for words in WRITING:
        answer = cli(*words)
        assert (answer.status, answer.code) == (1, "read_only"), (words, answer.out)
        assert made["stop"] in answer.last["error"]["detail"]
    for words in READING:
        assert cli(*words).status == 0, words
    assert [one.clock_at for one in books.all_books() if one.code == town.book] == clock
    assert cli("stop", "lift", made["stop"], "--reason", "done").status == 0
    assert cli("quote", "--amount", "30.00", "--periods", "3").status == 0


def test_a_stop_ends_by_itself_and_is_still_listed_with_all(cli: Command, town: Town, stopped: Any) -> None:
    (now,) = [books.now_in(one) for one in books.all_books() if one.code == town.book]
    lasting = stopped("payouts", "--for", "2h")
    assert datetime.fromisoformat(lasting["expires_at"]) - now == timedelta(hours=2)
    until = stopped("payouts", "--until", "2099-12-31T18:00")
    assert datetime.fromisoformat(until["expires_at"]).isoformat() == "2099-12-31T18:00:00+08:00"
    listed = {one["stop"] for one in cli("stop", "list").last["stops"]}
    assert {lasting["stop"], until["stop"]} <= listed
    cli("stop", "lift", until["stop"], "--reason", "over")
    assert until["stop"] not in {one["stop"] for one in cli("stop", "list").last["stops"]}
    every = {one["stop"]: one for one in cli("stop", "list", "--all").last["stops"]}
    assert (every[until["stop"]]["state"], every[until["stop"]]["lift_reason"]) == ("lifted", "over")


def test_people_read_what_is_stopped_as_a_table(raw: Command, town: Town, stopped: Any) -> None:
    stopped("payouts", "--merchant", "record-house")
    said = raw("stop", "list", "--book", town.book).out
    assert "a look at it" in said
    assert "record-house" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("tea",), "unknown_action"),
        (("payouts", "--product", "free"), "not_stopped_by_it"),
        (("new_credit", "--product", "none"), "unknown_target"),
        (("new_credit", "--channel", "pigeon"), "unknown_target"),
        (("new_credit", "--merchant", "nobody"), "unknown_merchant"),
        (("new_credit", "--funder", "nobody"), "bad_id"),
        (("new_credit", "--product", "free", "--channel", "live"), "one_target"),
        (("payouts", "--for", "2h", "--until", "2099-12-31T18:00"), "one_end"),
        (("payouts", "--for", "soon"), "bad_duration"),
        (("payouts", "--for", "0h"), "bad_duration"),
        (("payouts", "--until", "tomorrow"), "bad_moment"),
        (("payouts", "--until", "2001-01-01T00:00"), "expires_in_the_past"),
        (("payouts", "--key", " "), "key_invalid"),
    ],
)
def test_what_cannot_be_stopped_so_is_one_sentence_and_stops_nothing(cli: Command, words: tuple[str, ...], code: str) -> None:
    before = cli("stop", "list", "--all").last
    answer = cli("stop", "set", *words, "--reason", "r")
    assert (answer.status, answer.code) == (1, code)
    assert cli("stop", "list", "--all").last == before
    assert cli("stop", "set", "payouts", "--reason", " ").code == "reason_invalid"


def test_the_same_key_is_the_same_stop(cli: Command, stopped: Any) -> None:
    first = stopped("payouts", "--key", "stop-once")
    assert stopped("payouts", "--key", "stop-once")["stop"] == first["stop"]
    assert cli("stop", "set", "read_only", "--reason", "a look at it", "--key", "stop-once").code == "key_reused"


def test_a_stop_that_is_over_or_unknown_is_not_lifted(cli: Command, stopped: Any) -> None:
    made = stopped("payouts")
    assert cli("stop", "lift", made["stop"], "--reason", " ").code == "reason_invalid"
    assert cli("stop", "lift", made["stop"], "--reason", "over").status == 0
    assert cli("stop", "lift", made["stop"], "--reason", "over").code == "already_lifted"
    assert cli("stop", "lift", "stop_01k00000000000000000000000", "--reason", "r").code == "unknown_stop"
    assert cli("stop", "lift", "ord_01k00000000000000000000000", "--reason", "r").code == "bad_id"


@pytest.mark.parametrize(
    ("role", "merchant", "may_set", "may_lift", "may_see"),
    [
        ("operator", None, True, True, True),
        ("risk", None, True, True, True),
        ("finance", None, True, True, True),
        ("compliance", None, True, False, True),
        ("support", None, False, False, True),
        ("merchant_owner", "record-house", False, False, False),
    ],
)
def test_who_may(cli, person, stopped, role, merchant, may_set, may_lift, may_see):  # type: ignore[no-untyped-def]
    who = ("--as", person(role, merchant))
    if may_set:
        made = stopped("payouts", who=who)
        assert made["set_by"] == f"user:{who[1]}"
    else:
        assert cli("stop", "set", "payouts", "--reason", "r", *who).code == "not_allowed"
        made = stopped("payouts")
    assert cli("stop", "list", *who).status == (0 if may_see else 1)
    lifted = cli("stop", "lift", made["stop"], "--reason", "r", *who)
    assert (lifted.status == 0) is may_lift, lifted.out
