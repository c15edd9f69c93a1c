"""`yuefu conform loans`: published cases of another loan core pass, or are named in docs/vectors.md with the reason why ours is another rule."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from yuefu.proofs.conform_loans.running import run

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared" / "vectors" / "loans.jsonl"
CASES = [
    line
    for name in ("loans_vectors.jsonl", "loans_more.jsonl")
    for line in (DATA / name).read_text("utf-8").splitlines()
]  # fmt: skip
MUST_PASS = ("BNPL", "ALLOC", "MIR", "EMI", "JEMI", "ME", "PAYOFF", "DELINQ", "DP", "FEE", "PAUSE", "BUYDOWN")
OUR_RULE = dict(re.findall(r"^- (FIN-[\w-]+): (.+)$", (Path(__file__).parents[2] / "docs" / "vectors.md").read_text("utf-8"), re.MULTILINE))


def case_of(name: str) -> dict[str, Any]:
    return next(case for case in map(json.loads, CASES) if case["id"] == name)


def verdict(case: dict[str, Any]) -> dict[str, Any]:
    return run([json.dumps(case)]).to_json()


@pytest.mark.parametrize("line", CASES, ids=lambda line: json.loads(line)["id"])
def test_a_case_passes_or_is_named_with_a_reason(line: str) -> None:
    report = run([line])
    name = json.loads(line)["id"]
    assert report.all_passed != (name in OUR_RULE), report.lines()
    assert not (name in OUR_RULE and any(name.startswith(f"FIN-{group}-") for group in MUST_PASS)), "these groups pass, all"


def test_a_figure_that_is_another_is_told_with_both() -> None:
    case = case_of("FIN-EMI-C3154")
    case["expected"]["snapshots"][0]["schedule"][3]["interest"] = "0.68"
    assert verdict(case) == {
        "cases": 1,
        "passed": 0,
        "differs": [{"id": "FIN-EMI-C3154", "at": "snapshots[0].schedule[2].interest", "expected": "0.68", "got": "0.67"}],
        "unsupported": [],
    }


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("inputs", "colour"), "red", "inputs.colour"),
        (("inputs", "interest_method"), "COMPOUND", "inputs.amortization: COMPOUND/EQUAL_INSTALLMENTS"),
        (("inputs", "n"), "six", "inputs.n: six"),
        (("inputs", "principal"), "1e5", "inputs.principal"),
        (("inputs", "annual_rate_pct"), "nine", "inputs.annual_rate_pct: nine"),
        (("inputs", "day_count", "century"), "100", "inputs.day_count.century"),
        (("inputs", "submitted"), "yesterday", "inputs.submitted: yesterday"),
        (("events", 0, "type"), "gamble", "events[0].type: gamble"),
        (("events", 0, "luck"), 7, "events[0].luck"),
        (("events", 0, "amount"), "-5", "events[0]: The amount must be money above zero"),
        (("expected", "moon"), "full", "expected.moon"),
        (("expected", "snapshots", 0, "weather"), "fine", "snapshots[0].weather"),
        (("expected", "snapshots", 0, "schedule", 1, "mood"), "good", "snapshots[0].schedule[0].mood"),
        (("expected", "snapshots", 0, "after_events"), 9, "snapshots[0].after_events: there are 1 events"),
        (("surprise",), 1, "surprise"),
    ],
)
def test_what_is_not_understood_is_told_and_never_passed_over(path: tuple[Any, ...], value: Any, key: str) -> None:
    case = case_of("FIN-EMI-C3154")
    place = case
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    found = verdict(case)
    assert found["passed"] == 0
    assert found["unsupported"], found
    assert found["unsupported"][0]["key"].startswith(key)


@pytest.mark.parametrize(
    "broken", [{"events": 7}, {"events": [{}]}, {"inputs": []}, {"expected": {"snapshots": [{}]}}, {"expected": {"snapshots": "all"}}]
)
def test_a_case_that_is_not_made_as_cases_are_disturbs_no_other(broken: dict[str, Any]) -> None:
    case = {**case_of("FIN-EMI-C3154"), **broken}
    report = run([json.dumps(case), json.dumps(case_of("FIN-EMI-C3159"))])
    assert [v.passed for v in report.verdicts] == [False, True]
    assert report.to_json()["unsupported"]


def test_a_row_too_many_and_a_transaction_too_many_are_differences() -> None:
    case = case_of("FIN-BNPL-UC01")
    last = case["expected"]["snapshots"][-1]
    last["transactions"] = last["transactions"][:-1]
    assert verdict(case)["differs"][0]["at"] == "snapshots[4].transactions.more"
    case = case_of("FIN-BNPL-UC01")
    del case["expected"]["snapshots"][-1]["schedule"][-1]
    assert verdict(case)["differs"][0]["at"] == "snapshots[4].schedule.length"


def test_bookings_are_compared_by_account_and_side() -> None:
    case = case_of("FIN-BUYDOWN-C3770")
    entry = case["expected"]["snapshots"][0]["journal"][0]["entries"][0]
    entry["credit"] = entry.pop("debit")
    assert verdict(case)["differs"][0]["at"].startswith("snapshots[0].journal[0].entries")


@pytest.mark.skipif(not SHARED.exists(), reason="the cases of a second core may not be copied into the project")
def test_the_cases_of_a_second_core_are_answered_one_by_one() -> None:
    lines = [line for line in SHARED.read_text("utf-8").splitlines() if '"id": "FRP-' in line]
    report = run(lines)
    assert len(report.verdicts) == len(lines) > 0
    assert all(v.passed or v.difference or v.unsupported for v in report.verdicts)
