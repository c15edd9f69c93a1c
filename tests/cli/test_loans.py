"""Loans from the command line: verify what is stored against a replay; who may rebuild it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command
from yuefu import ids
from yuefu.journeys import replay
from yuefu.runtime import sql


def test_a_loan_that_differs_from_its_replay_is_named_and_rebuilt(
    cli: Command, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    loan = cli("order", "capture", authorised()["order"]).last["loan"]
    good = cli("loan", "verify", loan)
    assert (good.status, good.last["loans"], good.last["differ"]) == (0, 1, {}), good.out
    said = "UPDATE loans_checkpoint SET status = %s WHERE loan_id = %s"
    with sql.owning():
        assert sql.run(said, ["closed", ids.parse("loan", loan)]) == 1
    wrong = cli("loan", "verify")
    assert (wrong.status, wrong.last["differ"]) == (1, {loan: ["status"]})
    unknown = "loan_01m4nvbnz0e44r30qama92cgm4"
    assert cli("loan", "rebuild", unknown).code == "unknown_loan"
    assert cli("loan", "rebuild", loan, "--as", person("support")).code == "not_allowed"
    assert cli("loan", "rebuild", loan, "--as", person("finance")).last["loans"] == [{"loan": loan, "changed": True}]
    assert cli("loan", "rebuild", loan, "--as", person("finance")).last["loans"] == [{"loan": loan, "changed": False}]
    assert cli("loan", "verify", "--as", person("finance")).status == 0
    assert (cli("loan", "verify", unknown).status, cli("loan", "verify", unknown).last["unknown"]) == (1, [unknown])


def test_two_workers_who_verify_the_loans_of_a_book_say_what_one_says(
    cli: Command, authorised: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "WORTH_ANOTHER", 1)
    one, two = (cli("order", "capture", authorised()["order"]).last["loan"] for _ in range(2))
    with sql.owning():
        assert sql.run("UPDATE loans_checkpoint SET status = 'closed' WHERE loan_id = %s", [ids.parse("loan", two)]) == 1
    alone, shared = cli("loan", "verify", one, two), cli("loan", "verify", one, two, "--workers", "2")
    assert shared.last == alone.last
    assert (alone.last["loans"], alone.last["differ"]) == (2, {two: ["status"]})
    assert "loans replayed: 2 of 2" in shared.err
    assert cli("loan", "rebuild", two).status == 0  # the book is of other tests too, who close its days
    assert cli("loan", "verify", one, two).last["differ"] == {}
