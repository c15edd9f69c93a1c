"""`yuefu plan schedule`, `compare`, `disclose`: the commands as they are typed; no book, no database."""

from __future__ import annotations

import json
import re
import struct
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import chinese_calendar
import pytest

from tests.cli.conftest import Command
from yuefu.cli import output, plan_chart, plan_terms
from yuefu.cli.plan_terms import DAY_COUNTS, Given
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.offer.recount import faults

LENT = ("--principal", "1999.00", "--disbursed-on", "2026-10-12")
THREE = (*LENT, "--periods", "3")
SVG = "{http://www.w3.org/2000/svg}"


def money(value: dict[str, Any]) -> int:
    assert value["currency"] == "CNY"
    return int(value["minor"])


def test_a_schedule_is_told_day_by_day_with_years_totals_and_annual_cost(raw: Command) -> None:
    told = raw("plan", "schedule", *THREE, "--rate", "14.4")
    assert told.status == 0
    assert told.out.splitlines() == [
        "¥682.52 × 2 + ¥682.53 = ¥2,047.57 (15.53 % a year)",
        "",
        "no  due         day    amount  principal  interest  owed then",
        " 1  2026-11-12  Thu    682.52     658.07     24.45   1,340.93",
        " 2  2026-12-12  Sat    682.52     666.65     15.87     674.28",
        "    in 2026          1,365.04   1,324.72     40.32",
        " 3  2027-01-12  Tue    682.53     674.28      8.25       0.00",
        "    in 2027            682.53     674.28      8.25",
        "    in all           2,047.57   1,999.00     48.57",
        "",
        "Lent 1999.00 CNY, paid 2047.57 CNY, of which costs 48.57 CNY.",
        "Annual cost, all-in: 15.53 % (IRR, compound), 14.52 % (simple).",
    ]


def test_a_schedule_as_json_has_minor_units_and_iso_days(raw: Command) -> None:
    found = raw("plan", "schedule", *THREE, "--rate", "14.4", "--json").last
    assert [(row["no"], row["due_on"], row["weekday"], money(row["amount"]), money(row["owed"])) for row in found["rows"]] == [
        (1, "2026-11-12", "Thu", 68_252, 134_093),
        (2, "2026-12-12", "Sat", 68_252, 67_428),
        (3, "2027-01-12", "Tue", 68_253, 0),
    ]
    assert [(year["year"], money(year["interest"])) for year in found["years"]] == [(2026, 4_032), (2027, 825)]
    assert (money(found["paid"]), money(found["charge"]), found["annual_cost_pct"]) == (204_757, 4_857, "15.53")
    assert found["rule_version"] == "2026-2"


@pytest.mark.parametrize(
    ("words", "amounts"),
    [
        (("--down-payment", "25%"), [49975, 49975, 49975, 49975]),
        (("--down-payment", "25 %"), [49975, 49975, 49975, 49975]),
        (("--down-payment", "499.00"), [49900, 50000, 50000, 50000]),
        (("--balloon", "999.00"), [33333, 33333, 133234]),
        (("--multiple", "1.00"), [66600, 66600, 66700]),
        (("--multiple", "1.00", "--remainder", "first"), [66700, 66600, 66600]),
        (("--decimals", "0", "--rounding", "down"), [66600, 66600, 66700]),
        (("--periods", "12", "--principal", "100.00", "--rate", "12"), [889] * 11 + [885]),
        (("--periods", "12", "--principal", "100.00", "--rate", "12", "--no-even-out"), [888] * 11 + [896]),
        (("--grace-principal", "1", "--rate", "12", "--interest-by", "period"), [1999, 101452, 101451]),
        (("--rate", "12", "--method", "flat", "--interest-by", "period"), [68632, 68632, 68633]),
        (("--rate", "12", "--method", "equal-principal", "--interest-by", "period"), [68632, 67966, 67300]),
        (("--rate", "12", "--interest-free", "3"), [66633, 66633, 66634]),
        (("--rate", "12", "--interest-paid-by", "merchant"), [66633, 66633, 66634]),
        (("--fee", "service_fee:each-period:0.6%", "--fee", "entry:upfront:5.00"), [500, 67832, 67832, 67833]),
        (("--fee", "service_fee:each-period:0.6%:merchant"), [66633, 66633, 66634]),
    ],
)
def test_each_option_does_what_it_says(raw: Command, words: tuple[str, ...], amounts: list[int]) -> None:
    found = raw("plan", "schedule", *THREE, *words, "--json").last
    assert [money(row["amount"]) for row in found["rows"]] == amounts


