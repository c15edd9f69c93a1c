"""Cases of annual cost: the published ones, the same by their dates alone, and what is said of one that does not pass or cannot be read."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.test_conform import run as command
from yuefu.proofs.conform_apr import run

VECTORS = Path(__file__).parents[1] / "data" / "apr_vectors.jsonl"
CASES: dict[str, dict[str, Any]] = {(case := json.loads(line))["id"]: case for line in VECTORS.read_text("utf-8").splitlines()}
LOAN: dict[str, Any] = {
    "id": "x",
    "method": "eu",
    "flows": [{"kind": "draw", "t": "0", "amount": 1000}, {"kind": "pay", "t": "1", "amount": "1100"}],
    "expected_apr_pct": 10.0,
}


def judged(*cases: dict[str, Any]) -> dict[str, Any]:
    return run(json.dumps(case) for case in cases).to_json()


def changed(name: str, **content: Any) -> dict[str, Any]:
    return {**copy.deepcopy(CASES.get(name, LOAN)), **content}


def by_dates_alone(case: dict[str, Any]) -> dict[str, Any]:
    """A case of Regulation Z without its times and its unit-period."""
    found = {key: value for key, value in copy.deepcopy(case).items() if key != "w"}
    for flow in found["flows"]:
        flow.pop("t_whole", None)
        flow.pop("t_frac", None)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_published_case_passes(name: str) -> None:
    assert judged(CASES[name]) == {"cases": 1, "passed": 1, "differs": [], "unsupported": []}


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("REGZ")])
def test_the_dates_alone_lead_to_the_same(name: str) -> None:
    case = by_dates_alone(CASES[name])
    assert judged(case)["passed"] == 1
    case.pop("unit_period")
    for flow in case["flows"]:
        if flow.get("n", 1) > 1:
            flow["step"] = CASES[name]["unit_period"]
    assert judged({**case, "expected_unit_period": CASES[name]["unit_period"], "expected_w": CASES[name]["w"]})["passed"] == 1


def test_every_figure_of_a_case_is_compared() -> None:
    for name, case in CASES.items():
        for key in (key for key in case if key.startswith(("expected_", "recomputed_"))):
            wrong = changed(name, **{key: case[key] + 0.5})
            assert [told["at"] for told in judged(wrong)["differs"]] == [key], (name, key)


def test_the_first_figure_that_differs_is_told_with_what_was_expected_and_got() -> None:
    wrong = changed("PBOC-2021-3-ex", expected_irr_compound_pct=13.59, expected_simple_pct=99)
    report = run([json.dumps(wrong)])
    assert report.to_json()["differs"] == [{"id": "PBOC-2021-3-ex", "at": "expected_irr_compound_pct", "expected": "13.59", "got": "13.58"}]
    assert report.lines()[0] == "PBOC-2021-3-ex: differs at expected_irr_compound_pct: expected 13.59, got 13.58"


@pytest.mark.parametrize(
    ("name", "flow", "content", "at", "got"),
    [
        ("REGZ-J-(1)(ii)", 1, {"first_date": "1978-04-02"}, "flows[1].date", "5/3"),
        ("REGZ-J-(1)(iii)", 1, {"t_frac": "7/15"}, "flows[1].date", "2/5"),
        ("REGZ-J-(1)(i)", 1, {"last_date": "1980-02-10"}, "flows[1].last_date", "25"),
        ("EU98-A3", 2, {"date": "1996-01-02"}, "flows[2].date", "731/365"),
        ("EU98-A2", 2, {"date": "1995-07-02"}, "flows[2].date", "1097/730"),
    ],
)
def test_a_date_that_does_not_lead_to_its_time_is_a_difference(name: str, flow: int, content: dict[str, Any], at: str, got: str) -> None:
    case = changed(name)
    case["flows"][flow].update(content)
    (told,) = judged(case)["differs"]
    assert (told["at"], told["got"]) == (at, got)


def test_dates_of_the_whole_case_are_looked_at() -> None:
    (told,) = judged(changed("EC2015-18.2", dates={"agreement": "2012-03-12", "first_payment": "2012-05-02"}))["differs"]
    assert (told["at"], told["expected"], told["got"]) == ("flows[2].date", "101/732", "103/732")
    case = changed("EC2015-18.2")
    case["flows"][2].pop("t")
    assert judged(case)["passed"] == 1


def test_a_unit_period_that_the_dates_do_not_have_is_a_difference() -> None:
    months = [("2026-02-15", "1/3"), ("2026-03-15", "2/3"), ("2026-04-15", "1")]
    case = {
        "method": "regz",
        "unit_period": "3 months",
        "w": 4,
        "flows": [
            {"kind": "draw", "t_whole": 0, "date": "2026-01-15", "amount": 300},
            *({"kind": "pay", "t_frac": t, "date": day, "amount": 101} for day, t in months),
        ],
        "expected_apr_pct": 6,
    }
    (told,) = judged(case)["differs"]
    assert (told["at"], told["expected"], told["got"]) == ("unit_period", "3 months", "month")


DAYS_OF_T = {
    "-1": "2011-03-31",
    "0": "2012-03-31",
    "1/12": "2012-04-30",
    "10/12": "2013-01-31",
    "25/12": "2014-04-30",
    "61/12": "2017-04-30",
}


MONTHLY = [name for name, case in CASES.items() if {flow.get("t") for flow in case["flows"]} <= DAYS_OF_T.keys()]


@pytest.mark.parametrize("name", MONTHLY)
def test_whole_months_from_the_last_day_of_a_month_are_those_times(name: str) -> None:
    case = changed(name)
    for flow in case["flows"]:
        flow["date"] = DAYS_OF_T[flow.pop("t")]
    assert judged(case)["passed"] == 1
    assert len(MONTHLY) > 10


def test_days_may_be_counted_by_the_year_that_the_note_names() -> None:
    case = changed("TEST-125-31d")
    for flow, day in zip(case["flows"], ("2026-01-01", "2026-02-01"), strict=True):
        flow.pop("t")
        flow["date"] = day
    assert judged(case)["passed"] == 1
    (told,) = judged({**case, "note": "", "source": ""})["differs"]
    assert told["got"] == "1355.2"  # a month, by the directive


@pytest.mark.parametrize(
    ("case", "keys"),
    [
        ({"method": "uk2"}, ["method"]),
        ({"surprise": 1, "other": 2}, ["surprise", "other"]),
        ({"w": 12}, ["w"]),
        ({"expected_total": 3}, ["expected_total"]),
        ({"flows": []}, ["flows"]),
        ({"flows": [1]}, ["flows[0]"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": 1}, {"kind": "fee", "t": "0", "amount": 1}]}, ["flows[1].kind"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": 1, "rate": 2}]}, ["flows[0].rate"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": "1/3"}]}, ["flows[0].amount"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": True}]}, ["flows[0].amount"]),
        ({"flows": [{"kind": "draw", "t": "1/0", "amount": 1}]}, ["flows[0].t"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": 1, "n": 2}]}, ["flows[0].step"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": [1, 2], "n": 3, "step": 1}]}, ["flows[0].n"]),
        ({"flows": [{"kind": "draw", "t": "0", "amount": 1, "n": 10**9, "step": 1}]}, ["flows[0].n"]),
        ({"flows": [{"kind": "draw", "date": "2026-02-30", "amount": 1}]}, ["flows[0].date"]),
        ({"flows": [{"kind": "draw", "amount": 1}, {"kind": "pay", "amount": 2}]}, ["flows[0].t (neither time nor date)"]),
        ({"flows": [{"kind": "draw", "t_whole": 1, "amount": 1}]}, ["flows[0].t_whole"]),
        ({"precision_dp": 1.5}, ["precision_dp"]),
        ({"expected_apr_pct": "ten"}, ["expected_apr_pct"]),
        ({"dates": {"signed": "2026-01-01"}}, ["dates.signed"]),
        ({"method": "regz"}, ["unit_period (missing: times or steps count in it)"]),
        ({"method": "regz", "unit_period": "moon"}, ["unit_period"]),
        ({"method": "regz", "unit_period": "month", "w": 24}, ["w (is not that of unit_period)"]),
    ],
)
def test_what_is_not_understood_is_unsupported_by_its_place(case: dict[str, Any], keys: list[str]) -> None:
    found = judged(changed("x", **case), changed("x"))
    assert found["passed"] == 1
    assert [told["key"] for told in found["unsupported"]] == keys


def test_a_case_that_expects_nothing_is_no_pass() -> None:
    case = changed("x")
    case.pop("expected_apr_pct")
    assert [told["key"] for told in judged(case)["unsupported"]] == ["expected_apr_pct (nothing is expected)"]


def test_flows_that_have_no_cost_differ_with_the_code_of_the_refusal() -> None:
    for amount, code in ((-1, "flow_not_positive"), (0, "flows_missing")):
        case = changed("x")
        case["flows"][1]["amount"] = amount
        assert judged(case)["differs"] == [{"id": "x", "at": "expected_apr_pct", "expected": "10.0", "got": f"refused: {code}"}]


def test_whatever_stands_in_a_case_it_is_told_and_nothing_breaks() -> None:
    """Values of every kind, put at every place of every case: each is judged."""
    dice = random.Random(7)
    strange = [None, True, -1, 0, 3, 10**30, 1e300, "", "1/12", "month", "2026-01-31", "9999-12-31", [], [1], {}, {"a": 1}, "x" * 500]
    lines = []
    for name in CASES:
        for _ in range(40):
            case = changed(name)
            place: Any = dice.choice([case, *case["flows"]])
            place[dice.choice([*place, "date", "t", "step", "n", "dates", "last_date", "w", "precision_dp"])] = dice.choice(strange)
            lines.append(json.dumps(case))
    found = run(lines).to_json()
    assert found["cases"] == len(lines)
    assert found["passed"] < len(lines) / 2


def test_the_command_judges_a_file_and_says_so_by_its_status(tmp_path: Path) -> None:
    good = command("conform", "apr", str(VECTORS), "--json")
    assert (good.returncode, json.loads(good.stdout)) == (0, {"cases": 41, "passed": 41, "differs": [], "unsupported": []}), good.stderr
    (tmp_path / "bad.jsonl").write_text(
        "\ufeff" + json.dumps(changed("x", expected_apr_pct=9)) + "\r\n{\n\n" + json.dumps(changed("x")) + "\n"
    )
    bad = command("conform", "apr", str(tmp_path / "bad.jsonl"))
    assert (bad.returncode, bad.stdout.splitlines()) == (
        1,
        [
            "x: differs at expected_apr_pct: expected 9, got 10.0",
            "line 2: cannot be read: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            "x: passes",
            "1 of 3 cases pass, 1 differ, 0 are not supported, 1 cannot be read.",
        ],
    )
    (tmp_path / "empty.jsonl").write_text("")
    assert command("conform", "apr", str(tmp_path / "empty.jsonl")).returncode == 1


@pytest.mark.parametrize(("content", "told"), [(None, "There is no file"), (b"{}\n\xff\xfe\n", "not a text in UTF-8: line 2 has a byte")])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "file.jsonl").write_bytes(content)
    answer = command("conform", "apr", str(tmp_path / "file.jsonl"))
    assert answer.returncode == 1
    assert told in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
