"""Loans from the command line: verify what is stored against a replay, rebuild it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Command
from yuefu import ids
from yuefu.runtime import sql


def test_a_loan_that_differs_from_its_replay_is_named_and_mended(
    cli: Command, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    loan = cli("order", "capture", authorised()["order"]).last["loan"]
    good = cli("loan", "verify", loan)
    assert (good.status, good.last["loans"], good.last["differ"]) == (0, 1, {}), good.out
    with sql.owning():
        tamper = "UPDATE loans_instalment SET principal_minor = principal_minor + 1 WHERE loan_id = %s AND no = 2"
        sql.run(tamper, [ids.parse("loan", loan)])
    wrong = cli("loan", "verify")
    assert (wrong.status, wrong.last["differ"]) == (1, {loan: ["instalments"]})
    unknown = "loan_01m4nvbnz0e44r30qama92cgm4"
    assert cli("loan", "rebuild", loan, unknown).code == "unknown_loan"
    assert cli("loan", "verify", loan).status == 1, "all of them or none"
    assert cli("loan", "rebuild", loan, "--as", person("support")).code == "not_allowed"
    assert cli("loan", "rebuild", loan, "--as", person("finance")).last["loans"] == [{"loan": loan, "changed": True}]
    assert cli("loan", "verify", "--as", person("finance")).status == 0
    assert (cli("loan", "verify", unknown).status, cli("loan", "verify", unknown).last["unknown"]) == (1, [unknown])