@pytest.mark.parametrize(
    ("words", "days"),
    [
        (("--frequency", "weeks", "--every", "2"), ["2026-10-26", "2026-11-09", "2026-11-23"]),
        (("--frequency", "days", "--every", "10"), ["2026-10-22", "2026-11-01", "2026-11-11"]),
        (("--first-due", "2026-11-30", "--due-day", "31"), ["2026-11-30", "2026-12-31", "2027-01-31"]),
        (("--first-due", "2026-12-31"), ["2026-12-31", "2027-01-31", "2027-02-28"]),
        (("--first-due", "2026-12-31", "--month-end", "roll"), ["2026-12-31", "2027-01-31", "2027-03-01"]),
        (("--adjust", "following", "--calendar", "NONE"), ["2026-11-12", "2026-12-14", "2027-01-12"]),
        (("--adjust", "preceding"), ["2026-11-12", "2026-12-11", "2027-01-12"]),
        (
            ("--disbursed-on", "2026-09-01", "--adjust", "following"),
            ["2026-10-08", "2026-11-02", "2026-12-01"],
        ),  # the National Day holidays
    ],
)
def test_due_days_go_where_the_options_send_them(raw: Command, words: tuple[str, ...], days: list[str]) -> None:
    found = raw("plan", "schedule", *THREE, *words, "--json").last
    assert [row["due_on"] for row in found["rows"]] == days


def test_every_day_count_is_reachable_and_another_currency_has_its_own_decimals(raw: Command) -> None:
    for name in DAY_COUNTS:
        assert raw("plan", "schedule", *THREE, "--rate", "12", "--day-count", name, "--json").status == 0, name
    yen = raw("plan", "schedule", *THREE[2:], "--principal", "10001", "--currency", "JPY", "--json").last
    assert yen["label"] == "JP¥3,334 × 2 + JP¥3,333 = JP¥10,001"


def test_a_loan_is_of_today_unless_a_day_is_given(raw: Command) -> None:
    today = Given({}, plan_terms.system_now().astimezone().date()).today
    rows = raw("plan", "schedule", "--principal", "10.00", "--periods", "1", "--frequency", "days", "--json").last["rows"]
    assert rows[0]["due_on"] == str(today.fromordinal(today.toordinal() + 1))


