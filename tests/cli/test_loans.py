"""Loans from the command line: verify what is stored against a replay; who may rebuild it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Command
from yuefu import ids
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
