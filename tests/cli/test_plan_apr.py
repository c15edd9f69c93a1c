"""`yuefu plan apr`: what flows cost a year, by each law."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

LOAN = ("--draw", "2026-01-15:12000.00", "--pay", "2026-02-15:1072.00x12/month")


def test_the_cost_is_told_by_every_law_each_figure_under_its_measure(raw: Command) -> None:
    told = raw("plan", "apr", *LOAN, "--json").last
    assert (told["drawn"]["minor"], told["paid"]["minor"], told["cost"]["minor"]) == (1_200_000, 1_286_400, 86_400)
    assert [(each["law"], each["measure"], each["pct"], each["unit_period"]) for each in told["figures"]] == [
        ("eu", "eu_apr", "13.8", "month"),
        ("us", "regz_nominal", "13.03", "month"),
        ("cn", "compound_irr", "13.84", "month"),
        ("cn", "simple_irr", "13.03", "month"),
    ]
    assert told["figures"][1]["exact_pct"] == "13.03422428"
    said = raw("plan", "apr", *LOAN)
    assert said.status == 0
    assert "Received 12000.00 CNY (draws: 1), paid 12864.00 CNY (payments: 12), difference 864.00 CNY." in said.out
    assert [line.split("  ")[0] for line in said.out.splitlines()[2:]] == ["EU and UK", "US, Regulation Z", "China", "China"]


def test_one_law_may_be_asked_and_its_unit_period_given(raw: Command) -> None:
    flows = (
        "--draw",
        "1978-03-18:400",
        "--pay",
        "1978-04-20:39.50",
        "--pay",
        "1978-05-18:38.31x11/4 weeks",
        "--currency",
        "USD",
        "--law",
        "us",
    )
    for more in ((), ("--unit-period", "4 weeks")):
        (figure,) = raw("plan", "apr", *flows, *more, "--json").last["figures"]
        assert (figure["pct"], figure["unit_period"]) == ("28.50", "4 weeks")


def test_flows_may_stand_in_a_table(raw: Command, tmp_path: Path) -> None:
    table = tmp_path / "flows.csv"
    table.write_text(
        "\ufeffkind,date,amount\r\ndraw,2026-01-15,1000\r\n\r\npay,2026-07-15, 500\r\npay,2027-01-15,550\r\n", encoding="utf-8"
    )
    by_table = raw("plan", "apr", "--file", str(table), "--json").last
    assert by_table == raw("plan", "apr", "--draw", "2026-01-15:1000", "--pay", "2026-07-15:500", "--pay", "2027-01-15:550", "--json").last
    assert raw("plan", "apr", "--file", str(table), "--pay", "2027-02-15:1", "--json").last["paid"]["minor"] == 105_100


def test_a_law_that_has_no_figure_says_so_beside_those_that_have(raw: Command) -> None:
    flows = ("--draw", "2026-01-15:100", "--pay", "2026-01-16:104")
    told = raw("plan", "apr", *flows, "--json").last["figures"]
    assert [each.get("pct", each.get("refused", {}).get("code")) for each in told] == ["no_annual_cost", "1460.00", "no_annual_cost"]
    assert "China: No annual rate" in raw("plan", "apr", *flows).out
    answer = raw("plan", "apr", *flows, "--law", "cn", "--json")
    assert (answer.status, answer.code) == (1, "no_annual_cost")


def test_nothing_is_printed_with_all_its_decimals(raw: Command) -> None:
    flows = ("plan", "apr", "--draw", "2026-01-15:100", "--pay", "2026-01-15:100")
    assert {each["exact_pct"] for each in raw(*flows, "--json").last["figures"]} == {"0.00000000"}
    assert raw(*flows).out.count(" 0.00000000 ") == 4


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (("--draw", "2026-01-15", "--pay", "2026-02-15:1"), "--draw: '2026-01-15' is no flow: write DATE:AMOUNT"),
        (("--draw", "2026-01-15:1", "--pay", "2026-02-15"), "--pay: '2026-02-15' is no flow: write DATE:AMOUNT"),
        ((*LOAN, "--currency", "cny"), "--currency: write the code in capitals: CNY"),
    ],
)
def test_what_is_wrong_is_told_with_the_name_of_its_option(raw: Command, words: tuple[str, ...], begins: str) -> None:
    answer = raw("plan", "apr", *words, "--json")
    assert answer.status == 1
    assert answer.last["error"]["detail"].startswith(begins)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "flows_missing"),
        (("--draw", "2026-01-15:1"), "flows_missing"),
        (("--draw", "12000"), "flow_unreadable"),
        (("--draw", "2026-02-30:1"), "flow_unreadable"),
        (("--draw", "2026-01-15:1x0/month"), "flow_unreadable"),
        (("--draw", "2026-01-15:1x99999/month"), "flow_unreadable"),
        (("--draw", "2026-01-15:1x9999/year"), "flow_unreadable"),
        (("--draw", "2026-01-15:1x3/moon"), "unit_period_unknown"),
        (("--draw", "2026-01-15:"), "amount_empty"),
        (("--draw", "2026-01-15:1.005"), "amount_too_many_decimals"),
        (("--draw", "2026-01-15:-5"), "flow_not_positive"),
        ((*LOAN, "--currency", "XYZ"), "currency_unknown"),
        ((*LOAN, "--law", "uk"), "unknown_law"),
        ((*LOAN, "--law", "eu", "--unit-period", "month"), "unit_period_not_used"),
        ((*LOAN, "--unit-period", "moon"), "unit_period_unknown"),
        ((*LOAN, "--file", "/nowhere/flows.csv"), "no_such_file"),
    ],
)
def test_what_is_typed_wrong_is_told(raw: Command, words: tuple[str, ...], code: str) -> None:
    answer = raw("plan", "apr", *words, "--json")
    assert (answer.status, answer.code) == (1, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "columns_differ"),
        (b"date,amount\n", "columns_differ"),
        (b"kind,date,amount\nfee,2026-01-15,1\n", "row_unreadable"),
        (b"kind,date,amount\ndraw,2026-01-15\n", "row_unreadable"),
        (b"kind,date,amount\ndraw,15.01.2026,1\n", "flow_unreadable"),
        (b"kind,date,amount\ndraw,2026-01-15,one\n", "amount_not_a_number"),
        (b'kind,date,amount\ndraw,"2026-01-15,1\n', "not_csv"),
        (b"\xff\xfe\x00", "not_text"),
        (b"kind,date,amount\n", "flows_missing"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_its_row(raw: Command, tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "flows.csv").write_bytes(content)
    answer = raw("plan", "apr", "--file", str(tmp_path / "flows.csv"), "--json")
    assert (answer.status, answer.code) == (1, code)
    if content.count(b"\n") == 2 and code != "not_csv":
        assert "row 2" in answer.last["error"]["detail"]


def test_a_chart_parts_each_payment_at_the_annual_cost(raw: Command, tmp_path: Path) -> None:
    picture = tmp_path / "apr.svg"
    assert raw("plan", "apr", *LOAN, "--chart", str(picture), "--json").last["chart"] == str(picture)
    drawn = picture.read_text()
    for said in ("¥12,000.00 received, ¥12,864.00 paid", "13.84 % a year (IRR, compound)", "Interest", "2027-01-15"):
        assert said in drawn
    chinese = raw("plan", "apr", *LOAN, "--chart", str(picture), "--language", "zh")
    assert chinese.out.splitlines()[-1] == f"The picture is in {picture}."
    assert "收到 ¥12,000.00，共还 ¥12,864.00" in picture.read_text()
    assert raw("plan", "apr", *LOAN, "--chart", str(tmp_path / "apr.pdf"), "--json").last["error"]["code"] == "chart_format"
    assert raw("plan", "apr", *LOAN, "--language", "fr", "--json").last["error"]["code"] == "unknown_language"