WRONG = [
    ("--principal", "0", "amount_not_positive"),
    ("--principal", "1,999", "amount_separator"),
    ("--principal", "1.999", "amount_too_many_decimals"),
    ("--currency", "XXX", "currency_unknown"),
    ("--periods", "0", "option_wrong"),
    ("--periods", "601", "option_wrong"),
    ("--periods", "three", "option_wrong"),
    ("--down-payment", "100%", "down_payment_too_large"),
    ("--down-payment", "1999.00", "down_payment_too_large"),
    ("--down-payment", "x%", "option_wrong"),
    ("--balloon", "2000.00", "balloon_too_large"),
    ("--grace-principal", "3", "grace_too_long"),
    ("--grace-interest", "3", "grace_too_long"),
    ("--interest-free", "4", "grace_too_long"),
    ("--disbursed-on", "2026-02-30", "bad_date"),
    ("--first-due", "2026-10-12", "first_due_too_early"),
    ("--first-due", "tomorrow", "bad_date"),
    ("--due-day", "32", "option_wrong"),
    ("--frequency", "years", "option_wrong"),
    ("--every", "0", "option_wrong"),
    ("--month-end", "bounce", "option_wrong"),
    ("--adjust", "backwards", "option_wrong"),
    ("--calendar", "US", "option_wrong"),
    ("--rate", "-1", "option_wrong"),
    ("--rate", "14.40001", "option_wrong"),
    ("--method", "annuity", "option_wrong"),
    ("--interest-by", "hour", "option_wrong"),
    ("--day-count", "31/365", "option_wrong"),
    ("--interest-paid-by", "nobody", "option_wrong"),
    ("--rounding", "ceiling", "option_wrong"),
    ("--decimals", "3", "decimals_out_of_range"),
    ("--multiple", "0", "amount_not_positive"),
    ("--remainder", "middle", "option_wrong"),
    ("--instalment-rate", "real", "option_wrong"),
    ("--fee", "service_fee", "option_wrong"),
    ("--fee", "Service:upfront:1.00", "option_wrong"),
    ("--fee", "a:never:1.00", "option_wrong"),
    ("--fee", "a:upfront:free", "amount_not_a_number"),
    ("--fee", "a:upfront:1.00:me", "option_wrong"),
    ("--fee", "a:upfront:1.00:consumer:Me", "option_wrong"),
    ("--late-fee", "x", "amount_not_a_number"),
    ("--late-interest", "much", "option_wrong"),
    ("--late-grace", "-1", "option_wrong"),
    ("--late-cap", "all", "option_wrong"),
    ("--cash-price", "0", "amount_not_positive"),
    ("--language", "fr", "unknown_language"),
    ("--chart", "plan.pdf", "chart_format"),
]


@pytest.mark.parametrize(("option", "text", "code"), WRONG)
def test_what_is_wrong_with_an_option_is_told_with_its_name_and_what_to_do(raw: Command, option: str, text: str, code: str) -> None:
    told = raw("plan", "schedule", *THREE, option, text, "--json")
    assert (told.status, told.code) == (1, code)
    assert told.last["error"]["detail"].startswith(f"{option}: ")


def test_every_option_of_terms_is_tried_with_something_wrong() -> None:
    never_wrong = {option.name for option in plan_terms.OPTIONS if option.read is None}
    assert {option.name for option in plan_terms.OPTIONS} - never_wrong <= {option.removeprefix("--") for option, _, _ in WRONG}


@pytest.mark.parametrize(
    ("words", "code", "begins"),
    [
        (("--periods", "3"), "option_missing", "--principal is missing"),
        (("--principal", "10.00"), "option_missing", "--periods is missing"),
        ((*THREE, "--disbursed-on", "1990-01-01", "--adjust", "following"), "calendar_unknown", "--calendar: "),
        ((*THREE, "--multiple", "0.03", "--decimals", "0"), "multiple_not_whole", "--multiple: "),
        ((*THREE, "--fee", "entry:upfront:1999.00"), "no_annual_cost", "--fee: Of 1999.00 CNY received, 1999.00 CNY are paid back at once"),
        (
            (*THREE, "--fee", "entry:upfront:99.99%"),
            "no_annual_cost",
            "--fee: 1999.00 CNY for 0.20 CNY received is more than 10**8 % a year",
        ),
        ((*THREE, "--rate", "99999"), "no_annual_cost", "--rate: "),
        ((*THREE, "--cash-price", "0.01"), "no_annual_cost", "--cash-price: 1999.00 CNY for 0.01 CNY received"),
        (("--principal", "10.00", "--periods", "600", "--every", "12"), "flow_too_far", "--periods: The last instalment is due on "),
        ((), "option_missing", "--principal and --periods are missing: say what is lent and how many instalments there are."),
        ((*THREE, "--grace-principal", "3"), "grace_too_long", "--grace-principal: at most 2 where there are 3 instalments."),
        ((*THREE, "--interest-free", "4"), "grace_too_long", "--interest-free: at most 3 where there are 3 instalments."),
        ((*THREE, "--currency", "cny"), "currency_unknown", "--currency: write the code in capitals: CNY"),
        ((*THREE, "--down-payment", "-5%"), "option_wrong", "--down-payment: a percentage is zero or more, not '-5%'"),
        ((*THREE, "--fee", "a:upfront:-1%"), "option_wrong", "--fee: a percentage is zero or more, not '-1%'"),
        (("--principal", "10.00", "--periods", "600", "--disbursed-on", "9990-01-01"), "due_days_out_of_order", "--periods: "),
    ],
)
def test_what_does_not_go_together_is_told_too(raw: Command, words: tuple[str, ...], code: str, begins: str) -> None:
    told = raw("plan", "schedule", *words, "--json")
    assert (told.status, told.code) == (1, code)
    assert told.last["error"]["detail"].startswith(begins)


