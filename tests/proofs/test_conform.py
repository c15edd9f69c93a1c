"""Ledger scripts: the published ones and our own, and what is said of one that does not pass or cannot be read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import typer

from yuefu.cli import conform as cli
from yuefu.cli import installation, output
from yuefu.proofs import conform

DATA = Path(__file__).parents[1] / "data"


def scripts(file: str) -> Iterable[Any]:
    for line in (DATA / file).read_text("utf-8").splitlines():
        name = json.loads(line)["id"]
        if name.startswith("led-"):
            yield pytest.param(line, id=name.replace("-", "_"))


@pytest.mark.parametrize("line", [*scripts("payments_vectors.jsonl"), *scripts("ledger_scripts.jsonl")])
def test_a_ledger_script_passes(line: str) -> None:
    found = conform.run([line])
    assert (found.differs, found.unsupported) == ([], [])
    assert found.all_passed


def test_lines_of_other_kinds_are_skipped_and_counted() -> None:
    found = conform.run((DATA / "payments_vectors.jsonl").read_text("utf-8").splitlines())
    assert (found.cases, found.passed) == (11, 11)
    assert found.skipped > 20


def script(*steps: Any, accounts: Any = None, **more: Any) -> str:
    return json.dumps(
        {"id": "led-x", "given": {"accounts": {"A": {}, "B": {}} if accounts is None else accounts, "steps": list(steps), **more}}
    )


def item(**given: Any) -> dict[str, Any]:
    return {"id": "T", "dr": "A", "cr": "B", "amount": 5, **given}


def test_what_differs_is_told_with_its_place() -> None:
    found = conform.run(
        [
            script(
                {"batch": [item(expect="created"), item(expect="created"), item(id="U", dr="A", cr="A", expect="exists"), item(id="V")]},
                {"balances": {"A": [0, 10, 0, 0], "B": [0, 0, 0, 11], "nobody": [0, 0, 0, 0]}},
                {"amounts": {"T": 6, "U": 0, "V": 5}},
            ),
            script({"batch": [item(expect="created")]}),
        ]
    )
    assert (found.cases, found.passed, found.all_passed) == (2, 1, False)
    assert [(d["id"], d["at"], d["expected"], d["got"]) for d in found.differs] == [
        ("led-x", "steps[0].batch[1]", "created", "exists"),
        ("led-x", "steps[0].batch[2]", "exists", "accounts_must_be_different"),
        ("led-x", "steps[1].balances.B", [0, 0, 0, 11], [0, 0, 0, 10]),
        ("led-x", "steps[2].amounts.T", 6, 5),
        ("led-x", "steps[2].amounts.U", 0, None),
    ]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"id": "led-1", "given": {"steps": [], "n": ' + "9" * 5000 + "}}", "not JSON"),
        ("[]", "not an object"),
        ('{"id": "led-1", "given": {"steps": []}}', "given.accounts"),
        ('{"id": "led-1", "given": {"accounts": {}, "steps": {}}}', "given.steps"),
        (script({"batch": []}, currency="EUR"), "given.currency"),
        (script(3), "steps[0]"),
        (script({}), "steps[0]"),
        (script({"pulse": 1}), "steps[0].pulse"),
        (script({"batch": {}}), "steps[0].batch"),
        (script({"batch": [3]}), "steps[0].batch[0]"),
        (script({"batch": [{"dr": "A", "cr": "B", "amount": 1}]}), "steps[0].batch[0].id"),
        (script({"batch": [item(), item(imported=True)]}), "steps[0].batch[1].imported"),
        (script({"batch": [item(pending="yes")]}), "steps[0].batch[0].pending"),
        (script({"batch": [item(amount=1.5)]}), "steps[0].batch[0].amount"),
        (script({"batch": [item(amount="much")]}), "steps[0].batch[0].amount"),
        (script({"batch": [item(amount=True)]}), "steps[0].batch[0].amount"),
        (script({"batch": [item(dr=["A"])]}), "steps[0].batch[0].dr"),
        (script({"batch": [item(expect=5)]}), "steps[0].batch[0].expect"),
        (script({"batch": [item(timeout_s="soon")]}), "steps[0].batch[0].timeout_s"),
        (script({"batch": [item(timeout_s=1e300)]}), "steps[0].batch[0].timeout_s"),
        (script({"balances": {"A": [0, 0, 0]}}), "steps[0].balances.A"),
        (script({"balances": {"A": [0, 0, 0, -1]}}), "steps[0].balances.A"),
        (script({"amounts": {"T": None}}), "steps[0].amounts.T"),
        (script({"advance_s": "1"}), "steps[0].advance_s"),
        (script({"advance_s": -1}), "steps[0].advance_s"),
        (script({"advance_s": 10**12}), "steps[0].advance_s"),
        (script(accounts=[]), "given.accounts"),
        (script(accounts={"A": 1}), "accounts.A"),
        (script(accounts={"A": {"limit": "none"}}), "accounts.A.limit"),
        (script(accounts={"A": {"limit": ["credit_limited"]}}), "accounts.A.limit"),
        (script(accounts={"A": {"start": [1]}}), "accounts.A.start"),
        (script(accounts={"A": {"start": [0, 0, 0, 10**15 + 1]}}), "accounts.A.start"),
        (script(accounts={"A": {"history": True}}), "accounts.A.history"),
    ],
    ids=lambda value: value[:40] if len(value) < 60 else "script",
)
def test_what_a_script_may_not_say_is_named_and_does_not_hide_the_others(line: str, key: str) -> None:
    found = conform.run([line, script({"batch": [item(expect="created")]})])
    assert (found.cases, found.passed, found.all_passed) == (2, 1, False)
    (unsupported,) = found.unsupported
    assert unsupported["key"].startswith(key)


def test_a_file_without_a_script_proves_nothing() -> None:
    assert not conform.run(["", '{"id": "fl-1", "given": {}}', '{"id": "led-1", "given": {"sequence": []}}']).all_passed


def test_a_batch_of_more_than_one_transaction_passes() -> None:
    items = [item(id=str(n), linked=n % 7 > 0, expect="created") for n in range(9_001)]
    items[-1]["linked"] = False
    found = conform.run([script({"batch": items}, {"balances": {"A": [0, 45_005, 0, 0]}}, {"batch": [item(id="9000", expect="exists")]})])
    assert (found.differs, found.unsupported, found.passed) == ([], [], 1)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command with a database of its own: in this process it would find that of the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "DJANGO_", "YUEFU_TEST"))}
    return subprocess.run(
        [str(Path(sys.executable).with_name("yuefu")), *words], capture_output=True, text=True, env=environment, check=False, timeout=240
    )


def test_the_command_plays_a_file_and_says_so_by_its_status() -> None:
    good = run("conform", "ledger", str(DATA / "payments_vectors.jsonl"), "--json")
    assert (good.returncode, len(good.stdout.splitlines())) == (0, 1), good.stderr
    told = json.loads(good.stdout)
    assert {name: told[name] for name in ("cases", "passed", "differs", "unsupported")} == {
        "cases": 11,
        "passed": 11,
        "differs": [],
        "unsupported": [],
    }


def test_the_command_names_what_differs_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this database, for one of its own takes all migrations."""
    monkeypatch.setattr(installation, "scratch", nullcontext)
    (tmp_path / "bad.jsonl").write_text(script({"batch": [item(expect="exists")]}) + "\n{\n")
    written = io.StringIO()
    with output.running(output.Run(as_json=False, stdout=written, request_id="r")), pytest.raises(typer.Exit) as ending:
        cli.conform_ledger(tmp_path / "bad.jsonl")
    assert ending.value.exit_code == 1
    assert "led-x steps[0].batch[0]: expected exists, got created" in written.getvalue()
    assert "line 2: not supported: not JSON" in written.getvalue()
    assert "0 of 2 scripts pass" in written.getvalue()


@pytest.mark.parametrize(("content", "told"), [(None, "There is no file"), (b"\xff\xfe", "not a text in UTF-8")])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "file.jsonl").write_bytes(content)
    answer = run("conform", "ledger", str(tmp_path / "file.jsonl"))
    assert answer.returncode == 1
    assert told in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
