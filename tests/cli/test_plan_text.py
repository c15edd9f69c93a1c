"""Lines of text at the width of a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.cli.conftest import Command
from yuefu.cli import output
from yuefu.cli.plan_text import columns_of, wrapped

LABEL = "C  12,rate=14.4,method=equal-principal: ¥499.75 + ¥1,155.27 × 11 + ¥155.20 = ¥2,259.80 (36.23 % a year)"
CHINESE = "或有费用：滞纳金: 收取方：贷款人，每期逾期满 0 天后按逾期本金、利息的 5.00% 收取一次，按实际天数/365"

Wrap = Callable[..., list[str]]


class Terminal:
    def __init__(self, is_one: bool) -> None:
        self._is_one = is_one

    def isatty(self) -> bool:
        return self._is_one


@pytest.fixture
def wrap(monkeypatch: pytest.MonkeyPatch) -> Wrap:
    """`wrap(line, width)`: the line as it stands on a terminal so wide; on none where no width is given."""

    def run(line: str, width: int | None, *, indent: int = 2) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        with output.running(output.Run(as_json=False, stdout=Terminal(width is not None), request_id="r")):  # type: ignore[arg-type]
            return list(wrapped(line, indent=indent))

    return run


def test_a_line_is_broken_between_words_and_after_the_comma_of_an_option(wrap: Wrap) -> None:
    assert wrap(LABEL, 40, indent=3) == [
        "C  12,rate=14.4,method=equal-principal:",
        "   ¥499.75 + ¥1,155.27 × 11 + ¥155.20 =",
        "   ¥2,259.80 (36.23 % a year)",
    ]
    assert wrap(LABEL, 30, indent=3)[:2] == ["C  12,rate=14.4,", "   method=equal-principal:"]


def test_chinese_counts_two_columns_and_no_line_begins_with_a_mark(wrap: Wrap) -> None:
    assert columns_of("本金 ¥1") == 7
    for width in range(24, 100):
        lines = wrap(CHINESE, width)
        assert max(columns_of(line) for line in lines) <= width
        assert not [line for line in lines[1:] if line.strip()[0] in "，、：。）/%"]
        assert "".join(lines).replace(" ", "") == CHINESE.replace(" ", "")


@pytest.mark.parametrize("line", [LABEL, CHINESE])
def test_a_line_that_fits_or_goes_to_no_terminal_stays_whole(wrap: Wrap, line: str) -> None:
    assert wrap(line, None) == wrap(line, columns_of(line)) == [line]
    assert len(wrap(line, columns_of(line) - 1)) == 2


def test_a_word_that_is_wider_than_the_terminal_stays_whole(wrap: Wrap) -> None:
    assert wrap("SHA-256 " + "0" * 64, 30) == ["SHA-256", "  " + "0" * 64]


def test_the_chinese_headings_of_a_table_stay_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    with output.running(output.Run(as_json=False, stdout=Terminal(True), request_id="r")):  # type: ignore[arg-type]
        drawn = output.table(["剩余本金", "合计"], [["1.00", "2.00"]], figures=["剩余本金", "合计"])
    assert re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines() == ["剩余本金  合计", "    1.00  2.00"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_told_of_a_plan_fits_eighty_columns(raw: Command, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: 80)
    terms = ("--principal", "1999.00", "--disbursed-on", "2026-11-26", "--rate", "14.4", "--late-fee", "5%", "--late-cap", "10")
    fees = ("--fee", "service_fee:upfront:1%", "--fee", "guarantee:each-period:0.5%:consumer:platform", "--adjust", "following")
    way = "12,method=equal-principal,down-payment=25%,late-interest=18,fee=service_fee:each-period:0.6%"
    for words in (
        ("schedule", "--periods", "12", "--method", "equal-principal"),
        ("compare", "--plan", "12", "--plan", way),
        ("disclose", "--periods", "12", "--late-interest", "20", "--down-payment", "20%"),
        ("payoff", "--periods", "12", "--down-payment", "20%", "--on", "2027-01-01"),
    ):
        said = raw("plan", *words, *terms, *fees, "--language", language).out
        lines = re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()
        assert len(lines) > 5
        assert max(columns_of(line) for line in lines) <= 80, words