def test_ways_are_compared_side_by_side_with_paying_at_once(raw: Command) -> None:
    ways = ("--plan", "3", "--plan", "12,rate=14.4", "--plan", "6,rate=14.4,down-payment=25%")
    told = raw("plan", "compare", *LENT, *ways)
    assert told.out.splitlines() == [
        "Ways to pay 1999.00 CNY:",
        "",
        "way  at start  first due   last due      in all   costs  % a year    more",
        "A    1,999.00  -           -           1,999.00    0.00         -    0.00",
        "B        0.00  2026-11-12  2027-01-12  1,999.00    0.00      0.00    0.00",
        "C        0.00  2026-11-12  2027-10-12  2,158.29  159.29     15.39  159.29",
        "D      499.75  2026-11-12  2027-04-12  2,062.74   63.74     15.43   63.74",
        "",
        "A  at once: ¥1,999.00 = ¥1,999.00",
        "B  3: ¥666.33 × 2 + ¥666.34 = ¥1,999.00 (0.00 % a year)",
        "C  12,rate=14.4: ¥179.86 × 11 + ¥179.83 = ¥2,158.29 (15.39 % a year)",
        "D  6,rate=14.4,down-payment=25%: ¥499.75 + ¥260.50 × 5 + ¥260.49 = ¥2,062.74 (15.43 % a year)",
    ]
    found = raw("plan", "compare", *LENT, *ways, "--json").last
    assert [(way["plan"], way["periods"], money(way["total"]), money(way["more_than_cheapest"])) for way in found["ways"]] == [
        ("at once", 0, 199_900, 0),
        ("3", 3, 199_900, 0),
        ("12,rate=14.4", 12, 215_829, 15_929),
        ("6,rate=14.4,down-payment=25%", 6, 206_274, 6_374),
    ]
    assert [way["annual_cost_pct"] for way in found["ways"]] == [None, "0.00", "15.39", "15.43"]


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ("", "plan_wrong"),
        ("3,", "plan_wrong"),
        ("3,speed=4", "plan_wrong"),
        ("3,rate", "plan_wrong"),
        ("3,no-even-out=yes", "plan_wrong"),
        ("3,currency=USD", "plan_wrong"),
        ("0", "option_wrong"),
        ("3,rate=x", "option_wrong"),
        ("rate=3", "option_missing"),
        ("3,principal=3000.00", "prices_differ"),
        ("3,3", "plan_wrong"),
        ("3,periods=4", "plan_wrong"),
        ("3,rate=1,rate=2", "plan_wrong"),
        ("3,no-even-out,no-even-out", "plan_wrong"),
    ],
)
def test_a_way_that_cannot_be_read_is_told(raw: Command, plan: str, code: str) -> None:
    told = raw("plan", "compare", *LENT, "--plan", "3", "--plan", plan, "--json")
    assert (told.status, told.code) == (1, code)


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (("--plan", "12,rate=abc"), "--plan 12,rate=abc: rate: write a percentage"),
        (("--plan", "3,grace-principal=3"), "--plan 3,grace-principal=3: grace-principal: at most 2"),
        (("--plan", "3,fee=a:upfront:100%"), "--plan 3,fee=a:upfront:100%: fee: Of 1999.00 CNY received"),
        (("--plan", "rate=3"), "--plan rate=3: --periods is missing"),
        (("--plan", "3,3"), "--plan 3,3: periods stands in it twice"),
        (("--plan", "3", "--rate", "x"), "--rate: write a percentage"),
        ((), "--plan is missing: say which ways there are to pay"),
    ],
)
def test_what_is_wrong_is_told_with_the_way_that_says_it(raw: Command, words: tuple[str, ...], begins: str) -> None:
    told = raw("plan", "compare", *LENT, *words, "--json")
    assert told.status == 1
    assert told.last["error"]["detail"].startswith(begins)


