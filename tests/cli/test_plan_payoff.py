"""`yuefu plan payoff`: what ends a loan, as it is asked on the command line; no book, no database."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_plan_show import LENT, THREE, money, texts_of
from yuefu.cli import output, plan_payoff
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.quotes import Payoff

FEE_AT_START = (
    *("--principal", "1999.00", "--disbursed-on", "2026-11-26", "--periods", "12", "--rate", "14.4"),
    *("--down-payment", "20%", "--fee", "service_fee:upfront:1%"),
)


def test_the_payoff_of_a_day_adds_up_and_says_what_it_saves(raw: Command) -> None:
    words = ("plan", "payoff", *LENT, "--periods", "12", "--rate", "14.4", "--repaid", "2026-11-12:179.86", "--on", "2026-12-01")
    found = raw(*words, "--json").last
    # 19 days on 1843.59 at 14.4 % over 365.
    assert (money(found["principal"]), money(found["interest"]), money(found["total"])) == (184_359, 1_382, 185_741)
    assert money(found["repaid_before"]) == 17_986
    assert money(found["saved"]) == 215_829 - 17_986 - 185_741
    assert [(one["on"], money(one["amount"]), money(one["principal"]), money(one["owed"])) for one in found["payments"]] == [
        ("2026-11-12", 17_986, 15_541, 184_359),
        ("2026-12-01", 185_741, 184_359, 0),
    ]
    assert "Keeping to the schedule would cost 121.02 CNY more." in raw(*words).out


@pytest.mark.parametrize(("switch", "interest"), [("--payoff-to-due-day", 2_445), ("--interest-as-scheduled", 15_929)])
def test_a_switch_says_until_when_interest_runs(raw: Command, switch: str, interest: int) -> None:
    found = raw("plan", "payoff", *LENT, "--periods", "12", "--rate", "14.4", switch, "--on", "2026-10-22", "--json").last
    assert money(found["interest"]) == interest


def test_a_down_payment_counts_as_paid_in_a_payoff(raw: Command) -> None:
    found = raw("plan", "payoff", *THREE, "--down-payment", "25%", "--on", "2026-10-12", "--json").last
    assert money(found["total"]) == 199_900 - 49_975


@pytest.mark.parametrize(
    ("words", "code", "detail"),
    [
        (("--on", "soon"), "bad_date", "--on: 'soon' is not a day"),
        ((), "option_missing", "--on is missing: say on which day the loan is to end."),
        (("--on", "2026-10-11"), "on_wrong", "--on: 2026-10-11 lies before 2026-10-12, the day of lending"),
        (("--on", "2026-12-01", "--on", "2026-10-11"), "on_wrong", "--on: 2026-10-11 lies before"),
        (("--on", "2026-12-01", "--repaid", "2026-11-12"), "repaid_wrong", "--repaid: write DAY:AMOUNT"),
        (("--on", "2026-12-01", "--repaid", "2026-11-12:x"), "amount_not_a_number", "--repaid: "),
        (("--on", "2026-12-01", "--repaid", "2026-12-02:1.00"), "repaid_wrong", "--repaid: 2026-12-02 lies after 2026-12-01"),
        (("--on", "2026-12-01", "--repaid", "2026-10-01:1.00"), "repaid_wrong", "--repaid: 2026-10-01 lies before 2026-10-12, the day of"),
        (
            ("--on", "2026-12-01", "--repaid", "2026-11-12:2000.00"),
            "repaid_wrong",
            "--repaid: 2000.00 CNY by 2026-12-01 are more than all that was owed; 1.00 CNY would be left over",
        ),
    ],
)
def test_a_payoff_that_cannot_be_is_refused(raw: Command, words: tuple[str, ...], code: str, detail: str) -> None:
    told = raw("plan", "payoff", *THREE, *words, "--json")
    assert (told.status, told.code) == (1, code)
    assert told.last["error"]["detail"].startswith(detail)


def test_a_chart_of_a_payoff_shows_what_was_repaid_and_what_ends_it(raw: Command, tmp_path: Path) -> None:
    path = tmp_path / "end.svg"
    words = ("plan", "payoff", *LENT, "--periods", "12", "--rate", "14.4", "--repaid", "2026-11-12:179.86", "--on", "2026-12-01")
    assert raw(*words, "--chart", str(path), "--json").last["chart"] == str(path)
    found = texts_of(path)
    assert {"Ending the loan on 2026-12-01: ¥1,857.41", "179.86 repaid before"} <= {re.sub("^¥|;.*", "", text) for text in found}
    assert [text for text in found if text.startswith("2026-")] == ["2026-11-12", "2026-12-01"]


def test_all_that_is_asked_on_the_day_of_lending_counts_as_paid(raw: Command) -> None:
    words = ("plan", "payoff", *FEE_AT_START, "--late-fee", "20.00", "--on", "2026-12-20")
    found = raw(*words, "--json").last
    assert (money(found["at_start"]), money(found["repaid_before"])) == (41_979, 0)
    assert (money(found["principal"]), money(found["fees"]), money(found["penalties"])) == (159_920, 0, 0)
    first = found["payments"][0]
    assert (first["on"], *(money(first[part]) for part in ("amount", "fees", "owed"))) == ("2026-11-26", 41_979, 1_999, 159_920)
    heading = "To end the loan on 2026-12-20 (Sun), 419.79 CNY paid at the start and 0.00 CNY repaid since:"
    assert raw(*words).out.splitlines()[0] == heading


def test_a_repayment_of_what_the_label_asks_pays_exactly_its_instalment(raw: Command) -> None:
    scheduled = raw("plan", "schedule", *FEE_AT_START, "--json").last["rows"][1]
    found = raw("plan", "payoff", *FEE_AT_START, "--repaid", "2026-12-26:143.85", "--on", "2026-12-26", "--json").last
    paid = found["payments"][1]
    assert [money(paid[part]) for part in ("amount", "principal", "interest", "fees", "owed")] == [14_385, 12_492, 1_893, 0, 147_428]
    assert all(paid[part] == scheduled[part] for part in ("amount", "principal", "interest", "fees", "owed"))
    assert (money(found["total"]), money(found["penalties"])) == (147_428, 0)


def test_several_days_are_answered_each_with_what_was_repaid_by_then(raw: Command, tmp_path: Path) -> None:
    words = ("plan", "payoff", *LENT, "--periods", "12", "--rate", "14.4", "--repaid", "2026-11-12:179.86")
    days = ("--on", "2026-11-01", "--on", "2026-12-01")
    found = raw(*words, *days, "--json").last["days"]
    assert [(one["on"], money(one["repaid_before"])) for one in found] == [("2026-11-01", 0), ("2026-12-01", 17_986)]
    assert found == [raw(*(words if place else words[:-2]), "--on", day, "--json").last for place, day in enumerate(days[1::2])]
    said = raw(*words, *days).out
    assert re.findall("To end the loan on (\\S+)", said) == ["2026-11-01", "2026-12-01"]
    assert "\n\nTo end" in said
    told = raw(*words, *days, "--chart", str(tmp_path / "payoff.svg"), "--json")
    assert (told.status, told.code) == (1, "chart_of_one_day")


def test_when_all_was_repaid_nothing_is_owed_any_more(raw: Command) -> None:
    words = ("plan", "payoff", *THREE, "--repaid", "2026-11-12:1999.00", "--on", "2026-12-01")
    told = raw(*words)
    assert (told.status, told.out) == (0, "On 2026-12-01 (Tue) nothing is owed any more: all was repaid by 2026-11-12.\n")
    found = raw(*words, "--json").last
    assert (money(found["total"]), money(found["saved"]), money(found["payments"][-1]["owed"])) == (0, 0, 0)


def test_what_a_credit_balance_pays_is_told_where_it_pays_anything(raw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    yuan = [Money(minor, "CNY") for minor in (70_00, 100_00, 1_00, 0, 0, 31_00, 5_00)]
    ending = plan_payoff.Ending(Payoff(date(2026, 12, 1), *yuan), Money(0, "CNY"), Money(31_00, "CNY"), ())
    with output.running(output.Run(as_json=False, stdout=_Paper(), request_id="r")):  # type: ignore[arg-type]
        lines = "\n".join(plan_payoff._text(ending, "en")).splitlines()
    assert [line.split()[-2] for line in lines[2:-1]] == ["100.00", "1.00", "0.00", "0.00", "-31.00", "70.00"]
    assert lines[-3].startswith("from the credit balance")
    assert plan_payoff._value(ending)["from_credit"] == Money(31_00, "CNY")
    assert "credit" not in raw("plan", "payoff", *THREE, "--on", "2026-12-01").out


class _Paper:
    def isatty(self) -> bool:
        return False


def test_a_payoff_speaks_chinese_too(raw: Command) -> None:
    told = raw("plan", "payoff", *FEE_AT_START, "--repaid", "2026-12-26:143.85", "--on", "2026-12-27", "--language", "zh")
    assert told.out.splitlines() == [
        "2026-12-27（周日）提前结清，下单时已付 419.79 CNY，此后已还 143.85 CNY：",
        "                     金额",
        "本金          1474.28 CNY",
        "利息             0.58 CNY",
        "费用             0.00 CNY",
        "罚息及滞纳金     0.00 CNY",
        "应付          1474.86 CNY",
        "若按原计划还款，还要多付 107.53 CNY。",
    ]


def test_a_chart_tells_what_was_paid_at_the_start(raw: Command, tmp_path: Path) -> None:
    path = tmp_path / "end.svg"
    assert raw("plan", "payoff", *FEE_AT_START, "--on", "2026-12-20", "--chart", str(path)).status == 0
    assert any(text.startswith("¥419.79 paid at the start, ¥0.00 repaid since;") for text in texts_of(path))
