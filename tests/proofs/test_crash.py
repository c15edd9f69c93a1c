"""The crash proof over HTTP, in small, and that it can fail; the whole of it is `yuefu prove crash`."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests import homes
from yuefu.proofs import crash, reckoning
from yuefu.proofs.crash import CASES, Case
from yuefu.proofs.installation import PAYER, SERVER
from yuefu.proofs.shoppers import Answer, Client, Operation


@pytest.mark.slow
def test_whatever_is_killed_or_cut_each_acknowledged_operation_is_there_once_and_a_day_closes_under_load() -> None:
    """In one installation: who repays is killed, then the database while a day closes. What comes later stands on what came before."""
    first = CASES.index(Case("kill_process", PAYER, "attempt"))
    said: list[str] = []
    found = crash.run(rounds=2, first=first, say=said.append, furnish=homes.furnish)
    assert [line.partition(": ")[2] for line in said if line.startswith("round")] == [
        "kill process (payer) after commit of attempt",
        "kill database (worker) after commit of closed, while a day closes",
    ]
    assert found["ok"], found
    assert (found["rounds"], found["days_closed"], found["lost"], found["doubled"]) == (2, 1, 0, 0)
    assert found["operations"] == found["acknowledged"] > 20
    assert found["sent_again"] > 0
    assert found["asked_again"] > 0
    assert {"order", "capture", "refund", "repay"} <= set(found["by_verb"])


def test_a_client_that_sends_again_under_another_key_doubles_and_the_proof_sees_it():
    first = CASES.index(Case("kill_database", SERVER, "capture"))
    found = crash.run(rounds=1, first=first, broken=crash.FRESH_KEYS, say=lambda _: None, furnish=homes.furnish)
    assert found["doubled"] > 0, found
    assert not found["ok"]


def test_a_database_that_acknowledges_what_it_has_not_flushed_loses_and_the_proof_sees_it():
    first = CASES.index(Case("kill_database", SERVER))
    found = crash.run(rounds=1, first=first, broken=crash.NO_FLUSH, say=lambda _: None, furnish=homes.furnish)
    assert found["lost"] > 0, found
    assert not found["ok"]


def test_what_lacks_is_lost_and_what_is_too_much_is_doubled():
    found = reckoning.Found()
    found.compare("captures", {"a": 1, "b": 2, "c": 1}, {"a": 1, "b": 1, "d": 3})
    assert (found.lost, found.doubled) == (2, 3)
    assert sorted(found.wrong) == [
        "captures of b: 2 acknowledged, 1 there",
        "captures of c: 1 acknowledged, 0 there",
        "captures of d: 0 acknowledged, 3 there",
    ]


def test_a_line_that_the_kill_cut_off_was_never_acknowledged(tmp_path: Path):
    (tmp_path / "c.acks").write_text('{"verb": "capture", "key": "1"}\n{"verb": "capt')
    assert reckoning.acknowledged([tmp_path / "c.acks", tmp_path / "none.acks"]) == [{"verb": "capture", "key": "1"}]


class Asker(Client):
    """A client that does what it is told, and nothing by itself."""

    def play(self, over: threading.Event) -> None:
        over.wait()


ANSWERS = [
    (Answer(201), True),
    (Answer(402, {"retryable": False}), True),
    (Answer(422, {"retryable": False}), True),
    (Answer(409, {"retryable": True}), False),
    (Answer(429, {"retryable": True}), False),
    (Answer(503, {"retryable": True}), False),
    (Answer(0), False),
]


@pytest.mark.parametrize(("answer", "final"), ANSWERS, ids=lambda value: str(getattr(value, "status", "")))
def test_only_what_is_final_is_an_acknowledgement(answer: Answer, final: bool, tmp_path: Path):
    class Desk:
        def send(self, operation: Operation) -> Answer:
            return answer

    client = Asker("c", tmp_path, Desk())
    done = client.do(Operation("capture", "1", "/", "o", {}, 0))
    assert (done is not None, len(client.open), client.path.exists()) == (final, 1 - final, final)


def test_an_answer_that_differs_from_the_first_is_told(tmp_path: Path):
    answers = iter([Answer(201, {"id": "a"}), Answer(201, {"id": "b"}, replayed=True), Answer(201, {"id": "a"})])

    class Desk:
        def send(self, operation: Operation) -> Answer:
            return next(answers)

    client = Asker("c", tmp_path, Desk())
    client.do(Operation("capture", "1", "/", "o", {}, 0))
    dice = crash.random.Random(1)
    assert client.ask_again(dice, 5) == 1
    assert client.differing == ["capture 1: 201 {'id': 'a'}, then 201 {'id': 'b'}"]
    client.ask_again(dice, 5)
    assert client.differing[1:] == ["capture 1: not told as a replay"]


def outdated(today: str, code: str = "quote_outdated") -> Answer:
    return Answer(409, {"code": code, "retryable": False, "detail": f"today is {today}", "errors": [today], "request_id": today})


def test_a_price_that_went_with_its_day_is_refused_anew_each_time(tmp_path: Path):
    answers = iter([outdated("13"), outdated("14"), outdated("15", "merchant_reference_used")])

    class Desk:
        def send(self, operation: Operation) -> Answer:
            return next(answers)

    client = Asker("c", tmp_path, Desk())
    client.do(Operation("order", "1", "/", "o", {}, 0))
    dice = crash.random.Random(1)
    client.ask_again(dice, 5)
    assert client.differing == []
    client.ask_again(dice, 5)
    assert [line[:12] for line in client.differing] == ["order 1: 409"]