def test_what_a_way_names_itself_goes_before_the_option_for_all(raw: Command) -> None:
    shared = ("--rate", "14.4", "--fee", "entry:upfront:10.00")
    found = raw("plan", "compare", *LENT, *shared, "--plan", "3", "--plan", "3,rate=0", "--plan", "3,fee=entry:upfront:1.00", "--json").last
    assert [money(way["charge"]) for way in found["ways"]] == [0, 4_857 + 1_000, 1_000, 4_857 + 100]


def test_a_way_takes_switches_and_several_fees(raw: Command) -> None:
    plan = "3,no-even-out,fee=a:upfront:1.00,fee=b:each-period:1.00"
    found = raw("plan", "compare", *LENT, "--plan", plan, "--json").last
    assert money(found["ways"][1]["charge"]) == 100 + 300


def test_the_cost_table_is_printed_in_both_languages_and_known_by_its_hash(raw: Command) -> None:
    words = ("plan", "disclose", *THREE, "--rate", "14.4", "--late-fee", "5%", "--late-cap", "10", "--party", "lender:示例小贷/Example:D-1")
    english, chinese = raw(*words).out.splitlines(), raw(*words, "--language", "zh").out.splitlines()
    assert english[:3] == [
        "¥682.52 × 2 + ¥682.53 = ¥2,047.57 (15.53 % a year)",
        "All costs of this credit",
        "The lender: Example (licence D-1)",
    ]
    assert "综合年化成本（内部收益率，复利）: 15.53%" in chinese
    assert "除已明示成本外不再收取其他贷款相关息费" in chinese
    found = raw(*words, "--json").last
    canonical = json.dumps(found["table"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert found["sha256"] == sha256(canonical.encode()).hexdigest()
    assert f"SHA-256 {found['sha256']}" == english[-1] == chinese[-1]
    assert faults(found["table"]) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--party", "lender"), "party_wrong"),
        (("--party", "Lender:Example"), "party_wrong"),
        (("--party", "lender:A", "--party", "lender:B"), "party_twice"),
        (("--fee", "interest:upfront:1.00"), "fee_code_taken"),
    ],
)
def test_a_cost_table_with_a_wrong_party_or_fee_is_refused(raw: Command, words: tuple[str, ...], code: str) -> None:
    told = raw("plan", "disclose", *THREE, *words, "--json")
    assert (told.status, told.code) == (1, code)


def texts_of(path: Path) -> list[str]:
    """The texts of an SVG, which are texts and no outlines."""
    return ["".join(one.itertext()) for one in ET.parse(path).getroot().iter(f"{SVG}text")]


