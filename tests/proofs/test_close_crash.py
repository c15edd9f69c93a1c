"""The crash proof of the close of a day, in small, and that it can fail; the whole of it is `yuefu prove close-of-day`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from yuefu.proofs import close_crash, close_rows, close_victim
from yuefu.proofs.close_crash import _Round

TEMPLATE = os.environ["YUEFU_TEST_TEMPLATE"]


def run(rounds: int, *, loans: int = 40) -> dict[str, Any]:
    return close_crash.run(rounds=rounds, loans=loans, template=TEMPLATE, say=lambda _: None)


def test_a_close_that_is_killed_wherever_comes_to_what_one_does_that_nobody_disturbed() -> None:
    said: list[str] = []
    found = close_crash.run(rounds=1, loans=60, template=TEMPLATE, say=said.append)
    assert found["ok"], found
    assert (found["rounds"], found["differing_rows"], found["lost"], found["doubled"], found["proofs_failed"]) == (1, 0, 0, 0, 0)
    assert found["killed"] == sum(found["killed_by_step"].values()) >= 1
    assert 0 < found["payments_entered"] <= found["payments_sent"]
    assert [line.partition(":")[0] for line in said] == ["round 1 of 1"]


def tampering(monkeypatch: pytest.MonkeyPatch, before: str, *statements: str) -> None:
    """Lets the owner change the book of a round, past all that keeps it, before a step of it."""
    original: Callable[..., None] = getattr(_Round, before)

    def step(self: _Round, url: str, *given: object) -> None:
        if before == "_reckon":
            tamper(url, *statements)
        original(self, url, *given)
        if before != "_reckon":
            tamper(url, *statements)

    monkeypatch.setattr(_Round, before, step)


def tamper(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        for table in ("loans_fact", "loans_due"):
            owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            assert owner.execute(statement).rowcount == 1, statement


_A_PAYMENT = "SELECT id FROM loans_fact WHERE kind = 'paid' AND recorded_on = (SELECT max(recorded_on) FROM loans_fact) LIMIT 1"


def test_a_fact_that_is_gone_is_lost_and_a_row_that_is_another_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    first = 'SELECT loan_id, "on" FROM loans_lateness ORDER BY "on", loan_id LIMIT 1'
    late = f'UPDATE loans_lateness SET principal_minor = principal_minor + 1 WHERE (loan_id, "on") = ({first})'  # what no close looks at
    tampering(monkeypatch, "_close_through_kills", late)
    tampering(monkeypatch, "_reckon", f"DELETE FROM loans_fact WHERE id = ({_A_PAYMENT})")
    found = run(1)
    assert (found["lost"], found["differing_rows"], found["ok"]) == (1, 2, False), found


def test_what_lacks_is_lost_and_what_is_too_much_is_doubled() -> None:
    promised = {"a": [100], "b": [100, 200], "c": [100]}
    assert close_crash.lost_and_doubled(promised, promised) == (0, 0)
    assert close_crash.lost_and_doubled(promised, {"a": [100, 100], "b": [200]}) == (2, 1)
    assert close_crash.lost_and_doubled(promised, promised | {"d": [1]}) == (0, 1)


def test_what_became_of_a_payment_is_what_was_said_last_and_a_line_that_was_cut_off_was_never_said(tmp_path: Path) -> None:
    acks = tmp_path / "acks"
    close_victim._acknowledge(acks, {"a": "", "b": ""})
    close_victim._acknowledge(acks, {"a": "entered"})
    with acks.open("a") as file:
        file.write('\n{"source": "b", "outc')
    close_victim._acknowledge(acks, {"c": "loan_written_off"})
    assert close_victim.acknowledged(acks) == {"a": "entered", "b": "", "c": "loan_written_off"}
    assert close_victim.acknowledged(tmp_path / "none") == {}


def test_after_a_kill_what_is_not_known_is_sent_again_first_and_under_the_same_sources(tmp_path: Path) -> None:
    payments: list[dict[str, Any]] = [
        {"source_id": f"00000000-0000-0000-0000-{n:012d}", "loan_id": f"10000000-0000-0000-0000-{n:012d}", "minor": n, "days_ago": 0}
        for n in range(9)
    ]
    (tmp_path / "payments.json").write_text(json.dumps(payments))
    sources = [str(one["source_id"]) for one in payments]
    close_victim._acknowledge(tmp_path / "acks", dict.fromkeys(sources[:4], "entered") | {sources[4]: "", sources[5]: ""})
    sent = [[str(one.source_id) for one in batch] for batch in close_victim._batches(tmp_path)]
    assert sent == [sources[4:6], sources[6:9]]
    (tmp_path / close_victim.ENOUGH).touch()
    assert [len(batch) for batch in close_victim._batches(tmp_path)] == [2], "what is not known is settled in any case"


def test_rows_that_one_book_has_alone_differ_as_often_as_they_are_there() -> None:
    right = {"dues": ["a", "b", "b"], "facts": ["x"]}
    there = {"dues": ["a", "b"], "facts": ["x", "y"], close_rows._UNNUMBERED: ["loan"]}
    assert close_rows.differing(right, right) == {}
    assert close_rows.differing(right, there) == {"dues": ["- b"], "facts": ["+ y"], close_rows._UNNUMBERED: ["loan"]}
