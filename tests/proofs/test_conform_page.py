"""docs/conform.md is enough to write a case: its two cases pass, and it names every key that is read."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from yuefu.proofs import conform_apr
from yuefu.proofs.cases import Report
from yuefu.proofs.conform_loans import judging, running, story

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conform.md").read_text("utf-8")
NAMED = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", PAGE))
LOANS = ROOT / "yuefu" / "proofs" / "conform_loans"


def case_of(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return json.dumps(json.loads(found[1]))


@pytest.mark.parametrize(("name", "run"), [("loans", running.run), ("apr", conform_apr.run)])
def test_the_worked_case_passes_as_it_is_printed(name: str, run: Callable[[list[str]], Report]) -> None:
    report = run([case_of(name)])
    assert report.all_passed, report.lines()


@pytest.mark.parametrize("name", sorted(story._PLAYED))
def test_the_page_names_the_event_and_its_keys(name: str) -> None:
    _, keys = story._PLAYED[name]
    assert {name, *keys} - {"interest_refund_note"} <= NAMED


def test_the_page_names_every_input() -> None:
    taken = set(re.findall(r'given\.take\("(\w+)"', (LOANS / "inputs.py").read_text("utf-8")))
    assert len(taken) > 20
    assert taken <= NAMED


def test_the_page_names_every_figure_of_a_snapshot() -> None:
    seen = {name.removeprefix("_see_") for name in vars(judging._Snapshot) if name.startswith("_see_")}
    assert len(seen) > 10
    assert seen <= NAMED
    row = set(re.findall(r'^ {12,}"(\w+)":', (LOANS / "telling.py").read_text("utf-8"), re.MULTILINE))
    assert {"in_advance", "loan_balance", "delinquentDays"} <= row <= NAMED | {"classification"}


def test_the_page_names_every_figure_of_annual_cost() -> None:
    figures = {name for names in conform_apr._FIGURES.values() for name in names}
    assert figures <= NAMED