def test_a_chart_as_svg_is_well_formed_keeps_its_text_and_is_the_same_each_time(raw: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "one.svg", tmp_path / "two.svg"
    words = ("plan", "schedule", *THREE, "--rate", "14.4", "--fee", "service_fee:each-period:1.00")
    told = raw(*words, "--chart", str(first), "--json")
    assert (told.status, told.last["chart"]) == (0, str(first))
    assert raw(*words, "--chart", str(second)).out.splitlines()[-1] == f"The picture is in {second}."
    assert first.read_bytes() == second.read_bytes()
    found = texts_of(first)
    for text in ("Repayment of ¥1,999.00 in 3 instalments", "Due day", "Paid each time (CNY)", "Principal still owed (CNY)", "2026-11-12"):
        assert text in found, text
    assert {"Principal", "Interest", "Fees", "Principal owed afterwards"} <= set(found)
    assert first.read_text().count("<pattern") >= 2  # two ways of hatching, for whoever prints without colour


def test_a_chart_speaks_chinese_and_names_no_part_that_nobody_asks(raw: Command, tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    assert raw("plan", "disclose", *THREE, "--chart", str(path), "--language", "zh").status == 0
    found = texts_of(path)
    assert "还款计划：¥1,999.00，3 期" in found
    assert {"本金", "还款日", "每期应还（CNY）"} <= set(found)
    assert not {"利息", "费用"} & set(found)


def test_a_chart_of_a_comparison_names_each_way(raw: Command, tmp_path: Path) -> None:
    path = tmp_path / "ways.svg"
    plans = ("--plan", "1", "--plan", "12,rate=14.4,down-payment=25%", "--plan", "6,rate=9,interest-paid-by=merchant")
    assert raw("plan", "compare", *LENT, *plans, "--chart", str(path)).status == 0
    found = texts_of(path)
    named = {"1 instalment, 0.00 % interest", "12 instalments, 14.40 % interest", "499.75 at the start", "6 instalments, 0.00 % interest"}
    assert {"Ways to pay ¥1,999.00", "At once", *named} <= {line for text in found for line in text.splitlines()}
    assert any(re.fullmatch(r"¥2,\d{3}\.\d\d +1\d\.\d\d %", text) for text in found)


def test_the_two_lines_of_a_way_do_not_touch_and_say_what_is_paid_at_the_start(raw: Command, tmp_path: Path) -> None:
    path = tmp_path / "ways.svg"
    plans = ("--plan", "12,rate=14.4", "--plan", "3,fee=entry:upfront:10.00")
    assert raw("plan", "compare", *LENT, *plans, "--language", "zh", "--chart", str(path)).status == 0
    assert "下单时付 10.00" in texts_of(path)
    assert "首付" not in path.read_text()
    places = re.findall(r"translate\([0-9.]+ ([0-9.]+)\)\">(?:3 期，年利率 0.00%|下单时付 10.00)<", path.read_text())
    above, below = (float(place) for place in places)
    assert below - above > 1.4 * 10.5  # in the size of the letters


def test_a_chart_as_png_is_a_whole_png(raw: Command, tmp_path: Path) -> None:
    path = tmp_path / "plan.png"
    assert raw("plan", "schedule", *LENT, "--periods", "120", "--rate", "7.2", "--chart", str(path)).status == 0
    content, at, kinds = path.read_bytes(), 8, []
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(content):
        (length,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] == zlib.crc32(content[at + 4 : at + 8 + length])
        kinds.append(kind)
        at += 12 + length
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
    assert struct.unpack(">II", content[16:24]) == (1600, 928)


def test_without_a_chinese_font_a_png_is_refused_and_an_svg_is_drawn(raw: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.font_manager import fontManager

    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.name.startswith("DejaVu")])
    refused = raw("plan", "schedule", *THREE, "--language", "zh", "--chart", str(tmp_path / "plan.png"), "--json")
    assert (refused.status, refused.code) == (1, "no_chinese_font")
    assert "fonts-noto-cjk" in refused.last["error"]["detail"]
    assert not (tmp_path / "plan.png").exists()
    assert raw("plan", "schedule", *THREE, "--language", "zh", "--chart", str(tmp_path / "plan.svg")).status == 0
    assert plan_chart.CHINESE_FONTS[0] in (tmp_path / "plan.svg").read_text()


@pytest.mark.parametrize("place", ["nowhere/plan.svg", "."])
def test_a_chart_that_cannot_be_written_says_where_to(raw: Command, tmp_path: Path, place: str) -> None:
    path = tmp_path / place if place != "." else tmp_path / "taken.svg"
    if place == ".":
        path.mkdir()
    told = raw("plan", "schedule", *THREE, "--chart", str(path), "--json")
    assert told.status == 1
    assert told.code in {"file_error", "not_a_file"}
    assert not (tmp_path / "nowhere").exists()
    assert str(path) in told.last["error"]["detail"]


def test_a_table_that_is_wider_than_the_terminal_loses_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "40")
    with output.running(output.Run(as_json=False, stdout=Terminal(), request_id="r")):  # type: ignore[arg-type]
        drawn = output.table(
            ["due", "amount", "owed"], [["2026-11-12", "12,345,678.90", Money(1_234_567_890, "CNY")]] * 2, figures=("amount",)
        )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert lines[1:] == ["2026-11-12  12,345,678.90  12345678.90 CNY"] * 2


