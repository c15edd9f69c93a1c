"""`yuefu quarantine`: what broke is seen, sent again or dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command, Town
from yuefu.journeys.checkout import authorising


class Broken(Exception):
    """What a fault in the pure part looks like."""


def breaking(*given: object) -> Any:
    raise Broken("no")


@pytest.fixture
def aside(cli: Command, town: Town, shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an order's request that was set aside; its fault is mended."""
    quote = shown()
    with monkeypatch.context() as broken:
        broken.setattr(authorising, "decide", breaking)
        answer = cli(
            "order",
            "authorise",
            "--quote",
            quote,
            "--consumer",
            town.buyer,
            "--reference",
            f"Q-{quote[-12:]}",
            "--key",
            quote,
            "--merchant",
            "record-house",
        )
    assert (answer.status, answer.code) == (1, "quarantined")
    return str(cli("quarantine", "list").last["requests"][-1]["quarantine"])


def test_a_request_that_broke_is_seen_whole_and_carried_out_with_its_own_key(cli: Command, aside: str) -> None:
    seen = cli("quarantine", "show", aside).last
    assert (seen["command"], seen["state"], seen["tries"], seen["error"], seen["outcome"]) == (
        "authorise",
        "waiting",
        1,
        "Broken: no",
        None,
    )
    assert seen["request"]["merchant_reference"].startswith("Q-")
    done = cli("quarantine", "retry", aside)
    assert (done.status, done.last["state"], done.last["outcome"]["kind"]) == (0, "retried", "Authorised")
    assert done.last["outcome"]["value"]["approved"] is True
    assert cli("quarantine", "show", aside).last["outcome"] == done.last["outcome"]
    assert aside not in {one["quarantine"] for one in cli("quarantine", "list").last["requests"]}
    assert aside in {one["quarantine"] for one in cli("quarantine", "list", "--state", "retried").last["requests"]}
    assert cli("quarantine", "retry", aside).code == "already_dealt_with"


def test_what_breaks_again_still_waits_and_is_counted(cli: Command, aside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(authorising, "decide", breaking)
        answer = cli("quarantine", "retry", aside)
    assert (answer.status, answer.code) == (1, "quarantined")
    assert "still waits" in answer.last["error"]["detail"]
    assert cli("quarantine", "show", aside).last["tries"] == 2
    assert cli("quarantine", "drop", aside, "--reason", "a test").status == 0


def test_a_request_is_dropped_with_a_reason(cli: Command, aside: str) -> None:
    assert cli("quarantine", "drop", aside, "--reason", "").code == "reason_invalid"
    assert cli("quarantine", "drop", aside, "--reason", "bought elsewhere").last["state"] == "dropped"
    assert cli("quarantine", "show", aside).last["reason"] == "bought elsewhere"
    assert cli("quarantine", "retry", aside).code == "already_dealt_with"


def test_what_is_not_there_is_one_sentence(cli: Command) -> None:
    for verb in (("show",), ("retry",), ("drop", "--reason", "r")):
        answer = cli("quarantine", verb[0], "qrt_01k00000000000000000000000", *verb[1:])
        assert (answer.status, answer.code) == (1, "unknown_quarantine")
        assert cli("quarantine", verb[0], "nonsense", *verb[1:]).code == "bad_id"
    assert cli("quarantine", "list", "--state", "odd").code == "unknown_state"


def test_people_read_it_as_a_table(raw: Command, town: Town, aside: str, cli: Command) -> None:
    said = raw("quarantine", "list", "--book", town.book).out
    assert aside in said
    assert "Broken: no" in said
    cli("quarantine", "drop", aside, "--reason", "a test")
    assert "No request is set aside." in raw("quarantine", "list", "--book", town.book).out


@pytest.mark.parametrize(
    ("role", "merchant", "reads", "settles"),
    [("operator", None, True, True), ("risk", None, True, False), ("finance", None, True, False), ("support", None, False, False),
     ("merchant_owner", "record-house", False, False)],
)  # fmt: skip
def test_who_may(cli, person, aside, role, merchant, reads, settles):  # type: ignore[no-untyped-def]
    who = ("--as", person(role, merchant))
    assert (cli("quarantine", "list", *who).status == 0) is reads
    assert (cli("quarantine", "show", aside, *who).status == 0) is reads
    for words in (("retry", aside), ("drop", aside, "--reason", "r")):
        answer = cli("quarantine", *words, *who)
        if settles:
            assert answer.status == 0 or answer.code == "already_dealt_with"
        else:
            assert answer.code == "not_allowed"
    cli("quarantine", "drop", aside, "--reason", "a test")