def test_a_schedule_and_a_comparison_speak_chinese(raw: Command) -> None:
    told = raw("plan", "schedule", *THREE, "--rate", "14.4", "--language", "zh")
    assert told.out.splitlines() == [
        "¥682.52 × 2 + ¥682.53 = ¥2,047.57（年化 15.53%）",
        "",
        "期数  还款日      星期      金额      本金   利息  剩余本金",
        "   1  2026-11-12  周四    682.52    658.07  24.45  1,340.93",
        "   2  2026-12-12  周六    682.52    666.65  15.87    674.28",
        "      2026年小计        1,365.04  1,324.72  40.32",
        "   3  2027-01-12  周二    682.53    674.28   8.25      0.00",
        "      2027年小计          682.53    674.28   8.25",
        "      合计              2,047.57  1,999.00  48.57",
        "",
        "放款 1999.00 CNY，共还 2047.57 CNY，其中费用 48.57 CNY。",
        "综合年化成本：15.53%（内部收益率，复利），14.52%（单利）。",
    ]
    told = raw("plan", "compare", *LENT, "--plan", "3", "--plan", "6,rate=14.4,down-payment=25%", "--language", "zh")
    assert told.out.splitlines() == [
        "1999.00 CNY 的几种付款方式：",
        "",
        "方式  下单时付  首期        末期            合计   费用  年化%   多付",
        "A     1,999.00  -           -           1,999.00   0.00      -   0.00",
        "B         0.00  2026-11-12  2027-01-12  1,999.00   0.00   0.00   0.00",
        "C       499.75  2026-11-12  2027-04-12  2,062.74  63.74  15.43  63.74",
        "",
        "A  一次付清: ¥1,999.00 = ¥1,999.00",
        "B  3: ¥666.33 × 2 + ¥666.34 = ¥1,999.00（年化 0.00%）",
        "C  6,rate=14.4,down-payment=25%: ¥499.75 + ¥260.50 × 5 + ¥260.49 = ¥2,062.74（年化 15.43%）",
    ]


def test_due_days_beyond_the_announced_holidays_are_called_provisional(raw: Command) -> None:
    announced = max(day.year for day in chinese_calendar.holidays)
    lent = ("--principal", "1999.00", "--disbursed-on", f"{announced}-06-01")
    note = f"The holidays of the years after {announced} have not been announced: due days beyond it may still move."
    for periods, more, year in [
        ("12", ("--adjust", "following"), announced),
        ("3", ("--adjust", "following"), None),
        ("12", ("--adjust", "following", "--calendar", "NONE"), None),
        ("12", (), None),
    ]:
        words = (*lent, *more, "--periods", periods)
        for command, own in [("schedule", ()), ("payoff", ("--on", f"{announced}-06-05"))]:
            assert raw("plan", command, *words, *own, "--json").last["provisional_after"] == year
            assert (note in raw("plan", command, *words, *own).out.splitlines()) == (year is not None)
        ways = ("plan", "compare", *lent, *more, "--plan", "1", "--plan", periods)
        assert [way["provisional_after"] for way in raw(*ways, "--json").last["ways"]] == [None, None, year]
        assert (note in raw(*ways).out.splitlines()) == (year is not None)
        assert (note in raw("plan", "disclose", *words).out.splitlines()) == (year is not None)


def test_help_lists_every_option_with_what_it_means(raw: Command) -> None:
    for command in ("schedule", "compare", "disclose", "payoff"):
        said = raw("plan", command, "--help").out
        assert all(f"--{option.name}" in said for option in plan_terms.OPTIONS), command
    assert Rate.parse_percent("14.4").ppm == 144_000
